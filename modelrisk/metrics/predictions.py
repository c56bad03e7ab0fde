"""The canonical predictions table as the metrics see it: its columns, who runs a query, what is amiss.

One row per evaluation row, with one text column `cohort:<attribute>` per sensitive attribute:

* binary: `row` (int64), `label` and `prediction` (class text), `score` (P(positive), null when the model
  gives labels only);
* several classes: `row`, `label`, `prediction`, and of the model's probabilities `probabilities` (one for
  each class, in order), `label_probability` (of the true class), `label_rank` (its place among all, equals
  counted against it), `confidence` (the largest) and `squared_error` (summed over the classes); null for
  labels only;
* regression: `row`, and `label` and `prediction` as float64.

What does not belong here: reading or writing the table (`resources.datasets`) and any metric.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from modelrisk.columns import class_text
from modelrisk.outputs.binary import BinaryReading
from modelrisk.outputs.readings import Reading
from modelrisk.outputs.regression import RegressionReading

if TYPE_CHECKING:
    import ibis.expr.types as ir

Run = Callable[["ir.Table"], list[dict[str, object]]]
"""Executes an Ibis expression where the data is and returns its (few) rows."""

COHORT = "cohort:"

NO_SCORE_REMEDY = 'log the model with pyfunc_predict_fn="predict_proba", or let it return a score column'


@dataclass(frozen=True)
class Survey:
    """What a table holds, from one scan, and which metrics it can carry.

    Attributes:
        rows: rows.
        positives: rows whose label is the positive class.
        unlabelled: rows without a label.
        unpredicted: rows without a prediction.
        unscored: rows without a score.
        not_a_number: rows whose score is NaN or infinite. (In DuckDB NaN sorts above every number, so
            `NaN >= 0.8` is true: one such row makes the whole table unfit for score metrics.)
        outside: rows whose score is not within [0, 1].
        other_labels: first and last of the labels that are not the positive class.
        other_predictions: first and last of the predictions that are not the positive class.
    """

    rows: int
    positives: int
    unlabelled: int
    unpredicted: int
    unscored: int
    not_a_number: int
    outside: int
    other_labels: tuple[str, str] | None
    other_predictions: tuple[str, str] | None

    @property
    def negatives(self) -> int:
        """Rows whose label is the other class."""
        return self.rows - self.unlabelled - self.positives

    @property
    def label_fault(self) -> str | None:
        """Why no metric at all can be computed, with the remedy."""
        if self.rows == 0:
            return "the predictions table is empty; supply evaluation rows"
        if self.unlabelled:
            return f"{self.unlabelled:,} of {self.rows:,} rows have no label; label them or leave them out"
        for what, seen in (("labels", self.other_labels), ("predictions", self.other_predictions)):
            if seen is not None and seen[0] != seen[1]:
                return (
                    f"besides the positive class the {what} hold {shown(seen[0])} and {shown(seen[1])}, "
                    "so they are not two classes; make the label binary or declare `data.positive`"
                )
        return None

    @property
    def prediction_fault(self) -> str | None:
        """Why no metric of the predicted class can be computed, with the remedy."""
        if self.label_fault is not None:
            return self.label_fault
        if self.unpredicted:
            return f"{self.unpredicted:,} of {self.rows:,} rows have no prediction; mend the model"
        labels, predictions = self.other_labels, self.other_predictions
        if labels is not None and predictions is not None and labels[0] != predictions[0]:
            return (
                f"the other class is {shown(labels[0])} among the labels and {shown(predictions[0])} "
                "among the predictions; declare `prediction.classes` as the labels are written"
            )
        return None

    @property
    def rank_fault(self) -> str | None:
        """Why the scores cannot be ranked, with the remedy."""
        if self.label_fault is not None:
            return self.label_fault
        if self.unscored:
            return f"{self.unscored:,} of {self.rows:,} rows have no score; {NO_SCORE_REMEDY}"
        if self.not_a_number:
            return (
                f"{self.not_a_number:,} of {self.rows:,} scores are NaN or infinite; "
                "find the rows the model cannot score and mend the model"
            )
        return None

    @property
    def probability_fault(self) -> str | None:
        """Why the scores cannot be read as probabilities, with the remedy."""
        if self.rank_fault is not None:
            return self.rank_fault
        if self.outside:
            return (
                f"{self.outside:,} of {self.rows:,} scores lie outside 0 to 1 and are not probabilities; "
                "let the model return P(positive)"
            )
        return None


def answer_columns(joined: "ir.Table", reading: Reading, *, label: str) -> "dict[str, ir.Value]":
    """The columns of the canonical table that hold label and answer.

    Args:
        joined: evaluation rows beside the scorer's answers (`prediction`, and `score` or `probabilities`).
        reading: how the answers were read.
        label: name of the label column.
    """
    import ibis

    if isinstance(reading, RegressionReading):
        target = cast("ir.IntegerColumn", joined[label]).cast("float64")
        return {"label": target, "prediction": column_of_numbers(joined, "prediction")}
    columns: dict[str, ir.Value] = {
        "label": class_text(joined[label]),
        "prediction": cast("ir.StringColumn", joined["prediction"]),
    }
    if isinstance(reading, BinaryReading):
        return columns | {"score": column_of_numbers(joined, "score")}
    probabilities = cast("ir.ArrayColumn", joined["probabilities"])
    position = ibis.array(list(reading.classes)).index(columns["label"])
    own = cast("ir.FloatingColumn", probabilities[position])
    squares = cast("ir.FloatingColumn", probabilities.map(_squared).sums())
    return columns | {
        "probabilities": probabilities,
        "label_probability": own,
        "label_rank": probabilities.filter(lambda each: each >= own).length(),
        "confidence": probabilities.maxs(),
        "squared_error": squares - 2.0 * own + 1.0,
    }


def _squared(value: "ir.Value") -> "ir.Value":
    number = cast("ir.FloatingColumn", value)
    return number * number


def attributes(predictions: "ir.Table") -> tuple[str, ...]:
    """Names of the sensitive attributes, in column order."""
    return tuple(name.removeprefix(COHORT) for name in predictions.columns if name.startswith(COHORT))


def of_class(predictions: "ir.Table", name: str) -> "ir.Table":
    """A table of several classes as one of two: `name` against the rest, whose text is `not` and the name.

    The score is not kept: what of the probabilities is in the table is about the true class.
    """
    import ibis

    def one_or_other(column: "ir.Column") -> "ir.Value":
        is_it = is_class(column, name)
        return ibis.cases((is_it, name), (~is_it, f"not {name}"), else_=ibis.null("string"))

    return predictions.mutate(
        label=one_or_other(predictions.label),
        prediction=one_or_other(predictions.prediction),
        score=ibis.null("float64"),
    )


RIGHT, WRONG = "right", "wrong"


def of_top_label(predictions: "ir.Table") -> "ir.Table":
    """A table of several classes as one of two: whether the prediction is right, scored by the confidence."""
    import ibis

    is_right = cast("ir.BooleanColumn", predictions.prediction == predictions.label)
    return predictions.mutate(
        label=ibis.cases((is_right, RIGHT), (~is_right, WRONG), else_=ibis.null("string")),
        prediction=ibis.literal(RIGHT),
        score=column_of_numbers(predictions, "confidence"),
    )


def surveyed(predictions: "ir.Table", *, run: Run, positive: str) -> Survey:
    """What the table holds, from one scan."""
    import ibis

    label, prediction, score = (
        predictions.label,
        predictions.prediction,
        column_of_numbers(predictions, "score"),
    )
    is_positive = is_class(label, positive)
    other_label, other_prediction = ~is_positive, ~is_class(prediction, positive)
    unfit = score.isnan() | score.isinf()
    (found,) = run(
        predictions.agg(
            total=predictions.count(),
            positives=predictions.count(where=is_positive),
            unlabelled=predictions.count(where=label.isnull()),
            unpredicted=predictions.count(where=prediction.isnull()),
            unscored=predictions.count(where=score.isnull()),
            not_a_number=predictions.count(where=unfit),
            outside=predictions.count(
                where=~unfit & ((score < ibis.literal(0.0)) | (score > ibis.literal(1.0)))
            ),
            first_label=label.min(where=other_label),
            last_label=label.max(where=other_label),
            first_prediction=prediction.min(where=other_prediction),
            last_prediction=prediction.max(where=other_prediction),
        )
    )
    return Survey(
        rows=whole(found["total"]),
        positives=whole(found["positives"]),
        unlabelled=whole(found["unlabelled"]),
        unpredicted=whole(found["unpredicted"]),
        unscored=whole(found["unscored"]),
        not_a_number=whole(found["not_a_number"]),
        outside=whole(found["outside"]),
        other_labels=_pair(found["first_label"], found["last_label"]),
        other_predictions=_pair(found["first_prediction"], found["last_prediction"]),
    )


def column_of_numbers(table: "ir.Table", name: str) -> "ir.FloatingColumn":
    """A numeric column, as the type checker needs to see it."""
    return cast("ir.FloatingColumn", table[name])


def as_real(table: "ir.Table", name: str) -> "ir.FloatingColumn":
    """A column of counts as floats, so that products of counts do not overflow."""
    return cast("ir.FloatingColumn", cast("ir.IntegerColumn", table[name]).cast("float64"))


def total(values: "ir.NumericValue") -> "ir.NumericScalar":
    """The sum of per-row numbers, as the type checker needs to see it."""
    return cast("ir.FloatingColumn", values).sum()


def is_class(column: "ir.Column", name: str) -> "ir.BooleanColumn":
    """Whether a class text is `name`; null for a missing one."""
    return cast("ir.BooleanColumn", column == name)


def shown(name: str) -> str:
    """A class text for a message: quoted, escaped and short."""
    return repr(name if len(name) <= 40 else name[:39] + "…")


def whole(value: object) -> int:
    """A count from the engine (int, Decimal or float); the sum over no rows, null, is 0."""
    return 0 if value is None else int(cast("float", value))


def real(value: object) -> float:
    """A sum or mean from the engine as a float; null, over no rows, is NaN."""
    return math.nan if value is None else float(cast("float", value))


def text(row: Mapping[str, object], name: str) -> str | None:
    """A text value from the engine."""
    value = row[name]
    return None if value is None else str(value)


def _pair(first: object, last: object) -> tuple[str, str] | None:
    return None if first is None or last is None else (str(first), str(last))
