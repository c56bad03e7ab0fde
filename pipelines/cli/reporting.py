"""`model-risk portfolio`: the quarterly report.

What does not belong here: what the report says (`modelrisk.portfolio`).
"""

import datetime
from typing import Annotated

import typer

from modelrisk.decisions import ExitCode
from modelrisk.errors import CallerMistake
from pipelines.cli import options
from pipelines.cli.options import ReportFormat
from pipelines.cli.printing import put


def portfolio(
    context: typer.Context,
    *,
    quarter: Annotated[
        str | None, typer.Option("--quarter", help="The quarter, such as 2026-Q4; up to today while it runs.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The last day that counts, UTC.")
    ] = None,
    entry: Annotated[
        int | None,
        typer.Option("--entry", min=0, help="The newest ledger entry that counts; to repeat a report."),
    ] = None,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the report.")
    ] = ReportFormat.MARKDOWN,
    output: options.Output = None,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Report on all models, as ledger and signed decisions have them on a day; today without options.

    The page is also kept in the home's `portfolio` directory, beside the cards it leads to. The same day and
    entry give the same bytes again.
    """
    from modelrisk.portfolio.quarters import Quarter
    from resources.assembly import Platform

    if quarter is not None and as_of is not None:
        raise CallerMistake(
            found="both --quarter and --as-of",
            expected="one of them",
            remedy="Give --as-of alone: its quarter follows from the day",
        )
    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    portfolios = platform.portfolios
    day = _day(as_of) if quarter is None else portfolios.day_of(Quarter.named(quarter))
    edition = portfolios.keep(portfolios.report(as_of=day, entry=entry))
    portfolios.page(edition)
    kept = {
        ReportFormat.HTML: edition.html,
        ReportFormat.MARKDOWN: edition.markdown,
        ReportFormat.JSON: edition.json,
    }
    put(portfolios.text(kept[form]), output=output)
    return ExitCode.RELEASABLE


def _day(text: str | None) -> datetime.date | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise CallerMistake(
            found=f"the day {text!r}",
            expected="a day such as 2026-11-26",
            remedy="Write year, month and day",
        ) from error
