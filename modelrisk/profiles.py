"""What a data set looks like, column by column: the little that expectations learn from training data.

What does not belong here: reading the data (`resources.datasets`) and what is expected of other data
(`modelrisk.expectations`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelrisk.columns import Run, class_text
from modelrisk.time_spans import TimeSpan

if TYPE_CHECKING:
    import ibis.expr.types as ir

CATEGORIES_KEPT = 100
CODES_KEPT = 20
_ROWS_PER_CODE = 20  # fewer, and a whole number that happened not to occur would be news
_LISTED_TOGETHER = 20  # each list takes the engine some megabytes, however short it is


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
        labels: class text -> rows of the label column; empty when nothing is known of it.
        time: the span of the time column; None when nothing is known of it.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    labels: Mapping[str, int] = field(default_factory=dict[str, int])
    time: TimeSpan | None = None


def profile(run: Run, table: "ir.Table", *, columns: Iterable[str]) -> DatasetProfile:
    """Profiles the named columns in one scan, and those of few values in one more for each twenty.

    Of a wide table hand in some hundred columns at a time: the engine plans every column in every query.

    Args:
        run: executes an expression.
        table: the rows; NaN is null.
        columns: the columns wanted; those the table does not have are left out.
    """
    names = [name for name in dict.fromkeys(columns) if name in table.columns]
    totals: dict[str, Any] = {"rows": table.count()}
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
    rows = int(found["rows"])
    # The estimate may be off by a few percent; it only saves listing columns that are far too long.
    few = {
        position: table[name]
        for position, name in enumerate(names)
        if found.get(f"different{position}", CATEGORIES_KEPT * 3)
        <= 2 * (CATEGORIES_KEPT if table[name].type().is_string() else CODES_KEPT)
    }
    values = _listed(run, table, few)
    columns = {
        name: ColumnProfile(
            rows - int(found[f"given{position}"]),
            low=_number(found.get(f"low{position}")),
            high=_number(found.get(f"high{position}")),
            **_words(table[name], values.get(position), is_few=position in few, rows=rows),
        )
        for position, name in enumerate(names)
    }
    return DatasetProfile(rows, columns)


def _listed(run: Run, table: "ir.Table", few: Mapping[int, "ir.Column"]) -> Mapping[int, Sequence[str]]:
    """The different values of the given columns as class text, by the columns' positions."""
    found: dict[int, Sequence[str]] = {}
    positions = list(few)
    for start in range(0, len(positions), _LISTED_TOGETHER):
        some = positions[start : start + _LISTED_TOGETHER]
        lists: dict[str, Any] = {f"v{n}": class_text(few[n]).collect(distinct=True) for n in some}
        row = run(table.aggregate(**lists))[0]
        found |= {n: row[f"v{n}"] or () for n in some}
    return found


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
