"""The one translation of a verdict into an asset check result.

Every gate in the graph goes through here, so a verdict looks the same everywhere: numbers under stable
names (they plot), the sentence that says why, and what to do next.

What does not belong here: judging (`modelrisk.verdicts`) and which checks exist (`checks.stages`).
"""

import dagster as dg

from assets.materializations import Shown, estimates_table, short
from modelrisk.decisions import ControlResult, binding_estimate
from modelrisk.documents.decision_report import gate_row
from modelrisk.documents.pictures import intervals
from modelrisk.documents.text import NOTHING, for_markdown
from modelrisk.verdicts import Verdict

_GREEN = (Verdict.PASSED, Verdict.WAIVED, Verdict.NOT_APPLICABLE)


def gate(control: ControlResult) -> dg.AssetCheckResult:
    """A control's verdict as its asset check: red if it blocks, amber if it is a finding."""
    shown = {**_words(control), **_numbers(control), **_family(control)}
    return dg.AssetCheckResult(
        passed=control.verdict in _GREEN,
        check_name=control.id,
        asset_key=control.asset.split("/"),
        severity=dg.AssetCheckSeverity.ERROR if control.blocks else dg.AssetCheckSeverity.WARN,
        description=for_markdown(control.reason),
        metadata={name: entry for name, entry in shown.items() if entry is not None},
    )


def _words(control: ControlResult) -> Shown:
    """Dagster sorts a check's entries by name and shows text in place, so each stays one line."""
    row = gate_row(control)
    if control.rule is None:
        return {"verdict": row.words}
    return {
        "verdict": row.words,
        "measured": _if_any(row.measured),
        "limit": row.limit,
        "how far": _if_any(row.margin),
        "do next": None if control.verdict in _GREEN else row.remedy,
        "required because": "; ".join(control.why_required),
        "rule": control.rule.source,
    }


def _if_any(words: str) -> str | None:
    return None if words == NOTHING else words


def _numbers(control: ControlResult) -> Shown:
    """The estimate that decided, under names that stay the same from version to version."""
    binding, rule = binding_estimate(control), control.rule
    numbers = {
        "value": None if binding is None else binding.value,
        "low": None if binding is None else binding.low,
        "high": None if binding is None else binding.high,
        "floor": None if rule is None else rule.floor,
        "ceiling": None if rule is None else rule.ceiling,
        "margin to the limit": control.margin,
    }
    return {"rows needed": control.rows_needed} | {
        name: short(number) for name, number in numbers.items() if number is not None
    }


def _family(control: ControlResult) -> Shown:
    """All that was judged, drawn against the limits and as a table; nothing for a count."""
    measured = [estimate for estimate in control.estimates if estimate.method != "census"]
    if control.rule is None or not measured:
        return {}
    chart = intervals(measured, floor=control.rule.floor, ceiling=control.rule.ceiling)
    return {
        "chart": dg.MetadataValue.md(chart) if chart else None,
        "estimates": estimates_table(measured),
    }
