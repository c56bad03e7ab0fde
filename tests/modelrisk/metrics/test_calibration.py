import math

import numpy as np
import pytest

from modelrisk.metrics import calibration, intervals


def fits(engine, columns):
    found = calibration.estimates(engine.table(columns), run=engine.run, positive="1", confidence=0.95)
    return {estimate.metric: estimate for estimate in found}


def columns_of(y, score):
    labels = [str(int(v)) for v in y]
    return {"row": range(len(y)), "label": labels, "prediction": labels, "score": [float(v) for v in score]}


@pytest.mark.parametrize(("seed", "sharpness"), [(1, 1.0), (2, 2.5), (3, 0.4), (4, -0.7)])
def test_slope_and_intercept_agree_with_statsmodels(engine, seed, sharpness):
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1.2, 3_000)
    y = (rng.random(3_000) < 1 / (1 + np.exp(-x))).astype(int)
    score = 1 / (1 + np.exp(-(sharpness * x + 0.3)))
    logit = np.log(score / (1 - score))
    slope = sm.Logit(y, sm.add_constant(logit)).fit(disp=0, tol=1e-14)
    intercept = sm.GLM(y, np.ones((3_000, 1)), family=sm.families.Binomial(), offset=logit).fit(tol=1e-14)
    found = fits(engine, columns_of(y, score))
    assert found["calibration_slope"].value == pytest.approx(slope.params[1], rel=1e-9)
    assert found["calibration_slope"].inputs["standard_error"] == pytest.approx(slope.bse[1], rel=1e-7)
    assert found["calibration_intercept"].value == pytest.approx(intercept.params[0], rel=1e-9)
    assert found["calibration_intercept"].inputs["standard_error"] == pytest.approx(
        intercept.bse[0], rel=1e-7
    )
    assert all(intervals.follows_from_inputs(estimate) for estimate in found.values())


def test_a_hand_computed_intercept(engine):
    """A constant score of 0.5 with 3 of 4 positive: the offset is 0 and the intercept logit(3/4) = log 3."""
    found = fits(engine, columns_of([1, 1, 1, 0], [0.5] * 4))
    assert found["calibration_intercept"].value == pytest.approx(math.log(3), rel=1e-11)
    assert found["calibration_intercept"].inputs["standard_error"] == pytest.approx(
        (4 * 3 / 16) ** -0.5, rel=1e-11
    )
    assert "same on every row" in found["calibration_slope"].problem


def test_overlap_at_one_score_only_still_has_no_finite_slope(engine):
    found = fits(engine, columns_of([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.5, 0.5, 0.7, 0.8]))
    assert "separate" in found["calibration_slope"].problem


def test_perfect_separation_has_no_finite_slope(engine):
    found = fits(engine, columns_of([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20))
    assert "separate the classes perfectly" in found["calibration_slope"].problem
    assert found["calibration_intercept"].value == pytest.approx(0.0, abs=1e-9)


def test_perfect_scores_of_zero_and_one_are_not_evaluable(engine):
    found = fits(engine, columns_of([0] * 20 + [1] * 20, [0.0] * 20 + [1.0] * 20))
    assert found["calibration_slope"].value is None


def test_scores_of_zero_and_one_that_are_sometimes_wrong_are_clipped_and_fitted(engine):
    y = [0] * 20 + [1] * 20
    score = [0.0] * 19 + [1.0] + [1.0] * 18 + [0.0] * 2
    found = fits(engine, columns_of(y, score))
    low, high = 1e-12, 1 - 1e-12
    width = math.log(high / (1 - high)) - math.log(low / (1 - low))
    expected = (math.log(18 / 1) - math.log(2 / 19)) / width
    assert found["calibration_slope"].value == pytest.approx(expected, rel=1e-9)


def test_one_class_is_not_evaluable(engine):
    for label in (0, 1):
        found = fits(engine, columns_of([label] * 10, np.linspace(0.1, 0.9, 10)))
        assert all("one class" in estimate.problem for estimate in found.values())


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 1.2, -0.1])
def test_scores_that_are_not_probabilities_are_not_evaluable(engine, bad):
    found = fits(engine, {**columns_of([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), "score": [0.1, 0.2, 0.3, bad]})
    assert all(estimate.value is None and estimate.problem for estimate in found.values())


def test_an_empty_table_is_not_evaluable(engine):
    assert all(estimate.value is None for estimate in fits(engine, columns_of([], [])).values())


def test_the_same_data_gives_the_same_digits_in_any_row_order(engine, sample):
    data = sample()
    order = np.random.default_rng(5).permutation(len(data.y))
    assert fits(engine, columns_of(data.y, data.score)) == fits(
        engine, columns_of(data.y[order], data.score[order])
    )


def curve(engine, y, score, bins=10):
    table = engine.table(columns_of(y, score))
    return calibration.reliability_curve(table, run=engine.run, positive="1", confidence=0.95, bins=bins)


def test_the_reliability_curve_has_equal_bins_that_add_up(engine, sample):
    data = sample()
    found = curve(engine, data.y, data.score)
    assert len(found) == 10
    assert {row["n"] for row in found} == {200}
    lowest = np.argsort(data.score)[:200]
    assert found[0]["mean_score"] == pytest.approx(data.score[lowest].mean(), rel=1e-9)
    assert found[0]["observed_rate"] == pytest.approx(data.y[lowest].mean())
    assert all(row["low"] <= row["observed_rate"] <= row["high"] for row in found)


def test_ties_stay_in_one_bin_of_the_reliability_curve(engine):
    found = curve(engine, [0, 1] * 50, [0.2] * 90 + [0.8] * 10)
    assert [row["n"] for row in found] == [90, 10]


def test_without_scores_there_is_no_reliability_curve(engine):
    assert curve(engine, [0, 1], [0.5, math.nan]) == ()


def summed(rows):
    made = calibration.summary(tuple({"n": n, "mean_score": s, "observed_rate": r} for n, s, r in rows))
    return {row["measure"].split(" (")[0]: row["value"] for row in made}


def test_the_expected_calibration_error_by_hand():
    """Bins of 60 and 40 rows, 10 points too low and 20 too high; chance takes r(1 - r)/(n - 1) off."""
    found = summed([(60, 0.3, 0.4), (40, 0.9, 0.7)])
    assert found["expected calibration error"] == pytest.approx(0.6 * 0.1 + 0.4 * 0.2)
    assert found["largest calibration error"] == pytest.approx(0.2)
    square = 0.6 * (0.01 - 0.4 * 0.6 / 59) + 0.4 * (0.04 - 0.7 * 0.3 / 39)
    assert found["debiased"] == pytest.approx(math.sqrt(square))


def test_what_chance_alone_gives_is_taken_off_so_that_a_calibrated_model_shows_none():
    """Ten bins of 20 rows: the plain error is 7 points for nothing, the debiased square 0 on average."""
    rng = np.random.default_rng(4)
    scores = np.linspace(0.05, 0.95, 10)
    plain, squares = [], []
    for _ in range(2_000):
        rates = rng.binomial(20, scores) / 20
        found = summed([(20, s, r) for s, r in zip(scores, rates, strict=True)])
        plain.append(found["expected calibration error"])
        squares.append(np.mean((scores - rates) ** 2 - rates * (1 - rates) / 19))
        assert found["debiased"] == pytest.approx(math.sqrt(max(squares[-1], 0.0)), abs=1e-9)
    assert np.mean(plain) > 0.06
    assert np.mean(squares) == pytest.approx(0.0, abs=4 * np.std(squares) / math.sqrt(2_000))


def test_an_empty_curve_has_no_summary():
    assert calibration.summary(()) == ()
