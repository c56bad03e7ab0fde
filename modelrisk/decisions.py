"""The decision on one model version: the one signed document everything else is derived from.

The exit code, the asset check on the decision, the registry's tags, the card's badge, the report for
the build server and the portfolio all read the `DecisionRecord`, so they cannot disagree.

A decision is releasable only if every control that policy requires of the tier passed, was waived, or does
not apply; an inconclusive one follows its rule. Failed and not evaluable always refuse.

What does not belong here: rendering (`modelrisk.documents`), signing (`modelrisk.evidence`), where a
decision is kept (`modelrisk.ledger`).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from modelrisk.estimates import Cohort, Estimate
from modelrisk.identity import ModelVersion
from modelrisk.policy import Obligation, OnInconclusive, Scope
from modelrisk.records import Blame, BoundDigests, StageEvidence
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
    """What computed it; recorded, never compared (an upgrade must not block a release).

    Attributes:
        version: of this project.
        python: of the interpreter.
        libraries: package -> version, for those behind the numbers.
    """

    version: str
    python: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class RuleView:
    """The rule a control was judged by, as applied to this model.

    Attributes:
        metric: the metric judged.
        floor: smallest acceptable value; None for no floor.
        ceiling: largest acceptable value; None for no ceiling.
        confidence: of each bound by itself.
        minimum_rows: rows the smallest cell must have.
        minimum_events: expected events the smallest cell must have.
        on_inconclusive: what an inconclusive verdict does in this tier.
        source: where the rule is written, file and line.
    """

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
    """Something someone owes: one owner, one next action.

    Attributes:
        control: the control it comes from.
        verdict: its verdict.
        blocks: whether it refuses the release.
        message: what was found.
        owner: who owes it.
        next_action: one thing to do.
    """

    control: str
    verdict: Verdict
    blocks: bool
    message: str
    owner: str
    next_action: str


@dataclass(frozen=True)
class EvaluationUses:
    """How often this evaluation data has been looked at before: fifty looks and it is no longer a test.

    Attributes:
        reviews: decisions already recorded on it.
        previews: previews already made on it.
    """

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
        isolation: what the model was kept from while it was scored; empty if it was not.
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
    isolation: str
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
        """The controls that decided: those that block, or the estimated one nearest to its limit."""
        blocking = tuple(control for control in self.controls if control.blocks)
        if blocking:
            return blocking
        estimated = [
            control
            for control in self.controls
            if control.margin is not None and any(each.method != "census" for each in control.estimates)
        ]
        return tuple(sorted(estimated, key=lambda control: control.margin or 0.0)[:1])


# --- judging one control ---------------------------------------------------------------------------------


def assess(
    obligation: Obligation,
    evidence: StageEvidence | None,
    *,
    current: BoundDigests,
    cohorts: Collection[Cohort] = (),
) -> ControlResult:
    """One control's result from its stage's evidence; used by the stage's asset check and by the decision.

    Args:
        obligation: what is asked, and why.
        evidence: what the control's stage left behind; None when it never ran.
        current: the digests that evidence must be about.
        cohorts: groups found in the data; a rule on groups must find an estimate for each (but references).

    Returns:
        The result; missing, failed or stale evidence is not evaluable.
    """
    judgement = _judgement(obligation, evidence, current, cohorts)
    margins = [cell.margin for cell in judgement.cells if cell.margin is not None]
    needed = [cell.rows_needed for cell in judgement.cells if cell.rows_needed is not None]
    return ControlResult(
        id=obligation.control.id,
        title=obligation.control.title,
        asset=obligation.control.asset,
        verdict=judgement.verdict,
        blocks=_blocks(judgement.verdict, obligation.on_inconclusive),
        rule=None if judgement.verdict is Verdict.NOT_APPLICABLE else _rule_view(obligation),
        reason=judgement.reason,
        why_required=obligation.why,
        remedy=_remedy(obligation, evidence, judgement.verdict),
        margin=min(margins, default=None),
        rows_needed=max(needed, default=None),
        estimates=tuple(cell.estimate for cell in judgement.cells),
    )


def _remedy(obligation: Obligation, evidence: StageEvidence | None, verdict: Verdict) -> str:
    """What to do next; what stood in the stage's way comes before what the control asks."""
    if verdict is Verdict.NOT_EVALUABLE and evidence is not None and evidence.problem is not None:
        return f"{evidence.problem.remedy}."
    return obligation.control.how_to_pass


def _judgement(
    obligation: Obligation, evidence: StageEvidence | None, current: BoundDigests, cohorts: Collection[Cohort]
) -> Judgement:
    stage, limits = obligation.control.asset, obligation.rule.limits
    if obligation.not_applicable is not None:
        return Judgement(Verdict.NOT_APPLICABLE, obligation.not_applicable)
    stale = () if evidence is None else evidence.bound.contradicted_by(current)
    if evidence is None or stale:
        changed = f"stale: {', '.join(stale)} changed after {stage} ran"
        return Judgement(Verdict.NOT_EVALUABLE, changed if stale else f"{stage} never ran for this version")
    if obligation.rule.metric in evidence.not_applicable:
        return Judgement(Verdict.NOT_APPLICABLE, evidence.not_applicable[obligation.rule.metric])
    if evidence.problem is not None or limits is None:
        why = "the rule sets no limit to judge by" if evidence.problem is None else str(evidence.problem)
        return Judgement(Verdict.NOT_EVALUABLE, why)
    judgement = _judged(obligation, limits, evidence, cohorts)
    detail = evidence.details.get(obligation.rule.metric)
    explained = judgement.reason if not detail else f"{judgement.reason}: {detail}"
    return judgement if judgement.verdict is Verdict.PASSED else replace(judgement, reason=explained)


def _judged(
    obligation: Obligation, limits: Limits, evidence: StageEvidence, cohorts: Collection[Cohort]
) -> Judgement:
    of_groups = obligation.rule.scope is Scope.GROUPS
    family = [
        estimate
        for estimate in evidence.estimates
        if estimate.metric == obligation.rule.metric and bool(estimate.cohort) == of_groups
    ]
    if not of_groups:
        return judge(limits, family, expected=[{}])
    references = {(name, estimate.reference) for estimate in family for name in estimate.cohort}
    return judge(
        limits,
        family,
        expected=[cohort for cohort in cohorts if not any(pair in references for pair in cohort.items())],
    )


def _blocks(verdict: Verdict, on_inconclusive: OnInconclusive) -> bool:
    if verdict is Verdict.INCONCLUSIVE:
        return on_inconclusive is OnInconclusive.REFUSE
    return verdict in (Verdict.FAILED, Verdict.NOT_EVALUABLE)


def _rule_view(obligation: Obligation) -> RuleView:
    rule = obligation.rule
    return RuleView(
        metric=rule.metric,
        floor=rule.floor,
        ceiling=rule.ceiling,
        confidence=rule.confidence,
        minimum_rows=rule.minimum_rows,
        minimum_events=rule.minimum_events,
        on_inconclusive=obligation.on_inconclusive,
        source=rule.source,
    )


_MEASURED_OF_EVERY_GROUP = frozenset({"selection_rate", "accuracy", "mae"})


def binding_estimate(control: ControlResult) -> Estimate | None:
    """The member of a control's family that decided.

    One without a value if that made the control not evaluable, else the one with the smallest margin.
    """
    if not control.estimates:
        return None
    broken = [estimate for estimate in control.estimates if not estimate.is_evaluable]
    if broken and control.verdict is Verdict.NOT_EVALUABLE:
        return broken[0]
    sound = [estimate for estimate in control.estimates if estimate.is_evaluable]
    return min(sound or broken, key=lambda estimate: _distance(control, estimate))


def _distance(control: ControlResult, estimate: Estimate) -> float:
    rule = control.rule
    if rule is None:
        return 0.0
    distances = [math.inf]
    if rule.floor is not None:
        distances.append(-math.inf if estimate.low is None else estimate.low - rule.floor)
    if rule.ceiling is not None:
        distances.append(-math.inf if estimate.high is None else rule.ceiling - estimate.high)
    return min(distances)


# --- deciding --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submission:
    """Everything a decision is made from.

    Attributes:
        version: the version decided on.
        title: the model's title for people.
        owner: who answers for the model.
        tier: its tier with reasons.
        champion: the champion's case in one sentence.
        bound: the digests the evidence must be about.
        obligations: every control of the policy for this model.
        stages: what each stage left behind, by stage.
        evidence: stage -> digest of its evidence.
        predictions: digest of the frozen predictions, if the model was scored.
        isolation: what the model was kept from while it was scored.
        uses: earlier uses of the same evaluation data.
    """

    version: ModelVersion
    title: str
    owner: str
    tier: TierDecision
    champion: str
    bound: BoundDigests
    obligations: Sequence[Obligation]
    stages: Mapping[str, StageEvidence]
    evidence: Mapping[str, str]
    predictions: str | None
    isolation: str
    uses: EvaluationUses

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """Every group found in the data, from what is measured of every scored group."""
        found: dict[tuple[tuple[str, str | None], ...], Cohort] = {
            tuple(estimate.cohort.items()): estimate.cohort
            for evidence in self.stages.values()
            for estimate in evidence.estimates
            if estimate.metric in _MEASURED_OF_EVERY_GROUP and estimate.cohort
        }
        return tuple(found.values())


def decide(
    submission: Submission, *, kind: Kind, identifier: str, decided_at: str, actor: Actor, tool: Tool
) -> DecisionRecord:
    """Judge every control and decide; fails closed.

    Args:
        submission: the evidence and what is asked of it.
        kind: decision or preview.
        identifier: unique identifier of the record.
        decided_at: UTC instant, ISO 8601.
        actor: who asked.
        tool: what computes it.
    """
    controls = tuple(
        assess(
            obligation,
            submission.stages.get(obligation.control.asset),
            current=submission.bound,
            cohorts=submission.cohorts,
        )
        for obligation in submission.obligations
    )
    problems = {
        stage: evidence.problem
        for stage, evidence in submission.stages.items()
        if evidence.problem is not None and evidence.problem.blame is Blame.UNAVAILABLE
    }
    needed = {control.asset for control in controls if control.blocks}
    not_evaluated = tuple(
        dict.fromkeys(str(problem) for stage, problem in problems.items() if stage in needed)
    )
    releasable = bool(controls) and not any(control.blocks for control in controls)
    findings = _findings(controls, owner=submission.owner)
    return DecisionRecord(
        schema=SCHEMA,
        id=identifier,
        kind=kind,
        model=submission.version.key,
        title=submission.title,
        tier=submission.tier.tier,
        tier_reasons=tuple(str(reason) for reason in submission.tier.reasons),
        verdict=Outcome.RELEASABLE if releasable else Outcome.REFUSED,
        headline=_headline(controls, releasable=releasable, not_evaluated=not_evaluated),
        not_evaluated=not_evaluated,
        decided_at=decided_at,
        actor=actor,
        tool=tool,
        owner=submission.owner,
        champion=submission.champion,
        approvals=(),
        bound=submission.bound,
        evidence=submission.evidence,
        predictions=submission.predictions,
        isolation=submission.isolation,
        uses=submission.uses,
        controls=controls,
        findings=findings,
        estimates=tuple(
            estimate for stage in sorted(submission.stages) for estimate in submission.stages[stage].estimates
        ),
    )


def _findings(controls: Sequence[ControlResult], *, owner: str) -> tuple[Finding, ...]:
    owed = [
        control
        for control in controls
        if control.blocks or control.verdict in (Verdict.INCONCLUSIVE, Verdict.WAIVED)
    ]
    return tuple(
        Finding(
            control=control.id,
            verdict=control.verdict,
            blocks=control.blocks,
            message=f"{control.title}: {control.reason}",
            owner=owner,
            next_action=control.remedy,
        )
        for control in sorted(owed, key=lambda control: not control.blocks)
    )


def _headline(controls: Sequence[ControlResult], *, releasable: bool, not_evaluated: Sequence[str]) -> str:
    required = [control for control in controls if control.verdict is not Verdict.NOT_APPLICABLE]
    if releasable:
        passed = sum(control.verdict is Verdict.PASSED for control in required)
        return f"Releasable: {passed} of {len(required)} required controls passed."
    if not_evaluated:
        return f"Refused, because it could not be evaluated: {not_evaluated[0]}"
    blocking = [control for control in required if control.blocks]
    if not blocking:
        return "Refused: no control was judged."
    first = blocking[0]
    more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
    verdict = first.verdict.replace("_", " ")
    return f"Refused: \u201c{first.title}\u201d is {verdict}{more}. {first.reason}"


# --- clearance -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clearance:
    """Whether a recorded decision still holds for what is in the registry now.

    Attributes:
        model: the written form `name@version`.
        record: digest of the decision's record; None when there is none.
        reasons: why it may not be released, each with what to do; empty when cleared.
    """

    model: str
    record: str | None
    reasons: tuple[str, ...]

    @property
    def cleared(self) -> bool:
        """Whether nothing stands against the release."""
        return not self.reasons


def clear(
    record: DecisionRecord,
    *,
    record_digest: str,
    version: ModelVersion,
    current: BoundDigests,
    obligations: Sequence[Obligation],
    restores_champion: bool = False,
) -> Clearance:
    """Hold a decision against the present state of everything it depends on.

    Args:
        record: the newest decision by ledger sequence, its signature verified.
        record_digest: its digest.
        version: the version to be released.
        current: digests of what is there now.
        obligations: what policy asks of the model now.
        restores_champion: whether the version is the ledger's champion already (or its release was
            started and not finished), so that its own alias is no reason against it.
    """
    again = f"Run `model-risk review {version}` again"
    reasons: list[str] = []
    if record.kind is not Kind.DECISION or record.model != version.key:
        reasons.append(
            f"The record is a {record.kind} about {record.model}, not a decision about {version}. {again}"
        )
    if record.verdict is not Outcome.RELEASABLE:
        reasons.append(f"The newest decision is {record.verdict}. {record.headline}")
    changed = [
        name for name in current.changed_since(record.bound) if not (restores_champion and name == "champion")
    ]
    if changed:
        reasons.append(f"Changed since the decision, or unreadable now: {', '.join(changed)}. {again}")
    judged = {control.id: control for control in record.controls}
    for obligation in obligations:
        control = judged.get(obligation.control.id)
        if control is None:
            reasons.append(f"{obligation.control.id} was never judged. {again}")
        elif obligation.is_required and control.blocks is not _blocks(
            control.verdict, obligation.on_inconclusive
        ):
            reasons.append(f"{control.id} is {control.verdict}, but the record does not treat it so. {again}")
        elif obligation.is_required and control.blocks and record.verdict is Outcome.RELEASABLE:
            reasons.append(f"{control.id} is {control.verdict}. {control.remedy}")
    return Clearance(version.key, record_digest, tuple(reasons))
