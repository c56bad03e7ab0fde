"""A datasheet: what one data set is, by counts; names of columns and groups are the only values in it.

What does not belong here: reading the data (`resources.datasheets`), and how a datasheet looks
(`modelrisk.documents.datasheet`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.intake import Intake, Task

SCHEMA = "model-risk/datasheet@1"
GROUPS_KEPT = 100
"""Groups of one column, largest first; of more, the rest are counted together."""
_MOST_GROUPS = 1_000
_MOST_BINARY_LABELS = 10


class Purpose(StrEnum):
    """What a data set is used for."""

    EVALUATION = "evaluation"
    TRAINING = "training"


@dataclass(frozen=True)
class SheetColumn:
    """One column.

    Attributes:
        name: its name in the file.
        dtype: its type, as Ibis writes it.
        role: label, identifier, time, sensitive, excluded or feature; several are joined by a comma.
        missing: rows without a value.
    """

    name: str
    dtype: str
    role: str
    missing: int


@dataclass(frozen=True)
class SheetGroup:
    """One group of rows.

    Attributes:
        attribute: the column.
        group: the value, as class text; None for rows without one.
        rows: how many rows.
    """

    attribute: str
    group: str | None
    rows: int


@dataclass(frozen=True)
class Span:
    """When the rows were observed.

    Attributes:
        column: the time column.
        oldest: the first day (or number); None when none could be read.
        newest: the last.
        unreadable: rows with a value that is no time.
    """

    column: str
    oldest: str | None
    newest: str | None
    unreadable: int


@dataclass(frozen=True)
class Datasheet:
    """What one data set is.

    Attributes:
        schema: name and version of this layout.
        purpose: what it is used for.
        model: the model version it was read for, written `name@version`.
        owner: who answers for the model.
        source: where it comes from, as declared.
        file: the file's name.
        digest: digest of its bytes.
        rows: number of rows.
        columns: in the file's order.
        groups: the classes of the label and the groups of the sensitive columns, with their sizes.
        others: column -> rows in groups beyond those kept.
        span: when the rows were observed; None when no time column is declared or the file has none.
        collection: how it was collected, in the team's words; None was not provided.
        caveats: what to know about it, in the team's words.
        license: the licence the registry names; None when unknown.
    """

    schema: str
    purpose: Purpose
    model: str
    owner: str
    source: str
    file: str
    digest: str
    rows: int
    columns: tuple[SheetColumn, ...]
    groups: tuple[SheetGroup, ...]
    others: Mapping[str, int]
    span: Span | None
    collection: str | None
    caveats: tuple[str, ...]
    license: str | None

    def groups_of(self, attribute: str) -> tuple[SheetGroup, ...]:
        """The groups of one column, largest first."""
        return tuple(group for group in self.groups if group.attribute == attribute)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns whose groups are counted."""
        return tuple(dict.fromkeys((*(group.attribute for group in self.groups), *self.others)))


def role(column: str, intake: Intake) -> str:
    """What a column is for, as the intake declares it."""
    data = intake.data
    declared = (
        ("label", column == data.label),
        ("identifier", column == data.id),
        ("time", column == data.time),
        ("sensitive", column in (data.sensitive or ())),
        ("excluded", column in data.exclude),
    )
    return ", ".join(name for name, applies in declared if applies) or "feature"


def counted_columns(intake: Intake, types: Mapping[str, str]) -> Mapping[str, int]:
    """The columns whose groups a datasheet counts, each with the most groups it may have.

    Those are the sensitive columns, and a label that is no quantity. A column with more values is not what it
    is declared to be, and its values are nobody's business.
    """
    data = intake.data
    limits = dict.fromkeys(data.sensitive or (), _MOST_GROUPS)
    if intake.task is Task.BINARY_CLASSIFICATION:
        limits = {data.label: _MOST_BINARY_LABELS, **limits}
    elif intake.task is Task.MULTICLASS_CLASSIFICATION:
        limits = {data.label: _MOST_GROUPS, **limits}
    return {name: most for name, most in limits.items() if name in types}
