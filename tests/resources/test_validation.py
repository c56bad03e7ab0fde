"""Expectations evaluated by the real library on the real engine, on tiny files."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelrisk.cases import Case, CasePaths
from modelrisk.champions import champion_of
from modelrisk.expectation_results import ExpectationResult
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.expectations import Subject, expectations
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake
from modelrisk.lineage import ColumnSpec, Lineage, Signature
from modelrisk.profiles import profile
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence
from resources.datasets import DatasetDescription, Datasets
from resources.validation import Validator

HOSTILE = [
    'a"b',
    "it's",
    "two\nlines",
    "emoji 😀",
    "'; DROP TABLE x; --",
    "{batch}",
    ":y %s $1",
    "x" * 300,
    "select",
]
TODAY = date(2026, 11, 26)
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    made = Datasets(tmp_path_factory.mktemp("work"), memory_limit="512MB", threads=1)
    yield made
    made.close()


@pytest.fixture
def validator(datasets: Datasets) -> Validator:
    return Validator(datasets, today=lambda: TODAY)


def written(path: Path, columns: Mapping[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path)
    return path


def one(validator: Validator, path: Path, spec: ExpectationSpec) -> ExpectationResult:
    (result,) = validator.validate(path, [spec])
    return result


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    return written(
        tmp_path / "e.parquet",
        {
            "x": [1.0, NAN, None, INF, -5.0, 7.0],
            "n": [1, 2, 2, None, 5, 5],
            "s": ["a", "b", None, "c", "b", "b"],
            "y": [1.0, 0.0, 1.0, 0.0, None, 1.0],
            "b": [True, False, True, None, True, True],
            "day": [1, 1, 2, 2, 2, 2],
            "none": [None] * 6,
        },
    )


@pytest.mark.parametrize(
    ("spec", "rows", "unexpected", "limit", "passed"),
    [
        (ExpectationSpec("a", Kind.ROWS_AT_LEAST, low=6), 6, None, None, True),
        (ExpectationSpec("a", Kind.ROWS_AT_LEAST, low=7), 6, None, None, False),
        (ExpectationSpec("a", Kind.PRESENT, "x"), 6, None, None, True),
        (ExpectationSpec("a", Kind.PRESENT, "X"), 6, None, None, False),
        (ExpectationSpec("a", Kind.GIVEN, "x"), 6, 2, 0, False),
        (ExpectationSpec("a", Kind.GIVEN, "x", share=1 / 3), 6, 2, 2, True),
        (ExpectationSpec("a", Kind.GIVEN, "x", share=0.3), 6, 2, 1, False),
        (ExpectationSpec("a", Kind.GIVEN, "none"), 6, 6, 0, False),
        (ExpectationSpec("a", Kind.BETWEEN, "x", low=-5, high=7), 4, 1, 0, False),
        (ExpectationSpec("a", Kind.BETWEEN, "x", low=-5, high=7, share=0.25), 4, 1, 1, True),
        (ExpectationSpec("a", Kind.BETWEEN, "n", low=1, high=5), 5, 0, 0, True),
        (ExpectationSpec("a", Kind.FINITE, columns=("x",)), 6, 1, 0, False),
        (ExpectationSpec("a", Kind.IN_SET, "s", allowed=("a", "b")), 5, 1, 0, False),
        (ExpectationSpec("a", Kind.IN_SET, "s", allowed=("a", "b", "c")), 5, 0, 0, True),
        (ExpectationSpec("a", Kind.IN_SET, "y", allowed=("0", "1")), 5, 0, 0, True),
        (ExpectationSpec("a", Kind.IN_SET, "b", allowed=("true",)), 5, 1, 0, False),
        (ExpectationSpec("a", Kind.CONTAINS, "y", allowed=("0", "1")), 6, 0, 0, True),
        (ExpectationSpec("a", Kind.CONTAINS, "y", allowed=("0", "1", "2", "3")), 6, 2, 0, False),
        (ExpectationSpec("a", Kind.CLASSES, "y", low=2, high=2), 6, None, None, True),
        (ExpectationSpec("a", Kind.CLASSES, "s", low=2, high=2), 6, None, None, False),
        (ExpectationSpec("a", Kind.CLASSES, "none", low=2, high=2), 6, None, None, False),
        (ExpectationSpec("a", Kind.KEY_UNIQUE, "n"), 5, 2, 0, False),
        (ExpectationSpec("a", Kind.KEY_UNIQUE, "n", time="day"), 5, 1, 0, False),
        (ExpectationSpec("a", Kind.KEY_UNIQUE, "s", time="x"), 4, 0, 0, True),
        (ExpectationSpec("a", Kind.ROWS_DIFFER), 6, 0, 0, True),
    ],
)
def test_counts_are_exact(
    validator: Validator,
    everything: Path,
    spec: ExpectationSpec,
    rows: int,
    unexpected: int | None,
    limit: int | None,
    passed: bool,
):
    found = one(validator, everything, spec)
    assert (found.rows, found.unexpected, found.limit, found.passed) == (rows, unexpected, limit, passed)
    assert found.problem == ""


def test_repeated_rows_are_counted_with_missing_equal_to_missing(validator: Validator, tmp_path: Path):
    path = written(
        tmp_path / "e.parquet", {"x": [1.0, 1.0, NAN, None, 2.0], "s": ["a", "a", None, None, "b"]}
    )
    found = one(validator, path, ExpectationSpec("a", Kind.ROWS_DIFFER, gates=False))
    assert (found.passed, found.unexpected, found.gates) == (False, 2, False)


def test_a_column_that_is_not_there_could_not_be_evaluated(validator: Validator, everything: Path):
    found = one(validator, everything, ExpectationSpec("a", Kind.GIVEN, "gone"))
    assert found.passed is None
    assert "no such column" in found.problem


def test_an_expectation_that_raises_could_not_be_evaluated_by_itself(validator: Validator, everything: Path):
    bad = ExpectationSpec("bad", Kind.BETWEEN, "s", low=0, high=1)
    good = ExpectationSpec("good", Kind.IN_SET, "s", allowed=("a", "b", "c"))
    results = {result.name: result for result in validator.validate(everything, [bad, good])}
    assert results["bad"].passed is None
    assert results["bad"].problem
    assert results["bad"].unexpected is None


def test_a_file_that_cannot_be_read_leaves_every_expectation_open(validator: Validator, tmp_path: Path):
    found = one(validator, tmp_path / "gone.parquet", ExpectationSpec("a", Kind.ROWS_AT_LEAST, low=2))
    assert found.passed is None
    assert "no file" in found.problem


def test_damage_inside_a_file_leaves_expectations_open(validator: Validator, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"s": [f"text {i}" for i in range(10_000)]})
    content = bytearray(path.read_bytes())
    content[50 : len(content) // 2] = b"\xff" * (len(content) // 2 - 50)
    path.write_bytes(content)
    assert one(validator, path, ExpectationSpec("a", Kind.GIVEN, "s")).passed is None


def test_no_value_of_the_data_is_in_a_result(validator: Validator, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"s": ["confidential"] * 3, "x": [123456.789] * 3})
    specs = [
        ExpectationSpec("a", Kind.IN_SET, "s", allowed=("other",)),
        ExpectationSpec("b", Kind.BETWEEN, "x", low=0, high=1),
        ExpectationSpec("c", Kind.KEY_UNIQUE, "s"),
        ExpectationSpec("d", Kind.CLASSES, "s", low=2, high=2),
        ExpectationSpec("e", Kind.ROWS_DIFFER),
    ]
    results = validator.validate(path, specs)
    assert not any(result.passed for result in results)
    assert "confidential" not in str(results)
    assert "123456" not in str(results)


def subject_of(description: DatasetDescription, **changes: Any) -> Subject:
    features = tuple(name for name in description.names if name not in {"y", "id"})
    has_id = "id" if "id" in description.names else None
    plain = Subject(description.rows, description.types, features, "y", "1", ("0", "1"), id=has_id)
    return replace(plain, **changes)


def judged(
    validator: Validator, datasets: Datasets, path: Path, training: Path
) -> tuple[ExpectationResult, ...]:
    description = datasets.describe(path)
    assert isinstance(description, DatasetDescription)
    subject = subject_of(description)
    with datasets.table(training) as rows:
        known = profile(datasets.run, rows, columns=subject.features)
    return validator.validate(path, expectations(subject, training=known))


def test_data_like_its_training_data_passes_everything(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    columns = {"y": [0, 1, 1, 0], "id": [1, 2, 3, 4], "x": [0.5, 1.5, None, 2.5], "s": ["a", "b", "a", "b"]}
    path = written(tmp_path / "e.parquet", columns)
    assert all(result.passed for result in judged(validator, datasets, path, path))


def test_hostile_column_names_and_values_are_only_names_and_values(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    columns = {"y": [0, 1], **{name: [name, None] for name in HOSTILE}}
    path = written(tmp_path / "e.parquet", columns)
    results = judged(validator, datasets, path, path)
    assert all(result.passed for result in results)
    assert {result.column for result in results} >= set(HOSTILE)


def test_one_row_and_one_class_fail_and_do_not_raise(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    training = written(tmp_path / "t.parquet", {"y": [0, 1], "x": [0.0, 1.0]})
    path = written(tmp_path / "e.parquet", {"y": [1], "x": [0.5]})
    failed = {result.name for result in judged(validator, datasets, path, training) if not result.passed}
    assert failed == {"rows", "y: classes", "y: occurs"}


def test_all_missing_columns_fail_where_training_had_values(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    training = written(tmp_path / "t.parquet", {"y": [0, 1] * 50, "x": [0.0, 1.0] * 50, "s": ["a", "b"] * 50})
    path = written(tmp_path / "e.parquet", {"y": [0, 1] * 50, "x": [NAN] * 100, "s": [None] * 100})
    failed = {result.name for result in judged(validator, datasets, path, training) if not result.passed}
    assert failed == {
        "x: missing as in training",
        "s: missing as in training",
        "rows differ",
        "labels agree",  # to the model all rows are one
    }


def test_values_outside_training_fail(validator: Validator, datasets: Datasets, tmp_path: Path):
    training = written(tmp_path / "t.parquet", {"y": [0, 1] * 50, "x": [0.0, 1.0] * 50, "s": ["a", "b"] * 50})
    path = written(tmp_path / "e.parquet", {"y": [0, 1] * 50, "x": [0.0, 5.0] * 50, "s": ["a", "new"] * 50})
    failed = {
        result.name: result for result in judged(validator, datasets, path, training) if not result.passed
    }
    assert set(failed) == {"x: training range", "s: training values", "rows differ"}
    assert failed["s: training values"].unexpected == 50


def test_a_wide_table_is_evaluated_in_several_runs(validator: Validator, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {f"f{i}": [1.0, 2.0] for i in range(1200)})
    specs = [ExpectationSpec(f"f{i}: present", Kind.PRESENT, f"f{i}") for i in range(1200)]
    specs += [ExpectationSpec(f"f{i}", Kind.GIVEN, f"f{i}") for i in range(0, 1200, 150)]
    specs += [ExpectationSpec("rows differ", Kind.ROWS_DIFFER), ExpectationSpec("gone", Kind.PRESENT, "gone")]
    results = validator.validate(path, specs)
    assert [result.name for result in results] == [spec.name for spec in specs]
    assert [result.name for result in results if not result.passed] == ["gone"]


def test_nothing_is_written_where_the_user_works(
    validator: Validator, everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("HOME", str(empty))
    assert one(validator, everything, ExpectationSpec("a", Kind.ROWS_AT_LEAST, low=2)).passed
    assert not list(empty.iterdir())
    assert os.environ["GX_ANALYTICS_ENABLED"].lower() == "false"


VERSION = ModelVersion("loans", "1")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Evaluation data and training data that fit together and share nothing."""
    n = 60
    evaluation = {
        "y": [i % 2 for i in range(n)],
        "x": [i + 0.25 for i in range(n)],
        "id": list(range(n)),
        "sex": ["F", "M"] * (n // 2),
    }
    training = {"y": [i % 2 for i in range(n)], "x": [i + 0.5 for i in range(n)], "id": list(range(n, 2 * n))}
    return written(tmp_path / "e.parquet", evaluation), written(tmp_path / "t.parquet", training)


def case_of(datasets: Datasets, evaluation: Path, training: Path | None, **data: Any) -> Case:
    from pydantic import TypeAdapter

    intake = TypeAdapter(Intake).validate_python(
        {
            "model": "loans",
            "owner": "team:lending",
            "purpose": "Ranks applications.",
            "task": "binary_classification",
            "facts": {},
            "data": {
                "evaluation": "e",
                "label": "y",
                "positive": 1,
                "sensitive": ["sex"],
                "id": "id",
                **data,
            },
        }
    )
    nothing = Problem(Blame.UNAVAILABLE, "no dataset logged", "a dataset", "Write `training: path`")
    digests = {role: None if path is None else str(datasets.digest(path)) for role, path in
               (("evaluation", evaluation), ("training", training))}  # fmt: skip
    return Case(
        evidence=StageEvidence(
            "inventory/lineage",
            VERSION,
            bound := BoundDigests(
                "m", "e", digests["evaluation"], digests["training"], "none", "i", "p", "c"
            ),
        ),
        version=VERSION,
        intake=intake,
        lineage=Lineage(VERSION, "r", "e", "s", "READY", signature=Signature((ColumnSpec("x", "double"),))),
        champion=champion_of(VERSION, recorded=None, aliased=None, alias="champion"),
        champion_lineage=None,
        bound=bound,
        paths=CasePaths(evaluation=str(evaluation), training=None if training is None else str(training)),
        problems={} if training is not None else {"training": nothing},
    )


def values(evidence: StageEvidence) -> dict[str, float | None]:
    return {estimate.metric: estimate.value for estimate in evidence.estimates}


def test_honest_data_leaves_clean_censuses(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(case_of(datasets, *files))
    assert values(evidence) == {
        "failed_expectations": 0,
        "signature_mismatches": 0,
        "rows_seen_in_training": 0,
        "rows_seen_beyond_chance": 0,
        "ids_seen_in_training": 0,
    }
    assert evidence.problem is None
    assert not evidence.not_applicable
    assert {row["outcome"] for row in evidence.tables["expectations"]} == {"as expected"}


def test_leaked_rows_and_ids_are_counted(validator: Validator, datasets: Datasets, files: tuple[Path, Path]):
    evaluation, _ = files
    found = values(validator.evidence(case_of(datasets, evaluation, evaluation)))
    assert found["rows_seen_in_training"] == found["rows_seen_beyond_chance"] == 1
    assert found["ids_seen_in_training"] == 1
    assert found["failed_expectations"] == 0


def test_without_an_identifier_its_leakage_does_not_apply(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(case_of(datasets, *files, id=None))
    assert "ids_seen_in_training" in evidence.not_applicable
    assert "ids_seen_in_training" not in values(evidence)


def test_without_training_data_leakage_and_expectations_are_not_evaluable(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(case_of(datasets, files[0], None))
    assert values(evidence) == {
        "failed_expectations": None,
        "signature_mismatches": 0,
        "rows_seen_in_training": None,
        "rows_seen_beyond_chance": None,
        "ids_seen_in_training": None,
    }
    assert all(
        "training: path" in str(estimate.problem) for estimate in evidence.estimates if estimate.problem
    )


def test_evaluation_data_that_changed_under_review_is_a_problem(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    case = case_of(datasets, *files)
    written(files[0], {"y": [0, 1], "x": [1.0, 2.0]})
    evidence = validator.evidence(case)
    assert evidence.problem is not None
    assert evidence.problem.blame is Blame.UNAVAILABLE
    assert "other bytes" in evidence.problem.found
    assert not evidence.estimates


def test_training_data_that_changed_under_review_is_not_evaluable(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    case = case_of(datasets, *files)
    written(files[1], {"y": [0, 1], "x": [1.0, 2.0]})
    found = values(validator.evidence(case))
    assert found["rows_seen_in_training"] is None
    assert found["failed_expectations"] is None


def test_a_model_that_nobody_declared_has_a_problem_and_no_estimates(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(replace(case_of(datasets, *files), intake=None))
    assert evidence.problem is not None
    assert not evidence.estimates


def test_a_missing_label_is_a_failed_expectation(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    found = values(validator.evidence(case_of(datasets, *files, label="outcome")))
    assert found["failed_expectations"] == 1


def test_the_models_signature_is_compared_with_the_file(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    case = case_of(datasets, *files)
    retyped = Signature((ColumnSpec("x", "string"), ColumnSpec("gone", "double")))
    evidence = validator.evidence(replace(case, lineage=replace(case.lineage, signature=retyped)))
    assert values(evidence)["signature_mismatches"] == 2
    assert {row["reason"] for row in evidence.tables["signature"]} == {"retyped", "missing"}
    unsigned = validator.evidence(replace(case, lineage=replace(case.lineage, signature=None)))
    assert values(unsigned)["signature_mismatches"] is None


def test_what_the_team_declares_is_asked_and_its_failure_counts(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    declared = [
        {"column": "x", "at_most": 57, "because": "We never saw more."},
        {"column": "id", "at_most": 10, "gates": False},
        {"rows_at_least": 60},
    ]
    evidence = validator.evidence(case_of(datasets, *files, expectations=declared))
    assert values(evidence)["failed_expectations"] == 1
    first, second = evidence.tables["expectations"][:2]
    assert (first["outcome"], first["unexpected"], first["first rows"]) == ("failed", 3, "58, 59, 60")
    assert first["because"] == "We never saw more."
    assert (second["outcome"], second["unexpected"]) == ("noted", 49)
    assert evidence.details["failed_expectations"] == "x: none above 57 (3 of 60 rows: 58, 59, 60)"


def test_a_declared_column_that_is_not_there_fails(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    declared = [{"column": "gone", "at_least": 0}]
    assert (
        values(validator.evidence(case_of(datasets, *files, expectations=declared)))["failed_expectations"]
        == 1
    )


def test_a_declared_expectation_the_data_cannot_be_asked_is_never_a_zero(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    declared = [{"column": "sex", "at_least": 0}]
    evidence = validator.evidence(case_of(datasets, *files, expectations=declared))
    (estimate,) = [one for one in evidence.estimates if one.metric == "failed_expectations"]
    assert estimate.value is None
    assert "sex: the column is stored as string" in str(estimate.problem)


def test_classes_stand_beside_those_of_training(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    assert validator.evidence(case_of(datasets, *files)).tables["classes"] == (
        {"class": "0", "rows": 30, "share": 0.5, "in training": 0.5},
        {"class": "1", "rows": 30, "share": 0.5, "in training": 0.5},
    )


def test_codes_unseen_in_training_are_shown_and_refuse_nothing(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    n = 100
    base = {"y": [0, 1] * (n // 2), "id": list(range(n)), "sex": ["F", "M"] * (n // 2)}
    training = written(tmp_path / "t.parquet", base | {"id": list(range(n, 2 * n)), "x": [1, 2, 3, 4] * 25})
    path = written(tmp_path / "e.parquet", base | {"x": [1, 2, 3, 4] * 24 + [1, 1, 1, 0]})
    evidence = validator.evidence(case_of(datasets, path, training))
    assert values(evidence)["failed_expectations"] == 0
    assert evidence.tables["unseen categories"] == (
        {"column": "x", "values": 1, "rows": 1, "share": 0.01, "first rows": "100"},
    )


def dated(datasets: Datasets, folder: Path, days: list[Any], trained_on: list[Any], **data: Any) -> Case:
    n = len(days)
    base = {"y": [i % 2 for i in range(n)], "x": [i + 0.25 for i in range(n)], "sex": ["F"] * n}
    path = written(folder / "e.parquet", base | {"id": list(range(n)), "day": days})
    ids = {"id": list(range(n, 2 * n)), "x": [i + 0.5 for i in range(n)]}
    training = written(folder / "t.parquet", base | ids | {"day": trained_on})
    return case_of(datasets, path, training, time="day", **data)


def outcomes(evidence: StageEvidence, column: str) -> dict[str, str]:
    return {
        str(row["expected"]): str(row["outcome"])
        for row in evidence.tables["expectations"]
        if row["column"] == column
    }


def test_the_age_of_the_data_and_rows_older_than_training_are_shown(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    case = dated(datasets, tmp_path, [date(2026, 11, day) for day in (1, 5, 9, 10)], [date(2026, 11, 5)] * 4)
    evidence = validator.evidence(case)
    ours, theirs = evidence.tables["time span"]
    assert (ours["oldest"], ours["newest"], ours["days old"]) == ("2026-11-01", "2026-11-10", 16)
    assert (theirs["data"], theirs["newest"]) == ("training", "2026-11-05")
    assert outcomes(evidence, "day")["none observed before the newest training row"] == "noted"
    assert values(evidence)["failed_expectations"] == 0


def test_with_the_clock_set_back_everything_lies_in_the_future_and_nothing_is_refused_for_it(
    datasets: Datasets, tmp_path: Path
):
    case = dated(datasets, tmp_path, [TODAY] * 4, [date(2026, 1, 1)] * 4)
    evidence = Validator(datasets, today=lambda: date(2020, 1, 1)).evidence(case)
    assert outcomes(evidence, "day")["none after 2020-01-02"] == "noted"
    assert evidence.tables["time span"][0]["days old"] == -2521
    assert values(evidence)["failed_expectations"] == 0


def test_a_limit_on_age_that_the_intake_declares_refuses(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    limit = [{"column": "day", "newest_within_days": 30}]
    stale = dated(datasets, tmp_path, [date(2026, 10, 1)] * 4, [date(2026, 1, 1)] * 4, expectations=limit)
    evidence = validator.evidence(stale)
    assert values(evidence)["failed_expectations"] == 1
    assert evidence.tables["expectations"][0]["found"] == "56 days"


def test_a_time_column_of_text_that_is_no_time_is_noted(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    evidence = validator.evidence(dated(datasets, tmp_path, ["soon", "late", "now", "x"], ["then"] * 4))
    assert outcomes(evidence, "day")["none after 2026-11-27"] == "noted"
    assert evidence.tables["time span"][0]["unreadable"] == 4
    assert values(evidence)["failed_expectations"] == 0


def test_times_of_two_kinds_are_not_compared(validator: Validator, datasets: Datasets, tmp_path: Path):
    evidence = validator.evidence(dated(datasets, tmp_path, [1, 2, 3, 4], [date(2026, 1, 1)] * 4))
    assert "none observed before the newest training row" not in outcomes(evidence, "day")


def test_the_rows_seen_in_training_are_named(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(case_of(datasets, files[0], files[0]))
    assert evidence.details["rows_seen_in_training"] == "rows 1, 2, 3, 4, 5 …"


def regression(datasets: Datasets, folder: Path, targets: list[Any], trained_on: list[Any]) -> Case:
    from modelrisk.intake import Task

    n = len(targets)
    base = {"x": [i + 0.25 for i in range(n)], "sex": ["F"] * n, "id": list(range(n)), "y": targets}
    path = written(folder / "e.parquet", base)
    m = len(trained_on)
    learned = {"x": [i / m * n + 0.1 for i in range(m)], "id": list(range(n, n + m)), "y": trained_on}
    case = case_of(datasets, path, written(folder / "t.parquet", learned))
    assert case.intake is not None
    return replace(case, intake=replace(case.intake, task=Task.REGRESSION))


@pytest.mark.parametrize(
    ("targets", "failed"),
    [
        ([1.0, 2.0, 3.0, 4.0], set[str]()),
        ([1, 2, 3, 4], set[str]()),
        ([1e12, -1e12, 0.0, 1.0], set[str]()),  # unlike training is shown, not refused
        ([7.0] * 4, {"at least two different values"}),
        ([1.0, 2.0, INF, 3.0], {"no infinite value in the column"}),
        ([1.0, NAN, None, 3.0], {"no missing value"}),
        (["1", "2", "x", "4"], {"the column holds numbers"}),
    ],
)
def test_the_target_of_a_regression_is_given_finite_and_varies(
    validator: Validator, datasets: Datasets, tmp_path: Path, targets: list[Any], failed: set[str]
):
    evidence = validator.evidence(regression(datasets, tmp_path, targets, [0.0, 5.0] * 10))
    assert {name for name, outcome in outcomes(evidence, "y").items() if outcome == "failed"} == failed
    assert "classes" not in evidence.tables
    assert values(evidence)["failed_expectations"] == len(failed)


def test_targets_outside_the_training_range_are_noted(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    evidence = validator.evidence(regression(datasets, tmp_path, [1e12, -1e12, 0.0, 1.0], [0.0, 5.0] * 10))
    assert "noted" in outcomes(evidence, "y").values()


def several_classes(
    datasets: Datasets, folder: Path, labels: list[Any], trained_on: list[Any], **prediction: Any
) -> Case:
    from modelrisk.intake import PredictionSpec, Task

    case = regression(datasets, folder, labels, trained_on)
    assert case.intake is not None
    task = Task.MULTICLASS_CLASSIFICATION
    return replace(case, intake=replace(case.intake, task=task, prediction=PredictionSpec(**prediction)))


def test_of_several_classes_one_may_be_missing_and_one_that_training_never_had_is_noted(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    evidence = validator.evidence(several_classes(datasets, tmp_path, list("aabx"), list("abc") * 7))
    assert outcomes(evidence, "y")["none outside the 3 known values"] == "noted"
    assert evidence.tables["unseen categories"][0]["first rows"] == "4"
    assert values(evidence)["failed_expectations"] == 0


def test_a_class_that_the_intake_does_not_declare_fails(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    case = several_classes(datasets, tmp_path, list("aabx"), list("abc") * 7, classes=("a", "b", "c"))
    evidence = validator.evidence(case)
    assert values(evidence)["failed_expectations"] == 1
    assert evidence.tables["expectations"][0]["expected"] == "none outside the 3 known values"


def test_one_class_of_several_is_not_enough(validator: Validator, datasets: Datasets, tmp_path: Path):
    evidence = validator.evidence(several_classes(datasets, tmp_path, ["a"] * 4, list("abc") * 7))
    assert outcomes(evidence, "y")["at least two different values"] == "failed"


def test_five_hundred_classes_are_shown_in_part_and_none_is_lost(
    validator: Validator, datasets: Datasets, tmp_path: Path
):
    labels = [f"c{n}" for n in range(500)] * 2
    evidence = validator.evidence(several_classes(datasets, tmp_path, labels, labels))
    table = evidence.tables["classes"]
    assert (len(table), sum(int(row["rows"] or 0) for row in table)) == (31, 1000)
    assert values(evidence)["failed_expectations"] == 0


def test_the_values_of_a_label_column_that_is_none_are_shown_to_nobody(
    validator: Validator, datasets: Datasets, files: tuple[Path, Path]
):
    evidence = validator.evidence(case_of(datasets, *files, label="x", id=None))
    assert "classes" not in evidence.tables
    assert "30.25" not in str(evidence)
