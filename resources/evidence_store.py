"""Evidence on disk, by content: a file's name is the digest of its bytes, so nothing can change unseen.

Every read is verified. A crash or a full disk leaves no partial object. Beside the objects lies the memo:
which result was already computed from which inputs. It is a shortcut, never evidence, and may be deleted at
any time.

What does not belong here: what the bytes say (`modelrisk.evidence` decodes them).
"""

import errno
import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.evidence import Manifest, digest, hex_of
from resources.durable_files import replace_with, replacing

_CHUNK = 1 << 20


class EvidenceStore:
    """Content-addressed files under one root; any number of processes may write at once.

    Args:
        root: the store's directory; made when the first object is put.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Keep bytes; the same bytes are kept once.

        Returns:
            Their digest.

        Raises:
            Unavailable: the store cannot be written (disk full, read-only).
        """
        name = digest(data)
        if self._is_sound(name):
            return name
        with _writable(self.root):
            replace_with(self._place(name), data, name="evidence", mode=0o444)
        return name

    def put_file(self, source: Path) -> str:
        """Keep a copy of a file, streamed.

        Returns:
            The digest of the bytes that were copied.

        Raises:
            Unavailable: the file cannot be read, or the store cannot be written.
        """
        name = digest_of_file(source)
        if self._is_sound(name):
            return name
        with (
            _writable(self.root),
            source.open("rb") as bytes_in,
            replacing(self._place(name), name="evidence", mode=0o444) as bytes_out,
        ):
            if _copied(bytes_in, bytes_out) != name:
                raise Unavailable(
                    found=f"a file {source} that changed while it was copied",
                    expected="a file that stays as it is",
                    remedy="Try again when nothing writes to it",
                )
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            Unavailable: there is no such object, or it cannot be read.
            IntegrityError: the bytes on disk are not those of the digest.
        """
        place = self._place(name)
        try:
            data = place.read_bytes()
        except OSError as error:
            raise _unreadable(name, error) from error
        if digest(data) != name:
            raise _altered(name, place)
        return data

    def path(self, name: str) -> Path:
        """Where the object of a digest lies; its bytes were verified a moment ago.

        Raises:
            Unavailable: there is no such object, or it cannot be read.
            IntegrityError: the bytes on disk are not those of the digest.
        """
        place = self._place(name)
        try:
            found = _digest_of_open(place)
        except OSError as error:
            raise _unreadable(name, error) from error
        if found != name:
            raise _altered(name, place)
        return place

    def has(self, name: str) -> bool:
        """Whether an object of that digest lies here, without reading it."""
        return self._place(name).is_file()

    def remember(self, key: str, name: str) -> None:
        """Note that the inputs digested as `key` gave the result `name`, instead of any earlier note.

        Raises:
            Unavailable: the store cannot be written.
        """
        hex_of(name)
        with _writable(self.root):
            replace_with(self._note(key), f"{key}\n{name}\n".encode(), name="memo")

    def memo(self, key: str) -> str | None:
        """The result noted for `key`; None when there is no whole note or its object is gone.

        What it names is as trustworthy as the directory: check that the evidence is bound to the inputs.
        """
        try:
            text = self._note(key).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        noted, _, rest = text.partition("\n")
        name = rest.removesuffix("\n")
        if noted != key or rest == name:
            return None
        try:
            return name if self.has(name) else None
        except IntegrityError:
            return None

    def _place(self, name: str) -> Path:
        hexadecimal = hex_of(name)
        return self.root / "sha256" / hexadecimal[:2] / hexadecimal[2:]

    def _note(self, key: str) -> Path:
        hexadecimal = hex_of(key)
        return self.root / "memo" / hexadecimal[:2] / hexadecimal[2:]

    def _is_sound(self, name: str) -> bool:
        # An object that rotted on disk is written anew rather than believed.
        try:
            return _digest_of_open(self._place(name)) == name
        except OSError:
            return False


def digest_of_file(path: Path) -> str:
    """Digest of a regular file's bytes, streamed.

    Raises:
        Unavailable: the file cannot be read, or is not a regular file.
    """
    try:
        return _digest_of_open(path)
    except OSError as error:
        raise Unavailable(
            found=f"no readable file at {path} ({error.strerror or error})",
            expected="a regular file",
            remedy="Check the path and its permissions",
        ) from error


def manifest_of(directory: Path) -> Manifest:
    """The manifest of every file below a directory.

    Empty directories do not count. Names are taken as they are: nothing is skipped, hidden files included.

    Raises:
        IntegrityError: a symbolic link, FIFO, socket or device lies in it, or a name is not Unicode.
        Unavailable: the directory is missing, holds no file, or cannot be read.
    """
    digests: dict[str, str] = {}
    try:
        for path in _files_below(directory):
            name = path.relative_to(directory).as_posix()
            if any("\ud800" <= character <= "\udfff" for character in name):
                raise _odd_file(f"a file name that is not Unicode ({name[:80]!r})", directory)
            digests[name] = _digest_of_open(path)
    except OSError as error:
        raise Unavailable(
            found=f"a directory {directory} that cannot be read ({error.strerror or error})",
            expected="a readable directory of files",
            remedy="Check that the artifacts are there and readable",
        ) from error
    if not digests:
        raise Unavailable(
            found=f"a directory {directory} without any file",
            expected="at least one file",
            remedy="Check that the artifacts were uploaded",
        )
    return Manifest.of(digests)


def _files_below(directory: Path) -> Generator[Path]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_symlink():
                raise _odd_file(f"a symbolic link {entry.name!r}", directory)
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(path)
            elif entry.is_file(follow_symlinks=False):
                yield path
            else:
                raise _odd_file(f"{entry.name!r}, which is a FIFO, socket or device", directory)


def _odd_file(found: str, directory: Path) -> IntegrityError:
    return IntegrityError(
        found=f"{found} in {directory}",
        expected="regular files with Unicode names",
        remedy="Log the model again without it",
    )


def _digest_of_open(path: Path) -> str:
    # Not following links and not waiting for a FIFO's writer: what is hashed is a regular file or nothing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _copied(source: BinaryIO, target: BinaryIO) -> str:
    found = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        found.update(chunk)
        target.write(chunk)
    return f"sha256:{found.hexdigest()}"


@contextmanager
def _writable(root: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            found=f"an evidence store {root} that cannot be written ({error.strerror or error})",
            expected="a writable directory with free space",
            remedy="Free space or mend the permissions, then run the same command again",
        ) from error


def _unreadable(name: str, error: OSError) -> Unavailable:
    return Unavailable(
        found=f"no readable evidence {name} ({error.strerror or error})",
        expected="the object with that digest in the evidence store",
        remedy="Restore the evidence store from a backup, or review the version again with --fresh",
    )


def _altered(name: str, place: Path) -> IntegrityError:
    return IntegrityError(
        found=f"altered bytes in {place}",
        expected=f"bytes with digest {name}",
        remedy="Restore the object from a backup, or review the version again with --fresh",
    )
