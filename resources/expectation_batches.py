"""Expectations put to Great Expectations, by SQL where the rows are.

The only `import great_expectations`. It works on the same embedded DuckDB as everything else, on a
view whose columns have plain names (`c0`, `c1`, ...): no name from a file ever reaches its SQL.
Nothing is written to disk, nothing is sent anywhere, and of every result only counts are kept.

What does not belong here: what is expected (`modelrisk.expectations`) and expectations the library cannot
evaluate on this engine (`modelrisk.expectation_conditions`).
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelrisk.columns import ROW, Run, class_text
from modelrisk.errors import Unavailable
from modelrisk.expectation_results import ExpectationResult, evaluated, unevaluated
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.expectations import LARGEST_FINITE
from resources.datasets import Datasets
from resources.environments import switch_off_telemetry

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

KINDS = frozenset(
    {
        Kind.ROWS_AT_LEAST,
        Kind.GIVEN,
        Kind.BETWEEN,
        Kind.IN_SET,
        Kind.CONTAINS,
        Kind.CLASSES,
        Kind.KEY_UNIQUE,
    }
)
"""What the library is asked."""

_ROUNDING = 1e-9  # of a share: 2 of 3 rows must count as two thirds
_SPECS_IN_A_RUN = 150
_AS_TEXT = {Kind.IN_SET, Kind.CONTAINS, Kind.CLASSES}
_ONE_AT_A_TIME = threading.Lock()  # the library keeps its current context in a global


class ExpectationBatches:
    """Has the library evaluate expectations, and turns its answers into counts.

    Args:
        datasets: reads the rows.
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets

    def results(self, path: Path, specs: Sequence[ExpectationSpec]) -> dict[str, ExpectationResult]:
        """Results by name, of specs of the kinds in `KINDS`; an expectation that raises is unevaluated."""
        found: dict[str, ExpectationResult] = {}
        # The library's cost grows with the square of what one run asks for.
        for start in range(0, len(specs), _SPECS_IN_A_RUN):
            found |= self._run(path, specs[start : start + _SPECS_IN_A_RUN])
        return found

    def _run(self, path: Path, specs: Sequence[ExpectationSpec]) -> dict[str, ExpectationResult]:
        needed = {name for spec in specs for name in (spec.column, spec.time) if name is not None}
        try:
            with self._datasets.table(path, columns=needed) as rows:
                view = PlainView.of(rows, specs, run=self._datasets.run)
                with self._datasets.named(view.expression) as name, self._batch(name) as batch:
                    found = answers(batch, view.expectations(specs))
        except Unavailable as error:
            return {spec.name: unevaluated(spec, str(error)) for spec in specs}
        return {spec.name: _result(spec, found, view) for spec in specs}

    @contextmanager
    def _batch(self, table: str) -> Generator[Any]:
        switch_off_telemetry()
        import great_expectations as gx
        from duckdb_engine import ConnectionWrapper
        from sqlalchemy import event

        with _ONE_AT_A_TIME:
            context: Any = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = {"globally": False}
            source = context.data_sources.add_sql(
                name="duckdb",
                connection_string="duckdb:///:memory:",
                kwargs={"creator": lambda: ConnectionWrapper(self._datasets.cursor())},
            )
            # Its own engine looks at tables, the other one runs the queries.
            engines = [source.get_engine(), source.get_execution_engine().engine]
            for engine in engines:
                event.listen(engine, "after_cursor_execute", _buffered)
            try:
                yield (
                    source.add_table_asset("rows", table_name=table)
                    .add_batch_definition_whole_table("all")
                    .get_batch()
                )
            finally:
                for engine in engines:
                    engine.dispose()


@dataclass(frozen=True)
class PlainView:
    """The rows under plain names, and the expectations that ask for them.

    Attributes:
        expression: the rows: `c*` as they are, `t*` as class text, `k*` as key.
        positions: column name -> its number.
        types: column name -> its type.
        rows: number of rows.
        keyed: key column -> rows that have a key.
    """

    expression: "ir.Table"
    positions: Mapping[str, int]
    types: Mapping[str, str]
    rows: int
    keyed: Mapping[str, int]

    @classmethod
    def of(cls, rows: "ir.Table", specs: Sequence[ExpectationSpec], *, run: Run) -> "PlainView":
        """The view that the given specs need."""
        positions = {name: position for position, name in enumerate(n for n in rows.columns if n != ROW)}
        columns: dict[str, Any] = {"position": rows[ROW]}
        keys: dict[str, str] = {}
        for spec in specs:
            if spec.column is None or spec.column not in positions:
                continue
            column, position = rows[spec.column], positions[spec.column]
            columns[f"c{position}"] = column
            if spec.kind in _AS_TEXT:
                columns[f"t{position}"] = class_text(column)
            if spec.kind is Kind.KEY_UNIQUE:
                key = _key_name(spec, position)
                keys[key] = key
                columns[key] = column if spec.time is None else _pair(column, rows[spec.time])
        expression = rows.select(**columns)
        totals: dict[str, Any] = {name: expression[name].count() for name in keys}
        counts = run(expression.aggregate(rows=expression.count(), **totals))[0]
        types = {name: str(rows[name].type()) for name in positions}
        return cls(expression, positions, types, counts["rows"], {key: counts[key] for key in keys})

    def expectations(self, specs: Sequence[ExpectationSpec]) -> "dict[str, Expectation]":
        """By spec name, in the library's terms; those that can be asked."""
        return {
            spec.name: self._expectation(spec)
            for spec in specs
            if spec.column is None or spec.column in self.positions
        }

    def keyed_rows(self, spec: ExpectationSpec) -> int:
        """Rows that have the key an expectation of unique keys is about."""
        return self.keyed[_key_name(spec, self.positions[spec.column or ""])]

    def _expectation(self, spec: ExpectationSpec) -> "Expectation":
        from great_expectations import expectations

        known: Any = expectations  # its public names are not exported as type checkers want them
        position = self.positions.get(spec.column or "", -1)
        column, text, key = f"c{position}", f"t{position}", _key_name(spec, position)
        mostly = max(0.0, 1.0 - spec.share - (_ROUNDING if spec.share else 0.0))
        allowed, (low, high) = list(spec.allowed), self._ends(spec)
        kinds: dict[Kind, Callable[[], Expectation]] = {
            Kind.ROWS_AT_LEAST: lambda: known.ExpectTableRowCountToBeBetween(min_value=int(low or 0)),
            Kind.GIVEN: lambda: known.ExpectColumnValuesToNotBeNull(column=column, mostly=mostly),
            Kind.BETWEEN: lambda: known.ExpectColumnValuesToBeBetween(
                column=column, min_value=low, max_value=high, mostly=mostly
            ),
            Kind.IN_SET: lambda: known.ExpectColumnValuesToBeInSet(
                column=text, value_set=allowed, mostly=mostly
            ),
            Kind.CONTAINS: lambda: known.ExpectColumnDistinctValuesToContainSet(
                column=text, value_set=allowed
            ),
            Kind.CLASSES: lambda: known.ExpectColumnUniqueValueCountToBeBetween(
                column=text, min_value=int(low or 0), max_value=None if high is None else int(high)
            ),
            Kind.KEY_UNIQUE: lambda: known.ExpectColumnProportionOfUniqueValuesToBeBetween(
                column=key, min_value=mostly
            ),
        }
        return kinds[spec.kind]()

    def _ends(self, spec: ExpectationSpec) -> tuple[float | None, float | None]:
        """The ends of a range; of one that is open the largest finite number, so that infinity is outside."""
        is_float = self.types.get(spec.column or "", "").startswith("float")
        if spec.kind is not Kind.BETWEEN or not is_float:
            return spec.low, spec.high
        return (
            -LARGEST_FINITE if spec.low is None else spec.low,
            LARGEST_FINITE if spec.high is None else spec.high,
        )


_RAISED = "it could not be run on this data: check the column's type and values"


def _key_name(spec: ExpectationSpec, position: int) -> str:
    return f"k{position}" if spec.time is None else f"kt{position}"


def _pair(key: "ir.Column", time: "ir.Column") -> Any:
    text: Any = class_text(key)
    return text + "\x1f" + class_text(time)


def _buffered(_connection: Any, cursor: Any, _sql: Any, _values: Any, context: Any, _many: Any) -> None:
    """Fetches everything at once: the library reads results after it has closed the connection."""
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    if cursor.description is not None:
        context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
            cursor, initial_buffer=cursor.fetchall()
        )


def answers(batch: Any, wanted: Mapping[str, "Expectation"]) -> "dict[str, ExpectationValidationResult]":
    """The library's answer to each expectation, by the name it is asked under."""
    import great_expectations as gx

    for name, expectation in wanted.items():
        expectation.meta = {"name": name}
    suite = gx.ExpectationSuite(name="evaluation data", expectations=list(wanted.values()))
    # SUMMARY carries the counts; its samples of values are asked to be empty, and not read below.
    validation = batch.validate(
        suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0}
    )
    return {_name(result): result for result in validation.results}


def _name(result: "ExpectationValidationResult") -> str:
    config = result.expectation_config
    return "" if config is None else str((config.meta or {}).get("name", ""))


def _result(
    spec: ExpectationSpec, found: "Mapping[str, ExpectationValidationResult]", view: PlainView
) -> ExpectationResult:
    result = found.get(spec.name)
    if result is None or _raised(result):
        return unevaluated(spec, _RAISED)
    counts: Mapping[str, Any] = result.result
    missing, rows, unexpected = counts.get("missing_count") or 0, view.rows, counts.get("unexpected_count")
    if spec.kind in {Kind.BETWEEN, Kind.IN_SET}:
        rows = int(counts["element_count"]) - int(missing)
    elif spec.kind is Kind.CONTAINS:
        unexpected = missing  # classes, here
    elif spec.kind is Kind.KEY_UNIQUE:
        rows = view.keyed_rows(spec)
        unexpected = round((1.0 - float(counts["observed_value"] or 0.0)) * rows)
    elif spec.kind is Kind.ROWS_AT_LEAST and not result.success:
        return replace(evaluated(spec, passed=False, rows=rows), found=f"{rows:,} rows")
    return evaluated(spec, passed=bool(result.success), rows=rows, unexpected=unexpected)


def _raised(result: "ExpectationValidationResult") -> bool:
    # Either one record, or one for each measurement the expectation needed.
    info: Mapping[str, Any] = result.exception_info or {}
    records = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    return any(record.get("raised_exception") for record in records)
