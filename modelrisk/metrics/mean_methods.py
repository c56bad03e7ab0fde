"""Interval methods for means of bounded values, fitted coefficients and complete counts.

What does not belong here: proportions and ranks (`proportion_methods`, `rank_methods`).
"""

import math

from modelrisk.metrics.limit_distributions import bounded_mean
from modelrisk.metrics.method import Bounds, Inputs, Method, Size, multiplied, summed

SINGLE_ROW = "a single row says nothing about variation; supply at least two rows"
NEGATIVE_VARIANCE = "the variance is negative; compute the statistics again from the predictions"
OUT_OF_RANGE = "the mean lies outside the possible range; compute the statistics again from the predictions"


def _no_fault(inputs: Inputs) -> str | None:
    del inputs


def _census_bounds(inputs: Inputs, confidence: float) -> Bounds:
    """A count over all rows there are: nothing is inferred, so both bounds are the value."""
    del confidence
    return Bounds(inputs["value"], inputs["value"])


def mean_fault(inputs: Inputs) -> str | None:
    """What is impossible about the inputs of a mean of values in a range."""
    if inputs["n"] < 2:
        return SINGLE_ROW
    if inputs["variance"] < 0:
        return NEGATIVE_VARIANCE
    return None if inputs["lowest"] <= inputs["mean"] <= inputs["highest"] else OUT_OF_RANGE


def mean_bounds(inputs: Inputs, confidence: float) -> Bounds:
    """The wider of Student's t and the bounded-mean limits (`limit_distributions`).

    Student's t alone is badly wrong for skewed values at few rows: a rare large loss that has not been seen
    yet leaves a small variance behind, and with an expected 0.1 losses in the sample t passes 90 % at the
    threshold. The bounded-mean limit holds for any shape within `[lowest, highest]`, and with zero variance
    it is what n equal values allow: a share 1 − α^(1/n) of other values. It costs about the weight of one
    worst-case row, so it fades as n grows.
    """
    n, mean = inputs["n"], inputs["mean"]
    reach = t_quantile(confidence, n - 1.0) * math.sqrt(inputs["variance"] / n)
    lower, upper = bounded_mean(
        mean=mean, variance=inputs["variance"], n=n, lowest=inputs["lowest"], highest=inputs["highest"]
    )
    return Bounds(
        max(min(mean - reach, lower.quantile(1.0 - confidence)), inputs["lowest"]),
        min(max(mean + reach, upper.quantile(confidence)), inputs["highest"]),
    )


def t_quantile(confidence: float, degrees: float) -> float:
    """The quantile of Student's t."""
    from scipy import special

    return float(special.stdtrit(degrees, confidence))


def _student_mean(inputs: Inputs, confidence: float) -> Bounds:
    """`mean_bounds`; open in a range of one point, where nothing says how large other values may be."""
    if inputs["lowest"] == inputs["highest"]:
        return Bounds(None, None)
    return mean_bounds(inputs, confidence)


def _root_mean(inputs: Inputs, confidence: float) -> Bounds:
    """The roots of the limits of a mean of squares."""
    bounds = _student_mean(inputs, confidence)
    return Bounds(
        None if bounds.low is None else math.sqrt(bounds.low),
        None if bounds.high is None else math.sqrt(bounds.high),
    )


def _root_fault(inputs: Inputs) -> str | None:
    return OUT_OF_RANGE if inputs["lowest"] < 0 else mean_fault(inputs)


def rows_size(inputs: Inputs) -> Size:
    """All rows are one cell."""
    return Size(round(inputs["n"]), inputs["n"])


def _macro_fault(inputs: Inputs) -> str | None:
    if inputs["smallest"] < 1:
        return "a class has no rows, so a mean over the classes is not known; supply rows of every class"
    if inputs["weight"] < 1 - 1e-9:
        return "the largest weight of a row is below 1; compute the statistics again from the predictions"
    if not 0 <= inputs["mean"] <= 1 + 1e-9:
        return "a mean of shares is not between 0 and 1; compute the statistics again from the predictions"
    return NEGATIVE_VARIANCE if inputs["variance"] < 0 else (None if inputs["n"] > 1 else SINGLE_ROW)


def _macro_share(inputs: Inputs, confidence: float) -> Bounds:
    """A mean over K classes of a share within each class: the mean of weighted rows, bounded by a weight.

    A row counts n / (K · n_k) if it is right and 0 if not, so the mean over the n rows is the mean of the
    shares. The sizes of the classes are given, so only variation *within* classes is chance: the variance of
    the mean is Σ p(1 - p) / (n_k - 1) / K², a class of a single row taken about the mean of all. A row not
    seen may move it by the weight of the smallest class, in either direction: when every row is right, the
    low bound at 95 % is 1 - 3 / (K n_k), n_k the smallest.

    Taking the sizes for chance as well is up to 3 times as wide when they differ; adding up the exact limits
    of each class is far too wide for many small ones.
    """
    weight, mean = inputs["weight"], inputs["mean"]
    bounds = mean_bounds({**inputs, "lowest": mean - weight, "highest": mean + weight}, confidence)
    return Bounds(
        None if bounds.low is None else max(bounds.low, 0.0),
        None if bounds.high is None else min(bounds.high, 1.0),
    )


def _smallest_class(inputs: Inputs) -> Size:
    return Size(round(inputs["smallest"]), inputs["smallest"])


def _wald_fault(inputs: Inputs) -> str | None:
    if inputs["n"] < 3:
        return "fewer than three rows cannot carry a fitted coefficient; supply more rows"
    if inputs["standard_error"] <= 0:
        return "the standard error is not positive, so the coefficient is not determined; supply more rows"
    return None


def _wald_normal(inputs: Inputs, confidence: float) -> Bounds:
    """Estimate ± z · standard error: large-sample theory of logistic regression (observed information).

    The events of the rarer class carry the information; below about 50 the promise is approximate.
    """
    from scipy import special

    reach = float(special.ndtri(confidence)) * inputs["standard_error"]
    return Bounds(inputs["value"] - reach, inputs["value"] + reach)


def _wald_scaled(inputs: Inputs, factor: float) -> Inputs:
    return {
        **inputs,
        "standard_error": inputs["standard_error"] / math.sqrt(factor),
        "n": inputs["n"] * factor,
        "events": inputs["events"] * factor,
    }


def _wald_size(inputs: Inputs) -> Size:
    return Size(round(inputs["n"]), inputs["events"])


CENSUS = Method(
    name="census",
    names=("value",),
    fault=_no_fault,
    value=lambda inputs: inputs["value"],
    bounds=_census_bounds,
    scaled=multiplied(),
    size=lambda _inputs: Size(0, 0.0),
    rows=lambda _inputs: 0,
)

STUDENT_MEAN = Method(
    name="student_mean",
    names=("mean", "variance", "n", "lowest", "highest"),
    fault=mean_fault,
    value=lambda inputs: inputs["mean"],
    bounds=_student_mean,
    scaled=multiplied("n"),
    size=rows_size,
    rows=summed("n"),
)

ROOT_MEAN = Method(
    name="root_mean",
    names=("mean", "variance", "n", "lowest", "highest"),
    fault=_root_fault,
    value=lambda inputs: math.sqrt(inputs["mean"]),
    bounds=_root_mean,
    scaled=multiplied("n"),
    size=rows_size,
    rows=summed("n"),
)

WALD_NORMAL = Method(
    name="wald_normal",
    names=("value", "standard_error", "n", "events"),
    fault=_wald_fault,
    value=lambda inputs: inputs["value"],
    bounds=_wald_normal,
    scaled=_wald_scaled,
    size=_wald_size,
    rows=summed("n"),
)

MACRO_SHARE = Method(
    name="macro_share",
    names=("mean", "variance", "n", "weight", "smallest"),
    fault=_macro_fault,
    value=lambda inputs: min(inputs["mean"], 1.0),
    bounds=_macro_share,
    scaled=multiplied("n", "smallest"),
    size=_smallest_class,
    rows=summed("n"),
)
