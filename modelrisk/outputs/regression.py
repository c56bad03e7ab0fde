"""What a regression model returned, turned into one number for each row.

What does not belong here: other tasks (`binary`, `multiclass`), calling a model (`resources.scorer`) and
what the numbers are worth (`modelrisk.metrics`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.outputs.answers import (
    LABEL_COLUMNS,
    BadOutput,
    Form,
    column,
    names_of,
    no_column,
    plain,
    plain_vector,
    require_rows,
    shown,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class RegressionReading:
    """How the output is to be read.

    Attributes:
        value_column: the prediction's column when the output is a table of several.
    """

    value_column: str | None = None


@dataclass(frozen=True)
class RegressionAnswers:
    """One batch's answers: finite float64 numbers, shape (n,)."""

    values: "np.ndarray[Any, Any]"
    form: Form = Form.NUMBERS


class RegressionReader:
    """Reads the batches of one stream: vectors, arrays of one column, tables with a column of predictions."""

    def __init__(self, reading: RegressionReading) -> None:
        self._reading = reading
        self._form: Form | None = None

    @property
    def form(self) -> Form | None:
        """`numbers` after the first row, None before."""
        return self._form

    def read(self, raw: object, *, rows: int) -> RegressionAnswers:
        """One batch's answers.

        Args:
            raw: whatever the model returned for the batch.
            rows: how many rows the batch has, at least 1.

        Raises:
            BadOutput: it is not one finite number for each row.
        """
        import pandas as pd

        value = plain(raw)
        if isinstance(value, pd.DataFrame):
            require_rows(len(value), rows)
            values = self._of_table(value)
        else:
            require_rows(0 if value.ndim == 0 else value.shape[0], rows)
            values = self._of_array(value, rows)
        self._form = Form.NUMBERS
        return RegressionAnswers(_finite(plain_vector(values)))

    def _of_array(self, value: "np.ndarray[Any, Any]", rows: int) -> "np.ndarray[Any, Any]":
        if self._reading.value_column is not None:
            raise no_column(self._reading.value_column, "an array without column names")
        if value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 1):
            return value.reshape(rows)
        shape = " x ".join(str(size) for size in value.shape)
        raise BadOutput(
            found=f"an array of shape {shape}",
            expected=f"{rows} numbers, one for each row",
            remedy="Make the model return one number for each row; several targets are several models here",
        )

    def _of_table(self, table: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        names = names_of(table)
        if self._reading.value_column is not None:
            return column(table, self._reading.value_column)
        found = next((name for name in LABEL_COLUMNS if name in names), None)
        if found is not None or len(names) == 1:
            return column(table, found or names[0])
        raise BadOutput(
            found=f"a table with the columns {shown(names)}",
            expected="a single column, or one named `prediction`",
            remedy="Name the prediction's column under `prediction: score` in the intake",
        )


def _finite(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    import numpy as np

    if values.dtype.kind not in "fiu":
        raise BadOutput(
            found=f"predictions of type {values.dtype}",
            expected="numbers",
            remedy="Make the model return floats, and check that the intake's `task` is the model's",
        )
    numbers = values.astype(np.float64)
    broken = int((~np.isfinite(numbers)).sum())
    if broken:
        raise BadOutput(
            found=f"{broken} prediction(s) that are NaN or infinite among {len(numbers)}",
            expected="a finite number for every row",
            remedy="Make the model answer every row, whatever is missing in it",
        )
    return numbers
