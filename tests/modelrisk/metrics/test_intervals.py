import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.metrics.intervals import METHODS, bounds_at, estimate, follows_from_inputs
from modelrisk.metrics.method import Bounds, Size


def made(method, confidence=0.95, **inputs):
    return estimate("metric", method, inputs, confidence=confidence)


def two_groups(events, n, reference_events, reference_n):
    return {"events": events, "n": n, "reference_events": reference_events, "reference_n": reference_n}


def test_clopper_pearson_agrees_with_scipy():
    from scipy.stats import binomtest

    for events, n in ((0, 10), (3, 10), (10, 10), (1, 1_000_000), (499, 1_000)):
        exact = binomtest(events, n).proportion_ci(0.9, method="exact")
        mine = made("clopper_pearson", events=events, n=n)
        assert (mine.low, mine.high) == pytest.approx((exact.low, exact.high), rel=1e-9, abs=1e-12)


def test_clopper_pearson_by_hand():
    """No event in n rows: the high bound solves (1 - p)^n = 0.05."""
    mine = made("clopper_pearson", events=0, n=20)
    assert (mine.value, mine.low) == (0.0, 0.0)
    assert mine.high == pytest.approx(1 - 0.05 ** (1 / 20), rel=1e-11)


def test_melded_ratio_with_a_known_reference_is_clopper_pearson_by_hand():
    """A reference with 10^7 of 10^7 events is 1 for all purposes, so the ratio is the group's own rate."""
    mine = made("melded_ratio", **two_groups(3, 10, 10**7, 10**7))
    alone = made("clopper_pearson", events=3, n=10)
    assert (mine.value, mine.low, mine.high) == pytest.approx((0.3, alone.low, alone.high), rel=1e-6)


def test_melded_ratio_without_events_has_a_finite_upper_bound_by_hand():
    """0 of 10 over 10^7 of 10^7: the upper bound is that of a zero count."""
    mine = made("melded_ratio", **two_groups(0, 10, 10**7, 10**7))
    assert (mine.value, mine.low) == (0.0, 0.0)
    assert mine.high == pytest.approx(1 - 0.05**0.1, rel=1e-6)


def test_melded_difference_inverts_fishers_exact_test():
    """At a difference of 0 the one-sided melded p is Fisher's (Fay, Proschan & Brittain 2015)."""
    from scipy.stats import fisher_exact

    events, n, reference_events, reference_n = 9, 12, 5, 15
    p = fisher_exact(
        [[events, n - events], [reference_events, reference_n - reference_events]], "greater"
    ).pvalue
    at_that_level = made("melded_difference", 1 - p, **two_groups(events, n, reference_events, reference_n))
    assert at_that_level.low == pytest.approx(0.0, abs=1e-8)


def test_melding_agrees_with_a_simulation_of_its_definition():
    rng = np.random.default_rng(1)
    draws = rng.beta(8, 23, 2_000_000) / rng.beta(121, 180, 2_000_000)
    assert made("melded_ratio", **two_groups(8, 30, 120, 300)).low == pytest.approx(
        np.quantile(draws, 0.05), rel=3e-3
    )


def test_melding_is_accurate_when_the_groups_differ_a_thousandfold():
    """The wide part alone decides: 25 of 30 against a rate known to 0.04 %."""
    for inputs in (two_groups(25, 30, 500_000, 1_000_000), two_groups(25, 30, 5 * 10**9, 10**10)):
        alone = made("clopper_pearson", events=25, n=30)
        ratio = made("melded_ratio", **inputs)
        assert (ratio.low, ratio.high) == pytest.approx((alone.low / 0.5, alone.high / 0.5), rel=1e-4)


def test_paired_difference_without_disagreement_is_the_rule_of_three_by_hand():
    mine = made("newcombe_paired", both_right=70, only_candidate=0, only_reference=0, both_wrong=30)
    assert mine.value == 0.0
    assert (mine.low, mine.high) == pytest.approx((-(1 - 0.05**0.01), 1 - 0.05**0.01), rel=1e-10)


def test_paired_difference_by_hand():
    mine = made("newcombe_paired", both_right=80, only_candidate=8, only_reference=4, both_wrong=8)
    wins, losses = (made("clopper_pearson", events=k, n=100) for k in (8, 4))
    rho = math.sqrt(0.08 * 0.04 / (0.92 * 0.96))
    down, up = 0.08 - wins.low, losses.high - 0.04
    assert mine.low == pytest.approx(0.04 - math.sqrt(down**2 + up**2 + 2 * rho * down * up), rel=1e-9)


def test_perfect_auc_by_hand():
    """Zero placement variance: each class allows 1 - 0.05^(1/n) of unseen worst cases, or Newcombe's root."""
    mine = made(
        "delong_newcombe", auc=1.0, positive_variance=0.0, negative_variance=0.0, positives=50, negatives=50
    )
    z2 = 1.6448536269514722**2

    def shape(t):
        return t / 2500 * (99 - 147 / ((2 - t) * (1 + t)))

    low, high = 0.5, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - middle > z2 * shape(middle) else (low, middle)
    assert mine.low <= low
    assert mine.low > 1 - 2 * (1 - 0.05 ** (1 / 50))
    assert mine.high == 1.0


def test_large_sample_auc_is_delong_on_the_logit_scale_by_hand():
    mine = made(
        "delong_newcombe",
        auc=0.8,
        positive_variance=0.06,
        negative_variance=0.05,
        positives=10**8,
        negatives=10**8,
    )
    reach = 1.6448536269514722 * math.sqrt(0.11 / 10**8) / 0.16
    assert mine.low == pytest.approx(1 / (1 + math.exp(-(math.log(4) - reach))), abs=2e-7)


def test_paired_auc_of_a_large_sample_is_normal_by_hand():
    mine = made(
        "paired_delong",
        difference=0.01,
        positive_variance=0.01,
        negative_variance=0.02,
        positives=10**8,
        negatives=10**8,
    )
    assert mine.low == pytest.approx(0.01 - 1.6448536269514722 * math.sqrt(0.03 / 10**8), abs=1e-7)


def test_student_mean_by_hand():
    mine = made("student_mean", mean=0.5, variance=1.0, n=16, lowest=-100.0, highest=100.0)
    assert mine.low < 0.5 - 1.7530503556925547 * 0.25
    large = made("student_mean", mean=0.5, variance=0.09, n=10**7, lowest=0.0, highest=1.0)
    assert large.low == pytest.approx(0.5 - 1.6448536 * 0.3 / math.sqrt(10**7), abs=2e-7)


def test_equal_values_keep_the_width_that_unseen_values_need():
    mine = made("student_mean", mean=0.0, variance=0.0, n=100, lowest=-1.0, highest=1.0)
    assert (mine.low, mine.high) == pytest.approx((-(1 - 0.05**0.01), 1 - 0.05**0.01), rel=1e-10)


def test_wald_by_hand():
    mine = made("wald_normal", value=1.1, standard_error=0.1, n=500, events=100)
    assert (mine.low, mine.high) == pytest.approx(
        (1.1 - 0.16448536269514722, 1.1 + 0.16448536269514722), rel=1e-11
    )


def test_a_census_has_no_uncertainty():
    mine = estimate("failed_expectations", "census", {"value": 3}, confidence=0.95, n=70)
    assert (mine.value, mine.low, mine.high, mine.confidence, mine.n) == (3.0, 3.0, 3.0, 1.0, 70)


counts = st.integers(0, 400)
share = st.floats(0.0, 1.0)


@st.composite
def usable(draw):
    """A method with inputs it accepts."""
    name = draw(st.sampled_from(sorted(set(METHODS) - {"census"})))
    n, m = draw(st.integers(2, 5_000)), draw(st.integers(2, 5_000))
    events, reference = draw(st.integers(0, n)), draw(st.integers(1, m))
    mean, spread = draw(share), draw(share)
    sizes = {"mean": mean, "variance": spread * mean * (3 - mean), "lowest": 0.0, "highest": 3.0}
    other = 0.01 + draw(share)
    reference_sizes = {
        "reference_mean": other,
        "reference_variance": draw(share) * other * (3 - other),
        "reference_lowest": 0.0,
        "reference_highest": 3.0,
    }
    joint = 2 * draw(share) - 1
    paired = {
        **{name: value for name, value in (sizes | reference_sizes).items() if "lowest" not in name},
        "covariance": joint * math.sqrt(sizes["variance"] * reference_sizes["reference_variance"]),
        "apart": 0.5 + draw(share),
        "n": n,
    }
    return name, {
        "clopper_pearson": {"events": events, "n": n},
        "melded_ratio": two_groups(events, n, reference, m),
        "melded_difference": two_groups(events, n, reference, m),
        "newcombe_paired": {
            "both_right": n,
            "only_candidate": draw(counts),
            "only_reference": draw(counts),
            "both_wrong": draw(counts),
        },
        "delong_newcombe": {
            "auc": mean,
            "positive_variance": spread * mean * (1 - mean),
            "negative_variance": draw(share) * mean * (1 - mean),
            "positives": n,
            "negatives": m,
        },
        "paired_delong": {
            "difference": 2 * mean - 1,
            "positive_variance": 4 * spread * mean * (1 - mean),
            "negative_variance": 4 * draw(share) * mean * (1 - mean),
            "positives": n,
            "negatives": m,
        },
        "student_mean": {
            "mean": 2 * mean - 1,
            "variance": 4 * spread * mean * (1 - mean),
            "n": n,
            "lowest": -1.0,
            "highest": 1.0,
        },
        "wald_normal": {
            "value": 10 * mean - 5,
            "standard_error": spread + 1e-6,
            "n": n + 2,
            "events": events,
        },
        "macro_share": {
            "mean": mean,
            "variance": spread * mean * (1 - mean) * (1 + m / 1_000),
            "n": n,
            "weight": 1.0 + m / 1_000,
            "smallest": min(n, m),
        },
        "root_mean": {**sizes, "n": n},
        "mean_difference": {**sizes, "n": n, **reference_sizes, "reference_n": m},
        "mean_ratio": {**sizes, "n": n, **reference_sizes, "reference_n": m},
        "paired_ratio": paired,
        "explained_share": paired,
    }[name]


def below(bounds):
    return -math.inf if bounds.low is None else bounds.low


def above(bounds):
    return math.inf if bounds.high is None else bounds.high


def width(bounds):
    return math.inf if bounds.low is None or bounds.high is None else bounds.high - bounds.low


@settings(max_examples=300, deadline=None)
@given(usable())
def test_bounds_hold_the_value_widen_with_confidence_and_follow_from_the_inputs(case):
    name, inputs = case
    found = estimate("metric", name, inputs, confidence=0.95)
    assert found.is_evaluable
    assert below(found) <= found.value <= above(found)
    wider, narrower = bounds_at(found, 0.99), bounds_at(found, 0.75)
    assert below(wider) <= below(found) <= below(narrower)
    assert above(narrower) <= above(found) <= above(wider)
    assert follows_from_inputs(found)
    assert found.n == METHODS[name].rows(found.inputs)


@settings(max_examples=150, deadline=None)
@given(usable(), st.floats(1.5, 64.0))
def test_more_rows_at_the_same_rates_never_widen_the_interval(case, factor):
    name, inputs = case
    method = METHODS[name]
    grown = method.scaled(inputs, factor)
    assert method.value(grown) == pytest.approx(method.value(inputs), rel=1e-9, abs=1e-12)
    before, after = width(method.bounds(inputs, 0.95)), width(method.bounds(grown, 0.95))
    assert after <= before * (1 + 1e-9) + 1e-9
    assert method.size(grown).rows >= method.size(inputs).rows


@pytest.mark.parametrize("factor", [2.0**10, 2.0**24])
def test_planning_for_very_many_rows_stays_finite(factor):
    cases = {
        "clopper_pearson": {"events": 300, "n": 1_000},
        "melded_ratio": two_groups(300, 1_000_000, 40, 100),
        "melded_difference": two_groups(300, 1_000_000, 40, 100),
        "delong_newcombe": {
            "auc": 0.8,
            "positive_variance": 0.05,
            "negative_variance": 0.04,
            "positives": 10_000,
            "negatives": 500_000,
        },
        "student_mean": {"mean": 0.01, "variance": 0.1, "n": 10_000, "lowest": -1.0, "highest": 1.0},
    }
    for name, inputs in cases.items():
        bounds = METHODS[name].bounds(METHODS[name].scaled(inputs, factor), 0.95)
        assert 0 < width(bounds) < 0.2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_number_that_is_not_finite_is_never_evaluable(name, bad):
    for position in range(len(METHODS[name].names)):
        inputs = {key: bad if index == position else 1.0 for index, key in enumerate(METHODS[name].names)}
        found = estimate("metric", name, inputs, confidence=0.95)
        assert not found.is_evaluable
        assert "finite" in found.problem


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("clopper_pearson", {"events": 0, "n": 0}, "no rows"),
        ("clopper_pearson", {"events": 3, "n": 2}, "not between"),
        ("clopper_pearson", {"events": -1, "n": 2}, "not between"),
        ("melded_ratio", two_groups(1, 2, 0, 5), "undefined"),
        ("melded_ratio", two_groups(0, 0, 2, 5), "no rows"),
        ("melded_difference", two_groups(6, 5, 2, 5), "not between"),
        (
            "newcombe_paired",
            {"both_right": 0, "only_candidate": 0, "only_reference": 0, "both_wrong": 0},
            "no rows",
        ),
        (
            "newcombe_paired",
            {"both_right": 2, "only_candidate": -1, "only_reference": 0, "both_wrong": 0},
            "negative",
        ),
        (
            "delong_newcombe",
            {"auc": 0.5, "positive_variance": 0, "negative_variance": 0, "positives": 0, "negatives": 9},
            "one class",
        ),
        (
            "delong_newcombe",
            {"auc": 1.5, "positive_variance": 0, "negative_variance": 0, "positives": 9, "negatives": 9},
            "between 0 and 1",
        ),
        (
            "paired_delong",
            {
                "difference": 0,
                "positive_variance": -1,
                "negative_variance": 0,
                "positives": 9,
                "negatives": 9,
            },
            "negative",
        ),
        ("student_mean", {"mean": 0, "variance": 0, "n": 1, "lowest": -1, "highest": 1}, "single row"),
        ("student_mean", {"mean": 2, "variance": 0, "n": 9, "lowest": -1, "highest": 1}, "range"),
        ("wald_normal", {"value": 1, "standard_error": 0, "n": 9, "events": 3}, "not determined"),
    ],
)
def test_impossible_inputs_are_not_evaluable_with_a_reason(name, inputs, words):
    found = estimate("metric", name, inputs, confidence=0.95, cohort={"sex": None})
    assert found.value is None
    assert words in found.problem
    assert found.cohort == {"sex": None}


def test_inputs_of_another_method_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="takes events, n"):
        made("clopper_pearson", value=1)


def test_a_changed_value_bound_input_or_method_does_not_follow_from_the_inputs():
    found = made("clopper_pearson", events=30, n=100)
    assert follows_from_inputs(found)
    for tampered in (
        replace(found, value=0.31),
        replace(found, low=found.low + 1e-6),
        replace(found, high=None),
        replace(found, inputs={"events": 31.0, "n": 100.0}),
        replace(found, inputs={"events": 300.0, "n": 100.0}),
        replace(found, inputs={}),
        replace(found, method="census"),
        replace(found, method="unheard_of"),
        replace(found, confidence=0.9),
        replace(found, confidence=0.3),
        replace(found, problem="broken"),
    ):
        assert not follows_from_inputs(tampered)


def test_an_estimate_without_value_must_say_why_and_have_no_bounds():
    found = made("clopper_pearson", events=0, n=0)
    assert follows_from_inputs(found)
    assert not follows_from_inputs(replace(found, low=0.9))
    assert not follows_from_inputs(replace(found, problem=None))


def test_bounds_of_what_was_not_evaluated_clear_no_limit():
    assert bounds_at(made("clopper_pearson", events=0, n=0), 0.9) == Bounds(None, None)


def test_inputs_are_rounded_before_the_bounds_are_computed():
    noisy = made("student_mean", mean=0.1 + 1e-16, variance=0.01 + 3e-17, n=50, lowest=0.0, highest=1.0)
    clean = made("student_mean", mean=0.1, variance=0.01, n=50, lowest=0.0, highest=1.0)
    assert noisy == clean


def test_sizes_are_those_of_the_smallest_cell():
    size = {name: METHODS[name].size for name in METHODS}
    assert size["clopper_pearson"]({"events": 90, "n": 100}) == Size(100, 10)
    assert size["melded_ratio"](two_groups(8, 20, 72, 180)) == Size(20, 8)
    assert size["melded_difference"](two_groups(16, 20, 144, 180)) == Size(20, pytest.approx(4))
    ranks = {"positive_variance": 0, "negative_variance": 0, "positives": 15, "negatives": 400}
    assert size["delong_newcombe"]({"auc": 0.5, **ranks}) == Size(15, 15)
