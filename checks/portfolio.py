"""The checks on the quarterly report: can it be made again, is the ledger whole, is every decision proven.

What does not belong here: any judgement of its own (`modelrisk.portfolio`, `modelrisk.ledger`).
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from assets.materializations import table
from assets.partitions import QUARTERS
from assets.portfolio import report
from modelrisk.documents.text import for_markdown, visible
from modelrisk.errors import IntegrityError
from resources.portfolios import Edition, Portfolios

_REPRODUCES, _LEDGER, _PROVEN = "portfolio_report_reproduces", "ledger_is_whole", "every_decision_is_proven"
_SHOWN = 100
_SPECS = [
    dg.AssetCheckSpec(
        name=_REPRODUCES,
        asset=report.key,
        partitions_def=QUARTERS,
        description=(
            "The report is made a second time for the same day and ledger entry: page, Markdown and JSON must"
            " be the same bytes. Red: ledger or evidence changed meanwhile, or the report depends on"
            " something else. To pass: run `model-risk ledger verify`; if that is green, report it as a bug."
        ),
    ),
    dg.AssetCheckSpec(
        name=_LEDGER,
        asset=report.key,
        partitions_def=QUARTERS,
        description=(
            "The ledger's chain is followed from its first entry and held against its signed checkpoint. Red:"
            " an entry was edited, or the tail cut off. To pass: restore the ledger from a backup."
        ),
    ),
    dg.AssetCheckSpec(
        name=_PROVEN,
        asset=report.key,
        partitions_def=QUARTERS,
        description=(
            "Every decision in the ledger has its signed record in the evidence store, with a trusted"
            " signature over the very bytes. Red: one is missing, altered, or signed by nobody trusted. To"
            " pass: restore the evidence store from a backup, or have the signer's public key trusted."
        ),
    ),
]


@dg.multi_asset_check(name="portfolio_proof", specs=_SPECS, ins={"report": dg.AssetIn(report.key)})
def portfolio_proof(
    report: Edition, portfolios: dg.ResourceParam[Portfolios]
) -> Iterator[dg.AssetCheckResult]:
    """The report just made, held against ledger and evidence."""
    again = portfolios.report(as_of=report.as_of, entry=report.entry)
    differing = portfolios.differences(report, again)
    yield _result(
        _REPRODUCES,
        passed=not differing,
        words=f"made again it differs: {', '.join(differing)}"
        if differing
        else "made again, it is the same bytes",
        shown={"as of": report.as_of.isoformat(), "ledger entry": report.entry},
    )
    yield _of_ledger(portfolios)
    unproven = again.source.unproven
    yield _result(
        _PROVEN,
        passed=not unproven,
        words=f"{len(unproven)} of {again.source.decisions} decisions cannot be believed"
        if unproven
        else f"all {again.source.decisions} decisions verify",
        shown={
            "decisions": again.source.decisions,
            "not proven": table(
                [
                    {"ledger entry": entry, "why": visible(reason)}
                    for entry, reason in list(unproven.items())[:_SHOWN]
                ]
            ),
        },
    )


def _of_ledger(portfolios: Portfolios) -> dg.AssetCheckResult:
    try:
        found = portfolios.verified_ledger()
    except IntegrityError as error:
        return _result(_LEDGER, passed=False, words=visible(str(error)), shown={})
    if found.broken is not None:
        words = f"broken at entry {found.broken.seq}: {visible(found.broken.reason)}"
    else:
        words = f"{found.entries} entries, unbroken"
    shown = {"entries": found.entries, "checkpoint at entry": found.covered or 0}
    return _result(_LEDGER, passed=found.broken is None, words=words, shown=shown)


def _result(
    name: str, *, passed: bool, words: str, shown: Mapping[str, dg.MetadataValue | str | int]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        check_name=name,
        asset_key=report.key,
        severity=dg.AssetCheckSeverity.ERROR,
        description=for_markdown(words),
        metadata=dict(shown),
    )
