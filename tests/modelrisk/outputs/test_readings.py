"""How readings travel to the child, and what of its answers is believed."""

import json

import numpy as np
import pytest

from modelrisk.outputs.answers import Form
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.readings import (
    NOT_SAID,
    Reading,
    answer_type,
    as_plain,
    as_rows,
    believed,
    from_plain,
    reader_of,
)
from modelrisk.outputs.regression import RegressionReading

BINARY = BinaryReading(("no", "yes"), "yes", threshold=0.4, score_column="p")
SEVERAL = MulticlassReading(("a", "b", "c"))
NUMBERS = RegressionReading("price")


@pytest.mark.parametrize("reading", [BINARY, SEVERAL, NUMBERS, RegressionReading()])
def test_a_reading_is_the_same_after_its_journey(reading: Reading) -> None:
    assert from_plain(json.loads(json.dumps(as_plain(reading)))) == reading


@pytest.mark.parametrize(
    ("reading", "raw"),
    [
        (BinaryReading(("no", "yes"), "yes"), np.array([0.25, 0.5])),
        (BinaryReading(("no", "yes"), "yes"), np.array(["no", "yes"])),
        (SEVERAL, np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]])),
        (SEVERAL, np.array(["c", "a"])),
        (RegressionReading(), np.array([-1.5, 1e12])),
    ],
)
def test_answers_written_as_rows_of_fixed_width_are_believed_as_they_were_given(reading, raw) -> None:
    answers = reader_of(reading).read(raw, rows=2)
    data = as_rows(answers, reading, rows=2).tobytes()
    block = np.frombuffer(data, dtype=answer_type(reading))
    again = believed(block, reading, answers.form)
    assert again is not None
    for name in answers.__dataclass_fields__:
        assert np.array_equal(getattr(again, name), getattr(answers, name))


def test_a_label_has_room_for_every_class_there_may_be() -> None:
    many = MulticlassReading(tuple(map(str, range(10_000))))
    answers = reader_of(many).read(np.array([9_999, 256]), rows=2)
    assert as_rows(answers, many, rows=2)["label"].tolist() == [9_999, 256]
    assert len(many.classes) < NOT_SAID


FORGED = {
    "a class that is not": (SEVERAL, Form.LABELS, (3, [np.nan] * 3)),
    "no label": (SEVERAL, Form.LABELS, (NOT_SAID, [np.nan] * 3)),
    "labels with probabilities": (SEVERAL, Form.LABELS, (0, [1.0, 0.0, 0.0])),
    "a label where there are only probabilities": (SEVERAL, Form.SCORES, (0, [1.0, 0.0, 0.0])),
    "a probability above 1": (SEVERAL, Form.SCORES, (NOT_SAID, [1.5, 0.0, 0.0])),
    "a probability that is no number": (SEVERAL, Form.SCORES, (NOT_SAID, [np.nan, 0.0, 0.0])),
    "probabilities that sum to 3": (SEVERAL, Form.SCORES, (NOT_SAID, [1.0, 1.0, 1.0])),
    "the form of another task": (SEVERAL, Form.NUMBERS, (NOT_SAID, [1.0, 0.0, 0.0])),
    "no form": (SEVERAL, None, (NOT_SAID, [1.0, 0.0, 0.0])),
    "a number that is none": (NUMBERS, Form.NUMBERS, (np.nan,)),
    "an infinite number": (NUMBERS, Form.NUMBERS, (np.inf,)),
    "a number under another form": (NUMBERS, Form.SCORES, (1.0,)),
}


@pytest.mark.parametrize("case", FORGED)
def test_what_no_reader_could_have_written_is_not_believed(case: str) -> None:
    reading, form, row = FORGED[case]
    block = np.array([row], dtype=answer_type(reading))
    assert believed(block, reading, form) is None
