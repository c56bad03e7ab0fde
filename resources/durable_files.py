"""Files that are either whole or not there, also after a power cut.

Everything goes to a temporary file in the same directory, is flushed to the disk, and appears under its name
in one step. A crash leaves at most a temporary file behind, which nothing reads.

What does not belong here: what the files mean.
"""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from resources.failpoints import reach

TEMPORARY_PREFIX = ".incoming-"


@contextmanager
def replacing(path: Path, *, name: str, mode: int = 0o644) -> Generator[BinaryIO]:
    """A file to write that takes the place of `path` when the block ends well, and vanishes when it does not.

    Args:
        path: where it will stand; its directory is made if missing.
        name: prefix of the failpoints `<name>.before_rename` and `<name>.after_rename`.
        mode: permission bits of the file, which the umask may narrow.
    """
    temporary = _temporary_beside(path)
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            _flush(file)
        reach(f"{name}.before_rename")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # after the rename there is none any more
    flush_directory(path.parent)
    reach(f"{name}.after_rename")


def replace_with(path: Path, data: bytes, *, name: str, mode: int = 0o644) -> None:
    """Write `data` in the place of whatever stands at `path`."""
    with replacing(path, name=name, mode=mode) as file:
        file.write(data)


@contextmanager
def creating(path: Path, *, name: str, mode: int = 0o644) -> Generator[Path]:
    """A temporary path to fill that becomes `path` if nothing stands there when the block ends.

    Of several processes that race, one wins; the others leave the winner's file as it is.

    Args:
        path: where it will stand; its directory is made if missing.
        name: prefix of the failpoints `<name>.before_link` and `<name>.after_link`.
        mode: permission bits of the file, which the umask may narrow.
    """
    temporary = _temporary_beside(path)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode))
        yield temporary
        with temporary.open("rb+") as file:
            _flush(file)
        reach(f"{name}.before_link")
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_directory(path.parent)
    reach(f"{name}.after_link")


def create_with(path: Path, data: bytes, *, name: str, mode: int = 0o644) -> None:
    """Write `data` to `path` unless something stands there already."""
    with creating(path, name=name, mode=mode) as temporary:
        temporary.write_bytes(data)


def make_directory(directory: Path, *, mode: int = 0o777) -> None:
    """Make a directory and its parents lastingly; safe to repeat and to race."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=mode, exist_ok=True)
    flush_directory(directory.parent)


def flush_directory(directory: Path) -> None:
    """Make the names in `directory` last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _temporary_beside(path: Path) -> Path:
    make_directory(path.parent)
    return path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
