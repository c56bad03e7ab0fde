"""Interval methods for ratios and differences of means of values in a range: errors of a regression.

The errors of a regression have no known range, and no interval holds for means of values that may be anything
(Bahadur & Savage 1956): a gross error of one row in a thousand cannot be known from a hundred rows. What can
be had is an honest bound for errors like those seen. So a range is assumed that reaches half as far again as
the largest one seen (`regression.BEYOND_SEEN`), and everything rests on limits of means of values in a range
(`mean_methods`), for which Student's t is not enough: it passes 8 to 16 % at the ceiling of an MAE at
30 rows. What that is worth was simulated: `docs/verdicts.md`, "What was measured".

What does not belong here: means themselves (`mean_methods`), and which range a metric has (`regression`).
"""

import math
from collections.abc import Callable

from modelrisk.metrics.limit_distributions import bounded_mean, quantile_of_ratio, quantile_of_sum
from modelrisk.metrics.mean_methods import (
    NEGATIVE_VARIANCE,
    OUT_OF_RANGE,
    SINGLE_ROW,
    mean_bounds,
    mean_fault,
    rows_size,
    t_quantile,
)
from modelrisk.metrics.method import Bounds, Inputs, Method, Size, multiplied, summed

_MEAN = ("mean", "variance", "n", "lowest", "highest")
_TWO_GROUPS = (*_MEAN, *(f"reference_{name}" for name in _MEAN))
_PAIRED = (
    *("mean", "variance", "highest", "reference_mean", "reference_variance", "reference_highest"),
    *("covariance", "apart", "n"),
)

_MOST_DOUBLINGS = 40
_SAME = 1e-9
"""A variance this small beside those it is the difference of is a rounding error."""


def _of_group(inputs: Inputs) -> dict[str, float]:
    return {name: inputs[name] for name in _MEAN}


def _of_reference(inputs: Inputs) -> dict[str, float]:
    return {name: inputs[f"reference_{name}"] for name in _MEAN}


def _two_group_fault(inputs: Inputs) -> str | None:
    if min(inputs["n"], inputs["reference_n"]) < 2:
        return "the group or its reference has fewer than two rows; supply more rows of both"
    return mean_fault(_of_group(inputs)) or mean_fault(_of_reference(inputs))


def _ratio_fault(inputs: Inputs) -> str | None:
    fault = _two_group_fault(inputs)
    if fault is None and min(inputs["lowest"], inputs["reference_lowest"]) < 0:
        return "a size is negative, so there is no ratio; compute the statistics again from the predictions"
    if fault is None and inputs["reference_mean"] <= 0:
        return "the reference has no error at all, so a ratio to it is undefined; look for leakage"
    return fault


def _has_no_scale(inputs: Inputs) -> bool:
    """Whether one of the groups has a range of one point: nothing says how large other values may be."""
    return inputs["lowest"] == inputs["highest"] or inputs["reference_lowest"] == inputs["reference_highest"]


def _welch_reach(first: float, n: float, second: float, m: float, confidence: float) -> float:
    """T with Welch's (1947) degrees of freedom times the standard error of a difference of two means."""
    if first + second == 0:
        return 0.0
    share = first / (first + second)
    degrees = 1.0 / (share**2 / (n - 1.0) + (1.0 - share) ** 2 / (m - 1.0))
    return t_quantile(confidence, degrees) * math.sqrt(first + second)


def _mean_difference(inputs: Inputs, confidence: float) -> Bounds:
    """The wider of Welch's t and the melded limits of two bounded means (`limit_distributions`)."""
    if _has_no_scale(inputs):
        return Bounds(None, None)
    n, m = inputs["n"], inputs["reference_n"]
    reach = _welch_reach(inputs["variance"] / n, n, inputs["reference_variance"] / m, m, confidence)
    difference = inputs["mean"] - inputs["reference_mean"]
    lower, upper = bounded_mean(**_of_group(inputs))
    reference_lower, reference_upper = bounded_mean(**_of_reference(inputs))
    return Bounds(
        min(difference - reach, quantile_of_sum(lower, reference_upper.times(-1.0), 1.0 - confidence)),
        max(difference + reach, quantile_of_sum(upper, reference_lower.times(-1.0), confidence)),
    )


def _mean_ratio(inputs: Inputs, confidence: float) -> Bounds:
    """The wider of Welch's t on the logarithmic scale and the melded limits of two bounded means.

    The logarithm of a mean has the standard error s/(m√n) by the delta method.
    """
    mean, reference = inputs["mean"], inputs["reference_mean"]
    n, m = inputs["n"], inputs["reference_n"]
    if mean == 0 or _has_no_scale(inputs):
        return Bounds(0.0, None)
    relative = _relative(inputs["variance"], mean) / n, _relative(inputs["reference_variance"], reference) / m
    if not math.isfinite(sum(relative)):
        return Bounds(0.0, None)
    reach = min(_welch_reach(relative[0], n, relative[1], m, confidence), 700.0)
    # In units of the two means, so that the quantile is sought near 1.
    lower, upper = (each.times(1.0 / mean) for each in bounded_mean(**_of_group(inputs)))
    below, above = (each.times(1.0 / reference) for each in bounded_mean(**_of_reference(inputs)))
    low = min(math.exp(-reach), quantile_of_ratio(lower, above, 1.0 - confidence))
    high = max(math.exp(reach), quantile_of_ratio(upper, below, confidence))
    return Bounds(mean / reference * low, mean / reference * high)


def _relative(variance: float, mean: float) -> float:
    """Squared coefficient of variation; infinite rather than an error for a mean of next to nothing."""
    coefficient = math.sqrt(variance) / mean
    return coefficient * coefficient


def _paired_fault(inputs: Inputs) -> str | None:
    if inputs["n"] < 2:
        return SINGLE_ROW
    if min(inputs["variance"], inputs["reference_variance"]) < 0:
        return NEGATIVE_VARIANCE
    inside = 0 <= inputs["mean"] <= inputs["highest"] and inputs["apart"] >= 0
    if not inside or inputs["reference_mean"] > inputs["reference_highest"]:
        return OUT_OF_RANGE
    if inputs["reference_mean"] <= 0:
        return "what it is compared with is 0 on every row, so a ratio to it is undefined; look for leakage"
    return None


def _paired_ratio(inputs: Inputs, confidence: float) -> Bounds:
    """Fieller's (1954) bounds of the ratio of two means of the same rows, with limits of bounded means.

    A ratio r is ruled out as too large when the mean over the rows of a - r b is below 0 with confidence, by
    `mean_bounds`, and as too small when it is above. No row of it is further from 0 than the ranges of a and
    of b and the largest distance between the two (`apart`) allow.
    """
    mean, reference = inputs["mean"], inputs["reference_mean"]
    if mean == 0:
        return Bounds(0.0, None)
    # In units of the two means, where the estimate is 1 and a - r b is a/mean(a) - times · b/mean(b).
    ratio, inverse = mean / reference, reference / mean
    own, other = _relative(inputs["variance"], mean), _relative(inputs["reference_variance"], reference)
    shared = inputs["covariance"] / mean / reference
    highest, other_highest = inputs["highest"] / mean, inputs["reference_highest"] / reference
    apart = inputs["apart"] / mean
    if not math.isfinite(own + other + shared + highest + other_highest + apart + inverse):
        return Bounds(0.0, None)

    def limits(times: float) -> Bounds:
        variance = own - 2.0 * times * shared + times * times * other
        tilt = (times - inverse) * other_highest  # a - r b is a - b and this share of b
        lowest = -min(times * other_highest, apart + max(tilt, 0.0))
        uppermost = min(highest, apart + max(-tilt, 0.0))
        of_difference = {
            "mean": 1.0 - times,
            "variance": variance if variance > _SAME * (own + times * times * other) else 0.0,
            "n": inputs["n"],
            "lowest": min(lowest, 1.0 - times),
            "highest": max(uppermost, 1.0 - times),
        }
        return mean_bounds(of_difference, confidence)

    low = _crossed(lambda times: (limits(times).low or 0.0) > 0.0, 0.5)
    high = _crossed(lambda times: (limits(times).high or 0.0) < 0.0, 2.0)
    return Bounds(0.0 if low is None else ratio * low, None if high is None else ratio * high)


def _crossed(is_beyond: Callable[[float], bool], factor: float) -> float | None:
    """The first multiple of the estimate, going up (factor 2) or down (factor ½), that is ruled out."""
    near, far = 1.0, factor
    for _ in range(_MOST_DOUBLINGS):
        if is_beyond(far):
            break
        near, far = far, far * factor
    else:
        return None
    while abs(far - near) > 1e-13 * far:
        middle = (near + far) / 2.0
        near, far = (near, middle) if is_beyond(middle) else (middle, far)
    return far


def _explained(inputs: Inputs, confidence: float) -> Bounds:
    """1 − ratio: the share of variation that is explained, from the bounds of the share that is not."""
    bounds = _paired_ratio(inputs, confidence)
    return Bounds(
        None if bounds.high is None else 1.0 - bounds.high, None if bounds.low is None else 1.0 - bounds.low
    )


def _two_group_size(inputs: Inputs) -> Size:
    smaller = min(inputs["n"], inputs["reference_n"])
    return Size(round(smaller), smaller)


MEAN_DIFFERENCE = Method(
    name="mean_difference",
    names=_TWO_GROUPS,
    fault=_two_group_fault,
    value=lambda inputs: inputs["mean"] - inputs["reference_mean"],
    bounds=_mean_difference,
    scaled=multiplied("n", "reference_n"),
    size=_two_group_size,
    rows=summed("n", "reference_n"),
)

MEAN_RATIO = Method(
    name="mean_ratio",
    names=_TWO_GROUPS,
    fault=_ratio_fault,
    value=lambda inputs: inputs["mean"] / inputs["reference_mean"],
    bounds=_mean_ratio,
    scaled=multiplied("n", "reference_n"),
    size=_two_group_size,
    rows=summed("n", "reference_n"),
)

PAIRED_RATIO = Method(
    name="paired_ratio",
    names=_PAIRED,
    fault=_paired_fault,
    value=lambda inputs: inputs["mean"] / inputs["reference_mean"],
    bounds=_paired_ratio,
    scaled=multiplied("n"),
    size=rows_size,
    rows=summed("n"),
)

EXPLAINED_SHARE = Method(
    name="explained_share",
    names=_PAIRED,
    fault=_paired_fault,
    value=lambda inputs: 1.0 - inputs["mean"] / inputs["reference_mean"],
    bounds=_explained,
    scaled=multiplied("n"),
    size=rows_size,
    rows=summed("n"),
)
