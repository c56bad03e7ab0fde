"""The quarterly report made from a written past: what it says, what it does not believe, that it repeats."""

import datetime
import json
import re
import sqlite3
from dataclasses import replace

import pytest

from modelrisk.decisions import Outcome
from modelrisk.errors import CallerMistake, IntegrityError
from modelrisk.portfolio.actions import Why
from modelrisk.portfolio.changes import Kind
from modelrisk.portfolio.report import Answer
from modelrisk.portfolio.statuses import Status
from modelrisk.verdicts import Verdict
from resources.signer import KeyFile
from tests.chronicle import SETTLED, Chronicle, declared, model, stray
from tests.modelrisk.documents.conftest import CONTROLS, HOSTILE, RECORD

END = datetime.date(2026, 9, 30)


@pytest.fixture
def past(tmp_path):
    return Chronicle(tmp_path)


@pytest.fixture
def settled(past):
    """One model in use, released through the gate, declared, and reviewed in this quarter."""
    decision = past.decide("loan@1", on="2026-10-05")
    past.release("loan@1", on="2026-10-06", decision=decision)
    past.inventory([model("loan", champion=1)], on="2026-10-07")
    past.checkpoint()
    return past


def statuses(report):
    return {one.name: one.status for one in report.models}


def reasons(report):
    return [(action.why, action.model) for action in report.actions]


def kpi(report, name):
    return next(one for one in report.kpis if one.id == name)


# --- the answer ------------------------------------------------------------------------------------------


def test_a_released_declared_and_reviewed_model_is_all_right(settled):
    report = settled.portfolios.report()
    assert (report.answer, report.asks, report.actions) == (Answer.YES, (), ())
    assert [change.kind for change in report.changes] == [Kind.RELEASED]  # not new: nobody had counted before
    assert statuses(report) == {"loan": Status.HOLDS}
    assert report.counts.holding == report.counts.in_use == 1
    (one,) = report.models
    assert (one.title, one.owner, one.tier, one.business_area) == ("loan title", "team:loan", 2, "retail")
    assert one.in_use.due == datetime.date(2026, 10, 5) + datetime.timedelta(days=180)


def test_a_home_where_nothing_happened_says_that_nobody_can_say(past):
    report = past.portfolios.report()
    assert (report.answer, report.models, report.source.entry) == (Answer.UNKNOWN, (), 0)
    edition = past.portfolios.keep(report)
    assert "Nobody can say" in past.portfolios.text(edition.html)
    assert "Nobody can say" in past.portfolios.text(edition.markdown)


def test_without_an_inventory_models_are_known_from_decisions_and_that_is_said(past):
    decision = past.decide("loan@1", on="2026-10-05")
    past.release("loan@1", on="2026-10-06", decision=decision)
    report = past.portfolios.report()
    assert (report.answer, statuses(report)) == (Answer.MOSTLY, {"loan": Status.HOLDS})
    assert report.models[0].is_declared is None
    assert report.counts.undeclared == 0
    assert kpi(report, "models_in_inventory").missing == "no inventory was taken up to this day"


def refused(past):
    past.decide("loan@1", on="2026-10-09", refused=True)


def moved(past):
    past.inventory([model("loan", versions=2, champion=2)], on="2026-10-09")


def overdue(past):
    wanted = declared("loan", next_review=datetime.date(2026, 11, 1))
    past.inventory([model("loan", champion=1, declaration=wanted)], on="2026-10-09")


@pytest.mark.parametrize(
    ("happens", "status", "why"),
    [
        (refused, Status.REFUSED_IN_USE, Why.REFUSED_IN_USE),
        (moved, Status.BYPASSED, Why.BYPASSED),
        (overdue, Status.OVERDUE, Why.OVERDUE),
    ],
)
def test_a_model_in_use_without_a_decision_that_holds_is_not_all_right(settled, happens, status, why):
    happens(settled)
    report = settled.portfolios.report()
    assert (report.answer, statuses(report)["loan"]) == (Answer.NO, status)
    assert report.actions[0].why is why
    assert report.asks[0].why is why
    assert report.counts.holding == 0


def test_a_model_in_use_before_the_platform_is_to_be_reviewed(past):
    past.inventory([model("loan", champion=1)], on="2026-10-07")
    report = past.portfolios.report()
    assert (report.answer, statuses(report)) == (Answer.NO, {"loan": Status.UNDECIDED})
    assert reasons(report) == [(Why.UNDECIDED, "loan")]


def test_what_is_refused_and_not_in_use_was_kept_out_and_its_owner_is_asked(settled):
    settled.decide("loan@2", on="2026-10-08", refused=True)
    report = settled.portfolios.report()
    assert (report.answer, statuses(report)) == (Answer.MOSTLY, {"loan": Status.HOLDS})
    (refusal,) = report.refusals
    assert (refusal.version.version, refusal.is_in_use, refusal.owner) == ("loan@2", False, "team:loan")
    blocking = [control for control in CONTROLS if control.blocks]
    assert [reason.control for reason in refusal.reasons] == [control.id for control in blocking]
    assert [ask.models for ask in report.asks] == [("loan",)]
    assert report.actions[0].next_step == blocking[0].remedy


def test_a_decision_that_could_not_be_made_is_told_apart_from_a_refusal(settled):
    settled.decide("loan@2", on="2026-10-08", refused=True, reusable=False)
    page = settled.portfolios.keep(settled.portfolios.report())
    assert "loan@2</bdi></code></a> <bdi>could not be evaluated on 8 Oct 2026" in settled.portfolios.text(
        page.html
    )


def test_the_order_of_what_to_do_is_use_before_the_rest_then_tier_then_name(past):
    past.decide("a@1", on="2026-10-01", refused=True, tier=3)
    past.decide("b@1", on="2026-10-01", refused=True, tier=1)
    past.decide("c@1", on="2026-10-01", refused=True, tier=1)
    past.inventory(
        [
            model("a", declaration=declared("a", tier=3)),
            model("b", declaration=declared("b", tier=1)),
            model("c", champion=1, declaration=declared("c", tier=1)),
            stray("d"),
            model("e", champion=1, declaration=declared("e", tier=2, rollback_tested=None)),
        ],
        on="2026-10-02",
    )
    assert reasons(past.portfolios.report()) == [
        (Why.REFUSED_IN_USE, "c"),
        (Why.UNDECIDED, "e"),
        (Why.UNFINISHED, "c"),
        (Why.KEPT_OUT, "b"),
        (Why.KEPT_OUT, "a"),
        (Why.ROLLBACK, "e"),
        (Why.UNDECLARED, "d"),
    ]


def test_a_release_after_the_newest_snapshot_is_no_moved_alias(settled):
    decision = settled.decide("loan@2", on="2026-10-08")
    settled.release("loan@2", on="2026-10-08", decision=decision)
    (one,) = settled.portfolios.report().models
    assert (one.status, one.in_use.version, one.versions) == (Status.HOLDS, "loan@2", 2)


def test_gaps_and_shares_count_what_is_not_declared(settled):
    settled.inventory(
        [
            model("loan", champion=1),
            stray("lost", versions=3),
            model("bare", declaration=declared("bare", tier=1, business_area=None, system=None)),
        ],
        on="2026-10-08",
    )
    report = settled.portfolios.report()
    assert [(gap.model, gap.missing) for gap in report.gaps] == [
        ("lost", ()),
        ("bare", ("business area", "system")),
    ]
    assert report.gaps[0].statement == "it is registered, and no intake declares it"
    assert [(share.name, share.counts.models) for share in report.by_area] == [("retail", 1), (None, 2)]
    assert {share.name: share.counts.undeclared for share in report.by_tier} == {"1": 1, "2": 0}
    assert statuses(report)["lost"] is Status.UNREVIEWED


# --- changes ---------------------------------------------------------------------------------------------


def test_changes_are_those_since_the_quarter_before_ended(past):
    first = past.decide("loan@1", on="2026-07-01")
    past.release("loan@1", on="2026-07-02", decision=first)
    past.inventory([model("loan", champion=1), model("old")], on="2026-07-03")
    second = past.decide("loan@2", on="2026-10-10")
    past.release("loan@2", on="2026-10-11", decision=second)
    past.decide("loan@3", on="2026-10-12", refused=True)
    past.inventory(
        [model("loan", versions=3, champion=2, declaration=declared("loan", tier=1)), stray("fresh")],
        on="2026-10-13",
    )
    report = past.portfolios.report()
    assert [(change.kind, change.model, change.statement) for change in report.changes] == [
        (Kind.RELEASED, "loan", "version 2 was released as `champion` on 2026-10-11, asked for by tester"),
        (Kind.REFUSED, "loan", "version 3 was refused; version 2 stays"),
        (Kind.NEW, "fresh", "new to the inventory: not reviewed, not in use"),
        (Kind.TIER, "loan", "tier 1; before: tier 2"),
        (Kind.GONE, "old", "it is no longer in the inventory"),
    ]
    activity = report.activity
    assert (activity.decisions, activity.refused, activity.releases) == (2, 1, 1)


def test_a_quarter_with_no_decisions_says_so_and_keeps_the_state_of_the_one_before(settled):
    settled.decide("loan@2", on="2026-10-08", refused=True)
    settled.today = datetime.date(2027, 2, 3)
    report = settled.portfolios.report()
    assert (report.quarter, report.changes, report.activity.decisions) == ("2027-Q1", (), 0)
    assert statuses(report) == {"loan": Status.HOLDS}
    assert [point.quarter for point in report.trend] == ["2026-Q4", "2027-Q1"]
    text = settled.portfolios.text(settled.portfolios.keep(report).html)
    assert "No decision was made and nothing was released." in text


def test_a_model_that_got_worse_stands_first(settled):
    settled.today = datetime.date(2027, 5, 3)
    report = settled.portfolios.report()
    assert [(change.kind, change.statement) for change in report.changes] == [
        (Kind.WORSE, "in use, review overdue; before: in use, decision holds")
    ]


# --- key figures -----------------------------------------------------------------------------------------


def test_figures_are_counted_from_events_and_the_rest_is_said_to_be_missing(settled):
    settled.decide("loan@2", on="2026-10-08", refused=True)
    settled.decide("loan@2", on="2026-10-09")
    settled.decide("loan@1", on="2026-10-10", refused=True)
    settled.decide("loan@3", on="2026-10-10", refused=True)
    settled.decide("loan@3", on="2026-10-11")
    settled.alert("loan@1", on="2026-10-10")
    settled.alert("loan@1", on="2026-10-13", cleared=True)
    settled.alert("loan@2", on="2026-10-13")
    report = settled.portfolios.report()
    figures = {one.id: (one.value, one.count, one.of) for one in report.kpis if one.missing is None}
    assert figures == {
        "models_in_inventory": (1.0, 1, 1),
        "decisions_that_hold": (0.0, 0, 1),
        "releases_with_evidence": (1.0, 1, 1),
        "first_attempt_pass_rate": (1 / 3, 1, 3),
        "fairness_compliance": (0.0, 0, 1),
        "rollback_validated": (None, 0, 0),
        "days_to_mitigate": (3.0, 1, None),
    }
    page = settled.portfolios.text(settled.portfolios.keep(report).html)
    for one in report.kpis:
        assert one.definition in page
        assert one.missing is None or f'data-label="Not measured">{one.missing}<' in page


def test_a_release_whose_record_is_lost_counts_as_one_without_evidence(settled):
    event = next(event for event in settled.ledger.events() if event.subject == "loan@1")
    settled.file_of(event).unlink()
    assert kpi(settled.portfolios.report(), "releases_with_evidence").value == 0.0


def test_an_alert_that_ended_in_an_earlier_quarter_is_not_counted_again(settled):
    settled.alert("loan@1", on="2026-10-10")
    settled.alert("loan@1", on="2026-10-13", cleared=True)
    settled.alert("loan@2", on="2026-12-30")
    settled.alert("loan@2", on="2027-01-09", cleared=True)
    settled.today = datetime.date(2027, 2, 3)
    assert kpi(settled.portfolios.report(), "days_to_mitigate").value == 10.0


def test_only_gates_that_passed_have_a_margin_to_lose(settled):
    few_rows = next(control for control in SETTLED if control.id == "auc_above_floor")
    others = tuple(control for control in SETTLED if control is not few_rows)
    settled.decide(
        "loan@1", on="2026-10-08", controls=(*others, replace(few_rows, verdict=Verdict.INCONCLUSIVE))
    )
    found = {margin.control for margin in settled.portfolios.report().margins}
    assert found
    assert few_rows.id not in found


def test_margins_are_ordered_by_how_little_room_the_interval_left(settled):
    report = settled.portfolios.report()
    assert report.margins
    rooms = [margin.room for margin in report.margins]
    assert rooms == sorted(rooms)
    assert {margin.version for margin in report.margins} == {"loan@1"}
    for margin in report.margins:
        value, low = margin.estimate.value, margin.estimate.low
        if margin.ceiling is None:
            assert margin.room == pytest.approx((low - margin.floor) / (value - margin.floor))


def test_group_gates_that_did_not_pass_come_first(settled):
    settled.decide("loan@2", on="2026-10-08", refused=True)
    gates = settled.portfolios.report().group_gates
    assert [gate.verdict is Verdict.PASSED for gate in gates] == sorted(
        gate.verdict is Verdict.PASSED for gate in gates
    )
    assert {gate.version for gate in gates} <= {"loan@1", "loan@2"}


# --- what cannot be believed -----------------------------------------------------------------------------


def damage_missing(past, event):
    past.file_of(event).unlink()


def damage_altered(past, event):
    path = past.file_of(event)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"payload":"', b'"payload":"AA', 1))


@pytest.mark.parametrize("damage", [damage_missing, damage_altered])
def test_a_record_missing_or_altered_is_shown_in_red_and_not_dropped(settled, damage):
    event = next(event for event in settled.ledger.events() if event.subject == "loan@1")
    damage(settled, event)
    report = settled.portfolios.report()
    assert (report.answer, statuses(report)) == (Answer.NO, {"loan": Status.UNPROVEN})
    assert list(report.source.unproven) == ["1"]
    assert report.actions[0].why is Why.UNPROVEN
    page = settled.portfolios.text(settled.portfolios.keep(report).html)
    assert "The decision of ledger entry 1 cannot be believed" in page


def test_a_record_signed_by_a_stranger_is_not_believed(settled, tmp_path):
    settled.decide("loan@1", on="2026-10-08", signer=KeyFile(tmp_path / "stranger.pem"))
    report = settled.portfolios.report()
    assert statuses(report) == {"loan": Status.UNPROVEN}
    assert "trusted key" in report.models[0].in_use.fault


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"subject": "other@1"}, "model"),
        ({"key": "sha256:" + "0" * 64}, "inputs"),
        ({"verdict": "releasable"}, "verdict"),
    ],
)
def test_a_ledger_that_says_otherwise_than_the_record_is_not_believed(past, said, what):
    past.record(replace(RECORD, verdict=Outcome.REFUSED), **said)
    report = past.portfolios.report()
    assert f"whose {what} differ" in report.source.unproven["1"]
    assert set(statuses(report).values()) == {Status.UNPROVEN}


def test_an_earlier_decision_that_cannot_be_proven_is_red_too(settled):
    event = next(event for event in settled.ledger.events() if event.subject == "loan@1")
    settled.decide("loan@1", on="2026-10-20")
    settled.file_of(event).unlink()
    report = settled.portfolios.report()
    assert (report.answer, statuses(report)) == (Answer.NO, {"loan": Status.HOLDS})
    assert reasons(report) == [(Why.UNPROVEN, "")]


def test_an_edited_ledger_is_the_first_thing_said(settled):
    with sqlite3.connect(settled.root / "ledger.db") as connection:
        connection.execute("DROP TRIGGER events_never_change")
        connection.execute("UPDATE events SET at = '2026-10-05T10:00:00.000000Z' WHERE seq = 1")
    report = settled.portfolios.report()
    assert (report.answer, report.actions[0].why) == (Answer.NO, Why.LEDGER_BROKEN)
    assert "entry 1" in report.source.ledger_fault


def test_a_ledger_whose_tail_was_cut_off_gives_no_report(settled):
    with sqlite3.connect(settled.root / "ledger.db") as connection:
        connection.execute("DROP TRIGGER events_never_go")
        connection.execute("DELETE FROM events WHERE seq = 4")
    with pytest.raises(IntegrityError, match="ledger verify"):
        settled.portfolios.report()


def test_a_snapshot_that_is_gone_is_said_and_the_report_made_without(settled):
    settled.evidence.path(
        str(settled.ledger.head() and list(settled.ledger.events())[-1].body["snapshot"])
    ).unlink()
    report = settled.portfolios.report()
    assert "no readable evidence" in report.source.snapshot_fault
    assert report.models[0].is_declared is None
    assert report.answer is Answer.MOSTLY


# --- days, entries and bytes -----------------------------------------------------------------------------


def test_a_past_day_gives_the_same_bytes_whatever_happened_since(settled):
    portfolios = settled.portfolios
    day = datetime.date(2026, 10, 20)
    edition = portfolios.keep(portfolios.report(as_of=day))
    settled.decide("loan@1", on="2026-11-01", refused=True)
    settled.inventory([stray("loan", champion=1), model("new")], on="2026-11-02")
    settled.today = datetime.date(2027, 3, 1)
    again = settled.portfolios.report(as_of=day)
    assert settled.portfolios.differences(edition, again) == ()
    assert settled.portfolios.keep(again) == edition
    later = settled.portfolios.report()
    assert settled.portfolios.differences(edition, later) == ("page", "Markdown", "JSON")


def test_a_clock_set_back_between_two_reports_loses_nothing_and_is_told(settled):
    before = settled.portfolios.report(as_of=datetime.date(2026, 10, 20))
    edition = settled.portfolios.keep(before)
    settled.decide("loan@1", on="2026-11-20", refused=True)
    settled.decide("loan@2", on="2026-10-15")  # the clock was set back by a month
    settled.decide("loan@3", on="2026-11-21")
    report = settled.portfolios.report()
    assert report.source.out_of_order == 1
    assert report.activity.decisions == 4
    assert report.models[0].candidate.version == "loan@3"
    assert "a clock was wrong" in settled.portfolios.text(settled.portfolios.keep(report).html)
    as_of_then = settled.portfolios.report(as_of=datetime.date(2026, 10, 20))
    assert as_of_then.source.entry == 6  # order is the ledger's: what stands before entry 6 came before it
    exactly = settled.portfolios.report(as_of=datetime.date(2026, 10, 20), entry=edition.entry)
    assert settled.portfolios.differences(edition, exactly) == ()


def test_runs_at_once_may_be_written_in_another_order_than_they_began(settled):
    settled.decide("loan@2", on="2026-11-20T10:00:09.000000Z")
    settled.decide("loan@3", on="2026-11-20T10:00:00.000000Z")
    assert settled.portfolios.report().source.out_of_order == 0
    settled.decide("loan@4", on="2026-11-20T09:00:00.000000Z")
    assert settled.portfolios.report().source.out_of_order == 1


def test_a_day_counts_to_its_end(settled):
    settled.decide("loan@2", on="2026-10-20T23:59:59.999999Z")
    settled.decide("loan@3", on="2026-10-21T00:00:00.000000Z")
    (one,) = settled.portfolios.report(as_of=datetime.date(2026, 10, 20)).models
    assert one.candidate.version == "loan@2"


def test_the_day_a_review_was_due_is_the_reports_day_not_todays(settled):
    settled.today = datetime.date(2028, 1, 1)
    assert statuses(settled.portfolios.report(as_of=datetime.date(2026, 12, 31))) == {"loan": Status.HOLDS}
    assert statuses(settled.portfolios.report()) == {"loan": Status.OVERDUE}


def test_a_day_ahead_and_an_entry_that_is_not_there_are_refused(settled):
    with pytest.raises(CallerMistake, match="lies ahead"):
        settled.portfolios.report(as_of=datetime.date(2026, 11, 27))
    with pytest.raises(CallerMistake, match="entry 99 of a ledger with 4"):
        settled.portfolios.report(entry=99)


def test_whatever_people_wrote_cannot_become_markup(past):
    for place, (name, text) in enumerate(HOSTILE.items()):
        key = f"m{place}"
        past.decide(f"{key}@1", on="2026-10-05", refused=True)
        told = declared(key, title=text, owner=text, business_area=text, system=text)
        past.release(f"{key}@1", on="2026-10-06", by=text)
        past.inventory([model(key, champion=1, declaration=told)], on="2026-10-06")
        report = past.portfolios.report()
        edition = past.portfolios.keep(report)
        html, markdown = past.portfolios.text(edition.html), past.portfolios.text(edition.markdown)
        assert "<script" not in html, name
        assert not re.search(r"<[^>]*\son\w+=", html), name
        assert "javascript:alert" not in re.sub(r"<bdi>.*?</bdi>", "", html), name
        assert "\u202e" not in html + markdown, name
        assert "<script" not in markdown, name


def test_the_page_is_one_file_that_loads_nothing(settled):
    html = settled.portfolios.text(settled.portfolios.keep(settled.portfolios.report()).html)
    assert "default-src 'none'" in html
    assert not re.search(r"<(script|link|img|iframe|object)\b", html)
    assert not re.search(r"https?://", html)
    links = set(re.findall(r'href="([^"#]+)"', html))
    assert links == {"../cards/loan%401.html"}


def test_the_json_has_every_number_of_the_page(settled):
    report = settled.portfolios.report()
    document = json.loads(settled.portfolios.text(settled.portfolios.keep(report).json))
    assert document["schema"] == "model-risk/portfolio@1"
    assert document["counts"]["holding"] == 1
    assert document["models"][0]["in_use"]["record"] == next(settled.ledger.events()).body["record"]
    assert {one["id"] for one in document["kpis"]} == {one.id for one in report.kpis}


def test_a_page_is_written_beside_the_cards_by_its_quarter(settled):
    path = settled.portfolios.page(settled.portfolios.keep(settled.portfolios.report()))
    assert path.relative_to(settled.root).as_posix() == "portfolio/2026-Q4.html"
