"""Policy: for each tier which controls are required, and with which rule.

Every obligation answers "why is this required?" with the fact, the policy line and the outside mapping.

A rule without floor and ceiling is a *slot*: it applies where an intake's `thresholds` names its metric. An
intake may only tighten: a number that loosens policy is a fault, not a wish.

What does not belong here: the YAML and its merge rules (`modelrisk.policy_documents`), judging an estimate
(`modelrisk.verdicts`), what the controls mean (`modelrisk.catalogue`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from modelrisk.catalogue import Catalogue, Control, Metric
from modelrisk.errors import Fault, InvalidDocument
from modelrisk.intake import Affects, Intake, Task
from modelrisk.tiering import TierDecision, TierRow, tier_of
from modelrisk.yaml_documents import (
    Document,
    Place,
    in_order,
    one_of,
    suggestion,
)

if TYPE_CHECKING:
    from modelrisk.verdicts import Limits


class OnInconclusive(StrEnum):
    """What an inconclusive verdict does to the decision."""

    REFUSE = "refuse"
    FINDING = "finding"


class Promotion(StrEnum):
    """Who may start a release of a releasable decision."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class Scope(StrEnum):
    """Whose estimates a rule judges."""

    ALL_ROWS = "all_rows"
    GROUPS = "groups"


class Direction(StrEnum):
    """Which limit a model's own threshold sets."""

    FLOOR = "floor"
    CEILING = "ceiling"
    WITHIN = "within"
    """Both, symmetric about *no difference*: t gives −t to t for a difference, t to 1/t for a ratio."""


class News(StrEnum):
    """What people are told of."""

    REFUSED = "refused"
    REVIEW_OVERDUE = "review_overdue"
    ALIAS_MOVED = "alias_moved"


@dataclass(frozen=True)
class Audience:
    """People who are told of something at one address.

    Attributes:
        name: what policy calls them.
        url: an Apprise URL, or `env:NAME` for a variable that holds one.
        about: what they are told of.
        owners: only of models of these owners; of all models when empty.
    """

    name: str
    url: str
    about: tuple[News, ...]
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class TierSettings:
    """What holds for every control of a tier.

    Attributes:
        on_inconclusive: what an inconclusive verdict does, unless the rule says otherwise.
        promotion: who may start a release.
        review_every: days after which a decision is due for review.
        place: where it stands.
    """

    on_inconclusive: OnInconclusive
    promotion: Promotion
    review_every: int
    place: Place


@dataclass(frozen=True)
class Rule:
    """What a control's estimates must satisfy.

    Attributes:
        control: the control's id.
        metric: the metric judged.
        floor: smallest acceptable value, None for no floor.
        ceiling: largest acceptable value, None for no ceiling.
        confidence: one-sided confidence of each bound, in (0.5, 1).
        minimum_rows: rows the smallest cell must have, else inconclusive.
        minimum_events: expected events the smallest cell must have, else inconclusive.
        tiers: tiers that require it.
        on_inconclusive: tier -> what an inconclusive verdict does there; empty follows the tier.
        scope: all rows, or every group of every sensitive attribute.
        direction: which limit a model's threshold sets; None follows from floor and ceiling.
        sources: the policy lines of the rule and its limits, and the intake line that tightened it.
    """

    control: str
    metric: str
    floor: float | None
    ceiling: float | None
    confidence: float
    minimum_rows: int
    minimum_events: float
    tiers: tuple[int, ...]
    on_inconclusive: Mapping[int, OnInconclusive]
    scope: Scope
    direction: Direction | None
    sources: tuple[Place, ...]

    @property
    def is_slot(self) -> bool:
        """Whether it has no limit of its own and waits for a model's threshold."""
        return self.floor is None and self.ceiling is None

    @property
    def sets(self) -> Direction:
        """Which limit a model's threshold sets."""
        if self.is_slot:
            assert self.direction is not None
            return self.direction
        if self.floor is not None and self.ceiling is not None:
            return Direction.WITHIN
        return Direction.CEILING if self.floor is None else Direction.FLOOR

    @property
    def limits(self) -> "Limits | None":
        """The limits to judge by; None for a slot."""
        from modelrisk.verdicts import Limits

        if self.is_slot:
            return None
        return Limits(
            floor=self.floor,
            ceiling=self.ceiling,
            confidence=self.confidence,
            minimum_rows=self.minimum_rows,
            minimum_events=self.minimum_events,
        )

    @property
    def source(self) -> str:
        """The lines it comes from, such as `default.yaml:88, loan-default.yaml:17`."""
        return ", ".join(str(place) for place in self.sources)


@dataclass(frozen=True)
class Obligation:
    """What one control asks of one model, and why.

    Attributes:
        control: the control.
        rule: its rule, with this model's own thresholds applied.
        on_inconclusive: what an inconclusive verdict does in this tier.
        not_applicable: the fact that makes it not apply; None when it is required.
        why: fact, policy line and outside mapping that require it, a sentence each.
    """

    control: Control
    rule: Rule
    on_inconclusive: OnInconclusive
    not_applicable: str | None
    why: tuple[str, ...]

    @property
    def is_required(self) -> bool:
        """Whether the decision depends on it."""
        return self.not_applicable is None


@dataclass(frozen=True)
class Policy:
    """A validated policy.

    Attributes:
        tier_table: rows from the most severe tier to the unconditional last one.
        tiers: tier -> its settings.
        rules: control id -> rule, in the order of the policy.
        digest: digest of the merged document without `notify`, so that a new address voids no decision.
        names: the documents it was merged from, the shipped default first.
        audiences: who is told of what.
    """

    tier_table: tuple[TierRow, ...]
    tiers: Mapping[int, TierSettings]
    rules: Mapping[str, Rule]
    digest: str
    names: tuple[str, ...]
    audiences: tuple[Audience, ...] = ()

    def tier_of(self, intake: Intake | None) -> TierDecision:
        """The tier of a model; without an intake every fact counts as the worst."""
        return tier_of(self.tier_table, None if intake is None else intake.facts)


# --- obligations -------------------------------------------------------------------------------------------


def obligations(
    policy: Policy,
    catalogue: Catalogue,
    tier: TierDecision,
    intake: Intake | None = None,
    *,
    document: Document | None = None,
) -> tuple[Obligation, ...]:
    """Every control of the policy for one model, those that do not apply with the reason.

    Args:
        policy: the policy.
        catalogue: the catalogue the policy was validated against.
        tier: the model's tier with its reasons.
        intake: the model's intake; None when it is not in the inventory.
        document: the document the intake was read from, to cite its lines.

    Raises:
        InvalidDocument: a threshold of the intake loosens policy or names nothing that is judged.
    """
    faults = threshold_faults(policy, catalogue, intake, document=document)
    if faults:
        raise InvalidDocument(faults)
    return tuple(
        _obligation(policy, catalogue, tier, intake, rule=rule, document=document)
        for rule in policy.rules.values()
    )


def _obligation(
    policy: Policy,
    catalogue: Catalogue,
    tier: TierDecision,
    intake: Intake | None,
    *,
    rule: Rule,
    document: Document | None,
) -> Obligation:
    control = catalogue.controls[rule.control]
    asked = intake is not None and rule.metric in intake.thresholds
    applied = limits(rule, intake, catalogue=catalogue, document=document)
    return Obligation(
        control=control,
        rule=applied,
        on_inconclusive=rule.on_inconclusive.get(tier.tier, policy.tiers[tier.tier].on_inconclusive),
        not_applicable=_not_applicable(rule, control, tier, intake, asked=asked),
        why=tuple(_why(rule, applied, tier, intake, control=control, catalogue=catalogue)),
    )


def _not_applicable(
    rule: Rule, control: Control, tier: TierDecision, intake: Intake | None, *, asked: bool
) -> str | None:
    if intake is not None and intake.task not in control.tasks:
        return f"It judges {_tasks_in_words(control)}; the task of this model is {_in_words(intake.task)}"
    if tier.tier not in rule.tiers and not asked:
        return f"Tier {tier.tier} does not require it ({rule.source})"
    if rule.is_slot and not asked:
        return f"No threshold for {rule.metric} is set, by policy ({rule.source}) or by the intake"
    return None if intake is None else _spared_by_intake(rule, intake)


def _tasks_in_words(control: Control) -> str:
    return " and ".join(_in_words(task) for task in control.tasks)


def _in_words(task: Task) -> str:
    return task.value.replace("_", " ")


def _spared_by_intake(rule: Rule, intake: Intake) -> str | None:
    if rule.metric == "ids_seen_in_training" and intake.data.id is None:
        return "The intake names no column that identifies an entity (`data.id`)"
    # Only a model without people may go without groups: taking attributes away must never help.
    affects_nobody = intake.facts.affects is Affects.NOBODY
    if rule.scope is Scope.GROUPS and not intake.data.sensitive and affects_nobody:
        return "The model affects nobody, and the intake names no sensitive attributes"
    return None


def _why(
    rule: Rule,
    applied: Rule,
    tier: TierDecision,
    intake: Intake | None,
    *,
    control: Control,
    catalogue: Catalogue,
) -> Iterator[str]:
    if tier.tier in rule.tiers:
        yield f"Policy requires it in tier {tier.tier} ({rule.source})"
        yield tier.sentence
    if intake is not None and rule.metric in intake.thresholds:
        line = applied.sources[-1] if applied.sources != rule.sources else "the intake"
        yield f"The intake sets {rule.metric} to {intake.thresholds[rule.metric]:g} ({line})"
    for clause in control.mappings:
        yield f"It is evidence for {catalogue.framework_of(clause).title}, {clause.clause} ({clause})"


def limits(
    rule: Rule, intake: Intake | None, *, catalogue: Catalogue, document: Document | None = None
) -> Rule:
    """The rule with the model's own threshold applied, which may only tighten it.

    Raises:
        InvalidDocument: the threshold loosens the rule, or lies where the metric cannot be.
    """
    if intake is None or rule.metric not in intake.thresholds:
        return rule
    faults = tuple(_tightening_faults(rule, intake, catalogue=catalogue, document=_located(document)))
    if faults:
        raise InvalidDocument(faults)
    asked = _asked(rule, intake.thresholds[rule.metric], catalogue.metrics[rule.metric])
    place = None if document is None else document.place("thresholds", rule.metric)
    return replace(
        rule,
        floor=_tighter(rule.floor, asked.floor, max),
        ceiling=_tighter(rule.ceiling, asked.ceiling, min),
        sources=rule.sources if place is None else (*rule.sources, place),
    )


def threshold_faults(
    policy: Policy, catalogue: Catalogue, intake: Intake | None, *, document: Document | None = None
) -> tuple[Fault, ...]:
    """Everything wrong with an intake's `thresholds` under this policy."""
    if intake is None:
        return ()
    judged = {
        rule.metric: rule
        for rule in policy.rules.values()
        if intake.task in catalogue.controls[rule.control].tasks
    }
    faults = [
        _located(document).fault(
            "thresholds",
            metric,
            found=f"a threshold for {metric!r}, which no rule judges in {_in_words(intake.task)}",
            expected=one_of(judged),
            remedy=suggestion(metric, judged, otherwise="Remove the line"),
        )
        for metric in intake.thresholds
        if metric not in judged
    ]
    for rule in judged.values():
        if rule.metric in intake.thresholds:
            faults += _tightening_faults(rule, intake, catalogue=catalogue, document=_located(document))
    return in_order(faults)


def _located(document: Document | None) -> Document:
    return Document(data={}, places={}, name="intake") if document is None else document


@dataclass(frozen=True)
class _Bounds:
    floor: float | None = None
    ceiling: float | None = None


def _asked(rule: Rule, threshold: float, metric: Metric) -> _Bounds:
    """Floor and ceiling that a model's threshold stands for."""
    if rule.sets is Direction.FLOOR:
        return _Bounds(floor=threshold)
    if rule.sets is Direction.CEILING:
        return _Bounds(ceiling=threshold)
    if metric.neutral == 1.0:
        return _Bounds(floor=threshold, ceiling=1.0 / threshold)
    return _Bounds(floor=-threshold, ceiling=threshold)


def _tighter(
    policy: float | None, asked: float | None, pick: Callable[[float, float], float]
) -> float | None:
    if policy is None or asked is None:
        return policy if asked is None else asked
    return pick(policy, asked)


def _tightening_faults(
    rule: Rule, intake: Intake, *, catalogue: Catalogue, document: Document
) -> Iterator[Fault]:
    path = ("thresholds", rule.metric)
    threshold, metric = intake.thresholds[rule.metric], catalogue.metrics[rule.metric]
    symmetric = rule.sets is Direction.WITHIN
    ratio = metric.neutral == 1.0
    if symmetric and not (0.0 < threshold <= 1.0 if ratio else threshold > 0.0):
        yield document.fault(
            *path,
            found=f"{threshold:g}",
            expected="above 0 and at most 1: t allows t to 1/t" if ratio else "above 0: t allows −t to t",
            remedy="Write the distance from no difference that is still acceptable",
        )
        return
    if not metric.admits(threshold):
        percent = metric.highest == 1.0 and 1.0 < threshold <= 100.0
        yield document.fault(
            *path,
            found=f"{threshold:g}",
            expected=metric.range_words,
            remedy=f"Write `{rule.metric}: {threshold / 100:g}`"
            if percent
            else f"Write {metric.range_words}",
        )
        return
    asked = _asked(rule, threshold, metric)
    if asked.floor is not None and rule.floor is not None and asked.floor < rule.floor - _ROUNDING:
        yield _loosened(rule, threshold, asked.floor, document, word="at least", limit=rule.floor)
    elif asked.ceiling is not None and rule.ceiling is not None and asked.ceiling > rule.ceiling + _ROUNDING:
        yield _loosened(rule, threshold, asked.ceiling, document, word="at most", limit=rule.ceiling)


_ROUNDING = 1e-12  # 1 / 0.7 has no end; the limit applied is still policy's, see `_tighter`


def _loosened(
    rule: Rule, threshold: float, asked: float, document: Document, *, word: str, limit: float
) -> Fault:
    allowed = "" if asked == threshold else f", which allows {asked:g}"
    return document.fault(
        "thresholds",
        rule.metric,
        found=f"{threshold:g}{allowed}",
        expected=f"{word} {limit:g}, as policy has it ({rule.source})",
        remedy="Write a stricter number or remove the line; a model's threshold may only tighten policy",
    )
