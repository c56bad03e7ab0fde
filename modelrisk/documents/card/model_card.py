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
from modelrisk.documents.card.classes import ClassTable, Confusion, class_table, confusion_of
from modelrisk.documents.card.errors import Spread, Tenths, spread_of, tenths_of
from modelrisk.documents.card.facts import (
    Digest,
    Fact,
    bound_digests,
    evaluation_facts,
    evidence_digests,
    origin,
    params,
    people,
    setting,
    training_facts,
)
from modelrisk.documents.card.figures import (
    Line,
    Promise,
    SortedEstimates,
    limits_of,
    lines,
    methods_of,
    promises_of,
)
from modelrisk.documents.card.gates import Gate, gates_of
from modelrisk.documents.card.groups import CohortSection, Panel, cohort_sections, fairness_panels
from modelrisk.documents.card.history import History
from modelrisk.documents.card.stage_tables import (
    RELIABILITY_TABLE,
    NamedTable,
    kept_tables,
    stage_tables,
)
from modelrisk.documents.references import pointer
from modelrisk.intake import Intake, Task
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
        titled: where that name stands.
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
        classes: the rates of each class; None for a task without several classes.
        confusion: which class is taken for which; None when no stage kept it.
        spread: quantiles of a regression's errors; None when no stage kept them.
        tenths: errors by tenth of the predictions; None when no stage kept them.
        cohorts: estimates by group, one section for each sensitive attribute.
        fairness: ratios and differences between groups.
        calibration: slope and intercept.
        curve: the reliability curve.
        curved: where it stands.
        comparison: differences to the champion.
        gates: every control, what blocks first.
        limitations: where the team knows it to be wrong.
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
        promises: what they promise.
        history: earlier decisions and releases of the model.
        datasheets: what describes the data.
        documents: name -> what the card was made from; its references lead there.
        not_told: what the card does not tell.
    """

    record: DecisionRecord
    record_digest: str | None
    signer: str | None
    title: str
    titled: str
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
    classes: ClassTable | None
    confusion: Confusion | None
    spread: Spread | None
    tenths: Tenths | None
    cohorts: tuple[CohortSection, ...]
    fairness: tuple[Panel, ...]
    calibration: tuple[Line, ...]
    curve: tuple[charts.CurvePoint, ...]
    curved: str
    comparison: tuple[Line, ...]
    gates: tuple[Gate, ...]
    limitations: tuple[str, ...]
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
    promises: tuple[Promise, ...]
    history: History
    datasheets: tuple[Digest, ...]
    documents: Mapping[str, object]
    not_told: tuple[str, ...]

    @property
    def is_preview(self) -> bool:
        """Whether the card shows what a decision would say, not a decision."""
        return self.record.kind is Kind.PREVIEW

    @property
    def task(self) -> Task | None:
        """What the model predicts; None when nobody declared it."""
        intake = self.documents.get("intake")
        return intake.task if isinstance(intake, Intake) else None


def model_card(
    record: DecisionRecord,
    *,
    record_digest: str | None,
    intake: Intake | None,
    lineage: Lineage | None,
    stages: Sequence[StageEvidence],
    control_limitations: Mapping[str, str] | None = None,
    signer: str | None = None,
    history: History | None = None,
    datasheets: Mapping[str, str] | None = None,
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
        history: what the ledger told of the model before.
        datasheets: name of a data set -> digest of its machine-readable datasheet.
    """
    sorted_out = SortedEstimates.of(record)
    limits = limits_of(record)
    limitations = dict(control_limitations or {})
    gates = gates_of(record, limitations)
    kept = kept_tables(stages)
    curve = kept.get(RELIABILITY_TABLE)
    before = history or History()
    described = dict(datasheets or {})
    measured = sorted_out.performance + sorted_out.calibration + sorted_out.comparison
    intervals = measured + sorted_out.by_class + sorted_out.by_cohort + sorted_out.between_groups
    return ModelCard(
        record=record,
        record_digest=record_digest,
        signer=signer,
        title=text.visible(record.title) or text.visible(record.version.name),
        titled=pointer("record", "title" if text.visible(record.title) else "model"),
        name=record.version.name,
        version=record.version.version,
        purpose=None if intake is None else intake.purpose,
        out_of_scope=() if intake is None else intake.out_of_scope,
        people=people(record, intake),
        setting=setting(intake),
        evaluation=evaluation_facts(record, intake, sorted_out.performance),
        training=training_facts(record, intake),
        data_lines=lines(sorted_out.counted, limits),
        performance=lines(sorted_out.performance, limits),
        classes=class_table(sorted_out.by_class, limits),
        confusion=confusion_of(kept),
        spread=spread_of(kept),
        tenths=tenths_of(kept),
        cohorts=cohort_sections(
            sorted_out.by_cohort,
            limits,
            {one.estimate.metric: one.estimate for one in measured if one.estimate.is_evaluable},
        ),
        fairness=fairness_panels(sorted_out.between_groups, limits),
        calibration=lines(sorted_out.calibration, limits),
        curve=charts.reliability_curve(curve[1]) if curve else (),
        curved=pointer(curve[0], "tables", RELIABILITY_TABLE) if curve else "",
        comparison=lines(sorted_out.comparison, limits),
        gates=gates,
        limitations=() if intake is None else intake.limitations,
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
        params=params(lineage),
        datasets=() if lineage is None else lineage.datasets,
        signature=None if lineage is None else lineage.signature,
        requirements=() if lineage is None else lineage.requirements,
        digests=bound_digests(record),
        evidence=evidence_digests(record),
        tables=stage_tables(stages),
        methods=methods_of(intervals),
        promises=promises_of(intervals),
        history=before,
        datasheets=tuple(
            Digest(name, digest, pointer("datasheets", name)) for name, digest in described.items()
        ),
        not_told=NOT_TOLD,
        documents={
            "record": record,
            "signature": {"record": record_digest, "signer": signer},
            "catalogue": limitations,
            "ledger": before,
            "datasheets": described,
            **({} if intake is None else {"intake": intake}),
            **({} if lineage is None else {"lineage": lineage}),
            **{stage.stage: stage for stage in stages},
        },
    )
