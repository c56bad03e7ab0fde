"""Estimate: the only form in which a number may reach a rule.

A point without an interval cannot be judged, so there is no bare-float metric anywhere. An estimate
also keeps the few sufficient statistics (`inputs`) its interval was computed from: anyone can
recompute the bounds at another confidence (Holm needs that), ask how many rows would settle the
question, or check that the printed bounds are the ones the method gives.

What does not belong here: the interval methods themselves (`modelrisk.metrics.intervals`) and
limits or verdicts (`modelrisk.verdicts`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Cohort = Mapping[str, str | None]
"""Attribute -> group; `{}` is all rows; a missing value (None) is a group of its own."""

SIGNIFICANT_DIGITS = 12


@dataclass(frozen=True)
class Estimate:
    """One measured quantity with its uncertainty.

    Attributes:
        metric: the metric's name (`auc`, `selection_rate_ratio`, ...).
        value: point estimate, rounded to 12 significant digits; None when it could not be evaluated.
        low: lower confidence bound; None when unbounded below (or not evaluated): it clears no limit.
        high: upper confidence bound; None when unbounded above (or not evaluated): it clears no limit.
        confidence: confidence of *each* bound by itself (one-sided), in (0.5, 1); 1.0 for a census.
        n: rows behind the estimate.
        method: name of the interval method, a key of `modelrisk.metrics.intervals.METHODS`.
        inputs: the sufficient statistics the method takes.
        cohort: the rows it is about.
        group: for ratios and differences between groups, the group compared; else None.
        reference: for ratios and differences between groups, the group compared with; else None.
        seed: seed of a resampling method; None for the analytic ones.
        outcome: for a rate of one class against the rest, the class; None for everything else.
        problem: why there is no value, with what to do about it; None when there is one.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    n: int
    method: str
    inputs: Mapping[str, float] = field(default_factory=dict[str, float])
    cohort: Cohort = field(default_factory=dict[str, str | None])
    group: str | None = None
    reference: str | None = None
    seed: int | None = None
    problem: str | None = None
    outcome: str | None = None

    @property
    def coverage(self) -> float:
        """Two-sided coverage of `[low, high]`: 2 · confidence − 1."""
        return rounded(2.0 * self.confidence - 1.0)

    @property
    def is_evaluable(self) -> bool:
        """Whether there is a finite value and no bound is NaN or infinite (unbounded is None)."""
        numbers = [bound for bound in (self.value, self.low, self.high) if bound is not None]
        return self.problem is None and self.value is not None and all(map(math.isfinite, numbers))


def rounded(value: float) -> float:
    """`value` at 12 significant digits, so that parallel float sums digest alike; −0.0 becomes 0.0."""
    if not math.isfinite(value):
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0


def census(metric: str, value: float, *, n: int) -> Estimate:
    """A quantity known from all there is to know: low = value = high, with certainty."""
    known = rounded(float(value))
    return Estimate(metric, known, known, known, 1.0, n, "census", {"value": known})


def not_evaluable(
    metric: str,
    problem: str,
    *,
    cohort: Cohort | None = None,
    n: int = 0,
    confidence: float = 0.95,
    method: str = "none",
    group: str | None = None,
    reference: str | None = None,
    outcome: str | None = None,
) -> Estimate:
    """An estimate that says why it has no value; a rule can only read it as *not evaluable*."""
    return Estimate(
        metric,
        None,
        None,
        None,
        confidence,
        n,
        method,
        cohort=dict(cohort or {}),
        group=group,
        reference=reference,
        problem=problem,
        outcome=outcome,
    )


def described_cohort(cohort: Cohort, outcome: str | None = None) -> str:
    """The rows for a reader: `all rows`, `sex = F`, `sex = (missing)`, `class 'b'`."""
    if outcome is not None:
        rest = f", {described_cohort(cohort)}" if cohort else ""
        return f"class {outcome!r}{rest}"
    if not cohort:
        return "all rows"
    return ", ".join(f"{name} = {'(missing)' if group is None else group}" for name, group in cohort.items())
