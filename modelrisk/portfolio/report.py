"""The quarterly report: everything leadership reads, as one value; page, Markdown and JSON are made from it.

What does not belong here: words and looks (`modelrisk.documents.portfolio`).
"""

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.decisions import Outcome
from modelrisk.inventory import Inventory
from modelrisk.ledger import EventKind
from modelrisk.oversight import Timeliness, undeclared_models
from modelrisk.portfolio.actions import ROLLBACK_TIERS, Action, Ask, actions_of, asks_of
from modelrisk.portfolio.books import Books
from modelrisk.portfolio.changes import Activity, Change, activity_of, changes_between
from modelrisk.portfolio.kpis import Kpi, first_attempts, kpis_of
from modelrisk.portfolio.proofs import Proofs
from modelrisk.portfolio.quarters import Quarter
from modelrisk.portfolio.refusals import (
    GroupGate,
    Margin,
    Refusal,
    group_gates,
    narrowest_margins,
    refusals,
)
from modelrisk.portfolio.statuses import ModelStatus, Overview, Status, brought_up_to_date, overview_of

SCHEMA = "model-risk/portfolio@1"
TREND_QUARTERS = 8
MOST_MARGINS = 20


class Answer(StrEnum):
    """Whether all is right, the worst first."""

    UNKNOWN = "unknown"
    NO = "no"
    MOSTLY = "mostly"
    YES = "yes"


@dataclass(frozen=True)
class Counts:
    """Models counted.

    Attributes:
        models: all of them.
        in_use: with a version in use.
        holding: of those, with a decision that holds.
        refused_in_use: of those in use, refused by the newest decision.
        undecided: of those in use, never decided on.
        bypassed: of those in use, put there past the gate.
        overdue: of those in use, overdue for review.
        candidates_refused: whose newest version beyond the one in use is refused.
        undeclared: without a usable intake.
        unproven: with a decision that cannot be proven.
    """

    models: int
    in_use: int
    holding: int
    refused_in_use: int
    undecided: int
    bypassed: int
    overdue: int
    candidates_refused: int
    undeclared: int
    unproven: int


@dataclass(frozen=True)
class Share:
    """The models of one tier or of one part of the organisation.

    Attributes:
        name: the tier as text, or the business area; None for models that declare none.
        counts: its models.
    """

    name: str | None
    counts: Counts


@dataclass(frozen=True)
class Gap:
    """What the inventory lacks of a model.

    Attributes:
        model: its name.
        tier: its tier.
        owner: who answers for it; None when nobody does.
        is_in_use: whether a version is in use.
        statement: what is the matter with its intake; None when it has a usable one.
        missing: what the intake does not say.
    """

    model: str
    tier: int
    owner: str | None
    is_in_use: bool
    statement: str | None
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Review:
    """When a version is to be reviewed again.

    Attributes:
        model: the model's name.
        version: the version's written form.
        tier: the tier whose period counts.
        owner: who answers for it; None when nobody does.
        is_in_use: whether it is in use.
        reviewed: day of the last review; None when never reviewed.
        due: the last day on which the next one is on time; None when never reviewed.
        timeliness: how the day stands to that.
    """

    model: str
    version: str
    tier: int
    owner: str | None
    is_in_use: bool
    reviewed: datetime.date | None
    due: datetime.date | None
    timeliness: Timeliness


@dataclass(frozen=True)
class TrendPoint:
    """One quarter's end.

    Attributes:
        quarter: its name.
        as_of: its last day, or the report's day.
        counts: the models then.
        activity: what was done in it.
        first_attempts: versions decided for the first time in it.
        passed_at_first: those of them found releasable at that.
        has_inventory: whether an inventory had been taken by then.
    """

    quarter: str
    as_of: datetime.date
    counts: Counts
    activity: Activity
    first_attempts: int
    passed_at_first: int
    has_inventory: bool


@dataclass(frozen=True)
class Source:
    """What the report was made from: enough to make it again.

    Attributes:
        entry: the newest ledger entry that counts; 0 for none.
        head: that entry's digest; None for none.
        out_of_order: entries dated well before the one in front of them, or after the day.
        ledger_fault: why the ledger up to there is not whole; None when it is.
        snapshot: digest of the inventory snapshot; None when there was none to use.
        snapshot_taken: when it was taken, UTC, ISO 8601.
        snapshot_fault: why a snapshot that was noted could not be used; None when it could.
        decisions: decisions whose records were verified.
        unproven: ledger entry, as text -> why its record cannot be believed.
        tool: version of model-risk.
    """

    entry: int
    head: str | None
    out_of_order: int
    ledger_fault: str | None
    snapshot: str | None
    snapshot_taken: str | None
    snapshot_fault: str | None
    decisions: int
    unproven: Mapping[str, str]
    tool: str


@dataclass(frozen=True)
class Report:
    """The report on one quarter, up to a day in it.

    Attributes:
        schema: name and version of this layout.
        quarter: its name, `2026-Q4`.
        since: its first day.
        as_of: the last day that counts, UTC.
        is_complete: whether that is the quarter's last day.
        answer: whether all is right.
        counts: the models.
        asks: what leadership is asked for, the most urgent first.
        changes: what changed since the quarter before ended, most important first.
        activity: what was done in the quarter.
        by_tier: the models by tier.
        by_area: the models by business area.
        models: every model, the gravest first.
        refusals: refused versions that are in use or newest.
        gaps: what the inventory lacks.
        margins: gates passed most narrowly.
        gates_passed: how many gates of versions in use passed with an interval, in all.
        reviews: reviews that are due or late, then those that come next.
        group_gates: what gates on groups said.
        actions: everything to be done, in order.
        kpis: the key figures.
        trend: the last quarters that have entries, the earliest first.
        source: what all this was made from.
    """

    schema: str
    quarter: str
    since: datetime.date
    as_of: datetime.date
    is_complete: bool
    answer: Answer
    counts: Counts
    asks: tuple[Ask, ...]
    changes: tuple[Change, ...]
    activity: Activity
    by_tier: tuple[Share, ...]
    by_area: tuple[Share, ...]
    models: tuple[ModelStatus, ...]
    refusals: tuple[Refusal, ...]
    gaps: tuple[Gap, ...]
    margins: tuple[Margin, ...]
    gates_passed: int
    reviews: tuple[Review, ...]
    group_gates: tuple[GroupGate, ...]
    actions: tuple[Action, ...]
    kpis: tuple[Kpi, ...]
    trend: tuple[TrendPoint, ...]
    source: Source


Snapshots = Callable[[Books], Inventory | None]
"""Gives the newest snapshot in some books; None when there is none, or it cannot be used."""


def report_of(
    books: Books,
    *,
    snapshots: Snapshots,
    proofs: Proofs,
    ledger_fault: str | None,
    snapshot_fault: str | None,
    tool: str,
) -> Report:
    """The report on the quarter of the books' day.

    Args:
        books: the ledger on that day.
        snapshots: gives the inventory of that day and of earlier ones.
        proofs: what is known of the decisions' records.
        ledger_fault: why the ledger is not whole; None when it is.
        snapshot_fault: why the newest snapshot could not be used; None when it could, or there is none.
        tool: version of model-risk.
    """
    quarter = Quarter.of(books.as_of)
    before = Books.on(quarter.previous().last_day, books.events)
    within = books.since(before)
    inventory = brought_up_to_date(snapshots(books), books)
    overview = overview_of(books, inventory, proofs)
    earlier = overview_of(before, brought_up_to_date(snapshots(before), before), proofs)
    refused = refusals(overview.models, books, proofs)
    margins = narrowest_margins(overview.models, books, proofs)
    gates = group_gates(overview.models, books, proofs)
    undeclared = () if inventory is None else undeclared_models(inventory)
    standing = {version.entry for model in overview.models for version in model.versions_of_interest}
    actions = actions_of(
        overview,
        refused=refused,
        undeclared=undeclared,
        ledger_fault=ledger_fault,
        unproven_before=len(proofs.faults.keys() - standing),
    )
    counts = _counts(overview.models)
    head, taken = books.head, books.inventory
    return Report(
        schema=SCHEMA,
        quarter=quarter.name,
        since=quarter.first_day,
        as_of=books.as_of,
        is_complete=books.as_of >= quarter.last_day,
        answer=_answer(
            counts, actions, books, ledger_fault=ledger_fault, has_inventory=inventory is not None
        ),
        counts=counts,
        asks=asks_of(actions),
        changes=changes_between(
            earlier, overview, within=within, inventory_before=before.inventory is not None
        ),
        activity=activity_of(within),
        by_tier=_shares(overview.models, lambda model: str(model.tier)),
        by_area=_shares(overview.models, lambda model: model.business_area),
        models=tuple(sorted(overview.models, key=_gravest_first)),
        refusals=refused,
        gaps=_gaps(overview.models, {concern.model: concern.statement for concern in undeclared}),
        margins=margins[:MOST_MARGINS],
        gates_passed=len(margins),
        reviews=_reviews(overview),
        group_gates=gates,
        actions=actions,
        kpis=kpis_of(
            overview.models,
            gates,
            books=books,
            within=within,
            faults=proofs.faults,
            has_inventory=inventory is not None,
        ),
        trend=_trend(books, quarter, overview, snapshots, proofs),
        source=Source(
            entry=0 if head is None else head.seq,
            head=None if head is None else head.digest,
            out_of_order=books.out_of_order,
            ledger_fault=ledger_fault,
            snapshot=None if taken is None or inventory is None else str(taken.body.get("snapshot")),
            snapshot_taken=None if taken is None or inventory is None else taken.at,
            snapshot_fault=snapshot_fault,
            decisions=sum(1 for _ in books.of(EventKind.DECISION)),
            unproven={str(entry): reason for entry, reason in sorted(proofs.faults.items())},
            tool=tool,
        ),
    )


def _answer(
    counts: Counts, actions: Sequence[Action], books: Books, *, ledger_fault: str | None, has_inventory: bool
) -> Answer:
    if ledger_fault is not None or _is_grave(counts) or any(not action.model for action in actions):
        return Answer.NO
    if not books.events or not counts.models:
        return Answer.UNKNOWN
    return Answer.MOSTLY if asks_of(actions) or not has_inventory else Answer.YES


def _is_grave(counts: Counts) -> bool:
    return counts.holding < counts.in_use or counts.unproven > 0


def _counts(models: Iterable[ModelStatus]) -> Counts:
    found = list(models)
    in_use = [model for model in found if model.in_use is not None]

    def having(status: Status) -> int:
        return sum(model.status is status for model in in_use)

    return Counts(
        models=len(found),
        in_use=len(in_use),
        holding=having(Status.HOLDS),
        refused_in_use=having(Status.REFUSED_IN_USE),
        undecided=having(Status.UNDECIDED),
        bypassed=having(Status.BYPASSED),
        overdue=sum(
            model.in_use is not None and model.in_use.timeliness is Timeliness.OVERDUE for model in in_use
        ),
        candidates_refused=sum(model.is_candidate_refused for model in found),
        undeclared=sum(model.is_declared is False for model in found),
        unproven=sum(
            any(version.fault is not None for version in model.versions_of_interest) for model in found
        ),
    )


def _shares(models: Iterable[ModelStatus], name_of: Callable[[ModelStatus], str | None]) -> tuple[Share, ...]:
    groups: dict[str | None, list[ModelStatus]] = {}
    for model in models:
        groups.setdefault(name_of(model), []).append(model)
    named = sorted(groups, key=lambda name: (name is None, name or ""))
    return tuple(Share(name, _counts(groups[name])) for name in named)


def _gravest_first(model: ModelStatus) -> tuple[int, int, str]:
    return list(Status).index(model.status), model.tier, model.name


def _gaps(models: Iterable[ModelStatus], statements: Mapping[str, str]) -> tuple[Gap, ...]:
    found = [
        Gap(
            model=model.name,
            tier=model.tier,
            owner=model.owner,
            is_in_use=model.in_use is not None,
            statement=statements.get(model.name),
            missing=_missing(model) if model.is_declared else (),
        )
        for model in models
        if model.versions and (not model.is_declared or _missing(model))
    ]
    return tuple(
        sorted(found, key=lambda gap: (gap.statement is None, not gap.is_in_use, gap.tier, gap.model))
    )


def _missing(model: ModelStatus) -> tuple[str, ...]:
    said = {
        "business area": model.business_area,
        "system": model.system,
        "test of the way back": model.rollback_tested or model.tier > ROLLBACK_TIERS,
        "plan for taking it out of use": model.retirement,
    }
    return tuple(name for name, value in said.items() if not value)


def _reviews(overview: Overview) -> tuple[Review, ...]:
    order = [Timeliness.OVERDUE, Timeliness.NEVER, Timeliness.DUE, Timeliness.ON_TIME]
    days = sorted(
        overview.days,
        key=lambda day: (order.index(day.timeliness), day.due or datetime.date.min, day.version),
    )
    return tuple(
        Review(
            model=day.version.name,
            version=day.version.key,
            tier=day.tier,
            owner=day.owner,
            is_in_use=day.in_use,
            reviewed=day.reviewed,
            due=day.due,
            timeliness=day.timeliness,
        )
        for day in days
    )


def _trend(
    books: Books, quarter: Quarter, overview: Overview, snapshots: Snapshots, proofs: Proofs
) -> tuple[TrendPoint, ...]:
    found: list[TrendPoint] = []
    quarters = tuple(quarter.back(TREND_QUARTERS))
    earlier = Books.on(quarters[0].previous().last_day, books.events)
    for each in quarters:
        is_last = each == quarter
        of_day = books if is_last else Books.on(each.last_day, books.events)
        if of_day.events or is_last:
            of_end = (
                overview
                if is_last
                else overview_of(of_day, brought_up_to_date(snapshots(of_day), of_day), proofs)
            )
            within = of_day.since(earlier)
            first = first_attempts(of_day, within)
            found.append(
                TrendPoint(
                    quarter=each.name,
                    as_of=of_day.as_of,
                    counts=_counts(of_end.models),
                    activity=activity_of(within),
                    first_attempts=len(first),
                    passed_at_first=sum(event.body.get("verdict") == Outcome.RELEASABLE for event in first),
                    has_inventory=of_day.inventory is not None,
                )
            )
        earlier = of_day
    return tuple(found)
