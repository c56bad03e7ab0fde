"""The code location: every asset, check, job, schedule and sensor, over one set of resources.

The command line, the webserver and the tests build the same graph from here; only resources differ.
Loading it imports no heavy library: those wait inside the functions that need them.

What does not belong here: any behaviour of its own.
"""

from collections.abc import Mapping

import dagster as dg

from assets import documentation, evaluation, inventory, portfolio, release, validation
from checks import inventory as inventory_checks
from checks import portfolio as portfolio_checks
from checks import release as release_checks
from checks.stages import stage_checks
from modelrisk.catalogue import shipped_catalogue
from pipelines import jobs, schedules
from pipelines.sensors.news import news
from pipelines.sensors.registry import new_versions
from pipelines.sensors.releases import automatic_release
from resources.assembly import Platform
from resources.environments import Settings, switch_off_telemetry

_OWNERS = ["team:model-risk"]


def build_defs(*, resources: Mapping[str, object]) -> dg.Definitions:
    """The whole graph over the given resources.

    Args:
        resources: what the assets and checks ask for by name; see `resources.assembly`.
    """
    stages = [inventory, validation, evaluation, release, documentation, portfolio]
    assets = [each for each in dg.load_assets_from_modules(stages) if isinstance(each, dg.AssetsDefinition)]
    checks = dg.load_asset_checks_from_modules([release_checks, inventory_checks, portfolio_checks])
    return dg.Definitions(
        assets=dg.map_asset_specs(lambda spec: spec.replace_attributes(owners=_OWNERS), assets),
        asset_checks=[*checks, *stage_checks(shipped_catalogue())],
        jobs=jobs.JOBS,
        schedules=schedules.SCHEDULES,
        sensors=[new_versions, automatic_release, news],
        resources=dict(resources),
    )


switch_off_telemetry()
defs = build_defs(resources=Platform(Settings.from_environment()).resources())
