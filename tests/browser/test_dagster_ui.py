"""The platform's own webserver, started by `dev` on a home with two reviews, looked at in a browser."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from modelrisk import pages
from tests.browser.conftest import PATIENCE_MS
from tests.workbench import CALIBRATED

ASSETS = {
    "inventory": ("intake", "lineage"),
    "validation": ("evaluation_data",),
    "evaluation": ("predictions", "quality", "fairness", "champion_comparison"),
    "release": ("decision", "clearance", "promotion"),
    "documentation": ("datasheet", "model_card", "evidence_pack"),
}
_RUN_OF_THE_SAME_LINE = (
    "xpath=ancestor::div[.//a[starts-with(@href, '/runs/')]][1]//a[starts-with(@href, '/runs/')]"
)
GROUPS_OPEN = ",".join(f"global@global:{group}" for group in ASSETS)


@dataclass(frozen=True)
class Served:
    address: str
    process: subprocess.Popen[bytes]

    def session(self) -> list[psutil.Process]:
        """Every process that `dev` started and that still runs, itself included."""
        return [one for one in psutil.process_iter() if _session_of(one.pid) == self.process.pid]


def _session_of(pid: int) -> int | None:
    try:
        return None if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else os.getsid(pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


@pytest.fixture(scope="module")
def served(browser, bench, releasable, refused, tmp_path_factory) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("served") / "dev.log"
    command = [
        sys.executable,
        "-c",
        "from pipelines.cli.main import main; main()",
        "dev",
        "--port",
        str(port),
    ]
    command += ["--home", str(bench.root / "home"), "--governance", str(bench.governance)]
    foreign = ("DAGSTER_HOME", "MODEL_RISK_", "MLFLOW_TRACKING")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--tracking-uri", bench.tracking_uri],
            env=environment,
            cwd=log.parent,  # not the checkout: what is installed must be enough
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    served = Served(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_it_answers(served, log)
        yield served
    finally:
        for left in served.session():
            left.kill()
        process.wait(PATIENCE_MS / 1000)


def _wait_until_it_answers(served: Served, log: Path) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_MS / 1000
    while served.process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{served.address}/server_info", timeout=30):
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"the webserver did not start:\n{log.read_text()}")


def partition(page: Page, decision) -> Locator:
    """The version's line in a list of partitions; its name also stands in a selector above, cut short."""
    return page.get_by_text(decision.record.model, exact=True).locator("visible=true").last


def test_the_graph_shows_every_group_and_every_asset(served, watched_page):
    with watched_page(width=1800) as page:
        page.goto(f"{served.address}/asset-groups/?expanded={quote(GROUPS_OPEN)}")
        for group, nouns in ASSETS.items():
            expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
            for noun in nouns:
                whole_or_cut = re.compile(rf"^{noun}$|^{noun[:5]}\w*\W+\w*{noun[-5:]}$")
                expect(page.get_by_text(whole_or_cut).first).to_be_visible(timeout=PATIENCE_MS)


def test_the_check_on_the_decision_is_red_for_one_version_and_green_for_the_other(
    served, watched_page, releasable, refused, mistaken
):
    with watched_page() as page:
        page.goto(f"{served.address}/assets/release/decision?view=checks&checkDetail=version_is_releasable")
        page.locator("button[role=tab][title=Partitions]").click()
        expect(page.get_by_text("Failed (2)")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("Passed (1)")).to_be_visible(timeout=PATIENCE_MS)
        for decision, result in ((refused, "Failed"), (releasable, "Passed")):
            partition(page, decision).click()
            expect(page.get_by_text(decision.record.headline)).to_be_visible(timeout=PATIENCE_MS)
            expect(page.get_by_text(result, exact=True).last).to_be_visible()


def test_a_failed_gate_says_how_far_off_it_is_and_what_to_do(served, watched_page, refused):
    gate = next(control for control in refused.record.controls if control.id == "auc_above_floor")
    assert gate.verdict == "failed"
    with watched_page(height=1600) as page:
        page.goto(f"{served.address}/assets/evaluation/quality?view=checks&checkDetail={gate.id}")
        page.locator("button[role=tab][title=Partitions]").click()
        partition(page, refused).click()
        expect(page.get_by_text(gate.remedy).last).to_be_visible(timeout=PATIENCE_MS)
        for words in ("✗ failed", "at least 0.5", "beyond"):
            expect(page.get_by_text(words).last).to_be_visible()
        page.get_by_text("[Show Markdown]").last.click()
        _is_drawn(page.get_by_role("img", name="Intervals"))


def test_the_decision_shows_why_in_place_and_its_report_without_stray_markup(served, watched_page, refused):
    with watched_page(height=2000) as page:
        page.goto(
            f"{served.address}/assets/release/decision?view=partitions&partition={quote(refused.record.model)}"
        )
        expect(page.get_by_text(refused.record.headline)).to_be_visible(timeout=PATIENCE_MS)
        _is_drawn(page.get_by_role("img", name="Intervals").first)
        expect(page.get_by_text("✗ failed").first).to_be_visible()
        page.get_by_role("row", name="report").get_by_text("[Show Markdown]").click()
        report = page.get_by_role("dialog")
        expect(report.get_by_text("Refused: Loans seen in a browser")).to_be_visible()
        expect(report.get_by_text("Findings")).to_be_visible()
        assert not {"<", "**", "|"} & set(report.inner_text())


def test_the_card_is_in_the_metadata_of_its_asset(served, watched_page, refused):
    record = refused.record
    with watched_page() as page:
        page.goto(
            f"{served.address}/assets/documentation/model_card?view=partitions&partition={quote(record.model)}"
        )
        page.get_by_role("row", name="card").get_by_text("[Show Markdown]").click()
        card = page.get_by_role("dialog")
        expect(card.get_by_role("heading", name="Loans seen in a browser")).to_be_visible(timeout=PATIENCE_MS)
        expect(card.get_by_text("✗ Refused")).to_be_visible()
        expect(card.get_by_role("heading", name="What this does not tell you")).to_be_attached()
        words = card.inner_text()
        assert "model_name" not in words
        assert "<br>" not in words


def test_the_run_of_a_review_is_shown_with_its_version(served, watched_page, refused):
    """Of all runs in the list: sensors and schedules start others while the test looks."""
    with watched_page() as page:
        page.goto(f"{served.address}/runs?q[0]={quote('job:review_model_version')}")
        page.get_by_text(f"partition: {refused.record.model}").locator(_RUN_OF_THE_SAME_LINE).first.click()
        expect(page.get_by_text("Run of").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text(f"partition: {refused.record.model}")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_day_from_a_refused_version_to_a_releasable_one(served, watched_page, bench, mistaken):
    """Understood from the UI alone, mended, registered again, seen by the sensor, reviewed."""
    model = mistaken.record.version.name
    with watched_page(height=1600) as page:
        page.goto(f"{served.address}{pages.of_asset('release/decision', f'{model}@1')}")
        blocked = page.get_by_role("row", name="blocked by")
        expect(blocked.get_by_role("link", name="better_than_naive")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("row", name="read on").get_by_role("link")).to_have_count(5)
        blocked.get_by_role("link", name="better_than_naive").click()
        expect(page.get_by_text("Does not tell:")).to_be_visible(timeout=PATIENCE_MS)
        page.locator("button[role=tab][title=Partitions]").click()
        page.get_by_text(f"{model}@1", exact=True).locator("visible=true").last.click()
        remedy = page.get_by_text("labels or the order of `prediction.classes` are the wrong way round")
        expect(remedy).to_be_visible(timeout=PATIENCE_MS)

    bench.register(CALIBRATED, name=model)
    with watched_page() as page:
        _wait_for_the_review(page, served, f"{model}@2")
        page.goto(f"{served.address}{pages.of_asset('release/decision', f'{model}@2')}")
        expect(page.get_by_text("releasable", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("blocked by")).to_have_count(0)
        page.get_by_role("link", name="card", exact=True).click()
        expect(page).to_have_url(re.compile(r"/assets/documentation/model_card\?.*newsletter(@|%40)2"))
        expect(page.get_by_role("row", name="card").first).to_be_visible(timeout=PATIENCE_MS)


def _wait_for_the_review(page: Page, served: Served, version: str) -> None:
    """Until the run that the sensor asked for has succeeded, as the list of runs shows it."""
    review = f"q[0]={quote('job:review_model_version')}&q[1]={quote(f'tag:dagster/partition={version}')}"
    page.goto(f"{served.address}/runs?{review}")
    expect(page.get_by_text(f"partition: {version}").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_terminated_dev_leaves_nothing_running(served):
    """Stays the last one: it stops the server the others look at."""
    assert len(served.session()) > 2
    served.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while served.session() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert served.session() == []


def _is_drawn(image: Locator) -> None:
    expect(image).to_be_visible(timeout=PATIENCE_MS)
    assert image.evaluate("image => image.naturalWidth") > 0
