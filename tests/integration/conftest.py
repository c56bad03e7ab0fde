"""Fixtures of the integration tests; what they hand out is in `workbench`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.environments import switch_off_telemetry
from resources.scorer import Scorer
from tests.workbench import Bench, Terminal


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    switch_off_telemetry()
    return f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}"


@pytest.fixture(scope="session")
def scorer() -> Iterator[Scorer]:
    with Scorer(time_limit_s=20.0, memory_limit_mb=2048).warm() as warm:
        yield warm


@pytest.fixture(scope="session")
def instance() -> Iterator[dg.DagsterInstance]:
    """Runs are recorded in memory, unless a test is about the shared instance."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def bench(
    tmp_path: Path,
    tracking_uri: str,
    scorer: Scorer,
    instance: dg.DagsterInstance,
    request: pytest.FixtureRequest,
) -> Bench:
    prefix = f"test-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    return Bench(tmp_path, tracking_uri, scorer, prefix, instance)


@pytest.fixture
def terminal(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    for name in ("MODEL_RISK_HOME", "MODEL_RISK_GOVERNANCE", "MLFLOW_TRACKING_URI", "MODEL_RISK_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    return Terminal(bench, capsys)
