"""The report's own sentences and numbers in words, shared by page and Markdown.

What does not belong here: other people's words; these are shown with `modelrisk.documents.text`.
"""

import datetime

from modelrisk.documents import text
from modelrisk.portfolio.changes import Activity
from modelrisk.portfolio.kpis import Kpi, Unit
from modelrisk.portfolio.refusals import GroupGate, Margin
from modelrisk.portfolio.report import Answer, Report
from modelrisk.portfolio.statuses import Status, VersionStatus

ANSWERS = {
    Answer.YES: "Yes",
    Answer.MOSTLY: "Mostly",
    Answer.NO: "No",
    Answer.UNKNOWN: "Nobody can say",
}
ANSWER_TONES = {
    Answer.YES: "passed",
    Answer.MOSTLY: "inconclusive",
    Answer.NO: "failed",
    Answer.UNKNOWN: "not_evaluable",
}
NOT_TOLD = (
    "Whether a model in use behaves today as it did when it was reviewed: nothing here watches it run.",
    "Anything about models neither registered nor declared: what is used past the registry is not seen.",
    "Whether what an intake declares is true: owner, use and tests of the way back are taken at their word.",
    "Whether a gate's limit is the right one for a use. Limits are policy's; cards say how far each was.",
)


def answer_sentence(report: Report) -> str:
    """Why the answer is what it is, in one sentence."""
    counts, source = report.counts, report.source
    if report.answer is Answer.UNKNOWN:
        return "Nothing is recorded up to this day."
    if source.ledger_fault is not None:
        return f"The ledger is not whole, so this report proves nothing: {source.ledger_fault}."
    if counts.holding < counts.in_use:
        failing = counts.in_use - counts.holding
        return f"{failing} of {_models(counts.in_use)} in use {_have(failing)} no decision that holds."
    if report.answer is Answer.NO:
        return "There are decisions whose records cannot be believed."
    holds = (
        f"Each of the {_models(counts.in_use)} in use has a decision that holds"
        if counts.in_use > 1
        else "The one model in use has a decision that holds"
        if counts.in_use
        else "No model is in use"
    )
    if source.snapshot is None:
        return f"{holds}; but no inventory was taken, so models nobody reviewed are not seen here."
    owed = [
        f"{_counted(count, one, many)}"
        for count, one, many in (
            (
                counts.candidates_refused,
                "refused version waits to be mended",
                "refused versions wait to be mended",
            ),
            (
                counts.undeclared,
                "model has nobody who answers for it",
                "models have nobody who answers for them",
            ),
        )
        if count
    ]
    return f"{holds}{'; ' if owed else ''}{', '.join(owed)}."


def _models(count: int) -> str:
    return _counted(count, "model", "models")


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def activity_sentence(activity: Activity) -> str:
    """What was done, in one sentence."""
    if not activity.decisions and not activity.releases:
        done = "No decision was made and nothing was released"
    else:
        releasable = activity.decisions - activity.refused
        made = _counted(activity.decisions, "decision", "decisions")
        finished = _counted(activity.releases, "release", "releases")
        done = (
            f"{made} made ({text.count(releasable)} releasable, {text.count(activity.refused)} refused),"
            f" {finished} finished"
        )
    also = [
        _counted(count, one, many)
        for count, one, many in (
            (activity.previews, "preview", "previews"),
            (activity.attempts_failed, "review that broke off", "reviews that broke off"),
            (activity.alerts, "alert", "alerts"),
        )
        if count
    ]
    return f"{done}{'; also ' if also else ''}{', '.join(also)}."


def _counted(count: int, one: str, many: str) -> str:
    return f"{text.count(count)} {one if count == 1 else many}"


def period_words(report: Report) -> str:
    """Which days the report is about."""
    if report.is_complete:
        return f"{day_words(report.since)} to {day_words(report.as_of)}"
    return f"{day_words(report.since)} to {day_words(report.as_of)}, the quarter still runs"


_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def day_words(day: datetime.date) -> str:
    """`26 November 2026`, whatever the locale."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def day_short(day: datetime.date | None) -> str:
    """`26 Nov 2026`; `–` without a day."""
    return text.NOTHING if day is None else f"{day.day} {_MONTHS[day.month - 1][:3]} {day.year}"


def status_tone(status: Status) -> str:
    """The class of colours a status is shown in."""
    if status.is_grave:
        return "failed"
    return {Status.HOLDS: "passed", Status.KEPT_OUT: "inconclusive", Status.WAITING: "waived"}.get(
        status, "not_applicable"
    )


def status_words(status: Status) -> str:
    """The status with a mark: never a colour alone."""
    mark = "✗" if status.is_grave else "✓" if status is Status.HOLDS else "○"
    return f"{mark} {status.value}"


def verdict_words(version: VersionStatus) -> str:
    """What was decided on a version, and when."""
    if version.verdict is None:
        return "never decided on"
    if version.fault is not None:
        return f"cannot be proven (said {version.verdict.value})"
    how = version.verdict.value if version.evaluated else "could not be evaluated"
    return f"{how} on {day_short(version.decided_on)}"


def value_words(kpi: Kpi) -> str:
    """A key figure: `4 of 5 (80 %)`, `2.5 days`, `nothing to count`, `not measured`."""
    if kpi.missing is not None:
        return "not measured"
    if kpi.value is None:
        return "nothing to count"
    if kpi.unit is Unit.SHARE:
        return f"{percent(kpi.value)} ({text.count(kpi.count or 0)} of {text.count(kpi.of or 0)})"
    days = f"{kpi.value:.1f} days" if kpi.value >= 1 else f"{kpi.value * 24:.1f} hours"
    return f"{days} ({text.count(kpi.count or 0)} cases)"


def percent(share: float) -> str:
    """`80 %`; 100 only for all, and 0 only for none."""
    if 0.0 < share < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < share < 1.0 else f"{share * 100:.0f} %"


def limit_words(gate: Margin | GroupGate) -> str:
    """What was demanded by a gate."""
    return (
        text.NOTHING
        if gate.estimate is None
        else text.limit_words(gate.estimate.metric, gate.floor, gate.ceiling)
    )


def measured_words(gate: Margin | GroupGate) -> str:
    """What a gate measured, with its interval."""
    return (
        text.NOTHING
        if gate.estimate is None
        else text.measured(gate.estimate, limits=(gate.floor, gate.ceiling))
    )


def about_words(gate: Margin | GroupGate) -> str:
    """Which rows the measurement is about; empty for all of them."""
    if gate.estimate is None or text.is_about_all_rows(gate.estimate):
        return ""
    return text.rows_words(gate.estimate)
