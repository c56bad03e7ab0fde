"""Expectations of a file evaluated, each once and by the cheapest way there is.

Names and types answer some before a row is read. The validating library is asked what it has words for; the
engine counts the rest, and in tables too wide for the library nearly everything. In the end the first row
numbers of what is not as expected are looked up.

What does not belong here: what is expected (`modelrisk.expectations`) and what the evidence says of it
(`resources.validation`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from modelrisk.columns import ROW, class_text, is_numeric
from modelrisk.errors import Unavailable
from modelrisk.expectation_conditions import (
    columns_of,
    disagreeing,
    has_rows,
    is_unexpected,
    looked_at,
    unexpected_rows,
    unfit,
)
from modelrisk.expectation_results import (
    ROWS_NAMED,
    ExpectationResult,
    Whereabouts,
    counted,
    evaluated,
    in_order,
    unevaluated,
)
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.time_spans import TimeSpan, time_span
from resources.datasets import Datasets
from resources.expectation_batches import KINDS, ExpectationBatches

T = TypeVar("T")

MOST_ASKED = 1500
"""Above so many expectations the engine counts by itself what it can: the library would take minutes."""

_TOGETHER = 200  # the engine plans every column in every query, and bigger queries out of proportion
_LOCATED = 100


class ExpectationRuns:
    """Evaluates expectations and judges nothing.

    Args:
        datasets: reads the rows.
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets
        self._batches = ExpectationBatches(datasets)

    def results(self, path: Path, specs: Sequence[ExpectationSpec]) -> tuple[ExpectationResult, ...]:
        """Evaluates expectations of a file, each once, in the order of `specs`.

        An expectation that raises could not be evaluated, by itself; so could one about a column
        the file does not have, unless it expects no more than the column.
        """
        try:
            file = self._file(path)
        except Unavailable as error:
            return tuple(unevaluated(spec, str(error)) for spec in specs)
        results = {spec.name: early for spec in specs if (early := file.answer(spec)) is not None}
        asked = [spec for spec in specs if spec.name not in results]
        is_wide = len(asked) > MOST_ASKED
        together = [
            spec for spec in asked if is_wide and spec.kind in (Kind.GIVEN, Kind.BETWEEN, Kind.IN_SET)
        ]
        results |= self._counted(path, together)
        for spec in asked:
            if spec.name not in results and spec.kind not in KINDS:
                results[spec.name] = self._alone(path, spec)
        results |= self._batches.results(path, [spec for spec in asked if spec.name not in results])
        return self._located(path, [results[spec.name] for spec in specs])

    def _file(self, path: Path) -> "_File":
        with self._datasets.table(path) as rows:
            count = self._datasets.run(rows.aggregate(rows=rows.count()))[0]["rows"]
            return _File(int(count), {name: str(rows[name].type()) for name in rows.columns if name != ROW})

    def _counted(self, path: Path, specs: Sequence[ExpectationSpec]) -> dict[str, ExpectationResult]:
        """Expectations of single values, many in one scan."""
        found: dict[str, ExpectationResult] = {}
        for some in in_parts(specs):
            try:
                with self._datasets.table(path, columns={spec.column or "" for spec in some}) as rows:
                    asked: dict[str, Any] = {}
                    for number, spec in enumerate(some):
                        asked[f"n{number}"] = looked_at(spec, rows)
                        asked[f"u{number}"] = unexpected_rows(spec, rows)
                    counts = self._datasets.run(rows.aggregate(**asked))[0]
            except Unavailable as error:
                found |= {spec.name: unevaluated(spec, str(error)) for spec in some}
                continue
            found |= {
                spec.name: counted(spec, rows=counts[f"n{number}"], unexpected=counts[f"u{number}"])
                for number, spec in enumerate(some)
            }
        return found

    def _alone(self, path: Path, spec: ExpectationSpec) -> ExpectationResult:
        """An expectation as a query of its own."""
        import duckdb

        try:
            with self._datasets.table(path, columns=columns_of(spec)) as rows:
                if spec.kind is Kind.FRESH:
                    return _fresh(spec, time_span(self._datasets.run, rows, spec.column or ""))
                if spec.kind is Kind.LABELS_AGREE:
                    asked = disagreeing(spec, rows)
                else:
                    asked = rows.aggregate(rows=looked_at(spec, rows), unexpected=unexpected_rows(spec, rows))
                counts = self._datasets.run(asked)[0]
        except Unavailable as error:
            if spec.kind is Kind.MATCHES and isinstance(error.__cause__, duckdb.InvalidInputException):
                return unevaluated(spec, "the engine (RE2) could not use the pattern: write a simpler one")
            return unevaluated(spec, str(error))
        return counted(spec, rows=int(counts["rows"] or 0), unexpected=int(counts["unexpected"]))

    def _located(self, path: Path, results: Sequence[ExpectationResult]) -> tuple[ExpectationResult, ...]:
        """The results with the first row numbers of what is not as expected."""
        wanted = [one for one in in_order(results) if one.unexpected and has_rows(one.spec)][:_LOCATED]
        found = {one.name: self._whereabouts(path, one.spec) for one in wanted}
        return tuple(replace(one, where=found.get(one.name, one.where)) for one in results)

    def _whereabouts(self, path: Path, spec: ExpectationSpec) -> Whereabouts:
        try:
            with self._datasets.table(path, columns=columns_of(spec)) as rows:
                chosen = rows.filter(is_unexpected(spec, rows))
                first = self._datasets.run(chosen.select(ROW).order_by(ROW).limit(ROWS_NAMED))
                values = None
                if spec.kind is Kind.IN_SET and spec.column is not None:
                    text: Any = class_text(chosen[spec.column])
                    values = int(self._datasets.run(chosen.aggregate(n=text.nunique()))[0]["n"])
        except Unavailable:
            return Whereabouts()  # the count stands; where, could not be found out
        return Whereabouts(tuple(int(row[ROW]) + 1 for row in first), values)


@dataclass(frozen=True)
class _File:
    """What can be answered without looking at values.

    Attributes:
        rows: number of rows.
        types: column -> type.
    """

    rows: int
    types: dict[str, str]

    def answer(self, spec: ExpectationSpec) -> ExpectationResult | None:
        """The result, where names and types decide it, or why the data cannot be asked; else None."""
        lacking = [name for name in columns_of(spec) or () if name not in self.types]
        if spec.kind is Kind.PRESENT:
            return evaluated(spec, passed=not lacking, rows=self.rows)
        if lacking:
            return unevaluated(spec, "no such column")
        if spec.kind is Kind.NUMERIC:
            return evaluated(spec, passed=is_numeric(self.types[spec.column or ""]), rows=self.rows)
        problem = None if spec.column is None else unfit(spec, self.types[spec.column])
        return None if problem is None else unevaluated(spec, problem)


def in_parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, some hundred at a time: how the columns of a wide table are asked about."""
    for start in range(0, len(items), _TOGETHER):
        yield items[start : start + _TOGETHER]


def _fresh(spec: ExpectationSpec, span: TimeSpan) -> ExpectationResult:
    age = None if spec.day is None else span.age(spec.day)
    if age is None:
        return unevaluated(spec, "no value of it reads as a date: store dates, or name another column")
    if age < 0:
        why = f"the newest value lies {-age} days after {spec.day}: check the data, and this machine's clock"
        return unevaluated(spec, why)
    passed = age <= (spec.high or 0)
    return ExpectationResult(spec, 0, None, None, passed, found="" if passed else f"{age:,} days")
