"""What changed between two days, model by model, most important first.

What does not belong here: how a model stands on one day (`modelrisk.portfolio.statuses`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.decisions import Outcome
from modelrisk.identity import ModelVersion
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import DEFAULT_CHAMPION, RAISED
from modelrisk.portfolio.books import Books, day_of
from modelrisk.portfolio.statuses import ModelStatus, Overview, Status


class Kind(StrEnum):
    """What kind of change, the most important first."""

    WORSE = "worse"
    RELEASED = "released"
    BETTER = "better"
    REFUSED = "refused"
    NEW = "new"
    TIER = "tier"
    DECLARED = "declared"
    GONE = "gone"


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        kind: what kind.
        model: the model's name.
        statement: what changed, in one sentence without its full stop.
        tier: the model's tier now.
    """

    kind: Kind
    model: str
    statement: str
    tier: int


@dataclass(frozen=True)
class Activity:
    """How much was done.

    Attributes:
        decisions: decisions recorded.
        refused: those of them that refused.
        previews: previews.
        attempts_failed: reviews that broke off without a decision.
        releases: finished releases.
        alerts: alerts raised.
    """

    decisions: int
    refused: int
    previews: int
    attempts_failed: int
    releases: int
    alerts: int


def activity_of(books: Books) -> Activity:
    """How much stands in the entries."""
    decisions = list(books.of(EventKind.DECISION))
    return Activity(
        decisions=len(decisions),
        refused=sum(event.body.get("verdict") != Outcome.RELEASABLE for event in decisions),
        previews=sum(1 for _ in books.of(EventKind.PREVIEW)),
        attempts_failed=sum(1 for _ in books.of(EventKind.REVIEW_ATTEMPT_FAILED)),
        releases=sum(1 for _ in books.of(EventKind.RELEASE_FINISHED)),
        alerts=sum(event.body.get("state") == RAISED for event in books.of(EventKind.ALERT)),
    )


def changes_between(
    before: Overview, now: Overview, *, within: Books, inventory_before: bool
) -> tuple[Change, ...]:
    """What is different now.

    Args:
        before: how every model stood.
        now: how every model stands.
        within: the entries added in between.
        inventory_before: whether an inventory had been taken by then; else every model would look new.
    """
    earlier = {model.name: model for model in before.models}
    released = _released(within)
    found = [
        change
        for model in now.models
        for change in _changes(
            model, earlier.get(model.name), released.get(model.name), tell_new=inventory_before
        )
    ]
    found += [
        Change(Kind.GONE, model.name, "it is no longer in the inventory", model.tier)
        for name, model in earlier.items()
        if name not in {model.name for model in now.models}
    ]
    order = list(Kind)
    return tuple(sorted(found, key=lambda one: (order.index(one.kind), one.tier, one.model)))


def _released(within: Books) -> Mapping[str, Event]:
    """The newest release of each model to the alias of the version in use."""
    return {
        ModelVersion.from_key(event.subject).name: event for event in within.of(EventKind.RELEASE_FINISHED)
    }


def _changes(
    model: ModelStatus, before: ModelStatus | None, released: Event | None, *, tell_new: bool
) -> Iterator[Change]:
    if released is not None:
        number = ModelVersion.from_key(released.subject).version
        by = released.body.get("by")
        alias = str(released.body.get("alias") or DEFAULT_CHAMPION)
        asked = f", asked for by {by}" if by else ""
        yield _change(
            Kind.RELEASED, model, f"version {number} was released as `{alias}` on {day_of(released)}{asked}"
        )
    if before is None:
        if tell_new or model.status.is_grave:
            yield _change(
                Kind.WORSE if model.status.is_grave else Kind.NEW,
                model,
                f"new to the inventory: {model.status}",
            )
        return
    if model.status is not before.status and not (released is not None and model.status is Status.HOLDS):
        yield _change(
            _direction(before.status, model.status), model, f"{model.status}; before: {before.status}"
        )
    if model.in_use is not None and model.candidate is not None and _is_newly_refused(model, before):
        statement = f"version {model.candidate.number} was refused; version {model.in_use.number} stays"
        yield _change(Kind.REFUSED, model, statement)
    if model.tier != before.tier:
        yield _change(Kind.TIER, model, f"tier {model.tier}; before: tier {before.tier}")
    if model.is_declared is not before.is_declared:
        statement = (
            "an intake declares it now" if model.is_declared else "no usable intake declares it any more"
        )
        yield _change(Kind.DECLARED, model, statement)


def _is_newly_refused(model: ModelStatus, before: ModelStatus) -> bool:
    decided, earlier = model.candidate, before.candidate
    is_new = decided is not None and (earlier is None or earlier.entry != decided.entry)
    return is_new and model.is_candidate_refused


def _direction(before: Status, now: Status) -> Kind:
    if now.is_grave:
        return Kind.WORSE
    if before.is_grave:
        return Kind.BETTER
    return Kind.REFUSED if now is Status.KEPT_OUT else Kind.GONE if now is Status.GONE else Kind.NEW


def _change(kind: Kind, model: ModelStatus, statement: str) -> Change:
    return Change(kind, model.name, statement, model.tier)
