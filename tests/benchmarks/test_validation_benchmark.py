"""Validation in the data engine against the same expectations of the same library on pandas."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelrisk.expectation_specs import ExpectationSpec
from modelrisk.expectations import Subject, expectations
from modelrisk.profiles import profile
from resources.datasets import DatasetDescription, Datasets
from resources.expectation_batches import KINDS, PlainView, answers
from resources.validation import Validator

ROWS = 500_000


def made(path: Path) -> Path:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(7)
    columns: dict[str, Any] = {"id": np.arange(ROWS), "y": (random.random(ROWS) < 0.2).astype(int)}
    columns |= {f"f{i}": random.normal(size=ROWS) for i in range(14)}
    columns |= {f"s{i}": random.choice(["north", "south", "east", "west"], size=ROWS) for i in range(4)}
    pq.write_table(pa.table(columns), path)
    return path


def on_pandas(path: Path, specs: list[ExpectationSpec], view: PlainView) -> dict[str, bool]:
    """The same expectations on a data frame with the same plain names."""
    import great_expectations as gx
    import pandas as pd

    frame = pd.read_parquet(path)
    plain: dict[str, Any] = {}
    for name, position in view.positions.items():
        plain[f"c{position}"] = plain[f"k{position}"] = frame[name]
        plain[f"t{position}"] = frame[name].astype(str) if name == "y" else frame[name]
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
        batch_parameters={"dataframe": pd.DataFrame(plain)}
    )
    return {name: bool(result.success) for name, result in answers(batch, view.expectations(specs)).items()}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    outcome = work()
    return outcome, time.perf_counter() - start


@pytest.mark.benchmark
def test_validation_in_the_engine_agrees_with_pandas_and_is_faster(tmp_path: Path):
    pytest.importorskip("great_expectations")  # its import is not what is measured
    path = made(tmp_path / "e.parquet")
    datasets = Datasets(tmp_path / "work")
    validator = Validator(datasets, today=date.today)
    description = datasets.describe(path)
    assert isinstance(description, DatasetDescription)
    features = description.names[2:]
    subject = Subject(ROWS, description.types, features, "y", "1", ("0", "1"), id="id")
    with datasets.table(path) as rows:
        known, profiling = timed(lambda: profile(datasets.run, rows, columns=features))
    specs = list(expectations(subject, training=known))
    shared = [spec for spec in specs if spec.kind in KINDS]
    with datasets.table(path) as rows:
        view = PlainView.of(rows, shared, run=datasets.run)
    validator.validate(path, specs[:1])  # warm
    ours, engine = timed(lambda: validator.validate(path, specs))
    same, fewer = timed(lambda: validator.validate(path, shared))
    theirs, pandas = timed(lambda: on_pandas(path, shared, view))
    assert {result.name: result.passed for result in same} == theirs
    print(
        f"\n{ROWS:,} rows x {len(description.columns)} columns"
        f"\n  {len(shared)} expectations on pandas      {pandas:6.2f} s"
        f"\n  the same in the engine     {fewer:6.2f} s   ratio {pandas / fewer:.1f}"
        f"\n  all {len(specs)} in the engine       {engine:6.2f} s   ratio {pandas / engine:.1f}"
        f"\n  profile of training data   {profiling:6.2f} s"
    )
    assert all(result.passed for result in ours)
    datasets.close()
