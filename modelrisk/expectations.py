"""What the evaluation data must be like, derived from what is known about model, label and training data.

Expectations come from four sources: the intake's roles (label, id, time, sensitive attributes), the model's
features, a profile of the training data, and what the team declares on top (`declared_expectations`). They
are declarations; every result is a count, never a value of the data.

Some only inform (`gates` is false), because honest data breaks them too: rows repeat in data of few discrete
columns, equal features with different labels are what uncertainty is, a code unseen in a small training set
is no error, classes are shared out otherwise after a deliberate sampling, and rows older than the newest
training row are natural where training and evaluation data were split at random.

Tolerances, chosen so that an honest small data set is not refused by chance:

* range and categories: at most 1 % of the rows (but always one row) may lie outside the training
  range widened by 10 % of its width on each side, or outside the values seen in training;
* missing values: at most the training share + 5 percentage points + 3 standard errors of a share
  of that size in the evaluation data (but always one row);
* label, identifier, finiteness: no exception.

What does not belong here: evaluating expectations (`resources.validation`), what came of it
(`modelrisk.expectation_results`), and the verdict about the counts (`modelrisk.verdicts`).
"""

import datetime
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelrisk.columns import is_numeric
from modelrisk.declared_expectations import DeclaredExpectation, declared_columns, declared_specs
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.intake import Task
from modelrisk.profiles import ColumnProfile, DatasetProfile
from modelrisk.time_spans import has_days

RANGE_WIDENING = 0.10
OUTSIDE_SHARE = 0.01
ONE_ROW = 1.5  # of the rows: still one whole row when up to a third of them have no value
MISSING_TOLERANCE = 0.05
MISSING_STANDARD_ERRORS = 3.0
LARGEST_FINITE = 1.7976931348623157e308
_TRAINING_RANGE = "the model has learned nothing about values far outside its training data"


@dataclass(frozen=True)
class Subject:
    """The evaluation data as far as expectations need to know it.

    Attributes:
        rows: number of rows.
        types: column -> engine-independent type (`int64`, `float64`, `string`, ...).
        features: the columns the model sees.
        label: the label column.
        positive: the positive class of a binary classifier, as class text; else `""`.
        classes: all classes, as class text; empty when the intake does not declare them.
        optional: those of the features the model can do without.
        id: column that identifies an entity.
        time: column with the time of an observation.
        sensitive: columns whose groups are compared.
        task: what the model predicts.
        declared: what the team expects of its data.
        today: the present day, which dates are held against; None: they are held against nothing.
    """

    rows: int
    types: Mapping[str, str]
    features: tuple[str, ...]
    label: str
    positive: str
    classes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    sensitive: tuple[str, ...] = ()
    task: Task = Task.BINARY_CLASSIFICATION
    declared: tuple[DeclaredExpectation, ...] = ()
    today: datetime.date | None = None

    @property
    def roles(self) -> Mapping[str, str]:
        """The columns the data must have -> why; those that several reasons ask for by the first of them."""
        asked = [
            (self.label, "it holds the label"),
            (self.id, "the intake names it as the identifier"),
            (self.time, "the intake names it as the time of an observation"),
            *((name, "the intake compares its groups") for name in self.sensitive),
            *((name, "the model sees it") for name in self.features),
            *((name, "the intake expects something of it") for name in declared_columns(self.declared)),
        ]
        roles: dict[str, str] = {}
        for name, why in asked:
            if name is not None and (name in self.types or name not in self.optional):
                roles.setdefault(name, why)
        return roles


def expectations(subject: Subject, *, training: DatasetProfile | None) -> tuple[ExpectationSpec, ...]:
    """All expectations of the evaluation data.

    Args:
        subject: the evaluation data.
        training: profile of the training data; without one, nothing is learned from it, and
            `training_unknown` must stand among the results.
    """
    specs = [
        ExpectationSpec("rows", Kind.ROWS_AT_LEAST, low=2, because="nothing can be measured on fewer"),
        *(
            ExpectationSpec(f"{name}: present", Kind.PRESENT, name, because=why)
            for name, why in subject.roles.items()
        ),
        *_label_expectations(subject, training),
        *_key_expectations(subject),
        *_time_expectations(subject, training),
    ]
    floats = tuple(name for name in subject.features if subject.types.get(name, "").startswith("float"))
    if floats:
        because = "an infinite value is an overflow or a division by zero"
        specs.append(ExpectationSpec("features: finite", Kind.FINITE, columns=floats, because=because))
    for name in dict.fromkeys(subject.features):
        known = None if training is None else training.columns.get(name)
        if training is not None and known is not None and name in subject.types and name != subject.label:
            specs += _feature_expectations(name, subject, known, training.rows)
    specs += _row_expectations(subject)
    specs += declared_specs(subject.declared, types=subject.types, today=subject.today)
    return tuple(specs)


def _label_expectations(subject: Subject, training: DatasetProfile | None) -> Iterator[ExpectationSpec]:
    label = subject.label
    if label not in subject.types:
        return
    because = "a row without a label cannot be judged"
    yield ExpectationSpec(f"{label}: given", Kind.GIVEN, label, because=because)
    known = None if training is None else training.labels
    if subject.task is Task.REGRESSION:
        yield from _target_expectations(subject, None if training is None else training.columns.get(label))
    else:
        yield from _class_expectations(subject)
        if known:
            because = "a class that training never had cannot be predicted"
            yield ExpectationSpec(
                f"{label}: training classes",
                Kind.IN_SET,
                label,
                gates=False,
                allowed=tuple(known),
                because=because,
            )


def _class_expectations(subject: Subject) -> Iterator[ExpectationSpec]:
    label, classes = subject.label, subject.classes
    is_binary = subject.task is Task.BINARY_CLASSIFICATION
    count = float(len(classes) or 2)
    yield ExpectationSpec(
        f"{label}: classes",
        Kind.CLASSES,
        label,
        low=count if is_binary else 2.0,
        high=count if is_binary else None,
        because="the model tells these apart, and is judged on each",
    )
    if classes or is_binary:
        yield ExpectationSpec(
            f"{label}: occurs",
            Kind.CONTAINS,
            label,
            gates=is_binary,  # of many classes a rare one may be missing by chance
            allowed=classes or (subject.positive,),
            because="nothing is learned about a class that does not occur",
        )
    if classes:
        yield ExpectationSpec(
            f"{label}: known classes",
            Kind.IN_SET,
            label,
            allowed=classes,
            because="the intake declares the classes",
        )


def _target_expectations(subject: Subject, known: ColumnProfile | None) -> Iterator[ExpectationSpec]:
    label = subject.label
    yield ExpectationSpec(f"{label}: numeric", Kind.NUMERIC, label, because="a regression predicts a number")
    if not is_numeric(subject.types[label]):
        return
    because = "an infinite target has no error that could be measured"
    yield ExpectationSpec(f"{label}: finite", Kind.FINITE, label, columns=(label,), because=because)
    because = "nothing is explained where nothing varies"
    yield ExpectationSpec(f"{label}: varies", Kind.CLASSES, label, low=2, because=because)
    if known is not None:
        yield from _range(label, subject, known, gates=False)


def _key_expectations(subject: Subject) -> Iterator[ExpectationSpec]:
    key = subject.id
    if key is None or key not in subject.types:
        return
    time = subject.time if subject.time in subject.types else None
    because = "rows of one entity are not independent"
    yield ExpectationSpec(
        f"{key}: identifier given", Kind.GIVEN, key, because="the intake names it as the identifier"
    )
    yield ExpectationSpec(f"{key}: unique", Kind.KEY_UNIQUE, key, time=time, because=because)


def _time_expectations(subject: Subject, training: DatasetProfile | None) -> Iterator[ExpectationSpec]:
    """What is shown about the time of the observations; a limit on their age is the intake's to declare."""
    time = subject.time
    if time is None or time not in subject.types or subject.today is None:
        return
    if has_days(subject.types[time]):
        tomorrow = subject.today + datetime.timedelta(days=1)  # somewhere it is tomorrow already
        because = "nothing can have been observed in the future, unless this machine's clock is wrong"
        yield ExpectationSpec(
            f"{time}: not in the future", Kind.NOT_AFTER, time, gates=False, day=tomorrow, because=because
        )
    known = None if training is None else training.time
    if known is not None and known.newest is not None and known.fits(subject.types[time]):
        because = "a model judged on rows older than what it learned from may have seen their future"
        yield ExpectationSpec(
            f"{time}: follows training",
            Kind.FOLLOWS_TRAINING,
            time,
            gates=False,
            low=known.newest,
            because=because,
        )


def _feature_expectations(
    name: str, subject: Subject, known: ColumnProfile, training_rows: int
) -> Iterator[ExpectationSpec]:
    share = missing_share(known.missing, training_rows, rows=subject.rows)
    if share < 1:
        because = f"{known.missing / training_rows:.1%} of the training rows have none"
        yield ExpectationSpec(
            f"{name}: missing as in training", Kind.GIVEN, name, share=share, because=because
        )
    if is_numeric(subject.types[name]):
        yield from _range(name, subject, known)
        if known.codes:
            yield ExpectationSpec(
                f"{name}: training codes",
                Kind.IN_SET,
                name,
                gates=False,
                allowed=known.codes,
                because="it holds few different whole numbers in training, as a code does",
            )
    if known.categories and subject.types[name] == "string":
        yield ExpectationSpec(
            f"{name}: training values",
            Kind.IN_SET,
            name,
            share=_outside(subject),
            allowed=known.categories,
            because="the model has learned nothing about values it never saw",
        )


def _range(
    name: str, subject: Subject, known: ColumnProfile, *, gates: bool = True
) -> Iterator[ExpectationSpec]:
    if known.low is None or known.high is None:
        return
    margin = RANGE_WIDENING * (known.high - known.low)
    yield ExpectationSpec(
        f"{name}: training range",
        Kind.BETWEEN,
        name,
        gates=gates,
        share=_outside(subject),
        low=_finite(known.low - margin),
        high=_finite(known.high + margin),
        because=_TRAINING_RANGE,
    )


def _row_expectations(subject: Subject) -> Iterator[ExpectationSpec]:
    because = "rows that repeat count twice, in the value and in its interval"
    yield ExpectationSpec("rows differ", Kind.ROWS_DIFFER, gates=False, because=because)
    compared = tuple(name for name in dict.fromkeys(subject.features) if name in subject.types)
    compared = tuple(name for name in compared if name != subject.label)
    if compared and subject.label in subject.types and subject.task is not Task.REGRESSION:
        yield ExpectationSpec(
            "labels agree",
            Kind.LABELS_AGREE,
            subject.label,
            gates=False,
            columns=compared,
            because="no model can be right about both of two equal rows with different labels",
        )


def missing_share(missing: int, training_rows: int, *, rows: int) -> float:
    """The largest share of missing values among `rows` that training data with `missing` of them excuses."""
    if training_rows <= 0 or rows <= 0:
        return 1.0
    share = missing / training_rows
    error = math.sqrt(share * (1 - share) / rows)
    return min(1.0, max(share + MISSING_TOLERANCE + MISSING_STANDARD_ERRORS * error, ONE_ROW / rows))


def _outside(subject: Subject) -> float:
    return max(OUTSIDE_SHARE, ONE_ROW / max(subject.rows, 1))


def _finite(value: float) -> float:
    return min(max(value, -LARGEST_FINITE), LARGEST_FINITE)
