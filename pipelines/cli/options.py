"""Options shared by the commands, and the platform they lead to.

What does not belong here: any command.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from resources.environments import Settings

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Directory of the embedded platform. [env: MODEL_RISK_HOME]", show_default=False
    ),
]
GovernanceDirectory = Annotated[
    Path | None,
    typer.Option(
        "--governance",
        help="Directory of policy and intake files. [env: MODEL_RISK_GOVERNANCE]",
        show_default=False,
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow tracking and registry URI. [env: MLFLOW_TRACKING_URI]",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
]
Version = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="NAME@VERSION or NAME@ALIAS.")]


class ReviewFormat(StrEnum):
    """Forms of a decision."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"


class CardFormat(StrEnum):
    """Forms of a card."""

    HTML = "html"
    MARKDOWN = "markdown"


class ReportFormat(StrEnum):
    """Forms of a portfolio report."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


def settings_for(
    context: typer.Context,
    *,
    home: Path | None = None,
    governance: Path | None = None,
    tracking_uri: str | None = None,
) -> Settings:
    """Settings from the environment, the options before the command, and those after it, in that order."""
    settings: Settings = context.obj or Settings.from_environment()
    return settings.at(home=home, governance=governance, tracking_uri=tracking_uri)
