"""The readings of all tasks: how they travel to the scoring child, and how answers travel back.

Answers come back as rows of fixed width, so nothing a model made is ever parsed.

What does not belong here: what an output means (`binary`, `multiclass`, `regression`).
"""

from collections.abc import Mapping
from typing import Any, assert_never, cast

from modelrisk.outputs.answers import Form
from modelrisk.outputs.binary import BinaryAnswers, BinaryReader, BinaryReading
from modelrisk.outputs.multiclass import (
    MulticlassAnswers,
    MulticlassReader,
    MulticlassReading,
    sum_tolerance,
)
from modelrisk.outputs.regression import RegressionAnswers, RegressionReader, RegressionReading

Reading = BinaryReading | MulticlassReading | RegressionReading
Answers = BinaryAnswers | MulticlassAnswers | RegressionAnswers
Reader = BinaryReader | MulticlassReader | RegressionReader

NOT_SAID = 65_535
"""Stands for a label in a row of answers when the model gave none."""

_KINDS: Mapping[str, type[BinaryReading] | type[MulticlassReading] | type[RegressionReading]] = {
    "binary": BinaryReading,
    "multiclass": MulticlassReading,
    "regression": RegressionReading,
}


def as_plain(reading: Reading) -> dict[str, Any]:
    """The reading as JSON can hold it."""
    kind = next(name for name, each in _KINDS.items() if isinstance(reading, each))
    return {"kind": kind, "fields": {name: getattr(reading, name) for name in reading.__dataclass_fields__}}


def from_plain(plain: Mapping[str, Any]) -> Reading:
    """The reading that `as_plain` wrote."""
    fields: dict[str, Any] = {
        name: tuple(cast("list[str]", value)) if isinstance(value, list) else value
        for name, value in plain["fields"].items()
    }
    return cast("Any", _KINDS[plain["kind"]])(**fields)


def reader_of(reading: Reading) -> Reader:
    """A reader for one stream."""
    match reading:
        case BinaryReading():
            return BinaryReader(reading)
        case MulticlassReading():
            return MulticlassReader(reading)
        case RegressionReading():
            return RegressionReader(reading)
        case _:
            assert_never(reading)


def answer_type(reading: Reading) -> list[tuple[Any, ...]]:
    """Numpy's description of one row of answers; a missing label is `NOT_SAID`, a missing number NaN."""
    match reading:
        case BinaryReading():
            return [("label", "<u2"), ("score", "<f8")]
        case MulticlassReading():
            return [("label", "<u2"), ("probabilities", "<f8", (len(reading.classes),))]
        case RegressionReading():
            return [("value", "<f8")]
        case _:
            assert_never(reading)


def as_rows(answers: Answers, reading: Reading, *, rows: int) -> Any:
    """A batch's answers as a structured array of `answer_type`, shape (rows,)."""
    import numpy as np

    block = np.empty(rows, dtype=answer_type(reading))
    match answers:
        case BinaryAnswers():
            block["label"] = NOT_SAID if answers.labels is None else answers.labels
            block["score"] = np.nan if answers.scores is None else answers.scores
        case MulticlassAnswers():
            block["label"] = NOT_SAID if answers.labels is None else answers.labels
            block["probabilities"] = np.nan if answers.probabilities is None else answers.probabilities
        case RegressionAnswers():
            block["value"] = answers.values
        case _:
            assert_never(answers)
    return block


def believed(block: Any, reading: Reading, form: Form | None) -> Answers | None:
    """Rows of answers that came back from a model's process, checked once more; None when they cannot be.

    Args:
        block: a structured array of `answer_type`.
        reading: how the output was to be read.
        form: what the process says the model gave.
    """
    import numpy as np

    if isinstance(reading, RegressionReading):
        values = block["value"]
        fit = form is Form.NUMBERS and bool(np.isfinite(values).all())
        return RegressionAnswers(values + 0.0) if fit else None
    if form is None or form is Form.NUMBERS:
        return None
    labels = block["label"]
    numbers = block["score" if isinstance(reading, BinaryReading) else "probabilities"]
    expected = labels < len(reading.classes) if form is not Form.SCORES else labels == NOT_SAID
    within = np.isnan(numbers) if form is Form.LABELS else (numbers >= 0.0) & (numbers <= 1.0)
    if not (bool(expected.all()) and bool(within.all())):
        return None
    given_labels = None if form is Form.SCORES else labels
    given_numbers = None if form is Form.LABELS else numbers + 0.0
    if isinstance(reading, BinaryReading):
        return BinaryAnswers(form, given_labels, given_numbers)
    if given_numbers is not None:
        # In what precision the model answered is no longer known: the coarsest one a reader takes.
        off = np.abs(given_numbers.sum(axis=1) - 1.0)
        if bool((off > sum_tolerance(len(reading.classes), "f2")).any()):
            return None
    return MulticlassAnswers(form, given_labels, given_numbers)
