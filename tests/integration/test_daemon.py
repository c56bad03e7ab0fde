"""The real daemon on a real home: it reviews what is registered, tells of refusals, and outlives a kill.

One home, one registry and one daemon for the whole module; the tests follow each other. Whatever carries the
home's path in its environment was started here and is ended here.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import dagster as dg
import pytest
import yaml

from modelrisk.ledger import Event, EventKind
from pipelines.requests import REGISTRATION
from resources.environments import switch_off_telemetry
from resources.home import Home
from resources.ledger_store import SqliteLedger
from tests.listening import Listener, listening
from tests.workbench import CALIBRATED, WRONG_WAY_ROUND, declare, register, write_rows

T = TypeVar("T")
PATIENCE_S = 900.0
SLOW = f"import time; time.sleep(20); {CALIBRATED}"


@dataclass
class Works:
    """A home with a daemon over it."""

    root: Path
    listener: Listener
    daemon: subprocess.Popen[bytes] | None = None
    starts: int = 0
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.home = Home(self.root / "home").prepared()
        self.governance = self.root / "governance"
        (self.governance / "models").mkdir(parents=True)
        self.data = self.root / "data"
        self.data.mkdir()
        write_rows(self.data / "training.parquet", seed=1)
        write_rows(self.data / "evaluation.parquet", seed=2)
        policy = {"schema": "model-risk/policy@1", "notify": {"risk": {"url": "env:RISK_CHANNEL"}}}
        (self.governance / "policy.yaml").write_text(yaml.safe_dump(policy))
        self.ledger = SqliteLedger(self.home.ledger)
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(self.home.dagster),
            "MODEL_RISK_HOME": str(self.home.path),
            "MODEL_RISK_GOVERNANCE": str(self.governance),
            "MLFLOW_TRACKING_URI": self.home.registry_uri,
            "MODEL_RISK_ACTOR": "daemon",
            "RISK_CHANNEL": self.listener.url,
            "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "300",
        }
        for name in ("CI", "GITHUB_RUN_ID", "CI_JOB_ID", "BUILD_TAG"):
            self.environment.pop(name, None)
        shipped = yaml.safe_load((self.home.dagster / "dagster.yaml").read_text())
        shipped["run_monitoring"]["poll_interval_seconds"] = 5
        (self.home.dagster / "dagster.yaml").write_text(yaml.safe_dump(shipped))

    def start(self) -> None:
        self.starts += 1
        command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "pipelines.definitions"]
        with (self.root / f"daemon-{self.starts}.log").open("wb") as log:
            self.daemon = subprocess.Popen(
                command, cwd=self.root, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill_everything(self) -> None:
        """As a power cut would: every process of this home, none of them asked."""
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()
        while ours := list(self.processes()):
            for pid in ours:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.2)

    def processes(self) -> Iterator[int]:
        mark = f"MODEL_RISK_HOME={self.home.path}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                try:
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z" and mark in (entry / "environ").read_bytes().split(b"\0"):
                        yield int(entry.name)
                except OSError:
                    continue

    def register(self, name: str, body: str) -> str:
        declare(self.governance, name).rename(self.governance / "models" / f"{name}.yaml")
        return register(self.home.registry_uri, name, body, data=self.data, root=self.root).key

    def decisions(self, key: str) -> list[Event]:
        return list(self.ledger.events(EventKind.DECISION, subject=key))

    def runs(self, key: str) -> list[dg.DagsterRun]:
        with dg.DagsterInstance.from_config(str(self.home.dagster)) as instance:
            found = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": key}))
        return sorted(found, key=lambda run: int(run.tags.get("dagster/retry_number", "0")))

    def worker_of(self, run: dg.DagsterRun) -> int | None:
        with dg.DagsterInstance.from_config(str(self.home.dagster)) as instance:
            told = " ".join(entry.message for entry in instance.all_logs(run.run_id))
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        told += " ".join(event.message or "" for event in events)
        found = re.search(r"\(pid: (\d+)\)", told)
        return None if found is None else int(found[1])

    def scoring(self, key: str) -> dg.DagsterRun | None:
        """The version's run, once it is scoring."""
        with dg.DagsterInstance.from_config(str(self.home.dagster)) as instance:
            for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": key})):
                started = [
                    event.dagster_event.step_key
                    for event in instance.all_logs(run.run_id)
                    if event.dagster_event and event.dagster_event.is_step_start
                ]
                if "evaluation__predictions" in started and not run.is_finished:
                    return run
        return None

    def until(self, what: str, look: Callable[[], T]) -> T:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if found := look():
                return found
            assert self.daemon is None or self.daemon.poll() is None, self.log()
            time.sleep(1.0)
        raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s\n{self.log()}")

    def log(self) -> str:
        return (self.root / f"daemon-{self.starts}.log").read_text(errors="replace")[-8000:]


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    switch_off_telemetry()
    with listening() as listener:
        made = Works(tmp_path_factory.mktemp("works"), listener)
        try:
            made.start()
            yield made
        finally:
            made.kill_everything()


def test_a_registered_version_is_reviewed_and_the_inventory_taken_without_anybody_asking(works):
    key = works.register("loan", CALIBRATED)
    (decision,) = works.until("a decision", lambda: works.decisions(key))
    assert decision.body["verdict"] == "releasable"
    (run,) = works.runs(key)
    assert run.tags[REGISTRATION].startswith(f"{key}/")
    inventory = works.until("an inventory", lambda: list(works.ledger.events(EventKind.INVENTORY)))
    assert inventory[-1].body["models"] == 1


def test_a_refusal_is_told(works):
    key = works.register("wrong", WRONG_WAY_ROUND)
    works.until("a message", lambda: works.listener.received)
    (message,) = works.listener.received
    assert message["title"] == f"Refused: {key}"
    assert "Who: team:lending" in message["message"]
    assert "Next: " in message["message"]
    assert works.decisions(key)[0].body["verdict"] == "refused"


def test_a_run_whose_worker_is_killed_is_started_again_and_decides_once(works):
    key = works.register("killed", SLOW)
    run = works.until("the scoring of a run", lambda: works.scoring(key))
    pid = works.worker_of(run)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    works.until("a decision", lambda: works.decisions(key))
    first, second = works.until(
        "the end of the second run",
        lambda: found if len(found := works.runs(key)) == 2 and found[1].is_finished else None,
    )
    assert first.status is dg.DagsterRunStatus.FAILURE
    assert second.status is dg.DagsterRunStatus.SUCCESS
    assert second.parent_run_id == first.run_id
    assert len(works.decisions(key)) == 1


def test_a_run_killed_with_its_host_is_recovered_when_the_host_is_back(works):
    key = works.register("dark", SLOW)
    works.until("the scoring of a run", lambda: works.scoring(key))
    works.kill_everything()
    assert works.decisions(key) == []
    (orphan,) = works.runs(key)
    assert orphan.status is dg.DagsterRunStatus.STARTED
    works.start()
    works.until("a decision", lambda: works.decisions(key))
    first = works.runs(key)[0]
    assert first.status is dg.DagsterRunStatus.FAILURE
    assert len(works.decisions(key)) == 1
    assert works.listener.titles == ["Refused: wrong@1"]
    report = works.ledger.verify(trusted(works))
    assert report.is_intact


def trusted(works: Works):
    from resources.signer import KeyFile

    return KeyFile(works.home.signing_key).trusted
