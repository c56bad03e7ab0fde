import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import IntegrityError
from modelrisk.estimates import Estimate
from modelrisk.evidence import (
    Manifest,
    canonical_bytes,
    decoded,
    digest,
    digest_of,
    hex_of,
    parsed,
)
from modelrisk.identity import ModelVersion
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence

BOUND = BoundDigests(None, None, "sha256:" + "1" * 64, None, "none", None, "p", "c", ("w",))

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(texts, st.integers(-(2**53) + 1, 2**53 - 1), numbers, st.booleans(), st.none())
optional_numbers = st.none() | numbers
estimates = st.builds(
    Estimate,
    metric=texts,
    value=optional_numbers,
    low=optional_numbers,
    high=optional_numbers,
    confidence=numbers,
    n=st.integers(0, 2**53 - 1),
    method=texts,
    inputs=st.dictionaries(texts, numbers, max_size=3),
    cohort=st.dictionaries(texts, st.none() | texts, max_size=2),
    group=st.none() | texts,
    problem=st.none() | texts,
)
stages = st.builds(
    StageEvidence,
    stage=texts,
    version=st.builds(ModelVersion, st.text(min_size=1, max_size=20), st.just("3")),
    bound=st.just(BOUND),
    estimates=st.lists(estimates, max_size=3).map(tuple),
    not_applicable=st.dictionaries(texts, texts, max_size=2),
    problem=st.none() | st.builds(Problem, st.sampled_from(Blame), texts, texts, texts),
    tables=st.dictionaries(
        texts, st.lists(st.dictionaries(texts, scalars, max_size=3), max_size=2).map(tuple), max_size=2
    ),
)


@settings(deadline=None)
@given(stages)
def test_evidence_comes_back_exactly_as_it_was_written(stage: StageEvidence) -> None:
    written = canonical_bytes(stage)
    read = decoded(StageEvidence, written)
    assert read == stage
    assert canonical_bytes(read) == written


@settings(deadline=None)
@given(scalars)
def test_any_scalar_keeps_its_value_and_its_digest_through_json(value: object) -> None:
    written = canonical_bytes({"value": value})
    read = parsed(written)
    assert read == {"value": value}
    assert canonical_bytes(read) == written


@settings(deadline=None)
@given(st.dictionaries(texts, scalars, max_size=6))
def test_the_order_of_keys_never_changes_the_bytes(value: Mapping[str, object]) -> None:
    assert canonical_bytes(dict(reversed(list(value.items())))) == canonical_bytes(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_by_place(number: float) -> None:
    with pytest.raises(IntegrityError, match=r"at `estimates\[1\]\.low`"):
        canonical_bytes({"estimates": [{"low": 1.0}, {"low": number}]})


def test_negative_zero_and_the_largest_float_survive() -> None:
    assert canonical_bytes([-0.0, 0.0]) == b"[0,0]"
    assert parsed(canonical_bytes(sys.float_info.max)) == sys.float_info.max
    assert parsed(canonical_bytes(sys.float_info.min)) == sys.float_info.min


def test_a_huge_whole_float_is_read_back_as_a_float() -> None:
    assert canonical_bytes({"x": 1e20}) == b'{"x":100000000000000000000}'
    read = parsed(b'{"x":100000000000000000000}')
    assert read == {"x": 1e20}
    assert isinstance(read, dict)
    assert isinstance(read["x"], float)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Painted:
    colour: Colour
    on: date
    coats: int = 1
    notes: Mapping[str, str] = field(default_factory=dict)


def test_enums_and_dates_are_written_as_text_and_come_back() -> None:
    painted = Painted(Colour.RED, date(2024, 2, 29))
    assert canonical_bytes(painted) == b'{"coats":1,"colour":"red","notes":{},"on":"2024-02-29"}'
    assert decoded(Painted, canonical_bytes(painted)) == painted


def test_evidence_of_an_earlier_release_gets_the_defaults_it_lacks() -> None:
    assert decoded(Painted, b'{"colour":"red","on":"2024-02-29"}').coats == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"colour":"red","on":"2024-02-29","extra":1}', "extra"),
        (b'{"colour":"red","on":"2024-02-29","coats":"1"}', "coats"),
        (b'{"colour":"red","on":"2024-02-29","coats":1.5}', "coats"),
        (b'{"colour":"green","on":"2024-02-29"}', "colour"),
        (b'{"colour":"red"}', "on"),
        (b"[]", "Painted"),
        (b'{"colour":"red","colour":"red","on":"2024-02-29"}', "twice"),
        (b'{"colour":"red","on":"2024-02-29","coats":NaN}', "NaN"),
        (b'{"colour":"red","on":"2024-02-29","coats":1e999}', "out of range"),
        (b'{"colour":', "strict JSON"),
        (b"\xff\xfe", "strict JSON"),
        (b"[" * 100_000, "strict JSON"),
        (b"9" * 5_000, "out of range"),
    ],
)
def test_bytes_that_do_not_fit_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason):
        decoded(Painted, data)


def test_a_domain_rule_broken_in_the_bytes_is_an_integrity_error() -> None:
    with pytest.raises(IntegrityError, match="ModelVersion"):
        decoded(ModelVersion, b'{"name":"","version":"3"}')


@pytest.mark.parametrize(
    "value",
    [
        {"a", "b"},
        object(),
        {1: "a"},
        2**53,
        "lone \ud800 surrogate",
        {"\udfff": 1},
        b"bytes",
        int,
    ],
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(IntegrityError):
        canonical_bytes({"x": value})


def test_an_endless_nesting_is_refused_not_a_crash() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(IntegrityError):
        canonical_bytes(endless)


@pytest.mark.parametrize(
    "text",
    ["line\nbreak", "nul\0", "\u202ertl", "😀", "'; DROP TABLE events;--", "<script>", "=cmd()", "a" * 300],
)
def test_hostile_text_comes_back_as_it_was(text: str) -> None:
    assert parsed(canonical_bytes({text: text})) == {text: text}
    assert json.loads(canonical_bytes(text)) == text


def test_a_digest_names_its_algorithm() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == f"sha256:{empty}"
    assert hex_of(digest(b"")) == empty
    assert digest_of({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "0" * 64, "sha256:" + "A" * 64]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        hex_of(text)


def test_a_manifest_stands_for_every_file_and_says_what_changed() -> None:
    one = Manifest.of({"b": digest(b"1"), "a": digest(b"2")})
    other = Manifest.of({"a": digest(b"2"), "b": digest(b"3"), "c": digest(b"4")})
    assert [entry.path for entry in one.entries] == ["a", "b"]
    assert one.digest != other.digest
    assert other.changed_since(one) == ("b", "c")
    assert one.changed_since(one) == ()
