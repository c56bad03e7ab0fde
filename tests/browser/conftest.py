"""Fixtures of the browser tests: a releasable and a refused version, both reviewed, and a watched browser."""

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from modelrisk.decisions import Outcome
from resources.decision_register import Registered
from resources.environments import switch_off_telemetry
from resources.scorer import Scorer
from tests.workbench import CALIBRATED, WRONG_WAY_ROUND, Bench

PATIENCE_MS = 180_000
_LOOPBACK = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|file:|data:|blob:|about:")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

WatchedPage = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="session")
def chromium() -> str:
    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    if installed is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    return installed


@pytest.fixture(scope="module")
def browser(
    chromium: str, releasable: Registered, refused: Registered, mistaken: Registered
) -> Iterator[Browser]:
    """Playwright keeps an event loop running, which Dagster cannot bear: reviews are made before, and no test
    of another module may find the browser open."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watched_page(browser: Browser) -> WatchedPage:
    """Opens a page that, when it closes, has logged no error and asked nobody but this machine."""

    @contextmanager
    def opened(*, width: int = 1500, height: int = 1000) -> Generator[Page]:
        errors: list[str] = []
        requests: list[str] = []
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket: requests.append(socket.url))
        try:
            yield page
        finally:
            page.close()
        assert errors == []
        assert requests
        assert [url for url in requests if not _LOOPBACK.match(url)] == []

    return opened


@pytest.fixture(scope="session")
def bench(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    switch_off_telemetry()
    root = tmp_path_factory.mktemp("reviewed")
    with Scorer(time_limit_s=300.0, memory_limit_mb=2048).warm() as scorer:
        bench = Bench(root, f"sqlite:///{root / 'mlflow.db'}", scorer, prefix="seen")
        bench.declare(title="Loans seen in a browser")
        yield bench


@pytest.fixture(scope="session")
def releasable(bench: Bench) -> Registered:
    decision = bench.review(bench.register(CALIBRATED))
    assert decision.record.verdict is Outcome.RELEASABLE, decision.record.headline
    return decision


@pytest.fixture(scope="session")
def refused(bench: Bench, releasable: Registered) -> Registered:
    """Reviewed after the releasable one, so that the newest verdict is the other one's."""
    decision = bench.review(bench.register(WRONG_WAY_ROUND))
    assert decision.record.verdict is Outcome.REFUSED, decision.record.headline
    return decision


@pytest.fixture(scope="session")
def mistaken(bench: Bench, refused: Registered) -> Registered:
    """The first version of another model, of the lowest tier, with its labels the wrong way round."""
    models = bench.governance / "models"
    (models / "model.yaml").rename(models / "loan.yaml")  # the bench knows one file name only
    name = f"{bench.prefix}-newsletter"
    facts = {"materiality": "low", "affects": "nobody", "automation": "informs", "exposure": "internal"}
    bench.declare(name=name, facts=facts)
    decision = bench.review(bench.register(WRONG_WAY_ROUND, name=name))
    assert decision.record.verdict is Outcome.REFUSED, decision.record.headline
    return decision


@pytest.fixture(scope="session")
def card_page(bench: Bench) -> Callable[[Registered], Path]:
    """The card of a decision as the file its asset wrote."""
    return lambda decision: bench.platform.settings.home.cards / f"{decision.record.version.file_stem}.html"
