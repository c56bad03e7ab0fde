"""Reads data sets for their datasheets: one scan for what is missing, one for each column of groups.

What does not belong here: what a datasheet says (`modelrisk.datasheets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelrisk.cases import Case
from modelrisk.columns import class_text
from modelrisk.datasheets import (
    GROUPS_KEPT,
    SCHEMA,
    Datasheet,
    Purpose,
    SheetColumn,
    SheetGroup,
    Span,
    counted_columns,
    role,
)
from modelrisk.errors import Unavailable
from modelrisk.intake import Intake
from modelrisk.records import Blame, Problem
from modelrisk.time_spans import time_span
from resources.datasets import DatasetDescription, Datasets

_COLUMNS_IN_A_QUERY = 250  # the engine's time to plan one grows with the square of what it returns


@dataclass(frozen=True)
class _Groups:
    kept: tuple[SheetGroup, ...]
    others: int


class DatasheetReader:
    """Describes the data sets of a case.

    Args:
        datasets: reads the rows.
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets

    def sheets(self, case: Case) -> Mapping[Purpose, Datasheet | Problem]:
        """The datasheet of each data set, or why there is none."""
        return {purpose: self._sheet(case, purpose) for purpose in Purpose}

    def _sheet(self, case: Case, purpose: Purpose) -> Datasheet | Problem:
        problem = case.problem_with(purpose.value)
        intake = case.intake
        where = case.paths.evaluation if purpose is Purpose.EVALUATION else case.paths.training
        if problem is not None or intake is None or where is None:
            return problem or _not_declared(purpose)
        path = Path(where)
        described = self._datasets.describe(path)
        if isinstance(described, Problem):
            return described
        bound = case.bound.evaluation if purpose is Purpose.EVALUATION else case.bound.training
        if described.digest != bound:
            return _changed(purpose)
        try:
            return self._read(case, intake, purpose, described)
        except Unavailable as error:
            return Problem.from_error(error)

    def _read(self, case: Case, intake: Intake, purpose: Purpose, described: DatasetDescription) -> Datasheet:
        missing = self._missing(described)
        types = described.types
        counted = {
            name: self._groups(described, name, most=most)
            for name, most in counted_columns(intake, types).items()
        }
        declared = intake.data.evaluation if purpose is Purpose.EVALUATION else intake.data.training
        return Datasheet(
            schema=SCHEMA,
            purpose=purpose,
            model=case.version.key,
            owner=intake.owner,
            source=declared,
            file=described.path.name,
            digest=described.digest,
            rows=described.rows,
            columns=tuple(
                SheetColumn(name, dtype, role(name, intake), missing[name]) for name, dtype in types.items()
            ),
            groups=tuple(group for groups in counted.values() for group in groups.kept),
            others={name: groups.others for name, groups in counted.items() if groups.others},
            span=self._span(described, intake.data.time),
            collection=intake.data.collection,
            caveats=intake.data.caveats,
            license=case.lineage.tags.get("license") or None,
        )

    def _missing(self, described: DatasetDescription) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(described.names), _COLUMNS_IN_A_QUERY):
            some = described.names[start : start + _COLUMNS_IN_A_QUERY]
            with self._datasets.table(described.path, columns=some) as rows:
                given: dict[str, Any] = {f"c{at}": rows[name].count() for at, name in enumerate(some)}
                counts = self._datasets.run(rows.aggregate(**given))[0]
            found |= {name: described.rows - int(counts[f"c{at}"]) for at, name in enumerate(some)}
        return found

    def _groups(self, described: DatasetDescription, column: str, *, most: int) -> _Groups:
        """The largest groups; none is named of a column that has more of them than groups can be."""
        import ibis

        with self._datasets.table(described.path, columns=(column,)) as rows:
            texts = rows.select(grp=class_text(rows[column]))
            sizes = texts.group_by("grp").aggregate(n=ibis._.count())
            found = self._datasets.run(sizes.order_by(ibis.desc("n"), "grp").limit(most + 1))
        named = found[:GROUPS_KEPT] if len(found) <= most else []
        kept = tuple(SheetGroup(column, row["grp"], int(row["n"])) for row in named)
        return _Groups(kept, described.rows - sum(group.rows for group in kept))

    def _span(self, described: DatasetDescription, column: str | None) -> Span | None:
        if column is None or column not in described.names:
            return None
        with self._datasets.table(described.path, columns=(column,)) as rows:
            span = time_span(self._datasets.run, rows, column)
        return Span(column, span.shown(span.oldest), span.shown(span.newest), span.unreadable)


def _not_declared(purpose: Purpose) -> Problem:
    return Problem(
        Blame.UNFIT,
        f"no {purpose.value} data that can be read",
        "a file that the intake or the training run names",
        f"Write its path as `data: {purpose.value}:` in the intake",
    )


def _changed(purpose: Purpose) -> Problem:
    return Problem(
        Blame.UNAVAILABLE,
        f"{purpose.value} data that changed while it was reviewed",
        "the bytes the review began with",
        "Review the version again",
    )
