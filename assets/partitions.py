"""The partitions of the lifecycle: one per model version, keyed `name@version`.

What does not belong here: adding partitions (the registry sensor, `review` and `dev` do).
"""

import dagster as dg

MODEL_VERSIONS = dg.DynamicPartitionsDefinition(name="model_versions")
