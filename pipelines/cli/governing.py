"""Commands on the governance directory: `init`, `check` and `controls`."""

from pathlib import Path
from typing import Annotated

import typer

from modelrisk.decisions import ExitCode
from pipelines.cli import options
from pipelines.cli.printing import put


def init(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(help="Where to write it. Default: ./governance.")
    ] = None,
    *,
    governance: options.GovernanceDirectory = None,
) -> int:
    """Write a governance directory to start from; existing files stay as they are."""
    from resources.governance import Governance

    settings = options.settings_for(context, governance=directory or governance)
    is_chosen = settings.governance != settings.home.governance
    written = Governance(settings.governance if is_chosen else Path("governance").absolute()).scaffold()
    for path in written:
        put(f"wrote {path}", output=None)
    put(
        "Next: describe a model in models/, then `model-risk check`."
        if written
        else "Nothing to write: all is there.",
        output=None,
    )
    return ExitCode.RELEASABLE


def check(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Argument(help="What to check. Default: --governance.")] = None,
    *,
    governance: options.GovernanceDirectory = None,
) -> int:
    """Validate a governance directory, every fault at once; needs no registry, so it fits a pre-commit hook.

    Exit codes: 0 valid, 2 faulty.
    """
    import sys

    from resources.governance import Governance

    settings = options.settings_for(context, governance=directory or governance)
    faults = Governance(settings.governance).faults()
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if faults:
        sys.stderr.write(f"✗ {len(faults)} fault(s)\n")
        return ExitCode.NOT_ATTEMPTED
    put("✓ policy and intake files are valid", output=None)
    return ExitCode.RELEASABLE


def controls(
    context: typer.Context,
    *,
    output: options.Output = None,
    governance: options.GovernanceDirectory = None,
) -> int:
    """Print every control as Markdown: what this policy asks in which tier, and what a pass does not show."""
    from modelrisk.documents.control_catalogue import as_markdown
    from resources.governance import Governance

    directory = Governance(options.settings_for(context, governance=governance).governance)
    put(as_markdown(directory.catalogue(), directory.policy()), output=output)
    return ExitCode.RELEASABLE
