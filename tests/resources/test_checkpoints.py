"""What the registry remembers of a ledger, and what a ledger that is not that one may still do: nothing."""

import json
import shutil
from datetime import UTC, datetime

import pytest

from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind
from modelrisk.lineage import Lineage
from modelrisk.registrations import CHECKPOINT_TAG
from resources.checkpoints import Checkpoints, LedgerBehind
from resources.ledger_store import SqliteLedger
from resources.signer import KeyFile
from tests.fakes import FakeModelRegistry, checkpoints_of

AT = "2026-11-26T09:00:00.000000Z"


class World:
    """A registry with two models, and homes that share it."""

    def __init__(self, root):
        self.root = root
        self.registry = FakeModelRegistry()
        for name in ("loan", "card"):
            version = ModelVersion(name, "1")
            made = datetime(2026, 11, 1, tzinfo=UTC)
            self.registry.add(
                Lineage(version, run_id=None, experiment="", source="/x", status="READY", created_at=made)
            )

    def ledger(self, home: str) -> SqliteLedger:
        return SqliteLedger(self.root / home / "ledger.db")

    def at(self, home: str, *, key: str = "home") -> Checkpoints:
        (self.root / home).mkdir(exist_ok=True)
        return checkpoints_of(self.registry, self.ledger(home), self.root / key)

    def decide(self, home: str, *, times: int = 1) -> None:
        (self.root / home).mkdir(exist_ok=True)
        for _ in range(times):
            self.ledger(home).append(EventKind.DECISION, subject="loan@1", body={"home": home}, at=AT)

    @property
    def tag(self) -> str:
        return self.registry.model_tags("loan")[CHECKPOINT_TAG]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def remembered(world):
    """Three entries, of which the registry remembers two."""
    world.decide("home", times=2)
    world.at("home").publish("loan")
    world.decide("home")
    return world


def test_without_a_copy_nothing_is_asked_for(world):
    world.at("home").require_up_to_date("loan")
    world.at("home").publish("loan")  # nothing happened yet: nothing to remember
    assert world.registry.writes == []


def test_a_ledger_that_grew_since_is_the_one_remembered(remembered):
    remembered.at("home").require_up_to_date("loan")
    assert remembered.at("home").remembers("loan", 2)
    assert not remembered.at("home").remembers("loan", 3)
    assert remembered.at("home").unpublished("loan") is None
    assert remembered.at("home").remembers("loan", 3)
    assert remembered.at("home").remembers("loan", None)


@pytest.mark.parametrize("entries", [0, 1])
def test_a_lost_or_older_home_is_behind_and_told_how_far(remembered, entries):
    remembered.decide("new", times=entries)
    with pytest.raises(LedgerBehind, match=rf"ends at entry {entries}, behind entry 2.*docs/ci\.md"):
        remembered.at("new").require_up_to_date("loan")


def test_a_home_that_lost_its_key_too_is_behind_all_the_same(remembered):
    with pytest.raises(LedgerBehind):
        remembered.at("new", key="new").require_up_to_date("loan")


def test_a_home_brought_back_goes_on(remembered):
    remembered.at("home").publish("loan")
    shutil.copytree(remembered.root / "home", remembered.root / "back")
    remembered.at("back").require_up_to_date("loan")


def test_another_ledger_as_long_is_not_the_one_remembered(remembered):
    remembered.decide("other", times=5)
    with pytest.raises(IntegrityError, match="history was replaced"):
        remembered.at("other").require_up_to_date("loan")
    remembered.at("other").require_up_to_date("card")


def test_a_copy_by_a_stranger_is_not_believed_until_the_key_is_trusted(remembered):
    checkpoints = remembered.at("home", key="stranger")
    with pytest.raises(IntegrityError, match="trusted_keys"):
        checkpoints.require_up_to_date("loan")
    trusted = KeyFile(remembered.root / "home" / "signing.pem").trusted
    believing = Checkpoints(
        registry=remembered.registry,
        ledger=remembered.ledger("home"),
        signer=KeyFile(remembered.root / "stranger" / "signing.pem"),
        trusted=lambda: trusted,
    )
    believing.require_up_to_date("loan")


@pytest.mark.parametrize(
    "edited", ["", "{}", "not json", '{"payload": "x"}', "\ud800".encode("utf-8", "replace").decode()]
)
def test_a_tag_somebody_wrote_by_hand_is_no_checkpoint(remembered, edited):
    remembered.registry.tag_model("loan", {CHECKPOINT_TAG: edited})
    with pytest.raises(IntegrityError, match="is no checkpoint"):
        remembered.at("home").require_up_to_date("loan")
    assert not remembered.at("home").remembers("loan", 1)


def test_a_copy_changed_after_signing_is_noticed(remembered):
    envelope = json.loads(remembered.tag)
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"][::-1]
    remembered.registry.tag_model("loan", {CHECKPOINT_TAG: json.dumps(envelope)})
    with pytest.raises(IntegrityError):
        remembered.at("home").require_up_to_date("loan")


def test_a_registry_that_is_silent_is_no_permission(remembered):
    remembered.registry.down = Unavailable(found="no registry", expected="one", remedy="Start it")
    with pytest.raises(Unavailable):
        remembered.at("home").require_up_to_date("loan")


def test_a_registry_that_takes_no_tags_is_told_of_and_stops_no_decision(world):
    class ReadOnly(FakeModelRegistry):
        def tag_model(self, name, tags):
            raise Unavailable(found="no right to write", expected="the right", remedy="Give it")

    world.decide("home")
    world.registry = ReadOnly(**vars(world.registry))
    assert "no right to write" in (world.at("home").unpublished("loan") or "")
    with pytest.raises(Unavailable):
        world.at("home").publish("loan")


def test_of_many_models_any_own_copy_that_is_ahead_counts_and_no_others(remembered):
    tag = remembered.tag
    remembered.at("new").require_newest({"loan": None, "card": "by hand"})
    remembered.at("home").require_newest({"loan": tag, "card": None})
    with pytest.raises(LedgerBehind, match="loan"):
        remembered.at("new").require_newest({"card": None, "loan": tag})
    remembered.at("new", key="new").require_newest({"loan": tag})  # another platform's


def test_the_copy_is_never_put_back(remembered):
    remembered.at("home").publish("loan")
    seen = remembered.tag
    remembered.at("home").publish("loan")
    assert remembered.tag == seen
