"""Controls as the card shows them: verdict, reason, and how far from the limit.

What does not belong here: judging (`modelrisk.verdicts`), and the words of a verdict (`decision_report`).
"""

from dataclasses import dataclass

from modelrisk.decisions import ControlResult
from modelrisk.documents import charts
from modelrisk.documents.decision_report import GateRow, binding_estimate, gate_row
from modelrisk.estimates import Estimate
from modelrisk.verdicts import Verdict

VERDICT_ORDER = (
    Verdict.FAILED,
    Verdict.NOT_EVALUABLE,
    Verdict.INCONCLUSIVE,
    Verdict.WAIVED,
    Verdict.PASSED,
    Verdict.NOT_APPLICABLE,
)


@dataclass(frozen=True)
class Gate:
    """One control with everything a reader may ask about it.

    Attributes:
        row: its verdict, what was measured, the limit and how far from it.
        reason: the sentence with the numbers.
        why_required: fact and policy line.
        estimate: the estimate that binds; None when there is none.
        strip: where its marks go; None when there is nothing to draw.
    """

    row: GateRow
    reason: str
    why_required: tuple[str, ...]
    estimate: Estimate | None
    strip: charts.Strip | None


@dataclass(frozen=True)
class Limitation:
    """What a control does not show even when it passes."""

    control: str
    title: str
    limitation: str


def gate(control: ControlResult) -> Gate:
    """One control with the estimate that binds it."""
    estimate = binding_estimate(control)
    drawing = None
    if estimate is not None and control.rule is not None and estimate.method != "census":
        floor, ceiling = control.rule.floor, control.rule.ceiling
        axis = charts.axis_for([estimate], floor=floor, ceiling=ceiling)
        drawing = charts.strip(estimate, axis, floor=floor, ceiling=ceiling)
    return Gate(gate_row(control), control.reason, control.why_required, estimate, drawing)
