"""Controls as the card shows them: verdict, reason, and how far from the limit.

What does not belong here: judging (`modelrisk.verdicts`), and the words of a verdict (`decision_report`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelrisk.decisions import ControlResult, DecisionRecord, binding_estimate
from modelrisk.documents import charts, text
from modelrisk.documents.decision_report import GateRow, gate_row
from modelrisk.documents.references import pointer
from modelrisk.estimates import Estimate
from modelrisk.verdicts import Verdict

_VERDICTS = (
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
        place: its position in the record, from 0.
        evidence: where it stands.
        row: its verdict, what was measured, the limit and how far from it.
        reason: the sentence with the numbers.
        why_required: fact and policy line.
        estimate: the estimate that binds; None when there is none.
        measured: where that estimate stands; empty when there is none.
        figure: its value and interval, written.
        rows: which rows it is about, in words; empty for all of them.
        family: how many estimates were judged together.
        strip: where its marks go; None when there is nothing to draw.
        limitation: what a pass does not show; empty when the catalogue says nothing or it does not apply.
    """

    place: int
    evidence: str
    row: GateRow
    reason: str
    why_required: tuple[str, ...]
    estimate: Estimate | None
    measured: str
    figure: str
    rows: str
    family: int
    strip: charts.Strip | None
    limitation: str


def gates_of(record: DecisionRecord, limitations: Mapping[str, str]) -> tuple[Gate, ...]:
    """Every control, what blocks first, then by verdict.

    Args:
        record: the decision.
        limitations: control id -> what a pass does not tell, from the catalogue.
    """
    ordered = sorted(
        enumerate(record.controls), key=lambda at: (not at[1].blocks, _VERDICTS.index(at[1].verdict))
    )
    return tuple(
        _gate(
            control,
            place=place,
            limitation="" if control.verdict is Verdict.NOT_APPLICABLE else limitations.get(control.id, ""),
        )
        for place, control in ordered
    )


def _gate(control: ControlResult, *, place: int, limitation: str) -> Gate:
    evidence = pointer("record", "controls", place)
    estimate = binding_estimate(control)
    measured = ""
    if estimate is not None:
        position = next(at for at, one in enumerate(control.estimates) if one is estimate)
        measured = f"{evidence}/estimates/{position}"
    rule, drawing = control.rule, None
    limits = () if rule is None else (rule.floor, rule.ceiling)
    if estimate is not None and rule is not None and estimate.method != "census":
        axis = charts.axis_for([estimate], floor=rule.floor, ceiling=rule.ceiling)
        drawing = charts.strip(estimate, axis, floor=rule.floor, ceiling=rule.ceiling)
    return Gate(
        place,
        evidence,
        gate_row(control),
        control.reason,
        control.why_required,
        estimate,
        measured,
        "" if estimate is None else text.measured(estimate, limits=limits),
        "" if estimate is None or text.is_about_all_rows(estimate) else text.rows_words(estimate),
        len(control.estimates),
        drawing,
        limitation,
    )
