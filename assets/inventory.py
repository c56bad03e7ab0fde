"""Inventory: what a team declares about a model, and what the registry knows about a version.

What does not belong here: reading YAML or the registry (`resources`).
"""

import dagster as dg

from assets.materializations import materialized, shown_evidence, table, version_of
from assets.partitions import MODEL_VERSIONS
from modelrisk.cases import Case, IntakeRecord
from resources.case_files import CaseFiles


@dg.asset(
    key=["inventory", "intake"],
    group_name="inventory",
    partitions_def=MODEL_VERSIONS,
    kinds={"yaml"},
    code_version="1",
    description="What the team declares about the model, and the risk tier that follows, fact by fact.",
)
def intake(
    context: dg.AssetExecutionContext, case_files: dg.ResourceParam[CaseFiles]
) -> dg.MaterializeResult[IntakeRecord]:
    """The declaration as it stands now; a model without one is recorded as not in the inventory."""
    record = case_files.intake(version_of(context))
    declared = record.intake
    return materialized(
        record,
        shown={
            "tier": record.tier.tier,
            "why this tier": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in record.tier.reasons)),
            "in the inventory": dg.MetadataValue.bool(declared is not None),
            "owner": None if declared is None else declared.owner,
            "purpose": None if declared is None else declared.purpose,
            **shown_evidence(record.evidence),
        },
    )


@dg.asset(
    key=["inventory", "lineage"],
    group_name="inventory",
    partitions_def=MODEL_VERSIONS,
    kinds={"mlflow"},
    code_version="1",
    deps=[intake],
    description="What the registry knows of the version, its champion, and digests of all it depends on.",
)
def lineage(
    context: dg.AssetExecutionContext, case_files: dg.ResourceParam[CaseFiles]
) -> dg.MaterializeResult[Case]:
    """The case opened: model, data, champion and documents, each bound by digest."""
    case = case_files.open(version_of(context))
    return materialized(
        case,
        shown={
            "champion": case.champion.statement,
            "run": case.lineage.run_id,
            "source commit": case.lineage.source_commit,
            "flavors": ", ".join(case.lineage.flavors),
            "digests": table(
                [
                    {"of": name, "digest": getattr(case.bound, name) or "not read"}
                    for name in ("model", "environment", "evaluation", "training", "champion", "intake")
                ]
            ),
            "problems": table(
                [{"with": name, "problem": str(problem)} for name, problem in case.problems.items()]
            ),
            **shown_evidence(case.evidence),
        },
    )
