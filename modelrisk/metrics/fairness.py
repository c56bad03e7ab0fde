"""Comparisons of each group with the reference group of its attribute: selection rates and error rates.

Every comparison comes from the counts of `classification`, so no row is read again.

What does not belong here: rates of single groups (`classification`), and which comparison a rule gates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.metrics.classification import LARGEST_GROUPS, Counts, Marginals
from modelrisk.metrics.intervals import estimate


@dataclass(frozen=True)
class _Comparison:
    """One metric between two groups: its name, its method and the rate compared."""

    metric: str
    method: str
    rate: str


_COMPARISONS = (
    _Comparison("selection_rate_ratio", "melded_ratio", "selected"),
    _Comparison("selection_rate_difference", "melded_difference", "selected"),
    _Comparison("true_positive_rate_difference", "melded_difference", "true positives"),
    _Comparison("false_positive_rate_difference", "melded_difference", "false positives"),
)


def estimates(
    marginals: Marginals, *, confidence: float, reference: Mapping[str, str] | None = None
) -> tuple[Estimate, ...]:
    """Every comparison of every group with its attribute's reference group.

    `selection_rate_*` compare P(prediction = favourable outcome); `true_positive_rate_difference` and
    `false_positive_rate_difference` are of the *positive* class. Ratios are group over reference, differences
    group minus reference. A missing value is a group of its own.

    Args:
        marginals: the counts.
        confidence: confidence of each bound by itself.
        reference: attribute -> reference group; an attribute not named is compared with its largest group
            (ties: first in text order).

    Returns: Estimates carrying cohort, group and reference. An attribute with a single group, with too many,
        or whose declared reference is absent yields estimates that are not evaluable and say so; without
        sensitive attributes there are none.
    """
    declared = reference or {}
    return tuple(_all(marginals, confidence, declared))


def _all(marginals: Marginals, confidence: float, declared: Mapping[str, str]) -> Iterator[Estimate]:
    fault = marginals.survey.prediction_fault
    if fault is not None:
        for comparison in _COMPARISONS:
            yield not_evaluable(comparison.metric, fault, confidence=confidence, method=comparison.method)
        return
    for attribute in marginals.unbounded:
        fault = (
            f"'{attribute}' has more than {LARGEST_GROUPS:,} groups, so it is a number or an identifier; "
            "bin it into groups or take it off `data.sensitive`"
        )
        yield from _unfit(attribute, None, fault, 0, confidence)
    for attribute, groups in marginals.groups.items():
        yield from _of_attribute(marginals, attribute, groups, declared.get(attribute), confidence)


def _of_attribute(
    marginals: Marginals,
    attribute: str,
    groups: Mapping[str | None, Counts],
    declared: str | None,
    confidence: float,
) -> Iterator[Estimate]:
    if declared is not None and declared not in groups:
        found = ", ".join("(missing)" if group is None else repr(group) for group in list(groups)[:5])
        fault = (
            f"the reference group '{declared}' of '{attribute}' is not in the data, which has {found}; "
            "correct `data.reference`"
        )
        for group, counts in groups.items():
            yield from _unfit(attribute, group, fault, counts.rows, confidence)
        return
    if len(groups) == 1:
        (group, counts), *_ = groups.items()
        fault = (
            f"'{attribute}' has a single group, so there is nothing to compare; "
            "supply rows of the other groups or take it off `data.sensitive`"
        )
        yield from _unfit(attribute, group, fault, counts.rows, confidence)
        return
    reference = declared if declared is not None else max(groups, key=lambda group: groups[group].rows)
    for group, counts in groups.items():
        if group != reference:
            for comparison in _COMPARISONS:
                yield _compared(
                    marginals,
                    comparison,
                    attribute,
                    (group, counts),
                    (reference, groups[reference]),
                    confidence,
                )


def _compared(
    marginals: Marginals,
    comparison: _Comparison,
    attribute: str,
    compared: tuple[str | None, Counts],
    baseline: tuple[str | None, Counts],
    confidence: float,
) -> Estimate:
    (group, counts), (reference, reference_counts) = compared, baseline
    events, n = _events(marginals, comparison.rate, counts)
    reference_events, reference_n = _events(marginals, comparison.rate, reference_counts)
    fault = marginals.favourable_fault if comparison.rate == "selected" else None
    if fault is None and not (n and reference_n):
        lacking, where = ("positive", group) if comparison.rate == "true positives" else ("negative", group)
        where = group if not n else reference
        fault = (
            f"no row of {attribute} = {_named(where)} has the {lacking} label; "
            "supply rows of both classes in every group"
        )
    if fault is not None:
        return not_evaluable(
            comparison.metric,
            fault,
            cohort={attribute: group},
            n=counts.rows + reference_counts.rows,
            confidence=confidence,
            method=comparison.method,
            group=_named(group),
            reference=_named(reference),
        )
    inputs = {"events": events, "n": n, "reference_events": reference_events, "reference_n": reference_n}
    return estimate(
        comparison.metric,
        comparison.method,
        inputs,
        confidence=confidence,
        cohort={attribute: group},
        group=_named(group),
        reference=_named(reference),
    )


def _events(marginals: Marginals, rate: str, counts: Counts) -> tuple[int, int]:
    if rate == "selected":
        return marginals.selected(counts), counts.rows
    if rate == "true positives":
        return counts.true_positives, counts.positives
    return counts.false_positives, counts.negatives


def _unfit(attribute: str, group: str | None, fault: str, n: int, confidence: float) -> Iterator[Estimate]:
    for comparison in _COMPARISONS:
        yield not_evaluable(
            comparison.metric,
            fault,
            cohort={attribute: group},
            n=n,
            confidence=confidence,
            method=comparison.method,
            group=_named(group),
        )


def _named(group: str | None) -> str:
    """`Estimate.group` has no place for a missing value: its name is `(missing)`, as for readers."""
    return "(missing)" if group is None else group
