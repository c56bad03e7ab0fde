"""One expectation: what must hold, where, how much may be otherwise, and why anybody expects it.

A spec is a declaration. It holds limits that people wrote or that were learned from training data; a
description shows the former and never the latter, which are values of somebody's data.

What does not belong here: which expectations a data set has to meet (`modelrisk.expectations`,
`modelrisk.declared_expectations`) and what came of asking (`modelrisk.expectation_results`).
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is expected."""

    ROWS_AT_LEAST = "rows_at_least"
    """The table has at least `low` rows."""
    PRESENT = "present"
    """The column exists."""
    NUMERIC = "numeric"
    """The column is stored as numbers."""
    GIVEN = "given"
    """Values are not missing."""
    BETWEEN = "between"
    """Values lie in `[low, high]`; an end that is None is open, except to infinity."""
    FINITE = "finite"
    """Values are not infinite."""
    IN_SET = "in_set"
    """Values are among `allowed`."""
    MATCHES = "matches"
    """Whole values match `pattern`."""
    CONTAINS = "contains"
    """Every one of `allowed` occurs."""
    CLASSES = "classes"
    """There are `low` to `high` different values."""
    KEY_UNIQUE = "key_unique"
    """No value occurs twice; with `time`, no pair of value and time."""
    COMBINATION_UNIQUE = "combination_unique"
    """No combination of values of `columns` occurs twice; one with a missing value is no combination."""
    ROWS_DIFFER = "rows_differ"
    """No row repeats another in every column."""
    LABELS_AGREE = "labels_agree"
    """Rows that are equal in `columns` have the same value in `column`."""
    CLASS_SHARES = "class_shares"
    """Each class is about as frequent as in training."""
    NOT_BEFORE = "not_before"
    """Values lie on or after `day`."""
    NOT_AFTER = "not_after"
    """Values lie on or before `day`."""
    FRESH = "fresh"
    """The newest value lies at most `high` days before `day`, and not after it."""
    FOLLOWS_TRAINING = "follows_training"
    """Values are not before `low`, the newest one of the training data, on the scale of `time_spans`."""


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
        pattern: regular expression.
        day: the day it is measured by.
        because: why it is expected; for one the team declared, in its own words.
        declared: whether the intake declares it; its limits are then for everybody to read.
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
    pattern: str = ""
    day: datetime.date | None = None
    because: str = ""
    declared: bool = False

    @property
    def description(self) -> str:  # noqa: PLR0911, PLR0912 - one line for each kind
        """What is expected, for people; limits that a team declared are shown, those learned are not."""
        most = f"at most {self.share:.1%}" if self.share else "none"
        match self.kind:
            case Kind.ROWS_AT_LEAST:
                return f"at least {self.low or 0:,.0f} rows"
            case Kind.PRESENT:
                return "the column exists"
            case Kind.NUMERIC:
                return "the column holds numbers"
            case Kind.GIVEN:
                return f"at most {self.share:.1%} missing" if self.share else "no missing value"
            case Kind.BETWEEN:
                return f"{most} {self._range}"
            case Kind.FINITE:
                many = f"{len(self.columns)} features" if self.column is None else "the column"
                return f"no infinite value in {many}"
            case Kind.IN_SET:
                words = "listed" if self.declared else "known"
                return f"{most} outside the {len(self.allowed):,} {words} values"
            case Kind.MATCHES:
                return f"{most} that does not match {self.pattern}"
            case Kind.CONTAINS:
                return "the positive class occurs" if len(self.allowed) == 1 else "every class occurs"
            case Kind.CLASSES:
                return self._classes
            case Kind.KEY_UNIQUE | Kind.COMBINATION_UNIQUE | Kind.ROWS_DIFFER | Kind.LABELS_AGREE:
                return self._repeated
            case Kind.CLASS_SHARES:
                return "classes about as frequent as in training"
            case Kind.NOT_BEFORE | Kind.NOT_AFTER | Kind.FRESH | Kind.FOLLOWS_TRAINING:
                return self._dated

    @property
    def _range(self) -> str:
        if not self.declared:
            return "outside the widened training range"
        low, high = (None if end is None else f"{end:,.12g}" for end in (self.low, self.high))
        if low is None or high is None:
            return f"above {high}" if low is None else f"below {low}"
        return f"outside {low} to {high}"

    @property
    def _classes(self) -> str:
        if self.high is None:
            return "at least two different values"
        return "two classes" if self.high == 2 else "the declared number of classes"

    @property
    def _repeated(self) -> str:
        if self.kind is Kind.ROWS_DIFFER:
            return "no row repeats another"
        if self.kind is Kind.LABELS_AGREE:
            return "rows with equal features have equal labels"
        few = f"at most {self.share:.1%} that repeat" if self.share else "no"
        if self.kind is Kind.COMBINATION_UNIQUE:
            return f"{few} combination of {', '.join(self.columns)} twice"
        if self.declared:
            return f"{few} value twice"
        return "no identifier twice" if self.time is None else "no identifier twice at one time"

    @property
    def _dated(self) -> str:
        most = f"at most {self.share:.1%}" if self.share else "none"
        if self.kind is Kind.FRESH:
            return f"the newest at most {self.high or 0:,.0f} days before {self.day}"
        if self.kind is Kind.FOLLOWS_TRAINING:
            return "none observed before the newest training row"
        return f"{most} {'before' if self.kind is Kind.NOT_BEFORE else 'after'} {self.day}"
