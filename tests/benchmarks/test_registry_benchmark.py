"""One look at a registry of 10,000 versions, beside MLflow's own list of them as one page, in processor time.

Run with `pytest tests/benchmarks/test_registry_benchmark.py -m benchmark -n 0 -s`.
"""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from modelrisk.arrivals import Mark
from pipelines.sensors.registry import new_versions
from resources.environments import Circumstances
from resources.ledger_store import SqliteLedger
from resources.model_registry import ModelRegistry

MODELS, EACH = 500, 20


@pytest.fixture
def uri(tmp_path: Path) -> str:
    path = tmp_path / "mlflow.db"
    uri = f"sqlite:///{path}"
    list(ModelRegistry(uri).versions())  # makes the tables
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    with sqlite3.connect(path) as store:
        for model in range(MODELS):
            name = f"model-{model:04d}"
            store.execute(
                "INSERT INTO registered_models (name, creation_time, last_updated_time, description)"
                " VALUES (?, ?, ?, '')",
                (name, start, start),
            )
            store.executemany(
                "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,"
                " current_stage, source, status) VALUES (?, ?, ?, ?, '', 'None', '/x', 'READY')",
                [(name, number, start + number * 86_400_000 + model, start) for number in range(1, EACH + 1)],
            )
            store.execute(
                "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, 'champion', ?)",
                (name, EACH - 1),
            )
    return uri


@pytest.mark.benchmark
def test_a_tick_over_ten_thousand_versions_beside_mlflows_own_list(uri, tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient(uri, uri)
    client.search_model_versions("", max_results=1)
    begun = time.process_time()
    listed = client.search_model_versions("", max_results=10_000)
    peer = time.process_time() - begun
    assert len(listed) == MODELS * EACH
    (tmp_path / "dagster").mkdir()
    circumstances = Circumstances.from_environment({"MODEL_RISK_ACTOR": "benchmark"})
    cursor = None
    spent: list[float] = []
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        for _ in range(3):
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={
                    "registry": ModelRegistry(uri),
                    "ledger": SqliteLedger(tmp_path / "ledger.db"),
                    "circumstances": circumstances,
                },
            )
            begun = time.process_time()
            result = new_versions(context)
            spent.append(time.process_time() - begun)
            assert isinstance(result, dg.SensorResult)
            for request in result.dynamic_partitions_requests or []:
                instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            cursor = Mark(1_767_225_600_000, circumstances.now().isoformat()).text
    words = ", ".join(f"{seconds:.2f} s" for seconds in spent)
    print(f"\nMLflow's list {peer:.2f} s; first sweep, second and third tick down to January: {words}")
    assert max(spent) < 20 * peer
