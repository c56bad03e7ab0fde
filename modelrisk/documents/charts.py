"""Where the marks of a chart go: intervals against limits, reliability curves, and errors of a regression.

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
_QUANTILES_OF_A_BOX = 5
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
class Box:
    """Quantiles as a line with a box on it; everything in percent from the left.

    Attributes:
        start: the lowest quantile.
        box_start: the lower quartile, or the lowest but one.
        middle: the median.
        box_end: the upper quartile, or the highest but one.
        end: the highest quantile.
        zero: where zero lies.
    """

    start: float
    box_start: float
    middle: float
    box_end: float
    end: float
    zero: float


@dataclass(frozen=True)
class TenthPoint:
    """One tenth of a regression's predictions; positions in percent, from the left and from the top.

    Attributes:
        position: of the row in the table, from 0.
        rows: rows in it.
        predicted: mean prediction.
        observed: mean label.
        size: mean size of the errors.
        x: position of the mean prediction, on the axis of both.
        y: position of the mean label, on the same axis.
        bar: mean size of the errors as a share of the largest one.
    """

    position: int
    rows: int
    predicted: float
    observed: float
    size: float
    x: float
    y: float
    bar: float


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
        position: of the row in the table, from 0.
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
    position: int = 0


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
        (position, row)
        for position, row in enumerate(table)
        if _share(row, "mean_score") is not None and _share(row, "observed_rate") is not None
    ]
    most = max((_rows(row) for _, row in bins), default=0)
    points = [_point(row, most, position) for position, row in bins]
    return tuple(sorted(points, key=lambda point: point.predicted))


def box(quantiles: Mapping[float, float]) -> Box | None:
    """Five quantiles (share -> value) as a box; None for fewer or more, or when all are zero."""
    values = [quantiles[share] for share in sorted(quantiles)]
    if len(values) != _QUANTILES_OF_A_BOX or not any(values):
        return None
    axis = Axis(min(*values, 0.0), max(*values, 0.0))
    return Box(*(axis.position(value) for value in values), zero=axis.position(0.0))


def tenths(table: Sequence[Mapping[str, Scalar]]) -> tuple[TenthPoint, ...]:
    """Tenths of a regression's predictions, from the lowest to the highest.

    Args:
        table: rows with `mean_prediction`, `mean_label`, `mae` and `n`; those without finite numbers are
            left out.
    """
    sound = [
        (position, predicted, observed, size, _rows(row))
        for position, row in enumerate(table)
        if (predicted := number_in(row, "mean_prediction")) is not None
        and (observed := number_in(row, "mean_label")) is not None
        and (size := number_in(row, "mae")) is not None
    ]
    if not sound:
        return ()
    ends = [end for _, predicted, observed, _, _ in sound for end in (predicted, observed)]
    low, high = min(ends), max(ends)
    axis = Axis(low, high if high > low else low + max(abs(low), 1.0))
    largest = max(size for _, _, _, size, _ in sound)
    points = (
        TenthPoint(
            position=position,
            rows=rows,
            predicted=predicted,
            observed=observed,
            size=size,
            x=axis.position(predicted),
            y=round(100.0 - axis.position(observed), 2),
            bar=round(100.0 * size / largest, 2) if largest > 0 else 0.0,
        )
        for position, predicted, observed, size, rows in sound
    )
    return tuple(sorted(points, key=lambda point: point.predicted))


def _point(row: Mapping[str, Scalar], most: int, position: int) -> CurvePoint:
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
        position=position,
    )


def number_in(row: Mapping[str, Scalar], key: str) -> float | None:
    """A finite number of a table's row; None when there is none."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _share(row: Mapping[str, Scalar], key: str) -> float | None:
    value = number_in(row, key)
    return value if value is not None and 0.0 <= value <= 1.0 else None


def _rows(row: Mapping[str, Scalar]) -> int:
    value = row.get("n")
    return value if isinstance(value, int) and value > 0 else 0
