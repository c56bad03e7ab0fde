"""The published schema fits every record, and a broken one does not fit it."""

import json
from copy import deepcopy
from dataclasses import replace

import jsonschema
import pytest

from modelrisk.decisions import Kind
from modelrisk.documents.decision_report import as_json
from modelrisk.documents.record_schema import decision_schema
from tests.modelrisk.documents.conftest import DIGEST, RECORD
from tests.modelrisk.documents.tasks import multiclass_card, regression_card
from tests.record_schema import schema_faults

VALIDATOR = jsonschema.Draft202012Validator(decision_schema())


@pytest.mark.parametrize(
    "record",
    [RECORD, multiclass_card().record, regression_card().record, replace(RECORD, kind=Kind.PREVIEW)],
    ids=["binary", "multiclass", "regression", "preview"],
)
def test_a_record_of_every_task_fits_as_signed_and_as_printed(record):
    assert schema_faults(record, None if record.kind is Kind.PREVIEW else DIGEST) == []


def test_a_record_that_was_refused_unknown_and_releasable_fits(record, releasable, unknown):
    for each in (record, releasable, unknown):
        assert schema_faults(each, DIGEST) == []


def test_the_schema_is_one_and_describes_every_key():
    jsonschema.Draft202012Validator.check_schema(decision_schema())
    schema = decision_schema()
    for described in (schema, *schema["$defs"].values()):
        assert described["description"]
        for name, entry in described["properties"].items():
            assert entry.get("description"), name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["verdict"], "maybe"),
        (["schema"], "model-risk/decision@2"),
        (["tier"], "1"),
        (["controls", 0, "verdict"], "ok"),
        (["estimates", 0, "n"], 1.5),
        (["bound", "policy"], "sha256:123"),
        (["digest"], "123"),
    ],
)
def test_a_record_that_says_otherwise_does_not_fit(path, value):
    document = json.loads(as_json(RECORD, DIGEST))
    assert VALIDATOR.is_valid(document)
    broken = deepcopy(document)
    *way, last = path
    place = broken
    for step in way:
        place = place[step]
    place[last] = value
    assert not VALIDATOR.is_valid(broken)


def test_a_record_without_one_of_its_keys_does_not_fit_and_one_with_a_new_key_does():
    document = json.loads(as_json(RECORD, DIGEST))
    assert VALIDATOR.is_valid({**document, "added_later": 1})
    for name in decision_schema()["required"]:
        assert not VALIDATOR.is_valid({key: value for key, value in document.items() if key != name}), name
