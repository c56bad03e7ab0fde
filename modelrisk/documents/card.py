"""The model card: what one decision, one intake and one lineage say about one model version.

The card is a view. Its numbers are the record's estimates and nothing else; its words are those of the
record, of the team's intake and of the registry; what nobody said is shown as *not provided*. Nothing on
it is judged here, so the card cannot disagree with the decision it shows.

What does not belong here: how it looks (`modelrisk.documents.card_html` and `card_markdown`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelrisk.decisions import ControlResult, DecisionRecord, Kind
from modelrisk.documents import charts, text
from modelrisk.documents.decision_report import GateRow, binding_estimate, gate_row
from modelrisk.estimates import Estimate
from modelrisk.intake import Intake
from modelrisk.lineage import DatasetInput, Lineage, Signature
from modelrisk.packs import OUTCOME_TABLE
from modelrisk.records import Scalar, StageEvidence, Table
from modelrisk.verdicts import Verdict

RELIABILITY_TABLE = "reliability curve"
"""Name of a stage's table with its reliability curve; its columns: `charts.reliability_curve`."""

NOT_TOLD = (
    "Whether the purpose is right, or the label measures what it is meant to.",
    "How the model behaves on data unlike the evaluation data: other places, other people, later times.",
    "Whether the evaluation data was collected fairly and labelled well; a digest only says which bytes.",
    "Fairness to groups not declared as sensitive, and any notion of fairness not listed here.",
    "What a person or a system does with the output, and what follows from it.",
    "Anything about the time after the decision: nothing here was monitored.",
)

_CALIBRATION = ("calibration_slope", "calibration_intercept")
_COMPARISONS = ("accuracy_difference", "auc_difference", "brier_difference")
_COMPLEMENTS = {
    "true_negative_rate": "false_positive_rate",
    "false_negative_rate": "true_positive_rate",
}
_METRIC_ORDER = (
    "auc",
    "accuracy",
    "precision",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "selection_rate",
    "base_rate",
    "brier",
    "brier_gain",
)
_VERDICT_ORDER = (
    Verdict.FAILED,
    Verdict.NOT_EVALUABLE,
    Verdict.INCONCLUSIVE,
    Verdict.WAIVED,
    Verdict.PASSED,
    Verdict.NOT_APPLICABLE,
)
_SHOWN_ROWS = 20
_FOLDED_ROWS = 500
AS_EXPECTED = "as expected"
"""The outcome, in a stage's table, of a row nobody needs to look at."""
_COLUMNS = (
    "outcome",
    "column",
    "key",
    "what",
    "expected",
    "found",
    "reason",
    "consequence",
    "do next",
    "rows",
    "unexpected",
    "allowed",
    "problem",
)
"""Columns in reading order: evidence keeps them sorted by name, and others follow these."""
_SECTION_OF_STAGE = {
    "inventory/intake": "use",
    "inventory/lineage": "lineage",
    "evaluation/quality": "performance",
    "evaluation/fairness": "fairness",
    "evaluation/champion_comparison": "champion",
}
"""The section a stage's tables are shown in; those of any other stage are about the data."""


@dataclass(frozen=True)
class Fact:
    """Something said about the model in one line; None was not provided."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Digest:
    """Something named by the digest of its bytes; None could not be read or is not declared."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Line:
    """One estimate as a line of a table.

    Attributes:
        label: what it is about: the metric, or the rows.
        estimate: the estimate itself.
        measured: its value and interval, written.
        limit: what policy demands of it, written; empty when nothing does.
        strip: where its marks go; None when there is nothing to draw.
    """

    label: str
    estimate: Estimate
    measured: str
    limit: str
    strip: charts.Strip | None


@dataclass(frozen=True)
class Panel:
    """One metric over several groups, on one axis.

    Attributes:
        title: the metric.
        limit: what policy demands of every line, written; empty when nothing does.
        lines: one for each group.
    """

    title: str
    limit: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CohortSection:
    """The groups of one sensitive attribute (or of an intersection)."""

    attribute: str
    panels: tuple[Panel, ...]


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


@dataclass(frozen=True)
class NamedTable:
    """A small table of a stage, written.

    Attributes:
        section: the part of the card it belongs to.
        name: its name for people.
        stage: the stage that kept it.
        header: its columns; those that are empty in every row are left out.
        rows: what to look at.
        folded: rows to show on request: more of the same, or all as expected.
        summary: how many rows had which outcome; empty when the table tells of none.
        left_out: how many rows are in the evidence only.
    """

    section: str
    name: str
    stage: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: tuple[tuple[str, ...], ...]
    summary: str
    left_out: int


@dataclass(frozen=True)
class ModelCard:
    """Everything on the card, in the order of its sections.

    Attributes:
        record: the decision.
        record_digest: digest of the signed record; None for a preview.
        signer: who signed it, as a key's identifier; None when not signed.
        title: the model's name for people.
        name: the registered model's name.
        version: its version.
        purpose: what it is used for.
        out_of_scope: uses it was not made for.
        people: who owns, built and challenged it.
        setting: where and under which facts it is used.
        evaluation: facts about the evaluation data.
        training: facts about the training data.
        data_lines: what was counted in the data.
        performance: every estimate over all rows.
        cohorts: estimates by group, one section for each sensitive attribute.
        fairness: ratios and differences between groups.
        calibration: slope and intercept.
        curve: the reliability curve.
        comparison: differences to the champion.
        gates: every control, what blocks first.
        limitations: where the team knows it to be wrong.
        control_limitations: what each control does not show.
        unsettled: what the controls left open.
        third_parties: suppliers.
        retirement: how it will be taken out of use.
        license: its license, None when unknown.
        libraries: model flavours.
        origin: run, source and commit.
        params: the run's parameters.
        datasets: datasets the run says it used.
        signature: what the model takes and returns.
        requirements: the environment, line by line.
        digests: everything the decision depends on.
        evidence: stage -> digest of its evidence.
        tables: the stages' other tables.
        methods: how the intervals were computed.
        not_told: what the card does not tell.
    """

    record: DecisionRecord
    record_digest: str | None
    signer: str | None
    title: str
    name: str
    version: str
    purpose: str | None
    out_of_scope: tuple[str, ...]
    people: tuple[Fact, ...]
    setting: tuple[Fact, ...]
    evaluation: tuple[Fact, ...]
    training: tuple[Fact, ...]
    data_lines: tuple[Line, ...]
    performance: tuple[Line, ...]
    cohorts: tuple[CohortSection, ...]
    fairness: tuple[Panel, ...]
    calibration: tuple[Line, ...]
    curve: tuple[charts.CurvePoint, ...]
    comparison: tuple[Line, ...]
    gates: tuple[Gate, ...]
    limitations: tuple[str, ...]
    control_limitations: tuple[Limitation, ...]
    unsettled: tuple[Gate, ...]
    third_parties: tuple[str, ...]
    retirement: str | None
    license: str | None
    libraries: tuple[str, ...]
    origin: tuple[Fact, ...]
    params: tuple[Fact, ...]
    datasets: tuple[DatasetInput, ...]
    signature: Signature | None
    requirements: tuple[str, ...]
    digests: tuple[Digest, ...]
    evidence: tuple[Digest, ...]
    tables: tuple[NamedTable, ...]
    methods: str
    not_told: tuple[str, ...]

    @property
    def is_preview(self) -> bool:
        """Whether the card shows what a decision would say, not a decision."""
        return self.record.kind is Kind.PREVIEW


def model_card(
    record: DecisionRecord,
    *,
    record_digest: str | None,
    intake: Intake | None,
    lineage: Lineage | None,
    stages: Sequence[StageEvidence],
    control_limitations: Mapping[str, str] | None = None,
    signer: str | None = None,
) -> ModelCard:
    """Assemble the card of one decision.

    Args:
        record: the decision.
        record_digest: digest of the signed record; None for a preview.
        intake: the team's declaration; None when the model is not in the inventory.
        lineage: what the registry says; None when it could not be asked.
        stages: the evidence of the stages, for their tables.
        control_limitations: control id -> what a pass does not tell, from the catalogue.
        signer: identifier of the signing key; None when not signed.
    """
    sorted_out = _Estimates.of(record)
    limits = _limits(record)
    gates = tuple(
        _gate(control)
        for control in sorted(
            record.controls, key=lambda control: (not control.blocks, _VERDICT_ORDER.index(control.verdict))
        )
    )
    known = control_limitations or {}
    return ModelCard(
        record=record,
        record_digest=record_digest,
        signer=signer,
        title=text.visible(record.title) or text.visible(record.version.name),
        name=record.version.name,
        version=record.version.version,
        purpose=None if intake is None else intake.purpose,
        out_of_scope=() if intake is None else intake.out_of_scope,
        people=_people(record, intake),
        setting=_setting(intake),
        evaluation=_evaluation(record, intake, sorted_out.all_rows),
        training=_training(record, intake),
        data_lines=tuple(
            _line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.counted
        ),
        performance=tuple(
            _line(one, limits, label=text.metric_words(one.metric), is_alone=True)
            for one in sorted_out.performance
        ),
        cohorts=_cohorts(sorted_out.by_cohort, limits, sorted_out.all_rows),
        fairness=_fairness(sorted_out.between_groups, limits),
        calibration=tuple(
            _line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.calibration
        ),
        curve=_curve(stages),
        comparison=tuple(
            _line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.comparison
        ),
        gates=gates,
        limitations=() if intake is None else intake.limitations,
        control_limitations=tuple(
            Limitation(control.id, control.title, known[control.id])
            for control in record.controls
            if known.get(control.id) and control.verdict is not Verdict.NOT_APPLICABLE
        ),
        unsettled=tuple(
            gate
            for gate in gates
            if gate.row.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_EVALUABLE, Verdict.WAIVED)
        ),
        third_parties=() if intake is None else intake.third_parties,
        retirement=None if intake is None else intake.retirement,
        license=None if lineage is None else lineage.tags.get("license") or None,
        libraries=() if lineage is None else lineage.flavors,
        origin=_origin(lineage),
        params=()
        if lineage is None
        else tuple(Fact(name, value) for name, value in sorted(lineage.params.items())),
        datasets=() if lineage is None else lineage.datasets,
        signature=None if lineage is None else lineage.signature,
        requirements=() if lineage is None else lineage.requirements,
        digests=_digests(record),
        evidence=tuple(Digest(stage, digest) for stage, digest in sorted(record.evidence.items())),
        tables=_tables(stages),
        methods=_methods(record.estimates),
        not_told=NOT_TOLD,
    )


# --- who, where, on what ---------------------------------------------------------------------------------


def _people(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    developers = ", ".join(intake.developers) if intake else ""
    return (
        Fact("Owner", record.owner or None),
        Fact("Developers", developers or None),
        Fact("Validator", intake.validator if intake else None),
    )


def _setting(intake: Intake | None) -> tuple[Fact, ...]:
    facts = intake.facts if intake else None
    declared = (
        ("Materiality", facts.materiality if facts else None),
        ("Affects", facts.affects if facts else None),
        ("Automation", facts.automation if facts else None),
        ("Exposure", facts.exposure if facts else None),
    )
    rollback = intake.rollback if intake else None
    tested = "never tested" if rollback is None or rollback.tested is None else f"tested {rollback.tested}"
    return (
        Fact("System", intake.system if intake else None),
        Fact("Business area", intake.business_area if intake else None),
        *(Fact(name, None if fact is None else fact.value) for name, fact in declared),
        Fact("Rollback", None if rollback is None else f"to {rollback.to}, {tested}"),
        Fact("Next review", intake.next_review.isoformat() if intake and intake.next_review else None),
    )


def _evaluation(
    record: DecisionRecord, intake: Intake | None, all_rows: Mapping[str, Estimate]
) -> tuple[Fact, ...]:
    data = intake.data if intake else None
    rows = max((estimate.n for estimate in all_rows.values()), default=0)
    uses = record.uses
    sensitive = None if data is None or data.sensitive is None else ", ".join(data.sensitive) or "none"
    return (
        Fact("Source", data.evaluation if data else None),
        Fact("Rows", text.count(rows) if rows else None),
        Fact("Label", data.label if data else None),
        Fact("Positive class", intake.positive if intake else None),
        Fact("Favourable class", intake.favourable if intake else None),
        Fact("Sensitive attributes", sensitive),
        Fact("Used before", f"{_times(uses.reviews, 'review')}, {_times(uses.previews, 'preview')}"),
        Fact("Digest", record.bound.evaluation),
    )


def _training(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    return (
        Fact("Source", intake.data.training if intake else None),
        Fact("Digest", record.bound.training),
    )


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _origin(lineage: Lineage | None) -> tuple[Fact, ...]:
    created = lineage.created_at.isoformat() if lineage and lineage.created_at else None
    return (
        Fact("Training run", lineage.run_id if lineage else None),
        Fact("Experiment", lineage.experiment or None if lineage else None),
        Fact("Source commit", lineage.source_commit if lineage else None),
        Fact("Artifacts", lineage.source or None if lineage else None),
        Fact("Registered", text.instant_words(created) if created else None),
        Fact("Description", lineage.description or None if lineage else None),
        Fact("Python", lineage.python_version or None if lineage else None),
        Fact("Flavours", ", ".join(lineage.flavors) or None if lineage else None),
    )


def _digests(record: DecisionRecord) -> tuple[Digest, ...]:
    bound = record.bound
    waivers = tuple(Digest("Waiver", waiver) for waiver in bound.waivers)
    return (
        Digest("Model files", bound.model),
        Digest("Environment", bound.environment),
        Digest("Evaluation data", bound.evaluation),
        Digest("Training data", bound.training),
        Digest("Champion", bound.champion),
        Digest("Intake", bound.intake),
        Digest("Policy", bound.policy),
        Digest("Control catalogue", bound.catalogue),
        *waivers,
        Digest("Predictions", record.predictions),
    )


# --- what was measured -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Estimates:
    """The record's estimates, each in the one section it belongs to."""

    all_rows: Mapping[str, Estimate]
    counted: tuple[Estimate, ...]
    performance: tuple[Estimate, ...]
    calibration: tuple[Estimate, ...]
    comparison: tuple[Estimate, ...]
    by_cohort: tuple[Estimate, ...]
    between_groups: tuple[Estimate, ...]

    @classmethod
    def of(cls, record: DecisionRecord) -> "_Estimates":
        between = tuple(one for one in record.estimates if one.group is not None or one.reference is not None)
        rest = tuple(one for one in record.estimates if one.group is None and one.reference is None)
        whole = tuple(one for one in rest if not one.cohort)
        counted = tuple(one for one in whole if one.method == "census")
        estimated = tuple(one for one in whole if one.method != "census")
        return cls(
            all_rows={one.metric: one for one in whole if one.is_evaluable},
            counted=counted,
            performance=_in_order(
                one for one in estimated if one.metric not in (*_CALIBRATION, *_COMPARISONS)
            ),
            calibration=tuple(one for one in estimated if one.metric in _CALIBRATION),
            comparison=tuple(one for one in estimated if one.metric in _COMPARISONS),
            by_cohort=_in_order(one for one in rest if one.cohort),
            between_groups=between,
        )


def _in_order(estimates: Iterable[Estimate]) -> tuple[Estimate, ...]:
    """By metric in the order people read them, unknown ones last; otherwise as they come."""

    def place(estimate: Estimate) -> int:
        known = estimate.metric in _METRIC_ORDER
        return _METRIC_ORDER.index(estimate.metric) if known else len(_METRIC_ORDER)

    return tuple(sorted(estimates, key=place))


@dataclass(frozen=True)
class _Limit:
    floor: float | None = None
    ceiling: float | None = None


_Key = tuple[str, frozenset[tuple[str, str | None]], str | None]
_Limits = Mapping[_Key, _Limit]


def _key(estimate: Estimate) -> _Key:
    return estimate.metric, frozenset(estimate.cohort.items()), estimate.group


def _limits(record: DecisionRecord) -> _Limits:
    """What the record's rules demand, by the metric and the rows they judged."""
    return {
        _key(estimate): _Limit(control.rule.floor, control.rule.ceiling)
        for control in record.controls
        if control.rule is not None
        for estimate in control.estimates
        if estimate.metric == control.rule.metric
    }


def _line(estimate: Estimate, limits: _Limits, *, label: str, is_alone: bool = False) -> Line:
    """An estimate on an axis of its own (a share or a score, from 0 to 1, when it stands alone)."""
    limit = limits.get(_key(estimate), _Limit())
    at = 0.0 if estimate.metric in _COMPARISONS else None
    axis = charts.axis_for([estimate], floor=limit.floor, ceiling=limit.ceiling, at=at)
    if is_alone:
        axis = charts.Axis(0.0, 1.0) if _is_from_zero_to_one(estimate) else None
    return _on(axis, estimate, label=label, limit=limit, at=at)


def _on(axis: charts.Axis | None, estimate: Estimate, *, label: str, limit: _Limit, at: float | None) -> Line:
    floor, ceiling = limit.floor, limit.ceiling
    is_drawn = estimate.method != "census"
    words = text.limit_words(estimate.metric, floor, ceiling)
    return Line(
        label=label,
        estimate=estimate,
        measured=text.measured(estimate, limits=(floor, ceiling)),
        limit="" if words == text.NOTHING else words,
        strip=charts.strip(estimate, axis, floor=floor, ceiling=ceiling, at=at) if is_drawn else None,
    )


def _is_from_zero_to_one(estimate: Estimate) -> bool:
    numbers = [bound for bound in (estimate.value, estimate.low, estimate.high) if bound is not None]
    return estimate.metric in _METRIC_ORDER[:-1] and all(0.0 <= bound <= 1.0 for bound in numbers)


def _cohorts(
    estimates: Sequence[Estimate], limits: _Limits, all_rows: Mapping[str, Estimate]
) -> tuple[CohortSection, ...]:
    sections: dict[tuple[str, ...], dict[str, list[Estimate]]] = {}
    for estimate in estimates:
        sections.setdefault(tuple(estimate.cohort), {}).setdefault(estimate.metric, []).append(estimate)
    return tuple(
        CohortSection(
            " × ".join(text.visible(attribute) for attribute in attributes),
            tuple(
                _panel(
                    metric,
                    members,
                    limits,
                    at=None if (whole := all_rows.get(metric)) is None else whole.value,
                )
                for metric, members in metrics.items()
                if _COMPLEMENTS.get(metric) not in metrics
            ),
        )
        for attributes, metrics in sections.items()
    )


def _fairness(estimates: Sequence[Estimate], limits: _Limits) -> tuple[Panel, ...]:
    panels: dict[tuple[str, tuple[str, ...]], list[Estimate]] = {}
    for estimate in estimates:
        panels.setdefault((estimate.metric, tuple(estimate.cohort)), []).append(estimate)
    return tuple(
        _panel(metric, members, limits, at=1.0 if metric.endswith("_ratio") else 0.0)
        for (metric, _), members in panels.items()
    )


def _panel(metric: str, members: Sequence[Estimate], limits: _Limits, *, at: float | None) -> Panel:
    each = [limits.get(_key(member), _Limit()) for member in members]
    widest = next((limit for limit in each if limit != _Limit()), _Limit())
    axis = charts.axis_for(members, floor=widest.floor, ceiling=widest.ceiling, at=at)
    lines = tuple(
        _on(axis, member, label=_group_label(member), limit=limit, at=at)
        for member, limit in zip(members, each, strict=True)
    )
    attributes = " × ".join(text.visible(name) for name in members[0].cohort) if members[0].group else ""
    title = text.metric_words(metric) + (f", by {attributes}" if attributes else "")
    return Panel(title, next((line.limit for line in lines if line.limit), ""), lines)


def _group_label(estimate: Estimate) -> str:
    groups = " × ".join(text.group_words(group) for group in estimate.cohort.values())
    label = groups or text.group_words(estimate.group)
    if estimate.reference is None:
        return label
    return f"{label} against {text.group_words(estimate.reference)}"


def _gate(control: ControlResult) -> Gate:
    estimate = binding_estimate(control)
    drawing = None
    if estimate is not None and control.rule is not None and estimate.method != "census":
        floor, ceiling = control.rule.floor, control.rule.ceiling
        axis = charts.axis_for([estimate], floor=floor, ceiling=ceiling)
        drawing = charts.strip(estimate, axis, floor=floor, ceiling=ceiling)
    return Gate(gate_row(control), control.reason, control.why_required, estimate, drawing)


def _curve(stages: Sequence[StageEvidence]) -> tuple[charts.CurvePoint, ...]:
    tables = [stage.tables[RELIABILITY_TABLE] for stage in stages if RELIABILITY_TABLE in stage.tables]
    return charts.reliability_curve(tables[0]) if tables else ()


def _tables(stages: Sequence[StageEvidence]) -> tuple[NamedTable, ...]:
    return tuple(
        named_table(name, stage.stage, table)
        for stage in stages
        for name, table in stage.tables.items()
        if name not in (RELIABILITY_TABLE, OUTCOME_TABLE) and table
    )


def named_table(name: str, stage: str, table: Table) -> NamedTable:
    """A stage's table written for people: what is not as expected first, the rest folded and counted."""
    found = dict.fromkeys(key for row in table for key in row if row[key] is not None)
    header = tuple(sorted(found, key=lambda key: _COLUMNS.index(key) if key in _COLUMNS else len(_COLUMNS)))
    outcomes = Counter(str(row["outcome"]) for row in table if row.get("outcome") is not None)
    unexpected = [row for row in table if row.get("outcome") != AS_EXPECTED] if outcomes else table
    shown = unexpected[:_SHOWN_ROWS]
    others = [*unexpected[_SHOWN_ROWS:], *(row for row in table if row.get("outcome") == AS_EXPECTED)]
    return NamedTable(
        section=_SECTION_OF_STAGE.get(stage, "data"),
        name=text.visible(name.replace("_", " ")),
        stage=stage,
        header=header,
        rows=_written(shown, header),
        folded=_written(others[:_FOLDED_ROWS], header),
        summary=", ".join(f"{text.count(n)} {text.visible(words)}" for words, n in outcomes.items()),
        left_out=max(0, len(others) - _FOLDED_ROWS),
    )


def _written(rows: Sequence[Mapping[str, Scalar]], header: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_cell(row.get(key)) for key in header) for row in rows)


def _cell(value: Scalar) -> str:
    match value:
        case None:
            return text.NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return text.count(value)
        case float():
            return f"{value:.6g}"
        case str():
            return text.visible(value)


def _methods(estimates: Iterable[Estimate]) -> str:
    """Which methods the intervals come from, and what they promise."""
    measured = [one for one in estimates if one.is_evaluable and one.method != "census"]
    if not measured:
        return ""
    methods = ", ".join(sorted({text.method_words(one.method) for one in measured}))
    promises = " or ".join(
        f"{confidence * 100:g} % for each bound by itself ({coverage * 100:g} % for both together)"
        for confidence, coverage in sorted({(one.confidence, one.coverage) for one in measured})
    )
    return f"Intervals: confidence {promises}. Methods: {methods}."
