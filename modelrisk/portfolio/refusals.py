"""What was refused and why, which gates passed narrowly, and how groups compare: read out of the records.

What does not belong here: judging anything again. Verdicts are those of the signed records.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from modelrisk.decisions import ControlResult, Outcome, binding_estimate
from modelrisk.estimates import Estimate
from modelrisk.portfolio.books import Books
from modelrisk.portfolio.proofs import DecisionView, Proofs
from modelrisk.portfolio.statuses import ModelStatus, VersionStatus
from modelrisk.verdicts import Verdict

FAIRNESS = "evaluation/fairness"
"""The stage whose gates compare groups."""


@dataclass(frozen=True)
class Reason:
    """One gate that refuses a version.

    Attributes:
        control: the gate's id.
        title: the gate in a few words.
        verdict: its verdict.
        reason: why, with numbers.
        remedy: what to do next.
    """

    control: str
    title: str
    verdict: Verdict
    reason: str
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """A refused version that is in use, or the newest of its model.

    Attributes:
        model: the model's name.
        tier: its tier.
        owner: who answers for it; None when nobody does.
        version: the version refused.
        is_in_use: whether it is in use all the same.
        headline: the decision in one sentence; None when its record cannot be believed.
        reasons: every gate that blocks, in the record's order.
    """

    model: str
    tier: int
    owner: str | None
    version: VersionStatus
    is_in_use: bool
    headline: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Margin:
    """A gate that a version in use passed, and how narrowly.

    Attributes:
        model: the model's name.
        version: the version's written form.
        control: the gate's id.
        title: the gate in a few words.
        estimate: the estimate that bound, with its interval.
        floor: lower limit; None without one.
        ceiling: upper limit; None without one.
        margin: distance of the bound to the limit, in the metric's units, at least 0.
        room: that distance as a share of the one from the estimate to the limit, 0 to 1; 0 is just met.
    """

    model: str
    version: str
    control: str
    title: str
    estimate: Estimate
    floor: float | None
    ceiling: float | None
    margin: float
    room: float


@dataclass(frozen=True)
class GroupGate:
    """What a gate on groups said of a version.

    Attributes:
        model: the model's name.
        version: the version's written form.
        is_in_use: whether it is in use.
        control: the gate's id.
        title: the gate in a few words.
        verdict: its verdict.
        estimate: the group that decided; None when nothing was measured.
        floor: lower limit; None without one.
        ceiling: upper limit; None without one.
        groups: how many comparisons were judged.
    """

    model: str
    version: str
    is_in_use: bool
    control: str
    title: str
    verdict: Verdict
    estimate: Estimate | None
    floor: float | None
    ceiling: float | None
    groups: int


def refusals(models: Iterable[ModelStatus], books: Books, proofs: Proofs) -> tuple[Refusal, ...]:
    """Every refused version that is in use or its model's newest; those in use first, then by tier."""
    found = [
        _refusal(model, version, proofs.of(books.decisions.get(version.version)))
        for model, version in _versions(models)
        if version.verdict is Outcome.REFUSED
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_in_use, one.tier, one.model)))


def _versions(models: Iterable[ModelStatus]) -> Iterator[tuple[ModelStatus, VersionStatus]]:
    return ((model, version) for model in models for version in model.versions_of_interest)


def _refusal(model: ModelStatus, version: VersionStatus, view: DecisionView | None) -> Refusal:
    return Refusal(
        model=model.name,
        tier=model.tier,
        owner=model.owner,
        version=version,
        is_in_use=version is model.in_use,
        headline=None if view is None else view.headline,
        reasons=()
        if view is None
        else tuple(
            Reason(control.id, control.title, control.verdict, control.reason, control.remedy)
            for control in view.blocking
        ),
    )


def narrowest_margins(models: Iterable[ModelStatus], books: Books, proofs: Proofs) -> tuple[Margin, ...]:
    """The gates that versions in use passed, the narrowest first: where the next data may say no.

    Units differ from gate to gate, so they are ordered by how much of the room between estimate and limit the
    interval left over.
    """
    found: list[Margin] = []
    for model in models:
        view = None if model.in_use is None else proofs.of(books.decisions.get(model.in_use.version))
        if view is not None and model.in_use is not None:
            found += _margins(model, model.in_use, view)
    return tuple(sorted(found, key=lambda one: (one.room, one.model, one.control)))


def _margins(model: ModelStatus, version: VersionStatus, view: DecisionView) -> Iterator[Margin]:
    for control in view.controls:
        estimate = _measured(control)
        if control.verdict is not Verdict.PASSED or estimate is None or estimate.value is None:
            continue
        if control.rule is None or control.margin is None or control.margin < 0.0:
            continue
        floor, ceiling = control.rule.floor, control.rule.ceiling
        distance = min(abs(estimate.value - limit) for limit in (floor, ceiling) if limit is not None)
        room = control.margin / distance if distance > 0.0 else 0.0
        yield Margin(
            model=model.name,
            version=version.version,
            control=control.id,
            title=control.title,
            estimate=estimate,
            floor=floor,
            ceiling=ceiling,
            margin=control.margin,
            room=min(1.0, room),
        )


def group_gates(models: Iterable[ModelStatus], books: Books, proofs: Proofs) -> tuple[GroupGate, ...]:
    """What gates on groups said of every version in use or newest; what did not pass first."""
    found = [
        GroupGate(
            model=model.name,
            version=version.version,
            is_in_use=version is model.in_use,
            control=control.id,
            title=control.title,
            verdict=control.verdict,
            estimate=_measured(control),
            floor=None if control.rule is None else control.rule.floor,
            ceiling=None if control.rule is None else control.rule.ceiling,
            groups=len(control.estimates),
        )
        for model, version in _versions(models)
        if (view := proofs.of(books.decisions.get(version.version))) is not None
        for control in view.controls
        if control.asset == FAIRNESS and control.verdict is not Verdict.NOT_APPLICABLE
    ]
    return tuple(
        sorted(found, key=lambda one: (_ORDER[one.verdict], not one.is_in_use, one.model, one.control))
    )


_ORDER = {
    verdict: place
    for place, verdict in enumerate(
        (
            Verdict.FAILED,
            Verdict.NOT_EVALUABLE,
            Verdict.INCONCLUSIVE,
            Verdict.WAIVED,
            Verdict.PASSED,
            Verdict.NOT_APPLICABLE,
        )
    )
}


def _measured(control: ControlResult) -> Estimate | None:
    """The estimate that bound, without what its interval was computed from; None for a mere count."""
    estimate = binding_estimate(control)
    return None if estimate is None or estimate.method == "census" else replace(estimate, inputs={})
