"""What a data set looks like, column by column: the little that expectations learn from training data.

What does not belong here: reading the data (`resources.datasets`) and what is expected of other data
(`modelrisk.expectations`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelrisk.columns import class_text
from modelrisk.time_spans import TimeSpan, time_span

if TYPE_CHECKING:
    import ibis.expr.types as ir

CATEGORIES_KEPT = 100
CODES_KEPT = 20
_ROWS_PER_CODE = 20  # fewer, and a whole number that happened not to occur would be news
_COLUMNS_IN_A_QUERY = 250  # the engine's time to plan one grows with the square of what it returns

Run = Callable[["ir.Table"], list[dict[str, Any]]]
"""Executes an Ibis expression and returns its rows."""


@dataclass(frozen=True)
class ColumnProfile:
    """What the data looks like in one column.

    Attributes:
        missing: rows without a value (NaN included).
        low: smallest finite value of a numeric column; None when there is none.
        high: largest finite value of a numeric column.
        categories: the values of a text column, sorted; None when the column is not text or has more
            than `CATEGORIES_KEPT`.
        codes: the values of a column of whole numbers as class text, sorted; None when they do not look
            like codes: more than `CODES_KEPT`, or less than twenty rows to each.
    """

    missing: int
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    codes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DatasetProfile:
    """What the data looks like.

    Attributes:
        rows: number of rows.
        columns: by name; only those asked for and present.
        labels: class text -> rows of the label column; empty when it was not asked for.
        time: the span of the time column; None when it was not asked for.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    labels: Mapping[str, int] = field(default_factory=dict[str, int])
    time: TimeSpan | None = None


def profile(
    run: Run, table: "ir.Table", *, columns: Iterable[str], time: str | None = None
) -> DatasetProfile:
    """Profiles the named columns in one scan for each 250 of them, and those of few values in one more.

    Args:
        run: executes an expression.
        table: the rows; NaN is null.
        columns: the columns wanted; those the table does not have are left out.
        time: the column whose span is wanted, if the table has it.
    """
    names = [name for name in dict.fromkeys(columns) if name in table.columns]
    rows = int(run(table.aggregate(rows=table.count()))[0]["rows"])
    found: dict[str, ColumnProfile] = {}
    for start in range(0, len(names), _COLUMNS_IN_A_QUERY):
        some = names[start : start + _COLUMNS_IN_A_QUERY]
        found |= _profiled(run, table.select(*some), some, rows)
    span = None if time is None or time not in table.columns else time_span(run, table, time)
    return DatasetProfile(rows, found, time=span)


def _profiled(run: Run, table: "ir.Table", names: Sequence[str], rows: int) -> Mapping[str, ColumnProfile]:
    totals: dict[str, Any] = {}
    for position, name in enumerate(names):
        column: Any = table[name]
        dtype = column.type()
        totals[f"given{position}"] = column.count()
        if dtype.is_numeric():
            finite = ~column.isinf() if dtype.is_floating() else None
            totals[f"low{position}"] = column.min(where=finite)
            totals[f"high{position}"] = column.max(where=finite)
        if dtype.is_string() or dtype.is_integer():
            totals[f"different{position}"] = column.approx_nunique()
    found = run(table.aggregate(**totals))[0]
    # The estimate may be off by a few percent; it only saves listing columns that are far too long.
    few = {
        position: table[name]
        for position, name in enumerate(names)
        if found.get(f"different{position}", CATEGORIES_KEPT * 3)
        <= 2 * (CATEGORIES_KEPT if table[name].type().is_string() else CODES_KEPT)
    }
    listed: dict[str, Any] = {f"v{n}": class_text(column).collect(distinct=True) for n, column in few.items()}
    values = run(table.aggregate(**listed))[0] if listed else {}
    return {
        name: ColumnProfile(
            rows - int(found[f"given{position}"]),
            low=_number(found.get(f"low{position}")),
            high=_number(found.get(f"high{position}")),
            **_words(table[name], values.get(f"v{position}"), is_few=position in few, rows=rows),
        )
        for position, name in enumerate(names)
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _words(
    column: "ir.Column", values: Sequence[str] | None, *, is_few: bool, rows: int
) -> Mapping[str, tuple[str, ...]]:
    """The values of a text column as its categories, those of a column of whole numbers as its codes."""
    if not is_few:
        return {}
    words = tuple(sorted(values or ()))
    if column.type().is_string():
        return {"categories": words} if len(words) <= CATEGORIES_KEPT else {}
    is_code = 0 < len(words) <= min(CODES_KEPT, rows // _ROWS_PER_CODE)
    return {"codes": words} if is_code else {}
