"""The gates on what was decided, on the pack, and on whether the decision still holds.

What does not belong here: any judgement of its own; each check reads what its asset left behind.
"""

import dagster as dg

from assets.documentation import evidence_pack
from assets.partitions import MODEL_VERSIONS
from assets.release import clearance, decision
from modelrisk.decisions import Clearance, Outcome
from modelrisk.packs import PackVerdict
from resources.decision_register import Registered
from resources.publications import Pack, Publications


@dg.asset_check(
    asset=decision,
    partitions_def=MODEL_VERSIONS,
    description="The decision is releasable. If not, the report on the asset says what to do.",
)
def version_is_releasable(decision: Registered) -> dg.AssetCheckResult:
    """Green exactly if the signed record says releasable."""
    record = decision.record
    return dg.AssetCheckResult(
        passed=record.verdict is Outcome.RELEASABLE,
        severity=dg.AssetCheckSeverity.ERROR,
        description=record.headline,
        metadata={
            "verdict": record.verdict.value,
            "blocking": ", ".join(control.id for control in record.controls if control.blocks) or "none",
            "do next": "; ".join(finding.next_action for finding in record.findings[:3]) or "nothing",
        },
    )


@dg.asset_check(
    asset=evidence_pack,
    partitions_def=MODEL_VERSIONS,
    description="Signature, digests and headline numbers of the pack verify against this platform's keys.",
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
    description="The newest decision is releasable and nothing it depends on has changed since.",
)
def cleared_for_release(clearance: Clearance) -> dg.AssetCheckResult:
    """The one blocking gate: promotion in the same run waits for it."""
    return dg.AssetCheckResult(
        passed=clearance.cleared,
        severity=dg.AssetCheckSeverity.ERROR,
        description="cleared" if clearance.cleared else " ".join(clearance.reasons),
        metadata={"decision": clearance.record or "none", "reasons": len(clearance.reasons)},
    )
