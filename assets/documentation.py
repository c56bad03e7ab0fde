"""Documentation: the card and the datasheets people read, and the pack anyone can verify.

What does not belong here: what they say (`modelrisk.documents`, `modelrisk.packs`).
"""

import shlex

import dagster as dg

from assets.inventory import intake, lineage
from assets.materializations import links, materialized
from assets.partitions import MODEL_VERSIONS
from assets.release import decision
from modelrisk.cases import Case, IntakeRecord
from modelrisk.documents.card.markdown import without_metadata
from resources.decision_register import Registered
from resources.publications import Card, Datasheets, Pack, Publications


@dg.asset(
    key=["documentation", "datasheet"],
    group_name="documentation",
    partitions_def=MODEL_VERSIONS,
    kinds={"markdown", "html", "duckdb"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key)},
    description="What the evaluation and training data are: schema, sizes, gaps, collection; as Croissant.",
)
def datasheet(
    context: dg.AssetExecutionContext, case: Case, publications: dg.ResourceParam[Publications]
) -> dg.MaterializeResult[Datasheets]:
    """Counts, and names of columns and groups; no other value of the data."""
    sheets = publications.datasheets(case)
    context.log.info("%d datasheets of %s", len(sheets.files), case.version)
    pages = publications.sheet_pages(sheets, case.version)
    return materialized(
        sheets,
        shown={
            "data": dg.MetadataValue.md(sheets.summary),
            **{
                f"datasheet, {purpose}": dg.MetadataValue.md(publications.text(files.markdown))
                for purpose, files in sheets.files.items()
            },
            **{f"page, {purpose}": dg.MetadataValue.path(page) for purpose, page in pages.items()},
            **{f"croissant, {purpose}": files.croissant for purpose, files in sheets.files.items()},
        },
    )


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
        "sheets": dg.AssetIn(datasheet.key),
    },
    description="The model card: what it is for, how good, for whom, and what it lacks.",
)
def model_card(
    context: dg.AssetExecutionContext,
    decision: Registered,
    intake: IntakeRecord,
    case: Case,
    sheets: Datasheets,
    publications: dg.ResourceParam[Publications],
) -> dg.MaterializeResult[Card]:
    """Every number on it comes from the record and the evidence it names, or there is no card."""
    card = publications.card(decision, intake=intake.intake, case=case, datasheets=sheets)
    context.log.info("card of %s", decision.record.model)
    version = shlex.quote(decision.record.model)
    return materialized(
        card,
        shown={
            "verdict": decision.record.verdict.value,
            "headline": decision.record.headline,
            "card": dg.MetadataValue.md(without_metadata(publications.text(card.markdown))),
            "page": dg.MetadataValue.path(publications.page(card, decision.record.version)),
            "get the page": f"model-risk card {version} --format html --output card.html",
            "read on": links(
                decision.record.model, decision="release/decision", pack="documentation/evidence_pack"
            ),
        },
    )


@dg.asset(
    key=["documentation", "evidence_pack"],
    group_name="documentation",
    partitions_def=MODEL_VERSIONS,
    kinds={"zip"},
    code_version="1",
    ins={
        "decision": dg.AssetIn(decision.key),
        "card": dg.AssetIn(model_card.key),
        "sheets": dg.AssetIn(datasheet.key),
    },
    description="Record, estimates, expectations, card, datasheets and predictions in one verifiable file.",
)
def evidence_pack(
    context: dg.AssetExecutionContext,
    decision: Registered,
    card: Card,
    sheets: Datasheets,
    publications: dg.ResourceParam[Publications],
) -> dg.MaterializeResult[Pack]:
    """One file that a stranger can verify against a key they already trust."""
    pack = publications.pack(decision, card, sheets)
    context.log.info("pack of %s", decision.record.model)
    return materialized(
        pack,
        shown={
            "file": dg.MetadataValue.path(pack.path),
            "get a copy": f"model-risk pack {shlex.quote(decision.record.model)} --output pack.zip",
            "verify with": f"model-risk verify {shlex.quote(str(pack.path))}",
            "bytes": pack.size,
            "digest": pack.digest,
            "read on": links(
                decision.record.model, decision="release/decision", card="documentation/model_card"
            ),
        },
    )
