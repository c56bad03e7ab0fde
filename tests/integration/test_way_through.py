"""A registered version travels the whole way: review, decision, card, pack, clearance, promotion."""

import json
import zipfile
from pathlib import Path

import dagster as dg
import pytest

from modelrisk.decisions import ExitCode, Outcome
from modelrisk.evidence import digest as digest_of_bytes
from modelrisk.packs import PackVerdict
from modelrisk.signatures import TrustedKeys
from pipelines import runs
from resources.pack_files import verify_pack_file
from resources.releases import Promoted
from tests.record_schema import schema_faults
from tests.workbench import BLURRED, NOISY


@pytest.fixture
def reviewed(bench):
    bench.declare()
    version = bench.register()
    return version, *runs.review(bench.platform, version, instance=bench.instance)


def test_a_good_model_is_releasable_and_becomes_champion(bench, reviewed):
    version, decision, _, _ = reviewed
    record = decision.record
    assert record.verdict is Outcome.RELEASABLE, record.headline
    assert record.exit_code is ExitCode.RELEASABLE
    assert record.tier == 1
    assert schema_faults(record, decision.digest) == []
    promoted = bench.release(version)
    assert isinstance(promoted, Promoted)
    registry = bench.platform.registry
    assert registry.alias(version.name, "champion") == version
    assert registry.tags(version)["model_risk.decision"] == decision.digest


def test_every_required_control_is_judged_and_explained(reviewed):
    _, decision, _, _ = reviewed
    required = [control for control in decision.record.controls if control.verdict != "not_applicable"]
    assert len(required) >= 12
    assert all(control.why_required and control.reason and control.rule for control in required)


def test_the_record_names_every_stage_and_every_bound_digest(bench, reviewed):
    _, decision, _, _ = reviewed
    record = decision.record
    assert {
        "inventory/intake",
        "inventory/lineage",
        "validation/evaluation_data",
        "evaluation/quality",
    } <= set(record.evidence)
    for name in ("model", "environment", "evaluation", "training", "intake", "policy", "catalogue"):
        assert str(getattr(record.bound, name)).startswith("sha256:"), name
    assert record.bound.champion == "none"
    for digest in record.evidence.values():
        assert bench.platform.evidence.path(digest).exists()


def test_all_metrics_are_estimated_for_all_rows_and_every_group(reviewed):
    _, decision, _, _ = reviewed
    found = {(e.metric, tuple(e.cohort.items())) for e in decision.record.estimates}
    for metric in (
        "auc",
        "accuracy",
        "precision",
        "true_positive_rate",
        "false_positive_rate",
        "true_negative_rate",
        "false_negative_rate",
        "selection_rate",
        "brier",
    ):
        for cohort in ((), (("sex", "F"),), (("sex", "M"),)):
            assert (metric, cohort) in found, (metric, cohort)


def test_the_pack_verifies_against_the_homes_key_and_not_against_its_own(bench, reviewed):
    _, _, _, pack = reviewed
    path = Path(pack.path)
    assert verify_pack_file(path, trusted=bench.platform.trusted()).verdict is PackVerdict.VERIFIED
    assert verify_pack_file(path, trusted=TrustedKeys()).verdict is PackVerdict.UNTRUSTED_SIGNER


def test_reviewing_unchanged_inputs_returns_the_same_decision_and_fresh_makes_a_new_one(bench, reviewed):
    version, first, _, _ = reviewed
    again = bench.review(version)
    assert (again.digest, again.sequence) == (first.digest, first.sequence)
    fresh = bench.review(version, fresh=True)
    assert fresh.digest != first.digest
    assert fresh.record.uses.reviews == 1
    assert bench.review(version).digest == fresh.digest


def test_runs_materializations_and_partitioned_checks_stand_in_the_shared_instance(bench):
    bench.declare()
    version = bench.register()
    runs.review(bench.platform, version)
    with dg.DagsterInstance.from_config(str(bench.platform.settings.dagster_home)) as instance:
        runs_found = instance.get_runs()
        assert [run.job_name for run in runs_found] == ["review_model_version"]
        assert runs_found[0].status is dg.DagsterRunStatus.SUCCESS
        assert version.key in instance.get_dynamic_partitions("model_versions")
        event = instance.get_latest_materialization_event(dg.AssetKey(["release", "decision"]))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == version.key


def test_a_worse_challenger_is_refused_and_a_non_inferior_one_may_follow(bench, reviewed):
    version, _, _, _ = reviewed
    assert isinstance(bench.release(version), Promoted)
    worse = bench.review(bench.register(NOISY))
    verdicts = {control.id: control.verdict.value for control in worse.record.controls}
    assert verdicts["not_worse_than_champion"] == "failed"
    assert worse.record.verdict is Outcome.REFUSED
    assert worse.record.exit_code is ExitCode.REFUSED
    assert "not_worse_than_champion" in {finding.control for finding in worse.record.findings}
    challenger = bench.register(BLURRED)
    decision = bench.review(challenger)
    assert decision.record.verdict is Outcome.RELEASABLE, decision.record.headline
    promoted = bench.release(challenger)
    assert isinstance(promoted, Promoted)
    assert promoted.previous == version.key


def test_the_pack_holds_a_datasheet_of_each_data_set_and_the_card_names_them(bench, reviewed):
    _, decision, card, pack = reviewed
    with zipfile.ZipFile(pack.path) as archive:
        sheets = {name: archive.read(name) for name in archive.namelist() if name.startswith("datasheets/")}
    forms = ("html", "md", "croissant.json")
    assert set(sheets) == {
        f"datasheets/{data}.{form}" for data in ("evaluation", "training") for form in forms
    }
    croissant = json.loads(sheets["datasheets/evaluation.croissant.json"])
    assert croissant["mr:digest"] == decision.record.bound.evaluation
    rows = max(one.n for one in decision.record.estimates)
    assert croissant["mr:rows"] == rows
    roles = {one["description"]: one["mr:role"] for one in croissant["recordSet"][0]["field"]}
    assert "label" in roles.values()
    assert "sensitive" in roles.values()
    words = bench.platform.publications.text(card.html)
    assert digest_of_bytes(sheets["datasheets/evaluation.croissant.json"]) in words


def test_a_card_tells_what_was_decided_before_and_what_blocked_it(bench, reviewed):
    version, first, card, _ = reviewed
    assert "This is the first decision about this model." in bench.platform.publications.text(card.markdown)
    assert isinstance(bench.release(version), Promoted)
    worse = bench.review(bench.register(NOISY))
    again, later, *_ = runs.review(bench.platform, version, fresh=True, instance=bench.instance)
    history = bench.platform.register.history(again)
    assert [one.model for one in history.decisions] == [worse.record.model, first.record.model]
    assert [one.verdict for one in history.decisions] == ["refused", "releasable"]
    blocked = tuple(control.title for control in worse.record.controls if control.blocks)
    assert [one.blocked_by for one in history.decisions] == [blocked, ()]
    assert [one.model for one in history.releases] == [version.key]
    words = bench.platform.publications.text(later.markdown)
    assert f"| `{worse.record.model}` |" in words
    assert blocked[0] in words
    bench.platform.evidence.path(history.decisions[0].record).unlink()
    assert [one.blocked_by for one in bench.platform.register.history(again).decisions] == [None, ()]


def test_a_model_without_intake_is_reviewable_refused_and_said_to_be_outside_the_inventory(bench):
    version = bench.register()
    decision = bench.review(version)
    assert decision.record.exit_code is ExitCode.REFUSED
    assert decision.record.tier == 1
    verdicts = {control.id: control.verdict.value for control in decision.record.controls}
    assert verdicts["in_the_inventory"] == "failed"
    assert "passed" not in {verdicts["better_than_naive"], verdicts["auc_above_floor"]}


def test_a_preview_decides_nothing_and_leaves_only_a_tally(bench):
    bench.declare()
    version = bench.register()
    preview = runs.preview(bench.platform, version)
    assert preview.record.kind == "preview"
    assert preview.envelope is None
    assert bench.platform.register.newest(version) is None
    assert [event.kind.value for event in bench.platform.ledger.events()] == ["preview"]
    assert bench.review(version).record.uses.previews == 1


def test_the_printed_json_carries_the_outside_contract(reviewed):
    from modelrisk.documents.decision_report import as_json

    _, decision, _, _ = reviewed
    printed = json.loads(as_json(decision.record, decision.digest))
    assert {"model", "tier", "verdict", "findings", "digest", "controls", "estimates"} <= set(printed)
    assert {"id", "verdict", "rule", "reason", "estimates"} <= set(printed["controls"][0])
    ratios = [e for e in printed["estimates"] if e["metric"] == "selection_rate_ratio"]
    assert {(e["cohort"]["sex"], e["group"], e["reference"]) for e in ratios} <= {
        ("F", "F", "M"),
        ("M", "M", "F"),
    }
    assert ratios
    auc = next(e for e in printed["estimates"] if e["metric"] == "auc" and e["cohort"] == {})
    assert {"metric", "cohort", "value", "low", "high", "confidence", "coverage", "n", "method"} <= set(auc)
    assert auc["coverage"] == pytest.approx(2 * auc["confidence"] - 1)
