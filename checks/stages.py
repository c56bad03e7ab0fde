"""The gates on the stages, generated from the control catalogue: one check for each control.

A check computes its verdict by the very function the decision uses, on the evidence its stage just left
behind. It never decides by itself: a release needs the signed decision and its clearance.

What does not belong here: what a control means (`modelrisk.standards.controls`) or demands (policy).
"""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from assets.evaluation import champion_comparison, fairness, quality
from assets.inventory import intake, lineage
from assets.partitions import MODEL_VERSIONS
from assets.validation import evaluation_data
from checks.gate import gate
from modelrisk.cases import Case, IntakeRecord
from modelrisk.catalogue import Catalogue, Control
from modelrisk.decisions import assess
from modelrisk.records import StageEvidence
from resources.governance import Governance

_STAGES: dict[dg.AssetKey, type[StageEvidence | IntakeRecord | Case]] = {
    intake.key: IntakeRecord,
    lineage.key: Case,
    evaluation_data.key: StageEvidence,
    quality.key: StageEvidence,
    fairness.key: StageEvidence,
    champion_comparison.key: StageEvidence,
}


def stage_checks(catalogue: Catalogue) -> list[dg.AssetChecksDefinition]:
    """One check definition for each stage, with one check for each control the stage carries."""
    return [
        _checks_of(key, value_type, controls)
        for key, value_type in _STAGES.items()
        if (controls := [c for c in catalogue.controls.values() if c.asset == "/".join(key.path)])
    ]


def _checks_of(key: dg.AssetKey, value_type: type, controls: Sequence[Control]) -> dg.AssetChecksDefinition:
    is_intake = key == intake.key
    specs = [
        dg.AssetCheckSpec(
            name=control.id,
            asset=key,
            additional_deps=[] if is_intake else [intake.key],
            description=_description(control),
            partitions_def=MODEL_VERSIONS,
        )
        for control in controls
    ]
    ins = {"declared": dg.AssetIn(intake.key)} | ({} if is_intake else {"stage": dg.AssetIn(key)})
    return dg.multi_asset_check(name=f"{'_'.join(key.path)}_gates", specs=specs, ins=ins)(
        _of_intake if is_intake else _of_stage(value_type)
    )


def _description(control: Control) -> str:
    """What it judges, what to do when it is red, and what a green one does not tell."""
    return "\n\n".join(
        (
            f"{control.title}.",
            f"**Stops:** {control.risk}",
            f"**Evidence:** {control.evidence}",
            f"**To pass:** {control.how_to_pass}",
            f"**Does not tell:** {control.limitations}",
        )
    )


def _of_intake(
    declared: IntakeRecord, governance: dg.ResourceParam[Governance]
) -> Iterator[dg.AssetCheckResult]:
    yield from _verdicts(declared.evidence, declared, governance)


def _of_stage(value_type: type) -> Callable[..., Iterator[dg.AssetCheckResult]]:
    def judged(
        stage: StageEvidence | Case, declared: IntakeRecord, governance: dg.ResourceParam[Governance]
    ) -> Iterator[dg.AssetCheckResult]:
        evidence = stage.evidence if isinstance(stage, Case) else stage
        yield from _verdicts(evidence, declared, governance)

    judged.__annotations__["stage"] = value_type  # the stage store decodes to the annotated type
    return judged


def _verdicts(
    evidence: StageEvidence, declared: IntakeRecord, governance: Governance
) -> Iterator[dg.AssetCheckResult]:
    for obligation in governance.obligations(evidence.version.name, declared.tier, declared.intake):
        if obligation.control.asset == evidence.stage:
            yield gate(assess(obligation, evidence, current=evidence.bound))
