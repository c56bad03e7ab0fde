from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import Fault, InvalidDocument
from modelrisk.yaml_contracts import Says, validated
from modelrisk.yaml_documents import MAXIMUM_BYTES, Document, dotted, merged, parsed, unreadable_characters


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDocument) as caught:
        parsed(text, name="x.yaml")
    return caught.value.faults


def test_every_key_and_item_remembers_its_line():
    document = parsed("# comment\na:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", name="x.yaml")
    assert document.data == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert document.lines[("a", "b")] == 3
    assert document.lines[("a", "c", 0)] == 5
    assert document.lines[("a", "c", 1, "d")] == 6


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_line_endings_do_not_move_the_lines(ending: str):
    document = parsed(ending.join(["a: 1", "b:", "  c: 2", ""]), name="x.yaml")
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert document.lines[("b", "c")] == 3


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfa: \xc3\xbc\n", "\ufeffa: ü\n"])
def test_a_byte_order_mark_is_not_part_of_the_first_key(text: str | bytes):
    assert parsed(text, name="x.yaml").data == {"a": "ü"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("N", "N"),
        ("true", True),
        ("False", False),
        ("2026-10-01", "2026-10-01"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("1e5", 1e5),
        ("1.10", 1.1),
        ("-3", -3),
        (".5", 0.5),
        ("'1'", "1"),
        ('"true"', "true"),
        ("nan", "nan"),
        ("~", None),
        ("", None),
    ],
)
def test_a_plain_word_means_what_it_looks_like(written: str, meant: object):
    value = parsed(f"a: {written}\n", name="x.yaml").at("a")
    assert value == meant
    assert type(value) is type(meant)


def test_keys_are_text_as_written():
    assert list(parsed("1: a\non: b\n1.10: c\nnull: d\n", name="x.yaml").data) == ["1", "on", "1.10", "null"]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a:\n\t- b\n", 2, "a tab in the indentation"),
        ("a: 1\nb: 2\na: 3\n", 3, "a second `a` (the first is on line 1)"),
        ("a: {b: 1, b: 2}\n", 1, "a second `b`"),
        ("a: 1\n'a': 2\n", 2, "a second `a`"),
        ("a: &x 1\n", 1, "the anchor &x"),
        ("a: 1\nb: *x\n", 2, "the alias *x"),
        ("a: !!python/object:os.system x\n", 1, "the tag tag:yaml.org,2002:python/object:os.system"),
        ("a: ! x\n", 1, "the tag !"),
        ("a: 007\n", 1, "007 (a number or a code?)"),
        ("a: .nan\n", 1, ".nan"),
        ("a: -.inf\n", 1, "-.inf"),
        ("a: 1e999\n", 1, "1e999"),
        ("a: 99999999999999999999\n", 1, "20 characters"),
        ("a: 9007199254740993\n", 1, "9007199254740993"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ('a: "\\0"\n', 1, "the character NUL"),
        ('"a\\0": 1\n', 1, "the character NUL"),
        ("a: 1\nb: \x07\n", 2, "the control character U+0007"),
        ("a: 1\n\x00\n", 2, "the control character U+0000"),
        ("? [a]\n: 1\n", 1, "a key that is not a plain word"),
        ("a: [1\nb: 2\n", 2, "YAML that breaks off"),
        ("a: b: c\n", 1, "YAML that breaks off"),
        ("", None, "an empty document"),
        ("# only a comment\n", None, "an empty document"),
        ("- a\n- b\n", 1, "a list"),
        ("just text\n", 1, "'just text'"),
        (b"a: 1\nb: \xff\n", 2, "the byte 0xff"),
        ("a: 1\n".encode("utf-16"), 1, "the byte 0xff"),
        (b"\x7fELF\x00\x00", 1, "the control character U+007F"),
    ],
)
def test_bad_yaml_is_refused_by_line_and_in_plain_words(text: str | bytes, line: int | None, found: str):
    fault = faults_of(text)[0]
    assert fault.file == "x.yaml"
    assert fault.line == line
    assert found in fault.found
    assert fault.expected
    assert fault.remedy


def test_all_structural_faults_come_at_once_in_order_of_lines():
    faults = faults_of("a: .inf\nb: &x 1\nc: 007\na: 2\n")
    assert [fault.line for fault in faults] == [1, 2, 3, 4]
    assert [fault.key for fault in faults] == ["a", "b", "c", "a"]


def test_an_alias_bomb_is_refused_without_expanding_it():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    faults = faults_of("\n".join(rows))
    assert any("alias" in fault.found for fault in faults)


def test_deep_nesting_is_refused_before_it_is_followed():
    assert "levels" in faults_of("a: " + "[" * 100_000)[0].found
    assert "levels" in faults_of("a: " + "{a: " * 100_000)[0].found


def test_a_document_just_within_the_depth_is_read():
    assert parsed("a: " + "[" * 31 + "]" * 31, name="x.yaml").at("a") is not None


def test_a_document_beyond_the_size_is_refused():
    assert "bytes" in faults_of("a: " + "x" * MAXIMUM_BYTES)[0].found


def test_the_digest_ignores_comments_order_and_layout_but_no_value():
    digest = parsed("a: 1\nb: {c: x}\n", name="x.yaml").digest
    assert parsed("# note\nb:\n  c: x\na: 1\n", name="y.yaml").digest == digest
    assert parsed("a: 1\nb: {c: y}\n", name="x.yaml").digest != digest
    assert parsed("a: '1'\nb: {c: x}\n", name="x.yaml").digest != digest
    assert digest.startswith("sha256:")


def test_a_hostile_file_name_cannot_forge_a_line():
    with pytest.raises(InvalidDocument) as caught:
        parsed("", name="x\nall is well.yaml")
    assert "\n" not in str(caught.value.faults[0])


def test_a_hostile_key_cannot_forge_a_line():
    fault = faults_of('"a\\nb": 1\n"a\\nb": 2\n')[0]
    assert "\n" not in str(fault)
    assert dotted(("a", 0, "b\u202ec")) == "a[0].b\\u202ec"


@pytest.mark.parametrize(
    ("text", "several", "character"),
    [
        ("plain ü 漢字 ✓", False, None),
        ("two\nlines", True, None),
        ("two\nlines", False, "U+000A"),
        ("a\u202eb", False, "U+202E"),
        ("a\u2066b", True, "U+2066"),
        ("a\u2028b", False, "U+2028"),
        ("a\x1bb", True, "U+001B"),
        ("שלום", False, None),
    ],
)
def test_characters_that_forge_lines_or_turn_the_reading_direction_are_found(
    text: str, several: bool, character: str | None
):
    assert unreadable_characters(text, several_lines=several) == character


# --- merging -----------------------------------------------------------------------------------------------


def both(base: str, override: str) -> Document:
    laid = merged(parsed(base, name="base.yaml"), parsed(override, name="over.yaml"))
    assert laid.faults == ()
    return laid.document


def test_mappings_merge_scalars_and_lists_replace_and_null_removes():
    document = both(
        "a: {x: 1, y: [1, 2], z: {k: 1}}\nb: 1\nc: {d: 1}\n", "a: {x: 2, y: [3], z: null}\nc: 5\n"
    )
    assert document.data == {"a": {"x": 2, "y": [3]}, "b": 1, "c": 5}


def test_after_a_merge_every_value_still_knows_its_file_and_line():
    document = both("a:\n  x: 1\n  y: [1, 2]\n", "\na:\n  y: [3]\n  n: {m: 1}\n")
    assert str(document.place("a", "x")) == "base.yaml:2"
    assert str(document.place("a", "y", 0)) == "over.yaml:3"
    assert str(document.place("a", "n", "m")) == "over.yaml:4"
    assert ("a", "y", 1) not in document.places


def test_merging_changes_neither_document():
    base, override = parsed("a: {x: 1}\n", name="b"), parsed("a: {x: 2}\n", name="o")
    merged(base, override)
    assert base.data == {"a": {"x": 1}}
    assert override.data == {"a": {"x": 2}}


def test_removing_what_is_not_there_is_a_fault_with_the_nearest_name():
    laid = merged(parsed("alpha: 1\n", name="base.yaml"), parsed("alpa: null\n", name="over.yaml"))
    assert laid.faults[0].line == 1
    assert laid.faults[0].remedy == "Write `alpha`"


# --- validating --------------------------------------------------------------------------------------------


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    colour: Colour
    number: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Outer:
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: Annotated[str, Says("a name", "ann")]
    inner: Inner
    day: date | None = None
    words: tuple[str, ...] = ()
    by_number: dict[int, str] = field(default_factory=dict[int, str])
    either: str | int | float | bool | None = None


def validation_faults(text: str, *, also: tuple[Fault, ...] = ()) -> dict[str, Fault]:
    with pytest.raises(InvalidDocument) as caught:
        validated(Outer, parsed(text, name="x.yaml"), also=also)
    return {fault.key: fault for fault in caught.value.faults}


def test_a_valid_document_becomes_a_frozen_value():
    text = "name: n\ninner: {colour: red}\nday: 2026-10-01\nwords: [a]\nby_number: {1: x}\neither: 1.5\n"
    value = validated(Outer, parsed(text, name="x.yaml"))
    assert value == Outer(
        name="n",
        inner=Inner(colour=Colour.RED),
        day=date(2026, 10, 1),
        words=("a",),
        by_number={1: "x"},
        either=1.5,
    )


@pytest.mark.parametrize(("written", "kind"), [("1", int), ("1.0", float), ("true", bool), ("yes", str)])
def test_a_class_keeps_its_kind(written: str, kind: type):
    value = validated(Outer, parsed(f"name: n\ninner: {{colour: red}}\neither: {written}\n", name="x.yaml"))
    assert type(value.either) is kind


def test_a_key_left_empty_counts_as_not_given_where_there_is_a_default():
    value = validated(Outer, parsed("name: n\ninner: {colour: red, number: }\nwords:\nday:\n", name="x.yaml"))
    assert value == Outer(name="n", inner=Inner(colour=Colour.RED))


@pytest.mark.parametrize(
    ("row", "key", "found", "expected", "remedy"),
    [
        ("name: 1.10", "name", "1.10", "a name", 'Put it in quotes: `name: "1.10"`'),
        ("name: true", "name", "true", "a name", 'Put it in quotes: `name: "true"`'),
        ("name:", "name", "nothing", "a name", "Write `name: ann`"),
        ("inner: {colour: bleu}", "inner.colour", "'bleu'", "one of red, blue", "Write `blue`"),
        ("inner: {colour: x}", "inner.colour", "'x'", "one of red, blue", "Write one of red, blue"),
        ("inner: {}", "inner.colour", "no `colour`", "one of red, blue", "Add `colour: ...`"),
        ("inner: red", "inner", "'red'", "a mapping", "a mapping"),
        ("inner: {colour: red, number: '1'}", "inner.number", "'1'", "a number", "Write it without quotes"),
        ("inner: {colour: red, number: NaN}", "inner.number", "'NaN'", "a number", "Write a number"),
        ("inner: {colour: red, nubmer: 1}", "inner.nubmer", "unknown key", "number", "Write `number`"),
        ("zzz: 1", "zzz", "the unknown key `zzz`", "one of name, inner", "Remove it"),
        ("day: 2026-13-01", "day", "'2026-13-01'", "YYYY-MM-DD", "a day of the calendar"),
        ("day: 20261001", "day", "20261001", "YYYY-MM-DD", "a day of the calendar"),
        ("words: a", "words", "'a'", "a list", "Write a list: `words: [a]`"),
        ("words: [a, 1]", "words[1]", "1", "text", 'Put it in quotes: `- "1"`'),
        ("by_number: {x: a}", "by_number.x", "the key 'x'", "a whole number", "Write a whole number"),
        ("either: [1]", "either", "a list", "text or a whole number or a number or true or false", "Write"),
    ],
)
def test_a_wrong_value_is_explained_without_jargon(
    row: str, key: str, found: str, expected: str, remedy: str
):
    rows = {"name": "name: n", "inner": "inner: {colour: red}"}
    rows[row.split(":", maxsplit=1)[0]] = row
    fault = validation_faults("\n".join(rows.values()) + "\n")[key]
    assert found in fault.found
    assert expected in fault.expected
    assert remedy in fault.remedy
    assert fault.line == list(rows.values()).index(row) + 1


def test_all_faults_come_at_once_with_those_found_by_other_means():
    also = (
        Fault("x.yaml", 3, "day", "a holiday", "a working day", "Write another"),
        Fault("x.yaml", 1, "name", "a second opinion", "nothing", "Ignore"),
    )
    faults = validation_faults("name: 1\ninner: {colour: x, what: 1}\nday: 2026-10-01\n", also=also)
    assert sorted(faults) == ["day", "inner.colour", "inner.what", "name"]
    assert faults["name"].found == "1"  # one fault a place: the type's comes first


def test_faults_found_by_other_means_refuse_a_document_whose_types_are_right():
    also = (Fault("x.yaml", 1, "name", "a", "b", "c"),)
    assert list(validation_faults("name: n\ninner: {colour: red}\n", also=also)) == ["name"]


def test_a_missing_key_inside_a_mapping_points_to_the_mapping():
    faults = validation_faults("name: n\n\ninner:\n  number: 1\n")
    assert faults["inner.colour"].line == 3


def test_a_missing_key_of_the_document_has_no_line():
    assert validation_faults("inner: {colour: red}\n")["name"].line is None


@given(text=st.text() | st.binary() | st.text(alphabet="a:-[]{}&*!|>'\"#%@`\n\t ,?1.\\x0"))
def test_whatever_the_bytes_the_answer_is_a_document_or_faults(text: str | bytes):
    answer: Document | tuple[Fault, ...]
    try:
        answer = parsed(text, name="x.yaml")
    except InvalidDocument as error:
        answer = error.faults
    assert answer
