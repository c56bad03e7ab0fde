"""What a binary classifier returned, turned into labels and scores, or refused with the reason.

Models answer in many forms: labels, scores, `(n, 2)` arrays, tables, lists. Each has one reading
here, decided once for a whole stream, and everything that cannot be read without guessing is refused.

What does not belong here: calling a model (`resources.scorer`) and what the numbers are worth
(`modelrisk.metrics`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modelrisk.errors import CallerMistake, ModelRiskError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LABEL_COLUMNS = ("prediction", "label", "predicted_label")
"""Column names under which a table's labels are looked for, in this order."""

TOLERANCE = 1e-6
"""How far probabilities may be from summing to 1, or a score from [0, 1], by rounding alone.

Widened to four units in the last place for float16. A score within it is moved to the bound.
"""

_SHOWN = 3
_SHOWN_LENGTH = 40


class BadOutput(ModelRiskError):
    """The model returned something that is not an answer for these rows."""


def class_text(value: object) -> str | None:  # noqa: PLR0911 - one line a type is the clearest table
    """The text by which a class is compared, wherever it comes from.

    Booleans become `true` and `false`, integers and integral floats their digits, other floats their
    shortest exact form, texts stay as they are, missing values (None, NaN, NaT, NA) become None.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float_text(float(value))
    if isinstance(value, Decimal):
        if value.is_nan():
            return None
        if value.is_finite() and value == value.to_integral_value():
            return str(int(value))
        return _float_text(float(value))
    if isinstance(value, (datetime, date)):
        # NaT is a datetime that differs from itself.
        return None if value != value else value.isoformat()  # noqa: PLR0124
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return class_text(item())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


def default_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes in the order a classifier sorts them: by value when all are numbers, else by text."""
    distinct = sorted(set(labels))
    numbers = [_number(text) for text in distinct]
    if all(number is not None for number in numbers):
        return tuple(text for _, text in sorted(zip(numbers, distinct, strict=True)))  # pyright: ignore[reportArgumentType]
    return tuple(distinct)


@dataclass(frozen=True)
class OutputSpec:
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


class Form(StrEnum):
    """What a model's output holds."""

    LABELS = "labels"
    SCORES = "scores"
    BOTH = "labels and scores"


@dataclass(frozen=True)
class Answers:
    """One batch's answers.

    Attributes:
        form: what the model gave.
        labels: uint8 positions in the classes, shape (n,); None when the model gave scores only.
        scores: float64 probabilities of the positive class in [0, 1], shape (n,); None without scores.
    """

    form: Form
    labels: "np.ndarray[Any, Any] | None"
    scores: "np.ndarray[Any, Any] | None"

    def decided(self, spec: OutputSpec) -> "np.ndarray[Any, Any]":
        """The predicted class of each row as its position in the classes (uint8, shape (n,))."""
        import numpy as np

        if self.labels is not None:
            return self.labels
        assert self.scores is not None
        positive, negative = spec.positive_index, 1 - spec.positive_index
        return np.where(self.scores >= spec.threshold, positive, negative).astype(np.uint8)


class OutputReader:
    """Reads the batches of one stream, all in the form the first one had.

    A vector of floats is scores, unless every value of the first batch is one of the classes; any
    other vector is labels. A later batch that contradicts the first is refused.
    """

    def __init__(self, spec: OutputSpec) -> None:
        self._spec = spec
        self._form: Form | None = None

    @property
    def form(self) -> Form | None:
        """The stream's form, None before the first row."""
        return self._form

    def read(self, raw: object, *, rows: int) -> Answers:
        """One batch's answers.

        Args:
            raw: whatever the model returned for the batch.
            rows: how many rows the batch has, at least 1.

        Raises:
            BadOutput: it is not one usable answer for each row.
        """
        answers = self._read(_plain(raw), rows)
        if self._form is None:
            self._form = answers.form
        elif self._form is not answers.form:
            raise BadOutput(
                found=f"{answers.form} in a later batch, after {self._form} in the first",
                expected="the same kind of answer for all rows",
                remedy="Make the model return probabilities for every batch, or labels for every batch",
            )
        return answers

    def _read(self, value: Any, rows: int) -> Answers:
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            _require_rows(len(value), rows)
            return self._table(value)
        _require_rows(0 if value.ndim == 0 else value.shape[0], rows)
        if self._spec.score_column is not None:
            raise self._no_column(self._spec.score_column, "an array without column names")
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

    def _table(self, table: "pd.DataFrame") -> Answers:
        names = [class_text(name) or "" for name in table.columns]
        spec = self._spec
        if spec.score_column is not None:
            scores = self._scores(_column(table, names, spec.score_column, self._no_column))
            found = next(
                (name for name in LABEL_COLUMNS if name in names and name != spec.score_column), None
            )
            if found is None:
                return Answers(Form.SCORES, None, scores)
            return Answers(Form.BOTH, self._labels(_column(table, names, found, self._no_column)), scores)
        found = next((name for name in LABEL_COLUMNS if name in names), None)
        if len(names) > 1 and set(spec.classes) <= set(names):
            return self._by_name(table, names, found)
        if found is not None and len(names) > 1:
            return Answers(Form.LABELS, self._labels(_column(table, names, found, self._no_column)), None)
        if len(names) == 1:
            if names[0] in spec.classes and names[0] != spec.positive:
                raise BadOutput(
                    found=f"a table with the single column {_shown([names[0]])}, the negative class",
                    expected=f"labels, or the probability of {spec.positive!r}",
                    remedy="Return the positive class's probability, or both classes' columns",
                )
            return self._vector(table.iloc[:, 0].to_numpy())
        if len(names) == 2 and _is_default_index(table):
            return self._probabilities(table.iloc[:, 0].to_numpy(), table.iloc[:, 1].to_numpy())
        raise BadOutput(
            found=f"a table with the columns {_shown(names)}",
            expected=f"columns named {list(spec.classes)}, a `prediction` column, or a declared score column",
            remedy="Name the score's column under `prediction: score` in the intake",
        )

    def _by_name(self, table: "pd.DataFrame", names: list[str], labels_name: str | None) -> Answers:
        spec = self._spec
        if _is_default_index(table) and tuple(names) != spec.classes:
            raise BadOutput(
                found=f"unnamed columns numbered {names} and classes in the order {list(spec.classes)}",
                expected="columns whose class cannot be mistaken",
                remedy="Name the output's columns by class, or return an array in the order of `classes`",
            )
        extra = [name for name in names if name not in spec.classes and name not in LABEL_COLUMNS]
        if extra:
            raise BadOutput(
                found=f"columns {_shown(extra)} beside the classes {list(spec.classes)}",
                expected="probabilities of the two classes only",
                remedy="List the right classes under `prediction: classes` in the intake",
            )
        first, second = (_column(table, names, name, self._no_column) for name in spec.classes)
        answers = self._probabilities(first, second)
        if labels_name is None or labels_name in spec.classes:
            return answers
        labels = self._labels(_column(table, names, labels_name, self._no_column))
        return Answers(Form.BOTH, labels, answers.scores)

    def _vector(self, values: "np.ndarray[Any, Any]") -> Answers:
        if values.dtype.kind == "O":
            values = _inferred(values)
        if values.dtype.kind != "f":
            return Answers(Form.LABELS, self._labels(values), None)
        if self._form in (Form.SCORES, Form.BOTH):
            return Answers(Form.SCORES, None, self._scores(values))
        if self._are_classes(values):
            return Answers(Form.LABELS, self._labels(values), None)
        return Answers(Form.SCORES, None, self._scores(values))

    def _are_classes(self, values: "np.ndarray[Any, Any]") -> bool:
        import numpy as np

        # At most three distinct values are looked at: a stream of scores has many.
        distinct = np.unique(values[:1000])
        if len(distinct) > 2:
            return False
        return all(class_text(value) in self._spec.classes for value in np.unique(values)[:3].tolist())

    def _labels(self, values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        import numpy as np
        import pandas as pd

        codes, distinct = pd.factorize(values, use_na_sentinel=True)
        texts = [class_text(value) for value in distinct.tolist()]
        missing = int((codes < 0).sum())
        if missing or None in texts:
            missing += sum(int((codes == at).sum()) for at, text in enumerate(texts) if text is None)
            raise BadOutput(
                found=f"{missing} missing label(s) among {len(values)}",
                expected="a label for every row",
                remedy="Make the model answer every row, whatever is missing in it",
            )
        strange = [text for text in texts if text is not None and text not in self._spec.classes]
        if strange:
            raise BadOutput(
                found=f"label(s) {_shown(strange)}",
                expected=f"one of the classes {list(self._spec.classes)}",
                remedy="Write `prediction: classes` and the data's labels as the model returns them",
            )
        positions = np.array([self._spec.classes.index(text) for text in texts if text is not None], np.uint8)
        return positions[codes] if len(positions) else np.empty(0, np.uint8)

    def _scores(self, values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        import numpy as np

        numbers, tolerance = _floats(values)
        broken = int((~np.isfinite(numbers)).sum())
        if broken:
            raise BadOutput(
                found=f"{broken} score(s) that are NaN or infinite among {len(numbers)}",
                expected="a finite score for every row",
                remedy="Make the model answer every row, whatever is missing in it",
            )
        low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)
        if low < -tolerance or high > 1.0 + tolerance:
            raise BadOutput(
                found=f"scores from {low:.6g} to {high:.6g}",
                expected="probabilities from 0 to 1",
                remedy="Make the model return probabilities instead of margins or logits",
            )
        return np.clip(numbers, 0.0, 1.0)

    def _probabilities(self, first: "np.ndarray[Any, Any]", second: "np.ndarray[Any, Any]") -> Answers:
        import numpy as np

        both = (self._scores(first), self._scores(second))
        tolerance = max(_floats(first)[1], _floats(second)[1])
        off = np.abs(both[0] + both[1] - 1.0)
        wrong = int((off > tolerance).sum())
        if wrong:
            raise BadOutput(
                found=f"{wrong} row(s) whose probabilities miss a sum of 1 by up to {float(off.max()):.6g}",
                expected="two probabilities that sum to 1",
                remedy="Make the model normalise its probabilities",
            )
        return Answers(Form.SCORES, None, both[self._spec.positive_index])

    def _no_column(self, name: str, place: str) -> BadOutput:
        return BadOutput(
            found=f"no column {_shown([name])} in {place}",
            expected="the column named by `prediction: score`",
            remedy="Mend `prediction: score` in the intake, or return a table with that column once",
        )


def _float_text(number: float) -> str | None:
    if math.isnan(number):
        return None
    if math.isfinite(number) and number.is_integer() and abs(number) < 2**63:
        return str(int(number))
    return repr(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(raw: Any) -> Any:  # noqa: PLR0911, PLR0912 - one line a type is the clearest table
    """The output as a pandas DataFrame or a numpy array, without changing any value."""
    import numpy as np
    import pandas as pd

    if raw is None:
        raise _unreadable("nothing (None)")
    module = type(raw).__module__.partition(".")[0]
    if module == "pyarrow":
        raw = raw.to_pandas()
    elif module == "polars":
        raw = raw.to_pandas() if hasattr(raw, "columns") else raw.to_numpy()
    elif module == "scipy" and hasattr(raw, "toarray"):
        raise _unreadable("a sparse matrix")
    if isinstance(raw, pd.DataFrame):
        if any(isinstance(dtype, pd.SparseDtype) for dtype in raw.dtypes):
            raise _unreadable("a table with sparse columns")
        return raw
    if isinstance(raw, (pd.Series, pd.Index)):
        if isinstance(raw.dtype, pd.SparseDtype):
            raise _unreadable("a sparse column")
        return raw.to_numpy()
    if isinstance(raw, np.ma.MaskedArray):
        raise _unreadable("a masked array")
    if isinstance(raw, np.ndarray):
        if raw.dtype.names is not None:
            return pd.DataFrame(raw)
        return raw
    if isinstance(raw, pd.api.extensions.ExtensionArray):
        return raw.to_numpy()
    if isinstance(raw, Mapping):
        columns = {str(name): value for name, value in raw.items()}
        if not columns or len({_length(value) for value in columns.values()} | {None}) != 2:
            raise _unreadable("a mapping that is not columns of one length")
        return pd.DataFrame(columns)
    if isinstance(raw, Sequence) and not isinstance(raw, (str, bytes)):
        return _from_sequence(list(raw))
    raise _unreadable(f"a {type(raw).__name__}")


def _from_sequence(items: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    if items and all(isinstance(item, Mapping) for item in items):
        return pd.DataFrame(items)
    lengths = {_length(item) for item in items}
    if len(lengths) > 1:
        raise _unreadable("a list of items of different lengths")
    if lengths <= {None}:
        vector = np.empty(len(items), dtype=object)
        vector[:] = items
        return vector
    return np.array([list(item) for item in items])


def _length(value: Any) -> int | None:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        return None
    shape = getattr(value, "shape", None)
    return None if shape == () else len(value)


def _inferred(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Objects that are all numbers as numbers; a missing number stays missing (NaN)."""
    import numpy as np
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return np.array([math.nan if item is None or item is pd.NA else float(item) for item in values])
    return values


def _floats(values: Any) -> "tuple[np.ndarray[Any, Any], float]":
    """The values as float64, and how far rounding in their own type may have moved them."""
    import numpy as np

    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = _inferred(array)
    if array.dtype.kind not in "fiu":
        raise BadOutput(
            found=f"scores of type {array.dtype}",
            expected="numbers",
            remedy="Make the model return probabilities as floats",
        )
    tolerance = TOLERANCE
    if array.dtype.kind == "f":
        tolerance = max(TOLERANCE, 4.0 * float(np.finfo(array.dtype).eps))
    return array.astype(np.float64), tolerance


def _column(table: Any, names: list[str], name: str, missing: Any) -> Any:
    places = [at for at, known in enumerate(names) if known == name]
    if not places:
        raise missing(name, f"a table with the columns {_shown(names)}")
    if len(places) > 1:
        raise BadOutput(
            found=f"{len(places)} columns named {_shown([name])}",
            expected="one",
            remedy="Give the columns of the model's output different names",
        )
    return table.iloc[:, places[0]].to_numpy()


def _is_default_index(table: Any) -> bool:
    import pandas as pd

    return isinstance(table.columns, pd.RangeIndex) or all(
        isinstance(name, int) and name == at for at, name in enumerate(table.columns.tolist())
    )


def _require_rows(found: int, rows: int) -> None:
    if found != rows:
        raise BadOutput(
            found=f"{found} answers for {rows} rows",
            expected=f"{rows}",
            remedy="Make the model return one answer for each row, in the rows' order",
        )


def _unreadable(what: str) -> BadOutput:
    return BadOutput(
        found=what,
        expected="labels, scores, an (n, 2) array or a table",
        remedy="Make the model return a numpy array or a pandas DataFrame",
    )


def _shown(texts: Sequence[str]) -> str:
    shown = [repr(text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…") for text in texts]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
