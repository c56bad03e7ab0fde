"""The headline numbers, counted a second time from the frozen predictions.

On purpose apart from the code that first computed them (other library, other algorithm), so that agreement
means something.

What does not belong here: intervals (`modelrisk.packs` has them re-derived from their inputs).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelrisk.errors import ModelRiskError
from modelrisk.estimates import Cohort, Estimate
from modelrisk.packs import (
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


def recount_check(members: Mapping[str, bytes]) -> PackCheck:
    """Compare every headline estimate of the record, for all rows and for each group, with a fresh count.

    Args:
        members: a pack's members, whose digests and signatures have been checked.
    """
    try:
        record, outcome = record_of(members), _outcome(stages_of(members))
    except ModelRiskError as error:
        return failed(RECOUNT, str(error))
    printed = [estimate for estimate in record.estimates if _is_headline(estimate)]
    if not printed:
        return skipped(RECOUNT, "the record prints none")
    if PREDICTIONS not in members:
        return failed(RECOUNT, f"the record prints {len(printed)}, but there are no predictions")
    if outcome is None:
        return skipped(RECOUNT, "no stage says which class is positive and which is favourable")
    return _counted(printed, members[PREDICTIONS], outcome)


def _counted(printed: list[Estimate], predictions: bytes, outcome: tuple[str, str]) -> PackCheck:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        return skipped(RECOUNT, f"needs {error.name}")
    try:
        return _compared(printed, pq.read_table(pa.BufferReader(predictions)), outcome)
    except (pa.ArrowException, KeyError) as error:
        return failed(RECOUNT, f"{PREDICTIONS} cannot be counted: {error}")


def _compared(printed: list[Estimate], table: "pa.Table", outcome: tuple[str, str]) -> PackCheck:
    counted: dict[tuple[tuple[str, str | None], ...], Mapping[str, float]] = {}
    for estimate in printed:
        cohort = tuple(sorted(estimate.cohort.items()))
        if cohort not in counted:
            counted[cohort] = _counts(_rows_of(table, estimate.cohort), *outcome)
        value = counted[cohort].get(estimate.metric)
        if not close(estimate.value, value):
            return failed(
                RECOUNT, f"{described(estimate)} is printed as {estimate.value}, counted as {value}"
            )
    return passed(RECOUNT, f"{len(printed)} numbers counted again from {table.num_rows} rows")


def _is_headline(estimate: Estimate) -> bool:
    return estimate.metric in _HEADLINES and estimate.group is None and estimate.is_evaluable


_HEADLINES = frozenset(
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
        "auc",
    }
)


def _outcome(stages: Mapping[str, StageEvidence]) -> tuple[str, str] | None:
    for stage in stages.values():
        for row in stage.tables.get(OUTCOME_TABLE, ()):
            positive, favourable = row.get("positive"), row.get("favourable")
            if isinstance(positive, str) and isinstance(favourable, str):
                return positive, favourable
    return None


def _rows_of(table: "pa.Table", cohort: Cohort) -> "pa.Table":
    import numpy as np

    wanted = np.ones(table.num_rows, dtype=bool)
    for attribute, group in cohort.items():
        wanted &= _texts(table, f"{_COHORT}{attribute}") == group
    return table.filter(wanted)


def _counts(rows: "pa.Table", positive: str, favourable: str) -> Mapping[str, float]:
    import numpy as np

    label, prediction = _texts(rows, "label"), _texts(rows, "prediction")
    is_positive, predicted = label == positive, prediction == positive
    true_positives = int(np.sum(is_positive & predicted))
    positives, negatives = int(np.sum(is_positive)), int(np.sum(~is_positive))
    false_positives = int(np.sum(~is_positive & predicted))
    score = rows.column("score").to_numpy().astype(float)
    ratios = {
        "accuracy": (int(np.sum(label == prediction)), len(label)),
        "precision": (true_positives, true_positives + false_positives),
        "true_positive_rate": (true_positives, positives),
        "false_negative_rate": (positives - true_positives, positives),
        "false_positive_rate": (false_positives, negatives),
        "true_negative_rate": (negatives - false_positives, negatives),
        "selection_rate": (int(np.sum(prediction == favourable)), len(label)),
        "base_rate": (positives, len(label)),
        "brier": (float(np.sum((score - is_positive) ** 2)), len(label)),
        "auc": (_pairs_won(score, is_positive), positives * negatives),
    }
    return {metric: above / below for metric, (above, below) in ratios.items() if below}


def _texts(rows: "pa.Table", column: str) -> "npt.NDArray[np.object_]":
    return rows.column(column).to_numpy(zero_copy_only=False)


def _pairs_won(score: "npt.NDArray[np.float64]", is_positive: "npt.NDArray[np.bool_]") -> float:
    """Pairs of a positive and a negative in which the positive scores higher, ties counting half."""
    import numpy as np

    negatives = np.sort(score[~is_positive])
    below = np.searchsorted(negatives, score[is_positive], side="left")
    up_to = np.searchsorted(negatives, score[is_positive], side="right")
    return float(np.sum(below) + np.sum(up_to)) / 2.0
