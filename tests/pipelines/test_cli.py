"""The command line: exit codes, clean output, and one record behind every form."""

import contextlib
import errno
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelrisk.errors import CallerMistake, Fault, IntegrityError, InvalidDocument, Unavailable
from modelrisk.ledger import EventKind
from pipelines.cli import main
from resources.assembly import Platform
from resources.environments import Settings
from resources.signer import KeyFile
from tests.workbench import CALIBRATED, declare, register, write_rows


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty directory to work in, and an environment that says nothing."""
    for name in ("MODEL_RISK_HOME", "MODEL_RISK_GOVERNANCE", "MLFLOW_TRACKING_URI", "MODEL_RISK_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODEL_RISK_ACTOR", "tester")
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


@dataclass(frozen=True)
class Place:
    """A home with one reviewed version, `loan@1`, and one that nobody reviewed, `loan@2`."""

    root: Path
    run_uri: str
    printed: str
    code: int

    @property
    def options(self) -> list[str]:
        uri = f"sqlite:///{self.root / 'mlflow.db'}"
        home, governance = str(self.root / "home"), str(self.root / "governance")
        return ["--home", home, "--governance", governance, "--tracking-uri", uri]

    @property
    def platform(self) -> Platform:
        settings = Settings.from_environment({}).at(
            home=self.root / "home",
            governance=self.root / "governance",
            tracking_uri=f"sqlite:///{self.root / 'mlflow.db'}",
        )
        return Platform(settings)

    @property
    def pack(self) -> Path:
        (found,) = self.platform.settings.home.packs.iterdir()
        return found

    @property
    def key(self) -> Path:
        (found,) = self.platform.settings.signing_key.parent.glob("*.pub")
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("cli")
    (root / "governance" / "models").mkdir(parents=True)
    (root / "data").mkdir()
    write_rows(root / "data" / "training.parquet", seed=1)
    write_rows(root / "data" / "evaluation.parquet", seed=2)
    declare(root / "governance", "loan")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    for _ in range(2):
        register(uri, "loan", CALIBRATED, data=root / "data", root=root)
    source = Place(root, "", "", -1).platform.registry.lineage(
        Place(root, "", "", -1).platform.registry.resolve("loan@1")
    )
    made = Place(root, f"loan@runs:/{source.run_id}/model", "", -1)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main.run(["review", "loan@1", "--format", "json", *made.options])
    return Place(root, made.run_uri, out.getvalue(), code)


# --- what ends how ---------------------------------------------------------------------------------------

FAULT = Fault("models/m.yaml", 3, "owner", "nothing", "an e-mail", "Write one")


@pytest.mark.parametrize(
    ("error", "code", "traceback"),
    [
        (CallerMistake(found="a", expected="b", remedy="Do c"), 2, False),
        (InvalidDocument([FAULT, FAULT]), 2, False),
        (IntegrityError(found="a", expected="b", remedy="Do c"), 1, False),
        (Unavailable(found="a", expected="b", remedy="Do c"), 3, False),
        (KeyboardInterrupt(), 2, False),
        (OSError(errno.ENOSPC, "No space left on device"), 3, False),
        (PermissionError(errno.EACCES, "Permission denied"), 3, False),
        (FileNotFoundError(errno.ENOENT, "No such file"), 70, True),
        (RuntimeError("boom"), 70, True),
        (ZeroDivisionError(), 70, True),
        (AssertionError(), 70, True),
        (RecursionError(), 70, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_each_kind_of_error_has_its_exit_code_and_only_a_bug_shows_a_traceback(
    capsys, error, code, traceback
):
    def explode() -> int:
        raise error

    main.app.command("explode")(explode)
    try:
        assert main.run(["explode"]) == code
    finally:
        main.app.registered_commands.pop()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("Traceback" in captured.err) is traceback
    assert ("bug in model-risk" in captured.err) is traceback
    if isinstance(error, CallerMistake | Unavailable | IntegrityError):
        assert captured.err.startswith("✗ Found")


def test_the_version_is_printed(capsys):
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("model-risk 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frobnicate"],
        ["review", "loan@1", "--frobnicate"],
        ["review"],
        ["review", "loan@1", "--format", "yaml"],
        ["frobnicate"],
        ["ledger", "frobnicate"],
        ["release", "loan@1", "--by"],
        ["card", "loan@1", "--format", "pdf"],
        ["verify"],
    ],
    ids=" ".join,
)
def test_an_unknown_option_command_or_value_is_the_callers_mistake(capsys, arguments, elsewhere):
    assert main.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage" in captured.err or captured.err.startswith("Error: ")
    assert "Traceback" not in captured.err
    assert not list(elsewhere.iterdir())


def test_a_setting_that_is_no_number_is_the_callers_mistake(capsys, monkeypatch):
    monkeypatch.setenv("MODEL_RISK_SCORING_SECONDS", "soon")
    assert main.run(["check"]) == 2
    assert "MODEL_RISK_SCORING_SECONDS='soon'" in capsys.readouterr().err


def test_a_reader_who_goes_away_is_no_refusal(elsewhere):
    """Left to the libraries this ends with 1, which would mean *refused*."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from pipelines.cli.main import main; main()", "init"]
    with os.fdopen(write) as nobody:
        ended = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, check=False, cwd=elsewhere)
    assert ended.returncode == 3
    assert ended.stderr.decode().startswith("✗ Found nobody reading")
    assert b"Exception ignored" not in ended.stderr


# --- init and check --------------------------------------------------------------------------------------


def test_init_writes_a_directory_to_start_from_and_leaves_what_is_there(capsys, elsewhere):
    assert main.run(["init"]) == 0
    first = capsys.readouterr().out
    assert "policy.yaml" in first
    (elsewhere / "governance" / "policy.yaml").write_text("schema: model-risk/policy@1\n# mine\n")
    assert main.run(["init"]) == 0
    assert "Nothing to write" in capsys.readouterr().out
    assert "# mine" in (elsewhere / "governance" / "policy.yaml").read_text()


def test_init_and_check_take_the_directory_as_argument_or_option(capsys, elsewhere):
    assert main.run(["init", "there"]) == 0
    assert (elsewhere / "there" / "policy.yaml").is_file()
    assert main.run(["--governance", "here", "init"]) == 0
    assert main.run(["init", "--governance", "also"]) == 0
    written = sorted(path.name for path in elsewhere.iterdir())
    assert "also" in written
    assert "there" in written


def test_check_says_every_fault_with_file_line_and_what_to_write(capsys, elsewhere):
    (elsewhere / "governance" / "models").mkdir(parents=True)
    path = declare(elsewhere / "governance", "loan", owner="nobody in particular", task="astrology")
    assert main.run(["check"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = path.read_text().splitlines().index("owner: nobody in particular") + 1
    assert f"models/model.yaml:{line}: `owner` found" in captured.err
    assert "`task` found" in captured.err
    assert "2 fault(s)" in captured.err


def test_check_of_a_valid_directory_needs_no_registry_and_makes_nothing(capsys, elsewhere):
    (elsewhere / "governance" / "models").mkdir(parents=True)
    declare(elsewhere / "governance", "loan")
    assert main.run(["--tracking-uri", "http://127.0.0.1:9", "check"]) == 0
    assert "valid" in capsys.readouterr().out
    assert [path.name for path in elsewhere.iterdir()] == ["governance"]


def test_check_of_no_directory_says_so(capsys):
    assert main.run(["check", "nowhere"]) == 2
    assert "model-risk init" in capsys.readouterr().err


# --- review ----------------------------------------------------------------------------------------------


def test_a_review_prints_nothing_but_the_record_as_json(place):
    assert place.code == 0
    printed = json.loads(place.printed)
    assert printed["verdict"] == "releasable"
    assert printed["kind"] == "decision"
    assert (
        printed["digest"] == place.platform.register.newest(place.platform.registry.resolve("loan@1")).digest
    )


def test_options_may_stand_before_the_command_and_the_table_names_gates_and_record(place, capsys):
    assert main.run([*place.options, "review", "loan@1"]) == 0
    table = capsys.readouterr().out
    assert "✓ Releasable: loan@1" in table
    assert "favourable_outcomes_within_four_fifths" in table
    assert json.loads(place.printed)["digest"] in table
    assert "\x1b" not in table  # no colours where there is no terminal


def test_junit_goes_to_a_file_and_agrees_with_the_record(place, capsys, elsewhere):
    output = elsewhere / "new" / "junit.xml"
    assert main.run(["review", "loan@1", "--format", "junit", "-o", str(output), *place.options]) == 0
    assert capsys.readouterr().out == ""
    root = ElementTree.fromstring(output.read_text())
    assert root.get("failures") == "0"
    assert int(root.get("tests")) == len(json.loads(place.printed)["controls"])


def test_a_preview_of_a_version_is_marked_not_a_decision_and_leaves_none(place, capsys):
    platform = place.platform
    version = platform.registry.resolve("loan@2")
    assert main.run(["review", "loan@2", "--preview", "--format", "markdown", *place.options]) == 0
    assert "not a decision" in capsys.readouterr().out
    assert platform.register.newest(version) is None
    assert len(list(platform.settings.home.packs.iterdir())) == 1
    assert len(list(platform.ledger.events(EventKind.PREVIEW, subject=version.key))) == 1


def test_a_run_may_be_previewed_and_not_reviewed(place, capsys):
    assert main.run(["review", place.run_uri, *place.options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--preview" in captured.err
    decisions = len(list(place.platform.ledger.events(EventKind.DECISION)))
    assert main.run(["review", place.run_uri, "--preview", "--format", "json", *place.options]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["kind"] == "preview"
    assert printed["digest"] is None
    assert len(list(place.platform.ledger.events(EventKind.DECISION))) == decisions


def test_an_output_that_cannot_be_written_is_the_callers_mistake(place, capsys, elsewhere):
    (elsewhere / "file").write_text("")
    for command in ("card", "pack"):
        target = str(elsewhere / "file" / "inside")
        assert main.run([command, "loan@1", "--output", target, *place.options]) == 2
        assert "--output" in capsys.readouterr().err


# --- card, pack, verify ----------------------------------------------------------------------------------


def test_the_card_is_printed_as_markdown_and_written_as_html(place, capsys, elsewhere):
    assert main.run(["card", "loan@1", *place.options]) == 0
    assert capsys.readouterr().out.startswith("---\n")
    page = elsewhere / "card.html"
    assert main.run(["card", "loan@1", "--format", "html", "--output", str(page), *place.options]) == 0
    assert page.read_text().lstrip().lower().startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["card", "pack"])
def test_what_a_version_without_a_review_lacks_is_said_with_the_next_step(place, capsys, command):
    assert main.run([command, "loan@2", *place.options]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "model-risk review loan@2" in captured.err


def test_the_packs_place_is_printed_or_the_pack_copied(place, capsys, elsewhere):
    assert main.run(["pack", "loan@1", *place.options]) == 0
    assert capsys.readouterr().out.strip() == str(place.pack)
    copy = elsewhere / "sub" / "evidence.zip"
    assert main.run(["pack", "loan@1", "--output", str(copy), *place.options]) == 0
    assert copy.read_bytes() == place.pack.read_bytes()


def test_a_pack_verifies_with_a_key_alone_on_a_machine_that_has_nothing_else(place, capsys, elsewhere):
    pack = shutil.copy(place.pack, elsewhere / "pack.zip")
    key = shutil.copy(place.key, elsewhere / "theirs.pub")
    assert main.run(["verify", "pack.zip", "--key", str(key)]) == 0
    out = capsys.readouterr().out
    assert "✓ verified" in out
    assert "headline" in out or "recount" in out
    assert sorted(path.name for path in elsewhere.iterdir()) == ["pack.zip", "theirs.pub"]
    assert Path(pack).is_file()


def test_a_pack_verifies_with_the_homes_key_and_with_one_that_governance_trusts(place, elsewhere):
    assert main.run(["verify", str(place.pack), "--home", str(place.root / "home")]) == 0
    trusted = elsewhere / "governance" / "trusted_keys"
    assert main.run(["init"]) == 0
    (found,) = [path for path in (elsewhere / "governance").iterdir() if "key" in path.name]
    shutil.copy(place.key, found / "team.pub")
    assert main.run(["verify", str(place.pack)]) == 0, trusted


def test_a_pack_whose_key_nobody_trusts_is_not_verified(place, capsys, elsewhere):
    assert main.run(["verify", str(place.pack)]) == 1
    assert "untrusted" in capsys.readouterr().out
    stranger = KeyFile(elsewhere / "stranger.pem")
    stranger.sign("text/plain", b"made")
    (public,) = elsewhere.glob("*.pub")
    assert main.run(["verify", str(place.pack), "--key", str(public)]) == 1


def test_a_flipped_byte_is_named(place, capsys, elsewhere):
    data = bytearray(place.pack.read_bytes())
    at = data.index(b'"metric"')
    data[at + 1] ^= 1
    (elsewhere / "pack.zip").write_bytes(data)
    assert main.run(["verify", "pack.zip", "--key", str(place.key)]) == 1
    out = capsys.readouterr().out
    assert "✗" in out
    assert ".json" in out or ".html" in out


@pytest.mark.parametrize("what", ["pack", "key"])
def test_a_pack_or_key_that_is_not_there_is_the_callers_mistake(place, capsys, what):
    pack = "nowhere.zip" if what == "pack" else str(place.pack)
    key = "nowhere.pub" if what == "key" else str(place.key)
    assert main.run(["verify", pack, "--key", key]) == 2
    assert "nowhere" in capsys.readouterr().err


# --- ledger ----------------------------------------------------------------------------------------------


def test_a_whole_ledger_verifies_and_shows_one_line_an_event(place, capsys):
    home = ["--home", str(place.root / "home"), "--governance", str(place.root / "governance")]
    assert main.run(["ledger", "verify", *home]) == 0
    assert "unbroken" in capsys.readouterr().out
    assert main.run(["ledger", "show", *home[:2]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(place.platform.ledger.events()))
    assert "decision" in lines[0]


def test_the_first_broken_entry_is_named(place, capsys, elsewhere):
    home = elsewhere / "home"
    shutil.copytree(place.root / "home", home, ignore=shutil.ignore_patterns("dagster", "models", "work"))
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE events SET body = replace(body, 'releasable', 'refused') WHERE seq = 1")
        connection.commit()
    assert main.run(["ledger", "verify", "--home", str(home)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "broken at entry 1:" in captured.err


def test_a_checkpoint_kept_elsewhere_must_be_there(place, capsys):
    home = ["--home", str(place.root / "home")]
    assert main.run(["ledger", "verify", "--checkpoint", "nowhere.json", *home]) == 2
    assert "nowhere.json" in capsys.readouterr().err
    beside = place.platform.ledger.checkpoint_path
    assert main.run(["ledger", "verify", "--checkpoint", str(beside), *home]) == 0


def test_a_home_without_a_ledger_is_empty_and_whole(capsys, elsewhere):
    assert main.run(["ledger", "verify"]) == 0
    assert main.run(["ledger", "show"]) == 0
    assert "0 entries" in capsys.readouterr().out


# --- sync and release (the last ones: they change the registry's alias) ----------------------------------


def test_sync_adds_a_partition_for_every_version_once(place, capsys):
    assert main.run(["sync", *place.options]) == 0
    first = capsys.readouterr().out
    assert "2 versions" in first
    assert main.run(["sync", *place.options]) == 0
    assert "0 new" in capsys.readouterr().out


def test_a_version_without_a_decision_is_not_released_and_the_reasons_go_to_stderr(place, capsys):
    assert main.run(["release", "loan@2", *place.options]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "✗ Not released: loan@2" in captured.err
    assert "Run `model-risk review loan@2` first" in captured.err
    assert "Traceback" not in captured.err


def test_a_release_that_cannot_reach_the_models_files_is_no_refusal(place, capsys, elsewhere):
    """The registry answers, but its artifacts are gone: nothing can be said about the version."""
    from mlflow import MlflowClient

    uri = place.options[-1]
    client = MlflowClient(uri, uri)
    client.create_registered_model("hollow")
    client.create_model_version("hollow", str(elsewhere / "gone"))
    declare(place.root / "governance", "loan")
    assert main.run(["release", "hollow@1", *place.options]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no model files" in captured.err
    assert "Traceback" not in captured.err


def test_a_releasable_version_is_released_once_with_who_and_why(place, capsys):
    arguments = ["release", "loan@1", "--by", "ann@example.com", "--reason", "quarterly", *place.options]
    assert main.run(arguments) == 0
    assert "✓ Released: loan@1 is `champion`" in capsys.readouterr().out
    assert main.run(arguments) == 0
    assert "Released already" in capsys.readouterr().out
    (finished,) = place.platform.ledger.events(EventKind.RELEASE_FINISHED)
    assert (finished.body["by"], finished.body["reason"]) == ("ann@example.com", "quarterly")
    assert main.run(["review", "loan@champion", "--preview", "--format", "json", *place.options]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "loan@1"
