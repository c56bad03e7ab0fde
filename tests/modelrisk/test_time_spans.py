"""First and last times of columns of any kind, by the real engine."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from modelrisk.time_spans import TimeSpan, has_days, seconds, time_span
from resources.datasets import Datasets

TODAY = date(2026, 11, 26)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    made = Datasets(tmp_path_factory.mktemp("work"), memory_limit="256MB", threads=1)
    yield made
    made.close()


def span_of(datasets: Datasets, folder: Path, values: list[Any]) -> TimeSpan:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"t": values}), folder / "t.parquet")
    with datasets.table(folder / "t.parquet") as rows:
        return time_span(datasets.run, rows, "t")


@pytest.mark.parametrize(
    ("values", "oldest", "newest", "unreadable", "age"),
    [
        ([date(2026, 11, 20), None, date(2025, 1, 1)], "2025-01-01", "2026-11-20", 0, 6),
        ([datetime(2026, 11, 25, 23, 59, tzinfo=UTC)], "2026-11-25", "2026-11-25", 0, 1),
        ([datetime(2026, 11, 27, tzinfo=UTC)], "2026-11-27", "2026-11-27", 0, -1),
        (["2026-11-26", "soon", "", None, "1969-12-31"], "1969-12-31", "2026-11-26", 2, 0),
        (["spring", "summer"], None, None, 2, None),
        ([1980, 1987, None], "1980", "1987", 0, None),
        ([0.5, float("inf"), float("nan")], "0.5", "0.5", 1, None),
        ([None, None], None, None, 0, None),
    ],
)
def test_a_span_is_days_of_dates_and_numbers_of_numbers(
    datasets: Datasets,
    tmp_path: Path,
    values: list[Any],
    oldest: str | None,
    newest: str | None,
    unreadable: int,
    age: int | None,
):
    span = span_of(datasets, tmp_path, values)
    assert (span.shown(span.oldest), span.shown(span.newest)) == (oldest, newest)
    assert (span.unreadable, span.age(TODAY)) == (unreadable, age)


def test_spans_of_another_kind_are_not_compared():
    dated, numbered = TimeSpan(0, 1, 0, is_dated=True), TimeSpan(0, 1, 0, is_dated=False)
    assert [dated.fits(dtype) for dtype in ("date", "timestamp(6)", "string", "int64")] == [True] * 3 + [
        False
    ]
    assert [numbered.fits(dtype) for dtype in ("date", "int64", "float64")] == [False, True, True]


def test_times_beyond_the_calendar_are_shown_as_numbers():
    span = TimeSpan(-1e15, 1e15, 0, is_dated=True)
    assert span.age(TODAY) is None
    assert span.shown(span.newest) == "1e+15"


def test_a_day_and_its_first_second_are_one():
    assert seconds(date(1970, 1, 2)) == 86_400
    assert TimeSpan(None, seconds(TODAY), 0, is_dated=True).age(TODAY) == 0


def test_types_with_days_are_dates_timestamps_and_texts():
    assert [has_days(t) for t in ("date", "timestamp('UTC')", "string", "int64", "boolean")] == [
        True,
        True,
        True,
        False,
        False,
    ]
