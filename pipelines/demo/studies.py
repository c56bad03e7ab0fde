"""What a demo study is: a real data set, an honest split of it, and the models to be trained on one half.

The split is seeded and drawn once; nothing is ever chosen by looking at the evaluation half.

What does not belong here: the studies themselves (`mortgage`, `breast_cancer`), training (`training`), and
anything about a registry (`registration`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.durable_files import creating

if TYPE_CHECKING:
    import pandas as pd

SEED = 1996
"""The year the mortgage data were published; one seed for every split and every model."""

_EVALUATION_SHARE = 0.5


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
    """

    algorithm: str
    description: str
    estimator: Callable[[], Any]
    grid: Mapping[str, tuple[float, ...]]
    trusted_types: tuple[str, ...]
    packages: tuple[str, ...] = ("scikit-learn", "skops", "pandas", "numpy", "scipy")


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
        positive: the class whose probability the second output column gives.
        strata: columns whose combinations both halves get in equal shares.
        candidates: in the order they are registered.
        revision: raise it when `table` or an estimator changes in a way its description does not show.
    """

    model: str
    description: str
    source: str
    table: "Callable[[], pd.DataFrame]"
    features: tuple[str, ...]
    label: str
    positive: int | str
    strata: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    revision: int = 1


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
        train, hold_out = split(study.table(), strata=study.strata)
        _written_once(train, training)
        _written_once(hold_out, evaluation)
    digest = hashlib.sha256(training.read_bytes()).hexdigest()
    return Halves(training=training, evaluation=evaluation, training_digest=digest)


def table_at(path: Path) -> "pd.DataFrame":
    """A half as a data frame."""
    import pyarrow.parquet

    # Not `pandas.read_parquet`: it opens a Python file, and Arrow's reader threads may then abort the process
    # at exit ("terminate called without an active exception", apache/arrow#34314 and #33975).
    table: pd.DataFrame = pyarrow.parquet.read_table(str(path), use_threads=False).to_pandas()
    return table


def split(table: "pd.DataFrame", *, strata: Sequence[str]) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """A seeded, stratified half for training and the other half as hold-out, each in the table's order.

    Half, not a fifth: what limits a fairness finding is the smallest cohort of the *evaluation* data.
    """
    from sklearn.model_selection import train_test_split

    # A missing value is a stratum too, as it is a cohort.
    cells = table[list(strata)].astype("string").fillna("missing").agg("|".join, axis=1)
    train, hold_out = train_test_split(
        table.index, test_size=_EVALUATION_SHARE, random_state=SEED, stratify=cells
    )
    return table.loc[sorted(train)], table.loc[sorted(hold_out)]


def recipe(study: Study, candidate: Candidate, *, training_digest: str) -> str:
    """A digest of what a version is made from: data, features, algorithm, grid and seed.

    Library versions are left out on purpose: an upgrade must not make a second demo register anything.
    """
    ingredients = {
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
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def _written_once(table: "pd.DataFrame", path: Path) -> None:
    with creating(path, name="demo_data") as temporary:
        table.to_parquet(temporary, index=False)
