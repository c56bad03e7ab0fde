"""`model-risk demo`: real models, reviewed and released as the evidence has it.

What does not belong here: the models and their data (`pipelines.demo`).
"""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from modelrisk.decisions import ExitCode, Outcome
from pipelines.cli import options
from pipelines.cli.printing import Reviewed, demonstration_table, put
from resources.environments import Settings

if TYPE_CHECKING:
    from modelrisk.decisions import DecisionRecord
    from modelrisk.identity import ModelVersion
    from resources.assembly import Platform

Progress = Callable[[str], None]


def demo(
    context: typer.Context,
    *,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Train real models, register them, review them, and release what may be released.

    Nothing is staged: outcomes are what the evidence says under the shipped policy. Safe to repeat: a second
    run trains and releases nothing anew, and decides anew only what could not be evaluated.
    """
    from rich.console import Console

    from pipelines.demo.portfolio import prepare_portfolio
    from resources.assembly import Platform

    settings = options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    platform = Platform(settings)
    console = Console(stderr=True, highlight=False)
    with console.status("Starting") as status:

        def progress(sentence: str) -> None:
            status.update(sentence)
            console.print(f"  {sentence}", style="dim", markup=False)

        portfolio = prepare_portfolio(
            settings.home.prepared(),
            tracking_uri=settings.tracking_uri,
            governance=settings.governance,
            today=settings.circumstances.now().date(),
            progress=progress,
        )
        with platform.scorer.warm():
            rows = [_reviewed(platform, each.version, progress) for each in portfolio.registered]
        page = _reported(platform, progress)
    put(demonstration_table(rows), output=None)
    is_default = settings.home == Settings.from_environment().home
    chosen = "" if is_default else f" --home {shlex.quote(str(settings.home.path))}"
    put(
        f"The quarter's report: {page}\nOpen the Dagster UI:  model-risk dev{chosen}\n"
        f"Why a gate said no:   {_why(rows, chosen)}",
        output=None,
    )
    return ExitCode.RELEASABLE


def _reviewed(platform: "Platform", version: "ModelVersion", progress: Progress) -> Reviewed:
    from pipelines import runs
    from resources.releases import Promoted

    progress(f"Reviewing {version}")
    decision, card, _ = runs.review(platform, version)
    record, released = decision.record, False
    if record.verdict is Outcome.RELEASABLE:
        progress(f"Releasing {version}")
        outcome = runs.release(platform, version, by="demo", reason="the review found it releasable")
        released = isinstance(outcome, Promoted)
    return Reviewed(
        model=record.model,
        tier=record.tier,
        verdict=record.verdict,
        binding=_binding(record),
        released=released,
        card=str(platform.publications.page(card, record.version)),
    )


def _reported(platform: "Platform", progress: Progress) -> str:
    """The report on the running quarter, over an inventory just taken."""
    from modelrisk.portfolio.quarters import Quarter
    from pipelines import runs

    progress("Taking the inventory")
    runs.take_inventory(platform)
    progress("Writing the quarter's report")
    edition = runs.report(platform, Quarter.of(platform.settings.circumstances.now().date()))
    return str(platform.portfolios.page(edition))


def _binding(record: "DecisionRecord") -> str:
    """What decided: the first gate against it, why, and how many more; or the narrowest margin."""
    if not record.binding:
        return record.headline
    first, more = record.binding[0], len(record.binding) - 1
    also = f", and {more} more" if more and record.verdict is Outcome.REFUSED else ""
    return f"{first.title}: {first.verdict.replace('_', ' ')}{also}. {first.reason}"


def _why(rows: list[Reviewed], chosen: str) -> str:
    refused = [row for row in rows if row.verdict is Outcome.REFUSED] or rows
    return f"model-risk review {refused[0].model}{chosen}"
