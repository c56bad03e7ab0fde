from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelrisk.outputs.answers import BadOutput, Form
from modelrisk.outputs.regression import RegressionReader, RegressionReading

ANY = RegressionReading()
NAMED = RegressionReading("price")


def read(raw: object, *, rows: int = 3, reading: RegressionReading = ANY) -> list[float]:
    reader = RegressionReader(reading)
    assert reader.form is None
    answers = reader.read(raw, rows=rows)
    assert reader.form is answers.form is Form.NUMBERS
    assert answers.values.dtype == np.float64
    return answers.values.tolist()


@pytest.mark.parametrize(
    "raw",
    [
        np.array([1.0, -2.0, 0.0]),
        np.array([1, -2, 0], dtype="int8"),
        np.array([[1.0], [-2.0], [0.0]], dtype="float32"),
        [1, -2.0, 0],
        [Decimal(1), Decimal(-2), Decimal(0)],
        pd.Series([1, -2, 0], dtype="Int64"),
        pd.DataFrame({"whatever": [1.0, -2.0, 0.0]}),
        pd.DataFrame({"low": [0.0, -3.0, -1.0], "prediction": [1.0, -2.0, 0.0]}),
    ],
)
def test_one_number_for_each_row_is_read_whatever_it_comes_in(raw: Any) -> None:
    assert read(raw) == [1.0, -2.0, 0.0]


def test_of_a_table_with_several_columns_the_named_one_is_read() -> None:
    table = pd.DataFrame({"prediction": [9.0] * 3, "price": [1.0, 2.0, 3.0]})
    assert read(table, reading=NAMED) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("raw", "reading", "found"),
    [
        (np.ones((3, 2)), ANY, "an array of shape 3 x 2"),
        (np.ones((3, 1, 1)), ANY, "an array of shape 3 x 1 x 1"),
        (np.ones(2), ANY, "2 answers for 3 rows"),
        (np.float64(1.0), ANY, "a float"),
        (["1.0", "2.0", "3.0"], ANY, "predictions of type"),
        (np.array(["a", "b", "c"]), ANY, "predictions of type"),
        (np.array([True, False, True]), ANY, "predictions of type bool"),
        (np.array([1j, 2j, 3j]), ANY, "predictions of type complex"),
        (np.array(["2026-01-01"] * 3, dtype="datetime64[D]"), ANY, "predictions of type datetime64"),
        ([1.0, float("nan"), float("inf")], ANY, "2 prediction(s) that are NaN or infinite among 3"),
        ([1.0, None, 2.0], ANY, "1 prediction(s) that are NaN or infinite among 3"),
        (pd.Series([1, None, 2], dtype="Int64"), ANY, "1 prediction(s) that are NaN or infinite among 3"),
        ([Decimal("nan"), Decimal(1), Decimal(2)], ANY, "1 prediction(s) that are NaN or infinite among 3"),
        (pd.DataFrame({"a": [1.0] * 3, "b": [2.0] * 3}), ANY, "a table with the columns 'a', 'b'"),
        (pd.DataFrame({"a": [1.0] * 3}), NAMED, "no column 'price'"),
        (np.ones(3), NAMED, "no column 'price' in an array"),
        (None, ANY, "nothing (None)"),
        ("123", ANY, "a str"),
    ],
)
def test_what_is_not_one_finite_number_for_each_row_is_refused_with_what_to_do(
    raw: Any, reading: RegressionReading, found: str
) -> None:
    with pytest.raises(BadOutput) as caught:
        read(raw, reading=reading)
    assert found in caught.value.found
    assert caught.value.remedy
