"""Validation of the evaluation data: what is expected of it asked once, where the rows are.

What does not belong here: what is expected (`modelrisk.expectations`), how the validating library is asked
(`resources.expectation_batches`) and verdicts.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelrisk.cases import Case, feature_columns
from modelrisk.columns import ROW, class_text, is_numeric
from modelrisk.errors import Unavailable
from modelrisk.estimates import Estimate
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
    expectation_table,
    failures_in_words,
    in_order,
    mismatches_in_words,
    training_unknown,
    unevaluated,
    unseen_categories,
    validation_estimates,
)
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.expectations import Subject, expectations
from modelrisk.intake import Intake, Task
from modelrisk.label_shares import compared_shares, share_table
from modelrisk.leakage import IDS_SEEN, ROWS_SEEN, ids_seen, rows_seen, unknown
from modelrisk.lineage import Signature
from modelrisk.profiles import DatasetProfile, profile
from modelrisk.records import Blame, Problem, StageEvidence, Table
from modelrisk.signature_mismatches import mismatch_table, signature_mismatches
from modelrisk.time_spans import TimeSpan, time_span
from resources.datasets import LABEL_CLASSES_KEPT, DatasetDescription, Datasets
from resources.expectation_batches import KINDS, ExpectationBatches

if TYPE_CHECKING:
    pass

STAGE = "validation/evaluation_data"
MOST_ASKED = 1500
"""Above so many expectations the engine counts by itself what it can: the library would take minutes."""

_COUNTED_TOGETHER = 200
_LOCATED = 100
_BY_NAME = (Kind.PRESENT, Kind.NUMERIC)


class Validator:
    """Judges nothing: counts what is not as expected.

    Args:
        datasets: reads the rows.
        today: tells the present day, which dates in the data are held against.
    """

    def __init__(self, datasets: Datasets, *, today: Callable[[], datetime.date]) -> None:
        self._datasets = datasets
        self._batches = ExpectationBatches(datasets)
        self._today = today

    def evidence(self, case: Case) -> StageEvidence:
        """The stage's evidence for a case: signature, expectations and leakage, as censuses."""
        bound = case.bound.only("model", "evaluation", "training", "intake")
        evaluation = self._as_bound(case, "evaluation")
        if case.intake is None or isinstance(evaluation, Problem):
            problem = case.problem_with("evaluation") or cast("Problem", evaluation)
            return StageEvidence(STAGE, case.version, bound, problem=problem)
        intake, signature = case.intake, case.lineage.signature
        named = signature if signature is not None and signature.columns else None
        subject = _subject(intake, named, evaluation, today=self._today())
        training = self._as_bound(case, "training")
        leakage = self._leakage(subject, evaluation, training)
        learned = training if isinstance(training, Problem) else self._learned(training, subject)
        known = None if isinstance(learned, Problem) else learned
        results = self.validate(evaluation.path, expectations(subject, training=known))
        if isinstance(learned, Problem):
            results = (*results, training_unknown(learned))
        labels = self._labels(evaluation, subject)
        if labels and known is not None and known.labels:
            results = (*results, compared_shares(subject.label, labels, known.labels))
        mismatches = named and signature_mismatches(
            named, evaluation.types, label=intake.data.label, exclude=intake.data.exclude
        )
        tables = {
            "expectations": expectation_table(results),
            "signature": mismatch_table(mismatches or ()),
            "unseen categories": unseen_categories(results),
            "classes": share_table(labels, {} if known is None else known.labels),
            "time span": self._times(evaluation, subject, None if known is None else known.time),
        }
        return StageEvidence(
            STAGE,
            case.version,
            bound,
            estimates=(*validation_estimates(results, rows=evaluation.rows, mismatches=mismatches), *leakage),
            not_applicable={}
            if subject.id
            else {IDS_SEEN: "the intake names no `id` column in its data section"},
            tables={name: table for name, table in tables.items() if table or name in _ALWAYS},
            details={
                "failed_expectations": failures_in_words(results),
                "signature_mismatches": mismatches_in_words(mismatches or ()),
            },
        )

    def validate(self, path: Path, specs: Sequence[ExpectationSpec]) -> tuple[ExpectationResult, ...]:
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
        for start in range(0, len(specs), _COUNTED_TOGETHER):
            some = specs[start : start + _COUNTED_TOGETHER]
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
            if spec.kind is Kind.MATCHES:
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

    def _learned(self, training: DatasetDescription, subject: Subject) -> DatasetProfile | Problem:
        """What the training data teaches about features, label and time."""
        columns = subject.features
        if subject.task is Task.REGRESSION:
            columns = (*columns, subject.label)
        try:
            with self._datasets.table(training.path) as rows:
                known = profile(self._datasets.run, rows, columns=columns, time=subject.time)
        except Unavailable as error:
            return Problem.from_error(error)
        return replace(known, labels=self._labels(training, subject))

    def _labels(self, data: DatasetDescription, subject: Subject) -> dict[str, int]:
        """Class -> rows; empty for a regression, and where the label is no label."""
        if subject.task is Task.REGRESSION or subject.label not in data.types:
            return {}
        census = self._datasets.label_census(data.path, label=subject.label)
        if isinstance(census, Problem) or census.distinct > LABEL_CLASSES_KEPT:
            return {}
        return dict(census.counts)

    def _times(self, evaluation: DatasetDescription, subject: Subject, training: TimeSpan | None) -> Table:
        """The span of the time column in both data sets."""
        if subject.time is None or subject.time not in evaluation.types:
            return ()
        try:
            with self._datasets.table(evaluation.path, columns=(subject.time,)) as rows:
                span = time_span(self._datasets.run, rows, subject.time)
        except Unavailable:
            return ()
        spans = {"evaluation": span} | ({} if training is None else {"training": training})
        return tuple(
            {
                "data": name,
                "column": subject.time,
                "oldest": one.shown(one.oldest),
                "newest": one.shown(one.newest),
                "days old": None if subject.today is None else one.age(subject.today),
                "as of": None if subject.today is None else subject.today.isoformat(),
                "unreadable": one.unreadable,
            }
            for name, one in spans.items()
        )

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


_ALWAYS = ("expectations", "signature")


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


def _fresh(spec: ExpectationSpec, span: TimeSpan) -> ExpectationResult:
    age = None if spec.day is None else span.age(spec.day)
    if age is None:
        return unevaluated(spec, "no value of it reads as a date: store dates, or name another column")
    if age < 0:
        why = f"the newest value lies {-age} days after {spec.day}: check the data, and this machine's clock"
        return unevaluated(spec, why)
    return replace(evaluated(spec, passed=age <= (spec.high or 0), rows=1), rows=0)


def _subject(
    intake: Intake, signature: Signature | None, evaluation: DatasetDescription, *, today: datetime.date
) -> Subject:
    data = intake.data
    return Subject(
        rows=evaluation.rows,
        types=evaluation.types,
        features=feature_columns(intake, signature, evaluation.names),
        optional=()
        if signature is None
        else tuple(spec.name for spec in signature.inputs if not spec.required),
        label=data.label,
        positive=intake.positive or "",
        classes=intake.classes or (),
        id=data.id,
        time=data.time,
        sensitive=tuple(data.sensitive or ()),
        task=intake.task,
        declared=data.expectations,
        today=today,
    )
