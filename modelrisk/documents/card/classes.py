"""Several classes: the rates of each against the rest, and which are taken for which.

What does not belong here: how one estimate is written (`figures`), and binary classifiers, whose one pair of
classes the performance table already tells everything about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.documents import charts, text
from modelrisk.documents.card.figures import NO_LIMIT, Limits, Line, Placed, drawn_line, key_of
from modelrisk.documents.card.stage_tables import CLASSES_TABLE, CONFUSION_TABLE, Kept
from modelrisk.documents.references import pointer
from modelrisk.records import Scalar

MATRIX_CLASSES = 12
"""So many classes fit beside each other; of more, the largest confusions are listed."""
_CONFUSIONS = 20
_SHOWN_CLASSES = 30


@dataclass(frozen=True)
class ClassRow:
    """The rates of one class against the rest.

    Attributes:
        name: the class.
        named: where its name comes from.
        lines: one for each metric of the table; None where it was not measured.
    """

    name: str
    named: str
    lines: tuple[Line | None, ...]


@dataclass(frozen=True)
class ClassTable:
    """Every class with its rates.

    Attributes:
        metrics: the columns.
        limits: for each column what policy demands of every class, written; empty when nothing does.
        limited: for each column where that stands.
        rows: the classes to look at, in their order.
        folded: the rest.
    """

    metrics: tuple[str, ...]
    limits: tuple[str, ...]
    limited: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    folded: tuple[ClassRow, ...]


@dataclass(frozen=True)
class Cell:
    """Rows of one class that were taken for another (or rightly for the same).

    Attributes:
        label: the true class.
        prediction: the answer.
        rows: how many.
        evidence: where it stands.
        share: of the rows of that true class, in percent, for its shade.
        is_right: whether answer and truth agree.
    """

    label: str
    prediction: str
    rows: int
    evidence: str
    share: int
    is_right: bool


@dataclass(frozen=True)
class Confusion:
    """Which class is taken for which.

    Attributes:
        classes: the classes in order, for a matrix; empty when there are too many.
        named: where their names come from.
        matrix: a line for each true class, a cell for each answer; None for no row at all.
        largest: the most frequent confusions, for a list when there are too many classes for a matrix.
    """

    classes: tuple[str, ...]
    named: str
    matrix: tuple[tuple[Cell | None, ...], ...]
    largest: tuple[Cell, ...]


def class_table(placed: Sequence[Placed], limits: Limits) -> ClassTable | None:
    """The rates of every class; None when none was measured."""
    if not placed:
        return None
    metrics = tuple(dict.fromkeys(one.estimate.metric for one in placed))
    found: dict[str, dict[str, Placed]] = {}
    for one in placed:
        found.setdefault(one.estimate.outcome or "", {})[one.estimate.metric] = one
    demanded = {
        one.estimate.metric: limits[key_of(one.estimate)] for one in placed if key_of(one.estimate) in limits
    }
    words = {
        metric: text.limit_words(metric, limit.floor, limit.ceiling) for metric, limit in demanded.items()
    }
    rows = tuple(
        ClassRow(
            text.group_words(name),
            f"{next(iter(of_class.values())).evidence}/outcome",
            tuple(_line(of_class.get(metric), limits) for metric in metrics),
        )
        for name, of_class in found.items()
    )
    return ClassTable(
        tuple(text.metric_words(metric) for metric in metrics),
        tuple(words.get(metric, "") for metric in metrics),
        tuple(demanded.get(metric, NO_LIMIT).evidence for metric in metrics),
        rows[:_SHOWN_CLASSES],
        rows[_SHOWN_CLASSES:],
    )


def _line(placed: Placed | None, limits: Limits) -> Line | None:
    if placed is None:
        return None
    limit = limits.get(key_of(placed.estimate), NO_LIMIT)
    label = text.metric_words(placed.estimate.metric)
    axis = charts.Axis(0.0, 1.0)
    named = f"{placed.evidence} | names"
    return drawn_line(axis, placed, label=label, named=named, limit=limit, at=None)


def confusion_of(kept: Kept) -> Confusion | None:
    """The confusion matrix a stage kept; None when none did."""
    found = kept.get(CONFUSION_TABLE)
    if found is None:
        return None
    stage, table = found
    at = pointer(stage, "tables", CONFUSION_TABLE)
    totals: dict[str, int] = {}
    for row in table:
        totals[_name(row, "label")] = totals.get(_name(row, "label"), 0) + _rows(row)
    cells = [_cell(row, f"{at}/{position}/rows", totals) for position, row in enumerate(table)]
    named = {name: None for cell in cells for name in (cell.label, cell.prediction)}
    listed = kept.get(CLASSES_TABLE)
    order = [_name(row, "class") for row in listed[1]] if listed else sorted(named)
    classes = tuple(dict.fromkeys([*order, *named]))
    if len(classes) > MATRIX_CLASSES:
        wrong = sorted((one for one in cells if not one.is_right), key=lambda one: -one.rows)
        return Confusion((), at, (), tuple(wrong[:_CONFUSIONS]))
    by_pair = {(cell.label, cell.prediction): cell for cell in cells}
    matrix = tuple(tuple(by_pair.get((label, answer)) for answer in classes) for label in classes)
    where = pointer(listed[0], "tables", CLASSES_TABLE) if listed else at
    return Confusion(classes, where, matrix, ())


def _cell(row: Mapping[str, Scalar], evidence: str, totals: Mapping[str, int]) -> Cell:
    label, prediction, rows = _name(row, "label"), _name(row, "prediction"), _rows(row)
    share = round(100 * rows / totals[label]) if totals[label] else 0
    return Cell(label, prediction, rows, evidence, share, label == prediction)


def _name(row: Mapping[str, Scalar], key: str) -> str:
    value = row.get(key)
    return text.group_words(None if value is None else str(value))


def _rows(row: Mapping[str, Scalar]) -> int:
    value = row.get("rows")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
