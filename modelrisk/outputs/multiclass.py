"""What a classifier of several classes returned, turned into labels and one probability for each class.

What does not belong here: other tasks (`binary`, `regression`), calling a model (`resources.scorer`) and what
the numbers are worth (`modelrisk.metrics`).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from modelrisk.errors import CallerMistake
from modelrisk.outputs.answers import (
    LABEL_COLUMNS,
    TOLERANCE,
    BadOutput,
    Form,
    column,
    is_default_index,
    label_positions,
    names_of,
    plain,
    plain_vector,
    probabilities,
    refuse_ambiguous_names,
    require_rows,
    require_sum_of_one,
    same_form,
    shown,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_CLASSES = 10_000
"""More different labels than this are identifiers or numbers, no classes."""


def sum_tolerance(classes: int, dtype: object) -> float:
    """How far from 1 the probabilities of a row may sum by rounding alone.

    Each step of adding k numbers of a type is off by at most half a unit in the last place of a sum near 1,
    to either side, so the sum walks away with the root of k; four units allow for how the terms were made.
    """
    import numpy as np

    return max(TOLERANCE, 4.0 * float(np.finfo(cast("Any", dtype)).eps) * math.sqrt(classes))


@dataclass(frozen=True)
class MulticlassReading:
    """How the output is to be read.

    Attributes:
        classes: the class texts, in the order of an unnamed `(n, k)` array's columns.
    """

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        distinct = len(set(self.classes))
        if not 2 <= len(self.classes) <= MOST_CLASSES or distinct < len(self.classes):
            raise CallerMistake(
                found=f"{len(self.classes)} classes, {distinct} of them different ({shown(self.classes)})",
                expected=f"2 to {MOST_CLASSES:,} different classes",
                remedy="List each class once under `prediction: classes` in the intake; mend `data: label`",
            )


@dataclass(frozen=True)
class MulticlassAnswers:
    """One batch's answers.

    Attributes:
        form: what the model gave.
        labels: positions in the classes, shape (n,); None when the model gave probabilities only.
        probabilities: float64 in [0, 1], shape (n, k), each row summing to 1; None without.
    """

    form: Form
    labels: "np.ndarray[Any, Any] | None"
    probabilities: "np.ndarray[Any, Any] | None"

    def decided(self) -> "np.ndarray[Any, Any]":
        """The predicted class of each row: as the model said, else the most probable, the first of equals."""
        import numpy as np

        if self.labels is not None:
            return self.labels
        assert self.probabilities is not None
        return self.probabilities.argmax(axis=1).astype(np.uint16)


class MulticlassReader:
    """Reads the batches of one stream, all in the form the first one had.

    A vector is labels; an array or a table with a column for each class is probabilities.
    """

    def __init__(self, reading: MulticlassReading) -> None:
        self._classes = reading.classes
        self._form: Form | None = None

    @property
    def form(self) -> Form | None:
        """The stream's form, None before the first row."""
        return self._form

    def read(self, raw: object, *, rows: int) -> MulticlassAnswers:
        """One batch's answers.

        Args:
            raw: whatever the model returned for the batch.
            rows: how many rows the batch has, at least 1.

        Raises:
            BadOutput: it is not one usable answer for each row.
        """
        answers = self._read(plain(raw), rows)
        self._form = same_form(answers.form, self._form)
        return answers

    def _read(self, value: Any, rows: int) -> MulticlassAnswers:
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            require_rows(len(value), rows)
            return self._table(value)
        require_rows(0 if value.ndim == 0 else value.shape[0], rows)
        if value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 1):
            return self._vector(value.reshape(rows))
        if value.ndim == 2 and value.shape[1] == len(self._classes):
            return self._matrix(value)
        shape = " x ".join(str(size) for size in value.shape)
        raise BadOutput(
            found=f"an array of shape {shape}",
            expected=f"{rows} labels, or {rows} x {len(self._classes)} probabilities, one for each class",
            remedy="List the model's own classes, in its order, under `prediction: classes` in the intake",
        )

    def _table(self, table: "pd.DataFrame") -> MulticlassAnswers:
        names, classes = names_of(table), self._classes
        found = next((name for name in LABEL_COLUMNS if name in names and name not in classes), None)
        if set(classes) <= set(names):
            refuse_ambiguous_names(table, names, classes)
            columns = table if names == list(classes) else self._in_order(table)
            answers = self._matrix(columns.to_numpy())
            if found is None:
                return answers
            labels = label_positions(column(table, found), classes)
            return MulticlassAnswers(Form.BOTH, labels, answers.probabilities)
        if found is not None or len(names) == 1:
            return self._vector(column(table, found or names[0]))
        if len(names) == len(classes) and is_default_index(table):
            return self._matrix(table.to_numpy())
        raise BadOutput(
            found=f"a table with the columns {shown(names)}",
            expected=f"a column for each of the {len(classes)} classes ({shown(classes)}), or `prediction`",
            remedy="Name the output's columns by class, and list all classes under `prediction: classes`",
        )

    def _in_order(self, table: "pd.DataFrame") -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame({at: column(table, name) for at, name in enumerate(self._classes)})

    def _vector(self, values: "np.ndarray[Any, Any]") -> MulticlassAnswers:
        return MulticlassAnswers(Form.LABELS, label_positions(plain_vector(values), self._classes), None)

    def _matrix(self, values: "np.ndarray[Any, Any]") -> MulticlassAnswers:
        import numpy as np

        if values.dtype.kind == "O":
            values = np.column_stack([plain_vector(values[:, at]) for at in range(values.shape[1])])
        given = probabilities(values)
        tolerance = sum_tolerance(len(self._classes), values.dtype if values.dtype.kind == "f" else "f8")
        require_sum_of_one(given.sum(axis=1), tolerance=tolerance)
        return MulticlassAnswers(Form.SCORES, None, given)
