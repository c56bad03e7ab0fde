"""Groups of people (or of rows) beside each other: every metric by cohort, and every comparison between them.

What does not belong here: how one estimate is written and drawn (`figures`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.documents import charts, text
from modelrisk.documents.card.figures import Limit, Limits, Line, drawn_line, key_of
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
        limit: what policy demands of every line, written; empty when nothing does.
        lines: one for each group.
    """

    title: str
    limit: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CohortSection:
    """The groups of one sensitive attribute (or of an intersection)."""

    attribute: str
    panels: tuple[Panel, ...]


def cohort_sections(
    estimates: Sequence[Estimate], limits: Limits, all_rows: Mapping[str, Estimate]
) -> tuple[CohortSection, ...]:
    """Every metric by cohort; a rate whose complement is shown is left out."""
    sections: dict[tuple[str, ...], dict[str, list[Estimate]]] = {}
    for estimate in estimates:
        sections.setdefault(tuple(estimate.cohort), {}).setdefault(estimate.metric, []).append(estimate)
    return tuple(
        CohortSection(
            " × ".join(text.visible(attribute) for attribute in attributes),
            tuple(
                panel(
                    metric,
                    members,
                    limits,
                    at=None if (whole := all_rows.get(metric)) is None else whole.value,
                )
                for metric, members in metrics.items()
                if _COMPLEMENTS.get(metric) not in metrics
            ),
        )
        for attributes, metrics in sections.items()
    )


def fairness_panels(estimates: Sequence[Estimate], limits: Limits) -> tuple[Panel, ...]:
    """Every comparison with a reference group, metric by metric."""
    panels: dict[tuple[str, tuple[str, ...]], list[Estimate]] = {}
    for estimate in estimates:
        panels.setdefault((estimate.metric, tuple(estimate.cohort)), []).append(estimate)
    return tuple(
        panel(metric, members, limits, at=1.0 if metric.endswith("_ratio") else 0.0)
        for (metric, _), members in panels.items()
    )


def panel(metric: str, members: Sequence[Estimate], limits: Limits, *, at: float | None) -> Panel:
    """One metric over several groups, on one axis."""
    each = [limits.get(key_of(member), Limit()) for member in members]
    widest = next((limit for limit in each if limit != Limit()), Limit())
    axis = charts.axis_for(members, floor=widest.floor, ceiling=widest.ceiling, at=at)
    lines = tuple(
        drawn_line(axis, member, label=_group_label(member), limit=limit, at=at)
        for member, limit in zip(members, each, strict=True)
    )
    attributes = " × ".join(text.visible(name) for name in members[0].cohort) if members[0].group else ""
    title = text.metric_words(metric) + (f", by {attributes}" if attributes else "")
    return Panel(title, next((line.limit for line in lines if line.limit), ""), lines)


def _group_label(estimate: Estimate) -> str:
    groups = " × ".join(text.group_words(group) for group in estimate.cohort.values())
    label = groups or text.group_words(estimate.group)
    if estimate.reference is None:
        return label
    return f"{label} against {text.group_words(estimate.reference)}"
