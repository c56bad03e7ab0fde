"""Predictions frozen once: a version is scored a single time on the same bytes, and so is its champion.

What does not belong here: running a model (`resources.scorer`) and measuring (`resources.evaluation`).
"""

import json
import tempfile
from pathlib import Path

from modelrisk.cases import Case, feature_columns, reading_of
from modelrisk.errors import CallerMistake, IntegrityError, Unavailable
from modelrisk.evidence import digest_of
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake, Task
from modelrisk.labels import unfit_labels, unfit_target
from modelrisk.lineage import ColumnSpec, Lineage
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.readings import Reading
from modelrisk.records import Blame, Predictions, Problem, Scored
from resources.datasets import Datasets
from resources.evidence_store import EvidenceStore
from resources.scorer import Scorer, ScoringRequest

_LAYOUT = "predictions@1"


class ScoredOnce:
    """Scores what has not been scored yet, and keeps the result as evidence.

    Args:
        scorer: runs models in a child process.
        datasets: reads the evaluation data.
        evidence: keeps predictions, and remembers which inputs they were made from.
        work: scratch space.
    """

    def __init__(self, *, scorer: Scorer, datasets: Datasets, evidence: EvidenceStore, work: Path) -> None:
        self._scorer = scorer
        self._datasets = datasets
        self._evidence = evidence
        self._work = work

    def predictions(self, case: Case, *, fresh: bool) -> Predictions:
        """The predictions of a case's version and of its champion.

        Args:
            case: the case.
            fresh: score again even if the same bytes have been scored.
        """
        problem = case.problem_with("model", "evaluation")
        if problem is not None or case.intake is None or case.paths.evaluation is None:
            return Predictions(case.bound, Scored(case.version, None, problem=problem), None)
        reading = self._reading(case.intake, Path(case.paths.evaluation))
        if isinstance(reading, Problem):
            return Predictions(case.bound, Scored(case.version, None, problem=reading), None)
        with self._scorer.warm():
            candidate = self._scored(
                case,
                reading,
                version=case.version,
                directory=case.paths.model,
                lineage=case.lineage,
                fresh=fresh,
            )
            champion = self._champion(case, reading, fresh=fresh)
        return Predictions(case.bound, candidate, champion)

    def _champion(self, case: Case, reading: Reading, *, fresh: bool) -> Scored | None:
        version = case.champion.version
        if version is None:
            return None
        if "champion" in case.problems or case.champion_lineage is None:
            return Scored(version, None, problem=case.problems.get("champion"))
        return self._scored(
            case,
            reading,
            version=version,
            directory=case.paths.champion,
            lineage=case.champion_lineage,
            fresh=fresh,
        )

    def _reading(self, intake: Intake, evaluation: Path) -> Reading | Problem:
        """How outputs are read, or why the labels are unfit to judge them by."""
        label = intake.data.label
        if intake.task is Task.REGRESSION:
            target = self._datasets.target_census(evaluation, label=label)
            if isinstance(target, Problem):
                return target
            return unfit_target(target, label) or reading_of(intake)
        census = self._datasets.label_census(evaluation, label=label)
        if isinstance(census, Problem):
            return census
        try:
            reading = reading_of(intake, tuple(census.counts))
        except CallerMistake as error:
            return Problem.from_error(error, blame=Blame.UNFIT)
        if not isinstance(reading, BinaryReading | MulticlassReading):
            return reading
        return unfit_labels(census, label, reading.classes) or reading

    def _scored(
        self,
        case: Case,
        reading: Reading,
        *,
        version: ModelVersion,
        directory: str | None,
        lineage: Lineage,
        fresh: bool,
    ) -> Scored:
        if case.intake is None or case.paths.evaluation is None or directory is None:
            return Scored(version, None, problem=case.problem_with("model", "evaluation"))
        evaluation = Path(case.paths.evaluation)
        features = self._features(case.intake, lineage, evaluation)
        parquet = self._datasets.features_parquet(evaluation)
        if isinstance(features, Problem) or isinstance(parquet, Problem):
            problem = features if isinstance(features, Problem) else parquet
            return Scored(version, None, problem=problem if isinstance(problem, Problem) else None)
        sensitive = case.intake.data.sensitive or ()
        key = digest_of(
            {
                "layout": _LAYOUT,
                "model": Path(directory).name,
                "evaluation": case.bound.evaluation,
                "features": [[spec.name, spec.dtype, spec.required] for spec in features],
                "reading": reading,
                "label": case.intake.data.label,
                "sensitive": list(sensitive),
            }
        )
        known = None if fresh else self._remembered(key, version)
        if known is not None:
            return known
        self._work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._work, prefix="predictions-") as scratch:
            result = self._scorer.score(
                ScoringRequest(
                    model_dir=Path(directory),
                    data=parquet,
                    features=features,
                    reading=reading,
                    output=Path(scratch) / "scored.parquet",
                    flavors=lineage.flavors,
                )
            )
            if isinstance(result, Problem):
                return Scored(version, None, problem=result)
            frozen = self._datasets.predictions(
                result.output,
                evaluation,
                reading=reading,
                label=case.intake.data.label,
                sensitive=sensitive,
                to=Path(scratch) / "predictions.parquet",
            )
            if isinstance(frozen, Problem):
                return Scored(version, None, problem=frozen)
            digest = self._evidence.put_file(frozen)
        note = {"digest": digest, "rows": result.rows, "isolation": result.isolation}
        self._evidence.remember(key, self._evidence.put(json.dumps(note).encode()))
        return Scored(version, digest, result.rows, result.isolation, result.seconds)

    def _features(
        self, intake: Intake, lineage: Lineage, evaluation: Path
    ) -> tuple[ColumnSpec, ...] | Problem:
        if lineage.signature is not None and lineage.signature.inputs:
            return lineage.signature.inputs
        description = self._datasets.describe(evaluation)
        if isinstance(description, Problem):
            return description
        names = feature_columns(intake, None, description.names)
        return tuple(ColumnSpec(name, "") for name in names)

    def _remembered(self, key: str, version: ModelVersion) -> Scored | None:
        """Predictions made earlier from the same bytes; None unless they are still whole."""
        note = self._evidence.memo(key)
        if note is None:
            return None
        try:
            kept = json.loads(self._evidence.get(note))
            self._evidence.path(kept["digest"])
        except (Unavailable, IntegrityError):
            return None
        return Scored(version, kept["digest"], kept["rows"], kept["isolation"], reused=True)
