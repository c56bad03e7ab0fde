"""What a lifecycle stage leaves behind: estimates bound to the exact bytes they are about.

What does not belong here: verdicts (`modelrisk.verdicts`) and the signed decision (`modelrisk.decisions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from modelrisk.errors import ModelRiskError
from modelrisk.estimates import Estimate
from modelrisk.identity import ModelVersion

Scalar = str | int | float | bool | None
Table = tuple[Mapping[str, Scalar], ...]
"""A small table for people: expectation results, a reliability curve."""


class Blame(StrEnum):
    """Where a problem lies, which decides between *refused* and *could not be evaluated*."""

    UNFIT = "unfit"
    """The model's own case is at fault (no intake, empty or one-class data): refused."""
    UNAVAILABLE = "unavailable"
    """Something could not be reached, read or run: could not be evaluated."""


@dataclass(frozen=True)
class Problem:
    """An expected bad outcome, as a value: it travels on and can only end in a refusal."""

    blame: Blame
    found: str
    expected: str
    remedy: str

    @classmethod
    def from_error(cls, error: ModelRiskError, *, blame: Blame = Blame.UNAVAILABLE) -> "Problem":
        """The error's three answers, kept as a value."""
        return cls(blame, error.found, error.expected, error.remedy)

    def __str__(self) -> str:
        return f"Found {self.found}, expected {self.expected}. {self.remedy}."


@dataclass(frozen=True)
class BoundDigests:
    """Everything a decision depends on, by digest; `None` when it could not be read or is not declared.

    Attributes:
        model: digest of the model directory's manifest.
        environment: digest of the requirement files inside the model directory.
        evaluation: digest of the evaluation file's bytes.
        training: digest of the training data's bytes.
        champion: `name@version sha256:...`, or `none`.
        intake: digest of the intake document.
        policy: digest of the merged policy.
        catalogue: digest of the control catalogue.
        waivers: digests of the waivers used.
    """

    model: str | None
    environment: str | None
    evaluation: str | None
    training: str | None
    champion: str | None
    intake: str | None
    policy: str
    catalogue: str
    waivers: tuple[str, ...] = ()

    def only(self, *names: str) -> "BoundDigests":
        """The same digests, keeping of the optional ones just those named: what a stage depends on."""
        kept = {"policy", "catalogue", "waivers", *names}
        return replace(self, **{name: None for name in self.__dataclass_fields__ if name not in kept})

    def contradicted_by(self, current: "BoundDigests") -> tuple[str, ...]:
        """Names of the digests a stage depended on that are another now: its evidence is stale."""
        return tuple(
            name
            for name in self.__dataclass_fields__
            if getattr(self, name) is not None and getattr(self, name) != getattr(current, name)
        )

    def changed_since(self, earlier: "BoundDigests") -> tuple[str, ...]:
        """Names of the digests that differ from `earlier`; a model that cannot be read now always does."""
        return tuple(
            name
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(earlier, name) or (name == "model" and self.model is None)
        )


@dataclass(frozen=True)
class StageEvidence:
    """The outcome of one stage for one model version.

    Attributes:
        stage: the asset's key as a path, such as `evaluation/quality`.
        version: what it is about.
        bound: the exact bytes it is about.
        estimates: all estimates of the stage, gated or not.
        not_applicable: metric -> the fact that makes it not apply (there is no champion).
        problem: why the stage has no estimates, if so.
        tables: small named tables for people.
        details: metric -> what a count consists of, for the sentence that explains a refusal.
    """

    stage: str
    version: ModelVersion
    bound: BoundDigests
    estimates: tuple[Estimate, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: Problem | None = None
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Scored:
    """One version's frozen predictions on the evaluation data.

    Attributes:
        version: the version scored.
        digest: digest of the predictions table; None when there is none.
        rows: rows scored.
        isolation: what the model was kept from while it ran.
        seconds: wall-clock seconds of scoring; 0 when reused.
        reused: whether they had been made before, from the same bytes.
        problem: why there are none.
    """

    version: ModelVersion
    digest: str | None
    rows: int = 0
    isolation: str = ""
    seconds: float = 0.0
    reused: bool = False
    problem: Problem | None = None


@dataclass(frozen=True)
class Predictions:
    """The version's predictions and, where there is a champion to compare with, the champion's.

    Attributes:
        bound: what they depend on.
        candidate: the version under review.
        champion: the champion; None when nothing is to be compared.
    """

    bound: BoundDigests
    candidate: Scored
    champion: Scored | None
