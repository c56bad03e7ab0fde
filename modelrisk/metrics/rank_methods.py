"""Interval methods for the area under the ROC curve and for its paired difference.

Both build on DeLong's placement values: for a positive row the share of negatives it outranks (ties count
half), for a negative row the share of positives that outrank it. Inputs are the sample variances of the two
sets of placement values; DeLong's variance is the sum of each divided by its count.

What does not belong here: how placement values are computed (`discrimination`).
"""

import math

from modelrisk.metrics.limit_distributions import bounded_mean, quantile_of_sum
from modelrisk.metrics.method import Bounds, Inputs, Method, Size, multiplied, summed

_VARIANCES = ("positive_variance", "negative_variance")
_COUNTS = ("positives", "negatives")


def _rank_fault(inputs: Inputs) -> str | None:
    if min(inputs["positives"], inputs["negatives"]) < 1:
        return "only one class is present, so nothing can be ranked against it; supply rows of both classes"
    if min(inputs["positives"], inputs["negatives"]) < 2:
        return "a class has a single row, so its variation is unknown; supply more rows of both classes"
    if min(inputs[name] for name in _VARIANCES) < 0:
        return "a variance is negative; compute the statistics again from the predictions"
    return None


def _auc_fault(inputs: Inputs) -> str | None:
    if not 0 <= inputs["auc"] <= 1:
        return "the AUC is not between 0 and 1; compute it again from the predictions"
    return _rank_fault(inputs)


def _difference_fault(inputs: Inputs) -> str | None:
    if not -1 <= inputs["difference"] <= 1:
        return "the difference of two AUCs is not between -1 and 1; compute it again from the predictions"
    return _rank_fault(inputs)


def _delong_variance(inputs: Inputs) -> float:
    return (
        inputs["positive_variance"] / inputs["positives"] + inputs["negative_variance"] / inputs["negatives"]
    )


def _delong_newcombe(inputs: Inputs, confidence: float) -> Bounds:
    """The widest of three: DeLong on the logit scale, Newcombe's method 5, melded bounded means.

    * DeLong, DeLong & Clarke-Pearson (1988) variance, normal on the logit scale: right for large samples;
      too narrow at few rows or high AUC, and of zero width under perfect separation.
    * Newcombe (2006) method 5: solves (θ − AUC)² = z² V(θ) with Hanley and McNeil's exponential-model
      variance, both sizes replaced by their mean. Holds at few rows, if the scores look like equal-variance
      distributions; with unequal ones it passes up to 20 % at the threshold (15 positives, AUC 0.95).
    * Melded bounds (`limit_distributions`) of the means of the positives' and the negatives' placement
      values, which are bounded by 0 and 1. Assumes no shape. It is 1.1 to 1.3 times as wide at 50 positives
      and AUC 0.5 to 0.8, at most 1.1 times at 300.

    In simulations at the threshold (15 to 300 positives, AUC 0.5 to 0.97; equal and unequal variances,
    exponential scores, a share of positives that cannot be recognised, a share ranked last) the widest of the
    three never passed more than alpha.
    """
    from scipy import special

    auc, n, m = inputs["auc"], inputs["positives"], inputs["negatives"]
    z = float(special.ndtri(confidence))
    low, high = _newcombe_low(auc, n, m, z), 1.0 - _newcombe_low(1.0 - auc, n, m, z)
    if 0.0 < auc < 1.0:
        centre = math.log(auc / (1.0 - auc))
        reach = z * math.sqrt(_delong_variance(inputs)) / (auc * (1.0 - auc))
        low = min(low, _logistic(centre - reach))
        high = max(high, _logistic(centre + reach))
    melded = _melded(inputs, auc, 0.0, confidence)
    return Bounds(max(min(low, melded[0]), 0.0), min(max(high, melded[1]), 1.0))


def _melded(inputs: Inputs, value: float, lowest: float, confidence: float) -> tuple[float, float]:
    lower_n, upper_n = bounded_mean(
        mean=value,
        variance=inputs["positive_variance"],
        n=inputs["positives"],
        lowest=lowest,
        highest=1.0,
    )
    lower_m, upper_m = bounded_mean(
        mean=value,
        variance=inputs["negative_variance"],
        n=inputs["negatives"],
        lowest=lowest,
        highest=1.0,
    )
    return (
        quantile_of_sum(lower_n, lower_m, 1.0 - confidence) - value,
        quantile_of_sum(upper_n, upper_m, confidence) - value,
    )


def _newcombe_low(auc: float, n: float, m: float, z: float) -> float:
    """Smaller root of (auc − θ)² = z² V(θ), by bisection to the last bit."""
    mean_size = (n + m) / 2.0

    def below_root(theta: float) -> bool:
        shape = 2.0 * mean_size - 1.0 - (3.0 * mean_size - 3.0) / ((2.0 - theta) * (1.0 + theta))
        return (auc - theta) ** 2 > z * z * theta * (1.0 - theta) / (n * m) * shape

    low, high = 0.0, auc
    while low < (middle := (low + high) / 2.0) < high:
        low, high = (middle, high) if below_root(middle) else (low, middle)
    return low


def _logistic(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))


def _paired_delong(inputs: Inputs, confidence: float) -> Bounds:
    """The wider of paired DeLong (normal) and melded bounds of the placement differences in [−1, 1].

    Inputs are the variances of the *differences* of placement values between the two models, so the
    covariance of correlated curves (DeLong et al. 1988) is in them. Two models that rank alike in the sample
    have zero variance; the melded bound then says what the sample can: about 3/positives + 3/negatives at 95
    %, because rows not seen may be ranked differently.
    """
    from scipy import special

    value = inputs["difference"]
    reach = float(special.ndtri(confidence)) * math.sqrt(_delong_variance(inputs))
    low, high = _melded(inputs, value, -1.0, confidence)
    return Bounds(max(min(low, value - reach), -1.0), min(max(high, value + reach), 1.0))


def _rank_size(inputs: Inputs) -> Size:
    smaller = min(inputs["positives"], inputs["negatives"])
    return Size(round(smaller), smaller)


DELONG_NEWCOMBE = Method(
    name="delong_newcombe",
    names=("auc", *_VARIANCES, *_COUNTS),
    fault=_auc_fault,
    value=lambda inputs: inputs["auc"],
    bounds=_delong_newcombe,
    scaled=multiplied(*_COUNTS),
    size=_rank_size,
    rows=summed(*_COUNTS),
)

PAIRED_DELONG = Method(
    name="paired_delong",
    names=("difference", *_VARIANCES, *_COUNTS),
    fault=_difference_fault,
    value=lambda inputs: inputs["difference"],
    bounds=_paired_delong,
    scaled=multiplied(*_COUNTS),
    size=_rank_size,
    rows=summed(*_COUNTS),
)
