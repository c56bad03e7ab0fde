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
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.identity import RUN_SCHEME, ModelVersion
from modelrisk.lineage import DatasetInput, Lineage, dataset_location
from modelrisk.registrations import CHECKPOINT_TAG, RegisteredModel, Registration
from resources.model_files import MLmodel, ModelFiles
from resources.redaction import one_line, quoted, redacted_uri
from resources.tracking_store import NotThereError, TrackingStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

TIMEOUT_S = 10
RETRIES = 2
MAX_FILES = 10_000
MAX_BYTES = 20 * 1024**3
_PAGE = 200
_LONG_PAGE = 1000  # the most that MLflow takes for models
_NAMES_LOOKED_AT = 1000
_ENTRIES = 200
_VALUE_LENGTH = 500
_OWN_TAGS = ("mlflow.", "model_risk.")
_PROMPT_TAG = "mlflow.prompt.is_prompt"
_SQLITE_INFINITY = 1.7976931348623157e308
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_ .-]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class Registry(Protocol):
    """What the pipeline asks of a model registry; `ModelRegistry` and the tests' fake both are one."""

    @property
    def place(self) -> str:
        """Its tracking URI without credentials: fit for messages and links."""
        ...

    def resolve(self, reference: str) -> ModelVersion:
        """The version that `NAME@VERSION`, `NAME@ALIAS`, a key or `[NAME@]runs:/...` means."""
        ...

    def versions(self) -> Iterator[ModelVersion]:
        """Every registered version."""
        ...

    def newest_first(self) -> Iterator[Registration]:
        """Every registered version, the last registered first; stop reading and no more is asked."""
        ...

    def models(self) -> Iterator[RegisteredModel]:
        """Every registered model with its aliases."""
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
        self._store = TrackingStore(tracking_uri, timeout_s=timeout_s, retries=retries)
        self._max_bytes = max_bytes
        self._max_files = max_files

    @property
    def place(self) -> str:
        """The tracking URI without credentials: fit for messages and logs."""
        return self._store.place

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

    def newest_first(self) -> Iterator[Registration]:
        """Every registered version, the last registered first: one question a page of a thousand.

        Raises:
            Unavailable: the registry did not answer.
        """
        for found in self._paged("the model versions", _page_of_newest_versions):
            if found.tags.get(_PROMPT_TAG) is None:
                yield Registration(
                    ModelVersion(found.name, str(found.version)),
                    created_ms=int(found.creation_timestamp or 0),
                    is_ready=found.status == "READY",
                )

    def models(self) -> Iterator[RegisteredModel]:
        """Every registered model with its aliases: one question a page of a thousand.

        Raises:
            Unavailable: the registry did not answer.
        """
        for found in self._paged("the registered models", partial(_page_of_models, _LONG_PAGE)):
            if found.tags.get(_PROMPT_TAG) is None:
                aliases = {str(alias): str(number) for alias, number in dict(found.aliases or {}).items()}
                yield RegisteredModel(str(found.name), aliases, found.tags.get(CHECKPOINT_TAG))

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
            source=redacted_uri(found.source),
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
            model_path_hint=redacted_uri(files.place),
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
        except NotThereError:
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
            found = self._named("the model's tags", lambda client: client.get_registered_model(name))
        except NotThereError:
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

    def _named(self, what: str, ask: "Callable[[MlflowClient], Any]") -> Any:
        """A question about something by name; a name MLflow would not even look for is not there."""
        try:
            return self._store.ask(what, ask)
        except Unavailable as error:
            if getattr(error.__cause__, "error_code", None) == "INVALID_PARAMETER_VALUE":
                raise NotThereError(str(error)) from error
            raise

    def _write(self, subject: ModelVersion | str, write: "Callable[[MlflowClient], object]") -> None:
        try:
            self._store.ask("a change in the registry", write)
        except NotThereError:
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
                    found=one_line(str(error.__cause__), secret=self._store.uri),
                    expected="an alias or tag the registry takes",
                    remedy="Choose another name or a shorter value",
                ) from error
            raise

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
        except NotThereError:
            raise self._unknown_model(name) from None
        if version in aliases:
            registered = ModelVersion(name, aliases[version])
            self._described(registered)
            return registered
        close = difflib.get_close_matches(version, aliases, n=3)
        known = ", ".join(quoted(alias) for alias in (close or sorted(aliases)[:5])) or "none"
        raise CallerMistake(
            found=f"alias or version {quoted(version)} of model {quoted(name)}",
            expected=f"a version ({self._listed(name)}) or an alias ({known})",
            remedy="Name one of them",
        )

    def _aliases(self, name: str) -> dict[str, str]:
        found = self._named("the model's aliases", lambda client: client.get_registered_model(name))
        self._require_same(found.name, name)
        return {str(alias): str(number) for alias, number in dict(found.aliases or {}).items()}

    def _entity(self, version: ModelVersion) -> Any:
        try:
            found = self._named(
                "the model version",
                lambda client: client.get_model_version(version.name, version.version),
            )
        except NotThereError:
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
            message = one_line(str(found.status_message or "no reason given"), secret=self._store.uri)
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
                found=f"{quoted(version.version)}",
                expected="runs:/RUN_ID/PATH",
                remedy="Name the run and the path or name the model was logged under",
            )
        run = self._run(run_id)
        if run is None:
            raise CallerMistake(
                found=f"run {quoted(run_id)}",
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
        return self._paged("the model versions", partial(_page_of_versions, filter_string))

    def _paged(self, what: str, page_after: "Callable[[str | None, MlflowClient], Any]") -> Iterator[Any]:
        token: str | None = None
        seen: set[str] = set()
        while True:
            page = self._store.ask(what, partial(page_after, token))
            yield from page
            token = page.token
            if not token:
                return
            if token in seen:
                raise Unavailable(
                    found=f"{what} in a list that repeats itself",
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
            found=f"version {version.version} of model {quoted(version.name)}",
            expected=f"one of its versions ({self._listed(version.name)})",
            remedy="Name a version that exists",
        )

    def _unknown_model(self, name: str) -> CallerMistake:
        names: list[str] = []
        token: str | None = None
        while len(names) < _NAMES_LOOKED_AT:
            page = self._store.ask(
                "the registered models",
                partial(_page_of_models, _PAGE, token),
            )
            names.extend(str(model.name) for model in page)
            token = page.token
            if not token:
                break
        close = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        known = ", ".join(quoted(other) for other in close)
        return CallerMistake(
            found=f"model {quoted(name)}",
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
                found=f"the registry answering with {quoted(str(found))}",
                expected=f"{quoted(asked)}, which was asked for",
                remedy=f"Find out what is answering at {self.place} before trusting it",
            )

    # Runs and files ---------------------------------------------------------------------------

    def _run(self, run_id: str | None) -> Any:
        if run_id is None:
            return None
        try:
            run = self._named("the training run", lambda client: client.get_run(run_id))
        except NotThereError:
            return None
        self._require_same(run.info.run_id, run_id)
        return run

    def _experiment(self, experiment_id: str) -> str:
        try:
            found = self._store.ask("the experiment", lambda client: client.get_experiment(experiment_id))
        except NotThereError:
            return ""
        return str(found.name)[:_VALUE_LENGTH]

    def _files(self, version: ModelVersion, found: "_Description") -> ModelFiles:
        try:
            if version.is_run:
                location = self._run_location(version)
            else:
                location = self._store.ask(
                    "the model's files",
                    lambda client: client.get_model_version_download_uri(version.name, version.version),
                )
            logged = re.fullmatch(r"models:/+(m-[^/@]+)", location)
            if logged:
                location = self._store.ask(
                    "the logged model", lambda client: client.get_logged_model(logged[1]).artifact_location
                )
        except NotThereError as error:
            raise self._no_files(version, found.source) from error
        return ModelFiles(self._store, str(location))

    def _run_location(self, version: ModelVersion) -> str:
        run_id, _, path = version.version.removeprefix(RUN_SCHEME).partition("/")
        run = self._run(run_id)
        outputs = getattr(run.outputs, "model_outputs", None) or []
        for output in outputs:
            model = self._store.ask("the logged model", partial(_logged_model, str(output.model_id)))
            if path in (model.name, model.model_id):
                return str(model.artifact_location)
        return f"{str(run.info.artifact_uri).rstrip('/')}/{path}"

    def _no_files(self, version: ModelVersion, place: str) -> Unavailable:
        return Unavailable(
            found=f"no model files for {version.key} at {quoted(redacted_uri(place))}",
            expected="the directory the model was logged to, with its MLmodel file",
            remedy="Restore the artifacts, or log and register the model again",
        )

    def _mlmodel(self, version: ModelVersion, files: ModelFiles) -> MLmodel:
        text = files.text("MLmodel")
        if text is None:
            raise self._no_files(version, files.place)
        try:
            return MLmodel.parsed(text)
        except ValueError as error:
            raise Unavailable(
                found=f"an MLmodel file of {version.key} that cannot be read ({one_line(str(error))})",
                expected="the YAML MLflow writes",
                remedy="Log and register the model again",
            ) from error

    def _requirements(self, files: ModelFiles) -> tuple[str, ...]:
        text = files.text("requirements.txt") or ""
        lines = (line.strip()[:_VALUE_LENGTH] for line in text.splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))[: 10 * _ENTRIES]

    def _copy(self, version: ModelVersion, files: ModelFiles, destination: Path) -> None:
        listed = files.listed(max_files=self._max_files, max_bytes=self._max_bytes)
        if "MLmodel" not in listed:
            raise self._no_files(version, files.place)
        for path, size in listed.items():
            copied = files.copy(path, destination)
            if size is not None and copied != size:
                raise Unavailable(
                    found=f"{copied} bytes of {quoted(path)} of {version.key}",
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
            found=quoted(reference),
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
                source=redacted_uri(dataset_location(str(dataset.source or ""))),
                context=context[:_VALUE_LENGTH],
            )
        )
    return tuple(found)


def _page_of_versions(filter_string: str, token: str | None, client: "MlflowClient") -> Any:
    return client.search_model_versions(filter_string, max_results=_PAGE, page_token=token)


def _page_of_newest_versions(token: str | None, client: "MlflowClient") -> Any:
    order = ["creation_timestamp DESC"]
    return client.search_model_versions("", max_results=_LONG_PAGE, order_by=order, page_token=token)


def _page_of_models(size: int, token: str | None, client: "MlflowClient") -> Any:
    return client.search_registered_models(max_results=size, page_token=token)


def _logged_model(model_id: str, client: "MlflowClient") -> Any:
    return client.get_logged_model(model_id)
