"""When the rows of a data set were observed: the first and the last time in a column.

Times of any kind are put on one scale, so that they can be compared: seconds since 1970 (UTC) for dates,
timestamps and texts that read as one; numbers, such as a year or a day count, as they are.

What does not belong here: how old data may be (`modelrisk.expectations`, the intake).
"""

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.columns import Run, is_numeric

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DAY = 86_400.0
_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class TimeSpan:
    """The first and the last time in a column.

    Attributes:
        oldest: on the module's scale; None when no value could be read.
        newest: the same.
        unreadable: rows with a value that is no time.
        is_dated: whether the scale is that of dates; else the column holds numbers.
    """

    oldest: float | None
    newest: float | None
    unreadable: int
    is_dated: bool

    def fits(self, dtype: str) -> bool:
        """Whether times of that type stand on the same scale."""
        return has_days(dtype) if self.is_dated else is_numeric(dtype)

    def age(self, today: datetime.date) -> int | None:
        """Days from the newest value to `today`, negative for a future one; None without a date."""
        day = self.shown_day(self.newest)
        return None if day is None else (today - day).days

    def shown(self, instant: float | None) -> str | None:
        """A time of the span for people: the day, or the number."""
        day = self.shown_day(instant)
        return (None if instant is None else f"{instant:.12g}") if day is None else day.isoformat()

    def shown_day(self, instant: float | None) -> datetime.date | None:
        """The day of a time; None without one, or beyond the years 1 to 9999."""
        if instant is None or not self.is_dated:
            return None
        days = int(instant // _DAY)
        first, last = datetime.date.min.toordinal(), datetime.date.max.toordinal()
        ordinal = _EPOCH.toordinal() + days
        return datetime.date.fromordinal(ordinal) if first <= ordinal <= last else None


def has_days(dtype: str) -> bool:
    """Whether values of a type, as Ibis writes it, can be held against a day of the calendar."""
    return dtype.startswith(("date", "timestamp")) or dtype == "string"


def time_span(run: Run, table: "ir.Table", column: str) -> TimeSpan:
    """The span of a column, in one scan."""
    values = table[column]
    scale = instants(values)
    found = run(
        table.aggregate(oldest=scale.min(), newest=scale.max(), given=values.count(), read=scale.count())
    )[0]
    is_dated = not (values.type().is_numeric() or values.type().is_boolean())
    oldest, newest = (None if found[end] is None else float(found[end]) for end in ("oldest", "newest"))
    return TimeSpan(oldest, newest, int(found["given"]) - int(found["read"]), is_dated)


def instants(column: "ir.Column") -> Any:
    """The column on the module's scale; null where a value is no time."""
    dtype = column.type()
    values: Any = column
    if dtype.is_numeric():
        number = values.cast("float64")
        return number.isinf().ifelse(None, number) if dtype.is_floating() else number
    if dtype.is_boolean():
        return values.cast("int8").cast("float64")
    if not (dtype.is_timestamp() or dtype.is_date()):
        values = values.cast("string").try_cast("timestamp")
    return values.cast("timestamp").epoch_seconds().cast("float64")


def seconds(day: datetime.date) -> float:
    """The first instant of a day on the module's scale."""
    return (day - _EPOCH).days * _DAY
