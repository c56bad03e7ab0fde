"""Evidence by content: one value has one canonical form (RFC 8785 JSON) and so one digest.

What does not belong here: signatures (`modelrisk.signatures`), files (`resources.evidence_store`), the chain
of events (`modelrisk.ledger`) and the one-file pack (`modelrisk.packs`).
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, Self, TypeAlias, TypeVar, cast

from modelrisk.errors import IntegrityError, ModelRiskError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

Json: TypeAlias = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None
"""A value that canonical JSON can hold."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SAFE_INTEGER = 2**53 - 1
_SAFE_INTEGER_DIGITS = 17  # sign included: text longer than this is outside the safe range for certain


# --- canonical bytes -------------------------------------------------------------------------------------


def canonical_bytes(value: object) -> bytes:
    """The one written form of a value: RFC 8785 JSON.

    Takes frozen dataclasses, mappings with text keys, tuples, lists, enums, dates, text, numbers and None.
    −0.0 is written as 0; whole floats are written without a fraction (1.0 as 1), as the RFC says.

    Raises:
        IntegrityError: something has no canonical form (NaN, ±inf, an integer beyond 2⁵³ − 1, a set, an
            object of an unknown kind, text that is not Unicode); the message says where it stands.
    """
    import rfc8785

    try:
        return rfc8785.dumps(cast("dict[str, Json]", _plain(value, place="")))
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise IntegrityError(
            found=f"a value without a canonical form ({error})",
            expected="plain data, finite and not nested without end",
            remedy="Report this as a bug: evidence must be plain data",
        ) from error


def parsed(data: bytes) -> Json:
    """The JSON value in `data`, read strictly.

    A whole number beyond 2⁵³ − 1 can only be a float (canonical JSON writes it without a fraction), and comes
    back as one.

    Raises:
        IntegrityError: not UTF-8, not JSON, a repeated key, NaN or infinity, or nested without end.
    """
    try:
        return cast(
            "Json",
            json.loads(
                data.decode("utf-8"),
                parse_int=_integer,
                parse_float=_finite,
                parse_constant=_refused_constant,
                object_pairs_hook=_object,
            ),
        )
    except (ValueError, RecursionError) as error:
        raise IntegrityError(
            found=f"bytes that are not strict JSON ({error})",
            expected="canonical JSON as it was written",
            remedy="Restore the file from a backup, or produce the evidence again",
        ) from error


def decoded(cls: type[T], data: bytes) -> T:
    """The value that `canonical_bytes` wrote: its strict inverse.

    A key that `cls` does not know is refused, never dropped; a missing key with a default gets the default,
    so that evidence of an earlier release stays readable.

    Args:
        cls: the dataclass (or other type pydantic can validate) to build.
        data: canonical JSON.

    Raises:
        IntegrityError: the bytes are not JSON or do not fit `cls`.
    """
    from pydantic import ValidationError

    plain = parsed(data)
    name = getattr(cls, "__name__", str(cls))
    try:
        value = cast("T", _adapter(cls).validate_json(json.dumps(plain), strict=True))
        lost = _lost(plain, parsed(canonical_bytes(value)), place="")
    except ValidationError as error:
        raise _misfit(name, _in_words(error)) from error
    except (ModelRiskError, RecursionError) as error:
        raise _misfit(name, str(error)) from error
    if lost is not None:
        raise _misfit(name, f"`{lost}` would be lost")
    return value


def viewed(cls: type[T], data: bytes) -> T:
    """A part of what is written in canonical JSON: `cls` names the keys to be read, others are passed over.

    For reading much of which little is needed, from bytes that were verified as they are. Whatever is to be
    written again is read with `decoded`.

    Args:
        cls: the dataclass to build; each of its keys must be there, of the right type.
        data: JSON.

    Raises:
        IntegrityError: the bytes are not JSON or do not fit `cls`.
    """
    from pydantic import ValidationError

    try:
        return cast("T", _adapter(cls).validate_json(data, strict=True))
    except ValidationError as error:
        raise _misfit(getattr(cls, "__name__", str(cls)), _in_words(error)) from error


def digest(data: bytes) -> str:
    """`sha256:<hex>` of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(value: object) -> str:
    """Digest of a value's canonical bytes."""
    return digest(canonical_bytes(value))


def hex_of(text: str) -> str:
    """The 64 hexadecimal characters of a digest; also the check that text *is* a digest.

    Raises:
        IntegrityError: the text is not of the form `sha256:<64 hex digits>`.
    """
    if not _DIGEST.fullmatch(text):
        raise IntegrityError(
            found=f"{text!r} where a digest should stand",
            expected="sha256: and 64 hexadecimal digits",
            remedy="Restore the document that names it from a backup",
        )
    return text.removeprefix("sha256:")


def _plain(value: object, *, place: str) -> Json:  # noqa: PLR0911 - one line for each kind of value
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, place=place)
        case str():
            return _text(value, place=place)
        case int():
            if abs(value) > _SAFE_INTEGER:
                raise _refusal(f"the integer {value}", place, "an integer of at most 2⁵³ − 1, or text")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise _refusal(f"{value}", place, "a finite number")
            return float(value)
        case date():
            return value.isoformat()
        case Mapping():
            mapping = cast("Mapping[object, object]", value)
            return {
                _key(key, place=place): _plain(item, place=f"{place}.{key}".lstrip("."))
                for key, item in mapping.items()
            }
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return [_plain(item, place=f"{place}[{index}]") for index, item in enumerate(items)]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {
                entry.name: _plain(getattr(value, entry.name), place=f"{place}.{entry.name}".lstrip("."))
                for entry in fields(value)
            }
        case _:
            raise _refusal(f"a {type(value).__name__}", place, "plain data")


def _key(key: object, *, place: str) -> str:
    if not isinstance(key, str):
        raise _refusal(f"the key {key!r}", place, "a text key")
    return _text(key.value if isinstance(key, Enum) else key, place=place)


def _text(text: str, *, place: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        found = f"text that is not Unicode ({text[:40]!r})"
        raise _refusal(found, place, "text that UTF-8 can hold") from error
    return str(text)


def _refusal(found: str, place: str, expected: str) -> IntegrityError:
    return IntegrityError(
        found=f"{found} at `{place}`" if place else found,
        expected=expected,
        remedy="Record the quantity as not evaluable, with its reason, instead of writing it as evidence",
    )


def _integer(text: str) -> int | float:
    if len(text) <= _SAFE_INTEGER_DIGITS and abs(int(text)) <= _SAFE_INTEGER:
        return int(text)
    return _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"number out of range: {text[:40]}")
    return number


def _refused_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


@lru_cache(maxsize=256)
def _adapter(cls: type[object]) -> "TypeAdapter[object]":
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def _in_words(error: "ValidationError") -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())


def _misfit(name: str, reason: str) -> IntegrityError:
    return IntegrityError(
        found=f"evidence that is not a {name} ({reason})",
        expected=f"the canonical bytes of a {name}",
        remedy="Review the version again with --fresh, or read the evidence with the release that wrote it",
    )


def _lost(written: Json, read: Json, *, place: str) -> str | None:
    """The first place where `read` does not repeat what was `written`; None when nothing was lost."""
    if isinstance(written, Mapping) and isinstance(read, Mapping):
        for key, item in written.items():
            inner = f"{place}.{key}".lstrip(".")
            lost = _lost(item, read[key], place=inner) if key in read else inner
            if lost is not None:
                return lost
        return None
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        found = (_lost(one, other, place=f"{place}[{index}]") for index, (one, other) in pairs)
        return next((lost for lost in found if lost is not None), None)
    same = written == read and isinstance(written, bool) == isinstance(read, bool)
    return None if same else place or "(the whole)"


# --- manifests -------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class ManifestEntry:
    """One file of a directory.

    Attributes:
        path: relative POSIX path.
        digest: digest of the file's bytes.
    """

    path: str
    digest: str


@dataclass(frozen=True)
class Manifest:
    """Every file of a directory, sorted by path; its own digest stands for the whole directory."""

    entries: tuple[ManifestEntry, ...]

    @classmethod
    def of(cls, digests: Mapping[str, str]) -> Self:
        """The manifest of files given as path -> digest."""
        return cls(tuple(ManifestEntry(path, digests[path]) for path in sorted(digests)))

    @property
    def digests(self) -> Mapping[str, str]:
        """Path -> digest."""
        return {entry.path: entry.digest for entry in self.entries}

    @property
    def digest(self) -> str:
        """Digest of the canonical form `{"files": {path: digest}}`."""
        return digest_of({"files": self.digests})

    def changed_since(self, earlier: "Manifest") -> tuple[str, ...]:
        """Paths added, removed or changed, sorted."""
        before, after = earlier.digests, self.digests
        return tuple(path for path in sorted({*before, *after}) if before.get(path) != after.get(path))
