"""A decision, printed: for machines, for a build server, for a pull request and for a terminal.

Every form is a pure function of the `DecisionRecord`, so no two can disagree; the number of red test cases,
the words on the pull request and the exit code all come from the same verdicts.

What does not belong here: deciding (`modelrisk.decisions`), the model card (`modelrisk.documents.card`),
colours and widths of a terminal (the command line).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TypeAlias, cast
from xml.etree import ElementTree

from modelrisk.decisions import ControlResult, DecisionRecord, Kind, Outcome, binding_estimate
from modelrisk.documents import text
from modelrisk.estimates import Estimate
from modelrisk.verdicts import Verdict

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

NOT_A_DECISION = "Preview: not a decision. Nothing was signed and nothing can be released."

_OUTCOME_WORDS = {Outcome.RELEASABLE: "✓ Releasable", Outcome.REFUSED: "✗ Refused"}
_SETTLED = (Verdict.PASSED, Verdict.NOT_APPLICABLE)


@dataclass(frozen=True)
class GateRow:
    """One control for a table: plain text, one line each, nothing hidden in it, not escaped for any markup.

    Attributes:
        control: the control's id.
        title: the control in a few words.
        stage: the asset that carries it.
        verdict: its verdict.
        blocks: whether it refuses the release.
        words: the verdict with its mark, `✗ failed`.
        measured: the estimate that binds, with its interval and the rows it is about.
        limit: what was demanded of it.
        margin: how far from the limit.
        remedy: what to do next; empty when there is nothing to do.
    """

    control: str
    title: str
    stage: str
    verdict: Verdict
    blocks: bool
    words: str
    measured: str
    limit: str
    margin: str
    remedy: str


def as_rows(record: DecisionRecord) -> tuple[GateRow, ...]:
    """The controls as rows of a table: what blocks first, otherwise in the record's order."""
    blocking_first = sorted(record.controls, key=lambda control: not control.blocks)
    return tuple(gate_row(control) for control in blocking_first)


def gate_row(control: ControlResult) -> GateRow:
    """One control as a row."""
    rule = control.rule
    settled = control.verdict in _SETTLED
    return GateRow(
        control=text.visible(control.id),
        title=text.visible(control.title),
        stage=text.visible(control.asset),
        verdict=control.verdict,
        blocks=control.blocks,
        words=text.verdict_words(control.verdict, blocks=control.blocks),
        measured=_measured(control),
        limit=text.NOTHING if rule is None else text.limit_words(rule.metric, rule.floor, rule.ceiling),
        margin=text.NOTHING if rule is None else text.margin_words(rule.metric, control.margin),
        remedy="" if settled else text.visible(control.remedy),
    )


def next_step(record: DecisionRecord) -> str:
    """Who does what next: the first finding's owner and action; empty when nothing is owed."""
    return "" if not record.findings else f"{record.findings[0].owner}: {record.findings[0].next_action}"


def outcome_words(record: DecisionRecord) -> str:
    """`✗ Refused`, or what a preview would say."""
    words = _OUTCOME_WORDS[record.verdict]
    return f"{words} (preview)" if record.kind is Kind.PREVIEW else words


def headline_words(record: DecisionRecord) -> str:
    """The headline without the outcome in front, for where the outcome already stands above it."""
    prefix = f"{record.verdict.value}: "
    if record.headline[: len(prefix)].lower() != prefix:
        return record.headline
    rest = record.headline[len(prefix) :]
    return rest[:1].upper() + rest[1:]


# --- JSON ------------------------------------------------------------------------------------------------


def as_json(record: DecisionRecord, digest: str | None) -> str:
    """The record with its digest, indented, in plain ASCII.

    Args:
        record: the decision.
        digest: digest of the signed record; None for a preview, which is not signed.
    """
    # The printed estimates carry their two-sided coverage too, so this is a view of the signed bytes.
    document = {"digest": digest, **cast("dict[str, Json]", _plain(record))}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def estimate_json(estimate: Estimate) -> dict[str, Json]:
    """One estimate as it is printed; an unbounded end or a value that is not finite is null."""
    document: dict[str, Json] = {
        "metric": estimate.metric,
        "cohort": dict(estimate.cohort),
        "value": _finite(estimate.value),
        "low": _finite(estimate.low),
        "high": _finite(estimate.high),
        "confidence": estimate.confidence,
        "coverage": estimate.coverage,
        "n": estimate.n,
        "method": estimate.method,
        "inputs": {name: _finite(value) for name, value in estimate.inputs.items()},
        "seed": estimate.seed,
        "problem": estimate.problem,
    }
    if estimate.group is not None or estimate.reference is not None:
        document |= {"group": estimate.group, "reference": estimate.reference}
    if estimate.outcome is not None:
        document["outcome"] = estimate.outcome
    return document


def _plain(value: object) -> Json:
    match value:
        case Estimate():
            return cast("Json", estimate_json(value))
        case float():
            return _finite(value)
        case None | str() | int():
            return value.value if isinstance(value, Enum) else value
        case Mapping():
            return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
        case Sequence():
            return [_plain(item) for item in cast("Sequence[object]", value)]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)}
        case _:
            raise TypeError(f"a {type(value).__name__} in a decision record")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


# --- JUnit -----------------------------------------------------------------------------------------------


def as_junit(record: DecisionRecord) -> str:
    """The decision for a build server: a suite for each stage, a test case for each control.

    Failed, and inconclusive where that blocks, are failures; not evaluable is an error; a finding, a waiver
    and what does not apply are skipped, with the reason. A refusal always has something red in it.
    """
    root = ElementTree.Element("testsuites", name=f"model-risk {text.visible(record.model)}")
    for stage in dict.fromkeys(control.asset for control in record.controls):
        suite = _suite(root, record, text.visible(stage))
        for control in record.controls:
            if control.asset == stage:
                _test_case(suite, record, control)
    if record.verdict is Outcome.REFUSED and not any(_is_red(control) for control in record.controls):
        suite = _suite(root, record, "decision")
        case = _case(suite, record, "decision", "releasable")
        kind = "error" if record.not_evaluated else "failure"
        _outcome(case, kind, record.verdict.value, record.headline, "\n".join(record.not_evaluated))
    for suite in root:
        _count(suite, [suite])
    _count(root, list(root))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suite(root: ElementTree.Element, record: DecisionRecord, stage: str) -> ElementTree.Element:
    instant = text.visible(record.decided_at[:19])  # the format has no room for a time zone; ours is UTC
    suite = ElementTree.SubElement(root, "testsuite", name=stage, timestamp=instant)
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "model": record.model,
        "kind": record.kind.value,
        "verdict": record.verdict.value,
        "tier": str(record.tier),
        "headline": record.headline,
        "record": record.id,
    }
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=text.visible(value))
    return suite


def _test_case(suite: ElementTree.Element, record: DecisionRecord, control: ControlResult) -> None:
    case = _case(suite, record, control.asset, control.id)
    detail = "\n".join(
        line
        for line in (
            control.title,
            f"Required because: {'; '.join(control.why_required)}" if control.why_required else "",
            f"What to do: {control.remedy}" if control.remedy and control.verdict not in _SETTLED else "",
        )
        if line
    )
    if control.verdict is Verdict.NOT_EVALUABLE:
        _outcome(case, "error", control.verdict.value, control.reason, detail)
    elif _is_red(control):
        _outcome(case, "failure", control.verdict.value, control.reason, detail)
    elif control.verdict is not Verdict.PASSED:
        words = text.verdict_words(control.verdict, blocks=control.blocks)[2:]
        ElementTree.SubElement(case, "skipped", message=f"{words}: {text.visible(control.reason)}")


def _case(suite: ElementTree.Element, record: DecisionRecord, stage: str, name: str) -> ElementTree.Element:
    classname = f"{text.visible(record.model)}.{text.visible(stage).replace('/', '.')}"
    return ElementTree.SubElement(suite, "testcase", classname=classname, name=text.visible(name), time="0")


def _outcome(case: ElementTree.Element, tag: str, kind: str, message: str, detail: str) -> None:
    outcome = ElementTree.SubElement(case, tag, type=kind, message=text.visible(message))
    outcome.text = text.visible_lines(f"{message}\n{detail}".strip())


def _is_red(control: ControlResult) -> bool:
    return control.verdict in (Verdict.FAILED, Verdict.NOT_EVALUABLE) or control.blocks


def _count(element: ElementTree.Element, suites: Sequence[ElementTree.Element]) -> None:
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for name, tag in counted.items():
        element.set(name, str(sum(1 for suite in suites for _ in suite.iter(tag))))


# --- Markdown --------------------------------------------------------------------------------------------


def as_markdown(record: DecisionRecord) -> str:
    """The decision as a comment on a pull request and as the asset's report; no HTML, which Dagster drops."""
    safe = text.for_markdown
    title = safe(record.title) or safe(record.version.name)
    parts = [f"### {outcome_words(record)}: {title} ({text.code_for_markdown(record.model)})"]
    if record.kind is Kind.PREVIEW:
        parts.append(f"> *Preview: **not a decision**. {NOT_A_DECISION.partition('. ')[2]}*")
    parts.append(f"**{safe(headline_words(record))}**")
    if record.not_evaluated:
        unread = "\n".join(f"- {safe(line)}" for line in record.not_evaluated)
        parts.append(f"Could not be evaluated:\n\n{unread}")
    parts.append(_gates(record))
    parts.append(_findings(record))
    when = safe(text.instant_words(record.decided_at))
    facts = [
        f"Tier {record.tier}",
        f"owner {safe(record.owner) or text.NOT_PROVIDED}",
        safe(record.champion),
        f"{record.kind.value} of {when} by {safe(record.actor.kind)} {safe(record.actor.name)}",
    ]
    parts.append(" · ".join(fact for fact in facts if fact))
    return "\n\n".join(part for part in parts if part) + "\n"


def _gates(record: DecisionRecord) -> str:
    if not record.controls:
        return "No gate was reached."
    rows = [
        (
            text.code_for_markdown(row.control),
            f"**{row.words}**" if row.blocks else row.words,
            text.for_markdown(row.measured),
            text.for_markdown(row.limit),
            text.for_markdown(row.margin),
            text.for_markdown(row.remedy),
        )
        for row in as_rows(record)
        if row.verdict is not Verdict.NOT_APPLICABLE
    ]
    table = text.markdown_table(("gate", "verdict", "measured", "limit", "margin", "what to do"), rows)
    others = [
        text.code_for_markdown(control.id)
        for control in record.controls
        if control.verdict is Verdict.NOT_APPLICABLE
    ]
    return "\n\n".join((table, *([f"Not applicable: {', '.join(others)}"] if others else [])))


def _findings(record: DecisionRecord) -> str:
    if not record.findings:
        return ""
    lines: list[str] = []
    for finding in record.findings:
        blocks = ", **blocks the release**" if finding.blocks else ""
        owner = text.for_markdown(finding.owner) or text.NOT_PROVIDED
        lines.append(
            f"- {text.code_for_markdown(finding.control)} {text.VERDICT_WORDS[finding.verdict]}{blocks}: "
            f"{text.for_markdown(finding.message)}\n  - **{owner}**: {text.for_markdown(finding.next_action)}"
        )
    return "**Findings**\n\n" + "\n".join(lines)


# --- what was measured -----------------------------------------------------------------------------------


def _measured(control: ControlResult) -> str:
    estimate = binding_estimate(control)
    if estimate is None:
        return text.NOTHING
    rule = control.rule
    words = text.measured(estimate, limits=() if rule is None else (rule.floor, rule.ceiling))
    where = "" if text.is_about_all_rows(estimate) else f", {text.rows_words(estimate)}"
    others = f" (worst of {len(control.estimates)})" if len(control.estimates) > 1 else ""
    return f"{words}{where}{others}"
