import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelrisk.lineage import ColumnSpec
from modelrisk.outputs.answers import Form
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.readings import Reading, as_plain
from modelrisk.outputs.regression import RegressionReading
from modelrisk.records import Blame, Problem
from resources.scorer import Scorer, ScoringRequest, ScoringResult, redacted
from tests.pyfuncs import X, write_model

LABELS_BY_SIGN = "return (rows['x'] > 0).astype(int)"


def write_rows(path: Path, **columns: object) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns or {"x": [-1.0, 0.5, 2.0, -3.0]}), path)
    return path


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    with Scorer(time_limit_s=60.0, memory_limit_mb=2048, batch_rows=3).warm() as warm:
        yield warm


@pytest.fixture(scope="module")
def impatient() -> Iterator[Scorer]:
    with Scorer(time_limit_s=2.0, memory_limit_mb=2048).warm() as warm:
        yield warm


class Case:
    """One model over one file, in a directory of its own."""

    def __init__(self, directory: Path, scorer: Scorer) -> None:
        self.directory, self.scorer = directory, scorer
        self.output = directory / "out" / "predictions.parquet"

    def request(
        self,
        body: str,
        *,
        features: tuple[ColumnSpec, ...] = X,
        signed: bool = True,
        data: Path | None = None,
        classes: tuple[str, str] = ("0", "1"),
        positive: str = "1",
        threshold: float = 0.5,
        score: str | None = None,
    ) -> ScoringRequest:
        model = write_model(
            self.directory / f"model{time.monotonic_ns()}", body, features=features, signed=signed
        )
        return ScoringRequest(
            model_dir=model,
            data=data or write_rows(self.directory / "rows.parquet"),
            features=features,
            reading=BinaryReading(classes, positive, threshold, score),
            output=self.output,
        )

    def predictions(self, body: str, **options: object) -> list[tuple[int, str, float | None]]:
        import pyarrow.parquet as pq

        result = self.scorer.score(self.request(body, **options))  # pyright: ignore[reportArgumentType]
        assert isinstance(result, ScoringResult), result
        table = pq.read_table(self.output)
        assert [str(field.type) for field in table.schema] == ["int64", "string", "double"]
        assert result.rows == table.num_rows
        return list(zip(*(table[name].to_pylist() for name in ("row", "prediction", "score")), strict=True))

    def problem(self, body: str, scorer: Scorer | None = None, **options: object) -> Problem:
        result = (scorer or self.scorer).score(self.request(body, **options))  # pyright: ignore[reportArgumentType]
        assert isinstance(result, Problem), result
        assert not self.output.exists()
        assert not list(self.output.parent.glob(".scoring-*"))
        return result


@pytest.fixture
def case(tmp_path: Path, scorer: Scorer) -> Case:
    return Case(tmp_path, scorer)


def test_labels_come_back_as_class_texts_without_scores(case: Case) -> None:
    assert case.predictions(LABELS_BY_SIGN) == [
        (0, "0", None),
        (1, "1", None),
        (2, "1", None),
        (3, "0", None),
    ]


def test_scores_are_cut_at_the_threshold(case: Case) -> None:
    body = "return np.clip(0.5 + rows['x'].to_numpy() / 10, 0, 1)"
    expected = [(0, "0", 0.4), (1, "1", 0.55), (2, "1", 0.7), (3, "0", 0.2)]
    assert case.predictions(body, threshold=0.55) == [
        (row, label, pytest.approx(score)) for row, label, score in expected
    ]


def test_two_columns_of_probabilities_follow_the_classes(case: Case) -> None:
    body = "p = np.where(rows['x'] > 0, 0.9, 0.2); return np.column_stack([1 - p, p])"
    found = case.predictions(body, classes=("no", "yes"), positive="yes")
    assert [(label, score) for _, label, score in found] == [
        ("no", 0.2), ("yes", 0.9), ("yes", 0.9), ("no", 0.2)
    ]  # fmt: skip


def test_a_table_with_a_declared_score_column_is_read_by_name(case: Case) -> None:
    body = """
        positive = rows['x'] > 0
        return pd.DataFrame({'prediction': positive.astype(int), 'risk': np.where(positive, .3, .1)})
    """
    assert [row[1:] for row in case.predictions(body, score="risk")] == [
        ("0", 0.1), ("1", 0.3), ("1", 0.3), ("0", 0.1)
    ]  # fmt: skip


def test_no_rows_need_no_model(case: Case) -> None:
    import pyarrow as pa

    empty = write_rows(case.directory / "empty.parquet", x=pa.array([], pa.float64()))
    assert case.predictions("raise ValueError", data=empty) == []


def test_a_model_without_a_signature_gets_the_columns_as_they_are(case: Case) -> None:
    import pyarrow as pa

    data = write_rows(
        case.directory / "plain.parquet",
        n=pa.array([1, None, 3, 4], pa.int64()),
        t=["a", "b", None, "d"],
        b=[True, None, False, True],
        unused=[1, 2, 3, 4],
    )
    body = """
        assert list(rows.columns) == ['n', 't', 'b'], rows.columns
        assert [str(t) for t in rows.dtypes] == ['float64', 'object', 'object'], rows.dtypes
        return np.ones(len(rows), int)
    """
    features = tuple(ColumnSpec(name, "") for name in ("n", "t", "b"))
    assert len(case.predictions(body, features=features, signed=False, data=data)) == 4


def test_columns_arrive_in_the_types_and_order_of_the_signature(case: Case) -> None:
    import pyarrow as pa

    data = write_rows(
        case.directory / "typed.parquet",
        whole=pa.array([1, 2, 3, 4], pa.int64()),
        nulls=pa.array([1, None, 3, 4], pa.int64()),
        wide=pa.array([1.0, 2.0, 3.0, 4.0], pa.float64()),
        text=pa.array(["a", None, "c", "d"]).dictionary_encode(),
        flag=pa.array([True, None, False, True]),
        day=pa.array([0, 1, 2, 3], pa.date32()),
    )
    features = (
        ColumnSpec("text", "string"), ColumnSpec("nulls", "double"), ColumnSpec("wide", "float"),
        ColumnSpec("whole", "integer"), ColumnSpec("flag", "boolean"), ColumnSpec("day", "datetime"),
        ColumnSpec("absent", "double", required=False),
    )  # fmt: skip
    body = """
        print(rows.dtypes.to_dict())
        assert list(rows.columns) == ['text', 'nulls', 'wide', 'whole', 'flag', 'day'], rows.columns
        types = [str(t) for t in rows.dtypes]
        assert types[:4] == ['object', 'float64', 'float32', 'int32'], types
        assert types[4] in ('object', 'bool') and types[5] == 'datetime64[ns]', types
        return np.ones(len(rows), int)
    """
    assert len(case.predictions(body, features=features, data=data)) == 4


@pytest.mark.parametrize(
    "name",
    ["a.b", "a", "'; DROP TABLE x; --", "<script>", "new\nline", "\u202ertl", "=cmd()", "é" * 300, "👻"],
)
def test_hostile_column_names_are_only_names(case: Case, name: str) -> None:
    data = write_rows(
        case.directory / "rows.parquet", **{"a": [9.0] * 4, "a.b": [9.0] * 4, name: [-1.0, 1.0, 1.0, -1.0]}
    )
    found = case.predictions(
        f"assert list(rows.columns) == [{name!r}]\nreturn (rows[{name!r}] > 0).astype(int)",
        features=(ColumnSpec(name, "double"),), data=data,
    )  # fmt: skip
    assert [label for _, label, _ in found] == ["0", "1", "1", "0"]


@pytest.mark.parametrize(
    ("column", "dtype", "found"),
    [
        ([1, None, 3, 4], "long", "missing values"),
        ([1.5, 2.0, 3.0, 4.0], "long", "outside that type"),
        (["1", "2", "3", "4"], "double", "string"),
        ([1, 2, 3, 4], "string", "int64"),
        ([2**40, 2, 3, 4], "integer", "outside that type"),
    ],
)
def test_a_retyped_column_is_unfit_and_named(
    case: Case, column: list[object], dtype: str, found: str
) -> None:
    data = write_rows(case.directory / "retyped.parquet", x=column)
    problem = case.problem(LABELS_BY_SIGN, features=(ColumnSpec("x", dtype),), data=data)
    assert problem.blame is Blame.UNFIT
    assert "'x'" in problem.found
    assert found in problem.found


def test_a_missing_column_is_unfit_and_named(case: Case) -> None:
    problem = case.problem(LABELS_BY_SIGN, features=(*X, ColumnSpec("income", "double")))
    assert problem.blame is Blame.UNFIT
    assert "'income'" in problem.found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("raise ValueError('boom')", "raised in predict: ValueError"),
        ("sys.exit(3)", "raised in predict: SystemExit"),
        ("os._exit(7)", "exited with status 7"),
        ("os._exit(0)", "ended without an answer"),
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("return np.full(len(rows), np.nan)", "NaN"),
        ("return np.full(len(rows), np.inf)", "infinite"),
        ("return np.full(len(rows), 1.5)", "scores from 1.5"),
        ("return np.zeros(len(rows) - 1)", "answers for"),
        ("return np.zeros((len(rows), 3))", "an array of shape"),
        ("return None", "nothing"),
        ("return ['yes'] * len(rows)", "label(s) 'yes'"),
        ("return np.zeros(len(rows)) if rows['x'].iloc[0] == -1 else np.full(len(rows), .3)", "later batch"),
        ("return np.ones(10**10)", "out of memory"),
    ],
)
def test_a_broken_model_is_a_problem_that_says_what_it_did(case: Case, body: str, found: str) -> None:
    problem = case.problem(body)
    assert problem.blame is Blame.UNAVAILABLE
    assert found in problem.found
    assert problem.expected
    assert problem.remedy


def test_a_model_that_cannot_be_loaded_is_a_problem_of_its_requirements(case: Case) -> None:
    request = case.request(LABELS_BY_SIGN)
    (request.model_dir / "code" / "the_model.py").write_text("import a_library_nobody_has")
    problem = case.scorer.score(request)
    assert isinstance(problem, Problem)
    assert "while it was loaded" in problem.found
    assert "requirements" in problem.remedy


def test_the_child_survives_a_broken_model_and_each_model_gets_a_clean_process(case: Case) -> None:
    poison = "import builtins, sys\nnp.ones = None\nbuiltins.left_behind = 1\nraise ValueError"
    case.problem(poison)
    clean = "import builtins\nassert not hasattr(builtins, 'left_behind')\nreturn np.ones(len(rows), int)"
    started = time.monotonic()
    assert len(case.predictions(clean)) == 4
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(600)",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
        """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open('/tmp/@', 'w').write(str(os.getpid()))
            time.sleep(600)
        time.sleep(600)
        """,
    ],
    ids=["sleeps", "ignores SIGTERM and spins", "hides a daemon"],
)
def test_a_model_that_never_returns_is_ended_with_all_it_started(
    case: Case, impatient: Scorer, body: str
) -> None:
    pid_file = case.directory / "daemon.pid"
    problem = case.problem(body.replace("/tmp/@", str(pid_file)), scorer=impatient)
    assert "after 2 seconds" in problem.found
    if pid_file.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)
    # The warm process is still there: the next model does not wait for a start.
    child = impatient._child
    assert isinstance(impatient.score(case.request(LABELS_BY_SIGN)), ScoringResult)
    assert impatient._child is child


def test_what_a_finished_model_left_running_is_ended(case: Case) -> None:
    pid_file = case.directory / "daemon.pid"
    body = f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open({str(pid_file)!r}, 'w').write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        while not os.path.exists({str(pid_file)!r}) or not open({str(pid_file)!r}).read(): time.sleep(.01)
        return np.ones(len(rows), int)
    """
    assert len(case.predictions(body)) == 4
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_the_environment_of_a_model_holds_no_secret(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_TOKEN",
        "PYTHONPATH",
        "MODEL_RISK_HOME",
    ):
        monkeypatch.setenv(name, "s3cr3t")
    body = """
        seen = dict(os.environ)
        assert not [k for k, v in seen.items() if 's3cr3t' in v], sorted(seen)
        assert not [k for k in seen if k.startswith('MLFLOW_TRACKING')]
        assert seen['MLFLOW_DISABLE_TELEMETRY'] == 'true' and seen['DO_NOT_TRACK'] == '1'
        assert os.path.realpath(os.path.expanduser('~')) == os.getcwd(), os.getcwd()
        return np.ones(len(rows), int)
    """
    with Scorer(time_limit_s=60.0).warm() as fresh:
        result = fresh.score(case.request(body))
        child = fresh._child
    assert isinstance(result, ScoringResult), result
    # And nothing is left running or lying about after use.
    assert child is not None
    assert child._process.poll() is not None
    assert not child._home.exists()


def test_a_model_without_network_cannot_reach_a_server_on_this_machine(case: Case) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        body = f"""
            import socket
            socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=5)
            return np.ones(len(rows), int)
        """
        result = case.scorer.score(case.request(body))
    if isinstance(result, ScoringResult):
        assert "no network" not in result.isolation
        pytest.skip(f"this machine isolates no further than: {result.isolation}")
    assert "ConnectionRefusedError" in result.found


def test_the_isolation_is_recorded(case: Case) -> None:
    result = case.scorer.score(case.request(LABELS_BY_SIGN))
    assert isinstance(result, ScoringResult)
    assert result.isolation in ("process, no network, 2048 MB", "process, 2048 MB")
    assert result.form is Form.LABELS
    assert 0.0 < result.predict_seconds < result.seconds


def test_a_model_that_prints_without_end_neither_blocks_nor_fills_the_disk(case: Case) -> None:
    body = """
        for _ in range(200):
            os.write(1, b'x' * 1_000_000)
        print('\\x1b[31mthe end')
        return np.ones(len(rows), int)
    """
    result = case.scorer.score(case.request(body))
    assert isinstance(result, ScoringResult)
    assert "the end" in result.log_tail
    assert "\x1b" not in result.log_tail
    assert len(result.log_tail) <= 3000


def test_files_a_model_writes_go_to_a_directory_that_is_removed(case: Case) -> None:
    before = set(Path.cwd().iterdir())
    assert case.predictions("open('here.txt', 'w').write('x'); return np.ones(len(rows), int)")
    assert set(Path.cwd().iterdir()) == before
    assert [path.name for path in case.output.parent.iterdir()] == ["predictions.parquet"]


@pytest.mark.parametrize(
    "tamper",
    [
        "open('../answers.bin', 'ab').write(b'x' * 900)",
        "os.remove('../answers.bin'); os.symlink('/etc/passwd', '../answers.bin')",
        "os.remove('../answers.bin'); os.mkfifo('../answers.bin')",
    ],
)
def test_answers_changed_behind_our_back_are_not_believed(case: Case, tamper: str) -> None:
    problem = case.problem(f"{tamper}\nreturn np.ones(len(rows), int)")
    assert "bytes of answers for 4 rows" in problem.found


def test_an_error_is_quoted_without_data(case: Case) -> None:
    problem = case.problem(
        "raise ValueError(\"could not convert 'Jane Doe' <jane@example.org> 123456789 in 'x'\")"
    )
    assert "ValueError: could not convert '…'" in problem.found
    assert "'x'" in problem.found
    for private in ("Jane", "example.org", "123456789"):
        assert private not in problem.found


def test_redaction_keeps_one_bounded_printable_line() -> None:
    line = redacted("KeyError: '\x1b[31m'\nsecret second line" + "x" * 9000, set())
    assert line == "KeyError: '…'"
    assert len(redacted("E: " + "y" * 9000, set())) == 500
    assert redacted("E: a\x00b\u202ec", set()) == "E: a\\x00b\\u202ec"


def test_requests_from_several_threads_are_served_one_after_the_other(case: Case) -> None:
    requests = [case.request(LABELS_BY_SIGN) for _ in range(3)]
    results: list[object] = []
    threads = [threading.Thread(target=lambda r=r: results.append(case.scorer.score(r))) for r in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(result, ScoringResult) for result in results)


def test_a_model_that_kills_the_warm_process_gains_nothing_and_the_next_gets_a_new_one(case: Case) -> None:
    problem = case.problem("os.kill(os.getppid(), 9); time.sleep(60)")
    assert "without an answer" in problem.found
    assert len(case.predictions(LABELS_BY_SIGN)) == 4


def test_a_hundred_thousand_rows_stream_in_batches(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setattr(case.scorer, "_batch_rows", 20_000)
    data = write_rows(case.directory / "many.parquet", x=np.linspace(-1, 1, 100_000))
    body = "assert len(rows) <= 20_000\nreturn (rows['x'].to_numpy() + 1) / 2"
    result = case.scorer.score(case.request(body, data=data))
    assert isinstance(result, ScoringResult), result
    assert result.rows == 100_000


MODEL_FROM_CODE = """
import mlflow
from mlflow.models import set_model

class Always(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["1"] * len(model_input)

set_model(Always())
"""


# MLflow advises on integer columns and input examples; neither is the subject here.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_logged_models_of_three_kinds_are_scored_one_after_the_other(case: Case) -> None:
    import mlflow
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq
    from mlflow.models import infer_signature
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"x": np.linspace(-1, 1, 50), "n": np.arange(50)})
    labels = (rows["x"] > 0).astype(int)
    signature = infer_signature(rows, labels)
    plain = {"signature": signature, "pip_requirements": ["scikit-learn"]}
    linear = LogisticRegression().fit(rows, labels)
    boosted = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2).fit(rows, labels)
    directory = case.directory
    mlflow.sklearn.save_model(linear, str(directory / "skops"), **plain)
    mlflow.sklearn.save_model(
        boosted, str(directory / "pickled"), serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba", **plain,
    )  # fmt: skip
    (directory / "from_code.py").write_text(MODEL_FROM_CODE)
    mlflow.pyfunc.save_model(str(directory / "code"), python_model=str(directory / "from_code.py"), **plain)

    rows.to_parquet(directory / "rows.parquet")
    features = (ColumnSpec("x", "double"), ColumnSpec("n", "long"))
    found = {}
    for kind in ("skops", "pickled", "code"):
        request = ScoringRequest(
            model_dir=directory / kind,
            data=directory / "rows.parquet",
            features=features,
            reading=BinaryReading(("0", "1"), "1"),
            output=case.output,
            flavors=("python_function", "sklearn"),
        )
        result = case.scorer.score(request)
        assert isinstance(result, ScoringResult), result
        found[kind] = pq.read_table(case.output)
    assert found["skops"]["prediction"].to_pylist() == linear.predict(rows).astype(str).tolist()
    assert found["pickled"]["score"].to_pylist() == boosted.predict_proba(rows)[:, 1].tolist()
    assert set(found["code"]["prediction"].to_pylist()) == {"1"}


# --- models of several classes and regressions -----------------------------------------------------------


def of_reading(case: Case, reading: Reading, body: str, *, data: Path | None = None) -> ScoringRequest:
    return replace(case.request(body, data=data), reading=reading)


def rows_of(case: Case, request: ScoringRequest) -> list[dict[str, object]]:
    import pyarrow.parquet as pq

    result = case.scorer.score(request)
    assert isinstance(result, ScoringResult), result
    return pq.read_table(case.output).to_pylist()


def test_a_probability_for_each_class_comes_back_with_the_most_probable_class(case: Case) -> None:
    body = "p = np.where(rows['x'] > 0, 0.6, 0.1); return np.column_stack([0.3 + 0 * p, p, 0.7 - p])"
    found = rows_of(case, of_reading(case, MulticlassReading(("a", "b", "c")), body))
    assert [row["prediction"] for row in found] == ["c", "b", "b", "c"]
    assert found[0]["probabilities"] == pytest.approx([0.3, 0.1, 0.6])


def test_labels_of_several_classes_come_back_without_probabilities(case: Case) -> None:
    body = "return np.where(rows['x'] > 1, 'c', 'a')"
    found = rows_of(case, of_reading(case, MulticlassReading(("a", "b", "c")), body))
    assert [(row["prediction"], row["probabilities"]) for row in found] == [
        ("a", None), ("a", None), ("c", None), ("a", None)
    ]  # fmt: skip


def test_numbers_come_back_as_they_were_given(case: Case) -> None:
    found = rows_of(case, of_reading(case, RegressionReading(), "return 1e12 * rows['x'].to_numpy()"))
    assert found == [
        {"row": row, "prediction": value} for row, value in enumerate([-1e12, 0.5e12, 2e12, -3e12])
    ]


@pytest.mark.parametrize(
    ("reading", "answer", "row"),
    [
        (MulticlassReading(("a", "b")), "np.tile([0.5, 0.5], (len(rows), 1))", "(65535, [1.0, 1.0])"),
        (RegressionReading(), "rows['x'].to_numpy()", "(float('nan'),)"),
    ],
)
def test_answers_put_in_place_of_ours_are_not_believed(case, reading, answer, row) -> None:
    body = f"""
        import modelrisk.outputs.readings as readings
        forged = np.array([{row}] * 4, dtype=readings.answer_type(readings.from_plain({as_plain(reading)!r})))
        readings.as_rows = lambda answers, reading, *, rows: forged[:rows]
        return {answer}
    """
    result = case.scorer.score(of_reading(case, reading, body))
    assert isinstance(result, Problem)
    assert result.blame is Blame.UNAVAILABLE
    assert "from the model's process" in result.found


def test_five_hundred_classes_over_twenty_thousand_rows_are_scored_in_little_memory(tmp_path: Path) -> None:
    """80 MB of answers; neither process holds more than a batch of them."""
    import pyarrow.parquet as pq

    classes, rows = 500, 20_000
    data = write_rows(tmp_path / "rows.parquet", x=[float(at % classes) for at in range(rows)])
    body = f"""
        p = np.full((len(rows), {classes}), 0.1 / {classes - 1})
        p[np.arange(len(rows)), rows['x'].to_numpy().astype(int)] = 0.9
        return p
    """
    reading = MulticlassReading(tuple(map(str, range(classes))))
    with Scorer(time_limit_s=120.0, memory_limit_mb=1024).warm() as scorer:
        case = Case(tmp_path, scorer)
        result = scorer.score(of_reading(case, reading, body, data=data))
        assert isinstance(result, ScoringResult), result
    with pq.ParquetFile(case.output) as written:
        assert written.metadata.num_rows == rows
        first = next(written.iter_batches(batch_size=501)).to_pylist()
    assert [row["prediction"] for row in first[498:]] == ["498", "499", "0"]
    assert first[0]["probabilities"][0] == 0.9
