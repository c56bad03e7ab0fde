"""Validation of the evaluation data: expectations evaluated where the rows are.

The only `import great_expectations`. It works on the same embedded DuckDB as everything else, on a
view whose columns have plain names (`c0`, `c1`, ...): no name from a file ever reaches its SQL.
Nothing is written to disk, nothing is sent anywhere, and of every result only counts are kept.

What does not belong here: what is expected (`modelrisk.expectations`) and verdicts.
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelrisk.cases import Case, feature_columns
from modelrisk.columns import class_text
from modelrisk.errors import Unavailable
from modelrisk.estimates import Estimate
from modelrisk.expectations import (
    ExpectationResult,
    ExpectationSpec,
    Kind,
    Subject,
    evaluated,
    expectation_table,
    expectations,
    failures_in_words,
    mismatches_in_words,
    training_unknown,
    unevaluated,
    validation_estimates,
)
from modelrisk.intake import Intake
from modelrisk.leakage import IDS_SEEN, ROWS_SEEN, ids_seen, rows_seen, unknown
from modelrisk.lineage import Signature
from modelrisk.outputs import class_text as class_text_of
from modelrisk.profiles import DatasetProfile, Run, profile
from modelrisk.records import Blame, Problem, StageEvidence
from modelrisk.signature_mismatches import mismatch_table, signature_mismatches
from resources.datasets import DatasetDescription, Datasets
from resources.duckdb_engine import ROW
from resources.environments import switch_off_telemetry

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

STAGE = "validation/evaluation_data"
_ROUNDING = 1e-9  # of a share: 2 of 3 rows must count as two thirds
_SPECS_IN_A_RUN = 150
_TABLE_WIDE = {Kind.FINITE, Kind.ROWS_DIFFER}
_ONE_AT_A_TIME = threading.Lock()  # Great Expectations keeps its current context in a global


class Validator:
    """Judges nothing: counts what is not as expected.

    Args:
        datasets: reads the rows.
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets

    def evidence(self, case: Case) -> StageEvidence:
        """The stage's evidence for a case: signature, expectations and leakage, as censuses."""
        bound = case.bound.only("model", "evaluation", "training", "intake")
        evaluation = self._as_bound(case, "evaluation")
        if case.intake is None or isinstance(evaluation, Problem):
            problem = case.problem_with("evaluation") or cast("Problem", evaluation)
            return StageEvidence(STAGE, case.version, bound, problem=problem)
        intake, signature = case.intake, case.lineage.signature
        named = signature if signature is not None and signature.columns else None
        subject = _subject(intake, named, evaluation)
        training = self._as_bound(case, "training")
        leakage = self._leakage(subject, evaluation, training)
        learned = training if isinstance(training, Problem) else self._profile(training, subject.features)
        known = None if isinstance(learned, Problem) else learned
        results = self.validate(evaluation.path, expectations(subject, training=known))
        if isinstance(learned, Problem):
            results = (*results, training_unknown(learned))
        mismatches = named and signature_mismatches(
            named, evaluation.types, label=intake.data.label, exclude=intake.data.exclude
        )
        return StageEvidence(
            STAGE,
            case.version,
            bound,
            estimates=(*validation_estimates(results, rows=evaluation.rows, mismatches=mismatches), *leakage),
            not_applicable={}
            if subject.id
            else {IDS_SEEN: "the intake names no `id` column in its data section"},
            tables={
                "expectations": expectation_table(results),
                "signature": mismatch_table(mismatches or ()),
            },
            details={
                "failed_expectations": failures_in_words(results),
                "signature_mismatches": mismatches_in_words(mismatches or ()),
            },
        )

    def validate(self, path: Path, specs: Sequence[ExpectationSpec]) -> tuple[ExpectationResult, ...]:
        """Evaluates expectations of a file, in the order of `specs`; usually all in one run.

        An expectation that raises could not be evaluated, by itself; so could one about a column
        the file does not have, unless it expects no more than the column.
        """
        results = {spec.name: self._of_table(path, spec) for spec in specs if spec.kind in _TABLE_WIDE}
        results |= self._of_names(path, [spec for spec in specs if spec.kind is Kind.PRESENT])
        others = [spec for spec in specs if spec.kind is not Kind.PRESENT and spec.kind not in _TABLE_WIDE]
        # The library's cost grows with the square of what one run asks for.
        for start in range(0, len(others), _SPECS_IN_A_RUN):
            results |= self._of_columns(path, others[start : start + _SPECS_IN_A_RUN])
        return tuple(results[spec.name] for spec in specs)

    def _of_names(self, path: Path, specs: Sequence[ExpectationSpec]) -> dict[str, ExpectationResult]:
        try:
            with self._datasets.table(path) as rows:
                count = self._datasets.run(rows.aggregate(rows=rows.count()))[0]["rows"]
                present = {name for name in rows.columns if name != ROW}
        except Unavailable as error:
            return {spec.name: unevaluated(spec, str(error)) for spec in specs}
        return {spec.name: evaluated(spec, passed=spec.column in present, rows=count) for spec in specs}

    def _of_columns(self, path: Path, specs: Sequence[ExpectationSpec]) -> dict[str, ExpectationResult]:
        needed = {name for spec in specs for name in (spec.column, spec.time) if name is not None}
        try:
            with self._datasets.table(path, columns=needed) as rows:
                view = _View.of(rows, specs, run=self._datasets.run)
                with self._datasets.named(view.expression) as name, self._batch(name) as batch:
                    found = _evaluated(batch, view.expectations(specs))
        except Unavailable as error:
            return {spec.name: unevaluated(spec, str(error)) for spec in specs}
        return {spec.name: _result(spec, found, view) for spec in specs}

    def _of_table(self, path: Path, spec: ExpectationSpec) -> ExpectationResult:
        """An expectation of whole rows, as one aggregate."""
        try:
            with self._datasets.table(path, columns=spec.columns or None) as rows:
                expected = _differs(rows) if spec.kind is Kind.ROWS_DIFFER else _finite(rows)
                counts = self._datasets.run(rows.aggregate(rows=rows.count(), expected=expected))[0]
        except Unavailable as error:
            return unevaluated(spec, str(error))
        unexpected = counts["rows"] - counts["expected"]
        return evaluated(spec, passed=unexpected == 0, rows=counts["rows"], unexpected=unexpected)

    def _as_bound(self, case: Case, role: str) -> DatasetDescription | Problem:
        """The data the case is bound to, still the same bytes."""
        path = getattr(case.paths, role)
        if path is None or case.problem_with(role):
            return case.problem_with(role) or Problem(
                Blame.UNAVAILABLE,
                f"no {role} data",
                f"{role} data",
                f"Write `{role}: path` in the intake's data section",
            )
        description = self._datasets.describe(Path(path))
        if isinstance(description, DatasetDescription) and description.digest != getattr(case.bound, role):
            return Problem(
                Blame.UNAVAILABLE,
                f"other bytes in {path!r} than when the review began",
                "data that does not change under review",
                "Review again once nothing writes to the file",
            )
        return description

    def _profile(self, training: DatasetDescription, features: Sequence[str]) -> DatasetProfile | Problem:
        try:
            with self._datasets.table(training.path) as rows:
                return profile(self._datasets.run, rows, columns=features)
        except Unavailable as error:
            return Problem.from_error(error)

    def _leakage(
        self, subject: Subject, evaluation: DatasetDescription, training: DatasetDescription | Problem
    ) -> tuple[Estimate, ...]:
        metrics = (ROWS_SEEN, IDS_SEEN) if subject.id else (ROWS_SEEN,)
        if isinstance(training, Problem):
            return tuple(unknown(metric, str(training)) for metric in metrics)
        run = self._datasets.run
        try:
            with self._datasets.table(evaluation.path) as ours, self._datasets.table(training.path) as theirs:
                seen = [rows_seen(run, ours, theirs, features=subject.features, label=subject.label)]
                if subject.id:
                    seen.append(ids_seen(run, ours, theirs, column=subject.id))
                return tuple(seen)
        except Unavailable as error:
            return tuple(unknown(metric, str(error)) for metric in metrics)

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
class _View:
    """The rows under plain names, and the expectations that ask for them.

    Attributes:
        expression: the rows: `c*` as they are, `t*` as class text, `k*` as key.
        positions: column name -> its number.
        rows: number of rows.
        keyed: key column -> rows that have a key.
    """

    expression: "ir.Table"
    positions: Mapping[str, int]
    rows: int
    keyed: Mapping[str, int]

    @classmethod
    def of(cls, rows: "ir.Table", specs: Sequence[ExpectationSpec], *, run: Run) -> "_View":
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
                keys[spec.column] = f"k{position}"
                columns[f"k{position}"] = column if spec.time is None else _pair(column, rows[spec.time])
        expression = rows.select(**columns)
        totals: dict[str, Any] = {name: expression[name].count() for name in keys.values()}
        counts = run(expression.aggregate(rows=expression.count(), **totals))[0]
        return cls(expression, positions, counts["rows"], {name: counts[key] for name, key in keys.items()})

    def expectations(self, specs: Sequence[ExpectationSpec]) -> "dict[str, Expectation]":
        """By spec name, in the validating library's terms; those that can be asked."""
        return {
            spec.name: self._expectation(spec)
            for spec in specs
            if spec.column is None or spec.column in self.positions
        }

    def _expectation(self, spec: ExpectationSpec) -> "Expectation":
        from great_expectations import expectations

        known: Any = expectations  # its public names are not exported as type checkers want them
        position = self.positions.get(spec.column or "")
        column, text, key = f"c{position}", f"t{position}", f"k{position}"
        mostly = max(0.0, 1.0 - spec.share - (_ROUNDING if spec.share else 0.0))
        allowed, low, high = list(spec.allowed), spec.low, spec.high
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
                column=text, min_value=int(low or 0), max_value=int(high or 0)
            ),
            Kind.KEY_UNIQUE: lambda: known.ExpectColumnProportionOfUniqueValuesToBeBetween(
                column=key, min_value=1
            ),
        }
        return kinds[spec.kind]()


_RAISED = "it could not be run on this data: check the column's type and values"
_AS_TEXT = {Kind.IN_SET, Kind.CONTAINS, Kind.CLASSES}


def _differs(rows: "ir.Table") -> Any:
    """How many different rows there are, by a 64-bit hash of every column; missing equals missing."""
    import ibis

    names = [name for name in rows.columns if name != ROW]
    whole: Any = ibis.struct({f"c{position}": rows[name] for position, name in enumerate(names)})
    return whole.hash().nunique()


def _finite(rows: "ir.Table") -> Any:
    """How many rows have no infinite value."""
    import ibis

    infinite: Any = ibis.literal(value=False)
    for name in rows.columns:
        column: Any = rows[name]
        if column.type().is_floating():
            infinite |= column.isinf().coalesce(ibis.literal(value=False))
    return rows.count(where=~infinite)


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


def _evaluated(batch: Any, wanted: Mapping[str, "Expectation"]) -> "dict[str, ExpectationValidationResult]":
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
    spec: ExpectationSpec, found: "Mapping[str, ExpectationValidationResult]", view: _View
) -> ExpectationResult:
    present = spec.column is None or spec.column in view.positions
    result = found.get(spec.name)
    if not present or result is None or _raised(result):
        why = (
            "it could not be run on this data: check the column's type and values"
            if present
            else "no such column"
        )
        return unevaluated(spec, why)
    counts: Mapping[str, Any] = result.result
    missing, rows, unexpected = counts.get("missing_count") or 0, view.rows, counts.get("unexpected_count")
    if spec.kind in {Kind.BETWEEN, Kind.IN_SET}:
        rows = int(counts["element_count"]) - int(missing)
    elif spec.kind is Kind.CONTAINS:
        unexpected = missing  # classes, here
    elif spec.kind is Kind.KEY_UNIQUE:
        rows = view.keyed[spec.column or ""]
        unexpected = round((1.0 - float(counts["observed_value"] or 0.0)) * rows)
    return evaluated(spec, passed=bool(result.success), rows=rows, unexpected=unexpected)


def _raised(result: "ExpectationValidationResult") -> bool:
    # Either one record, or one for each measurement the expectation needed.
    info: Mapping[str, Any] = result.exception_info or {}
    records = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    return any(record.get("raised_exception") for record in records)


def _subject(intake: Intake, signature: Signature | None, evaluation: DatasetDescription) -> Subject:
    data = intake.data
    return Subject(
        rows=evaluation.rows,
        types=evaluation.types,
        features=feature_columns(intake, signature, evaluation.names),
        optional=()
        if signature is None
        else tuple(spec.name for spec in signature.inputs if not spec.required),
        label=data.label,
        positive=class_text_of(data.positive) or "",
        classes=tuple(class_text_of(value) or "" for value in intake.prediction.classes or ()),
        id=data.id,
        time=data.time,
        sensitive=tuple(data.sensitive or ()),
    )
