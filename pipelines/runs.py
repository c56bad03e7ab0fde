"""Runs of the jobs from the command line, on the instance the webserver shows.

What does not belong here: what the jobs do, and how their outcome is printed.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import dagster as dg

from assets.documentation import evidence_pack, model_card
from assets.inventory import models
from assets.partitions import MODEL_VERSIONS, quarter_key
from assets.portfolio import report as portfolio_report
from assets.release import decision, promotion
from modelrisk.errors import IntegrityError, ModelRiskError, Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.inventory import Taken
from modelrisk.ledger import EventKind, utc_text
from modelrisk.portfolio.quarters import Quarter
from pipelines import jobs
from pipelines.definitions import build_defs
from resources.assembly import Platform
from resources.checkpoints import LedgerBehind
from resources.decision_register import Registered
from resources.portfolios import Edition
from resources.publications import Card, Pack
from resources.releases import Promoted, Refused
from resources.stage_store import StageStore

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def resolved(platform: Platform, reference: str) -> ModelVersion:
    """The version to be reviewed that a reference means.

    Raises:
        CallerMistake: there is no such version.
        Unavailable: the registry did not answer; noted in the ledger as an attempt.
    """
    try:
        return platform.registry.resolve(reference)
    except Unavailable as error:
        _note_attempt(platform, quote(reference, safe="@"), error)
        raise


def review(
    platform: Platform,
    version: ModelVersion,
    *,
    fresh: bool = False,
    instance: dg.DagsterInstance | None = None,
) -> tuple[Registered, Card, Pack]:
    """Review a version: the decision, its card and its pack, recorded.

    Args:
        platform: the resources.
        version: the version to review.
        fresh: score and decide anew, even if nothing changed.
        instance: where the run is recorded; the one the webserver shows when None.

    Raises:
        ModelRiskError: the review could not be carried out; an attempt that failed for lack of something
            reachable is noted in the ledger.
    """
    ops = {
        "evaluation__predictions": {"config": {"fresh": fresh}},
        "release__decision": {"config": {"fresh": fresh}},
    }
    with _recording(platform, instance) as recorder:
        try:
            platform.checkpoints.require_up_to_date(version.name)  # asked again before deciding; said early
            result = _run(platform, jobs.review_model_version.name, version, {"ops": ops}, recorder)
        except LedgerBehind:
            raise  # nothing may be added to such a ledger, not even that somebody tried
        except Unavailable as error:
            _note_attempt(platform, version.key, error)
            raise
    return (
        result.asset_value(decision.key),
        result.asset_value(model_card.key),
        result.asset_value(evidence_pack.key),
    )


def preview(platform: Platform, version: ModelVersion) -> Registered:
    """What a review of a version or a logged run would say; decides nothing and leaves no run behind."""
    config = {"ops": {"release__decision": {"config": {"preview": True}}}}
    with dg.DagsterInstance.ephemeral() as instance, TemporaryDirectory() as scratch:
        elsewhere = StageStore(Path(scratch), platform.evidence)
        result = _run(platform, jobs.preview_model_version.name, version, config, instance, stages=elsewhere)
        return result.asset_value(decision.key)


def release(
    platform: Platform,
    version: ModelVersion,
    *,
    by: str,
    reason: str,
    instance: dg.DagsterInstance | None = None,
) -> Promoted | Refused:
    """Clear and promote a version.

    Args:
        platform: the resources.
        version: the version to promote.
        by: who asks for it; recorded.
        reason: why; recorded.
        instance: where the run is recorded; the one the webserver shows when None.

    Raises:
        ModelRiskError: registry, ledger or evidence could not be reached or is not whole.
    """
    ops = {"release__promotion": {"config": {"by": by, "reason": reason}}}
    with _recording(platform, instance) as recorder:
        try:
            result = _run(platform, jobs.release_model_version.name, version, {"ops": ops}, recorder)
        except (dg.DagsterError, dg.Failure) as stopped:
            # A run stopped by its gate hands out no values: ask once more what stands against the release.
            cleared = platform.releases.clearance(version)
            if not cleared.cleared:
                return Refused(cleared)
            if isinstance(stopped, dg.Failure):
                reason = f"{stopped.description} Nothing stands against it now: run the same command again"
                return Refused(replace(cleared, reasons=(reason,)))
            raise
        return result.asset_value(promotion.key)


def take_inventory(platform: Platform, *, instance: dg.DagsterInstance | None = None) -> Taken:
    """Take the inventory, and judge it by its checks.

    Args:
        platform: the resources.
        instance: where the run is recorded; the one the webserver shows when None.

    Raises:
        ModelRiskError: registry, policy or ledger cannot be read.
    """
    with _recording(platform, instance) as recorder:
        return _executed(platform, jobs.take_inventory.name, None, {}, recorder).asset_value(models.key)


def report(platform: Platform, quarter: Quarter, *, instance: dg.DagsterInstance | None = None) -> Edition:
    """Make the report on a quarter, up to today while it runs.

    Args:
        platform: the resources.
        quarter: which one.
        instance: where the run is recorded; the one the webserver shows when None.

    Raises:
        ModelRiskError: ledger or evidence cannot be read.
    """
    with _recording(platform, instance) as recorder:
        result = _executed(platform, jobs.report_portfolio.name, quarter_key(quarter), {}, recorder)
        return result.asset_value(portfolio_report.key)


def add_partitions(platform: Platform, versions: list[ModelVersion]) -> int:
    """Make the registry's versions known to Dagster.

    Returns:
        How many were new.
    """
    with _recording(platform, None) as instance:
        known = set(instance.get_dynamic_partitions(MODEL_VERSIONS.name or ""))
        new = [version.key for version in versions if version.key not in known]
        instance.add_dynamic_partitions(MODEL_VERSIONS.name or "", new)
    return len(new)


@contextmanager
def _recording(platform: Platform, instance: dg.DagsterInstance | None) -> Generator[dg.DagsterInstance]:
    if instance is not None:
        yield instance
        return
    platform.settings.home.prepared()
    with dg.DagsterInstance.from_config(str(platform.settings.dagster_home)) as persistent:
        yield persistent


def _run(
    platform: Platform,
    job: str,
    version: ModelVersion,
    config: Mapping[str, Any],
    instance: dg.DagsterInstance,
    *,
    stages: StageStore | None = None,
) -> dg.ExecuteInProcessResult:
    """Execute a job for one version in this process; as `_executed`."""
    platform.settings.home.prepared()
    instance.add_dynamic_partitions(MODEL_VERSIONS.name or "", [version.key])
    return _executed(platform, job, version.key, config, instance, stages=stages)


def _executed(
    platform: Platform,
    job: str,
    partition_key: str | None,
    config: Mapping[str, Any],
    instance: dg.DagsterInstance,
    *,
    stages: StageStore | None = None,
) -> dg.ExecuteInProcessResult:
    """Execute a job in this process.

    Args:
        platform: the resources.
        job: its name.
        partition_key: the partition; None for a job without.
        config: run configuration.
        instance: where the run is recorded.
        stages: where the stages' values go; the platform's own store when None.

    Raises:
        ModelRiskError: a step could not do its work.
        DagsterError: a gate stopped the run, or Dagster failed.
        Failure: a step refused.
        KeyboardInterrupt: somebody interrupted it.
    """
    resolved = build_defs(
        resources=platform.resources() | ({} if stages is None else {"io_manager": stages})
    ).resolve_job_def(job)
    try:
        return resolved.execute_in_process(
            instance=instance,
            partition_key=partition_key,
            run_config={**_QUIET, **config},
        )
    except dg.DagsterExecutionInterruptedError as error:
        # Not an `Exception`: uncaught it would end the process with 1, which means *refused*.
        raise KeyboardInterrupt from error
    except dg.DagsterError as error:
        raise _ours(error) or error from error


def _ours(error: BaseException | None) -> ModelRiskError | None:
    """The error of ours behind one of Dagster's."""
    while error is not None and not isinstance(error, ModelRiskError):
        error = error.__cause__ or error.__context__
    return error


def _note_attempt(platform: Platform, subject: str, error: Unavailable) -> None:
    """Record that a review was tried and could not be carried out, if the ledger can be written."""
    try:
        platform.ledger.append(
            EventKind.REVIEW_ATTEMPT_FAILED,
            subject=subject,
            at=utc_text(platform.settings.circumstances.now()),
            body={"found": error.found, "expected": error.expected, "remedy": error.remedy},
        )
    except (Unavailable, IntegrityError):
        return
