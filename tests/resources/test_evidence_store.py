import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.evidence import digest
from resources.evidence_store import EvidenceStore, digest_of_file, manifest_of
from resources.failpoints import VARIABLE

PUT = """
import resource, signal, sys
from pathlib import Path
from modelrisk.errors import Unavailable
from resources.evidence_store import EvidenceStore
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    print(EvidenceStore(Path(sys.argv[1])).put(b"x" * 100_000))
except Unavailable as error:
    print(error)
    sys.exit(3)
"""
BIG = digest(b"x" * 100_000)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def put_in_a_child(
    store: EvidenceStore, *, limit: int = 0, **environment: str
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PUT, str(store.root), str(limit)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def objects_in(store: EvidenceStore) -> list[Path]:
    return [
        path for path in store.root.rglob("*") if path.is_file() and not path.name.startswith(".incoming-")
    ]


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=5_000))
def test_what_is_put_comes_back(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    store = EvidenceStore(tmp_path_factory.mktemp("store"))
    name = store.put(data)
    assert name == digest(data)
    assert store.get(name) == data
    assert store.path(name).read_bytes() == data
    assert store.has(name)


def test_putting_twice_keeps_one_object(store: EvidenceStore) -> None:
    assert store.put(b"a") == store.put(b"a")
    assert len(objects_in(store)) == 1


def test_a_file_is_kept_as_its_bytes(store: EvidenceStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"y" * 3_000_000)
    name = store.put_file(tmp_path / "source")
    assert name == store.put_file(tmp_path / "source") == digest_of_file(tmp_path / "source")
    assert store.path(name).stat().st_size == 3_000_000


def test_a_flipped_bit_is_named_by_digest(store: EvidenceStore) -> None:
    name = store.put(b"evidence")
    place = store.path(name)
    place.chmod(0o644)
    place.write_bytes(b"Evidence")
    for read in (store.get, store.path):
        with pytest.raises(IntegrityError, match=name):
            read(name)


def test_putting_again_mends_an_object_that_rotted(store: EvidenceStore) -> None:
    name = store.put(b"evidence")
    store.path(name).chmod(0o644)
    store.path(name).write_bytes(b"")
    store.put(b"evidence")
    assert store.get(name) == b"evidence"


@pytest.mark.parametrize("read", [EvidenceStore.get, EvidenceStore.path])
def test_missing_evidence_is_unavailable(
    store: EvidenceStore, read: Callable[[EvidenceStore, str], object]
) -> None:
    with pytest.raises(Unavailable, match="backup"):
        read(store, digest(b"never put"))


def test_a_name_that_is_no_digest_never_becomes_a_path(store: EvidenceStore) -> None:
    with pytest.raises(IntegrityError):
        store.get("sha256:../../../../etc/passwd")


def test_an_object_replaced_by_a_link_is_not_followed(store: EvidenceStore, tmp_path: Path) -> None:
    name = store.put(b"evidence")
    place = store.path(name)
    (tmp_path / "elsewhere").write_bytes(b"evidence")
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        store.path(name)


@pytest.mark.parametrize(("failpoint", "kept"), [("evidence.before_rename", 0), ("evidence.after_rename", 1)])
def test_a_kill_leaves_a_whole_object_or_none(store: EvidenceStore, failpoint: str, kept: int) -> None:
    assert put_in_a_child(store, **{VARIABLE: failpoint}).returncode == -9
    assert len(objects_in(store)) == kept
    assert put_in_a_child(store).returncode == 0
    assert store.get(BIG) == b"x" * 100_000
    assert len(objects_in(store)) == 1


def test_a_full_disk_leaves_no_partial_object_and_says_so(store: EvidenceStore) -> None:
    child = put_in_a_child(store, limit=10_000)
    assert child.returncode == 3, child.stderr
    assert "cannot be written" in child.stdout
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_store_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be written"):
        EvidenceStore(tmp_path / "file" / "evidence").put(b"a")


def test_a_result_is_remembered_by_its_inputs(store: EvidenceStore) -> None:
    key, other = digest(b"inputs"), digest(b"other inputs")
    first, second = store.put(b"first"), store.put(b"second")
    assert store.memo(key) is None
    store.remember(key, first)
    store.remember(key, second)
    assert store.memo(key) == second
    assert store.memo(other) is None


@pytest.mark.parametrize("length", [0, 1, 71, 72, 100, 143])
def test_a_note_cut_short_is_no_note(store: EvidenceStore, length: int) -> None:
    key = digest(b"inputs")
    store.remember(key, store.put(b"result"))
    (note,) = (store.root / "memo").rglob("*/*")
    note.write_bytes(note.read_bytes()[:length])
    assert store.memo(key) is None


def test_a_note_copied_to_other_inputs_is_no_note(store: EvidenceStore) -> None:
    key, other = digest(b"inputs"), digest(b"other inputs")
    store.remember(key, store.put(b"result"))
    store.remember(other, store.put(b"other result"))
    one, two = sorted((store.root / "memo").rglob("*/*"))
    one.write_bytes(two.read_bytes())
    assert {store.memo(key), store.memo(other)} >= {None}


def test_a_note_whose_object_is_gone_is_no_note(store: EvidenceStore) -> None:
    key, name = digest(b"inputs"), store.put(b"result")
    store.remember(key, name)
    store.path(name).unlink()
    assert store.memo(key) is None


def model_directory(root: Path) -> Path:
    directory = root / "model"
    (directory / "data" / ".git").mkdir(parents=True)
    (directory / "MLmodel").write_text("flavors")
    (directory / "data" / "model.bin").write_bytes(b"\0\1")
    (directory / "data" / ".git" / "hidden").write_text("counts too")
    return directory


def test_a_manifest_lists_every_file_hidden_ones_too(tmp_path: Path) -> None:
    manifest = manifest_of(model_directory(tmp_path))
    assert [entry.path for entry in manifest.entries] == ["MLmodel", "data/.git/hidden", "data/model.bin"]
    assert manifest.digests["MLmodel"] == digest(b"flavors")


def test_a_manifest_does_not_depend_on_where_the_directory_lies(tmp_path: Path) -> None:
    one = manifest_of(model_directory(tmp_path / "one"))
    assert one == manifest_of(model_directory(tmp_path / "two"))
    (tmp_path / "two" / "model" / "MLmodel").write_text("Flavors")
    assert manifest_of(tmp_path / "two" / "model").changed_since(one) == ("MLmodel",)


def make_link(directory: Path) -> None:
    (directory / "link").symlink_to("/etc/passwd")


def make_directory_link(directory: Path) -> None:
    (directory / "link").symlink_to(directory.parent)


def make_dangling_link(directory: Path) -> None:
    (directory / "link").symlink_to("nowhere")


def make_fifo(directory: Path) -> None:
    os.mkfifo(directory / "fifo")


def make_undecodable_name(directory: Path) -> None:
    Path(os.fsdecode(os.fsencode(directory) + b"/\xff\xfe")).write_bytes(b"")


@pytest.mark.parametrize(
    "make", [make_link, make_directory_link, make_dangling_link, make_fifo, make_undecodable_name]
)
def test_anything_but_regular_files_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    directory = model_directory(tmp_path)
    make(directory / "data")
    with pytest.raises(IntegrityError, match="regular files"):
        manifest_of(directory)


def test_a_missing_or_empty_directory_has_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        manifest_of(tmp_path / "missing")
    (tmp_path / "empty" / "nested").mkdir(parents=True)
    with pytest.raises(Unavailable, match="without any file"):
        manifest_of(tmp_path / "empty")


def test_a_file_that_is_a_fifo_has_no_digest_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "missing"):
        with pytest.raises(Unavailable):
            digest_of_file(path)
