"""Validation: whether the evaluation data is fit to judge the model by.

What does not belong here: expectations (`modelrisk.expectations`) and running them (`resources.validation`).
"""

import dagster as dg

from assets.inventory import lineage
from assets.materializations import materialized, shown_evidence
from assets.partitions import MODEL_VERSIONS
from modelrisk.cases import Case
from modelrisk.records import StageEvidence
from resources.validation import Validator


@dg.asset(
    key=["validation", "evaluation_data"],
    group_name="validation",
    partitions_def=MODEL_VERSIONS,
    kinds={"greatexpectations", "duckdb"},
    code_version="1",
    ins={"case": dg.AssetIn(lineage.key)},
    description="Schema, labels, ranges, categories and leakage of the evaluation data; counts only.",
)
def evaluation_data(
    context: dg.AssetExecutionContext, case: Case, validator: dg.ResourceParam[Validator]
) -> dg.MaterializeResult[StageEvidence]:
    """Every expectation evaluated once, inside the data engine."""
    evidence = validator.evidence(case)
    context.log.info("%d tables of results for %s", len(evidence.tables), case.version)
    return materialized(evidence, shown=shown_evidence(evidence))
