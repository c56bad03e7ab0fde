"""What people are told: a refusal, an overdue review, a moved alias; who, in what words, and once.

One message for each thing, or one for many at once. A message says what is the matter, who answers for it,
what to do next and where to look. Names and owners are other people's words and may be written into a chat
room: nothing in them may become markup, a mention, a link or a line of its own.

What does not belong here: sending (`resources.notifier`) and finding out (`modelrisk.oversight`).
"""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelrisk import pages
from modelrisk.decisions import DecisionRecord, Outcome
from modelrisk.documents.text import visible
from modelrisk.errors import ModelRiskError
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import RAISED
from modelrisk.policy import Audience, News

MOST_SINGLE = 3
"""More pieces of news than this for one audience at once become one message."""
MOST_LINES = 30
_LONGEST = 400
_BACK_OFF_MINUTES = (1, 2, 5, 10, 20, 60)


@dataclass(frozen=True)
class Piece:
    """One piece of news.

    Attributes:
        about: what kind of news.
        sequence: the ledger entry it comes from, which tells it from every other.
        subject: what it is about, a version's written form or a model's name.
        owner: who answers for the model; None when nobody does.
        statement: what is the matter.
        next_step: what to do.
        page: path of the UI's page about it.
    """

    about: News
    sequence: int
    subject: str
    owner: str | None
    statement: str
    next_step: str
    page: str


@dataclass(frozen=True)
class Message:
    """What is sent: plain text, safe in a chat room and in a mail."""

    title: str
    body: str


def news_kind(event: Event) -> News | None:
    """What kind of news a ledger entry is; None when it is none."""
    if event.kind is EventKind.DECISION and event.body.get("verdict") == Outcome.REFUSED:
        return News.REFUSED
    if event.kind is EventKind.ALERT and event.body.get("state") == RAISED:
        about = event.body.get("about")
        return News(about) if isinstance(about, str) and about in set(News) else None
    return None


def of_refusal(event: Event, record: DecisionRecord | ModelRiskError) -> Piece:
    """The news of a refusal.

    Args:
        event: the decision's ledger entry.
        record: the decision, or why it cannot be read; people are told all the same.
    """
    page = pages.of_asset("release/decision", event.subject)
    if isinstance(record, ModelRiskError):
        statement, next_step = f"it was refused, and its record cannot be read: {record.found}", record.remedy
        return Piece(News.REFUSED, event.seq, event.subject, None, statement, next_step, page)
    return Piece(
        about=News.REFUSED,
        sequence=event.seq,
        subject=event.subject,
        owner=record.owner or None,
        statement=f"tier {record.tier}. {record.headline}",
        next_step=record.findings[0].next_action if record.findings else "Read the report",
        page=page,
    )


def of_alert(event: Event) -> Piece:
    """The news of an alert noted with the inventory."""
    owner = event.body.get("owner")
    return Piece(
        about=News(str(event.body.get("about"))),
        sequence=event.seq,
        subject=event.subject,
        owner=owner if isinstance(owner, str) else None,
        statement=str(event.body.get("statement")),
        next_step=str(event.body.get("remedy")),
        page="/assets/inventory/models?view=checks",
    )


def is_for(audience: Audience, piece: Piece) -> bool:
    """Whether an audience wants to know."""
    return piece.about in audience.about and (not audience.owners or piece.owner in audience.owners)


# --- words -----------------------------------------------------------------------------------------------

_TITLES = {
    News.REFUSED: "Refused",
    News.REVIEW_OVERDUE: "Review overdue",
    News.ALIAS_MOVED: "Alias moved without a decision",
}


def messages(pieces: Sequence[Piece], *, ui: str | None) -> tuple[Message, ...]:
    """One message for each piece, or one for all when there are many; each fit to be sent by itself."""
    if len(pieces) <= MOST_SINGLE:
        return tuple(_single(piece, ui=ui) for piece in pieces)
    lines = [
        f"- {_TITLES[piece.about]}: {neutral(piece.subject)} ({_owner(piece)}): {neutral(piece.statement)}"
        for piece in pieces[:MOST_LINES]
    ]
    if len(pieces) > MOST_LINES:
        lines.append(f"- and {len(pieces) - MOST_LINES} more")
    counts = ", ".join(
        f"{_TITLES[about].lower()}: {number}"
        for about in News
        if (number := sum(piece.about is about for piece in pieces))
    )
    first, last = pieces[0].sequence, pieces[-1].sequence
    lines += [*([f"Look: {ui}/assets"] if ui else []), f"Ledger entries {first} to {last}"]
    return (Message(f"{len(pieces)} models need somebody ({counts})", "\n".join(lines)),)


def _single(piece: Piece, *, ui: str | None) -> Message:
    lines = [
        f"What: {neutral(piece.statement)}",
        f"Who: {_owner(piece)}",
        f"Next: {neutral(piece.next_step)}",
        *([f"Look: {ui}{piece.page}"] if ui else []),
        f"Ledger entry {piece.sequence}",
    ]
    return Message(f"{_TITLES[piece.about]}: {neutral(piece.subject)}", "\n".join(lines))


def _owner(piece: Piece) -> str:
    return "nobody answers for it" if piece.owner is None else neutral(piece.owner)


def neutral(text: str) -> str:
    """One line in which nothing is markup, a mention or a link, whatever chat room shows it."""
    shown = visible(text)
    shown = shown[: _LONGEST - 1] + "…" if len(shown) > _LONGEST else shown
    shown = shown.translate(_HARMLESS)
    shown = re.sub(r"(?i)\b([a-z][a-z0-9+.-]*):(?=//)", "\\1\u2060:", shown)
    shown = re.sub(r"(?i)\b(www)\.", "\\1\u2060.", shown)
    return re.sub(r"(?<![\w.])([@#])(?=\w)", "\\1\u2060", shown)


_HARMLESS = str.maketrans(
    {"<": "‹", ">": "›", "`": "'", "*": "∗", "[": "(", "]": ")", "|": "¦", "~": "∼", "&": "＆"}
)


# --- once ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """How far one audience was told.

    Attributes:
        sequence: the newest ledger entry it has been told of, or need not be told of.
        failures: failed attempts in a row.
        again_at: not to be tried before, UTC, ISO 8601; None when the last attempt succeeded.
    """

    sequence: int
    failures: int = 0
    again_at: str | None = None

    def failed(self, now: datetime.datetime) -> "Told":
        """After an attempt that failed: later and later, an hour at most."""
        minutes = _BACK_OFF_MINUTES[min(self.failures, len(_BACK_OFF_MINUTES) - 1)]
        again_at = (now + datetime.timedelta(minutes=minutes)).isoformat()
        return replace(self, failures=self.failures + 1, again_at=again_at)

    def is_to_wait(self, now: datetime.datetime) -> bool:
        """Whether it is too early to try again; never for longer than an hour, whatever the clock does."""
        if self.again_at is None:
            return False
        try:
            left = datetime.datetime.fromisoformat(self.again_at) - now
        except (ValueError, TypeError):
            return False
        return datetime.timedelta() < left <= datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Ears:
    """How far every audience was told, as a sensor's cursor."""

    told: Mapping[str, Told] = field(default_factory=dict[str, Told])

    @classmethod
    def parsed(cls, text: str | None) -> "Ears":
        """What `text` wrote; nobody, for anything else."""
        try:
            return cls() if not text else decoded(cls, text.encode())
        except (ModelRiskError, UnicodeEncodeError):
            return cls()

    @property
    def text(self) -> str:
        """One line."""
        return canonical_bytes(self).decode()

    def of(self, audiences: Iterable[Audience], *, head: int) -> "Ears":
        """The same for these audiences only; a new one is told of what happens from now on."""
        return Ears({each.name: self.told.get(each.name, Told(head)) for each in audiences})

    def with_(self, name: str, told: Told) -> "Ears":
        """The same after one audience was told."""
        return Ears({**self.told, name: told})
