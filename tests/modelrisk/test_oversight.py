"""What is in use that nobody decided on, what nobody declares, and what is due for review."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.intake import Task
from modelrisk.inventory import SCHEMA, Declaration, Inventory, InventoryModel, RegisteredVersion
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import (
    Releases,
    Timeliness,
    days_ahead,
    decisions_of,
    late_reviews,
    moved_aliases,
    releases_of,
    review_days,
    undeclared_models,
)

DECLARED = Declaration("sha256:0", "Loans", "team:lending", "Ranks.", Task.BINARY_CLASSIFICATION, 1)
TODAY = datetime.date(2026, 11, 26)


def inventory(*models: InventoryModel) -> Inventory:
    return Inventory(SCHEMA, "sha256:1", models, {"1": 90, "2": 180, "3": 365})


def loan(versions: int = 3, *, champion: str | None = None, **declared: object) -> InventoryModel:
    from dataclasses import replace

    return InventoryModel(
        "loan",
        tuple(RegisteredVersion(str(number)) for number in range(1, versions + 1)),
        {} if champion is None else {"champion": champion},
        replace(DECLARED, **declared),
    )


class Ledger(list[Event]):
    """Events as a ledger hands them out."""

    def add(self, kind: EventKind, subject: str, at: str = "2026-11-01T00:00:00Z", **body: object) -> None:
        self.append(Event(len(self) + 1, at, kind, subject, None, body, "", ""))

    def release(self, subject: str, *, finished: bool = True, alias: str = "champion") -> None:
        self.add(EventKind.RELEASE_STARTED, subject, alias=alias)
        if finished:
            self.add(EventKind.RELEASE_FINISHED, subject, alias=alias)

    def decide(self, subject: str, day: str, verdict: str = "releasable", *, reusable: bool = True) -> None:
        self.add(EventKind.DECISION, subject, f"{day}T12:00:00Z", verdict=verdict, tier=1, reusable=reusable)


def moved(model: InventoryModel, ledger: Ledger):
    return moved_aliases(inventory(model), releases_of(ledger))


def test_an_alias_where_the_last_release_put_it_is_no_concern():
    ledger = Ledger()
    ledger.release("loan@1")
    ledger.release("loan@2")
    assert moved(loan(champion="2"), ledger) == ()
    assert moved(loan(), Ledger()) == ()


def test_an_alias_that_no_release_put_there_is_grave_and_says_how_to_put_it_back():
    ledger = Ledger()
    ledger.release("loan@2")
    (concern,) = moved(loan(champion="3"), ledger)
    assert concern.grave
    assert (concern.subject, concern.owner) == ("loan@3", "team:lending")
    assert "is on loan@3" in concern.statement
    assert "`model-risk release loan@2`" in concern.remedy


@pytest.mark.parametrize(
    ("champion", "released", "words"),
    [
        ("1", None, "adopted, unreviewed"),
        (None, "loan@1", "was taken off loan@1"),
    ],
)
def test_an_adopted_alias_and_one_taken_away_are_amber(champion, released, words):
    ledger = Ledger()
    if released:
        ledger.release(released)
    (concern,) = moved(loan(champion=champion), ledger)
    assert not concern.grave
    assert words in concern.statement


def test_a_release_interrupted_after_the_alias_is_to_be_completed_and_no_alarm():
    ledger = Ledger()
    ledger.release("loan@1")
    ledger.release("loan@2", finished=False)
    (concern,) = moved(loan(champion="2"), ledger)
    assert not concern.grave
    assert concern.remedy == "Run `model-risk release loan@2` to complete it"


def test_a_release_to_another_alias_does_not_excuse_this_one():
    ledger = Ledger()
    ledger.release("loan@1")
    ledger.release("loan@2", alias="shadow")
    (concern,) = moved(loan(champion="2"), ledger)
    assert concern.grave


def test_releases_after_the_snapshot_do_not_count():
    ledger = Ledger()
    ledger.release("loan@1")
    upto = len(ledger)
    ledger.release("loan@2")
    assert releases_of(ledger, upto=upto).champions == {("loan", "champion"): "loan@1"}


def test_a_moved_alias_keeps_its_key_while_it_lasts_and_gets_another_when_moved_again():
    ledger = Ledger()
    ledger.release("loan@1")
    (first,), (again,), (other,) = (moved(loan(champion=c), ledger) for c in ("2", "2", "3"))
    assert first.key == again.key != other.key


def test_a_model_without_intake_is_a_concern_and_grave_when_in_use():
    idle = InventoryModel("idle", (RegisteredVersion("1"),))
    used = InventoryModel("used", (RegisteredVersion("1"),), {"champion": "1"})
    planned = InventoryModel("planned", declaration=DECLARED)
    broken = InventoryModel("models/x.yaml", fault="models/x.yaml:1 found a tab, expected YAML.")
    found = undeclared_models(inventory(idle, used, planned, broken, loan()))
    assert [(concern.subject, concern.grave) for concern in found] == [
        ("idle", False),
        ("used", True),
        ("models/x.yaml", False),
    ]


def days(model: InventoryModel, ledger: Ledger, *, today: datetime.date = TODAY):
    return review_days(inventory(model), releases_of(ledger), decisions_of(ledger), today=today)


@pytest.mark.parametrize(
    ("decided", "timeliness"),
    [
        ("2026-08-28", Timeliness.DUE),  # 90 days ago: today is its last day
        ("2026-08-27", Timeliness.OVERDUE),
        ("2026-09-11", Timeliness.DUE),  # due in 14 days, asked for 14 days ahead
        ("2026-09-12", Timeliness.ON_TIME),
        ("2027-11-26", Timeliness.ON_TIME),
    ],
)
def test_a_review_falls_due_after_its_tiers_period(decided, timeliness):
    ledger = Ledger()
    ledger.decide("loan@1", decided)
    ledger.release("loan@1")
    (day,) = days(loan(1, champion="1"), ledger)
    assert day.timeliness is timeliness
    assert day.in_use
    assert [concern.grave for concern in late_reviews([day])] == [True] * (timeliness is Timeliness.OVERDUE)


def test_a_review_dated_in_the_future_postpones_nothing():
    ledger = Ledger()
    ledger.decide("loan@1", "2031-01-01")
    (day,) = days(loan(1, champion="1"), ledger)
    assert day.due == TODAY + datetime.timedelta(days=90)


def test_the_owners_own_day_counts_when_it_comes_first_and_not_once_it_was_met():
    ledger = Ledger()
    ledger.decide("loan@1", "2026-11-01")
    soon, met = datetime.date(2026, 12, 1), datetime.date(2026, 10, 1)
    assert days(loan(1, champion="1", next_review=soon), ledger)[0].due == soon
    assert days(loan(1, champion="1", next_review=met), ledger)[0].due == datetime.date(2027, 1, 30)


def test_a_review_that_could_not_evaluate_the_model_renews_nothing():
    ledger = Ledger()
    ledger.decide("loan@1", "2026-01-01")
    ledger.decide("loan@1", "2026-11-20", "refused", reusable=False)
    (day,) = days(loan(1, champion="1"), ledger)
    assert (day.reviewed, day.timeliness) == (datetime.date(2026, 1, 1), Timeliness.OVERDUE)


def test_a_refused_review_is_a_review():
    ledger = Ledger()
    ledger.decide("loan@1", "2026-11-20", "refused")
    assert days(loan(1, champion="1"), ledger)[0].timeliness is Timeliness.ON_TIME


def test_of_the_versions_not_in_use_only_the_newest_releasable_one_that_is_newer_matters():
    ledger = Ledger()
    for number in (1, 2, 3, 4):
        ledger.decide(f"loan@{number}", "2026-01-01", "refused" if number == 4 else "releasable")
    ledger.release("loan@2")
    found = days(loan(5, champion="2"), ledger)
    assert [(day.version.key, day.in_use) for day in found] == [("loan@2", True), ("loan@3", False)]
    assert [concern.grave for concern in late_reviews(found)] == [True, False]


def test_the_version_of_a_moved_alias_and_the_one_the_ledger_has_both_matter():
    ledger = Ledger()
    ledger.release("loan@1")
    found = days(loan(2, champion="2"), ledger)
    assert [day.version.key for day in found] == ["loan@1", "loan@2"]
    assert {day.timeliness for day in found} == {Timeliness.NEVER}
    assert not any(concern.grave for concern in late_reviews(found))


def test_a_champion_that_was_deleted_from_the_registry_is_not_asked_for():
    ledger = Ledger()
    ledger.release("loan@9")
    assert days(loan(2), ledger) == ()


@given(st.integers(1, 4000))
def test_a_review_is_asked_for_ahead_but_never_for_the_whole_period(period):
    assert 1 <= days_ahead(period) <= 14
    assert days_ahead(period) <= max(1, period * 0.15 + 1)


def test_a_model_nobody_declared_is_reviewed_as_the_strictest_tier():
    model = InventoryModel("loan", (RegisteredVersion("1"),), {"champion": "1"})
    (day,) = review_days(inventory(model), Releases(), {}, today=TODAY)
    assert (day.tier, day.owner) == (1, None)
