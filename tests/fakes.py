"""Hand-written fakes that behave as the real gateways do and record what was done to them."""

import difflib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelrisk.errors import CallerMistake, Unavailable
from modelrisk.identity import RUN_SCHEME, ModelVersion
from modelrisk.lineage import Lineage
from modelrisk.registrations import CHECKPOINT_TAG, RegisteredModel, Registration
from resources.checkpoints import Checkpoints
from resources.ledger_store import SqliteLedger
from resources.signer import KeyFile


def checkpoints_of(registry: "FakeModelRegistry", ledger: SqliteLedger, root: Path) -> Checkpoints:
    """Copies of a ledger's checkpoint, signed with the key under a directory."""
    signer = KeyFile(root / "signing.pem")
    return Checkpoints(registry=registry, ledger=ledger, signer=signer, trusted=lambda: signer.trusted)


@dataclass
class FakeModelRegistry:
    """A registry in memory; it passes the contract suite of the real one.

    Attributes:
        down: when set, every question is answered by this error.
        writes: what was changed, in order, such as `("alias", "loan@2", "champion")`.
    """

    down: Unavailable | None = None
    place: str = "memory:"
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    _lineages: dict[ModelVersion, Lineage] = field(default_factory=dict)
    _files: dict[ModelVersion, Path] = field(default_factory=dict)
    _aliases: dict[tuple[str, str], ModelVersion] = field(default_factory=dict)
    _tags: dict[ModelVersion, dict[str, str]] = field(default_factory=dict)
    _model_tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, lineage: Lineage, files: Path | None = None) -> ModelVersion:
        """Make a version known, with its files if it has any."""
        version = lineage.version
        self._lineages[version] = lineage
        if files is not None:
            self._files[version] = files
        if not version.is_run:
            self._tags.setdefault(version, {})
            self._model_tags.setdefault(version.name, {})
        return version

    def resolve(self, reference: str) -> ModelVersion:
        self._answering()
        if reference.startswith(RUN_SCHEME):
            reference = f"{reference.rpartition('/')[2]}@{reference}"
        at = reference.find(f"@{RUN_SCHEME}")
        name, separator, rest = (
            (reference[:at], "@", reference[at + 1 :]) if at >= 0 else reference.rpartition("@")
        )
        if not (name and separator and rest):
            raise _mistake(repr(reference), "NAME@VERSION or NAME@ALIAS")
        for version in self._lineages:
            if reference == version.key or (name, rest) == (version.name, version.version):
                return self._ready(version)
        if (name, rest) in self._aliases:
            return self._ready(self._aliases[name, rest])
        if rest.startswith(RUN_SCHEME):
            raise _mistake(f"run {rest!r}", "a known run")
        self._require_model(name)
        aliases = [alias for model, alias in self._aliases if model == name]
        close = difflib.get_close_matches(rest, aliases) or aliases
        raise _mistake(f"{rest!r} of {name!r}", f"{self._numbers(name)} or {close}")

    def versions(self) -> Iterator[ModelVersion]:
        self._answering()
        yield from (version for version in self._lineages if not version.is_run)

    def newest_first(self) -> Iterator[Registration]:
        self._answering()
        for version in reversed([version for version in self._lineages if not version.is_run]):
            lineage = self._lineages[version]
            created = 0 if lineage.created_at is None else int(lineage.created_at.timestamp() * 1000)
            yield Registration(version, created, is_ready=lineage.status == "READY")

    def models(self) -> Iterator[RegisteredModel]:
        self._answering()
        for name in self._model_tags:
            aliases = {alias: to.version for (model, alias), to in self._aliases.items() if model == name}
            yield RegisteredModel(name, aliases, self._model_tags[name].get(CHECKPOINT_TAG))

    def lineage(self, version: ModelVersion) -> Lineage:
        self._require(version)
        aliases = sorted(alias for (_, alias), target in self._aliases.items() if target == version)
        return replace(self._lineages[self._ready(version)], aliases=tuple(aliases))

    def download(self, version: ModelVersion, destination: Path) -> Path:
        self._require(version)
        if destination.exists() and any(destination.iterdir()):
            raise _mistake(f"files in {destination}", "an empty directory")
        files = self._files.get(self._ready(version))
        if files is None or not files.is_dir():
            raise Unavailable(found="no model files", expected="model files", remedy="Log the model again")
        shutil.copytree(files, destination, dirs_exist_ok=True)
        return destination

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        self._answering()
        return self._aliases.get((name, alias))

    def set_alias(self, version: ModelVersion, alias: str) -> None:
        self._require_registered(version)
        if "/" in alias or not alias:
            raise _mistake(f"alias {alias!r}", "an alias the registry takes")
        self._aliases[version.name, alias] = version
        self.writes.append(("alias", version.key, alias))

    def tags(self, version: ModelVersion) -> Mapping[str, str]:
        self._require_registered(version)
        return dict(self._tags[version])

    def tag_version(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        self._require_registered(version)
        self._tags[version].update(tags)
        self.writes.extend(("version tag", version.key, key) for key in tags)

    def model_tags(self, name: str) -> Mapping[str, str]:
        self._require_model(name)
        return dict(self._model_tags[name])

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        self._require_model(name)
        self._model_tags[name].update(tags)
        self.writes.extend(("model tag", name, key) for key in tags)

    def _answering(self) -> None:
        if self.down is not None:
            raise self.down

    def _require(self, version: ModelVersion) -> None:
        self._answering()
        if version not in self._lineages:
            if not version.is_run:
                self._require_model(version.name)
            raise _mistake(version.key, f"one of {self._numbers(version.name)}")

    def _require_registered(self, version: ModelVersion) -> None:
        if version.is_run:
            raise _mistake(version.key, "a registered version")
        self._require(version)

    def _require_model(self, name: str) -> None:
        self._answering()
        names = sorted({version.name for version in self._lineages if not version.is_run})
        if name not in names:
            raise _mistake(f"model {name!r}", f"one of {difflib.get_close_matches(name, names) or names[:5]}")

    def _ready(self, version: ModelVersion) -> ModelVersion:
        status = self._lineages[version].status
        if status not in ("READY", "UNREGISTERED"):
            raise Unavailable(found=f"{version.key} with status {status}", expected="READY", remedy="Wait")
        return version

    def _numbers(self, name: str) -> list[str]:
        return [version.version for version in self._lineages if version.name == name]


def _mistake(found: str, expected: str) -> CallerMistake:
    return CallerMistake(found=found, expected=expected, remedy="Name one that exists")
