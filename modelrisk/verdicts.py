"""From (limits, family of estimates) to a verdict, failing closed; and what a waiver may change.

The algebra:

* with limits a ≤ x ≤ b an estimate passes iff low ≥ a and high ≤ b, fails iff high < a or low > b, and is
  inconclusive in between; equality passes;
* a family passes only if every member passes at the rule's own α (intersection–union test: the chance
  to pass while any member is beyond its limit stays ≤ α);
* it fails by Holm's step-down over the members, so the chance of any false *failed* stays ≤ α;
* a member with fewer rows or events than the rule's minimum is inconclusive; a missing, errored or
  non-finite one is not evaluable. Nothing that is taken away can turn a non-pass into a pass.

Formulas: Berger (1982) for intersection–union tests, Holm (1979) for the step-down.

What does not belong here: which rules apply to whom (`modelrisk.policy`), what a set of verdicts
decides (`modelrisk.decisions`).
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from modelrisk.errors import CallerMistake
from modelrisk.estimates import Cohort, Estimate, described_cohort, not_evaluable, rounded
from modelrisk.metrics import intervals

_LARGEST_FACTOR = 2.0**24


class Verdict(StrEnum):
    """What a control says of a model version."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_EVALUABLE = "not_evaluable"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Limits:
    """What a rule demands of every member of a family.

    Attributes:
        floor: smallest acceptable value, None for no floor.
        ceiling: largest acceptable value, None for no ceiling.
        confidence: one-sided confidence of each bound, in (0.5, 1).
        minimum_rows: rows the smallest cell behind an estimate must have.
        minimum_events: expected events the smallest cell must have.
    """

    floor: float | None = None
    ceiling: float | None = None
    confidence: float = 0.95
    minimum_rows: int = 0
    minimum_events: float = 0

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.floor, self.ceiling) if bound is not None]
        ordered = len(bounds) < 2 or bounds[0] <= bounds[1]
        if not bounds or not all(map(math.isfinite, bounds)) or not ordered:
            raise CallerMistake(
                found=f"limits from {self.floor} to {self.ceiling}",
                expected="a finite floor, a finite ceiling, or both in that order",
                remedy="Give the rule at least one limit it can be judged by",
            )
        if not 0.5 < self.confidence < 1.0:
            raise CallerMistake(
                found=f"confidence {self.confidence}",
                expected="a number above 0.5 and below 1",
                remedy="Write the confidence of one bound, such as 0.95",
            )

    def admit(self, low: float | None, high: float | None) -> bool:
        """Whether an interval lies within the limits; an unbounded end clears no limit."""
        above = self.floor is None or (low is not None and low >= self.floor)
        below = self.ceiling is None or (high is not None and high <= self.ceiling)
        return above and below

    def exclude(self, low: float | None, high: float | None) -> bool:
        """Whether an interval lies wholly beyond one of the limits."""
        beneath = self.floor is not None and high is not None and high < self.floor
        beyond = self.ceiling is not None and low is not None and low > self.ceiling
        return beneath or beyond

    def __str__(self) -> str:
        if self.floor is not None and self.ceiling is not None:
            if self.floor == self.ceiling:
                return f"exactly {self.floor:g}"
            return f"{self.floor:g} to {self.ceiling:g}"
        return f"at least {self.floor:g}" if self.floor is not None else f"at most {self.ceiling:g}"


@dataclass(frozen=True)
class Cell:
    """One member of a family, judged.

    Attributes:
        estimate: the estimate with its bounds at the rule's confidence.
        verdict: passed, failed, inconclusive or not evaluable.
        margin: distance from the binding bound to the nearest limit, in units of the metric; negative
            when the bound is beyond it, None when there is no bound.
        rows_needed: rows of the smallest cell at which the present value would settle the question;
            None when settled, or when no number of rows would (the value lies on the limit).
    """

    estimate: Estimate
    verdict: Verdict
    margin: float | None = None
    rows_needed: int | None = None


@dataclass(frozen=True)
class Judgement:
    """A verdict with the cells it follows from and the sentence that says why."""

    verdict: Verdict
    reason: str
    cells: tuple[Cell, ...] = ()


def judge(limits: Limits, family: Sequence[Estimate], *, expected: Collection[Cohort] = ()) -> Judgement:
    """Judge a family of estimates of one metric against one rule's limits.

    Args:
        limits: what every member must satisfy.
        family: the estimates found.
        expected: cohorts that must be among them; one that is absent is not evaluable.

    Returns:
        The judgement; an empty family is not evaluable.
    """
    present = {_frozen(estimate.cohort) for estimate in family}
    absent = [
        not_evaluable("missing", "no estimate was recorded for this cohort", cohort=cohort)
        for cohort in expected
        if _frozen(cohort) not in present
    ]
    members = [*family, *absent]
    if not members:
        return Judgement(Verdict.NOT_EVALUABLE, "no estimate was recorded")
    cells = _failed_by_holm(limits, [_judged_alone(limits, member) for member in members])
    verdict = next(
        (
            verdict
            for verdict in (Verdict.FAILED, Verdict.NOT_EVALUABLE, Verdict.INCONCLUSIVE)
            if any(cell.verdict is verdict for cell in cells)
        ),
        Verdict.PASSED,
    )
    return Judgement(verdict, _reason(limits, verdict, cells), tuple(cells))


def _judged_alone(limits: Limits, estimate: Estimate) -> Cell:
    """Passed, inconclusive or not evaluable; whether a member *failed* is a matter for the family."""
    if not estimate.is_evaluable or estimate.method not in intervals.METHODS:
        return Cell(estimate, Verdict.NOT_EVALUABLE)
    confident = _at(estimate, limits.confidence)
    if not confident.is_evaluable:
        return Cell(confident, Verdict.NOT_EVALUABLE)
    margin = _margin(limits, confident)
    if limits.admit(confident.low, confident.high) and not _is_small(limits, confident):
        return Cell(confident, Verdict.PASSED, margin)
    return Cell(confident, Verdict.INCONCLUSIVE, margin, rows_needed(limits, confident))


def _failed_by_holm(limits: Limits, cells: Sequence[Cell]) -> list[Cell]:
    """Mark as failed what Holm's step-down rejects; the family counts every cohort found, judged or not."""
    judged = list(cells)
    remaining = len(judged)
    while remaining:
        confidence = 1.0 - (1.0 - limits.confidence) / remaining
        rejected = [
            index
            for index, cell in enumerate(judged)
            if cell.verdict is Verdict.INCONCLUSIVE
            and not _is_small(limits, cell.estimate)
            and _excludes(limits, cell.estimate, confidence)
        ]
        if not rejected:
            break
        for index in rejected:
            judged[index] = replace(judged[index], verdict=Verdict.FAILED, rows_needed=None)
        remaining -= len(rejected)
    return judged


def rows_needed(limits: Limits, estimate: Estimate) -> int | None:
    """Rows of the smallest cell at which the present value would pass or fail, were it to stay the same.

    The factor by which the rows must grow is found by doubling and bisection on the interval method itself.

    Returns:
        A row count, or None when 2^24 times the rows would not settle it: the value lies on a limit.
    """
    if not estimate.is_evaluable:
        return None
    method = intervals.METHODS[estimate.method]
    size = method.size(estimate.inputs)
    if size.rows <= 0:
        return None

    def settled(factor: float) -> bool:
        inputs = method.scaled(estimate.inputs, factor)
        grown = method.size(inputs)
        if grown.rows < limits.minimum_rows or grown.events < limits.minimum_events:
            return False
        bounds = method.bounds(inputs, limits.confidence)
        return limits.admit(bounds.low, bounds.high) or limits.exclude(bounds.low, bounds.high)

    factor = _smallest(settled)
    return None if factor is None else math.ceil(size.rows * factor)


def _smallest(settled: Callable[[float], bool]) -> float | None:
    upper = 1.0
    while not settled(upper):
        upper *= 2.0
        if upper > _LARGEST_FACTOR:
            return None
    lower = upper / 2.0
    while upper - lower > 1e-3 * upper:
        middle = (lower + upper) / 2.0
        lower, upper = (lower, middle) if settled(middle) else (middle, upper)
    return upper


def _is_small(limits: Limits, estimate: Estimate) -> bool:
    size = intervals.METHODS[estimate.method].size(estimate.inputs)
    return size.rows < limits.minimum_rows or size.events < limits.minimum_events


def _excludes(limits: Limits, estimate: Estimate, confidence: float) -> bool:
    bounds = intervals.bounds_at(estimate, confidence)
    return limits.exclude(bounds.low, bounds.high)


def _at(estimate: Estimate, confidence: float) -> Estimate:
    """The same estimate with its bounds recomputed at another confidence (a census has only one)."""
    if estimate.method == "census" or estimate.confidence == confidence:
        confidence = estimate.confidence
    bounds = intervals.bounds_at(estimate, confidence)
    return replace(
        estimate,
        low=None if bounds.low is None else rounded(bounds.low),
        high=None if bounds.high is None else rounded(bounds.high),
        confidence=confidence,
    )


def _margin(limits: Limits, estimate: Estimate) -> float | None:
    distances: list[float] = []
    if limits.floor is not None:
        distances.append(-math.inf if estimate.low is None else estimate.low - limits.floor)
    if limits.ceiling is not None:
        distances.append(-math.inf if estimate.high is None else limits.ceiling - estimate.high)
    nearest = min(distances)
    return rounded(nearest) if math.isfinite(nearest) else None


def _frozen(cohort: Cohort) -> frozenset[tuple[str, str | None]]:
    return frozenset(cohort.items())


def _reason(limits: Limits, verdict: Verdict, cells: Sequence[Cell]) -> str:
    """The binding cells, worst first, as one sentence each."""
    binding = [cell for cell in cells if cell.verdict is verdict]
    if verdict is Verdict.PASSED:
        binding = sorted(binding, key=lambda cell: math.inf if cell.margin is None else cell.margin)[:1]
    shown = [_sentence(limits, cell) for cell in binding[:5]]
    if len(binding) > len(shown):
        kind = "cohorts" if binding[0].estimate.outcome is None else "classes"
        shown.append(f"and {len(binding) - len(shown)} more {kind}")
    return "; ".join(shown)


def _sentence(limits: Limits, cell: Cell) -> str:
    estimate = cell.estimate
    where = described_cohort(estimate.cohort, estimate.outcome)
    if cell.verdict is Verdict.NOT_EVALUABLE:
        return f"{estimate.metric}, {where}: {estimate.problem or 'its value is not a finite number'}"
    measured = f"{estimate.metric}, {where}: {described(estimate)}; limit {limits}"
    if cell.verdict is Verdict.INCONCLUSIVE:
        size = intervals.METHODS[estimate.method].size(estimate.inputs)
        if cell.rows_needed is None:
            return f"{measured}; the value lies on the limit, more rows alone will not settle it"
        settled = f"about {cell.rows_needed:,} rows in its smallest cell would settle it"
        return f"{measured}; {settled} ({size.rows:,.0f} now)"
    return measured


def described(estimate: Estimate) -> str:
    """`0.812 (0.774 to 0.843, 95 % confidence per bound)`, or just the number for a census."""
    if estimate.value is None:
        return "not evaluable"
    if estimate.method == "census":
        return f"{estimate.value:g}"
    low = "unbounded" if estimate.low is None else f"{estimate.low:.3g}"
    high = "unbounded" if estimate.high is None else f"{estimate.high:.3g}"
    return f"{estimate.value:.3g} ({low} to {high}, {estimate.confidence * 100:g} % confidence per bound)"


@dataclass(frozen=True)
class Waiver:
    """A dated permission to release below a limit.

    Attributes:
        control: the control it is for.
        models: digests of the model versions it covers.
        floor: floor that replaces the rule's, None to keep the rule's.
        ceiling: ceiling that replaces the rule's, None to keep the rule's.
        requester: who asked.
        approver: who granted it; never the requester.
        reason: why.
        expires: first instant (timezone-aware) at which it no longer holds.
        compensating_control: the control that must itself have passed.
    """

    control: str
    models: tuple[str, ...]
    requester: str
    approver: str
    reason: str
    expires: datetime
    compensating_control: str
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        if self.requester.strip().casefold() == self.approver.strip().casefold():
            raise CallerMistake(
                found=f"a waiver requested and approved by {self.requester}",
                expected="two people",
                remedy="Have someone other than the requester approve it",
            )
        if self.expires.tzinfo is None:
            raise CallerMistake(
                found="an expiry without a time zone",
                expected="an instant",
                remedy="Write the expiry with its offset, such as 2027-01-31T00:00:00Z",
            )
        if self.compensating_control == self.control:
            raise CallerMistake(
                found=f"{self.control} as its own compensating control",
                expected="another control",
                remedy="Name the control that limits the risk in the meantime",
            )


def waived(
    judgement: Judgement,
    waiver: Waiver,
    *,
    control: str,
    limits: Limits,
    model: str | None,
    at: datetime,
    verdicts: Mapping[str, Verdict],
) -> Judgement:
    """The judgement after a waiver: *waived* if every condition holds, otherwise what it was.

    Args:
        judgement: the control's own judgement.
        waiver: the permission.
        control: the control judged.
        limits: its limits.
        model: digest of the model version judged.
        at: the instant of judgement, timezone-aware.
        verdicts: verdicts of the other controls, for the compensating one.

    Returns:
        A judgement that is waived, never passed; a not-evaluable one is returned unchanged.
    """
    holds = (
        judgement.verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE)
        and waiver.control == control
        and model is not None
        and model in waiver.models
        and at < waiver.expires
        and verdicts.get(waiver.compensating_control) is Verdict.PASSED
    )
    if not holds:
        return judgement
    lowered = replace(
        limits,
        floor=limits.floor if waiver.floor is None else waiver.floor,
        ceiling=limits.ceiling if waiver.ceiling is None else waiver.ceiling,
    )
    again = judge(lowered, [cell.estimate for cell in judgement.cells])
    if again.verdict is not Verdict.PASSED:
        return judgement
    reason = (
        f"waived until {waiver.expires.isoformat()} by {waiver.approver} ({waiver.reason}); "
        f"without the waiver {judgement.verdict}: {judgement.reason}"
    )
    return Judgement(Verdict.WAIVED, reason, judgement.cells)
