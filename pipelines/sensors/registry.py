"""The sensor that watches the registry: a new version becomes a partition and a review.

What does not belong here: which versions are new (`modelrisk.arrivals`), and what a review does.
"""

from collections.abc import Iterable

import dagster as dg

from assets.partitions import MODEL_VERSIONS
from modelrisk.arrivals import Arrivals, Mark, arrivals
from modelrisk.documents.text import visible
from modelrisk.errors import ModelRiskError
from modelrisk.ledger import EventKind, LedgerReader
from modelrisk.registrations import Registration
from pipelines.failure_stories import told
from pipelines.jobs import review_model_version, take_inventory
from pipelines.requests import REGISTRATION, asked, registration_name, request_review, room
from resources.environments import Circumstances
from resources.ledger_store import SqliteLedger
from resources.model_registry import Registry


@told(
    lambda description: dg.sensor(
        name="new_versions",
        jobs=[review_model_version, take_inventory],
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    ),
    summary=(
        "Reviews every newly registered version, newest first, at most 20 at a time. An old registry starts"
        " with the newest version of each model and those that carry an alias."
    ),
)
def new_versions(
    context: dg.SensorEvaluationContext,
    registry: dg.ResourceParam[Registry],
    ledger: dg.ResourceParam[SqliteLedger],
    circumstances: dg.ResourceParam[Circumstances],
) -> dg.SensorResult | dg.SkipReason:
    """Reads the registry newest first down to its cursor, one question a page, and all of it every six hours.

    How it fails. *Registry or ledger down*: the tick is skipped with the reason, the cursor stays, the next
    tick tries again. *Killed anywhere*: the cursor is written with the requests, so a version is asked for
    again at worst, under the same run key, which Dagster launches once. *Two daemons*: the same run keys, and
    two runs that slip through meet in the ledger, where one decision results. *Clock set back*, a
    registration that finishes late, a renamed model: found by the overlap of an hour or by the next full
    sweep. *Deleted meanwhile*: its run fails and says there is no such version. *More than 20*: the rest
    waits; while 20 reviews are unfinished none is added. *Re-pointed alias*: not a new version; the check
    `aliases_follow_decisions` sees it, and the next sweep asks for a review if there was none.

    A version is asked for once. What reviews it again: `model-risk review`, the Launchpad, and the schedule
    `due_reviews`. A changed policy or intake does not, by itself; clearance refuses a decision on old ones.
    """
    mark = Mark.parsed(context.cursor)
    try:
        found = arrivals(
            registry.newest_first(),
            models=registry.models,
            mark=mark,
            now=circumstances.now(),
            room=room(context.instance),
            unasked=lambda versions: _unasked(versions, asked(context.instance, REGISTRATION), ledger),
        )
    except ModelRiskError as error:
        return dg.SkipReason(visible(str(error)))
    requests = [
        request_review(each.version, tag=REGISTRATION, name=registration_name(each))
        for each in found.to_review
    ]
    if requests:
        changed = f"inventory after {requests[0].run_key}"
        requests.append(dg.RunRequest(run_key=changed, job_name=take_inventory.name))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _reason(found),
        cursor=found.mark.text,
        dynamic_partitions_requests=_new_partitions(context.instance, found),
    )


def _unasked(
    versions: Iterable[Registration], asked_for: set[str], ledger: LedgerReader
) -> list[Registration]:
    """Those without a run that was asked for and without a decision made since they were registered."""
    left = [each for each in versions if registration_name(each) not in asked_for]
    if not left:
        return []
    decided = {event.subject: event.at for event in ledger.events(EventKind.DECISION)}
    return [each for each in left if not each.is_before(decided.get(each.version.key))]


def _new_partitions(
    instance: dg.DagsterInstance, found: Arrivals
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    known = set(instance.get_dynamic_partitions(MODEL_VERSIONS.name or ""))
    new = [each.version.key for each in found.seen if each.version.key not in known]
    return [MODEL_VERSIONS.build_add_request(new)] if new else []


def _reason(found: Arrivals) -> str:
    if found.waiting:
        return f"{found.waiting} new versions wait until some of the reviews that were asked for are finished"
    return "no new version"
