"""How each model stands on a day: in use or not, and whether a decision stands behind that.

What does not belong here: why a version was refused (`modelrisk.portfolio.refusals`) and what to do
(`modelrisk.portfolio.actions`).
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from modelrisk.decisions import Outcome
from modelrisk.identity import ModelVersion
from modelrisk.intake import Task
from modelrisk.inventory import Inventory, InventoryModel, RegisteredVersion
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import (
    DEFAULT_CHAMPION,
    Concern,
    ReviewDay,
    Timeliness,
    champion_alias,
    moved_aliases,
    review_days,
)
from modelrisk.portfolio.books import Books
from modelrisk.portfolio.proofs import Proofs


class Status(StrEnum):
    """How a model stands, the worst first."""

    BYPASSED = "in use past the gate"
    UNPROVEN = "decision cannot be proven"
    REFUSED_IN_USE = "in use although refused"
    UNDECIDED = "in use without a decision"
    OVERDUE = "in use, review overdue"
    HOLDS = "in use, decision holds"
    KEPT_OUT = "refused, not in use"
    WAITING = "releasable, not in use"
    UNREVIEWED = "not reviewed, not in use"
    PLANNED = "declared, not registered"
    GONE = "no longer registered"

    @property
    def is_grave(self) -> bool:
        """Whether a model in use has no decision that holds, or one cannot be proven."""
        return self in _GRAVE

    @property
    def is_in_use(self) -> bool:
        """Whether a version is in use, for certain."""
        return self in _IN_USE


_GRAVE = frozenset(
    {Status.BYPASSED, Status.UNPROVEN, Status.REFUSED_IN_USE, Status.UNDECIDED, Status.OVERDUE}
)
_IN_USE = (_GRAVE | {Status.HOLDS}) - {Status.UNPROVEN}


@dataclass(frozen=True)
class VersionStatus:
    """One version and the decision that counts for it.

    Attributes:
        version: its written form.
        entry: ledger entry of the decision; None when nothing was decided.
        record: digest of the decision's signed record.
        verdict: what was decided.
        evaluated: whether everything could be evaluated; None when nothing was decided.
        decided_on: the day of the decision, UTC.
        due: day by which it is to be reviewed again; None when it is not, or was never reviewed.
        timeliness: how the day stands to that; None for a version nobody waits for.
        fault: why the decision's record cannot be believed; None when it can, or there is none.
        card: file name of its card, in the home's `cards`.
    """

    version: str
    entry: int | None
    record: str | None
    verdict: Outcome | None
    evaluated: bool | None
    decided_on: datetime.date | None
    due: datetime.date | None
    timeliness: Timeliness | None
    fault: str | None
    card: str

    @property
    def number(self) -> str:
        """The version's number, as text."""
        return ModelVersion.from_key(self.version).version


@dataclass(frozen=True)
class ModelStatus:
    """One model.

    Attributes:
        name: its name, as the registry spells it.
        title: its name for people; None when nobody gave one.
        owner: who answers for it; None when nobody does.
        tier: its tier; what nobody declared counts as the worst.
        is_declared: whether there is an intake that can be used; None when no inventory was taken.
        business_area: part of the organisation it serves.
        system: the system it runs in.
        task: what it predicts; None when nobody declared it.
        versions: how many versions are registered.
        status: how it stands.
        in_use: the version in use; None without one.
        candidate: the newest decided version beyond the one in use; None without one.
        rollback_tested: day of the last rollback test; None when never tried or not declared.
        retirement: whether it is declared how it will be taken out of use.
    """

    name: str
    title: str | None
    owner: str | None
    tier: int
    is_declared: bool | None
    business_area: str | None
    system: str | None
    task: Task | None
    versions: int
    status: Status
    in_use: VersionStatus | None
    candidate: VersionStatus | None
    rollback_tested: datetime.date | None
    retirement: bool

    @property
    def versions_of_interest(self) -> tuple[VersionStatus, ...]:
        """The version in use and the candidate, those there are."""
        return tuple(version for version in (self.in_use, self.candidate) if version is not None)

    @property
    def is_candidate_refused(self) -> bool:
        """Whether the newest decision on the candidate refuses it."""
        return self.candidate is not None and self.candidate.verdict is Outcome.REFUSED


# --- the inventory of the day -----------------------------------------------------------------------------


def brought_up_to_date(inventory: Inventory | None, books: Books) -> Inventory | None:
    """The newest snapshot with what the ledger saw after it: releases, and versions decided on.

    Without this a release made after the snapshot would look like an alias moved by hand.
    """
    taken = books.inventory
    if inventory is None or taken is None:
        return inventory
    upto = taken.body.get("upto")
    since = upto if isinstance(upto, int) else taken.seq
    aliases: dict[str, dict[str, str]] = {}
    decided: dict[str, set[str]] = {}
    for event in books.events:
        if event.seq <= since:
            continue
        version = _version_of(event)
        if version is None:
            continue
        decided.setdefault(version.name, set()).add(version.version)
        if event.kind is EventKind.RELEASE_FINISHED:
            alias = str(event.body.get("alias") or DEFAULT_CHAMPION)
            aliases.setdefault(version.name, {})[alias] = version.version
    known = {model.name for model in inventory.models}
    models = [
        _with(model, aliases.get(model.name, {}), decided.get(model.name, set()))
        for model in (*inventory.models, *(InventoryModel(name) for name in decided.keys() - known))
    ]
    return replace(inventory, models=tuple(sorted(models, key=lambda model: model.name)))


def _version_of(event: Event) -> ModelVersion | None:
    if event.kind not in (EventKind.DECISION, EventKind.RELEASE_FINISHED):
        return None
    return ModelVersion.from_key(event.subject)


def _with(model: InventoryModel, aliases: Mapping[str, str], decided: set[str]) -> InventoryModel:
    registered = {version.version for version in model.versions}
    missing = sorted(decided - registered, key=int)
    if not aliases and not missing:
        return model
    versions = [*model.versions, *(RegisteredVersion(number) for number in missing)]
    return replace(
        model,
        versions=tuple(sorted(versions, key=lambda version: int(version.version))),
        aliases={**model.aliases, **aliases},
    )


# --- the statuses -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overview:
    """Every model on a day, and what somebody should act on.

    Attributes:
        models: every model, by name.
        moved: champion aliases that do not stand where the last release put them.
        days: when each version that matters is to be reviewed again.
    """

    models: tuple[ModelStatus, ...]
    moved: tuple[Concern, ...]
    days: tuple[ReviewDay, ...]


def overview_of(books: Books, inventory: Inventory | None, proofs: Proofs) -> Overview:
    """How every model stands.

    Args:
        books: the ledger on that day.
        inventory: the newest snapshot in the books, brought up to date; None when none was taken. Then only
            models somebody decided on are known, and the last release says what is in use.
        proofs: what is known of the decisions' records.
    """
    listed = inventory if inventory is not None else _from_ledger(books)
    moved = () if inventory is None else moved_aliases(inventory, books.releases)
    days = review_days(listed, books.releases, books.decided, today=books.as_of)
    bypassed = {concern.model for concern in moved if concern.grave}
    by_version = {day.version.key: day for day in days}
    newest = _newest_decided(books)
    known = {model.name for model in listed.models}
    models = [
        _status(
            model,
            books=books,
            proofs=proofs,
            days=by_version,
            newest=newest.get(model.name),
            is_bypassed=model.name in bypassed,
            inventory=inventory,
        )
        for model in (*listed.models, *(InventoryModel(name) for name in newest.keys() - known))
    ]
    return Overview(tuple(sorted(models, key=lambda model: model.name)), moved, days)


def _from_ledger(books: Books) -> Inventory:
    """The models the ledger knows, where no snapshot does."""
    versions: dict[str, set[str]] = {}
    for key in (*books.decisions, *books.releases.ever):
        version = ModelVersion.from_key(key)
        versions.setdefault(version.name, set()).add(version.version)
    aliases: dict[str, dict[str, str]] = {}
    for (name, alias), key in books.releases.champions.items():
        aliases.setdefault(name, {})[alias] = ModelVersion.from_key(key).version
    return Inventory(
        schema="",
        policy="",
        models=tuple(
            InventoryModel(
                name,
                tuple(RegisteredVersion(number) for number in sorted(numbers, key=int)),
                aliases.get(name, {}),
            )
            for name, numbers in sorted(versions.items())
        ),
    )


def _newest_decided(books: Books) -> Mapping[str, ModelVersion]:
    """The highest version of each model that was ever decided on."""
    found: dict[str, ModelVersion] = {}
    for key in books.decisions:
        version = ModelVersion.from_key(key)
        if version.name not in found or int(found[version.name].version) < int(version.version):
            found[version.name] = version
    return found


def _status(
    model: InventoryModel,
    *,
    books: Books,
    proofs: Proofs,
    days: Mapping[str, ReviewDay],
    newest: ModelVersion | None,
    is_bypassed: bool,
    inventory: Inventory | None,
) -> ModelStatus:
    used = _in_use(model, books)
    beyond = (
        newest if newest is not None and (used is None or int(newest.version) > int(used.version)) else None
    )
    in_use, candidate = (
        None if version is None else _of_version(version, books, proofs, days) for version in (used, beyond)
    )
    newest_event = books.decisions.get((used or beyond or ModelVersion(model.name, "1")).key)
    view = proofs.of(newest_event)
    declared = model.declaration
    decided = None if newest_event is None else newest_event.body.get("tier")
    return ModelStatus(
        name=model.name,
        title=(declared.title if declared else None) or (view.title if view else None) or None,
        owner=declared.owner if declared else view.owner if view and inventory is None else None,
        tier=declared.tier if declared else decided if isinstance(decided, int) else _worst_tier(inventory),
        is_declared=None if inventory is None else declared is not None and model.fault is None,
        business_area=declared.business_area if declared else None,
        system=declared.system if declared else None,
        task=declared.task if declared else None,
        versions=len(model.versions),
        status=_named(model, in_use, candidate, is_bypassed=is_bypassed),
        in_use=in_use,
        candidate=candidate,
        rollback_tested=declared.rollback_tested if declared else None,
        retirement=declared is not None and bool(declared.retirement),
    )


def _worst_tier(inventory: Inventory | None) -> int:
    return 1 if inventory is None else min(map(int, inventory.review_every), default=1)


def _in_use(model: InventoryModel, books: Books) -> ModelVersion | None:
    """The version the alias is on; where it was taken off, the last one released, if still registered."""
    alias = champion_alias(model)
    aliased = model.aliased(alias)
    if aliased is not None:
        return aliased
    recorded = books.releases.champions.get((model.name, alias))
    version = None if recorded is None else ModelVersion.from_key(recorded)
    registered = {each.version for each in model.versions}
    return version if version is not None and version.version in registered else None


def _of_version(
    version: ModelVersion, books: Books, proofs: Proofs, days: Mapping[str, ReviewDay]
) -> VersionStatus:
    event, decided, day = (
        books.decisions.get(version.key),
        books.decided.get(version.key),
        days.get(version.key),
    )
    verdict = None if event is None else event.body.get("verdict")
    return VersionStatus(
        version=version.key,
        entry=None if event is None else event.seq,
        record=None if event is None else str(event.body.get("record")),
        verdict=Outcome.RELEASABLE
        if verdict == Outcome.RELEASABLE
        else None
        if event is None
        else Outcome.REFUSED,
        evaluated=None if event is None else event.is_reusable,
        decided_on=None if event is None else datetime.datetime.fromisoformat(event.at).date(),
        due=None if day is None or decided is None else day.due,
        timeliness=None if day is None else day.timeliness,
        fault=None if event is None else proofs.faults.get(event.seq),
        card=f"{version.file_stem}.html",
    )


def _named(
    model: InventoryModel, in_use: VersionStatus | None, candidate: VersionStatus | None, *, is_bypassed: bool
) -> Status:
    if in_use is not None:
        return Status.BYPASSED if is_bypassed else _named_in_use(in_use)
    if candidate is not None:
        if not model.versions:
            return Status.GONE
        if candidate.fault is not None:
            return Status.UNPROVEN
        return Status.WAITING if candidate.verdict is Outcome.RELEASABLE else Status.KEPT_OUT
    return Status.UNREVIEWED if model.versions else Status.PLANNED


def _named_in_use(version: VersionStatus) -> Status:
    if version.verdict is None:
        return Status.UNDECIDED
    if version.fault is not None:
        return Status.UNPROVEN
    if version.verdict is Outcome.REFUSED:
        return Status.REFUSED_IN_USE
    return Status.OVERDUE if version.timeliness is Timeliness.OVERDUE else Status.HOLDS


def of_interest(overview: Overview) -> Iterator[int]:
    """The ledger entries of the decisions whose records a report looks into."""
    for model in overview.models:
        for version in model.versions_of_interest:
            if version.entry is not None:
                yield version.entry
