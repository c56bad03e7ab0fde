"""The control catalogue: which risk each control mitigates, what evidences it, and what it maps to outside.

The catalogue is data (`standards/controls.yaml`, `standards/frameworks.yaml`); the asset checks, the card
and the refusals are generated from it. Outside frameworks change, so every mapping names a version and
every version its dates; an old decision still resolves after a framework was superseded.

What does not belong here: limits and who must meet them (`modelrisk.policy`).
"""

import datetime
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, ClassVar

from modelrisk.errors import Fault, InvalidDocument
from modelrisk.evidence import digest_of
from modelrisk.intake import Task
from modelrisk.yaml_contracts import Says, validated
from modelrisk.yaml_documents import Document, in_order, one_of, parsed, shown, suggestion

CONTROLS_SCHEMA = "model-risk/controls@1"
FRAMEWORKS_SCHEMA = "model-risk/frameworks@1"
_CLAUSE = re.compile(
    r"(?P<framework>[a-z0-9]+(?:-[a-z0-9]+)*):(?P<clause>[A-Za-z0-9][A-Za-z0-9.-]*)"
    r"@(?P<version>[A-Za-z0-9][A-Za-z0-9.-]*)"
)
_CONTROL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_ASSET = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")


class Nature(StrEnum):
    """What kind of outside text a framework is."""

    LAW = "law"
    SUPERVISORY = "supervisory"
    VOLUNTARY = "voluntary"


class Source(StrEnum):
    """How a framework's dates were checked; a secondary source is not stated as fact."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True)
class Framework:
    """One version of an outside framework.

    Attributes:
        id: such as `nist-ai-rmf`.
        version: such as `1.0`.
        title: its name for people.
        nature: law, supervisory or voluntary.
        effective_from: first day it applies (or was published, if voluntary).
        effective_to: day it was rescinded or replaced; None while it stands.
        superseded_by: the framework version that replaced it, as `id@version`.
        source: where the dates were checked.
        note: what a reader should know about the mapping or the dates.
    """

    id: str
    version: str
    title: str
    nature: Nature
    effective_from: datetime.date
    effective_to: datetime.date | None
    superseded_by: str | None
    source: Source
    note: str | None

    @property
    def key(self) -> str:
        """The written form `id@version`."""
        return f"{self.id}@{self.version}"

    def is_effective_on(self, day: datetime.date) -> bool:
        """Whether it applies on that day."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


@dataclass(frozen=True, order=True)
class Clause:
    """A control's counterpart in an outside framework, written `framework:clause@version`."""

    framework: str
    clause: str
    version: str

    @property
    def framework_key(self) -> str:
        """The framework version it belongs to, as `id@version`."""
        return f"{self.framework}@{self.version}"

    def __str__(self) -> str:
        return f"{self.framework}:{self.clause}@{self.version}"


@dataclass(frozen=True)
class Metric:
    """A quantity a rule may limit.

    Attributes:
        name: as in an estimate.
        title: its name for people.
        meaning: what it measures, in one sentence.
        lowest: smallest possible value; None when unbounded.
        highest: largest possible value; None when unbounded.
        neutral: the value that means *no difference*: 0 for differences, 1 for ratios, else None.
    """

    name: str
    title: str
    meaning: str
    lowest: float | None
    highest: float | None
    neutral: float | None

    def admits(self, limit: float) -> bool:
        """Whether a limit lies where the metric can be."""
        above = self.lowest is None or limit >= self.lowest
        return above and (self.highest is None or limit <= self.highest)

    @property
    def range_words(self) -> str:
        """The possible values for a message."""
        if self.lowest is not None and self.highest is not None:
            return f"a number from {self.lowest:g} to {self.highest:g}"
        return "a number" if self.lowest is None else f"a number from {self.lowest:g}"


@dataclass(frozen=True)
class Control:
    """One control; its id is the name of its asset check.

    Attributes:
        id: reads true when the control passes.
        title: the control in a few words.
        risk: what can go wrong without it.
        asset: the stage that carries it, such as `evaluation/quality`.
        metric: the metric it judges.
        evidence: what evidences it.
        limitations: what a pass does not tell.
        how_to_pass: what to do next when it did not pass; also the description of its check.
        tasks: the tasks whose models it judges.
        mappings: its counterparts in outside frameworks.
    """

    id: str
    title: str
    risk: str
    asset: str
    metric: str
    evidence: str
    limitations: str
    how_to_pass: str
    tasks: tuple[Task, ...]
    mappings: tuple[Clause, ...]


@dataclass(frozen=True)
class Catalogue:
    """All controls with their metrics and the frameworks they map to, digest-stamped."""

    controls: Mapping[str, Control]
    metrics: Mapping[str, Metric]
    frameworks: Mapping[str, Framework]
    digest: str

    @property
    def stages(self) -> Mapping[str, tuple[Control, ...]]:
        """Asset -> the controls it carries, in the catalogue's order."""
        found: dict[str, tuple[Control, ...]] = {}
        for control in self.controls.values():
            found[control.asset] = (*found.get(control.asset, ()), control)
        return found

    def framework_of(self, clause: Clause) -> Framework:
        """The framework version a mapping refers to."""
        return self.frameworks[clause.framework_key]


@functools.cache
def shipped_catalogue() -> Catalogue:
    """The catalogue this package ships."""
    folder = files("modelrisk.standards")
    return catalogue_from(
        controls=parsed((folder / "controls.yaml").read_bytes(), name="standards/controls.yaml"),
        frameworks=parsed((folder / "frameworks.yaml").read_bytes(), name="standards/frameworks.yaml"),
    )


def catalogue_from(*, controls: Document, frameworks: Document) -> Catalogue:
    """Read a catalogue.

    Raises:
        InvalidDocument: with every fault of both documents.
    """
    faults: list[Fault] = []
    declared: _FrameworksYaml | None = None
    try:
        declared = validated(_FrameworksYaml, frameworks, also=tuple(_framework_faults(frameworks)))
    except InvalidDocument as error:
        faults += error.faults
    try:
        listed = validated(
            _ControlsYaml, controls, also=tuple(_control_faults(controls, frameworks=frameworks))
        )
    except InvalidDocument as error:
        raise InvalidDocument(in_order((*faults, *error.faults))) from error
    if declared is None:
        raise InvalidDocument(in_order(faults))
    return Catalogue(
        controls={
            name: Control(
                id=name,
                title=control.title,
                risk=control.risk,
                asset=control.asset,
                metric=control.metric,
                evidence=control.evidence,
                limitations=control.limitations,
                how_to_pass=control.how_to_pass,
                tasks=control.tasks or tuple(Task),
                mappings=tuple(clause for text in control.mappings if (clause := clause_from(text))),
            )
            for name, control in listed.controls.items()
        },
        metrics={
            name: Metric(name, metric.title, metric.meaning, metric.lowest, metric.highest, metric.neutral)
            for name, metric in listed.metrics.items()
        },
        frameworks={framework.key: framework for framework in _frameworks(declared)},
        digest=digest_of({"controls": controls.data, "frameworks": frameworks.data}),
    )


def clause_from(text: str) -> Clause | None:
    """The mapping written as `framework:clause@version`; None when the text is not one."""
    match = _CLAUSE.fullmatch(text)
    return Clause(**match.groupdict()) if match else None


# --- the YAML's own types ----------------------------------------------------------------------------------

_Sentence = Annotated[str, Says("a sentence", '"..."')]


@dataclass(frozen=True, kw_only=True)
class _ControlYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    title: _Sentence
    risk: _Sentence
    asset: Annotated[str, Says("a stage and a noun", "evaluation/quality")]
    metric: Annotated[str, Says("a metric of this file", "auc")]
    evidence: _Sentence
    limitations: _Sentence
    how_to_pass: _Sentence
    tasks: tuple[Task, ...] = ()
    mappings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _MetricYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    title: _Sentence
    meaning: _Sentence
    lowest: float | None = None
    highest: float | None = None
    neutral: float | None = None


@dataclass(frozen=True, kw_only=True)
class _ControlsYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    schema: Annotated[str, Says(CONTROLS_SCHEMA, CONTROLS_SCHEMA)]
    metrics: Mapping[str, _MetricYaml]
    controls: Mapping[str, _ControlYaml]


@dataclass(frozen=True, kw_only=True)
class _VersionYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    effective_from: datetime.date
    effective_to: datetime.date | None = None
    superseded_by: str | None = None
    source: Source
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class _FrameworkYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    title: _Sentence
    nature: Nature
    versions: Mapping[str, _VersionYaml] = field(default_factory=dict[str, _VersionYaml])


@dataclass(frozen=True, kw_only=True)
class _FrameworksYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    schema: Annotated[str, Says(FRAMEWORKS_SCHEMA, FRAMEWORKS_SCHEMA)]
    frameworks: Mapping[str, _FrameworkYaml]


def _frameworks(declared: _FrameworksYaml) -> Iterator[Framework]:
    for name, framework in declared.frameworks.items():
        for version, dates in framework.versions.items():
            yield Framework(
                id=name,
                version=version,
                title=framework.title,
                nature=framework.nature,
                effective_from=dates.effective_from,
                effective_to=dates.effective_to,
                superseded_by=dates.superseded_by,
                source=dates.source,
                note=dates.note,
            )


def schema_faults(document: Document, schema: str) -> Iterator[Fault]:
    """The fault of a document that is of another kind, or of a version this release does not know."""
    found = document.at("schema")
    if isinstance(found, str) and found != schema:
        yield document.fault(
            "schema",
            found=shown(found),
            expected=schema,
            remedy=f"Write `schema: {schema}`, or use the release that wrote this file",
        )


def _declared_versions(frameworks: Document) -> list[str]:
    listed = frameworks.at("frameworks")
    return [
        f"{name}@{version}"
        for name in (listed if isinstance(listed, Mapping) else ())
        for version in _keys(frameworks, "frameworks", name, "versions")
    ]


def _keys(document: Document, *path: str) -> list[str]:
    value = document.at(*path)
    return list(value) if isinstance(value, Mapping) else []


def _framework_faults(document: Document) -> Iterator[Fault]:
    yield from schema_faults(document, FRAMEWORKS_SCHEMA)
    known = _declared_versions(document)
    for name in _keys(document, "frameworks"):
        for version in _keys(document, "frameworks", name, "versions"):
            path = ("frameworks", name, "versions", version)
            successor = document.at(*path, "superseded_by")
            if isinstance(successor, str) and successor not in known:
                yield document.fault(
                    *path,
                    "superseded_by",
                    found=shown(successor),
                    expected="a framework version of this file",
                    remedy=suggestion(successor, known, otherwise="Declare it"),
                )
            first, last = document.at(*path, "effective_from"), document.at(*path, "effective_to")
            if isinstance(first, str) and isinstance(last, str) and last < first:
                yield document.fault(
                    *path,
                    "effective_to",
                    found=f"{last}, before it began",
                    expected=f"a day after {first}",
                    remedy="Mend the dates",
                )


def _control_faults(document: Document, *, frameworks: Document) -> Iterator[Fault]:
    yield from schema_faults(document, CONTROLS_SCHEMA)
    metrics = _keys(document, "metrics")
    known = _declared_versions(frameworks)
    for name in _keys(document, "controls"):
        path = ("controls", name)
        if not _CONTROL.fullmatch(name):
            yield document.fault(
                *path,
                found=f"the name {shown(name)}",
                expected="lower-case words joined by underscores",
                remedy="Write a name that reads true when the control passes",
            )
        asset, metric = document.at(*path, "asset"), document.at(*path, "metric")
        if isinstance(asset, str) and not _ASSET.fullmatch(asset):
            yield document.fault(
                *path,
                "asset",
                found=shown(asset),
                expected="stage/noun",
                remedy="Write the asset that carries the control, such as evaluation/quality",
            )
        if isinstance(metric, str) and metric not in metrics:
            yield document.fault(
                *path,
                "metric",
                found=f"the unknown metric {shown(metric)}",
                expected=one_of(metrics) if metrics else "a metric of this file",
                remedy=suggestion(metric, metrics, otherwise="Declare it under `metrics`"),
            )
        yield from _mapping_faults(document, name, known)


def _mapping_faults(document: Document, control: str, known: list[str]) -> Iterator[Fault]:
    listed = document.at("controls", control, "mappings")
    for position, text in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(text, str):
            continue
        clause = clause_from(text)
        if clause is None:
            yield document.fault(
                "controls",
                control,
                "mappings",
                position,
                found=shown(text),
                expected="framework:ID@version",
                remedy="Write a mapping such as nist-ai-rmf:MEASURE-2.11@1.0",
            )
        elif clause.framework_key not in known:
            yield document.fault(
                "controls",
                control,
                "mappings",
                position,
                found=f"the undeclared framework {clause.framework_key}",
                expected="a framework version of frameworks.yaml",
                remedy=suggestion(clause.framework_key, known, otherwise="Declare it in frameworks.yaml"),
            )
