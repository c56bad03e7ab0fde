"""The command line: `model-risk`.

Commands return an exit code; this module turns errors into the others. 1 always means *refused or broken*,
never a bug of ours: that is 70.

What does not belong here: any command's work.
"""

import errno
import sys
import traceback
from typing import Annotated, cast

import typer

from modelrisk.decisions import ExitCode
from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError
from pipelines.cli import demonstrating, governing, options, proving, reporting, reviewing, serving
from resources.environments import Settings, switch_off_telemetry

_SURROUNDINGS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
# Typer brings a Click of its own in newer versions; its errors are known by what they derive from.
_Misuse = cast(
    "type[typer.BadParameter]",
    next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"),
)
_INTERRUPTED = 130

app = typer.Typer(
    name="model-risk",
    help="Signed release decisions for machine-learning models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demonstrating.demo)
app.command()(governing.init)
app.command()(governing.check)
app.command()(governing.controls)
app.command()(reviewing.review)
app.command()(reviewing.release)
app.command()(reporting.portfolio)
app.command()(proving.card)
app.command()(proving.pack)
app.command()(proving.verify)
app.add_typer(proving.ledger, name="ledger")
app.command()(serving.sync)
app.command()(serving.dev)


@app.callback(invoke_without_command=True)
def shared(
    context: typer.Context,
    *,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Signed release decisions for machine-learning models."""
    settings = Settings.from_environment()
    if version:
        sys.stdout.write(f"model-risk {settings.circumstances.tool.version}\n")
        raise typer.Exit
    context.obj = settings.at(home=home, governance=governance, tracking_uri=tracking_uri)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; prints errors, never a traceback of an expected one."""
    switch_off_telemetry()
    command = typer.main.get_command(app)
    try:
        code = int(command.main(args=arguments, prog_name="model-risk", standalone_mode=False) or 0)
        return _interrupted() if code == _INTERRUPTED else code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except _Misuse as error:
        error.show()
        return ExitCode.NOT_ATTEMPTED
    except ModelRiskError as error:
        sys.stderr.write(f"✗ {error}\n")
        return _exit_code_of(error)
    except Exception as error:  # noqa: BLE001 - the process boundary: Python would exit 1, which here means *refused*
        return _unforeseen(error)


def _interrupted() -> ExitCode:
    sys.stderr.write("Interrupted; nothing that was recorded is lost.\n")
    return ExitCode.NOT_ATTEMPTED


def _unforeseen(error: Exception) -> ExitCode:
    if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
        sys.stderr.write(f"✗ Found {error}, expected a working disk. Mend that, then run it again.\n")
        return ExitCode.NOT_EVALUATED
    traceback.print_exception(error)
    sys.stderr.write("✗ This is a bug in model-risk, not a verdict. Please report the lines above.\n")
    return ExitCode.INTERNAL_ERROR


def _exit_code_of(error: ModelRiskError) -> ExitCode:
    if isinstance(error, CallerMistake):
        return ExitCode.NOT_ATTEMPTED
    return ExitCode.REFUSED if isinstance(error, IntegrityError) else ExitCode.NOT_EVALUATED


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())
