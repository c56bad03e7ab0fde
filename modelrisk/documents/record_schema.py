"""The decision record's layout as a JSON Schema, for those who read decisions by program.

Generated from the dataclasses, so it cannot describe another record than the one that is written. One schema
fits both forms of a record: the signed predicate in a pack, and what `review --format json` prints. A key
that only one of them has is optional. The layout may gain keys under the same version, so unknown ones are
let through.

What does not belong here: the record itself (`modelrisk.decisions`), how it is printed (`decision_report`).
"""

import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from modelrisk.decisions import SCHEMA, ControlResult, DecisionRecord
from modelrisk.documents.decision_report import Json
from modelrisk.estimates import Estimate
from modelrisk.records import BoundDigests

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIGEST: Mapping[str, Json] = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}

_SCALARS: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ONLY_SOMETIMES: Mapping[type, frozenset[str]] = {Estimate: frozenset({"group", "reference", "outcome"})}
"""Keys that the printed form leaves out where they say nothing."""
_NARROWER: Mapping[tuple[type, str], Mapping[str, Json]] = {
    (DecisionRecord, "schema"): {"const": SCHEMA},
    (DecisionRecord, "id"): {"format": "uuid"},
    (DecisionRecord, "decided_at"): {"format": "date-time"},
    (DecisionRecord, "tier"): {"minimum": 1},
    (DecisionRecord, "evidence"): {"additionalProperties": dict(DIGEST)},
    (DecisionRecord, "predictions"): {"pattern": str(DIGEST["pattern"])},
    (ControlResult, "rows_needed"): {"minimum": 1},
    (Estimate, "confidence"): {"exclusiveMinimum": 0.5, "maximum": 1},
    (Estimate, "n"): {"minimum": 0},
    **{
        (BoundDigests, name): {"pattern": str(DIGEST["pattern"])}
        for name in ("model", "environment", "evaluation", "training", "intake", "policy", "catalogue")
    },
}
"""What a field admits beyond its type."""


def decision_schema() -> dict[str, Json]:
    """The schema of a decision record, complete in itself."""
    definitions: dict[str, Json] = {}
    root = _object(DecisionRecord, definitions)
    properties = cast("dict[str, Json]", root["properties"])
    properties["digest"] = {
        "anyOf": [dict(DIGEST), {"type": "null"}],
        "description": "Printed form only: SHA-256 of the signed bytes; null for a preview.",
    }
    estimate = cast("dict[str, dict[str, Json]]", definitions[Estimate.__name__])
    estimate["properties"]["coverage"] = {
        "type": "number",
        "description": "Printed form only: 2 × confidence − 1.",
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:{SCHEMA.replace('/', ':').replace('@', ':')}",
        "title": SCHEMA,
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(cls: type, definitions: dict[str, Json]) -> dict[str, Json]:
    summary, described = _documented(cls)
    hints = get_type_hints(cls)
    properties: dict[str, Json] = {}
    for field in fields(cls):
        schema = _of(hints[field.name], definitions) | dict(_NARROWER.get((cls, field.name), {}))
        properties[field.name] = schema | {"description": described[field.name]}
    optional = _ONLY_SOMETIMES.get(cls, frozenset())
    return {
        "type": "object",
        "description": summary,
        "properties": properties,
        "required": [field.name for field in fields(cls) if field.name not in optional],
    }


def _of(hint: Any, definitions: dict[str, Json]) -> dict[str, Json]:
    """The schema of one type; a type that no record holds is a mistake of ours."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _nullable(*(_of(each, definitions) for each in arguments if each is not types.NoneType))
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if is_dataclass(hint):
        name = cast("type", hint).__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _object(cast("type", hint), definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [str(member.value) for member in hint]}
    return {"type": _SCALARS[hint]}


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _documented(cls: type) -> tuple[str, Mapping[str, str]]:
    """The first sentence of a class and what its docstring says of each attribute."""
    summary, _, listed = (cls.__doc__ or "").partition("Attributes:")
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {9,}\S.*)*)", listed, re.MULTILINE)
    return _in_json(summary.partition("\n\n")[0]), {name: _in_json(said) for name, said in entries}


def _in_json(words: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(words.replace("`None`", "null").split()))
