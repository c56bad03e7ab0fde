"""One test for each way around the gate: none of them promotes what was not cleared."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from modelrisk.champions import Standing
from modelrisk.decisions import Outcome
from modelrisk.identity import ModelVersion
from pipelines.definitions import build_defs
from pipelines.jobs import release_model_version
from pipelines.sensors.releases import automatic_release, request_release
from resources.checkpoints import LedgerBehind
from resources.releases import Promoted, Refused
from tests.workbench import WRONG_WAY_ROUND, write_rows


def reviewed(bench, body=None) -> ModelVersion:
    bench.declare()
    version = bench.register() if body is None else bench.register(body)
    bench.review(version)
    return version


def alias_of(bench, version: ModelVersion):
    return bench.platform.registry.alias(version.name, "champion")


def launch(bench, version: ModelVersion, selection, *, checks: bool = True) -> dg.ExecuteInProcessResult:
    """A run as somebody might put it together by hand, through the UI or its API."""
    chosen = dg.AssetSelection.assets(*selection)
    job = dg.define_asset_job("by_hand", selection=chosen if checks else chosen.without_checks())
    defs = build_defs(resources=bench.platform.resources())
    made = dg.Definitions(
        assets=defs.assets, asset_checks=defs.asset_checks, resources=defs.resources, jobs=[job]
    )
    config = {"ops": {"release__promotion": {"config": {"by": "mallory", "reason": "hurry"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("model_versions", [version.key])
        return made.resolve_job_def("by_hand").execute_in_process(
            instance=instance, partition_key=version.key, raise_on_error=False, run_config=config
        )


@pytest.mark.parametrize(
    ("selection", "checks"),
    [
        ([["release", "promotion"]], True),
        ([["release", "promotion"]], False),
        ([["release", "clearance"], ["release", "promotion"]], True),
        ([["release", "clearance"], ["release", "promotion"]], False),
    ],
    ids=["promotion only", "promotion, no checks", "release", "release, no checks"],
)
def test_no_selection_of_steps_promotes_a_refused_version(bench, selection, checks):
    version = reviewed(bench, WRONG_WAY_ROUND)
    result = launch(bench, version, selection, checks=checks)
    assert not result.success
    assert alias_of(bench, version) is None


def test_the_release_job_stops_at_its_blocking_check_before_promotion_starts(bench):
    version = reviewed(bench, WRONG_WAY_ROUND)
    result = launch(bench, version, [["release", "clearance"], ["release", "promotion"]])
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "cleared_for_release"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert not [
        event for event in result.all_events if event.step_key == "release__promotion" and event.is_step_start
    ]


def test_a_check_loosened_to_a_warning_does_not_open_the_gate(bench):
    version = reviewed(bench, WRONG_WAY_ROUND)

    @dg.asset_check(asset=["release", "clearance"], name="cleared_for_release", blocking=True)
    def lenient() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    defs = build_defs(resources=bench.platform.resources())
    others = [
        check
        for check in defs.asset_checks or []
        if all(key.name != "cleared_for_release" for key in check.check_keys)
    ]
    job = dg.define_asset_job(
        "lenient_release",
        selection=dg.AssetSelection.assets(["release", "clearance"], ["release", "promotion"]),
    )
    made = dg.Definitions(
        assets=defs.assets, asset_checks=[*others, lenient], resources=defs.resources, jobs=[job]
    )
    config = {"ops": {"release__promotion": {"config": {"by": "mallory", "reason": "hurry"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("model_versions", [version.key])
        result = made.resolve_job_def("lenient_release").execute_in_process(
            instance=instance, partition_key=version.key, raise_on_error=False, run_config=config
        )
    started = [e for e in result.all_events if e.step_key == "release__promotion" and e.is_step_start]
    assert started, "the warning did let the run go on to the promotion"
    assert not result.success
    assert alias_of(bench, version) is None


def test_automation_asks_only_for_releasable_decisions_and_only_where_policy_promotes_by_itself(bench):
    bench.write_policy({"tiers": {1: {"promotion": "automatic"}}})
    bench.declare()
    good, bad = bench.register(), bench.register(WRONG_WAY_ROUND)
    sequence = bench.review(good).sequence
    bench.review(bad)
    requests = tick(bench)
    assert [request.partition_key for request in requests] == [good.key]
    assert requests[0].run_key == str(sequence)
    assert requests[0].run_config["ops"]["release__promotion"]["config"]["by"].startswith("policy:sha256:")


def test_automation_asks_for_nothing_under_the_shipped_policy(bench):
    bench.declare()
    bench.review(bench.register())
    assert tick(bench) == []


def test_a_forged_request_of_the_automation_is_refused_by_the_release_job(bench):
    version = reviewed(bench, WRONG_WAY_ROUND)
    request = request_release(version, run_key="1", by="policy:forged")
    defs = build_defs(resources=bench.platform.resources())
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("model_versions", [version.key])
        result = defs.resolve_job_def(release_model_version.name).execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            run_config=request.run_config,
            raise_on_error=False,
        )
    assert not result.success
    assert alias_of(bench, version) is None


def test_nothing_but_a_person_or_the_sensor_can_start_clearance_or_promotion(bench):
    graph = build_defs(resources=bench.platform.resources()).resolve_asset_graph()
    for name in ("clearance", "promotion"):
        assert graph.get(dg.AssetKey(["release", name])).automation_condition is None


def test_another_versions_pass_does_not_release_this_one(bench):
    bench.declare()
    good, bad = bench.register(), bench.register(WRONG_WAY_ROUND)
    bench.review(good)
    refused = bench.release(bad)
    assert isinstance(refused, Refused)
    assert "No decision is recorded" in refused.clearance.reasons[0]
    assert alias_of(bench, good) is None


def test_edited_evidence_is_named_and_refused(bench):
    version = reviewed(bench)
    record = bench.platform.register.newest(version).record
    place = bench.platform.evidence.path(record.evidence["evaluation/quality"])
    place.chmod(0o644)
    place.write_bytes(place.read_bytes().replace(b"accuracy", b"accuracz", 1))
    refused = bench.release(version)
    assert isinstance(refused, Refused)
    assert record.evidence["evaluation/quality"].removeprefix("sha256:")[:12] in " ".join(
        refused.clearance.reasons
    )


def test_an_edited_decision_is_refused(bench):
    version = reviewed(bench, WRONG_WAY_ROUND)
    decision = bench.platform.register.newest(version)
    place = bench.platform.evidence.path(decision.envelope)
    envelope = json.loads(place.read_bytes())
    import base64

    payload = base64.b64decode(envelope["payload"]).replace(b'"verdict":"refused"', b'"verdict":"releasable"')
    envelope["payload"] = base64.b64encode(payload).decode()
    forged = bench.platform.evidence.put(json.dumps(envelope).encode())
    place.chmod(0o644)
    place.write_bytes(bench.platform.evidence.get(forged))
    assert isinstance(bench.release(version), Refused)
    assert alias_of(bench, version) is None


def test_an_edited_ledger_row_is_refused(bench):
    version = reviewed(bench, WRONG_WAY_ROUND)
    path = bench.platform.settings.home.ledger
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE events SET body = replace(body, 'refused', 'releasable')")
        connection.commit()
    assert isinstance(refusal(bench, version), Refused)
    assert alias_of(bench, version) is None


def test_a_ledger_put_back_to_an_earlier_state_is_refused(bench):
    version = reviewed(bench)
    earlier = bench.platform.settings.home.ledger.read_bytes()
    bench.write_policy({"rules": {"auc_above_floor": {"floor": 0.99}}})
    assert bench.review(version).record.verdict is Outcome.REFUSED
    (bench.governance / "policy.yaml").unlink()
    for path in bench.platform.settings.home.path.glob("ledger.db-*"):
        path.unlink()
    bench.platform.settings.home.ledger.write_bytes(earlier)
    assert isinstance(refusal(bench, version), Refused)
    assert alias_of(bench, version) is None


def test_a_ledger_and_checkpoint_put_back_together_are_seen_by_the_copy_in_the_registry(bench):
    bench.declare()
    first, second = bench.register(), bench.register()
    bench.review(first)
    home = bench.platform.settings.home
    earlier = {path: path.read_bytes() for path in home.path.glob("ledger.db*")}
    assert isinstance(bench.release(first), Promoted)
    for path in home.path.glob("ledger.db*"):
        path.unlink()
    for path, content in earlier.items():
        path.write_bytes(content)
    with pytest.raises(LedgerBehind):
        bench.release(second)
    assert alias_of(bench, first) == first


@pytest.mark.parametrize("control", ["auc_above_floor", "favourable_outcomes_within_four_fifths"])
def test_a_required_check_that_never_ran_refuses(bench, control):
    """The stage that carries the control leaves nothing behind, as if it had been skipped."""
    from modelrisk.decisions import assess
    from modelrisk.policy import obligations

    bench.declare()
    version = bench.register()
    decision = bench.review(version)
    platform = bench.platform
    intake = platform.case_files.intake(version)
    asked = {
        o.control.id: o
        for o in obligations(
            platform.governance.policy(), platform.governance.catalogue(), intake.tier, intake.intake
        )
    }
    result = assess(asked[control], None, current=decision.record.bound)
    assert result.verdict == "not_evaluable"
    assert result.blocks


def test_a_control_that_policy_requires_now_and_the_record_never_judged_is_refused(bench):
    version = reviewed(bench)
    bench.write_policy({"rules": {"accuracy_above_floor": {"floor": 0.6, "tiers": [1]}}})
    refused = bench.release(version)
    assert isinstance(refused, Refused)
    assert "policy" in " ".join(refused.clearance.reasons)


@pytest.mark.parametrize("what", ["policy", "intake", "evaluation", "training", "model", "environment"])
def test_whatever_changed_since_the_decision_is_named_and_refused(bench, what):
    version = reviewed(bench)
    CHANGES[what](bench, version)
    refused = bench.release(version)
    assert isinstance(refused, Refused)
    assert what in " ".join(refused.clearance.reasons)
    assert alias_of(bench, version) is None


def stored(bench, version: ModelVersion, name: str) -> Path:
    """A file of the model where the registry keeps it."""
    source = bench.platform.registry.lineage(version).source
    return Path(source.removeprefix("file://")) / name


def appended(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def rewritten(path: Path) -> None:
    write_rows(path, seed=99)


CHANGES = {
    "policy": lambda bench, _: bench.write_policy({"rules": {"auc_above_floor": {"floor": 0.4}}}),
    "intake": lambda bench, _: bench.declare(purpose="Something else entirely."),
    "evaluation": lambda bench, _: rewritten(bench.data / "evaluation.parquet"),
    "training": lambda bench, _: rewritten(bench.data / "training.parquet"),
    "model": lambda bench, version: appended(stored(bench, version, "code/the_model.py"), "# swapped\n"),
    "environment": lambda bench, version: appended(stored(bench, version, "requirements.txt"), "left-pad\n"),
}


def test_of_two_candidates_judged_against_the_same_champion_only_one_can_follow_it(bench):
    bench.declare()
    champion, one, other = bench.register(), bench.register(), bench.register()
    bench.review(champion)
    assert isinstance(bench.release(champion), Promoted)
    for version in (one, other):
        assert bench.review(version).record.verdict is Outcome.RELEASABLE
    assert isinstance(bench.release(one), Promoted)
    refused = bench.release(other)
    assert isinstance(refused, Refused)
    assert "champion" in " ".join(refused.clearance.reasons)
    assert alias_of(bench, one) == one


def test_an_alias_moved_by_hand_stops_reviews_until_the_champions_release_restores_it(bench):
    bench.declare()
    champion, challenger = bench.register(), bench.register()
    bench.review(champion)
    bench.release(champion)
    bench.platform.registry.set_alias(challenger, "champion")
    assert bench.platform.case_files.open(challenger).champion.standing is Standing.DISAGREED
    refused = bench.review(challenger)
    assert refused.record.verdict is Outcome.REFUSED
    assert "model-risk release" in json.dumps([f.message for f in refused.record.findings])
    restored = bench.release(champion)
    assert isinstance(restored, Promoted)
    assert restored.moved
    assert alias_of(bench, champion) == champion
    assert bench.review(challenger).record.verdict is Outcome.RELEASABLE


def test_releasing_twice_changes_nothing(bench):
    version = reviewed(bench)
    first = bench.release(version)
    head = bench.platform.ledger.head()
    again = bench.release(version)
    assert isinstance(first, Promoted)
    assert isinstance(again, Promoted)
    assert not again.moved
    assert bench.platform.ledger.head() == head


def tick(bench) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(
        resources={"governance": bench.platform.governance, "ledger": bench.platform.ledger}
    )
    return [found for found in automatic_release(context) or () if isinstance(found, dg.RunRequest)]


def refusal(bench, version: ModelVersion) -> object:
    """What releasing leads to; a ledger that is not whole may refuse by an error too."""
    from modelrisk.errors import IntegrityError

    try:
        return bench.release(version)
    except IntegrityError as error:
        from modelrisk.decisions import Clearance

        return Refused(Clearance(version.key, None, (str(error),)))
