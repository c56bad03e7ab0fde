import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.evidence import digest
from modelrisk.ledger import Checkpoint, Event, EventKind, LedgerReader, LedgerStore, verify_chain
from modelrisk.signatures import TrustedKeys, UntrustedSigner
from resources.failpoints import VARIABLE
from resources.ledger_store import SqliteLedger
from resources.signer import KeyFile

AT = "2026-11-23T14:43:44.000000Z"
KEY = digest(b"inputs")

WRITER = """
import os, sys
from pathlib import Path
from modelrisk.ledger import EventKind
from resources.ledger_store import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
acknowledged = os.open(sys.argv[2], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
for number in range(int(sys.argv[3])):
    name = f"{os.getpid()}-{number}"
    event = ledger.append(EventKind.ALERT, subject=name, body={"number": number}, at="2026-11-23T14:43:44Z")
    os.write(acknowledged, f"{event.seq} {event.subject} {event.digest}\\n".encode())
"""

APPEND_AND_CHECKPOINT = """
import sys
from pathlib import Path
from modelrisk.ledger import EventKind
from resources.ledger_store import SqliteLedger
from resources.signer import KeyFile
ledger = SqliteLedger(Path(sys.argv[1]))
ledger.append(EventKind.ALERT, subject="new", body={}, at="2026-11-23T14:43:44Z")
ledger.checkpoint(KeyFile(Path(sys.argv[2])))
"""

REVIEW = """
import sys
from pathlib import Path
from modelrisk.ledger import EventKind
from resources.ledger_store import SqliteLedger
sys.stdin.read(1)
event = SqliteLedger(Path(sys.argv[1])).append(
    EventKind.DECISION, subject="loan@1", body={}, at="2026-11-23T14:43:44Z", key=sys.argv[2], reuse=True)
print(event.seq)
"""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture
def ledger(tmp_path: Path) -> SqliteLedger:
    return SqliteLedger(tmp_path / "home" / "ledger.db")


@pytest.fixture(params=[SqliteLedger])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerStore:
    """Every kind of ledger there is: the contract below holds for each."""
    return request.param(tmp_path / "contract" / "ledger.db")


def fill(ledger: LedgerStore, count: int) -> list[Event]:
    return [ledger.append(EventKind.ALERT, subject=f"s{n}", body={"n": n}, at=AT) for n in range(count)]


# --- the contract of a ledger ----------------------------------------------------------------------------


def test_an_empty_ledger_answers_with_nothing(store: LedgerStore) -> None:
    assert list(store.events()) == []
    assert store.newest(EventKind.DECISION) is None
    assert store.head() is None


def test_what_is_appended_comes_back_in_order(store: LedgerStore) -> None:
    written = fill(store, 5)
    assert list(store.events()) == written
    assert [event.seq for event in written] == [1, 2, 3, 4, 5]
    assert verify_chain(store.events()).is_intact
    head = store.head()
    assert head is not None
    assert (head.seq, head.digest) == (5, written[-1].digest)


def test_events_are_found_by_kind_subject_and_key(store: LedgerStore) -> None:
    one = store.append(EventKind.DECISION, subject="a", body={}, at=AT, key=KEY)
    two = store.append(EventKind.DECISION, subject="b", body={}, at=AT)
    three = store.append(EventKind.PREVIEW, subject="a", body={}, at=AT)
    assert list(store.events(EventKind.DECISION)) == [one, two]
    assert list(store.events(subject="a")) == [one, three]
    assert list(store.events(EventKind.PREVIEW, subject="b")) == []
    assert store.newest(EventKind.DECISION) == two
    assert store.newest(EventKind.DECISION, subject="a") == one
    assert store.newest(EventKind.DECISION, key=KEY) == one
    assert store.newest(EventKind.DECISION, subject="b", key=KEY) is None


@settings(deadline=None, max_examples=25)
@given(
    subject=st.text(max_size=300),
    note=st.text(max_size=300),
    number=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_text_and_number_round_trips(
    tmp_path_factory: pytest.TempPathFactory, subject: str, note: str, number: float
) -> None:
    ledger = SqliteLedger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    event = ledger.append(
        EventKind.ALERT, subject=subject, body={note: note, "n": [number, None, True]}, at=AT
    )
    assert list(ledger.events(subject=subject)) == [event]
    assert event.body[note] in (note, [number, None, True])
    assert ledger.verify(TrustedKeys()).is_intact


@pytest.mark.parametrize(
    "text",
    [
        "line\nbreak",
        "nul\0inside",
        "\u202eright to left",
        "x" * 300,
        "'; DROP TABLE events;--",
        '"quoted"',
        "😀",
        "",
    ],
)
def test_hostile_text_round_trips(store: LedgerStore, text: str) -> None:
    store.append(EventKind.ALERT, subject=text[:3], body={}, at=AT)
    event = store.append(EventKind.ALERT, subject=text, body={text: text}, at=AT, key=text)
    assert store.newest(EventKind.ALERT, subject=text, key=text) == event
    assert event.body == {text: text}
    assert list(store.events())[-1] == event


def test_the_same_inputs_are_answered_with_the_same_event(store: LedgerStore) -> None:
    first = store.append(EventKind.DECISION, subject="a", body={"verdict": "refused"}, at=AT, key=KEY)
    again = store.append(EventKind.DECISION, subject="a", body={"verdict": "new"}, at=AT, key=KEY, reuse=True)
    other = store.append(EventKind.DECISION, subject="b", body={}, at=AT, key=KEY, reuse=True)
    fresh = store.append(EventKind.DECISION, subject="a", body={}, at=AT, key=KEY)
    assert again == first
    assert [first.seq, other.seq, fresh.seq] == [1, 2, 3]
    assert store.append(EventKind.DECISION, subject="a", body={}, at=AT, key=KEY, reuse=True) == fresh


def test_what_could_not_be_evaluated_is_never_reused(store: LedgerStore) -> None:
    body = {"reusable": False}
    for expected in (1, 2):
        event = store.append(EventKind.DECISION, subject="a", body=body, at=AT, key=KEY, reuse=True)
        assert event.seq == expected


def test_reuse_needs_a_key(store: LedgerStore) -> None:
    with pytest.raises(CallerMistake):
        store.append(EventKind.DECISION, subject="a", body={}, at=AT, reuse=True)


def test_a_condition_sees_the_ledger_and_can_answer_instead(store: LedgerStore) -> None:
    first = store.append(EventKind.RELEASE_STARTED, subject="a", body={}, at=AT)

    def already_started(reader: LedgerReader) -> Event | None:
        return reader.newest(EventKind.RELEASE_STARTED)

    again = store.append(EventKind.RELEASE_STARTED, subject="b", body={}, at=AT, unless=already_started)
    assert again == first
    assert list(store.events()) == [first]


def test_a_condition_that_refuses_leaves_nothing(store: LedgerStore) -> None:
    def refuse(reader: LedgerReader) -> Event | None:
        raise CallerMistake(found="a release under way", expected="none", remedy="Wait")

    with pytest.raises(CallerMistake, match="under way"):
        store.append(EventKind.RELEASE_STARTED, subject="a", body={}, at=AT, unless=refuse)
    assert store.append(EventKind.ALERT, subject="a", body={}, at=AT).seq == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_never_enters(store: LedgerStore, number: float) -> None:
    with pytest.raises(IntegrityError):
        store.append(EventKind.ALERT, subject="a", body={"auc": number}, at=AT)
    assert store.head() is None


def test_negative_zero_and_the_largest_float_enter(store: LedgerStore) -> None:
    event = store.append(EventKind.ALERT, subject="a", body={"x": -0.0, "y": sys.float_info.max}, at=AT)
    assert event.body == {"x": 0.0, "y": sys.float_info.max}
    assert list(store.events()) == [event]


def test_threads_share_one_ledger(store: LedgerStore) -> None:
    threads = [threading.Thread(target=fill, args=(store, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = verify_chain(store.events())
    assert report.is_intact
    assert report.entries == 20


def test_a_reader_that_stops_half_way_does_not_block_a_writer(store: LedgerStore) -> None:
    fill(store, 3)
    reading = store.events()
    next(reading)
    assert fill(store, 1)[0].seq == 4
    assert [event.seq for event in reading] == [2, 3]


# --- crashes ---------------------------------------------------------------------------------------------


def test_eight_writers_killed_at_random_lose_nothing_acknowledged(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    chance = random.Random(20261123)
    acknowledged = tmp_path / "acknowledged"

    def writer(count: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, str(ledger.path), str(acknowledged), str(count)]
        )

    children = [writer(1_000_000) for _ in range(8)]
    kills = 0
    while kills < 16:
        time.sleep(chance.uniform(0.05, 0.5))
        index = chance.randrange(len(children))
        children[index].send_signal(signal.SIGKILL)
        children[index].wait(timeout=60)
        children[index] = writer(1_000_000)
        kills += 1
    for child in children:
        child.kill()
        child.wait(timeout=60)
    assert writer(3).wait(timeout=60) == 0

    lines = acknowledged.read_text().splitlines()
    found = {(str(event.seq), event.subject, event.digest) for event in ledger.events()}
    subjects = [event.subject for event in ledger.events()]
    assert len(lines) > 50
    assert {tuple(line.split()) for line in lines} <= found
    assert len(set(subjects)) == len(subjects)
    assert ledger.verify(TrustedKeys()).is_intact


@pytest.mark.parametrize(
    ("failpoint", "entries", "covered"),
    [
        ("ledger.before_commit", 3, 3),
        ("ledger.after_commit", 4, 3),
        ("checkpoint.before_rename", 4, 3),
        ("checkpoint.after_rename", 4, 4),
    ],
)
def test_a_kill_leaves_the_ledger_intact_and_the_checkpoint_never_ahead(
    ledger: SqliteLedger, signer: KeyFile, failpoint: str, entries: int, covered: int
) -> None:
    fill(ledger, 3)
    ledger.checkpoint(signer)
    command = [sys.executable, "-c", APPEND_AND_CHECKPOINT, str(ledger.path), str(signer.path)]
    assert subprocess.run(command, env={**os.environ, VARIABLE: failpoint}, check=False).returncode == -9
    report = ledger.verify(signer.trusted)
    assert report.is_intact
    assert (report.entries, report.covered) == (entries, covered)
    subprocess.run(command, check=True)
    report = ledger.verify(signer.trusted)
    assert report.is_intact
    assert (report.entries, report.covered) == (entries + 1, entries + 1)


@pytest.mark.parametrize("failpoint", ["ledger.before_link", "ledger.after_link", "ledger.before_commit"])
def test_a_kill_while_the_ledger_is_made_leaves_no_half_schema(
    ledger: SqliteLedger, signer: KeyFile, failpoint: str
) -> None:
    command = [sys.executable, "-c", APPEND_AND_CHECKPOINT, str(ledger.path), str(signer.path)]
    assert subprocess.run(command, env={**os.environ, VARIABLE: failpoint}, check=False).returncode == -9
    assert ledger.head() is None
    assert ledger.verify(signer.trusted).is_intact
    assert fill(ledger, 1)[0].seq == 1


def test_eight_reviews_at_once_make_one_decision(ledger: SqliteLedger) -> None:
    command = [sys.executable, "-c", REVIEW, str(ledger.path), KEY]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("g")
        child.stdin.flush()
    assert {child.communicate(timeout=60)[0] for child in children} == {"1\n"}
    assert len(list(ledger.events())) == 1


# --- tampering -------------------------------------------------------------------------------------------


def tampered(ledger: SqliteLedger, *statements: str) -> None:
    with closing(sqlite3.connect(ledger.path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
        "INSERT OR REPLACE INTO events SELECT seq, at, kind, subject, key, '{}', previous, 'x' FROM events",
        "INSERT INTO events SELECT 9, at, kind, subject, key, body, previous, 'x' FROM events WHERE seq = 2",
    ],
)
def test_the_file_refuses_to_change_or_lose_an_entry(ledger: SqliteLedger, statement: str) -> None:
    fill(ledger, 3)
    with (
        closing(sqlite3.connect(ledger.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE events SET body = '{\"n\":99}' WHERE seq = 2", "edited"),
        ("UPDATE events SET body = '{\"n\": 1}' WHERE seq = 2", "canonical"),
        ("UPDATE events SET body = '{\"n\":NaN}' WHERE seq = 2", "NaN"),
        ("UPDATE events SET body = '[]' WHERE seq = 2", "canonical"),
        ("UPDATE events SET body = CAST(X'FF' AS TEXT) WHERE seq = 2", "cannot be"),
        ("UPDATE events SET subject = CAST(X'FF' AS TEXT) WHERE seq = 2", "cannot be"),
        ("UPDATE events SET kind = 'party' WHERE seq = 2", "party"),
        ("UPDATE events SET subject = 'another' WHERE seq = 2", "edited"),
        ("UPDATE events SET at = '2020-01-01T00:00:00Z' WHERE seq = 2", "edited"),
        ("UPDATE events SET digest = 'x' WHERE seq = 2", "edited"),
        ("DELETE FROM events WHERE seq = 2", "missing"),
        ("UPDATE events SET seq = 9 WHERE seq = 2", "missing"),
    ],
)
def test_the_first_tampered_entry_is_named(
    ledger: SqliteLedger, signer: KeyFile, statement: str, reason: str
) -> None:
    fill(ledger, 4)
    ledger.checkpoint(signer)
    tampered(ledger, statement)
    report = ledger.verify(signer.trusted)
    assert report.broken is not None
    assert report.broken.seq == 2
    assert reason in report.broken.reason


def operations(ledger: SqliteLedger, signer: KeyFile) -> Iterator[Callable[[], object]]:
    yield lambda: ledger.append(EventKind.ALERT, subject="s", body={}, at=AT)
    yield lambda: list(ledger.events())
    yield lambda: ledger.newest(EventKind.ALERT)
    yield ledger.head
    yield lambda: ledger.checkpoint(signer)


def test_a_cut_tail_stops_every_reader_and_writer(ledger: SqliteLedger, signer: KeyFile) -> None:
    fill(ledger, 4)
    ledger.checkpoint(signer)
    tampered(ledger, "DELETE FROM events WHERE seq > 2")
    report = ledger.verify(signer.trusted)
    assert report.broken is not None
    assert (report.broken.seq, report.entries) == (3, 2)
    for operation in operations(ledger, signer):
        with pytest.raises(IntegrityError, match="tail is gone"):
            operation()


def test_another_history_in_its_place_is_noticed(
    ledger: SqliteLedger, signer: KeyFile, tmp_path: Path
) -> None:
    fill(ledger, 3)
    ledger.checkpoint(signer)
    forged = SqliteLedger(tmp_path / "forged" / "ledger.db")
    for number in range(9):
        forged.append(EventKind.ALERT, subject=f"forged {number}", body={}, at=AT)
    forged.path.replace(ledger.path)
    report = ledger.verify(signer.trusted)
    assert report.broken is not None
    assert report.broken.seq == 3
    for operation in operations(ledger, signer):
        with pytest.raises(IntegrityError, match="history was replaced"):
            operation()


def test_a_ledger_that_vanished_is_not_an_empty_one(ledger: SqliteLedger, signer: KeyFile) -> None:
    fill(ledger, 3)
    ledger.checkpoint(signer)
    ledger.path.unlink()
    report = ledger.verify(signer.trusted)
    assert report.broken is not None
    assert report.broken.seq == 1
    for operation in operations(ledger, signer):
        with pytest.raises(IntegrityError):
            operation()
    assert not ledger.path.exists()


def test_ledger_and_checkpoint_rolled_back_together_are_seen_by_a_copy_kept_elsewhere(
    ledger: SqliteLedger, signer: KeyFile
) -> None:
    fill(ledger, 2)
    ledger.checkpoint(signer)
    yesterday, yesterdays = ledger.path.read_bytes(), ledger.checkpoint_path.read_bytes()
    fill(ledger, 2)
    ledger.checkpoint(signer)
    elsewhere = ledger.checkpoint_path.read_bytes()
    ledger.path.write_bytes(yesterday)
    ledger.checkpoint_path.chmod(0o644)
    ledger.checkpoint_path.write_bytes(yesterdays)
    assert ledger.verify(signer.trusted).is_intact
    report = ledger.verify(signer.trusted, copies=[elsewhere])
    assert report.broken is not None
    assert (report.broken.seq, report.covered) == (3, 4)


def test_a_forged_checkpoint_is_not_believed(ledger: SqliteLedger, signer: KeyFile, tmp_path: Path) -> None:
    fill(ledger, 3)
    ledger.checkpoint(KeyFile(tmp_path / "foreign.pem"))
    with pytest.raises(UntrustedSigner):
        ledger.verify(signer.trusted)
    with pytest.raises(UntrustedSigner):
        ledger.checkpoint(signer)


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 40])
def test_a_damaged_checkpoint_stops_the_work(ledger: SqliteLedger, signer: KeyFile, content: bytes) -> None:
    fill(ledger, 3)
    ledger.checkpoint_path.write_bytes(content)
    with pytest.raises(IntegrityError):
        ledger.verify(signer.trusted)
    with pytest.raises(IntegrityError):
        fill(ledger, 1)


def test_an_unreadable_entry_is_an_integrity_error_to_readers(ledger: SqliteLedger) -> None:
    fill(ledger, 3)
    tampered(ledger, "UPDATE events SET body = 'x' WHERE seq = 3")
    with pytest.raises(IntegrityError, match="entry 3"):
        ledger.newest(EventKind.ALERT)
    with pytest.raises(IntegrityError, match="entry 3"):
        list(ledger.events())


def test_a_checkpoint_covers_the_newest_entry_and_is_not_written_twice(
    ledger: SqliteLedger, signer: KeyFile
) -> None:
    assert ledger.checkpoint(signer) is None
    fill(ledger, 3)
    first = ledger.checkpoint(signer)
    assert first is not None
    written = ledger.checkpoint_path.stat().st_mtime_ns
    assert ledger.checkpoint(signer) == first
    assert ledger.checkpoint_path.stat().st_mtime_ns == written
    assert Checkpoint.verified(first, signer.trusted) == ledger.remembered(signer.trusted)


# --- files that are not as they should be ----------------------------------------------------------------


def test_a_newer_schema_is_refused_with_the_remedy(ledger: SqliteLedger) -> None:
    fill(ledger, 1)
    with closing(sqlite3.connect(ledger.path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    for operation in (ledger.head, lambda: fill(ledger, 1)):
        with pytest.raises(Unavailable, match="schema version 2"):
            operation()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be looked at" * 100])
def test_another_file_in_its_place_is_refused(ledger: SqliteLedger, content: bytes) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(content)
    for operation in (ledger.head, lambda: fill(ledger, 1), lambda: ledger.verify(TrustedKeys())):
        with pytest.raises(IntegrityError):
            operation()
    assert ledger.path.read_bytes() == content


def test_a_damaged_database_is_never_intact(ledger: SqliteLedger) -> None:
    fill(ledger, 50)
    whole = ledger.path.read_bytes()
    chance = random.Random(7)
    for _ in range(20):
        damaged = bytearray(whole)
        for place in range(start := chance.randrange(4096, len(whole) - 600), start + 600):
            damaged[place] ^= 0xFF
        ledger.path.write_bytes(damaged)
        try:
            report = ledger.verify(TrustedKeys())
        except ModelRiskError:
            continue
        # Damage to an index alone leaves every entry readable: the chain itself is what counts.
        assert not report.is_intact or report.entries == 50


def test_a_locked_ledger_is_unavailable(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ledger, 1)
    monkeypatch.setattr("resources.ledger_store._BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            fill(ledger, 1)
        assert ledger.head() is not None
    assert fill(ledger, 1)[0].seq == 2


FULL_DISK = """
import resource, sys
from pathlib import Path
from modelrisk.errors import Unavailable
from modelrisk.ledger import EventKind
from resources.ledger_store import SqliteLedger
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
ledger = SqliteLedger(Path(sys.argv[1]))
try:
    for number in range(500):
        ledger.append(EventKind.ALERT, subject="s", body={"pad": "x" * 1000}, at="2026-11-23T14:43:44Z")
        print(number + 1, flush=True)
except Unavailable as error:
    sys.exit(3)
"""


@pytest.mark.parametrize("room", [10_000, 60_000, 100_000])
def test_a_full_disk_is_unavailable_and_loses_nothing(ledger: SqliteLedger, room: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(ledger.path), str(room)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 3, child.stderr
    report = ledger.verify(TrustedKeys())
    assert report.is_intact
    assert report.entries == len(child.stdout.split())
    assert fill(ledger, 1)[0].seq == report.entries + 1


READ_ONLY = """
import subprocess, sys
from pathlib import Path
from modelrisk.errors import Unavailable
from modelrisk.ledger import EventKind
from modelrisk.signatures import TrustedKeys
from resources.ledger_store import SqliteLedger
path = Path(sys.argv[1])
ledger = SqliteLedger(path)
ledger.append(EventKind.ALERT, subject="s", body={}, at="2026-11-23T14:43:44Z")
home = str(path.parent)
mounts = (["mount", "--bind", home, home], ["mount", "-o", "remount,ro,bind", home])
if any(subprocess.run(mount, capture_output=True).returncode for mount in mounts):
    sys.exit(77)
assert ledger.verify(TrustedKeys()).entries == 1
assert len(list(ledger.events())) == 1
try:
    ledger.append(EventKind.ALERT, subject="s", body={}, at="2026-11-23T14:43:44Z")
except Unavailable as error:
    print(error)
    sys.exit(3)
"""


def test_a_read_only_medium_can_be_verified_but_not_written(ledger: SqliteLedger) -> None:
    command = ["unshare", "-rm", sys.executable, "-c", READ_ONLY, str(ledger.path)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if child.returncode in (1, 77) and not child.stdout and "Traceback" not in child.stderr:
        pytest.skip("this machine allows no private mounts")
    assert child.returncode == 3, child.stderr
    assert "cannot be used" in child.stdout


def test_a_write_ahead_log_without_its_ledger_is_not_taken_over(ledger: SqliteLedger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.with_name("ledger.db-wal").write_bytes(b"left behind")
    with pytest.raises(IntegrityError, match="write-ahead log"):
        fill(ledger, 1)
