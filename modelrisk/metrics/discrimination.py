"""How well the scores rank positives above negatives: the area under the ROC curve, also paired.

DeLong's variance needs, for every positive, the share of negatives it outranks and, for every negative, the
share of positives that outrank it. Both come from running counts over the sorted distinct scores, so the
engine sorts once per attribute and Python sees one row per group.

What does not belong here: interval methods (`rank_methods`) and how probable the scores are (`calibration`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from modelrisk.estimates import Cohort, Estimate, not_evaluable
from modelrisk.metrics.classification import LARGEST_GROUPS
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.predictions import (
    COHORT,
    Run,
    as_real,
    attributes,
    column_of_numbers,
    is_class,
    real,
    surveyed,
    text,
    total,
    whole,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

_METHOD = "delong_newcombe"


def estimates(predictions: "ir.Table", *, run: Run, positive: str, confidence: float) -> tuple[Estimate, ...]:
    """AUC of all rows and of every group.

    The probability that a random positive scores above a random negative, ties counting half (Mann-Whitney);
    variance by DeLong, DeLong & Clarke-Pearson (1988); bounds by `rank_methods`.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        positive: class text of the positive class.
        confidence: confidence of each bound by itself.

    Returns: One estimate for all rows and one per group; a cohort with one class is not evaluable and says
        so. Without fit scores there is one estimate, for all rows, that says why.
    """
    survey = surveyed(predictions, run=run, positive=positive)
    if survey.rank_fault is not None:
        return (not_evaluable("auc", survey.rank_fault, confidence=confidence, method=_METHOD),)
    made = list(_made(run(_placements(predictions, positive, None)), None, confidence))
    for attribute in attributes(predictions):
        found = run(_placements(predictions, positive, attribute).limit(LARGEST_GROUPS + 1))
        if len(found) <= LARGEST_GROUPS:
            made.extend(_made(found, attribute, confidence))
    return tuple(made)


def difference(
    paired: "ir.Table", *, run: Run, positives: int, negatives: int, confidence: float
) -> Estimate:
    """AUC of the candidate minus AUC of the reference model on the same rows, with paired DeLong variance.

    Args:
        paired: one row per evaluation row: `positive` (1.0 or 0.0), `score` and `reference_score`, all
            present and finite.
        run: executes an expression.
        positives: rows of the positive class.
        negatives: rows of the other class.
        confidence: confidence of each bound by itself.
    """
    if not (positives and negatives):
        return not_evaluable(
            "auc_difference",
            "only one class is present, so nothing can be ranked; supply rows of both classes",
            n=positives + negatives,
            confidence=confidence,
            method="paired_delong",
        )
    found = run(_placement_differences(paired, positives, negatives))
    by_class = {bool(row["positive"]): row for row in found}
    inputs = {
        "difference": min(max(real(by_class[True]["mean"]), -1.0), 1.0),
        "positive_variance": _sample_variance(by_class[True]),
        "negative_variance": _sample_variance(by_class[False]),
        "positives": positives,
        "negatives": negatives,
    }
    return estimate("auc_difference", "paired_delong", inputs, confidence=confidence)


def _made(found: list[dict[str, object]], attribute: str | None, confidence: float) -> Iterator[Estimate]:
    rows = sorted(found, key=lambda row: (row["grp"] is None, str(row["grp"])))
    for row in rows:
        cohort: Cohort = {} if attribute is None else {attribute: text(row, "grp")}
        positives, negatives = whole(row["positives"]), whole(row["negatives"])
        if not positives or not negatives:
            yield not_evaluable(
                "auc",
                f"all {positives + negatives:,} rows are of one class, so nothing can be ranked; "
                "supply rows of both classes",
                cohort=cohort,
                n=positives + negatives,
                confidence=confidence,
                method=_METHOD,
            )
        else:
            yield estimate(
                "auc", _METHOD, _statistics(row, positives, negatives), confidence=confidence, cohort=cohort
            )


def _statistics(row: Mapping[str, object], positives: int, negatives: int) -> dict[str, float]:
    """AUC and the variances of the two sets of placement values.

    The engine sums *one minus* placement, which keeps digits where it matters: near an AUC of 1.
    """
    missed = real(row["missed"]) / positives
    return {
        "auc": min(max(1.0 - missed, 0.0), 1.0),
        "positive_variance": _variance(real(row["missed"]), real(row["missed_squared"]), positives),
        "negative_variance": _variance(real(row["outranked"]), real(row["outranked_squared"]), negatives),
        "positives": positives,
        "negatives": negatives,
    }


def _variance(total: float, squares: float, n: int) -> float:
    """Sample variance; below the rounding error of the sums it is 0."""
    deviations = squares - total * total / n
    return 0.0 if n < 2 or deviations <= 1e-13 * squares else deviations / (n - 1)


def _sample_variance(row: Mapping[str, object]) -> float:
    n = whole(row["size"])
    return real(row["variance"]) * n / (n - 1) if n > 1 else 0.0


def _placements(predictions: "ir.Table", positive: str, attribute: str | None) -> "ir.Table":
    """One row per group: class counts, and sums and squared sums of one minus placement values.

    Groups are sorted one after the other in a single order (window partitions sort several times slower) and
    each starts from the running count of the groups before it. Running counts are integers: over floats they
    cost twice as much.
    """
    import ibis

    grouping = ibis.literal("") if attribute is None else predictions[COHORT + attribute]
    rows = predictions.select(
        grp=grouping,
        # Adding zero makes -0.0 and 0.0 one score.
        score=column_of_numbers(predictions, "score") + 0.0,
        positive=is_class(predictions.label, positive).cast("int64"),
    )
    groups = _offsets(rows)
    if attribute is None:
        coded = rows.mutate(code=ibis.literal(0, type="int32"))
    else:
        coded = rows.join(groups, [cast("ir.BooleanColumn", rows.grp.identical_to(groups.name))]).select(
            "code", "score", "positive"
        )
    steps = coded.group_by("code", "score").agg(
        positives=column_of_numbers(coded, "positive").sum().cast("int64"), size=coded.count()
    )
    positives, size = column_of_numbers(steps, "positives"), column_of_numbers(steps, "size")
    running = ibis.window(order_by=[steps.code, steps.score], preceding=None, following=0)
    counted = steps.mutate(
        negatives=size - positives,
        positives_so_far=positives.sum().over(running),
        size_so_far=size.sum().over(running),
    )
    joined = counted.join(groups, "code")

    def number(name: str) -> "ir.FloatingColumn":
        return as_real(joined, name)

    here, there = number("positives"), number("negatives")
    negatives_below = (
        number("size_so_far") - number("positives_so_far") - number("negatives_before") - there / 2.0
    )
    positives_below = number("positives_so_far") - number("positives_before") - here / 2.0
    missed = 1.0 - negatives_below / number("all_negatives")
    outranked = positives_below / number("all_positives")
    placed = joined.select("name", here=here, there=there, missed=missed, outranked=outranked)
    here, there = column_of_numbers(placed, "here"), column_of_numbers(placed, "there")
    missed, outranked = column_of_numbers(placed, "missed"), column_of_numbers(placed, "outranked")
    return placed.group_by(grp=placed["name"]).agg(
        positives=here.sum(),
        negatives=there.sum(),
        missed=total(here * missed),
        missed_squared=total(here * missed * missed),
        outranked=total(there * outranked),
        outranked_squared=total(there * outranked * outranked),
    )


def _offsets(rows: "ir.Table") -> "ir.Table":
    """One row per group: its number, its class counts and those of the groups before it."""
    import ibis

    totals = rows.group_by("grp").agg(
        all_positives=column_of_numbers(rows, "positive").sum().cast("int64"), all_rows=rows.count()
    )
    positives, size = column_of_numbers(totals, "all_positives"), column_of_numbers(totals, "all_rows")
    running = ibis.window(order_by=totals.grp, preceding=None, following=0)
    return totals.select(
        name=totals.grp,
        code=ibis.row_number().over(order_by=totals.grp).cast("int32"),
        all_positives=positives,
        all_negatives=size - positives,
        positives_before=positives.sum().over(running) - positives,
        negatives_before=total(size - positives).over(running) - (size - positives),
    )


def _placement_differences(paired: "ir.Table", positives: int, negatives: int) -> "ir.Table":
    """One row per class: count, mean and population variance of the placement differences."""
    import ibis

    rows = paired.select(
        positive=cast("ir.IntegerColumn", paired["positive"]).cast("int64"),
        score=column_of_numbers(paired, "score") + 0.0,
        reference=column_of_numbers(paired, "reference_score") + 0.0,
    )
    positive = column_of_numbers(rows, "positive")
    columns: dict[str, ir.Value] = {}
    for score in ("score", "reference"):
        up_to = ibis.range_window(order_by=rows[score], preceding=None, following=0)
        level = ibis.range_window(order_by=rows[score], preceding=0, following=0)
        columns[f"{score}_positive_up_to"] = positive.sum().over(up_to)
        columns[f"{score}_positive_level"] = positive.sum().over(level)
        columns[f"{score}_rows_up_to"] = rows.count().over(up_to)
        columns[f"{score}_rows_below"] = ibis.rank().over(order_by=rows[score])
    ranked = rows.mutate(**columns)

    def number(name: str) -> "ir.FloatingColumn":
        return as_real(ranked, name)

    def positives_below(score: str) -> "ir.NumericValue":
        return number(f"{score}_positive_up_to") - number(f"{score}_positive_level") / 2.0

    def rows_below(score: str) -> "ir.NumericValue":
        return (number(f"{score}_rows_up_to") + number(f"{score}_rows_below")) / 2.0

    more_positives = positives_below("reference") - positives_below("score")
    more_negatives = rows_below("score") - rows_below("reference") + more_positives
    of_positive = more_negatives / float(negatives)
    of_negative = more_positives / float(positives)
    is_positive = number("positive")
    placed = ranked.select(
        positive=ranked.positive,
        difference=is_positive * of_positive + (1.0 - is_positive) * of_negative,
    )
    differences = column_of_numbers(placed, "difference")
    return placed.group_by("positive").agg(
        size=placed.count(), mean=differences.mean(), variance=differences.var(how="pop")
    )
