"""The ledger: what happened, in order, each event chained to the one before.

Order is the sequence number, never the clock. A chain shows any edit inside it; a signed checkpoint shows
what a chain cannot: that its tail was cut off or that the whole was put back to an earlier day. Keep a copy
of the checkpoint where the operator is not alone in control.

What does not belong here: where events are stored (`resources.ledger_store`) and what a decision says
(`modelrisk.decisions`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, cast

from modelrisk.errors import CallerMistake, IntegrityError
from modelrisk.evidence import Json, canonical_bytes, decoded, digest_of, hex_of, parsed
from modelrisk.identity import ModelVersion
from modelrisk.signatures import Signer, TrustedKeys, unverified_payload, verified_payload

if TYPE_CHECKING:
    from modelrisk.decisions import EvaluationUses

GENESIS = "sha256:" + "0" * 64
"""What the first event is chained to."""

CHECKPOINT_PAYLOAD_TYPE = "application/vnd.model-risk.checkpoint+json"
CHECKPOINT_SCHEMA = "model-risk/checkpoint@1"


class EventKind(StrEnum):
    """What can happen."""

    DECISION = "decision"
    PREVIEW = "preview"
    REVIEW_ATTEMPT_FAILED = "review_attempt_failed"
    RELEASE_STARTED = "release_started"
    RELEASE_FINISHED = "release_finished"
    INVENTORY = "inventory"
    INTAKE = "intake"
    APPROVAL = "approval"
    WAIVER = "waiver"
    FINDING = "finding"
    INCIDENT = "incident"
    ALERT = "alert"


@dataclass(frozen=True)
class Event:
    """One entry.

    Attributes:
        seq: position, from 1, without gaps.
        at: when, UTC, ISO 8601; for people, never for order.
        kind: what happened.
        subject: what it is about, usually the written form `name@version`.
        key: digest of the inputs, where the same inputs must not count twice.
        body: the details, plain data.
        previous: digest of the event before, or `GENESIS`.
        digest: digest of everything above.
    """

    seq: int
    at: str
    kind: EventKind
    subject: str
    key: str | None
    body: Mapping[str, Json]
    previous: str
    digest: str

    @classmethod
    def chained(
        cls,
        kind: EventKind,
        *,
        subject: str,
        body: Mapping[str, Json],
        at: str,
        key: str | None,
        after: "Head | None",
    ) -> Self:
        """The event that follows `after`.

        Raises:
            CallerMistake: `at` is not a UTC instant.
            IntegrityError: the body is not plain, finite data.
        """
        seq, previous = (after.seq + 1, after.digest) if after else (1, GENESIS)
        plain = cast("Mapping[str, Json]", parsed(canonical_bytes(body)))  # as any later reader will see it
        event = cls(seq, _instant(at), kind, subject, key, plain, previous, digest="")
        return replace(event, digest=event.computed_digest())

    def computed_digest(self) -> str:
        """The digest that belongs to the other attributes."""
        return digest_of(
            {
                "seq": self.seq,
                "at": self.at,
                "kind": self.kind,
                "subject": self.subject,
                "key": self.key,
                "body": self.body,
                "previous": self.previous,
            }
        )

    @property
    def is_reusable(self) -> bool:
        """Whether the same inputs may be answered with this event: unless its body says otherwise."""
        return self.body.get("reusable") is not False


@dataclass(frozen=True)
class Head:
    """The newest event's place and digest."""

    seq: int
    digest: str


@dataclass(frozen=True)
class Unreadable:
    """A stored entry that cannot even be read as an event: somebody wrote it past us."""

    seq: int
    reason: str


@dataclass(frozen=True)
class Checkpoint:
    """A signed memory of how far the ledger had come.

    Attributes:
        schema: name and version of this layout.
        seq: the newest event then.
        digest: its digest.
    """

    schema: str
    seq: int
    digest: str

    @classmethod
    def at(cls, head: Head) -> Self:
        """The checkpoint of a ledger whose newest event is `head`."""
        return cls(CHECKPOINT_SCHEMA, head.seq, head.digest)

    def signed(self, signer: Signer) -> bytes:
        """The checkpoint in a DSSE envelope."""
        return signer.sign(CHECKPOINT_PAYLOAD_TYPE, canonical_bytes(self))

    @classmethod
    def verified(cls, envelope: bytes, trusted: TrustedKeys) -> Self:
        """The checkpoint in an envelope that a trusted key signed.

        Raises:
            UntrustedSigner: no trusted key signed it.
            IntegrityError: it is altered, or no checkpoint.
        """
        return cls._from(verified_payload(envelope, trusted, payload_type=CHECKPOINT_PAYLOAD_TYPE))

    @classmethod
    def unverified(cls, envelope: bytes) -> Self:
        """The checkpoint in an envelope, believed for a refusal only: it can stop work, never allow it.

        Raises:
            IntegrityError: it is no checkpoint.
        """
        return cls._from(unverified_payload(envelope))

    @classmethod
    def _from(cls, payload: bytes) -> Self:
        found = decoded(cls, payload)
        hex_of(found.digest)
        if found.schema != CHECKPOINT_SCHEMA:
            raise IntegrityError(
                found=f"a checkpoint of schema {found.schema!r}",
                expected=CHECKPOINT_SCHEMA,
                remedy="Verify with the release that wrote it",
            )
        return found

    def contradiction(self, digest_at_seq: str | None) -> str | None:
        """Why a ledger whose entry `seq` has `digest_at_seq` is not the one remembered; None if it is."""
        if digest_at_seq is None:
            return (
                f"the ledger is shorter than a signed checkpoint that saw entry {self.seq}: its tail is gone"
            )
        if digest_at_seq != self.digest:
            return f"entry {self.seq} is not the one a signed checkpoint saw: history was replaced"
        return None


@dataclass(frozen=True)
class Break:
    """The first entry that cannot be believed.

    Attributes:
        seq: its place; for a cut tail, the first place that is missing.
        reason: what is wrong with it.
    """

    seq: int
    reason: str


@dataclass(frozen=True)
class LedgerReport:
    """What verifying a ledger found.

    Attributes:
        entries: entries read, up to the first broken one.
        head: the newest believable entry; None when there is none.
        covered: newest entry that a checkpoint vouches for; None without one (a cut tail then goes unseen).
        broken: the first broken entry; None when there is none.
    """

    entries: int
    head: Head | None
    covered: int | None
    broken: Break | None

    @property
    def is_intact(self) -> bool:
        """Whether nothing is broken."""
        return self.broken is None


def verify_chain(
    events: Iterable[Event | Unreadable], *, checkpoints: Iterable[Checkpoint] = ()
) -> LedgerReport:
    """Follow the chain from its first entry and hold it against what signed checkpoints remember.

    Args:
        events: all entries in order of their sequence.
        checkpoints: verified checkpoints, from beside the ledger and from copies kept elsewhere.

    Returns:
        A report that names the first broken entry, if any.
    """
    remembered = sorted(checkpoints, key=lambda checkpoint: checkpoint.seq)
    covered = remembered[-1].seq if remembered else None
    head: Head | None = None
    for entry in events:
        reason = _break_in(entry, after=head)
        if reason is None and isinstance(entry, Event):
            vouched = [checkpoint for checkpoint in remembered if checkpoint.seq == entry.seq]
            reason = next(filter(None, (known.contradiction(entry.digest) for known in vouched)), None)
        if reason is not None or isinstance(entry, Unreadable):
            place = entry.seq if head is None or entry.seq <= head.seq else head.seq + 1
            return LedgerReport(head.seq if head else 0, head, covered, Break(place, reason or ""))
        head = Head(entry.seq, entry.digest)
    entries = head.seq if head else 0
    for checkpoint in remembered:
        if checkpoint.seq > entries:
            reason = checkpoint.contradiction(None) or ""
            return LedgerReport(entries, head, covered, Break(entries + 1, reason))
    return LedgerReport(entries, head, covered, None)


def _break_in(entry: Event | Unreadable, *, after: Head | None) -> str | None:
    expected, previous = (after.seq + 1, after.digest) if after else (1, GENESIS)
    if isinstance(entry, Unreadable):
        return f"the entry cannot be read: {entry.reason}"
    if entry.seq != expected:
        return f"entry {expected} is missing (the next one found is {entry.seq})"
    if entry.previous != previous:
        return "it is not chained to the entry before it"
    try:
        digest = entry.computed_digest()
    except IntegrityError as error:
        return f"it cannot be digested: {error}"
    return None if entry.digest == digest else "its content does not match its digest: it was edited"


def utc_text(instant: datetime) -> str:
    """A UTC instant in the form the ledger keeps: `2026-11-23T14:43:44.000000Z`.

    Raises:
        CallerMistake: the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise _no_instant(instant.isoformat())
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _instant(text: str) -> str:
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError as error:
        raise _no_instant(text) from error
    if offset is None or offset:
        raise _no_instant(text)
    return text


def _no_instant(found: str) -> CallerMistake:
    return CallerMistake(
        found=f"the time {found!r}",
        expected="a UTC instant such as 2026-11-23T14:43:44Z",
        remedy="Give the time with its zone, in UTC",
    )


class LedgerReader(Protocol):
    """Reading a ledger."""

    def events(self, kind: EventKind | None = None, *, subject: str | None = None) -> Iterator[Event]:
        """Events in order, of one kind and about one subject if given.

        Raises:
            IntegrityError: an entry cannot be read as an event.
            Unavailable: the ledger cannot be read.
        """
        ...

    def newest(self, kind: EventKind, *, subject: str | None = None, key: str | None = None) -> Event | None:
        """The newest event of a kind, about a subject and with a key if given; None when there is none.

        Raises:
            IntegrityError: the entry cannot be read as an event.
            Unavailable: the ledger cannot be read.
        """
        ...

    def head(self) -> Head | None:
        """The newest event's place and digest; None when nothing has happened yet.

        Raises:
            Unavailable: the ledger cannot be read.
        """
        ...

    def digest_at(self, seq: int) -> str | None:
        """The digest of the event at a place, as it is written there; None when there is none.

        Raises:
            Unavailable: the ledger cannot be read.
        """
        ...


Condition: TypeAlias = Callable[[LedgerReader], Event | None]
"""Looks at the ledger while nobody else can append: returns the event that makes a new one needless, or None.
It may raise to refuse."""


class LedgerStore(LedgerReader, Protocol):
    """Appending to a ledger. What `append` has returned is never lost."""

    def append(
        self,
        kind: EventKind,
        *,
        subject: str,
        body: Mapping[str, Json],
        at: str,
        key: str | None = None,
        reuse: bool = False,
        unless: Condition | None = None,
    ) -> Event:
        """Add one event at the end, or return the one that makes it needless.

        Args:
            kind: what happened.
            subject: what it is about.
            body: the details, plain data.
            at: when, UTC, ISO 8601.
            key: digest of the inputs.
            reuse: return the newest reusable event of the same kind, subject and key instead, if any.
            unless: a condition looked at in the same transaction; an event it returns is returned instead.

        Raises:
            CallerMistake: `at` is not a UTC instant, or `reuse` without a key.
            IntegrityError: the body is not plain data, or the ledger's newest entry cannot be read.
            Unavailable: the ledger cannot be written; nothing was added.
        """
        ...

    def checkpoint(self, signer: Signer, *, trusted: TrustedKeys | None = None) -> bytes | None:
        """Sign how far the ledger has come, and keep that beside it; never further back than before.

        Args:
            signer: signs the new checkpoint.
            trusted: keys that may have signed the one there; the signer's own when None.

        Returns:
            The envelope now in force, to be kept elsewhere too; None when nothing has happened yet.

        Raises:
            IntegrityError: the ledger contradicts the checkpoint there, which is then left as it is.
            Unavailable: the ledger or the checkpoint cannot be read or written.
        """
        ...

    def verify(self, trusted: TrustedKeys, *, copies: Iterable[bytes] = ()) -> LedgerReport:
        """Read the whole ledger, follow its chain, and hold it against the signed checkpoints.

        Args:
            trusted: keys whose checkpoints are believed.
            copies: checkpoint envelopes kept elsewhere.

        Raises:
            IntegrityError: a checkpoint is altered or signed by nobody trusted, or this is no ledger.
            Unavailable: the ledger cannot be read.
        """
        ...


# --- what the events mean --------------------------------------------------------------------------------


def newest_decision(ledger: LedgerReader, version: ModelVersion) -> Event | None:
    """The decision that counts for a version: the newest by sequence."""
    return ledger.newest(EventKind.DECISION, subject=version.key)


def champion(ledger: LedgerReader, name: str, *, alias: str | None = None) -> Event | None:
    """The last *finished* release of a model, which makes its subject the champion.

    Args:
        ledger: where to look.
        name: the registered model's name.
        alias: only releases to this alias; all aliases when None.
    """
    return _last(_releases(ledger, EventKind.RELEASE_FINISHED, name, alias))


def unfinished_release(ledger: LedgerReader, name: str, *, alias: str | None = None) -> Event | None:
    """The newest release of a model, if it was started and never finished; None if it was finished.

    A start is finished by a later `release_finished` of the same version and the same record.
    """
    started = _last(_releases(ledger, EventKind.RELEASE_STARTED, name, alias))
    if started is None:
        return None
    for finished in _releases(ledger, EventKind.RELEASE_FINISHED, name, alias):
        same = finished.subject == started.subject and finished.body.get("record") == started.body.get(
            "record"
        )
        if same and finished.seq > started.seq:
            return None
    return started


def evaluation_uses(ledger: LedgerReader, evaluation: str) -> "EvaluationUses":
    """How many decisions and previews have used the evaluation data with this digest."""
    from modelrisk.decisions import EvaluationUses

    def count(kind: EventKind) -> int:
        return sum(1 for event in ledger.events(kind) if event.body.get("evaluation") == evaluation)

    return EvaluationUses(reviews=count(EventKind.DECISION), previews=count(EventKind.PREVIEW))


def _releases(ledger: LedgerReader, kind: EventKind, name: str, alias: str | None) -> Iterator[Event]:
    for event in ledger.events(kind):
        if alias is not None and event.body.get("alias") != alias:
            continue
        if ModelVersion.from_key(event.subject).name == name:
            yield event


def _last(events: Iterable[Event]) -> Event | None:
    found: Event | None = None
    for event in events:
        found = event
    return found
