"""Validation of the evaluation data: what is expected of it asked once, where the rows are.

What does not belong here: what is expected (`modelrisk.expectations`), how it is asked
(`resources.expectation_runs`) and verdicts.
"""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from modelrisk.cases import Case, feature_columns
from modelrisk.errors import Unavailable
from modelrisk.estimates import Estimate
from modelrisk.expectation_results import (
    ROWS_NAMED,
    ExpectationResult,
    expectation_table,
    failures_in_words,
    mismatches_in_words,
    row_numbers,
    training_unknown,
    unseen_categories,
    validation_estimates,
)
from modelrisk.expectation_specs import ExpectationSpec
from modelrisk.expectations import Subject, expectations
from modelrisk.intake import Intake, Task
from modelrisk.label_shares import compared_shares, share_table
from modelrisk.leakage import (
    BEYOND_CHANCE,
    IDS_SEEN,
    ROWS_SEEN,
    first_rows_seen,
    ids_seen,
    rows_seen,
    unknown,
)
from modelrisk.lineage import Signature
from modelrisk.profiles import ColumnProfile, DatasetProfile, profile
from modelrisk.records import Blame, Problem, StageEvidence, Table
from modelrisk.signature_mismatches import mismatch_table, signature_mismatches
from modelrisk.time_spans import TimeSpan, time_span
from resources.datasets import LABEL_CLASSES_KEPT, DatasetDescription, Datasets
from resources.expectation_runs import ExpectationRuns, in_parts

STAGE = "validation/evaluation_data"
_BINARY_LABELS = 10
_ALWAYS_SHOWN = ("expectations", "signature")


class Validator:
    """Judges nothing: counts what is not as expected.

    Args:
        datasets: reads the rows.
        today: tells the present day, which dates in the data are held against.
    """

    def __init__(self, datasets: Datasets, *, today: Callable[[], datetime.date]) -> None:
        self._datasets = datasets
        self._runs = ExpectationRuns(datasets)
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
        leakage, leaked = self._leakage(subject, evaluation, training)
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
            tables={name: table for name, table in tables.items() if table or name in _ALWAYS_SHOWN},
            details={
                "failed_expectations": failures_in_words(results),
                "signature_mismatches": mismatches_in_words(mismatches or ()),
                ROWS_SEEN: leaked,
                BEYOND_CHANCE: leaked,
            },
        )

    def validate(self, path: Path, specs: Sequence[ExpectationSpec]) -> tuple[ExpectationResult, ...]:
        """Evaluates expectations of a file, each once, in the order of `specs`."""
        return self._runs.results(path, specs)

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
        columns = list(subject.features)
        if subject.task is Task.REGRESSION:
            columns.append(subject.label)
        known: dict[str, ColumnProfile] = {}
        run, span = self._datasets.run, None
        try:
            for some in in_parts(columns):
                with self._datasets.table(training.path, columns=some) as rows:
                    known |= profile(run, rows, columns=some).columns
            if subject.time is not None and subject.time in training.types:
                with self._datasets.table(training.path, columns=(subject.time,)) as rows:
                    span = time_span(run, rows, subject.time)
        except Unavailable as error:
            return Problem.from_error(error)
        return DatasetProfile(training.rows, known, self._labels(training, subject), span)

    def _labels(self, data: DatasetDescription, subject: Subject) -> dict[str, int]:
        """Class -> rows; empty for a regression, and where the label is no label."""
        if subject.task is Task.REGRESSION or subject.label not in data.types:
            return {}
        census = self._datasets.label_census(data.path, label=subject.label)
        # A binary label of many values is the wrong column, and its values are nobody's business.
        most = _BINARY_LABELS if subject.task is Task.BINARY_CLASSIFICATION else LABEL_CLASSES_KEPT
        if isinstance(census, Problem) or census.distinct > most:
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
    ) -> tuple[tuple[Estimate, ...], str]:
        """The shares of rows and identifiers seen in training, and which rows they are."""
        metrics = (ROWS_SEEN, BEYOND_CHANCE, *((IDS_SEEN,) if subject.id else ()))
        if isinstance(training, Problem):
            return tuple(unknown(metric, str(training)) for metric in metrics), ""
        run, features, label = self._datasets.run, subject.features, subject.label
        try:
            with self._datasets.table(evaluation.path) as ours, self._datasets.table(training.path) as theirs:
                seen = [*rows_seen(run, ours, theirs, features=features, label=label, entity=subject.id)]
                if subject.id:
                    seen.append(ids_seen(run, ours, theirs, column=subject.id))
                if not seen[0].value:
                    return tuple(seen), ""
                first = first_rows_seen(run, ours, theirs, features=features, label=label, most=ROWS_NAMED)
        except Unavailable as error:
            return tuple(unknown(metric, str(error)) for metric in metrics), ""
        return tuple(seen), f"rows {row_numbers(first, of=round(seen[0].value * seen[0].n))}"


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
