"""The partitions: one per model version, keyed `name@version`; one per quarter, keyed by its first day.

What does not belong here: adding partitions (the registry sensor, `review` and `dev` do).
"""

import datetime
import warnings

import dagster as dg

from modelrisk.portfolio.quarters import Quarter

MODEL_VERSIONS = dg.DynamicPartitionsDefinition(name="model_versions")

QUARTERS = dg.TimeWindowPartitionsDefinition(
    start="2026-01-01",
    cron_schedule="0 0 1 1,4,7,10 *",
    fmt="%Y-%m-%d",
    end_offset=1,  # the running quarter too
)


def quarter_key(quarter: Quarter) -> str:
    """The partition of a quarter."""
    return quarter.first_day.isoformat()


def quarter_of(partition_key: str) -> Quarter:
    """The quarter of a partition."""
    return Quarter.of(datetime.date.fromisoformat(partition_key))


# Without partitions on the checks, the last verdict would stand for every version. The feature is a preview
# of Dagster's; this is the one place where its warning is silenced.
warnings.filterwarnings(
    "ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning
)
