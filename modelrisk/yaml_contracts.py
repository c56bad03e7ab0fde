"""A YAML document compared with the dataclass it should become: every difference at once, in plain words.

What does not belong here: YAML itself (`modelrisk.yaml_documents`) and rules between two keys (the module
that owns the document passes those faults in).
"""

import functools
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from modelrisk.errors import Fault, InvalidDocument
from modelrisk.yaml_documents import (
    NUMBER,
    Document,
    KeyPath,
    Yaml,
    in_order,
    one_of,
    printable,
    shown,
    suggestion,
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Says:
    """What a field may hold, in the words of the person who writes it; used as `Annotated[str, Says(...)]`.

    Attributes:
        expected: completes "expected ...".
        example: a value that could be written there.
    """

    expected: str
    example: str


def validated(cls: type[_T], document: Document, *, also: Sequence[Fault] = ()) -> _T:
    """The document as a frozen dataclass whose config forbids extra keys.

    `null` where the dataclass has a default means "not given".

    Args:
        cls: a dataclass with `__pydantic_config__ = {"extra": "forbid"}`.
        document: what to validate.
        also: faults found by other means, reported together with those of the types.

    Raises:
        InvalidDocument: with every fault.
    """
    from pydantic import ValidationError

    data = _given(document.data, cls)
    faults: list[Fault] = []
    try:
        value = _adapter(cls).validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        faults = _faults_of(cast("list[Mapping[str, Any]]", error.errors(include_url=False)), cls, document)
    else:
        if not also:
            return cast("_T", value)
    known = {(fault.file, fault.key) for fault in faults}
    faults += [fault for fault in also if (fault.file, fault.key) not in known]
    raise InvalidDocument(in_order(faults))


@functools.cache
def _adapter(cls: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


@functools.cache
def _hints(cls: type) -> Mapping[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {each.name: hints[each.name] for each in fields(cast("Any", cls))}


@functools.cache
def _defaulted(cls: type) -> frozenset[str]:
    return frozenset(
        each.name
        for each in fields(cast("Any", cls))
        if each.default is not MISSING or each.default_factory is not MISSING
    )


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The types a value may have: Annotated unwrapped, unions flattened, None left out."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _alternatives(get_args(kind)[0])
    if origin in {Union, types.UnionType}:
        return tuple(each for member in get_args(kind) for each in _alternatives(member))
    return () if kind is type(None) else (kind,)


def _child(kind: Any, part: str | int) -> Any:
    """The type one step further down a path; None when there is none."""
    for each in _alternatives(kind):
        origin, arguments = get_origin(each), get_args(each)
        if is_dataclass(each) and isinstance(each, type):
            found = _hints(each).get(str(part))
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            found = arguments[1]
        elif origin is tuple:
            found = arguments[0]
        else:
            found = None
        if found is not None:
            return found
    return None


def _says(kind: Any) -> Says | None:
    if get_origin(kind) is Annotated:
        return next((each for each in get_args(kind)[1:] if isinstance(each, Says)), None)
    if get_origin(kind) in {Union, types.UnionType}:
        return next((says for member in get_args(kind) if (says := _says(member))), None)
    return None


def _given(value: Yaml, kind: Any) -> Yaml:
    """The value without keys that were left empty and have a default."""
    if isinstance(value, Mapping):
        optional: frozenset[str] = frozenset()
        for each in _alternatives(kind):
            if is_dataclass(each) and isinstance(each, type):
                optional = _defaulted(each)
        return {
            key: _given(item, _child(kind, key))
            for key, item in value.items()
            if not (item is None and key in optional)
        }
    if isinstance(value, list):
        return [_given(item, _child(kind, position)) for position, item in enumerate(value)]
    return value


def _faults_of(errors: Sequence[Mapping[str, Any]], cls: type, document: Document) -> list[Fault]:
    """One fault a place: a union reports once for each of its members."""
    by_path: dict[KeyPath, list[Mapping[str, Any]]] = {}
    for error in errors:
        by_path.setdefault(_path_in(document, error), []).append(error)
    return [_fault_of(path, group, cls, document) for path, group in by_path.items()]


def _path_in(document: Document, error: Mapping[str, Any]) -> KeyPath:
    """The part of pydantic's location that is about the document, without its names for union members."""
    path: KeyPath = ()
    value: Yaml = document.data
    for part in cast("KeyPath", error["loc"]):
        if isinstance(value, Mapping) and isinstance(part, str) and part in value:
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = cast("Yaml", value[part])
        else:
            return (*path, part) if error["type"] == "missing" else path
        path = (*path, part)
    return path


def _fault_of(path: KeyPath, errors: Sequence[Mapping[str, Any]], cls: type, document: Document) -> Fault:
    kind: Any = cls
    for part in path:
        kind = _child(kind, part)
    first = errors[0]
    name = str(path[-1]) if path else document.name
    says = _says(kind)
    if first["type"] == "missing":
        return document.fault(
            *path,
            found=f"no `{printable(name)}`",
            expected=says.expected if says else _expectation(kind),
            remedy=f"Add `{printable(name)}: {says.example if says else '...'}`",
        )
    if first["type"] == "unexpected_keyword_argument":
        return _unknown_key(path, cls, document)
    if first["loc"] and first["loc"][-1] == "[key]":
        expected = _KEY_EXPECTATIONS.get(str(first["type"]), "another key")
        return document.fault(
            *path, found=f"the key {shown(name)}", expected=expected, remedy=f"Write {expected} as the key"
        )
    value = document.at(*path)
    expected = says.expected if says else _expectation(kind)
    return document.fault(
        *path,
        found=document.shown(*path),
        expected=expected,
        remedy=_remedy(path, value, first, says=says, kind=kind, document=document),
    )


_KEY_EXPECTATIONS = {"int_parsing": "a whole number", "enum": "a known word"}


def _unknown_key(path: KeyPath, cls: type, document: Document) -> Fault:
    kind: Any = cls
    for part in path[:-1]:
        kind = _child(kind, part)
    known = [
        name
        for each in _alternatives(kind)
        if isinstance(each, type) and is_dataclass(each)
        for name in _hints(each)
    ]
    word = str(path[-1])
    meant = next((name for each in _alternatives(kind) if (name := _synonyms(each).get(word))), None)
    return document.fault(
        *path,
        found=f"the unknown key `{printable(word)}`",
        expected=one_of(known),
        remedy=f"Write `{meant}`" if meant else suggestion(word, known, otherwise="Remove it"),
    )


def _synonyms(kind: Any) -> Mapping[str, str]:
    """Words people use elsewhere -> the key that means it here, as a dataclass lists them."""
    return getattr(kind, "__synonyms__", {})


def _expectation(kind: Any) -> str:
    """What a type expects, in plain words."""
    words = list(dict.fromkeys(_expected_of(each) for each in _alternatives(kind)))
    return " or ".join(words) if words else "nothing"


def _expected_of(kind: Any) -> str:
    import datetime
    from enum import Enum

    plain: Mapping[Any, str] = {
        str: "text",
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        datetime.date: "a date written YYYY-MM-DD",
    }
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return one_of(str(member.value) for member in kind)
    return "a list" if get_origin(kind) is tuple else "a mapping (lines of `key: value`)"


def _remedy(  # noqa: PLR0911 - one line for each kind of mistake
    path: KeyPath,
    value: Yaml,
    error: Mapping[str, Any],
    *,
    says: Says | None,
    kind: Any,
    document: Document,
) -> str:
    key = printable(str(path[-1])) if path and isinstance(path[-1], str) else ""
    lead = f"{key}: " if key else "- "
    kinds = _alternatives(kind)
    if str in kinds and isinstance(value, bool | int | float):
        return f'Put it in quotes: `{lead}"{document.shown(*path)}"`'
    choices = [str(member.value) for each in kinds for member in _members(each)]
    if choices and isinstance(value, str):
        return suggestion(value, choices, otherwise=f"Write {one_of(choices)}")
    if isinstance(value, str) and {float, int} & set(kinds) and NUMBER.fullmatch(value):
        return f"Write it without quotes: `{lead}{value}`"
    if str(error["type"]).startswith("date"):
        return f"Write a day of the calendar, such as `{lead}2026-10-01`"
    if any(get_origin(each) is tuple for each in kinds) and not isinstance(value, Mapping | None):
        return f"Write a list: `{lead}[{printable(document.shown(*path).strip(chr(39)))}]`"
    if says:
        return f"Write `{lead}{says.example}`"
    return f"Write {_expectation(kind)}" if key else "Write its keys"


def _members(kind: Any) -> Sequence[Any]:
    from enum import Enum

    return list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()
