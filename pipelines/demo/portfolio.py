"""The demo's portfolio: real models trained, logged, registered and put in the inventory.

Whatever a review says of them is not prepared here: the models are trained once, on one part of the data, by
rules fixed beforehand, and the rest is opened by the review.

What does not belong here: reviewing and releasing (`pipelines.cli`).
"""

import fcntl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.demo import arrests, breast_cancer, digits, happiness, mortgage, reoffending, wages
from pipelines.demo.intake_files import intake_file, write_intake
from pipelines.demo.registration import DemoRegistry, Registered
from pipelines.demo.studies import Halves, Study, halves, table_at
from resources.home import Home

STUDIES: tuple[Study, ...] = (
    mortgage.STUDY,
    arrests.STUDY,
    wages.STUDY,
    digits.STUDY,
    breast_cancer.STUDY,
    happiness.STUDY,
    reoffending.STUDY,
)
_REHEARSAL_ROWS = 100


@dataclass(frozen=True)
class Portfolio:
    """What the demo put in place, in the order it is meant to be reviewed.

    Attributes:
        registered: every version of the demo; a model's versions follow each other, the oldest first.
        intakes: the intake files, one for each model that is declared.
        written: those of them that this call wrote.
    """

    registered: tuple[Registered, ...]
    intakes: tuple[Path, ...]
    written: tuple[Path, ...]


def prepare_portfolio(
    home: Home,
    *,
    tracking_uri: str,
    governance: Path,
    today: date,
    progress: Callable[[str], None],
    studies: tuple[Study, ...] = STUDIES,
) -> Portfolio:
    """Train, log, register and declare the demo's models; what is there already is left alone.

    Safe to repeat, and to run again after it was killed at any point. Two at once wait for each other.

    Args:
        home: a prepared home; the data go to its `data` directory.
        tracking_uri: MLflow tracking and registry URI.
        governance: where the intake files go.
        today: written as the day of the rollback rehearsal, which happens in this call.
        progress: told one sentence before or after each step.
        studies: which models, in the order they are meant to be reviewed.
    """
    directory = home.path / "data"
    registered: list[Registered] = []
    written: list[Path] = []
    progress("Opening the registry")
    with (
        _one_at_a_time(directory / ".demo.lock"),
        DemoRegistry.opened(tracking_uri, artifacts=home.artifacts) as registry,
    ):
        for study in studies:
            data = halves(study, directory=directory)
            versions = registry.register(study, data=data, progress=progress)
            registered += versions
            path = intake_file(study, governance=governance)
            if study.review_days is not None and not path.exists():
                _rehearse(study, versions, data, registry, progress)
                if write_intake(study, governance=governance, evaluation=data.evaluation, today=today):
                    written.append(path)
                    progress(f"Wrote {path}")
    return Portfolio(
        registered=tuple(registered),
        intakes=tuple(
            intake_file(study, governance=governance) for study in studies if study.review_days is not None
        ),
        written=tuple(written),
    )


def _rehearse(
    study: Study,
    versions: tuple[Registered, ...],
    data: Halves,
    registry: DemoRegistry,
    progress: Callable[[str], None],
) -> None:
    if len(versions) < 2:
        return
    progress(f"Rehearsing the rollback of {study.model}")
    rows = table_at(data.training).loc[: _REHEARSAL_ROWS - 1, list(study.features)]
    registry.rehearse_rollback(versions[-1].version, previous=versions[0].version, rows=rows)


@contextmanager
def _one_at_a_time(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
