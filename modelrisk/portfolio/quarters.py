"""The quarters of a calendar year, in UTC.

What does not belong here: what happened in one (`modelrisk.portfolio.books`).
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelrisk.errors import CallerMistake

_NAME = re.compile(r"([0-9]{4})-[Qq]([1-4])")
_MONTHS = 3


@dataclass(frozen=True, order=True)
class Quarter:
    """One quarter.

    Attributes:
        year: the year.
        number: 1 to 4.
    """

    year: int
    number: int

    @classmethod
    def of(cls, day: datetime.date) -> "Quarter":
        """The quarter a day lies in."""
        return cls(day.year, (day.month - 1) // _MONTHS + 1)

    @classmethod
    def named(cls, name: str) -> "Quarter":
        """The quarter written as `2026-Q4`.

        Raises:
            CallerMistake: it is not written so.
        """
        found = _NAME.fullmatch(name.strip())
        if found is None or not datetime.MINYEAR < int(found[1]) < datetime.MAXYEAR:
            raise CallerMistake(
                found=f"the quarter {name!r}",
                expected="a quarter such as 2026-Q4",
                remedy="Write the year, -Q and a number from 1 to 4",
            )
        return cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        """`2026-Q4`."""
        return f"{self.year:04d}-Q{self.number}"

    @property
    def first_day(self) -> datetime.date:
        """Its first day."""
        return datetime.date(self.year, _MONTHS * (self.number - 1) + 1, 1)

    @property
    def last_day(self) -> datetime.date:
        """Its last day."""
        return self.next().first_day - datetime.timedelta(days=1)

    def next(self) -> "Quarter":
        """The quarter after it."""
        return Quarter(self.year + 1, 1) if self.number == 4 else Quarter(self.year, self.number + 1)

    def previous(self) -> "Quarter":
        """The quarter before it."""
        return Quarter(self.year - 1, 4) if self.number == 1 else Quarter(self.year, self.number - 1)

    def back(self, count: int) -> Iterator["Quarter"]:
        """So many quarters that end with this one, the earliest first."""
        found: list[Quarter] = [self]
        while len(found) < count:
            found.append(found[-1].previous())
        yield from reversed(found)

    def __str__(self) -> str:
        return self.name
