"""Requests for runs: what they are called, how they are told apart, and how many may be open at once.

A run that was asked for carries what it was asked for in a tag, so that Dagster's own record of runs says
what has been asked for; a run key does not last (a schedule's is compared within one tick only).

What does not belong here: when something is asked for (`pipelines.sensors`, `pipelines.schedules`).
"""

import dagster as dg

from assets.evaluation import predictions
from assets.release import decision
from modelrisk.identity import ModelVersion
from modelrisk.registrations import Registration
from pipelines.jobs import review_model_version

MOST_REQUESTS = 20
"""Reviews that may be asked for in one tick, and that may be unfinished before none is asked for."""
REGISTRATION = "model-risk/registration"
DUE = "model-risk/review-due"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def registration_name(registration: Registration) -> str:
    """A registration's name: that of the version, and when it was made (a model can be made again)."""
    return f"{registration.version.key}/{registration.created_ms}"


def asked(instance: dg.DagsterInstance, tag: str) -> set[str]:
    """Everything that runs were asked for under a tag, finished or not."""
    return {value for _, values in instance.get_run_tags([tag]) for value in values}


def room(instance: dg.DagsterInstance) -> int:
    """How many more reviews may be asked for now; unfinished ones count, whoever started them."""
    unfinished = dg.RunsFilter(job_name=review_model_version.name, statuses=_UNFINISHED)
    return max(0, MOST_REQUESTS - instance.get_runs_count(unfinished))


def request_review(version: ModelVersion, *, tag: str, name: str, fresh: bool = False) -> dg.RunRequest:
    """A run of the review job for one version.

    Args:
        version: which one.
        tag: what kind of thing asks for it.
        name: what it is asked for, unique under the tag; also the run key.
        fresh: score and decide anew, even if nothing changed.
    """
    ops = {step.op.name: {"config": {"fresh": True}} for step in (predictions, decision)} if fresh else {}
    return dg.RunRequest(
        run_key=name,
        partition_key=version.key,
        job_name=review_model_version.name,
        run_config={"ops": ops} if ops else {},
        tags={tag: name},
    )
