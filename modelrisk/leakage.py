"""Leakage: evaluation rows and entities the model has already met in training.

A row counts as seen when a training row has the same value in every feature and in the label; missing
equals missing. Rows are compared exactly, not by a digest.

What this does not tell: in data of few, coarse columns different people agree by chance, and what was copied
cannot be told from what agrees; and a row that was changed in one column, or a near copy, is not seen.

What does not belong here: reading the data (`resources.datasets`) and the limit (`modelrisk.policy`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.columns import ROW, Run, class_text
from modelrisk.estimates import Estimate, census, not_evaluable

if TYPE_CHECKING:
    import ibis.expr.types as ir

ROWS_SEEN = "rows_seen_in_training"
BEYOND_CHANCE = "rows_seen_beyond_chance"
IDS_SEEN = "ids_seen_in_training"
REMEDY = "write `training: path` in the intake's data section"


def rows_seen(
    run: Run,
    evaluation: "ir.Table",
    training: "ir.Table",
    *,
    features: Sequence[str],
    label: str,
    entity: str | None = None,
) -> tuple[Estimate, Estimate]:
    """How many evaluation rows stand in the training data with their label, and how many beyond chance.

    `rows_seen_in_training` is the plain share s. In data of few, coarse columns different people agree by
    chance, and training tells how often: t is the share of *training* rows that have a twin among the other
    training rows, which is what rows drawn from the same source would show. `rows_seen_beyond_chance` is
    what is above that, as a share of what could be: (s - t - e) / (1 - t), not below 0, where e is three
    standard errors of s and t under the same chance. Where no training row has a twin, it is s itself.

    Args:
        run: executes an expression.
        evaluation: the evaluation rows.
        training: the training rows; with all features, else nothing can be concluded.
        features: the columns the model sees.
        label: the label column; left out of the comparison when the training data does not have it.
        entity: the column that identifies an entity; a training row that stands twice for one entity is no
            twin.
    """
    wanted = _features(evaluation, features, label)
    lacking = [name for name in wanted if name not in training.columns]
    if lacking or not wanted:
        shown = ", ".join(map(repr, lacking[:5]))
        why = (
            f"the training data has no column {shown}"
            if lacking
            else "the evaluation data has none of the features"
        )
        return unknown(ROWS_SEEN, f"{why}: {REMEDY}"), unknown(BEYOND_CHANCE, f"{why}: {REMEDY}")
    compared = _compared(evaluation, training, wanted, label)
    seen = _share_seen(run, ROWS_SEEN, evaluation, training, compared)
    if seen.value is None:
        return seen, unknown(BEYOND_CHANCE, str(seen.problem))
    twins = _twins(run, training, compared, entity)
    if twins.share == 1.0:
        why = "every training row has a twin, so rows cannot tell whether they were met before"
        return seen, unknown(BEYOND_CHANCE, f"{why}: name the identifier as `data.id`, and more features")
    chance = twins.share * (1.0 - twins.share) * (1.0 / seen.n + 1.0 / twins.rows)
    excess = seen.value - twins.share - 3.0 * math.sqrt(chance)
    return seen, census(BEYOND_CHANCE, max(excess, 0.0) / (1.0 - twins.share), n=seen.n)


def first_rows_seen(
    run: Run, evaluation: "ir.Table", training: "ir.Table", *, features: Sequence[str], label: str, most: int
) -> tuple[int, ...]:
    """The numbers of the first rows that `rows_seen` counts, from 1, at most `most`."""
    compared = _compared(evaluation, training, _features(evaluation, features, label), label)
    found = run(_seen(evaluation, training, compared).select(ROW).order_by(ROW).limit(most))
    return tuple(int(row[ROW]) + 1 for row in found)


def _features(evaluation: "ir.Table", features: Sequence[str], label: str) -> list[str]:
    return [name for name in dict.fromkeys(features) if name in evaluation.columns and name != label]


def _compared(evaluation: "ir.Table", training: "ir.Table", features: list[str], label: str) -> list[str]:
    return [*features, *([label] if label in training.columns and label in evaluation.columns else [])]


def ids_seen(run: Run, evaluation: "ir.Table", training: "ir.Table", *, column: str) -> Estimate:
    """The share of evaluation rows whose identifier also stands in the training data.

    Rows without an identifier are not counted, here or in `n`.
    """
    for name, table in (("evaluation", evaluation), ("training", training)):
        if column not in table.columns:
            return unknown(IDS_SEEN, f"the {name} data has no column {column!r}: name `id` as the data does")
    given = evaluation.filter(evaluation[column].notnull())
    return _share_seen(run, IDS_SEEN, given, training, [column])


def unknown(metric: str, why: str) -> Estimate:
    """Leakage that could not be looked for; a rule can only read it as not evaluable."""
    return not_evaluable(metric, why, confidence=1.0, method="census")


@dataclass(frozen=True)
class _Twins:
    """Share of rows that equal another row, and all rows."""

    share: float
    rows: int


def _twins(run: Run, table: "ir.Table", names: Sequence[str], entity: str | None) -> _Twins:
    import ibis

    columns = {
        f"c{position}": _comparable(table[name], table[name])["evaluation"]
        for position, name in enumerate(names)
    }
    rows = table.select(**columns)
    if entity is not None and entity in table.columns:
        rows = table.select(entity=table[entity], **columns).distinct()
    sizes = rows.group_by(list(columns)).aggregate(size=rows.count())
    size: Any = sizes["size"]
    found = run(sizes.aggregate(rows=size.sum(), twins=size.sum(where=size > ibis.literal(1))))[0]
    total = int(found["rows"] or 0)
    return _Twins(int(found["twins"] or 0) / total if total else 0.0, max(total, 1))


def _share_seen(
    run: Run, metric: str, evaluation: "ir.Table", training: "ir.Table", names: Sequence[str]
) -> Estimate:
    rows = int(run(evaluation.aggregate(n=evaluation.count()))[0]["n"])
    if rows == 0:
        return unknown(
            metric, "there are no rows to look for: supply evaluation data with values in every role"
        )
    met = _seen(evaluation, training, names)
    seen = int(run(met.aggregate(n=met.count()))[0]["n"])
    return census(metric, seen / rows, n=rows)


def _seen(evaluation: "ir.Table", training: "ir.Table", names: Sequence[str]) -> Any:
    """The evaluation rows that have an equal in the training data, with their position if they carry one."""
    left: dict[str, Any] = {ROW: evaluation[ROW]} if ROW in evaluation.columns else {}
    right: dict[str, Any] = {}
    for position, name in enumerate(names):
        comparable = _comparable(evaluation[name], training[name])
        left[f"c{position}"], right[f"c{position}"] = comparable["evaluation"], comparable["training"]
    here, there = evaluation.select(**left), training.select(**right)
    # `identical_to` is null-safe equality; the engine joins on it by hash and still compares exactly.
    return here.semi_join(there, [here[name].identical_to(there[name]) for name in right])


def _comparable(evaluation: "ir.Column", training: "ir.Column") -> Mapping[str, Any]:
    """Both columns in a form in which equal values are equal, although stored as different types."""
    ours, theirs = evaluation.type(), training.type()
    if ours.is_integer() and theirs.is_integer():
        comparable = _as_integer
    elif all(kind.is_numeric() or kind.is_boolean() for kind in (ours, theirs)):
        comparable = _as_number
    elif all(kind.is_date() or kind.is_timestamp() for kind in (ours, theirs)):
        comparable = _as_time
    else:
        comparable = class_text
    return {"evaluation": comparable(evaluation), "training": comparable(training)}


def _as_integer(column: "ir.Column") -> Any:
    return column.cast("int64")


def _as_number(column: "ir.Column") -> Any:
    number: Any = (column.cast("int8") if column.type().is_boolean() else column).cast("float64")
    return number + 0.0  # makes the two zeros one


def _as_time(column: "ir.Column") -> Any:
    return column.cast("timestamp")
