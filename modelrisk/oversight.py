"""What an inventory snapshot and the ledger say together: undecided uses, undeclared models, late reviews.

The registry keeps no history, so a moved alias is only seen by holding it against the ledger's releases.
Order is the ledger's, and a day is compared only with a day: a clock set back can postpone no review.

What does not belong here: taking the snapshot (`resources.inventories`) and telling people of a concern
(`modelrisk.news`).
"""

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from modelrisk.decisions import Outcome
from modelrisk.evidence import digest_of
from modelrisk.identity import ModelVersion
from modelrisk.inventory import Inventory, InventoryModel
from modelrisk.ledger import Event, EventKind

DEFAULT_CHAMPION = "champion"
"""The alias of the version in use, of a model without an intake."""
MOST_DAYS_AHEAD = 14
SHARE_AHEAD = 0.15
"""A review is asked for this share of its period before it falls due, and at most `MOST_DAYS_AHEAD` days."""


class About(StrEnum):
    """What a concern is about."""

    ALIAS_MOVED = "alias_moved"
    UNDECLARED = "undeclared"
    REVIEW_OVERDUE = "review_overdue"


@dataclass(frozen=True)
class Concern:
    """Something about a model that somebody should know and act on.

    Attributes:
        about: what kind of thing it is.
        subject: what it is about, a version's written form or a model's name.
        model: the model's name.
        grave: whether it makes a check red; amber otherwise.
        statement: what is the matter, in one sentence without its full stop.
        remedy: what to do, as an imperative sentence without its full stop.
        owner: who answers for the model; None when nobody does.
        detail: what tells this occurrence from the next one of the same kind.
    """

    about: About
    subject: str
    model: str
    grave: bool
    statement: str
    remedy: str
    owner: str | None
    detail: str

    @property
    def key(self) -> str:
        """Digest that tells this concern from every other, and stays the same while it lasts."""
        return digest_of({"about": self.about, "subject": self.subject, "detail": self.detail})


# --- alerts ----------------------------------------------------------------------------------------------

RAISED, CLEARED = "raised", "cleared"


@dataclass(frozen=True)
class Alert:
    """A change of a concern's standing, to be noted in the ledger.

    Attributes:
        key: the concern's key.
        subject: the concern's subject.
        body: what the ledger entry says.
    """

    key: str
    subject: str
    body: Mapping[str, str | None]


def alerts(concerns: Iterable[Concern], events: Iterable[Event]) -> tuple[Alert, ...]:
    """What is to be noted: grave concerns not noted yet, and noted ones that are over.

    A concern is noted once while it lasts, and again when it comes back after it was over.

    Args:
        concerns: those that hold now; only grave ones are noted.
        events: earlier alerts, in order; others are passed over.
    """
    standing = {event.key: event for event in events if event.kind is EventKind.ALERT and event.key}
    noted = {key: event for key, event in standing.items() if event.body.get("state") == RAISED}
    now = {concern.key: concern for concern in concerns if concern.grave}
    raised = [
        Alert(
            key,
            concern.subject,
            {
                "state": RAISED,
                "about": concern.about.value,
                "model": concern.model,
                "owner": concern.owner,
                "statement": concern.statement,
                "remedy": concern.remedy,
            },
        )
        for key, concern in now.items()
        if key not in noted
    ]
    over = [
        Alert(key, event.subject, {"state": CLEARED, "about": str(event.body.get("about"))})
        for key, event in noted.items()
        if key not in now
    ]
    return (*raised, *over)


# --- releases --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Releases:
    """Who the ledger says is in use, by (model, alias).

    Attributes:
        champions: the subject of the last finished release.
        begun: subjects of releases that were started and not finished.
        ever: every subject that was ever released.
    """

    champions: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    begun: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    ever: frozenset[str] = frozenset()


def releases_of(events: Iterable[Event], *, upto: int | None = None) -> Releases:
    """Who is in use after the releases among some events.

    Args:
        events: started and finished releases, in order; others are passed over.
        upto: no entry after this one counts; all count when None.
    """
    champions: dict[tuple[str, str], str] = {}
    begun: dict[tuple[str, str], str] = {}
    ever: set[str] = set()
    for event in events:
        if upto is not None and event.seq > upto:
            break
        if event.kind not in (EventKind.RELEASE_STARTED, EventKind.RELEASE_FINISHED):
            continue
        place = (ModelVersion.from_key(event.subject).name, str(event.body.get("alias") or DEFAULT_CHAMPION))
        if event.kind is EventKind.RELEASE_STARTED:
            begun[place] = event.subject
        else:
            champions[place] = event.subject
            ever.add(event.subject)
            if begun.get(place) == event.subject:
                del begun[place]
    return Releases(champions, begun, frozenset(ever))


def champion_alias(model: InventoryModel) -> str:
    """The alias of the version in use."""
    return DEFAULT_CHAMPION if model.declaration is None else model.declaration.champion


def moved_aliases(inventory: Inventory, releases: Releases) -> tuple[Concern, ...]:
    """Every champion alias that does not stand where the last finished release put it.

    Grave where the alias points at a version that no finished release put there. Not grave, but to be put in
    order: an alias from before the first release (adopted), one taken away, and a release that was
    interrupted between moving the alias and recording the end.
    """
    return tuple(
        concern for model in inventory.models if (concern := _moved(model, releases=releases)) is not None
    )


def _moved(model: InventoryModel, *, releases: Releases) -> Concern | None:
    alias = champion_alias(model)
    place = (model.name, alias)
    recorded, begun, aliased = releases.champions.get(place), releases.begun.get(place), model.aliased(alias)
    now = None if aliased is None else aliased.key
    if now == recorded:
        return None
    if now is not None and now == begun:
        statement = f"the release of {now} was begun and its end was not recorded"
        grave, remedy = False, f"Run `model-risk release {now}` to complete it"
    elif recorded is None:
        statement = f"alias `{alias}` is on {now}, which no release put there (adopted, unreviewed)"
        grave, remedy = False, f"Run `model-risk review {now}`, then `model-risk release {now}`"
    elif now is None:
        statement = f"alias `{alias}` was taken off {recorded}, the last version released"
        grave, remedy = False, f"Run `model-risk release {recorded}` to put it back"
    else:
        statement = f"alias `{alias}` is on {now}, and the last version released was {recorded}"
        grave = True
        remedy = f"Run `model-risk release {recorded}` to put it back, or review and release {now}"
    return Concern(
        about=About.ALIAS_MOVED,
        subject=now or recorded or model.name,
        model=model.name,
        grave=grave,
        statement=statement,
        remedy=remedy,
        owner=_owner(model),
        detail=f"{alias}: {recorded} -> {now}",
    )


def _owner(model: InventoryModel) -> str | None:
    return None if model.declaration is None else model.declaration.owner


# --- declarations ----------------------------------------------------------------------------------------


def undeclared_models(inventory: Inventory) -> tuple[Concern, ...]:
    """Every registered model without a usable intake, and every intake file that is faulty.

    Grave where a version is in use: it carries the champion alias.
    """
    found: list[Concern] = []
    for model in inventory.models:
        if model.fault is None and (model.declaration is not None or not model.versions):
            continue
        in_use = model.aliased(champion_alias(model)) is not None
        if model.fault is not None:
            statement, remedy = (
                f"its intake is faulty: {model.fault}",
                "Mend it; `model-risk check` lists all",
            )
        else:
            statement = "it is registered, and no intake declares it"
            remedy = "Write its intake file into the governance directory; `model-risk init` makes a template"
        found.append(
            Concern(
                about=About.UNDECLARED,
                subject=model.name,
                model=model.name,
                grave=in_use,
                statement=statement,
                remedy=remedy,
                owner=_owner(model),
                detail=model.fault or "",
            )
        )
    return tuple(found)


# --- cadence ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """The newest decision on a version, and the newest one that evaluated everything.

    Attributes:
        verdict: the newest one's verdict.
        tier: the newest one's tier.
        reviewed: day of the newest decision for which nothing was missing; None when there was none. A
            review that could not evaluate the model is no review.
        sequence: ledger entry of the newest decision.
    """

    verdict: str
    tier: int | None
    reviewed: datetime.date | None
    sequence: int


def decisions_of(events: Iterable[Event]) -> Mapping[str, Decided]:
    """What was last decided on each version, by its written form.

    Args:
        events: decisions, in order; others are passed over.
    """
    found: dict[str, Decided] = {}
    for event in events:
        if event.kind is not EventKind.DECISION:
            continue
        before = found.get(event.subject)
        tier = event.body.get("tier")
        found[event.subject] = Decided(
            verdict=str(event.body.get("verdict")),
            tier=tier if isinstance(tier, int) else None,
            reviewed=_day(event.at) if event.is_reusable else (None if before is None else before.reviewed),
            sequence=event.seq,
        )
    return found


def _day(at: str) -> datetime.date:
    return datetime.datetime.fromisoformat(at).date()


class Timeliness(StrEnum):
    """How a review stands to its day."""

    ON_TIME = "on time"
    DUE = "due"
    OVERDUE = "overdue"
    NEVER = "never reviewed"


@dataclass(frozen=True)
class ReviewDay:
    """When a version that matters is to be reviewed again.

    Attributes:
        version: which one.
        owner: who answers for the model; None when nobody does.
        tier: the tier whose period counts.
        in_use: whether it is the champion, by registry or ledger; else it is releasable and waits.
        reviewed: day of the last review; None without one.
        due: the last day on which the next review is on time; None without a review to count from.
        ask_from: the day from which the next review is asked for.
        timeliness: how today stands to that.
    """

    version: ModelVersion
    owner: str | None
    tier: int
    in_use: bool
    reviewed: datetime.date | None
    due: datetime.date | None
    ask_from: datetime.date | None
    timeliness: Timeliness


def review_days(
    inventory: Inventory, releases: Releases, decisions: Mapping[str, Decided], *, today: datetime.date
) -> tuple[ReviewDay, ...]:
    """When each version in use, and each releasable one newer than it, is to be reviewed again.

    The day is the last review plus the tier's `review_every`, or the intake's `next_review` where that comes
    first and after the last review. A review dated after today (the clock was set back) counts as of today.
    """
    found: list[ReviewDay] = []
    for model in inventory.models:
        for version, in_use in _that_matter(model, releases=releases, decisions=decisions):
            decided = decisions.get(version.key)
            found.append(_review_day(model, version, inventory, decided, in_use=in_use, today=today))
    return tuple(found)


def _that_matter(
    model: InventoryModel, *, releases: Releases, decisions: Mapping[str, Decided]
) -> Iterator[tuple[ModelVersion, bool]]:
    alias = champion_alias(model)
    aliased = model.aliased(alias)
    recorded = releases.champions.get((model.name, alias))
    used = {version for version in (aliased, recorded and ModelVersion.from_key(recorded)) if version}
    registered = {version.version for version in model.versions}
    yield from ((version, True) for version in sorted(used) if version.version in registered)
    newest_used = max((int(version.version) for version in used), default=0)
    for each in reversed(model.versions):
        version = ModelVersion(model.name, each.version)
        if int(each.version) <= newest_used:
            return
        decided = decisions.get(version.key)
        if decided is not None and decided.verdict == Outcome.RELEASABLE:
            yield version, False
            return


def _review_day(
    model: InventoryModel,
    version: ModelVersion,
    inventory: Inventory,
    decided: Decided | None,
    *,
    in_use: bool,
    today: datetime.date,
) -> ReviewDay:
    tier = _tier(model, decided, inventory)
    owner = _owner(model)
    if decided is None or decided.reviewed is None:
        return ReviewDay(version, owner, tier, in_use, None, None, None, Timeliness.NEVER)
    reviewed = min(decided.reviewed, today)
    period = inventory.review_every.get(str(tier), _WITHOUT_POLICY)
    due = _days_after(reviewed, period)
    wanted = None if model.declaration is None else model.declaration.next_review
    if wanted is not None and reviewed < wanted < due:
        due = wanted
    ask_from = due - datetime.timedelta(days=days_ahead(period))
    timeliness = (
        Timeliness.OVERDUE if today > due else Timeliness.DUE if today >= ask_from else Timeliness.ON_TIME
    )
    return ReviewDay(version, owner, tier, in_use, reviewed, due, max(ask_from, reviewed), timeliness)


_WITHOUT_POLICY = 90
"""Days, for a tier that policy no longer has: as the shipped policy treats tier 1."""


def days_ahead(period: int) -> int:
    """How many days before it falls due a review is asked for: time to mend what it finds."""
    return min(MOST_DAYS_AHEAD, max(1, math.ceil(SHARE_AHEAD * period)))


def _days_after(day: datetime.date, days: int) -> datetime.date:
    try:
        return day + datetime.timedelta(days=days)
    except OverflowError:
        return datetime.date.max


def _tier(model: InventoryModel, decided: Decided | None, inventory: Inventory) -> int:
    if model.declaration is not None:
        return model.declaration.tier
    if decided is not None and decided.tier is not None:
        return decided.tier
    return min(map(int, inventory.review_every), default=1)  # what nobody declared counts as the worst


@dataclass(frozen=True)
class DueReview:
    """A review to be asked for.

    Attributes:
        version: which version.
        name: what tells this request from others: asked for once a week until the review is made.
        fresh: whether it is to be scored and decided anew; a first review need not be.
    """

    version: ModelVersion
    name: str
    fresh: bool


def due_reviews(days: Iterable[ReviewDay], *, today: datetime.date) -> tuple[DueReview, ...]:
    """The reviews to ask for today, the most urgent first: in use, then longest overdue."""
    due = [day for day in days if day.timeliness is not Timeliness.ON_TIME]
    due.sort(key=lambda day: (not day.in_use, day.due or datetime.date.min, day.version))
    return tuple(
        DueReview(
            version=day.version,
            name=f"{day.version}/{day.due or 'first'}/{_weeks(day, today)}",
            fresh=day.reviewed is not None,
        )
        for day in due
    )


def _weeks(day: ReviewDay, today: datetime.date) -> int:
    since = today.toordinal() - (0 if day.ask_from is None else day.ask_from.toordinal())
    return since // 7


def late_reviews(days: Sequence[ReviewDay]) -> tuple[Concern, ...]:
    """Every review that is overdue, and every version in use that was never reviewed.

    Grave where a version in use had its day and it is past; a version never reviewed was in use before this
    platform was, which is reason to review it and no alarm.
    """
    return tuple(
        Concern(
            about=About.REVIEW_OVERDUE,
            subject=day.version.key,
            model=day.version.name,
            grave=day.in_use and day.timeliness is Timeliness.OVERDUE,
            statement=_late_words(day),
            remedy=f"Run `model-risk review {day.version} --fresh`",
            owner=day.owner,
            detail=str(day.due),
        )
        for day in days
        if day.timeliness in (Timeliness.OVERDUE, Timeliness.NEVER)
    )


def _late_words(day: ReviewDay) -> str:
    what = "in use" if day.in_use else "releasable and waiting"
    if day.due is None or day.reviewed is None:
        return f"{day.version} is {what} and was never reviewed"
    return f"{day.version} is {what}, was last reviewed on {day.reviewed}, and was due again by {day.due}"
