"""Portfolio: the quarterly report for leadership.

What does not belong here: what the report says (`modelrisk.portfolio`).
"""

import dagster as dg

from assets import inventory
from assets.materializations import materialized, table
from assets.partitions import QUARTERS, quarter_of
from modelrisk.documents.portfolio import words
from modelrisk.documents.text import visible
from resources.portfolios import Edition, Portfolios

_MODELS_SHOWN = 10


@dg.asset(
    key=["portfolio", "report"],
    group_name="portfolio",
    partitions_def=QUARTERS,
    kinds={"html", "markdown"},
    code_version="1",
    deps=[inventory.models],
    description=(
        "The quarterly report on all models: are we all right, what changed, what is needed from whom. Made"
        " from the ledger, the signed decisions and the inventory snapshots alone, so a past quarter can be"
        " reported on at any time. A running quarter is reported on as of today. Takes no configuration."
    ),
)
def report(
    context: dg.AssetExecutionContext, portfolios: dg.ResourceParam[Portfolios]
) -> dg.MaterializeResult[Edition]:
    """The report on the partition's quarter, as of its last day or today."""
    made = portfolios.report(as_of=portfolios.day_of(quarter_of(context.partition_key)))
    edition = portfolios.keep(made)
    counts = made.counts
    return materialized(
        edition,
        version=edition.json,
        shown={
            "are we all right": f"{words.ANSWERS[made.answer]}. {visible(words.answer_sentence(made))}",
            "report": dg.MetadataValue.md(portfolios.text(edition.markdown)),
            "page": dg.MetadataValue.path(str(portfolios.page(edition))),
            "what is needed": table(
                [
                    {
                        "what": ask.request,
                        "models": visible(", ".join(ask.models[:_MODELS_SHOWN])),
                        "how many": len(ask.models),
                        "of whom": visible(", ".join(ask.owners[:_MODELS_SHOWN])),
                    }
                    for ask in made.asks
                ]
            ),
            "models": counts.models,
            "models in use": counts.in_use,
            "decisions that hold": counts.holding,
            "refused in use": counts.refused_in_use,
            "overdue": counts.overdue,
            "newest version refused": counts.candidates_refused,
            "not declared": counts.undeclared,
            "decisions that cannot be proven": len(made.source.unproven),
            "as of": made.as_of.isoformat(),
            "ledger entry": made.source.entry,
        },
    )
