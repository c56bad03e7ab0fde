"""Whether scores are probabilities: calibration slope, calibration in the large, and the reliability curve.

Several classes are judged by their top label: `predictions.of_top_label` makes the table.

What does not belong here: the Brier score (`classification`), and an expected calibration error as a gate: no
interval for it covers when a model is calibrated, so it is a table and no estimate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelrisk.estimates import Estimate, not_evaluable, rounded
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.predictions import (
    Run,
    Survey,
    column_of_numbers,
    is_class,
    real,
    surveyed,
    total,
    whole,
)
from modelrisk.records import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

CLIPPED_AT = 1e-12
"""Scores are clipped to [1e-12, 1 - 1e-12] before their logarithm is taken."""
MOST_ITERATIONS = 30
CONVERGED = 1e-6
"""Newton's error after a step is of the order of the step squared, so this leaves 1e-12."""
CONSTANT_WITHIN = 1e-6
"""Logits that differ by less are one score written with rounding errors."""
BINS = 10

_METHOD = "wald_normal"


@dataclass(frozen=True)
class _Fit:
    """A point of logit P(y) = intercept + slope · logit(score)."""

    intercept: float
    slope: float


@dataclass(frozen=True)
class _Sums:
    """Log-likelihood, its gradient and the information matrix at a fit."""

    likelihood: float
    gradient: float
    gradient_slope: float
    information: float
    information_mixed: float
    information_slope: float


def estimates(
    predictions: "ir.Table", *, run: Run, positive: str, confidence: float
) -> tuple[Estimate, Estimate]:
    """Calibration slope and calibration in the large of all rows.

    Cox (1958) recalibration: logistic regression of the label on logit(score). `calibration_slope` is the
    slope with the intercept free (1: neither too extreme nor too timid); `calibration_intercept` is the
    intercept with the slope fixed at 1 (0: right on average). Newton's method with halved steps; each step is
    one scan in the engine. Scores are clipped to [1e-12, 1 - 1e-12]. Bounds are Wald's, from the information
    at the maximum.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        positive: class text of the positive class.
        confidence: confidence of each bound by itself.

    Returns: The two estimates. Not evaluable: one class only, scores that are not probabilities, a constant
        score (slope only), and labels that the scores separate perfectly (the maximum lies at infinity).
    """
    survey = surveyed(predictions, run=run, positive=positive)
    fault = survey.probability_fault
    if fault is None and not (survey.positives and survey.negatives):
        fault = "only one class is present, so calibration cannot be judged; supply rows of both classes"
    if fault is not None:
        return (
            _unfit("calibration_slope", fault, survey, confidence),
            _unfit("calibration_intercept", fault, survey, confidence),
        )
    return (
        _slope(predictions, survey, run, positive, confidence),
        _intercept(predictions, survey, run, positive, confidence),
    )


def reliability_curve(
    predictions: "ir.Table", *, run: Run, positive: str, confidence: float, bins: int = BINS
) -> Table:
    """Mean score against observed rate in bins of (nearly) equal size, for people to look at.

    Rows with the same score stay in one bin, so that the bins do not depend on the order of the rows; many
    ties make fewer bins.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        positive: class text of the positive class.
        confidence: confidence of each Clopper-Pearson bound of the observed rate.
        bins: how many bins at most.

    Returns: Rows of bin, n, mean_score, observed_rate, low, high in order of the score; none when the scores
        cannot be read as probabilities.
    """
    survey = surveyed(predictions, run=run, positive=positive)
    if survey.probability_fault is not None:
        return ()
    curve: list[dict[str, str | int | float | bool | None]] = []
    for row in sorted(
        run(_binned(predictions, positive, survey.rows, bins)), key=lambda row: real(row["bin"])
    ):
        n, events = whole(row["size"]), whole(row["positives"])
        observed = estimate("base_rate", "clopper_pearson", {"events": events, "n": n}, confidence=confidence)
        curve.append(
            {
                "bin": len(curve) + 1,
                "n": n,
                "mean_score": rounded(real(row["mean_score"])),
                "observed_rate": observed.value,
                "low": observed.low,
                "high": observed.high,
            }
        )
    return tuple(curve)


def summary(curve: Table) -> Table:
    """Expected and largest calibration error from a reliability curve, for people: nothing is gated on them.

    `expected_calibration_error` is the mean over the rows of |mean score - observed rate| of their bin
    (Naeini, Cooper & Hauskrecht 2015). It is above 0 even for a perfectly calibrated model, by chance;
    `debiased` takes off what chance alone is expected to add: the root of the mean over the rows of
    (difference)² - r(1 - r)/(n - 1) (Kumar, Liang & Ma 2019), 0 where that is negative.

    Args:
        curve: as `reliability_curve` returns it.
    """
    bins = [
        (whole(row["n"]), real(row["mean_score"]), real(row["observed_rate"]))
        for row in curve
        if row["observed_rate"] is not None
    ]
    rows = sum(n for n, _, _ in bins)
    if not rows:
        return ()
    gaps = [(n, abs(score - rate), rate * (1.0 - rate) / max(n - 1, 1)) for n, score, rate in bins]
    expected = sum(n * gap for n, gap, _ in gaps) / rows
    debiased = sum(n * (gap * gap - chance) for n, gap, chance in gaps) / rows
    return (
        {"measure": "expected calibration error", "value": rounded(expected), "bins": len(bins)},
        {
            "measure": "debiased (root mean square)",
            "value": rounded(math.sqrt(max(debiased, 0.0))),
            "bins": len(bins),
        },
        {
            "measure": "largest calibration error",
            "value": rounded(max(gap for _, gap, _ in gaps)),
            "bins": len(bins),
        },
    )


def _slope(predictions: "ir.Table", survey: Survey, run: Run, positive: str, confidence: float) -> Estimate:
    metric = "calibration_slope"
    logits = _logits(predictions, positive)
    spread = {bool(real(row["y"])): row for row in run(_spread(logits))}
    ends = {name: [real(row[name]) for row in spread.values()] for name in ("lowest", "highest")}
    if max(ends["highest"]) - min(ends["lowest"]) <= CONSTANT_WITHIN:
        fault = "the score is the same on every row, so it has no slope; look at the model's features"
        return _unfit(metric, fault, survey, confidence)
    if _separated(spread[False], spread[True]) or _separated(spread[True], spread[False]):
        return _unfit(metric, _NO_MAXIMUM, survey, confidence)
    # Centred logits leave the slope as it is and keep the digits of the determinant.
    centre = (
        real(spread[False]["mean"]) * survey.negatives + real(spread[True]["mean"]) * survey.positives
    ) / survey.rows
    x = logits.mutate(x=column_of_numbers(logits, "x") - centre)
    fit = _Fit(math.log(survey.positives / survey.negatives), 0.0)
    sums = _sums(x, fit, run)
    for _ in range(MOST_ITERATIONS):
        determinant = sums.information * sums.information_slope - sums.information_mixed**2
        if not determinant > 0.0:
            break
        step = _Fit(
            (sums.information_slope * sums.gradient - sums.information_mixed * sums.gradient_slope)
            / determinant,
            (sums.information * sums.gradient_slope - sums.information_mixed * sums.gradient) / determinant,
        )
        fit, sums = _advanced(x, fit, step, sums, run)
        if abs(step.slope) <= CONVERGED * max(1.0, abs(fit.slope)):
            determinant = sums.information * sums.information_slope - sums.information_mixed**2
            return _fitted(metric, fit.slope, sums.information / determinant, survey, confidence)
    return _unfit(metric, _NOT_CONVERGED, survey, confidence)


def _spread(logits: "ir.Table") -> "ir.Table":
    x = column_of_numbers(logits, "x")
    return logits.group_by("y").agg(lowest=x.min(), highest=x.max(), mean=x.mean())


def _separated(below: Mapping[str, object], above: Mapping[str, object]) -> bool:
    """Whether one class scores nowhere above the other; exactly then the maximum lies at infinity."""
    return real(below["highest"]) <= real(above["lowest"])


def _intercept(
    predictions: "ir.Table", survey: Survey, run: Run, positive: str, confidence: float
) -> Estimate:
    metric = "calibration_intercept"
    x = _logits(predictions, positive)
    fit = _Fit(0.0, 1.0)
    sums = _sums(x, fit, run)
    for _ in range(MOST_ITERATIONS):
        if not sums.information > 0.0:
            break
        step = _Fit(sums.gradient / sums.information, 0.0)
        fit, sums = _advanced(x, fit, step, sums, run)
        if abs(step.intercept) <= CONVERGED * max(1.0, abs(fit.intercept)):
            return _fitted(metric, fit.intercept, 1.0 / sums.information, survey, confidence)
    return _unfit(metric, _NOT_CONVERGED, survey, confidence)


_NO_MAXIMUM = (
    "the scores separate the classes perfectly, so the slope is infinite; "
    "supply more rows, and look for leakage of the label into the features"
)
_NOT_CONVERGED = (
    "the fit did not converge: nearly all scores lie at 0 or 1; let the model return probabilities that vary"
)


def _advanced(x: "ir.Table", fit: _Fit, step: _Fit, sums: _Sums, run: Run) -> tuple[_Fit, _Sums]:
    """The fit after a Newton step, halved until the likelihood does not fall beyond rounding."""
    share = 1.0
    allowance = 1e-9 * max(1.0, abs(sums.likelihood))
    while True:
        moved = _Fit(fit.intercept + share * step.intercept, fit.slope + share * step.slope)
        there = _sums(x, moved, run)
        if there.likelihood >= sums.likelihood - allowance or share < 1e-3:
            return moved, there
        share /= 2.0


def _logits(predictions: "ir.Table", positive: str) -> "ir.Table":
    score = column_of_numbers(predictions, "score").clip(CLIPPED_AT, 1.0 - CLIPPED_AT)
    return predictions.select(
        x=(score / (1.0 - score)).ln(),
        y=is_class(predictions.label, positive).cast("float64"),
    )


def _sums(x: "ir.Table", fit: _Fit, run: Run) -> _Sums:
    """Sufficient statistics at a fit, in one scan.

    With η = intercept + slope·x the log-likelihood of a row is −log(1 + e^−η) for y = 1 and −log(1 + e^η) for
    y = 0, computed as min(±η, 0) − log(1 + e^−|η|), which neither overflows nor takes the log of 0.
    """
    eta = fit.intercept + fit.slope * column_of_numbers(x, "x")
    rows = x.mutate(eta=eta)
    eta, value, y = (column_of_numbers(rows, name) for name in ("eta", "x", "y"))
    small = (-eta.abs()).exp()
    sign = 2.0 * y - 1.0
    signed = sign * eta
    p = (1.0 + eta.sign() * (1.0 - small) / (1.0 + small)) / 2.0
    weight = small / ((1.0 + small) * (1.0 + small))
    (found,) = run(
        rows.agg(
            likelihood=total((signed - signed.abs()) / 2.0 - (1.0 + small).ln()),
            gradient=total(y - p),
            gradient_slope=total((y - p) * value),
            information=total(weight),
            information_mixed=total(weight * value),
            information_slope=total(weight * value * value),
        )
    )
    return _Sums(**{name: real(number) for name, number in found.items()})


def _binned(predictions: "ir.Table", positive: str, rows: int, bins: int) -> "ir.Table":
    import ibis

    scored = predictions.select(
        score=column_of_numbers(predictions, "score") + 0.0,
        y=is_class(predictions.label, positive).cast("float64"),
    )
    steps = scored.group_by("score").agg(
        positives=column_of_numbers(scored, "y").sum(), size=scored.count().cast("float64")
    )
    size = column_of_numbers(steps, "size")
    so_far = size.sum().over(ibis.window(order_by=steps.score, preceding=None, following=0))
    placed = steps.mutate(bin=((so_far - size / 2.0) * float(bins) / float(rows)).floor())
    size, score = column_of_numbers(placed, "size"), column_of_numbers(placed, "score")
    return placed.group_by("bin").agg(
        size=size.sum(),
        positives=column_of_numbers(placed, "positives").sum(),
        mean_score=total(size * score) / size.sum(),
    )


def _fitted(metric: str, value: float, variance: float, survey: Survey, confidence: float) -> Estimate:
    inputs = {
        "value": value,
        "standard_error": math.sqrt(variance) if variance > 0 else math.nan,
        "n": survey.rows,
        "events": min(survey.positives, survey.negatives),
    }
    return estimate(metric, _METHOD, inputs, confidence=confidence)


def _unfit(metric: str, fault: str, survey: Survey, confidence: float) -> Estimate:
    return not_evaluable(metric, fault, n=survey.rows, confidence=confidence, method=_METHOD)
