"""A whole review of a boosted model on 1,000,000 × 20 rows, stage by stage, against scoring alone.

Run with `pytest tests/benchmarks/test_review_benchmark.py -m benchmark -n 0 -s`. The peer is the work nobody
can avoid: the two models' `predict` and writing their predictions. `ROWS` sets the number of rows.
"""

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from modelrisk.identity import ModelVersion
from resources.assembly import Platform
from resources.environments import Settings
from resources.home import Home

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3000)]
ROWS = int(os.environ.get("ROWS", "1000000"))
FEATURES = 20
MODEL = "benchmark-default-risk"


@dataclass
class Clock:
    """Wall-clock seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    root = tmp_path_factory.mktemp("benchmark")
    home = Home(root / "home").prepared()
    settings = Settings(
        home=home,
        governance=root / "governance",
        tracking_uri=home.registry_uri,
        signing_key=home.signing_key,
        dagster_home=home.dagster,
    )
    write_rows(root / "training.parquet", rows=200_000, seed=1)
    write_rows(root / "evaluation.parquet", rows=ROWS, seed=2)
    register(root, home)
    declare(root)
    return Platform(settings)


def write_rows(path: Path, *, rows: int, seed: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(seed)
    columns: dict[str, object] = {
        f"feature_{index:02}": random.normal(size=rows) for index in range(FEATURES)
    }
    risk = sum(np.asarray(columns[f"feature_{index:02}"]) * 0.3 for index in range(5)) - 1.0
    columns["defaulted"] = (random.uniform(size=rows) < 1 / (1 + np.exp(-risk))).astype("int64")
    columns["sex"] = random.choice(["female", "male"], size=rows)
    columns["age_band"] = random.choice(["18-29", "30-44", "45-59", "60-74", "75+"], size=rows)
    columns["application"] = np.arange(rows) + seed * 1_000_000_000
    pq.write_table(pa.table(columns), path)


def register(root: Path, home: Home) -> None:
    import mlflow
    import pyarrow.parquet as pq
    from mlflow.models import infer_signature
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    mlflow.set_tracking_uri(home.registry_uri)
    mlflow.set_registry_uri(home.registry_uri)
    mlflow.create_experiment("benchmark", artifact_location=str(home.artifacts))
    mlflow.set_experiment("benchmark")
    training = pq.read_table(root / "training.parquet").to_pandas()
    features = training[[name for name in training if name.startswith("feature_")]]
    for seed in (1, 2):
        model = HistGradientBoostingClassifier(max_iter=300, early_stopping=False, random_state=seed)
        with threadpool_limits(1):  # more threads only wait for each other while anything else runs
            model.fit(features, training["defaulted"])
        with mlflow.start_run():
            logged = mlflow.data.from_pandas(training.head(100), source=str(root / "training.parquet"))
            mlflow.log_input(logged, context="training")
            mlflow.sklearn.log_model(
                model,
                name="model",
                signature=infer_signature(features.head(), model.predict_proba(features.head())),
                pyfunc_predict_fn="predict_proba",
                pip_requirements=["scikit-learn"],
                serialization_format="cloudpickle",
                registered_model_name=MODEL,
            )
    mlflow.MlflowClient().set_registered_model_alias(MODEL, "champion", "1")


def declare(root: Path) -> None:
    models = root / "governance" / "models"
    models.mkdir(parents=True)
    document = {
        "model": MODEL,
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
            "evaluation": str(root / "evaluation.parquet"),
            "label": "defaulted",
            "positive": 1,
            "favourable": 0,
            "sensitive": ["sex", "age_band"],
            "id": "application",
        },
        "rollback": {"to": "previous", "tested": "2026-01-01"},
    }
    (models / "model.yaml").write_text(yaml.safe_dump(document))


def test_everything_but_scoring_against_scoring(platform: Platform):
    version, clock = ModelVersion(MODEL, "2"), Clock()
    resources = platform.resources()
    validator, scored_once, evaluator, decider = (
        resources[name] for name in ("validator", "scored_once", "evaluator", "decider")
    )
    import great_expectations  # noqa: F401 - a warm process has it
    import ibis  # noqa: F401 - as above

    with platform.scorer.warm():
        time.sleep(15)  # the child's own start: a warm process has it behind it
        intake = platform.case_files.intake(version)
        with clock.stage("inventory/lineage"):
            case = platform.case_files.open(version)
        with clock.stage("validation/evaluation_data"):
            validation = validator.evidence(case)
        with clock.stage("evaluation/predictions"):
            predictions = scored_once.predictions(case, fresh=False)
        with clock.stage("evaluation/quality"):
            quality = evaluator.quality(case, predictions)
        with clock.stage("evaluation/fairness"):
            fairness = evaluator.fairness(case, predictions)
        with clock.stage("evaluation/champion_comparison"):
            comparison = evaluator.champion_comparison(case, predictions)
        stages = (validation, quality, fairness, comparison)
        with clock.stage("release/decision"):
            decision = decider.decide(intake, case, predictions, stages, fresh=False, preview=False)
        with clock.stage("documentation/datasheet"):
            sheets = platform.publications.datasheets(case)
        with clock.stage("documentation/model_card"):
            card = platform.publications.card(decision, intake=intake.intake, case=case, datasheets=sheets)
        with clock.stage("documentation/evidence_pack"):
            platform.publications.pack(decision, card, sheets)
    assert predictions.candidate.problem is None, predictions.candidate.problem
    assert predictions.champion is not None
    scoring = clock.seconds.pop("evaluation/predictions")
    rest = sum(clock.seconds.values())
    print(f"\n{ROWS:,} rows × {FEATURES} features; scoring two models {scoring:.2f} s")
    for name, seconds in clock.seconds.items():
        print(f"  {name:<32} {seconds:6.2f} s")
    print(f"  everything but scoring           {rest:6.2f} s, ratio to scoring {rest / scoring:.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"  peak memory {peak:,.0f} MB (scoring process {children:,.0f} MB)")
    print(json.dumps({"verdict": decision.record.verdict, "headline": decision.record.headline}))
