"""Rates of the predicted class and the Brier score, for all rows and for every group, from one scan.

The engine groups by all attributes, label and prediction at once; Python adds the few cells up to the whole
table and to each attribute's groups.

What does not belong here: ranking (`discrimination`), calibration, and comparisons between groups
(`fairness`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelrisk.estimates import Cohort, Estimate, not_evaluable
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.moments import NO_ROWS, Moments
from modelrisk.metrics.predictions import (
    COHORT,
    Run,
    Survey,
    attributes,
    column_of_numbers,
    is_class,
    shown,
    surveyed,
    text,
    whole,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

LARGEST_JOINT_CELLS = 20_000
"""Above this many cells of all attributes together each attribute is counted by itself."""
LARGEST_GROUPS = 1_000
"""Above this many groups an attribute is not a cohort but a number or an identifier."""
SMALLEST_PROBABILITY = 1e-15
"""Probabilities are raised to this before their logarithm is taken."""
LARGEST_LOG_LOSS = -math.log(SMALLEST_PROBABILITY)
"""34.5: what a log loss can be at most."""


@dataclass(frozen=True)
class Counts:
    """The confusion matrix of one cohort with the moments of its per-row squared errors.

    Attributes:
        true_positives: label positive, predicted positive.
        false_negatives: label positive, predicted otherwise.
        false_positives: label otherwise, predicted positive.
        true_negatives: label otherwise, predicted otherwise.
        squared_error: of (score - y)².
        log_loss: of -ln P(label), the probability raised to 1e-15.
        gain: of (training base rate - y)² - (score - y)².
    """

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    true_negatives: int = 0
    squared_error: Moments = NO_ROWS
    gain: Moments = NO_ROWS
    log_loss: Moments = NO_ROWS

    def merged(self, other: "Counts") -> "Counts":
        """Counts of both cohorts together."""
        return Counts(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
            self.true_negatives + other.true_negatives,
            self.squared_error.merged(other.squared_error),
            self.gain.merged(other.gain),
            self.log_loss.merged(other.log_loss),
        )

    @property
    def positives(self) -> int:
        """Rows whose label is the positive class."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        """Rows whose label is the other class."""
        return self.false_positives + self.true_negatives

    @property
    def predicted_positives(self) -> int:
        """Rows predicted to be of the positive class."""
        return self.true_positives + self.false_positives

    @property
    def rows(self) -> int:
        """All rows."""
        return self.positives + self.negatives


@dataclass(frozen=True)
class Marginals:
    """Counts of all rows and of each attribute's groups.

    Attributes:
        survey: what the table holds.
        everyone: counts of all rows.
        groups: attribute -> group -> counts, groups in text order with the missing one last.
        unbounded: attributes with too many groups to be cohorts.
        favours_positive: whether the favourable outcome is the positive class.
        favourable_fault: why selection rates cannot be computed.
        training_base_rate: share of the positive class in the training data.
    """

    survey: Survey
    everyone: Counts
    groups: Mapping[str, Mapping[str | None, Counts]]
    unbounded: tuple[str, ...]
    favours_positive: bool
    favourable_fault: str | None
    training_base_rate: float | None

    def selected(self, counts: Counts) -> int:
        """Rows predicted to have the favourable outcome."""
        return (
            counts.predicted_positives if self.favours_positive else counts.rows - counts.predicted_positives
        )

    def cohorts(self) -> Iterator[tuple[Cohort, Counts]]:
        """All rows, then every group of every attribute."""
        yield {}, self.everyone
        for attribute, groups in self.groups.items():
            for group, counts in groups.items():
                yield {attribute: group}, counts


def counted(
    predictions: "ir.Table",
    *,
    run: Run,
    positive: str,
    favourable: str | None = None,
    training_base_rate: float | None = None,
) -> Marginals:
    """Count the table once, by all attributes, label and prediction.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        positive: class text of the positive class.
        favourable: class text of the favourable outcome; None for the positive class.
        training_base_rate: share of the positive class in the training data, in [0, 1].
    """
    survey = surveyed(predictions, run=run, positive=positive)
    names = attributes(predictions)
    everyone, groups, unbounded = Counts(), {}, ()
    if survey.prediction_fault is None:
        count = _counter(predictions, run=run, positive=positive, base_rate=training_base_rate)
        everyone, groups, unbounded = _rolled_up(count, names)
    return Marginals(
        survey,
        everyone,
        groups,
        unbounded,
        favours_positive=favourable is None or favourable == positive,
        favourable_fault=_favourable_fault(survey, positive, favourable),
        training_base_rate=training_base_rate,
    )


def estimates(marginals: Marginals, *, confidence: float) -> tuple[Estimate, ...]:
    """Every rate, Brier score, Brier gain and log loss, for all rows and for every group.

    Rates are binomial proportions with Clopper-Pearson bounds. `brier` is the mean of (score - y)² and
    `brier_gain` the mean of (p₀ - y)² - (score - y)², where p₀ is the base rate of the *training* data: what
    the naive model that knows nothing of a row would predict. `log_loss` is the mean of -ln P(label), P at
    least 1e-15. All are means of bounded values.

    Args:
        marginals: the counts.
        confidence: confidence of each bound by itself.

    Returns:
        Estimates; those of a cohort with one class, or of a table without scores, say what is missing.
    """
    return tuple(
        made
        for cohort, counts in marginals.cohorts()
        for make in (_rates, _brier_scores)
        for made in make(marginals, cohort, counts, confidence)
    )


Cell = tuple[tuple[str | None, ...], Counts]


def _counter(
    predictions: "ir.Table", *, run: Run, positive: str, base_rate: float | None
) -> Callable[[tuple[str, ...], int], list[Cell] | None]:
    """A function that counts by the given attributes, or says None when there are more cells than allowed."""
    is_positive = is_class(predictions.label, positive)
    y, score = is_positive.cast("float64"), column_of_numbers(predictions, "score")
    error = (score - y) * (score - y)
    naive = 0.0 if base_rate is None else base_rate
    rows = predictions.mutate(
        actual=is_positive,
        predicted=is_class(predictions.prediction, positive),
        error=error,
        gain=(y - naive) * (y - naive) - error,
        loss=-(1.0 - y + (2.0 * y - 1.0) * score).clip(SMALLEST_PROBABILITY, 1.0).ln(),
    )
    errors, gains, losses = (column_of_numbers(rows, name) for name in ("error", "gain", "loss"))

    def count(names: tuple[str, ...], most: int) -> list[Cell] | None:
        keys = {f"group_{index}": rows[COHORT + name] for index, name in enumerate(names)}
        found = run(
            rows.group_by(**keys, is_actual=rows.actual, is_predicted=rows.predicted)
            .agg(
                total=rows.count(),
                error_mean=errors.mean(),
                error_variance=errors.var(how="pop"),
                gain_mean=gains.mean(),
                gain_variance=gains.var(how="pop"),
                loss_mean=losses.mean(),
                loss_variance=losses.var(how="pop"),
            )
            .limit(4 * most + 1)
        )
        if len(found) > 4 * most:
            return None
        cells = [(tuple(text(row, key) for key in keys), _cell(row)) for row in found]
        return sorted(
            cells, key=lambda cell: (_ordered(cell[0]), cell[1].positives, cell[1].predicted_positives)
        )

    return count


def _cell(row: Mapping[str, object]) -> Counts:
    n = whole(row["total"])
    actual, predicted = bool(row["is_actual"]), bool(row["is_predicted"])
    return Counts(
        true_positives=n * (actual and predicted),
        false_negatives=n * (actual and not predicted),
        false_positives=n * (not actual and predicted),
        true_negatives=n * (not actual and not predicted),
        squared_error=Moments.counted(row, "error"),
        gain=Moments.counted(row, "gain"),
        log_loss=Moments.counted(row, "loss"),
    )


def _rolled_up(
    count: Callable[[tuple[str, ...], int], list[Cell] | None], names: tuple[str, ...]
) -> tuple[Counts, dict[str, dict[str | None, Counts]], tuple[str, ...]]:
    joint = count(names, LARGEST_JOINT_CELLS)
    groups: dict[str, dict[str | None, Counts]] = {}
    unbounded: list[str] = []
    for index, name in enumerate(names):
        cells = (
            count((name,), LARGEST_GROUPS) if joint is None else [((at[index],), cell) for at, cell in joint]
        )
        by_group = _merged(((at[0], cell) for at, cell in cells or ()))
        if cells is None or len(by_group) > LARGEST_GROUPS:
            unbounded.append(name)
        else:
            groups[name] = dict(sorted(by_group.items(), key=lambda item: _ordered((item[0],))))
    whole_table = joint if joint is not None else count((), 1)
    everyone = _merged((None, cell) for _, cell in whole_table or ())
    return everyone.get(None, Counts()), groups, tuple(unbounded)


def _merged(cells: Iterable[tuple[str | None, Counts]]) -> dict[str | None, Counts]:
    merged: dict[str | None, Counts] = {}
    for group, counts in cells:
        merged[group] = merged[group].merged(counts) if group in merged else counts
    return merged


def _ordered(groups: tuple[str | None, ...]) -> tuple[tuple[bool, str], ...]:
    """Text order with the missing group last."""
    return tuple((group is None, group or "") for group in groups)


def _favourable_fault(survey: Survey, positive: str, favourable: str | None) -> str | None:
    if favourable is None or favourable == positive:
        return None
    others = {seen[0] for seen in (survey.other_labels, survey.other_predictions) if seen is not None}
    if others and favourable not in others:
        return (
            f"the favourable outcome {shown(favourable)} is neither of the classes {shown(positive)} and "
            f"{shown(min(others))}; write `data.favourable` as the labels are written"
        )
    return None


def _rates(marginals: Marginals, cohort: Cohort, counts: Counts, confidence: float) -> Iterator[Estimate]:
    no_positives = "no row has the positive label; supply rows of both classes"
    no_negatives = "every row has the positive label; supply rows of both classes"
    never_predicted = "the model never predicts the positive class; look at its threshold and its scores"
    rates = (
        (
            "accuracy",
            counts.true_positives + counts.true_negatives,
            counts.rows,
            "there are no rows; supply some",
        ),
        ("precision", counts.true_positives, counts.predicted_positives, never_predicted),
        ("true_positive_rate", counts.true_positives, counts.positives, no_positives),
        ("false_positive_rate", counts.false_positives, counts.negatives, no_negatives),
        ("true_negative_rate", counts.true_negatives, counts.negatives, no_negatives),
        ("false_negative_rate", counts.false_negatives, counts.positives, no_positives),
        ("selection_rate", marginals.selected(counts), counts.rows, "there are no rows; supply some"),
        ("base_rate", counts.positives, counts.rows, "there are no rows; supply some"),
    )
    for metric, events, n, reason in rates:
        fault = marginals.survey.prediction_fault or (None if n else reason)
        if fault is None and metric == "selection_rate":
            fault = marginals.favourable_fault
        if fault is not None:
            yield not_evaluable(
                metric, fault, cohort=cohort, n=n, confidence=confidence, method="clopper_pearson"
            )
        else:
            inputs = {"events": events, "n": n}
            yield estimate(metric, "clopper_pearson", inputs, confidence=confidence, cohort=cohort)


def _brier_scores(
    marginals: Marginals, cohort: Cohort, counts: Counts, confidence: float
) -> Iterator[Estimate]:
    fault = marginals.survey.prediction_fault or marginals.survey.probability_fault
    base_rate = marginals.training_base_rate
    if fault is not None:
        for metric in ("brier", "log_loss"):
            yield not_evaluable(metric, fault, cohort=cohort, confidence=confidence, method="student_mean")
    else:
        yield _mean("brier", counts.squared_error.between(0.0, 1.0), cohort, confidence)
        yield _mean("log_loss", counts.log_loss.between(0.0, LARGEST_LOG_LOSS), cohort, confidence)
    if base_rate is None:
        fault = (
            "the base rate of the training data is unknown, so there is no naive model to compare with; "
            "set `data.training` to a readable file"
        )
    elif not 0.0 <= base_rate <= 1.0:
        fault = f"the base rate of the training data is {base_rate}, not a share; look at `data.training`"
    if fault is not None or base_rate is None:
        yield not_evaluable(
            "brier_gain", fault or "", cohort=cohort, confidence=confidence, method="student_mean"
        )
    else:
        ends = base_rate**2, (1.0 - base_rate) ** 2
        yield _mean("brier_gain", counts.gain.between(min(ends) - 1.0, max(ends)), cohort, confidence)


def _mean(metric: str, inputs: Mapping[str, float], cohort: Cohort, confidence: float) -> Estimate:
    return estimate(metric, "student_mean", inputs, confidence=confidence, cohort=cohort)
