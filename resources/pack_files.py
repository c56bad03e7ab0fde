"""Evidence packs as files: one uncompressed zip archive, the same bytes for the same contents.

Nothing is compressed, so nothing can expand. A pack that is read is written once more and compared, so no
byte of the archive itself (times, comments, gaps) is free to change.

What does not belong here: what a pack must hold, digests and signatures (`modelrisk.packs`), and counting the
predictions again (`resources.recount`).
"""

import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from modelrisk.errors import CallerMistake, Unavailable
from modelrisk.packs import (
    PREDICTIONS,
    PackCheck,
    PackReport,
    PackVerdict,
    failed,
    is_member_name,
    passed,
    skipped,
    verify_pack,
)
from modelrisk.signatures import TrustedKeys
from resources.durable_files import replacing
from resources.recount import RECOUNT, recount_check

_ARCHIVE = "archive"
_MEMBERS_LIMIT = 1_000
_BYTES_LIMIT = 2**32 - 1
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip archive knows no earlier time
_CHUNK = 1 << 20


def write_pack(destination: Path, members: Mapping[str, bytes], *, predictions: Path | None = None) -> None:
    """Write a pack, whole or not at all.

    Args:
        destination: the file; replaced if it is there.
        members: everything but the predictions (see `modelrisk.packs.pack_members`).
        predictions: the frozen predictions' file.

    Raises:
        Unavailable: it cannot be written, or the predictions cannot be read.
    """
    contents: dict[str, bytes | Path] = {**members}
    if predictions is not None:
        contents[PREDICTIONS] = predictions
    try:
        with replacing(destination, name="pack") as file:
            _write_archive(file, contents)
    except OSError as error:
        raise Unavailable(
            found=f"a pack {destination} that cannot be written ({error.strerror or error})",
            expected="a writable directory with free space",
            remedy="Free space or choose another place",
        ) from error


def verify_pack_file(path: Path, *, trusted: TrustedKeys) -> PackReport:
    """Check a pack file: the archive, digests, signatures, printed bounds and headline numbers.

    Args:
        path: the pack.
        trusted: keys from outside the pack.

    Raises:
        CallerMistake: there is no such file.
        Unavailable: it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > _BYTES_LIMIT:
            return PackReport((failed(_ARCHIVE, f"{size} bytes, at most {_BYTES_LIMIT} are read"),))
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise CallerMistake(
            found=f"no pack at {path}", expected="an evidence pack", remedy="Check the path"
        ) from error
    except OSError as error:
        raise Unavailable(
            found=f"a pack {path} that cannot be read ({error.strerror or error})",
            expected="a readable file",
            remedy="Mend its permissions or copy it again",
        ) from error
    return verify_pack_bytes(data, trusted=trusted)


def verify_pack_bytes(data: bytes, *, trusted: TrustedKeys) -> PackReport:
    """Check a pack held in memory; see `verify_pack_file`."""
    members = _members_in(data)
    if isinstance(members, PackCheck):
        return PackReport((members,))
    checks = (_archive_check(data, members), *verify_pack(members, trusted=trusted).checks)
    if PackReport(checks).verdict is not PackVerdict.VERIFIED:
        # What a stranger made is never handed to a parser of binary data.
        return PackReport((*checks, skipped(RECOUNT, "not looked at: the checks above come first")))
    return PackReport((*checks, recount_check(members)))


def _write_archive(file: IO[bytes], contents: Mapping[str, bytes | Path]) -> None:
    with zipfile.ZipFile(file, "w", compression=zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            content = contents[name]
            entry = zipfile.ZipInfo(name, date_time=_EARLIEST)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            if isinstance(content, bytes):
                archive.writestr(entry, content)
                continue
            entry.file_size = content.stat().st_size
            with content.open("rb") as source, archive.open(entry, "w") as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)


def _members_in(data: bytes) -> Mapping[str, bytes] | PackCheck:
    members: dict[str, bytes] = {}
    reading = "its directory"
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            refusal = _refusal_of(entries, size=len(data))
            if refusal is not None:
                return failed(_ARCHIVE, refusal)
            for entry in entries:
                reading = entry.filename
                members[reading] = archive.read(entry)
    # A damaged archive makes zipfile raise each of these, and each means the same.
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        struct.error,
    ) as error:
        return failed(_ARCHIVE, f"{reading} is broken: {error}")
    return members


def _refusal_of(entries: list[zipfile.ZipInfo], *, size: int) -> str | None:
    if len(entries) > _MEMBERS_LIMIT:
        return f"{len(entries)} members, at most {_MEMBERS_LIMIT} are read"
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        if not is_member_name(name):
            return f"{name[:200]!r} does not belong in a pack"
        if name in seen:
            return f"{name} stands in it twice"
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
            return f"{name} is compressed or encrypted; a pack holds its members as they are"
        seen.add(name)
    claimed = sum(entry.file_size for entry in entries)
    return f"its members claim {claimed} bytes, the file has {size}" if claimed > size else None


def _archive_check(data: bytes, members: Mapping[str, bytes]) -> PackCheck:
    with TemporaryFile() as anew:
        _write_archive(anew, members)
        anew.seek(0)
        for start in range(0, len(data) + 1, _CHUNK):
            found, expected = data[start : start + _CHUNK], anew.read(_CHUNK)
            if found != expected:
                pairs = enumerate(zip(found, expected, strict=False))
                place = next((index for index, (one, other) in pairs if one != other), len(expected))
                return failed(_ARCHIVE, f"byte {start + place} is not as a pack is written")
    return passed(_ARCHIVE, f"{len(members)} members in {len(data)} bytes")
