"""The verdict algebra: equality passes, families intersect, failures step down, nothing fails open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.metrics.intervals import bounds_at, estimate
from modelrisk.verdicts import Judgement, Limits, Verdict, Waiver, judge, rows_needed, waived


def proportion(events: int, n: int, *, group: str | None = None) -> Estimate:
    cohort = {} if group is None else {"sex": group}
    return estimate("accuracy", "clopper_pearson", {"events": events, "n": n}, confidence=0.95, cohort=cohort)


def census(value: float) -> Estimate:
    return estimate("failed_expectations", "census", {"value": value}, confidence=1.0, n=1)


proportions = st.integers(1, 3000).flatmap(lambda n: st.builds(proportion, st.integers(0, n), st.just(n)))
limits = st.one_of(
    st.builds(Limits, floor=st.floats(0, 1)),
    st.builds(Limits, ceiling=st.floats(0, 1)),
    st.builds(Limits, floor=st.floats(0, 0.5), ceiling=st.floats(0.5, 1)),
)


def test_an_interval_within_the_limits_passes_and_equality_counts_as_within():
    measured = proportion(95, 100)
    assert judge(Limits(floor=measured.low), [measured]).verdict is Verdict.PASSED
    assert judge(Limits(floor=0.8, ceiling=measured.high), [measured]).verdict is Verdict.PASSED


def test_an_interval_beyond_a_limit_fails_and_one_across_it_is_inconclusive():
    measured = proportion(50, 100)
    assert judge(Limits(floor=0.7), [measured]).verdict is Verdict.FAILED
    assert judge(Limits(ceiling=0.3), [measured]).verdict is Verdict.FAILED
    across = judge(Limits(floor=0.5), [proportion(53, 100)])
    assert across.verdict is Verdict.INCONCLUSIVE
    assert across.cells[0].rows_needed is not None


def test_a_census_passes_on_its_limit_and_fails_beyond_it():
    assert judge(Limits(ceiling=0), [census(0)]).verdict is Verdict.PASSED
    assert judge(Limits(ceiling=0), [census(1)]).verdict is Verdict.FAILED


def test_an_empty_family_is_not_evaluable():
    assert judge(Limits(floor=0.5), []).verdict is Verdict.NOT_EVALUABLE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_value_that_is_no_finite_number_is_not_evaluable(value):
    broken = replace(proportion(99, 100), value=value)
    assert judge(Limits(floor=0.1), [broken]).verdict is Verdict.NOT_EVALUABLE


@pytest.mark.parametrize("bound", [float("nan"), float("inf")])
def test_a_bound_that_is_no_finite_number_is_not_evaluable(bound):
    assert (
        judge(Limits(floor=0.1), [replace(proportion(99, 100), low=bound)]).verdict is Verdict.NOT_EVALUABLE
    )


def test_an_unknown_method_is_not_evaluable():
    assert (
        judge(Limits(floor=0.1), [replace(proportion(99, 100), method="psychic")]).verdict
        is Verdict.NOT_EVALUABLE
    )


def test_printed_bounds_are_recomputed_so_forged_ones_change_nothing():
    forged = replace(proportion(50, 100), low=0.99, high=1.0)
    assert judge(Limits(floor=0.9), [forged]).verdict is Verdict.FAILED


def test_a_family_passes_only_if_every_member_passes():
    good, bad = proportion(990, 1000, group="F"), proportion(70, 100, group="M")
    assert judge(Limits(floor=0.68), [good, bad]).verdict is Verdict.INCONCLUSIVE
    assert judge(Limits(floor=0.5), [good, bad]).verdict is Verdict.PASSED


def test_an_expected_cohort_without_an_estimate_is_not_evaluable():
    found = [proportion(990, 1000, group="F")]
    absent = judge(Limits(floor=0.5), found, expected=[{"sex": "F"}, {"sex": None}])
    assert absent.verdict is Verdict.NOT_EVALUABLE
    assert "(missing)" in absent.reason


def test_failure_outranks_not_evaluable_which_outranks_inconclusive():
    failing, open_question = proportion(10, 1000, group="F"), proportion(53, 100, group="M")
    nothing = not_evaluable("accuracy", "no rows", cohort={"sex": None})
    limit = Limits(floor=0.5)
    assert judge(limit, [failing, nothing, open_question]).verdict is Verdict.FAILED
    assert judge(limit, [nothing, open_question]).verdict is Verdict.NOT_EVALUABLE


def test_holm_spares_a_member_that_alone_would_have_failed():
    # Alone, its high at 95 % lies just below the floor; among twelve, it must clear 1 − 0.05/12.
    member = proportion(40, 100, group="F")
    high = bounds_at(member, 0.95).high
    assert high is not None
    limit = Limits(floor=high + 1e-6)
    assert judge(limit, [member]).verdict is Verdict.FAILED
    others = [proportion(2000, 2000, group=f"g{index}") for index in range(11)]
    assert judge(limit, [member, *others]).verdict is Verdict.INCONCLUSIVE


def test_holm_steps_down_after_a_rejection():
    # The weak one fails only once the strong one has been rejected and the family has shrunk by one.
    strong, weak = proportion(100, 1000, group="F"), proportion(40, 100, group="M")
    high_pair, high_alone = bounds_at(weak, 0.975).high, bounds_at(weak, 0.95).high
    assert high_pair is not None
    assert high_alone is not None
    limit = Limits(floor=(high_pair + high_alone) / 2)
    passing = proportion(2000, 2000, group="M2")
    assert judge(limit, [weak, passing]).cells[0].verdict is Verdict.INCONCLUSIVE
    assert [cell.verdict for cell in judge(limit, [strong, weak]).cells] == [Verdict.FAILED] * 2


def of_class(name, events, n):
    inputs = {"events": events, "n": n}
    return estimate("precision", "clopper_pearson", inputs, confidence=0.95, outcome=name)


def test_every_class_is_a_member_of_its_own_although_all_are_about_all_rows():
    good, bad = of_class("a", 990, 1000), of_class("b", 10, 1000)
    judgement = judge(Limits(floor=0.5), [good, bad])
    assert [cell.verdict for cell in judgement.cells] == [Verdict.PASSED, Verdict.FAILED]
    assert "class 'b'" in judgement.reason
    assert "class 'a'" not in judgement.reason


def test_holm_counts_every_class():
    member = of_class("a", 40, 100)
    high = bounds_at(member, 0.95).high
    assert high is not None
    limit = Limits(floor=high + 1e-6)
    assert judge(limit, [member]).verdict is Verdict.FAILED
    others = [of_class(f"b{index}", 2000, 2000) for index in range(11)]
    assert judge(limit, [member, *others]).verdict is Verdict.INCONCLUSIVE


def test_a_class_without_a_rate_is_named_and_never_helps():
    lost = not_evaluable("precision", "the model never predicts 'c'", outcome="c")
    judgement = judge(Limits(floor=0.5), [of_class("a", 990, 1000), lost])
    assert judgement.verdict is Verdict.NOT_EVALUABLE
    assert "class 'c'" in judgement.reason


def test_of_many_classes_the_first_five_are_named():
    judgement = judge(Limits(floor=0.5), [of_class(f"c{index}", 10, 1000) for index in range(9)])
    assert judgement.reason.endswith("and 4 more classes")


def test_a_cell_below_the_minimum_is_inconclusive_however_good_or_bad_it_looks():
    limit = Limits(floor=0.5, minimum_rows=200)
    for events in (0, 100):
        judgement = judge(limit, [proportion(events, 100)])
        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert judgement.cells[0].rows_needed is not None
        assert judgement.cells[0].rows_needed >= 200


def test_the_rows_needed_would_settle_the_question():
    measured = proportion(600, 1000)
    limit = Limits(floor=0.58)
    needed = rows_needed(limit, measured)
    assert needed is not None
    assert needed > 1000
    needed += -needed % 5  # the next number of rows at which exactly 60 % is possible
    assert judge(limit, [proportion(round(0.6 * needed), needed)]).verdict is Verdict.PASSED
    fewer = needed * 9 // 10 // 5 * 5
    assert judge(limit, [proportion(round(0.6 * fewer), fewer)]).verdict is Verdict.INCONCLUSIVE


def test_no_number_of_rows_settles_a_value_on_its_limit():
    measured = proportion(500, 1000)
    assert rows_needed(Limits(floor=0.5), measured) is None
    assert "on the limit" in judge(Limits(floor=0.5), [measured]).reason


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"floor": float("nan")},
        {"floor": 1.0, "ceiling": 0.0},
        {"floor": 0.5, "confidence": 1.0},
        {"floor": 0.5, "confidence": 0.5},
        {"ceiling": float("inf")},
    ],
)
def test_limits_that_judge_nothing_are_refused(arguments):
    with pytest.raises(CallerMistake):
        Limits(**arguments)


@given(limits, st.lists(proportions, min_size=1, max_size=6), st.data())
@settings(max_examples=150, deadline=None)
def test_removing_evidence_never_turns_a_non_pass_into_a_pass(limit, members, data):
    family = [replace(each, cohort={"g": str(index)}) for index, each in enumerate(members)]
    expected = [each.cohort for each in family]
    assume(judge(limit, family, expected=expected).verdict is not Verdict.PASSED)
    kept = data.draw(st.sets(st.sampled_from(range(len(family)))))
    for remaining in (
        [family[index] for index in kept],
        [each if index in kept else replace(each, value=None) for index, each in enumerate(family)],
        [each if index in kept else replace(each, value=float("nan")) for index, each in enumerate(family)],
    ):
        if len(kept) == len(family):
            continue
        assert judge(limit, remaining, expected=expected).verdict is not Verdict.PASSED


@given(limits, proportions, st.integers(2, 10))
@settings(max_examples=150, deadline=None)
def test_a_smaller_family_is_never_milder_in_failing(limit, member, others):
    alone = judge(limit, [member]).cells[0].verdict
    padding = [proportion(1, 2, group=str(index)) for index in range(others)]
    among = judge(limit, [member, *padding]).cells[0].verdict
    assert (among is not Verdict.FAILED) or (alone is Verdict.FAILED)


@given(proportions, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_stricter_floor_never_turns_a_non_pass_into_a_pass(member, one, other):
    strict, lax = max(one, other), min(one, other)
    if judge(Limits(floor=strict), [member]).verdict is Verdict.PASSED:
        assert judge(Limits(floor=lax), [member]).verdict is Verdict.PASSED


# --- waivers ---------------------------------------------------------------------------------------------

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMITS = Limits(floor=0.9)
PASSED = {"compensating": Verdict.PASSED}


def waiver(**changes: object) -> Waiver:
    fields: dict[str, object] = {
        "control": "accuracy_above_floor",
        "models": ("sha256:aa",),
        "requester": "ann@example.com",
        "approver": "ben@example.com",
        "reason": "seasonal data",
        "expires": NOW + timedelta(days=30),
        "compensating_control": "compensating",
        "floor": 0.7,
    }
    return Waiver(**{**fields, **changes})  # type: ignore[arg-type] - built from a plain mapping on purpose


def under(given_waiver: Waiver, judgement: Judgement, **changes: object) -> Verdict:
    context: dict[str, object] = {
        "control": "accuracy_above_floor",
        "limits": LIMITS,
        "model": "sha256:aa",
        "at": NOW,
        "verdicts": PASSED,
    }
    return waived(judgement, given_waiver, **{**context, **changes}).verdict  # type: ignore[arg-type] - as above


FAILED = judge(LIMITS, [proportion(800, 1000)])
INCONCLUSIVE = judge(LIMITS, [proportion(91, 100)])
NOTHING = judge(LIMITS, [])


def test_a_waiver_turns_failed_and_inconclusive_into_waived_never_into_passed():
    assert FAILED.verdict is Verdict.FAILED
    assert under(waiver(), FAILED) is Verdict.WAIVED
    assert INCONCLUSIVE.verdict is Verdict.INCONCLUSIVE
    assert under(waiver(), INCONCLUSIVE) is Verdict.WAIVED


def test_what_could_not_be_evaluated_cannot_be_waived():
    assert under(waiver(), NOTHING) is Verdict.NOT_EVALUABLE


@pytest.mark.parametrize(
    ("change", "context"),
    [
        ({"control": "another"}, {}),
        ({"models": ("sha256:bb",)}, {}),
        ({}, {"model": None}),
        ({}, {"at": NOW + timedelta(days=30)}),
        ({}, {"at": NOW + timedelta(days=31)}),
        ({"floor": 0.85}, {}),
        ({}, {"verdicts": {}}),
        ({}, {"verdicts": {"compensating": Verdict.INCONCLUSIVE}}),
        ({}, {"verdicts": {"compensating": Verdict.WAIVED}}),
    ],
)
def test_a_waiver_that_does_not_hold_in_every_point_changes_nothing(change, context):
    assert under(waiver(**change), FAILED, **context) is Verdict.FAILED


def test_a_waiver_holds_until_the_second_before_its_expiry():
    assert under(waiver(), FAILED, at=NOW + timedelta(days=30) - timedelta(seconds=1)) is Verdict.WAIVED


@pytest.mark.parametrize(
    "change",
    [
        {"approver": "ann@example.com"},
        {"approver": " ANN@example.com "},
        {"expires": datetime(2026, 7, 1)},  # noqa: DTZ001 - the missing time zone is the point
        {"compensating_control": "accuracy_above_floor"},
    ],
)
def test_a_waiver_needs_two_people_an_instant_and_another_control(change):
    with pytest.raises(CallerMistake):
        waiver(**change)
