"""What the Dagster UI says by itself: descriptions of assets, checks, jobs, automations and configuration."""

import re
from pathlib import Path

import dagster as dg
import pytest

from assets.evaluation import ScoringConfig
from assets.materializations import short_digest
from assets.release import ReleaseConfig, ReviewConfig
from checks.gate import gate
from modelrisk.decisions import ControlResult, RuleView
from modelrisk.policy import OnInconclusive
from modelrisk.verdicts import Verdict
from pipelines.definitions import defs
from pipelines.jobs import JOBS
from pipelines.schedules import SCHEDULES

UNJUDGED = ControlResult(
    id="auc_above_floor",
    title="The model ranks well enough",
    asset="evaluation/quality",
    verdict=Verdict.NOT_EVALUABLE,
    blocks=True,
    rule=RuleView(
        metric="auc",
        floor=0.5,
        ceiling=None,
        confidence=0.95,
        minimum_rows=30,
        minimum_events=0.0,
        on_inconclusive=OnInconclusive.REFUSE,
        source="policy.yaml:1",
    ),
    reason="Found no intake for '<b>loan</b>', expected governance/models/<name>.yaml",
    why_required=(),
    remedy="Write it",
    margin=None,
    rows_needed=None,
    estimates=(),
)
PAGE = (Path(__file__).parents[2] / "docs" / "ui.md").read_text()


@pytest.mark.parametrize("config", [ScoringConfig, ReviewConfig, ReleaseConfig])
def test_every_key_of_the_launchpad_says_what_it_does(config):
    for name, key in config.to_fields_dict().items():
        assert key.description, name


@pytest.mark.parametrize("missing", ["by", "reason"])
def test_a_release_by_nobody_or_for_no_reason_is_not_accepted(missing):
    with pytest.raises(ValueError, match=missing):
        ReleaseConfig(**{"by": "ann@example.com", "reason": "approved", missing: ""})


def test_what_looks_like_html_in_a_checks_result_stays_in_it_as_words():
    shown = gate(UNJUDGED)
    assert "'&lt;b&gt;loan&lt;/b&gt;', expected governance/models/&lt;name&gt;.yaml" in str(shown.description)
    assert "measured" not in shown.metadata
    assert "how far" not in shown.metadata


def test_a_digest_is_cut_and_anything_shorter_is_not():
    assert short_digest(f"sha256:{'a' * 64}") == f"sha256:{'a' * 12}…"
    assert short_digest("none") == "none"
    assert short_digest(None) is None


def test_every_asset_has_owner_kind_group_version_and_description():
    for asset in defs.assets or ():
        for spec in asset.specs if isinstance(asset, dg.AssetsDefinition) else ():
            said = (spec.owners, spec.kinds, spec.group_name, spec.code_version, spec.description)
            assert all(said), spec.key


def test_every_check_says_what_to_do_when_it_is_red():
    specs = [spec for checks in defs.asset_checks or () for spec in checks.check_specs]
    assert len(specs) > 30
    for spec in specs:
        assert "To pass:" in (spec.description or ""), spec.name


def test_every_sensor_and_schedule_tells_its_failure_story_in_plain_text():
    automations = [*SCHEDULES, *(defs.sensors or ())]
    assert len(automations) >= 6
    for one in automations:
        story = one.description or ""
        assert "How it fails." in story, one.name
        assert not re.search(r"[*\n]", story), one.name  # Dagster shows it as it is, in one line


def test_the_page_on_the_ui_names_every_job_and_every_key_of_the_launchpad():
    for job in JOBS:
        assert f"`{job.name}`" in PAGE
    for config in (ScoringConfig, ReviewConfig, ReleaseConfig):
        for name in config.to_fields_dict():
            assert f"{name}: …" in PAGE
