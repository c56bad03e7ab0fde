"""Policy as YAML: the shipped default, a directory's own document over it, and everything wrong with both.

Merge rules: mappings merge key by key; a scalar or a list replaces what stood there (so `tiers: [1]` of a
rule is the whole list, and `tier_table` is replaced as a whole); `null` removes the key (so
`auc_above_floor: null` drops the rule). The merged document is validated as one and stamped with one digest;
every value remembers the file and line it came from.

What does not belong here: what a policy asks of a model (`modelrisk.policy`), reading files
(`resources.governance`).
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, ClassVar

from modelrisk.catalogue import Catalogue, schema_faults, shipped_catalogue
from modelrisk.errors import Fault
from modelrisk.evidence import digest_of
from modelrisk.intake import SCALES, Affects, Automation, Exposure, Fact, Materiality
from modelrisk.policy import (
    Audience,
    Direction,
    News,
    OnInconclusive,
    Policy,
    Promotion,
    Rule,
    Scope,
    TierSettings,
)
from modelrisk.tiering import TierRow
from modelrisk.yaml_contracts import Says, validated
from modelrisk.yaml_documents import Document, Merged, Place, Yaml, merged, one_of, parsed, suggestion

SCHEMA = "model-risk/policy@1"


@functools.cache
def shipped_policy_document() -> Document:
    """The default policy this package ships, as a document to lay others over."""
    text = (files("modelrisk.policies") / "default.yaml").read_bytes()
    return parsed(text, name="policies/default.yaml")


@functools.cache
def shipped_policy() -> Policy:
    """The default policy as it stands."""
    return policy_from(None, name="policy.yaml", catalogue=shipped_catalogue())


def policy_from(text: str | bytes | None, *, name: str, catalogue: Catalogue) -> Policy:
    """The policy of a governance directory: its own document laid over the shipped default.

    Args:
        text: the directory's `policy.yaml`; None when it has none, which leaves the default.
        name: its name for messages.
        catalogue: names of controls and metrics are checked against it.

    Raises:
        InvalidDocument: with every fault of the merged policy.
    """
    base = shipped_policy_document()
    laid = Merged(base, ()) if text is None else merged(base, parsed(text, name=name))
    document = laid.document
    read = validated(_PolicyYaml, document, also=(*laid.faults, *_policy_faults(document, catalogue)))
    return Policy(
        tier_table=tuple(
            TierRow(row.tier, row.at_least.named, row.because, _place(document, "tier_table", position))
            for position, row in enumerate(read.tier_table)
        ),
        tiers={
            number: TierSettings(
                on_inconclusive=settings.on_inconclusive,
                promotion=settings.promotion,
                review_every=settings.review_every,
                place=_place(document, "tiers", str(number)),
            )
            for number, settings in sorted(read.tiers.items())
        },
        rules={name: _rule(name, rule, document) for name, rule in read.rules.items()},
        digest=digest_of({key: value for key, value in document.data.items() if key != "notify"}),
        audiences=tuple(
            Audience(name, audience.url.strip(), audience.about, audience.owners)
            for name, audience in read.notify.items()
        ),
        names=tuple(dict.fromkeys((base.name, document.name))),
    )


def _rule(control: str, rule: "_RuleYaml", document: Document) -> Rule:
    path = ("rules", control)
    declared = rule.on_inconclusive
    if declared is None:
        overrides: Mapping[int, OnInconclusive] = {}
    elif isinstance(declared, OnInconclusive):
        overrides = dict.fromkeys(rule.tiers, declared)
    else:
        overrides = declared
    return Rule(
        control=control,
        metric=rule.metric,
        floor=rule.floor,
        ceiling=rule.ceiling,
        confidence=rule.confidence,
        minimum_rows=rule.minimum_rows,
        minimum_events=rule.minimum_events,
        tiers=rule.tiers,
        on_inconclusive=overrides,
        scope=rule.scope,
        direction=rule.direction,
        sources=_sources(document, *path),
    )


def _sources(document: Document, *path: str) -> tuple[Place, ...]:
    """One line a file that has a say in the rule, the default first: where its first key stands there."""
    first: dict[str, Place] = {}
    for known, place in document.places.items():
        if known[:-1] == path and (place.file not in first or place.line < first[place.file].line):
            first[place.file] = place
    return tuple(sorted(first.values(), key=lambda place: place.file == document.name))


def _place(document: Document, *path: str | int) -> Place:
    place = document.place(*path)
    return Place(document.name, 1) if place is None else place


# --- the YAML's own types ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _AtLeastYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    materiality: Materiality | None = None
    affects: Affects | None = None
    automation: Automation | None = None
    exposure: Exposure | None = None

    @property
    def named(self) -> Mapping[str, Fact]:
        facts = ((name, getattr(self, name)) for name in SCALES)
        return {name: level for name, level in facts if level is not None}


@dataclass(frozen=True, kw_only=True)
class _RowYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    tier: int
    at_least: Annotated[_AtLeastYaml, Says("a mapping of facts to levels, `{}` for none", "{}")]
    because: Annotated[str, Says("the reason, for people", '"..."')]


@dataclass(frozen=True, kw_only=True)
class _TierYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    on_inconclusive: OnInconclusive
    promotion: Promotion
    review_every: Annotated[int, Says("a whole number of days", "90")]


@dataclass(frozen=True, kw_only=True)
class _RuleYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    metric: str
    floor: float | None = None
    ceiling: float | None = None
    direction: Direction | None = None
    confidence: float = 0.95
    minimum_rows: int = 0
    minimum_events: float = 0.0
    tiers: Annotated[tuple[int, ...], Says("a list of tiers", "[1, 2, 3]")]
    on_inconclusive: OnInconclusive | Mapping[int, OnInconclusive] | None = None
    scope: Scope = Scope.ALL_ROWS


@dataclass(frozen=True, kw_only=True)
class _AudienceYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    url: Annotated[str, Says("`env:NAME` or an Apprise URL", "env:RISK_CHANNEL")]
    about: tuple[News, ...] = tuple(News)
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _PolicyYaml:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    schema: Annotated[str, Says(SCHEMA, SCHEMA)]
    tier_table: tuple[_RowYaml, ...]
    tiers: Mapping[int, _TierYaml]
    rules: Mapping[str, _RuleYaml] = field(default_factory=dict[str, _RuleYaml])
    notify: Mapping[str, _AudienceYaml] = field(default_factory=dict[str, _AudienceYaml])


# --- contradictions ----------------------------------------------------------------------------------------


def _policy_faults(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    """What the types cannot say; bears values of any type, since it runs beside the type check."""
    yield from schema_faults(document, SCHEMA)
    yield from _table_faults(document)
    yield from _tier_faults(document)
    yield from _emptiness_faults(document)
    yield from _audience_faults(document)
    for control in _keys(document.at("rules")):
        yield from _name_faults(document, control, catalogue)
        yield from _limit_faults(document, control, catalogue)
        yield from _tiers_of_rule_faults(document, control)


def _table_faults(document: Document) -> Iterator[Fault]:
    table = document.at("tier_table")
    if not isinstance(table, list):
        return
    declared = _keys(document.at("tiers"))
    if not table:
        yield document.fault(
            "tier_table",
            found="no rows",
            expected="at least one row, the last with `at_least: {}`",
            remedy="Write a last row such as `{tier: 3, at_least: {}, because: everything else}`",
        )
    before = 0
    for position in range(len(table)):
        tier, at_least = (
            document.at("tier_table", position, "tier"),
            document.at("tier_table", position, "at_least"),
        )
        if isinstance(tier, int):
            if str(tier) not in declared:
                yield document.fault(
                    "tier_table",
                    position,
                    "tier",
                    found=f"tier {tier}",
                    expected=f"{one_of(declared)}, as `tiers` has them" if declared else "a tier of `tiers`",
                    remedy="Write one of them, or describe the tier under `tiers`",
                )
            if tier < before:
                yield document.fault(
                    "tier_table",
                    position,
                    "tier",
                    found=f"tier {tier} below a row of tier {before}",
                    expected="the most severe tier first (1 is the most severe)",
                    remedy="Move the row up",
                )
            before = max(before, tier)
        is_last = position == len(table) - 1
        unconditional = isinstance(at_least, Mapping) and all(level is None for level in at_least.values())
        if is_last and isinstance(at_least, Mapping) and not unconditional:
            yield document.fault(
                "tier_table",
                position,
                found="a last row with conditions, so that some models would have no tier",
                expected="a last row with `at_least: {}`",
                remedy="Add a row such as `{tier: 3, at_least: {}, because: everything else}`",
            )
        if unconditional and not is_last:
            yield document.fault(
                "tier_table",
                position,
                found="a row that applies to every model, with rows below it",
                expected="`at_least: {}` in the last row only",
                remedy="Give the row a condition or move it to the end",
            )


def _tier_faults(document: Document) -> Iterator[Fault]:
    tiers = document.at("tiers")
    if isinstance(tiers, Mapping) and not tiers:
        yield document.fault("tiers", found="no tiers", expected="at least one", remedy="Describe each tier")
    for tier in _keys(tiers):
        if tier.isdecimal() and int(tier) < 1:
            yield document.fault(
                "tiers", tier, found=f"tier {tier}", expected="1 or more", remedy="Number the tiers from 1"
            )
        days = document.at("tiers", tier, "review_every")
        if isinstance(days, int) and not isinstance(days, bool) and days < 1:
            yield document.fault(
                "tiers",
                tier,
                "review_every",
                found=f"{days} days",
                expected="1 day or more",
                remedy="Write after how many days a decision is due for review",
            )


def _emptiness_faults(document: Document) -> Iterator[Fault]:
    """A tier that nothing is required of would release everything."""
    rules = document.at("rules")
    if rules is None or (isinstance(rules, Mapping) and not rules):
        yield document.fault(
            "rules",
            found="no rules, so that every model would be releasable",
            expected="at least one rule for each tier",
            remedy="Write the rules, or leave `rules` out to keep the default",
        )
        return
    required = {
        str(tier)
        for control in _keys(rules)
        if _number(document, control, "floor") is not None
        or _number(document, control, "ceiling") is not None
        for tier in _items(document.at("rules", control, "tiers"))
    }
    for tier in _keys(document.at("tiers")):
        if tier.isdecimal() and int(tier) >= 1 and tier not in required:
            yield document.fault(
                "tiers",
                tier,
                found="no rule with a limit for this tier, so that every model of it would be releasable",
                expected="at least one",
                remedy=f"Add {tier} to the `tiers` of the rules it should meet",
            )


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/?#\s]*)\S*")


def _audience_faults(document: Document) -> Iterator[Fault]:
    """Addresses that cannot be one, and secrets in a file that is committed. No address is repeated."""
    for name in _keys(document.at("notify")):
        url = document.at("notify", name, "url")
        if not isinstance(url, str):
            continue
        variable = url.strip().removeprefix("env:")
        is_literal = variable == url.strip()
        parts = _URL.fullmatch(url.strip())
        if not is_literal and not _VARIABLE.fullmatch(variable):
            yield document.fault(
                "notify",
                name,
                "url",
                found="`env:` without the name of a variable",
                expected="`env:NAME`, such as env:RISK_CHANNEL",
                remedy="Write the name of the environment variable that holds the address",
            )
        elif is_literal and parts is None:
            yield document.fault(
                "notify",
                name,
                "url",
                found="something that is no address",
                expected="`env:NAME`, or an Apprise URL such as json://alerts.example.com/hook",
                remedy="Put the address into an environment variable and write `url: env:NAME`",
            )
        elif parts is not None and ":" in parts["authority"].rpartition("@")[0]:
            yield document.fault(
                "notify",
                name,
                "url",
                found="an address with a password in it",
                expected="no secret in a file that is kept in version control",
                remedy="Put the address into an environment variable and write `url: env:NAME`",
            )


def _name_faults(document: Document, control: str, catalogue: Catalogue) -> Iterator[Fault]:
    metric = document.at("rules", control, "metric")
    known = catalogue.controls.get(control)
    if known is None:
        yield document.fault(
            "rules",
            control,
            found="an unknown control",
            expected="a control of the catalogue",
            remedy=suggestion(control, catalogue.controls, otherwise=f"Write {one_of(catalogue.controls)}"),
        )
    elif isinstance(metric, str) and metric in catalogue.metrics and metric != known.metric:
        yield document.fault(
            "rules",
            control,
            "metric",
            found=f"the metric {metric}",
            expected=f"{known.metric}, which this control judges",
            remedy=f"Write `metric: {known.metric}`, or set a limit on the control of {metric}",
        )
    if isinstance(metric, str) and metric not in catalogue.metrics:
        yield document.fault(
            "rules",
            control,
            "metric",
            found=f"the unknown metric {metric!r}",
            expected="a metric of the catalogue" if known is None else known.metric,
            remedy=suggestion(metric, catalogue.metrics, otherwise=f"Write {one_of(catalogue.metrics)}"),
        )


def _limit_faults(document: Document, control: str, catalogue: Catalogue) -> Iterator[Fault]:
    path = ("rules", control)
    rule = document.at(*path)
    if not isinstance(rule, Mapping):
        return
    floor, ceiling = _number(document, control, "floor"), _number(document, control, "ceiling")
    metric = catalogue.metrics.get(str(rule.get("metric")))
    for key, limit in (("floor", floor), ("ceiling", ceiling)):
        if metric is not None and limit is not None and not metric.admits(limit):
            yield document.fault(
                *path,
                key,
                found=document.shown(*path, key),
                expected=f"{metric.range_words}, where {metric.name} can be",
                remedy="Write a limit that can be met and missed",
            )
    if floor is not None and ceiling is not None and floor > ceiling:
        yield document.fault(
            *path,
            "floor",
            found=f"a floor of {floor:g} above the ceiling of {ceiling:g}",
            expected="a floor that is not above the ceiling",
            remedy="Exchange them or mend the numbers",
        )
    yield from _direction_faults(document, control, floor=floor, ceiling=ceiling)
    confidence = _number(document, control, "confidence")
    if confidence is not None and not 0.5 < confidence < 1.0:
        yield document.fault(
            *path,
            "confidence",
            found=document.shown(*path, "confidence"),
            expected="above 0.5 and below 1",
            remedy="Write the confidence of one bound, such as 0.95",
        )
    for key in ("minimum_rows", "minimum_events"):
        minimum = _number(document, control, key)
        if minimum is not None and minimum < 0:
            yield document.fault(
                *path, key, found=f"{minimum:g}", expected="0 or more", remedy="Write how many are needed"
            )


def _direction_faults(
    document: Document, control: str, *, floor: float | None, ceiling: float | None
) -> Iterator[Fault]:
    path = ("rules", control)
    direction = document.at(*path, "direction")
    unreadable = any(
        document.at(*path, key) is not None and _number(document, control, key) is None
        for key in ("floor", "ceiling")
    )
    if unreadable:
        return
    if floor is None and ceiling is None:
        if direction is None:
            yield document.fault(
                *path,
                found="neither a floor nor a ceiling",
                expected="a limit, or `direction` for a rule that waits for a model's own threshold",
                remedy=f"Write `floor:`, `ceiling:`, or `direction:` with {one_of(Direction)}",
            )
        return
    implied = Direction.WITHIN if floor is not None and ceiling is not None else Direction.FLOOR
    if floor is None:
        implied = Direction.CEILING
    if isinstance(direction, str) and direction in set(Direction) and direction != implied:
        yield document.fault(
            *path,
            "direction",
            found=f"`{direction}` beside limits that mean `{implied}`",
            expected=f"`{implied}` or no direction",
            remedy="Remove the line, or mend the limits",
        )


def _tiers_of_rule_faults(document: Document, control: str) -> Iterator[Fault]:
    path = ("rules", control)
    declared = _keys(document.at("tiers"))
    listed = document.at(*path, "tiers")
    if isinstance(listed, list) and not listed:
        yield document.fault(
            *path,
            "tiers",
            found="no tiers",
            expected="at least one tier",
            remedy=f"List the tiers, or remove the rule with `{control}: null`",
        )
    for position, tier in enumerate(_items(listed)):
        if isinstance(tier, int) and declared and str(tier) not in declared:
            yield document.fault(
                *path,
                "tiers",
                position,
                found=f"tier {tier}",
                expected=f"{one_of(declared)}, as `tiers` has them",
                remedy="Write one of them",
            )
    for tier in _keys(document.at(*path, "on_inconclusive")):
        if declared and tier not in declared:
            yield document.fault(
                *path,
                "on_inconclusive",
                tier,
                found=f"tier {tier}",
                expected=f"{one_of(declared)}, as `tiers` has them",
                remedy="Write one of them",
            )


def _number(document: Document, control: str, key: str) -> float | None:
    value = document.at("rules", control, key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _items(value: Yaml) -> list[Yaml]:
    return value if isinstance(value, list) else []


def _keys(value: Yaml) -> list[str]:
    return list(value) if isinstance(value, Mapping) else []
