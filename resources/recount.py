"""The headline numbers, counted a second time from the frozen predictions.

On purpose apart from the code that first computed them (other library, other algorithm), so that agreement
means something.

What does not belong here: intervals (`modelrisk.packs` has them re-derived from their inputs).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from modelrisk.errors import ModelRiskError
from modelrisk.estimates import Cohort, Estimate
from modelrisk.intake import Task
from modelrisk.packs import (
    CLASSES_TABLE,
    OUTCOME_TABLE,
    PREDICTIONS,
    PackCheck,
    close,
    described,
    failed,
    passed,
    record_of,
    skipped,
    stages_of,
)
from modelrisk.records import StageEvidence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

RECOUNT = "headline numbers recounted"
_COHORT = "cohort:"
_SMALLEST = 1e-15


@dataclass(frozen=True)
class _Outcome:
    """What the counts are about, as a stage's tables say.

    Attributes:
        task: the model's task.
        positive: the positive class of a binary classifier.
        favourable: the favourable class; None without one.
        classes: the classes of a model of several, in the order of its probabilities.
    """

    task: Task
    positive: str | None
    favourable: str | None
    classes: tuple[str, ...]


def recount_check(members: Mapping[str, bytes]) -> PackCheck:
    """Compare every headline estimate of the record, for all rows and for each group, with a fresh count.

    Args:
        members: a pack's members, whose digests and signatures have been checked.
    """
    try:
        record, outcome = record_of(members), _outcome(stages_of(members))
    except ModelRiskError as error:
        return failed(RECOUNT, str(error))
    task = Task.BINARY_CLASSIFICATION if outcome is None else outcome.task
    printed = [
        estimate
        for estimate in record.estimates
        if estimate.metric in _HEADLINES[task] and estimate.group is None and estimate.is_evaluable
    ]
    if not printed:
        return skipped(RECOUNT, "the record prints none")
    if PREDICTIONS not in members:
        return failed(RECOUNT, f"the record prints {len(printed)}, but there are no predictions")
    if outcome is None:
        return skipped(RECOUNT, "no stage says which class is positive and which is favourable")
    return _counted(printed, members[PREDICTIONS], outcome)


def _counted(printed: list[Estimate], predictions: bytes, outcome: _Outcome) -> PackCheck:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        return skipped(RECOUNT, f"needs {error.name}")
    try:
        return _compared(printed, pq.read_table(pa.BufferReader(predictions)), outcome)
    except (pa.ArrowException, KeyError, ValueError) as error:
        return failed(RECOUNT, f"{PREDICTIONS} cannot be counted: {error}")


def _compared(printed: list[Estimate], table: "pa.Table", outcome: _Outcome) -> PackCheck:
    count = {
        Task.BINARY_CLASSIFICATION: _binary_counts,
        Task.MULTICLASS_CLASSIFICATION: _multiclass_counts,
        Task.REGRESSION: partial(_regression_counts, everyone=table),
    }[outcome.task]
    counted: dict[tuple[tuple[str, str | None], ...], Mapping[_Key, float]] = {}
    for estimate in printed:
        cohort = tuple(sorted(estimate.cohort.items()))
        if cohort not in counted:
            counted[cohort] = count(_rows_of(table, estimate.cohort), outcome)
        value = counted[cohort].get((estimate.metric, estimate.outcome))
        if not _agrees(estimate, value, counted[cohort]):
            return failed(
                RECOUNT, f"{described(estimate)} is printed as {estimate.value}, counted as {value}"
            )
    return passed(RECOUNT, f"{len(printed)} numbers counted again from {table.num_rows} rows")


def _agrees(estimate: Estimate, value: float | None, counted: "Mapping[_Key, float]") -> bool:
    """Whether print and count agree to nine digits; of the terms, where these cancel each other.

    Errors to both sides of 0 may leave a mean far smaller than they are, of which few digits are then left.
    """
    if close(estimate.value, value):
        return True
    terms = {"mean_error": counted.get(("mae", None)), "r_squared": 1.0}.get(estimate.metric)
    if terms is None or value is None or estimate.value is None:
        return False
    return abs(estimate.value - value) <= 1e-9 * terms


_Key = tuple[str, str | None]
"""Metric and, for a rate of one class, the class."""

_HEADLINES: Mapping[Task, frozenset[str]] = {
    Task.BINARY_CLASSIFICATION: frozenset(
        {
            "accuracy",
            "precision",
            "true_positive_rate",
            "false_positive_rate",
            "true_negative_rate",
            "false_negative_rate",
            "selection_rate",
            "base_rate",
            "brier",
            "log_loss",
            "auc",
        }
    ),
    Task.MULTICLASS_CLASSIFICATION: frozenset(
        {
            "accuracy",
            "balanced_accuracy",
            "top_k_accuracy",
            "selection_rate",
            "brier",
            "log_loss",
            "macro_precision",
            "true_positive_rate",
            "false_positive_rate",
            "precision",
            "base_rate",
        }
    ),
    Task.REGRESSION: frozenset({"mae", "rmse", "mean_error", "r_squared"}),
}


def _outcome(stages: Mapping[str, StageEvidence]) -> _Outcome | None:
    for stage in stages.values():
        classes = tuple(str(row["class"]) for row in stage.tables.get(CLASSES_TABLE, ()))
        for row in stage.tables.get(OUTCOME_TABLE, ()):
            positive, favourable, task = row.get("positive"), row.get("favourable"), row.get("task")
            if isinstance(task, str) and task in set(Task):
                return _Outcome(
                    Task(task), None, favourable if isinstance(favourable, str) else None, classes
                )
            if isinstance(positive, str) and isinstance(favourable, str):
                return _Outcome(Task.BINARY_CLASSIFICATION, positive, favourable, ())
    return None


def _rows_of(table: "pa.Table", cohort: Cohort) -> "pa.Table":
    import numpy as np

    wanted = np.ones(table.num_rows, dtype=bool)
    for attribute, group in cohort.items():
        wanted &= _texts(table, f"{_COHORT}{attribute}") == group
    return table.filter(wanted)


def _binary_counts(rows: "pa.Table", outcome: _Outcome) -> Mapping[_Key, float]:
    import numpy as np

    label, prediction = _texts(rows, "label"), _texts(rows, "prediction")
    is_positive, predicted = label == outcome.positive, prediction == outcome.positive
    true_positives = int(np.sum(is_positive & predicted))
    positives, negatives = int(np.sum(is_positive)), int(np.sum(~is_positive))
    false_positives = int(np.sum(~is_positive & predicted))
    score = rows.column("score").to_numpy().astype(float)
    given = np.maximum(np.where(is_positive, score, 1.0 - score), _SMALLEST)
    ratios = {
        "accuracy": (int(np.sum(label == prediction)), len(label)),
        "precision": (true_positives, true_positives + false_positives),
        "true_positive_rate": (true_positives, positives),
        "false_negative_rate": (positives - true_positives, positives),
        "false_positive_rate": (false_positives, negatives),
        "true_negative_rate": (negatives - false_positives, negatives),
        "selection_rate": (int(np.sum(prediction == outcome.favourable)), len(label)),
        "base_rate": (positives, len(label)),
        "brier": (float(np.sum((score - is_positive) ** 2)), len(label)),
        "log_loss": (float(np.sum(-np.log(given))), len(label)),
        "auc": (_pairs_won(score, is_positive), positives * negatives),
    }
    return {(metric, None): above / below for metric, (above, below) in ratios.items() if below}


def _multiclass_counts(rows: "pa.Table", outcome: _Outcome) -> Mapping[_Key, float]:
    import numpy as np

    label, prediction, n = _texts(rows, "label"), _texts(rows, "prediction"), rows.num_rows
    right = label == prediction
    found: dict[_Key, float] = {("accuracy", None): float(np.mean(right))}
    if outcome.favourable is not None:
        found["selection_rate", None] = float(np.mean(prediction == outcome.favourable))
    recalls: list[float] = []
    precisions: list[float] = []
    for name in outcome.classes:
        is_it, said = label == name, prediction == name
        hits = int(np.sum(is_it & said))
        found["base_rate", name] = float(np.mean(is_it))
        if is_it.any():
            recalls.append(hits / int(np.sum(is_it)))
            found["true_positive_rate", name] = recalls[-1]
        if said.any():
            precisions.append(hits / int(np.sum(said)))
            found["precision", name] = precisions[-1]
        if not is_it.all():
            found["false_positive_rate", name] = int(np.sum(~is_it & said)) / int(np.sum(~is_it))
    if len(recalls) == len(outcome.classes):
        found["balanced_accuracy", None] = float(np.mean(recalls))
    if len(precisions) == len(outcome.classes):
        found["macro_precision", None] = float(np.mean(precisions))
    probabilities = rows.column("probabilities").combine_chunks()
    if probabilities.null_count == 0 and n:
        matrix = probabilities.flatten().to_numpy().reshape(n, len(outcome.classes))
        positions = {name: at for at, name in enumerate(outcome.classes)}
        at = np.array([positions[name] for name in label])
        own = matrix[np.arange(n), at]
        k = 3 if len(outcome.classes) >= 5 else 2
        found["top_k_accuracy", None] = float(np.mean(np.sum(matrix >= own[:, None], axis=1) <= k))
        found["log_loss", None] = float(np.mean(-np.log(np.maximum(own, _SMALLEST))))
        truth = np.zeros_like(matrix)
        truth[np.arange(n), at] = 1.0
        found["brier", None] = float(np.mean(np.sum((matrix - truth) ** 2, axis=1)))
    return found


def _regression_counts(rows: "pa.Table", outcome: _Outcome, *, everyone: "pa.Table") -> Mapping[_Key, float]:
    import numpy as np

    del outcome
    label = rows.column("label").to_numpy()
    error = rows.column("prediction").to_numpy() - label
    labels = everyone.column("label").to_numpy()
    centre = labels[0] + np.mean(labels - labels[0]) if len(labels) else 0.0
    spread = float(np.mean((label - centre) ** 2))
    found: dict[_Key, float] = {
        ("mae", None): float(np.mean(np.abs(error))),
        ("rmse", None): float(np.sqrt(np.mean(error**2))),
        ("mean_error", None): float(np.mean(error)),
    }
    if spread > 0.0:
        found["r_squared", None] = 1.0 - float(np.mean(error**2)) / spread
    return found


def _texts(rows: "pa.Table", column: str) -> "npt.NDArray[np.object_]":
    return rows.column(column).to_numpy(zero_copy_only=False)


def _pairs_won(score: "npt.NDArray[np.float64]", is_positive: "npt.NDArray[np.bool_]") -> float:
    """Pairs of a positive and a negative in which the positive scores higher, ties counting half."""
    import numpy as np

    negatives = np.sort(score[~is_positive])
    below = np.searchsorted(negatives, score[is_positive], side="left")
    up_to = np.searchsorted(negatives, score[is_positive], side="right")
    return float(np.sum(below) + np.sum(up_to)) / 2.0
