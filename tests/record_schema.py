"""The published schema of a decision record, made stricter: keys it does not name are faults too."""

import json
from typing import Any

import jsonschema

from modelrisk.decisions import DecisionRecord
from modelrisk.documents.decision_report import as_json
from modelrisk.documents.record_schema import decision_schema
from modelrisk.evidence import canonical_bytes


def closed(schema: Any) -> Any:
    """The schema, letting through no key it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in schema else inner


_STRICT = jsonschema.Draft202012Validator(
    closed(decision_schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def schema_faults(record: DecisionRecord, digest: str | None) -> list[str]:
    """What of a record, as it is signed and as it is printed, the published schema does not foresee."""
    forms = {"signed": canonical_bytes(record), "printed": as_json(record, digest)}
    return [
        f"{form}: {fault.json_path} {fault.message}"
        for form, text in forms.items()
        for fault in _STRICT.iter_errors(json.loads(text))
    ]
