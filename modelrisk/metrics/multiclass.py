"""Quality of a classifier of several classes: over all rows, over classes, of each class, and of groups.

Three kinds of scan: the confusion matrix, the moments of the scores by true class, and for every sensitive
attribute the same moments by group and true class. Python sees one row a cell.

What does not belong here: two classes (`classification`), calibration of the most probable class
(`calibration`), and comparisons between groups (`fairness`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from modelrisk.estimates import Cohort, Estimate, not_evaluable
from modelrisk.metrics.classification import LARGEST_GROUPS, LARGEST_LOG_LOSS, SMALLEST_PROBABILITY
from modelrisk.metrics.intervals import estimate
from modelrisk.metrics.moments import NO_ROWS, Moments
from modelrisk.metrics.predictions import (
    COHORT,
    NO_SCORE_REMEDY,
    Run,
    attributes,
    column_of_numbers,
    is_class,
    shown,
    text,
    whole,
)
from modelrisk.records import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

MATRIX_CLASSES = 30
"""Up to so many classes the confusion matrix is listed whole, beyond it the largest confusions only."""
CONFUSIONS_LISTED = 100


@dataclass(frozen=True)
class Tally:
    """Rows of one true class, in one cohort.

    Attributes:
        rows: how many.
        right: of these, predicted to be of their class.
        near: of these, with the true class among the k most probable.
        log_loss: of -ln P(true class).
        squared_error: of the squared error summed over the classes.
    """

    rows: int = 0
    right: int = 0
    near: int = 0
    log_loss: Moments = NO_ROWS
    squared_error: Moments = NO_ROWS

    def merged(self, other: "Tally") -> "Tally":
        """Both sets of rows together."""
        return Tally(
            self.rows + other.rows,
            self.right + other.right,
            self.near + other.near,
            self.log_loss.merged(other.log_loss),
            self.squared_error.merged(other.squared_error),
        )


Tallies = Mapping[str, Tally]
"""True class -> its rows."""


@dataclass(frozen=True)
class Marginals:
    """Everything the estimates are made from.

    Attributes:
        classes: all classes, in the order of the model's output.
        everyone: tallies of all rows.
        groups: attribute -> group -> tallies, groups in text order with the missing one last.
        unbounded: attributes with too many groups to be cohorts.
        confusions: (true class, predicted class) -> rows.
        selected: cohort of one attribute and group (`None` for all rows) -> rows predicted favourable.
        favourable: the favourable class; None when none is declared.
        training_shares: class -> its share of the training data; None when unknown.
        k: how many of the most probable classes count as near.
        fault: why nothing can be measured, with the remedy.
        score_fault: why nothing can be measured of the probabilities, with the remedy.
    """

    classes: tuple[str, ...]
    everyone: Tallies
    groups: Mapping[str, Mapping[str | None, Tallies]]
    unbounded: tuple[str, ...]
    confusions: Mapping[tuple[str, str], int]
    selected: Mapping[tuple[str, str | None] | None, int]
    favourable: str | None
    training_shares: Mapping[str, float] | None
    k: int
    fault: str | None = None
    score_fault: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes of which the data has no row."""
        return tuple(name for name in self.classes if name not in self.everyone)

    def cohorts(self) -> Iterator[tuple[Cohort, Tallies, int]]:
        """All rows, then every group of every attribute: cohort, tallies, rows predicted favourable."""
        yield {}, self.everyone, self.selected.get(None, 0)
        for attribute, groups in self.groups.items():
            for group, tallies in groups.items():
                yield {attribute: group}, tallies, self.selected.get((attribute, group), 0)


def nearest_counted(classes: int) -> int:
    """How many of the most probable classes count in the top-k accuracy: 3, or 2 below five classes."""
    return 3 if classes >= 5 else 2


def counted(
    predictions: "ir.Table",
    *,
    run: Run,
    classes: Sequence[str],
    favourable: str | None = None,
    training_shares: Mapping[str, float] | None = None,
) -> Marginals:
    """Count the table.

    Args:
        predictions: the canonical predictions table.
        run: executes an expression.
        classes: all classes, in the order of the model's output.
        favourable: class text of the favourable outcome; None when there is none.
        training_shares: class -> its share of the training data, for the naive model.
    """
    k = nearest_counted(len(classes))
    empty = Marginals(tuple(classes), {}, {}, (), {}, {}, favourable, training_shares, k)
    fault, score_fault = _faults(predictions, run, classes)
    if fault is not None:
        return replace(empty, fault=fault, score_fault=fault)
    groups: dict[str, dict[str | None, dict[str, Tally]]] = {}
    selected: dict[tuple[str, str | None] | None, int] = {}
    unbounded: list[str] = []
    everyone, selected[None] = _tallied(predictions, run, k, favourable, None)[None]
    for attribute in attributes(predictions):
        found = _tallied(predictions, run, k, favourable, attribute, most=LARGEST_GROUPS * len(classes))
        if len(found) > LARGEST_GROUPS or not found:
            unbounded.append(attribute)
            continue
        ordered = sorted(found, key=lambda group: (group is None, group or ""))
        groups[attribute] = {group: found[group][0] for group in ordered}
        selected |= {(attribute, group): found[group][1] for group in ordered}
    return Marginals(
        tuple(classes),
        everyone,
        groups,
        tuple(unbounded),
        _confusions(predictions, run),
        selected,
        favourable,
        training_shares,
        k,
        score_fault=score_fault,
    )


def estimates(marginals: Marginals, *, confidence: float) -> tuple[Estimate, ...]:
    """Every quality metric, for all rows and for every group; rates of each class for all rows.

    * `accuracy`, `top_k_accuracy` (the true class among the k most probable, equals counted against it) and
      `selection_rate` (of the favourable class): binomial, Clopper-Pearson.
    * `balanced_accuracy`: the mean over the classes of the share of their rows that are right (macro recall);
      `macro_precision`: the mean over the classes of the share of rows predicted so that are right.
    * `log_loss`: the mean of -ln P(true class), P at least 1e-15; `brier`: the mean squared error summed
      over the classes (Brier 1950), from 0 to 2; `brier_gain`: what it saves against always answering the
      class shares of the training data. Means of bounded values.
    * per class, one against the rest (`outcome`): `true_positive_rate`, `false_positive_rate`, `precision`,
      `base_rate`: binomial, Clopper-Pearson.

    Args:
        marginals: the counts.
        confidence: confidence of each bound by itself.

    Returns:
        Estimates; where something is missing (a class without rows, probabilities), they say what.
    """
    made: list[Estimate] = []
    for cohort, tallies, selected in marginals.cohorts():
        made += _of_cohort(marginals, cohort, tallies, selected, confidence)
    return (*made, *_macro_precision(marginals, confidence), *_of_classes(marginals, confidence))


def confusion(marginals: Marginals) -> Table:
    """Rows by true and predicted class; beyond 30 classes only the largest confusions."""
    cells = marginals.confusions
    if len(marginals.classes) <= MATRIX_CLASSES:
        wanted = [(label, prediction) for label in marginals.classes for prediction in marginals.classes]
    else:
        wrong = [cell for cell in cells if cell[0] != cell[1]]
        wanted = sorted(wrong, key=lambda cell: (-cells[cell], cell))[:CONFUSIONS_LISTED]
    return tuple(
        {"label": label, "prediction": prediction, "rows": cells.get((label, prediction), 0)}
        for label, prediction in wanted
    )


# --- counting --------------------------------------------------------------------------------------------


def _faults(predictions: "ir.Table", run: Run, classes: Sequence[str]) -> tuple[str | None, str | None]:
    import ibis

    label, prediction = predictions.label, predictions.prediction
    own = column_of_numbers(predictions, "label_probability")
    known = [ibis.literal(name) for name in classes]
    (found,) = run(
        predictions.agg(
            total=predictions.count(),
            unlabelled=predictions.count(where=label.isnull()),
            unpredicted=predictions.count(where=prediction.isnull()),
            foreign=predictions.count(where=~label.isin(known) | ~prediction.isin(known)),
            unscored=predictions.count(where=own.isnull()),
            unfit=predictions.count(where=own.isnan() | own.isinf()),
        )
    )
    rows = whole(found["total"])
    if rows == 0:
        return "the predictions table is empty; supply evaluation rows", None
    for name, words in (
        ("unlabelled", "have no label; label them or leave them out"),
        ("unpredicted", "have no prediction; mend the model"),
        ("foreign", "carry a label or a prediction that is none of the classes; list all in the intake"),
    ):
        if whole(found[name]):
            return f"{whole(found[name]):,} of {rows:,} rows {words}", None
    if whole(found["unscored"]):
        return None, f"{whole(found['unscored']):,} of {rows:,} rows have no probabilities; {NO_SCORE_REMEDY}"
    if whole(found["unfit"]):
        return None, f"{whole(found['unfit']):,} of {rows:,} probabilities are not finite; mend the model"
    return None, None


def _tallied(
    predictions: "ir.Table",
    run: Run,
    k: int,
    favourable: str | None,
    attribute: str | None,
    *,
    most: int | None = None,
) -> dict[str | None, tuple[dict[str, Tally], int]]:
    """Group (None for a missing one, and for all rows) -> tallies by class, rows predicted favourable."""
    import ibis

    own = column_of_numbers(predictions, "label_probability").clip(SMALLEST_PROBABILITY, 1.0)
    rows = predictions.select(
        grp=ibis.literal("") if attribute is None else predictions[COHORT + attribute],
        label=predictions.label,
        is_right=_truth(predictions.prediction == predictions.label),
        is_near=_truth(column_of_numbers(predictions, "label_rank") <= ibis.literal(k)),
        is_selected=ibis.literal(value=False)
        if favourable is None
        else is_class(predictions.prediction, favourable),
        loss=-own.ln(),
        error=column_of_numbers(predictions, "squared_error"),
    )
    losses, errors = column_of_numbers(rows, "loss"), column_of_numbers(rows, "error")
    query = rows.group_by("grp", "label").agg(
        total=rows.count(),
        right=rows.count(where=_truth(rows.is_right)),
        near=rows.count(where=_truth(rows.is_near)),
        selected=rows.count(where=_truth(rows.is_selected)),
        loss_mean=losses.mean(),
        loss_variance=losses.var(how="pop"),
        error_mean=errors.mean(),
        error_variance=errors.var(how="pop"),
    )
    found = run(query if most is None else query.limit(most + 1))
    if most is not None and len(found) > most:
        return {}
    result: dict[str | None, tuple[dict[str, Tally], int]] = {}
    for row in sorted(found, key=lambda row: (str(row["grp"]), str(row["label"]))):
        group = None if attribute is None else text(row, "grp")
        tallies, selected = result.get(group, ({}, 0))
        tallies[str(row["label"])] = Tally(
            whole(row["total"]),
            whole(row["right"]),
            whole(row["near"]),
            Moments.counted(row, "loss"),
            Moments.counted(row, "error"),
        )
        result[group] = (tallies, selected + whole(row["selected"]))
    return result


def _truth(value: object) -> "ir.BooleanColumn":
    return cast("ir.BooleanColumn", value)


def _confusions(predictions: "ir.Table", run: Run) -> dict[tuple[str, str], int]:
    counts = predictions.group_by("label", "prediction").agg(total=predictions.count())
    return {(str(row["label"]), str(row["prediction"])): whole(row["total"]) for row in run(counts)}


# --- estimating ------------------------------------------------------------------------------------------


def _of_cohort(
    marginals: Marginals, cohort: Cohort, tallies: Tallies, selected: int, confidence: float
) -> Iterator[Estimate]:
    whole_cohort = Tally()
    for name in marginals.classes:
        whole_cohort = whole_cohort.merged(tallies.get(name, Tally()))
    n = whole_cohort.rows
    shares = [("accuracy", whole_cohort.right, marginals.fault)]
    shares.append(("top_k_accuracy", whole_cohort.near, marginals.fault or marginals.score_fault))
    if marginals.favourable is not None:
        shares.append(("selection_rate", selected, marginals.fault))
    for metric, events, fault in shares:
        if fault is not None:
            yield not_evaluable(
                metric, fault, cohort=cohort, n=n, confidence=confidence, method="clopper_pearson"
            )
        else:
            inputs = {"events": events, "n": n}
            yield estimate(metric, "clopper_pearson", inputs, confidence=confidence, cohort=cohort)
    yield _balanced_accuracy(marginals, cohort, tallies, n, confidence)
    yield from _scores(marginals, cohort, tallies, whole_cohort, confidence)


def _balanced_accuracy(
    marginals: Marginals, cohort: Cohort, tallies: Tallies, n: int, confidence: float
) -> Estimate:
    missing = [name for name in marginals.classes if name not in tallies]
    if marginals.fault is not None or missing:
        fault = marginals.fault or _no_rows(missing, cohort)
        return not_evaluable(
            "balanced_accuracy", fault, cohort=cohort, n=n, confidence=confidence, method="macro_share"
        )
    cells = [(tallies[name].right, tallies[name].rows) for name in marginals.classes]
    return _macro("balanced_accuracy", cells, cohort, confidence)


def _macro_precision(marginals: Marginals, confidence: float) -> Iterator[Estimate]:
    predicted = dict.fromkeys(marginals.classes, 0)
    for (_, prediction), rows in marginals.confusions.items():
        predicted[prediction] = predicted.get(prediction, 0) + rows
    never = [name for name in marginals.classes if not predicted[name]]
    n = sum(predicted.values())
    if marginals.fault is not None or never:
        fault = marginals.fault or (
            f"the model never predicts {_listed(never)}, so its precision there is undefined; "
            "look at how it scores these classes"
        )
        yield not_evaluable("macro_precision", fault, n=n, confidence=confidence, method="macro_share")
        return
    cells = [(marginals.confusions.get((name, name), 0), predicted[name]) for name in marginals.classes]
    yield _macro("macro_precision", cells, {}, confidence)


def _macro(metric: str, cells: Sequence[tuple[int, int]], cohort: Cohort, confidence: float) -> Estimate:
    """The mean over classes of right / rows, with the variance of the rows within their classes."""
    n, classes = sum(rows for _, rows in cells), len(cells)
    mean = sum(right / rows for right, rows in cells) / classes
    within = sum(_within(right, rows, mean) / rows for right, rows in cells) / (classes * classes)
    inputs = {
        "mean": mean,
        "variance": n * within,
        "n": n,
        "weight": n / (classes * min(rows for _, rows in cells)),
        "smallest": min(rows for _, rows in cells),
    }
    return estimate(metric, "macro_share", inputs, confidence=confidence, cohort=cohort)


def _within(right: int, rows: int, mean: float) -> float:
    """Sample variance of the right and wrong of a class; of a single row, about the mean of all classes."""
    if rows == 1:
        return (right - mean) ** 2
    return right * (rows - right) / (rows * (rows - 1.0))


def _scores(
    marginals: Marginals, cohort: Cohort, tallies: Tallies, everyone: Tally, confidence: float
) -> Iterator[Estimate]:
    fault = marginals.fault or marginals.score_fault
    naive, naive_fault = _naive(marginals)
    gain = _gain(naive, tallies)
    for metric, moments, lowest, highest, why in (
        ("log_loss", everyone.log_loss, 0.0, LARGEST_LOG_LOSS, fault),
        ("brier", everyone.squared_error, 0.0, 2.0, fault),
        ("brier_gain", gain, min(naive.values()) - 2.0, max(naive.values()), fault or naive_fault),
    ):
        if why is not None:
            yield not_evaluable(
                metric, why, cohort=cohort, n=everyone.rows, confidence=confidence, method="student_mean"
            )
            continue
        inputs = moments.between(lowest, highest)
        yield estimate(metric, "student_mean", inputs, confidence=confidence, cohort=cohort)


def _naive(marginals: Marginals) -> tuple[Mapping[str, float], str | None]:
    """Class -> squared error of always answering the class shares of the training data."""
    shares = marginals.training_shares
    if not shares:
        return dict.fromkeys(marginals.classes, 0.0), (
            "the class shares of the training data are unknown, so there is no naive model to compare with; "
            "set `data.training` to a readable file"
        )
    squares = sum(share * share for share in shares.values())
    return {name: squares - 2.0 * shares.get(name, 0.0) + 1.0 for name in marginals.classes}, None


def _gain(naive: Mapping[str, float], tallies: Tallies) -> Moments:
    """Moments of the naive model's squared error, constant within a class, minus the model's."""
    gain = Moments()
    for name, tally in sorted(tallies.items()):
        gain = gain.merged(tally.squared_error.scaled(-1.0).shifted(naive[name]))
    return gain


def _of_classes(marginals: Marginals, confidence: float) -> Iterator[Estimate]:
    rows = sum(tally.rows for tally in marginals.everyone.values())
    predicted = dict.fromkeys(marginals.classes, 0)
    for (_, prediction), count in marginals.confusions.items():
        predicted[prediction] = predicted.get(prediction, 0) + count
    for name in marginals.classes:
        tally = marginals.everyone.get(name, Tally())
        no_rows = f"no row has the label {shown(name)}; supply rows of every class"
        for metric, events, n, reason in (
            ("true_positive_rate", tally.right, tally.rows, no_rows),
            (
                "false_positive_rate",
                predicted[name] - tally.right,
                rows - tally.rows,
                f"every row has the label {shown(name)}; supply rows of every class",
            ),
            (
                "precision",
                tally.right,
                predicted[name],
                f"the model never predicts {shown(name)}; look at how it scores this class",
            ),
            ("base_rate", tally.rows, rows, "there are no rows; supply some"),
        ):
            fault = marginals.fault or (None if n else reason)
            if fault is not None:
                yield not_evaluable(
                    metric, fault, n=n, confidence=confidence, method="clopper_pearson", outcome=name
                )
            else:
                inputs = {"events": events, "n": n}
                yield estimate(metric, "clopper_pearson", inputs, confidence=confidence, outcome=name)


def _no_rows(missing: Sequence[str], cohort: Cohort) -> str:
    where = "" if not cohort else " in this group"
    return f"no row{where} has the label {_listed(missing)}; supply rows of every class"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more classes" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more
