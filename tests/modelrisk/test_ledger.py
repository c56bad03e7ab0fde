from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake, IntegrityError
from modelrisk.evidence import Json, digest
from modelrisk.identity import ModelVersion
from modelrisk.ledger import (
    Checkpoint,
    Event,
    EventKind,
    Head,
    Unreadable,
    champion,
    evaluation_uses,
    newest_decision,
    unfinished_release,
    utc_text,
    verify_chain,
)

AT = "2026-11-23T14:43:44.000000Z"
ONE, TWO = ModelVersion("loan", "1").key, ModelVersion("loan", "2").key


class Recorded:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.written: list[Event] = []

    def add(self, kind: EventKind, subject: str, body: Mapping[str, Json] | None = None) -> Event:
        event = Event.chained(kind, subject=subject, body=body or {}, at=AT, key=None, after=self.head())
        self.written.append(event)
        return event

    def events(self, kind: EventKind | None = None, *, subject: str | None = None) -> Iterator[Event]:
        for event in self.written:
            if kind in (None, event.kind) and subject in (None, event.subject):
                yield event

    def newest(self, kind: EventKind, *, subject: str | None = None, key: str | None = None) -> Event | None:
        found = [event for event in self.events(kind, subject=subject) if key in (None, event.key)]
        return found[-1] if found else None

    def head(self) -> Head | None:
        return Head(self.written[-1].seq, self.written[-1].digest) if self.written else None


def chain(length: int) -> Sequence[Event]:
    ledger = Recorded()
    for number in range(length):
        ledger.add(EventKind.ALERT, f"subject {number}", {"number": number})
    return tuple(ledger.written)


def test_a_whole_chain_is_intact() -> None:
    events = chain(5)
    report = verify_chain(events, checkpoints=[Checkpoint.at(Head(3, events[2].digest))])
    assert report.is_intact
    assert (report.entries, report.covered) == (5, 3)
    assert report.head == Head(5, events[4].digest)


def test_an_empty_ledger_is_intact_and_says_that_nothing_vouches_for_it() -> None:
    report = verify_chain(())
    assert report.is_intact
    assert (report.entries, report.head, report.covered) == (0, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"at": "2026-11-23T14:43:45.000000Z"},
        {"kind": EventKind.DECISION},
        {"subject": "another"},
        {"key": digest(b"")},
        {"body": {"number": 99}},
        {"body": {"number": float("nan")}},
        {"previous": digest(b"")},
        {"digest": digest(b"")},
    ],
)
@pytest.mark.parametrize("place", [1, 3, 5])
def test_any_edit_is_named_by_its_place(change: Mapping[str, object], place: int) -> None:
    events = list(chain(5))
    events[place - 1] = replace(events[place - 1], **change)  # type: ignore[arg-type]
    report = verify_chain(events)
    assert report.broken is not None
    assert report.broken.seq == place
    assert report.entries == place - 1


def test_a_rewritten_entry_with_a_fitting_digest_breaks_the_next_one() -> None:
    events = list(chain(5))
    forged = replace(events[1], body={"number": 99}, digest="")
    events[1] = replace(forged, digest=forged.computed_digest())
    report = verify_chain(events)
    assert report.broken is not None
    assert report.broken.seq == 3
    assert "chained" in report.broken.reason


def test_a_wholly_rewritten_history_is_caught_by_a_checkpoint() -> None:
    genuine = chain(5)
    ledger = Recorded()
    for number in range(5):
        ledger.add(EventKind.ALERT, f"forged {number}")
    assert verify_chain(ledger.written).is_intact
    report = verify_chain(ledger.written, checkpoints=[Checkpoint.at(Head(4, genuine[3].digest))])
    assert report.broken is not None
    assert report.broken.seq == 4
    assert "history was replaced" in report.broken.reason


def test_a_missing_entry_is_named() -> None:
    events = list(chain(5))
    del events[2]
    report = verify_chain(events)
    assert report.broken is not None
    assert report.broken.seq == 3
    assert "missing" in report.broken.reason


def test_a_cut_tail_is_seen_only_with_a_checkpoint() -> None:
    events = chain(5)
    assert verify_chain(events[:3]).is_intact
    report = verify_chain(events[:3], checkpoints=[Checkpoint.at(Head(5, events[4].digest))])
    assert report.broken is not None
    assert report.broken.seq == 4
    assert "tail is gone" in report.broken.reason


def test_the_newest_of_several_checkpoints_counts() -> None:
    events = chain(5)
    checkpoints = [Checkpoint.at(Head(seq, events[seq - 1].digest)) for seq in (5, 2)]
    assert verify_chain(events, checkpoints=checkpoints).covered == 5
    assert not verify_chain(events[:4], checkpoints=checkpoints).is_intact


def test_an_entry_that_cannot_be_read_is_the_first_broken_one() -> None:
    events = chain(3)
    report = verify_chain([events[0], Unreadable(2, "not JSON"), events[2]])
    assert report.broken is not None
    assert (report.broken.seq, report.entries) == (2, 1)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=10), st.floats(allow_nan=False, allow_infinity=False), max_size=4))
def test_any_plain_body_chains(body: Mapping[str, float]) -> None:
    event = Event.chained(EventKind.ALERT, subject="s", body=body, at=AT, key=None, after=None)
    assert event.body == body
    assert verify_chain([event]).is_intact


@pytest.mark.parametrize("at", ["", "yesterday", "2026-11-23T14:43:44", "2026-11-23T14:43:44+01:00"])
def test_a_time_that_is_not_utc_is_refused(at: str) -> None:
    with pytest.raises(CallerMistake, match="UTC"):
        Event.chained(EventKind.ALERT, subject="s", body={}, at=at, key=None, after=None)


def test_an_instant_is_written_in_utc_whatever_its_zone() -> None:
    instant = datetime(2024, 2, 29, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert utc_text(instant) == "2024-02-28T23:00:00.000000Z"
    assert utc_text(instant.astimezone(UTC)) == utc_text(instant)
    with pytest.raises(CallerMistake):
        utc_text(datetime(2024, 2, 29))  # noqa: DTZ001 - the subject of the test


def test_a_body_that_is_not_finite_is_refused() -> None:
    with pytest.raises(IntegrityError, match="nan"):
        Event.chained(EventKind.ALERT, subject="s", body={"auc": float("nan")}, at=AT, key=None, after=None)


def release(
    ledger: Recorded, subject: str, *, finish: bool, record: str = "r", alias: str = "champion"
) -> None:
    ledger.add(EventKind.RELEASE_STARTED, subject, {"record": record, "alias": alias})
    if finish:
        ledger.add(EventKind.RELEASE_FINISHED, subject, {"record": record, "alias": alias})


def test_the_champion_is_the_last_finished_release_of_that_name() -> None:
    ledger = Recorded()
    assert champion(ledger, "loan") is None
    release(ledger, ONE, finish=True)
    release(ledger, TWO, finish=False)
    release(ledger, ModelVersion("other", "9").key, finish=True)
    found = champion(ledger, "loan")
    assert found is not None
    assert found.subject == ONE
    assert champion(ledger, "loan", alias="shadow") is None


def test_a_name_that_only_begins_alike_is_another_model() -> None:
    ledger = Recorded()
    release(ledger, ModelVersion("loan@1", "1").key, finish=True)
    assert champion(ledger, "loan") is None


def test_a_started_release_stays_open_until_the_same_one_is_finished() -> None:
    ledger = Recorded()
    release(ledger, ONE, finish=True, record="first")
    assert unfinished_release(ledger, "loan") is None
    release(ledger, ONE, finish=False, record="second")
    found = unfinished_release(ledger, "loan")
    assert found is not None
    assert found.body["record"] == "second"
    ledger.add(EventKind.RELEASE_FINISHED, ONE, {"record": "second", "alias": "champion"})
    assert unfinished_release(ledger, "loan") is None


def test_a_later_finished_release_closes_an_abandoned_earlier_start() -> None:
    ledger = Recorded()
    release(ledger, ONE, finish=False)
    release(ledger, TWO, finish=True)
    assert unfinished_release(ledger, "loan") is None


def test_another_versions_finish_does_not_close_a_start() -> None:
    ledger = Recorded()
    started = ledger.add(EventKind.RELEASE_STARTED, ONE)
    ledger.add(EventKind.RELEASE_FINISHED, TWO)
    assert unfinished_release(ledger, "loan") == started


def test_the_newest_decision_is_the_newest_by_sequence() -> None:
    ledger = Recorded()
    version = ModelVersion("loan", "1")
    assert newest_decision(ledger, version) is None
    ledger.add(EventKind.DECISION, version.key, {"verdict": "releasable"})
    newest = ledger.add(EventKind.DECISION, version.key, {"verdict": "refused"})
    ledger.add(EventKind.DECISION, TWO)
    assert newest_decision(ledger, version) == newest


def test_uses_of_evaluation_data_are_counted_by_digest() -> None:
    ledger = Recorded()
    for subject in (ONE, TWO):
        ledger.add(EventKind.DECISION, subject, {"evaluation": "a"})
    ledger.add(EventKind.PREVIEW, ONE, {"evaluation": "a"})
    ledger.add(EventKind.PREVIEW, ONE, {"evaluation": "b"})
    uses = evaluation_uses(ledger, "a")
    assert (uses.reviews, uses.previews) == (2, 1)
