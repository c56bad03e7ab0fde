"""The small tables that stages keep for people: what to look at first, the rest folded and counted.

What does not belong here: making them (`modelrisk.metrics`, `modelrisk.expectation_results`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.documents import charts, text
from modelrisk.packs import OUTCOME_TABLE
from modelrisk.records import Scalar, StageEvidence, Table

RELIABILITY_TABLE = "reliability curve"
"""Name of a stage's table with its reliability curve; its columns: `charts.reliability_curve`."""
AS_EXPECTED = "as expected"
"""The outcome, in a stage's table, of a row nobody needs to look at."""


_SHOWN_ROWS = 20
_FOLDED_ROWS = 500
_COLUMNS = (
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


@dataclass(frozen=True)
class NamedTable:
    """A small table of a stage, written.

    Attributes:
        section: the part of the card it belongs to.
        name: its name for people.
        stage: the stage that kept it.
        header: its columns; those that are empty in every row are left out.
        rows: what to look at.
        folded: rows to show on request: more of the same, or all as expected.
        summary: how many rows had which outcome; empty when the table tells of none.
        left_out: how many rows are in the evidence only.
    """

    section: str
    name: str
    stage: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: tuple[tuple[str, ...], ...]
    summary: str
    left_out: int


def curve(stages: Sequence[StageEvidence]) -> tuple[charts.CurvePoint, ...]:
    """The reliability curve, from the stage that measured it; empty when none did."""
    tables = [stage.tables[RELIABILITY_TABLE] for stage in stages if RELIABILITY_TABLE in stage.tables]
    return charts.reliability_curve(tables[0]) if tables else ()


def stage_tables(stages: Sequence[StageEvidence]) -> tuple[NamedTable, ...]:
    """Every table of every stage but those drawn elsewhere and those only machines read."""
    return tuple(
        named_table(name, stage.stage, table)
        for stage in stages
        for name, table in stage.tables.items()
        if name not in (RELIABILITY_TABLE, OUTCOME_TABLE) and table
    )


def named_table(name: str, stage: str, table: Table) -> NamedTable:
    """A stage's table written for people: what is not as expected first, the rest folded and counted."""
    found = dict.fromkeys(key for row in table for key in row if row[key] is not None)
    header = tuple(sorted(found, key=lambda key: _COLUMNS.index(key) if key in _COLUMNS else len(_COLUMNS)))
    outcomes = Counter(str(row["outcome"]) for row in table if row.get("outcome") is not None)
    unexpected = [row for row in table if row.get("outcome") != AS_EXPECTED] if outcomes else table
    shown = unexpected[:_SHOWN_ROWS]
    others = [*unexpected[_SHOWN_ROWS:], *(row for row in table if row.get("outcome") == AS_EXPECTED)]
    return NamedTable(
        section=_SECTION_OF_STAGE.get(stage, "data"),
        name=text.visible(name.replace("_", " ")),
        stage=stage,
        header=header,
        rows=_written(shown, header),
        folded=_written(others[:_FOLDED_ROWS], header),
        summary=", ".join(f"{text.count(n)} {text.visible(words)}" for words, n in outcomes.items()),
        left_out=max(0, len(others) - _FOLDED_ROWS),
    )


def _written(rows: Sequence[Mapping[str, Scalar]], header: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_cell(row.get(key)) for key in header) for row in rows)


def _cell(value: Scalar) -> str:
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
