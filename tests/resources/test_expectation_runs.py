"""Expectations counted and located by the real engine, on tiny files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrisk.expectation_results import ExpectationResult
from modelrisk.expectation_specs import ExpectationSpec, Kind
from resources.datasets import Datasets
from resources.expectation_batches import ExpectationBatches
from resources.expectation_runs import MOST_ASKED, ExpectationRuns

TODAY = date(2026, 11, 26)
NAN, INF = float("nan"), float("inf")
HOSTILE = [
    "<script>alert(1)</script>",
    "two\nlines",
    "'; DROP TABLE x; --",
    'a"b',
    "it's",
    "",
    "x\x1fy",
    "😀",
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    made = Datasets(tmp_path_factory.mktemp("work"), memory_limit="512MB", threads=1)
    yield made
    made.close()


@pytest.fixture
def runs(datasets: Datasets) -> ExpectationRuns:
    return ExpectationRuns(datasets)


def written(path: Path, columns: Mapping[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path)
    return path


def declared(kind: Kind, column: str | None = None, **limits: Any) -> ExpectationSpec:
    return ExpectationSpec("a", kind, column, declared=True, **limits)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(
        tmp_path / "e.parquet",
        {
            "x": [1.0, NAN, None, INF, -5.0, 7.0],
            "n": [1, 2, 2, None, 5, 5],
            "s": ["10001", "1000", None, "abcde", "10001x", "10001"],
            "b": [True, False, True, None, True, True],
            "y": ["0", "1", "1", "0", None, "1"],
            "day": [date(2026, 1, 1), date(2026, 11, 26), date(2026, 11, 27), None, date(1999, 1, 1), TODAY],
            "at": [datetime(2026, 11, 26, 23, 59, tzinfo=UTC)] * 5 + [datetime(2026, 11, 27, tzinfo=UTC)],
            "text day": ["2026-01-01", "2026-11-27", "soon", None, "26.11.2026", "2026-11-26T10:00:00"],
            "none": [None] * 6,
        },
    )


@pytest.mark.parametrize(
    ("spec", "rows", "unexpected", "passed", "where"),
    [
        (declared(Kind.BETWEEN, "x", low=0), 4, 2, False, (4, 5)),
        (declared(Kind.BETWEEN, "x", high=7), 4, 1, False, (4,)),
        (declared(Kind.BETWEEN, "x", low=-5, high=7, share=0.25), 4, 1, True, (4,)),
        (declared(Kind.BETWEEN, "n", low=1), 5, 0, True, ()),
        (declared(Kind.BETWEEN, "n", high=4.5), 5, 2, False, (5, 6)),
        (declared(Kind.GIVEN, "x"), 6, 2, False, (2, 3)),
        (declared(Kind.GIVEN, "x", share=0.34), 6, 2, True, (2, 3)),
        (declared(Kind.IN_SET, "n", allowed=("1", "2")), 5, 2, False, (5, 6)),
        (declared(Kind.IN_SET, "b", allowed=("false",)), 5, 4, False, (1, 3, 5, 6)),
        (declared(Kind.MATCHES, "s", pattern="[0-9]{5}"), 5, 3, False, (2, 4, 5)),
        (declared(Kind.MATCHES, "s", pattern="^[0-9]{5}$", share=0.6), 5, 3, True, (2, 4, 5)),
        (declared(Kind.MATCHES, "s", pattern="[0-9]{5}|abcde"), 5, 2, False, (2, 5)),
        (declared(Kind.MATCHES, "n", pattern="[0-9]"), 5, 0, True, ()),
        (declared(Kind.KEY_UNIQUE, "n"), 5, 2, False, (3, 6)),
        (declared(Kind.KEY_UNIQUE, "n", share=0.4), 5, 2, True, (3, 6)),
        (declared(Kind.COMBINATION_UNIQUE, columns=("n", "b")), 5, 1, False, (6,)),
        (declared(Kind.COMBINATION_UNIQUE, columns=("n", "s")), 4, 0, True, ()),
        (declared(Kind.NOT_AFTER, "day", day=TODAY), 5, 1, False, (3,)),
        (declared(Kind.NOT_AFTER, "at", day=TODAY), 6, 1, False, (6,)),
        (declared(Kind.NOT_BEFORE, "day", day=date(2026, 1, 1)), 5, 1, False, (5,)),
        (declared(Kind.NOT_BEFORE, "text day", day=date(2026, 1, 1)), 5, 2, False, (3, 5)),
        (declared(Kind.NOT_AFTER, "text day", day=TODAY), 5, 3, False, (2, 3, 5)),
        (ExpectationSpec("a", Kind.FOLLOWS_TRAINING, "n", low=2.0), 5, 1, False, (1,)),
        (ExpectationSpec("a", Kind.LABELS_AGREE, "y", columns=("b",)), 5, 3, False, (1, 3, 6)),
        (ExpectationSpec("a", Kind.FINITE, columns=("x", "n")), 6, 1, False, (4,)),
        (ExpectationSpec("a", Kind.NUMERIC, "n"), 6, None, True, ()),
        (ExpectationSpec("a", Kind.NUMERIC, "s"), 6, None, False, ()),
    ],
)
def test_counts_and_row_numbers_are_exact(
    runs: ExpectationRuns,
    file: Path,
    spec: ExpectationSpec,
    rows: int,
    unexpected: int | None,
    passed: bool,
    where: tuple[int, ...],
):
    (found,) = runs.results(file, [spec])
    assert (found.rows, found.unexpected, found.passed, found.where.rows) == (rows, unexpected, passed, where)
    assert found.problem == ""


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (declared(Kind.BETWEEN, "s", low=0), "stored as string"),
        (declared(Kind.BETWEEN, "b", low=0), "stored as boolean"),
        (declared(Kind.BETWEEN, "day", low=0), "stored as date"),
        (declared(Kind.BETWEEN, "none", low=0), "stored as string"),
        (declared(Kind.NOT_AFTER, "n", day=TODAY), "holds no day of the calendar"),
        (declared(Kind.FRESH, "x", day=TODAY, high=9), "holds no day of the calendar"),
        (declared(Kind.FRESH, "s", day=TODAY, high=9), "no value of it reads as a date"),
        (declared(Kind.IN_SET, "none", allowed=("1",)), "no value to look at"),
        (declared(Kind.MATCHES, "none", pattern="x"), "no value to look at"),
        (declared(Kind.KEY_UNIQUE, "none"), "no value to look at"),
        (declared(Kind.COMBINATION_UNIQUE, columns=("none", "n")), "no value to look at"),
        (declared(Kind.COMBINATION_UNIQUE, columns=("gone", "n")), "no such column"),
        (declared(Kind.MATCHES, "gone", pattern="x"), "no such column"),
        (declared(Kind.MATCHES, "s", pattern="((a{900}){900}){900}"), "could not use the pattern"),
        (declared(Kind.MATCHES, "s", pattern="(?=a)"), "could not use the pattern"),
    ],
)
def test_what_a_column_cannot_be_asked_is_not_evaluated_and_says_why(
    runs: ExpectationRuns, file: Path, spec: ExpectationSpec, problem: str
):
    (found,) = runs.results(file, [spec])
    assert found.passed is None
    assert problem in found.problem


def test_a_pattern_that_takes_forever_elsewhere_takes_no_time_here(runs: ExpectationRuns, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"s": ["a" * 50_000 + "!"] * 20})
    (found,) = runs.results(path, [declared(Kind.MATCHES, "s", pattern="(a+)+")])
    assert (found.passed, found.unexpected) == (False, 20)


@pytest.mark.parametrize(
    ("newest", "most", "passed"),
    [(TODAY, 0, True), (TODAY - timedelta(9), 9, True), (TODAY - timedelta(10), 9, False)],
)
def test_freshness_is_the_age_of_the_newest_value(
    runs: ExpectationRuns, tmp_path: Path, newest: date, most: int, passed: bool
):
    path = written(tmp_path / "e.parquet", {"day": [date(2020, 1, 1), newest, None]})
    (found,) = runs.results(path, [declared(Kind.FRESH, "day", day=TODAY, high=float(most))])
    assert (found.passed, found.unexpected) == (passed, None)


def test_with_the_clock_set_back_nothing_is_fresh(runs: ExpectationRuns, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"day": [TODAY]})
    (found,) = runs.results(path, [declared(Kind.FRESH, "day", day=date(2020, 1, 1), high=9)])
    assert found.passed is None
    assert "this machine's clock" in found.problem


def test_hostile_names_and_values_are_only_names_and_values(runs: ExpectationRuns, tmp_path: Path):
    names = [name or "empty" for name in HOSTILE]
    path = written(tmp_path / "e.parquet", {name: [*HOSTILE, "new"] for name in names})
    specs = [
        ExpectationSpec(f"{name}, {kind}", kind, name, allowed=tuple(HOSTILE), pattern=".*|\n", declared=True)
        for name in names
        for kind in (Kind.IN_SET, Kind.KEY_UNIQUE)
    ]
    specs.append(ExpectationSpec("together", Kind.COMBINATION_UNIQUE, columns=tuple(names), declared=True))
    results = runs.results(path, specs)
    assert {(one.spec.kind, one.unexpected, one.where.rows) for one in results} == {
        (Kind.IN_SET, 1, (9,)),
        (Kind.KEY_UNIQUE, 0, ()),
        (Kind.COMBINATION_UNIQUE, 0, ()),
    }


def test_a_separator_inside_a_value_does_not_make_two_combinations_one(runs: ExpectationRuns, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"a": ["x\x1fy", "x"], "b": ["z", "y\x1fz"]})
    (found,) = runs.results(path, [declared(Kind.COMBINATION_UNIQUE, columns=("a", "b"))])
    assert found.passed


def test_unseen_values_are_counted_by_value_and_by_row(runs: ExpectationRuns, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"s": ["a", "new", "b", "other", "new", None]})
    (found,) = runs.results(path, [ExpectationSpec("a", Kind.IN_SET, "s", allowed=("a", "b"))])
    assert (found.unexpected, found.where.values, found.where.rows) == (3, 2, (2, 4, 5))


def test_only_the_first_rows_are_named(runs: ExpectationRuns, tmp_path: Path):
    path = written(tmp_path / "e.parquet", {"n": [0] * 10 + [9] * 90})
    (found,) = runs.results(path, [declared(Kind.BETWEEN, "n", high=5)])
    assert (found.unexpected, found.where.rows) == (90, (11, 12, 13, 14, 15))


def test_conflicting_labels_are_rows_equal_in_features_and_missing_labels_conflict_with_none(
    runs: ExpectationRuns, tmp_path: Path
):
    columns = {"x": [1, 1, 2, 2, None, None, 3], "z": list("aabbaac"), "y": [0, 1, 0, 0, 1, 0, None]}
    path = written(tmp_path / "e.parquet", columns)
    (found,) = runs.results(path, [ExpectationSpec("a", Kind.LABELS_AGREE, "y", columns=("x", "z"))])
    assert (found.rows, found.unexpected, found.where.rows) == (6, 4, (1, 2, 5, 6))


def test_a_wide_table_is_counted_by_the_engine_alone_and_comes_out_the_same(
    datasets: Datasets, tmp_path: Path
):
    columns = {f"f{i}": [1.0, NAN, INF, None, float(i)] for i in range(400)}
    columns |= {f"s{i}": ["a", "b", None, str(i), "a"] for i in range(200)}
    path = written(tmp_path / "e.parquet", columns)
    specs = [ExpectationSpec(f"{n}: given", Kind.GIVEN, n, share=0.2) for n in columns]
    specs += [
        ExpectationSpec(f"f{i}: range", Kind.BETWEEN, f"f{i}", low=0, high=200, share=0.4) for i in range(400)
    ]
    specs += [
        ExpectationSpec(f"s{i}: set", Kind.IN_SET, f"s{i}", allowed=("a", "b", "7"), share=0.1)
        for i in range(200)
    ]
    few = [spec for spec in specs if spec.column in {"f7", "f300", "s7", "s100"}]
    specs += [ExpectationSpec(f"{n}: again", Kind.GIVEN, n) for n in list(columns)[:400]]
    assert len(specs) > MOST_ASKED
    wide = {one.name: one for one in ExpectationRuns(datasets).results(path, specs)}
    library = ExpectationBatches(datasets).results(path, few)
    for spec in few:
        one, other = wide[spec.name], library[spec.name]
        assert (one.rows, one.unexpected, one.limit, one.passed) == (
            other.rows,
            other.unexpected,
            other.limit,
            other.passed,
        )


VALUES = st.one_of(st.none(), st.sampled_from([NAN, INF, -INF, 0.0, 1.0, 2.0, 5.0]))


def _both(
    datasets: Datasets, path: Path, specs: Sequence[ExpectationSpec]
) -> Iterator[tuple[ExpectationResult, ExpectationResult]]:
    library = ExpectationBatches(datasets).results(path, specs)
    engine = ExpectationRuns(datasets)._counted(path, specs)  # pyright: ignore[reportPrivateUsage]
    for spec in specs:
        yield library[spec.name], engine[spec.name]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=1, max_size=9), st.floats(0, 0.9))
def test_the_library_and_the_engine_count_the_same(
    datasets: Datasets, tmp_path: Path, values: list[float | None], share: float
):
    import pyarrow as pa

    path = written(tmp_path / "e.parquet", {"x": pa.array(values, pa.float64())})
    specs = [
        ExpectationSpec("given", Kind.GIVEN, "x", share=share),
        ExpectationSpec("between", Kind.BETWEEN, "x", low=0.5, high=4, share=share),
        ExpectationSpec("at least", Kind.BETWEEN, "x", low=0.5, share=share),
        ExpectationSpec("in set", Kind.IN_SET, "x", allowed=("0", "5"), share=share),
    ]
    for library, engine in _both(datasets, path, specs):
        assert (library.rows, library.unexpected, library.passed) == (
            engine.rows,
            engine.unexpected,
            engine.passed,
        ), library.name


def test_a_csv_column_of_mixed_types_is_text_and_has_no_range(runs: ExpectationRuns, tmp_path: Path):
    path = tmp_path / "e.csv"
    path.write_text("x,day\n1,2026-01-01\nabc,01.02.2026\n2.5,\n")
    specs = [
        replace(declared(Kind.BETWEEN, "x", low=0), name="range"),
        replace(declared(Kind.MATCHES, "x", pattern="[0-9.]+"), name="pattern"),
        replace(declared(Kind.NOT_AFTER, "day", day=TODAY), name="day"),
    ]
    between, matches, day = runs.results(path, specs)
    assert "stored as string" in between.problem
    assert (matches.unexpected, matches.where.rows) == (1, (2,))
    assert (day.unexpected, day.where.rows, day.rows) == (1, (2,), 2)
