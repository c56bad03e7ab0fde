"""The decision on one model version: the one signed document everything else is derived from.

The exit code, the asset check on the decision, the registry's tags, the card's badge, the report for
the build server and the portfolio all read the `DecisionRecord`, so they cannot disagree.

A decision is releasable only if every control that policy requires of the tier passed, was waived, or does
not apply; an inconclusive one follows its rule. Failed and not evaluable always refuse.

What does not belong here: rendering (`modelrisk.documents`), signing (`modelrisk.evidence`), where a
decision is kept (`modelrisk.ledger`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from modelrisk.estimates import Cohort, Estimate
from modelrisk.identity import ModelVersion
from modelrisk.policy import Obligation, OnInconclusive
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence
from modelrisk.tiering import TierDecision
from modelrisk.verdicts import Judgement, Limits, Verdict, judge

SCHEMA = "model-risk/decision@1"
PREDICATE_TYPE = "urn:model-risk:decision:v1"


class Outcome(StrEnum):
    """What is decided: there is no third."""

    RELEASABLE = "releasable"
    REFUSED = "refused"


class Kind(StrEnum):
    """Whether the record decides or only shows what a decision would say."""

    DECISION = "decision"
    PREVIEW = "preview"


class ExitCode(IntEnum):
    """Exit codes of the command line; 1 is never a bug of ours."""

    RELEASABLE = 0
    REFUSED = 1
    NOT_ATTEMPTED = 2
    NOT_EVALUATED = 3
    INTERNAL_ERROR = 70


@dataclass(frozen=True)
class Actor:
    """Who asked for the decision.

    Attributes:
        kind: `user`, `ci` or `policy`.
        name: login name, build job, or the policy's digest.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Tool:
    """What computed it; recorded, never compared (an upgrade must not block a release)."""

    version: str
    python: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class RuleView:
    """The rule a control was judged by, as applied to this model."""

    metric: str
    floor: float | None
    ceiling: float | None
    confidence: float
    minimum_rows: int
    minimum_events: float
    on_inconclusive: OnInconclusive
    source: str


@dataclass(frozen=True)
class ControlResult:
    """One control's verdict with all that is needed to understand and to change it.

    Attributes:
        id: the control, also the name of its asset check.
        title: the control in a few words.
        asset: the stage that carries it, such as `evaluation/fairness`.
        verdict: its verdict.
        blocks: whether this verdict refuses the release.
        rule: the rule applied; None when the control does not apply.
        reason: the sentence that says why, with numbers.
        why_required: fact and policy line that require it.
        remedy: what to do next if it did not pass.
        margin: smallest distance of a bound to its limit, in the metric's units; negative beyond it.
        rows_needed: rows of the smallest cell that would settle every inconclusive cell.
        estimates: the family judged, with bounds at the rule's confidence.
    """

    id: str
    title: str
    asset: str
    verdict: Verdict
    blocks: bool
    rule: RuleView | None
    reason: str
    why_required: tuple[str, ...]
    remedy: str
    margin: float | None = None
    rows_needed: int | None = None
    estimates: tuple[Estimate, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something someone owes: one owner, one next action."""

    control: str
    verdict: Verdict
    blocks: bool
    message: str
    owner: str
    next_action: str


@dataclass(frozen=True)
class EvaluationUses:
    """How often this evaluation data has been looked at before: fifty looks and it is no longer a test."""

    reviews: int
    previews: int


@dataclass(frozen=True)
class DecisionRecord:
    """The decision; its canonical JSON is what is signed.

    Attributes:
        schema: name and version of this layout.
        id: unique identifier of the record.
        kind: decision or preview.
        model: the written form `name@version`.
        title: the model's title for people.
        tier: 1 (highest inherent risk) to 3.
        tier_reasons: why, fact by fact.
        verdict: releasable or refused.
        headline: the decision in one sentence.
        not_evaluated: what could not be reached, read or run; empty when everything was evaluated.
        decided_at: UTC instant, ISO 8601.
        actor: who asked.
        tool: what computed it.
        owner: who answers for the model.
        champion: the champion's case in one sentence.
        approvals: signed approvals; none are taken yet.
        bound: digests of everything the decision depends on.
        evidence: stage -> digest of its evidence.
        predictions: digest of the frozen predictions, if the model was scored.
        uses: earlier uses of the same evaluation data.
        controls: every control of the tier.
        findings: what is owed, blocking ones first.
        estimates: every estimate of every stage, gated or not.
    """

    schema: str
    id: str
    kind: Kind
    model: str
    title: str
    tier: int
    tier_reasons: tuple[str, ...]
    verdict: Outcome
    headline: str
    not_evaluated: tuple[str, ...]
    decided_at: str
    actor: Actor
    tool: Tool
    owner: str
    champion: str
    approvals: tuple[str, ...]
    bound: BoundDigests
    evidence: Mapping[str, str]
    predictions: str | None
    uses: EvaluationUses
    controls: tuple[ControlResult, ...]
    findings: tuple[Finding, ...]
    estimates: tuple[Estimate, ...]

    @property
    def version(self) -> ModelVersion:
        """The model version decided on."""
        return ModelVersion.from_key(self.model)

    @property
    def exit_code(self) -> ExitCode:
        """0 releasable, 1 refused, 3 refused because something could not be evaluated."""
        if self.not_evaluated:
            return ExitCode.NOT_EVALUATED
        return ExitCode.RELEASABLE if self.verdict is Outcome.RELEASABLE else ExitCode.REFUSED

    @property
    def is_reusable(self) -> bool:
        """Whether the same inputs may be answered with this record: never if anything was not evaluable."""
        return not self.not_evaluated and all(
            control.verdict is not Verdict.NOT_EVALUABLE for control in self.controls
        )

    @property
    def binding(self) -> tuple[ControlResult, ...]:
        """The controls that decided: those that block, or the passed one with the narrowest margin."""
        blocking = tuple(control for control in self.controls if control.blocks)
        if blocking:
            return blocking
        narrow = [control for control in self.controls if control.margin is not None and control.rule]
        return tuple(sorted(narrow, key=lambda control: control.margin or 0.0)[:1])
