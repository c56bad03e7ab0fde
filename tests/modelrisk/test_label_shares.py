"""Shares of classes beside those of training: shown, and remarked on only beyond chance."""

import random

import pytest

from modelrisk.label_shares import CLASSES_SHOWN, compared_shares, share_table


@pytest.mark.parametrize(
    ("evaluation", "training", "passed"),
    [
        ({"0": 700, "1": 300}, {"0": 7000, "1": 3000}, True),
        ({"0": 7400, "1": 2600}, {"0": 7000, "1": 3000}, True),  # 4 points, 6 standard errors
        ({"0": 7600, "1": 2400}, {"0": 7000, "1": 3000}, False),  # 6 points, 9 standard errors
        ({"0": 15, "1": 5}, {"0": 7000, "1": 3000}, True),  # 5 points of twenty rows
        ({"0": 500, "1": 500}, {"0": 990, "1": 10}, False),
        ({"0": 100, "2": 100}, {"0": 100, "1": 100}, False),
        ({"0": 10}, {"0": 10}, True),
    ],
)
def test_shares_stand_out_by_five_points_and_four_standard_errors(
    evaluation: dict[str, int], training: dict[str, int], passed: bool
):
    found = compared_shares("y", evaluation, training)
    assert (found.passed, found.gates) == (passed, False)
    assert found.rows == sum(evaluation.values())


def test_rows_of_the_classes_that_stand_out_are_counted():
    found = compared_shares("y", {"0": 7600, "1": 2400, "2": 1}, {"0": 7000, "1": 3000, "2": 1})
    assert found.unexpected == 10_000


def test_honest_small_samples_are_not_remarked_on_by_chance():
    draw = random.Random(3)
    remarked = 0
    for _ in range(2000):
        n = draw.choice([20, 60, 200])
        counts = dict.fromkeys("01", 0)
        for _ in range(n):
            counts["01"[draw.random() < 0.3]] += 1
        remarked += not compared_shares("y", counts, {"0": 700, "1": 300}).passed
    assert remarked <= 3


def test_the_table_shows_every_class_of_either_with_its_share_in_both():
    table = share_table({"a": 75, "b": 25}, {"a": 1, "c": 3})
    assert table == (
        {"class": "a", "rows": 75, "share": 0.75, "in training": 0.25},
        {"class": "b", "rows": 25, "share": 0.25, "in training": 0.0},
        {"class": "c", "rows": 0, "share": 0.0, "in training": 0.75},
    )


def test_without_training_data_there_are_shares_of_one_data_set():
    assert share_table({"a": 1}, {}) == ({"class": "a", "rows": 1, "share": 1.0},)
    assert share_table({}, {}) == ()


def test_many_classes_end_in_one_line_that_loses_no_row():
    counts = {f"c{n}": n + 1 for n in range(500)}
    table = share_table(counts, counts)
    assert len(table) == CLASSES_SHOWN + 1
    assert table[-1]["class"] == "470 others"
    assert sum(int(row["rows"] or 0) for row in table) == sum(counts.values())
