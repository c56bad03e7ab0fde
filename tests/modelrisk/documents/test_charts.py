import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.documents import charts
from modelrisk.estimates import Estimate, not_evaluable

NUMBERS = st.floats(-1e6, 1e6)


def estimate(value: float, low: float | None, high: float | None, metric: str = "auc") -> Estimate:
    return Estimate(metric, value, low, high, 0.95, 100, "clopper_pearson")


@given(low=NUMBERS, value=NUMBERS, high=NUMBERS, floor=st.none() | NUMBERS)
def test_marks_stay_inside_and_in_order(low, value, high, floor):
    low, value, high = sorted((low, value, high))
    one = estimate(value, low, high)
    drawn = charts.strip(one, charts.axis_for([one], floor=floor), floor=floor)
    assert drawn is not None
    assert 0 <= drawn.start <= drawn.dot <= drawn.end <= 100
    assert all(0 <= limit <= 100 for limit in drawn.limits)


def test_equal_factors_are_equal_distances_for_ratios():
    axis = charts.axis_for([estimate(1.0, 0.5, 2.0, "selection_rate_ratio")])
    assert axis is not None
    assert axis.position(1.0) - axis.position(0.5) == pytest.approx(axis.position(2.0) - axis.position(1.0))


def test_an_unbounded_end_runs_to_the_edge():
    one = estimate(1.2, None, 1.5)
    drawn = charts.strip(one, charts.axis_for([one]))
    assert drawn is not None
    assert drawn.opens_left
    assert drawn.start == 0


def test_the_band_is_what_the_limits_admit():
    one = estimate(0.8, 0.7, 0.9)
    drawn = charts.strip(one, charts.Axis(0, 1), floor=0.75)
    assert drawn is not None
    assert drawn.band_start == charts.Axis(0, 1).position(0.75)
    assert drawn.band_end == 100


def test_what_has_no_value_is_not_drawn():
    broken = not_evaluable("auc", "one class")
    assert charts.axis_for([broken]) is None
    assert charts.strip(broken, charts.Axis(0, 1)) is None


def test_a_bin_without_numbers_is_left_out_of_the_curve():
    table = (
        {"mean_score": 0.9, "observed_rate": 0.8, "n": 10},
        {"mean_score": float("nan"), "observed_rate": 0.5, "n": 10},
        {"mean_score": "0.5", "observed_rate": 0.5, "n": 10},
        {"mean_score": 0.1, "observed_rate": 0.2, "n": 40, "low": 0.1, "high": 0.3},
    )
    points = charts.reliability_curve(table)
    assert [point.predicted for point in points] == [0.1, 0.9]
    assert points[0].radius > points[1].radius
    assert points[0].y_high is not None
    assert points[1].y_low is None
