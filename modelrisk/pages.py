"""Where people look things up: pages of the Dagster UI and of the registry, as addresses.

Addresses of the Dagster UI begin at its root, so they hold wherever it is served.

What does not belong here: what stands on those pages.
"""

import shlex
from urllib.parse import quote, urlsplit

from modelrisk.identity import ModelVersion


def of_asset(asset: str, partition: str) -> str:
    """An asset's page, open at a version.

    Args:
        asset: as `stage/noun`.
        partition: the version's partition key.
    """
    return f"/assets/{asset}?view=partitions&partition={quote(partition, safe='')}"


def of_check(asset: str, check: str) -> str:
    """A check's page on its asset; the version is chosen there under *Partitions*."""
    return f"/assets/{asset}?view=checks&checkDetail={quote(check, safe='')}"


def of_version(registry: str, version: ModelVersion) -> str | None:
    """A version's page in MLflow; None when no server shows that registry.

    Args:
        registry: its tracking URI without credentials.
        version: the version.
    """
    served = _served(registry) if version.version.isdecimal() else None
    return f"{served}/#/models/{quote(version.name, safe='')}/versions/{version.version}" if served else None


def of_run(registry: str, run_id: str) -> str | None:
    """A run's page in MLflow; None when no server shows that registry."""
    served = _served(registry)
    return f"{served}/#/runs/{quote(run_id, safe='')}" if served else None


def how_to_see(registry: str) -> str:
    """The command that shows a registry no server shows."""
    return f"mlflow ui --backend-store-uri {shlex.quote(registry)}"


def _served(registry: str) -> str | None:
    return registry.rstrip("/") if urlsplit(registry).scheme in ("http", "https") else None
