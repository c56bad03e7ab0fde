"""Measures frozen predictions: runs the metrics where the rows are, and binds what comes out.

What does not belong here: the metrics (`modelrisk.metrics`) and reading rows (`resources.datasets`).
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelrisk.cases import Case
from modelrisk.champions import Standing
from modelrisk.estimates import not_evaluable
from modelrisk.intake import Intake
from modelrisk.outputs import class_text
from modelrisk.packs import OUTCOME_TABLE
from modelrisk.records import Blame, Predictions, Problem, Scored, StageEvidence
from resources.datasets import Datasets
from resources.evidence_store import EvidenceStore

if TYPE_CHECKING:
    import ibis.expr.types as ir

CONFIDENCE = 0.95
_NO_ATTRIBUTES = Problem(
    Blame.UNFIT,
    "no sensitive attributes in the intake",
    "the columns by which people are to be compared",
    "Write them as `data: sensitive: [...]`; they need not be model features",
)
_COMPARED: tuple[str, ...] = ("accuracy_difference", "auc_difference", "brier_difference")


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
        """Error rates, discrimination, gain over the naive model and calibration, for every group."""
        stage, bound = (
            "evaluation/quality",
            case.bound.only("model", "environment", "evaluation", "training", "intake"),
        )
        intake, problem = case.intake, _problem(case, predictions.candidate)
        if problem is not None or intake is None or predictions.candidate.digest is None:
            return StageEvidence(stage, case.version, bound, problem=problem)
        from modelrisk.metrics import calibration, classification, discrimination

        positive, favourable = outcome(intake)
        with self._table(predictions.candidate.digest) as table:
            run = self._datasets.run
            marginals = classification.counted(
                table,
                run=run,
                positive=positive,
                favourable=favourable,
                training_base_rate=self._training_base_rate(case, intake),
            )
            estimates = (
                *classification.estimates(marginals, confidence=CONFIDENCE),
                *discrimination.estimates(table, run=run, positive=positive, confidence=CONFIDENCE),
                *calibration.estimates(table, run=run, positive=positive, confidence=CONFIDENCE),
            )
            curve = calibration.reliability_curve(table, run=run, positive=positive, confidence=CONFIDENCE)
        return StageEvidence(
            stage,
            case.version,
            bound,
            estimates=estimates,
            tables={
                OUTCOME_TABLE: ({"positive": positive, "favourable": favourable},),
                "reliability curve": curve,
            },
        )

    def fairness(self, case: Case, predictions: Predictions) -> StageEvidence:
        """Ratios and differences between each group and its reference."""
        stage, bound = "evaluation/fairness", case.bound.only("model", "environment", "evaluation", "intake")
        intake, problem = case.intake, _problem(case, predictions.candidate)
        if problem is None and intake is not None and not intake.data.sensitive:
            problem = _NO_ATTRIBUTES
        if problem is not None or intake is None or predictions.candidate.digest is None:
            return StageEvidence(stage, case.version, bound, problem=problem)
        from modelrisk.metrics import classification, fairness

        positive, favourable = outcome(intake)
        with self._table(predictions.candidate.digest) as table:
            marginals = classification.counted(
                table, run=self._datasets.run, positive=positive, favourable=favourable
            )
        estimates = fairness.estimates(marginals, reference=intake.reference_groups, confidence=CONFIDENCE)
        return StageEvidence(stage, case.version, bound, estimates=estimates)

    def champion_comparison(self, case: Case, predictions: Predictions) -> StageEvidence:
        """Paired differences to the champion on the same rows."""
        stage = "evaluation/champion_comparison"
        bound = case.bound.only("model", "environment", "evaluation", "champion", "intake")
        champion = predictions.champion
        if case.champion.standing in (Standing.IS_CHAMPION, Standing.NONE):
            reasons = dict.fromkeys(_COMPARED, case.champion.statement)
            return StageEvidence(stage, case.version, bound, not_applicable=reasons)
        if case.champion.standing is Standing.DISAGREED:
            why = f"{case.champion.statement}. {case.champion.remedy}"
            return StageEvidence(
                stage, case.version, bound, estimates=tuple(not_evaluable(m, why) for m in _COMPARED)
            )
        problem = _problem(case, predictions.candidate) or _problem(case, champion, "champion")
        candidate = predictions.candidate.digest
        if problem is not None or candidate is None or champion is None or champion.digest is None:
            return StageEvidence(stage, case.version, bound, problem=problem)
        return self._compared(case, StageEvidence(stage, case.version, bound), candidate, champion.digest)

    def _compared(self, case: Case, empty: StageEvidence, candidate: str, champion: str) -> StageEvidence:
        from modelrisk.metrics import comparison

        assert case.intake is not None
        positive, _ = outcome(case.intake)
        with self._table(candidate) as ours, self._table(champion) as theirs:
            found = comparison.compared(
                ours, theirs, run=self._datasets.run, positive=positive, confidence=CONFIDENCE
            )
        return replace(empty, estimates=found.estimates, tables={"disagreements": found.disagreements})

    def _training_base_rate(self, case: Case, intake: Intake) -> float | None:
        if case.paths.training is None:
            return None
        positive, _ = outcome(intake)
        rate = self._datasets.base_rate(Path(case.paths.training), label=intake.data.label, positive=positive)
        return None if isinstance(rate, Problem) else rate.events / rate.rows

    @contextmanager
    def _table(self, digest: str) -> Generator["ir.Table"]:
        with self._datasets.table(self._evidence.path(digest)) as table:
            yield table


def outcome(intake: Intake) -> tuple[str, str]:
    """The positive and the favourable class, as text."""
    return class_text(intake.data.positive) or "", class_text(intake.favourable) or ""


def _problem(case: Case, scored: Scored | None, *needed: str) -> Problem | None:
    own = None if scored is None else scored.problem
    return own or case.problem_with("model", "evaluation", *needed)
