"""Estimates as lines of the card's tables: in words, against their limit, and as marks on an axis.

What does not belong here: which line goes into which section (`groups`, `model_card`), and what a card says
of a whole control (`gates`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelrisk.decisions import DecisionRecord
from modelrisk.documents import charts, text
from modelrisk.estimates import Estimate

CALIBRATION = ("calibration_slope", "calibration_intercept")
COMPARISONS = ("accuracy_difference", "auc_difference", "brier_difference")
METRIC_ORDER = (
    "auc",
    "accuracy",
    "precision",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "selection_rate",
    "base_rate",
    "brier",
    "brier_gain",
)


@dataclass(frozen=True)
class Line:
    """One estimate as a line of a table.

    Attributes:
        label: what it is about: the metric, or the rows.
        estimate: the estimate itself.
        measured: its value and interval, written.
        limit: what policy demands of it, written; empty when nothing does.
        strip: where its marks go; None when there is nothing to draw.
    """

    label: str
    estimate: Estimate
    measured: str
    limit: str
    strip: charts.Strip | None


@dataclass(frozen=True)
class Limit:
    """What policy demands of one estimate."""

    floor: float | None = None
    ceiling: float | None = None


Key = tuple[str, frozenset[tuple[str, str | None]], str | None]
Limits = Mapping[Key, Limit]


@dataclass(frozen=True)
class SortedEstimates:
    """The record's estimates, each in the one section it belongs to."""

    all_rows: Mapping[str, Estimate]
    counted: tuple[Estimate, ...]
    performance: tuple[Estimate, ...]
    calibration: tuple[Estimate, ...]
    comparison: tuple[Estimate, ...]
    by_cohort: tuple[Estimate, ...]
    between_groups: tuple[Estimate, ...]

    @classmethod
    def of(cls, record: DecisionRecord) -> "SortedEstimates":
        """Sorts a record's estimates out."""
        between = tuple(one for one in record.estimates if one.group is not None or one.reference is not None)
        rest = tuple(one for one in record.estimates if one.group is None and one.reference is None)
        whole = tuple(one for one in rest if not one.cohort)
        counted = tuple(one for one in whole if one.method == "census")
        estimated = tuple(one for one in whole if one.method != "census")
        return cls(
            all_rows={one.metric: one for one in whole if one.is_evaluable},
            counted=counted,
            performance=_in_order(one for one in estimated if one.metric not in (*CALIBRATION, *COMPARISONS)),
            calibration=tuple(one for one in estimated if one.metric in CALIBRATION),
            comparison=tuple(one for one in estimated if one.metric in COMPARISONS),
            by_cohort=_in_order(one for one in rest if one.cohort),
            between_groups=between,
        )


def _in_order(estimates: Iterable[Estimate]) -> tuple[Estimate, ...]:
    """By metric in the order people read them, unknown ones last; otherwise as they come."""

    def place(estimate: Estimate) -> int:
        known = estimate.metric in METRIC_ORDER
        return METRIC_ORDER.index(estimate.metric) if known else len(METRIC_ORDER)

    return tuple(sorted(estimates, key=place))


def key_of(estimate: Estimate) -> Key:
    """What a limit is found by: the metric and the rows."""
    return estimate.metric, frozenset(estimate.cohort.items()), estimate.group


def limits_of(record: DecisionRecord) -> Limits:
    """What the record's rules demand, by the metric and the rows they judged."""
    return {
        key_of(estimate): Limit(control.rule.floor, control.rule.ceiling)
        for control in record.controls
        if control.rule is not None
        for estimate in control.estimates
        if estimate.metric == control.rule.metric
    }


def line(estimate: Estimate, limits: Limits, *, label: str, is_alone: bool = False) -> Line:
    """An estimate on an axis of its own (a share or a score, from 0 to 1, when it stands alone)."""
    limit = limits.get(key_of(estimate), Limit())
    at = 0.0 if estimate.metric in COMPARISONS else None
    axis = charts.axis_for([estimate], floor=limit.floor, ceiling=limit.ceiling, at=at)
    if is_alone:
        axis = charts.Axis(0.0, 1.0) if _is_from_zero_to_one(estimate) else None
    return drawn_line(axis, estimate, label=label, limit=limit, at=at)


def drawn_line(
    axis: charts.Axis | None, estimate: Estimate, *, label: str, limit: Limit, at: float | None
) -> Line:
    """An estimate as a line, its marks on a given axis."""
    floor, ceiling = limit.floor, limit.ceiling
    is_drawn = estimate.method != "census"
    words = text.limit_words(estimate.metric, floor, ceiling)
    return Line(
        label=label,
        estimate=estimate,
        measured=text.measured(estimate, limits=(floor, ceiling)),
        limit="" if words == text.NOTHING else words,
        strip=charts.strip(estimate, axis, floor=floor, ceiling=ceiling, at=at) if is_drawn else None,
    )


def _is_from_zero_to_one(estimate: Estimate) -> bool:
    numbers = [bound for bound in (estimate.value, estimate.low, estimate.high) if bound is not None]
    return estimate.metric in METRIC_ORDER[:-1] and all(0.0 <= bound <= 1.0 for bound in numbers)


def methods_of(estimates: Iterable[Estimate]) -> str:
    """Which methods the intervals come from, and what they promise."""
    measured = [one for one in estimates if one.is_evaluable and one.method != "census"]
    if not measured:
        return ""
    methods = ", ".join(sorted({text.method_words(one.method) for one in measured}))
    promises = " or ".join(
        f"{confidence * 100:g} % for each bound by itself ({coverage * 100:g} % for both together)"
        for confidence, coverage in sorted({(one.confidence, one.coverage) for one in measured})
    )
    return f"Intervals: confidence {promises}. Methods: {methods}."
