"""Labels of a data set as counts and moments, and whether they are fit to judge a model by.

What does not belong here: counting them (`resources.datasets`) and expectations on other columns
(`modelrisk.expectations`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.outputs.answers import shown
from modelrisk.records import Blame, Problem

LABEL_CLASSES_KEPT = 10_001
"""One more than a classifier may have classes, so that too many are seen as such."""


@dataclass(frozen=True)
class LabelCensus:
    """How often each label occurs.

    Attributes:
        counts: class text -> rows, most frequent first, at most `LABEL_CLASSES_KEPT` of them.
        missing: rows without a label.
        distinct: number of different labels, kept or not.
        rows: all rows.
    """

    counts: Mapping[str, int]
    missing: int
    distinct: int
    rows: int

    @property
    def shares(self) -> Mapping[str, float]:
        """Class text -> its share of the rows that have a label."""
        given = self.rows - self.missing
        return {label: count / given for label, count in self.counts.items()} if given else {}


@dataclass(frozen=True)
class TargetCensus:
    """What the numbers of a regression's label are like.

    Attributes:
        rows: all rows.
        missing: rows without a number.
        not_finite: rows with an infinite one.
        low: smallest finite number; None without any.
        high: largest finite number; None without any.
        median: of the finite numbers; None without any.
        sd: their sample standard deviation; None with fewer than two.
    """

    rows: int
    missing: int
    not_finite: int
    low: float | None
    high: float | None
    median: float | None
    sd: float | None


def unfit_labels(census: LabelCensus, label: str, classes: Sequence[str]) -> Problem | None:
    """Why no classifier can be judged by these labels; None when it can.

    Args:
        census: the labels of the evaluation data.
        label: the column's name.
        classes: the classes a model may answer.
    """
    if census.missing:
        return _without_value(census.missing, census.rows, label)
    foreign = sorted(set(census.counts) - set(classes))
    if foreign:
        return Problem(
            Blame.UNFIT,
            f"the labels {shown(foreign)} in {label!r}",
            f"the classes {shown(classes)}",
            "Write `prediction: classes` as the evaluation data encodes them, or encode the data alike",
        )
    if len(census.counts) < 2:
        return Problem(
            Blame.UNFIT,
            f"{census.rows} evaluation row(s) of the single class {next(iter(census.counts), '')!r}",
            "rows of both classes" if len(classes) == 2 else "rows of several classes",
            "Evaluate on data in which the different outcomes occur",
        )
    return None


def unfit_target(census: TargetCensus, label: str) -> Problem | None:
    """Why no regression can be judged by these numbers; None when it can."""
    if census.missing:
        return _without_value(census.missing, census.rows, label)
    if census.not_finite:
        return Problem(
            Blame.UNFIT,
            f"{census.not_finite} of {census.rows} rows with an infinite {label!r}",
            "a finite number in every evaluation row",
            "Mend or remove these rows at the source of the data",
        )
    if census.low == census.high:
        return Problem(
            Blame.UNFIT,
            f"{census.rows} evaluation row(s) with the same value of {label!r}",
            "numbers that vary",
            "Evaluate on data in which the target varies; nothing can be told apart on a constant",
        )
    return None


def _without_value(missing: int, rows: int, label: str) -> Problem:
    return Problem(
        Blame.UNFIT,
        f"{missing} of {rows} rows without a value of {label!r}",
        "a label in every evaluation row",
        "Remove the rows whose outcome is not known from the evaluation data",
    )
