"""What a data set looks like, column by column: the little that expectations learn from training data.

What does not belong here: reading the data (`resources.datasets`) and what is expected of other data
(`modelrisk.expectations`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.columns import class_text

if TYPE_CHECKING:
    import ibis.expr.types as ir

CATEGORIES_KEPT = 100

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
    """

    missing: int
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DatasetProfile:
    """What the data looks like.

    Attributes:
        rows: number of rows.
        columns: by name; only those asked for and present.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]


def profile(run: Run, table: "ir.Table", *, columns: Iterable[str]) -> DatasetProfile:
    """Profiles the named columns in one scan, and each text column of few values in one more.

    Args:
        run: executes an expression.
        table: the rows; NaN is null.
        columns: the columns wanted; those the table does not have are left out.
    """
    names = [name for name in dict.fromkeys(columns) if name in table.columns]
    totals: dict[str, Any] = {"rows": table.count()}
    for position, name in enumerate(names):
        column: Any = table[name]
        totals[f"given{position}"] = column.count()
        if column.type().is_floating():
            finite = ~column.isinf()
            totals[f"low{position}"], totals[f"high{position}"] = (
                column.min(where=finite),
                column.max(where=finite),
            )
        elif column.type().is_numeric():
            totals[f"low{position}"], totals[f"high{position}"] = column.min(), column.max()
        elif column.type().is_string():
            totals[f"different{position}"] = column.approx_nunique()
    found = run(table.aggregate(**totals))[0]
    rows = int(found["rows"])
    return DatasetProfile(
        rows,
        {
            name: ColumnProfile(
                rows - int(found[f"given{position}"]),
                low=_number(found.get(f"low{position}")),
                high=_number(found.get(f"high{position}")),
                categories=_categories(run, table[name], estimated=found.get(f"different{position}")),
            )
            for position, name in enumerate(names)
        },
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _categories(run: Run, column: "ir.Column", *, estimated: int | None) -> tuple[str, ...] | None:
    # The estimate may be off by a few percent; it only saves listing columns that are far too long.
    if estimated is None or estimated > 2 * CATEGORIES_KEPT:
        return None
    text: Any = class_text(column).name("value").as_table()
    values = run(text.filter(text["value"].notnull()).distinct().limit(CATEGORIES_KEPT + 1))
    return tuple(sorted(row["value"] for row in values)) if len(values) <= CATEGORIES_KEPT else None
