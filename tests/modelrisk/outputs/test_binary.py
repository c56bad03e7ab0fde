import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake
from modelrisk.outputs.answers import BadOutput, Form
from modelrisk.outputs.binary import BinaryAnswers, BinaryReader, BinaryReading
from modelrisk.outputs.classes import class_text, default_classes

BINARY = BinaryReading(("0", "1"), "1")
WORDS = BinaryReading(("no", "yes"), "yes", threshold=0.4)


def read(raw: object, *, rows: int = 3, spec: BinaryReading = BINARY) -> BinaryAnswers:
    return BinaryReader(spec).read(raw, rows=rows)


def labels(answers: BinaryAnswers, spec: BinaryReading = BINARY) -> list[str]:
    return [spec.classes[at] for at in answers.decided(spec).tolist()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (np.bool_(False), "false"), (1, "1"), (np.int8(-3), "-3"), (1.0, "1"), (-0.0, "0"),
        (np.float32(2.0), "2"), (0.5, "0.5"), (np.float64(0.1), "0.1"), (math.inf, "inf"), (1e300, "1e+300"),
        (2**60, str(2**60)), (float(2**60), str(2**60)), (Decimal("1.00"), "1"), (Decimal("0.5"), "0.5"),
        ("1.0", "1.0"), ("", ""), (np.str_("a"), "a"), (b"yes", "yes"), (" yes ", " yes "),
        (date(2026, 1, 2), "2026-01-02"), (datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),  # noqa: DTZ001
        (None, None), (math.nan, None), (pd.NA, None), (pd.NaT, None), (Decimal("nan"), None),
        (np.datetime64("NaT"), None),
    ],
)  # fmt: skip
def test_a_class_has_one_text_wherever_it_comes_from(value: object, text: str | None) -> None:
    assert class_text(value) == text


@given(st.integers(-(2**53), 2**53))
def test_an_integer_and_the_same_float_are_one_class(number: int) -> None:
    assert class_text(number) == class_text(float(number)) == class_text(np.int64(number))


@pytest.mark.parametrize(
    ("found", "order"),
    [
        (["1", "0", "1"], ("0", "1")),
        (["10", "9"], ("9", "10")),
        (["1", "-1"], ("-1", "1")),
        (["true", "false"], ("false", "true")),
        (["yes", "no"], ("no", "yes")),
        (["b", "1"], ("1", "b")),
        ([], ()),
    ],
)
def test_default_classes_are_sorted_as_a_classifier_sorts_them(
    found: list[str], order: tuple[str, ...]
) -> None:
    assert default_classes(found) == order


@pytest.mark.parametrize(
    "raw",
    [
        np.array([0, 1, 1]),
        np.array([0.0, 1.0, 1.0]),
        np.array([[0], [1], [1]]),
        np.array([0, 1, 1], dtype=object),
        np.array(["0", "1", "1"]),
        [0, 1, 1],
        ["0", "1", "1"],
        (0, 1, 1),
        pd.Series([0, 1, 1]),
        pd.Series([0, 1, 1], dtype="Int64"),
        pd.Series(["0", "1", "1"], dtype="category"),
        pd.Series(["0", "1", "1"], dtype="string"),
        pd.DataFrame({"anything": [0, 1, 1]}),
        pd.DataFrame({"prediction": [0, 1, 1], "note": ["a", "b", "c"]}),
        {"label": [0, 1, 1], "note": [1, 2, 3]},
        [{"prediction": 0}, {"prediction": 1}, {"prediction": 1}],
        pa.array([0, 1, 1]),
        pa.table({"prediction": [0, 1, 1]}),
    ],
)
def test_labels_in_every_container_are_the_same_labels(raw: object) -> None:
    answers = read(raw)
    assert answers.form is Form.LABELS
    assert answers.scores is None
    assert labels(answers) == ["0", "1", "1"]


@pytest.mark.parametrize(
    "raw",
    [
        np.array([0.1, 0.5, 1.0]),
        np.array([0.1, 0.5, 1.0], dtype=object),
        np.array([[0.1], [0.5], [1.0]]),
        [0.1, 0.5, 1.0],
        pd.Series([0.1, 0.5, 1.0], dtype="Float64"),
        pd.DataFrame({"p": [0.1, 0.5, 1.0]}),
        np.array([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]),
        [[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]],
        pd.DataFrame({"1": [0.1, 0.5, 1.0], "0": [0.9, 0.5, 0.0]}),
        pd.DataFrame({1: [0.1, 0.5, 1.0], 0.0: [0.9, 0.5, 0.0]}),
        pd.DataFrame([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]),
        pa.table({"0": [0.9, 0.5, 0.0], "1": [0.1, 0.5, 1.0]}),
    ],
)
def test_scores_in_every_container_are_the_same_scores(raw: object) -> None:
    answers = read(raw)
    assert answers.form is Form.SCORES
    assert answers.scores is not None
    assert answers.scores.tolist() == [0.1, 0.5, 1.0]
    assert labels(answers) == ["0", "1", "1"]


def test_the_classes_order_decides_which_column_is_positive() -> None:
    raw = np.array([[0.9, 0.1], [0.3, 0.7], [0.0, 1.0]])
    reversed_order = BinaryReading(("1", "0"), "1")
    assert read(raw, spec=reversed_order).scores.tolist() == [0.9, 0.3, 0.0]  # pyright: ignore[reportOptionalMemberAccess]


def test_unnamed_table_columns_that_may_mean_either_are_refused() -> None:
    with pytest.raises(BadOutput, match="mistaken"):
        read(pd.DataFrame([[0.9, 0.1]] * 3), spec=BinaryReading(("1", "0"), "1"))


def test_a_score_at_the_threshold_is_positive() -> None:
    assert labels(read([0.39, 0.4, 0.41], spec=WORDS), WORDS) == ["no", "yes", "yes"]


def test_a_declared_score_column_is_used_and_labels_beside_it_win() -> None:
    spec = BinaryReading(("no", "yes"), "yes", score_column="risk")
    table = pd.DataFrame({"prediction": ["yes", "no", "no"], "risk": [0.1, 0.2, 0.9], "more": [1, 2, 3]})
    answers = read(table, spec=spec)
    assert answers.form is Form.BOTH
    assert labels(answers, spec) == ["yes", "no", "no"]
    assert read(table[["risk", "more"]], spec=spec).form is Form.SCORES


@pytest.mark.parametrize("raw", [[0, 1, 1], [0.1, 0.2, 0.3], np.array([[0.5, 0.5]] * 3)])
def test_a_declared_score_column_in_anything_but_a_table_is_refused(raw: object) -> None:
    with pytest.raises(BadOutput, match="risk"):
        read(raw, spec=BinaryReading(("0", "1"), "1", score_column="risk"))


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (None, "None"),
        (3, "int"),
        ("yes", "str"),
        ([0, 1], "2 answers for 3 rows"),
        ([0, 1, 1, 1], "4 answers for 3 rows"),
        ([], "0 answers"),
        (np.array(1.0), "0 answers"),
        (np.zeros((3, 3)), "3 x 3"),
        (np.zeros((3, 0)), "3 x 0"),
        (np.zeros((3, 2, 2)), "3 x 2 x 2"),
        (np.zeros((2, 3)), "2 answers"),
        ([[1], [1, 2], [3]], "different lengths"),
        ([0.1, 0.2, math.nan], "1 score(s) that are NaN"),
        ([0.1, -math.inf, math.inf], "2 score(s) that are NaN or infinite"),
        ([0.1, 0.2, None], "NaN"),
        ([0.1, 0.2, 1.2], "scores from 0.1 to 1.2"),
        ([-3.2, 0.2, 4.0], "scores from -3.2 to 4"),
        (np.array([[0.5, 0.4]] * 3), "miss a sum of 1"),
        (np.array([[1.5, -0.5]] * 3), "scores from 1.5"),
        (np.array([["a", "b"]] * 3), "scores of type"),
        ([0, 1, 2], "label(s) '2'"),
        (["0", "1", None], "1 missing label"),
        ([True, False, True], "'true'"),
        (["x" * 999, "0", "1"], "…"),
        (["a", "b", "c"], "'a', 'b', 'c'"),
        (pd.DataFrame({"p_no": [0.1] * 3, "p_yes": [0.9] * 3}), "'p_no', 'p_yes'"),
        (pd.DataFrame({"0": [0.5] * 3, "1": [0.5] * 3, "2": [0.0] * 3}), "columns '2'"),
        (pd.DataFrame({"0": [0.1] * 3}), "negative class"),
        (pd.DataFrame([[0.1, 0.9, 1.0]] * 3, columns=["0", "1", "1"]), "2 columns named '1'"),
        (pd.DataFrame({"p": pd.arrays.SparseArray([0.0, 1.0, 1.0])}), "sparse"),
        (np.ma.array([0, 1, 1], mask=[0, 1, 0]), "masked"),
        ({"a": [1, 2], "b": [1]}, "mapping"),
        (np.array([1 + 1j] * 3), "label(s)"),
    ],
)
def test_what_is_not_one_answer_for_each_row_is_refused_with_what_was_found(raw: object, found: str) -> None:
    with pytest.raises(BadOutput) as caught:
        read(raw)
    assert found in caught.value.found
    assert caught.value.expected
    assert caught.value.remedy


def test_a_sparse_matrix_is_refused() -> None:
    from scipy.sparse import csr_matrix

    with pytest.raises(BadOutput, match="sparse"):
        read(csr_matrix(np.eye(3)))


def test_rounding_is_forgiven_and_moved_to_the_bound() -> None:
    answers = read([-1e-12, 0.5, 1.0 + 1e-12])
    assert answers.scores is not None
    assert answers.scores.tolist() == [0.0, 0.5, 1.0]
    thirds = np.array([[1 / 3, 2 / 3]] * 3, dtype=np.float32)
    assert read(thirds).form is Form.SCORES
    assert read(np.array([[0.3335, 0.667]] * 3, dtype=np.float16)).form is Form.SCORES


def test_a_float_vector_of_classes_other_than_zero_and_one_is_labels() -> None:
    spec = BinaryReading(("1", "2"), "2")
    assert labels(read([1.0, 2.0, 2.0], spec=spec), spec) == ["1", "2", "2"]


def test_the_first_batch_decides_for_the_stream() -> None:
    scores = BinaryReader(BINARY)
    assert scores.read([0.2, 0.7], rows=2).form is Form.SCORES
    later = scores.read([0.0, 1.0], rows=2)
    assert later.form is Form.SCORES
    assert later.scores is not None
    assert scores.form is Form.SCORES


@pytest.mark.parametrize(
    ("first", "second"),
    [([0.0, 1.0], [0.2, 0.7]), ([0, 1], [0.2, 0.7]), ([0.2, 0.7], [0, 1]), ([0.2, 0.7], ["0", "1"])],
)
def test_a_later_batch_that_contradicts_the_first_is_refused(first: list[Any], second: list[Any]) -> None:
    reader = BinaryReader(BINARY)
    reader.read(first, rows=2)
    with pytest.raises(BadOutput, match="later batch"):
        reader.read(second, rows=2)


@pytest.mark.parametrize(
    ("classes", "positive", "threshold"),
    [
        (("1", "1"), "1", 0.5),
        (("0", "1", "2"), "1", 0.5),
        (("0", "1"), "2", 0.5),
        (("0", "1"), "1", math.nan),
    ],
)
def test_a_contradictory_reading_is_the_callers_mistake(
    classes: Any, positive: str, threshold: float
) -> None:
    with pytest.raises(CallerMistake):
        BinaryReading(classes, positive, threshold)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50), st.floats(0.0, 1.0))
def test_every_score_is_decided_by_the_threshold_alone(scores: list[float], threshold: float) -> None:
    spec = BinaryReading(("0", "1"), "1", threshold)
    raw = np.column_stack([1.0 - np.array(scores), scores])
    assert labels(read(raw, rows=len(scores), spec=spec), spec) == [
        "1" if score >= threshold else "0" for score in scores
    ]


@given(st.lists(st.sampled_from(["no", "yes"]), min_size=1, max_size=50))
def test_labels_come_back_as_they_were_given(given_labels: list[str]) -> None:
    assert labels(read(given_labels, rows=len(given_labels), spec=WORDS), WORDS) == given_labels
