"""How often each class occurs in the evaluation data, beside how often it occurred in training.

Different shares are no fault by themselves: evaluation data may be sampled on purpose. But accuracy,
calibration and the gain over the naive model all move with them, so whoever reads those should know.

A class stands out when its share differs by more than 5 points *and* by more than four standard errors of
the difference: less says little, and between honest small samples happens by chance (four standard errors,
about once in 16,000 comparisons).

What does not belong here: which classes there may be (`modelrisk.expectations`).
"""

import math
from collections.abc import Mapping

from modelrisk.expectation_results import ExpectationResult, evaluated
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.records import Scalar, Table

POINTS = 0.05
STANDARD_ERRORS = 4.0
CLASSES_SHOWN = 30


def compared_shares(
    label: str, evaluation: Mapping[str, int], training: Mapping[str, int]
) -> ExpectationResult:
    """Whether the classes are about as frequent as in training; counts the rows of those that are not.

    Args:
        label: the label column.
        evaluation: class -> rows with it, at least one of them.
        training: the same of the training data.
    """
    because = "accuracy, calibration and the gain over the naive model move with the shares of the classes"
    spec = ExpectationSpec(f"{label}: shares", Kind.CLASS_SHARES, label, gates=False, because=because)
    classes = [name for name in {**training, **evaluation} if _stands_out(name, evaluation, training)]
    rows = sum(evaluation.values())
    unexpected = sum(evaluation.get(name, 0) for name in classes)
    return evaluated(spec, passed=not classes, rows=rows, unexpected=unexpected)


def share_table(evaluation: Mapping[str, int], training: Mapping[str, int]) -> Table:
    """Each class with its rows and shares, the most frequent first, the rest in one line."""
    ordered = sorted({**training, **evaluation}, key=lambda name: (-evaluation.get(name, 0), name))
    lines = [_line(name, [name], evaluation, training) for name in ordered[:CLASSES_SHOWN]]
    rest = ordered[CLASSES_SHOWN:]
    return (*lines, *([_line(f"{len(rest)} others", rest, evaluation, training)] if rest else []))


def _line(
    words: str, names: list[str], evaluation: Mapping[str, int], training: Mapping[str, int]
) -> Mapping[str, Scalar]:
    here, there = (sum(counts.get(name, 0) for name in names) for counts in (evaluation, training))
    line: dict[str, Scalar] = {"class": words, "rows": here, "share": _share(here, evaluation)}
    return line | ({"in training": _share(there, training)} if training else {})


def _share(rows: int, counts: Mapping[str, int]) -> float:
    return round(rows / max(sum(counts.values()), 1), 6)


def _stands_out(name: str, evaluation: Mapping[str, int], training: Mapping[str, int]) -> bool:
    n, m = sum(evaluation.values()), sum(training.values())
    here, there = evaluation.get(name, 0) / n, training.get(name, 0) / m
    pooled = (evaluation.get(name, 0) + training.get(name, 0)) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return abs(here - there) > max(POINTS, STANDARD_ERRORS * error)
