"""Interval methods for means of bounded values, fitted coefficients and complete counts.

What does not belong here: proportions and ranks (`proportion_methods`, `rank_methods`).
"""

import math

from modelrisk.metrics.limit_distributions import bounded_mean
from modelrisk.metrics.method import Bounds, Inputs, Method, Size, multiplied, summed


def _no_fault(inputs: Inputs) -> str | None:
    del inputs


def _census_bounds(inputs: Inputs, confidence: float) -> Bounds:
    """A count over all rows there are: nothing is inferred, so both bounds are the value."""
    del confidence
    return Bounds(inputs["value"], inputs["value"])


def _mean_fault(inputs: Inputs) -> str | None:
    if inputs["n"] < 2:
        return "a single row says nothing about variation; supply at least two rows"
    if inputs["variance"] < 0:
        return "the variance is negative; compute the statistics again from the predictions"
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
