"""The workflows for build servers: valid, and their very steps run on a bench as a runner would run them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from modelrisk.decisions import ExitCode
from tests.workbench import CALIBRATED

ROOT = Path(__file__).parents[2]
GITHUB, GITLAB = (ROOT / "deploy" / "ci" / name for name in ("github-actions.yml", "gitlab-ci.yml"))


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", GITHUB),
        ("custom.github-workflows-require-timeout", GITHUB),
        ("vendor.gitlab-ci", GITLAB),
    ],
)
def test_the_file_is_valid_by_its_build_servers_schema(schema, file, tmp_path):
    def checked(path: Path) -> int:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert checked(file) == 0
    broken = tmp_path / file.name
    broken.write_text(re.sub(r"(?m)^(  )?(stage|timeout-minutes|runs-on).*$", "", file.read_text(), count=9))
    broken.write_text(broken.read_text().replace("timeout-minutes", "minutes").replace("script:", "scripts:"))
    assert checked(broken) == 1


def steps(job: str) -> list[dict[str, object]]:
    return yaml.safe_load(GITHUB.read_text())["jobs"][job]["steps"]


def test_secrets_stand_in_the_environment_of_what_needs_them_and_never_in_a_command():
    document = yaml.safe_load(GITHUB.read_text())
    for job in document["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in str(step.get("run", ""))  # nothing of others' making becomes part of a script
    (with_key,) = (step for step in steps("release") if "SIGNING_KEY" in str(step.get("env", "")))
    assert "model-risk" not in with_key["run"]
    assert "umask 077" in with_key["run"]
    assert "MODEL_RISK_SIGNING_KEY" not in str(steps("preview"))


def test_each_exit_code_of_a_review_is_told_by_both():
    gitlab = "\n".join(yaml.safe_load(GITLAB.read_text())["release"]["script"])
    (github,) = (str(step["run"]) for step in steps("release") if step.get("name") == "Review")
    for script in (github, gitlab):
        told = set(re.findall(r"^ *(\d|\*)\) ", script, re.MULTILINE))
        assert told == {*(str(int(code)) for code in ExitCode if code not in _NOT_ATTEMPTED), "*"}


_NOT_ATTEMPTED = (ExitCode.NOT_ATTEMPTED, ExitCode.INTERNAL_ERROR)


@dataclass
class Runner:
    """A machine that runs the steps of a job, with nothing but what the job gives it."""

    root: Path
    governance: Path
    variables: dict[str, str]
    summary: list[str] = field(default_factory=list)

    def run(self, job: str) -> int:
        """Run a job's commands until one fails, and then those that run always; the first failure's code."""
        work = self.root / job
        shutil.rmtree(work, ignore_errors=True)
        (work / "temp").mkdir(parents=True)
        (work / "governance").symlink_to(self.governance)
        environment = self.root / f"{job}.env"
        environment.write_text("")
        variables = {
            **self.variables,
            "RUNNER_TEMP": str(work / "temp"),
            "GITHUB_ENV": str(environment),
            "GITHUB_STEP_SUMMARY": str(work / "summary.md"),
            "GITHUB_ACTOR": "ann",
            "GITHUB_RUN_ID": "7",
        }
        failed = 0
        for step in steps(job):
            if (
                "run" not in step
                or "pip install" in str(step["run"])
                or (failed and step.get("if") != "always()")
            ):
                continue
            written = dict(line.partition("=")[::2] for line in environment.read_text().splitlines())
            result = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", str(step["run"])],
                cwd=work,
                env={**variables, **written},
                capture_output=True,
                text=True,
                check=False,
            )
            self.summary.append(result.stdout + result.stderr)
            failed = failed or result.returncode
        return failed


@pytest.fixture
def runner(bench, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tools = Path(sys.executable).parent
    return Runner(
        tmp_path / "runner",
        bench.governance,
        {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "MLFLOW_TRACKING_URI": bench.tracking_uri,
            "MODEL_RISK_HOME": str(tmp_path / "lasting"),
            "SIGNING_KEY": key.decode().strip(),
        },
    )


def test_the_jobs_preview_review_and_release_as_the_docs_say(bench, runner):
    bench.declare()
    version = bench.register(CALIBRATED)
    runner.variables["MODEL"] = str(version)
    assert runner.run("preview") == 0, runner.summary
    work = runner.root / "preview"
    assert "Releasable (preview)" in (work / "summary.md").read_text()
    assert runner.run("release") == 0, runner.summary
    work = runner.root / "release"
    assert "Releasable" in (work / "summary.md").read_text()
    assert ElementTree.parse(work / "decision.xml").getroot().get("failures") == "0"
    assert (work / "evidence.zip").is_file()
    assert not (work / "temp" / "signing.pem").exists()
    assert bench.platform.registry.alias(version.name, "champion") == version
    assert runner.variables["SIGNING_KEY"].splitlines()[1] not in "".join(runner.summary)
    assert not (Path(runner.variables["MODEL_RISK_HOME"]) / "keys").exists()


def test_a_build_without_its_secret_signs_nothing(bench, runner):
    bench.declare()
    runner.variables |= {"MODEL": str(bench.register(CALIBRATED)), "SIGNING_KEY": ""}
    assert runner.run("release") == 2
    assert "::error::not attempted" in "".join(runner.summary)
    assert not (Path(runner.variables["MODEL_RISK_HOME"]) / "ledger.db").exists()
