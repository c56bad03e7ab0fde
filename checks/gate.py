"""The one translation of a verdict into an asset check result.

Every gate in the graph goes through here, so a verdict looks the same everywhere: numbers under stable
names (they plot), the sentence that says why, and what to do next.

What does not belong here: judging (`modelrisk.verdicts`) and which checks exist (`checks.stages`).
"""

import dagster as dg

from assets.materializations import plotted
from modelrisk.decisions import ControlResult
from modelrisk.verdicts import Verdict

_GREEN = (Verdict.PASSED, Verdict.WAIVED, Verdict.NOT_APPLICABLE)


def gate(control: ControlResult) -> dg.AssetCheckResult:
    """A control's verdict as its asset check: red if it blocks, amber if it is a finding."""
    metadata: dict[str, dg.MetadataValue | str | int | float] = {
        "verdict": control.verdict.value,
        "why": control.reason,
        "required because": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in control.why_required)),
    }
    if control.verdict not in _GREEN:
        metadata["do next"] = control.remedy
    if control.rule is not None:
        if control.rule.floor is not None:
            metadata["floor"] = control.rule.floor
        if control.rule.ceiling is not None:
            metadata["ceiling"] = control.rule.ceiling
        metadata["rule"] = control.rule.source
    if control.margin is not None:
        metadata["margin to the limit"] = control.margin
    if control.rows_needed is not None:
        metadata["rows needed"] = control.rows_needed
    metadata |= plotted(control.estimates)
    return dg.AssetCheckResult(
        passed=control.verdict in _GREEN,
        check_name=control.id,
        asset_key=control.asset.split("/"),
        severity=dg.AssetCheckSeverity.ERROR if control.blocks else dg.AssetCheckSeverity.WARN,
        description=control.reason,
        metadata=metadata,
    )
