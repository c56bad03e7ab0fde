"""The launcher of runs on one machine, which also notices that a run's process is gone.

Dagster's own launcher cannot say whether a run's process is alive. A run that died with its host then stays
*started* until its longest time is over, and holds its place in the queue for as long: two of them stop all
reviews for hours. A process writes its id into the run's events when it starts; this launcher looks for it.

What does not belong here: how often it is asked, and what follows (`run_monitoring` and `run_retries` of the
home's `dagster.yaml`).
"""

import os
import re
from pathlib import Path

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

_PROCESS = re.compile(r"\(pid: (\d+)\)")
_CLOCKS_APART_S = 60.0


class OneMachineRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, for a daemon and runs on the same machine."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """That it can tell whether a run's process is alive."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Failed if the process that last said it works on the run is gone; running in every other case.

        A process id that was given to another process since is told apart by when that one started.
        """
        said = [
            (int(found[1]), entry.timestamp)
            for entry in self._instance.all_logs(run.run_id)
            if (event := entry.dagster_event) is not None
            and (found := _PROCESS.search(event.message or "")) is not None
        ]
        if not said or _is_alive(*said[-1]):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {said[-1][0]} is gone")


def _is_alive(pid: int, since: float) -> bool:
    """Whether a process runs that had started by an instant, in seconds since 1970."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        pass
    started = _started(pid)
    return started is None or started <= since + _CLOCKS_APART_S


def _started(pid: int) -> float | None:
    """When a process started, in seconds since 1970; None where the machine does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        if fields[0] == "Z":
            return float("inf")  # ended, and nobody has taken notice
        booted = next(
            line.split()[1]
            for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines()
            if line.startswith("btime ")
        )
        return float(booted) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None
