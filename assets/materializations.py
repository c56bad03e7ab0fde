"""How a stage's value is shown in the Dagster UI: numbers that plot, tables, and Markdown that reads well.

What does not belong here: computing anything that is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import dagster as dg

from modelrisk import pages
from modelrisk.decisions import DecisionRecord, binding_estimate
from modelrisk.documents.card.stage_tables import AS_EXPECTED, named_table
from modelrisk.documents.decision_report import as_rows
from modelrisk.documents.pictures import intervals, pictures
from modelrisk.documents.text import NOTHING, for_markdown
from modelrisk.estimates import Estimate, described_cohort
from modelrisk.evidence import digest_of
from modelrisk.identity import ModelVersion
from modelrisk.records import Scalar, StageEvidence, Table
from modelrisk.verdicts import Verdict

T = TypeVar("T")
Shown = Mapping[str, dg.MetadataValue | str | int | float | None]
_NUMBERS_SHOWN = 60
_IN_PLACE = 999
"""Characters of Markdown that Dagster shows in place; more waits behind a click."""
_DIGEST_SHOWN = 19
"""`sha256:` and twelve digits: a whole digest pushes the rest of a page out of sight."""


def version_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> ModelVersion:
    """The model version a run's partition names."""
    return ModelVersion.from_key(context.partition_key)


def materialized(
    value: T, *, shown: Shown | None = None, version: str | None = None
) -> dg.MaterializeResult[T]:
    """A stage's value, its content digest as data version, so that equal content counts as unchanged.

    Args:
        value: the value.
        shown: what the UI shows of it.
        version: the data version, where not all of the value is content; its digest when None.
    """
    metadata = {name: entry for name, entry in (shown or {}).items() if entry is not None}
    return dg.MaterializeResult(
        value=value, metadata=metadata, data_version=dg.DataVersion(version or digest_of(value))
    )


def shown_evidence(evidence: StageEvidence) -> Shown:
    """What stood in a stage's way, its charts and tables, then numbers that Dagster draws over time."""
    whole = [one for one in evidence.estimates if not one.cohort and one.outcome is None]
    grouped = [one for one in evidence.estimates if one.cohort or one.outcome is not None]
    shown: dict[str, dg.MetadataValue | str | int | float | None] = {
        "problem": None if evidence.problem is None else str(evidence.problem)
    }
    for metric, reason in evidence.not_applicable.items():
        shown[f"{metric}: not applicable"] = reason
    for name, image in pictures(evidence).items():
        shown[name] = dg.MetadataValue.md(image)
    if any(one.method != "census" for one in whole):
        shown["estimates"] = estimates_table(whole)
    for name, rows in evidence.tables.items():
        shown |= _of_interest(name, rows)
    shown |= plotted(whole)
    for metric in dict.fromkeys(one.metric for one in grouped):
        shown[f"{metric} by {_parts(metric, grouped)}"] = estimates_table(
            one for one in grouped if one.metric == metric
        )
    for one in evidence.estimates:
        if one.problem is not None:
            shown[f"{_name(one)}: not evaluable"] = one.problem
    return shown | plotted(one for one in grouped if one.reference is not None)


def links(partition: str, **pages_of: str) -> dg.MetadataValue:
    """Other assets' pages, open at the same version.

    Args:
        partition: the version's partition key.
        pages_of: assets by what people call them, with `_` for a space.
    """
    return dg.MetadataValue.md(
        " · ".join(
            f"[{name.replace('_', ' ')}]({pages.of_asset(asset, partition)})"
            for name, asset in pages_of.items()
        )
    )


def link(address: str | None, otherwise: str) -> dg.MetadataValue:
    """A link to a page outside; without one, what to do instead: a dead link is worse than a told command."""
    return dg.MetadataValue.text(otherwise) if address is None else dg.MetadataValue.url(address)


def blocked_by(record: DecisionRecord) -> dg.MetadataValue | None:
    """What refuses, each a link to its check, as many as Dagster shows in place; None when nothing does."""
    lines: list[str] = []
    blocking = [row for row in as_rows(record) if row.blocks]
    for row in blocking:
        rest = f"- and {len(blocking) - len(lines)} more, in *gates*"
        measured = (
            "" if row.measured == NOTHING else f": {for_markdown(row.measured)}, {for_markdown(row.limit)}"
        )
        line = (
            f"- {row.words} [{for_markdown(row.control)}]({pages.of_check(row.stage, row.control)}){measured}"
        )
        if len("\n".join([*lines, line, rest])) > _IN_PLACE:
            lines.append(rest)
            break
        lines.append(line)
    return dg.MetadataValue.md("\n".join(lines)) if lines else None


def short_digest(digest: str | None) -> str | None:
    """A digest's first digits, enough to compare by eye; the whole stands in ledger, record and pack."""
    if digest is None or len(digest) <= _DIGEST_SHOWN:
        return digest
    return f"{digest[:_DIGEST_SHOWN]}…"


def gates_table(record: DecisionRecord) -> dg.MetadataValue:
    """Every gate that applies, what blocks first, with how far it was from its limit."""
    return table(
        [
            {
                "verdict": row.words,
                "gate": row.title,
                "measured": row.measured,
                "limit": row.limit,
                "how far": row.margin,
            }
            for row in as_rows(record)
            if row.verdict is not Verdict.NOT_APPLICABLE
        ]
    )


def binding_charts(record: DecisionRecord) -> Shown:
    """For each control that decided, the estimate that bound it against its limits."""
    return {
        f"chart, {control.rule.metric}": dg.MetadataValue.md(image)
        for control in record.binding
        if control.rule is not None
        and (estimate := binding_estimate(control)) is not None
        and estimate.method != "census"
        and (image := intervals([estimate], floor=control.rule.floor, ceiling=control.rule.ceiling))
    }


def plotted(estimates: Iterable[Estimate]) -> dict[str, float]:
    """Numbers under stable names; Dagster draws every number over time by itself.

    Bounds are given for all rows; those of groups stand in the table, where they can be read beside each
    other.
    """
    numbers: dict[str, float] = {}
    for estimate in estimates:
        if estimate.value is None or len(numbers) >= _NUMBERS_SHOWN:
            continue
        name = _name(estimate)
        numbers[name] = short(estimate.value)
        if not estimate.cohort:
            numbers |= {
                f"{name} ({end})": short(bound)
                for end, bound in (("low", estimate.low), ("high", estimate.high))
                if bound is not None and bound != estimate.value
            }
    return numbers


def estimates_table(estimates: Iterable[Estimate]) -> dg.MetadataValue:
    """Estimates with their intervals, those that have a value; what is the same in every row is left out."""
    rows = [_row(estimate) for estimate in estimates if estimate.value is not None]
    alike = {name for name in ("metric", "cohort") if len({row[name] for row in rows}) == 1}
    return table([{name: cell for name, cell in row.items() if name not in alike} for row in rows])


def short(value: float) -> float:
    """Six digits for people; the evidence keeps them all."""
    return float(f"{value:.6g}")


def table(rows: Table | Sequence[Mapping[str, Scalar]]) -> dg.MetadataValue:
    """A table in the UI; a column is a number only if all its cells are, and is left out if all are empty."""
    filled = {name for row in rows for name in row if row[name] is not None}
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name in filled]
    if not names:
        return dg.MetadataValue.text("nothing to report")
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, type=_column_type(rows, name)) for name in names]),
    )


def _of_interest(name: str, rows: Table) -> dict[str, dg.MetadataValue]:
    """What is not as expected, with a count of the rest, which is in the evidence and on the card."""
    if name == "confusion matrix":
        rows = tuple(row for row in rows if row.get("rows"))
    shown = named_table(name, "", rows)
    if not shown.summary:
        return {name: table(rows)}
    # Reasons are sentences: they stand in the stage's report, on the card and in the evidence.
    unexpected = [
        {name: cell for name, cell in row.items() if name != "because"}
        for row in rows
        if row.get("outcome") != AS_EXPECTED
    ]
    return {name: dg.MetadataValue.text(shown.summary)} | (
        {f"{name}: not as expected": table(unexpected)} if unexpected else {}
    )


def _parts(metric: str, grouped: Sequence[Estimate]) -> str:
    of_classes = all(one.outcome is not None for one in grouped if one.metric == metric)
    return "class" if of_classes else "group"


def _name(estimate: Estimate) -> str:
    if not estimate.cohort and estimate.outcome is None:
        return estimate.metric
    return f"{estimate.metric}, {described_cohort(estimate.cohort, estimate.outcome)}"


def _row(estimate: Estimate) -> dict[str, Scalar]:
    return {
        "metric": estimate.metric,
        "cohort": described_cohort(estimate.cohort, estimate.outcome),
        "against": estimate.reference,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "rows": estimate.n,
    }


def _cell(value: Scalar) -> str | int | float | bool:
    if isinstance(value, float):
        return short(value)
    return "" if value is None else value


def _column_type(rows: Sequence[Mapping[str, Scalar]], name: str) -> str:
    cells = [row.get(name) for row in rows]
    if all(isinstance(cell, bool) for cell in cells):
        return "bool"
    if all(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells):
        return "int"
    return "float" if all(isinstance(cell, float | int) for cell in cells) else "string"
