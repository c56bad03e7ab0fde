from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake
from modelrisk.outputs.answers import BadOutput, Form
from modelrisk.outputs.multiclass import MulticlassAnswers, MulticlassReader, MulticlassReading

COLOURS = MulticlassReading(("red", "green", "blue"))
P = np.array([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]])


def read(raw: object, *, rows: int = 3, reading: MulticlassReading = COLOURS) -> MulticlassAnswers:
    return MulticlassReader(reading).read(raw, rows=rows)


def decided(answers: MulticlassAnswers) -> list[str]:
    return [COLOURS.classes[at] for at in answers.decided().tolist()]


@pytest.mark.parametrize("raw", [P, P.astype("float32"), P.tolist(), pd.DataFrame(P), P.astype(object)])
def test_an_array_with_a_column_for_each_class_is_probabilities_in_their_order(raw: Any) -> None:
    answers = read(raw)
    assert answers.form is Form.SCORES
    assert answers.probabilities is not None
    assert np.allclose(answers.probabilities, P, atol=1e-7)
    # Of equals the first counts.
    assert decided(answers) == ["green", "blue", "red"]


def test_columns_named_by_class_may_stand_in_any_order_beside_the_labels() -> None:
    table = pd.DataFrame(P, columns=list(COLOURS.classes))[["blue", "red", "green"]]
    answers = read(table.assign(prediction=["red", "red", "red"]))
    assert answers.form is Form.BOTH
    assert answers.probabilities is not None
    assert (answers.probabilities == P).all()
    assert decided(answers) == ["red", "red", "red"]


@pytest.mark.parametrize(
    "raw",
    [
        np.array(["red", "blue", "blue"]),
        ["red", "blue", "blue"],
        np.array([["red"], ["blue"], ["blue"]]),
        pd.DataFrame({"label": ["red", "blue", "blue"], "confidence": [0.5, 0.6, 0.7]}),
        pd.Series(["red", "blue", "blue"], dtype="category"),
    ],
)
def test_a_vector_of_classes_or_a_column_of_them_is_labels(raw: Any) -> None:
    answers = read(raw)
    assert answers.form is Form.LABELS
    assert answers.probabilities is None
    assert decided(answers) == ["red", "blue", "blue"]


def test_labels_that_are_numbers_are_compared_by_their_text() -> None:
    digits = MulticlassReading(("0", "1", "2"))
    assert read(np.array([2.0, 0.0, 1.0]), reading=digits).decided().tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (P[:, :2], "an array of shape 3 x 2"),
        (np.ones((3, 4)), "an array of shape 3 x 4"),
        (P[:2], "2 answers for 3 rows"),
        (P * 0.9, "3 row(s) whose probabilities miss a sum of 1"),
        (P + 0.5, "scores from"),
        (-P, "scores from"),
        (np.where(P == 1.0, np.nan, P), "1 score(s) that are NaN or infinite"),
        (np.where(P == 1.0, np.inf, P), "1 score(s) that are NaN or infinite"),
        (P.astype(str), "scores of type"),
        (np.array(["red", "pink", "mauve"]), "label(s) 'pink', 'mauve'"),
        (np.array([1, 2, 3]), "label(s) '1', '2', '3'"),
        (np.array([0.2, 0.5, 0.9]), "label(s) '0.2'"),
        (np.array(["red", None, None], dtype=object), "2 missing label(s) among 3"),
        (pd.DataFrame({"red": [1.0] * 3, "green": [0.0] * 3}), "a table with the columns 'red', 'green'"),
        (
            pd.DataFrame(P, columns=["red", "green", "blue"]).assign(pink=0.0),
            "columns 'pink' beside the classes",
        ),
        (np.zeros((3, 3, 3)), "an array of shape 3 x 3 x 3"),
        (None, "nothing (None)"),
        (0.5, "a float"),
        ({"red": [1.0]}, "1 answers for 3 rows"),
    ],
)
def test_what_cannot_be_read_without_guessing_is_refused_with_what_to_do(raw: Any, found: str) -> None:
    with pytest.raises(BadOutput) as caught:
        read(raw)
    assert found in caught.value.found
    assert caught.value.remedy


def test_a_later_batch_must_be_of_the_first_ones_form() -> None:
    reader = MulticlassReader(COLOURS)
    reader.read(P, rows=3)
    with pytest.raises(BadOutput) as caught:
        reader.read(["red", "red", "red"], rows=3)
    assert "labels in a later batch, after scores in the first" in caught.value.found


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "b", "a"), tuple(map(str, range(10_001)))])
def test_classes_are_two_or_more_different_ones_and_no_identifiers(classes: tuple[str, ...]) -> None:
    with pytest.raises(CallerMistake, match="prediction: classes"):
        MulticlassReading(classes)


@given(st.integers(2, 700), st.sampled_from(["float16", "float32", "float64"]), st.integers(0, 2**32 - 1))
def test_rounding_in_the_answers_own_type_is_no_missing_sum(classes: int, dtype: str, seed: int) -> None:
    reading = MulticlassReading(tuple(map(str, range(classes))))
    given_ = np.random.default_rng(seed).dirichlet(np.ones(classes), size=5).astype(dtype)
    answers = read(given_, rows=5, reading=reading)
    assert answers.probabilities is not None
    assert answers.probabilities.shape == (5, classes)


def test_many_classes_are_no_licence_for_sums_that_are_not_1() -> None:
    """In half precision each of 500 numbers rounds, but the errors do not all point one way."""
    reading = MulticlassReading(tuple(map(str, range(500))))
    with pytest.raises(BadOutput, match="miss a sum of 1"):
        read(np.full((3, 500), 1.2 / 500, dtype="float16"), reading=reading)
