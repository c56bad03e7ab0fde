"""Validation: whether the evaluation data is fit to judge the model by.

What does not belong here: expectations (`modelrisk.expectations`), running them (`resources.validation`) and
the words of the report (`modelrisk.documents.validation_report`).
"""

import dagster as dg

from assets.inventory import lineage
from assets.materializations import materialized, shown_evidence
from assets.partitions import MODEL_VERSIONS
from modelrisk.cases import Case
from modelrisk.documents.validation_report import answer, as_markdown, plotted_numbers
from modelrisk.records import StageEvidence
from resources.validation import Validator


@dg.asset(
    key=["validation", "evaluation_data"],
    group_name="validation",
    partitions_def=MODEL_VERSIONS,
    kinds={"greatexpectations", "duckdb"},
    code_version="2",
    ins={"case": dg.AssetIn(lineage.key)},
    description="Schema, labels, ranges, categories, freshness and leakage of the evaluation data, and what "
    "its team expects of it; counts and row numbers only, never values.",
)
def evaluation_data(
    context: dg.AssetExecutionContext, case: Case, validator: dg.ResourceParam[Validator]
) -> dg.MaterializeResult[StageEvidence]:
    """Every expectation evaluated once, inside the data engine."""
    evidence = validator.evidence(case)
    context.log.info("%d tables of results for %s", len(evidence.tables), case.version)
    summary = {"answer": answer(evidence), "report": dg.MetadataValue.md(as_markdown(evidence))}
    shown = {**summary, **plotted_numbers(evidence), **shown_evidence(evidence)}
    return materialized(evidence, shown=shown)
