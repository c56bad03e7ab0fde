"""Numbers of every task, counted again from the frozen predictions by other code than first made them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelrisk.estimates import Estimate
from modelrisk.intake import Task
from modelrisk.metrics import multiclass, regression
from modelrisk.outputs.multiclass import MulticlassReading
from modelrisk.outputs.regression import RegressionReading
from modelrisk.packs import Outcome
from resources.datasets import Datasets
from resources.recount import _HEADLINES, _compared, _Outcome

CLASSES = ("a", "b", "c", "d", "e", "f")
SEVERAL = _Outcome(Task.MULTICLASS_CLASSIFICATION, None, "b", CLASSES)
NUMBERS = _Outcome(Task.REGRESSION, None, None, ())
N = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recount")


@pytest.fixture(scope="module")
def datasets(folder: Path) -> Iterator[Datasets]:
    made = Datasets(folder / "work", memory_limit="256MB", threads=2)
    yield made
    made.close()


def frozen(datasets: Datasets, folder: Path, name: str, reading: Any, label: Any, answers: Any) -> Path:
    sexes = np.random.default_rng(9).choice(np.array(["F", "M", None], dtype=object), size=len(label))
    data, scored = folder / f"{name}-data.parquet", folder / f"{name}-scored.parquet"
    pq.write_table(pa.table({"y": label, "sex": sexes}), data)
    pq.write_table(pa.table({"row": list(range(len(label))), **answers}), scored)
    to = folder / f"{name}.parquet"
    assert datasets.predictions(scored, data, reading=reading, label="y", sensitive=["sex"], to=to) == to
    return to


@pytest.fixture(scope="module")
def several(datasets: Datasets, folder: Path) -> tuple[list[Estimate], pa.Table]:
    random = np.random.default_rng(1)
    label = random.choice(np.array(CLASSES), size=N)
    p = random.dirichlet(np.ones(6), size=N)
    # Equal probabilities and certain mistakes are where two ways of counting would part.
    p[:50] = 1.0 / 6.0
    p[50:60] = np.eye(6)[(np.array([CLASSES.index(each) for each in label[50:60]]) + 1) % 6]
    predicted = np.array(CLASSES)[p.argmax(axis=1)]
    path = frozen(
        datasets,
        folder,
        "several",
        MulticlassReading(CLASSES),
        label,
        {"prediction": predicted, "probabilities": list(p)},
    )
    with datasets.table(path) as table:
        marginals = multiclass.counted(table, run=datasets.run, classes=CLASSES, favourable="b")
    made = multiclass.estimates(marginals, confidence=0.95)
    return headlines(made, Task.MULTICLASS_CLASSIFICATION), pq.read_table(path)


def priced(datasets: Datasets, folder: Path, name: str, label: Any, answer: Any) -> Any:
    path = frozen(datasets, folder, name, RegressionReading(), label, {"prediction": answer})
    with datasets.table(path) as table:
        training = regression.TrainingTarget(median=float(np.median(label)), sd=float(np.std(label)))
        measured = regression.measured(table, run=datasets.run, training=training)
    made = regression.estimates(measured, confidence=0.95)
    return headlines(made, Task.REGRESSION), pq.read_table(path)


def headlines(made: tuple[Estimate, ...], task: Task) -> list[Estimate]:
    return [each for each in made if each.metric in _HEADLINES[task] and each.is_evaluable]


def test_every_number_of_a_model_of_several_classes_is_counted_again(several):
    printed, table = several
    assert {each.metric for each in printed} == _HEADLINES[Task.MULTICLASS_CLASSIFICATION]
    assert {each.cohort.get("sex", "all") for each in printed} == {"all", "F", "M", None}
    check = _compared(printed, table, SEVERAL)
    assert check.outcome is Outcome.PASSED, check.detail


LABELS = 100.0 + 30.0 * np.random.default_rng(2).normal(size=N)
ERRORS = 20.0 * np.random.default_rng(3).normal(size=N)
CANCELLING = np.concatenate([[1e12, -1e12], ERRORS[2:]])


@pytest.mark.parametrize(
    ("name", "label", "answer"),
    [
        ("plain", LABELS, LABELS + ERRORS),
        ("unbiased", LABELS, LABELS + ERRORS - ERRORS.mean()),
        ("far off zero", LABELS + 1e9, LABELS + 1e9 + ERRORS),
        ("outliers that cancel", LABELS, LABELS + CANCELLING),
        ("no better than the mean", LABELS, np.full(N, LABELS.mean())),
        ("perfect", LABELS, LABELS),
        ("tiny", LABELS * 1e-12, (LABELS + ERRORS) * 1e-12),
    ],
)
def test_every_number_of_a_regression_is_counted_again(datasets, folder, name, label, answer):
    printed, table = priced(datasets, folder, name.replace(" ", "-"), label, answer)
    assert {each.metric for each in printed} == _HEADLINES[Task.REGRESSION]
    check = _compared(printed, table, NUMBERS)
    assert check.outcome is Outcome.PASSED, check.detail


def test_any_number_printed_otherwise_than_it_is_counted_is_found(several, datasets, folder):
    of_numbers = priced(datasets, folder, "forged", LABELS, LABELS + ERRORS)
    for (printed, table), outcome in ((several, SEVERAL), (of_numbers, NUMBERS)):
        for at, one in enumerate(printed):
            forged = [*printed]
            forged[at] = replace(one, value=(one.value or 0.0) + 1e-4)
            check = _compared(forged, table, outcome)
            assert check.outcome is Outcome.FAILED, one
            assert one.metric in check.detail
