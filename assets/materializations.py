"""How a stage's value is shown in the Dagster UI: numbers that plot, tables, and Markdown that reads well.

What does not belong here: computing anything that is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import dagster as dg

from modelrisk.estimates import Estimate, described_cohort
from modelrisk.evidence import digest_of
from modelrisk.identity import ModelVersion
from modelrisk.records import Scalar, StageEvidence, Table

T = TypeVar("T")
Shown = Mapping[str, dg.MetadataValue | str | int | float | None]
_NUMBERS_SHOWN = 60


def version_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> ModelVersion:
    """The model version a run's partition names."""
    return ModelVersion.from_key(context.partition_key)


def materialized(value: T, *, shown: Shown | None = None) -> dg.MaterializeResult[T]:
    """A stage's value, its content digest as data version, so that equal content counts as unchanged."""
    metadata = {name: entry for name, entry in (shown or {}).items() if entry is not None}
    return dg.MaterializeResult(value=value, metadata=metadata, data_version=dg.DataVersion(digest_of(value)))


def shown_evidence(evidence: StageEvidence) -> Shown:
    """A stage's estimates as plotted numbers and a table, its tables, and what stood in its way."""
    shown: dict[str, dg.MetadataValue | str | int | float | None] = {
        "problem": None if evidence.problem is None else str(evidence.problem)
    }
    shown.update(plotted(evidence.estimates))
    if evidence.estimates:
        shown["estimates"] = table([_row(estimate) for estimate in evidence.estimates])
    for name, rows in evidence.tables.items():
        shown[name] = table(rows)
    for metric, reason in evidence.not_applicable.items():
        shown[f"{metric}: not applicable"] = reason
    return shown


def plotted(estimates: Iterable[Estimate]) -> dict[str, float]:
    """Value and bounds under stable names; Dagster draws every number over time by itself."""
    numbers: dict[str, float] = {}
    for estimate in estimates:
        if estimate.value is None or len(numbers) >= _NUMBERS_SHOWN:
            continue
        name = _name(estimate)
        numbers[name] = estimate.value
        if estimate.low is not None and estimate.low != estimate.value:
            numbers[f"{name} (low)"] = estimate.low
        if estimate.high is not None and estimate.high != estimate.value:
            numbers[f"{name} (high)"] = estimate.high
    return numbers


def table(rows: Table | Sequence[Mapping[str, Scalar]]) -> dg.MetadataValue:
    """A table in the UI; a column is a number only if all its cells are."""
    if not rows:
        return dg.MetadataValue.text("none")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, type=_column_type(rows, name)) for name in names]),
    )


def _name(estimate: Estimate) -> str:
    return f"{estimate.metric}, {described_cohort(estimate.cohort)}" if estimate.cohort else estimate.metric


def _row(estimate: Estimate) -> dict[str, Scalar]:
    return {
        "metric": estimate.metric,
        "cohort": described_cohort(estimate.cohort),
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "method": estimate.method,
        "note": estimate.problem or "",
    }


def _cell(value: Scalar) -> str | int | float | bool:
    return "" if value is None else value


def _column_type(rows: Sequence[Mapping[str, Scalar]], name: str) -> str:
    cells = [row.get(name) for row in rows]
    if all(isinstance(cell, bool) for cell in cells):
        return "bool"
    if all(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells):
        return "int"
    return "float" if all(isinstance(cell, float | int) for cell in cells) else "string"
