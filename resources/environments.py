"""The one place that reads the process environment, and turns it into the resources of an assembly.

What does not belong here: what the resources do.
"""

import getpass
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from uuid import uuid4

from modelrisk.decisions import Actor, Tool
from modelrisk.errors import CallerMistake
from resources.home import Home

_NO_TELEMETRY = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DAGSTER_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_CI_JOBS = (
    ("GITHUB_RUN_ID", "github-actions"),
    ("CI_JOB_ID", "gitlab-ci"),
    ("BUILD_TAG", "jenkins"),
    ("CI", "ci"),
)
_RECORDED_LIBRARIES = ("dagster", "mlflow", "great-expectations", "duckdb", "ibis-framework", "scipy")


def switch_off_telemetry() -> None:
    """Tell every library in this process and its children to send nothing anywhere."""
    os.environ.update(_NO_TELEMETRY)


@dataclass(frozen=True)
class Circumstances:
    """Who is asking, with what, and when: the facts of a decision that are not about the model.

    Attributes:
        actor: a CI job when one is recognised, otherwise the login name.
        tool: versions of this project, Python and the libraries behind the numbers.
    """

    actor: Actor
    tool: Tool

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Circumstances":
        """Read the actor from the environment and the versions from the installed packages."""
        libraries = {name: metadata.version(name) for name in _RECORDED_LIBRARIES}
        tool = Tool(metadata.version("model-risk"), platform.python_version(), libraries)
        for variable, system in _CI_JOBS:
            if environ.get(variable):
                return cls(Actor("ci", f"{system}:{environ[variable]}"), tool)
        return cls(Actor("user", environ.get("MODEL_RISK_ACTOR") or getpass.getuser()), tool)

    def now(self) -> datetime:
        """The present instant in UTC; recorded, never used to order anything."""
        return datetime.now(UTC)

    def new_id(self) -> str:
        """A fresh record identifier."""
        return str(uuid4())


@dataclass(frozen=True)
class Settings:
    """Where everything is, as the environment and the command line say.

    Attributes:
        home: the embedded platform's directory.
        governance: directory of policy and intake files.
        tracking_uri: MLflow tracking and registry URI.
        signing_key: private key that signs decisions.
        dagster_home: the Dagster instance's directory.
        scoring_seconds: wall-clock limit of scoring one model on one data set.
        scoring_megabytes: memory limit of the scoring process.
        ui: where people reach the Dagster UI, for links in messages; None when nobody said.
    """

    home: Home
    governance: Path
    tracking_uri: str
    signing_key: Path
    dagster_home: Path
    scoring_seconds: float = 1800.0
    scoring_megabytes: int = 8192
    ui: str | None = None
    circumstances: Circumstances = field(default_factory=lambda: Circumstances.from_environment(os.environ))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings of this process; unset variables fall back to the embedded platform.

        Raises:
            CallerMistake: a variable holds something that is no number.
        """
        variables = os.environ if environ is None else environ
        home = Home(Path(variables.get("MODEL_RISK_HOME") or ".model-risk").absolute())
        return cls(
            home=home,
            governance=_governance(variables, home),
            tracking_uri=variables.get("MLFLOW_TRACKING_URI") or home.registry_uri,
            signing_key=Path(variables.get("MODEL_RISK_SIGNING_KEY") or home.signing_key).absolute(),
            dagster_home=Path(variables.get("DAGSTER_HOME") or home.dagster).absolute(),
            scoring_seconds=_positive(variables, "MODEL_RISK_SCORING_SECONDS", 1800.0),
            scoring_megabytes=int(_positive(variables, "MODEL_RISK_SCORING_MEGABYTES", 8192)),
            ui=(variables.get("MODEL_RISK_UI") or "").rstrip("/") or None,
            circumstances=Circumstances.from_environment(variables),
        )

    def at(
        self,
        *,
        home: Path | None = None,
        governance: Path | None = None,
        tracking_uri: str | None = None,
    ) -> "Settings":
        """The same settings with what the command line says instead; a new home moves its defaults along."""
        settings = self
        if home is not None:
            moved = Home(home.absolute())
            settings = replace(
                settings,
                home=moved,
                governance=moved.governance
                if settings.governance == settings.home.governance
                else settings.governance,
                tracking_uri=moved.registry_uri
                if settings.tracking_uri == settings.home.registry_uri
                else settings.tracking_uri,
                signing_key=moved.signing_key
                if settings.signing_key == settings.home.signing_key
                else settings.signing_key,
                dagster_home=moved.dagster
                if settings.dagster_home == settings.home.dagster
                else settings.dagster_home,
            )
        if governance is not None:
            settings = replace(settings, governance=governance.absolute())
        if tracking_uri is not None:
            settings = replace(settings, tracking_uri=tracking_uri)
        return settings


def _governance(variables: Mapping[str, str], home: Home) -> Path:
    """What the environment says, else `governance` here if it exists, else the home's own."""
    here = Path("governance").absolute()
    declared = variables.get("MODEL_RISK_GOVERNANCE")
    if declared:
        return Path(declared).absolute()
    return here if here.is_dir() else home.governance


def _positive(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise CallerMistake(
            found=f"{name}={text!r}", expected="a positive number", remedy=f"Correct or unset {name}"
        )
    return number
