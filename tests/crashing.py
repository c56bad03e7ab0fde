"""What a child process does before it is killed; in a module of its own, so that children can import it.

Children are forked from one server process that has imported the libraries already: a child then costs tens
of milliseconds instead of seconds, and inherits no connection, thread or lock of the tests.
"""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from modelrisk.decisions import DecisionRecord
from modelrisk.evidence import decoded
from modelrisk.identity import ModelVersion
from resources.assembly import Platform
from resources.environments import Circumstances, Settings
from resources.failpoints import VARIABLE
from resources.home import Home

CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(
    ["pipelines.cli.main", "pipelines.runs", "mlflow", "duckdb", "ibis", "tests.crashing"]
)
_PATIENCE_S = 300


def platform_at(root: Path) -> Platform:
    """The platform whose home, governance directory and registry lie under one directory."""
    home = Home(root / "home")
    return Platform(
        Settings(
            home=home,
            governance=root / "governance",
            tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
            signing_key=home.signing_key,
            dagster_home=home.dagster,
            circumstances=Circumstances.from_environment({"MODEL_RISK_ACTOR": "tester"}),
        )
    )


def killed(work: str, *arguments: object, failpoint: str) -> bool:
    """Whether a child that does some work died of SIGKILL at a failpoint."""
    child = CHILDREN.Process(target=_dying, args=(work, arguments, failpoint))
    return _ended([_begun(child)]) == [-signal.SIGKILL]


def together(work: str, *each: Sequence[object]) -> list[int | None]:
    """Exit statuses of children that do the same work at the same time with different arguments."""
    barrier = CHILDREN.Barrier(len(each))
    children = [CHILDREN.Process(target=_meeting, args=(barrier, work, arguments)) for arguments in each]
    return _ended([_begun(child) for child in children])


def alone(work: str, *arguments: object) -> int | None:
    """Exit status of a child that does some work to its end."""
    return _ended([_begun(CHILDREN.Process(target=_doing, args=(work, arguments)))])[0]


def _begun(child: ForkServerProcess) -> ForkServerProcess:
    child.start()
    return child


def _ended(children: Sequence[ForkServerProcess]) -> list[int | None]:
    for child in children:
        child.join(_PATIENCE_S)
        if child.is_alive():
            child.kill()
    return [child.exitcode for child in children]


def _dying(work: str, arguments: Sequence[object], failpoint: str) -> None:
    os.environ[VARIABLE] = failpoint
    _doing(work, arguments)


def _meeting(barrier: Barrier, work: str, arguments: Sequence[object]) -> None:
    barrier.wait(_PATIENCE_S)
    _doing(work, arguments)


def _doing(work: str, arguments: Sequence[object]) -> None:
    {
        "register": register,
        "promote": promote,
        "review": review,
        "command": command,
    }[work](*arguments)


def register(root: Path, record: bytes) -> None:
    """Register a decision."""
    platform_at(root).register.register(decoded(DecisionRecord, record), fresh=False)


def promote(root: Path, version: ModelVersion, answer: Path | None = None) -> None:
    """Promote a version; what became of it goes into a file."""
    outcome = platform_at(root).releases.promote(version, by="tester", reason="a test")
    if answer is not None:
        answer.write_text(type(outcome).__name__)


def review(root: Path, version: ModelVersion, answer: Path | None = None) -> None:
    """Review a version; which decision was made goes into a file."""
    from pipelines import runs

    decision, _, pack = runs.review(platform_at(root), version)
    if answer is not None:
        answer.write_text(json.dumps([decision.digest, decision.sequence, pack.digest]))


def command(arguments: Sequence[str], log: Path, until: Path) -> None:
    """Run the command line as a terminal would, and press Ctrl-C once a file is there."""
    from pipelines.cli.main import run

    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_interrupted_once, args=(until,), daemon=True).start()
    raise SystemExit(run(list(arguments)))


def _interrupted_once(until: Path) -> None:
    while not until.exists():
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
