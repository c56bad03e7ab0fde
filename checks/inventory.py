"""The checks on the inventory: is what is in use what was released, declared and reviewed in time.

What does not belong here: any judgement of its own (`modelrisk.oversight`).
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets.inventory import models
from assets.materializations import table
from modelrisk.documents.text import for_markdown, visible
from modelrisk.inventory import Taken
from modelrisk.oversight import Concern
from resources.inventories import Inventories

_SHOWN = 200
_SPECS = [
    dg.AssetCheckSpec(
        name="aliases_follow_decisions",
        asset=models.key,
        description=(
            "The champion alias of every model stands where the last finished release put it. Red: somebody"
            " moved one past this platform. Amber: adopted, taken away, or a release to be completed."
            " To pass: run `model-risk release` of the version the table names."
        ),
    ),
    dg.AssetCheckSpec(
        name="registered_models_are_declared",
        asset=models.key,
        description=(
            "Every registered model has a usable intake. Red: one in use has none; amber: one not in use."
            " To pass: write or mend its file in the governance directory; `model-risk check` names the line."
        ),
    ),
    dg.AssetCheckSpec(
        name="reviews_are_on_time",
        asset=models.key,
        description=(
            "Every version in use, and every releasable one that waits, is reviewed again in time."
            " Red: one in use is overdue; amber: one never reviewed, or one that waits. To pass: find out why"
            " the scheduled review did not finish, then run `model-risk review NAME@VERSION --fresh`."
        ),
    ),
]


@dg.multi_asset_check(name="inventory_oversight", specs=_SPECS, ins={"models": dg.AssetIn(models.key)})
def inventory_oversight(
    models: Taken, inventories: dg.ResourceParam[Inventories]
) -> Iterator[dg.AssetCheckResult]:
    """The snapshot just taken, held against the ledger."""
    overview = inventories.overview(models)
    yield _result("aliases_follow_decisions", overview.moved, "every champion alias stands as released")
    yield _result("registered_models_are_declared", overview.undeclared, "every registered model is declared")
    yield _result("reviews_are_on_time", overview.late, "no review is late")


def _result(name: str, concerns: Sequence[Concern], all_well: str) -> dg.AssetCheckResult:
    grave = [concern for concern in concerns if concern.grave]
    first = [*grave, *(concern for concern in concerns if not concern.grave)]
    more = f" (and {len(first) - 1} more)" if len(first) > 1 else ""
    return dg.AssetCheckResult(
        passed=not concerns,
        check_name=name,
        asset_key=models.key,
        severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
        description=f"{for_markdown(first[0].statement)}{more}" if first else all_well,
        metadata={
            "concerns": len(concerns),
            "do next": visible(first[0].remedy) if first else "nothing",
            "all": table([_row(concern) for concern in first[:_SHOWN]]),
        },
    )


def _row(concern: Concern) -> dict[str, str | None]:
    return {
        "subject": visible(concern.subject),
        "owner": None if concern.owner is None else visible(concern.owner),
        "what": visible(concern.statement),
        "do next": visible(concern.remedy),
        "counts as": "red" if concern.grave else "amber",
    }
