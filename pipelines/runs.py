"""Runs of the jobs from the command line, on the instance the webserver shows.

What does not belong here: what the jobs do, and how their outcome is printed.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from assets.documentation import evidence_pack, model_card
from assets.partitions import MODEL_VERSIONS
from assets.release import clearance, decision, promotion
from modelrisk.decisions import Clearance
from modelrisk.errors import IntegrityError, ModelRiskError, Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind, utc_text
from pipelines.definitions import build_defs
from pipelines.jobs import preview_model_version, release_model_version, review_model_version
from resources.assembly import Platform
from resources.decision_register import Registered
from resources.publications import Card, Pack
from resources.releases import Promoted, Refused

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def review(
    platform: Platform, version: ModelVersion, *, fresh: bool = False
) -> tuple[Registered, Card, Pack]:
    """Review a version: the decision, its card and its pack, recorded.

    Raises:
        ModelRiskError: the review could not be carried out; an attempt that failed for lack of something
            reachable is noted in the ledger.
    """
    ops = {
        "evaluation__predictions": {"config": {"fresh": fresh}},
        "release__decision": {"config": {"fresh": fresh}},
    }
    with _persistent(platform) as instance:
        try:
            result = _run(platform, review_model_version.name, version, {"ops": ops}, instance)
        except Unavailable as error:
            _note_attempt(platform, version, error)
            raise
    return (
        result.asset_value(decision.key),
        result.asset_value(model_card.key),
        result.asset_value(evidence_pack.key),
    )


def preview(platform: Platform, version: ModelVersion) -> Registered:
    """What a review of a version or a logged run would say; decides nothing and leaves no run behind."""
    config = {"ops": {"release__decision": {"config": {"preview": True}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run(platform, preview_model_version.name, version, config, instance)
    return result.asset_value(decision.key)


def release(platform: Platform, version: ModelVersion, *, by: str, reason: str) -> Promoted | Refused:
    """Clear and promote a version.

    Raises:
        ModelRiskError: registry, ledger or evidence could not be reached or is not whole.
    """
    ops = {"release__promotion": {"config": {"by": by, "reason": reason}}}
    with _persistent(platform) as instance:
        result = _run(platform, release_model_version.name, version, {"ops": ops}, instance, gated=True)
        if result.success:
            return result.asset_value(promotion.key)
        cleared: Clearance = result.asset_value(clearance.key)
    if cleared.cleared:
        # Cleared a moment ago and refused by the promotion itself: ask once more what stands against it.
        cleared = platform.releases.clearance(version)
    return Refused(cleared)


def add_partitions(platform: Platform, versions: list[ModelVersion]) -> int:
    """Make the registry's versions known to Dagster.

    Returns:
        How many were new.
    """
    with _persistent(platform) as instance:
        known = set(instance.get_dynamic_partitions(MODEL_VERSIONS.name or ""))
        new = [version.key for version in versions if version.key not in known]
        instance.add_dynamic_partitions(MODEL_VERSIONS.name or "", new)
    return len(new)


@contextmanager
def _persistent(platform: Platform) -> Generator[dg.DagsterInstance]:
    platform.settings.home.prepared()
    with dg.DagsterInstance.from_config(str(platform.settings.dagster_home)) as instance:
        yield instance


def _run(
    platform: Platform,
    job: str,
    version: ModelVersion,
    config: Mapping[str, Any],
    instance: dg.DagsterInstance,
    *,
    gated: bool = False,
) -> dg.ExecuteInProcessResult:
    """Execute a job for one version in this process.

    Args:
        platform: the resources.
        job: its name.
        version: the partition.
        config: run configuration.
        instance: where the run is recorded.
        gated: a run that a gate stops is a result; only errors of ours or of the surroundings are raised.
    """
    platform.settings.home.prepared()
    instance.add_dynamic_partitions(MODEL_VERSIONS.name or "", [version.key])
    resolved = build_defs(resources=platform.resources()).resolve_job_def(job)
    try:
        return resolved.execute_in_process(
            instance=instance,
            partition_key=version.key,
            run_config={**_QUIET, **config},
            raise_on_error=not gated,
        )
    except dg.DagsterError as error:
        raise _ours(error) or error from error


def _ours(error: BaseException | None) -> ModelRiskError | None:
    """The error of ours behind one of Dagster's."""
    while error is not None and not isinstance(error, ModelRiskError):
        error = error.__cause__ or error.__context__
    return error


def _note_attempt(platform: Platform, version: ModelVersion, error: Unavailable) -> None:
    """Record that a review was tried and could not be carried out, if the ledger can be written."""
    try:
        platform.ledger.append(
            EventKind.REVIEW_ATTEMPT_FAILED,
            subject=version.key,
            at=utc_text(platform.settings.circumstances.now()),
            body={"found": error.found, "expected": error.expected, "remedy": error.remedy},
        )
    except (Unavailable, IntegrityError):
        return
