"""What a team expects of its own evaluation data, as it declares it in the intake.

Each item of `data: expectations:` says what it is about (`column`, `columns`, or nothing for the table) and
one thing that must hold there. What is declared is asked in addition to what every data set is asked: it can
make a review stricter, never more lenient.

Missing values are the business of `missing_at_most` alone; every other demand is about the values that are
there, and `share` is the part of *them* that may be otherwise.

What does not belong here: what is expected of every data set (`modelrisk.expectations`) and asking the data
(`resources.validation`).
"""

import datetime
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, ClassVar, TypeGuard

from modelrisk.errors import Fault
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.outputs.classes import class_text
from modelrisk.yaml_contracts import Says
from modelrisk.yaml_documents import Document, KeyPath, Yaml, one_of, shown, unreadable_characters

TODAY = "today"
_AT: KeyPath = ("data", "expectations")
_Number = Annotated[float | None, Says("a number", "0")]
_Share = Annotated[float, Says("a share of the rows, at least 0 and below 1", "0.01")]
_Day = Annotated[str | None, Says("a day written YYYY-MM-DD, or `today`", TODAY)]


@dataclass(frozen=True, kw_only=True)
class DeclaredExpectation:
    """One thing a team expects of its evaluation data: a demand, and what it is about.

    Attributes:
        column: the column a demand is about.
        columns: the columns whose combination must be unique.
        between: smallest and largest value.
        at_least: smallest value.
        at_most: largest value.
        one_of: the values there may be, compared by their text.
        matches: a regular expression (RE2) that the whole value must match.
        missing_at_most: the largest share of rows without a value.
        unique: `true`: no value, or combination of values, twice.
        not_before: the earliest day, or `today`.
        not_after: the latest day, or `today`.
        newest_within_days: how many days before today the newest value may lie.
        rows_at_least: the smallest number of rows.
        share: the share of the given values that may be otherwise.
        because: why, for whoever reads that it does not hold.
        gates: whether it counts when it does not hold; otherwise it is shown only.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    __synonyms__: ClassVar[Mapping[str, str]] = {
        "in": "one_of",
        "values": "one_of",
        "min": "at_least",
        "max": "at_most",
        "regex": "matches",
        "pattern": "matches",
        "not_null": "missing_at_most",
        "mostly": "share",
        "tolerance": "share",
        "fresh_within_days": "newest_within_days",
        "min_rows": "rows_at_least",
        "reason": "because",
        "blocking": "gates",
    }
    column: Annotated[str | None, Says("a column's name", "income")] = None
    columns: Annotated[
        tuple[Annotated[str, Says("a column's name", "income")], ...] | None,
        Says("a list of two or more columns", "[name, day]"),
    ] = None
    between: Annotated[
        tuple[Annotated[float, Says("a number", "0")], ...] | None,
        Says("a list of the smallest and the largest value", "[0, 1000000]"),
    ] = None
    at_least: _Number = None
    at_most: _Number = None
    one_of: Annotated[
        tuple[Annotated[str | int | float | bool, Says("a value: text, a number, true or false", "1")], ...]
        | None,
        Says("a list of values", "[1, 2, 3]"),
    ] = None
    matches: Annotated[str | None, Says("a regular expression", '"[0-9]{5}"')] = None
    missing_at_most: Annotated[float | None, Says("a share of the rows, at least 0 and below 1", "0.02")] = (
        None
    )
    unique: Annotated[bool | None, Says("true", "true")] = None
    not_before: _Day = None
    not_after: _Day = None
    newest_within_days: Annotated[int | None, Says("a number of days", "90")] = None
    rows_at_least: Annotated[int | None, Says("a number of rows", "500")] = None
    share: _Share = 0.0
    because: Annotated[str | None, Says("the reason, as text", '"..."')] = None
    gates: bool = True


DEMANDS: Mapping[str, str] = {
    "between": "[0, 1000000]",
    "at_least": "0",
    "at_most": "100",
    "one_of": "[1, 2, 3]",
    "matches": '"[0-9]{5}"',
    "missing_at_most": "0.02",
    "unique": "true",
    "not_before": "2026-01-01",
    "not_after": TODAY,
    "newest_within_days": "90",
    "rows_at_least": "500",
}
"""Each demand with an example of its value."""

_OF_THE_TABLE = "rows_at_least"
_WITH_SHARE = frozenset(
    {"between", "at_least", "at_most", "one_of", "matches", "unique", "not_before", "not_after"}
)


def contradictions(document: Document) -> Iterator[Fault]:
    """Everything that is wrong with a document's declared expectations beside the types of their values."""
    listed = document.at(*_AT)
    for position, item in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(item, Mapping):
            given = {key: value for key, value in item.items() if value is not None}
            yield from _Item(document, (*_AT, position), given).faults()


@dataclass(frozen=True)
class _Item:
    """One item as it is written, whatever the types of its values."""

    document: Document
    path: KeyPath
    given: Mapping[str, Yaml]

    def faults(self) -> Iterator[Fault]:
        demands = [name for name in DEMANDS if name in self.given]
        if len(demands) == 1:
            yield from self._subject(demands[0])
            yield from self._tolerance(demands[0])
        elif demands or self._is_spelled_right():
            yield self._demands(demands)
        yield from self._texts()
        yield from self._limits()
        yield from self._lists()
        yield from self._days()
        if "matches" in self.given and isinstance(self.given["matches"], str):
            yield from self._pattern(self.given["matches"])

    def _fault(self, *key: str | int, found: str, expected: str, remedy: str) -> Fault:
        return self.document.fault(*self.path, *key, found=found, expected=expected, remedy=remedy)

    def _is_spelled_right(self) -> bool:
        """Whether every key is known; an unknown one may be the demand, and is a fault of its own."""
        return set(self.given) <= {each.name for each in fields(DeclaredExpectation)}

    def _demands(self, demands: list[str]) -> Fault:
        """None, or more than one."""
        if not demands:
            return self._fault(
                found="nothing that is expected",
                expected=one_of(DEMANDS),
                remedy="Add one, such as `missing_at_most: 0.02`",
            )
        return self._fault(
            demands[1],
            found=f"`{'` and `'.join(demands)}` in one item",
            expected="one demand in each item",
            remedy="Write an item of its own for each; for both ends of a range `between: [low, high]`",
        )

    def _subject(self, demand: str) -> Iterator[Fault]:
        has_column, has_columns = "column" in self.given, "columns" in self.given
        if demand == _OF_THE_TABLE:
            for name in ("column", "columns"):
                if name in self.given:
                    yield self._fault(
                        name,
                        found=f"`{name}` beside `{demand}`",
                        expected="a demand on the table alone",
                        remedy="Remove the line",
                    )
        elif has_columns and demand != "unique":
            yield self._fault(
                "columns",
                found=f"`columns` beside `{demand}`",
                expected="`column`, with one column's name",
                remedy="Write an item for each column",
            )
        elif has_column and has_columns:
            yield self._fault(
                "columns",
                found="`column` and `columns`",
                expected="one of the two",
                remedy="Write every column of the combination under `columns`, and remove `column`",
            )
        elif not has_column and not has_columns:
            yield self._fault(
                demand,
                found=f"`{demand}` without a column",
                expected="the column it is about" if demand != "unique" else "`column` or `columns`",
                remedy="Add `column: name`",
            )

    def _tolerance(self, demand: str) -> Iterator[Fault]:
        if "share" in self.given and demand not in _WITH_SHARE:
            yield self._fault(
                "share",
                found=f"`share` beside `{demand}`",
                expected="no `share` there",
                remedy="Write the share itself as `missing_at_most`"
                if demand == "missing_at_most"
                else "Remove the line",
            )
        if self.given.get("unique") is False:
            yield self._fault("unique", found="false", expected="true", remedy="Remove the item")

    def _texts(self) -> Iterator[Fault]:
        names: list[KeyPath] = [("column",), ("because",), ("matches",)]
        names += [("columns", position) for position, _ in enumerate(_items(self.given.get("columns")))]
        for key in names:
            value = self.document.at(*self.path, *key)
            if not isinstance(value, str):
                continue
            hostile = unreadable_characters(value, several_lines=True) if key == ("because",) else None
            if not value.strip():
                yield self._fault(
                    *key, found="an empty text", expected="some text", remedy="Write it, or remove the line"
                )
            elif hostile:
                yield self._fault(
                    *key,
                    found=f"the character {hostile} in {shown(value)}",
                    expected="text without control or direction-changing characters",
                    remedy="Remove the character",
                )

    def _limits(self) -> Iterator[Fault]:
        for name in ("share", "missing_at_most"):
            value = self.given.get(name)
            if _is_number(value) and not 0 <= value < 1:
                yield self._fault(
                    name,
                    found=self.document.shown(*self.path, name),
                    expected="a share, at least 0 and below 1",
                    remedy=f"Write `{name}: {value / 100:g}`" if 1 <= value < 100 else f"Write `{name}: 0`",
                )
        for name, least in (("newest_within_days", 0), ("rows_at_least", 1)):
            value = self.given.get(name)
            if _is_number(value) and value < least:
                yield self._fault(
                    name,
                    found=self.document.shown(*self.path, name),
                    expected=f"a whole number of {least} or more",
                    remedy=f"Write `{name}: {DEMANDS[name]}`",
                )
        ends = self.given.get("between")
        if isinstance(ends, list) and all(_is_number(end) for end in ends):
            numbers = [end for end in ends if _is_number(end)]
            if len(numbers) != 2:
                yield self._fault(
                    "between",
                    found=f"a list of {len(numbers)}",
                    expected="the smallest and the largest value",
                    remedy="Write both, or `at_least` or `at_most` for one of them",
                )
            elif numbers[0] > numbers[1]:
                yield self._fault(
                    "between",
                    found=f"{numbers[0]:g} before {numbers[1]:g}",
                    expected="the smallest value first",
                    remedy=f"Write `between: [{numbers[1]:g}, {numbers[0]:g}]`",
                )

    def _lists(self) -> Iterator[Fault]:
        values = self.given.get("one_of")
        if isinstance(values, list):
            words = [class_text(each) for each in values if isinstance(each, str | int | float | bool)]
            if not values:
                yield self._fault(
                    "one_of", found="an empty list", expected="the values there may be",
                    remedy="List them, or remove the item",
                )  # fmt: skip
            elif len(words) == len(values) and len(set(words)) < len(words):
                yield self._fault(
                    "one_of",
                    found="values that are the same by their text",
                    expected="each value once",
                    remedy='Write each value once; 1, 1.0 and "1" are one value',
                )
        columns = self.given.get("columns")
        if isinstance(columns, list):
            names = [each for each in columns if isinstance(each, str)]
            if len(names) == len(columns) and (len(names) < 2 or len(set(names)) < len(names)):
                yield self._fault(
                    "columns",
                    found="a column twice" if len(set(names)) < len(names) else f"a list of {len(names)}",
                    expected="two or more different columns",
                    remedy="Write one column as `column: name`, and each column of a combination once",
                )

    def _days(self) -> Iterator[Fault]:
        for name in ("not_before", "not_after"):
            value = self.given.get(name)
            if isinstance(value, str) and value != TODAY and day_of(value) is None:
                yield self._fault(
                    name,
                    found=shown(value),
                    expected="a day written YYYY-MM-DD, or `today`",
                    remedy=f"Write a day of the calendar, such as `{name}: 2026-10-01`",
                )

    def _pattern(self, pattern: str) -> Iterator[Fault]:
        problem = pattern_problem(pattern)
        if problem:
            yield self._fault(
                "matches",
                found=f"{shown(pattern)}, {problem}",
                expected="a regular expression as RE2 has them: as fast on the worst value as on the best",
                remedy="Mend it, or write it without that part; in single quotes YAML leaves \\ alone",
            )


# --- what is asked of the data -----------------------------------------------------------------------------


def declared_columns(declared: Iterable[DeclaredExpectation]) -> tuple[str, ...]:
    """Every column that a gating expectation is about, once: without it the expectation cannot hold."""
    found = (name for one in declared if one.gates for name in (one.column, *(one.columns or ())))
    return tuple(dict.fromkeys(name for name in found if name is not None))


def declared_specs(
    declared: Sequence[DeclaredExpectation], *, types: Mapping[str, str], today: datetime.date | None
) -> tuple[ExpectationSpec, ...]:
    """What the data is asked, in the order it was declared.

    Of a column that is not there nothing is asked but that it be there (`declared_columns`), unless the
    expectation is only shown: then it says by itself that it could not be evaluated.

    Args:
        declared: the intake's expectations.
        types: column -> engine-independent type of the evaluation data.
        today: what `today` means; None leaves expectations that need it unevaluated.
    """
    return tuple(
        _spec(one, position, today)
        for position, one in enumerate(declared, start=1)
        if not one.gates or all(name in types for name in declared_columns([one]))
    )


def _spec(one: DeclaredExpectation, position: int, today: datetime.date | None) -> ExpectationSpec:
    kind, limits = _demand(one, today)
    return replace(
        limits,
        name=f"declared, {position}",
        kind=kind,
        column=one.column,
        columns=one.columns or (),
        gates=one.gates,
        share=one.missing_at_most if one.missing_at_most is not None else one.share,
        because=one.because or "the intake declares it",
        declared=True,
    )


def _demand(  # noqa: PLR0911 - one line for each demand
    one: DeclaredExpectation, today: datetime.date | None
) -> tuple[Kind, ExpectationSpec]:
    empty = ExpectationSpec("", Kind.PRESENT)
    if one.rows_at_least is not None:
        return Kind.ROWS_AT_LEAST, replace(empty, low=float(one.rows_at_least))
    if one.one_of is not None:
        return Kind.IN_SET, replace(empty, allowed=tuple(class_text(each) or "" for each in one.one_of))
    if one.matches is not None:
        return Kind.MATCHES, replace(empty, pattern=one.matches)
    if one.missing_at_most is not None:
        return Kind.GIVEN, empty
    if one.unique is not None:
        return Kind.COMBINATION_UNIQUE if one.columns else Kind.KEY_UNIQUE, empty
    if one.not_before is not None:
        return Kind.NOT_BEFORE, replace(empty, day=_day(one.not_before, today))
    if one.not_after is not None:
        return Kind.NOT_AFTER, replace(empty, day=_day(one.not_after, today))
    if one.newest_within_days is not None:
        return Kind.FRESH, replace(empty, day=today, high=float(one.newest_within_days))
    low, high = one.between or (one.at_least, one.at_most)
    return Kind.BETWEEN, replace(empty, low=low, high=high)


def _day(text: str, today: datetime.date | None) -> datetime.date | None:
    return today if text == TODAY else day_of(text)


# --- texts that mean something -----------------------------------------------------------------------------

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_PATTERN = 1000
_NOT_IN_RE2: Mapping[str, str] = {
    r"\(\?<?[=!]": "which looks ahead or behind",
    r"\(\?P=|\\[1-9]": "which refers back to a group",
    r"\(\?>|[*+?}]\+": "which is possessive or atomic",
    r"\(\?\(": "which has a conditional group",
    r"\(\?#": "which holds a comment",
    r"\\[Z]": "which has `\\Z`, where `$` is meant",
}


def day_of(text: str) -> datetime.date | None:
    """The day a text names as YYYY-MM-DD; None when it names none."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def pattern_problem(pattern: str) -> str | None:
    """Why a text cannot be used as a pattern; None when it probably can.

    The engine matches by RE2, in time linear in the value, and has the last word; this says beforehand what
    can be said without it.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return f"which has more than {_LONGEST_PATTERN} characters"
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"which is no regular expression ({str(error)[:80]})"
    plain = re.sub(r"\\\\|\[[^\]]*\]", "x", pattern)
    return next((why for found, why in _NOT_IN_RE2.items() if re.search(found, plain)), None)


def _items(value: Yaml) -> list[Yaml]:
    return value if isinstance(value, list) else []


def _is_number(value: Yaml) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
