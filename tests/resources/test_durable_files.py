import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from resources.durable_files import create_with, make_directory, replace_with, replacing
from resources.failpoints import VARIABLE

REPLACE = """
import sys
from pathlib import Path
from resources.durable_files import replace_with
replace_with(Path(sys.argv[1]), b"new" * 100_000, name="file")
"""


def run(code: str, *arguments: object, **environment: str) -> int:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.name.startswith(".incoming-")}


def write_half(path: Path) -> None:
    with replacing(path, name="file") as file:
        file.write(b"half")
        raise RuntimeError


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    replace_with(path, b"old", name="file")
    replace_with(path, b"new", name="file", mode=0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_of_two_files_stays(tmp_path: Path) -> None:
    create_with(tmp_path / "file", b"first", name="file")
    create_with(tmp_path / "file", b"second", name="file")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_making_a_directory_twice_is_making_it_once(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert run(REPLACE, path, **{VARIABLE: "file.before_rename"}) == -9
    assert path.read_bytes() == b"old"
    assert run(REPLACE, path) == 0
    assert path.read_bytes() == b"new" * 100_000
    assert names_in(tmp_path) == {"file"}


def test_a_kill_after_the_rename_leaves_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert run(REPLACE, path, **{VARIABLE: "file.after_rename"}) == -9
    assert path.read_bytes() == b"new" * 100_000
    assert names_in(tmp_path) == {"file"}


def test_another_failpoint_does_not_kill(tmp_path: Path) -> None:
    assert run(REPLACE, tmp_path / "file", **{VARIABLE: "ledger.before_commit"}) == 0
