"""The sensor that asks for releases where policy leaves that to itself.

What does not belong here: whether a version may be released (`assets.release`).
"""

from collections.abc import Iterator

import dagster as dg

from assets.release import promotion
from modelrisk.documents.text import visible
from modelrisk.errors import ModelRiskError
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind
from modelrisk.policy import Promotion
from pipelines.failure_stories import told
from pipelines.jobs import release_model_version
from pipelines.requests import MOST_REQUESTS
from resources.governance import Governance
from resources.ledger_store import SqliteLedger


@told(
    lambda description: dg.sensor(
        name="automatic_release",
        job=release_model_version,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    ),
    summary="Requests the release of releasable decisions where policy says `promotion: automatic`.",
)
def automatic_release(
    context: dg.SensorEvaluationContext,
    governance: dg.ResourceParam[Governance],
    ledger: dg.ResourceParam[SqliteLedger],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Reads the ledger from its cursor on and requests one release for each newest releasable decision.

    How it fails. It can only ask: the release job clears by itself, so a stale or forged request is refused
    there. *Killed anywhere*: one request for each decision (the run key is its ledger entry), so a repeated
    tick asks for nothing twice. *Ledger, policy or directory faulty or gone*: the tick is skipped with the
    reason, and the cursor stays. *A version released before* is left to people: it was replaced or is in use,
    and a review that only renews its decision must not bring it back. *More than 20*: the rest follows in
    the next tick. *Changed policy*: decisions made under the old one are not looked at again.
    """
    written = context.cursor or ""
    cursor = int(written) if written.isdecimal() else 0
    try:
        policy = governance.policy()
        released = {event.subject for event in ledger.events(EventKind.RELEASE_FINISHED)}
        decisions = [event for event in ledger.events(EventKind.DECISION) if event.seq > cursor]
    except ModelRiskError as error:
        yield dg.SkipReason(visible(str(error)))
        return
    automatic = {tier for tier, s in policy.tiers.items() if s.promotion is Promotion.AUTOMATIC}
    newest = {event.subject: event for event in decisions}
    asked = 0
    for event in decisions:
        if asked == MOST_REQUESTS:
            break
        cursor = event.seq
        wanted = newest[event.subject] is event and event.subject not in released
        if wanted and event.body.get("verdict") == "releasable" and event.body.get("tier") in automatic:
            asked += 1
            yield request_release(
                ModelVersion.from_key(event.subject), run_key=str(event.seq), by=f"policy:{policy.digest}"
            )
    context.update_cursor(str(cursor))
    if not asked:
        yield dg.SkipReason("no new releasable decision in a tier with automatic promotion")


def request_release(version: ModelVersion, *, run_key: str, by: str) -> dg.RunRequest:
    """A run of the release job for one version, on somebody's behalf."""
    step = promotion.op.name
    return dg.RunRequest(
        run_key=run_key,
        partition_key=version.key,
        run_config={
            "ops": {step: {"config": {"by": by, "reason": "policy promotes this tier automatically"}}}
        },
    )
