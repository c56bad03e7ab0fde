"""Errors of a regression, for all rows and for every group: sizes, bias, explained share, gain.

An error is prediction minus label. One scan for all rows and one for each sensitive attribute.

What does not belong here: comparisons between groups (`fairness`) and with the champion (`comparison`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from modelrisk.estimates import Cohort, Estimate, not_evaluable
from modelrisk.metrics.classification import LARGEST_GROUPS
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.moments import Moments
from modelrisk.metrics.predictions import COHORT, Run, attributes, column_of_numbers, real, text, whole
from modelrisk.records import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DECILES = 10

BEYOND_SEEN = 1.5
"""Errors half as large again as the largest seen are taken to be possible: what `error_methods` rests on.

By simulation the smallest factor of 1, 1.5, 2 and 3 at which a mean absolute error at its ceiling passes at
most alpha from 30 rows on with normal, Laplace, log-normal (σ = 1) and t errors of 3 degrees of freedom.
"""

_NO_TRAINING = "the training data's target is unknown; set `data.training` to a readable file with the label"


@dataclass(frozen=True)
class TrainingTarget:
    """What is known of the target in the training data.

    Attributes:
        median: its median, which the naive model always answers.
        sd: its sample standard deviation; 0 for a constant target.
    """

    median: float
    sd: float


@dataclass(frozen=True)
class Errors:
    """The errors of one cohort.

    Attributes:
        error: of prediction - label.
        size: of |prediction - label|.
        square: of (prediction - label)².
        spread: of (label - mean label of all rows)².
        square_and_spread: covariance of the two above over the rows, divisor n.
        gain: of |label - m| - |prediction - label|, m the median of the training target.
        largest: largest |prediction - label|.
        widest: largest (label - mean label of all rows)².
        apart: largest distance between (prediction - label)² and (label - mean label of all rows)².
        furthest: largest |prediction - m|, which bounds the gain of any row.
    """

    error: Moments
    size: Moments
    square: Moments
    spread: Moments
    square_and_spread: float
    gain: Moments
    largest: float
    widest: float
    apart: float
    furthest: float

    @property
    def rows(self) -> int:
        """How many."""
        return self.error.n

    @property
    def reach(self) -> float:
        """The largest error there may be."""
        return BEYOND_SEEN * self.largest


@dataclass(frozen=True)
class Measured:
    """Errors of all rows and of each attribute's groups.

    Attributes:
        everyone: errors of all rows; None when there is nothing to measure.
        groups: attribute -> group -> errors, groups in text order with the missing one last.
        unbounded: attributes with too many groups to be cohorts.
        training: what is known of the training target; None when unknown.
        fault: why nothing can be measured, with the remedy.
    """

    everyone: Errors | None
    groups: Mapping[str, Mapping[str | None, Errors]]
    unbounded: tuple[str, ...]
    training: TrainingTarget | None
    fault: str | None = None

    def cohorts(self) -> Iterator[tuple[Cohort, Errors]]:
        """All rows, then every group of every attribute."""
        if self.everyone is not None:
            yield {}, self.everyone
        for attribute, groups in self.groups.items():
            for group, errors in groups.items():
                yield {attribute: group}, errors


def measured(predictions: "ir.Table", *, run: Run, training: TrainingTarget | None) -> Measured:
    """Measure the table.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        training: what is known of the target in the training data.
    """
    label, prediction = (column_of_numbers(predictions, name) for name in ("label", "prediction"))
    # Labels far from 0 beside their spread would lose digits in their sum; those about a median do not.
    median = 0.0 if training is None else training.median
    (found,) = run(
        predictions.agg(
            total=predictions.count(),
            unlabelled=predictions.count(where=~_is_finite(label)),
            unpredicted=predictions.count(where=~_is_finite(prediction)),
            shift=cast("ir.FloatingColumn", label - median).mean(),
        )
    )
    rows = whole(found["total"])
    for amiss, words in (
        (rows == 0, "the predictions table is empty; supply evaluation rows"),
        (whole(found["unlabelled"]), "rows have no finite label; label them or leave them out"),
        (whole(found["unpredicted"]), "rows have no finite prediction; mend the model"),
    ):
        if amiss:
            fault = words if rows == 0 else f"{amiss:,} of {rows:,} {words}"
            return Measured(None, {}, (), training, fault)
    table = _errors(predictions, centre=median + real(found["shift"]), median=median)
    groups: dict[str, dict[str | None, Errors]] = {}
    unbounded: list[str] = []
    for attribute in attributes(predictions):
        by_group = _by_group(table, run, attribute, most=LARGEST_GROUPS)
        if by_group is None:
            unbounded.append(attribute)
        else:
            groups[attribute] = by_group
    everyone = (_by_group(table, run, None, most=1) or {})[None]
    return Measured(everyone, groups, tuple(unbounded), training)


def estimates(measured: Measured, *, confidence: float) -> tuple[Estimate, ...]:
    """Every error metric, for all rows and for every group.

    * `mae`: mean size of the errors; `rmse`: root of their mean square; `mean_error`: the bias, in the
      target's units; `standardised_mean_error`: the same in standard deviations of the training target.
      Means of values in a range that reaches `BEYOND_SEEN` times as far as the largest error of the cohort.
    * `r_squared`: 1 - mean squared error / mean squared distance of the labels from their mean over all
      rows, also for a group: the share explained; below 0 the model is worse than that mean. Fieller's
      bounds of the ratio.
    * `absolute_error_gain`: mean of |y - m| - |y - prediction|, m the median of the *training* target, in
      the target's units. By the triangle inequality no row gains or loses more than |prediction - m|, so
      this is a mean of bounded values however wild the labels are; answers not seen may lie `BEYOND_SEEN`
      times as far from m as the furthest one (without that, answers with a long tail pass 6 % of the time
      at 30 rows).

    Args:
        measured: the moments.
        confidence: confidence of each bound by itself.
    """
    if measured.fault is not None or measured.everyone is None:
        return tuple(
            not_evaluable(metric, measured.fault or "", confidence=confidence, method=method)
            for metric, method in _METHODS.items()
        )
    return tuple(
        one
        for cohort, errors in measured.cohorts()
        for one in _of_cohort(measured, cohort, errors, confidence)
    )


def error_quantiles(predictions: "ir.Table", *, run: Run) -> Table:
    """Quantiles of prediction - label, for people to look at; none when there are no finite numbers."""
    error = column_of_numbers(predictions, "prediction") - column_of_numbers(predictions, "label")
    rows = predictions.select(error=error)
    errors = column_of_numbers(rows, "error")
    quantiles = [errors.quantile(q).name(f"q{at}") for at, q in enumerate(QUANTILES)]
    (found,) = run(rows.agg(quantiles))
    values = [real(found[f"q{at}"]) for at in range(len(QUANTILES))]
    if any(value != value for value in values):  # noqa: PLR0124 - NaN
        return ()
    return tuple({"quantile": q, "error": value} for q, value in zip(QUANTILES, values, strict=True))


def errors_by_decile(predictions: "ir.Table", *, run: Run) -> Table:
    """Mean prediction, mean label and mean error size in tenths of the predictions, for a plot.

    Rows are ordered by prediction and then by row, so that the tenths are the same in every run.

    Returns: Rows of bin, n, mean_prediction, mean_label, mae.
    """
    import ibis

    rows = predictions.select(
        bin=ibis.ntile(DECILES).over(order_by=[predictions.prediction, predictions.row]),
        prediction=column_of_numbers(predictions, "prediction"),
        label=column_of_numbers(predictions, "label"),
    )
    prediction, label = column_of_numbers(rows, "prediction"), column_of_numbers(rows, "label")
    found = run(
        rows.group_by("bin").agg(
            n=rows.count(),
            mean_prediction=prediction.mean(),
            mean_label=label.mean(),
            mae=cast("ir.FloatingColumn", (prediction - label).abs()).mean(),
        )
    )
    return tuple(
        {
            "bin": whole(row["bin"]) + 1,
            "n": whole(row["n"]),
            "mean_prediction": real(row["mean_prediction"]),
            "mean_label": real(row["mean_label"]),
            "mae": real(row["mae"]),
        }
        for row in sorted(found, key=lambda row: real(row["bin"]))
    )


_METHODS = {
    "mae": "student_mean",
    "rmse": "root_mean",
    "mean_error": "student_mean",
    "standardised_mean_error": "student_mean",
    "r_squared": "explained_share",
    "absolute_error_gain": "student_mean",
}


def _is_finite(column: "ir.FloatingColumn") -> "ir.BooleanColumn":
    return cast("ir.BooleanColumn", column.notnull() & ~column.isnan() & ~column.isinf())


def _errors(predictions: "ir.Table", *, centre: float, median: float) -> "ir.Table":
    label, prediction = (column_of_numbers(predictions, name) for name in ("label", "prediction"))
    error, spread = prediction - label, (label - centre) * (label - centre)
    return predictions.mutate(
        error=error,
        size=error.abs(),
        square=error * error,
        spread=spread,
        apart=cast("ir.FloatingColumn", error * error - spread).abs(),
        gain=(label - median).abs() - error.abs(),
        distance=(prediction - median).abs(),
    )


def _by_group(
    table: "ir.Table", run: Run, attribute: str | None, *, most: int
) -> dict[str | None, Errors] | None:
    import ibis

    rows = table.mutate(grp=ibis.literal("") if attribute is None else table[COHORT + attribute])
    names = ("error", "size", "square", "spread", "gain")
    columns = {name: column_of_numbers(rows, name) for name in names}
    summed = {f"{name}_mean": column.mean() for name, column in columns.items()}
    summed |= {f"{name}_variance": column.var(how="pop") for name, column in columns.items()}
    query = rows.group_by("grp").agg(
        total=rows.count(),
        largest=columns["size"].max(),
        widest=columns["spread"].max(),
        apart=column_of_numbers(rows, "apart").max(),
        furthest=column_of_numbers(rows, "distance").max(),
        joint=columns["square"].cov(columns["spread"], how="pop"),
        **summed,
    )
    found = run(query.limit(most + 1))
    if len(found) > most:
        return None
    groups = {None if attribute is None else text(row, "grp"): row for row in found}
    return {
        group: Errors(
            *(Moments.counted(groups[group], name) for name in ("error", "size", "square", "spread")),
            square_and_spread=real(groups[group]["joint"]),
            gain=Moments.counted(groups[group], "gain"),
            **{name: real(groups[group][name]) for name in ("largest", "widest", "apart", "furthest")},
        )
        for group in sorted(groups, key=lambda group: (group is None, group or ""))
    }


def _of_cohort(measured: Measured, cohort: Cohort, errors: Errors, confidence: float) -> Iterator[Estimate]:
    n, reach, training = errors.rows, errors.reach, measured.training
    made = {
        "mae": errors.size.between(0.0, reach),
        "rmse": errors.square.between(0.0, reach * reach),
        "mean_error": errors.error.between(-reach, reach),
    }
    faults: dict[str, str] = {}
    if training is None:
        faults = dict.fromkeys(("standardised_mean_error", "absolute_error_gain"), _NO_TRAINING)
    else:
        furthest = BEYOND_SEEN * errors.furthest
        made["absolute_error_gain"] = errors.gain.between(-furthest, furthest)
        if training.sd > 0.0:
            scaled = errors.error.scaled(1.0 / training.sd)
            made["standardised_mean_error"] = scaled.between(-reach / training.sd, reach / training.sd)
        else:
            faults["standardised_mean_error"] = "the training target is constant, so it sets no scale"
    if errors.spread.mean > 0.0:
        made["r_squared"] = _explained(errors)
    else:
        faults["r_squared"] = (
            "every label is the same, so there is no variation to explain; supply rows that vary"
        )
    for metric, method in _METHODS.items():
        if metric in faults:
            why = faults[metric]
            yield not_evaluable(metric, why, cohort=cohort, n=n, confidence=confidence, method=method)
        else:
            yield estimate(metric, method, made[metric], confidence=confidence, cohort=cohort)


def _explained(errors: Errors) -> dict[str, float]:
    """Squares are taken to be possible half as large again as those seen, not their roots.

    Both means are of the same rows, where a large label tends to raise both: by simulation that is enough.
    """
    n = errors.rows
    return {
        "mean": errors.square.mean,
        "variance": errors.square.variance,
        "highest": BEYOND_SEEN * errors.largest * errors.largest,
        "reference_mean": errors.spread.mean,
        "reference_variance": errors.spread.variance,
        "reference_highest": BEYOND_SEEN * errors.widest,
        "covariance": errors.square_and_spread * n / (n - 1) if n > 1 else 0.0,
        "apart": BEYOND_SEEN * errors.apart,
        "n": n,
    }
