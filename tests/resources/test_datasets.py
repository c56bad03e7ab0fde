"""Data sets read through the real engine, on tiny files."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrisk.columns import ROW, class_text
from modelrisk.errors import Unavailable
from modelrisk.labels import LabelCensus, TargetCensus
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.regression import RegressionReading
from modelrisk.records import Blame, Problem
from resources.datasets import DatasetDescription, Datasets
from resources.duckdb_engine import Column

CLASSES: Any = {"reading": BinaryReading(("0", "1"), "1"), "label": "y"}
HOSTILE = [
    'a"b',
    "it's",
    "two\nlines",
    "emoji 😀",
    "'; DROP TABLE x; --",
    "<script>",
    "../up",
    "=cmd()",
    "x" * 300,
    "rtl \u202e override",
    "per%cent {brace} :colon",
    "select",
]


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Datasets]:
    made = Datasets(tmp_path / "work", memory_limit="256MB", threads=2)
    yield made
    made.close()


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


def described(datasets: Datasets, path: Path) -> DatasetDescription:
    found = datasets.describe(path)
    assert isinstance(found, DatasetDescription), str(found)
    return found


def rows_of(datasets: Datasets, path: Path) -> list[dict[str, Any]]:
    with datasets.table(path) as table:
        return datasets.run(table.order_by(ROW))


def test_a_parquet_file_is_described_by_digest_rows_and_types(datasets: Datasets, tmp_path: Path):
    import hashlib

    path = parquet(
        tmp_path / "a.parquet", {"id": [1, 2], "x": [0.5, None], "s": ["a", "b"], "b": [True, None]}
    )
    found = described(datasets, path)
    assert found.digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert found.types["s"] == "string"
    assert found.rows == 2
    assert found.columns == (
        Column("id", "int64"),
        Column("x", "float64"),
        Column("s", "string"),
        Column("b", "boolean"),
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", b"id,note\n1,x\n2,y\n"),
        ("bom.csv", b"\xef\xbb\xbfid,note\n1,x\n2,y\n"),
        ("quoted.csv", b'"id","note"\n1,"x"\n2,"y"\n'),
        ("windows.csv", b"id,note\r\n1,x\r\n2,y\r\n"),
        ("no_last_newline.csv", b"id,note\n1,x\n2,y"),
        ("packed.csv.gz", gzip.compress(b"id,note\n1,x\n2,y\n", mtime=0)),
        ("UPPER.CSV", b"id,note\n1,x\n2,y\n"),
        ("semicolon.csv", b"id;note\n1;x\n2;y\n"),
        ("tab.csv", b"id\tnote\n1\tx\n2\ty\n"),
    ],
)
def test_a_csv_reads_alike_in_every_common_form(
    datasets: Datasets, tmp_path: Path, name: str, content: bytes
):
    path = tmp_path / name
    path.write_bytes(content)
    assert described(datasets, path).columns == (Column("id", "int64"), Column("note", "string"))
    assert rows_of(datasets, path) == [{"id": 1, "note": "x", ROW: 0}, {"id": 2, "note": "y", ROW: 1}]


def test_quoted_commas_newlines_and_quotes_survive(datasets: Datasets, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('name,"the, note"\n"a ""b""","line 1\nline 2"\nc,\n', newline="")
    assert rows_of(datasets, path) == [
        {"name": 'a "b"', "the, note": "line 1\nline 2", ROW: 0},
        {"name": "c", "the, note": None, ROW: 1},
    ]


def test_a_csv_of_one_column_is_read(datasets: Datasets, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("only\n1\n2\n")
    assert [row["only"] for row in rows_of(datasets, path)] == [1, 2]


def test_a_late_value_of_another_type_does_not_break_a_csv(datasets: Datasets, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "1\n" * 50_000 + "oops\n")
    assert described(datasets, path).columns == (Column("x", "string"),)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "-20", "", "0"], "int64"),
        (["1", "2.5", "1e-3", "nan", "inf"], "float64"),
        (["007", "8"], "string"),
        (["1234567890123456789012", "1"], "string"),
        (["+1", "2"], "float64"),
        (["true", "FALSE", ""], "boolean"),
        (["yes", "no"], "string"),
        (["2026-01-02", ""], "date"),
        (["2026-01-02", "2026-01-02 03:04:05"], "timestamp(6)"),
        (["2026-01-02T03:04:05+02:00"], "string"),
        (["2026-13-45"], "string"),
        (["#1", "2"], "string"),
        (["NA", "1"], "string"),
        (["", ""], "string"),
        (["1_000"], "string"),
    ],
)
def test_a_csv_column_gets_the_narrowest_type_every_value_fits(
    datasets: Datasets, tmp_path: Path, values: list[str], dtype: str
):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{value},1\n" for value in values))
    assert described(datasets, path).columns[0] == Column("x", dtype)
    assert described(datasets, path).rows == len(values)


def test_a_csv_is_converted_once_and_rows_keep_their_order(datasets: Datasets, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "".join(f"{i}\n" for i in range(200_000)))
    first = datasets.features_parquet(path)
    assert isinstance(first, Path)
    written = first.stat().st_mtime_ns
    with datasets.table(path) as table:
        in_place = table.filter(table["x"] == table[ROW])
        assert datasets.run(in_place.aggregate(n=in_place.count())) == [{"n": 200_000}]
    assert datasets.features_parquet(path) == first
    assert first.stat().st_mtime_ns == written


def test_a_parquet_file_is_handed_to_the_scorer_as_it_is(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"x": [1]})
    assert datasets.features_parquet(path) == path


def problem_of(outcome: object) -> Problem:
    assert isinstance(outcome, Problem), outcome
    return outcome


def test_a_missing_file_is_unavailable(datasets: Datasets, tmp_path: Path):
    found = problem_of(datasets.describe(tmp_path / "none.parquet"))
    assert found.blame is Blame.UNAVAILABLE
    assert "no file" in found.found
    assert problem_of(datasets.features_parquet(tmp_path / "none.parquet")).blame is Blame.UNAVAILABLE


@pytest.mark.parametrize(
    ("name", "content", "blame"),
    [
        ("a.parquet", b"not parquet at all", Blame.UNAVAILABLE),
        ("a.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", Blame.UNAVAILABLE),
        ("a.csv", "name,x\nZoë,1\n".encode() + "Zoë,2\n".encode("latin-1"), Blame.UNAVAILABLE),
        ("a.csv", "naïve,x\n1,2\n".encode("latin-1"), Blame.UNAVAILABLE),
        ("a.csv", b"a,b\n1,2\n3,4,5,6\n", Blame.UNAVAILABLE),
        ("a.csv.gz", b"not gzip", Blame.UNAVAILABLE),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999, mtime=0)[:-20], Blame.UNAVAILABLE),
        ("a.xlsx", b"anything", Blame.UNAVAILABLE),
        ("a.csv", b"", Blame.UNFIT),
        ("a.parquet", b"", Blame.UNFIT),
        ("a.csv", b"a,b\n", Blame.UNFIT),
        ("a.csv", b"a,b,A\n1,2,3\n", Blame.UNFIT),
        ("a.csv", b"a,,c\n1,2,3\n", Blame.UNFIT),
        ("a.csv", b"a,__ROW__\n1,2\n", Blame.UNFIT),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_with_blame(
    datasets: Datasets, tmp_path: Path, name: str, content: bytes, blame: Blame
):
    path = tmp_path / name
    path.write_bytes(content)
    found = problem_of(datasets.describe(path))
    assert found.blame is blame
    assert found.remedy


def test_a_problem_never_quotes_a_value_of_the_data(datasets: Datasets, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\nsecret-value,2\n" + b"\xff\xfe secret-value,3\n")
    assert "secret-value" not in str(problem_of(datasets.describe(path)))


def test_a_parquet_file_without_rows_is_unfit(datasets: Datasets, tmp_path: Path):
    import pyarrow as pa

    path = parquet(tmp_path / "a.parquet", {"x": pa.array([], pa.float64())})
    assert problem_of(datasets.describe(path)).blame is Blame.UNFIT


@pytest.mark.parametrize("names", [["a", "A"], ["a", ""], ["a", "file_row_number"], ["a", "nul\0"]])
def test_ambiguous_parquet_columns_are_unfit(datasets: Datasets, tmp_path: Path, names: list[str]):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=names), path)
    assert problem_of(datasets.describe(path)).blame is Blame.UNFIT


def test_hostile_column_names_are_plain_names(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {name: [1.0, float("nan")] for name in HOSTILE})
    assert described(datasets, path).names == tuple(HOSTILE)
    assert rows_of(datasets, path)[1] == dict.fromkeys(HOSTILE) | {ROW: 1}
    census = datasets.label_census(path, label='a"b')
    assert census == LabelCensus(counts={"1": 1}, missing=1, distinct=1, rows=2)


@pytest.mark.parametrize("folder", ["year=2020", "a*b", "q?", "[1]", "it's", "sp ace", "😀"])
def test_a_path_is_taken_literally(datasets: Datasets, tmp_path: Path, folder: str):
    (tmp_path / folder).mkdir()
    for ending in ("parquet", "csv"):
        path = tmp_path / folder / f"[x]*.{ending}"
        if ending == "csv":
            path.write_text("x\n7\n")
        else:
            parquet(path, {"x": [7]})
        assert rows_of(datasets, path) == [{"x": 7, ROW: 0}]


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize(
    "values",
    [
        ["nan", 1.0],
        ["nan", 1.0, 2.0, 3.0],
        [1.0, 0.25, "nan"],
        ["nan"] * 3,
        [0.0, "nan"],
        ["nan", "inf"],
        ["nan", None],
    ],
)
def test_no_statistics_let_a_nan_through(datasets: Datasets, tmp_path: Path, width: int, values: list[Any]):
    import pyarrow as pa

    numbers = [None if value is None else float(value) for value in values]
    path = parquet(
        tmp_path / "a.parquet", {"x": pa.array(numbers, pa.float32() if width == 32 else pa.float64())}
    )
    expected = [None if value in {"nan", None} else float(value) for value in values]
    assert [row["x"] for row in rows_of(datasets, path)] == expected
    with datasets.table(path) as table:
        x: Any = table["x"]
        found = datasets.run(table.aggregate(n=x.count(), most=x.max(), large=x.count(where=x >= 0.8)))[0]
    given = [value for value in expected if value is not None]
    assert found == {"n": len(given), "most": max(given, default=None), "large": sum(v >= 0.8 for v in given)}


def test_nan_is_null_and_infinity_stays(datasets: Datasets, tmp_path: Path):
    import pyarrow as pa

    nan, inf = float("nan"), float("inf")
    path = parquet(
        tmp_path / "a.parquet",
        {"x": pa.array([nan, inf, -0.0, 1.8e308], pa.float64()), "f": pa.array([nan, 1, 2, 3], pa.float32())},
    )
    assert [row["x"] for row in rows_of(datasets, path)] == [None, inf, 0.0, inf]
    assert [row["f"] for row in rows_of(datasets, path)] == [None, 1.0, 2.0, 3.0]


def test_unusual_types_read_as_text_instead_of_failing(datasets: Datasets, tmp_path: Path):
    import pyarrow as pa

    path = parquet(tmp_path / "a.parquet", {"n": pa.nulls(2), "s": [{"a": 1}, None], "l": [[1, 2], []]})
    assert described(datasets, path).names == ("n", "s", "l")
    assert rows_of(datasets, path)[0]["n"] is None


def test_class_text_is_the_same_however_the_class_is_stored(datasets: Datasets, tmp_path: Path):
    import datetime
    from decimal import Decimal

    import pyarrow as pa

    path = parquet(
        tmp_path / "a.parquet",
        {
            "int": pa.array([1, 0, None], pa.int8()),
            "float": [1.0, 0.25, float("nan")],
            "negative": [-0.0, -1.0, 1e300],
            "infinite": [float("inf"), float("-inf"), None],
            "bool": [True, False, None],
            "text": ["1.0", " a ", None],
            "decimal": [Decimal("1.00"), Decimal("0.50"), None],
            "category": pa.array(["x", "y", None]).dictionary_encode(),
            "date": [datetime.date(2026, 1, 2), None, None],
            "time": [datetime.datetime.fromisoformat("2026-01-02T03:04:05"), None, None],
        },
    )
    with datasets.table(path) as table:
        found = datasets.run(table.select(**{name: class_text(table[name]) for name in table.columns}))
    columns = {name: [row[name] for row in found] for name in found[0]}
    assert columns == {
        "int": ["1", "0", None],
        "float": ["1", "0.25", None],
        "negative": ["0", "-1", "1e+300"],
        "infinite": ["inf", "-inf", None],
        "bool": ["true", "false", None],
        "text": ["1.0", " a ", None],
        "decimal": ["1", "0.5", None],
        "category": ["x", "y", None],
        "date": ["2026-01-02", None, None],
        "time": ["2026-01-02T03:04:05", None, None],
        ROW: ["0", "1", "2"],
    }


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    return parquet(
        tmp_path / "scored.parquet",
        {"row": [2, 0, 1], "prediction": ["1", "0", "0"], "score": [0.9, 0.1, None]},
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return parquet(
        tmp_path / "data.parquet",
        {"y": [0.0, 1.0, None], "sex": ["F", None, "M"], "x": [1, 2, 3], "old": [True] * 3},
    )


def test_predictions_carry_label_score_and_cohorts_by_row(
    datasets: Datasets, tmp_path: Path, scored: Path, data: Path
):
    import pyarrow.parquet as pq

    to = tmp_path / "deep" / "predictions.parquet"
    assert datasets.predictions(scored, data, **CLASSES, sensitive=["sex", "old", "sex"], to=to) == to
    assert pq.read_table(to).to_pylist() == [
        {"row": 0, "label": "0", "prediction": "0", "score": 0.1, "cohort:sex": "F", "cohort:old": "true"},
        {"row": 1, "label": "1", "prediction": "0", "score": None, "cohort:sex": None, "cohort:old": "true"},
        {"row": 2, "label": None, "prediction": "1", "score": 0.9, "cohort:sex": "M", "cohort:old": "true"},
    ]
    assert [str(field.type) for field in pq.read_schema(to)] == [
        "int64", "string", "string", "double", "string", "string",
    ]  # fmt: skip


def test_predictions_are_the_same_bytes_again(datasets: Datasets, tmp_path: Path):
    n = 300_000
    data = parquet(
        tmp_path / "d.parquet", {"y": [i % 2 for i in range(n)], "g": [f"g{i % 7}" for i in range(n)]}
    )
    order = sorted(range(n), key=lambda i: (i * 7919) % n)
    scored = parquet(
        tmp_path / "s.parquet",
        {"row": order, "prediction": [str(i % 2) for i in order], "score": [i / n for i in order]},
    )
    digests: set[object] = set()
    for turn in range(3):
        to = tmp_path / f"{turn}.parquet"
        assert datasets.predictions(scored, data, **CLASSES, sensitive=["g"], to=to) == to
        digests.add(datasets.digest(to))
    assert len(digests) == 1
    with datasets.table(tmp_path / "0.parquet") as table:
        right = table.filter(table["row"] == table[ROW], table["label"] == table["prediction"])
        assert datasets.run(right.aggregate(n=right.count())) == [{"n": n}]


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 1], [0, 1, 2, 3], [1, 2, 3], [0, None, 2], []])
def test_predictions_for_other_rows_than_the_data_are_unavailable(
    datasets: Datasets, tmp_path: Path, data: Path, rows: list[int | None]
):
    import pyarrow as pa

    scored = parquet(
        tmp_path / "s.parquet",
        {
            "row": pa.array(rows, pa.int64()),
            "prediction": ["1"] * len(rows),
            "score": pa.nulls(len(rows), pa.float64()),
        },
    )
    to = tmp_path / "predictions.parquet"
    assert (
        problem_of(datasets.predictions(scored, data, **CLASSES, sensitive=[], to=to)).blame
        is Blame.UNAVAILABLE
    )
    assert not to.exists()


def test_a_missing_label_or_attribute_is_unfit_and_names_the_near_miss(
    datasets: Datasets, tmp_path: Path, scored: Path, data: Path
):
    to = tmp_path / "predictions.parquet"
    found = problem_of(
        datasets.predictions(scored, data, **{**CLASSES, "label": "Y"}, sensitive=["sex"], to=to)
    )
    assert found.blame is Blame.UNFIT
    assert "'Y'" in found.found
    assert "'y'" in found.expected
    assert (
        problem_of(datasets.predictions(scored, data, **CLASSES, sensitive=["age"], to=to)).blame
        is Blame.UNFIT
    )
    assert not to.exists()


def test_a_failed_write_leaves_nothing_behind(datasets: Datasets, tmp_path: Path, scored: Path, data: Path):
    to = tmp_path / "taken"
    to.mkdir()
    assert (
        "IsADirectoryError"
        in problem_of(datasets.predictions(scored, data, **CLASSES, sensitive=[], to=to)).found
    )
    assert not list(tmp_path.glob(".*"))


def test_the_target_census_tells_missing_infinite_and_moments(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"y": [1.0, 2.0, 6.0, None, float("inf"), float("nan")]})
    census = datasets.target_census(path, label="y")
    assert isinstance(census, TargetCensus)
    assert (census.rows, census.missing, census.not_finite) == (6, 2, 1)
    assert (census.low, census.median, census.high) == (1.0, 2.0, 6.0)
    assert census.sd == pytest.approx(7**0.5)


def test_a_target_of_text_or_of_another_name_is_unfit(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"y": ["1", "2"]})
    assert "of type string" in problem_of(datasets.target_census(path, label="y")).found
    assert problem_of(datasets.target_census(path, label="z")).blame is Blame.UNFIT


def test_several_classes_keep_what_metrics_need_of_their_probabilities(datasets: Datasets, tmp_path: Path):
    import pyarrow.parquet as pq

    data = parquet(tmp_path / "d.parquet", {"y": ["b", "a", "c"]})
    scored = parquet(
        tmp_path / "s.parquet",
        {
            "row": [0, 1, 2],
            "prediction": ["b", "a", "a"],
            "probabilities": [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], None],
        },
    )
    to = tmp_path / "p.parquet"
    reading = MulticlassReading(("a", "b", "c"))
    assert datasets.predictions(scored, data, reading=reading, label="y", sensitive=[], to=to) == to
    found = pq.read_table(to).to_pylist()
    assert [row["label_probability"] for row in found] == [0.5, 0.4, None]
    assert [row["label_rank"] for row in found] == [1, 2, None]
    assert [row["confidence"] for row in found] == [0.5, 0.4, None]
    assert [row["squared_error"] for row in found[:2]] == pytest.approx([0.38, 0.56])
    assert found[2]["squared_error"] is None


def test_predictions_of_a_regression_are_numbers(datasets: Datasets, tmp_path: Path):
    import pyarrow.parquet as pq

    data = parquet(tmp_path / "d.parquet", {"y": [1, 2]})
    scored = parquet(tmp_path / "s.parquet", {"row": [0, 1], "prediction": [0.5, 2.5]})
    to = tmp_path / "p.parquet"
    reading = RegressionReading()
    assert datasets.predictions(scored, data, reading=reading, label="y", sensitive=[], to=to) == to
    assert pq.read_table(to).to_pylist() == [
        {"row": 0, "label": 1.0, "prediction": 0.5},
        {"row": 1, "label": 2.0, "prediction": 2.5},
    ]


def test_the_label_census_counts_classes_and_missing(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"y": ["b", "a", "b", None, "c"]})
    assert datasets.label_census(path, label="y") == LabelCensus(
        {"b": 2, "a": 1, "c": 1}, missing=1, distinct=3, rows=5
    )
    assert problem_of(datasets.label_census(path, label="z")).blame is Blame.UNFIT


def test_the_label_census_of_a_continuous_column_stays_small(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"y": [i + 0.5 for i in range(5000)]})
    census = datasets.label_census(path, label="y")
    assert isinstance(census, LabelCensus)
    assert census.distinct == 5000
    assert len(census.counts) == 5000


def test_an_unusable_file_raises_when_rows_are_wanted(datasets: Datasets, tmp_path: Path):
    with pytest.raises(Unavailable, match="no file"), datasets.table(tmp_path / "none.parquet"):
        pass


def test_damage_inside_a_file_is_unavailable_not_a_crash(datasets: Datasets, tmp_path: Path):
    path = parquet(tmp_path / "a.parquet", {"x": [str(i) for i in range(10_000)]})
    content = bytearray(path.read_bytes())
    content[100:4000] = b"\xff" * 3900
    path.write_bytes(content)
    with pytest.raises(Unavailable), datasets.table(path) as table:
        datasets.run(table.aggregate(n=table["x"].nunique(), m=table["x"].max()))


def test_two_files_can_be_compared_in_one_expression(datasets: Datasets, scored: Path, data: Path):
    with datasets.table(scored) as left, datasets.table(data) as right:
        joined = left.join(right, [("row", "x")])
        assert datasets.run(joined.aggregate(n=joined.count())) == [{"n": 2}]


def test_threads_share_one_instance(datasets: Datasets, data: Path):
    found: list[list[dict[str, Any]]] = []

    def work() -> None:
        for _ in range(10):
            with datasets.table(data) as table:
                found.append(datasets.run(table.aggregate(n=table.count())))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[{"n": 3}]] * 40


def test_a_memory_limit_that_cannot_hold_the_work_says_so(tmp_path: Path):
    datasets = Datasets(tmp_path / "work", memory_limit="1MB", threads=1)
    path = parquet(tmp_path / "a.parquet", {"x": [f"text number {i}" for i in range(200_000)]})
    with pytest.raises(Unavailable, match="memory"), datasets.table(path) as table:
        datasets.run(table.aggregate(n=table["x"].nunique()))
    datasets.close()


def test_closing_removes_what_was_spilled_and_the_next_use_opens_again(
    datasets: Datasets, tmp_path: Path, data: Path
):
    assert described(datasets, data)
    assert list((tmp_path / "work").glob("spill-*"))
    datasets.close()
    assert described(datasets, data)


def test_a_work_directory_that_cannot_be_written_is_unavailable(tmp_path: Path, data: Path):
    (tmp_path / "file").write_text("in the way")
    blocked = Datasets(tmp_path / "file" / "work")
    found = problem_of(blocked.describe(data))
    assert found.blame is Blame.UNAVAILABLE
    assert "writing" in found.found


def test_only_the_columns_asked_for_are_planned(datasets: Datasets, data: Path):
    with datasets.table(data, columns=["sex", "gone"]) as table:
        assert list(table.columns) == ["sex", ROW]
        assert datasets.run(table.aggregate(n=table["sex"].count())) == [{"n": 2}]


def test_an_expression_can_be_given_a_name_while_it_is_needed(datasets: Datasets, data: Path):
    with datasets.table(data) as table, datasets.named(table.select(c0=table["x"])) as name:
        cursor = datasets.cursor()
        assert cursor.execute(f"SELECT sum(c0) FROM {name}").fetchall() == [(6,)]
        cursor.close()
