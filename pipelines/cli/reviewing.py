"""Commands that decide: `review` and `release`."""

import sys
from typing import Annotated

import typer

from modelrisk.decisions import ExitCode
from pipelines.cli import options
from pipelines.cli.options import ReviewFormat
from pipelines.cli.printing import decision_text, put


def review(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME@VERSION", help="NAME@VERSION, NAME@ALIAS, or NAME@runs:/… with --preview."
        ),
    ],
    *,
    form: Annotated[
        ReviewFormat, typer.Option("--format", help="Form of the decision.")
    ] = ReviewFormat.TABLE,
    output: options.Output = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Score and decide anew, even if nothing changed.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Judge a version or a runs:/ URI without deciding anything.")
    ] = False,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Judge a model version against policy, sign the decision and record it. Never moves an alias.

    Exit codes: 0 releasable, 1 refused, 2 nothing was attempted, 3 could not be evaluated.
    """
    from modelrisk.documents.decision_report import as_json, as_junit, as_markdown
    from modelrisk.errors import CallerMistake
    from pipelines import runs
    from resources.assembly import Platform

    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    platform.governance.policy()
    version = platform.registry.resolve(model) if preview else runs.resolved(platform, model)
    if version.is_run and not preview:
        raise CallerMistake(
            found=f"a run, {version.version}",
            expected="a registered version",
            remedy="Register it first, or add --preview",
        )
    if preview:
        decision, digest = runs.preview(platform, version), None
    else:
        decision, _, _ = runs.review(platform, version, fresh=fresh)
        digest = decision.digest
        if not platform.checkpoints.remembers(version.name, decision.sequence):
            sys.stderr.write(_NOT_REMEMBERED)
    record = decision.record
    text = {
        ReviewFormat.TABLE: lambda: decision_text(record, digest),
        ReviewFormat.JSON: lambda: as_json(record, digest),
        ReviewFormat.JUNIT: lambda: as_junit(record),
        ReviewFormat.MARKDOWN: lambda: as_markdown(record),
    }[form]()
    put(text, output=output)
    return record.exit_code


_NOT_REMEMBERED = (
    "! The decision is recorded, but the registry took no copy of the ledger's checkpoint: if this home is"
    " lost, nobody will notice. Give the reviewer the right to write tags of registered models.\n"
)


def release(
    context: typer.Context,
    model: options.Version,
    *,
    by: Annotated[str | None, typer.Option("--by", help="Who asks for it. Default: you.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "released after review",
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Make a releasable version champion, if everything its decision depends on is still the same.

    Exit codes: 0 released, 1 refused, 2 nothing was attempted, 3 something could not be reached.
    """
    from pipelines import runs
    from resources.assembly import Platform
    from resources.releases import Refused

    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    version = platform.registry.resolve(model)
    actor = platform.settings.circumstances.actor
    outcome = runs.release(platform, version, by=by or f"{actor.kind}:{actor.name}", reason=reason)
    if isinstance(outcome, Refused):
        sys.stderr.write(f"✗ Not released: {version}\n")
        for each in outcome.clearance.reasons:
            sys.stderr.write(f"  - {each}\n")
        return ExitCode.REFUSED
    done = "Released" if outcome.moved else "Released already"
    put(f"✓ {done}: {outcome.model} is `{outcome.alias}` (decision {outcome.record})", output=None)
    return ExitCode.RELEASABLE
