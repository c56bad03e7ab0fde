"""What a binary classifier returned, turned into labels and scores.

Labels, scores, `(n, 2)` arrays and tables each have one reading here, decided once for a whole stream.

What does not belong here: other tasks (`multiclass`, `regression`), calling a model (`resources.scorer`) and
what the numbers are worth (`modelrisk.metrics`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.errors import CallerMistake
from modelrisk.outputs.answers import (
    LABEL_COLUMNS,
    BadOutput,
    Form,
    column,
    floats,
    is_default_index,
    label_positions,
    names_of,
    no_column,
    plain,
    plain_vector,
    probabilities,
    refuse_ambiguous_names,
    require_rows,
    require_sum_of_one,
    same_form,
    shown,
)
from modelrisk.outputs.classes import class_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class BinaryReading:
    """How a binary classifier's output is to be read.

    Attributes:
        classes: the two class texts, in the order of an unnamed `(n, 2)` array's columns.
        positive: the class the score is the probability of.
        threshold: the positive class is predicted iff the score is at least this.
        score_column: the score's column when the output is a table.
    """

    classes: tuple[str, str]
    positive: str
    threshold: float = 0.5
    score_column: str | None = None

    def __post_init__(self) -> None:
        if len(self.classes) != 2 or self.classes[0] == self.classes[1]:
            raise CallerMistake(
                found=f"classes {list(self.classes)}",
                expected="two different classes",
                remedy="List both classes under `prediction: classes` in the intake",
            )
        if self.positive not in self.classes:
            raise CallerMistake(
                found=f"positive class {self.positive!r}",
                expected=f"one of {list(self.classes)}",
                remedy="Make `data: positive` one of `prediction: classes` in the intake",
            )
        if not 0.0 <= self.threshold <= 1.0:
            raise CallerMistake(
                found=f"threshold {self.threshold}",
                expected="a number from 0 to 1",
                remedy="Mend `prediction: threshold` in the intake",
            )

    @property
    def positive_index(self) -> int:
        """Position of the positive class in `classes`."""
        return self.classes.index(self.positive)


@dataclass(frozen=True)
class BinaryAnswers:
    """One batch's answers.

    Attributes:
        form: what the model gave.
        labels: positions in the classes, shape (n,); None when the model gave scores only.
        scores: float64 probabilities of the positive class in [0, 1], shape (n,); None without scores.
    """

    form: Form
    labels: "np.ndarray[Any, Any] | None"
    scores: "np.ndarray[Any, Any] | None"

    def decided(self, reading: BinaryReading) -> "np.ndarray[Any, Any]":
        """The predicted class of each row as its position in the classes (shape (n,))."""
        import numpy as np

        if self.labels is not None:
            return self.labels
        assert self.scores is not None
        positive, negative = reading.positive_index, 1 - reading.positive_index
        return np.where(self.scores >= reading.threshold, positive, negative).astype(np.uint16)


class BinaryReader:
    """Reads the batches of one stream, all in the form the first one had.

    A vector of floats is scores, unless every value of the first batch is one of the classes; any
    other vector is labels. A later batch that contradicts the first is refused.
    """

    def __init__(self, reading: BinaryReading) -> None:
        self._reading = reading
        self._form: Form | None = None

    @property
    def form(self) -> Form | None:
        """The stream's form, None before the first row."""
        return self._form

    def read(self, raw: object, *, rows: int) -> BinaryAnswers:
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

    def _read(self, value: Any, rows: int) -> BinaryAnswers:
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            require_rows(len(value), rows)
            return self._table(value)
        require_rows(0 if value.ndim == 0 else value.shape[0], rows)
        if self._reading.score_column is not None:
            raise no_column(self._reading.score_column, "an array without column names")
        if value.ndim == 1:
            return self._vector(value)
        if value.ndim == 2 and value.shape[1] == 1:
            return self._vector(value[:, 0])
        if value.ndim == 2 and value.shape[1] == 2:
            return self._probabilities(value[:, 0], value[:, 1])
        shape = " x ".join(str(size) for size in value.shape)
        raise BadOutput(
            found=f"an array of shape {shape}",
            expected=f"{rows} labels, {rows} scores or {rows} x 2 probabilities",
            remedy="Make the model return one of these, such as with `pyfunc_predict_fn='predict_proba'`",
        )

    def _table(self, table: "pd.DataFrame") -> BinaryAnswers:
        names, reading = names_of(table), self._reading
        if reading.score_column is not None:
            scores = probabilities(column(table, reading.score_column))
            found = next(
                (name for name in LABEL_COLUMNS if name in names and name != reading.score_column), None
            )
            if found is None:
                return BinaryAnswers(Form.SCORES, None, scores)
            return BinaryAnswers(Form.BOTH, self._labels(column(table, found)), scores)
        found = next((name for name in LABEL_COLUMNS if name in names), None)
        if len(names) > 1 and set(reading.classes) <= set(names):
            return self._by_name(table, names, found)
        if found is not None and len(names) > 1:
            return BinaryAnswers(Form.LABELS, self._labels(column(table, found)), None)
        if len(names) == 1:
            if names[0] in reading.classes and names[0] != reading.positive:
                raise BadOutput(
                    found=f"a table with the single column {shown([names[0]])}, the negative class",
                    expected=f"labels, or the probability of {reading.positive!r}",
                    remedy="Return the positive class's probability, or both classes' columns",
                )
            return self._vector(table.iloc[:, 0].to_numpy())
        if len(names) == 2 and is_default_index(table):
            return self._probabilities(table.iloc[:, 0].to_numpy(), table.iloc[:, 1].to_numpy())
        raise BadOutput(
            found=f"a table with the columns {shown(names)}",
            expected=f"columns named {list(reading.classes)}, a `prediction` column, or a declared score",
            remedy="Name the score's column under `prediction: score` in the intake",
        )

    def _by_name(self, table: "pd.DataFrame", names: list[str], labels_name: str | None) -> BinaryAnswers:
        reading = self._reading
        refuse_ambiguous_names(table, names, reading.classes)
        first, second = (column(table, name) for name in reading.classes)
        answers = self._probabilities(first, second)
        if labels_name is None or labels_name in reading.classes:
            return answers
        return BinaryAnswers(Form.BOTH, self._labels(column(table, labels_name)), answers.scores)

    def _vector(self, values: "np.ndarray[Any, Any]") -> BinaryAnswers:
        values = plain_vector(values)
        if values.dtype.kind != "f":
            return BinaryAnswers(Form.LABELS, self._labels(values), None)
        if self._form in (Form.SCORES, Form.BOTH):
            return BinaryAnswers(Form.SCORES, None, probabilities(values))
        if self._are_classes(values):
            return BinaryAnswers(Form.LABELS, self._labels(values), None)
        return BinaryAnswers(Form.SCORES, None, probabilities(values))

    def _are_classes(self, values: "np.ndarray[Any, Any]") -> bool:
        import numpy as np

        # At most three distinct values are looked at: a stream of scores has many.
        distinct = np.unique(values[:1000])
        if len(distinct) > 2:
            return False
        return all(class_text(value) in self._reading.classes for value in np.unique(values)[:3].tolist())

    def _labels(self, values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return label_positions(values, self._reading.classes)

    def _probabilities(self, first: "np.ndarray[Any, Any]", second: "np.ndarray[Any, Any]") -> BinaryAnswers:
        both = (probabilities(first), probabilities(second))
        require_sum_of_one(both[0] + both[1], tolerance=max(floats(first)[1], floats(second)[1]))
        return BinaryAnswers(Form.SCORES, None, both[self._reading.positive_index])
