"""Release: the decision, whether it still holds, and the promotion below it.

`clearance` and `promotion` carry no automation condition, and `promotion` clears by itself: no run that
leaves out a check, loosens its severity or selects only the last step can promote what was refused.

What does not belong here: the algebra of decisions (`modelrisk.decisions`), the steps of a promotion
(`resources.releases`).
"""

import dagster as dg
from pydantic import Field

from assets.evaluation import champion_comparison, fairness, predictions, quality
from assets.inventory import intake, lineage
from assets.materializations import (
    binding_charts,
    blocked_by,
    gates_table,
    links,
    materialized,
    short_digest,
    table,
    version_of,
)
from assets.partitions import MODEL_VERSIONS
from assets.validation import evaluation_data
from modelrisk.cases import Case, IntakeRecord
from modelrisk.decisions import Clearance, Outcome
from modelrisk.documents.decision_report import as_markdown, next_step
from modelrisk.records import Predictions, StageEvidence
from resources.checkpoints import Checkpoints
from resources.decider import Decider
from resources.decision_register import Registered
from resources.releases import Promoted, Refused, Releases

_HOW_TO_RELEASE = (
    "job `release_model_version` on this partition, or `model-risk release NAME@VERSION`;"
    " by itself where policy says `promotion: automatic`"
)


class ReviewConfig(dg.Config):
    """How a decision is made."""

    fresh: bool = Field(
        default=False, description="Decide anew even if the same inputs have been decided before."
    )
    preview: bool = Field(
        default=False,
        description="Judge without deciding: nothing is signed, and nothing can be released on it.",
    )


class ReleaseConfig(dg.Config):
    """Who asks for a promotion, and why; both are recorded."""

    by: str = Field(
        min_length=1,
        description="Who asks for the release, as the ledger is to name them: an e-mail address.",
    )
    reason: str = Field(min_length=1, description="Why it is released now: the meeting, ticket or approval.")


@dg.asset(
    key=["release", "decision"],
    group_name="release",
    partitions_def=MODEL_VERSIONS,
    kinds={"json"},
    code_version="1",
    ins={
        "intake": dg.AssetIn(intake.key),
        "case": dg.AssetIn(lineage.key),
        "evaluation_data": dg.AssetIn(evaluation_data.key),
        "predictions": dg.AssetIn(predictions.key),
        "quality": dg.AssetIn(quality.key),
        "fairness": dg.AssetIn(fairness.key),
        "champion_comparison": dg.AssetIn(champion_comparison.key),
    },
    description=(
        "The signed decision: releasable or refused, with what binds it and what to do.\n\n"
        "*Why was my version refused?* Choose it under **Partitions**: *blocked by* links to each gate that"
        " refuses, *gates* says how far each was from its limit.\n\n"
        "A version is reviewed by itself once it is registered; by hand: job `review_model_version`."
    ),
)
def decision(
    context: dg.AssetExecutionContext,
    config: ReviewConfig,
    intake: IntakeRecord,
    case: Case,
    evaluation_data: StageEvidence,
    predictions: Predictions,
    quality: StageEvidence,
    fairness: StageEvidence,
    champion_comparison: StageEvidence,
    decider: dg.ResourceParam[Decider],
    checkpoints: dg.ResourceParam[Checkpoints],
) -> dg.MaterializeResult[Registered]:
    """Every control of the tier judged; a refusal is a result, not a failure of the run."""
    stages = (evaluation_data, quality, fairness, champion_comparison)
    registered = decider.decide(intake, case, predictions, stages, fresh=config.fresh, preview=config.preview)
    record = registered.record
    context.log.info("%s: %s", record.model, record.headline)
    not_copied = None if config.preview else checkpoints.unpublished(case.version.name)
    if not_copied is not None:
        context.log.warning("The registry keeps no copy of the ledger's checkpoint: %s", not_copied)
    return materialized(
        registered,
        shown={
            "verdict": record.verdict.value,
            "headline": record.headline,
            "do next": next_step(record) or None,
            "blocked by": blocked_by(record),
            "to release": _HOW_TO_RELEASE if record.verdict is Outcome.RELEASABLE else None,
            **binding_charts(record),
            "gates": gates_table(record),
            "report": dg.MetadataValue.md(as_markdown(record)),
            "tier": record.tier,
            "champion": record.champion,
            "earlier reviews on this evaluation data": record.uses.reviews,
            "record digest": short_digest(registered.digest),
            "ledger entry": registered.sequence,
            "read on": links(
                record.model,
                card="documentation/model_card",
                pack="documentation/evidence_pack",
                datasheets="documentation/datasheet",
                where_it_comes_from="inventory/lineage",
                release="release/clearance",
            ),
            "checkpoint not copied to the registry": not_copied,
        },
    )


@dg.asset(
    key=["release", "clearance"],
    group_name="release",
    partitions_def=MODEL_VERSIONS,
    kinds={"mlflow"},
    code_version="1",
    deps=[decision],
    description=(
        "Whether the newest decision still holds for the bytes now in the registry. Made anew by each"
        " release; a version without one was never asked to be released."
    ),
)
def clearance(
    context: dg.AssetExecutionContext, releases: dg.ResourceParam[Releases]
) -> dg.MaterializeResult[Clearance]:
    """Record, ledger, evidence, documents, data and model bytes, all read again."""
    cleared = releases.clearance(version_of(context))
    return materialized(
        cleared,
        shown={
            "cleared": dg.MetadataValue.bool(cleared.cleared),
            "decision": short_digest(cleared.record),
            "reasons": table([{"reason": reason} for reason in cleared.reasons]),
        },
    )


@dg.asset(
    key=["release", "promotion"],
    group_name="release",
    partitions_def=MODEL_VERSIONS,
    kinds={"mlflow"},
    code_version="1",
    deps=[clearance],
    description=(
        "The registry alias moved to this version; refuses by itself whatever is not cleared. To release: job"
        " `release_model_version`, which asks for `by` and `reason`."
    ),
)
def promotion(
    context: dg.AssetExecutionContext, config: ReleaseConfig, releases: dg.ResourceParam[Releases]
) -> dg.MaterializeResult[Promoted]:
    """Started → alias → tags → read back → finished; resumable at every step."""
    version = version_of(context)
    outcome = releases.promote(version, by=config.by, reason=config.reason)
    if isinstance(outcome, Refused):
        raise dg.Failure(
            description=f"{version} is not cleared: {' '.join(outcome.clearance.reasons)}",
            allow_retries=False,
        )
    return materialized(
        outcome,
        shown={
            "champion": outcome.model,
            "alias": outcome.alias,
            "previous champion": outcome.previous or "none",
            "by": outcome.by,
            "reason": outcome.reason,
            "decision": short_digest(outcome.record),
        },
    )
