"""The key figures of model risk management: computed from what was recorded, or said to be not measured.

No figure is ever typed in. One that cannot be computed from events stands in the list all the same, with what
is missing, so that nobody takes silence for a good result.

What does not belong here: targets for a single model (policy has those).
"""

import datetime
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.decisions import Outcome
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import CLEARED, RAISED
from modelrisk.portfolio.books import Books
from modelrisk.portfolio.refusals import GroupGate
from modelrisk.portfolio.statuses import ModelStatus
from modelrisk.verdicts import Verdict


class Unit(StrEnum):
    """What a figure counts."""

    SHARE = "share"
    DAYS = "days"


@dataclass(frozen=True)
class Kpi:
    """One key figure.

    Attributes:
        id: its name for machines.
        title: its name for people.
        aim: what is aimed at, in words.
        definition: what is counted, of what.
        unit: what `value` counts.
        value: the figure; None when it is not measured, or there was nothing to count.
        count: the numerator of a share, or the number of cases behind a median; None when not measured.
        of: the denominator of a share; None otherwise.
        missing: why it is not measured; None when it is.
    """

    id: str
    title: str
    aim: str
    definition: str
    unit: Unit
    value: float | None = None
    count: int | None = None
    of: int | None = None
    missing: str | None = None


def kpis_of(
    models: Sequence[ModelStatus],
    gates: Iterable[GroupGate],
    *,
    books: Books,
    within: Books,
    faults: Mapping[int, str],
    has_inventory: bool,
) -> tuple[Kpi, ...]:
    """Every figure, in the order leadership knows them.

    Args:
        models: how every model stands.
        gates: what gates on groups said.
        books: the ledger on the day.
        within: the entries of the quarter so far.
        faults: decisions whose records cannot be believed, by ledger entry.
        has_inventory: whether an inventory had been taken.
    """
    in_use = [model for model in models if model.in_use is not None]
    highest = [model for model in models if model.is_declared and model.tier == 1 and model.versions]
    no_inventory = None if has_inventory else "no inventory was taken up to this day"
    judged = _judged_by_group(gates)
    releases = list(within.of(EventKind.RELEASE_FINISHED))
    first = first_attempts(books, within)
    return (
        _share(
            "models_in_inventory",
            "Models in use that are declared",
            "90–100 %",
            "Models with a version in use that have a usable intake, of all models with a version in use.",
            sum(model.is_declared is True for model in in_use),
            len(in_use),
            missing=no_inventory,
        ),
        _share(
            "decisions_that_hold",
            "Models in use whose decision holds",
            "100 %",
            "Models whose version in use was released through the gate, is releasable by its newest decision,"
            " and is not overdue for review, of all models with a version in use.",
            sum(not model.status.is_grave for model in in_use),
            len(in_use),
        ),
        _share(
            "releases_with_evidence",
            "Releases with attached evidence",
            "85–95 %",
            "Releases finished in the quarter whose signed decision is in the evidence store and verifies, of"
            " all releases finished in the quarter.",
            _with_evidence(releases, books, faults),
            len(releases),
        ),
        _share(
            "first_attempt_pass_rate",
            "Gates passed at the first attempt",
            "60–80 %, improving",
            "Versions decided for the first time in the quarter and found releasable at that, of all versions"
            " decided for the first time in the quarter.",
            sum(event.body.get("verdict") == Outcome.RELEASABLE for event in first),
            len(first),
        ),
        _share(
            "fairness_compliance",
            "Fairness gates passed",
            "by use case",
            "Models whose every required gate on groups passed or was waived, by the decision on the version"
            " in use (else the newest), of all models with such a gate.",
            sum(judged.values()),
            len(judged),
        ),
        _share(
            "rollback_validated",
            "Tier 1 models with a tested way back",
            "100 %",
            "Registered models of tier 1 whose intake names the day of a rollback test, of all declared and"
            " registered models of tier 1.",
            sum(model.rollback_tested is not None for model in highest),
            len(highest),
            missing=no_inventory,
        ),
        _time_to_mitigate(books, within),
        *(
            Kpi(id_, title, aim, definition, unit, missing=missing)
            for id_, title, aim, definition, unit, missing in _NOT_MEASURED
        ),
    )


def first_attempts(books: Books, within: Books) -> tuple[Event, ...]:
    """The first decisions on versions, of those among some entries."""
    return tuple(
        event
        for event in within.of(EventKind.DECISION)
        if books.first_decisions[event.subject].seq == event.seq
    )


def _share(
    id_: str, title: str, aim: str, definition: str, count: int, of: int, *, missing: str | None = None
) -> Kpi:
    if missing is not None:
        return Kpi(id_, title, aim, definition, Unit.SHARE, missing=missing)
    return Kpi(id_, title, aim, definition, Unit.SHARE, count / of if of else None, count, of)


def _judged_by_group(gates: Iterable[GroupGate]) -> Mapping[str, bool]:
    """Model -> whether its every gate on groups is settled in its favour; of its version in use, if any."""
    found: dict[str, dict[bool, bool]] = {}
    for gate in gates:
        of_model = found.setdefault(gate.model, {})
        passed = gate.verdict in (Verdict.PASSED, Verdict.WAIVED)
        of_model[gate.is_in_use] = of_model.get(gate.is_in_use, True) and passed
    return {model: verdicts.get(True, verdicts.get(False, False)) for model, verdicts in found.items()}


def _with_evidence(releases: Iterable[Event], books: Books, faults: Mapping[int, str]) -> int:
    sound = {
        str(event.body.get("record")) for event in books.of(EventKind.DECISION) if event.seq not in faults
    }
    return sum(str(event.body.get("record")) in sound for event in releases)


def _time_to_mitigate(books: Books, within: Books) -> Kpi:
    kpi = Kpi(
        "days_to_mitigate",
        "Median time to mitigate",
        "under 1–3 days",
        "From an alert of this platform (a moved alias, an overdue review) to its end, of alerts that ended"
        " in the quarter. Incidents are not recorded yet.",
        Unit.DAYS,
    )
    raised: dict[str, datetime.datetime] = {}
    days: list[float] = []
    ended = {event.seq for event in within.of(EventKind.ALERT)}
    for event in books.of(EventKind.ALERT):
        if event.key is None:
            continue
        at = datetime.datetime.fromisoformat(event.at)
        if event.body.get("state") == RAISED:
            raised[event.key] = at
        elif event.body.get("state") == CLEARED and event.key in raised:
            took = max(
                datetime.timedelta(), at - raised.pop(event.key)
            )  # a clock set back makes nothing negative
            if event.seq in ended:
                days.append(took / datetime.timedelta(days=1))
    value = round(statistics.median(days), 6) if days else None
    return Kpi(kpi.id, kpi.title, kpi.aim, kpi.definition, kpi.unit, value, len(days))


_NOT_MEASURED = (
    (
        "suites_maintained",
        "Automated suites maintained",
        "grows with the portfolio",
        "Evaluation suites in use.",
        Unit.SHARE,
        "suites are not listed as data yet",
    ),
    (
        "days_to_intake",
        "Median time to complete an intake",
        "under 5 business days",
        "From the day an intake is begun to the day it is usable.",
        Unit.DAYS,
        "no event says when an intake was begun",
    ),
    (
        "alert_false_positives",
        "False alarms",
        "under 20 %",
        "Alerts found to be false, of all alerts.",
        Unit.SHARE,
        "nobody records what came of an alert yet",
    ),
    (
        "days_to_detect",
        "Mean time to detect a regression",
        "hours to 1 day for critical systems",
        "From the first row of a regression to its alert.",
        Unit.DAYS,
        "models in use are not monitored yet",
    ),
    (
        "severe_incidents",
        "Incidents of severity 1 and 2",
        "downward",
        "Incidents opened in the quarter.",
        Unit.SHARE,
        "incidents are not recorded yet",
    ),
    (
        "drift_monitored",
        "High-risk models with drift monitoring",
        "90–100 %",
        "Models of tier 1 in use whose drift is watched.",
        Unit.SHARE,
        "models in use are not monitored yet",
    ),
    (
        "drift_alerts_acted_on",
        "Drift alerts that led to action",
        "over 50 %",
        "Drift alerts with an action, of all drift alerts.",
        Unit.SHARE,
        "models in use are not monitored yet",
    ),
    (
        "robustness_pass_rate",
        "Robustness gates passed",
        "rising",
        "Models whose robustness gates passed, of all with such gates.",
        Unit.SHARE,
        "no robustness suite is run yet",
    ),
    (
        "privacy_findings",
        "Privacy findings",
        "near zero",
        "Reviews with a privacy finding, of all reviews.",
        Unit.SHARE,
        "no privacy suite is run yet",
    ),
    (
        "pack_turnaround",
        "Evidence pack turnaround",
        "under 5–10 business days",
        "From a decision to its pack.",
        Unit.DAYS,
        "no event says when a pack was made; a review makes it in the same run",
    ),
    (
        "exceptions_closed",
        "Exceptions closed before they expire",
        "80–95 %",
        "Waivers closed in time, of all that expired or were closed.",
        Unit.SHARE,
        "waivers are not recorded yet",
    ),
    (
        "control_effectiveness",
        "Incidents a gate would have caught",
        "rising",
        "Incidents caught by a gate when replayed, of all incidents.",
        Unit.SHARE,
        "incidents are not recorded yet",
    ),
    (
        "suite_reuse",
        "Teams that use the standard suites",
        "over 70 %",
        "Teams whose reviews run a standard suite, of all teams.",
        Unit.SHARE,
        "suites are not listed as data yet",
    ),
)
