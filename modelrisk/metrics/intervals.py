"""From sufficient statistics to an Estimate, and back: the registry of interval methods.

Inputs are rounded *before* the bounds are computed, so the printed inputs give exactly the printed bounds.

What does not belong here: the methods (`proportion_methods`, `rank_methods`, `mean_methods`,
`error_methods`), and limits or verdicts (`modelrisk.verdicts`).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from modelrisk.estimates import Cohort, Estimate, not_evaluable, rounded
from modelrisk.metrics import error_methods, mean_methods, proportion_methods, rank_methods
from modelrisk.metrics.method import Bounds, Inputs, Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            mean_methods.CENSUS,
            proportion_methods.CLOPPER_PEARSON,
            proportion_methods.MELDED_RATIO,
            proportion_methods.MELDED_DIFFERENCE,
            proportion_methods.NEWCOMBE_PAIRED,
            rank_methods.DELONG_NEWCOMBE,
            rank_methods.PAIRED_DELONG,
            mean_methods.STUDENT_MEAN,
            mean_methods.WALD_NORMAL,
            mean_methods.MACRO_SHARE,
            mean_methods.ROOT_MEAN,
            error_methods.MEAN_DIFFERENCE,
            error_methods.MEAN_RATIO,
            error_methods.PAIRED_RATIO,
            error_methods.EXPLAINED_SHARE,
        )
    }
)

_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-12


def estimate(
    metric: str,
    method: str,
    inputs: Inputs,
    *,
    confidence: float,
    cohort: Cohort | None = None,
    group: str | None = None,
    reference: str | None = None,
    n: int | None = None,
    outcome: str | None = None,
) -> Estimate:
    """The estimate a method gives for these sufficient statistics.

    Args:
        metric: the metric's name.
        method: a key of `METHODS`.
        inputs: the sufficient statistics that method takes; others are refused.
        confidence: confidence of each bound by itself, in (0.5, 1); a census has 1.
        cohort: the rows it is about, `{}` or None for all.
        group: for comparisons between groups, the group compared.
        reference: for comparisons between groups, the group compared with.
        n: rows behind the estimate, where the method's inputs do not tell (a census).
        outcome: for a rate of one class against the rest, the class.

    Returns: An estimate with value and bounds at 12 significant digits; one that is not evaluable, with
        reason and remedy, when an input is not finite or impossible.
    """
    chosen = METHODS[method]
    if set(inputs) != set(chosen.names):
        raise ValueError(f"{method} takes {', '.join(chosen.names)}; got {', '.join(sorted(inputs))}")
    if method == "census":
        confidence = 1.0
    kept = {name: rounded(float(inputs[name])) for name in chosen.names}
    fault = _fault(chosen, kept)
    if fault is not None:
        return not_evaluable(
            metric,
            fault,
            cohort=cohort,
            n=n or 0,
            confidence=confidence,
            method=method,
            group=group,
            reference=reference,
            outcome=outcome,
        )
    value = rounded(chosen.value(kept))
    bounds = _around(value, chosen.bounds(kept, confidence))
    return Estimate(
        metric,
        value,
        bounds.low,
        bounds.high,
        confidence,
        chosen.rows(kept) if n is None else n,
        method,
        inputs=kept,
        cohort=dict(cohort or {}),
        group=group,
        reference=reference,
        outcome=outcome,
    )


def bounds_at(estimate: Estimate, confidence: float) -> Bounds:
    """The estimate's bounds recomputed from its inputs at another confidence per bound.

    Returns: Bounds at 12 significant digits; unbounded on both sides, which clears no limit, when the
        estimate is not evaluable.
    """
    if not estimate.is_evaluable or estimate.value is None:
        return Bounds(None, None)
    return _around(estimate.value, METHODS[estimate.method].bounds(estimate.inputs, confidence))


def follows_from_inputs(estimate: Estimate) -> bool:
    """Whether the printed value and bounds are the ones the named method gives for the printed inputs.

    Equality is relative to 1e-9 (special functions differ in the last digits between machines). An estimate
    without a value must have no bounds either, and says why.
    """
    if estimate.value is None:
        return estimate.low is None and estimate.high is None and bool(estimate.problem)
    chosen = METHODS.get(estimate.method)
    if chosen is None or estimate.problem is not None or set(estimate.inputs) != set(chosen.names):
        return False
    valid = 0.5 < estimate.confidence < 1.0 or estimate.method == "census"
    if not valid or _fault(chosen, estimate.inputs) is not None:
        return False
    value = rounded(chosen.value(estimate.inputs))
    bounds = _around(value, chosen.bounds(estimate.inputs, estimate.confidence))
    printed = (estimate.value, estimate.low, estimate.high)
    return all(
        _same(mine, theirs) for mine, theirs in zip((value, bounds.low, bounds.high), printed, strict=True)
    )


def _fault(method: Method, inputs: Inputs) -> str | None:
    for name, value in inputs.items():
        if not math.isfinite(value):
            return f"{name.replace('_', ' ')} is {value}, not a finite number; look for one in the data"
    return method.fault(inputs)


def _around(value: float, bounds: Bounds) -> Bounds:
    """Bounds rounded, infinite ones unbounded, none on the wrong side of the value by a rounding error."""
    low = None if bounds.low is None or not math.isfinite(bounds.low) else min(rounded(bounds.low), value)
    high = None if bounds.high is None or not math.isfinite(bounds.high) else max(rounded(bounds.high), value)
    return Bounds(low, high)


def _same(mine: float | None, theirs: float | None) -> bool:
    if mine is None or theirs is None:
        return mine is theirs
    return math.isclose(mine, theirs, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
