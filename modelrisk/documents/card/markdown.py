"""The model card as Markdown: for the asset's page, a repository's README and a diff.

It opens with the metadata block that model hubs read (tags, library, results with their intervals). Whatever
people wrote is shown as plain text: Markdown has no wall between words and markup, so none of theirs is kept.

What does not belong here: what the card says (`modelrisk.documents.card.model_card`).
"""

import re
from collections.abc import Iterable, Sequence

from modelrisk.documents import text
from modelrisk.documents.card.classes import ClassRow
from modelrisk.documents.card.facts import Fact
from modelrisk.documents.card.figures import Line
from modelrisk.documents.card.groups import Panel
from modelrisk.documents.card.history import blocked_words
from modelrisk.documents.card.model_card import ModelCard
from modelrisk.documents.decision_report import NOT_A_DECISION, headline_words, outcome_words
from modelrisk.documents.pages import amount
from modelrisk.estimates import Estimate
from modelrisk.intake import Task

_HUB_METRICS = {
    "auc": "roc_auc",
    "accuracy": "accuracy",
    "precision": "precision",
    "true_positive_rate": "recall",
    "brier": "brier_score",
    "mae": "mae",
    "rmse": "rmse",
    "r_squared": "r_squared",
}
_HUB_LIBRARIES = {"sklearn": "sklearn", "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost"}
_ABSENT = f"*{text.NOT_PROVIDED}*"


def as_markdown(card: ModelCard) -> str:
    """The card as one Markdown document with its metadata block."""
    return f"---\n{front_matter(card)}---\n\n{body(card)}"


def without_metadata(markdown: str) -> str:
    """The body of a card written earlier."""
    return re.sub(r"\A---\n.*?\n---\n+", "", markdown, count=1, flags=re.DOTALL)


def front_matter(card: ModelCard) -> str:
    """The metadata block as YAML, without its fences; a license nobody stated is left out."""
    import yaml

    known = [_HUB_LIBRARIES[flavour] for flavour in card.libraries if flavour in _HUB_LIBRARIES]
    state = "preview" if card.is_preview else card.record.verdict.value
    metadata: dict[str, object] = {"model_name": text.visible(card.name)}
    if card.license:
        metadata["license"] = text.visible(card.license)
    if known:
        metadata["library_name"] = known[0]
    metadata["pipeline_tag"] = task = _hub_task(card)
    metadata["tags"] = ["model-risk", f"tier-{card.record.tier}", state]
    metrics = [_hub_metric(line.estimate) for line in card.performance if line.estimate.is_evaluable]
    if metrics:
        metadata["metrics"] = [metric["type"] for metric in metrics]
        metadata["model-index"] = [
            {
                "name": text.visible(card.record.model),
                "results": [{"task": {"type": task}, "dataset": _hub_dataset(card), "metrics": metrics}],
            }
        ]
    return yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)


def body(card: ModelCard) -> str:
    """The card without its metadata block, for a page that shows Markdown."""
    sections = (
        _decision(card),
        _section("Findings", _findings(card)),
        _section("Intended use", _use(card), _tables(card, "use")),
        _section(
            f"Tier {card.record.tier}",
            _bullets(card.record.tier_reasons),
            f"### Where it is used\n\n{_facts(card.setting)}",
        ),
        _section("Data", _data(card)),
        _section(
            "Performance",
            _lines(card.performance, "metric"),
            _methods(card),
            _classes(card),
            _confusion(card),
            _errors(card),
            _tables(card, "performance"),
        ),
        _section("Performance by cohort", _cohorts(card)),
        _section("Fairness", _panels(card.fairness) or "No groups were compared.", _tables(card, "fairness")),
        _section(
            "Calibration", _lines(card.calibration, "metric"), _curve(card), _tables(card, "calibration")
        ),
        _section(
            "Comparison with the champion",
            text.for_markdown(card.record.champion) or _ABSENT,
            _lines(card.comparison, "metric") if card.comparison else "",
            _tables(card, "champion"),
        ),
        _section("Gates", _gates(card)),
        _section("Limitations", _limitations(card)),
        _section("Lineage", _lineage(card), _tables(card, "lineage")),
        _section("Version history", _history(card)),
        _section("Provenance", _provenance(card)),
        _section("What this does not tell you", _bullets(card.not_told)),
    )
    return "\n\n".join(sections) + "\n"


# --- the metadata block ----------------------------------------------------------------------------------


def _hub_task(card: ModelCard) -> str:
    return "tabular-regression" if card.task is Task.REGRESSION else "tabular-classification"


def _hub_metric(estimate: Estimate) -> dict[str, object]:
    return {
        "type": _HUB_METRICS.get(estimate.metric, text.visible(estimate.metric)),
        "name": text.metric_words(estimate.metric),
        "value": estimate.value,
        "args": {
            "low": estimate.low,
            "high": estimate.high,
            "confidence": estimate.confidence,
            "n": estimate.n,
        },
    }


def _hub_dataset(card: ModelCard) -> dict[str, object]:
    source = next((fact.value for fact in card.evaluation if fact.name == "Source"), None)
    name = re.split(r"[\\/]", source)[-1] if source else "evaluation data"
    dataset: dict[str, object] = {"type": "tabular", "name": text.visible(name)}
    if card.record.bound.evaluation:
        dataset["revision"] = card.record.bound.evaluation
    return dataset


# --- sections --------------------------------------------------------------------------------------------


def _decision(card: ModelCard) -> str:
    record = card.record
    safe = text.for_markdown
    parts = [f"# {safe(card.title)} ({text.code_for_markdown(record.model)})"]
    if card.is_preview:
        parts.append(f"> *{NOT_A_DECISION}*")
    parts.append(f"## {outcome_words(record)}")
    parts.append(f"**{safe(headline_words(record))}**" if record.headline.strip() else "")
    parts.append(_bullets(record.not_evaluated) if record.not_evaluated else "")
    facts = (
        f"Tier {record.tier} of 3",
        safe(text.instant_words(record.decided_at)),
        f"{safe(record.actor.kind)} {safe(record.actor.name)}",
        f"owner {safe(record.owner) or _ABSENT}",
    )
    parts.append(" · ".join(facts))
    return "\n\n".join(part for part in parts if part)


def _findings(card: ModelCard) -> str:
    if not card.record.findings:
        return "No findings."
    rows = [
        (
            text.code_for_markdown(finding.control),
            text.VERDICT_WORDS[finding.verdict] + (", **blocks the release**" if finding.blocks else ""),
            text.for_markdown(finding.message),
            text.for_markdown(finding.owner) or _ABSENT,
            text.for_markdown(finding.next_action),
        )
        for finding in card.record.findings
    ]
    return text.markdown_table(("control", "verdict", "finding", "owner", "next"), rows)


def _use(card: ModelCard) -> str:
    return "\n\n".join(
        (
            _paragraphs(card.purpose),
            f"### Out of scope\n\n{_bullets(card.out_of_scope)}",
            f"### People\n\n{_facts(card.people)}",
        )
    )


def _data(card: ModelCard) -> str:
    parts = [
        f"### Evaluation\n\n{_facts(card.evaluation)}",
        f"### Training\n\n{_facts(card.training)}",
    ]
    sheets = [
        (text.for_markdown(sheet.name), text.code_for_markdown(sheet.value or ""))
        for sheet in card.datasheets
    ]
    listed = text.markdown_table(("data set", "digest of its datasheet"), sheets) if sheets else _ABSENT
    parts.append(f"### Datasheets\n\n{listed}")
    if card.data_lines:
        parts.append(f"### Counts\n\n{_lines(card.data_lines, 'what')}")
    parts.append(_tables(card, "data"))
    return "\n\n".join(part for part in parts if part)


def _tables(card: ModelCard, section: str) -> str:
    parts: list[str] = []
    for table in card.tables:
        if table.section != section:
            continue
        header = [text.for_markdown(name) for name in table.header]
        rows = [[text.for_markdown(cell) for cell in row.cells] for row in table.rows]
        parts.append(f"### {text.for_markdown(table.name)} ({text.code_for_markdown(table.stage)})")
        parts += [text.for_markdown(table.summary)] if table.summary else []
        parts += [text.markdown_table(header, rows)] if rows else []
        unseen = len(table.folded) + table.left_out
        if unseen:
            parts.append(f"{text.count(unseen)} {'more rows' if rows else 'rows'} are in the evidence.")
    return "\n\n".join(parts)


def _cohorts(card: ModelCard) -> str:
    if not card.cohorts:
        return "No cohort was measured."
    return "\n\n".join(
        f"### By {text.for_markdown(section.attribute)}\n\n{_panels(section.panels)}"
        for section in card.cohorts
    )


def _curve(card: ModelCard) -> str:
    if not card.curve:
        return ""
    rows = [
        (f"{point.predicted:.3f}", f"{point.observed:.3f}", text.count(point.rows)) for point in card.curve
    ]
    return text.markdown_table(("mean score", "observed share", "rows"), rows)


def _methods(card: ModelCard) -> str:
    if not card.methods:
        return ""
    promises = " or ".join(
        f"{one.confidence * 100:g} % for each bound by itself ({one.coverage * 100:g} % for both together)"
        for one in card.promises
    )
    return text.for_markdown(f"Intervals: confidence {promises}. Methods: {card.methods}.")


def _classes(card: ModelCard) -> str:
    if card.classes is None:
        return ""
    shown = card.classes.rows
    header = ("class", *(text.for_markdown(metric) for metric in card.classes.metrics))
    parts = ["### Class by class", text.markdown_table(header, [_class_cells(row) for row in shown])]
    if card.classes.folded:
        parts.append(f"{text.count(len(card.classes.folded))} more classes are in the record.")
    return "\n\n".join(parts)


def _class_cells(row: ClassRow) -> tuple[str, ...]:
    cells = (text.NOTHING if line is None else text.for_markdown(line.measured) for line in row.lines)
    return text.for_markdown(row.name), *cells


def _confusion(card: ModelCard) -> str:
    found = card.confusion
    if found is None:
        return ""
    title = "### Which class is taken for which"
    if found.matrix:
        header = ("true class", *(text.for_markdown(name) for name in found.classes))
        rows = [
            (
                f"**{text.for_markdown(name)}**",
                *(text.NOTHING if cell is None else text.count(cell.rows) for cell in cells),
            )
            for name, cells in zip(found.classes, found.matrix, strict=True)
        ]
        return f"{title}\n\n{text.markdown_table(header, rows)}"
    listed = [
        (text.for_markdown(cell.label), text.for_markdown(cell.prediction), text.count(cell.rows))
        for cell in found.largest
    ]
    table = text.markdown_table(("true class", "taken for", "rows"), listed)
    return f"{title}\n\n{table if listed else 'No row was taken for another class.'}"


def _errors(card: ModelCard) -> str:
    parts: list[str] = []
    if card.spread is not None:
        rows = [(f"{one.share * 100:g} %", amount(one.error)) for one in card.spread.quantiles]
        table = text.markdown_table(("quantile", "prediction minus label"), rows)
        parts.append(f"### How the errors are spread\n\n{table}")
    if card.tenths is not None:
        points = [
            (amount(one.predicted), amount(one.observed), amount(one.size), text.count(one.rows))
            for one in card.tenths.points
        ]
        header = ("mean prediction", "mean label", "mean size of errors", "rows")
        parts.append(f"### Errors by tenth of the predictions\n\n{text.markdown_table(header, points)}")
    return "\n\n".join(parts)


def _history(card: ModelCard) -> str:
    parts: list[str] = []
    if card.history.decisions:
        rows = [
            (
                text.code_for_markdown(one.model),
                text.instant_words(one.decided_at),
                text.for_markdown(one.verdict),
                text.NOTHING if one.tier is None else str(one.tier),
                text.for_markdown(blocked_words(one)),
            )
            for one in card.history.decisions
        ]
        parts.append(text.markdown_table(("version", "decided", "verdict", "tier", "what blocked"), rows))
    else:
        parts.append("This is the first decision about this model.")
    if card.history.releases:
        released = [
            (
                text.code_for_markdown(one.model),
                text.instant_words(one.released_at),
                text.for_markdown(one.by) or _ABSENT,
            )
            for one in card.history.releases
        ]
        table = text.markdown_table(("version", "released", "asked for by"), released)
        parts.append(f"### Releases\n\n{table}")
    return "\n\n".join(parts)


def _gates(card: ModelCard) -> str:
    if not card.gates:
        return "No gate was reached."
    rows = [
        (
            f"{text.for_markdown(gate.row.title)} ({text.code_for_markdown(gate.row.control)})",
            f"**{gate.row.words}**" if gate.row.blocks else gate.row.words,
            text.for_markdown(gate.row.measured),
            text.for_markdown(gate.row.limit),
            text.for_markdown(gate.row.margin),
            text.for_markdown(gate.row.remedy),
            text.for_markdown(gate.limitation),
            text.for_markdown(gate.why_required[0] if gate.why_required else ""),
        )
        for gate in card.gates
    ]
    header = ("gate", "verdict", "measured", "limit", "how far", "next", "does not show", "required because")
    return text.markdown_table(header, rows)


def _limitations(card: ModelCard) -> str:
    parts = [f"### Known to the team\n\n{_bullets(card.limitations)}"]
    if card.unsettled:
        open_ones = (f"{gate.row.title}: {text.VERDICT_WORDS[gate.row.verdict]}" for gate in card.unsettled)
        parts.append(f"### Left open by this review\n\n{_bullets(open_ones)}")
    parts.append(f"### Third parties\n\n{_bullets(card.third_parties)}")
    parts.append(f"### Retirement\n\n{_paragraphs(card.retirement)}")
    return "\n\n".join(parts)


def _lineage(card: ModelCard) -> str:
    datasets = [
        (
            text.for_markdown(dataset.name),
            text.for_markdown(dataset.context) or _ABSENT,
            text.for_markdown(f"{dataset.source_type}: {dataset.source}"),
        )
        for dataset in card.datasets
    ]
    listed = text.markdown_table(("name", "used for", "source"), datasets) if datasets else _ABSENT
    columns = (
        ", ".join(
            f"{text.code_for_markdown(column.name or '(unnamed)')} {text.for_markdown(column.dtype)}"
            f"{'' if column.required else ' (optional)'}"
            for column in card.signature.inputs
        )
        if card.signature
        else _ABSENT
    )
    returned = text.for_markdown(card.signature.outputs) if card.signature else ""
    required = "\n".join(f"- {text.code_for_markdown(line)}" for line in card.requirements)
    return "\n\n".join(
        (
            _facts(card.origin),
            f"### Parameters\n\n{_facts(card.params) if card.params else _ABSENT}",
            f"### Datasets of the run\n\n{listed}",
            f"### Inputs and outputs\n\nTakes {columns}\n\nReturns {returned or _ABSENT}",
            f"### Environment\n\n{required or _ABSENT}",
        )
    )


def _provenance(card: ModelCard) -> str:
    record = card.record
    entries = (
        ("This decision's record", card.record_digest),
        ("Signed with key", card.signer),
        *((entry.name, entry.value) for entry in card.digests),
        *((f"Evidence of {entry.name}", entry.value) for entry in card.evidence),
    )
    rows = [
        (text.for_markdown(name), text.code_for_markdown(digest) if digest else _ABSENT)
        for name, digest in entries
    ]
    approvals = ", ".join(text.for_markdown(approval) for approval in record.approvals) or "none"
    made_by = (
        f"Record {text.code_for_markdown(record.id)}, {text.for_markdown(record.schema)}. "
        f"Approvals: {approvals}. Computed by model-risk {text.for_markdown(record.tool.version)} "
        f"on Python {text.for_markdown(record.tool.python)}."
    )
    return "\n\n".join(
        (
            "The decision holds for exactly these bytes. If one digest changes, it no longer does.",
            text.markdown_table(("what", "digest"), rows),
            made_by,
        )
    )


# --- pieces ----------------------------------------------------------------------------------------------


def _section(title: str, *parts: str) -> str:
    return "\n\n".join((f"## {title}", *(part for part in parts if part)))


def _paragraphs(words: str | None) -> str:
    if not words or not words.strip():
        return _ABSENT
    lines = (text.for_markdown(line) for line in text.visible_lines(words).split("\n"))
    return "\n".join(line if line.strip() else "" for line in lines)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {text.for_markdown(line) or _ABSENT}" for line in lines) or _ABSENT


def _facts(facts: Sequence[Fact]) -> str:
    return "\n".join(
        f"- {text.for_markdown(fact.name)}: {text.for_markdown(fact.value) if fact.value else _ABSENT}"
        for fact in facts
    )


def _lines(lines: Sequence[Line], what: str) -> str:
    if not lines:
        return "Nothing was measured."
    rows = [(text.for_markdown(line.label), *_cells(line)) for line in lines]
    return text.markdown_table((what, "estimate (interval)", "limit", "rows"), rows)


def _panels(panels: Sequence[Panel]) -> str:
    rows = [
        (text.for_markdown(panel.title), text.for_markdown(line.label), *_cells(line))
        for panel in panels
        for line in panel.lines
    ]
    if not rows:
        return ""
    return text.markdown_table(("metric", "group", "estimate (interval)", "limit", "rows"), rows)


def _cells(line: Line) -> tuple[str, str, str]:
    problem = f": {line.estimate.problem}" if line.estimate.problem else ""
    measured = text.for_markdown(f"{line.measured}{problem}")
    return measured, text.for_markdown(line.limit or text.NOTHING), text.count(line.estimate.n)
