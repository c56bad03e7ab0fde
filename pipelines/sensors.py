"""The sensors: what starts by itself, and how that can go wrong.

What does not belong here: whether a version may be released (`assets.release`).
"""

from collections.abc import Iterator

import dagster as dg

from assets.release import promotion
from modelrisk.errors import Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind
from modelrisk.policy import Promotion
from pipelines.jobs import release_model_version
from resources.governance import Governance
from resources.ledger_store import SqliteLedger

_MOST_REQUESTS = 20


@dg.sensor(
    name="automatic_release",
    job=release_model_version,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the release of releasable decisions where policy says `promotion: automatic`.",
)
def automatic_release(
    context: dg.SensorEvaluationContext,
    governance: dg.ResourceParam[Governance],
    ledger: dg.ResourceParam[SqliteLedger],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Reads the ledger from its cursor on and requests one release for each newest releasable decision.

    It can only ask: the release job clears by itself, so a stale or forged request is refused there. One
    request for each decision (the run key is its ledger entry), so a tick that is repeated after a crash
    asks for nothing twice. A ledger that cannot be read leaves the cursor where it is.
    """
    cursor = int(context.cursor or 0)
    policy = governance.policy()
    automatic = {tier for tier, s in policy.tiers.items() if s.promotion is Promotion.AUTOMATIC}
    try:
        decisions = [event for event in ledger.events(EventKind.DECISION) if event.seq > cursor]
    except Unavailable as error:
        yield dg.SkipReason(str(error))
        return
    newest = {event.subject: event for event in decisions}
    asked = 0
    for event in decisions:
        if asked == _MOST_REQUESTS:
            break
        cursor = event.seq
        is_newest = newest[event.subject] is event
        if is_newest and event.body.get("verdict") == "releasable" and event.body.get("tier") in automatic:
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


SENSORS = [automatic_release]
