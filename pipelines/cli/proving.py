"""Commands on what was recorded: `card`, `pack`, `verify` and `ledger`."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from modelrisk.decisions import ExitCode
from modelrisk.documents.text import visible
from modelrisk.errors import CallerMistake, Unavailable
from pipelines.cli import options
from pipelines.cli.options import CardFormat
from pipelines.cli.printing import put, unwritable

ledger = typer.Typer(help="The append-only record of what happened.", no_args_is_help=True)


def card(
    context: typer.Context,
    model: options.Version,
    *,
    form: Annotated[CardFormat, typer.Option("--format", help="Form of the card.")] = CardFormat.MARKDOWN,
    output: options.Output = None,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Print the card of a version's newest decision."""
    from assets.documentation import model_card
    from resources.assembly import Platform
    from resources.publications import Card

    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    version = platform.registry.resolve(model)
    found = platform.stages.newest(Card, model_card.key, version)
    put(platform.publications.text(found.html if form is CardFormat.HTML else found.markdown), output=output)
    return ExitCode.RELEASABLE


def pack(
    context: typer.Context,
    model: options.Version,
    *,
    output: options.Output = None,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Hand out a version's newest evidence pack: prints its path, or copies it to --output."""
    from assets.documentation import evidence_pack
    from resources.assembly import Platform
    from resources.publications import Pack

    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    version = platform.registry.resolve(model)
    path = Path(platform.stages.newest(Pack, evidence_pack.key, version).path)
    if output is not None:
        _copied(path, output)
        path = output
    put(str(path), output=None)
    return ExitCode.RELEASABLE


def _copied(pack_file: Path, output: Path) -> None:
    if not pack_file.is_file():
        raise Unavailable(
            found=f"no pack at {pack_file}",
            expected="the pack written by the last review",
            remedy="Review the version again with --fresh",
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pack_file, output)
    except OSError as error:
        raise unwritable(output, error) from error


def verify(
    context: typer.Context,
    pack_file: Annotated[Path, typer.Argument(metavar="PACK", help="The evidence pack.")],
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", help="A public key you trust. Default: the home's and the governance directory's."
        ),
    ] = None,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
) -> int:
    """Verify an evidence pack offline: digests, signatures, bounds and headline numbers.

    Exit codes: 0 verified, 1 broken or signed by nobody you trust.
    """
    from modelrisk.packs import PackVerdict
    from resources.governance import Governance
    from resources.pack_files import verify_pack_file
    from resources.signer import trusted_keys

    settings = options.settings_for(context, home=home, governance=governance)
    trusted = (
        trusted_keys(files=key)
        if key
        else trusted_keys(
            directories=[settings.signing_key.parent, Governance(settings.governance).trusted_keys_directory]
        )
    )
    report = verify_pack_file(pack_file, trusted=trusted)
    for each in report.checks:
        put(f"{each.outcome.value:>9}  {each.name}: {each.detail}", output=None)
    good = report.verdict is PackVerdict.VERIFIED
    put(f"{'✓' if good else '✗'} {report.verdict.value}: {pack_file}", output=None)
    return ExitCode.RELEASABLE if good else ExitCode.REFUSED


@ledger.command("verify")
def ledger_verify(
    context: typer.Context,
    *,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A signed checkpoint kept elsewhere.")
    ] = None,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
) -> int:
    """Follow the ledger's chain from its first entry and hold it against its signed checkpoints.

    Exit codes: 0 whole, 1 broken; names the first broken entry.
    """
    from resources.assembly import Platform

    platform = Platform(options.settings_for(context, home=home, governance=governance))
    copies = [_checkpoint(path) for path in checkpoint or []]
    report = platform.ledger.verify(platform.trusted(), copies=copies)
    if report.broken is not None:
        sys.stderr.write(f"✗ broken at entry {report.broken.seq}: {report.broken.reason}\n")
        return ExitCode.REFUSED
    covered = "no checkpoint yet" if report.covered is None else f"checkpoint at entry {report.covered}"
    put(f"✓ {report.entries} entries, unbroken ({covered})", output=None)
    return ExitCode.RELEASABLE


def _checkpoint(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CallerMistake(
            found=f"no readable checkpoint at {path} ({error.strerror or error})",
            expected="a signed checkpoint",
            remedy="Check the path given with --checkpoint",
        ) from error


@ledger.command("show")
def ledger_show(
    context: typer.Context,
    *,
    home: options.Home = None,
) -> int:
    """Print the ledger, one event a line, oldest first."""
    from resources.assembly import Platform

    platform = Platform(options.settings_for(context, home=home))
    for event in platform.ledger.events():
        detail = event.body.get("verdict") or event.body.get("alias") or event.body.get("found") or ""
        line = f"{event.seq:>6}  {event.at}  {event.kind.value:<22} {event.subject}  {detail!s:.80}"
        put(visible(line), output=None)  # other people's words are in it: one event stays one line
    return ExitCode.RELEASABLE
