"""The case under review: one model version with everything known about it before it is evaluated.

What does not belong here: reading any of it (`resources.case_files`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrisk.champions import Champion
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake, Task
from modelrisk.lineage import Lineage, Signature
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.classes import default_classes
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.readings import Reading
from modelrisk.outputs.regression import RegressionReading
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence
from modelrisk.tiering import TierDecision


@dataclass(frozen=True)
class IntakeRecord:
    """What the team declared, as it stood when the review began.

    Attributes:
        evidence: the intake's census estimates.
        intake: the declaration; None when the model is not in the inventory.
        tier: the tier with its reasons; without an intake every fact counts as the worst.
    """

    evidence: StageEvidence
    intake: Intake | None
    tier: TierDecision


@dataclass(frozen=True)
class CasePaths:
    """Where the bound bytes lie on this machine; never part of a decision."""

    model: str | None = None
    champion: str | None = None
    evaluation: str | None = None
    training: str | None = None


@dataclass(frozen=True)
class Case:
    """A model version opened for review.

    Attributes:
        evidence: the lineage stage's census estimates.
        version: the version under review.
        intake: the declaration; None when the model is not in the inventory.
        lineage: what the registry tells of the version.
        champion: the champion's case.
        champion_lineage: what the registry tells of the champion; None without one.
        bound: digests of everything the review is about.
        paths: where the bytes are.
        problems: what could not be read, by `model`, `champion`, `evaluation` or `training`.
    """

    evidence: StageEvidence
    version: ModelVersion
    intake: Intake | None
    lineage: Lineage
    champion: Champion
    champion_lineage: Lineage | None
    bound: BoundDigests
    paths: CasePaths = field(default_factory=CasePaths)
    problems: Mapping[str, Problem] = field(default_factory=dict[str, Problem])

    def problem_with(self, *needed: str) -> Problem | None:
        """The first problem with one of the needed things; without an intake, that it is missing."""
        if self.intake is None:
            return not_in_the_inventory(self.version)
        return next((self.problems[name] for name in needed if name in self.problems), None)


def not_in_the_inventory(version: ModelVersion) -> Problem:
    """Why nothing can be evaluated for a model that nobody declared."""
    return Problem(
        Blame.UNFIT,
        f"no intake for {version.name!r}",
        "a governance file that declares it",
        "Write governance/models/<name>.yaml (`model-risk init` writes a template), then review again",
    )


def reading_of(intake: Intake, labels: tuple[str, ...] = ()) -> Reading:
    """How the model's output is to be read, by the intake's task.

    Args:
        intake: the declaration.
        labels: class texts found in the evaluation data, used when the intake names no classes.

    Raises:
        CallerMistake: the classes are not what the task needs.
    """
    if intake.task is Task.REGRESSION:
        return RegressionReading(intake.prediction.score)
    if intake.task is Task.MULTICLASS_CLASSIFICATION:
        return MulticlassReading(intake.classes or default_classes(labels))
    positive = intake.positive or ""
    classes = intake.classes or default_classes({*labels, positive})
    return BinaryReading(
        classes=classes,  # pyright: ignore[reportArgumentType] - it refuses other than two by itself
        positive=positive,
        threshold=intake.prediction.threshold,
        score_column=intake.prediction.score,
    )


def feature_columns(
    intake: Intake, signature: Signature | None, available: tuple[str, ...]
) -> tuple[str, ...]:
    """The columns a model may see: its signature's, or without one all but the declared others.

    Args:
        intake: names the label, id, sensitive, time and excluded columns.
        signature: the model's own input signature.
        available: the evaluation data's columns, in order.
    """
    if signature is not None and signature.columns:
        return tuple(signature.columns)
    data = intake.data
    hidden = {data.label, data.id, data.time, *(data.sensitive or ()), *data.exclude}
    return tuple(name for name in available if name not in hidden)
