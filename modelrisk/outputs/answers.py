"""What a model returned, as plain arrays and tables, or refused with the reason.

Models answer in many forms. Whatever holds numbers or labels for each row is taken without changing a value;
everything that cannot be read without guessing is refused.

What does not belong here: what columns and numbers mean for a task (`binary`, `multiclass`, `regression`).
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modelrisk.errors import ModelRiskError
from modelrisk.outputs.classes import class_text

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


class Form(StrEnum):
    """What a model's output holds."""

    LABELS = "labels"
    SCORES = "scores"
    BOTH = "labels and scores"
    NUMBERS = "numbers"


def plain(raw: Any) -> Any:  # noqa: PLR0911, PLR0912 - one line a type is the clearest table
    """The output as a pandas DataFrame or a numpy array, without changing any value."""
    import numpy as np
    import pandas as pd

    if raw is None:
        raise unreadable("nothing (None)")
    module = type(raw).__module__.partition(".")[0]
    if module == "pyarrow":
        raw = raw.to_pandas()
    elif module == "polars":
        raw = raw.to_pandas() if hasattr(raw, "columns") else raw.to_numpy()
    elif module == "scipy" and hasattr(raw, "toarray"):
        raise unreadable("a sparse matrix")
    if isinstance(raw, pd.DataFrame):
        if any(isinstance(dtype, pd.SparseDtype) for dtype in raw.dtypes):
            raise unreadable("a table with sparse columns")
        return raw
    if isinstance(raw, (pd.Series, pd.Index)):
        if isinstance(raw.dtype, pd.SparseDtype):
            raise unreadable("a sparse column")
        return raw.to_numpy()
    if isinstance(raw, np.ma.MaskedArray):
        raise unreadable("a masked array")
    if isinstance(raw, np.ndarray):
        if raw.dtype.names is not None:
            return pd.DataFrame(raw)
        return raw
    if isinstance(raw, pd.api.extensions.ExtensionArray):
        return raw.to_numpy()
    if isinstance(raw, Mapping):
        columns = {str(name): value for name, value in raw.items()}
        if not columns or len({_length(value) for value in columns.values()} | {None}) != 2:
            raise unreadable("a mapping that is not columns of one length")
        return pd.DataFrame(columns)
    if isinstance(raw, Sequence) and not isinstance(raw, (str, bytes)):
        return _from_sequence(list(raw))
    raise unreadable(f"a {type(raw).__name__}")


def _from_sequence(items: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    if items and all(isinstance(item, Mapping) for item in items):
        return pd.DataFrame(items)
    lengths = {_length(item) for item in items}
    if len(lengths) > 1:
        raise unreadable("a list of items of different lengths")
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


def label_positions(values: "np.ndarray[Any, Any]", classes: Sequence[str]) -> "np.ndarray[Any, Any]":
    """Each label as its position in the classes (uint16, shape (n,)).

    Raises:
        BadOutput: a label is missing, or none of the classes.
    """
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
    strange = [text for text in texts if text is not None and text not in classes]
    if strange:
        raise BadOutput(
            found=f"label(s) {shown(strange)}",
            expected=f"one of the classes {shown(classes)}",
            remedy="Write `prediction: classes` and the data's labels as the model returns them",
        )
    positions = np.array([classes.index(text) for text in texts if text is not None], np.uint16)
    return positions[codes] if len(positions) else np.empty(0, np.uint16)


def probabilities(values: Any) -> "np.ndarray[Any, Any]":
    """The values as float64 probabilities in [0, 1], of the same shape; those just outside go to the bound.

    Raises:
        BadOutput: a value is missing, not finite or no probability.
    """
    import numpy as np

    numbers, tolerance = floats(values)
    broken = int((~np.isfinite(numbers)).sum())
    if broken:
        raise BadOutput(
            found=f"{broken} score(s) that are NaN or infinite among {numbers.size}",
            expected="a finite score for every row",
            remedy="Make the model answer every row, whatever is missing in it",
        )
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    if low < -tolerance or high > 1.0 + tolerance:
        raise BadOutput(
            found=f"scores from {low:.6g} to {high:.6g}",
            expected="probabilities from 0 to 1",
            remedy="Make the model return probabilities instead of margins or logits",
        )
    return np.clip(numbers, 0.0, 1.0)


def require_sum_of_one(sums: "np.ndarray[Any, Any]", *, tolerance: float) -> None:
    """Refuse probabilities of a row that do not sum to 1."""
    import numpy as np

    off = np.abs(sums - 1.0)
    wrong = int((off > tolerance).sum())
    if wrong:
        raise BadOutput(
            found=f"{wrong} row(s) whose probabilities miss a sum of 1 by up to {float(off.max()):.6g}",
            expected="probabilities that sum to 1",
            remedy="Make the model normalise its probabilities",
        )


def refuse_ambiguous_names(table: "pd.DataFrame", names: Sequence[str], classes: Sequence[str]) -> None:
    """Refuse a table that has a column for each class, and something that could be mistaken for one."""
    if is_default_index(table) and tuple(names) != tuple(classes):
        raise BadOutput(
            found=f"unnamed columns numbered {shown(names)} and classes in the order {shown(classes)}",
            expected="columns whose class cannot be mistaken",
            remedy="Name the output's columns by class, or return an array in the order of `classes`",
        )
    extra = [name for name in names if name not in classes and name not in LABEL_COLUMNS]
    if extra:
        raise BadOutput(
            found=f"columns {shown(extra)} beside the classes {shown(classes)}",
            expected="probabilities of the classes only",
            remedy="List the right classes under `prediction: classes` in the intake",
        )


def plain_vector(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """A vector of objects as numbers, where all of them are."""
    return _inferred(values) if values.dtype.kind == "O" else values


def floats(values: Any) -> "tuple[np.ndarray[Any, Any], float]":
    """The values as float64, and how far rounding in their own type may have moved them."""
    import numpy as np

    array = plain_vector(np.asarray(values))
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


def _inferred(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Objects that are all numbers as numbers; a missing number stays missing (NaN)."""
    import numpy as np
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return np.array([math.nan if item is None or item is pd.NA else float(item) for item in values])
    return values


def names_of(table: "pd.DataFrame") -> list[str]:
    """The columns' names as text."""
    return [class_text(name) or "" for name in table.columns]


def column(table: "pd.DataFrame", name: str) -> "np.ndarray[Any, Any]":
    """The one column of a name.

    Raises:
        BadOutput: there is none, or more than one.
    """
    names = names_of(table)
    places = [at for at, known in enumerate(names) if known == name]
    if not places:
        raise no_column(name, f"a table with the columns {shown(names)}")
    if len(places) > 1:
        raise BadOutput(
            found=f"{len(places)} columns named {shown([name])}",
            expected="one",
            remedy="Give the columns of the model's output different names",
        )
    return table.iloc[:, places[0]].to_numpy()


def no_column(name: str, place: str) -> BadOutput:
    """The column that the intake names as `prediction: score` is not there."""
    return BadOutput(
        found=f"no column {shown([name])} in {place}",
        expected="the column named by `prediction: score`",
        remedy="Mend `prediction: score` in the intake, or return a table with that column once",
    )


def is_default_index(table: "pd.DataFrame") -> bool:
    """Whether the columns are merely numbered from 0, as those of an array are."""
    import pandas as pd

    return isinstance(table.columns, pd.RangeIndex) or all(
        isinstance(name, int) and name == at for at, name in enumerate(table.columns.tolist())
    )


def require_rows(found: int, rows: int) -> None:
    """Refuse an output that is not one answer for each row."""
    if found != rows:
        raise BadOutput(
            found=f"{found} answers for {rows} rows",
            expected=f"{rows}",
            remedy="Make the model return one answer for each row, in the rows' order",
        )


def unreadable(what: str) -> BadOutput:
    """An output in a form nobody can read without guessing."""
    return BadOutput(
        found=what,
        expected="labels, scores, an array with a column for each class, or a table",
        remedy="Make the model return a numpy array or a pandas DataFrame",
    )


def shown(texts: Sequence[str]) -> str:
    """The first few texts for a message: quoted, escaped and short."""
    quoted = [repr(text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…") for text in texts]
    more = f" and {len(quoted) - _SHOWN} more" if len(quoted) > _SHOWN else ""
    return ", ".join(quoted[:_SHOWN]) + more


def same_form(found: Form, first: Form | None) -> Form:
    """The form of a stream after one more batch.

    Raises:
        BadOutput: the batch has another form than those before it.
    """
    if first is not None and found is not first:
        raise BadOutput(
            found=f"{found} in a later batch, after {first} in the first",
            expected="the same kind of answer for all rows",
            remedy="Make the model return probabilities for every batch, or labels for every batch",
        )
    return found
