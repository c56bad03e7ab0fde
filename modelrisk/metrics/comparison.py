"""A candidate against the champion on the same rows, paired: accuracy, ranking, Brier score, sizes of errors.

What does not belong here: which version is the champion, and by how much a candidate may be worse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from modelrisk.estimates import Estimate, not_evaluable, rounded
from modelrisk.metrics import discrimination
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.predictions import (
    NO_SCORE_REMEDY,
    Run,
    Survey,
    column_of_numbers,
    is_class,
    real,
    surveyed,
    whole,
)
from modelrisk.metrics.regression import BEYOND_SEEN
from modelrisk.records import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

BINARY: Mapping[str, str] = {
    "accuracy_difference": "newcombe_paired",
    "auc_difference": "paired_delong",
    "brier_difference": "student_mean",
}
"""What is compared of two classes: metric -> interval method."""
MULTICLASS: Mapping[str, str] = {
    "accuracy_difference": "newcombe_paired",
    "brier_difference": "student_mean",
}
REGRESSION: Mapping[str, str] = {
    "mae_ratio_to_champion": "paired_ratio",
    "mae_difference_to_champion": "student_mean",
}

_QUADRANTS = ("both_right", "only_candidate", "only_reference", "both_wrong")


@dataclass(frozen=True)
class Comparison:
    """What the pairing found.

    Attributes:
        estimates: accuracy, AUC and Brier difference, candidate minus champion.
        disagreements: rows by who was right, with McNemar's p; empty when the rows cannot be paired.
    """

    estimates: tuple[Estimate, ...]
    disagreements: Table


def compared(
    candidate: "ir.Table", champion: "ir.Table", *, run: Run, positive: str, confidence: float
) -> Comparison:
    """Compare two models row by row.

    `accuracy_difference` is a paired difference of proportions, `auc_difference` paired DeLong,
    `brier_difference` the mean per-row difference of squared errors, which lies in [-1, 1]. McNemar's exact p
    is reported for people; it cannot show that a candidate is not worse, so nothing is gated on it.

    Args:
        candidate: canonical predictions of the candidate.
        champion: canonical predictions of the champion, on exactly the same rows.
        run: executes an expression.
        positive: class text of the positive class.
        confidence: confidence of each bound by itself.

    Returns:
        The three estimates; none is evaluable when the rows or labels of the two tables differ at all.
    """
    surveys = {
        "candidate": surveyed(candidate, run=run, positive=positive),
        "champion": surveyed(champion, run=run, positive=positive),
    }
    n = surveys["candidate"].rows
    fault = _first(surveys, lambda survey: survey.prediction_fault)
    if fault is not None:
        return _refused(BINARY, fault, n, confidence)
    counts = _counted(candidate, champion, positive, run)
    fault = _unpaired(counts, n, surveys["champion"].rows)
    if fault is not None:
        return _refused(BINARY, fault, n, confidence)
    rank_fault = _first(surveys, lambda survey: survey.rank_fault)
    probability_fault = _first(surveys, lambda survey: survey.probability_fault)
    auc = (
        discrimination.difference(
            _paired(candidate, champion, positive),
            run=run,
            positives=surveys["candidate"].positives,
            negatives=surveys["candidate"].negatives,
            confidence=confidence,
        )
        if rank_fault is None
        else _unfit(BINARY, "auc_difference", rank_fault, n, confidence)
    )
    brier = (
        _brier(counts, n, 1.0, confidence)
        if probability_fault is None
        else _unfit(BINARY, "brier_difference", probability_fault, n, confidence)
    )
    return Comparison((_accuracy(counts, confidence), auc, brier), _disagreements(counts))


def compared_multiclass(
    candidate: "ir.Table", champion: "ir.Table", *, run: Run, confidence: float
) -> Comparison:
    """Compare two classifiers of several classes row by row.

    `accuracy_difference` as for two classes; `brier_difference` is the mean per-row difference of squared
    errors summed over the classes, which lies in [-2, 2].

    Args:
        candidate: canonical predictions of the candidate.
        champion: canonical predictions of the champion, on exactly the same rows.
        run: executes an expression.
        confidence: confidence of each bound by itself.

    Returns:
        The estimates; none is evaluable when the rows or labels of the two tables differ at all.
    """
    joined = _side_by_side(candidate, champion, ("label", "prediction", "squared_error"))
    label, reference_label = _text(joined, "label"), _text(joined, "reference_label")
    right = _same(_text(joined, "prediction"), label)
    reference_right = _same(_text(joined, "reference_prediction"), label)
    counts = _quadrants(
        joined,
        right=right,
        reference_right=reference_right,
        relabelled=~_same(label, reference_label),
        difference=column_of_numbers(joined, "squared_error")
        - column_of_numbers(joined, "reference_squared_error"),
        run=run,
    )
    n = whole(counts["distinct"])
    fault = _unpaired(counts, n, n)
    if fault is not None or n == 0:
        return _refused(MULTICLASS, fault or "there are no rows; supply some", n, confidence)
    unscored = whole(counts["uncompared"])
    brier = (
        _brier(counts, n, 2.0, confidence)
        if not unscored
        else _unfit(
            MULTICLASS,
            "brier_difference",
            f"{unscored:,} of {n:,} rows have no probabilities of one of the models; {NO_SCORE_REMEDY}",
            n,
            confidence,
        )
    )
    return Comparison((_accuracy(counts, confidence), brier), _disagreements(counts))


def compared_regression(
    candidate: "ir.Table", champion: "ir.Table", *, run: Run, confidence: float
) -> Comparison:
    """Compare two regressions row by row.

    `mae_ratio_to_champion` is the candidate's mean error size over the champion's on the same rows,
    `mae_difference_to_champion` the mean per-row difference of error sizes, in the target's units. By the
    triangle inequality that difference is on no row larger than the distance between the two predictions,
    whatever the label; distances are taken to reach `BEYOND_SEEN` times as far as those seen.

    Args:
        candidate: canonical predictions of the candidate.
        champion: canonical predictions of the champion, on exactly the same rows.
        run: executes an expression.
        confidence: confidence of each bound by itself.

    Returns:
        The estimates; none is evaluable when the rows or labels of the two tables differ at all.
    """
    joined = _side_by_side(candidate, champion, ("label", "prediction"))
    label, reference_label, prediction, reference_prediction = (
        column_of_numbers(joined, name)
        for name in ("label", "reference_label", "prediction", "reference_prediction")
    )
    rows = joined.mutate(
        size=(prediction - label).abs(),
        reference_size=(reference_prediction - label).abs(),
        apart=(prediction - reference_prediction).abs(),
        relabelled=~_same(label, reference_label),
    )
    size, reference = column_of_numbers(rows, "size"), column_of_numbers(rows, "reference_size")
    difference = cast("ir.FloatingColumn", size - reference)
    (counts,) = run(
        rows.agg(
            pairs=rows.count(),
            distinct=rows.row.nunique(),
            mine_only=rows.count(where=rows.reference_row.isnull()),
            theirs_only=rows.count(where=rows.row.isnull()),
            relabelled=rows.count(
                where=_truth(rows, "relabelled") & rows.row.notnull() & rows.reference_row.notnull()
            ),
            better=rows.count(where=size < reference),
            worse=rows.count(where=size > reference),
            size_mean=size.mean(),
            size_variance=size.var(how="pop"),
            largest=size.max(),
            reference_mean=reference.mean(),
            reference_variance=reference.var(how="pop"),
            reference_largest=reference.max(),
            joint=size.cov(reference, how="pop"),
            difference_mean=difference.mean(),
            difference_variance=difference.var(how="pop"),
            apart=column_of_numbers(rows, "apart").max(),
        )
    )
    n = whole(counts["distinct"])
    fault = _unpaired(counts, n, n)
    if fault is not None or n < 2:
        return _refused(REGRESSION, fault or "there are too few rows; supply more", n, confidence)
    divisor = n / (n - 1)
    # Models that answer alike on all these rows may differ on others, by the largest error seen.
    apart = BEYOND_SEEN * real(counts["apart"]) or real(counts["largest"])
    ratio = {
        "mean": real(counts["size_mean"]),
        "variance": real(counts["size_variance"]) * divisor,
        "highest": BEYOND_SEEN * real(counts["largest"]),
        "reference_mean": real(counts["reference_mean"]),
        "reference_variance": real(counts["reference_variance"]) * divisor,
        "reference_highest": BEYOND_SEEN * real(counts["reference_largest"]),
        "covariance": real(counts["joint"]) * divisor,
        "apart": apart,
        "n": n,
    }
    paired = {
        "mean": real(counts["difference_mean"]),
        "variance": real(counts["difference_variance"]) * divisor,
        "n": n,
        "lowest": -apart,
        "highest": apart,
    }
    better, worse = whole(counts["better"]), whole(counts["worse"])
    return Comparison(
        (
            estimate("mae_ratio_to_champion", "paired_ratio", ratio, confidence=confidence),
            estimate("mae_difference_to_champion", "student_mean", paired, confidence=confidence),
        ),
        (
            {"outcome": "candidate nearer", "rows": better},
            {"outcome": "champion nearer", "rows": worse},
            {"outcome": "equally near", "rows": n - better - worse},
        ),
    )


def _side_by_side(candidate: "ir.Table", champion: "ir.Table", names: tuple[str, ...]) -> "ir.Table":
    """Both tables side by side, joined on `row`; the champion's columns as `reference_<name>`."""
    mine = candidate.select("row", *names)
    theirs = champion.select(**{f"reference_{name}": champion[name] for name in ("row", *names)})
    return mine.outer_join(theirs, [("row", "reference_row")])


def _text(table: "ir.Table", name: str) -> "ir.StringColumn":
    return cast("ir.StringColumn", table[name])


def _same(one: "ir.Column", other: "ir.Column") -> "ir.BooleanColumn":
    return cast("ir.BooleanColumn", one.identical_to(other))


def _quadrants(
    joined: "ir.Table",
    *,
    right: "ir.BooleanColumn",
    reference_right: "ir.BooleanColumn",
    relabelled: "ir.BooleanColumn",
    difference: "ir.NumericValue",
    run: Run,
) -> Mapping[str, object]:
    """How the rows pair, who was right, and the moments of a per-row difference."""
    mine_only, theirs_only = joined.reference_row.isnull(), joined.row.isnull()
    rows = joined.select(
        row=joined.row,
        mine_only=mine_only,
        theirs_only=theirs_only,
        relabelled=~mine_only & ~theirs_only & relabelled,
        both_right=right & reference_right,
        only_candidate=right & ~reference_right,
        only_reference=~right & reference_right,
        both_wrong=~right & ~reference_right,
        difference=difference,
    )
    differences = column_of_numbers(rows, "difference")
    counts = [
        rows.count(where=_truth(rows, name)).name(name)
        for name in ("mine_only", "theirs_only", "relabelled", *_QUADRANTS)
    ]
    (found,) = run(
        rows.agg(
            [
                rows.count().name("pairs"),
                rows.row.nunique().name("distinct"),
                rows.count(where=differences.isnull()).name("uncompared"),
                differences.mean().name("mean"),
                differences.var(how="pop").name("variance"),
                *counts,
            ]
        )
    )
    return found


def _joined(candidate: "ir.Table", champion: "ir.Table", positive: str, *, how: str) -> "ir.Table":
    """Both tables side by side, joined on `row`."""
    mine = candidate.select(
        row="row",
        actual=is_class(candidate.label, positive),
        predicted=is_class(candidate.prediction, positive),
        score=column_of_numbers(candidate, "score"),
    )
    theirs = champion.select(
        reference_row="row",
        reference_actual=is_class(champion.label, positive),
        reference_predicted=is_class(champion.prediction, positive),
        reference_score=column_of_numbers(champion, "score"),
    )
    if how == "inner":
        return mine.inner_join(theirs, [("row", "reference_row")])
    return mine.outer_join(theirs, [("row", "reference_row")])


def _paired(candidate: "ir.Table", champion: "ir.Table", positive: str) -> "ir.Table":
    joined = _joined(candidate, champion, positive, how="inner")
    return joined.select("score", "reference_score", positive=_truth(joined, "actual").cast("float64"))


def _counted(candidate: "ir.Table", champion: "ir.Table", positive: str, run: Run) -> Mapping[str, object]:
    """How the rows pair, who was right, and the moments of the Brier difference."""
    joined = _joined(candidate, champion, positive, how="outer")
    actual = _truth(joined, "actual")
    y = actual.cast("float64")
    error = column_of_numbers(joined, "score") - y
    reference_error = column_of_numbers(joined, "reference_score") - y
    return _quadrants(
        joined,
        right=_same(_truth(joined, "predicted"), actual),
        reference_right=_same(_truth(joined, "reference_predicted"), actual),
        relabelled=~_same(actual, _truth(joined, "reference_actual")),
        difference=error * error - reference_error * reference_error,
        run=run,
    )


def _truth(table: "ir.Table", name: str) -> "ir.BooleanColumn":
    return cast("ir.BooleanColumn", table[name])


def _unpaired(counts: Mapping[str, object], rows: int, champion_rows: int) -> str | None:
    """Why the two tables are not about the same rows, with the remedy."""
    mine, theirs = whole(counts["mine_only"]), whole(counts["theirs_only"])
    remedy = "score both models on the same evaluation data"
    if mine or theirs:
        return (
            f"{mine:,} rows were scored by the candidate only and {theirs:,} by the champion only; {remedy}"
        )
    pairs = whole(counts["pairs"])
    if not pairs == rows == champion_rows:
        return f"row numbers repeat, so {rows:,} rows make {pairs:,} pairs; {remedy}, with each row once"
    relabelled = whole(counts["relabelled"])
    if relabelled:
        return f"{relabelled:,} rows carry another label in the champion's predictions; {remedy}"
    return None


def _accuracy(counts: Mapping[str, object], confidence: float) -> Estimate:
    inputs = {name: whole(counts[name]) for name in _QUADRANTS}
    return estimate("accuracy_difference", "newcombe_paired", inputs, confidence=confidence)


def _brier(counts: Mapping[str, object], n: int, most: float, confidence: float) -> Estimate:
    inputs = {
        "mean": real(counts["mean"]),
        "variance": real(counts["variance"]) * n / (n - 1) if n > 1 else 0.0,
        "n": n,
        "lowest": -most,
        "highest": most,
    }
    return estimate("brier_difference", "student_mean", inputs, confidence=confidence)


def _disagreements(counts: Mapping[str, object]) -> Table:
    both_right, wins, losses, both_wrong = (whole(counts[name]) for name in _QUADRANTS)
    p = _mcnemar(wins, losses)
    return (
        {"outcome": "both right", "rows": both_right, "mcnemar_p": None},
        {"outcome": "only the candidate right", "rows": wins, "mcnemar_p": p},
        {"outcome": "only the champion right", "rows": losses, "mcnemar_p": p},
        {"outcome": "both wrong", "rows": both_wrong, "mcnemar_p": None},
    )


def _mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p (McNemar 1947): the discordant rows as fair coin tosses; 1 without any."""
    from scipy import special

    fewer, tosses = min(wins, losses), wins + losses
    if tosses == 0:
        return 1.0
    return rounded(min(1.0, 2.0 * float(special.betainc(tosses - fewer, fewer + 1, 0.5))))


def _first(surveys: Mapping[str, Survey], fault_of: Callable[[Survey], str | None]) -> str | None:
    for whose, survey in surveys.items():
        fault = fault_of(survey)
        if fault is not None:
            return f"{whose}: {fault}"
    return None


def _refused(methods: Mapping[str, str], fault: str, n: int, confidence: float) -> Comparison:
    return Comparison(tuple(_unfit(methods, metric, fault, n, confidence) for metric in methods), ())


def _unfit(methods: Mapping[str, str], metric: str, fault: str, n: int, confidence: float) -> Estimate:
    return not_evaluable(metric, fault, n=n, confidence=confidence, method=methods[metric])
