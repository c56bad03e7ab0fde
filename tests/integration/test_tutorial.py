"""The tutorial, run as it is written: its files, its commands in their order, and what it says they print.

A comment before a block says what the block is: `file: NAME` is written, `run` is run by a shell and ends
with exit code 0 or the one named, and what `shows` stands in the output of the last run, line by line. Blocks
without one are for people.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
PORT = "3333"
PATIENCE_S = 900.0
_STEP = re.compile(
    r"^<!-- (?P<does>[^\n]+?) -->\n```(?P<language>[a-z]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_OWN = ("MODEL_RISK_", "MLFLOW_", "DAGSTER_")


@dataclass(frozen=True)
class Step:
    does: str
    language: str
    text: str


def steps() -> list[Step]:
    return [Step(**found.groupdict()) for found in _STEP.finditer(TUTORIAL.read_text())]


class Reader:
    """Somebody with a shell in an empty directory."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.state = directory.parent / "shell"
        self.port = str(port)
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        self.environment = {
            **own,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}",
            "MODEL_RISK_ACTOR": "reader",
            "COLUMNS": "160",
        }
        self.state.write_text("")

    def run(self, text: str) -> tuple[int, str]:
        """Exit code and output; what a block exports, the next one has too."""
        script = (
            f"set -eo pipefail; . {self.state}\n{text.replace(PORT, self.port)}\nexport -p > {self.state}\n"
        )
        done = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = done.communicate(timeout=PATIENCE_S)
        finally:
            stop_group(done.pid)
        return done.returncode, output


def stop_group(group: int) -> None:
    """End whatever a block left running, such as a web server when it failed half-way."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain(text: str) -> str:
    """The text with every run of blanks as one."""
    return re.sub(r"[ \t]+", " ", text)


@pytest.mark.timeout(1800)
def test_the_tutorial_does_what_it_says(tmp_path):
    directory = tmp_path / "work"
    directory.mkdir()
    reader = Reader(directory, free_port())
    output = ""
    for step in steps():
        does, _, detail = step.does.partition(" ")
        if does == "file:":
            (directory / detail).write_text(step.text)
        elif does in ("run", "run,"):
            expected = int(detail.removeprefix("exit ") or 0)
            code, output = reader.run(step.text)
            assert code == expected, f"{step.text}\n{output}"
            assert "Traceback" not in output, output
        else:
            for line in step.text.strip().splitlines():
                assert plain(line) in plain(output), f"{line!r} is not in\n{output}"


def test_every_block_of_the_tutorial_but_the_installation_is_tried():
    everything = len(re.findall(r"^```[a-z]+$", TUTORIAL.read_text(), re.MULTILINE))
    assert [step.does.partition(" ")[0].rstrip(":,") for step in steps()].count("run") >= 10
    assert len(steps()) == everything - 1
