"""Logging and registering the demo's models in MLflow, once each, also when a first attempt was killed.

A version is recognised by the recipe's digest in its tags, which the registry writes in the same transaction
as the version. A finished run with that tag is registered without training again; an unfinished one is
deleted and made anew.

What does not belong here: choosing and fitting models (`studies`, `training`), reviewing and releasing them.
"""

import logging
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelrisk.errors import IntegrityError
from modelrisk.identity import ModelVersion
from modelrisk.intake import Task
from pipelines.demo.studies import Candidate, Halves, Origin, Study, recipe, table_at
from pipelines.demo.training import Fitted, fitted

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "model-risk-demo"
RECIPE_TAG = "demo.recipe"
_REHEARSAL_ALIAS = "demo-rollback-rehearsal"
_EXAMPLE_ROWS = 3

_CHATTER = {
    # "Creating initial MLflow database tables...": true once, and no news to anybody.
    "mlflow.store.db.utils": logging.WARNING,
    # "Failed to resolve installed pip version": environments made by uv have no pip; nothing depends on it.
    "mlflow.utils.environment": logging.ERROR,
    # "Failed to import Git": the commit of the training code is optional, and so is git.
    "mlflow.utils.git_utils": logging.ERROR,
}


@dataclass(frozen=True)
class Registered:
    """One version of the demo in the registry.

    Attributes:
        version: its name and number.
        algorithm: the algorithm's name for people.
        created: whether this call registered it (False: it was there).
    """

    version: ModelVersion
    algorithm: str
    created: bool


class DemoRegistry:
    """The MLflow registry as the demo writes it: an experiment of its own, and versions by recipe."""

    def __init__(self, client: "MlflowClient", *, artifacts: Path | None) -> None:
        self._client = client
        self._artifacts = artifacts

    @classmethod
    @contextmanager
    def opened(cls, tracking_uri: str, *, artifacts: Path) -> "Generator[DemoRegistry]":
        """The registry at a URI, with MLflow's own settings and log levels put back afterwards.

        Args:
            tracking_uri: of tracking store and registry alike.
            artifacts: where artifacts go when no server decides that.
        """
        from resources.environments import switch_off_telemetry

        switch_off_telemetry()
        import mlflow
        from mlflow import MlflowClient

        before = (mlflow.get_tracking_uri(), mlflow.get_registry_uri())
        levels = {name: logging.getLogger(name).level for name in _CHATTER}
        served = urlsplit(tracking_uri).scheme in {"http", "https"}
        try:
            for name, level in _CHATTER.items():
                logging.getLogger(name).setLevel(level)
            mlflow.set_tracking_uri(tracking_uri)
            mlflow.set_registry_uri(tracking_uri)
            yield cls(MlflowClient(tracking_uri, tracking_uri), artifacts=None if served else artifacts)
        finally:
            mlflow.set_tracking_uri(before[0])
            mlflow.set_registry_uri(before[1])
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

    def register(
        self, study: Study, *, data: Halves, progress: Callable[[str], None]
    ) -> tuple[Registered, ...]:
        """Every candidate of a study as a version, in order; those that are there are left alone."""
        return tuple(self._registered(study, candidate, data, progress) for candidate in study.candidates)

    def rehearse_rollback(
        self, current: ModelVersion, *, previous: ModelVersion, rows: "pd.DataFrame"
    ) -> None:
        """Point a scratch alias at the current version and back, and see that the previous one answers.

        Args:
            current: the version a rollback leaves.
            previous: the version it returns to.
            rows: features to predict on; training rows will do, since no quality is measured.

        Raises:
            IntegrityError: the alias does not bring the previous version's answers back.
        """
        name = current.name
        expected = self.predictions(f"models:/{name}/{previous.version}", rows)
        self._client.set_registered_model_alias(name, _REHEARSAL_ALIAS, current.version)
        left = self.predictions(f"models:/{name}@{_REHEARSAL_ALIAS}", rows)
        self._client.set_registered_model_alias(name, _REHEARSAL_ALIAS, previous.version)
        restored = self.predictions(f"models:/{name}@{_REHEARSAL_ALIAS}", rows)
        self._client.delete_registered_model_alias(name, _REHEARSAL_ALIAS)
        if not (restored == expected).all() or (left == expected).all():
            raise IntegrityError(
                found=f"other predictions after moving an alias from {current} back to {previous}",
                expected="those of the previous version",
                remedy="Look at the artifacts of both versions in the registry",
            )

    @staticmethod
    def predictions(uri: str, rows: "pd.DataFrame") -> Any:
        """What the logged model returns for the rows, loaded as any user of the registry loads it."""
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(uri).predict(rows)

    def _registered(
        self, study: Study, candidate: Candidate, data: Halves, progress: Callable[[str], None]
    ) -> Registered:
        digest = recipe(study, candidate, training_digest=data.training_digest)
        found = self._version(study.model, digest)
        if found is not None:
            progress(f"{found} ({candidate.algorithm}) is registered already")
            return Registered(found, candidate.algorithm, created=False)
        progress(f"Training {study.model}: {candidate.algorithm}")
        run = self._finished_run(digest) or self._logged(study, candidate, data, digest)
        version = self._create(study, candidate, run, digest)
        progress(f"Registered {version}")
        return Registered(version, candidate.algorithm, created=True)

    def _version(self, name: str, digest: str) -> ModelVersion | None:
        found = self._client.search_model_versions(f"name = '{name}' and tags.`{RECIPE_TAG}` = '{digest}'")
        numbers = sorted(int(version.version) for version in found)
        return ModelVersion(name, str(numbers[0])) if numbers else None

    def _finished_run(self, digest: str) -> "Run | None":
        runs = self._client.search_runs([self._experiment()], f"tags.`{RECIPE_TAG}` = '{digest}'")
        finished = [run for run in runs if run.info.status == "FINISHED"]
        for run in runs:
            if run not in finished:
                for logged in self._client.search_logged_models(
                    [self._experiment()], f"source_run_id = '{run.info.run_id}'"
                ):
                    self._client.delete_logged_model(logged.model_id)
                self._client.delete_run(run.info.run_id)
        return finished[0] if finished else None

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return found.experiment_id
        location = None if self._artifacts is None else self._artifacts.absolute().as_uri()
        return self._client.create_experiment(EXPERIMENT, artifact_location=location)

    def _logged(self, study: Study, candidate: Candidate, data: Halves, digest: str) -> "Run":
        import mlflow

        training = table_at(data.training)
        model = fitted(study, candidate, training=training)
        with mlflow.start_run(
            experiment_id=self._experiment(),
            run_name=f"{study.model}: {candidate.algorithm}",
            tags={RECIPE_TAG: digest, "data.source": study.source, "seen_in_training": "training half only"},
            description=candidate.description,
        ) as run:
            mlflow.log_params(dict(model.parameters))
            mlflow.log_metrics(dict(model.metrics))
            if candidate.origin is Origin.OWN:
                self._log_dataset(training, study, path=data.training, context="training")
                evaluation = table_at(data.evaluation)
                self._log_dataset(evaluation, study, path=data.evaluation, context="evaluation")
                self._log_model(model, study, candidate, training)
            else:
                self._log_delivery(model, candidate)
        return self._client.get_run(run.info.run_id)

    @staticmethod
    def _log_dataset(table: "pd.DataFrame", study: Study, *, path: Path, context: str) -> None:
        import mlflow
        import mlflow.data.sources
        from mlflow.data.pandas_dataset import from_pandas

        # An instance, not a path: MLflow finds two identical readers for a path and warns about the choice.
        # The class is made at run time, so no type checker knows it.
        source = mlflow.data.sources.LocalArtifactDatasetSource(str(path))  # pyright: ignore[reportAttributeAccessIssue]
        with _whole_numbers_are_never_missing():
            dataset = from_pandas(table, source=source, targets=study.label, name=f"{study.model}-{context}")
            mlflow.log_input(dataset, context=context)

    @staticmethod
    def _log_model(model: Fitted, study: Study, candidate: Candidate, training: "pd.DataFrame") -> None:
        from mlflow.models import infer_signature
        from mlflow.sklearn import log_model

        features = training.loc[:, list(study.features)]
        answer = "predict" if study.task is Task.REGRESSION else "predict_proba"
        log_model(
            model.estimator,
            name="model",
            signature=infer_signature(features, getattr(model.estimator, answer)(features)),
            input_example=features.iloc[:_EXAMPLE_ROWS, :],
            pyfunc_predict_fn=answer,
            pip_requirements=_pinned(("mlflow", *candidate.packages)),
            skops_trusted_types=list(candidate.trusted_types),
        )

    @staticmethod
    def _log_delivery(model: Fitted, candidate: Candidate) -> None:
        """A supplier's model as suppliers deliver them: a pickled wrapper, and no word about its inputs."""
        from mlflow.pyfunc import log_model

        from pipelines.demo.supplied import Delivered

        log_model(
            name="model",
            python_model=Delivered(model.estimator),
            pip_requirements=_pinned(("mlflow", *candidate.packages)),
        )

    def _create(self, study: Study, candidate: Candidate, run: "Run", digest: str) -> ModelVersion:
        # The client's own calls: `mlflow.register_model` prints to stderr.
        if not self._client.search_registered_models(f"name = '{study.model}'"):
            self._client.create_registered_model(study.model, description=study.description)
        logged = self._client.search_logged_models(
            [self._experiment()], f"source_run_id = '{run.info.run_id}'"
        )
        created = self._client.create_model_version(
            study.model,
            source=f"models:/{logged[0].model_id}",
            run_id=run.info.run_id,
            model_id=logged[0].model_id,
            tags={RECIPE_TAG: digest, "algorithm": candidate.algorithm},
            description=candidate.description,
        )
        return ModelVersion(study.model, str(created.version))


@contextmanager
def _whole_numbers_are_never_missing() -> Generator[None]:
    with warnings.catch_warnings():
        # The only whole numbers are identifiers and labels, never missing; features are double.
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")
        yield


def _pinned(packages: Sequence[str]) -> list[str]:
    return [f"{package}=={metadata.version(package)}" for package in packages]
