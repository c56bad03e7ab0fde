import os
from pathlib import Path

import pytest

from modelrisk.errors import CallerMistake, InvalidDocument, Unavailable
from modelrisk.policy_documents import shipped_policy
from resources.governance import Governance

INTAKE = """\
model: NAME
owner: a@example.com
purpose: p
task: binary_classification
data: {evaluation: ../data/e.csv, label: y, positive: 1}
"""


@pytest.fixture
def governance(tmp_path: Path) -> Governance:
    (tmp_path / "models").mkdir()
    put(tmp_path, "one.yaml", INTAKE.replace("NAME", "one"))
    return Governance(tmp_path)


def put(directory: Path, name: str, text: str | bytes) -> None:
    path = directory / "models" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_valid_directory_has_no_faults(governance: Governance):
    assert governance.faults() == ()
    assert governance.policy() == shipped_policy()


def test_an_intake_is_found_by_its_model_whatever_its_file_is_called(governance: Governance):
    put(governance.directory, "zz.yaml", INTAKE.replace("NAME", "'=cmd()/../x'"))
    read = governance.intake("=cmd()/../x")
    assert read is not None
    assert read.path == "models/zz.yaml"
    assert governance.intake("zz") is None


def test_a_model_without_a_file_is_not_in_the_inventory(governance: Governance):
    assert governance.intake("two") is None


def test_all_intakes_come_in_the_order_of_their_files(governance: Governance):
    put(governance.directory, "a.yaml", INTAKE.replace("NAME", "zebra"))
    assert [read.intake.model for read in governance.intakes()] == ["zebra", "one"]


def test_an_edited_file_is_read_again(governance: Governance):
    assert governance.intake("one")
    put(governance.directory, "one.yaml", INTAKE.replace("NAME", "renamed"))
    assert governance.intake("one") is None
    assert governance.intake("renamed")


def test_a_broken_file_of_another_model_does_not_stand_in_the_way(governance: Governance):
    put(governance.directory, "two.yaml", "model: two\nowner: nobody\n")
    assert governance.intake("one")
    with pytest.raises(InvalidDocument):
        governance.intake("two")
    with pytest.raises(InvalidDocument):
        governance.intakes()


@pytest.mark.parametrize(
    ("name", "content"),
    [("three.yaml", "model: [\n"), ("three.yml", "model: three\n"), ("x.yaml", b"\xff\xfe")],
)
def test_a_file_that_could_be_the_models_is_not_taken_for_its_absence(
    governance: Governance, name: str, content: str | bytes
):
    put(governance.directory, name, content)
    with pytest.raises(InvalidDocument, match=name):
        governance.intake("three")


def test_two_files_for_one_model_are_a_fault_and_neither_is_used(governance: Governance):
    put(governance.directory, "two.yaml", "\n" + INTAKE.replace("NAME", "one"))
    (fault,) = governance.faults()
    assert (fault.file, fault.line, fault.key) == ("models/two.yaml", 2, "model")
    assert "models/one.yaml" in fault.found
    with pytest.raises(InvalidDocument):
        governance.intake("one")


def test_everything_wrong_comes_at_once_by_file_and_line(governance: Governance):
    directory = governance.directory
    (directory / "policy.yaml").write_text(
        "schema: model-risk/policy@1\nrules: {auc_above_floor: {floor: 60}}\n"
    )
    (directory / "loan.yaml").write_text("model: misplaced\n")
    (directory / "policy.yml").write_text("schema: model-risk/policy@1\n")
    put(directory, "b.yaml", INTAKE.replace("NAME", "b").replace("a@example.com", "bob"))
    put(directory, "c.yaml", "\tmodel: c\n")
    put(directory, "d.yml", INTAKE)
    put(directory, "e.yaml", "")
    put(directory, "f.yaml", INTAKE.replace("NAME", "f").replace("../data/e.csv", "s3://bucket/e.csv"))
    (directory / "models" / "g.yaml").mkdir()
    (directory / "models" / "h.yaml").symlink_to(directory / "nowhere")
    put(directory, ".gitkeep", "")
    assert [(fault.file, fault.line) for fault in governance.faults()] == [
        ("loan.yaml", None),
        ("models/b.yaml", 2),
        ("models/c.yaml", 1),
        ("models/d.yml", None),
        ("models/e.yaml", None),
        ("models/f.yaml", 5),
        ("models/g.yaml", None),
        ("models/h.yaml", None),
        ("policy.yaml", 2),
        ("policy.yml", None),
    ]


def test_a_threshold_that_loosens_policy_is_a_fault_of_the_intake(governance: Governance):
    put(governance.directory, "one.yaml", INTAKE.replace("NAME", "one") + "thresholds: {auc: 0.1, acu: 1}\n")
    assert [(fault.file, fault.line, fault.key) for fault in governance.faults()] == [
        ("models/one.yaml", 6, "thresholds.acu"),
        ("models/one.yaml", 6, "thresholds.auc"),
    ]


def test_a_policy_under_another_name_is_refused_rather_than_ignored(governance: Governance):
    (governance.directory / "policy.yml").write_text("schema: model-risk/policy@1\n")
    with pytest.raises(InvalidDocument, match=r"Rename it to policy\.yaml"):
        governance.policy()


def test_a_policy_that_cannot_be_read_is_not_taken_for_the_default(governance: Governance):
    (governance.directory / "policy.yaml").symlink_to(governance.directory / "nowhere")
    with pytest.raises(InvalidDocument, match="a link to nothing"):
        governance.policy()


def test_a_pipe_is_refused_without_waiting_for_it(governance: Governance):
    os.mkfifo(governance.directory / "models" / "p.yaml")
    assert "not a file" in governance.faults()[0].found


def test_a_huge_file_is_refused(governance: Governance):
    put(governance.directory, "big.yaml", b"a: " + b"x" * (2 * 1024 * 1024))
    assert "bytes" in governance.faults()[0].found


def test_a_missing_directory_says_what_to_do(tmp_path: Path):
    absent = Governance(tmp_path / "absent")
    assert "model-risk init" in absent.faults()[0].remedy
    for ask in (absent.policy, absent.intakes, lambda: absent.intake("one")):
        with pytest.raises(CallerMistake, match="no such directory"):
            ask()


def test_a_directory_without_intakes_is_a_fault_but_every_model_can_be_asked_for(tmp_path: Path):
    empty = Governance(tmp_path)
    assert [fault.found for fault in empty.faults()] == ["no intake files"]
    assert empty.intake("one") is None


def test_a_hostile_file_name_cannot_forge_a_line(governance: Governance):
    put(governance.directory, "a\nall is well.yaml", "")
    assert "\n" not in str(governance.faults()[0])


# --- data references ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("../data/e.csv", "GOV/models/../data/e.csv"),
        ("/abs/e.csv", "/abs/e.csv"),
        ("file:///abs/e%20f.csv", "/abs/e f.csv"),
        ("file://localhost/abs/e.csv", "/abs/e.csv"),
        ("FILE:///abs/e.csv", "/abs/e.csv"),
        ("file:e.csv", "GOV/models/e.csv"),
        ("a:b.csv", "GOV/models/a:b.csv"),
        ("week 1: all.csv", "GOV/models/week 1: all.csv"),
        ("lineage-2026:03.csv", "GOV/models/lineage-2026:03.csv"),
        ("e?f#g.csv", "GOV/models/e?f#g.csv"),
    ],
)
def test_a_reference_is_resolved_from_the_intakes_file(tmp_path: Path, reference: str, path: str):
    resolved = Governance(tmp_path).resolve(reference, intake_path="models/x.yaml")
    assert str(resolved) == path.replace("GOV", str(tmp_path))


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("s3://bucket/e.parquet", "the scheme s3:"),
        ("https://example.com/e.csv", "the scheme https:"),
        ("dbfs:/e.csv", "the scheme dbfs:"),
        ("runs:/abc/e.csv", "the scheme runs:"),
        ("file:///D:/data/e.csv", "a Windows path"),
        ("D:\\data\\e.csv", "a Windows path"),
        ("d:/data/e.csv", "a Windows path"),
        ("\\\\server\\share\\e.csv", "a Windows path"),
        ("file://server/share/e.csv", "a file on the host 'server'"),
        ("file://[bad/e.csv", "a malformed URI"),
        ("file:///a.csv?x=1", "? or #"),
        ("file:///a%00b", "NUL"),
        ("file://", "an empty path"),
        (" ", "an empty path"),
    ],
)
def test_a_reference_that_cannot_be_a_file_here_is_refused_by_name(
    tmp_path: Path, reference: str, found: str
):
    with pytest.raises(CallerMistake) as caught:
        Governance(tmp_path).resolve(reference, intake_path="models/x.yaml")
    assert found in caught.value.found
    assert caught.value.remedy


# --- scaffold ----------------------------------------------------------------------------------------------


def test_the_scaffold_is_valid_and_changes_nothing(tmp_path: Path):
    fresh = Governance(tmp_path / "new" / "governance")
    assert [path.name for path in fresh.scaffold()] == ["policy.yaml", "example.yaml"]
    assert fresh.faults() == ()
    assert fresh.policy().digest == shipped_policy().digest
    assert fresh.intake("example-model") is not None


def test_every_commented_override_of_the_scaffold_is_valid(tmp_path: Path):
    fresh = Governance(tmp_path)
    fresh.scaffold()
    rows = (tmp_path / "policy.yaml").read_text().splitlines()
    start = rows.index("schema: model-risk/policy@1")
    live = [row.removeprefix("# ").removeprefix("#") for row in rows[start:]]
    (tmp_path / "policy.yaml").write_text("\n".join(live) + "\n")
    assert fresh.policy().digest != shipped_policy().digest
    assert fresh.policy().rules["auc_above_floor"].floor == 0.6
    assert "ranks_no_worse_than_champion" not in fresh.policy().rules


def test_the_scaffold_never_overwrites(governance: Governance):
    policy = governance.directory / "policy.yaml"
    policy.write_text("schema: model-risk/policy@1\n# mine\n")
    assert governance.scaffold() == ()
    assert "mine" in policy.read_text()
    assert [path.name for path in (governance.directory / "models").iterdir()] == ["one.yaml"]


def test_a_scaffold_where_a_file_stands_says_so(tmp_path: Path):
    (tmp_path / "governance").write_text("")
    with pytest.raises(Unavailable):
        Governance(tmp_path / "governance").scaffold()


def test_trusted_keys_lie_in_the_directory(governance: Governance):
    assert governance.trusted_keys_directory == governance.directory / "trusted_keys"
