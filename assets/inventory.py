"""Inventory: which models there are, what a team declares about one, what the registry knows about a version.

What does not belong here: reading YAML or the registry (`resources`).
"""

import dagster as dg

from assets.materializations import link, links, materialized, short_digest, shown_evidence, table, version_of
from assets.partitions import MODEL_VERSIONS
from modelrisk import pages
from modelrisk.cases import Case, IntakeRecord
from modelrisk.documents.text import visible
from modelrisk.inventory import Taken
from resources.case_files import CaseFiles
from resources.inventories import Inventories
from resources.model_registry import Registry


@dg.asset(
    key=["inventory", "models"],
    group_name="inventory",
    kinds={"mlflow", "yaml"},
    code_version="1",
    description=(
        "Every registered model with its versions and aliases, and what its team declares: one snapshot,"
        " noted in the ledger when it changed. Takes no configuration. A faulty intake file is a fault of its"
        " model; a faulty policy or a silent registry fails the run, and the last snapshot stays."
    ),
)
def models(inventories: dg.ResourceParam[Inventories]) -> dg.MaterializeResult[Taken]:
    """Registry and governance directory as they stand now."""
    taken = inventories.take()
    overview = inventories.overview(taken)
    return materialized(
        taken,
        version=taken.snapshot,
        shown={
            "models": taken.models,
            "versions": taken.versions,
            "not declared": len(overview.undeclared),
            "aliases not as released": len(overview.moved),
            "reviews late": len(overview.late),
            "next reviews": table(
                [
                    {
                        "version": day.version.key,
                        "owner": day.owner,
                        "tier": day.tier,
                        "stands": "in use" if day.in_use else "releasable",
                        "reviewed": None if day.reviewed is None else day.reviewed.isoformat(),
                        "due by": None if day.due is None else day.due.isoformat(),
                        "review": day.timeliness.value,
                    }
                    for day in overview.soonest(_DAYS_SHOWN)
                ]
            ),
            "snapshot": short_digest(taken.snapshot),
        },
    )


_DAYS_SHOWN = 50


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
    context: dg.AssetExecutionContext,
    case_files: dg.ResourceParam[CaseFiles],
    registry: dg.ResourceParam[Registry],
) -> dg.MaterializeResult[Case]:
    """The case opened: model, data, champion and documents, each bound by digest."""
    case = case_files.open(version_of(context))
    version, run_id = case.version, case.lineage.run_id
    command = pages.how_to_see(registry.place)
    return materialized(
        case,
        shown={
            "champion": case.champion.statement,
            "version in MLflow": link(
                pages.of_version(registry.place, version),
                f"{command}  then Models, {visible(version.name)}, Version {visible(version.version)}",
            ),
            "run in MLflow": None
            if run_id is None
            else link(
                pages.of_run(registry.place, run_id), f"{command}  then http://127.0.0.1:5000/#/runs/{run_id}"
            ),
            "experiment": visible(case.lineage.experiment) or None,
            "run": run_id,
            "source commit": case.lineage.source_commit,
            "flavors": ", ".join(case.lineage.flavors),
            "digests": table(
                [
                    {"of": name, "digest": short_digest(getattr(case.bound, name)) or "not read"}
                    for name in ("model", "environment", "evaluation", "training", "champion", "intake")
                ]
            ),
            "problems": table(
                [{"with": name, "problem": str(problem)} for name, problem in case.problems.items()]
            ),
            **shown_evidence(case.evidence),
            "read on": links(version.key, decision="release/decision", intake="inventory/intake"),
        },
    )
