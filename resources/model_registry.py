"""The model registry: which versions exist, where they came from, their files, aliases and tags.

The only place, with the scoring child and the demo, that knows MLflow. Nothing of MLflow leaves it:
neither its objects nor its exceptions, and nothing of it reaches stdout, which belongs to our own
output.

What does not belong here: deciding what a gap in lineage means (`modelrisk.lineage`), digests of
downloaded files (`modelrisk.evidence`), and any use of tags as evidence: ours are written for people
and never read back as proof.
"""

import contextlib
import difflib
import math
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.identity import RUN_SCHEME, ModelVersion
from modelrisk.lineage import DatasetInput, Lineage, Signature, dataset_location, parse_signature

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

TIMEOUT_S = 10
RETRIES = 2
MAX_FILES = 10_000
MAX_BYTES = 20 * 1024**3
_MAX_MLMODEL_BYTES = 16 * 1024**2
_PAGE = 200
_NAMES_LOOKED_AT = 1000
_ENTRIES = 200
_VALUE_LENGTH = 500
_MESSAGE_LENGTH = 300
_OWN_TAGS = ("mlflow.", "model_risk.")
_PROMPT_TAG = "mlflow.prompt.is_prompt"
_SQLITE_INFINITY = 1.7976931348623157e308
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_ .-]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
# A wrong answer can surface as any of these from inside the libraries; our own code is outside the guard.
_LIBRARIES = frozenset(
    (
        *("mlflow", "requests", "urllib3", "sqlalchemy", "sqlite3", "alembic"),
        *("google", "botocore", "boto3", "azure", "databricks"),
    )
)
_PLAIN_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)


class Registry(Protocol):
    """What the pipeline asks of a model registry; `ModelRegistry` and the tests' fake both are one."""

    def resolve(self, reference: str) -> ModelVersion:
        """The version that `NAME@VERSION`, `NAME@ALIAS`, a key or `[NAME@]runs:/...` means."""
        ...

    def versions(self) -> Iterator[ModelVersion]:
        """Every registered version."""
        ...

    def lineage(self, version: ModelVersion) -> Lineage:
        """What the registry says about a version."""
        ...

    def download(self, version: ModelVersion, destination: Path) -> Path:
        """Copy the version's model directory to `destination`, which must not exist or be empty."""
        ...

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias points at; None without such an alias or model."""
        ...

    def set_alias(self, version: ModelVersion, alias: str) -> None:
        """Point an alias at a version, moving it if it exists."""
        ...

    def tags(self, version: ModelVersion) -> Mapping[str, str]:
        """The version's tags."""
        ...

    def tag_version(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Write tags on a version."""
        ...

    def model_tags(self, name: str) -> Mapping[str, str]:
        """The registered model's tags."""
        ...

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Write tags on a registered model."""
        ...


class _NotThere(Exception):  # noqa: N818 - never leaves this module
    """The registry answered that the thing asked for does not exist."""


class ModelRegistry:
    """A registry and tracking store, reached by its tracking URI.

    Args:
        tracking_uri: `sqlite:///...`, `http(s)://...` or whatever else MLflow takes.
        timeout_s: seconds to wait for each answer over HTTP; `MLFLOW_HTTP_REQUEST_TIMEOUT` wins.
        retries: how often a request over HTTP is repeated; `MLFLOW_HTTP_REQUEST_MAX_RETRIES` wins.
        max_bytes: refuse to download a larger model.
        max_files: refuse to download a model of more files.
    """

    def __init__(
        self,
        tracking_uri: str,
        *,
        timeout_s: int = TIMEOUT_S,
        retries: int = RETRIES,
        max_bytes: int = MAX_BYTES,
        max_files: int = MAX_FILES,
    ) -> None:
        self._uri = tracking_uri
        self._timeout_s = timeout_s
        self._retries = retries
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._mlflow: MlflowClient | None = None
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """The tracking URI without credentials: fit for messages and logs."""
        return redacted(self._uri)

    def resolve(self, reference: str) -> ModelVersion:
        """The version a reference means, checked to exist and to be ready.

        Args:
            reference: `NAME@VERSION`, `NAME@ALIAS`, a partition key, `NAME@runs:/...` or `runs:/...`.

        Raises:
            CallerMistake: there is no such model, version or alias; names what there is.
            Unavailable: the registry did not answer, or the version is not ready.
            IntegrityError: the registry answered with another version.
        """
        candidates = _readings(reference)
        for name, version in candidates[:-1]:
            with contextlib.suppress(CallerMistake):
                return self._resolved(name, version)
        name, version = candidates[-1]
        return self._resolved(name, version)

    def versions(self) -> Iterator[ModelVersion]:
        """Every registered version, page by page, in the registry's order.

        Raises:
            Unavailable: the registry did not answer.
        """
        for found in self._entities(""):
            if found.tags.get(_PROMPT_TAG) is None:
                yield ModelVersion(found.name, str(found.version))

    def lineage(self, version: ModelVersion) -> Lineage:
        """What the registry says about a version.

        Raises:
            CallerMistake: there is no such version or run.
            Unavailable: the registry did not answer, the version is not ready or has no model files.
            IntegrityError: the registry answered with another version.
        """
        found = self._described(version)
        run = self._run(found.run_id)
        files = self._files(version, found)
        model = self._mlmodel(version, files)
        experiment = self._experiment(run.info.experiment_id) if run is not None else ""
        tags = {**(dict(run.data.tags) if run is not None else {}), **found.tags}
        commit = tags.get("mlflow.source.git.commit")
        return Lineage(
            version=version,
            run_id=None if run is None else str(run.info.run_id),
            experiment=experiment,
            source=redacted(found.source),
            status=found.status,
            aliases=tuple(sorted(found.aliases)),
            created_at=found.created_at,
            description=found.description[: 10 * _VALUE_LENGTH],
            params=_bounded(run.data.params if run is not None else {}),
            metrics=_metrics(run.data.metrics if run is not None else {}),
            tags=_bounded({key: value for key, value in tags.items() if not key.startswith(_OWN_TAGS)}),
            flavors=model.flavors,
            signature=model.signature,
            datasets=_datasets(run) if run is not None else (),
            requirements=self._requirements(files),
            python_version=model.python_version,
            source_commit=commit[:_VALUE_LENGTH] if commit else None,
            input_example=model.input_example,
            model_path_hint=redacted(files.place),
        )

    def download(self, version: ModelVersion, destination: Path) -> Path:
        """Copy the version's model directory; nothing is left behind when it fails.

        Args:
            version: which version.
            destination: a directory that does not exist yet or is empty.

        Returns:
            `destination`.

        Raises:
            CallerMistake: there is no such version, or the destination holds something.
            Unavailable: the files are missing, incomplete, too many or too large, or not plain files.
            IntegrityError: the registry answered with another version.
        """
        if destination.exists() and any(destination.iterdir()):
            raise CallerMistake(
                found=f"files in {destination}",
                expected="an empty directory",
                remedy="Name a directory that does not exist yet",
            )
        files = self._files(version, self._described(version))
        destination.mkdir(parents=True, exist_ok=True)
        try:
            self._copy(version, files, destination)
        except ModelRiskError:
            shutil.rmtree(destination, ignore_errors=True)
            raise
        return destination

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias points at; None without such an alias or model.

        Raises:
            Unavailable: the registry did not answer.
            IntegrityError: the registry answered with another model.
        """
        try:
            number = self._aliases(name).get(alias)
        except _NotThere:
            return None
        return None if number is None else ModelVersion(name, number)

    def set_alias(self, version: ModelVersion, alias: str) -> None:
        """Point an alias at a version, moving it if it exists.

        Raises:
            CallerMistake: there is no such version, or the alias cannot be one.
            Unavailable: the registry did not answer.
        """
        self._require_registered(version)
        self._write(
            version, lambda client: client.set_registered_model_alias(version.name, alias, version.version)
        )

    def tags(self, version: ModelVersion) -> Mapping[str, str]:
        """The version's tags.

        Raises:
            CallerMistake: there is no such version.
            Unavailable: the registry did not answer.
        """
        self._require_registered(version)
        return dict(self._entity(version).tags)

    def tag_version(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Write tags on a version; those not named stay as they are.

        Raises:
            CallerMistake: there is no such version, or a tag the registry does not take.
            Unavailable: the registry did not answer.
        """
        self._require_registered(version)
        for key, value in tags.items():
            self._write(
                version,
                lambda client, key=key, value=value: client.set_model_version_tag(
                    version.name, version.version, key, value
                ),
            )

    def model_tags(self, name: str) -> Mapping[str, str]:
        """The registered model's tags.

        Raises:
            CallerMistake: there is no such model.
            Unavailable: the registry did not answer.
        """
        try:
            found = self._ask("the model's tags", lambda client: client.get_registered_model(name))
        except _NotThere:
            raise self._unknown_model(name) from None
        self._require_same(found.name, name)
        return dict(found.tags)

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Write tags on a registered model; those not named stay as they are.

        Raises:
            CallerMistake: there is no such model, or a tag the registry does not take.
            Unavailable: the registry did not answer.
        """
        for key, value in tags.items():
            self._write(
                name, lambda client, key=key, value=value: client.set_registered_model_tag(name, key, value)
            )

    # Asking -----------------------------------------------------------------------------------

    def _client(self) -> "MlflowClient":
        with self._lock:
            if self._mlflow is None:
                _patient_for(self._timeout_s, self._retries)
                import mlflow

                _quiet()
                with _first_use(self._uri):
                    client = mlflow.MlflowClient(self._uri, self._uri)
                    if self._uri.startswith("sqlite:"):
                        client.search_registered_models(max_results=1)  # makes the registry's tables too
                self._mlflow = client
            return self._mlflow

    def _ask(self, what: str, ask: "Callable[[MlflowClient], T]") -> T:
        """One question to MLflow, whose errors become ours.

        Raises:
            _NotThere: the registry answered that it does not exist.
            Unavailable: there was no usable answer.
        """
        try:
            return ask(self._client())
        except ModelRiskError:
            raise
        except Exception as error:
            if not _is_theirs(error):
                raise
            code = getattr(error, "error_code", None)
            if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
                raise _NotThere(_one_line(str(error), self._uri)) from error
            raise self._unavailable(what, error) from error

    def _write(self, subject: ModelVersion | str, write: "Callable[[MlflowClient], object]") -> None:
        try:
            self._ask("a change in the registry", write)
        except _NotThere:
            name = subject if isinstance(subject, str) else subject.name
            if isinstance(subject, str) or not self._known_versions(name):
                raise self._unknown_model(name) from None
            raise self._unknown_version(subject) from None
        except Unavailable as error:
            if getattr(error.__cause__, "error_code", None) in (
                "INVALID_PARAMETER_VALUE",
                "BAD_REQUEST",
            ):
                raise CallerMistake(
                    found=_one_line(str(error.__cause__), self._uri),
                    expected="an alias or tag the registry takes",
                    remedy="Choose another name or a shorter value",
                ) from error
            raise

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
        reason = _one_line(f"{type(error).__name__}: {error}", self._uri)
        return Unavailable(
            found=f"no usable answer about {what} ({reason})", expected="an answer", remedy=remedy
        )

    # Versions ---------------------------------------------------------------------------------

    def _resolved(self, name: str, version: str) -> ModelVersion:
        if version.startswith(RUN_SCHEME):
            run = ModelVersion(name, version)
            self._described(run)
            return run
        if _NUMBER.fullmatch(version):
            registered = ModelVersion(name, version)
            self._described(registered)
            return registered
        try:
            aliases = self._aliases(name)
        except _NotThere:
            raise self._unknown_model(name) from None
        if version in aliases:
            registered = ModelVersion(name, aliases[version])
            self._described(registered)
            return registered
        close = difflib.get_close_matches(version, aliases, n=3)
        known = ", ".join(_quoted(alias) for alias in (close or sorted(aliases)[:5])) or "none"
        raise CallerMistake(
            found=f"alias or version {_quoted(version)} of model {_quoted(name)}",
            expected=f"a version ({self._listed(name)}) or an alias ({known})",
            remedy="Name one of them",
        )

    def _aliases(self, name: str) -> dict[str, str]:
        found = self._ask("the model's aliases", lambda client: client.get_registered_model(name))
        self._require_same(found.name, name)
        return {str(alias): str(number) for alias, number in dict(found.aliases or {}).items()}

    def _entity(self, version: ModelVersion) -> Any:
        try:
            found = self._ask(
                "the model version",
                lambda client: client.get_model_version(version.name, version.version),
            )
        except _NotThere:
            if self._known_versions(version.name):
                raise self._unknown_version(version) from None
            raise self._unknown_model(version.name) from None
        self._require_same(found.name, version.name)
        self._require_same(str(found.version), version.version)
        return found

    def _described(self, version: ModelVersion) -> "_Description":
        if version.is_run:
            return self._described_run(version)
        found = self._entity(version)
        if found.status != "READY":
            message = _one_line(str(found.status_message or "no reason given"), self._uri)
            raise Unavailable(
                found=f"{version.key} with registration status {found.status} ({message})",
                expected="READY",
                remedy="Wait until the registration has finished, or register the model again",
            )
        created = found.creation_timestamp
        return _Description(
            run_id=found.run_id or None,
            source=str(found.source or ""),
            status=str(found.status),
            aliases=tuple(found.aliases or ()),
            created_at=_when(created),
            description=str(found.description or ""),
            tags=dict(found.tags or {}),
        )

    def _described_run(self, version: ModelVersion) -> "_Description":
        run_id, _, path = version.version.removeprefix(RUN_SCHEME).partition("/")
        if not run_id or not path:
            raise CallerMistake(
                found=f"{_quoted(version.version)}",
                expected="runs:/RUN_ID/PATH",
                remedy="Name the run and the path or name the model was logged under",
            )
        run = self._run(run_id)
        if run is None:
            raise CallerMistake(
                found=f"run {_quoted(run_id)}",
                expected=f"a run the tracking store at {self.place} knows",
                remedy="Copy the run id from the run's page, or check --tracking-uri",
            )
        return _Description(
            run_id=run_id,
            source=version.version,
            status="UNREGISTERED",
            aliases=(),
            created_at=_when(run.info.start_time),
            description="",
            tags={},
        )

    def _entities(self, filter_string: str) -> Iterator[Any]:
        token: str | None = None
        seen: set[str] = set()
        while True:
            page = self._ask(
                "the model versions",
                partial(_page_of_versions, filter_string, token),
            )
            yield from page
            token = page.token
            if not token:
                return
            if token in seen:
                raise Unavailable(
                    found="a list of model versions that repeats itself",
                    expected="a last page",
                    remedy=f"Check the registry at {self.place}",
                )
            seen.add(token)

    def _known_versions(self, name: str) -> list[int]:
        # The filter language has no reliable quoting, so an unusual name is looked for by hand.
        query = f"name = '{name}'" if _PLAIN_NAME.fullmatch(name) else ""
        found = (int(entity.version) for entity in self._entities(query) if entity.name == name)
        return sorted(found, reverse=True)

    def _listed(self, name: str) -> str:
        known = self._known_versions(name)
        shown = ", ".join(str(number) for number in known[:5])
        return f"{shown} and {len(known) - 5} more" if len(known) > 5 else shown or "none"

    def _unknown_version(self, version: ModelVersion) -> CallerMistake:
        return CallerMistake(
            found=f"version {version.version} of model {_quoted(version.name)}",
            expected=f"one of its versions ({self._listed(version.name)})",
            remedy="Name a version that exists",
        )

    def _unknown_model(self, name: str) -> CallerMistake:
        names: list[str] = []
        token: str | None = None
        while len(names) < _NAMES_LOOKED_AT:
            page = self._ask(
                "the registered models",
                partial(_page_of_models, token),
            )
            names.extend(str(model.name) for model in page)
            token = page.token
            if not token:
                break
        close = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        known = ", ".join(_quoted(other) for other in close)
        return CallerMistake(
            found=f"model {_quoted(name)}",
            expected=f"a model in the registry at {self.place} ({known or 'it has none'})",
            remedy="Name a registered model, or check --tracking-uri" if known else "Register a model first",
        )

    def _require_registered(self, version: ModelVersion) -> None:
        if version.is_run:
            raise CallerMistake(
                found=f"{version.key}, which is not registered",
                expected="a registered version",
                remedy="Register the model first, then name its version",
            )

    def _require_same(self, found: object, asked: str) -> None:
        if found != asked:
            raise IntegrityError(
                found=f"the registry answering with {_quoted(str(found))}",
                expected=f"{_quoted(asked)}, which was asked for",
                remedy=f"Find out what is answering at {self.place} before trusting it",
            )

    # Runs and files ---------------------------------------------------------------------------

    def _run(self, run_id: str | None) -> Any:
        if run_id is None:
            return None
        try:
            run = self._ask("the training run", lambda client: client.get_run(run_id))
        except _NotThere:
            return None
        except Unavailable as error:
            # A run id that cannot be one is refused before it is looked for.
            if getattr(error.__cause__, "error_code", None) == "INVALID_PARAMETER_VALUE":
                return None
            raise
        self._require_same(run.info.run_id, run_id)
        return run

    def _experiment(self, experiment_id: str) -> str:
        try:
            found = self._ask("the experiment", lambda client: client.get_experiment(experiment_id))
        except _NotThere:
            return ""
        return str(found.name)[:_VALUE_LENGTH]

    def _files(self, version: ModelVersion, found: "_Description") -> "_Files":
        try:
            if version.is_run:
                location = self._run_location(version)
            else:
                location = self._ask(
                    "the model's files",
                    lambda client: client.get_model_version_download_uri(version.name, version.version),
                )
            logged = re.fullmatch(r"models:/+(m-[^/@]+)", location)
            if logged:
                location = self._ask(
                    "the logged model", lambda client: client.get_logged_model(logged[1]).artifact_location
                )
        except _NotThere as error:
            raise self._no_files(version, found.source) from error
        return _Files(self, str(location))

    def _run_location(self, version: ModelVersion) -> str:
        run_id, _, path = version.version.removeprefix(RUN_SCHEME).partition("/")
        run = self._run(run_id)
        outputs = getattr(run.outputs, "model_outputs", None) or []
        for output in outputs:
            model = self._ask("the logged model", partial(_logged_model, str(output.model_id)))
            if path in (model.name, model.model_id):
                return str(model.artifact_location)
        return f"{str(run.info.artifact_uri).rstrip('/')}/{path}"

    def _no_files(self, version: ModelVersion, place: str) -> Unavailable:
        return Unavailable(
            found=f"no model files for {version.key} at {_quoted(redacted(place))}",
            expected="the directory the model was logged to, with its MLmodel file",
            remedy="Restore the artifacts, or log and register the model again",
        )

    def _mlmodel(self, version: ModelVersion, files: "_Files") -> "_MLmodel":
        text = files.text("MLmodel")
        if text is None:
            raise self._no_files(version, files.place)
        try:
            return _MLmodel.parsed(text)
        except ValueError as error:
            raise Unavailable(
                found=f"an MLmodel file of {version.key} that cannot be read ({_one_line(str(error), '')})",
                expected="the YAML MLflow writes",
                remedy="Log and register the model again",
            ) from error

    def _requirements(self, files: "_Files") -> tuple[str, ...]:
        text = files.text("requirements.txt") or ""
        lines = (line.strip()[:_VALUE_LENGTH] for line in text.splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))[: 10 * _ENTRIES]

    def _copy(self, version: ModelVersion, files: "_Files", destination: Path) -> None:
        listed = files.listed(max_files=self._max_files, max_bytes=self._max_bytes)
        if "MLmodel" not in listed:
            raise self._no_files(version, files.place)
        for path, size in listed.items():
            copied = files.copy(path, destination)
            if size is not None and copied != size:
                raise Unavailable(
                    found=f"{copied} bytes of {_quoted(path)} of {version.key}",
                    expected=f"{size} bytes",
                    remedy="Try again; if it stays so, restore the artifacts",
                )


@dataclass(frozen=True)
class _Description:
    run_id: str | None
    source: str
    status: str
    aliases: tuple[str, ...]
    created_at: datetime | None
    description: str
    tags: dict[str, str]


@dataclass(frozen=True)
class _MLmodel:
    flavors: tuple[str, ...]
    signature: Signature | None
    python_version: str
    input_example: bool

    @classmethod
    def parsed(cls, text: str) -> "_MLmodel":
        """The parts of an MLmodel file we use.

        Raises:
            ValueError: the text is not an MLmodel file.
        """
        import yaml

        try:
            document: object = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise ValueError("not valid YAML") from error
        if not isinstance(document, dict):
            raise ValueError("not a mapping")  # noqa: TRY004 - the text is malformed, no argument is
        flavors = _mapping(document.get("flavors"))
        signature = _mapping(document.get("signature"))
        pyfunc = _mapping(flavors.get("python_function"))
        inputs, outputs = signature.get("inputs"), signature.get("outputs")
        return cls(
            flavors=tuple(sorted(name[:_VALUE_LENGTH] for name in flavors))[:_ENTRIES],
            signature=parse_signature(
                inputs if isinstance(inputs, str) else None, outputs if isinstance(outputs, str) else None
            ),
            python_version=str(pyfunc.get("python_version") or "")[:50],
            input_example=bool(document.get("saved_input_example_info")),
        )


class _Files:
    """A model directory, on this machine or behind MLflow's artifact API."""

    def __init__(self, registry: ModelRegistry, location: str) -> None:
        self._registry = registry
        self.place = location
        self._local = _local_directory(location)
        self._repository: Any = None

    def text(self, name: str) -> str | None:
        """A small text file at the top of the directory, None when there is none."""
        import tempfile

        if self._local is not None:
            path = self._local / name
            if not path.is_file() or path.stat().st_size > _MAX_MLMODEL_BYTES:
                return None
            return path.read_text(encoding="utf-8", errors="replace")
        if name not in self._page(""):
            return None
        with tempfile.TemporaryDirectory(prefix="model-risk-") as directory:
            if self.copy(name, Path(directory)) > _MAX_MLMODEL_BYTES:
                return None
            return (Path(directory) / name).read_text(encoding="utf-8", errors="replace")

    def listed(self, *, max_files: int, max_bytes: int) -> dict[str, int | None]:
        """Relative path -> size (None when not said) of every file, within bounds.

        Raises:
            Unavailable: too many, too large, not plain files, or a path that leads outside.
        """
        found: dict[str, int | None] = {}
        total = 0
        for path, size in self._walk():
            found[path] = size
            total += size or 0
            if len(found) > max_files or total > max_bytes:
                raise Unavailable(
                    found=f"a model directory of more than {max_files} files or {max_bytes} bytes",
                    expected="a model within these bounds",
                    remedy="Log the model without data files, or raise the download limits",
                )
        return dict(sorted(found.items()))

    def copy(self, path: str, destination: Path) -> int:
        """Copy one file below `destination`; returns its size in bytes."""
        target = destination / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._local is not None:
            try:
                source = os.open(self._local / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(source, "rb") as reader, target.open("xb") as writer:
                    shutil.copyfileobj(reader, writer, 1024 * 1024)
            except OSError as error:
                raise self._unreadable(path, error) from error
        else:
            self._ask(
                f"the file {_quoted(path)}", lambda repo: repo.download_artifacts(path, str(destination))
            )
        if target.is_symlink() or not target.is_file():
            raise self._unreadable(path, OSError("not a plain file"))
        return target.stat().st_size

    def _walk(self) -> Iterator[tuple[str, int | None]]:
        if self._local is None:
            yield from self._remote("", depth=0)
            return
        pending = [self._local]
        while pending:
            directory = pending.pop()
            try:
                entries = sorted(directory.iterdir())
                kinds = [(entry, entry.lstat()) for entry in entries]
            except OSError as error:
                raise self._unreadable(directory.name, error) from error
            for entry, kind in kinds:
                path = entry.relative_to(self._local).as_posix()
                if stat.S_ISDIR(kind.st_mode):
                    pending.append(entry)
                elif stat.S_ISREG(kind.st_mode):
                    yield path, kind.st_size
                else:
                    raise self._unreadable(path, OSError("a link or a special file"))

    def _remote(self, directory: str, *, depth: int) -> Iterator[tuple[str, int | None]]:
        if depth > 32:
            raise self._unreadable(directory, OSError("directories nested too deeply"))
        for path, (is_directory, size) in self._page(directory).items():
            if is_directory:
                yield from self._remote(path, depth=depth + 1)
            else:
                yield path, size

    def _page(self, directory: str) -> dict[str, tuple[bool, int | None]]:
        infos = self._ask("the model's files", lambda repo: list(repo.list_artifacts(directory or None)))
        page: dict[str, tuple[bool, int | None]] = {}
        for info in infos:
            path = PurePosixPath(str(info.path))
            inside = (
                not path.is_absolute() and ".." not in path.parts and path.parts and "\0" not in str(path)
            )
            if not inside or path.parent != PurePosixPath(directory or "."):
                raise IntegrityError(
                    found=f"a model file listed at {_quoted(str(info.path))}",
                    expected=f"a path inside {_quoted(directory or 'the model directory')}",
                    remedy=f"Find out what is answering at {self._registry.place} before trusting it",
                )
            page[path.as_posix()] = (bool(info.is_dir), info.file_size)
        return page

    def _ask(self, what: str, ask: Callable[[Any], T]) -> T:
        def answered(_: "MlflowClient") -> T:
            if self._repository is None:
                from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

                uri = self._registry._uri  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                self._repository = get_artifact_repository(self.place, tracking_uri=uri, registry_uri=uri)
            return ask(self._repository)

        try:
            return self._registry._ask(what, answered)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        except _NotThere as error:
            raise self._unreadable(what, OSError(str(error))) from error

    def _unreadable(self, what: str, error: OSError) -> Unavailable:
        reason = _one_line(error.strerror or str(error), self.place)
        return Unavailable(
            found=f"{_quoted(what)} at {_quoted(redacted(self.place))} that cannot be copied ({reason})",
            expected="a directory of plain, readable files",
            remedy="Restore the artifacts, or log and register the model again",
        )


# Words ----------------------------------------------------------------------------------------


def redacted(uri: str) -> str:
    """A URI without user, password and query: fit for messages, logs and evidence."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", uri.split("?", 1)[0] if "://" in uri else uri)


def _one_line(text: str, uri: str) -> str:
    """One printable line of bounded length without credentials."""
    cleaned = text.replace(uri, redacted(uri)) if uri else text
    cleaned = re.sub(r"(?<=://)[^/@\s]*@", "***@", cleaned)
    line = " ".join(cleaned.split())
    line = "".join(
        character if character.isprintable() else repr(character)[1:-1]
        for character in line[: 2 * _MESSAGE_LENGTH]
    )
    return line if len(line) <= _MESSAGE_LENGTH else line[: _MESSAGE_LENGTH - 1] + "…"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:99] + "…")


def _readings(reference: str) -> list[tuple[str, str]]:
    """The (name, version or alias) pairs a reference may mean, best first, never empty."""
    if reference.startswith(RUN_SCHEME):
        return [(reference.rstrip("/").rpartition("/")[2] or "run", reference)]
    at = f"@{RUN_SCHEME}"
    name, separator, rest = (
        (reference[: reference.index(at)], "@", reference[reference.index(at) + 1 :])
        if at in reference
        else reference.rpartition("@")
    )
    if not (name and separator and rest):
        raise CallerMistake(
            found=_quoted(reference),
            expected="NAME@VERSION or NAME@ALIAS",
            remedy="Write the registered model's name, an @ and a version or alias, such as loan-default@3",
        )
    readings = [(name, rest)]
    decoded = (unquote(name, errors="surrogatepass"), unquote(rest))
    if decoded != (name, rest):
        readings.insert(0, decoded)
    return readings


def _when(milliseconds: int | None) -> datetime | None:
    return None if not milliseconds else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _bounded(values: Mapping[str, object]) -> dict[str, str]:
    items = sorted((str(key), str(value)) for key, value in values.items())[:_ENTRIES]
    return {key[:_VALUE_LENGTH]: value[:_VALUE_LENGTH] for key, value in items}


def _metrics(values: Mapping[str, float]) -> dict[str, float | str]:
    """Metrics with everything that is not a finite number as text; a SQL store clamps the infinities."""
    metrics: dict[str, float | str] = {}
    for key, value in sorted(values.items())[:_ENTRIES]:
        number = float(value)
        if math.isnan(number):
            metrics[key] = "nan"
        elif abs(number) >= _SQLITE_INFINITY:
            metrics[key] = "inf" if number > 0 else "-inf"
        else:
            metrics[key] = number + 0.0
    return metrics


def _datasets(run: Any) -> tuple[DatasetInput, ...]:
    found: list[DatasetInput] = []
    for item in (getattr(run.inputs, "dataset_inputs", None) or [])[:_ENTRIES]:
        dataset = item.dataset
        context = next((str(tag.value) for tag in item.tags or [] if tag.key == "mlflow.data.context"), "")
        found.append(
            DatasetInput(
                name=str(dataset.name or "")[:_VALUE_LENGTH],
                digest=str(dataset.digest or "")[:_VALUE_LENGTH],
                source_type=str(dataset.source_type or "")[:_VALUE_LENGTH],
                source=redacted(dataset_location(str(dataset.source or ""))),
                context=context[:_VALUE_LENGTH],
            )
        )
    return tuple(found)


def _mapping(value: object) -> dict[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _local_directory(location: str) -> Path | None:
    """The directory a location names on this machine, None when it is elsewhere."""
    if location.startswith("file:"):
        parts = urlsplit(location)
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return Path(location) if "://" not in location and not re.match(r"[a-z-]+:/", location) else None


def _page_of_versions(filter_string: str, token: str | None, client: "MlflowClient") -> Any:
    return client.search_model_versions(filter_string, max_results=_PAGE, page_token=token)


def _page_of_models(token: str | None, client: "MlflowClient") -> Any:
    return client.search_registered_models(max_results=_PAGE, page_token=token)


def _logged_model(model_id: str, client: "MlflowClient") -> Any:
    return client.get_logged_model(model_id)


# MLflow's ways --------------------------------------------------------------------------------

_ours: dict[str, str] = {}


def _patient_for(timeout_s: int, retries: int) -> None:
    """Set MLflow's patience, which it takes from the environment only; what a user has set wins."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries),
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        # A server may otherwise ask us to wait for an hour.
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for name, value in wanted.items():
        if name not in os.environ or os.environ[name] == _ours.get(name):
            os.environ[name] = _ours[name] = value


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
