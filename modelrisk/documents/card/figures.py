"""Estimates as lines of the card's tables: in words, against their limit, and as marks on an axis.

What does not belong here: which line goes into which section (`groups`, `classes`, `model_card`), and what a
card says of a whole control (`gates`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelrisk.decisions import DecisionRecord
from modelrisk.documents import charts, text
from modelrisk.documents.references import pointer
from modelrisk.estimates import Estimate

CALIBRATION = ("calibration_slope", "calibration_intercept")
_COMPARISONS = ("_difference", "_to_champion")
_ORDER = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "top_k_accuracy",
    "precision",
    "macro_precision",
    "macro_f1",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "selection_rate",
    "base_rate",
    "log_loss",
    "brier",
    "brier_gain",
    "mae",
    "rmse",
    "r_squared",
    "mean_error",
    "standardised_mean_error",
    "absolute_error_gain",
)
_WITHOUT_SCALE = ("log_loss", "mae", "rmse", "mean_error", "standardised_mean_error", "absolute_error_gain")


@dataclass(frozen=True)
class Placed:
    """An estimate and where it stands."""

    estimate: Estimate
    evidence: str


@dataclass(frozen=True)
class Line:
    """One estimate as a line of a table.

    Attributes:
        label: what it is about: the metric, or the rows.
        named: where the label comes from.
        estimate: the estimate itself.
        evidence: where it stands.
        measured: its value and interval, written.
        limit: what policy demands of it, written; empty when nothing does.
        limited: where that limit stands; empty without one.
        strip: where its marks go; None when there is nothing to draw.
    """

    label: str
    named: str
    estimate: Estimate
    evidence: str
    measured: str
    limit: str
    limited: str
    strip: charts.Strip | None


@dataclass(frozen=True)
class Limit:
    """What policy demands of one estimate, and where it says so."""

    floor: float | None = None
    ceiling: float | None = None
    evidence: str = ""


NO_LIMIT = Limit()

Key = tuple[str, frozenset[tuple[str, str | None]], str | None, str | None]
Limits = Mapping[Key, Limit]


@dataclass(frozen=True)
class SortedEstimates:
    """The record's estimates, each in the one section it belongs to.

    Attributes:
        counted: counts over all rows.
        performance: over all rows.
        by_class: over all rows, of one class against the rest.
        calibration: over all rows.
        comparison: differences and ratios to the champion.
        by_cohort: of one group.
        between_groups: of a group and its reference.
    """

    counted: tuple[Placed, ...]
    performance: tuple[Placed, ...]
    by_class: tuple[Placed, ...]
    calibration: tuple[Placed, ...]
    comparison: tuple[Placed, ...]
    by_cohort: tuple[Placed, ...]
    between_groups: tuple[Placed, ...]

    @classmethod
    def of(cls, record: DecisionRecord) -> "SortedEstimates":
        """Sorts a record's estimates out."""
        placed = tuple(
            Placed(one, pointer("record", "estimates", at)) for at, one in enumerate(record.estimates)
        )

        def those(wanted: Callable[[Estimate], bool]) -> tuple[Placed, ...]:
            return tuple(one for one in placed if wanted(one.estimate))

        def is_whole(one: Estimate) -> bool:
            is_single = one.group is None and one.reference is None and one.outcome is None
            return is_single and not one.cohort and one.method != "census"

        return cls(
            counted=those(lambda one: one.method == "census" and not one.cohort and one.reference is None),
            performance=_in_order(
                those(lambda one: is_whole(one) and one.metric not in CALIBRATION and not is_comparison(one))
            ),
            by_class=_in_order(
                those(lambda one: one.outcome is not None and not one.cohort and one.reference is None)
            ),
            calibration=those(lambda one: is_whole(one) and one.metric in CALIBRATION),
            comparison=those(lambda one: is_whole(one) and is_comparison(one)),
            by_cohort=_in_order(
                those(lambda one: bool(one.cohort) and one.group is None and one.reference is None)
            ),
            between_groups=those(lambda one: one.group is not None or one.reference is not None),
        )


def is_comparison(estimate: Estimate) -> bool:
    """Whether an estimate over all rows compares the version with its champion."""
    return estimate.metric.endswith(_COMPARISONS)


def _in_order(placed: Iterable[Placed]) -> tuple[Placed, ...]:
    """By metric in the order people read them, unknown ones last; otherwise as they come."""

    def place(one: Placed) -> int:
        metric = one.estimate.metric
        return _ORDER.index(metric) if metric in _ORDER else len(_ORDER)

    return tuple(sorted(placed, key=place))


def key_of(estimate: Estimate) -> Key:
    """What a limit is found by: the metric and the rows."""
    return estimate.metric, frozenset(estimate.cohort.items()), estimate.group, estimate.outcome


def limits_of(record: DecisionRecord) -> Limits:
    """What the record's rules demand, by the metric and the rows they judged."""
    return {
        key_of(estimate): Limit(
            control.rule.floor, control.rule.ceiling, pointer("record", "controls", position, "rule")
        )
        for position, control in enumerate(record.controls)
        if control.rule is not None
        for estimate in control.estimates
        if estimate.metric == control.rule.metric
    }


def lines(placed: Sequence[Placed], limits: Limits) -> tuple[Line, ...]:
    """Estimates of different metrics, each on an axis of its own: a share from 0 to 1."""
    return tuple(_alone(one, limits.get(key_of(one.estimate), NO_LIMIT)) for one in placed)


def _alone(placed: Placed, limit: Limit) -> Line:
    estimate = placed.estimate
    at = None
    if is_comparison(estimate):
        at = 1.0 if "_ratio" in estimate.metric else 0.0
    axis = None
    if _is_from_zero_to_one(estimate):
        axis = charts.Axis(0.0, 1.0)
    elif at is not None or limit != NO_LIMIT:
        axis = charts.axis_for([estimate], floor=limit.floor, ceiling=limit.ceiling, at=at)
    label = text.metric_words(estimate.metric)
    return drawn_line(axis, placed, label=label, named=f"{placed.evidence}/metric", limit=limit, at=at)


def drawn_line(
    axis: charts.Axis | None, placed: Placed, *, label: str, named: str, limit: Limit, at: float | None
) -> Line:
    """An estimate as a line, its marks on a given axis."""
    estimate, floor, ceiling = placed.estimate, limit.floor, limit.ceiling
    is_drawn = estimate.method != "census"
    words = text.limit_words(estimate.metric, floor, ceiling)
    has_limit = words != text.NOTHING
    return Line(
        label=label,
        named=named,
        estimate=estimate,
        evidence=placed.evidence,
        measured=text.measured(estimate, limits=(floor, ceiling)),
        limit=words if has_limit else "",
        limited=limit.evidence if has_limit else "",
        strip=charts.strip(estimate, axis, floor=floor, ceiling=ceiling, at=at) if is_drawn else None,
    )


def _is_from_zero_to_one(estimate: Estimate) -> bool:
    numbers = [bound for bound in (estimate.value, estimate.low, estimate.high) if bound is not None]
    is_share = estimate.metric in _ORDER and estimate.metric not in (*_WITHOUT_SCALE, "brier_gain")
    return is_share and all(0.0 <= bound <= 1.0 for bound in numbers)


@dataclass(frozen=True)
class Promise:
    """A confidence that intervals on the card hold, and where one says so."""

    confidence: float
    coverage: float
    evidence: str


def promises_of(placed: Iterable[Placed]) -> tuple[Promise, ...]:
    """What the intervals promise, from the least to the most."""
    found = {
        one.estimate.confidence: Promise(
            one.estimate.confidence, one.estimate.coverage, f"{one.evidence}/confidence"
        )
        for one in placed
        if is_interval(one.estimate)
    }
    return tuple(found[confidence] for confidence in sorted(found))


def methods_of(placed: Iterable[Placed]) -> str:
    """Which methods the intervals come from, in words."""
    return ", ".join(
        sorted({text.method_words(one.estimate.method) for one in placed if is_interval(one.estimate)})
    )


def is_interval(estimate: Estimate) -> bool:
    """Whether something was estimated, not counted."""
    return estimate.is_evaluable and estimate.method != "census"
