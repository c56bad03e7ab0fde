"""Evaluation: the model scored once, and everything measured from those predictions.

What does not belong here: metrics (`modelrisk.metrics`), which of them a task needs (`modelrisk.suites`).
"""

import dagster as dg
from pydantic import Field

from assets.inventory import lineage
from assets.materializations import materialized, shown_evidence
from assets.partitions import MODEL_VERSIONS
from modelrisk.cases import Case
from modelrisk.records import Predictions, StageEvidence
from resources.evaluation import Evaluator
from resources.predictions import ScoredOnce


class ScoringConfig(dg.Config):
    """How predictions are made."""

    fresh: bool = Field(
        default=False,
        description="Score again even if this very model has already been scored on this very data.",
    )


@dg.asset(
    key=["evaluation", "predictions"],
    group_name="evaluation",
    partitions_def=MODEL_VERSIONS,
    kinds={"mlflow", "parquet"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key)},
    description="The version and its champion scored once on the evaluation data, in a separate process.",
)
def predictions(
    context: dg.AssetExecutionContext,
    config: ScoringConfig,
    case: Case,
    scored_once: dg.ResourceParam[ScoredOnce],
) -> dg.MaterializeResult[Predictions]:
    """Frozen predictions; reused whenever model, data and environment are the same bytes."""
    scored = scored_once.predictions(case, fresh=config.fresh)
    context.log.info("scored %s, champion %s", case.version, case.champion.version)
    candidate, champion = scored.candidate, scored.champion
    return materialized(
        scored,
        shown={
            "problem": None if candidate.problem is None else str(candidate.problem),
            "rows": candidate.rows,
            "predictions": candidate.digest,
            "reused": dg.MetadataValue.bool(candidate.reused),
            "isolation": candidate.isolation,
            "champion predictions": None if champion is None else champion.digest,
            "champion problem": None
            if champion is None or champion.problem is None
            else str(champion.problem),
        },
    )


@dg.asset(
    key=["evaluation", "quality"],
    group_name="evaluation",
    partitions_def=MODEL_VERSIONS,
    kinds={"duckdb"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key), "predictions": dg.AssetIn(predictions.key)},
    description="Discrimination, error rates, gain over the naive model and calibration, for every group.",
)
def quality(
    context: dg.AssetExecutionContext,
    case: Case,
    predictions: Predictions,
    evaluator: dg.ResourceParam[Evaluator],
) -> dg.MaterializeResult[StageEvidence]:
    """Every quality metric with its interval."""
    evidence = evaluator.quality(case, predictions)
    context.log.info("%d estimates", len(evidence.estimates))
    return materialized(evidence, shown=shown_evidence(evidence))


@dg.asset(
    key=["evaluation", "fairness"],
    group_name="evaluation",
    partitions_def=MODEL_VERSIONS,
    kinds={"duckdb"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key), "predictions": dg.AssetIn(predictions.key)},
    description="Ratios and differences between each group and its reference, for every sensitive attribute.",
)
def fairness(
    context: dg.AssetExecutionContext,
    case: Case,
    predictions: Predictions,
    evaluator: dg.ResourceParam[Evaluator],
) -> dg.MaterializeResult[StageEvidence]:
    """Group comparisons of favourable outcomes and error rates."""
    evidence = evaluator.fairness(case, predictions)
    context.log.info("%d estimates", len(evidence.estimates))
    return materialized(evidence, shown=shown_evidence(evidence))


@dg.asset(
    key=["evaluation", "champion_comparison"],
    group_name="evaluation",
    partitions_def=MODEL_VERSIONS,
    kinds={"duckdb"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key), "predictions": dg.AssetIn(predictions.key)},
    description="The version against its champion on the same rows, paired.",
)
def champion_comparison(
    context: dg.AssetExecutionContext,
    case: Case,
    predictions: Predictions,
    evaluator: dg.ResourceParam[Evaluator],
) -> dg.MaterializeResult[StageEvidence]:
    """Paired differences; not applicable without a champion, not evaluable if two are claimed."""
    evidence = evaluator.champion_comparison(case, predictions)
    context.log.info("%s", case.champion.statement)
    return materialized(evidence, shown={"champion": case.champion.statement, **shown_evidence(evidence)})
