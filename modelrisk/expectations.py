"""What the evaluation data must be like, derived from what is known, and what came of looking.

Expectations come from three sources: the intake (label, id, time, sensitive attributes), the model's
features, and a profile of the training data. They are declarations; every result is a count, never
a value of the data. Some results only inform (`gates` is false): full-row duplicates are natural in
data of few discrete columns, so they are shown, not judged.

Tolerances, chosen so that an honest small data set is not refused by chance:

* range and categories: at most 1 % of the rows (but always one row) may lie outside the training
  range widened by 10 % of its width on each side, or outside the values seen in training;
* missing values: at most the training share + 5 percentage points + 3 standard errors of a share
  of that size in the evaluation data (but always one row);
* label, identifier, finiteness: no exception.

What does not belong here: evaluating expectations (`resources.validation`), and the verdict about
the counts (`modelrisk.verdicts`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.estimates import Estimate, census, not_evaluable
from modelrisk.profiles import ColumnProfile, DatasetProfile
from modelrisk.records import Problem, Table
from modelrisk.signature_mismatches import INTEGERS, SignatureMismatch

RANGE_WIDENING = 0.10
OUTSIDE_SHARE = 0.01
ONE_ROW = 1.5  # of the rows: still one whole row when up to a third of them have no value
MISSING_TOLERANCE = 0.05
MISSING_STANDARD_ERRORS = 3.0
LARGEST_FINITE = 1.7976931348623157e308
_ROUNDING = 1e-9


class Kind(StrEnum):
    """What is expected."""

    ROWS_AT_LEAST = "rows_at_least"
    """The table has at least `low` rows."""
    PRESENT = "present"
    """The column exists."""
    GIVEN = "given"
    """Values are not missing."""
    BETWEEN = "between"
    """Values lie in `[low, high]`."""
    FINITE = "finite"
    """Values are not infinite."""
    IN_SET = "in_set"
    """Values are among `allowed`."""
    CONTAINS = "contains"
    """Every one of `allowed` occurs."""
    CLASSES = "classes"
    """There are `low` to `high` different values."""
    KEY_UNIQUE = "key_unique"
    """No value occurs twice; with `time`, no pair of value and time."""
    ROWS_DIFFER = "rows_differ"
    """No row repeats another in every column."""


@dataclass(frozen=True)
class ExpectationSpec:
    """One thing expected of the evaluation data.

    Attributes:
        name: unique among the specs of a data set, such as `income: between`.
        kind: what is expected.
        column: the column it is about; None for the table.
        gates: whether a failure counts; otherwise it is shown only.
        share: the largest share of rows that may be unexpected.
        low: lower limit, of rows or values.
        high: upper limit of values.
        allowed: values as class text.
        time: the column that completes the key.
        columns: the columns it is about, where they are many.
    """

    name: str
    kind: Kind
    column: str | None = None
    gates: bool = True
    share: float = 0.0
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    time: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What is expected, for people; limits learned from training are shown, values seen are not."""
        return {
            Kind.ROWS_AT_LEAST: f"at least {self.low:g} rows" if self.low is not None else "",
            Kind.PRESENT: "the column exists",
            Kind.GIVEN: "no missing value" if not self.share else f"at most {self.share:.1%} missing",
            Kind.BETWEEN: f"at most {self.share:.1%} outside the widened training range",
            Kind.FINITE: f"no infinite value in {len(self.columns)} features",
            Kind.IN_SET: (f"at most {self.share:.1%}" if self.share else "none")
            + f" outside the {len(self.allowed)} known values",
            Kind.CONTAINS: "the positive class occurs" if len(self.allowed) == 1 else "every class occurs",
            Kind.CLASSES: "two classes" if self.high == 2 else "the declared number of classes",
            Kind.KEY_UNIQUE: "no identifier twice"
            if self.time is None
            else "no identifier twice at one time",
            Kind.ROWS_DIFFER: "no row repeats another",
        }[self.kind]


@dataclass(frozen=True)
class ExpectationResult:
    """What came of one expectation: counts, never values.

    Attributes:
        name: the spec's name.
        column: the column it is about; None for the table.
        kind: what was expected.
        expected: the same in words.
        gates: whether a failure counts.
        rows: rows looked at; 0 when nothing could be looked at.
        unexpected: rows that were not as expected; None when the kind has no count or it failed to run.
        limit: the most unexpected rows that pass; None when the kind has no count.
        passed: None when it could not be evaluated.
        problem: why not, with what to do; `""` otherwise.
    """

    name: str
    column: str | None
    kind: Kind
    expected: str
    gates: bool
    rows: int
    unexpected: int | None
    limit: int | None
    passed: bool | None
    problem: str = ""


@dataclass(frozen=True)
class Subject:
    """The evaluation data as far as expectations need to know it.

    Attributes:
        rows: number of rows.
        types: column -> engine-independent type (`int64`, `float64`, `string`, ...).
        features: the columns the model sees.
        optional: those of them the model can do without.
        label: the label column.
        positive: the positive class, as class text.
        classes: all classes, as class text; empty when the intake does not declare them.
        id: column that identifies an entity.
        time: column with the time of an observation.
        sensitive: columns whose groups are compared.
    """

    rows: int
    types: Mapping[str, str]
    features: tuple[str, ...]
    label: str
    positive: str
    classes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    sensitive: tuple[str, ...] = ()


def expectations(subject: Subject, *, training: DatasetProfile | None) -> tuple[ExpectationSpec, ...]:
    """All expectations of the evaluation data.

    Args:
        subject: the evaluation data.
        training: profile of the training data; without one, nothing is learned from it, and
            `training_unknown` must stand among the results.
    """
    specs = [ExpectationSpec("rows", Kind.ROWS_AT_LEAST, low=2)]
    wanted = dict.fromkeys(
        name
        for name in (subject.label, subject.id, subject.time, *subject.sensitive, *subject.features)
        if name is not None and (name in subject.types or name not in subject.optional)
    )
    specs += [ExpectationSpec(f"{name}: present", Kind.PRESENT, name) for name in wanted]
    specs += _label_expectations(subject)
    specs += _key_expectations(subject)
    floats = tuple(name for name in subject.features if subject.types.get(name, "").startswith("float"))
    if floats:
        specs.append(ExpectationSpec("features: finite", Kind.FINITE, columns=floats))
    for name in dict.fromkeys(subject.features):
        if name in subject.types and name != subject.label:
            known = None if training is None else training.columns.get(name)
            specs += _feature_expectations(name, subject, known, 0 if training is None else training.rows)
    specs.append(ExpectationSpec("rows differ", Kind.ROWS_DIFFER, gates=False))
    return tuple(specs)


def training_unknown(problem: Problem) -> ExpectationResult:
    """The result that stands for everything that could not be learned from unreadable training data."""
    return ExpectationResult(
        "features: as in training",
        None,
        Kind.BETWEEN,
        "ranges, categories and missing values as in training",
        gates=True,
        rows=0,
        unexpected=None,
        limit=None,
        passed=None,
        problem=f"Found {problem.found}. Write `training: path` in the intake's data section.",
    )


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
    limit = None if unexpected is None else math.floor(spec.share * rows * (1 + _ROUNDING))
    return ExpectationResult(
        spec.name, spec.column, spec.kind, spec.description, spec.gates, rows, unexpected, limit, passed
    )


def unevaluated(spec: ExpectationSpec, problem: str) -> ExpectationResult:
    """The result of an expectation that could not be evaluated."""
    return ExpectationResult(
        spec.name, spec.column, spec.kind, spec.description, spec.gates, 0, None, None, None, problem
    )


def _label_expectations(subject: Subject) -> list[ExpectationSpec]:
    label, classes = subject.label, subject.classes
    if label not in subject.types:
        return []
    count = float(len(classes) or 2)
    specs = [
        ExpectationSpec(f"{label}: given", Kind.GIVEN, label),
        ExpectationSpec(f"{label}: classes", Kind.CLASSES, label, low=count, high=count),
        ExpectationSpec(f"{label}: occurs", Kind.CONTAINS, label, allowed=classes or (subject.positive,)),
    ]
    if classes:
        specs.append(ExpectationSpec(f"{label}: known classes", Kind.IN_SET, label, allowed=classes))
    return specs


def _key_expectations(subject: Subject) -> list[ExpectationSpec]:
    key = subject.id
    if key is None or key not in subject.types:
        return []
    time = subject.time if subject.time in subject.types else None
    return [
        ExpectationSpec(f"{key}: identifier given", Kind.GIVEN, key),
        ExpectationSpec(f"{key}: unique", Kind.KEY_UNIQUE, key, time=time),
    ]


def _feature_expectations(
    name: str, subject: Subject, known: ColumnProfile | None, training_rows: int
) -> list[ExpectationSpec]:
    specs: list[ExpectationSpec] = []
    dtype = subject.types[name]
    outside = max(OUTSIDE_SHARE, ONE_ROW / max(subject.rows, 1))
    if known is None:
        return specs
    share = missing_share(known.missing, training_rows, rows=subject.rows)
    if share < 1:
        specs.append(ExpectationSpec(f"{name}: missing as in training", Kind.GIVEN, name, share=share))
    if known.low is not None and known.high is not None and is_numeric(dtype):
        margin = RANGE_WIDENING * (known.high - known.low)
        low, high = _finite(known.low - margin), _finite(known.high + margin)
        specs.append(
            ExpectationSpec(f"{name}: training range", Kind.BETWEEN, name, share=outside, low=low, high=high)
        )
    if known.categories and dtype == "string":
        specs.append(
            ExpectationSpec(
                f"{name}: training values", Kind.IN_SET, name, share=outside, allowed=known.categories
            )
        )
    return specs


def missing_share(missing: int, training_rows: int, *, rows: int) -> float:
    """The largest share of missing values among `rows` that training data with `missing` of them excuses."""
    if training_rows <= 0 or rows <= 0:
        return 1.0
    share = missing / training_rows
    error = math.sqrt(share * (1 - share) / rows)
    return min(1.0, max(share + MISSING_TOLERANCE + MISSING_STANDARD_ERRORS * error, ONE_ROW / rows))


def is_numeric(dtype: str) -> bool:
    """Whether a type, as Ibis writes it, has a range of numbers."""
    return dtype.startswith(("float", "decimal", *INTEGERS))


def _finite(value: float) -> float:
    return min(max(value, -LARGEST_FINITE), LARGEST_FINITE)


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
        why = "; ".join(f"{result.name}: {result.problem}" for result in unknown[:3])
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


def expectation_table(results: Iterable[ExpectationResult]) -> Table:
    """The results for people, failures first; counts only."""
    order = {False: 0, None: 1, True: 2}
    return tuple(
        {
            "outcome": _outcome(result),
            "column": result.column,
            "expected": result.expected,
            "rows": result.rows,
            "unexpected": result.unexpected,
            "allowed": result.limit,
            "problem": result.problem or None,
        }
        for result in sorted(results, key=lambda result: (order[result.passed], not result.gates))
    )


def failures_in_words(results: Iterable[ExpectationResult]) -> str:
    """What failed, column by column, for the sentence that explains a refusal."""
    failed = [result for result in results if result.passed is False and result.gates]
    return _listed(
        [
            f"{result.column or 'the table'}: {result.expected}"
            + ("" if result.unexpected is None else f" ({result.unexpected:,} of {result.rows:,} rows)")
            for result in failed
        ]
    )


def mismatches_in_words(mismatches: Iterable[SignatureMismatch]) -> str:
    """What the data lacks or types otherwise, column by column."""
    return _listed([f"{one.column}: found {one.found}, expected {one.expected}" for one in mismatches])


def _listed(items: Sequence[str], *, most: int = 5) -> str:
    more = f"; and {len(items) - most} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more


def _outcome(result: ExpectationResult) -> str:
    if result.passed is None:
        return "could not be evaluated"
    if result.passed:
        return "as expected"
    return "failed" if result.gates else "noted"
