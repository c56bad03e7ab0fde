"""Which model version we are talking about, and its one written form `name@version`.

Registries accept names with newlines, `/`-less paths, markup or 300 characters, so the written form is
percent-encoded: it is injective (two versions never share a key), printable, one line, and safe as
a Dagster partition key, in a log and in a file name.

What does not belong here: resolving an alias or asking whether a version exists (`resources.model_registry`).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

from modelrisk.errors import CallerMistake

RUN_SCHEME = "runs:/"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_FILE_STEM_LENGTH = 80


@dataclass(frozen=True, order=True)
class ModelVersion:
    """A registered model's version, or (for a preview only) a logged model that is not registered yet.

    Attributes:
        name: the registered model's name, exactly as the registry spells it.
        version: a positive integer as text, or a `runs:/<run id>/<artifact path>` URI.
    """

    name: str
    version: str

    def __post_init__(self) -> None:
        if not self.name:
            raise CallerMistake(
                found="an empty model name",
                expected="NAME@VERSION",
                remedy="Name the registered model",
            )
        if not (_NUMBER.fullmatch(self.version) or self.is_run):
            raise CallerMistake(
                found=f"version {self.version!r}",
                expected="a positive integer or a runs:/ URI",
                remedy="Write NAME@VERSION, such as loan-default@3",
            )

    @property
    def is_run(self) -> bool:
        """Whether this is a logged model that has no registered version."""
        return self.version.startswith(RUN_SCHEME) and len(self.version) > len(RUN_SCHEME)

    @property
    def key(self) -> str:
        """The written form: percent-encoded `name@version`; also the partition key."""
        return f"{_encoded(self.name)}@{_encoded(self.version)}"

    @property
    def file_stem(self) -> str:
        """A file name without ending: at most 97 characters, distinct for distinct versions."""
        key = self.key
        if len(key) <= _FILE_STEM_LENGTH and "%" not in key:
            return key
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return f"{key[:_FILE_STEM_LENGTH].replace('%', '_')}-{digest}"

    @classmethod
    def from_key(cls, key: str) -> Self:
        """The inverse of `key`.

        Raises:
            CallerMistake: the text is not a key that `key` could have written.
        """
        name, separator, version = key.partition("@")
        if not separator:
            raise CallerMistake(
                found=f"{key!r}",
                expected="NAME@VERSION",
                remedy="Write the model's name, an @ and its version, such as loan-default@3",
            )
        parsed = cls(unquote(name, errors="surrogatepass"), unquote(version, errors="surrogatepass"))
        if parsed.key != key:
            raise CallerMistake(
                found=f"{key!r}",
                expected=f"the written form {parsed.key!r}",
                remedy="Percent-encode the name as `model-risk` prints it",
            )
        return parsed

    def __str__(self) -> str:
        return self.key


def _encoded(text: str) -> str:
    # Dots are safe except where Dagster (`...`) or a file system (`..`, a leading dot) reads more into them.
    plain = quote(text, safe="", encoding="utf-8", errors="surrogatepass").replace("~", "%7E")
    return re.sub(r"^\.|\.(?=\.)|(?<=\.)\.|\.$", "%2E", plain)
