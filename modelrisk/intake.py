"""Intake: what a team declares about a model before anyone judges it.

An intake is one YAML file a model. It says who answers for the model, what it is used for, the four facts
its tier follows from, and where the data is that a review needs. What is declared here is the team's word;
what is measured is evidence.

A class (`positive`, `favourable`, `classes`) is compared by its text, so `1`, `"1"` and `1.0` are one class.

What does not belong here: reading files (`resources.governance`), the tier (`modelrisk.tiering`), and
whether a threshold only tightens policy (`modelrisk.policy`).
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, TypeGuard

from modelrisk import declared_expectations
from modelrisk.declared_expectations import DeclaredExpectation
from modelrisk.errors import Fault
from modelrisk.outputs.classes import class_text
from modelrisk.yaml_contracts import Says, validated
from modelrisk.yaml_documents import (
    Document,
    KeyPath,
    Yaml,
    one_of,
    parsed,
    shown,
    unreadable_characters,
)

LINEAGE = "lineage"
PREVIOUS = "previous"
Class = str | int | float | bool
"""A class as it stands in YAML; compared by `modelrisk.outputs.classes.class_text`."""


class Task(StrEnum):
    """What a model predicts."""

    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"
    REGRESSION = "regression"


class Materiality(StrEnum):
    """How much is at stake if the model is wrong, from the least severe."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Affects(StrEnum):
    """Who bears the consequences, from the least severe."""

    NOBODY = "nobody"
    STAFF = "staff"
    INDIVIDUALS = "individuals"
    PUBLIC = "public"


class Automation(StrEnum):
    """What the output does, from the least severe."""

    INFORMS = "informs"
    RECOMMENDS = "recommends"
    DECIDES = "decides"


class Exposure(StrEnum):
    """Who can reach the output, from the least severe."""

    INTERNAL = "internal"
    EXTERNAL = "external"


Fact = Materiality | Affects | Automation | Exposure
SCALES: Mapping[str, type[Materiality | Affects | Automation | Exposure]] = {
    "materiality": Materiality,
    "affects": Affects,
    "automation": Automation,
    "exposure": Exposure,
}
"""Each fact with its scale, declared from the least to the most severe."""


def severity(fact: Fact) -> int:
    """Position on the fact's scale, 0 for the least severe (the words themselves sort by alphabet)."""
    return list(type(fact)).index(fact)


def worst(name: str) -> Fact:
    """The most severe value of a fact, which a missing one counts as."""
    return list(SCALES[name])[-1]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The four facts of the tier; None counts as the worst."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    materiality: Materiality | None = None
    affects: Affects | None = None
    automation: Automation | None = None
    exposure: Exposure | None = None

    def __getitem__(self, name: str) -> Fact | None:
        facts: Mapping[str, Fact | None] = {
            "materiality": self.materiality,
            "affects": self.affects,
            "automation": self.automation,
            "exposure": self.exposure,
        }
        return facts[name]


_Column = Annotated[str, Says("a column's name", "column_name")]
_Class = Annotated[Class, Says("a class of the label: text, a number, true or false", "1")]
_Line = Annotated[str, Says("one line of text", '"..."')]
_Person = Annotated[str, Says("an e-mail address or team:name", "team:lending")]


@dataclass(frozen=True, kw_only=True)
class DataSources:
    """Where the data is and what its columns mean.

    Attributes:
        evaluation: path relative to the intake file, or a file URI; Parquet or CSV.
        training: `lineage` (the data set logged with the training run), or a path as above.
        label: column with the true class, or the true number of a regression.
        positive: the class that `score` is the probability of; of a binary classifier, and of no other model.
        favourable: the class that is good for the person concerned; for a binary classifier None defaults to
            `positive`. A regression has none.
        reference: sensitive attribute -> the group others are compared with; default the largest.
        sensitive: columns whose groups are compared; None: nothing was declared, `()`: there are none.
        id: column that identifies an entity.
        time: column with the time of an observation.
        exclude: columns no model may see.
        collection: how, where and by whom the data was collected and labelled.
        caveats: what somebody who uses the data should know about it.
        expectations: what the team expects of the evaluation data, in addition to what is asked of any.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    evaluation: Annotated[
        str, Says("the path or URI of the evaluation data", "../../data/evaluation.parquet")
    ]
    label: Annotated[str, Says("the column that holds the true class or number", "defaulted")]
    positive: _Class | None = None
    training: Annotated[str, Says("`lineage`, or the path of the training data", LINEAGE)] = LINEAGE
    favourable: _Class | None = None
    reference: Mapping[str, _Class] = field(default_factory=dict[str, Class])
    sensitive: tuple[_Column, ...] | None = None
    id: _Column | None = None
    time: _Column | None = None
    exclude: tuple[_Column, ...] = ()
    collection: str | None = None
    caveats: tuple[str, ...] = ()
    expectations: tuple[
        Annotated[
            DeclaredExpectation, Says("a demand on a column", "{column: income, between: [0, 1000000]}")
        ],
        ...,
    ] = ()


@dataclass(frozen=True, kw_only=True)
class PredictionSpec:
    """How to read the model's output.

    Attributes:
        classes: order of the columns of a probability array; None is the sorted labels. Not of a regression.
        threshold: score at or above which the positive class is predicted, in (0, 1); binary only.
        score: column with the positive class's probability (binary) or with the prediction (regression),
            when the output is a table.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    classes: tuple[_Class, ...] | None = None
    threshold: float = 0.5
    score: _Column | None = None


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """What to return to, and when that was last tried.

    Attributes:
        to: `previous`, or a version or a procedure by name.
        tested: day of the last test; None when it was never tried.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    to: Annotated[str, Says("`previous`, or what to return to", PREVIOUS)]
    tested: datetime.date | None = None


@dataclass(frozen=True, kw_only=True)
class Intake:
    """One model's declaration; the YAML contract, key by key.

    Attributes:
        model: the registered model's name, as the registry spells it.
        owner: e-mail or `team:x` that answers for the model.
        purpose: what its output is used for.
        task: what it predicts.
        facts: what the tier follows from.
        data: where the data is.
        prediction: how to read the output.
        thresholds: metric -> limit of this model; may only tighten policy.
        champion: registry alias of the version in use.
        rollback: what to return to.
        title: the model's name for people.
        system: the system it runs in.
        business_area: part of the organisation it serves.
        next_review: day by which its owner wants it reviewed again.
        developers: who built it.
        validator: who challenges it; not one of the developers.
        limitations: where it is known to be wrong.
        out_of_scope: uses it was not made for.
        third_parties: suppliers of the model or of its data.
        retirement: how and when it will be taken out of use.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    model: Annotated[str, Says("the registered model's name", "loan-default")]
    owner: _Person
    purpose: Annotated[str, Says("what the output is used for", "Ranks applications for manual review.")]
    task: Annotated[Task, Says(one_of(Task), Task.BINARY_CLASSIFICATION)]
    data: Annotated[
        DataSources,
        Says(
            "where the data is (a mapping)",
            "{evaluation: ../../data/evaluation.parquet, label: defaulted, positive: 1}",
        ),
    ]
    facts: Facts = field(default_factory=Facts)
    prediction: PredictionSpec = field(default_factory=PredictionSpec)
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    champion: str = "champion"
    rollback: Rollback | None = None
    title: _Line | None = None
    system: _Line | None = None
    business_area: _Line | None = None
    next_review: datetime.date | None = None
    developers: tuple[_Line, ...] = ()
    validator: _Line | None = None
    limitations: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    third_parties: tuple[str, ...] = ()
    retirement: str | None = None

    @property
    def reference_groups(self) -> Mapping[str, str]:
        """Sensitive attribute -> its reference group, by the text a group is compared by."""
        return {attribute: str(class_text(group)) for attribute, group in self.data.reference.items()}

    @property
    def positive(self) -> str | None:
        """The positive class by its text; None unless it is a binary classifier."""
        return class_text(self.data.positive)

    @property
    def favourable(self) -> str | None:
        """The favourable class by its text: as declared, else the positive one; None without either."""
        return class_text(self.data.favourable) or self.positive

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The declared classes by their text, in the order of the model's output; None when not declared."""
        listed = self.prediction.classes
        return None if listed is None else tuple(str(class_text(each)) for each in listed)


@dataclass(frozen=True)
class IntakeDocument:
    """An intake with the document it was read from."""

    intake: Intake
    document: Document

    @property
    def digest(self) -> str:
        """Digest of what the document says; comments and layout do not change it."""
        return self.document.digest

    @property
    def path(self) -> str:
        """The document's name as the user knows it."""
        return self.document.name


def intake_from(text: str | bytes, *, name: str) -> IntakeDocument:
    """Read one intake.

    Args:
        text: the YAML document.
        name: its name for messages.

    Raises:
        InvalidDocument: with every fault: of syntax, or else of types and contradictions together.
    """
    document = parsed(text, name=name)
    return IntakeDocument(validated(Intake, document, also=tuple(_contradictions(document))), document)


@dataclass(frozen=True)
class Gap:
    """Something the intake leaves open, and what follows from that.

    Attributes:
        key: the key that is missing.
        consequence: what happens while it is.
        remedy: what to write, as an imperative sentence without its full stop.
    """

    key: str
    consequence: str
    remedy: str


def intake_gaps(intake: Intake | None, *, compares_groups: bool = False) -> tuple[Gap, ...]:
    """What a review or a card needs and the intake does not say.

    Args:
        intake: the declaration; None when the model is not in the inventory (every fact is missing).
        compares_groups: whether a rule on groups applies to this model, which needs the favourable outcome
            and the sensitive attributes to be declared.
    """
    facts = Facts() if intake is None else intake.facts
    gaps = [
        Gap(
            f"facts.{name}",
            f"counts as the worst, {worst(name).value}",
            f"Write `{name}:` with {one_of(scale)}",
        )
        for name, scale in SCALES.items()
        if facts[name] is None
    ]
    if intake is not None and compares_groups:
        if intake.data.sensitive is None:
            gaps.append(
                Gap(
                    "data.sensitive",
                    "no groups can be compared",
                    "Write the columns to compare people by, or `sensitive: []` if there are none",
                )
            )
        has_outcomes = intake.task is not Task.REGRESSION and intake.data.sensitive != ()
        if intake.data.favourable is None and has_outcomes:
            positive = intake.data.positive
            gaps.append(
                Gap(
                    "data.favourable",
                    "no outcome counts as favourable"
                    if positive is None
                    else f"the positive class {shown(positive)} counts as the favourable outcome",
                    "Write the class that is good for the person concerned",
                )
            )
    return tuple(gaps)


def rollback_gap(intake: Intake | None, *, today: datetime.date) -> Gap | None:
    """Why the way back cannot be relied on; None when it was tested on or before `today`."""
    rollback = None if intake is None else intake.rollback
    if rollback is None:
        return Gap(
            "rollback",
            "nobody knows what to return to",
            f"Write `rollback: {{to: {PREVIOUS}, tested: YYYY-MM-DD}}`",
        )
    if rollback.tested is None:
        return Gap(
            "rollback.tested",
            "the way back was never tried",
            "Try the rollback and write the day as `tested: YYYY-MM-DD`",
        )
    if rollback.tested > today:
        return Gap(
            "rollback.tested",
            f"the test of {rollback.tested} lies in the future",
            "Try the rollback and write the day it was tried",
        )
    return None


# --- contradictions ----------------------------------------------------------------------------------------

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_TEAM = re.compile(r"team:[^\s:]+")
_ONE_LINE: tuple[KeyPath, ...] = (
    ("owner",),
    ("champion",),
    ("title",),
    ("system",),
    ("business_area",),
    ("validator",),
    ("data", "evaluation"),
    ("data", "training"),
    ("rollback", "to"),
)
_PARAGRAPHS: tuple[KeyPath, ...] = (("purpose",), ("retirement",), ("data", "collection"))
_LISTS: tuple[KeyPath, ...] = (("limitations",), ("out_of_scope",), ("third_parties",), ("data", "caveats"))
_COLUMNS: tuple[KeyPath, ...] = (
    ("data", "label"),
    ("data", "id"),
    ("data", "time"),
    ("prediction", "score"),
    ("data", "positive"),
    ("data", "favourable"),
)
_AS_IN_THE_REGISTRY: KeyPath = ("model",)


def _contradictions(document: Document) -> Iterator[Fault]:
    """What the types cannot say; bears values of any type, since it runs beside the type check."""
    yield from _texts(document)
    yield from _owner(document)
    yield from _columns(document)
    yield from _of_another_task(document)
    yield from _classes(document)
    yield from _numbers(document)
    yield from _roles(document)
    yield from declared_expectations.contradictions(document)


def _texts(document: Document) -> Iterator[Fault]:
    lists = [
        ((*path, position), several)
        for path, several in (
            *((each, True) for each in _LISTS),
            (("developers",), False),
            (("data", "sensitive"), None),
            (("data", "exclude"), None),
            (("prediction", "classes"), None),
        )
        for position, _ in enumerate(_items(document.at(*path)))
    ]
    wanted: list[tuple[KeyPath, bool | None]] = [
        *((path, False) for path in _ONE_LINE),
        *((path, True) for path in _PARAGRAPHS),
        *((path, None) for path in (*_COLUMNS, _AS_IN_THE_REGISTRY)),
        *lists,
    ]
    for path, several_lines in wanted:
        value = document.at(*path)
        if not isinstance(value, str):
            continue
        # A column or a model is spelled as its owner spells it; only emptiness is refused there.
        hostile = None if several_lines is None else unreadable_characters(value, several_lines=several_lines)
        if not value.strip():
            yield document.fault(
                *path, found="an empty text", expected="some text", remedy="Write it, or remove the line"
            )
        elif hostile:
            yield document.fault(
                *path,
                found=f"the character {hostile} in {shown(value)}",
                expected="text without control or direction-changing characters",
                remedy="Remove the character" if several_lines else "Write one line of plain text",
            )


def _owner(document: Document) -> Iterator[Fault]:
    owner = document.at("owner")
    if not isinstance(owner, str) or not owner.strip() or unreadable_characters(owner):
        return
    if not (_EMAIL.fullmatch(owner) or _TEAM.fullmatch(owner)):
        yield document.fault(
            "owner",
            found=shown(owner),
            expected="an e-mail address or team:name",
            remedy="Write one that somebody reads, such as `owner: team:lending`",
        )


def _columns(document: Document) -> Iterator[Fault]:
    roles: dict[str, str] = {}
    for role in ("label", "id", "time"):
        column = document.at("data", role)
        if not isinstance(column, str):
            continue
        if column in roles:
            yield document.fault(
                "data",
                role,
                found=f"the column {shown(column)}, which is already `{roles[column]}`",
                expected="a column of its own",
                remedy=f"Write another column as `{role}`, or remove the line",
            )
        else:
            roles[column] = role
    for name in ("sensitive", "exclude"):
        seen: set[str] = set()
        for position, column in enumerate(_items(document.at("data", name))):
            if not isinstance(column, str):
                continue
            if column == document.at("data", "label"):
                yield document.fault(
                    "data",
                    name,
                    position,
                    found=f"the label column {shown(column)}",
                    expected="columns other than the label",
                    remedy="Remove it from the list; the label is never shown to the model",
                )
            if column in seen:
                yield document.fault(
                    "data",
                    name,
                    position,
                    found=f"{shown(column)} twice",
                    expected="each column once",
                    remedy="Remove one",
                )
            seen.add(column)
    yield from _references(document)


def _references(document: Document) -> Iterator[Fault]:
    if not isinstance(document.at("data", "sensitive"), list | None):
        return
    sensitive = [column for column in _items(document.at("data", "sensitive")) if isinstance(column, str)]
    for attribute in _keys(document.at("data", "reference")):
        if attribute not in sensitive:
            yield document.fault(
                "data",
                "reference",
                attribute,
                found=f"a reference group for {shown(attribute)}",
                expected=one_of(sensitive) if sensitive else "attributes listed under `sensitive`",
                remedy=f"List {shown(attribute)} under `sensitive`, or remove the line",
            )


_ONLY_BINARY: tuple[KeyPath, ...] = (("data", "positive"), ("prediction", "threshold"))
_ONLY_CLASSES: tuple[KeyPath, ...] = (("data", "favourable"), ("prediction", "classes"))


def _of_another_task(document: Document) -> Iterator[Fault]:
    """Keys that mean nothing for the declared task, and the one a binary classifier cannot do without."""
    task = document.at("task")
    if task == Task.BINARY_CLASSIFICATION and document.at("data", "positive") is None:
        if isinstance(document.at("data"), Mapping):
            yield document.fault(
                "data",
                "positive",
                found="no `positive`",
                expected="the class of the label whose probability the model gives",
                remedy="Add `positive: 1`, or declare the task the model really has",
            )
        return
    foreign = {
        Task.MULTICLASS_CLASSIFICATION: (*_ONLY_BINARY, ("prediction", "score")),
        Task.REGRESSION: (*_ONLY_BINARY, *_ONLY_CLASSES),
    }
    declared = next((each for each in Task if each == task), Task.BINARY_CLASSIFICATION)
    for path in foreign.get(declared, ()):
        if document.at(*path) is not None:
            yield document.fault(
                *path,
                found=f"`{path[-1]}`, which no model of {declared.replace('_', ' ')} has",
                expected="no such line",
                remedy="Remove it, or declare the task the model really has",
            )


def _classes(document: Document) -> Iterator[Fault]:
    listed = document.at("prediction", "classes")
    words = [_words(value) for value in _items(listed)]
    known = [word for word in words if word is not None]
    if isinstance(listed, list):
        if len(known) == len(words) and len(set(known)) < len(known):
            yield document.fault(
                "prediction",
                "classes",
                found=f"classes that are the same by their text ({', '.join(known)})",
                expected="distinct classes",
                remedy='Write each class once; 1, 1.0 and "1" are one class',
            )
        elif len(words) != 2 and document.at("task") == Task.BINARY_CLASSIFICATION:
            yield document.fault(
                "prediction",
                "classes",
                found=f"{len(words)} classes",
                expected="exactly 2 for binary_classification",
                remedy="Write both classes in the order of the model's output columns, such as `[0, 1]`",
            )
        elif len(words) < 2 and document.at("task") == Task.MULTICLASS_CLASSIFICATION:
            yield document.fault(
                "prediction",
                "classes",
                found=f"{len(words)} classes",
                expected="2 or more for multiclass_classification",
                remedy="Write all classes in the order of the model's output columns",
            )
    for name in ("positive", "favourable"):
        word = _words(document.at("data", name))
        if isinstance(listed, list) and known and word is not None and word not in known:
            yield document.fault(
                "data",
                name,
                found=f"the class {shown(word)}",
                expected=f"{one_of(known[:_CLASSES_SHOWN])}, as `prediction.classes` has them",
                remedy=_class_remedy(word, known),
            )


_CLASSES_SHOWN = 10


def _class_remedy(word: str, known: list[str]) -> str:
    if word.lower() in {"yes", "on", "y", "no", "off", "n"} and {"true", "false"} & set(known):
        meant = "true" if word.lower() in {"yes", "on", "y"} else "false"
        return f"Write `{meant}`: {word} is text here, not a boolean"
    return "Write one of the classes, or add this one to `prediction.classes`"


def _numbers(document: Document) -> Iterator[Fault]:
    threshold = document.at("prediction", "threshold")
    if _is_number(threshold) and not 0.0 < threshold < 1.0:
        yield document.fault(
            "prediction",
            "threshold",
            found=document.shown("prediction", "threshold"),
            expected="a score above 0 and below 1",
            remedy="Write the score from which the positive class is predicted, such as 0.5",
        )


def _roles(document: Document) -> Iterator[Fault]:
    validator = document.at("validator")
    developers = [each for each in _items(document.at("developers")) if isinstance(each, str)]
    if isinstance(validator, str) and validator.strip().casefold() in {
        each.strip().casefold() for each in developers
    }:
        yield document.fault(
            "validator",
            found=f"{shown(validator)}, who is one of the developers",
            expected="somebody who did not build the model",
            remedy="Name an independent validator",
        )


def _items(value: Yaml) -> list[Yaml]:
    return value if isinstance(value, list) else []


def _keys(value: Yaml) -> list[str]:
    return list(value) if isinstance(value, Mapping) else []


def _words(value: Yaml) -> str | None:
    return class_text(value) if isinstance(value, bool | int | float | str) else None


def _is_number(value: Yaml) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
