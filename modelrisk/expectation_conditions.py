"""Expectations as expressions: which rows are not as expected, and how many, wherever the rows are.

The same conditions count what the validating library has no words for, count everything in tables too wide
for it, and find the row numbers of what the library counted.

A missing value is unexpected only where missing values are what is asked about.

What does not belong here: running expressions (`resources.validation`).
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelrisk.columns import ROW, class_text, is_numeric
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.time_spans import has_days, instants, seconds

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DAY = 86_400.0


def looked_at(spec: ExpectationSpec, rows: "ir.Table") -> Any:
    """The number of rows an expectation looks at."""
    if spec.kind in (Kind.GIVEN, Kind.FINITE, Kind.ROWS_DIFFER):
        return rows.count()
    if spec.kind is Kind.COMBINATION_UNIQUE:
        return rows.count(where=_all_given(rows, spec.columns))
    if spec.kind is Kind.KEY_UNIQUE and spec.time is not None:
        return rows.count(where=_all_given(rows, (_column(spec), spec.time)))
    return rows[_column(spec)].count()


def unexpected_rows(spec: ExpectationSpec, rows: "ir.Table") -> Any:
    """The number of rows that are not as expected; of rows that are equal, all but one."""
    if spec.kind in _REPEATED:
        key, given = _key(spec, rows)
        distinct = key.nunique(where=given) if given is not None else key.nunique()
        return looked_at(spec, rows) - distinct
    return rows.count(where=is_unexpected(spec, rows))


def is_unexpected(spec: ExpectationSpec, rows: "ir.Table") -> Any:
    """Whether a row is not as expected, as a boolean that is never null."""
    if spec.kind in _REPEATED:
        return _repeats(spec, rows)
    if spec.kind is Kind.FINITE:
        return _any_infinite(rows, spec.columns)
    if spec.kind is Kind.LABELS_AGREE:
        return _disagrees(spec, rows)
    return _OF_A_VALUE[spec.kind](spec, rows[_column(spec)]).coalesce(_literal(value=False))


def has_rows(spec: ExpectationSpec) -> bool:
    """Whether single rows can be unexpected by that kind of expectation."""
    return spec.kind in {*_OF_A_VALUE, *_REPEATED, Kind.FINITE, Kind.LABELS_AGREE}


def columns_of(spec: ExpectationSpec) -> tuple[str, ...] | None:
    """The columns an expectation needs; None for all there are."""
    if spec.kind is Kind.ROWS_DIFFER:
        return None
    return tuple(name for name in (spec.column, spec.time, *spec.columns) if name is not None)


def unfit(spec: ExpectationSpec, dtype: str) -> str | None:
    """Why a column of that type cannot be asked; None when it can."""
    if spec.kind is Kind.BETWEEN and not is_numeric(dtype):
        return f"the column is stored as {dtype}, and a range is of numbers: {_RETYPE}"
    if spec.kind in _DATED and not has_days(dtype):
        return f"the column is stored as {dtype}, which holds no day of the calendar: {_RETYPE}"
    return None


_DATED = (Kind.NOT_BEFORE, Kind.NOT_AFTER, Kind.FRESH)
_RETYPE = "store it as such, or expect something else of it"


# --- values -------------------------------------------------------------------------------------------------


def _missing(_: ExpectationSpec, column: Any) -> Any:
    return column.isnull()


def _outside(spec: ExpectationSpec, column: Any) -> Any:
    outside: Any = column.isinf() if column.type().is_floating() else _literal(value=False)
    if spec.low is not None:
        outside |= column < spec.low
    return outside if spec.high is None else outside | (column > spec.high)


def _unlisted(spec: ExpectationSpec, column: Any) -> Any:
    text: Any = class_text(column)
    return text.notin(list(spec.allowed))


def _unlike(spec: ExpectationSpec, column: Any) -> Any:
    return ~class_text(column).re_search(f"^(?:{spec.pattern})$")


def _too_early(spec: ExpectationSpec, column: Any) -> Any:
    return _unreadable(column) | (instants(column) < seconds(_day(spec)))


def _too_late(spec: ExpectationSpec, column: Any) -> Any:
    return _unreadable(column) | (instants(column) >= seconds(_day(spec)) + _DAY)


def _before_training(spec: ExpectationSpec, column: Any) -> Any:
    return instants(column) < spec.low


def _unreadable(column: Any) -> Any:
    """A value that is no time at all."""
    return column.notnull() & instants(column).isnull()


_OF_A_VALUE: Mapping[Kind, Callable[[ExpectationSpec, Any], Any]] = {
    Kind.GIVEN: _missing,
    Kind.BETWEEN: _outside,
    Kind.IN_SET: _unlisted,
    Kind.MATCHES: _unlike,
    Kind.NOT_BEFORE: _too_early,
    Kind.NOT_AFTER: _too_late,
    Kind.FOLLOWS_TRAINING: _before_training,
}


# --- rows ---------------------------------------------------------------------------------------------------

_REPEATED = frozenset({Kind.KEY_UNIQUE, Kind.COMBINATION_UNIQUE, Kind.ROWS_DIFFER})


def _key(spec: ExpectationSpec, rows: "ir.Table") -> tuple[Any, Any]:
    """What must not occur twice, and which rows have it (None: all)."""
    if spec.kind is Kind.ROWS_DIFFER:
        return whole_hash(rows, [name for name in rows.columns if name != ROW]), None
    names = spec.columns or tuple(name for name in (spec.column, spec.time) if name is not None)
    if len(names) == 1:
        return rows[names[0]], rows[names[0]].notnull()
    return _whole(rows, names), _all_given(rows, names)


def _repeats(spec: ExpectationSpec, rows: "ir.Table") -> Any:
    """Whether an equal row stands further up."""
    import ibis

    key, given = _key(spec, rows)
    first: Any = rows[ROW].min().over(ibis.window(group_by=key))
    later = rows[ROW] > first
    return later if given is None else later & given


def _disagrees(spec: ExpectationSpec, rows: "ir.Table") -> Any:
    import ibis

    label: Any = class_text(rows[_column(spec)])
    alike = ibis.window(group_by=whole_hash(rows, spec.columns))
    differs = label.min().over(alike) != label.max().over(alike)
    return (differs & label.notnull()).coalesce(_literal(value=False))


def disagreeing(spec: ExpectationSpec, rows: "ir.Table") -> "ir.Table":
    """One row with `rows` and `unexpected` of an expectation that labels agree, without sorting anything."""
    import ibis

    labels: Any = rows[_column(spec)]
    # Of numbers smallest and largest cost half as much as of texts.
    marks = labels.isnull().ifelse(None, labels.hash())
    keyed = rows.select(alike=whole_hash(rows, spec.columns), label=marks)
    label: Any = keyed["label"]
    groups = keyed.group_by("alike").aggregate(given=label.count(), low=label.min(), high=label.max())
    given: Any = groups["given"]
    mixed = given.sum(where=groups["low"] != groups["high"])
    return groups.aggregate(rows=given.sum(), unexpected=mixed.coalesce(ibis.literal(0)))


def whole_hash(rows: "ir.Table", names: Sequence[str]) -> Any:
    """A 64-bit hash of the values of several columns; missing equals missing."""
    return _whole(rows, names).hash()


def _whole(rows: "ir.Table", names: Sequence[str]) -> Any:
    import ibis

    return ibis.struct({f"c{position}": rows[name] for position, name in enumerate(names)})


def _any_infinite(rows: "ir.Table", names: Sequence[str]) -> Any:
    import ibis

    floats: list[Any] = [rows[name] for name in names if rows[name].type().is_floating()]
    # One flat call: thousands of conditions joined by `or` are nested too deep to be written as SQL.
    marks = [column.isinf().coalesce(_literal(value=False)).cast("int8") for column in floats]
    return ibis.greatest(ibis.literal(0, "int8"), *marks) == 1


def _all_given(rows: "ir.Table", names: Sequence[str]) -> Any:
    found: Any = _literal(value=True)
    for name in names:
        found &= rows[name].notnull()
    return found


def _literal(*, value: bool) -> Any:
    import ibis

    return ibis.literal(value)


def _column(spec: ExpectationSpec) -> str:
    assert spec.column is not None, f"{spec.kind} is about a column"
    return spec.column


def _day(spec: ExpectationSpec) -> datetime.date:
    assert spec.day is not None, f"{spec.kind} is about a day"
    return spec.day
