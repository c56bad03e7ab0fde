"""A run's process is alive, gone, or another one with the same number."""

import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import WorkerStatus

from resources.home import Home
from resources.run_launcher import OneMachineRunLauncher


@pytest.fixture
def instance(tmp_path: Path):
    home = Home(tmp_path / "home").prepared()
    with dg.DagsterInstance.from_config(str(home.dagster)) as made:
        yield made


@dg.job
def nothing() -> None: ...


def health(instance: dg.DagsterInstance, *messages: str) -> WorkerStatus:
    run = instance.create_run_for_job(nothing)
    for message in messages:
        instance.report_engine_event(message, run)
    launcher = instance.run_launcher
    assert isinstance(launcher, OneMachineRunLauncher)
    return launcher.check_run_worker_health(run).status


def test_a_home_launches_its_runs_by_this_launcher_and_watches_them(instance, tmp_path):
    assert instance.run_launcher.supports_check_run_worker_health
    assert instance.run_monitoring_enabled
    assert instance.run_retries_enabled
    shipped = yaml.safe_load((tmp_path / "home" / "dagster" / "dagster.yaml").read_text())
    assert shipped["telemetry"] == shipped["nux"] == {"enabled": False}


def test_a_run_of_a_process_that_lives_is_running(instance):
    assert health(instance, f"Started process for run (pid: {os.getpid()}).") is WorkerStatus.RUNNING


def test_a_run_of_a_process_that_is_gone_has_failed(instance):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert health(instance, f"Started process for run (pid: {gone.pid}).") is WorkerStatus.FAILED


def test_a_run_of_a_process_that_ended_and_was_not_waited_for_has_failed(instance):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    while Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.05)
    assert health(instance, f"Started process for run (pid: {ended.pid}).") is WorkerStatus.FAILED
    ended.wait()


def test_a_number_given_to_another_process_since_is_not_taken_for_the_runs(instance):
    run = instance.create_run_for_job(nothing)
    instance.report_engine_event(f"Executing steps in process (pid: {os.getpid()})", run)
    (event,) = [entry for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    from resources.run_launcher import _is_alive

    assert _is_alive(os.getpid(), event.timestamp)
    assert not _is_alive(os.getpid(), event.timestamp - 86_400)


def test_a_run_that_never_said_its_process_is_left_to_its_longest_time(instance):
    assert health(instance) is WorkerStatus.RUNNING
    assert health(instance, "hello") is WorkerStatus.RUNNING
