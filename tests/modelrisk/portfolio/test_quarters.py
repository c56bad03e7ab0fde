import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.errors import CallerMistake
from modelrisk.portfolio.quarters import Quarter

DAYS = st.dates(datetime.date(1000, 1, 1), datetime.date(9000, 1, 1))


@given(DAYS)
def test_a_day_lies_in_its_quarter_and_quarters_follow_without_gaps(day):
    quarter = Quarter.of(day)
    assert quarter.first_day <= day <= quarter.last_day
    assert quarter.next().first_day - quarter.last_day == datetime.timedelta(days=1)
    assert quarter.next().previous() == quarter
    assert Quarter.named(quarter.name) == quarter


def test_the_last_quarters_end_with_this_one():
    names = [quarter.name for quarter in Quarter(2026, 2).back(4)]
    assert names == ["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]
    assert list(Quarter(2026, 2).back(1)) == [Quarter(2026, 2)]


@pytest.mark.parametrize(
    "name", ["", "2026", "2026Q4", "2026-Q5", "2026-Q0", "26-Q4", "2026-Q4x", "0000-Q1", "9999-Q4"]
)
def test_what_is_no_quarter_is_refused_with_an_example(name):
    with pytest.raises(CallerMistake, match="2026-Q4"):
        Quarter.named(name)


def test_a_leap_year_has_its_day():
    assert Quarter(2028, 1).last_day - Quarter(2028, 1).first_day == datetime.timedelta(days=90)
