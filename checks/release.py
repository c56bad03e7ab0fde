"""The gates on what was decided, on the pack, and on whether the decision still holds.

What does not belong here: any judgement of its own; each check reads what its asset left behind.
"""

import dagster as dg

from assets.documentation import evidence_pack
from assets.partitions import MODEL_VERSIONS
from assets.release import clearance, decision
from modelrisk.decisions import Clearance, Outcome
from modelrisk.documents.text import for_markdown
from modelrisk.packs import PackVerdict
from resources.decision_register import Registered
from resources.publications import Pack, Publications


@dg.asset_check(
    asset=decision,
    partitions_def=MODEL_VERSIONS,
    description=(
        "The decision is releasable.\n\n**To pass:** choose the version under *Partitions* of the asset:"
        " *blocked by* links to each gate that refuses, whose *do next* says what to do. Mend the model, log"
        " and register it as the next version; the sensor `new_versions` has it reviewed within a minute."
    ),
)
def version_is_releasable(decision: Registered) -> dg.AssetCheckResult:
    """Green exactly if the signed record says releasable."""
    record = decision.record
    return dg.AssetCheckResult(
        passed=record.verdict is Outcome.RELEASABLE,
        severity=dg.AssetCheckSeverity.ERROR,
        description=for_markdown(record.headline),
        metadata={
            "verdict": record.verdict.value,
            "blocking": ", ".join(control.id for control in record.controls if control.blocks) or "none",
            "do next": "; ".join(finding.next_action for finding in record.findings[:3]) or "nothing",
        },
    )


@dg.asset_check(
    asset=evidence_pack,
    partitions_def=MODEL_VERSIONS,
    description=(
        "Signature, digests and headline numbers of the pack verify against this platform's keys.\n\n"
        "**To pass:** *failures* names what differs; launch `review_model_version` again, which writes"
        " a new pack. If that is red too, run `model-risk ledger verify`."
    ),
)
def evidence_pack_verifies(
    evidence_pack: Pack, publications: dg.ResourceParam[Publications]
) -> dg.AssetCheckResult:
    """The pack read back from disk and verified as a stranger would."""
    report = publications.verified(evidence_pack)
    return dg.AssetCheckResult(
        passed=report.verdict is PackVerdict.VERIFIED,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "verdict": report.verdict.value,
            "checks": len(report.checks),
            "failures": "; ".join(f"{check.name}: {check.detail}" for check in report.failures) or "none",
        },
    )


@dg.asset_check(
    asset=clearance,
    blocking=True,
    partitions_def=MODEL_VERSIONS,
    description=(
        "The newest decision is releasable and nothing it depends on has changed since.\n\n"
        "**To pass:** *reasons* on the asset names what refuses or has changed; launch `review_model_version`"
        " for the version again, then `release_model_version`."
    ),
)
def cleared_for_release(clearance: Clearance) -> dg.AssetCheckResult:
    """The one blocking gate: promotion in the same run waits for it."""
    return dg.AssetCheckResult(
        passed=clearance.cleared,
        severity=dg.AssetCheckSeverity.ERROR,
        description="cleared" if clearance.cleared else for_markdown(" ".join(clearance.reasons)),
        metadata={"decision": clearance.record or "none", "reasons": len(clearance.reasons)},
    )
