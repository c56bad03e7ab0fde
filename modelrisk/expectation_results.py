"""What came of asking the evaluation data: counts and row numbers, never values.

What does not belong here: what is asked (`modelrisk.expectations`), asking it (`resources.validation`), and
the verdict about the counts (`modelrisk.verdicts`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelrisk.estimates import Estimate, census, not_evaluable
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.records import Problem, Table
from modelrisk.signature_mismatches import SignatureMismatch

ROWS_NAMED = 5
"""How many row numbers say where something is not as expected."""

_ROUNDING = 1e-9  # of a share: 2 of 3 rows must count as two thirds


@dataclass(frozen=True)
class Whereabouts:
    """Where something is not as expected.

    Attributes:
        rows: the first row numbers, counted from 1 without a header, at most `ROWS_NAMED`.
        values: how many different values are not as expected; None where that says nothing.
    """

    rows: tuple[int, ...] = ()
    values: int | None = None


@dataclass(frozen=True)
class ExpectationResult:
    """What came of one expectation.

    Attributes:
        spec: what was expected.
        rows: rows looked at; 0 when nothing could be looked at.
        unexpected: rows that were not as expected; None when the kind has no count or it failed to run.
        limit: the most unexpected rows that pass; None when the kind has no count.
        passed: None when it could not be evaluated.
        problem: why not, with what to do; `""` otherwise.
        found: what was found, where no count of rows says it; `""` otherwise.
        where: where it was not as expected.
    """

    spec: ExpectationSpec
    rows: int
    unexpected: int | None
    limit: int | None
    passed: bool | None
    problem: str = ""
    found: str = ""
    where: Whereabouts = Whereabouts()

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @property
    def column(self) -> str | None:
        """The column it is about; None for the table."""
        return self.spec.column

    @property
    def subject(self) -> str | None:
        """What it is about, for people: a column, the columns the team named, or None for the table."""
        named = ", ".join(self.spec.columns) if self.spec.declared else ""
        return self.column or named or None

    @property
    def gates(self) -> bool:
        """Whether a failure counts."""
        return self.spec.gates

    @property
    def outcome(self) -> str:
        """In a word or a few; what refuses nothing is `noted`, also when it could not be evaluated."""
        if self.passed:
            return "as expected"
        if not self.gates:
            return "noted"
        return "could not be evaluated" if self.passed is None else "failed"


def training_unknown(problem: Problem) -> ExpectationResult:
    """The result that stands for everything that could not be learned from unreadable training data."""
    spec = ExpectationSpec("features: as in training", Kind.BETWEEN, because="the model learned from it")
    why = f"Found {problem.found}. Write `training: path` in the intake's data section."
    return unevaluated(spec, why)


def evaluated(
    spec: ExpectationSpec, *, passed: bool, rows: int, unexpected: int | None = None
) -> ExpectationResult:
    """The result of an expectation that was evaluated.

    Args:
        spec: what was expected.
        passed: whether it was so.
        rows: rows looked at.
        unexpected: rows that were not as expected, where the kind counts them.
    """
    if spec.declared and rows == 0:
        # Nothing looked at is not nothing found: an empty column would meet every demand on its values.
        why = "there is no value to look at: fill the column, or take the expectation out of the intake"
        return unevaluated(spec, why)
    limit = None if unexpected is None else math.floor(spec.share * rows * (1 + _ROUNDING))
    return ExpectationResult(spec, rows, unexpected, limit, passed)


def counted(spec: ExpectationSpec, *, rows: int, unexpected: int) -> ExpectationResult:
    """The result of an expectation that holds when no more rows than its share are unexpected."""
    result = evaluated(spec, passed=True, rows=rows, unexpected=unexpected)
    if result.limit is None:
        return result
    return evaluated(spec, passed=unexpected <= result.limit, rows=rows, unexpected=unexpected)


def unevaluated(spec: ExpectationSpec, problem: str) -> ExpectationResult:
    """The result of an expectation that could not be evaluated."""
    return ExpectationResult(spec, 0, None, None, None, problem)


def validation_estimates(
    results: Iterable[ExpectationResult],
    *,
    rows: int,
    mismatches: Sequence[SignatureMismatch] | None,
) -> tuple[Estimate, ...]:
    """The two counts that rules judge: `failed_expectations` and `signature_mismatches`.

    One failure is enough to know the data failed, whatever else could not be evaluated; without one,
    an expectation that could not be evaluated leaves the whole count not evaluable. Nothing looked at
    is never zero failures.

    Args:
        results: all results.
        rows: rows of the evaluation data.
        mismatches: None when the model has no signature that names columns.
    """
    gating = [result for result in results if result.gates]
    failed = sum(1 for result in gating if result.passed is False)
    unknown = [result for result in gating if result.passed is None]
    if failed or (gating and not unknown):
        expected = census("failed_expectations", failed, n=rows)
    else:
        why = "; ".join(f"{result.subject or result.name}: {result.problem}" for result in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        expected = not_evaluable(
            "failed_expectations",
            f"{len(unknown)} expectations could not be evaluated ({why}{more})"
            if unknown
            else "nothing was evaluated",
            n=rows,
            confidence=1.0,
            method="census",
        )
    if mismatches is None:
        unsigned = (
            "the model has no signature that names its columns: log it with `signature=infer_signature(...)`"
        )
        signed = not_evaluable("signature_mismatches", unsigned, n=rows, confidence=1.0, method="census")
    else:
        signed = census("signature_mismatches", len(mismatches), n=rows)
    return expected, signed


_ORDER = {"failed": 0, "could not be evaluated": 1, "noted": 2, "as expected": 3}


def in_order(results: Iterable[ExpectationResult]) -> tuple[ExpectationResult, ...]:
    """What counts first: failures, what could not be evaluated, what is only noted, then the rest."""
    return tuple(sorted(results, key=lambda result: (_ORDER[result.outcome], not result.spec.declared)))


def expectation_table(results: Iterable[ExpectationResult]) -> Table:
    """The results for people, failures first; counts and row numbers only."""
    return tuple(
        {
            "outcome": result.outcome,
            "column": result.subject,
            "expected": result.spec.description,
            "found": result.found or None,
            "rows": result.rows,
            "unexpected": result.unexpected,
            "allowed": result.limit,
            "values": result.where.values,
            "first rows": row_numbers(result.where.rows, of=result.unexpected) or None,
            "because": result.spec.because or None,
            "problem": result.problem or None,
        }
        for result in in_order(results)
    )


def unseen_categories(results: Iterable[ExpectationResult]) -> Table:
    """For each column with values that training never had: how many, in how many rows, where."""
    return tuple(
        {
            "column": result.column,
            "values": result.where.values,
            "rows": result.unexpected,
            "share": round((result.unexpected or 0) / max(result.rows, 1), 6),
            "first rows": row_numbers(result.where.rows, of=result.unexpected),
        }
        for result in results
        if result.spec.kind is Kind.IN_SET and result.unexpected and not result.spec.declared
    )


def row_numbers(rows: Sequence[int], *, of: int | None) -> str:
    """Row numbers as people read them: `3, 17, 20 …`."""
    return ", ".join(map(str, rows)) + (" …" if rows and (of or 0) > len(rows) else "")


def failures_in_words(results: Iterable[ExpectationResult]) -> str:
    """What failed, column by column, for the sentence that explains a refusal."""
    return _listed(
        [
            f"{result.subject or 'the table'}: {result.spec.description}"
            + ("" if result.unexpected is None else f" ({_count(result)})")
            for result in in_order(results)
            if result.passed is False and result.gates
        ]
    )


def _count(result: ExpectationResult) -> str:
    where = row_numbers(result.where.rows, of=result.unexpected)
    return f"{result.unexpected:,} of {result.rows:,} rows" + (f": {where}" if where else "")


def mismatches_in_words(mismatches: Iterable[SignatureMismatch]) -> str:
    """What the data lacks or types otherwise, column by column."""
    return _listed([f"{one.column}: found {one.found}, expected {one.expected}" for one in mismatches])


def _listed(items: Sequence[str], *, most: int = 5) -> str:
    more = f"; and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more
