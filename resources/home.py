"""The embedded platform's one directory: registry, Dagster instance, evidence, ledger and keys.

Everything a laptop needs lives under it, and it ignores itself in git. Each part can live elsewhere
(an MLflow server, a key from a secret); this is only the default.

What does not belong here: which home to use (`resources.environments`).
"""

from dataclasses import dataclass
from pathlib import Path

from modelrisk.errors import Unavailable

_DAGSTER_YAML = """\
# Written once by model-risk; yours to edit. docs/operations.md says what each part is for.
telemetry:
  enabled: false
nux:
  enabled: false

# A review may score two models for MODEL_RISK_SCORING_SECONDS and MODEL_RISK_SCORING_MEGABYTES each: raise
# this with the memory of the machine.
concurrency:
  runs:
    max_concurrent_runs: 2

# A run whose process is gone, killed or with the whole host, is failed and started again from the step that
# did not finish. So is one that takes longer than its longest time. A step that failed is not: it said why,
# and would say so again. The launcher is for a daemon and runs on one machine.
run_launcher:
  module: resources.run_launcher
  class: OneMachineRunLauncher
run_monitoring:
  enabled: true
  start_timeout_seconds: 600
  cancel_timeout_seconds: 300
  max_runtime_seconds: 7200
  poll_interval_seconds: 60
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false

# Side by side, so that one that waits for a silent server does not hold up the others.
sensors:
  use_threads: true
  num_workers: 4
schedules:
  use_threads: true
  num_workers: 4

retention:
  sensor:
    purge_after_days:
      skipped: 3
      failure: 30
      success: 90
  schedule:
    purge_after_days:
      skipped: 30
      failure: 90
      success: 365
"""


@dataclass(frozen=True)
class Home:
    """Paths under the home directory.

    Attributes:
        path: the absolute home directory.
    """

    path: Path

    @property
    def registry_uri(self) -> str:
        """Tracking and registry URI of the embedded MLflow store."""
        return f"sqlite:///{self.path / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Where the embedded registry's artifacts lie."""
        return self.path / "artifacts"

    @property
    def governance(self) -> Path:
        """Policy and intake files, where a checkout has no directory of its own for them."""
        return self.path / "governance"

    @property
    def dagster(self) -> Path:
        """`DAGSTER_HOME` shared by the command line, the webserver and the daemon."""
        return self.path / "dagster"

    @property
    def evidence(self) -> Path:
        """Root of the content-addressed evidence store."""
        return self.path / "evidence"

    @property
    def ledger(self) -> Path:
        """The ledger's SQLite file."""
        return self.path / "ledger.db"

    @property
    def signing_key(self) -> Path:
        """The default signing key; its public half lies beside it."""
        return self.path / "keys" / "signing.pem"

    @property
    def models(self) -> Path:
        """Copies of model directories, by digest: the bytes hashed are the bytes scored."""
        return self.path / "models"

    @property
    def stages(self) -> Path:
        """Which evidence is the newest of each stage and version."""
        return self.path / "stages"

    @property
    def packs(self) -> Path:
        """Evidence packs, one file a decision."""
        return self.path / "packs"

    @property
    def cards(self) -> Path:
        """The newest card of each version, as a page."""
        return self.path / "cards"

    @property
    def portfolio(self) -> Path:
        """The newest report on each quarter, as a page beside the cards it leads to."""
        return self.path / "portfolio"

    @property
    def work(self) -> Path:
        """Scratch space: converted files, predictions in the making, spilled queries."""
        return self.path / "work"

    def prepared(self) -> "Home":
        """Create what is missing; safe to repeat and to race.

        Raises:
            Unavailable: the directory cannot be written.
        """
        try:
            for directory in (self.path, self.artifacts, self.dagster, self.work):
                directory.mkdir(parents=True, exist_ok=True)
            _written_once(self.path / ".gitignore", "*\n")
            _written_once(self.dagster / "dagster.yaml", _DAGSTER_YAML)
        except OSError as error:
            raise Unavailable(
                found=f"a home directory {self.path} that cannot be written ({error.strerror or error})",
                expected="a writable directory",
                remedy="Point --home (or MODEL_RISK_HOME) at a directory you may write",
            ) from error
        return self


def _written_once(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return
