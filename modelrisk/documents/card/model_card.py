"""The model card: what one decision, one intake and one lineage say about one model version.

The card is a view. Its numbers are the record's estimates and nothing else; its words are those of the
record, of the team's intake and of the registry; what nobody said is shown as *not provided*. Nothing on
it is judged here, so the card cannot disagree with the decision it shows.

What does not belong here: how it looks (`modelrisk.documents.card.page` and `markdown`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.decisions import DecisionRecord, Kind
from modelrisk.documents import charts, text
from modelrisk.documents.card.facts import (
    Digest,
    Fact,
    bound_digests,
    evaluation_facts,
    origin,
    people,
    setting,
    training_facts,
)
from modelrisk.documents.card.figures import Line, SortedEstimates, limits_of, line, methods_of
from modelrisk.documents.card.gates import VERDICT_ORDER, Gate, Limitation, gate
from modelrisk.documents.card.groups import CohortSection, Panel, cohort_sections, fairness_panels
from modelrisk.documents.card.stage_tables import NamedTable, curve, stage_tables
from modelrisk.intake import Intake
from modelrisk.lineage import DatasetInput, Lineage, Signature
from modelrisk.records import StageEvidence
from modelrisk.verdicts import Verdict

NOT_TOLD = (
    "Whether the purpose is right, or the label measures what it is meant to.",
    "How the model behaves on data unlike the evaluation data: other places, other people, later times.",
    "Whether the evaluation data was collected fairly and labelled well; a digest only says which bytes.",
    "Fairness to groups not declared as sensitive, and any notion of fairness not listed here.",
    "What a person or a system does with the output, and what follows from it.",
    "Anything about the time after the decision: nothing here was monitored.",
)


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
    sorted_out = SortedEstimates.of(record)
    limits = limits_of(record)
    gates = tuple(
        gate(control)
        for control in sorted(
            record.controls, key=lambda control: (not control.blocks, VERDICT_ORDER.index(control.verdict))
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
        people=people(record, intake),
        setting=setting(intake),
        evaluation=evaluation_facts(record, intake, sorted_out.all_rows),
        training=training_facts(record, intake),
        data_lines=tuple(
            line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.counted
        ),
        performance=tuple(
            line(one, limits, label=text.metric_words(one.metric), is_alone=True)
            for one in sorted_out.performance
        ),
        cohorts=cohort_sections(sorted_out.by_cohort, limits, sorted_out.all_rows),
        fairness=fairness_panels(sorted_out.between_groups, limits),
        calibration=tuple(
            line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.calibration
        ),
        curve=curve(stages),
        comparison=tuple(
            line(one, limits, label=text.metric_words(one.metric)) for one in sorted_out.comparison
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
        origin=origin(lineage),
        params=()
        if lineage is None
        else tuple(Fact(name, value) for name, value in sorted(lineage.params.items())),
        datasets=() if lineage is None else lineage.datasets,
        signature=None if lineage is None else lineage.signature,
        requirements=() if lineage is None else lineage.requirements,
        digests=bound_digests(record),
        evidence=tuple(Digest(stage, digest) for stage, digest in sorted(record.evidence.items())),
        tables=stage_tables(stages),
        methods=methods_of(record.estimates),
        not_told=NOT_TOLD,
    )
