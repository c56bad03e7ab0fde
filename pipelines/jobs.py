"""The jobs: review, preview and release of one model version, the inventory of all, and the quarterly report.

They run in one process: a process for each of a dozen short steps would cost more than the steps.

What does not belong here: what a step does.
"""

import dagster as dg

from assets import documentation, inventory, portfolio, release

_UP_TO_DECISION = dg.AssetSelection.assets(release.decision).upstream()
_PAPERS = dg.AssetSelection.assets(
    documentation.datasheet, documentation.model_card, documentation.evidence_pack
)

review_model_version = dg.define_asset_job(
    "review_model_version",
    selection=_UP_TO_DECISION | _PAPERS,
    executor_def=dg.in_process_executor,
    description="Everything up to a signed decision, its card and its pack. A refusal is a successful run.",
)
preview_model_version = dg.define_asset_job(
    "preview_model_version",
    selection=_UP_TO_DECISION,
    executor_def=dg.in_process_executor,
    config={"ops": {"release__decision": {"config": {"preview": True}}}},
    description="What a review would say. Nothing is signed and nothing can be released.",
)
release_model_version = dg.define_asset_job(
    "release_model_version",
    selection=dg.AssetSelection.assets(release.clearance, release.promotion),
    executor_def=dg.in_process_executor,
    description="Clearance of the newest decision, and promotion behind that gate.",
)
take_inventory = dg.define_asset_job(
    "take_inventory",
    selection=dg.AssetSelection.assets(inventory.models),
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": "1800"},
    description=(
        "A snapshot of registry and governance directory, held against the ledger: moved aliases, models"
        " nobody declared, reviews that are late. Takes no configuration."
    ),
)
report_portfolio = dg.define_asset_job(
    "report_portfolio",
    selection=dg.AssetSelection.assets(portfolio.report),
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": "3600"},
    description=(
        "The report on one quarter, from ledger, decisions and inventory snapshots alone. A running quarter"
        " is reported on as of today. Takes no configuration; the partition is the quarter's first day."
    ),
)

JOBS = [
    review_model_version,
    preview_model_version,
    release_model_version,
    take_inventory,
    report_portfolio,
]
