"""A home that was lost, put back to an earlier day, or never there: what a runner may do with it."""

import shutil

import pytest

from modelrisk.ledger import EventKind
from modelrisk.registrations import CHECKPOINT_TAG
from resources.checkpoints import LedgerBehind
from tests.workbench import CALIBRATED


@pytest.fixture
def reviewed(bench):
    """A releasable version, decided on at home."""
    bench.declare()
    version = bench.register(CALIBRATED)
    assert bench.judge(version).record.exit_code == 0
    bench.platform.checkpoints.publish(version.name)
    return version


@pytest.fixture
def home(bench):
    return bench.root / "home"


def test_a_review_leaves_a_copy_of_the_checkpoint_in_the_registry(bench, terminal):
    bench.declare()
    version = bench.register(CALIBRATED)
    printed = terminal.run("review", str(version))
    assert (printed.code, printed.err) == (0, "")
    assert bench.platform.checkpoints.remembers(version.name, 1)


def test_a_lost_home_decides_and_releases_nothing_and_says_how_to_bring_it_up_to_date(
    bench, terminal, reviewed, home
):
    aside = home.rename(bench.root / "aside")
    for command in ("review", "release"):
        printed = terminal.run(command, str(reviewed))
        assert printed.code == 3
        assert "ends at entry 0, behind entry 1" in printed.err
        assert "docs/ci.md" in printed.err
    assert not bench.platform.ledger.path.exists()  # not even an attempt was noted
    shutil.copytree(aside / "keys", home / "keys")
    with pytest.raises(LedgerBehind):
        bench.platform.inventories.take()
    shutil.rmtree(home)
    aside.rename(home)
    assert terminal.run("review", str(reviewed)).code == 0
    assert terminal.run("release", str(reviewed)).code == 0


def test_a_home_put_back_to_an_earlier_day_is_behind(bench, terminal, reviewed, home):
    shutil.copytree(home, bench.root / "yesterday")
    assert terminal.run("review", str(reviewed), "--fresh").code == 0
    shutil.rmtree(home)
    (bench.root / "yesterday").rename(home)
    printed = terminal.run("review", str(reviewed))
    assert printed.code == 3
    assert "ends at entry 1, behind entry 2" in printed.err


def test_a_preview_needs_no_home_at_all(bench, terminal, reviewed, home):
    shutil.rmtree(home)
    printed = terminal.run("review", str(reviewed), "--preview", "--format", "markdown")
    assert printed.code == 0
    assert "Releasable (preview)" in printed.out
    assert {event.kind for event in bench.platform.ledger.events()} == {EventKind.PREVIEW}


def test_the_decision_of_a_run_in_the_ui_is_stopped_as_well(bench, reviewed, home):
    shutil.rmtree(home)
    with pytest.raises(LedgerBehind):
        bench.judge(reviewed)
    assert not bench.platform.ledger.path.exists()


def test_a_registry_that_takes_no_tags_stops_no_review_and_is_told_of(bench, terminal, monkeypatch):
    from modelrisk.errors import Unavailable
    from resources.model_registry import ModelRegistry

    def refused(self, name, tags):
        raise Unavailable(found="no right to write", expected="the right", remedy="Give it")

    bench.declare()
    version = bench.register(CALIBRATED)
    monkeypatch.setattr(ModelRegistry, "tag_model", refused)
    printed = terminal.run("review", str(version))
    assert printed.code == 0
    assert "took no copy of the ledger's checkpoint" in printed.err
    assert CHECKPOINT_TAG not in bench.platform.registry.model_tags(version.name)


def test_a_named_signing_key_that_is_not_there_is_never_made(bench, terminal, monkeypatch, tmp_path):
    bench.declare()
    version = bench.register(CALIBRATED)
    monkeypatch.setenv("MODEL_RISK_SIGNING_KEY", str(tmp_path / "secret.pem"))
    printed = terminal.run("review", str(version))
    assert printed.code == 2
    assert "no signing key at" in printed.err
    assert not (tmp_path / "secret.pem").exists()
