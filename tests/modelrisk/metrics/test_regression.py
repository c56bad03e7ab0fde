import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrisk.metrics import comparison, fairness, intervals, regression
from modelrisk.metrics.regression import BEYOND_SEEN, TrainingTarget

TRAINING = TrainingTarget(median=95.0, sd=28.0)


@dataclass(frozen=True)
class Case:
    """Seeded predictions of an imperfect regression."""

    y: np.ndarray
    answer: np.ndarray
    sex: np.ndarray

    def at(self, rows):
        return Case(self.y[rows], self.answer[rows], self.sex[rows])

    def times(self, factor, plus=0.0):
        return Case(self.y * factor + plus, self.answer * factor + plus, self.sex)


def case(n=1_000, seed=6, noise=12.0):
    rng = np.random.default_rng(seed)
    signal = 100.0 + 25.0 * rng.normal(size=n)
    y = signal + noise * rng.standard_t(4, size=n)
    sex = rng.choice(np.array(["F", "M", None], dtype=object), n, p=[0.4, 0.55, 0.05])
    return Case(y, 3.0 + 0.95 * signal, sex)


def predictions(engine, data):
    return engine.register(
        pa.table(
            {
                "row": pa.array(range(len(data.y)), pa.int64()),
                "label": pa.array(data.y, pa.float64()),
                "prediction": pa.array(data.answer, pa.float64()),
                "cohort:sex": pa.array(list(data.sex), pa.string()),
            }
        )
    )


def measured(engine, data, training=TRAINING):
    return regression.measured(predictions(engine, data), run=engine.run, training=training)


def found(engine, data, training=TRAINING):
    made = regression.estimates(measured(engine, data, training), confidence=0.95)
    indexed = {(e.metric, e.cohort.get("sex", "all")): e for e in made}
    assert len(indexed) == len(made)
    return indexed


def between_groups(engine, data, reference=None):
    made = fairness.regression_estimates(measured(engine, data), confidence=0.95, reference=reference)
    return {(e.metric, e.group): e for e in made}


def compared(engine, candidate, champion):
    tables = (
        each if not isinstance(each, Case) else predictions(engine, each) for each in (candidate, champion)
    )
    return comparison.compared_regression(*tables, run=engine.run, confidence=0.95)


def test_every_number_agrees_with_scikit_learn(engine):
    from sklearn import metrics

    data = case()
    made = found(engine, data)
    for group in ("all", "F", "M", None):
        here = np.full(len(data.y), fill_value=True) if group == "all" else data.sex == group
        y, answer = data.y[here], data.answer[here]
        gain = np.abs(y - 95.0) - np.abs(y - answer)
        expected = {
            "mae": metrics.mean_absolute_error(y, answer),
            "rmse": metrics.root_mean_squared_error(y, answer),
            "mean_error": (answer - y).mean(),
            "standardised_mean_error": (answer - y).mean() / 28.0,
            "absolute_error_gain": gain.mean(),
        }
        if group == "all":
            expected["r_squared"] = metrics.r2_score(y, answer)
        for metric, value in expected.items():
            assert made[metric, group].value == pytest.approx(value, rel=1e-9), (metric, group)
        spreads = {
            "mae": np.abs(answer - y),
            "rmse": (answer - y) ** 2,
            "mean_error": answer - y,
            "standardised_mean_error": (answer - y) / 28.0,
            "absolute_error_gain": gain,
        }
        for metric, values in spreads.items():
            assert made[metric, group].inputs["variance"] == pytest.approx(values.var(ddof=1), rel=1e-9)
    assert all(intervals.follows_from_inputs(each) for each in made.values())


def test_the_explained_share_of_a_group_is_measured_against_the_mean_of_all_rows(engine):
    data = case()
    here = data.sex == "F"
    made = found(engine, data)["r_squared", "F"]
    y, answer = data.y[here], data.answer[here]
    square, spread = (y - answer) ** 2, (y - data.y.mean()) ** 2
    assert made.value == pytest.approx(1 - square.sum() / spread.sum(), rel=1e-9)
    assert made.inputs["covariance"] == pytest.approx(np.cov(square, spread)[0, 1], rel=1e-9)
    assert made.inputs["apart"] == pytest.approx(BEYOND_SEEN * np.abs(square - spread).max(), rel=1e-9)


def test_four_rows_by_hand(engine):
    data = Case(
        np.array([1.0, 2, 3, 6]), np.array([2.0, 2, 1, 6]), np.array(["F", "F", "M", "M"], dtype=object)
    )
    made = found(engine, data, TrainingTarget(median=2.0, sd=0.5))
    one = {metric: each for (metric, group), each in made.items() if group == "all"}
    assert one["mae"].value == pytest.approx(3 / 4)
    assert one["rmse"].value == pytest.approx(math.sqrt(5 / 4))
    assert one["mean_error"].value == pytest.approx(-1 / 4)
    assert one["standardised_mean_error"].value == pytest.approx(-1 / 2)
    assert one["r_squared"].value == pytest.approx(1 - 5 / 14)
    # |y - 2| = 1, 0, 1, 4 and the errors 1, 0, 2, 0; no answer is further from 2 than 4.
    assert one["absolute_error_gain"].value == pytest.approx(3 / 4)
    assert (one["absolute_error_gain"].inputs["lowest"], one["absolute_error_gain"].inputs["highest"]) == (
        -6,
        6,
    )
    assert (one["mae"].inputs["lowest"], one["mae"].inputs["highest"]) == (0, 3)
    assert (one["mean_error"].inputs["lowest"], one["mean_error"].inputs["highest"]) == (-3, 3)
    assert one["rmse"].inputs["highest"] == 9


def test_the_root_mean_square_is_the_root_of_its_own_limits_by_hand(engine):
    made = found(engine, case())["rmse", "all"]
    squares = intervals.METHODS["student_mean"].bounds(made.inputs, 0.95)
    assert (made.low, made.high) == pytest.approx((math.sqrt(squares.low), math.sqrt(squares.high)), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, -1e6, 1e9])
def test_far_off_zero_no_digit_that_the_data_has_is_lost(engine, shift):
    """Labels and answers in whole numbers, so that moving them by a billion rounds nothing away."""
    whole = case(500)
    plain = Case(np.round(whole.y), np.round(whole.answer), whole.sex)
    moved = plain.times(1.0, shift)
    near, far = (
        found(engine, each, TrainingTarget(median, 28.0))
        for each, median in ((plain, 95.0), (moved, 95.0 + shift))
    )
    for key, each in near.items():
        assert far[key].value == pytest.approx(each.value, rel=1e-9, abs=1e-11), key
        assert (far[key].low, far[key].high) == pytest.approx((each.low, each.high), rel=1e-8, abs=1e-10), key


def test_outliers_of_a_trillion_leave_the_bounded_gain_and_widen_the_rest(engine):
    data = case(400)
    wild = Case(np.r_[data.y[:-1], 1e12], data.answer, data.sex)
    made, plain = found(engine, wild), found(engine, data)
    mean = np.abs(wild.answer - wild.y).mean()
    assert made["mae", "all"].value == pytest.approx(mean, rel=1e-9)
    assert made["mae", "all"].high > 3 * mean
    assert made["rmse", "all"].is_evaluable
    assert made["mean_error", "all"].low < made["mean_error", "all"].value < 0
    assert abs(made["r_squared", "all"].value) < 0.01
    gain, usual = made["absolute_error_gain", "all"], plain["absolute_error_gain", "all"]
    assert (
        gain.inputs["highest"]
        == usual.inputs["highest"]
        == pytest.approx(BEYOND_SEEN * np.abs(data.answer - 95).max())
    )
    assert gain.value == pytest.approx(usual.value, abs=0.5)


@pytest.mark.parametrize("value", [0.0, -7.5, 1e12])
def test_a_constant_target_has_no_share_to_explain(engine, value):
    data = case(60)
    constant = Case(np.full(60, value), value + data.answer - 100.0, data.sex)
    made = found(engine, constant, TrainingTarget(median=value, sd=0.0))
    assert "every label is the same" in made["r_squared", "all"].problem
    assert "constant" in made["standardised_mean_error", "all"].problem
    assert made["mae", "all"].value == pytest.approx(np.abs(data.answer - 100.0).mean(), rel=1e-4)
    assert made["absolute_error_gain", "all"].high < 0


def test_negative_targets_are_targets_like_others(engine):
    plain, mirrored = found(engine, case()), found(engine, case().times(-1.0), TrainingTarget(-95.0, 28.0))
    for key, each in plain.items():
        sign = -1 if "mean_error" in key[0] else 1
        low, high = (each.low, each.high) if sign > 0 else (-each.high, -each.low)
        assert mirrored[key].value == pytest.approx(sign * each.value, rel=1e-9)
        assert (mirrored[key].low, mirrored[key].high) == pytest.approx((low, high), rel=1e-8)


def test_a_perfect_model_is_measured_and_nothing_is_said_of_rows_not_seen(engine):
    data = case(200)
    perfect = Case(data.y, data.y, data.sex)
    made = found(engine, perfect)
    for metric in ("mae", "rmse", "mean_error", "standardised_mean_error"):
        assert made[metric, "all"].value == 0.0
        assert (made[metric, "all"].low, made[metric, "all"].high) == (None, None)
    assert made["r_squared", "all"].value == 1.0
    assert made["absolute_error_gain", "all"].low > 0
    assert all(
        "no error at all" in each.problem
        for (m, _), each in between_groups(engine, perfect).items()
        if m == "mae_ratio"
    )


def test_a_model_that_always_answers_the_median_gains_nothing(engine):
    data = case(200)
    made = found(engine, Case(data.y, np.full(200, 95.0), data.sex))["absolute_error_gain", "all"]
    assert (made.value, made.low, made.high) == (0.0, None, None)


def test_errors_of_the_same_size_on_every_row_keep_a_width(engine):
    data = case(200)
    made = found(engine, Case(np.round(data.y), np.round(data.y) + 2.0, data.sex))
    assert made["mae", "all"].low < 2.0 < made["mae", "all"].high <= 3.0
    assert made["mean_error", "all"].low < 2.0 < made["mean_error", "all"].high <= 3.0


@pytest.mark.parametrize(
    ("label", "answer", "words"),
    [
        ([None, 1.0, 2.0], [1.0, 1.0, 1.0], "1 of 3 rows have no finite label"),
        ([math.nan, 1.0, 2.0], [1.0, 1.0, 1.0], "1 of 3 rows have no finite label"),
        ([math.inf, -math.inf, 2.0], [1.0, 1.0, 1.0], "2 of 3 rows have no finite label"),
        ([0.0, 1.0, 2.0], [None, 1.0, 1.0], "1 of 3 rows have no finite prediction"),
        ([0.0, 1.0, 2.0], [math.nan, math.inf, -math.inf], "3 of 3 rows have no finite prediction"),
        ([], [], "empty"),
    ],
)
def test_what_is_no_number_is_not_evaluable_and_says_where(engine, label, answer, words):
    data = Case(label, answer, ["F"] * len(label))
    for each in (*found(engine, data).values(), *between_groups(engine, data).values()):
        assert each.value is None
        assert words in each.problem


@pytest.mark.parametrize("wild", [1e100, 1e160, 1.7e308])
def test_numbers_whose_squares_are_none_are_not_evaluable_and_stop_nothing(engine, wild):
    data = case(50)
    made = found(engine, Case(np.r_[data.y[:-1], wild], data.answer, data.sex))
    assert "not a finite number" in made["rmse", "all"].problem
    assert "not a finite number" in made["r_squared", "all"].problem
    assert made["absolute_error_gain", "all"].is_evaluable


def test_one_row_is_measured_and_nothing_is_inferred_from_it(engine):
    made = found(engine, case().at([0]))
    assert "single row" in made["mae", "all"].problem
    assert "every label is the same" in made["r_squared", "all"].problem


def test_without_the_training_data_there_is_neither_scale_nor_naive_model(engine):
    made = found(engine, case(50), None)
    for metric in ("standardised_mean_error", "absolute_error_gain"):
        assert "data.training" in made[metric, "all"].problem
    assert made["mae", "all"].is_evaluable


def test_measuring_takes_two_scans_and_one_for_each_attribute(engine):
    measured(engine, case(100))
    assert engine.queries == 3


def test_an_attribute_with_a_value_on_every_row_is_no_cohort(engine):
    data = case(1_100)
    many = Case(data.y, data.answer, np.arange(1_100).astype(str).astype(object))
    assert {group for _, group in found(engine, many)} == {"all"}
    assert all("identifier" in each.problem for each in between_groups(engine, many).values())


shapes = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@shapes
@given(st.integers(0, 10_000), st.integers(-40, 40))
def test_other_units_change_the_units_and_nothing_else(engine, seed, exponent):
    """Powers of two, which round nothing."""
    factor = 2.0**exponent
    data = case(80, seed)
    plain = found(engine, data)
    scaled = found(engine, data.times(factor), TrainingTarget(95.0 * factor, 28.0 * factor))
    for key, each in plain.items():
        unit = 1.0 if key[0] in ("r_squared", "standardised_mean_error") else factor
        assert (scaled[key].value is None) == (each.value is None)  # a group of one row has none
        if each.value is None:
            continue
        assert scaled[key].value == pytest.approx(unit * each.value, rel=1e-9, abs=1e-12 * unit)
        for mine, theirs in ((scaled[key].low, each.low), (scaled[key].high, each.high)):
            assert (mine is None) == (theirs is None)
            # A bound is a root that is searched for: its last digits are those of the search.
            assert mine is None or mine == pytest.approx(unit * theirs, rel=1e-8, abs=1e-9 * unit)
    groups, scaled_groups = between_groups(engine, data), between_groups(engine, data.times(factor))
    for key, each in groups.items():
        unit = 1.0 if key[0] == "mae_ratio" else factor
        assert (scaled_groups[key].low is None) == (each.low is None)
        if each.low is None:
            continue
        assert scaled_groups[key].low == pytest.approx(unit * each.low, rel=1e-7, abs=1e-9 * unit)


@shapes
@given(st.integers(0, 10_000))
def test_the_order_of_the_rows_does_not_matter(engine, seed):
    data = case(150, seed)
    order = np.random.default_rng(seed).permutation(150)
    plain, other = found(engine, data), found(engine, data.at(order))
    for key, each in plain.items():
        # R squared is about the mean label of all rows, whose last digits follow the order where one label
        # is wild; in a group of a few rows near that mean they show.
        digits = 1e-9 if key[0] == "r_squared" else 1e-11
        assert (other[key].value is None) == (each.value is None)
        if each.value is None:
            continue
        assert other[key].value == pytest.approx(each.value, rel=digits, abs=1e-12)
        for mine, theirs in ((other[key].low, each.low), (other[key].high, each.high)):
            assert (mine is None) == (theirs is None)
            assert mine is None or mine == pytest.approx(theirs, rel=1e-9, abs=1e-11)


# --- tables ----------------------------------------------------------------------------------------------


def test_quantiles_of_the_errors_agree_with_numpy(engine):
    data = case()
    table = regression.error_quantiles(predictions(engine, data), run=engine.run)
    expected = np.quantile(data.answer - data.y, regression.QUANTILES)
    assert [row["error"] for row in table] == pytest.approx(list(expected), rel=1e-9)


def test_tenths_of_the_predictions_are_equal_and_add_up(engine):
    data = case()
    table = regression.errors_by_decile(predictions(engine, data), run=engine.run)
    assert [row["bin"] for row in table] == list(range(1, 11))
    assert {row["n"] for row in table} == {100}
    lowest = np.argsort(data.answer)[:100]
    assert table[0]["mae"] == pytest.approx(np.abs(data.answer - data.y)[lowest].mean(), rel=1e-9)
    assert table[0]["mean_label"] == pytest.approx(data.y[lowest].mean(), rel=1e-9)
    assert sum(row["mae"] for row in table) / 10 == pytest.approx(
        np.abs(data.answer - data.y).mean(), rel=1e-9
    )


def test_without_finite_numbers_there_are_no_quantiles(engine):
    data = Case([1.0, 2.0], [math.nan, math.nan], ["F", "M"])
    assert regression.error_quantiles(predictions(engine, data), run=engine.run) == ()


# --- between groups --------------------------------------------------------------------------------------


def test_groups_agree_with_fairlearn(engine):
    from fairlearn.metrics import MetricFrame
    from sklearn.metrics import mean_absolute_error

    data = case()
    frame = MetricFrame(
        metrics={"mae": mean_absolute_error, "bias": lambda y, answer: (answer - y).mean()},
        y_true=data.y,
        y_pred=data.answer,
        sensitive_features=[group or "(missing)" for group in data.sex],
    ).by_group
    made = between_groups(engine, data)
    assert {group for _, group in made} == {"F", "(missing)"}
    for (metric, group), each in made.items():
        assert each.reference == "M"
        expected = {
            "mae_ratio": frame["mae"][group] / frame["mae"]["M"],
            "mae_difference": frame["mae"][group] - frame["mae"]["M"],
            "mean_error_difference": frame["bias"][group] - frame["bias"]["M"],
        }[metric]
        assert each.value == pytest.approx(expected, rel=1e-9)
        assert intervals.follows_from_inputs(each)


def test_a_difference_of_many_rows_is_welchs_by_scipy(engine):
    """With 100,000 rows a worst-case row weighs next to nothing: Welch's interval is what is left."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(2)
    n = 100_000
    sex = np.repeat(np.array(["F", "M"], dtype=object), [n // 4, 3 * n // 4])
    error = np.where(sex == "F", 1.5, 1.0) * rng.normal(size=n) + 0.1
    data = Case(np.zeros(n), error, sex)
    made = between_groups(engine, data)["mean_error_difference", "F"]
    theirs = ttest_ind(error[sex == "F"], error[sex == "M"], equal_var=False).confidence_interval(0.90)
    assert made.low <= theirs.low
    assert made.high >= theirs.high
    assert (made.low, made.high) == pytest.approx((theirs.low, theirs.high), abs=1e-3)


def test_a_ratio_the_other_way_round_is_the_inverse(engine):
    data = case()
    one, other = between_groups(engine, data, {"sex": "M"}), between_groups(engine, data, {"sex": "F"})
    ratio, inverse = one["mae_ratio", "F"], other["mae_ratio", "M"]
    assert (1 / inverse.value, 1 / inverse.high, 1 / inverse.low) == pytest.approx(
        (ratio.value, ratio.low, ratio.high), rel=1e-6
    )
    difference, minus = one["mae_difference", "F"], other["mae_difference", "M"]
    assert (-minus.value, -minus.high) == pytest.approx((difference.value, difference.low), rel=1e-6)


def test_a_group_of_one_row_is_not_compared_and_says_so(engine):
    data = case(100)
    made = between_groups(engine, Case(data.y, data.answer, np.array(["F"] + ["M"] * 99, dtype=object)))
    assert all("sex = F has a single row" in each.problem for each in made.values())


# --- against the champion --------------------------------------------------------------------------------


def test_a_comparison_with_the_champion_agrees_with_numpy_and_scipy(engine):
    from scipy.stats import ttest_rel

    data = case(100_000)
    rng = np.random.default_rng(3)
    champion = Case(data.y, data.answer + 3.0 * rng.normal(size=100_000), data.sex)
    ratio, difference = compared(engine, data, predictions(engine, champion).order_by("prediction")).estimates
    mine, theirs = np.abs(data.answer - data.y), np.abs(champion.answer - data.y)
    assert ratio.value == pytest.approx(mine.mean() / theirs.mean(), rel=1e-9)
    assert ratio.inputs["covariance"] == pytest.approx(np.cov(mine, theirs)[0, 1], rel=1e-9)
    assert ratio.inputs["apart"] == pytest.approx(BEYOND_SEEN * np.abs(data.answer - champion.answer).max())
    assert difference.value == pytest.approx((mine - theirs).mean(), rel=1e-9)
    paired = ttest_rel(mine, theirs).confidence_interval(0.90)
    assert (difference.low, difference.high) == pytest.approx((paired.low, paired.high), abs=2e-3)
    # Fieller's bounds without the worst-case row: the roots of (m - r μ)² = t² (s² - 2 r c + r² σ²)/n.
    t2 = 1.6449**2 / 100_000
    a = theirs.mean() ** 2 - t2 * theirs.var(ddof=1)
    b = mine.mean() * theirs.mean() - t2 * np.cov(mine, theirs)[0, 1]
    c = mine.mean() ** 2 - t2 * mine.var(ddof=1)
    roots = [(b + sign * math.sqrt(b * b - a * c)) / a for sign in (-1, 1)]
    assert (ratio.low, ratio.high) == pytest.approx(roots, abs=2e-4)


def test_the_nearer_model_is_counted_row_by_row(engine):
    data = Case(np.zeros(4), np.array([1.0, 2, 3, 4]), np.array(["F"] * 4, dtype=object))
    found = compared(engine, data, Case(data.y, np.array([2.0, 1, -3, 5]), data.sex))
    assert [row["rows"] for row in found.disagreements] == [2, 1, 1]


@pytest.mark.parametrize(("rows", "settled"), [(100, False), (2_000, True)])
def test_a_model_that_answers_as_the_champion_does_may_still_differ_on_other_rows(engine, rows, settled):
    data = case(rows)
    ratio, difference = compared(engine, data, data).estimates
    assert (ratio.value, difference.value) == (1.0, 0.0)
    assert ratio.low < 1.0 < ratio.high
    assert (ratio.high <= 1.05) is settled
    assert difference.low < 0.0 < difference.high


def test_a_champion_without_error_has_no_ratio(engine):
    data = case(50)
    ratio, difference = compared(engine, data, Case(data.y, data.y, data.sex)).estimates
    assert "0 on every row" in ratio.problem
    assert difference.value > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.filter(t.row != 3), "by the candidate only"),
        (lambda t: t.union(t.filter(t.row == 3)), "row numbers repeat"),
        (lambda t: t.mutate(label=t.label + 1.0), "another label"),
        (lambda t: t.filter(t.row < 0), "by the candidate only"),
    ],
    ids=["a row less", "a row twice", "other labels", "no rows"],
)
def test_other_rows_are_no_comparison(engine, change, words):
    table = predictions(engine, case(60))
    found = compared(engine, table, change(table))
    assert found.disagreements == ()
    for each in found.estimates:
        assert each.value is None
        assert words in each.problem
