"""One contract for the fake and the real registry; then what only a real one can do wrong."""

import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.lineage import ColumnSpec, DatasetInput, Lineage, Signature, lineage_gaps, training_source
from resources.model_registry import ModelRegistry, Registry
from tests.fakes import FakeModelRegistry

HOSTILE = "=cmd()<script>'; DROP TABLE x; --\nname \u202e👻"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MLMODEL = {
    "flavors": {"python_function": {"loader_module": "the_model", "python_version": "3.11.7"}, "sklearn": {}},
    "signature": {
        "inputs": json.dumps(
            [
                {"type": "double", "name": "income", "required": True},
                {"type": "long", "name": "a b", "required": False},
            ]
        ),
        "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]),
        "params": None,
    },
    "saved_input_example_info": {"artifact_path": "input_example.json"},
}


def model_files(directory: Path) -> Path:
    (directory / "code").mkdir(parents=True)
    (directory / "MLmodel").write_text(json.dumps(MLMODEL))
    (directory / "requirements.txt").write_text("# ours\nscikit-learn==1.9.1\n\nnumpy==2.4.6\n")
    (directory / "code" / "the_model.py").write_text("x = 1\n")
    return directory


@dataclass
class World:
    """A registry with `loan` 1 (ready, traced), 2 (no run), a hostile name, and a version still pending."""

    registry: Registry
    run_id: str
    uri: str = ""
    client: Any = None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> World:
    import mlflow
    from mlflow.entities import Dataset, DatasetInput, InputTag

    root = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    registry = ModelRegistry(uri)
    assert list(registry.versions()) == []  # the first question makes the tables
    client = mlflow.MlflowClient(uri, uri)
    experiment = client.create_experiment("lending", artifact_location=str(root / "artifacts"))
    run = client.create_run(experiment)
    run_id = run.info.run_id
    client.log_param(run_id, "depth", "3")
    for name, value in (("auc", 0.75), ("nan", math.nan), ("high", math.inf), ("low", -math.inf)):
        client.log_metric(run_id, name, value)
    client.set_tag(run_id, "mlflow.source.git.commit", COMMIT)
    client.set_tag(run_id, "team", "lending")
    dataset = Dataset("applications", "abc123", "local", json.dumps({"uri": "/data/train.parquet"}))
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    source = model_files(root / "model")
    client.log_artifacts(run_id, str(source), "model")
    for name in ("loan", HOSTILE, "gone"):
        client.create_registered_model(name)
    # Registering by client waits for nothing: the source is taken as it is.
    client.create_model_version("loan", f"{run.info.artifact_uri}/model", run_id, description="First.")
    client.create_model_version("loan", str(source))
    client.create_model_version(HOSTILE, str(source))
    client.create_model_version("gone", str(root / "nowhere"))
    client.set_model_version_tag("loan", "1", "stage", "trial")
    return World(registry, run_id, uri, client)


def imagined(directory: Path) -> World:
    """The same world in the fake."""
    fake, run_id = FakeModelRegistry(), "f" * 32
    lineage = Lineage(
        version=ModelVersion("loan", "1"),
        run_id=run_id,
        experiment="lending",
        source=f"{directory}/model",
        status="READY",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        description="First.",
        params={"depth": "3"},
        metrics={"auc": 0.75, "nan": "nan", "high": "inf", "low": "-inf"},
        tags={"stage": "trial", "team": "lending"},
        flavors=("python_function", "sklearn"),
        signature=Signature(
            (ColumnSpec("income", "double"), ColumnSpec("a b", "long", required=False)), "tensor(int64)"
        ),
        datasets=(DatasetInput("applications", "abc123", "local", "/data/train.parquet", "training"),),
        requirements=("scikit-learn==1.9.1", "numpy==2.4.6"),
        python_version="3.11.7",
        source_commit=COMMIT,
        input_example=True,
    )
    files = model_files(directory / "model")
    fake.add(lineage, files)
    for version in (ModelVersion("loan", "2"), ModelVersion(HOSTILE, "1")):
        fake.add(replace(lineage, version=version, run_id=None, datasets=()), files)
    fake.add(replace(lineage, version=ModelVersion("gone", "1")))
    logged = ModelVersion("model", f"runs:/{run_id}/model")
    fake.add(replace(lineage, version=logged, status="UNREGISTERED", description=""), files)
    fake.add(
        replace(lineage, version=replace(logged, name="loan"), status="UNREGISTERED", description=""), files
    )
    fake.tag_version(ModelVersion("loan", "1"), {"stage": "trial"})
    return World(fake, run_id)


@pytest.fixture(params=["fake", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "fake":
        return imagined(tmp_path)
    return request.getfixturevalue("store")


LOAN = ModelVersion("loan", "1")


def test_versions_lists_every_registered_version_and_nothing_else(world: World) -> None:
    expected = {LOAN, ModelVersion("loan", "2"), ModelVersion(HOSTILE, "1"), ModelVersion("gone", "1")}
    assert set(world.registry.versions()) == expected


def test_the_listing_starts_with_the_newest_version_and_says_when_it_was_registered(world: World) -> None:
    listed = list(world.registry.newest_first())
    assert {each.version for each in listed} == set(world.registry.versions())
    assert [each.created_ms for each in listed] == sorted((e.created_ms for e in listed), reverse=True)
    assert all(each.created_ms > 1_600_000_000_000 and each.is_ready for each in listed)


def test_models_are_listed_with_their_aliases(world: World) -> None:
    world.registry.set_alias(LOAN, "shadow")
    listed = {model.name: model.aliases for model in world.registry.models()}
    assert listed.keys() == {"loan", HOSTILE, "gone"}
    assert listed["loan"]["shadow"] == "1"


def test_a_name_with_its_version_alias_or_key_resolves(world: World) -> None:
    world.registry.set_alias(LOAN, "challenger")
    assert world.registry.resolve("loan@1") == LOAN
    assert world.registry.resolve("loan@challenger") == LOAN
    hostile = ModelVersion(HOSTILE, "1")
    assert world.registry.resolve(hostile.key) == hostile
    assert world.registry.resolve(f"{HOSTILE}@1") == hostile


def test_a_logged_model_resolves_with_and_without_a_name(world: World) -> None:
    logged = f"runs:/{world.run_id}/model"
    assert world.registry.resolve(logged) == ModelVersion("model", logged)
    assert world.registry.resolve(f"loan@{logged}") == ModelVersion("loan", logged)
    assert world.registry.resolve(ModelVersion("loan", logged).key) == ModelVersion("loan", logged)


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("lone@1", "'loan'"),
        ("loan@99", "2"),
        ("loan@nobody", "nobody"),
        ("loan", "NAME@VERSION"),
        ("@1", "NAME@VERSION"),
        ("loan@", "NAME@VERSION"),
        ("loan@007", "'007'"),
        ("runs:/00000000000000000000000000000000/model", "run"),
        ("../../etc@1", "etc"),
    ],
)
def test_an_unknown_reference_is_the_callers_mistake_and_says_what_there_is(
    world: World, reference: str, named: str
) -> None:
    with pytest.raises(CallerMistake) as caught:
        world.registry.resolve(reference)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lineage_tells_where_a_version_came_from(world: World) -> None:
    lineage = world.registry.lineage(LOAN)
    assert lineage.version == LOAN
    assert lineage.run_id == world.run_id
    assert lineage.experiment == "lending"
    assert lineage.status == "READY"
    assert lineage.description == "First."
    assert lineage.params == {"depth": "3"}
    assert lineage.metrics == {"auc": 0.75, "nan": "nan", "high": "inf", "low": "-inf"}
    assert lineage.tags == {"stage": "trial", "team": "lending"}
    assert lineage.flavors == ("python_function", "sklearn")
    assert lineage.signature is not None
    assert lineage.signature.columns == ("income", "a b")
    assert lineage.requirements == ("scikit-learn==1.9.1", "numpy==2.4.6")
    assert lineage.source_commit == COMMIT
    assert lineage.input_example
    assert lineage.created_at is not None
    assert lineage.created_at.tzinfo is UTC
    assert training_source(lineage) == "/data/train.parquet"
    assert lineage_gaps(lineage) == ()


def test_lineage_of_a_version_without_a_run_has_gaps_and_no_error(world: World) -> None:
    lineage = world.registry.lineage(ModelVersion("loan", "2"))
    assert lineage.run_id is None
    assert lineage.datasets == ()
    assert len(lineage_gaps(lineage)) == 2


def test_lineage_of_a_logged_model_is_that_of_its_run(world: World) -> None:
    logged = ModelVersion("loan", f"runs:/{world.run_id}/model")
    lineage = world.registry.lineage(logged)
    assert lineage.status == "UNREGISTERED"
    assert lineage.run_id == world.run_id
    assert lineage.signature is not None


def test_aliases_move_and_show_in_the_lineage(world: World) -> None:
    world.registry.set_alias(LOAN, "moving")
    world.registry.set_alias(ModelVersion("loan", "2"), "moving")
    assert world.registry.alias("loan", "moving") == ModelVersion("loan", "2")
    assert "moving" in world.registry.lineage(ModelVersion("loan", "2")).aliases
    assert "moving" not in world.registry.lineage(LOAN).aliases
    assert world.registry.alias("loan", "none") is None
    assert world.registry.alias("nobody", "champion") is None


def test_tags_are_written_and_read_back_and_ours_stay_out_of_the_lineage(world: World) -> None:
    world.registry.tag_version(LOAN, {"model_risk.verdict": "refused", "model_risk.x": "<script>"})
    assert world.registry.tags(LOAN)["model_risk.verdict"] == "refused"
    assert world.registry.tags(LOAN)["stage"] == "trial"
    world.registry.tag_model("loan", {"model_risk.champion": "1"})
    assert world.registry.model_tags("loan")["model_risk.champion"] == "1"
    assert world.registry.lineage(LOAN).tags == {"stage": "trial", "team": "lending"}


@pytest.mark.parametrize("version", [ModelVersion("loan", "99"), ModelVersion("nobody", "1")])
def test_an_unknown_version_is_the_callers_mistake_everywhere(
    world: World, version: ModelVersion, tmp_path: Path
) -> None:
    registry = world.registry
    for ask in (
        lambda: registry.lineage(version),
        lambda: registry.download(version, tmp_path / "x"),
        lambda: registry.set_alias(version, "champion"),
        lambda: registry.tag_version(version, {"a": "b"}),
        lambda: registry.tags(version),
    ):
        with pytest.raises(CallerMistake):
            ask()
    with pytest.raises(CallerMistake):
        registry.tag_model("nobody", {"a": "b"})
    with pytest.raises(CallerMistake):
        registry.model_tags("nobody")


def test_a_logged_model_cannot_be_promoted_or_tagged(world: World) -> None:
    logged = ModelVersion("loan", f"runs:/{world.run_id}/model")
    with pytest.raises(CallerMistake):
        world.registry.set_alias(logged, "champion")
    with pytest.raises(CallerMistake):
        world.registry.tag_version(logged, {"a": "b"})


def test_an_alias_the_registry_refuses_is_the_callers_mistake(world: World) -> None:
    with pytest.raises(CallerMistake):
        world.registry.set_alias(LOAN, "not/an alias")


def test_download_copies_every_file(world: World, tmp_path: Path) -> None:
    for version in (LOAN, ModelVersion(HOSTILE, "1"), ModelVersion("loan", f"runs:/{world.run_id}/model")):
        destination = world.registry.download(version, tmp_path / version.file_stem)
        files = {
            path.relative_to(destination).as_posix() for path in destination.rglob("*") if path.is_file()
        }
        assert files == {"MLmodel", "requirements.txt", "code/the_model.py"}
        assert json.loads((destination / "MLmodel").read_text()) == MLMODEL


def test_download_never_mixes_with_what_is_there(world: World, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old").touch()
    with pytest.raises(CallerMistake):
        world.registry.download(LOAN, tmp_path / "full")
    assert (tmp_path / "full" / "old").exists()


def test_missing_artifacts_are_unavailable_and_leave_nothing(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        world.registry.download(ModelVersion("gone", "1"), tmp_path / "x")
    assert not (tmp_path / "x").exists()


# What only a real store can do wrong ----------------------------------------------------------


def test_nothing_reaches_stdout(store: World, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    registry = ModelRegistry(store.uri)
    registry.lineage(LOAN)
    registry.download(LOAN, tmp_path / "x")
    registry.set_alias(LOAN, "quiet")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("kind", ["link", "fifo", "too many", "too large"])
def test_a_model_directory_of_other_than_plain_files_within_bounds_is_not_copied(
    store: World, tmp_path: Path, kind: str
) -> None:
    source = model_files(tmp_path / "source")
    if kind == "link":
        (source / "passwd").symlink_to("/etc/passwd")
    if kind == "fifo":
        os.mkfifo(source / "pipe")
    name = f"odd {kind}"
    store.client.create_registered_model(name)
    store.client.create_model_version(name, str(source))
    bounds: dict[str, Any] = {"too many": {"max_files": 2}, "too large": {"max_bytes": 100}}.get(kind, {})
    try:
        with pytest.raises(Unavailable):
            ModelRegistry(store.uri, **bounds).download(ModelVersion(name, "1"), tmp_path / "copy")
    finally:
        store.client.delete_registered_model(name)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: [", "!!python/object/apply:os.system [echo]", '{"signature": {"inputs": "{"}}']
)
def test_an_mlmodel_file_that_cannot_be_read_is_unavailable(store: World, tmp_path: Path, text: str) -> None:
    source = model_files(tmp_path / "source")
    (source / "MLmodel").write_text(text)
    store.client.create_registered_model("broken")
    store.client.create_model_version("broken", str(source))
    try:
        with pytest.raises(Unavailable, match="MLmodel"):
            store.registry.lineage(ModelVersion("broken", "1"))
    finally:
        store.client.delete_registered_model("broken")


def test_a_version_whose_run_was_purged_has_no_run(store: World, tmp_path: Path) -> None:
    import sqlite3

    store.client.create_registered_model("purged")
    store.client.create_model_version("purged", str(model_files(tmp_path / "source")), store.run_id)
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE model_versions SET run_id = 'deadbeef' WHERE name = 'purged'")
    database.close()
    lineage = store.registry.lineage(ModelVersion("purged", "1"))
    assert lineage.run_id is None
    store.client.delete_registered_model("purged")


@pytest.mark.parametrize("status", ["PENDING_REGISTRATION", "FAILED_REGISTRATION"])
def test_a_version_that_is_not_ready_is_unavailable(store: World, tmp_path: Path, status: str) -> None:
    import sqlite3

    store.client.create_registered_model("slow")
    store.client.create_model_version("slow", str(tmp_path))
    with sqlite3.connect(store.uri.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE model_versions SET status = ? WHERE name = 'slow'", (status,))
    database.close()
    try:
        with pytest.raises(Unavailable, match=status):
            store.registry.resolve("slow@1")
        with pytest.raises(Unavailable, match=status):
            store.registry.download(ModelVersion("slow", "1"), tmp_path / "x")
    finally:
        store.client.delete_registered_model("slow")


FIRST_USE = """
import sys
from resources.model_registry import ModelRegistry
print(len(list(ModelRegistry(sys.argv[1]).versions())), end="")
"""


def test_processes_that_meet_at_a_new_database_all_succeed(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'new.db'}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_USE, uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=200)
        assert (process.returncode, out) == (0, "0"), err


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database" * 100)
    with pytest.raises(Unavailable, match=r"mlflow\.db"):
        list(ModelRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}").versions())


@pytest.mark.parametrize("uri", ["nonsense://user:hunter2@host/x", "sqlite:////proc/nowhere/mlflow.db"])
def test_a_tracking_uri_that_leads_nowhere_is_unavailable_and_named_without_credentials(uri: str) -> None:
    with pytest.raises(Unavailable) as caught:
        ModelRegistry(uri).resolve("loan@1")
    assert "hunter2" not in str(caught.value)
    assert "--tracking-uri" in str(caught.value)


class Wire:
    """A server on loopback that answers every request with the same bytes, or never."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.uri = f"http://user:hunter2@127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            if self._answer is not None:
                connection.recv(65536)
                connection.sendall(self._answer)
                connection.close()

    def close(self) -> None:
        self._server.close()
        for connection in self._open:
            connection.close()


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return (
        "\r\n".join([*lines, "Content-Type: application/json", "Connection: close", "", ""]).encode() + body
    )


OTHER = json.dumps({"model_version": {"name": "another", "version": "1", "status": "READY"}}).encode()


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    server = Wire(request.param)
    yield server
    server.close()


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(None, id="never answers"),
        pytest.param(b"", id="hangs up"),
        pytest.param(http("500 Oops", b"<html>"), id="500"),
        pytest.param(http("429 Slow down", b"{}", "Retry-After: 3600"), id="429"),
        pytest.param(http("503 Away", b"{}", "Retry-After: 3600"), id="503"),
        pytest.param(http("403 No", b'{"error_code": "PERMISSION_DENIED", "message": "no"}'), id="403"),
        pytest.param(http("302 Away", b"", "Location: http://127.0.0.1:1/"), id="redirect to nowhere"),
        pytest.param(http("200 OK", b'{"model_version": {"name": "lo'), id="truncated JSON"),
        pytest.param(http("200 OK", b'{"a": 1}', length=10_000), id="truncated body"),
        pytest.param(http("200 OK", b"[1, 2]"), id="another shape"),
        pytest.param(http("200 OK", b'{"model_version": 3, "registered_model": 3}'), id="another type"),
        pytest.param(http("200 OK", b"\xff\xfe\x00"), id="bytes"),
        pytest.param(b"SSH-2.0-OpenSSH_9.0\r\n", id="another protocol"),
    ],
    indirect=True,
)
def test_a_server_that_gives_no_usable_answer_is_unavailable_by_name_and_soon(wire: Wire) -> None:
    registry = ModelRegistry(wire.uri, timeout_s=1, retries=0)
    started = time.monotonic()
    for ask in (lambda: registry.resolve("loan@1"), lambda: registry.alias("loan", "champion")):
        with pytest.raises(Unavailable) as caught:
            ask()
        assert "hunter2" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 20.0


@pytest.mark.parametrize("wire", [http("200 OK", OTHER)], indirect=True)
def test_a_version_that_answers_as_another_is_not_believed(wire: Wire) -> None:
    registry = ModelRegistry(wire.uri, timeout_s=1, retries=0)
    with pytest.raises(IntegrityError, match="another"):
        registry.lineage(LOAN)


def test_a_server_that_is_down_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match=str(port)):
        ModelRegistry(f"http://127.0.0.1:{port}", timeout_s=1, retries=0).resolve("loan@1")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5.0) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{root / 'mlflow.db'}", "--workers", "1"),
        *("--artifacts-destination", str(root / "artifacts")),
    ]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **quiet}, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 300.0
        while not answers(port):
            assert process.poll() is None, (root / "log").read_text()
            assert time.monotonic() < deadline, (root / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        shutil.rmtree(root, ignore_errors=True)


def test_against_a_server_a_model_is_found_traced_copied_and_promoted(server: str, tmp_path: Path) -> None:
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"x": np.linspace(-1, 1, 20)})
    labels = (rows["x"] > 0).astype(int)
    model = LogisticRegression().fit(rows, labels)
    rows.to_csv(tmp_path / "train.csv")
    mlflow.set_tracking_uri(server)
    mlflow.set_registry_uri(server)  # another test in this process may have set one of its own
    try:
        with mlflow.start_run() as run:
            mlflow.log_metric("auc", 0.9)
            source = f"file://{tmp_path / 'train.csv'}"
            mlflow.log_input(mlflow.data.from_pandas(rows, source=source), context="training")
            mlflow.sklearn.log_model(
                model, name="model", signature=infer_signature(rows, model.predict(rows)),
                pip_requirements=["scikit-learn"], registered_model_name="served",
            )  # fmt: skip
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    registry = ModelRegistry(server)
    version = registry.resolve("served@1")
    lineage = registry.lineage(version)
    assert lineage.run_id == run.info.run_id
    assert lineage.metrics["auc"] == 0.9
    assert lineage_gaps(lineage) == ()
    assert training_source(lineage) == str(tmp_path / "train.csv")
    files = registry.download(version, tmp_path / "copy")
    assert {"MLmodel", "requirements.txt"} <= {path.name for path in files.iterdir()}
    logged = registry.resolve(f"served@runs:/{run.info.run_id}/model")
    again = registry.download(logged, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in files.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }
    registry.set_alias(version, "champion")
    registry.tag_version(version, {"model_risk.verdict": "releasable"})
    assert registry.alias("served", "champion") == version
    assert registry.tags(version)["model_risk.verdict"] == "releasable"
    assert list(registry.versions()) == [version]
    with pytest.raises(CallerMistake, match="served"):
        registry.resolve("server@1")
    for ask in (lambda: registry.resolve("served@2"), lambda: registry.lineage(ModelVersion("x", "1"))):
        with pytest.raises(ModelRiskError):
            ask()
