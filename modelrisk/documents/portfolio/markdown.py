"""The portfolio report as Markdown, for the asset's page in the UI and for a message.

Whatever people wrote is shown as plain text.

What does not belong here: what the report says (`modelrisk.portfolio`).
"""

from collections.abc import Sequence

from modelrisk.documents import text
from modelrisk.documents.portfolio import words
from modelrisk.documents.text import for_markdown, markdown_table
from modelrisk.portfolio.actions import Action, Ask
from modelrisk.portfolio.report import Report, Share

MOST_ROWS = 30
_NOBODY = "**nobody**"


def as_markdown(report: Report) -> str:
    """The report as one Markdown document."""
    parts = (
        f"# Model risk {report.quarter}\n\n{words.period_words(report)}",
        f"**Are we all right? {words.ANSWERS[report.answer]}.** "
        + for_markdown(words.answer_sentence(report)),
        _warnings(report),
        f"## What changed\n\n{words.activity_sentence(report.activity)}\n\n{_changes(report)}",
        f"## What we need from you\n\n{_asks(report.asks)}",
        f"## What to do next, and why in this order\n\n{_steps(report.actions)}",
        f"## Risk by tier\n\n{_shares(report.by_tier, 'tier')}",
        f"## Risk by business area\n\n{_shares(report.by_area, 'business area')}",
        f"## Every model\n\n{_models(report)}",
        f"## Refusals\n\n{_refusals(report)}",
        f"## Fairness\n\n{_fairness(report)}",
        f"## Narrowest margins\n\n{_margins(report)}",
        f"## Reviews\n\n{_reviews(report)}",
        f"## Gaps of the inventory\n\n{_gaps(report)}",
        f"## Key figures\n\n{_kpis(report)}",
        f"## Trend\n\n{_trend(report)}",
        f"## How this was made\n\n{_source(report)}",
        "## What this does not tell you\n\n" + "\n".join(f"- {line}" for line in words.NOT_TOLD),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _warnings(report: Report) -> str:
    source = report.source
    lines = [
        *([f"The ledger: {source.ledger_fault}"] if source.ledger_fault else []),
        *(
            [f"The inventory snapshot cannot be used: {source.snapshot_fault}"]
            if source.snapshot_fault
            else []
        ),
        *(
            f"The decision of ledger entry {entry} cannot be believed: {reason}"
            for entry, reason in list(source.unproven.items())[:MOST_ROWS]
        ),
        *(
            [f"{source.out_of_order} ledger entries are dated out of order: a clock was wrong"]
            if source.out_of_order
            else []
        ),
    ]
    return (
        "" if not lines else "## Read this first\n\n" + "\n".join(f"- {for_markdown(line)}" for line in lines)
    )


def _changes(report: Report) -> str:
    lines = [
        f"- {for_markdown(change.model)}: {for_markdown(change.statement)}"
        for change in report.changes[:MOST_ROWS]
    ]
    return _all("\n".join(lines), len(report.changes)) if lines else "No model stands differently."


def _asks(asks: Sequence[Ask]) -> str:
    lines = [
        f"{place}. {ask.request}."
        + (f" *{', '.join(for_markdown(name) for name in ask.models[:MOST_ROWS])}*" if ask.models else "")
        for place, ask in enumerate(asks, 1)
    ]
    return "\n".join(lines) or "Nothing."


def _steps(actions: Sequence[Action]) -> str:
    lines = [
        f"{place}. {for_markdown(action.model) if action.model else 'The platform'}"
        f" ({_owner(action.owner) if action.model else 'its owner'}): {for_markdown(action.statement)}."
        f" {for_markdown(action.next_step)}. *{action.why.value}*"
        for place, action in enumerate(actions[:MOST_ROWS], 1)
    ]
    return _all("\n".join(lines), len(actions)) if lines else "Nothing."


def _shares(shares: Sequence[Share], what: str) -> str:
    header = [
        what,
        "models",
        "in use",
        "decision holds",
        "refused in use",
        "overdue",
        "newest refused",
        "not declared",
    ]
    rows = [
        [
            f"*{text.NOT_PROVIDED}*" if share.name is None else for_markdown(share.name),
            *(
                text.count(number)
                for number in (
                    share.counts.models,
                    share.counts.in_use,
                    share.counts.holding,
                    share.counts.refused_in_use,
                    share.counts.overdue,
                    share.counts.candidates_refused,
                    share.counts.undeclared,
                )
            ),
        ]
        for share in shares
    ]
    return _table(header, rows)


def _models(report: Report) -> str:
    rows = [
        [
            for_markdown(model.title or model.name),
            str(model.tier),
            words.status_words(model.status),
            "; ".join(
                f"{for_markdown(version.version)} {words.verdict_words(version)}"
                for version in model.versions_of_interest
            )
            or text.NOTHING,
            _owner(model.owner),
        ]
        for model in report.models
    ]
    return _table(["model", "tier", "status", "version and decision", "owner"], rows)


def _refusals(report: Report) -> str:
    rows = [
        [
            for_markdown(refusal.version.version),
            "in use" if refusal.is_in_use else "kept out",
            "; ".join(
                f"{for_markdown(reason.title)}: {text.VERDICT_WORDS[reason.verdict]}"
                for reason in refusal.reasons
            )
            or for_markdown(refusal.headline or refusal.version.fault or text.NOTHING),
            _owner(refusal.owner),
        ]
        for refusal in report.refusals
    ]
    return _table(["version", "where", "why", "owner"], rows)


def _fairness(report: Report) -> str:
    rows = [
        [
            for_markdown(gate.version),
            for_markdown(gate.title),
            f"{text.VERDICT_MARKS[gate.verdict]} {text.VERDICT_WORDS[gate.verdict]}",
            f"{words.measured_words(gate)} {for_markdown(words.about_words(gate))}".strip(),
            words.limit_words(gate),
        ]
        for gate in report.group_gates
    ]
    return _table(["version", "gate", "verdict", "group that decided", "limit"], rows)


def _margins(report: Report) -> str:
    rows = [
        [
            for_markdown(margin.version),
            for_markdown(margin.title),
            f"{words.measured_words(margin)} {for_markdown(words.about_words(margin))}".strip(),
            words.limit_words(margin),
            text.margin_words(margin.estimate.metric, margin.margin),
        ]
        for margin in report.margins
    ]
    return _table(["version", "gate", "measured", "limit", "how far"], rows)


def _reviews(report: Report) -> str:
    rows = [
        [
            for_markdown(review.version),
            "in use" if review.is_in_use else "waits",
            review.timeliness.value,
            words.day_short(review.due),
            words.day_short(review.reviewed),
            _owner(review.owner),
        ]
        for review in report.reviews
    ]
    return _table(["version", "where", "review", "due by", "last", "owner"], rows)


def _gaps(report: Report) -> str:
    if report.source.snapshot is None:
        return "No inventory was taken up to this day."
    rows = [
        [
            for_markdown(gap.model),
            for_markdown(gap.statement) if gap.statement else ", ".join(gap.missing),
            str(gap.tier),
            _owner(gap.owner),
        ]
        for gap in report.gaps
    ]
    return _table(["model", "what is missing", "tier", "owner"], rows)


def _kpis(report: Report) -> str:
    rows = [
        [kpi.title, words.value_words(kpi), kpi.aim, kpi.missing or kpi.definition] for kpi in report.kpis
    ]
    return markdown_table(["figure", "now", "aim", "what is counted, or what is missing"], rows)


def _trend(report: Report) -> str:
    rows = [
        [
            point.quarter,
            f"{point.counts.holding} of {point.counts.in_use}",
            f"{point.activity.decisions} ({point.activity.refused} refused)",
            f"{point.passed_at_first} of {point.first_attempts}",
            str(point.counts.overdue),
        ]
        for point in report.trend
    ]
    return _table(
        ["quarter", "in use, decision holds", "decisions", "passed at first attempt", "overdue"], rows
    )


def _source(report: Report) -> str:
    source = report.source
    return (
        f"From ledger entry {source.entry} (`{source.head or 'none'}`), inventory snapshot"
        f" `{source.snapshot or 'none'}`, {text.count(source.decisions)} decisions verified;"
        f" model-risk {source.tool}. To make it again:"
        f" `model-risk portfolio --as-of {report.as_of.isoformat()} --entry {source.entry}`."
    )


def _owner(owner: str | None) -> str:
    return _NOBODY if not owner else for_markdown(owner)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return _all(markdown_table(header, rows[:MOST_ROWS]), len(rows)) if rows else "Nothing."


def _all(shown: str, count: int) -> str:
    return (
        f"{shown}\n\n*{text.count(count - MOST_ROWS)} more are in the JSON form.*"
        if count > MOST_ROWS
        else shown
    )
