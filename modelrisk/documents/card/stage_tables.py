"""The small tables that stages keep for people: what to look at first, the rest folded and counted.

What does not belong here: making them (`modelrisk.metrics`, `modelrisk.expectation_results`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.documents import text
from modelrisk.documents.references import pointer, step
from modelrisk.packs import OUTCOME_TABLE
from modelrisk.records import Scalar, StageEvidence, Table

RELIABILITY_TABLE = "reliability curve"
"""Name of a stage's table with its reliability curve; its columns: `charts.reliability_curve`."""
CALIBRATION_TABLE = "calibration summary"
"""Measures of calibration that no rule may use: `measure` and `value`."""
CONFUSION_TABLE = "confusion matrix"
"""`label`, `prediction` and `rows`."""
CLASSES_TABLE = "classes"
"""The classes in their order: `position` and `class`."""
QUANTILES_TABLE = "error quantiles"
"""`quantile` and `error` (prediction minus label)."""
DECILES_TABLE = "errors by decile of prediction"
"""Tenths of the predictions; its columns: `charts.tenths`."""
_DRAWN = (RELIABILITY_TABLE, CONFUSION_TABLE, CLASSES_TABLE, QUANTILES_TABLE, DECILES_TABLE, OUTCOME_TABLE)
AS_EXPECTED = "as expected"
"""The outcome, in a stage's table, of a row nobody needs to look at."""


_SHOWN_ROWS = 20
_FOLDED_ROWS = 500
_COLUMNS = (
    "measure",
    "value",
    "outcome",
    "column",
    "key",
    "what",
    "class",
    "data",
    "expected",
    "found",
    "reason",
    "consequence",
    "do next",
    "rows",
    "unexpected",
    "allowed",
    "values",
    "share",
    "in training",
    "first rows",
    "because",
    "oldest",
    "newest",
    "days old",
    "as of",
    "unreadable",
    "problem",
)
"""Columns in reading order: evidence keeps them sorted by name, and others follow these."""
_SECTION_OF_STAGE = {
    "inventory/intake": "use",
    "inventory/lineage": "lineage",
    "evaluation/quality": "performance",
    "evaluation/fairness": "fairness",
    "evaluation/champion_comparison": "champion",
}
"""The section a stage's tables are shown in; those of any other stage are about the data."""
_SECTION_OF_TABLE = {CALIBRATION_TABLE: "calibration"}


Kept = Mapping[str, tuple[str, Table]]
"""Name of a table -> the stage that kept it, and the table."""


@dataclass(frozen=True)
class Row:
    """One row of a stage's table, written.

    Attributes:
        cells: what stands in it.
        evidence: where it stands.
    """

    cells: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class Outcome:
    """How many rows had one outcome."""

    rows: int
    words: str
    evidence: str


@dataclass(frozen=True)
class NamedTable:
    """A small table of a stage, written.

    Attributes:
        section: the part of the card it belongs to.
        name: its name for people.
        stage: the stage that kept it.
        evidence: where it stands.
        header: its columns; those that are empty in every row are left out.
        rows: what to look at.
        folded: rows to show on request: more of the same, or all as expected.
        outcomes: how many rows had which outcome; none when the table tells of none.
        left_out: how many rows are in the evidence only.
    """

    section: str
    name: str
    stage: str
    evidence: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    folded: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    left_out: int

    @property
    def summary(self) -> str:
        """How many rows had which outcome, in words; empty when the table tells of none."""
        return ", ".join(f"{text.count(one.rows)} {one.words}" for one in self.outcomes)

    @property
    def named(self) -> str:
        """Where its name comes from."""
        return pointer(self.stage, "tables")

    @property
    def folding(self) -> str:
        """How the number of folded rows follows from the table."""
        return f"{self.evidence} | count after={len(self.rows)} most={len(self.folded)}"

    @property
    def leaving_out(self) -> str:
        """How the number of rows left out follows from the table."""
        return f"{self.evidence} | count after={len(self.rows) + len(self.folded)}"


def kept_tables(stages: Sequence[StageEvidence]) -> Kept:
    """Every table of every stage that has rows; of two of one name, the first."""
    found: dict[str, tuple[str, Table]] = {}
    for stage in stages:
        for name, table in stage.tables.items():
            if table:
                found.setdefault(name, (stage.stage, table))
    return found


def stage_tables(stages: Sequence[StageEvidence]) -> tuple[NamedTable, ...]:
    """Every table of every stage but those drawn elsewhere and those only machines read."""
    return tuple(
        named_table(name, stage.stage, table)
        for stage in stages
        for name, table in stage.tables.items()
        if name not in _DRAWN and table
    )


def named_table(name: str, stage: str, table: Table) -> NamedTable:
    """A stage's table written for people: what is not as expected first, the rest folded and counted."""
    at = pointer(stage, "tables", name)
    found = dict.fromkeys(key for row in table for key in row if row[key] is not None)
    header = tuple(sorted(found, key=lambda key: _COLUMNS.index(key) if key in _COLUMNS else len(_COLUMNS)))
    outcomes = Counter(str(row["outcome"]) for row in table if row.get("outcome") is not None)
    numbered = list(enumerate(table))
    unexpected = [one for one in numbered if one[1].get("outcome") != AS_EXPECTED] if outcomes else numbered
    shown = unexpected[:_SHOWN_ROWS]
    rest = [one for one in numbered if one[1].get("outcome") == AS_EXPECTED] if outcomes else []
    others = [*unexpected[_SHOWN_ROWS:], *rest]

    def written(rows: Sequence[tuple[int, Mapping[str, Scalar]]]) -> tuple[Row, ...]:
        return tuple(
            Row(tuple(cell_words(row.get(key)) for key in header), f"{at}/{position}")
            for position, row in rows
        )

    return NamedTable(
        section=_SECTION_OF_TABLE.get(name, _SECTION_OF_STAGE.get(stage, "data")),
        name=text.visible(name.replace("_", " ")),
        stage=stage,
        evidence=at,
        header=header,
        rows=written(shown),
        folded=written(others[:_FOLDED_ROWS]),
        outcomes=tuple(
            Outcome(rows, text.visible(words), f"{at} | count outcome={step(words)}")
            for words, rows in outcomes.items()
        ),
        left_out=max(0, len(others) - _FOLDED_ROWS),
    )


def cell_words(value: Scalar) -> str:
    """A cell of a table, written."""
    match value:
        case None:
            return text.NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return text.count(value)
        case float():
            return f"{value:.6g}"
        case str():
            return text.visible(value)
