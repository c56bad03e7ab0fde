"""What the registry says about a model version: where it came from and what it was trained on.

These are claims by whoever logged the model, kept as they were found; digests of the actual bytes
are computed elsewhere and are what a decision is bound to.

What does not belong here: asking a registry (`resources.model_registry`), reading data
(`resources.datasets`), and verdicts about gaps (`modelrisk.verdicts`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from modelrisk.identity import ModelVersion
from modelrisk.records import Blame, Problem

_WINDOWS_PATH = re.compile(r"/?[A-Za-z]:[\\/]|\\\\")
_TRAINING_CONTEXTS = frozenset({"training", "train"})
_TEXT_LIMIT = 200


class SignatureKind(StrEnum):
    """How the model's inputs are addressed."""

    COLUMNS = "columns"
    """By column name: the only kind data can be matched against."""
    UNNAMED = "unnamed"
    """By position only."""
    TENSOR = "tensor"
    """An array without columns."""


@dataclass(frozen=True)
class ColumnSpec:
    """One input the model declares.

    Attributes:
        name: the column's name, exactly; `""` when the signature has none.
        dtype: MLflow's type name: `boolean`, `integer`, `long`, `float`, `double`, `string`,
            `binary`, `datetime`, or a composite type's text such as `array(double)`.
        required: whether the model needs it.
    """

    name: str
    dtype: str
    required: bool = True


@dataclass(frozen=True)
class Signature:
    """What the model takes and, in words, what it returns.

    Attributes:
        inputs: in the model's order.
        outputs: a short description, `""` when the signature does not say.
        kind: how the inputs are addressed.
    """

    inputs: tuple[ColumnSpec, ...]
    outputs: str = ""
    kind: SignatureKind = SignatureKind.COLUMNS

    @property
    def columns(self) -> tuple[str, ...]:
        """The named columns, in order; empty unless the inputs are addressed by name."""
        return tuple(spec.name for spec in self.inputs) if self.kind is SignatureKind.COLUMNS else ()


@dataclass(frozen=True)
class DatasetInput:
    """A dataset the training run says it used.

    Attributes:
        name: the dataset's name.
        digest: MLflow's digest (of the first 10,000 rows only), for people; never compared.
        source_type: `local`, `code`, `s3`, `http`, ...
        source: the location when one was logged, else the source as text.
        context: `training`, `evaluation`, ...; `""` when not said.
    """

    name: str
    digest: str
    source_type: str
    source: str
    context: str


@dataclass(frozen=True)
class Lineage:
    """Everything the registry says about one model version.

    Attributes:
        version: which model version.
        run_id: the training run, or None when the version names none or the run is gone.
        experiment: the run's experiment name, `""` when unknown.
        source: where the registry says the artifacts are (credentials removed).
        status: registration status, `READY` unless it is a logged model that is not registered.
        aliases: aliases now pointing at the version, sorted.
        created_at: when the version was created (UTC), None when unknown.
        description: the version's description, `""` when there is none.
        params: the run's parameters.
        metrics: the run's metrics, last value each; one that is not a finite number is text.
        tags: the version's and the run's tags (the version's win), without ours and MLflow's own.
        flavors: the model's flavors, sorted.
        signature: inputs and outputs, None when not logged.
        datasets: dataset inputs of the run.
        requirements: the model's `requirements.txt`, line by line.
        python_version: the Python the model was logged with, `""` when unknown.
        source_commit: git commit of the training code, None when not recorded.
        input_example: whether an example input was logged.
        model_path_hint: the resolved location of the model directory (credentials removed).
    """

    version: ModelVersion
    run_id: str | None
    experiment: str
    source: str
    status: str
    aliases: tuple[str, ...] = ()
    created_at: datetime | None = None
    description: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, float | str] = field(default_factory=dict[str, float | str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    flavors: tuple[str, ...] = ()
    signature: Signature | None = None
    datasets: tuple[DatasetInput, ...] = ()
    requirements: tuple[str, ...] = ()
    python_version: str = ""
    source_commit: str | None = None
    input_example: bool = False
    model_path_hint: str = ""


def lineage_gaps(lineage: Lineage) -> tuple[str, ...]:
    """What a decision needs to know and the registry does not say, each with what to do about it."""
    gaps: list[str] = []
    if lineage.run_id is None:
        gaps.append(
            "no training run: log the model inside `with mlflow.start_run():` and register it from there"
        )
    if lineage.signature is None:
        gaps.append(
            "no signature: log the model with `signature=mlflow.models.infer_signature(X, predictions)`"
        )
    elif not lineage.signature.columns:
        gaps.append("a signature without column names: infer it from a pandas DataFrame instead of an array")
    if not lineage.datasets:
        gaps.append(
            "no dataset input: call `mlflow.log_input(mlflow.data.from_pandas(df, source=PATH), "
            'context="training")` in the training run'
        )
    elif not _training_inputs(lineage.datasets):
        gaps.append('no dataset input for training: give the training data `context="training"` in log_input')
    if not lineage.requirements:
        gaps.append("no requirements: log the model with `pip_requirements=[...]` naming exact versions")
    return tuple(gaps)


def lineage_notes(lineage: Lineage) -> tuple[str, ...]:
    """What would be good to know and holds nothing up, each with what to do about it."""
    notes: list[str] = []
    if lineage.source_commit is None:
        notes.append("no source commit: train from a git checkout, so that MLflow records it")
    if not lineage.input_example:
        notes.append("no input example: log the model with `input_example=X.head(5)`")
    return tuple(notes)


def training_source(lineage: Lineage) -> str | Problem:
    """The absolute local path of the data the model was trained on, as the training run logged it.

    A dataset with the context `training` is preferred; without one, the only dataset input whose
    context is not said. Whether the file exists is for the reader of it to find out.

    Returns:
        The path, or a Problem whose remedy is the intake's `training: path`.
    """
    if lineage.run_id is None:
        return _unreadable(
            f"no training run behind {lineage.version.key}", "a run with its training dataset logged"
        )
    if not lineage.datasets:
        return _unreadable(
            f"no dataset logged by run {lineage.run_id}", 'a dataset logged with context="training"'
        )
    candidates = _training_inputs(lineage.datasets)
    if not candidates:
        contexts = ", ".join(sorted({_short(dataset.context) for dataset in lineage.datasets}))
        return _unreadable(f"datasets logged for {contexts} only", 'a dataset logged with context="training"')
    sources = list(dict.fromkeys((dataset.source_type, dataset.source) for dataset in candidates))
    if len(sources) > 1:
        listed = ", ".join(_short(source) for _, source in sources[:3])
        return _unreadable(f"{len(sources)} training datasets ({listed})", "one training dataset")
    return _local_path(*sources[0])


def parse_signature(inputs: str | None, outputs: str | None) -> Signature | None:
    """The signature from the two JSON texts an MLmodel file keeps.

    Returns:
        None when there are no inputs.

    Raises:
        ValueError: a text is not the JSON MLflow writes.
    """
    if not inputs:
        return None
    specs = _specs(inputs)
    if not specs:
        return None
    described = _described(_specs(outputs)) if outputs else ""
    if any(spec.get("type") == "tensor" for spec in specs):
        columns = tuple(ColumnSpec(str(spec.get("name") or ""), _dtype(spec)) for spec in specs)
        return Signature(columns, described, SignatureKind.TENSOR)
    columns = tuple(
        ColumnSpec(str(spec.get("name") or ""), _dtype(spec), bool(spec.get("required", True)))
        for spec in specs
    )
    named = all(spec.get("name") not in (None, "") for spec in specs)
    return Signature(columns, described, SignatureKind.COLUMNS if named else SignatureKind.UNNAMED)


def dataset_location(source: str) -> str:
    """The location inside a dataset's source JSON (`uri`, `url` or `path`), else the text itself, bounded."""
    try:
        parsed: object = json.loads(source)
    except ValueError:
        return source[:2000]
    if isinstance(parsed, dict):
        for key in ("uri", "url", "path"):
            value: object = parsed.get(key)
            if isinstance(value, str) and value:
                return value[:2000]
    return source[:2000]


def _training_inputs(datasets: tuple[DatasetInput, ...]) -> tuple[DatasetInput, ...]:
    said = tuple(d for d in datasets if d.context.strip().lower() in _TRAINING_CONTEXTS)
    return said or tuple(d for d in datasets if not d.context.strip())


def _local_path(source_type: str, source: str) -> str | Problem:
    if source_type == "code":
        return _unreadable(
            "a training dataset whose source is the training code, not a file",
            "a dataset logged with `source=PATH`",
        )
    text = source.strip()
    parts = None if _WINDOWS_PATH.match(text) else _split(text)
    if parts is None or _WINDOWS_PATH.match(unquote(parts.path)):
        return _unreadable(f"training data at {_short(text)}", "a path this machine can read")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = unquote(parts.path)
    elif not parts.scheme and not parts.netloc:
        path = text
    else:
        return _unreadable(
            f"training data at {_short(_without_credentials(text))}", "a local path or a file:// URI"
        )
    if not path.startswith("/"):
        return _unreadable(
            f"training data at the relative path {_short(path)}",
            "an absolute path, because nobody knows relative to what",
        )
    if "\0" in path:
        return _unreadable(f"training data at {_short(path)}", "a path without a NUL character")
    return path


def _split(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _unreadable(found: str, expected: str) -> Problem:
    return Problem(
        Blame.UNAVAILABLE,
        found,
        expected,
        "Write `training: path` under `data:` in the intake, naming a copy of the training data",
    )


def _without_credentials(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://***@", text.split("?", 1)[0])


def _short(text: str) -> str:
    return repr(text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…")


def _specs(text: str) -> list[dict[str, object]]:
    parsed: object = json.loads(text)
    if not isinstance(parsed, list):
        raise ValueError("a signature is a JSON list")  # noqa: TRY004 - the text is malformed, no argument is
    specs: list[dict[str, object]] = []
    for item in parsed:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(item, dict):
            raise ValueError("a signature is a JSON list of objects")  # noqa: TRY004 - as above
        specs.append({str(key): value for key, value in item.items()})
    return specs


def _dtype(spec: Mapping[str, object]) -> str:
    kind = str(spec.get("type", "unknown"))
    if kind == "tensor":
        tensor = spec.get("tensor-spec")
        return f"tensor({_inner(tensor, 'dtype')})"
    if kind == "array":
        items = spec.get("items")
        return f"array({_dtype(_texted(items))})" if isinstance(items, dict) else "array"
    return kind[:_TEXT_LIMIT]


def _inner(value: object, key: str) -> str:
    return str(_texted(value).get(key, "unknown"))[:_TEXT_LIMIT] if isinstance(value, dict) else "unknown"


def _texted(value: object) -> dict[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _described(specs: list[dict[str, object]]) -> str:
    words = [f"{spec['name']}: {_dtype(spec)}" if spec.get("name") else _dtype(spec) for spec in specs[:8]]
    more = f" and {len(specs) - 8} more" if len(specs) > 8 else ""
    return (", ".join(words) + more)[:500]
