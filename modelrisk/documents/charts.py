"""Where the marks of a chart go: intervals against limits, and the reliability curve.

Positions only, as shares of the drawing's width or height in percent; the templates draw them as inline SVG,
so a chart needs no script, no font and nothing from outside.

What does not belong here: colours and shapes (`templates/`), and what is drawn (`modelrisk.documents.card`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelrisk.estimates import Estimate
from modelrisk.records import Scalar

_PADDING = 0.08
_INSET = 2.0  # percent of the width: marks at the end of the axis stay whole


@dataclass(frozen=True)
class Axis:
    """A horizontal axis shared by the strips of one metric.

    Attributes:
        low: value at its left end.
        high: value at its right end, above `low`.
        is_logarithmic: whether equal factors are equal distances, as suits ratios.
    """

    low: float
    high: float
    is_logarithmic: bool = False

    def position(self, value: float) -> float:
        """Where a value lies, in percent from the left; values beyond an end lie on it."""
        if self.is_logarithmic:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(_INSET + (100.0 - 2.0 * _INSET) * min(max(share, 0.0), 1.0), 2)


@dataclass(frozen=True)
class Strip:
    """One estimate drawn as a dot on a line; everything in percent from the left.

    Attributes:
        dot: the estimate.
        start: its lower bound.
        end: its upper bound.
        opens_left: whether there is no lower bound.
        opens_right: whether there is no upper bound.
        band_start: left end of what the limits admit; None without limits.
        band_end: right end of what the limits admit; None without limits.
        limits: the limits themselves.
        reference: the value of all rows (or "no difference"), to compare with.
    """

    dot: float
    start: float
    end: float
    opens_left: bool
    opens_right: bool
    band_start: float | None
    band_end: float | None
    limits: tuple[float, ...]
    reference: float | None


@dataclass(frozen=True)
class CurvePoint:
    """One bin of a reliability curve; positions in percent, from the left and from the top.

    Attributes:
        predicted: mean score of the bin.
        observed: share of positives in it.
        rows: rows in the bin.
        low: lower bound of the share, None when not given.
        high: upper bound of the share, None when not given.
        x: position of the mean score.
        y: position of the share.
        y_low: position of the lower bound, None when not given.
        y_high: position of the upper bound, None when not given.
        radius: size of the dot in pixels; its area grows with the rows.
    """

    predicted: float
    observed: float
    rows: int
    low: float | None
    high: float | None
    x: float
    y: float
    y_low: float | None
    y_high: float | None
    radius: float


def axis_for(
    estimates: Iterable[Estimate],
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    at: float | None = None,
) -> Axis | None:
    """An axis that shows every estimate, its interval, the limits and a reference; None without values."""
    members = [estimate for estimate in estimates if estimate.is_evaluable]
    if not members:
        return None
    shown = [bound for one in members for bound in (one.value, one.low, one.high) if bound is not None]
    shown += [limit for limit in (floor, ceiling, at) if limit is not None]
    low, high = min(shown), max(shown)
    if low > 0 and all(one.metric.endswith("_ratio") for one in members):
        widened = max((high / low) ** _PADDING, 1.05)
        return Axis(low / widened, high * widened, is_logarithmic=True)
    padding = (high - low) * _PADDING or max(abs(high) * _PADDING, 1e-6)
    return Axis(low - padding, high + padding)


def strip(
    estimate: Estimate,
    axis: Axis | None,
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    at: float | None = None,
) -> Strip | None:
    """One estimate on an axis; None when it has no value."""
    if axis is None or estimate.value is None or not estimate.is_evaluable:
        return None
    limits = tuple(axis.position(limit) for limit in (floor, ceiling) if limit is not None)
    return Strip(
        dot=axis.position(estimate.value),
        start=0.0 if estimate.low is None else axis.position(estimate.low),
        end=100.0 if estimate.high is None else axis.position(estimate.high),
        opens_left=estimate.low is None,
        opens_right=estimate.high is None,
        band_start=(0.0 if floor is None else axis.position(floor)) if limits else None,
        band_end=(100.0 if ceiling is None else axis.position(ceiling)) if limits else None,
        limits=limits,
        reference=None if at is None else axis.position(at),
    )


def reliability_curve(table: Sequence[Mapping[str, Scalar]]) -> tuple[CurvePoint, ...]:
    """The bins of a reliability table from the lowest score to the highest.

    Args:
        table: rows with `mean_score`, `observed_rate` (share of positives), `n`, and perhaps `low` and
            `high`; a row without finite numbers from 0 to 1 is left out.
    """
    bins = [
        row
        for row in table
        if _share(row, "mean_score") is not None and _share(row, "observed_rate") is not None
    ]
    most = max((_rows(row) for row in bins), default=0)
    points = [_point(row, most) for row in bins]
    return tuple(sorted(points, key=lambda point: point.predicted))


def _point(row: Mapping[str, Scalar], most: int) -> CurvePoint:
    predicted, observed = _share(row, "mean_score") or 0.0, _share(row, "observed_rate") or 0.0
    low, high = _share(row, "low"), _share(row, "high")
    rows = _rows(row)
    return CurvePoint(
        predicted=predicted,
        observed=observed,
        rows=rows,
        low=low,
        high=high,
        x=round(100 * predicted, 2),
        y=round(100 - 100 * observed, 2),
        y_low=None if low is None else round(100 - 100 * low, 2),
        y_high=None if high is None else round(100 - 100 * high, 2),
        radius=round(2.5 + 4.0 * math.sqrt(rows / most), 1) if most else 3.0,
    )


def _share(row: Mapping[str, Scalar], key: str) -> float | None:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        return None
    return float(value)


def _rows(row: Mapping[str, Scalar]) -> int:
    value = row.get("n")
    return value if isinstance(value, int) and value > 0 else 0
