"""A registered model's directory, on this machine or behind MLflow's artifact API.

What does not belong here: digests and what a file may contain (`modelrisk.evidence`).
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.lineage import Signature, parse_signature
from resources.redaction import one_line, quoted, redacted_uri
from resources.tracking_store import NotThereError, TrackingStore

T = TypeVar("T")

_MAX_TEXT_BYTES = 16 * 1024**2
_ENTRIES = 200
_VALUE_LENGTH = 500


@dataclass(frozen=True)
class MLmodel:
    """The parts of an MLmodel file we use.

    Attributes:
        flavors: sorted.
        signature: None when not logged.
        python_version: `""` when unknown.
        input_example: whether one was logged.
    """

    flavors: tuple[str, ...]
    signature: Signature | None
    python_version: str
    input_example: bool

    @classmethod
    def parsed(cls, text: str) -> "MLmodel":
        """Read the file's text.

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


class ModelFiles:
    """A model directory.

    Args:
        store: the connection to MLflow.
        location: a path or a URI.
    """

    def __init__(self, store: TrackingStore, location: str) -> None:
        self._store = store
        self.place = location
        self._local = _local_directory(location)
        self._repository: Any = None

    def text(self, name: str) -> str | None:
        """A small text file at the top of the directory, None when there is none."""
        if self._local is not None:
            path = self._local / name
            if not path.is_file() or path.stat().st_size > _MAX_TEXT_BYTES:
                return None
            return path.read_text(encoding="utf-8", errors="replace")
        if name not in self._page(""):
            return None
        with tempfile.TemporaryDirectory(prefix="model-risk-") as directory:
            if self.copy(name, Path(directory)) > _MAX_TEXT_BYTES:
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
                f"the file {quoted(path)}", lambda repo: repo.download_artifacts(path, str(destination))
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
                    found=f"a model file listed at {quoted(str(info.path))}",
                    expected=f"a path inside {quoted(directory or 'the model directory')}",
                    remedy=f"Find out what is answering at {self._store.place} before trusting it",
                )
            page[path.as_posix()] = (bool(info.is_dir), info.file_size)
        return page

    def _ask(self, what: str, ask: Callable[[Any], T]) -> T:
        def answered(_: object) -> T:
            if self._repository is None:
                self._repository = self._store.repository(self.place)
            return ask(self._repository)

        try:
            return self._store.ask(what, answered)
        except NotThereError as error:
            raise self._unreadable(what, OSError(str(error))) from error

    def _unreadable(self, what: str, error: OSError) -> Unavailable:
        reason = one_line(error.strerror or str(error), secret=self.place)
        return Unavailable(
            found=f"{quoted(what)} at {quoted(redacted_uri(self.place))} that cannot be copied ({reason})",
            expected="a directory of plain, readable files",
            remedy="Restore the artifacts, or log and register the model again",
        )


def _mapping(value: object) -> dict[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _local_directory(location: str) -> Path | None:
    """The directory a location names on this machine, None when it is elsewhere."""
    if location.startswith("file:"):
        parts = urlsplit(location)
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return Path(location) if "://" not in location and not re.match(r"[a-z-]+:/", location) else None
