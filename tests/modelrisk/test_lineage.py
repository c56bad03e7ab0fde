import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from modelrisk.identity import ModelVersion
from modelrisk.lineage import (
    ColumnSpec,
    DatasetInput,
    Lineage,
    Signature,
    SignatureKind,
    dataset_location,
    lineage_gaps,
    lineage_notes,
    parse_signature,
    training_source,
)
from modelrisk.records import Blame, Problem

TRAINING = DatasetInput("applications", "abc", "local", "/data/train.parquet", "training")
FULL = Lineage(
    version=ModelVersion("loan", "1"),
    run_id="r1",
    experiment="lending",
    source="models:/m-1",
    status="READY",
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
    metrics={"auc": 0.7, "loss": "nan"},
    signature=Signature((ColumnSpec("x", "double"),)),
    datasets=(TRAINING,),
    requirements=("scikit-learn==1.9.1",),
    source_commit="abc",
    input_example=True,
)


def test_a_full_lineage_has_no_gaps_and_no_notes() -> None:
    assert lineage_gaps(FULL) == ()
    assert lineage_notes(FULL) == ()


@pytest.mark.parametrize(
    ("change", "named", "remedy"),
    [
        ({"run_id": None}, "training run", "start_run"),
        ({"signature": None}, "signature", "infer_signature"),
        (
            {"signature": Signature((ColumnSpec("", "double"),), kind=SignatureKind.UNNAMED)},
            "names",
            "pandas",
        ),
        ({"datasets": ()}, "dataset", "log_input"),
        ({"datasets": (replace(TRAINING, context="evaluation"),)}, "training", 'context="training"'),
        ({"requirements": ()}, "requirements", "pip_requirements"),
    ],
)
def test_each_gap_says_what_to_do(change: dict[str, object], named: str, remedy: str) -> None:
    (gap,) = lineage_gaps(replace(FULL, **change))  # pyright: ignore[reportArgumentType]
    assert named in gap
    assert remedy in gap


def test_a_missing_commit_is_noted_and_is_no_gap() -> None:
    bare = replace(FULL, source_commit=None, input_example=False)
    assert lineage_gaps(bare) == ()
    assert len(lineage_notes(bare)) == 2


def test_lineage_survives_json() -> None:
    adapter = TypeAdapter(Lineage)
    assert adapter.validate_json(adapter.dump_json(FULL)) == FULL


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/data/train.parquet", "/data/train.parquet"),
        ("file:///data/train.parquet", "/data/train.parquet"),
        ("file:/data/train.parquet", "/data/train.parquet"),
        ("file://localhost/data/a%20b.csv", "/data/a b.csv"),
        ("/data/with ?query#and hash.csv", "/data/with ?query#and hash.csv"),
    ],
)
def test_a_local_training_source_is_its_path(source: str, path: str) -> None:
    assert training_source(replace(FULL, datasets=(replace(TRAINING, source=source),))) == path


@pytest.mark.parametrize(
    "source",
    [
        "file:///D:/data/train.csv",
        "D:\\data\\train.csv",
        "d:/data/train.csv",
        "\\\\server\\share\\train.csv",
        "file://fileserver/data/train.csv",
        "file:///D%3A/data/train.csv",
        "s3://user:hunter2@bucket/train.parquet",
        "https://user:hunter2@host/train.csv?token=hunter2",
        "dbfs:/train",
        "train.parquet",
        "../train.parquet",
        "",
        "/data/\0",
        "http://[broken",
    ],
)
def test_a_source_nobody_here_can_read_is_a_problem_with_the_intake_as_remedy(source: str) -> None:
    problem = training_source(replace(FULL, datasets=(replace(TRAINING, source=source),)))
    assert isinstance(problem, Problem)
    assert problem.blame is Blame.UNAVAILABLE
    assert "`training: path`" in problem.remedy
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"run_id": None}, "no training run"),
        ({"datasets": ()}, "no dataset"),
        ({"datasets": (replace(TRAINING, context="evaluation"),)}, "evaluation"),
        ({"datasets": (replace(TRAINING, source_type="code", source="{}"),)}, "training code"),
        ({"datasets": (TRAINING, replace(TRAINING, source="/data/other.parquet"))}, "2 training datasets"),
    ],
)
def test_without_one_training_dataset_there_is_a_problem(change: dict[str, object], found: str) -> None:
    problem = training_source(replace(FULL, **change))  # pyright: ignore[reportArgumentType]
    assert isinstance(problem, Problem)
    assert found in problem.found


def test_the_training_context_is_preferred_and_repeated_inputs_are_one() -> None:
    datasets = (
        replace(TRAINING, context="", source="/data/unsaid.csv"),
        replace(TRAINING, context="evaluation", source="/data/eval.csv"),
        TRAINING,
        replace(TRAINING, digest="other"),
    )
    assert training_source(replace(FULL, datasets=datasets)) == "/data/train.parquet"
    assert training_source(replace(FULL, datasets=datasets[:2])) == "/data/unsaid.csv"


def test_a_column_signature_is_parsed_with_its_composites() -> None:
    inputs = [
        {"type": "double", "name": "x", "required": True},
        {"type": "array", "items": {"type": "string"}, "name": "tags", "required": False},
    ]
    outputs = [{"type": "double", "name": f"o{at}"} for at in range(10)]
    signature = parse_signature(json.dumps(inputs), json.dumps(outputs))
    assert signature is not None
    assert signature.inputs == (
        ColumnSpec("x", "double"), ColumnSpec("tags", "array(string)", required=False)
    )  # fmt: skip
    assert signature.columns == ("x", "tags")
    assert signature.outputs.startswith("o0: double, o1: double")
    assert signature.outputs.endswith("and 2 more")


def test_unnamed_and_tensor_signatures_have_no_columns() -> None:
    unnamed = parse_signature('[{"type": "double"}]', None)
    tensor = parse_signature('[{"type": "tensor", "tensor-spec": {"dtype": "float64"}}]', None)
    assert unnamed is not None
    assert tensor is not None
    assert (unnamed.kind, unnamed.columns) == (SignatureKind.UNNAMED, ())
    assert (tensor.kind, tensor.columns) == (SignatureKind.TENSOR, ())
    assert tensor.inputs[0].dtype == "tensor(float64)"


@pytest.mark.parametrize("inputs", [None, "", "[]"])
def test_no_inputs_are_no_signature(inputs: str | None) -> None:
    assert parse_signature(inputs, None) is None


@pytest.mark.parametrize("inputs", ["{", "3", '{"a": 1}', "[3]"])
def test_a_signature_that_is_not_mlflows_is_an_error(inputs: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_signature(inputs, None)


def test_a_datasets_location_is_found_in_its_source() -> None:
    assert dataset_location('{"uri": "/a"}') == "/a"
    assert dataset_location('{"url": "https://x"}') == "https://x"
    assert dataset_location('{"tags": {}}') == '{"tags": {}}'
    assert dataset_location("plain") == "plain"
    assert len(dataset_location("x" * 10_000)) == 2000
