"""The ledger in SQLite: append-only, whole after any crash, shared by any number of processes.

Every append is one immediate transaction, on the disk before it returns. Triggers refuse to change or delete
what stands there. A person with the file can drop them: then the chain shows it, and the signed checkpoint
beside the file shows a cut tail, to every reader and writer.

What does not belong here: what events mean (`modelrisk.ledger`).
"""

import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.evidence import Json, canonical_bytes, parsed
from modelrisk.ledger import (
    Checkpoint,
    Condition,
    Event,
    EventKind,
    Head,
    LedgerReport,
    Unreadable,
    verify_chain,
)
from modelrisk.signatures import Signer, TrustedKeys
from resources.durable_files import creating, replace_with
from resources.failpoints import reach

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x4D524C31  # "MRL1"
_BUSY_SECONDS = 60.0

_SCHEMA = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    key TEXT,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX events_by_subject ON events (kind, subject, seq);
CREATE INDEX events_by_key ON events (kind, key, seq);
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no entry can be changed'); END;
CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: no entry can be deleted'); END;
CREATE TRIGGER events_only_at_the_end BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: entries are added at its end'); END;
"""
_COLUMNS = "seq, at, kind, subject, key, body, previous, digest"


class _Reader:
    """Reads events over one open connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(
        self, kind: EventKind | None = None, *, subject: str | None = None
    ) -> Iterator[Event | Unreadable]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - constants only
            " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR subject = ?2) ORDER BY seq",
            (kind, subject),
        )
        return map(_entry, rows)

    def events(self, kind: EventKind | None = None, *, subject: str | None = None) -> Iterator[Event]:
        return map(_believed, self.entries(kind, subject=subject))

    def newest(self, kind: EventKind, *, subject: str | None = None, key: str | None = None) -> Event | None:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - constants only
            " WHERE kind = ?1 AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR key = ?3)"
            " ORDER BY seq DESC LIMIT 1",
            (kind, subject, key),
        ).fetchone()
        return None if row is None else _believed(_entry(row))

    def newest_reusable(self, kind: EventKind, *, subject: str, key: str) -> Event | None:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM events"  # noqa: S608 - constants only
            " WHERE kind = ? AND subject = ? AND key = ? ORDER BY seq DESC",
            (kind, subject, key),
        )
        return next((event for event in map(_believed, map(_entry, rows)) if event.is_reusable), None)

    def head(self) -> Head | None:
        row = self._connection.execute("SELECT seq, digest FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else Head(*row)

    def digest_at(self, seq: int) -> str | None:
        row = self._connection.execute("SELECT digest FROM events WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else str(row[0])


class SqliteLedger:
    """A `modelrisk.ledger.LedgerStore` in one SQLite file.

    Connections are opened for each operation and closed after it, so that instances may be shared by
    threads, pickled, and used after a fork. Nothing is made before the first append.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest signed checkpoint lies."""
        return self.path.with_name(f"{self.path.name}.checkpoint.json")

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
        """See `modelrisk.ledger.LedgerStore.append`."""
        if reuse and key is None:
            raise CallerMistake(
                found="an event to reuse without a key",
                expected="the digest of its inputs as key",
                remedy="Give the key, or append without reuse",
            )
        Event.chained(kind, subject=subject, body=body, at=at, key=key, after=None)  # refused before any lock
        with self._writing() as connection:
            reader = _Reader(connection)
            if reuse and key is not None:
                found = reader.newest_reusable(kind, subject=subject, key=key)
                if found is not None:
                    return found
            if unless is not None:
                found = unless(reader)
                if found is not None:
                    return found
            event = Event.chained(kind, subject=subject, body=body, at=at, key=key, after=reader.head())
            text = canonical_bytes(event.body).decode("utf-8")
            connection.execute(
                f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants only
                (event.seq, event.at, kind.value, subject, key, text, event.previous, event.digest),
            )
            reach("ledger.before_commit")
            connection.commit()
            reach("ledger.after_commit")
        return event

    def events(self, kind: EventKind | None = None, *, subject: str | None = None) -> Iterator[Event]:
        """See `modelrisk.ledger.LedgerReader.events`."""
        with self._reading() as reader:
            if reader is not None:
                yield from reader.events(kind, subject=subject)

    def newest(self, kind: EventKind, *, subject: str | None = None, key: str | None = None) -> Event | None:
        """See `modelrisk.ledger.LedgerReader.newest`."""
        with self._reading() as reader:
            return None if reader is None else reader.newest(kind, subject=subject, key=key)

    def head(self) -> Head | None:
        """See `modelrisk.ledger.LedgerReader.head`."""
        with self._reading() as reader:
            return None if reader is None else reader.head()

    def digest_at(self, seq: int) -> str | None:
        """See `modelrisk.ledger.LedgerReader.digest_at`."""
        with self._reading() as reader:
            return None if reader is None else reader.digest_at(seq)

    def checkpoint(self, signer: Signer, *, trusted: TrustedKeys | None = None) -> bytes | None:
        """See `modelrisk.ledger.LedgerStore.checkpoint`."""
        if not self.path.exists() and not self.checkpoint_path.exists():
            return None
        believed = trusted or TrustedKeys((signer.public_key,))
        with self._writing() as connection:  # its lock keeps checkpoints in the order of the ledger
            earlier = self.remembered(believed)
            self._refuse_if_cut(connection, earlier)
            head = _Reader(connection).head()
            if head is None:
                return None
            if earlier is None or earlier.seq != head.seq:
                replace_with(self.checkpoint_path, Checkpoint.at(head).signed(signer), name="checkpoint")
            return self.checkpoint_path.read_bytes()

    def remembered(self, trusted: TrustedKeys) -> Checkpoint | None:
        """The checkpoint beside the ledger; None when there is none.

        Raises:
            IntegrityError: it is altered, or signed by nobody trusted.
            Unavailable: it cannot be read.
        """
        try:
            envelope = self.checkpoint_path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(self.checkpoint_path, str(error.strerror or error)) from error
        return Checkpoint.verified(envelope, trusted)

    def verify(self, trusted: TrustedKeys, *, copies: Iterable[bytes] = ()) -> LedgerReport:
        """See `modelrisk.ledger.LedgerStore.verify`."""
        beside = self.remembered(trusted)
        elsewhere = [Checkpoint.verified(copy, trusted) for copy in copies]
        checkpoints = [*elsewhere, *([] if beside is None else [beside])]
        if not self.path.exists():
            return verify_chain((), checkpoints=checkpoints)
        with _explained(self.path), closing(self._connected_for_reading()) as connection:
            return verify_chain(_Reader(connection).entries(), checkpoints=checkpoints)

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with _explained(self.path):
            seen = self._seen()
            if not self.path.exists():
                self._create()
            with closing(self._connected("rw")) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                self._refuse_if_cut(connection, seen)
                yield connection  # closing without commit rolls back

    @contextmanager
    def _reading(self) -> Generator[_Reader | None]:
        with _explained(self.path):
            seen = self._seen()
            if not self.path.exists():
                self._refuse_if_cut(None, seen)
                yield None
                return
            with closing(self._connected_for_reading()) as connection:
                connection.execute("BEGIN")
                self._refuse_if_cut(connection, seen)
                yield _Reader(connection)

    def _seen(self) -> Checkpoint | None:
        # Read before the ledger: a checkpoint is written after what it saw, so a later look is not behind it.
        try:
            return Checkpoint.unverified(self.checkpoint_path.read_bytes())
        except FileNotFoundError:
            return None

    def _refuse_if_cut(self, connection: sqlite3.Connection | None, seen: Checkpoint | None) -> None:
        if seen is None:
            return
        digest = None if connection is None else _Reader(connection).digest_at(seen.seq)
        contradiction = seen.contradiction(digest)
        if contradiction is not None:
            raise IntegrityError(
                found=f"a ledger {self.path} where {contradiction}",
                expected=f"a ledger that continues from entry {seen.seq}",
                remedy="Run `model-risk ledger verify`, and restore the ledger from a backup",
            )

    def _create(self) -> None:
        # Made whole under another name, then put in its place: no process ever sees half a schema.
        log = self.path.with_name(f"{self.path.name}-wal")
        if self._seen() is not None or (log.exists() and not self.path.exists()):
            raise IntegrityError(
                found=f"no ledger {self.path}, though a checkpoint or a write-ahead log of it is there",
                expected="the ledger beside them",
                remedy="Restore the ledger from a backup; never start a new one in its place",
            )
        with creating(self.path, name="ledger") as temporary, closing(_opened(temporary, "rw")) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )

    def _connected_for_reading(self) -> sqlite3.Connection:
        try:
            connection = self._connected("rw")
        except sqlite3.OperationalError:
            # A read-only medium: readable as it stands, unless a crash left work in its write-ahead log.
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            connection = self._connected("ro&immutable=1")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _connected(self, mode: str) -> sqlite3.Connection:
        with ExitStack() as unless_ours:
            connection = _opened(self.path, mode)
            unless_ours.callback(connection.close)
            self._refuse_if_foreign(connection)
            unless_ours.pop_all()
        return connection

    def _refuse_if_foreign(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION_ID:
            raise IntegrityError(
                found=f"a database {self.path} that is not a model-risk ledger",
                expected="a ledger",
                remedy="Point at the ledger, or restore it from a backup",
            )
        if version != SCHEMA_VERSION:
            raise Unavailable(
                found=f"a ledger {self.path} of schema version {version}",
                expected=f"schema version {SCHEMA_VERSION}",
                remedy="Use the release of model-risk that wrote it, or a newer one",
            )


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode={mode}"
    # A reader that stops half way may be closed by the garbage collector in another thread.
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str:
    # Bytes that are no UTF-8 make an entry that cannot be believed; they must not stop the one who looks.
    return data.decode("utf-8", errors="surrogateescape")


def _entry(row: tuple[int, str, str, str, str | None, str, str, str]) -> Event | Unreadable:
    seq, at, kind, subject, key, body, previous, digest = row
    try:
        written = body.encode("utf-8")
        plain = parsed(written)
        if not isinstance(plain, Mapping) or canonical_bytes(plain) != written:
            return Unreadable(seq, "its body is not a canonical JSON object")
        return Event(seq, at, EventKind(kind), subject, key, plain, previous, digest)
    except (ValueError, ModelRiskError) as error:
        return Unreadable(seq, str(error))


def _believed(entry: Event | Unreadable) -> Event:
    if isinstance(entry, Unreadable):
        raise IntegrityError(
            found=f"ledger entry {entry.seq} that cannot be read ({entry.reason})",
            expected="an entry as it was appended",
            remedy="Run `model-risk ledger verify`, and restore the ledger from a backup",
        )
    return entry


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _unavailable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            found=f"a damaged ledger {path} ({error})",
            expected="a whole SQLite database",
            remedy="Keep the damaged file, and restore the ledger from a backup",
        ) from error
    except OSError as error:
        raise _unavailable(path, str(error.strerror or error)) from error


def _unavailable(path: Path, reason: str) -> Unavailable:
    return Unavailable(
        found=f"a ledger {path} that cannot be used ({reason})",
        expected="a readable and writable file with free space around it",
        remedy="Free space, mend the permissions or end whatever holds it locked, then run the command again",
    )
