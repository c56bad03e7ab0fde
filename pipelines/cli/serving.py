"""Commands that serve: `dev` and `sync`."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from modelrisk.decisions import ExitCode
from pipelines.cli import options
from pipelines.cli.printing import put

_SUPERSEDED = "Function `dev_command` is superseded"
"""Dagster recommends `dg dev`, a package of its own that we do not need."""
_PATIENCE = ("DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS")
_PATIENCE_SECONDS = "300"
"""A tick that reads a slow registry for longer than Dagster's minute is late, not broken."""


def sync(
    context: typer.Context,
    *,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Add a Dagster partition for every version in the registry."""
    from pipelines import runs
    from resources.assembly import Platform

    platform = Platform(
        options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    )
    versions = list(platform.registry.versions())
    added = runs.add_partitions(platform, versions)
    put(f"✓ {len(versions)} versions in the registry, {added} new in Dagster", output=None)
    return ExitCode.RELEASABLE


def dev(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
    home: options.Home = None,
    governance: options.GovernanceDirectory = None,
    tracking_uri: options.TrackingUri = None,
) -> int:
    """Start webserver and daemon on the platform the command line uses; stop with Ctrl-C."""
    from pipelines import runs
    from resources.assembly import Platform

    settings = options.settings_for(context, home=home, governance=governance, tracking_uri=tracking_uri)
    platform = Platform(settings)
    runs.add_partitions(platform, list(platform.registry.versions()))
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(settings.dagster_home),
        "MODEL_RISK_HOME": str(settings.home.path),
        "MODEL_RISK_GOVERNANCE": str(settings.governance),
        "MODEL_RISK_SIGNING_KEY": str(settings.signing_key),
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MODEL_RISK_UI": os.environ.get("MODEL_RISK_UI") or f"http://{host}:{port}",
        **{name: os.environ.get(name) or _PATIENCE_SECONDS for name in _PATIENCE},
    }
    put(f"Dagster at http://{host}:{port} (home {settings.home.path})", output=None)
    _become_dagster(["-h", host, "-p", str(port)], environment, settings.home.path)


def _become_dagster(arguments: list[str], environment: Mapping[str, str], directory: Path) -> NoReturn:
    """Turn this process into `dagster dev`: whoever stops it stops webserver, daemon and code server too.

    A process in between would take the signal and leave the others running. Dagster handles SIGTERM as it
    finds SIGINT handled, and a shell that starts a job in the background has SIGINT ignored: reset it, or
    neither would stop anything.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(directory)
    sys.stdout.flush()
    command = [sys.executable, "-W", f"ignore:{_SUPERSEDED}", "-m", "dagster", "dev"]
    os.execve(sys.executable, [*command, "-m", "pipelines.definitions", *arguments], dict(environment))  # noqa: S606 - our own interpreter and arguments
