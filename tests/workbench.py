"""A small real platform: MLflow and Dagster on SQLite, one governance directory and home for each test.

The models are hand-written pyfuncs over one column `x`, so that logging and loading one costs little and its
behaviour is known: a classifier's probabilities are the true ones of the label, a regression's number is its
mean.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from modelrisk.decisions import Actor, DecisionRecord
from modelrisk.identity import ModelVersion
from pipelines import runs
from pipelines.cli import main
from resources.assembly import Platform
from resources.decision_register import Registered
from resources.environments import Circumstances, Settings
from resources.home import Home
from resources.scorer import Scorer
from tests.pyfuncs import write_model

if TYPE_CHECKING:
    import pandas as pd

CALIBRATED = "return 1.0 / (1.0 + np.exp(-1.5 * rows['x'].to_numpy()))"
"""P(y = 1 | x), exactly as the data are made."""
NOISY = "return 1.0 / (1.0 + np.exp(-1.5 * (0.2 * rows['x'] + np.sin(7919 * rows['x'])).to_numpy()))"
"""Clearly worse than `CALIBRATED`."""
BLURRED = CALIBRATED.replace("return ", "return 0.005 + 0.99 * ")
"""Hardly different from `CALIBRATED`."""
WRONG_WAY_ROUND = CALIBRATED.replace("return ", "return 1.0 - ")
"""Worse than chance."""
ROWS = 4000

GRADES = ("poor", "fair", "good")
GRADING = """
    u = np.outer(rows['x'], [-2.0, 0.0, 2.0])
    p = np.exp(u) / np.exp(u).sum(axis=1, keepdims=True)
    return p
"""
"""P(grade | x) of each of `GRADES`, exactly as the data are made."""
SHUFFLED_GRADING = GRADING.replace("rows['x']", "0.2 * rows['x'] + np.sin(7919 * rows['x'])")
"""Clearly worse than `GRADING`."""
BLURRED_GRADING = GRADING.replace("return p", "return 0.99 * p + 0.01 / 3.0")
"""Hardly different from `GRADING`."""
SEVERAL_CLASSES: Mapping[str, Any] = {
    "task": "multiclass_classification",
    "data": {
        "evaluation": "../../data/grades.parquet",
        "training": "../../data/grades-before.parquet",
        "label": "grade",
        "favourable": "good",
        "sensitive": ["sex"],
        "id": "id",
    },
    "prediction": {"classes": list(GRADES)},
}
"""What the intake of a model of several classes says otherwise than that of a loan model."""

PRICING = "return 100.0 + 30.0 * rows['x'].to_numpy()"
"""The mean price given x, exactly as the data are made."""
SHUFFLED_PRICING = PRICING.replace("rows['x']", "(0.2 * rows['x'] + np.sin(7919 * rows['x']))")
"""Clearly worse than `PRICING`."""
BLURRED_PRICING = PRICING + " + 0.5 * np.sin(7919 * rows['x'].to_numpy())"
"""Hardly different from `PRICING`."""
NUMBERS: Mapping[str, Any] = {
    "task": "regression",
    "data": {
        "evaluation": "../../data/prices.parquet",
        "training": "../../data/prices-before.parquet",
        "label": "price",
        "sensitive": ["sex"],
        "id": "id",
    },
    "prediction": {},
}
"""What the intake of a regression says otherwise than that of a loan model."""


@dataclass
class Bench:
    """One governance directory and one home, over the shared registry.

    Model names carry the test's name, so that tests do not meet in the registry.
    """

    root: Path
    tracking_uri: str
    scorer: Scorer
    prefix: str
    instance: dg.DagsterInstance | None = None

    def __post_init__(self) -> None:
        self.governance = self.root / "governance"
        (self.governance / "models").mkdir(parents=True)
        self.data = self.root / "data"
        self.data.mkdir()
        write_rows(self.data / "training.parquet", seed=1)
        write_rows(self.data / "evaluation.parquet", seed=2)

    @property
    def name(self) -> str:
        return f"{self.prefix}-loan"

    @property
    def platform(self) -> Platform:
        """A new assembly each time, as a new process would make it."""
        home = Home(self.root / "home")
        circumstances = Circumstances.from_environment({"MODEL_RISK_ACTOR": "tester"})
        assert circumstances.actor == Actor("user", "tester")
        return Platform(
            Settings(
                home=home,
                governance=self.governance,
                tracking_uri=self.tracking_uri,
                signing_key=home.signing_key,
                dagster_home=home.dagster,
                circumstances=circumstances,
            ),
            shared_scorer=self.scorer,
        )

    def register(self, body: str = CALIBRATED, *, name: str | None = None, **changes: Any) -> ModelVersion:
        """Log and register a version whose `predict(self, rows)` has this body."""
        return register(self.tracking_uri, name or self.name, body, data=self.data, root=self.root, **changes)

    def declare(self, *, name: str | None = None, **changes: Any) -> Path:
        """Write the model's intake, a tier-1 lending model unless changed."""
        return declare(self.governance, name or self.name, **changes)

    def frame(self, name: str = "evaluation") -> "pd.DataFrame":
        """The rows of one of the data sets."""
        import pandas as pd

        return pd.read_parquet(self.data / f"{name}.parquet")

    def put(self, table: "pd.DataFrame", name: str = "evaluation") -> None:
        """Other rows for one of the data sets."""
        table.to_parquet(self.data / f"{name}.parquet", index=False)

    def write_policy(self, policy: Mapping[str, Any]) -> None:
        text = yaml.safe_dump({"schema": "model-risk/policy@1", **policy})
        (self.governance / "policy.yaml").write_text(text)

    def review(self, version: ModelVersion, **options: Any) -> Registered:
        return runs.review(self.platform, version, instance=self.instance, **options)[0]

    def judge(self, version: ModelVersion) -> Registered:
        """A registered decision: every stage of a review in order, without a run of the orchestrator."""
        platform = self.platform
        parts: dict[str, Any] = platform.resources()
        intake, case = platform.case_files.intake(version), platform.case_files.open(version)
        predictions = parts["scored_once"].predictions(case, fresh=False)
        evaluator = parts["evaluator"]
        stages = (
            parts["validator"].evidence(case),
            evaluator.quality(case, predictions),
            evaluator.fairness(case, predictions),
            evaluator.champion_comparison(case, predictions),
        )
        return parts["decider"].decide(intake, case, predictions, stages, fresh=False, preview=False)

    def release(self, version: ModelVersion) -> object:
        return runs.release(self.platform, version, by="tester", reason="a test", instance=self.instance)


@dataclass(frozen=True)
class Terminal:
    """The command line on a bench."""

    bench: Bench
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, tracking_uri: str | None = None) -> "Printed":
        home = str(self.bench.root / "home")
        places = ["--home", home, "--governance", str(self.bench.governance)]
        places += ["--tracking-uri", tracking_uri or self.bench.tracking_uri]
        self.capsys.readouterr()
        code = main.run([*places, *arguments])
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        return Printed(code, captured.out, captured.err)


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str


def declare(governance: Path, name: str, **changes: Any) -> Path:
    document = {
        "model": name,
        "owner": "team:lending",
        "purpose": "Ranks applications for manual review.",
        "task": "binary_classification",
        "facts": {
            "materiality": "high",
            "affects": "individuals",
            "automation": "recommends",
            "exposure": "external",
        },
        "data": {
            "evaluation": "../../data/evaluation.parquet",
            "training": "lineage",
            "label": "y",
            "positive": 1,
            "favourable": 0,
            "sensitive": ["sex"],
            "id": "id",
        },
        "prediction": {"classes": [0, 1], "threshold": 0.5},
        "rollback": {"to": "previous", "tested": "2026-01-15"},
        **changes,
    }
    path = governance / "models" / "model.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return path


def write_rows(path: Path, *, seed: int, rows: int = ROWS, **columns: object) -> Path:
    """Rows whose label follows x, a sex without influence, and an id unique over all seeds."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    made: dict[str, object] = {
        "id": np.arange(rows) + seed * 10_000_000,
        "x": x,
        "sex": random.choice(["F", "M"], size=rows),
        "y": (random.uniform(size=rows) < 1.0 / (1.0 + np.exp(-1.5 * x))).astype("int64"),
    }
    pq.write_table(pa.table({**made, **columns}), path)
    return path


def write_grades(path: Path, *, seed: int, rows: int = ROWS, **columns: object) -> Path:
    """Rows as of `write_rows`, with one of `GRADES` that follows x."""
    import numpy as np

    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    # The most probable of utilities with Gumbel noise is a draw from their softmax.
    utility = np.outer(x, [-2.0, 0.0, 2.0]) + random.gumbel(size=(rows, len(GRADES)))
    grade = np.array(GRADES)[utility.argmax(axis=1)]
    return write_rows(path, seed=seed, rows=rows, **{"x": x, "grade": grade, **columns})


def write_prices(path: Path, *, seed: int, rows: int = ROWS, **columns: object) -> Path:
    """Rows as of `write_rows`, with a price that follows x."""
    import numpy as np

    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    price = 100.0 + 30.0 * x + random.normal(scale=20.0, size=rows)
    return write_rows(path, seed=seed, rows=rows, **{"x": x, "price": price, **columns})


def register(
    tracking_uri: str,
    name: str,
    body: str,
    *,
    data: Path,
    root: Path,
    signed: bool = True,
    dataset: bool = True,
    source: str | None = None,
) -> ModelVersion:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri, tracking_uri)
    experiment = client.get_experiment_by_name("tests")
    number = (
        experiment.experiment_id
        if experiment
        else client.create_experiment("tests", artifact_location=str(root / "artifacts"))
    )
    run = client.create_run(number, tags={"mlflow.source.git.commit": "0" * 40})
    count = len(list(root.glob("model-*")))
    client.log_artifacts(
        run.info.run_id, str(write_model(root / f"model-{count}", body, signed=signed)), "model"
    )
    client.log_param(run.info.run_id, "slope", 1.5)
    if dataset:
        where = json.dumps({"uri": source or str(data / "training.parquet")})
        # MLflow takes two data sets of one name and digest for one, wherever they are said to be.
        logged = Dataset("training", hashlib.sha256(where.encode()).hexdigest()[:8], "local", where)
        client.log_inputs(
            run.info.run_id, [DatasetInput(logged, [InputTag("mlflow.data.context", "training")])]
        )
    client.set_terminated(run.info.run_id)
    try:
        client.create_registered_model(name)
    except MlflowException:
        client.get_registered_model(name)
    made = client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    return ModelVersion(name, str(made.version))


def said(record: DecisionRecord) -> str:
    """Everything a record gives as a reason."""
    return " ".join([record.headline, *(control.reason for control in record.controls)])


def controls(record: DecisionRecord) -> dict[str, str]:
    """Verdict by control."""
    return {control.id: control.verdict.value for control in record.controls}
