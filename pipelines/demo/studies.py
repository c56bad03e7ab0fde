"""What a demo study is: a real data set, an honest split of it, and the models to be trained on one part.

A split is by chance, by time or by person, as the data ask for; it is drawn once and seeded, and nothing is
ever chosen by looking at the evaluation part.

What does not belong here: the studies themselves (one module each), training (`training`), and anything
about a registry (`registration`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelrisk.intake import Task
from resources.durable_files import creating

if TYPE_CHECKING:
    import pandas as pd

SEED = 1996
"""The year the mortgage data were published; one seed for every split and every model."""

_EVALUATION_SHARE = 0.5


class Origin(StrEnum):
    """Who logs a candidate."""

    OWN = "own"
    """A team of ours, from a training run with its data, signature and environment."""
    SUPPLIER = "supplier"
    """A supplier: a wrapped model as it was delivered, without the data it was trained on."""


@dataclass(frozen=True)
class Candidate:
    """One algorithm to train for a study; becomes one registered version.

    Attributes:
        algorithm: its name for people, unique within the study.
        description: one sentence for the registered version.
        estimator: builds the unfitted scikit-learn estimator.
        grid: hyper-parameters tried by cross-validation on the training half.
        trusted_types: types skops has to be told are safe before it writes them.
        packages: distributions the logged model needs, beside MLflow.
        origin: who logs it.
    """

    algorithm: str
    description: str
    estimator: Callable[[], Any]
    grid: Mapping[str, tuple[float, ...]]
    trusted_types: tuple[str, ...]
    packages: tuple[str, ...] = ("scikit-learn", "skops", "pandas", "numpy", "scipy")
    origin: Origin = Origin.OWN


@dataclass(frozen=True)
class Study:
    """One real data set and the models trained on it.

    Attributes:
        model: the registered model's name, and the stem of its files.
        description: one sentence for the registered model.
        source: where the data come from, for people.
        table: builds the whole table: id, features, label, and the sensitive attributes as text.
        features: what a model sees, in order; all of them double.
        label: name of the label column.
        candidates: in the order they are registered.
        divide: parts the table into training and evaluation rows.
        task: what the models predict.
        positive: the class whose probability the second output column gives; None unless binary.
        person: column that names who a row is about, where several rows are about one; cross-validation keeps
            them together.
        review_days: days until the next review, as often as the shipped policy asks in the model's tier; None
            for a model that nobody declared, which then has no intake.
        revision: raise it when `table` or an estimator changes in a way its description does not show.
    """

    model: str
    description: str
    source: str
    table: "Callable[[], pd.DataFrame]"
    features: tuple[str, ...]
    label: str
    candidates: tuple[Candidate, ...]
    divide: "Callable[[pd.DataFrame], Parts]"
    task: Task = Task.BINARY_CLASSIFICATION
    positive: int | str | None = None
    person: str | None = None
    review_days: int | None = None
    revision: int = 1


@dataclass(frozen=True)
class Parts:
    """A table divided.

    Attributes:
        training: rows to train on, in the table's order.
        evaluation: rows kept apart, in the table's order.
    """

    training: "pd.DataFrame"
    evaluation: "pd.DataFrame"


@dataclass(frozen=True)
class Halves:
    """The two files of a study.

    Attributes:
        training: absolute path of the training half (Parquet).
        evaluation: absolute path of the hold-out half (Parquet).
        training_digest: SHA-256 of the training file, as hexadecimal text.
    """

    training: Path
    evaluation: Path
    training_digest: str = field(repr=False)


def halves(study: Study, *, directory: Path) -> Halves:
    """The study's two files, written unless they are there already."""
    training, evaluation = (
        directory.absolute() / f"{study.model}-{half}.parquet" for half in ("training", "evaluation")
    )
    if not (training.exists() and evaluation.exists()):
        parts = study.divide(study.table())
        _written_once(parts.training, training)
        _written_once(parts.evaluation, evaluation)
    digest = hashlib.sha256(training.read_bytes()).hexdigest()
    return Halves(training=training, evaluation=evaluation, training_digest=digest)


def table_at(path: Path) -> "pd.DataFrame":
    """A half as a data frame."""
    import pyarrow.parquet

    # Not `pandas.read_parquet`: it opens a Python file, and Arrow's reader threads may then abort the process
    # at exit ("terminate called without an active exception", apache/arrow#34314 and #33975).
    table: pd.DataFrame = pyarrow.parquet.read_table(str(path), use_threads=False).to_pandas()
    return table


def in_halves(*strata: str) -> "Callable[[pd.DataFrame], Parts]":
    """A division by chance: a seeded, stratified half for training and the other half as hold-out.

    Half, not a fifth: what limits a fairness finding is the smallest cohort of the *evaluation* data.
    """

    def divide(table: "pd.DataFrame") -> Parts:
        return _halved(table, strata)

    return divide


def by_time(column: str, *, last: int) -> "Callable[[pd.DataFrame], Parts]":
    """A division by time: rows up to and including `last` for training, later ones as hold-out."""

    def divide(table: "pd.DataFrame") -> Parts:
        early = table[column] <= last
        return Parts(table[early], table[~early])

    return divide


def by_person_and_time(person: str, column: str, *, last: int) -> "Callable[[pd.DataFrame], Parts]":
    """A division by both: early rows of one half of the people, and late rows of the others.

    Nobody is in both parts, and the future is not either; what belongs to neither part is left out.
    """

    def divide(table: "pd.DataFrame") -> Parts:
        import numpy as np

        people = np.sort(table[person].unique())
        chosen = np.random.default_rng(SEED).permutation(people)[: len(people) // 2]
        early, is_chosen = table[column] <= last, table[person].isin(chosen)
        return Parts(table[early & is_chosen], table[~early & ~is_chosen])

    return divide


def _halved(table: "pd.DataFrame", strata: Sequence[str]) -> Parts:
    from sklearn.model_selection import train_test_split

    # A missing value is a stratum too, as it is a cohort.
    cells = table[list(strata)].astype("string").fillna("missing").agg("|".join, axis=1)
    train, hold_out = train_test_split(
        table.index, test_size=_EVALUATION_SHARE, random_state=SEED, stratify=cells
    )
    return Parts(table.loc[sorted(train)], table.loc[sorted(hold_out)])


def recipe(study: Study, candidate: Candidate, *, training_digest: str) -> str:
    """A digest of what a version is made from: data, features, algorithm, grid and seed.

    Library versions are left out on purpose: an upgrade must not make a second demo register anything.
    """
    ingredients: dict[str, object] = {
        "model": study.model,
        "revision": study.revision,
        "training": training_digest,
        "features": study.features,
        "label": study.label,
        "positive": study.positive,
        "algorithm": candidate.algorithm,
        "grid": candidate.grid,
        "seed": SEED,
    }
    if study.task is not Task.BINARY_CLASSIFICATION:
        ingredients["task"] = study.task.value
    if candidate.origin is not Origin.OWN:
        ingredients["origin"] = candidate.origin.value
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def _written_once(table: "pd.DataFrame", path: Path) -> None:
    with creating(path, name="demo_data") as temporary:
        table.to_parquet(temporary, index=False)
