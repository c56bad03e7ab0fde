"""The partitions of the lifecycle: one per model version, keyed `name@version`.

What does not belong here: adding partitions (the registry sensor, `review` and `dev` do).
"""

import warnings

import dagster as dg

MODEL_VERSIONS = dg.DynamicPartitionsDefinition(name="model_versions")

# Without partitions on the checks, the last verdict would stand for every version. The feature is a preview
# of Dagster's; this is the one place where its warning is silenced.
warnings.filterwarnings(
    "ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning
)
