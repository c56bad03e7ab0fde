"""The connection to MLflow: lazy, patient within limits, silent, and translating its errors into ours.

What does not belong here: what is asked (`resources.model_registry`, `resources.model_files`).
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelrisk.errors import Unavailable
from resources.redaction import one_line, redacted_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

# A wrong answer can surface as any of these from inside the libraries; our own code is outside the guard.
_LIBRARIES = frozenset(
    (
        *("mlflow", "requests", "urllib3", "sqlalchemy", "sqlite3", "alembic"),
        *("google", "botocore", "boto3", "azure", "databricks"),
    )
)
_PLAIN_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)


class NotThereError(Exception):
    """MLflow answered that the thing asked for does not exist; never leaves the gateway."""


class TrackingStore:
    """An MLflow tracking store and registry, connected to at the first question.

    Args:
        uri: the tracking URI.
        timeout_s: seconds to wait for each answer over HTTP; `MLFLOW_HTTP_REQUEST_TIMEOUT` wins.
        retries: how often a request over HTTP is repeated; `MLFLOW_HTTP_REQUEST_MAX_RETRIES` wins.
    """

    def __init__(self, uri: str, *, timeout_s: int, retries: int) -> None:
        self._uri = uri
        self._timeout_s = timeout_s
        self._retries = retries
        self._mlflow: MlflowClient | None = None
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """The tracking URI, credentials and all: not for messages."""
        return self._uri

    @property
    def place(self) -> str:
        """The tracking URI without credentials: fit for messages and logs."""
        return redacted_uri(self._uri)

    def _client(self) -> "MlflowClient":
        with self._lock:
            if self._mlflow is None:
                import mlflow

                _quiet()
                with _first_use(self._uri):
                    client = mlflow.MlflowClient(self._uri, self._uri)
                    if self._uri.startswith("sqlite:"):
                        client.search_registered_models(max_results=1)  # makes the registry's tables too
                self._mlflow = client
            return self._mlflow

    def ask(self, what: str, ask: "Callable[[MlflowClient], T]") -> T:
        """One question to MLflow, whose errors become ours.

        Raises:
            NotThereError: the registry answered that it does not exist.
            Unavailable: there was no usable answer.
        """
        try:
            with _patient_for(self._timeout_s, self._retries):
                return ask(self._client())
        except Exception as error:
            if not _is_theirs(error):
                raise
            code = getattr(error, "error_code", None)
            if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
                raise NotThereError(one_line(str(error), secret=self._uri)) from error
            raise self._unavailable(what, error) from error

    def repository(self, location: str) -> Any:
        """MLflow's access to the artifacts at a location; call it inside a question."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(location, tracking_uri=self._uri, registry_uri=self._uri)

    def _unavailable(self, what: str, error: Exception) -> Unavailable:
        code = getattr(error, "error_code", "")
        if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
            remedy = f"Give credentials that may read the registry at {self.place}"
        elif "mlflow db upgrade" in str(error):
            remedy = f"Back the database up, then run `mlflow db upgrade {self.place}`"
        else:
            remedy = (
                f"Check that the registry answers at {self.place} "
                "(--tracking-uri or MLFLOW_TRACKING_URI), then try again"
            )
        reason = one_line(f"{type(error).__name__}: {error}", secret=self._uri)
        return Unavailable(
            found=f"no usable answer about {what} ({reason})", expected="an answer", remedy=remedy
        )


_patience = threading.Lock()
_added: set[str] = set()
_askers = 0


@contextlib.contextmanager
def _patient_for(timeout_s: int, retries: int) -> Generator[None]:
    """Set MLflow's patience for one question; it takes it from the environment only.

    What a user has set wins, and what the environment held is back afterwards: others in this process
    ask MLflow too. Of questions asked at once, the first decides.
    """
    global _askers  # noqa: PLW0603 - the environment is just as global
    wanted = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries),
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        # A server may otherwise ask us to wait for an hour.
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with _patience:
        _askers += 1
        if _askers == 1:
            for name in wanted.keys() - os.environ.keys():
                _added.add(name)
                os.environ[name] = wanted[name]
    try:
        yield
    finally:
        with _patience:
            _askers -= 1
            if not _askers:
                for name in _added:
                    os.environ.pop(name, None)
                _added.clear()


def _quiet() -> None:
    import logging

    for name in ("mlflow", "alembic"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.WARNING:
            logger.setLevel(logging.WARNING)


@contextlib.contextmanager
def _first_use(uri: str) -> Generator[None]:
    """One process at a time makes the tables of a SQLite store; MLflow by itself races and fails."""
    directory = _sqlite_directory(uri)
    if directory is None or not directory.is_dir():
        yield
        return
    import fcntl

    descriptor = os.open(directory, os.O_RDONLY)
    deadline = time.monotonic() + 120.0
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _sqlite_directory(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///"):
        return None
    path = uri.removeprefix("sqlite:///").split("?", 1)[0]
    return Path(path).absolute().parent if path and path != ":memory:" else None


def _is_theirs(error: Exception) -> bool:
    """Whether an exception is one of the libraries' below, not a mistake of ours."""
    return type(error).__module__.partition(".")[0] in _LIBRARIES or isinstance(error, _PLAIN_ERRORS)
