"""Interval methods for means of bounded values, fitted coefficients and complete counts.

What does not belong here: proportions and ranks (`proportion_methods`, `rank_methods`).
"""

import math

from modelrisk.metrics.limit_distributions import bounded_mean
from modelrisk.metrics.method import Bounds, Inputs, Method, Size, multiplied, summed

_SINGLE_ROW = "a single row says nothing about variation; supply at least two rows"
_NEGATIVE_VARIANCE = "the variance is negative; compute the statistics again from the predictions"


def _no_fault(inputs: Inputs) -> str | None:
    del inputs


def _census_bounds(inputs: Inputs, confidence: float) -> Bounds:
    """A count over all rows there are: nothing is inferred, so both bounds are the value."""
    del confidence
    return Bounds(inputs["value"], inputs["value"])


def _mean_fault(inputs: Inputs) -> str | None:
    if inputs["n"] < 2:
        return _SINGLE_ROW
    if inputs["variance"] < 0:
        return _NEGATIVE_VARIANCE
    if not inputs["lowest"] <= inputs["mean"] <= inputs["highest"]:
        return "the mean lies outside the possible range; compute the statistics again from the predictions"
    return None


def _student_mean(inputs: Inputs, confidence: float) -> Bounds:
    """The wider of Student's t and the bounded-mean limits (`limit_distributions`).

    Student's t alone is badly wrong for skewed values at few rows: a rare large loss that has not been seen
    yet leaves a small variance behind, and with an expected 0.1 losses in the sample t passes 90 % at the
    threshold. The bounded-mean limit holds for any shape within `[lowest, highest]`, and with zero variance
    it is what n equal values allow: a share 1 − α^(1/n) of other values. It costs about the weight of one
    worst-case row, so it fades as n grows.
    """
    from scipy import special

    n, mean = inputs["n"], inputs["mean"]
    reach = float(special.stdtrit(n - 1.0, confidence)) * math.sqrt(inputs["variance"] / n)
    lower, upper = bounded_mean(
        mean=mean, variance=inputs["variance"], n=n, lowest=inputs["lowest"], highest=inputs["highest"]
    )
    return Bounds(
        max(min(mean - reach, lower.quantile(1.0 - confidence)), inputs["lowest"]),
        min(max(mean + reach, upper.quantile(confidence)), inputs["highest"]),
    )


def _rows_size(inputs: Inputs) -> Size:
    return Size(round(inputs["n"]), inputs["n"])


def _macro_fault(inputs: Inputs) -> str | None:
    if inputs["smallest"] < 1:
        return "a class has no rows, so a mean over the classes is not known; supply rows of every class"
    if inputs["weight"] < 1 - 1e-9:
        return "the largest weight of a row is below 1; compute the statistics again from the predictions"
    if not 0 <= inputs["mean"] <= 1 + 1e-9:
        return "a mean of shares is not between 0 and 1; compute the statistics again from the predictions"
    return _NEGATIVE_VARIANCE if inputs["variance"] < 0 else (None if inputs["n"] > 1 else _SINGLE_ROW)


def _macro_share(inputs: Inputs, confidence: float) -> Bounds:
    """A mean over classes of a share within each class: the mean of weighted rows, bounded by the weights.

    A row counts n / (K · n_k) if it is right and 0 if not, so that the mean over the n rows is the mean over
    the K classes of their shares. Its limits are those of `student_mean` in [0, largest weight]: they treat
    the sizes of the classes as chance, which makes them wider than the shares alone would; a class of a few
    rows, all right, still has the weight of a row not seen.
    """
    bounds = _student_mean({**inputs, "lowest": 0.0, "highest": inputs["weight"]}, confidence)
    return Bounds(bounds.low, None if bounds.high is None else min(bounds.high, 1.0))


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
    fault=_mean_fault,
    value=lambda inputs: inputs["mean"],
    bounds=_student_mean,
    scaled=multiplied("n"),
    size=_rows_size,
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
