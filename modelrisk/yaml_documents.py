"""YAML as people write it, read strictly: what stands where, and everything that is wrong with it at once.

The reading is deliberately smaller than YAML 1.1, because governance is reviewed by people:

* A key may stand only once. Anchors, aliases, merge keys, tags and second documents are refused.
* A plain scalar means what it looks like (YAML 1.2): `yes`, `no`, `on` and `2026-10-01` are text,
  `true` and `false` are the only booleans, `1.10` and `1e5` are numbers. `007` is refused, because
  nobody can tell whether it is a number or a code; quotes settle it. NaN and infinity are refused.
* Keys are always text, as written.
* Every value remembers its file and line, also after one document was merged over another.

What does not belong here: reading files (`resources.governance`), comparing a document with the types it
should hold (`modelrisk.yaml_contracts`), and the meaning of any key.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from modelrisk.errors import Fault, InvalidDocument
from modelrisk.evidence import digest_of

Yaml = str | int | float | bool | None | Sequence["Yaml"] | Mapping[str, "Yaml"]
KeyPath = tuple[str | int, ...]
"""Keys and list positions from the document's root; `()` is the document itself."""

MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_DEPTH = 32
MAXIMUM_INTEGER = 2**53 - 1
_SHOWN = 60

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_LEADING_ZEROS = re.compile(r"[-+]?0[0-9]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PLAIN_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Place:
    """Where a value stands, for a message that lets people jump to it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Document:
    """A parsed YAML document.

    Attributes:
        data: the root mapping.
        places: where each key and list item stands.
        name: the document's name as the user knows it.
        written: numbers as they were spelled, where that differs from how they print (`1.10`).
    """

    data: Mapping[str, Yaml]
    places: Mapping[KeyPath, Place]
    name: str
    written: Mapping[KeyPath, str] = field(default_factory=dict[KeyPath, str])

    @property
    def lines(self) -> Mapping[KeyPath, int]:
        """1-based line of each key and list item."""
        return {path: place.line for path, place in self.places.items()}

    @property
    def digest(self) -> str:
        """Digest of the data: comments, order of keys and layout do not change it."""
        return digest_of(self.data)

    def at(self, *path: str | int) -> Yaml:
        """The value at a path; None when any step of it is missing."""
        value: Yaml = self.data
        for part in path:
            if isinstance(value, Mapping):
                value = value.get(part) if isinstance(part, str) else None
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def place(self, *path: str | int) -> Place | None:
        """Where the path stands, or its nearest enclosing key; None when that is the document itself."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return None

    def shown(self, *path: str | int) -> str:
        """The value at the path as a message shows it: short, on one line, numbers as they were spelled."""
        return self.written[path] if path in self.written else shown(self.at(*path))

    def fault(self, *path: str | int, found: str, expected: str, remedy: str) -> Fault:
        """A fault at the path."""
        place = self.place(*path)
        return Fault(
            file=self.name if place is None else place.file,
            line=None if place is None else place.line,
            key=dotted(path),
            found=found,
            expected=expected,
            remedy=remedy,
        )


def shown(value: Yaml) -> str:
    """A value for a message: quoted text on one line, cut after 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}…"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return str(value)


def dotted(path: KeyPath) -> str:
    """A path as people write it: `data.classes[0]`; unprintable characters are escaped."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{printable(part)}"
    return text.removeprefix(".")


def printable(text: str) -> str:
    """The text on one line, with control and direction-changing characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def one_of(known: Iterable[str]) -> str:
    """`one of a, b, c` (or the single choice itself)."""
    words = list(known)
    return words[0] if len(words) == 1 else "one of " + ", ".join(words)


def suggestion(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """`Write `x`` when a known word is near, else the other remedy."""
    near = nearest(word, known)
    return otherwise if near is None else f"Write `{near}`"


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Each fault once, by file and line; faults of the whole document first."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line or 0, fault.key)))


def unreadable_characters(text: str, *, several_lines: bool = False) -> str | None:
    """The first character that could forge a line or turn the reading direction, as `U+....`; else None.

    Args:
        text: the text to look at.
        several_lines: whether line breaks and tabs are part of it, as in a paragraph.
    """
    allowed = "\n\r\t" if several_lines else ""
    overrides = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in text:
        breaks = unicodedata.category(character) in {"Cc", "Zl", "Zp"} and character not in allowed
        if breaks or unicodedata.bidirectional(character) in overrides:
            return f"U+{ord(character):04X}"
    return None


# --- reading ---------------------------------------------------------------------------------------------


def parsed(text: str | bytes, *, name: str) -> Document:
    """Read one YAML document whose root is a mapping.

    Args:
        text: the document; bytes must be UTF-8, with or without a byte order mark.
        name: the document's name for messages.

    Raises:
        InvalidDocument: with every structural fault that could be found.
    """
    name = printable(name)
    composer = _Composer(name)
    composer.read(_decoded(text, name=name))
    if composer.faults:
        raise InvalidDocument(in_order(composer.faults))
    return Document(
        data=cast("Mapping[str, Yaml]", composer.root),
        places=composer.places,
        name=name,
        written=composer.written,
    )


def _decoded(text: str | bytes, *, name: str) -> str:
    def refused(line: int | None, found: str, expected: str, remedy: str) -> InvalidDocument:
        return InvalidDocument([Fault(name, line, "", found, expected, remedy)])

    if len(text) > MAXIMUM_BYTES:
        raise refused(
            None,
            f"{len(text)} bytes",
            f"at most {MAXIMUM_BYTES} bytes (1 MiB)",
            "Keep data out of governance files and refer to it by path",
        )
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            raise refused(
                line,
                f"the byte 0x{text[error.start]:02x}",
                "UTF-8 text",
                "Save the file with the encoding UTF-8",
            ) from error
    text = text.removeprefix("\ufeff")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        raise refused(
            text.count("\n", 0, unprintable.start()) + 1,
            f"the control character U+{ord(unprintable.group()):04X}",
            "printable text",
            "Remove the character; a file full of them is not YAML, or not UTF-8",
        )
    return text


class _Frame:
    """One open mapping or list while reading."""

    def __init__(self, path: KeyPath, container: dict[str, Yaml] | list[Yaml]) -> None:
        self.path = path
        self.container = container
        self.key: str | None = None


class _Composer:
    """Builds plain data from YAML events, iteratively, so that depth is bounded before it costs anything."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Yaml = None
        self.places: dict[KeyPath, Place] = {}
        self.written: dict[KeyPath, str] = {}
        self.faults: list[Fault] = []
        self._stack: list[_Frame] = []

    def read(self, text: str) -> None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = 0
        try:
            for event in yaml.parse(text, Loader=loader):  # pyright: ignore[reportUnknownMemberType]
                line = int(event.start_mark.line) + 1
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._fault(line, (), "a second document", "one document a file", "Split the file")
                        return
                elif isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent):
                    if not self._open(event, line):
                        return
                elif isinstance(event, yaml.CollectionEndEvent):
                    self._stack.pop()
        except yaml.MarkedYAMLError as error:
            self._syntax(text, error)
        except yaml.YAMLError as error:
            self._fault(None, (), f"unreadable YAML ({error})", "YAML", "Mend the syntax")
        except UnicodeEncodeError as error:
            self._fault(
                None, (), f"a lone surrogate ({error.reason})", "UTF-8 text", "Save the file as UTF-8"
            )
        if not self.faults and not isinstance(self.root, dict):
            self._no_mapping()

    def _no_mapping(self) -> None:
        empty = self.root is None
        self._fault(
            None if empty else 1,
            (),
            "an empty document" if empty else shown(self.root),
            "a mapping (lines of `key: value`)",
            "Write its keys, or remove the file" if empty else "Write lines of `key: value`",
        )

    def _open(self, event: Any, line: int) -> bool:
        """Take one alias, scalar, mapping start or list start; False stops the reading."""
        import yaml

        is_scalar = isinstance(event, yaml.ScalarEvent)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            return self._take_key(event, line, frame=frame, is_scalar=is_scalar)
        path = self._path_of(frame)
        if frame is None or isinstance(frame.container, list):
            self.places[path] = Place(self.name, line)
        self._refuse_tricks(event, line, path)
        if is_scalar:
            self._keep(frame, path, self._scalar(event, line, path))
        elif isinstance(event, yaml.AliasEvent):
            self._keep(frame, path, None)
        else:
            if len(self._stack) >= MAXIMUM_DEPTH:
                self._fault(
                    line,
                    path[:3],
                    f"more than {MAXIMUM_DEPTH} levels",
                    f"at most {MAXIMUM_DEPTH} levels of nesting",
                    "Flatten the document",
                )
                return False
            container: dict[str, Yaml] | list[Yaml] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._keep(frame, path, container)
            self._stack.append(_Frame(path, container))
        return True

    def _take_key(self, event: Any, line: int, *, frame: _Frame, is_scalar: bool) -> bool:
        key = str(event.value) if is_scalar else ""
        if not key:
            found = "an empty key" if is_scalar else "a key that is not a plain word"
            self._fault(line, frame.path, found, "a word before the colon", "Write `key: value`")
            return False
        path = (*frame.path, key)
        self._refuse_tricks(event, line, path)
        if "\x00" in key:
            self._nul(line, path)
        assert isinstance(frame.container, dict)
        frame.key = key
        if key in frame.container:
            first = self.places[path].line
            self._fault(
                line,
                path,
                f"a second `{printable(key)}` (the first is on line {first})",
                "each key once",
                "Remove one of the two",
            )
        else:
            self.places[path] = Place(self.name, line)
        return True

    def _path_of(self, frame: _Frame | None) -> KeyPath:
        if frame is None:
            return ()
        if isinstance(frame.container, list):
            return (*frame.path, len(frame.container))
        assert frame.key is not None
        return (*frame.path, frame.key)

    def _keep(self, frame: _Frame | None, path: KeyPath, value: Yaml) -> None:
        if frame is None:
            self.root = value
        elif isinstance(frame.container, list):
            frame.container.append(value)
        else:
            frame.container[str(path[-1])] = value
            frame.key = None

    def _scalar(self, event: Any, line: int, path: KeyPath) -> Yaml:  # noqa: PLR0911 - one line a kind
        text = str(event.value)
        if "\x00" in text:
            self._nul(line, path)
        if not event.implicit[0]:
            return text
        if text in _PLAIN_WORDS:
            return _PLAIN_WORDS[text]
        if _INTEGER.fullmatch(text):
            return self._integer(text, line, path)
        if _LEADING_ZEROS.fullmatch(text):
            self._fault(
                line,
                path,
                f"{shown(text)[1:-1]} (a number or a code?)",
                "a number without leading zeros, or text in quotes",
                f'Write "{text[:_SHOWN]}" with the quotes if it is text',
            )
            return None
        if _NOT_FINITE.fullmatch(text):
            self._fault(line, path, text, "a finite number", "Write a number, or remove the line")
            return None
        if NUMBER.fullmatch(text):
            return self._float(text, line, path)
        return text

    def _integer(self, text: str, line: int, path: KeyPath) -> Yaml:
        if len(text) > 17 or abs(int(text)) > MAXIMUM_INTEGER:
            self._fault(
                line,
                path,
                f"{text[:_SHOWN]} ({len(text)} characters)",
                f"a whole number up to {MAXIMUM_INTEGER}",
                "Put it in quotes if it is an identifier",
            )
            return None
        if text != str(int(text)):
            self.written[path] = text
        return int(text)

    def _float(self, text: str, line: int, path: KeyPath) -> Yaml:
        number = float(text)
        if number in {float("inf"), float("-inf")}:
            self._fault(
                line, path, f"{text[:_SHOWN]}", "a number that is not too large", "Write a smaller number"
            )
            return None
        if text != str(number):
            self.written[path] = text
        return number

    def _refuse_tricks(self, event: Any, line: int, path: KeyPath) -> None:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            self._fault(
                line, path, f"the alias *{event.anchor}"[:_SHOWN], "no aliases", "Write the value out in full"
            )
            return
        if event.anchor is not None:
            self._fault(line, path, f"the anchor &{event.anchor}"[:_SHOWN], "no anchors", "Remove the anchor")
        if event.tag is not None:
            self._fault(line, path, f"the tag {event.tag}"[:_SHOWN], "no tags", "Write the plain value")

    def _nul(self, line: int, path: KeyPath) -> None:
        self._fault(line, path, "the character NUL", "text without NUL", "Remove `\\0` from the text")

    def _syntax(self, text: str, error: Any) -> None:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else int(mark.line) + 1
        rows = text.splitlines()
        row = rows[line - 1] if line is not None and line <= len(rows) else ""
        indentation = row[: len(row) - len(row.lstrip())]
        if "\t" in indentation:
            self._fault(line, (), "a tab in the indentation", "spaces", "Indent with spaces")
            return
        context = f" {error.context}" if error.context else ""
        since = f" begun on line {error.context_mark.line + 1}" if error.context_mark is not None else ""
        self._fault(
            line,
            (),
            f"YAML that breaks off ({error.problem or 'syntax'}{context}{since})",
            "YAML",
            "Look at this line and the one above it for a missing quote, bracket, colon or space",
        )

    def _fault(self, line: int | None, path: KeyPath, found: str, expected: str, remedy: str) -> None:
        self.faults.append(Fault(self.name, line, dotted(path), printable(found), expected, remedy))


# --- merging ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Merged:
    """A document laid over another.

    Attributes:
        document: the result.
        faults: removals of something that is not there.
    """

    document: Document
    faults: tuple[Fault, ...]


def merged(base: Document, override: Document) -> Merged:
    """Lay one document over another.

    Mappings merge key by key; a scalar or a list replaces what stood there; `null` removes the key.
    """
    faults: list[Fault] = []
    places = dict(base.places)
    written = dict(base.written)

    def forget(path: KeyPath) -> None:
        for known in [known for known in places if known[: len(path)] == path]:
            del places[known]
            written.pop(known, None)

    def adopt(path: KeyPath) -> None:
        for known, place in override.places.items():
            if known[: len(path)] == path:
                places[known] = place
                if known in override.written:
                    written[known] = override.written[known]

    def laid(under: Mapping[str, Yaml], over: Mapping[str, Yaml], path: KeyPath) -> dict[str, Yaml]:
        result = dict(under)
        for key, value in over.items():
            here = (*path, key)
            present = under.get(key)
            if value is None:
                if key not in under:
                    faults.append(
                        override.fault(
                            *here,
                            found="null, which removes a key",
                            expected=f"a key that {base.name} has",
                            remedy=suggestion(key, under, otherwise="Remove the line"),
                        )
                    )
                result.pop(key, None)
                forget(here)
            elif isinstance(value, Mapping) and isinstance(present, Mapping):
                places[here] = override.places[here]
                result[key] = laid(present, value, here)
            else:
                forget(here)
                adopt(here)
                result[key] = value
        return result

    data = laid(base.data, override.data, ())
    document = Document(data=data, places=places, name=override.name, written=written)
    return Merged(document, in_order(faults))
