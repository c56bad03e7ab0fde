"""The contract of `data: expectations:`: what may be written, what is refused, and what it asks of data."""

from dataclasses import replace
from datetime import date

import pytest

from modelrisk.declared_expectations import DEMANDS, DeclaredExpectation, declared_specs, pattern_problem
from modelrisk.errors import Fault, InvalidDocument
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.expectations import Subject, expectations
from modelrisk.intake import intake_from
from modelrisk.profiles import ColumnProfile, DatasetProfile

TODAY = date(2026, 11, 26)
INTAKE = """\
model: loans
owner: team:lending
purpose: Ranks applications.
task: binary_classification
data:
  evaluation: e.parquet
  label: y
  positive: 1
  expectations:
"""
FIRST_LINE = INTAKE.count("\n") + 1


def declared(*items: str) -> tuple[DeclaredExpectation, ...]:
    text = INTAKE + "".join(f"    - {item}\n" for item in items)
    return intake_from(text, name="loans.yaml").intake.data.expectations


def faults(*items: str) -> list[Fault]:
    with pytest.raises(InvalidDocument) as raised:
        declared(*items)
    return list(raised.value.faults)


def asked(*items: str, types: dict[str, str] | None = None) -> list[ExpectationSpec]:
    known = dict.fromkeys("abc", "float64") | {"day": "date", "s": "string"}
    return list(declared_specs(declared(*items), types=types or known, today=TODAY))


ASKED = [
    ("{rows_at_least: 500}", Kind.ROWS_AT_LEAST, {"low": 500, "column": None}),
    ("{column: a, between: [0, 10]}", Kind.BETWEEN, {"low": 0, "high": 10}),
    ("{column: a, at_least: -1.5}", Kind.BETWEEN, {"low": -1.5, "high": None}),
    ("{column: a, at_most: 0}", Kind.BETWEEN, {"low": None, "high": 0}),
    ("{column: s, one_of: [1, x, true, 1.5]}", Kind.IN_SET, {"allowed": ("1", "x", "true", "1.5")}),
    ("{column: s, matches: '[0-9]{5}'}", Kind.MATCHES, {"pattern": "[0-9]{5}"}),
    ("{column: a, missing_at_most: 0.02}", Kind.GIVEN, {"share": 0.02}),
    ("{column: a, missing_at_most: 0}", Kind.GIVEN, {"share": 0}),
    ("{column: a, unique: true}", Kind.KEY_UNIQUE, {"column": "a"}),
    ("{columns: [a, b], unique: true}", Kind.COMBINATION_UNIQUE, {"columns": ("a", "b")}),
    ("{column: day, not_before: 2025-01-31}", Kind.NOT_BEFORE, {"day": date(2025, 1, 31)}),
    ("{column: day, not_after: today}", Kind.NOT_AFTER, {"day": TODAY}),
    ("{column: day, newest_within_days: 90}", Kind.FRESH, {"day": TODAY, "high": 90}),
]


@pytest.mark.parametrize(("item", "kind", "limits"), ASKED)
def test_every_demand_is_asked_of_the_data(item: str, kind: Kind, limits: dict[str, object]):
    (spec,) = asked(item)
    assert spec.kind is kind
    assert {name: getattr(spec, name) for name in limits} == limits
    assert (spec.declared, spec.gates) == (True, True)


def test_every_demand_of_the_contract_is_tried_above():
    assert all(any(f"{demand}:" in item for item, _, _ in ASKED) for demand in DEMANDS)


def test_reason_share_and_whether_it_counts_are_the_teams_own():
    (spec,) = asked("{column: a, between: [0, 1], share: 0.25, because: We measured it., gates: false}")
    assert (spec.share, spec.because, spec.gates) == (0.25, "We measured it.", False)
    (plain,) = asked("{column: a, between: [0, 1]}")
    assert plain.because == "the intake declares it"


def test_no_expectations_are_none():
    assert declared_specs((), types={}, today=TODAY) == ()
    assert intake_from(INTAKE.rstrip() + " []\n", name="x").intake.data.expectations == ()


@pytest.mark.parametrize(
    ("item", "key", "found", "remedy"),
    [
        ("{column: a}", "", "nothing that is expected", "missing_at_most"),
        (
            "{column: a, between: [0, 1], at_least: 0}",
            "at_least",
            "`between` and `at_least`",
            "item of its own",
        ),
        ("{between: [0, 1]}", "between", "without a column", "Add `column: name`"),
        ("{unique: true}", "unique", "without a column", "Add `column: name`"),
        ("{column: a, rows_at_least: 5}", "column", "`column` beside `rows_at_least`", "Remove the line"),
        ("{columns: [a, b], between: [0, 1]}", "columns", "`columns` beside", "an item for each column"),
        (
            "{column: a, columns: [a, b], unique: true}",
            "columns",
            "`column` and `columns`",
            "remove `column`",
        ),
        ("{columns: [a], unique: true}", "columns", "a list of 1", "Write one column as `column: name`"),
        ("{columns: [a, a], unique: true}", "columns", "a column twice", "once"),
        ("{columns: [], unique: true}", "columns", "a list of 0", "Write one column"),
        ("{column: a, one_of: []}", "one_of", "an empty list", "List them"),
        ("{column: a, one_of: [1, '1']}", "one_of", "the same by their text", "once"),
        ("{column: a, one_of: 3}", "one_of", "3", "Write a list: `one_of: [3]`"),
        ("{column: a, between: []}", "between", "a list of 0", "Write both"),
        ("{column: a, between: [1]}", "between", "a list of 1", "`at_least` or `at_most`"),
        ("{column: a, between: [9, 1]}", "between", "9 before 1", "Write `between: [1, 9]`"),
        ("{column: a, between: [low, 1]}", "between[0]", "'low'", "0"),
        ("{column: a, between: ['0', 1]}", "between[0]", "'0'", "without quotes"),
        ("{column: a, at_least: many}", "at_least", "'many'", "Write `at_least: 0`"),
        ("{column: a, missing_at_most: 2}", "missing_at_most", "2", "Write `missing_at_most: 0.02`"),
        ("{column: a, missing_at_most: -0.1}", "missing_at_most", "-0.1", "Write `missing_at_most: 0`"),
        ("{column: a, missing_at_most: 0.1, share: 0.1}", "share", "`share` beside", "as `missing_at_most`"),
        ("{column: a, between: [0, 1], share: 1}", "share", "1", "Write `share: 0.01`"),
        ("{rows_at_least: 0}", "rows_at_least", "0", "Write `rows_at_least: 500`"),
        ("{rows_at_least: 5.5}", "rows_at_least", "5.5", "Write `rows_at_least: 500`"),
        ("{column: a, unique: false}", "unique", "false", "Remove the item"),
        ("{column: day, not_after: 2026-13-01}", "not_after", "'2026-13-01'", "day of the calendar"),
        ("{column: day, not_before: soon}", "not_before", "'soon'", "day of the calendar"),
        ("{column: day, newest_within_days: -1}", "newest_within_days", "-1", "90"),
        ("{column: a, matches: '[0-9'}", "matches", "no regular expression", "without that part"),
        ("{column: a, matches: '(?=x)x'}", "matches", "looks ahead or behind", "without that part"),
        (r"{column: a, matches: '(a)\1'}", "matches", "refers back", "without that part"),
        ("{column: a, matches: ' '}", "matches", "an empty text", "Write it"),
        ("{column: '', unique: true}", "column", "an empty text", "Write it"),
        ('{column: a, unique: true, because: "a\\u202Eb"}', "because", "U+202E", "Remove the character"),
        ("{column: a, in: [1, 2]}", "in", "the unknown key `in`", "Write `one_of`"),
        ("{column: a, betwen: [1, 2]}", "betwen", "the unknown key `betwen`", "Write `between`"),
        ("{colum: a, unique: true}", "colum", "the unknown key `colum`", "Write `column`"),
        ("unique", "", "'unique'", "{column: income, between: [0, 1000000]}"),
    ],
)
def test_a_fault_names_file_line_and_key_and_says_what_to_write(item: str, key: str, found: str, remedy: str):
    path = "data.expectations[1]" + (f".{key}" if key else "")
    found_here = [fault for fault in faults("{rows_at_least: 2}", item) if fault.key == path]
    assert len(found_here) == 1
    (fault,) = found_here
    assert (fault.file, fault.line) == ("loans.yaml", FIRST_LINE + 1)
    assert found in fault.found
    assert remedy in fault.remedy


def test_a_misspelt_demand_is_one_fault():
    assert [fault.key for fault in faults("{column: a, betwen: [1, 2]}")] == ["data.expectations[0].betwen"]


def test_all_faults_come_at_once():
    wrong = faults("{column: a}", "{column: a, between: [2, 1], share: 7}", "{column: a, mach: 1}")
    assert {fault.key for fault in wrong} >= {
        "data.expectations[0]",
        "data.expectations[1].between",
        "data.expectations[1].share",
        "data.expectations[2].mach",
    }
    assert [fault.line for fault in wrong] == sorted(fault.line or 0 for fault in wrong)


def test_a_list_that_is_none_is_a_fault():
    with pytest.raises(InvalidDocument) as raised:
        intake_from(INTAKE.rstrip() + " {column: a, unique: true}\n", name="x")
    assert [fault.key for fault in raised.value.faults] == ["data.expectations"]


@pytest.mark.parametrize(
    "pattern", ["^[0-9]{5}$", r"\d+(\.\d+)?", "(?i)ny|nj", r"[(?=]x", r"\\1", "a" * 1000, "[^,]+", "x{2,3}?"]
)
def test_patterns_that_the_engine_takes_are_taken(pattern: str):
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["(", "a" * 1001, "(?<!a)b", "a++", "(?>a)b", "(?P<n>a)(?P=n)", "*", "(?(1)a|b)"]
)
def test_patterns_that_the_engine_does_not_take_are_refused_beforehand(pattern: str):
    assert pattern_problem(pattern)


SUBJECT = Subject(
    rows=1000, types={"y": "int64", "income": "float64"}, features=("income",), label="y", positive="1"
)
TRAINING = DatasetProfile(1000, {"income": ColumnProfile(20, 0.0, 100.0)})


def test_what_is_declared_is_asked_on_top_and_loosens_nothing():
    usual = expectations(SUBJECT, training=TRAINING)
    loose = declared("{column: income, between: [-1e9, 1e9]}", "{column: income, missing_at_most: 0.9}")
    both = expectations(replace(SUBJECT, declared=loose, today=TODAY), training=TRAINING)
    assert both[: len(usual)] == usual
    assert [spec.kind for spec in both[len(usual) :]] == [Kind.BETWEEN, Kind.GIVEN]


def test_a_declared_column_must_be_there_and_nothing_else_is_asked_of_one_that_is_not():
    subject = replace(SUBJECT, declared=declared("{columns: [gone, y], unique: true}"), today=TODAY)
    added = [
        spec
        for spec in expectations(subject, training=None)
        if spec.column == "gone" or spec.columns == ("gone", "y")
    ]
    assert [(spec.kind, spec.gates) for spec in added] == [(Kind.PRESENT, True)]


def test_a_missing_column_of_an_expectation_that_is_only_shown_refuses_nothing():
    subject = replace(SUBJECT, declared=declared("{column: gone, at_least: 0, gates: false}"), today=TODAY)
    about = [spec for spec in expectations(subject, training=None) if spec.column == "gone"]
    assert [(spec.kind, spec.gates) for spec in about] == [(Kind.BETWEEN, False)]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("{rows_at_least: 1500}", "at least 1,500 rows"),
        ("{column: a, between: [0, 1e6], share: 0.01}", "at most 1.0% outside 0 to 1,000,000"),
        ("{column: a, at_least: 18}", "none below 18"),
        ("{column: a, at_most: 5}", "none above 5"),
        ("{column: s, one_of: [NY, NJ]}", "none outside the 2 listed values"),
        ("{column: s, matches: '[0-9]+'}", "none that does not match [0-9]+"),
        ("{columns: [a, b], unique: true}", "no combination of a, b twice"),
        ("{column: a, unique: true}", "no value twice"),
        ("{column: day, not_after: today}", "none after 2026-11-26"),
        ("{column: day, newest_within_days: 90}", "the newest at most 90 days before 2026-11-26"),
    ],
)
def test_a_declared_expectation_is_said_with_its_limits(item: str, words: str):
    (spec,) = asked(item)
    assert spec.description == words
