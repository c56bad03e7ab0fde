"""Rows and identifiers met in training, by the real engine on tiny tables."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrisk.estimates import Estimate
from modelrisk.leakage import first_rows_seen, ids_seen, rows_seen
from resources.datasets import Datasets

Table = dict[str, list[Any]]
Judge = Callable[[Table, Table], Estimate]
NAN = float("nan")


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Datasets]:
    made = Datasets(tmp_path / "work", memory_limit="256MB", threads=1)
    yield made
    made.close()


def written(path: Path, columns: Table) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def seen(datasets: Datasets, tmp_path: Path) -> Judge:
    def judge(evaluation: Table, training: Table) -> Estimate:
        ours, theirs = written(tmp_path / "e.parquet", evaluation), written(tmp_path / "t.parquet", training)
        features = [name for name in evaluation if name != "y"]
        with datasets.table(ours) as left, datasets.table(theirs) as right:
            return rows_seen(datasets.run, left, right, features=features, label="y")[0]

    return judge


def test_every_seen_row_counts_however_often_training_has_it(seen: Judge):
    found = seen({"a": [1, 1, 2, 3], "y": [0, 0, 1, 1]}, {"a": [1, 1, 2], "y": [0, 0, 0]})
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.5, 0.5, 4)
    assert (found.method, found.confidence, found.is_evaluable) == ("census", 1.0, True)


def test_nothing_in_common_is_zero(seen: Judge):
    assert seen({"a": [1, 2], "y": [0, 1]}, {"a": [3, 4], "y": [0, 1]}).value == 0


def test_missing_equals_missing_and_nan_is_missing(seen: Judge):
    found = seen(
        {"a": [None, 1.0], "b": ["x", None], "y": [0, 1]}, {"a": [NAN, 1.0], "b": ["x", None], "y": [0, 1]}
    )
    assert found.value == 1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([1, 2], [1.0, 2.0]),
        ([True, False], [1, 0]),
        (["1", "2"], [1, 2]),
        (["1", "2"], [1.0, 2.0]),
        ([0.0, 1.0], [-0.0, 1.0]),
        (["true", "false"], [True, False]),
        ([2**60, 2**60 + 1], [2**60, 2**60 + 1]),
    ],
)
def test_another_type_does_not_hide_a_seen_row(seen: Judge, ours: list[Any], theirs: list[Any]):
    assert seen({"a": ours, "y": [0, 1]}, {"a": theirs, "y": [0, 1]}).value == 1


def test_large_integers_are_told_apart(seen: Judge):
    assert seen({"a": [2**60, 5], "y": [0, 1]}, {"a": [2**60 + 1, 6], "y": [0, 1]}).value == 0


def test_another_order_of_columns_and_extra_ones_change_nothing(seen: Judge):
    assert seen({"a": [1], "b": [2], "y": [0]}, {"y": [0], "c": [9], "b": [2], "a": [1]}).value == 1


def test_training_without_the_label_is_compared_by_features(seen: Judge):
    assert seen({"a": [1, 2], "y": [0, 1]}, {"a": [1]}).value == 0.5


def test_training_without_a_feature_leaves_it_unknown(seen: Judge):
    found = seen({"a": [1], "b": [2], "y": [0]}, {"a": [1], "y": [0]})
    assert not found.is_evaluable
    assert "'b'" in str(found.problem)
    assert "training: path" in str(found.problem)


def test_without_features_it_is_unknown(seen: Judge):
    assert not seen({"y": [0]}, {"y": [0]}).is_evaluable


def test_hostile_names_are_compared_like_any_other(seen: Judge):
    columns: Table = {'a"b': [1], "'; DROP TABLE x": [2], "{x}": [3], ":y": [4], "two\nlines": [5], "y": [0]}
    assert seen(columns, columns).value == 1


def test_identifiers_seen_are_a_share_of_the_rows_that_have_one(datasets: Datasets, tmp_path: Path):
    ours = written(tmp_path / "e.parquet", {"id": [1, 2, 3, None], "x": [1] * 4})
    theirs = written(tmp_path / "t.parquet", {"id": ["3", "4", None]})
    with datasets.table(ours) as left, datasets.table(theirs) as right:
        found = ids_seen(datasets.run, left, right, column="id")
        assert (found.value, found.n) == (pytest.approx(1 / 3), 3)
        for column in ("x", "nowhere"):
            assert not ids_seen(datasets.run, left, right, column=column).is_evaluable


def test_identifiers_that_are_all_missing_are_unknown_not_zero(datasets: Datasets, tmp_path: Path):
    ours = written(tmp_path / "e.parquet", {"id": [None, NAN]})
    with datasets.table(ours) as left, datasets.table(ours) as right:
        assert not ids_seen(datasets.run, left, right, column="id").is_evaluable


def test_the_first_seen_rows_are_named_by_their_numbers(datasets: Datasets, tmp_path: Path):
    ours = written(tmp_path / "e.parquet", {"a": [9, 1, 2, 1, 3], "y": [0, 0, 1, 0, 1]})
    theirs = written(tmp_path / "t.parquet", {"a": [3, 1], "y": [1, 0]})
    with datasets.table(ours) as left, datasets.table(theirs) as right:
        named = [
            first_rows_seen(datasets.run, left, right, features=["a", "y"], label="y", most=most)
            for most in (5, 2)
        ]
    assert named == [(2, 4, 5), (2, 4)]


@pytest.fixture
def beyond_chance(datasets: Datasets, tmp_path: Path) -> Judge:
    def judge(evaluation: Table, training: Table) -> Estimate:
        ours, theirs = written(tmp_path / "e.parquet", evaluation), written(tmp_path / "t.parquet", training)
        with datasets.table(ours) as left, datasets.table(theirs) as right:
            return rows_seen(datasets.run, left, right, features=["a"], label="y", entity="id")[1]

    return judge


def test_coarse_data_drawn_from_one_source_is_not_leaked(beyond_chance: Judge):
    """Six ages and two labels: nearly every row has an equal somewhere, in training as in evaluation."""
    import numpy as np

    random = np.random.default_rng(4)
    found = beyond_chance(
        {"a": random.integers(0, 60, 500), "y": random.integers(0, 2, 500), "id": np.arange(500)},
        {"a": random.integers(0, 60, 500), "y": random.integers(0, 2, 500), "id": np.arange(500) + 500},
    )
    assert found.value == 0.0


def test_copies_count_whole_where_no_training_row_has_a_twin(beyond_chance: Judge):
    found = beyond_chance(
        {"a": [0.5, 1.5, 2.5, 3.5], "y": [0, 1, 0, 1], "id": [1, 2, 3, 4]},
        {"a": [0.5, 7.5, 8.5, 9.5], "y": [0, 1, 0, 1], "id": [5, 6, 7, 8]},
    )
    assert found.value == 0.25


def test_a_training_row_that_stands_twice_for_one_entity_is_no_twin(beyond_chance: Judge):
    """Oversampling in training must not pass for chance, and so hide copies."""
    found = beyond_chance(
        {"a": [0.5, 1.5], "y": [0, 1], "id": [10, 11]},
        {"a": [0.5, 0.5, 2.5, 2.5], "y": [0, 0, 1, 1], "id": [1, 1, 2, 2]},
    )
    assert found.value == 0.5


def test_training_rows_that_are_all_twins_tell_nothing(beyond_chance: Judge):
    found = beyond_chance(
        {"a": [1, 2], "y": [0, 1], "id": [1, 2]}, {"a": [1, 1, 2, 2], "y": [0, 0, 1, 1], "id": [3, 4, 5, 6]}
    )
    assert not found.is_evaluable
    assert "twin" in str(found.problem)
