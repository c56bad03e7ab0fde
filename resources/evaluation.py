"""Measures frozen predictions: runs the metrics where the rows are, and binds what comes out.

What does not belong here: the metrics (`modelrisk.metrics`) and reading rows (`resources.datasets`).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelrisk.cases import Case
from modelrisk.champions import Standing
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.intake import Intake, Task
from modelrisk.packs import CLASSES_TABLE, OUTCOME_TABLE
from modelrisk.records import Blame, Predictions, Problem, Scored, StageEvidence, Table
from resources.datasets import Datasets
from resources.evidence_store import EvidenceStore

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from modelrisk.metrics.comparison import Comparison
    from modelrisk.metrics.regression import TrainingTarget

CONFIDENCE = 0.95
RELIABILITY, CALIBRATION_SUMMARY = "reliability curve", "calibration summary"
_NO_ATTRIBUTES = Problem(
    Blame.UNFIT,
    "no sensitive attributes in the intake",
    "the columns by which people are to be compared",
    "Write them as `data: sensitive: [...]`; they need not be model features",
)
_NO_FAVOURABLE = Problem(
    Blame.UNFIT,
    "no favourable class in the intake",
    "the class that is good for the person concerned",
    "Write it as `data: favourable:`, so that groups can be compared by how often they get it",
)
_COMPARED: Mapping[Task, tuple[str, ...]] = {
    Task.BINARY_CLASSIFICATION: ("accuracy_difference", "auc_difference", "brier_difference"),
    Task.MULTICLASS_CLASSIFICATION: ("accuracy_difference", "brier_difference"),
    Task.REGRESSION: ("mae_ratio_to_champion", "mae_difference_to_champion"),
}


@dataclass(frozen=True)
class _Measured:
    """What one stage measured: estimates, tables for people, and details for a refusal."""

    estimates: tuple[Estimate, ...]
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    details: Mapping[str, str] = field(default_factory=dict[str, str])


class Evaluator:
    """Turns predictions into estimates.

    Args:
        datasets: runs the queries.
        evidence: keeps the predictions.
    """

    def __init__(self, datasets: Datasets, evidence: EvidenceStore) -> None:
        self._datasets = datasets
        self._evidence = evidence

    def quality(self, case: Case, predictions: Predictions) -> StageEvidence:
        """Error rates or errors, discrimination, gain over the naive model, calibration; for every group."""
        bound = case.bound.only("model", "environment", "evaluation", "training", "intake")
        empty = StageEvidence("evaluation/quality", case.version, bound)
        intake, problem = case.intake, _problem(case, predictions.candidate)
        if problem is not None or intake is None or predictions.candidate.digest is None:
            return replace(empty, problem=problem)
        measure = {
            Task.BINARY_CLASSIFICATION: self._binary_quality,
            Task.MULTICLASS_CLASSIFICATION: self._multiclass_quality,
            Task.REGRESSION: self._regression_quality,
        }[intake.task]
        with self._table(predictions.candidate.digest) as table:
            found = measure(case, intake, table)
        return replace(empty, estimates=found.estimates, tables=found.tables, details=found.details)

    def fairness(self, case: Case, predictions: Predictions) -> StageEvidence:
        """Ratios and differences between each group and its reference."""
        bound = case.bound.only("model", "environment", "evaluation", "intake")
        empty = StageEvidence("evaluation/fairness", case.version, bound)
        intake, problem = case.intake, _problem(case, predictions.candidate)
        if problem is None and intake is not None:
            problem = _incomparable(intake)
        if problem is not None or intake is None or predictions.candidate.digest is None:
            return replace(empty, problem=problem)
        with self._table(predictions.candidate.digest) as table:
            return replace(empty, estimates=self._between_groups(intake, table))

    def champion_comparison(self, case: Case, predictions: Predictions) -> StageEvidence:
        """Paired differences to the champion on the same rows."""
        bound = case.bound.only("model", "environment", "evaluation", "champion", "intake")
        empty = StageEvidence("evaluation/champion_comparison", case.version, bound)
        task = Task.BINARY_CLASSIFICATION if case.intake is None else case.intake.task
        champion = predictions.champion
        if case.champion.standing in (Standing.IS_CHAMPION, Standing.NONE):
            return replace(empty, not_applicable=dict.fromkeys(_COMPARED[task], case.champion.statement))
        if case.champion.standing is Standing.DISAGREED:
            why = f"{case.champion.statement}. {case.champion.remedy}"
            return replace(empty, estimates=tuple(not_evaluable(m, why) for m in _COMPARED[task]))
        problem = _problem(case, predictions.candidate) or _problem(case, champion, "champion")
        candidate = predictions.candidate.digest
        if (
            problem is not None
            or case.intake is None
            or candidate is None
            or champion is None
            or champion.digest is None
        ):
            return replace(empty, problem=problem)
        with self._table(candidate) as ours, self._table(champion.digest) as theirs:
            found = self._compared(case.intake, ours, theirs)
        return replace(empty, estimates=found.estimates, tables={"disagreements": found.disagreements})

    def _binary_quality(self, case: Case, intake: Intake, table: "ir.Table") -> _Measured:
        from modelrisk.metrics import calibration, classification, discrimination

        positive, run = intake.positive or "", self._datasets.run
        shares = self._training_shares(case, intake)
        marginals = classification.counted(
            table,
            run=run,
            positive=positive,
            favourable=intake.favourable,
            training_base_rate=None if shares is None else shares.get(positive, 0.0),
        )
        curve = calibration.reliability_curve(table, run=run, positive=positive, confidence=CONFIDENCE)
        return _Measured(
            (
                *classification.estimates(marginals, confidence=CONFIDENCE),
                *discrimination.estimates(table, run=run, positive=positive, confidence=CONFIDENCE),
                *calibration.estimates(table, run=run, positive=positive, confidence=CONFIDENCE),
            ),
            {
                OUTCOME_TABLE: ({"positive": positive, "favourable": intake.favourable},),
                RELIABILITY: curve,
                CALIBRATION_SUMMARY: calibration.summary(curve),
            },
        )

    def _multiclass_quality(self, case: Case, intake: Intake, table: "ir.Table") -> _Measured:
        from modelrisk.metrics import calibration, multiclass
        from modelrisk.metrics.predictions import RIGHT, of_top_label

        run, classes = self._datasets.run, self._classes(case, intake)
        marginals = multiclass.counted(
            table,
            run=run,
            classes=classes,
            favourable=intake.favourable,
            training_shares=self._training_shares(case, intake),
        )
        top = of_top_label(table)
        curve = calibration.reliability_curve(top, run=run, positive=RIGHT, confidence=CONFIDENCE)
        return _Measured(
            (
                *multiclass.estimates(marginals, confidence=CONFIDENCE),
                *calibration.estimates(top, run=run, positive=RIGHT, confidence=CONFIDENCE),
            ),
            {
                OUTCOME_TABLE: ({"task": intake.task.value, "favourable": intake.favourable},),
                CLASSES_TABLE: tuple({"position": at, "class": name} for at, name in enumerate(classes)),
                "confusion matrix": multiclass.confusion(marginals),
                RELIABILITY: curve,
                CALIBRATION_SUMMARY: calibration.summary(curve),
            },
            {"top_k_accuracy": f"the true class among the {marginals.k} most probable"},
        )

    def _regression_quality(self, case: Case, intake: Intake, table: "ir.Table") -> _Measured:
        from modelrisk.metrics import regression

        run = self._datasets.run
        measured = regression.measured(table, run=run, training=self._training_target(case, intake))
        return _Measured(
            regression.estimates(measured, confidence=CONFIDENCE),
            {
                OUTCOME_TABLE: ({"task": intake.task.value},),
                "error quantiles": regression.error_quantiles(table, run=run),
                "errors by decile of prediction": regression.errors_by_decile(table, run=run),
            },
        )

    def _between_groups(self, intake: Intake, table: "ir.Table") -> tuple[Estimate, ...]:
        from modelrisk.metrics import classification, fairness, regression
        from modelrisk.metrics.predictions import of_class

        run, reference = self._datasets.run, intake.reference_groups
        if intake.task is Task.REGRESSION:
            measured = regression.measured(table, run=run, training=None)
            return fairness.regression_estimates(measured, reference=reference, confidence=CONFIDENCE)
        favourable = intake.favourable or ""
        binary = intake.task is Task.BINARY_CLASSIFICATION
        marginals = classification.counted(
            table if binary else of_class(table, favourable),
            run=run,
            positive=(intake.positive or "") if binary else favourable,
            favourable=favourable,
        )
        return fairness.estimates(marginals, reference=reference, confidence=CONFIDENCE)

    def _compared(self, intake: Intake, ours: "ir.Table", theirs: "ir.Table") -> "Comparison":
        from modelrisk.metrics import comparison

        run = self._datasets.run
        if intake.task is Task.REGRESSION:
            return comparison.compared_regression(ours, theirs, run=run, confidence=CONFIDENCE)
        if intake.task is Task.MULTICLASS_CLASSIFICATION:
            return comparison.compared_multiclass(ours, theirs, run=run, confidence=CONFIDENCE)
        positive = intake.positive or ""
        return comparison.compared(ours, theirs, run=run, positive=positive, confidence=CONFIDENCE)

    def _classes(self, case: Case, intake: Intake) -> tuple[str, ...]:
        """The classes in the order of the model's output: as declared, else the labels found, sorted."""
        from modelrisk.outputs.classes import default_classes

        if intake.classes is not None or case.paths.evaluation is None:
            return intake.classes or ()
        census = self._datasets.label_census(Path(case.paths.evaluation), label=intake.data.label)
        return () if isinstance(census, Problem) else default_classes(census.counts)

    def _training_shares(self, case: Case, intake: Intake) -> Mapping[str, float] | None:
        if case.paths.training is None:
            return None
        census = self._datasets.label_census(Path(case.paths.training), label=intake.data.label)
        return None if isinstance(census, Problem) else census.shares or None

    def _training_target(self, case: Case, intake: Intake) -> "TrainingTarget | None":
        from modelrisk.metrics.regression import TrainingTarget

        if case.paths.training is None:
            return None
        census = self._datasets.target_census(Path(case.paths.training), label=intake.data.label)
        if isinstance(census, Problem) or census.median is None or census.sd is None:
            return None
        return TrainingTarget(median=census.median, sd=census.sd)

    @contextmanager
    def _table(self, digest: str) -> Generator["ir.Table"]:
        with self._datasets.table(self._evidence.path(digest)) as table:
            yield table


def _incomparable(intake: Intake) -> Problem | None:
    """Why groups cannot be compared; None when they can."""
    if not intake.data.sensitive:
        return _NO_ATTRIBUTES
    if intake.task is not Task.REGRESSION and intake.favourable is None:
        return _NO_FAVOURABLE
    return None


def _problem(case: Case, scored: Scored | None, *needed: str) -> Problem | None:
    own = None if scored is None else scored.problem
    return own or case.problem_with("model", "evaluation", *needed)
