"""What is expected of evaluation data, and what the counts become."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.expectation_results import (
    ExpectationResult,
    evaluated,
    expectation_table,
    training_unknown,
    unevaluated,
    validation_estimates,
)
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.expectations import LARGEST_FINITE, Subject, expectations, missing_share
from modelrisk.lineage import ColumnSpec, Signature
from modelrisk.profiles import ColumnProfile, DatasetProfile
from modelrisk.records import Blame, Problem
from modelrisk.signature_mismatches import signature_mismatches

SUBJECT = Subject(
    rows=1000,
    types={
        "y": "int64",
        "income": "float64",
        "town": "string",
        "id": "int64",
        "sex": "string",
        "day": "date",
    },
    features=("income", "town"),
    label="y",
    positive="1",
    classes=("0", "1"),
    id="id",
    sensitive=("sex",),
)
TRAINING = DatasetProfile(
    1000, {"income": ColumnProfile(20, 0.0, 100.0), "town": ColumnProfile(0, categories=("Bonn", "Ulm"))}
)


def by_name(
    subject: Subject = SUBJECT, training: DatasetProfile | None = TRAINING
) -> dict[str, ExpectationSpec]:
    specs = expectations(subject, training=training)
    assert len({spec.name for spec in specs}) == len(specs)
    return {spec.name: spec for spec in specs}


def test_every_declared_column_is_expected_to_be_there():
    present = [spec.column for spec in by_name().values() if spec.kind is Kind.PRESENT]
    assert present == ["y", "id", "sex", "income", "town"]


def test_a_missing_column_is_expected_and_nothing_else_is_asked_of_it():
    types = {name: dtype for name, dtype in SUBJECT.types.items() if name not in {"y", "income", "id"}}
    specs = by_name(replace(SUBJECT, types=types)).values()
    for name in ("y", "income", "id"):
        assert [spec.kind for spec in specs if spec.column == name] == [Kind.PRESENT]


def test_an_absent_optional_feature_is_not_expected():
    types = {name: dtype for name, dtype in SUBJECT.types.items() if name != "town"}
    assert "town: present" not in by_name(replace(SUBJECT, types=types, optional=("town",)))
    assert "town: present" in by_name(replace(SUBJECT, types=types))


def test_the_label_must_be_given_and_hold_exactly_the_declared_classes():
    specs = by_name()
    assert specs["y: given"].share == 0
    assert specs["y: known classes"].allowed == ("0", "1")
    assert specs["y: occurs"].allowed == ("0", "1")
    assert (specs["y: classes"].low, specs["y: classes"].high) == (2, 2)


def test_without_declared_classes_there_must_be_two_and_the_positive_one():
    specs = by_name(replace(SUBJECT, classes=()))
    assert "y: known classes" not in specs
    assert specs["y: occurs"].allowed == ("1",)
    assert (specs["y: classes"].low, specs["y: classes"].high) == (2, 2)


def test_the_identifier_must_be_given_and_unique_at_one_time():
    assert by_name()["id: unique"].time is None
    assert by_name(replace(SUBJECT, time="day"))["id: unique"].time == "day"
    assert by_name(replace(SUBJECT, time="gone"))["id: unique"].time is None
    assert "id: unique" not in by_name(replace(SUBJECT, id=None))


def test_ranges_are_widened_by_a_tenth_on_each_side_and_excuse_one_row_in_a_hundred():
    spec = by_name()["income: training range"]
    assert (spec.low, spec.high, spec.share) == (-10.0, 110.0, 0.01)


def test_a_range_near_the_largest_number_stays_finite():
    training = DatasetProfile(9, {"income": ColumnProfile(0, -LARGEST_FINITE, LARGEST_FINITE)})
    spec = by_name(training=training)["income: training range"]
    assert (spec.low, spec.high) == (-LARGEST_FINITE, LARGEST_FINITE)


def test_a_small_data_set_is_excused_one_row():
    for rows in (2, 5, 30, 99):
        spec = by_name(replace(SUBJECT, rows=rows))["income: training range"]
        assert evaluated(spec, passed=True, rows=rows, unexpected=1).limit == max(1, rows * 3 // (2 * rows))


def test_values_seen_in_training_are_the_known_values():
    assert by_name()["town: training values"].allowed == ("Bonn", "Ulm")
    many = DatasetProfile(1000, {"town": ColumnProfile(0, categories=None)})
    assert "town: training values" not in by_name(training=many)


def test_an_all_missing_training_column_teaches_nothing_about_its_values():
    specs = by_name(
        training=DatasetProfile(10, {"income": ColumnProfile(10), "town": ColumnProfile(10, categories=())})
    )
    assert not [name for name in specs if name.startswith(("income: t", "income: m", "town: t", "town: m"))]


def test_a_retyped_column_is_not_compared_with_a_range():
    specs = by_name(replace(SUBJECT, types={**SUBJECT.types, "income": "string"}))
    assert "income: training range" not in specs


def test_without_a_training_profile_only_declared_facts_are_expected():
    kinds = {spec.kind for spec in by_name(training=None).values() if spec.column in SUBJECT.features}
    assert kinds == {Kind.PRESENT}


def test_infinite_features_are_expected_nowhere():
    assert by_name()["features: finite"].columns == ("income",)
    assert "features: finite" not in by_name(replace(SUBJECT, features=("town",)))


def test_repeated_rows_are_shown_but_not_judged():
    assert not by_name()["rows differ"].gates


def test_a_label_among_the_features_is_not_measured_twice():
    specs = by_name(
        replace(SUBJECT, features=("y", "income")), DatasetProfile(9, {"y": ColumnProfile(0, 0, 1)})
    )
    assert "y: training range" not in specs


@given(st.integers(0, 500), st.integers(1, 500), st.integers(1, 10_000))
def test_missing_values_at_the_training_share_are_always_excused(missing: int, training_rows: int, rows: int):
    share = missing_share(min(missing, training_rows), training_rows, rows=rows)
    assert min(missing, training_rows) / training_rows <= share <= 1


@given(st.integers(0, 99), st.integers(1, 10_000))
def test_more_missing_values_in_training_excuse_no_fewer(missing: int, rows: int):
    assert missing_share(missing, 100, rows=rows) <= missing_share(missing + 1, 100, rows=rows) + 1e-12


def test_every_kind_says_what_is_expected():
    for kind in Kind:
        assert ExpectationSpec("x", kind, low=2, high=3).description


def spec_of(*, gates: bool = True) -> ExpectationSpec:
    return ExpectationSpec("x: given", Kind.GIVEN, "x", gates=gates)


def passed() -> ExpectationResult:
    return evaluated(spec_of(), passed=True, rows=9, unexpected=0)


def failed(*, gates: bool = True) -> ExpectationResult:
    return evaluated(spec_of(gates=gates), passed=False, rows=9, unexpected=3)


def raised(*, gates: bool = True) -> ExpectationResult:
    return unevaluated(spec_of(gates=gates), "it raised")


@pytest.mark.parametrize(
    ("results", "value"),
    [
        ([passed()], 0),
        ([passed(), failed()], 1),
        ([failed(), failed(), raised()], 2),
        ([passed(), raised()], None),
        ([raised()], None),
        ([], None),
        ([failed(gates=False)], None),
        ([passed(), failed(gates=False), raised(gates=False)], 0),
    ],
)
def test_failures_count_and_what_did_not_run_is_never_a_zero(
    results: list[ExpectationResult], value: int | None
):
    estimate, _ = validation_estimates(results, rows=9, mismatches=())
    assert estimate.metric == "failed_expectations"
    assert (estimate.value, estimate.low, estimate.high) == (value, value, value)
    assert estimate.is_evaluable is (value is not None)
    assert (estimate.confidence, estimate.method, estimate.n) == (1.0, "census", 9)


@given(st.lists(st.sampled_from([passed(), failed(), raised(), failed(gates=False)]), max_size=6), st.data())
def test_removing_a_result_never_turns_a_non_zero_into_a_zero_unless_it_was_the_cause(
    results: list[ExpectationResult], data: st.DataObject
):
    value = validation_estimates(results, rows=9, mismatches=())[0].value
    kept = [one for one in results if one.passed or not one.gates]
    if value is None:
        assert validation_estimates(kept[:0], rows=9, mismatches=())[0].value is None
    else:
        assert value == sum(1 for one in results if one.gates and one.passed is False)


def test_mismatches_are_counted_and_no_signature_is_not_zero_mismatches():
    signature = Signature((ColumnSpec("gone", "double"),))
    found = signature_mismatches(signature, {"x": "float64"}, label="y")
    assert validation_estimates([passed()], rows=9, mismatches=found)[1].value == 1
    unsigned = validation_estimates([passed()], rows=9, mismatches=None)[1]
    assert not unsigned.is_evaluable
    assert "signature" in str(unsigned.problem)


def test_the_table_shows_failures_first_and_no_values():
    table = expectation_table([passed(), failed(gates=False), raised(), raised(gates=False), failed()])
    assert [row["outcome"] for row in table] == [
        "failed",
        "could not be evaluated",
        "noted",
        "noted",
        "as expected",
    ]
    assert table[0]["unexpected"] == 3
    assert table[0]["allowed"] == 0


def test_unreadable_training_data_leaves_the_count_not_evaluable_and_says_what_to_write():
    unknown = training_unknown(Problem(Blame.UNAVAILABLE, "no file at 'x'", "a data file", "Mend the path"))
    estimate, _ = validation_estimates([passed(), unknown], rows=9, mismatches=())
    assert not estimate.is_evaluable
    assert "training: path" in str(estimate.problem)
