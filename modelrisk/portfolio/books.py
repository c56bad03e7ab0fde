"""The ledger as it stood on one day: which entries count, and what they say of each version.

Order is the ledger's. A day cuts the ledger after the last entry dated on it or before it, so that entries
written while a clock was wrong stay in their place: none is lost, and those out of order are counted. Naming
the newest entry as well (`entry`) cuts at that place for certain, whatever is appended later with a clock set
back.

What does not belong here: whether the decisions can be believed (`modelrisk.portfolio.proofs`).
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from modelrisk.errors import CallerMistake
from modelrisk.inventory import SUBJECT
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import Decided, Releases, decisions_of, releases_of


@dataclass(frozen=True)
class Books:
    """The entries that count on a day.

    Attributes:
        as_of: the day.
        events: those entries, in order, from the first one.
    """

    as_of: datetime.date
    events: tuple[Event, ...]

    @classmethod
    def on(cls, as_of: datetime.date, events: Iterable[Event], *, entry: int | None = None) -> "Books":
        """The books of a day.

        Args:
            as_of: the day, to its end, UTC.
            events: the whole ledger, in order.
            entry: no entry after this one counts; the ledger must have it.

        Raises:
            CallerMistake: the ledger has no such entry.
        """
        found = tuple(events)
        if entry is not None:
            if not 0 <= entry <= len(found):
                raise CallerMistake(
                    found=f"entry {entry} of a ledger with {len(found)}",
                    expected="an entry the ledger has",
                    remedy="Give the entry that the report names, and the home it was made in",
                )
            found = found[:entry]
        within = [position for position, event in enumerate(found, 1) if day_of(event) <= as_of]
        return cls(as_of, found[: within[-1]] if within else ())

    @property
    def head(self) -> Event | None:
        """The newest entry; None when there is none."""
        return self.events[-1] if self.events else None

    @cached_property
    def decisions(self) -> Mapping[str, Event]:
        """The decision that counts for each version, by its written form."""
        return {event.subject: event for event in self.of(EventKind.DECISION)}

    @cached_property
    def first_decisions(self) -> Mapping[str, Event]:
        """The first decision on each version, by its written form."""
        found: dict[str, Event] = {}
        for event in self.of(EventKind.DECISION):
            found.setdefault(event.subject, event)
        return found

    @cached_property
    def decided(self) -> Mapping[str, Decided]:
        """What was last decided on each version."""
        return decisions_of(self.events)

    @cached_property
    def releases(self) -> Releases:
        """Who the ledger says is in use."""
        return releases_of(self.events)

    @cached_property
    def inventory(self) -> Event | None:
        """The entry of the newest snapshot; None when none was taken."""
        return next((event for event in reversed(self.events) if _is_inventory(event)), None)

    @cached_property
    def out_of_order(self) -> int:
        """How many entries are dated well before the entry in front of them, or after the day.

        An entry is dated when it is made, and written when its evidence is: of two runs at once, the one that
        began first may be written last.
        """
        pairs = zip(self.events, self.events[1:], strict=False)
        set_back = {later.seq for earlier, later in pairs if _instant(later) < _instant(earlier) - _AT_ONCE}
        ahead = {event.seq for event in self.events if day_of(event) > self.as_of}
        return len(set_back | ahead)

    def of(self, kind: EventKind) -> Iterator[Event]:
        """The entries of one kind."""
        return (event for event in self.events if event.kind is kind)

    def since(self, before: "Books") -> "Books":
        """What was added to the books after those of an earlier day: by place, not by date."""
        return Books(self.as_of, self.events[len(before.events) :])


_AT_ONCE = datetime.timedelta(minutes=10)


def day_of(event: Event) -> datetime.date:
    """The day an entry is dated, UTC."""
    return _instant(event).date()


def _instant(event: Event) -> datetime.datetime:
    return datetime.datetime.fromisoformat(event.at)


def _is_inventory(event: Event) -> bool:
    return event.kind is EventKind.INVENTORY and event.subject == SUBJECT
