"""What people are told, in words that stay words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import IntegrityError
from modelrisk.ledger import Event, EventKind
from modelrisk.news import Ears, Piece, Told, is_for, messages, neutral, news_kind, of_alert, of_refusal
from modelrisk.policy import Audience, News

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def piece(sequence: int = 7, about: News = News.REFUSED, **changes: object) -> Piece:
    from dataclasses import replace

    made = Piece(
        about, sequence, "loan@3", "team:lending", "tier 1. AUC failed", "Train it again", "/assets/x"
    )
    return replace(made, **changes)


def event(kind: EventKind, **body: object) -> Event:
    return Event(9, "2026-11-26T00:00:00Z", kind, "loan@3", None, body, "", "")


def test_a_message_says_what_who_what_next_and_where():
    (message,) = messages([piece()], ui="http://127.0.0.1:3000")
    assert message.title == "Refused: loan@3"
    assert message.body.splitlines() == [
        "What: tier 1. AUC failed",
        "Who: team:lending",
        "Next: Train it again",
        "Look: http://127.0.0.1:3000/assets/x",
        "Ledger entry 7",
    ]


def test_a_few_are_told_one_by_one_and_many_in_one_message():
    assert len(messages([piece(n) for n in range(3)], ui=None)) == 3
    (digest,) = messages([piece(n) for n in range(100)], ui=None)
    assert digest.title == "100 models need somebody (refused: 100)"
    assert len(digest.body.splitlines()) == 32
    assert "and 70 more" in digest.body
    assert messages([], ui=None) == ()


@pytest.mark.parametrize(
    "hostile",
    [
        "team\nLook: http://evil.example",
        "<!channel> <b>x</b>",
        "@everyone and #general",
        "[click](javascript:alert(1))",
        "*bold* `code` ~gone~ |table|",
        "\u202eevil\x00",
        "https://evil.example www.evil.example",
    ],
)
def test_nothing_people_wrote_becomes_markup_a_mention_a_link_or_a_line(hostile):
    shown = neutral(hostile)
    assert not set("<>`*[]|~\n\x00\u202e") & set(shown)
    for live in ("@everyone", "#general", "https://", "http://", "www."):
        assert live not in shown
    (message,) = messages([piece(owner=hostile, statement=hostile, next_step=hostile)], ui=None)
    assert len(message.body.splitlines()) == 4


def test_addresses_versions_and_names_of_controls_stay_readable():
    for plain in ("ann@example.com", "loan@3", "auc_above_floor", "team:lending"):
        assert neutral(plain) == plain


@given(st.text(max_size=2000))
def test_neutral_text_is_one_bounded_line(text):
    shown = neutral(text)
    assert len(shown.splitlines()) <= 1
    assert len(shown) < 1000


def test_refusals_and_raised_alerts_are_news_and_nothing_else_is():
    assert news_kind(event(EventKind.DECISION, verdict="refused")) is News.REFUSED
    assert news_kind(event(EventKind.DECISION, verdict="releasable")) is None
    assert news_kind(event(EventKind.PREVIEW, verdict="refused")) is None
    assert news_kind(event(EventKind.ALERT, state="raised", about="alias_moved")) is News.ALIAS_MOVED
    assert news_kind(event(EventKind.ALERT, state="cleared", about="alias_moved")) is None
    assert news_kind(event(EventKind.ALERT, state="raised", about="something later")) is None


def test_a_refusal_whose_record_cannot_be_believed_is_told_all_the_same():
    error = IntegrityError(found="an altered record", expected="the record", remedy="Restore it")
    told = of_refusal(event(EventKind.DECISION, verdict="refused"), error)
    assert "an altered record" in told.statement
    assert told.next_step == "Restore it"


def test_an_alert_of_a_model_nobody_answers_for_says_so():
    told = of_alert(event(EventKind.ALERT, state="raised", about="review_overdue", statement="s", remedy="r"))
    (message,) = messages([told], ui=None)
    assert "Who: nobody answers for it" in message.body


def test_an_audience_hears_what_it_asked_for_of_the_models_it_owns():
    everything = Audience("risk", "env:X", tuple(News))
    lending = Audience("lending", "env:X", (News.REFUSED,), ("team:lending",))
    assert is_for(everything, piece(owner=None))
    assert is_for(lending, piece())
    assert not is_for(lending, piece(owner="team:fraud"))
    assert not is_for(lending, piece(about=News.ALIAS_MOVED))


def test_failed_attempts_wait_longer_and_longer_but_an_hour_at_most_even_if_the_clock_is_set_back():
    told = Told(3)
    waits = []
    for _ in range(9):
        told = told.failed(NOW)
        waits.append(datetime.fromisoformat(told.again_at or "") - NOW)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)
    assert told.sequence == 3
    assert told.is_to_wait(NOW)
    assert not told.is_to_wait(NOW + timedelta(hours=1))
    assert not told.is_to_wait(NOW - timedelta(days=400))
    assert not Told(3, 1, "soon").is_to_wait(NOW)


def test_a_new_audience_is_told_of_what_happens_from_then_on_and_one_that_left_is_forgotten():
    old, new = Audience("old", "env:X", ()), Audience("new", "env:X", ())
    ears = Ears({"old": Told(5), "left": Told(1)}).of([old, new], head=40)
    assert ears.told == {"old": Told(5), "new": Told(40)}
    assert Ears.parsed(ears.text) == ears
    assert Ears.parsed("nonsense") == Ears.parsed(None) == Ears()
