"""Sensors and schedules over a registry that changes: what is asked for, and what a bad day does."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from modelrisk.arrivals import SWEEP_EVERY
from modelrisk.errors import Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind, utc_text
from modelrisk.lineage import Lineage
from pipelines.requests import MOST_REQUESTS, REGISTRATION
from pipelines.schedules import due_reviews
from pipelines.sensors.news import news
from pipelines.sensors.registry import new_versions
from pipelines.sensors.releases import automatic_release
from resources.decision_register import DecisionRegister
from resources.environments import Circumstances
from resources.evidence_store import EvidenceStore
from resources.governance import Governance
from resources.inventories import Inventories
from resources.ledger_store import SqliteLedger
from resources.notifier import Notifier
from resources.signer import KeyFile
from tests.fakes import FakeModelRegistry, checkpoints_of
from tests.listening import Listener, listening
from tests.workbench import declare

START = datetime(2026, 11, 20, tzinfo=UTC)
HOSTILE = "=cmd()<script>'; DROP TABLE x; --\nname \u202e👻"


@dataclass(frozen=True)
class Clock(Circumstances):
    """Circumstances whose instant is set by hand."""

    at: list[datetime] = field(default_factory=lambda: [datetime(2026, 11, 26, 12, tzinfo=UTC)])

    def now(self) -> datetime:
        return self.at[0]


@dataclass
class World:
    """A registry in memory, a directory, a ledger, and an instance that remembers what was asked for."""

    root: Path
    instance: dg.DagsterInstance
    registry: FakeModelRegistry = field(default_factory=FakeModelRegistry)
    cursor: str | None = None

    def __post_init__(self) -> None:
        (self.root / "governance" / "models").mkdir(parents=True)
        told = Circumstances.from_environment({"MODEL_RISK_ACTOR": "tester"})
        self.clock = Clock(told.actor, told.tool)
        self.ledger = SqliteLedger(self.root / "ledger.db")
        self.governance = Governance(self.root / "governance")

    def register(
        self, name: str, number: int, *, at: datetime = START, status: str = "READY"
    ) -> ModelVersion:
        version = ModelVersion(name, str(number))
        self.registry.add(
            Lineage(version, run_id=None, experiment="", source="/x", status=status, created_at=at)
        )
        return version

    def decide(self, version: str, *, at: datetime, verdict: str = "releasable", tier: int = 1) -> None:
        body = {"verdict": verdict, "tier": tier, "reusable": True}
        self.ledger.append(EventKind.DECISION, subject=version, body=body, at=utc_text(at), key="sha256:1")

    def release(self, version: str) -> None:
        for kind in (EventKind.RELEASE_STARTED, EventKind.RELEASE_FINISHED):
            self.ledger.append(kind, subject=version, body={"alias": "champion"}, at=utc_text(START))

    def inventories(self) -> Inventories:
        return Inventories(
            registry=self.registry,
            governance=self.governance,
            ledger=self.ledger,
            evidence=EvidenceStore(self.root / "evidence"),
            checkpoints=checkpoints_of(self.registry, self.ledger, self.root),
            now=self.clock.now,
        )

    def tick(self) -> tuple[list[str], str | None]:
        """One tick of the registry sensor, as the daemon would carry it out."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"registry": self.registry, "ledger": self.ledger, "circumstances": self.clock},
        )
        result = new_versions(context)
        if isinstance(result, dg.SkipReason):
            return [], result.skip_message
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        self.cursor = result.cursor
        asked = [request for request in result.run_requests or [] if request.partition_key]
        self.launch(asked)
        reason = result.skip_reason
        return [str(request.partition_key) for request in asked], reason and reason.skip_message

    def launch(self, requests: list[dg.RunRequest], *, status=dg.DagsterRunStatus.SUCCESS) -> None:
        known = set(self.instance.get_dynamic_partitions("model_versions"))
        for request in requests:
            assert request.partition_key is None or request.partition_key in known
            self.instance.create_run_for_job(a_job(), tags=dict(request.tags), status=status)

    def due(self) -> list[dg.RunRequest] | str | None:
        context = dg.build_schedule_context(
            instance=self.instance,
            resources={"inventories": self.inventories(), "circumstances": self.clock},
        )
        found = due_reviews(context)
        if isinstance(found, dg.SkipReason):
            return found.skip_message
        self.launch_any(found)
        return found

    def launch_any(self, requests: list[dg.RunRequest]) -> None:
        for request in requests:
            self.instance.create_run_for_job(
                a_job(), tags=dict(request.tags), status=dg.DagsterRunStatus.SUCCESS
            )


def a_job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job(name="review_model_version")
    def review() -> None:
        nothing()

    return review


@pytest.fixture
def world(tmp_path):
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield World(tmp_path, instance)


# --- the registry sensor ---------------------------------------------------------------------------------


def test_a_new_version_becomes_a_partition_and_one_review(world):
    assert world.tick() == ([], "no new version")
    version = world.register("loan", 1, at=START + timedelta(hours=9))
    assert world.tick() == (["loan@1"], None)
    assert world.instance.get_dynamic_partitions("model_versions") == [version.key]
    assert world.tick() == ([], "no new version")
    world.cursor = None
    assert world.tick() == ([], "no new version")


def test_a_tick_that_was_killed_before_its_requests_were_launched_asks_again_under_the_same_key(world):
    world.register("loan", 1)
    before = world.cursor
    context = dg.build_sensor_context(
        instance=world.instance,
        cursor=before,
        resources={"registry": world.registry, "ledger": world.ledger, "circumstances": world.clock},
    )
    first, second = new_versions(context), new_versions(context)
    keys = [[request.run_key for request in found.run_requests] for found in (first, second)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


def test_a_version_reviewed_by_hand_is_not_asked_for_and_one_made_again_is(world):
    world.register("loan", 1)
    world.decide("loan@1", at=START + timedelta(hours=1), verdict="refused")
    assert world.tick()[0] == []
    world.register("loan", 1, at=START + timedelta(days=30))
    world.clock.at[0] += SWEEP_EVERY
    assert world.tick()[0] == ["loan@1"]


def test_hostile_names_become_partitions_that_read_back(world):
    version = world.register(HOSTILE, 1)
    assert world.tick()[0] == [version.key]
    assert ModelVersion.from_key(version.key) == version
    assert "\n" not in version.key


def test_never_more_than_twenty_reviews_are_open_and_all_are_asked_for_in_the_end(world):
    for number in range(50):
        world.register(f"model-{number}", 1, at=START + timedelta(hours=number))
    running = [dg.RunRequest(tags={"x": str(number)}) for number in range(5)]
    world.launch(running, status=dg.DagsterRunStatus.STARTED)
    asked, _ = world.tick()
    assert len(asked) == MOST_REQUESTS - 5
    while found := world.tick()[0]:
        asked += found
    assert sorted(asked) == sorted(f"model-{number}@1" for number in range(50))


def test_while_reviews_are_stuck_none_is_added_and_the_tick_says_why(world):
    world.launch([dg.RunRequest()] * MOST_REQUESTS, status=dg.DagsterRunStatus.STARTED)
    world.register("loan", 1)
    asked, reason = world.tick()
    assert asked == []
    assert reason == "1 new versions wait until some of the reviews that were asked for are finished"


def test_a_registry_that_is_down_leaves_the_cursor_and_says_so(world):
    world.register("loan", 1)
    world.tick()
    before = world.cursor
    world.registry.down = Unavailable(found="no answer\nforged line", expected="one", remedy="Wait")
    world.register("loan", 2, at=START + timedelta(days=1))
    asked, reason = world.tick()
    assert asked == []
    assert "no answer forged line" in reason
    assert world.cursor == before
    world.registry.down = None
    assert world.tick()[0] == ["loan@2"]


@pytest.mark.parametrize("content", [b"not a database at all", b""])
def test_a_damaged_ledger_skips_the_tick(world, content):
    world.register("loan", 1)
    (world.root / "ledger.db").write_bytes(content)
    asked, reason = world.tick()
    assert asked == []
    assert "ledger" in reason


def test_a_cursor_that_somebody_wrote_leads_to_a_sweep(world):
    world.register("loan", 1)
    for written in ("17", "{}", '{"settled_ms": "x"}', "{"):
        world.cursor = written
        world.tick()
    assert json.loads(world.cursor)["swept_at"]


# --- cadence ---------------------------------------------------------------------------------------------


def test_without_an_inventory_or_with_nothing_due_no_review_is_asked_for(world):
    assert "no inventory" in world.due()
    world.inventories().take()
    assert "no review is due" in world.due()


def test_a_version_in_use_is_reviewed_afresh_before_it_falls_due_and_once_a_week_until_it_is(world):
    declare(world.root / "governance", "loan")
    version = world.register("loan", 1)
    world.registry.set_alias(version, "champion")
    world.decide("loan@1", at=START)
    world.release("loan@1")
    world.inventories().take()
    assert isinstance(world.due(), str)
    world.clock.at[0] = START + timedelta(days=76)
    (request,) = world.due()
    assert request.partition_key == "loan@1"
    assert request.run_config["ops"]["release__decision"]["config"] == {"fresh": True}
    assert isinstance(world.due(), str)
    world.clock.at[0] += timedelta(days=7)
    assert len(world.due()) == 1
    world.decide("loan@1", at=world.clock.now())
    assert isinstance(world.due(), str)


def test_more_due_reviews_than_there_is_room_for_are_asked_for_in_turn(world):
    for number in range(45):
        version = world.register(f"model-{number}", 1)
        world.registry.set_alias(version, "champion")
        world.decide(version.key, at=START - timedelta(days=400 + number))
    world.inventories().take()
    first, second, third = world.due(), world.due(), world.due()
    assert [len(first), len(second), len(third)] == [20, 20, 5]
    assert first[0].partition_key == "model-44@1"
    assert isinstance(world.due(), str)


def test_a_lost_snapshot_or_a_damaged_ledger_skips_the_schedule(world):
    world.register("loan", 1)
    taken = world.inventories().take()
    EvidenceStore(world.root / "evidence").path(taken.snapshot).unlink()
    assert taken.snapshot[:20] in world.due() or "evidence" in world.due()
    (world.root / "ledger.db").write_bytes(b"no database")
    assert "ledger" in world.due()


# --- automatic release -----------------------------------------------------------------------------------


def automatic(world: World, cursor: str | None = None) -> list[object]:
    context = dg.build_sensor_context(
        cursor=cursor, resources={"governance": world.governance, "ledger": world.ledger}
    )
    return list(automatic_release(context) or ())


def leave_releases_to_policy(world: World) -> None:
    text = "schema: model-risk/policy@1\ntiers: {1: {promotion: automatic}}\n"
    (world.root / "governance" / "policy.yaml").write_text(text)


def test_a_decision_renewed_on_a_version_that_was_replaced_brings_it_not_back(world):
    leave_releases_to_policy(world)
    world.decide("loan@1", at=START)
    world.release("loan@1")
    world.release("loan@2")
    world.decide("loan@1", at=START + timedelta(days=80))
    (skipped,) = automatic(world)
    assert isinstance(skipped, dg.SkipReason)
    world.decide("loan@3", at=START + timedelta(days=81))
    (request,) = automatic(world)
    assert request.partition_key == "loan@3"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: (world.root / "governance" / "policy.yaml").write_text("tiers: ["),
        lambda world: (world.root / "governance").rename(world.root / "gone"),
        lambda world: (world.root / "ledger.db").write_bytes(b"no database"),
    ],
    ids=["policy", "directory", "ledger"],
)
def test_a_release_tick_without_policy_directory_or_ledger_is_skipped_with_the_reason(world, spoil):
    leave_releases_to_policy(world)
    world.decide("loan@1", at=START)
    spoil(world)
    (skipped,) = automatic(world)
    assert isinstance(skipped, dg.SkipReason)
    assert "\n" not in (skipped.skip_message or "")


def test_sensors_and_schedules_start_running_and_requests_carry_their_registration(world):
    from pipelines.definitions import defs

    repository = defs.get_repository_def()
    assert all(sensor.default_status.value == "RUNNING" for sensor in repository.sensor_defs)
    assert all(schedule.default_status.value == "RUNNING" for schedule in repository.schedule_defs)
    world.register("loan", 1)
    world.tick()
    ((_, names),) = world.instance.get_run_tags([REGISTRATION])
    assert names == {f"loan@1/{int(START.timestamp() * 1000)}"}


# --- news ------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """The world with audiences, and a sensor that keeps its cursor."""

    world: World
    listener: Listener
    cursor: str | None = None
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def policy(self, **audiences: object) -> None:
        document = {"schema": "model-risk/policy@1", "notify": audiences}
        (self.world.root / "governance" / "policy.yaml").write_text(json.dumps(document))

    def tick(self) -> str:
        signer = KeyFile(self.world.root / "signing.pem")
        register = DecisionRegister(
            evidence=EvidenceStore(self.world.root / "evidence"),
            ledger=self.world.ledger,
            signer=signer,
            trusted=lambda: signer.trusted,
        )
        context = dg.build_sensor_context(
            cursor=self.cursor,
            resources={
                "governance": self.world.governance,
                "ledger": self.world.ledger,
                "register": register,
                "notifier": Notifier(self.environ, ui="http://127.0.0.1:3000"),
                "circumstances": self.world.clock,
            },
        )
        result = news(context)
        assert isinstance(result, dg.SkipReason)
        self.cursor = context.cursor
        return result.skip_message or ""


@pytest.fixture
def told(world):
    with listening() as listener:
        made = Told(world, listener)
        made.environ["RISK_CHANNEL"] = listener.url
        made.policy(risk={"url": "env:RISK_CHANNEL"})
        made.tick()
        yield made


def test_each_refusal_is_told_once_with_what_to_do(told):
    told.world.decide("loan@1", at=START, verdict="refused")
    told.world.decide("loan@2", at=START)
    assert told.tick() == "`risk` was told of 1"
    assert told.listener.titles == ["Refused: loan@1"]
    assert "Ledger entry 1" in told.listener.received[0]["message"]
    assert "partition=loan%401" in told.listener.received[0]["message"]
    assert told.tick() == "nothing new to tell"


def test_a_service_that_is_down_is_told_later_and_holds_up_nobody_else(told):
    with listening() as other:
        other.status = 500
        told.policy(risk={"url": "env:RISK_CHANNEL"}, lending={"url": other.url})
        told.tick()
        told.world.decide("loan@1", at=START, verdict="refused")
        assert "`lending` could not be told" in told.tick()
        assert "`lending` waits after 1 failed attempts" in told.tick()
        assert told.listener.titles == ["Refused: loan@1"]
        other.status = 200
        told.world.clock.at[0] += timedelta(minutes=2)
        told.world.decide("loan@2", at=START, verdict="refused")
        told.tick()
        assert other.titles == ["Refused: loan@1", "Refused: loan@2"]
        assert told.listener.titles == ["Refused: loan@1", "Refused: loan@2"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, "no environment variable RISK_CHANNEL"),
        ("nonsense", "no service is known"),
        ("json://127.0.0.1:9/secret-token", "did not take the message"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_without_its_secret(told, address, words):
    told.environ.pop("RISK_CHANNEL")
    if address is not None:
        told.environ["RISK_CHANNEL"] = address
    told.world.decide("loan@1", at=START, verdict="refused")
    said = told.tick()
    assert words in said
    assert "secret-token" not in said


def test_many_at_once_are_one_message(told):
    for number in range(1, 41):
        told.world.decide(f"loan@{number}", at=START, verdict="refused")
    told.tick()
    assert told.listener.titles == ["40 models need somebody (refused: 40)"]


def test_a_moved_alias_and_an_overdue_review_are_told_once_and_again_when_they_come_back(told):
    world = told.world
    declare(world.root / "governance", "loan")
    first, second = world.register("loan", 1), world.register("loan", 2)
    for version in (first, second):
        world.decide(version.key, at=datetime(2026, 11, 26, tzinfo=UTC))
    world.release(first.key)

    def stand(on: ModelVersion) -> None:
        world.registry.set_alias(on, "champion")
        world.inventories().take()
        world.inventories().take()
        told.tick()

    stand(second)
    assert told.listener.titles == ["Alias moved without a decision: loan@2"]
    assert "team:lending" in told.listener.received[0]["message"]
    assert "`" not in told.listener.received[0]["message"]
    stand(first)
    assert len(told.listener.titles) == 1
    stand(second)
    assert len(told.listener.titles) == 2
    world.clock.at[0] += timedelta(days=91)
    stand(first)
    assert sorted(told.listener.titles[2:]) == ["Review overdue: loan@1"]


@pytest.mark.parametrize("spoil", ["policy.yaml", "directory", "ledger"])
def test_news_without_policy_directory_or_ledger_waits_and_loses_nothing(told, spoil):
    told.world.decide("loan@1", at=START, verdict="refused")
    cursor = told.cursor
    spoilt = told.world.root / ("ledger.db" if spoil == "ledger" else "governance")
    aside = told.world.root / "aside"
    if spoil == "policy.yaml":
        (spoilt / "policy.yaml").write_text("notify: [")
    else:
        spoilt.rename(aside)
        if spoil == "ledger":
            spoilt.write_bytes(b"no database")
    told.tick()
    assert told.cursor == cursor
    assert told.listener.titles == []
    if spoil == "policy.yaml":
        told.policy(risk={"url": "env:RISK_CHANNEL"})
    else:
        aside.replace(spoilt)
    told.tick()
    assert told.listener.titles == ["Refused: loan@1"]
