"""The inventory of a registry and a directory: taken, noted when it changed, held against the ledger."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from modelrisk.errors import CallerMistake, InvalidDocument
from modelrisk.evidence import decoded
from modelrisk.identity import ModelVersion
from modelrisk.inventory import SUBJECT, Inventory
from modelrisk.ledger import EventKind
from modelrisk.lineage import Lineage
from pipelines.definitions import build_defs
from resources.evidence_store import EvidenceStore
from resources.governance import Governance
from resources.inventories import Inventories
from resources.ledger_store import SqliteLedger
from tests.fakes import FakeModelRegistry, checkpoints_of
from tests.workbench import declare


@pytest.fixture
def place(tmp_path):
    (tmp_path / "governance" / "models").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def registry():
    fake = FakeModelRegistry()
    for number in (1, 2):
        fake.add(a_lineage(ModelVersion("loan", str(number))))
    fake.add(a_lineage(ModelVersion("stray", "1")))
    return fake


def a_lineage(version: ModelVersion) -> Lineage:
    return Lineage(
        version,
        run_id=None,
        experiment="",
        source="/x",
        status="READY",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
    )


def inventories(place, registry) -> Inventories:
    return Inventories(
        registry=registry,
        governance=Governance(place / "governance"),
        ledger=SqliteLedger(place / "ledger.db"),
        evidence=EvidenceStore(place / "evidence"),
        checkpoints=checkpoints_of(registry, SqliteLedger(place / "ledger.db"), place),
        now=lambda: datetime(2026, 11, 26, tzinfo=UTC),
    )


def noted(place):
    return list(SqliteLedger(place / "ledger.db").events(EventKind.INVENTORY))


def test_a_snapshot_is_kept_and_noted_once_until_something_changes(place, registry):
    declare(place / "governance", "loan")
    taken = inventories(place, registry).take()
    assert inventories(place, registry).take().snapshot == taken.snapshot
    (event,) = noted(place)
    assert (event.subject, event.key) == (SUBJECT, taken.snapshot)
    assert event.body == {"snapshot": taken.snapshot, "upto": 0, "models": 2, "versions": 3}
    registry.set_alias(ModelVersion("loan", "2"), "champion")
    changed = inventories(place, registry).take().snapshot
    assert [event.key for event in noted(place)] == [taken.snapshot, changed]
    kept = decoded(Inventory, EvidenceStore(place / "evidence").get(changed))
    loan, stray = kept.models
    assert (loan.name, loan.aliases, loan.declaration.tier) == ("loan", {"champion": "2"}, 1)
    assert [version.version for version in loan.versions] == ["1", "2"]
    assert loan.versions[0].created_at == "2026-11-01T00:00:00.000Z"
    assert (stray.declaration, stray.fault) == (None, None)
    assert kept.review_every == {"1": 90, "2": 180, "3": 365}


def test_a_change_and_its_taking_back_are_noted_as_two(place, registry):
    taken = inventories(place, registry).take()
    declare(place / "governance", "loan").rename(place / "aside.yaml")
    declare(place / "governance", "loan")
    inventories(place, registry).take()
    (place / "governance" / "models" / "model.yaml").unlink()
    inventories(place, registry).take()
    assert [event.key == taken.snapshot for event in noted(place)] == [True, False, True]


def test_a_faulty_intake_is_a_fault_of_its_model_and_stops_nothing(place, registry):
    declare(place / "governance", "loan", task="guessing").rename(
        place / "governance" / "models" / "loan.yaml"
    )
    (place / "governance" / "models" / "mess.yaml").write_text("a: [")
    (place / "governance" / "models" / "notes.txt").write_text("x")
    service = inventories(place, registry)
    overview = service.overview(service.take())
    faults = {model.name: model.fault for model in overview.inventory.models}
    assert faults.keys() == {"loan", "stray", "models/mess.yaml", "models/notes.txt"}
    assert "guessing" in faults["loan"]
    assert faults["stray"] is None
    assert {concern.subject for concern in overview.undeclared} == faults.keys()


def test_two_files_for_one_model_and_a_loosened_threshold_are_faults_of_the_model(place, registry):
    models = place / "governance" / "models"
    declare(place / "governance", "loan").rename(models / "a.yaml")
    declare(place / "governance", "loan", thresholds={"calibration_slope": 0.2}).rename(models / "b.yaml")
    service = inventories(place, registry)
    loan = service.overview(service.take()).inventory.models[0]
    assert "a second intake" in loan.fault
    assert "may only tighten" in loan.fault or "stricter" in loan.fault
    assert loan.declaration is not None


def test_a_faulty_policy_or_no_directory_at_all_is_said_and_notes_nothing(place, registry):
    faulty = "schema: model-risk/policy@1\ntiers: {1: {promotion: auto}}\n"
    (place / "governance" / "policy.yaml").write_text(faulty)
    with pytest.raises(InvalidDocument):
        inventories(place, registry).take()
    with pytest.raises(CallerMistake, match="init"):
        inventories(place / "elsewhere", registry).take()
    assert noted(place) == []


def test_a_release_during_the_reading_makes_it_read_again(place, registry):
    ledger = SqliteLedger(place / "ledger.db")

    class ReleasedMeanwhile(FakeModelRegistry):
        def models(self):
            yield from list(super().models())
            if self._aliases.get(("loan", "champion")) is None:
                version = ModelVersion("loan", "1")
                for kind in (EventKind.RELEASE_STARTED, EventKind.RELEASE_FINISHED):
                    ledger.append(
                        kind, subject=version.key, body={"alias": "champion"}, at="2026-11-26T00:00:00Z"
                    )
                    self.set_alias(version, "champion")

    busy = ReleasedMeanwhile()
    busy.add(a_lineage(ModelVersion("loan", "1")))
    service = inventories(place, busy)
    overview = service.overview(service.take())
    assert overview.inventory.models[0].aliases == {"champion": "1"}
    assert overview.moved == ()


def run(platform, instance):
    job = build_defs(resources=platform.resources()).resolve_job_def("take_inventory")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    return result, {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_an_alias_moved_past_the_platform_turns_the_inventory_red_and_a_release_turns_it_green(
    bench, instance
):
    bench.declare()
    first, second = bench.register(), bench.register()
    bench.platform.registry.set_alias(first, "champion")
    result, checks = run(bench.platform, instance)
    assert result.success
    adopted = checks["aliases_follow_decisions"]
    assert (adopted.passed, adopted.severity) == (False, dg.AssetCheckSeverity.WARN)
    bench.review(first)
    bench.release(first)
    _, checks = run(bench.platform, instance)
    mine = [row for row in rows(checks["aliases_follow_decisions"]) if bench.name in str(row["subject"])]
    assert mine == []
    bench.platform.registry.set_alias(second, "champion")
    _, checks = run(bench.platform, instance)
    moved = checks["aliases_follow_decisions"]
    assert (moved.passed, moved.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (row,) = [row for row in rows(moved) if bench.name in str(row["subject"])]
    assert f"`model-risk release {first}`" in str(row["do next"])
    bench.release(first)
    _, checks = run(bench.platform, instance)
    assert not [row for row in rows(checks["aliases_follow_decisions"]) if bench.name in str(row["subject"])]
    assert not [row for row in rows(checks["reviews_are_on_time"]) if bench.name in str(row["subject"])]


def rows(check) -> list[dict[str, object]]:
    shown = check.metadata["all"]
    return [record.data for record in shown.records] if isinstance(shown, dg.TableMetadataValue) else []
