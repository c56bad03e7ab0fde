"""Groups of people (or of rows) beside each other: every metric by cohort, and every comparison between them.

What does not belong here: how one estimate is written and drawn (`figures`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.documents import charts, text
from modelrisk.documents.card.figures import NO_LIMIT, Limits, Line, Placed, drawn_line, key_of
from modelrisk.estimates import Estimate

_COMPLEMENTS = {
    "true_negative_rate": "false_positive_rate",
    "false_negative_rate": "true_positive_rate",
}


@dataclass(frozen=True)
class Panel:
    """One metric over several groups, on one axis.

    Attributes:
        title: the metric.
        named: where the title comes from.
        limit: what policy demands of every line, written; empty when nothing does.
        limited: where that limit stands; empty without one.
        lines: one for each group.
    """

    title: str
    named: str
    limit: str
    limited: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CohortSection:
    """The groups of one sensitive attribute (or of an intersection).

    Attributes:
        attribute: its name.
        named: where the name comes from.
        panels: one for each metric.
    """

    attribute: str
    named: str
    panels: tuple[Panel, ...]


def cohort_sections(
    placed: Sequence[Placed], limits: Limits, whole: Mapping[str, Estimate]
) -> tuple[CohortSection, ...]:
    """Every metric by cohort; a rate whose complement is shown is left out.

    Args:
        placed: the estimates of single groups.
        limits: what is demanded of them.
        whole: metric -> the estimate over all rows, to compare with.
    """
    sections: dict[tuple[str, ...], dict[tuple[str, str | None], list[Placed]]] = {}
    for one in placed:
        metrics = sections.setdefault(tuple(one.estimate.cohort), {})
        metrics.setdefault((one.estimate.metric, one.estimate.outcome), []).append(one)
    return tuple(
        CohortSection(
            " × ".join(text.visible(attribute) for attribute in attributes),
            f"{next(iter(metrics.values()))[0].evidence}/cohort",
            tuple(
                panel(members, limits, at=None if metric not in whole else whole[metric].value)
                for (metric, outcome), members in metrics.items()
                if (_COMPLEMENTS.get(metric), outcome) not in metrics
            ),
        )
        for attributes, metrics in sections.items()
    )


def fairness_panels(placed: Sequence[Placed], limits: Limits) -> tuple[Panel, ...]:
    """Every comparison with a reference group, metric by metric."""
    panels: dict[tuple[str, str | None, tuple[str, ...]], list[Placed]] = {}
    for one in placed:
        compared = one.estimate
        panels.setdefault((compared.metric, compared.outcome, tuple(compared.cohort)), []).append(one)
    return tuple(
        panel(members, limits, at=1.0 if metric.endswith("_ratio") else 0.0)
        for (metric, _, _), members in panels.items()
    )


def panel(members: Sequence[Placed], limits: Limits, *, at: float | None) -> Panel:
    """One metric over several groups, on one axis."""
    first = members[0]
    each = [limits.get(key_of(member.estimate), NO_LIMIT) for member in members]
    widest = next((limit for limit in each if limit != NO_LIMIT), NO_LIMIT)
    axis = charts.axis_for(
        [member.estimate for member in members], floor=widest.floor, ceiling=widest.ceiling, at=at
    )
    lines = tuple(
        drawn_line(
            axis,
            member,
            label=_group_label(member.estimate),
            named=f"{member.evidence} | names",
            limit=limit,
            at=at,
        )
        for member, limit in zip(members, each, strict=True)
    )
    limited = next((line for line in lines if line.limit), None)
    return Panel(
        _title(first.estimate),
        f"{first.evidence} | names",
        limited.limit if limited else "",
        limited.limited if limited else "",
        lines,
    )


def _title(estimate: Estimate) -> str:
    title = text.metric_words(estimate.metric)
    if estimate.outcome is not None:
        title += f" of {text.group_words(estimate.outcome)}"
    attributes = " × ".join(text.visible(name) for name in estimate.cohort) if estimate.group else ""
    return title + (f", by {attributes}" if attributes else "")


def _group_label(estimate: Estimate) -> str:
    groups = " × ".join(text.group_words(group) for group in estimate.cohort.values())
    label = groups or text.group_words(estimate.group)
    if estimate.reference is None:
        return label
    return f"{label} against {text.group_words(estimate.reference)}"
