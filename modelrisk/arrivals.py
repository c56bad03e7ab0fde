"""Which registered versions are to be reviewed that nobody has asked to review yet.

Versions are read newest first, down to a mark above which everything has been asked for. A registry is no
queue: clocks are set back, registrations finish late, and models are renamed or made again, so a version can
appear below the mark. An overlap of an hour finds the usual latecomers; a full sweep, now and then, finds
the rest. It looks only at what matters: the newest version of each model and those that carry an alias, so
that an old registry does not get ten thousand reviews on its first day.

What does not belong here: reading the registry, and knowing what has been asked for (`pipelines.sensors`).
"""

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from modelrisk.errors import ModelRiskError
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.registrations import RegisteredModel, Registration

OVERLAP_MS = 3_600_000
SWEEP_EVERY = datetime.timedelta(hours=6)


@dataclass(frozen=True)
class Mark:
    """How far the registry has been read.

    Attributes:
        settled_ms: versions registered later have not all been asked for, the others have; by the registry's
            clock. None before the first sweep.
        swept_at: when the last full sweep was finished, UTC, ISO 8601; None before the first.
    """

    settled_ms: int | None = None
    swept_at: str | None = None

    @classmethod
    def parsed(cls, text: str | None) -> "Mark":
        """The mark that `text` wrote; the first mark of all for anything else, which leads to a sweep."""
        try:
            return cls() if not text else decoded(cls, text.encode())
        except (ModelRiskError, UnicodeEncodeError):
            return cls()

    @property
    def text(self) -> str:
        """The mark as one line."""
        return canonical_bytes(self).decode()

    def is_sweep_due(self, now: datetime.datetime) -> bool:
        """Whether everything is to be read: never done, long ago, or in a future the clock came back from."""
        try:
            swept = datetime.datetime.fromisoformat(self.swept_at or "")
            return not datetime.timedelta() <= now - swept < SWEEP_EVERY
        except (ValueError, TypeError):
            return True


@dataclass(frozen=True)
class Arrivals:
    """What one look at the registry found.

    Attributes:
        to_review: versions to ask a review for, newest first.
        waiting: how many more there are, for the next look.
        seen: every version read.
        mark: how far the registry is read once the reviews are asked for.
    """

    to_review: tuple[Registration, ...]
    waiting: int
    seen: tuple[Registration, ...]
    mark: Mark


def arrivals(
    newest_first: Iterable[Registration],
    *,
    models: Callable[[], Iterable[RegisteredModel]],
    mark: Mark,
    now: datetime.datetime,
    room: int,
    unasked: Callable[[Iterable[Registration]], Iterable[Registration]],
) -> Arrivals:
    """The versions to ask a review for, newest first.

    Args:
        newest_first: every registered version, read only as far as need be.
        models: the registered models, asked for in a sweep only.
        mark: how far the registry was read before.
        now: the present instant, UTC.
        room: how many reviews may be asked for at most.
        unasked: those of some versions that nobody has asked to review.
    """
    sweeps = mark.is_sweep_due(now)
    since = None if mark.settled_ms is None else mark.settled_ms - OVERLAP_MS
    seen: list[Registration] = []
    for each in newest_first:
        if not sweeps and since is not None and each.created_ms < since:
            break
        seen.append(each)
    wanted = [each for each in seen if since is not None and each.created_ms >= since]
    if sweeps:
        wanted += _that_matter(seen, models())
    ready = {each.version: each for each in wanted if each.is_ready}
    open_ = sorted(unasked(ready.values()), key=lambda each: (-each.created_ms, each.version))
    chosen, waiting = open_[:room], open_[room:]
    newest = max((each.created_ms for each in seen), default=0)
    settled = max(newest, mark.settled_ms or 0)
    if waiting and not sweeps:
        settled = min(settled, *(each.created_ms for each in waiting))
    after = replace(mark, settled_ms=settled)
    if sweeps and not waiting:
        after = replace(after, swept_at=now.isoformat())
    elif sweeps:
        after = mark
    return Arrivals(tuple(chosen), len(waiting), tuple(seen), after)


def _that_matter(seen: Iterable[Registration], models: Iterable[RegisteredModel]) -> list[Registration]:
    """The newest version of each model that is ready, and every version an alias points at."""
    aliased = {(model.name, number) for model in models for number in model.aliases.values()}
    newest: dict[str, Registration] = {}
    found: list[Registration] = []
    for each in seen:
        version = each.version
        if (version.name, version.version) in aliased:
            found.append(each)
        known = newest.get(version.name)
        if each.is_ready and (known is None or int(version.version) > int(known.version.version)):
            newest[version.name] = each
    return [*found, *newest.values()]
