"""Comparisons of each group with the reference group of its attribute: selection rates, error rates, errors.

Every comparison comes from the counts of `classification` or the moments of `regression`, so no row is read
again. Several classes are compared by the favourable one against the rest.

What does not belong here: rates of single groups (`classification`, `regression`), and which comparison a
rule gates.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.metrics.classification import LARGEST_GROUPS, Counts, Marginals
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.regression import Errors, Measured


@dataclass(frozen=True)
class _Comparison:
    """One metric between two groups: its name, its method and the rate (or error) compared."""

    metric: str
    method: str
    rate: str


_COMPARISONS = (
    _Comparison("selection_rate_ratio", "melded_ratio", "selected"),
    _Comparison("selection_rate_difference", "melded_difference", "selected"),
    _Comparison("true_positive_rate_difference", "melded_difference", "true positives"),
    _Comparison("false_positive_rate_difference", "melded_difference", "false positives"),
)


_ERROR_COMPARISONS = (
    _Comparison("mae_ratio", "mean_ratio", "size"),
    _Comparison("mae_difference", "mean_difference", "size"),
    _Comparison("mean_error_difference", "mean_difference", "error"),
)

Member = TypeVar("Member", Counts, Errors)


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
    subject = _Subject(
        fault=marginals.survey.prediction_fault,
        groups=marginals.groups,
        unbounded=marginals.unbounded,
        rows=lambda counts: counts.rows,
        comparisons=_COMPARISONS,
        compared=_rates_compared(marginals),
    )
    return tuple(_all_of(subject, confidence, reference or {}))


def regression_estimates(
    measured: Measured, *, confidence: float, reference: Mapping[str, str] | None = None
) -> tuple[Estimate, ...]:
    """Errors of every group against its attribute's reference group.

    `mae_ratio` is the group's mean error size over the reference's, `mae_difference` and
    `mean_error_difference` group minus reference in the target's units. Rows of the two groups are
    independent; see `error_methods`.

    Args:
        measured: the moments.
        confidence: confidence of each bound by itself.
        reference: attribute -> reference group, as in `estimates`.

    Returns: As `estimates`.
    """
    return tuple(
        _all_of(
            _Subject(
                fault=measured.fault,
                groups=measured.groups,
                unbounded=measured.unbounded,
                rows=lambda errors: errors.rows,
                comparisons=_ERROR_COMPARISONS,
                compared=_errors_compared,
            ),
            confidence,
            reference or {},
        )
    )


@dataclass(frozen=True)
class _Subject(Generic[Member]):
    """What is compared, whatever the task.

    Attributes:
        fault: why nothing can be compared.
        groups: attribute -> group -> what is known of it.
        unbounded: attributes with too many groups.
        rows: tells a group's rows.
        comparisons: what is compared.
        compared: makes one comparison: (comparison, attribute, group, reference group, confidence).
    """

    fault: str | None
    groups: Mapping[str, Mapping[str | None, Member]]
    unbounded: tuple[str, ...]
    rows: Callable[[Member], int]
    comparisons: tuple[_Comparison, ...]
    compared: "Callable[[_Comparison, str, _Named[Member], _Named[Member], float], Estimate]"


@dataclass(frozen=True)
class _Named(Generic[Member]):
    """A group with its name; None is the missing one."""

    group: str | None
    member: Member


def _all_of(subject: _Subject[Member], confidence: float, declared: Mapping[str, str]) -> Iterator[Estimate]:
    if subject.fault is not None:
        for comparison in subject.comparisons:
            yield not_evaluable(
                comparison.metric, subject.fault, confidence=confidence, method=comparison.method
            )
        return
    for attribute in subject.unbounded:
        fault = (
            f"'{attribute}' has more than {LARGEST_GROUPS:,} groups, so it is a number or an identifier; "
            "bin it into groups or take it off `data.sensitive`"
        )
        yield from _unfit(subject, attribute, None, fault, 0, confidence)
    for attribute, groups in subject.groups.items():
        yield from _of_attribute(subject, attribute, groups, declared.get(attribute), confidence)


def _of_attribute(
    subject: _Subject[Member],
    attribute: str,
    groups: Mapping[str | None, Member],
    declared: str | None,
    confidence: float,
) -> Iterator[Estimate]:
    if declared is not None and declared not in groups:
        found = ", ".join("(missing)" if group is None else repr(group) for group in list(groups)[:5])
        fault = (
            f"the reference group '{declared}' of '{attribute}' is not in the data, which has {found}; "
            "correct `data.reference`"
        )
        for group, member in groups.items():
            yield from _unfit(subject, attribute, group, fault, subject.rows(member), confidence)
        return
    if len(groups) == 1:
        (group, member), *_ = groups.items()
        fault = (
            f"'{attribute}' has a single group, so there is nothing to compare; "
            "supply rows of the other groups or take it off `data.sensitive`"
        )
        yield from _unfit(subject, attribute, group, fault, subject.rows(member), confidence)
        return
    reference = (
        declared if declared is not None else max(groups, key=lambda group: subject.rows(groups[group]))
    )
    for group, member in groups.items():
        if group != reference:
            for comparison in subject.comparisons:
                yield subject.compared(
                    comparison,
                    attribute,
                    _Named(group, member),
                    _Named(reference, groups[reference]),
                    confidence,
                )


def _rates_compared(
    marginals: Marginals,
) -> Callable[[_Comparison, str, _Named[Counts], _Named[Counts], float], Estimate]:
    def compared(
        comparison: _Comparison,
        attribute: str,
        named: _Named[Counts],
        baseline: _Named[Counts],
        confidence: float,
    ) -> Estimate:
        events, n = _events(marginals, comparison.rate, named.member)
        reference_events, reference_n = _events(marginals, comparison.rate, baseline.member)
        fault = marginals.favourable_fault if comparison.rate == "selected" else None
        if fault is None and not (n and reference_n):
            lacking = "positive" if comparison.rate == "true positives" else "negative"
            where = named.group if not n else baseline.group
            fault = (
                f"no row of {attribute} = {_named(where)} has the {lacking} label; "
                "supply rows of both classes in every group"
            )
        if fault is not None:
            rows = named.member.rows + baseline.member.rows
            return _not_compared(comparison, attribute, named.group, baseline.group, fault, rows, confidence)
        inputs = {"events": events, "n": n, "reference_events": reference_events, "reference_n": reference_n}
        return _estimated(comparison, inputs, attribute, named.group, baseline.group, confidence)

    return compared


def _errors_compared(
    comparison: _Comparison,
    attribute: str,
    named: _Named[Errors],
    baseline: _Named[Errors],
    confidence: float,
) -> Estimate:
    if min(named.member.rows, baseline.member.rows) < 2:
        small = named.group if named.member.rows < 2 else baseline.group
        fault = f"{attribute} = {_named(small)} has a single row; supply more rows of this group"
        rows = named.member.rows + baseline.member.rows
        return _not_compared(comparison, attribute, named.group, baseline.group, fault, rows, confidence)
    theirs = {f"reference_{name}": value for name, value in _mean(baseline.member, comparison.rate).items()}
    inputs = _mean(named.member, comparison.rate) | theirs
    return _estimated(comparison, inputs, attribute, named.group, baseline.group, confidence)


def _mean(errors: Errors, which: str) -> dict[str, float]:
    if which == "size":
        return errors.size.between(0.0, errors.reach)
    return errors.error.between(-errors.reach, errors.reach)


def _estimated(
    comparison: _Comparison,
    inputs: Mapping[str, float],
    attribute: str,
    group: str | None,
    reference: str | None,
    confidence: float,
) -> Estimate:
    return estimate(
        comparison.metric,
        comparison.method,
        inputs,
        confidence=confidence,
        cohort={attribute: group},
        group=_named(group),
        reference=_named(reference),
    )


def _not_compared(
    comparison: _Comparison,
    attribute: str,
    group: str | None,
    reference: str | None,
    fault: str,
    rows: int,
    confidence: float,
) -> Estimate:
    return not_evaluable(
        comparison.metric,
        fault,
        cohort={attribute: group},
        n=rows,
        confidence=confidence,
        method=comparison.method,
        group=_named(group),
        reference=_named(reference),
    )


def _events(marginals: Marginals, rate: str, counts: Counts) -> tuple[int, int]:
    if rate == "selected":
        return marginals.selected(counts), counts.rows
    if rate == "true positives":
        return counts.true_positives, counts.positives
    return counts.false_positives, counts.negatives


def _unfit(
    subject: _Subject[Member], attribute: str, group: str | None, fault: str, n: int, confidence: float
) -> Iterator[Estimate]:
    for comparison in subject.comparisons:
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
