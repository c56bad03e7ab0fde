"""The quarterly report in the graph, on the schedule and on the command line, over a written past."""

import json
from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.partitions import QUARTERS, quarter_key, quarter_of
from modelrisk.portfolio.quarters import Quarter
from pipelines import runs
from pipelines.cli import main
from pipelines.schedules import portfolio_reports
from resources.assembly import Platform
from resources.environments import Settings
from tests.chronicle import Chronicle, model

CHECKS = ("portfolio_report_reproduces", "ledger_is_whole", "every_decision_is_proven")


@pytest.fixture
def past(tmp_path):
    """A home with one model in use, decided on before today, and released."""
    past = Chronicle(tmp_path)
    decision = past.decide("loan@1", on="2026-10-05")
    past.release("loan@1", on="2026-10-06", decision=decision)
    past.inventory([model("loan", champion=1)], on="2026-10-07")
    past.checkpoint()
    return past


def platform(past) -> Platform:
    return Platform(Settings.from_environment({}).at(home=past.root, governance=past.root / "governance"))


def materialized(past, quarter: Quarter):
    with dg.DagsterInstance.ephemeral() as instance:
        edition = runs.report(platform(past), quarter, instance=instance)
        asset = dg.AssetKey(["portfolio", "report"])
        (event,) = instance.fetch_materializations(asset, limit=1).records
        history = instance.event_log_storage.get_asset_check_execution_history
        found = {name: history(dg.AssetCheckKey(asset, name), limit=1)[0] for name in CHECKS}
        passed = {
            name: entry.event.dagster_event.asset_check_evaluation_data.passed
            for name, entry in found.items()
        }
        return edition, event, passed


def test_the_partition_is_the_quarter_and_its_page_is_in_the_home(past):
    edition, event, passed = materialized(past, Quarter(2026, 4))
    assert event.partition_key == "2026-10-01"
    shown = event.asset_materialization.metadata
    assert shown["models in use"].value == 1
    assert shown["are we all right"].value.startswith("Yes.")
    assert shown["report"].value.startswith("# Model risk 2026-Q4")
    assert passed == dict.fromkeys(CHECKS, True)
    page = past.root / "portfolio" / "2026-Q4.html"
    assert page.read_text() == platform(past).portfolios.text(edition.html)


def test_a_past_quarter_is_reported_on_as_of_its_last_day(past):
    edition, _, _ = materialized(past, Quarter(2026, 3))
    assert (edition.as_of.isoformat(), edition.entry) == ("2026-09-30", 0)


def test_a_lost_record_turns_its_check_red_and_leaves_the_report(past):
    past.file_of(next(past.ledger.events())).unlink()
    edition, _, passed = materialized(past, Quarter(2026, 4))
    assert edition.entry == 4
    assert passed == dict.fromkeys(CHECKS, True) | {"every_decision_is_proven": False}


def test_partitions_and_quarters_are_two_names_of_one_thing():
    keys = QUARTERS.get_partition_keys(current_time=datetime(2027, 2, 3, tzinfo=UTC))
    assert keys == ["2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01", "2027-01-01"]
    assert [quarter_key(quarter_of(key)) for key in keys] == keys


@pytest.mark.parametrize(
    ("now", "partition"),
    [
        ("2027-01-01T06:15", "2026-10-01"),
        ("2027-01-04T06:15", "2027-01-01"),
        ("2026-11-30T06:15", "2026-10-01"),
    ],
)
def test_the_schedule_asks_for_the_quarter_yesterday_lay_in(now, partition):
    class Then:
        def now(self):
            return datetime.fromisoformat(now).replace(tzinfo=UTC)

    context = dg.build_schedule_context(resources={"circumstances": Then()})
    assert portfolio_reports(context).partition_key == partition


# --- the command line ------------------------------------------------------------------------------------


def run(past, *arguments: str) -> int:
    return main.run(["--home", str(past.root), "portfolio", *arguments])


def test_the_report_of_today_is_printed_and_its_page_kept(past, capsys):
    assert run(past) == 0
    assert capsys.readouterr().out.startswith("# Model risk ")
    (page,) = (past.root / "portfolio").iterdir()
    assert page.suffix == ".html"


def test_a_quarter_a_day_and_an_entry_may_be_named(past, capsys, tmp_path):
    target = tmp_path / "out" / "report.json"
    assert (
        run(past, "--as-of", "2026-10-06", "--entry", "2", "--format", "json", "--output", str(target)) == 0
    )
    document = json.loads(target.read_text())
    assert (document["quarter"], document["as_of"], document["source"]["entry"]) == (
        "2026-Q4",
        "2026-10-06",
        2,
    )
    assert run(past, "--quarter", "2026-Q3", "--format", "html") == 0
    assert "Nobody can say" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quarter", "2026-Q4", "--as-of", "2026-10-06"], "both --quarter and --as-of"),
        (["--quarter", "autumn"], "2026-Q4"),
        (["--as-of", "yesterday"], "2026-11-26"),
        (["--as-of", "9000-01-01"], "lies ahead"),
        (["--quarter", "9000-Q1"], "lies ahead"),
        (["--entry", "99"], "a ledger with 4"),
    ],
)
def test_what_cannot_be_reported_on_is_the_callers_mistake(past, capsys, arguments, words):
    assert run(past, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_home_without_a_ledger_gives_a_report_that_says_so(tmp_path, capsys):
    assert main.run(["--home", str(tmp_path / "fresh"), "portfolio"]) == 0
    assert "Nothing is recorded up to this day" in capsys.readouterr().out
