"""What to do next, and why in that order.

The order: what cannot be believed before what is known; models in use before those that are not; within that
the higher inherent risk (the lower tier), then the name. Nothing is weighed or scored: who reads the list can
follow it.

What does not belong here: doing any of it.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.oversight import Concern, Timeliness
from modelrisk.portfolio.refusals import Refusal
from modelrisk.portfolio.statuses import ModelStatus, Overview, Status, VersionStatus

ROLLBACK_TIERS = 2
"""Policy as shipped asks a tested way back of tiers 1 and 2."""


class Why(StrEnum):
    """Why something is to be done, the most urgent first."""

    LEDGER_BROKEN = "the ledger is not whole, so nothing after the break is proven"
    UNPROVEN = "a decision cannot be proven"
    BYPASSED = "in use without having passed the gate"
    REFUSED_IN_USE = "in use although its newest decision refuses it"
    UNDECIDED = "in use, and nobody has decided on it"
    OVERDUE = "in use, and its decision is older than policy allows"
    UNDECLARED_IN_USE = "in use, and nobody answers for it"
    UNFINISHED = "its release was begun, or its alias taken away, and nobody finished"
    KEPT_OUT = "refused, so what it is for waits"
    DUE = "in use, and its review falls due soon"
    ROLLBACK = "in use, and nobody has tried the way back"
    WAITING = "releasable, and waits for its release"
    UNDECLARED = "registered, and nobody declared it"


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        why: why it stands at this place of the list.
        model: the model's name; empty for something about the whole platform.
        tier: the model's tier; None without a model.
        owner: who does it; None when nobody answers for the model.
        statement: what is the matter, in one sentence without its full stop.
        next_step: what to do, as an imperative sentence without its full stop.
        by: the day it is due; None when at once.
    """

    why: Why
    model: str
    tier: int | None
    owner: str | None
    statement: str
    next_step: str
    by: datetime.date | None = None


def actions_of(
    overview: Overview,
    *,
    refused: Iterable[Refusal],
    undeclared: Sequence[Concern],
    ledger_fault: str | None,
    unproven_before: int,
) -> tuple[Action, ...]:
    """Everything to be done, in order.

    Args:
        overview: how every model stands.
        refused: refused versions, with reasons.
        undeclared: models without a usable intake.
        ledger_fault: why the ledger is not whole; None when it is.
        unproven_before: earlier decisions, not standing for any model now, that cannot be proven.
    """
    reasons = {one.version.version: one for one in refused}
    found: list[Action] = []
    if ledger_fault is not None:
        found.append(_of_platform(Why.LEDGER_BROKEN, ledger_fault, _LEDGER_REMEDY))
    if unproven_before:
        statement = f"decisions that no longer stand for a model cannot be believed: {unproven_before}"
        found.append(_of_platform(Why.UNPROVEN, statement, _LEDGER_REMEDY))
    moved = {concern.model: concern for concern in overview.moved}
    gaps = {concern.model: concern for concern in undeclared}
    for model in overview.models:
        found += _actions(model, reasons=reasons, moved=moved.get(model.name), gap=gaps.get(model.name))
    order = list(Why)
    return tuple(
        sorted(
            found,
            key=lambda one: (order.index(one.why), one.tier or 0, one.by or datetime.date.max, one.model),
        )
    )


_LEDGER_REMEDY = "Run `model-risk ledger verify`, and restore ledger and evidence from a backup"


def _of_platform(why: Why, statement: str, next_step: str) -> Action:
    return Action(why, "", None, None, statement, next_step)


def _actions(
    model: ModelStatus, *, reasons: Mapping[str, Refusal], moved: Concern | None, gap: Concern | None
) -> Iterator[Action]:
    for version in model.versions_of_interest:
        if version.fault is not None:
            again = f"run `model-risk review {version.version} --fresh`"
            remedy = f"Restore the evidence store from a backup, or {again}"
            yield _action(Why.UNPROVEN, model, f"{_number(version)}: {version.fault}", remedy)
    if moved is not None:
        why = Why.BYPASSED if moved.grave else Why.UNFINISHED
        # An alias nobody released before is told of as a version in use without a decision, if it is one.
        if moved.grave or model.status is not Status.UNDECIDED:
            yield _action(why, model, moved.statement, moved.remedy)
    yield from _of_use(model, reasons)
    if gap is not None:
        why = Why.UNDECLARED_IN_USE if model.in_use is not None else Why.UNDECLARED
        yield _action(why, model, gap.statement, gap.remedy)


def _of_use(model: ModelStatus, reasons: Mapping[str, Refusal]) -> Iterator[Action]:
    used, candidate = model.in_use, model.candidate
    if used is not None and model.status is Status.REFUSED_IN_USE:
        yield _refused(Why.REFUSED_IN_USE, model, reasons[used.version])
    elif used is not None and model.status is Status.UNDECIDED:
        yield _action(
            Why.UNDECIDED,
            model,
            f"{_number(used)} was never decided on",
            f"Run `model-risk review {used.version}`",
        )
    elif used is not None and used.timeliness in (Timeliness.OVERDUE, Timeliness.DUE):
        is_late = used.timeliness is Timeliness.OVERDUE
        yield _action(
            Why.OVERDUE if is_late else Why.DUE,
            model,
            f"{_number(used)} {'was' if is_late else 'is'} due for review by {used.due}",
            f"Run `model-risk review {used.version} --fresh`",
            by=used.due,
        )
    if (
        used is not None
        and model.is_declared
        and model.rollback_tested is None
        and model.tier <= ROLLBACK_TIERS
    ):
        yield _action(
            Why.ROLLBACK,
            model,
            "no test of the way back is declared",
            "Try the rollback, and write its day into the intake (`rollback: tested:`)",
        )
    if candidate is None or candidate.fault is not None:
        return
    if model.is_candidate_refused:
        yield _refused(Why.KEPT_OUT, model, reasons[candidate.version])
    else:
        yield _action(
            Why.WAITING,
            model,
            f"{_number(candidate)} is releasable since {candidate.decided_on}",
            f"Run `model-risk release {candidate.version}`, or say why not",
        )


def _refused(why: Why, model: ModelStatus, refusal: Refusal) -> Action:
    if not refusal.reasons:
        statement = f"{_number(refusal.version)}: {refusal.headline or 'refused'}"
        return _action(why, model, statement, f"Run `model-risk review {refusal.version.version}` to see why")
    first, more = refusal.reasons[0], len(refusal.reasons) - 1
    also = f", and {more} more gate{'s' if more > 1 else ''}" if more else ""
    verdict = first.verdict.replace("_", " ")
    return _action(
        why, model, f"{_number(refusal.version)}: \u201c{first.title}\u201d is {verdict}{also}", first.remedy
    )


def _number(version: VersionStatus) -> str:
    return f"version {version.number}"


def _action(
    why: Why, model: ModelStatus, statement: str, next_step: str, *, by: datetime.date | None = None
) -> Action:
    return Action(why, model.name, model.tier, model.owner, statement, next_step.removesuffix("."), by)


# --- what leadership is asked for -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """What leadership is asked to see to: everything that is to be done for the same reason.

    Attributes:
        why: the reason.
        request: what is asked, as an imperative sentence without its full stop; it ends where models follow.
        models: the models it is about, in the order of the actions; empty for the whole platform.
        owners: who answers for them, each once; models nobody answers for have none.
        worst_tier: the lowest tier among them; None for the whole platform.
    """

    why: Why
    request: str
    models: tuple[str, ...]
    owners: tuple[str, ...]
    worst_tier: int | None


_REQUESTS = {
    Why.LEDGER_BROKEN: "Have the ledger restored from a backup, and find out who could change it",
    Why.UNPROVEN: "Have the missing evidence restored from a backup, or the decision made anew",
    Why.BYPASSED: "Find out who put this into use past the gate, and have it taken back",
    Why.REFUSED_IN_USE: "Decide whether this stays in use although it is refused",
    Why.UNDECIDED: "Have this reviewed: it is in use without a decision",
    Why.OVERDUE: "Have this reviewed again: its decision is older than policy allows",
    Why.UNDECLARED_IN_USE: "Name who answers for this: it is in use, and nobody does",
    Why.KEPT_OUT: "Ask the owners when this will pass its gates: its newest version is refused",
    Why.ROLLBACK: "Have the way back tried: it is in use without",
    Why.UNDECLARED: "Name who answers for this, or have it removed from the registry",
}


def asks_of(actions: Iterable[Action]) -> tuple[Ask, ...]:
    """What leadership is asked for, in the order of the actions; what runs its course is left out."""
    by_reason: dict[Why, list[Action]] = {}
    for action in actions:
        if action.why in _REQUESTS:
            by_reason.setdefault(action.why, []).append(action)
    return tuple(
        Ask(
            why=why,
            request=_REQUESTS[why],
            models=tuple(dict.fromkeys(action.model for action in alike if action.model)),
            owners=tuple(dict.fromkeys(action.owner for action in alike if action.owner)),
            worst_tier=min((action.tier for action in alike if action.tier is not None), default=None),
        )
        for why, alike in by_reason.items()
    )
