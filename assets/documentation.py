"""Documentation: the card people read and the pack anyone can verify.

What does not belong here: what they say (`modelrisk.documents`, `modelrisk.packs`).
"""

import dagster as dg

from assets.inventory import intake, lineage
from assets.materializations import materialized
from assets.partitions import MODEL_VERSIONS
from assets.release import decision
from modelrisk.cases import Case, IntakeRecord
from modelrisk.documents.card.markdown import without_metadata
from resources.decision_register import Registered
from resources.publications import Card, Pack, Publications


@dg.asset(
    key=["documentation", "model_card"],
    group_name="documentation",
    partitions_def=MODEL_VERSIONS,
    kinds={"markdown", "html"},
    code_version="1",
    ins={
        "decision": dg.AssetIn(decision.key),
        "intake": dg.AssetIn(intake.key),
        "case": dg.AssetIn(lineage.key),
    },
    description="The model card: what it is for, how good, for whom, and what it lacks.",
)
def model_card(
    context: dg.AssetExecutionContext,
    decision: Registered,
    intake: IntakeRecord,
    case: Case,
    publications: dg.ResourceParam[Publications],
) -> dg.MaterializeResult[Card]:
    """Every number on it comes from the record and the evidence it names."""
    card = publications.card(decision, intake=intake.intake, case=case)
    context.log.info("card of %s", decision.record.model)
    return materialized(
        card,
        shown={
            "verdict": decision.record.verdict.value,
            "headline": decision.record.headline,
            "card": dg.MetadataValue.md(without_metadata(publications.text(card.markdown))),
            "page": dg.MetadataValue.path(publications.page(card, decision.record.version)),
        },
    )


@dg.asset(
    key=["documentation", "evidence_pack"],
    group_name="documentation",
    partitions_def=MODEL_VERSIONS,
    kinds={"zip"},
    code_version="1",
    ins={"decision": dg.AssetIn(decision.key), "card": dg.AssetIn(model_card.key)},
    description="Record, estimates, expectation results, card and frozen predictions in one verifiable file.",
)
def evidence_pack(
    context: dg.AssetExecutionContext,
    decision: Registered,
    card: Card,
    publications: dg.ResourceParam[Publications],
) -> dg.MaterializeResult[Pack]:
    """One file that a stranger can verify against a key they already trust."""
    pack = publications.pack(decision, card)
    context.log.info("pack of %s", decision.record.model)
    return materialized(
        pack,
        shown={
            "file": dg.MetadataValue.path(pack.path),
            "bytes": pack.size,
            "digest": pack.digest,
            "verify with": f"model-risk verify {pack.path}",
        },
    )
