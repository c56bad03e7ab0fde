"""What is learned from training data, by the real engine on tiny tables."""

from pathlib import Path
from typing import Any

from modelrisk.profiles import CATEGORIES_KEPT, CODES_KEPT, ColumnProfile, DatasetProfile, profile
from resources.datasets import Datasets


def profiled(folder: Path, columns: dict[str, Any], *, wanted: list[str] | None = None) -> DatasetProfile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), folder / "t.parquet")
    datasets = Datasets(folder / "work", memory_limit="256MB", threads=1)
    with datasets.table(folder / "t.parquet") as table:
        found = profile(datasets.run, table, columns=wanted or list(columns))
    datasets.close()
    return found


def test_numbers_have_a_finite_range_and_missing_values_are_counted(tmp_path: Path):
    from decimal import Decimal

    found = profiled(
        tmp_path,
        {
            "x": [1.5, float("nan"), None, float("inf"), -2.0],
            "n": [3, 1, 2, None, 9],
            "d": [Decimal("1.50"), None, Decimal("2.50"), None, None],
            "b": [True, False, None, True, True],
            "none": [None] * 5,
        },
    )
    assert found.rows == 5
    assert found.columns == {
        "x": ColumnProfile(2, -2.0, float("1.5")),
        "n": ColumnProfile(1, 1.0, 9.0),
        "d": ColumnProfile(3, 1.5, 2.5),
        "b": ColumnProfile(1),
        "none": ColumnProfile(5, categories=()),
    }


def test_a_column_of_infinities_has_no_range(tmp_path: Path):
    assert profiled(tmp_path, {"x": [float("inf"), float("-inf")]}).columns == {"x": ColumnProfile(0)}


def test_few_texts_are_listed_and_many_are_not(tmp_path: Path):
    few = [f"t{i % CATEGORIES_KEPT}" for i in range(1000)]
    edge = [f"t{i % (CATEGORIES_KEPT + 1)}" for i in range(1000)]
    found = profiled(tmp_path, {"few": few, "edge": edge, "many": [f"t{i}" for i in range(1000)]})
    assert found.columns["few"].categories == tuple(sorted(set(few)))
    assert found.columns["edge"].categories is None
    assert found.columns["many"].categories is None


def test_few_whole_numbers_with_twenty_rows_to_each_are_codes(tmp_path: Path):
    found = profiled(
        tmp_path,
        {
            "code": [i % CODES_KEPT for i in range(400)],
            "more": [i % (CODES_KEPT + 1) for i in range(400)],
            "count": list(range(400)),
            "half": [i % 4 / 2 for i in range(400)],
        },
    )
    assert found.columns["code"].codes == tuple(sorted(map(str, range(CODES_KEPT))))
    assert [found.columns[name].codes for name in ("more", "count", "half")] == [None] * 3
    few = profiled(tmp_path, {"code": [i % 5 for i in range(99)]})
    assert few.columns["code"].codes is None


def test_only_columns_that_are_asked_for_and_present_are_profiled(tmp_path: Path):
    found = profiled(tmp_path, {'a"b\n': [1], "other": [2]}, wanted=['a"b\n', "gone", 'a"b\n'])
    assert found.columns == {'a"b\n': ColumnProfile(0, 1.0, 1.0)}
