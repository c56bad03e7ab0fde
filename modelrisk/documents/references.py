"""Where each printed number comes from, and whether it is what stands there.

A page says beside every number where it was taken from, in an attribute `data-evidence`:

    record#/estimates/4                              an estimate of the signed record
    evaluation/quality#/tables/reliability%20curve/2/n    a cell of a stage's table
    intake#/purpose | prose                          what somebody wrote, as the page shows it

Before `#` stands a document (the record, a stage by its name, the intake, ...); after it a JSON pointer
(RFC 6901, percent-encoded as in a URI), or one that begins with `./` and continues that of the element
around it. After ` | ` may stand what was made of the value: `count` (rows of a table, of those with
`column=value`, `after=` so many and at `most=` so many), `distance` (without its sign), `coverage` (of both
bounds together, from the confidence of each), `limits` (floor and ceiling of a rule), `names` (what an
estimate is about) or `prose` (Markdown, cleaned).

**What is a number.** Every digit a reader sees or hears is part of one: measurements, limits, counts, dates,
versions, digests, identifiers, digits in the names of people, columns and classes, and in quoted words. There
is one exception: the scale of a chart (text in `svg .axis`), which measures nothing. Numbers written as words
("of three tiers") are our own words, not evidence.

**What is refused.** A digit under no reference; a reference that leads nowhere; and a number that is not
what stands there. A number must be the value rounded to the digits printed (times 100 before % and pp); an
estimate's are value, lower and upper bound, in this order; digits in a text must stand in that text in the
same order; with those in prose, the whole passage must be what that prose makes.

What does not belong here: making the references (each document's own modules), and whether the evidence is
right (`modelrisk.packs`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from html.parser import HTMLParser
from typing import cast
from urllib.parse import quote, unquote

from modelrisk.decisions import RuleView
from modelrisk.documents import pages, text
from modelrisk.errors import IntegrityError
from modelrisk.estimates import Estimate, rounded

ATTRIBUTE = "data-evidence"

_SPOKEN = ("title", "aria-label", "alt", "data-label")
_VOID = frozenset({"meta", "br", "col", "wbr", "link", "img", "input", "hr"})
_NUMBER = re.compile(r"(?<![\w.])([-−]?)(\d[\d,]*)(?:\.(\d+))?(?:e([-+]\d+))?(?![\w])")
_DIGITS = re.compile(r"\d+")
_NAMED = 3
_QUOTED = 80


@dataclass(frozen=True)
class Fault:
    """One number that may not stand on the page.

    Attributes:
        shown: the words around it, as the page has them.
        reference: what it claims to be; empty when it claims nothing.
        why: what is wrong.
    """

    shown: str
    reference: str
    why: str

    def __str__(self) -> str:
        return f"{self.shown[:_QUOTED]!r} ({self.reference or 'no reference'}): {self.why}"


def pointer(document: str, *steps: str | int) -> str:
    """The reference to a place in a document."""
    return f"{quote(document, safe='/')}#{''.join(f'/{step(one)}' for one in steps)}"


def step(key: str | int) -> str:
    """One step of a pointer, escaped."""
    return quote(str(key).replace("~", "~0").replace("/", "~1"), safe="~")


def faults(html: str, documents: Mapping[str, object]) -> tuple[Fault, ...]:
    """Every number on a page that has no reference, or whose reference leads to something else.

    Args:
        html: the page.
        documents: name -> what the page was made from, as dataclasses or plain data.
    """
    page = _Page()
    page.feed(html)
    page.close()
    evidence = _Evidence(documents)
    return tuple(fault for passage in page.passages for fault in _faults_of(passage, evidence))


def refuse_unreferenced(html: str, documents: Mapping[str, object], *, what: str) -> None:
    """Stops a page with a number nobody can follow.

    Args:
        html: the page.
        documents: name -> what the page was made from.
        what: the page for the message, such as `the card of credit@2`.

    Raises:
        IntegrityError: a number has no reference, or another number stands where it leads.
    """
    found = faults(html, documents)
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise IntegrityError(
            found=f"numbers without their evidence on {what}: {'; '.join(map(str, found[:_NAMED]))}{more}",
            expected="every number to be the one its reference leads to",
            remedy="Report this as a bug; the decision and its evidence are not affected",
        )


# --- reading the page ------------------------------------------------------------------------------------


@dataclass
class _Passage:
    """The text under one reference, without what lies under a reference of its own."""

    reference: str
    words: list[str] = field(default_factory=list[str])
    spoken: list[str] = field(default_factory=list[str])
    values: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class _Element:
    tag: str
    passage: _Passage
    is_scale: bool


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.passages: list[_Passage] = []
        self._open: list[_Element] = []
        self._here = self._passage("")

    def _passage(self, reference: str) -> _Passage:
        passage = _Passage(reference)
        self.passages.append(passage)
        return passage

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        around = self._open[-1].passage if self._open else self._here
        reference = given.get(ATTRIBUTE)
        # Without a reference of its own, text is read together with what stands around it: under none, piece
        # by piece, so that a fault names the piece.
        own = around if reference is None else self._passage(_continued(around.reference, reference))
        if own is not around:
            around.words.append("\n")
        own.spoken += [given[name] for name in _SPOKEN if name in given]
        if tag == "data":
            own.values.append(given.get("value", ""))
        if tag not in _VOID:
            was_scale = bool(self._open) and self._open[-1].is_scale
            in_drawing = any(one.tag == "svg" for one in self._open)
            is_axis = in_drawing and "axis" in given.get("class", "").split()
            self._open.append(_Element(tag, own, was_scale or is_axis or tag == "style"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._open or not self._open[-1].is_scale:
            (self._open[-1].passage if self._open else self._here).words.append(data)


def _continued(around: str, reference: str) -> str:
    return f"{around.partition(' | ')[0]}{reference[1:]}" if reference.startswith("./") else reference


# --- holding it against the evidence ---------------------------------------------------------------------


def _faults_of(passage: _Passage, evidence: "_Evidence") -> Iterator[Fault]:
    reference = passage.reference
    said = passage.words if not reference else ["".join(passage.words)]
    said_aside = [words.replace(reference, "") if reference else words for words in passage.spoken]
    numbers = [words.strip() for words in (*said, *said_aside, *passage.values) if _DIGITS.search(words)]
    if not numbers:
        return
    if not reference:
        yield from (Fault(words, "", "a number without a reference") for words in numbers)
        return
    made = evidence.at(reference)
    if made is _NOWHERE:
        yield Fault(numbers[0], reference, "the reference leads nowhere")
        return
    for words in said:
        if not _is_shown(words, made):
            yield Fault(words.strip(), reference, f"what stands there is {_described(made)}")
    for words in said_aside:
        if not _all_within(words, made if isinstance(made, _Several) else _several(made)):
            yield Fault(words, reference, f"what stands there is {_described(made)}")
    for value in passage.values:
        if not _is_exactly(value, made):
            yield Fault(value, reference, f"what stands there is {_described(made)}")


@dataclass(frozen=True)
class _Prose:
    """Markdown that a page shows cleaned."""

    words: str


@dataclass(frozen=True)
class _Numbers:
    """Numbers that a page shows one after the other."""

    values: tuple[float, ...]


@dataclass(frozen=True)
class _Several:
    """Everything that stands somewhere in a mapping, a table or an object.

    Attributes:
        numbers: its numbers.
        digits: the runs of digits in its texts.
        shown: how it looks in a message.
    """

    numbers: frozenset[float]
    digits: frozenset[str]
    shown: str


_NOWHERE = object()


class _Evidence:
    """What references lead to; each is followed once."""

    def __init__(self, documents: Mapping[str, object]) -> None:
        self._documents = documents
        self._found: dict[str, object] = {}

    def at(self, reference: str) -> object:
        """What a reference leads to; what holds several values as all of them together."""
        if reference not in self._found:
            value = _resolved(reference, self._documents)
            self._found[reference] = value if value is _NOWHERE or _is_single(value) else _several(value)
        return self._found[reference]


def _is_single(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | date | Enum | Estimate | _Prose | _Numbers)


def _several(value: object) -> _Several:
    leaves = list(_leaves(value))
    texts = {_as_text(one) for one in leaves if isinstance(one, str | date | Enum)}
    return _Several(
        frozenset(one for one in leaves if isinstance(one, int | float) and not isinstance(one, bool)),
        frozenset(run for one in texts for run in _DIGITS.findall(f"{text.visible_lines(one)} {one}")),
        repr(value)[:_QUOTED],
    )


def _resolved(reference: str, documents: Mapping[str, object]) -> object:
    place, _, making = reference.partition(" | ")
    document, found, path = place.partition("#")
    name = unquote(document)
    if not found or name not in documents or (path and not path.startswith("/")):
        return _NOWHERE
    value = documents[name]
    for one in path.split("/")[1:]:
        value = _under(value, unquote(one).replace("~1", "/").replace("~0", "~"))
        if value is _NOWHERE:
            return _NOWHERE
    return _made(value, making.split()) if making else value


def _under(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value).get(key, _NOWHERE)
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = cast("Sequence[object]", value)
        return items[int(key)] if key.isascii() and key.isdigit() and int(key) < len(items) else _NOWHERE
    if is_dataclass(value) and key in {one.name for one in fields(value)}:
        return getattr(value, key)
    return _NOWHERE


def _made(value: object, making: Sequence[str]) -> object:  # noqa: PLR0911 - one line for each making
    match value, making:
        case str(), ["prose"]:
            return _Prose(value)
        case Estimate(), ["names"]:
            return (value.metric, value.cohort, value.group, value.reference, value.outcome)
        case RuleView(), ["limits"]:
            limits = dict.fromkeys(one for one in (value.floor, value.ceiling) if one is not None)
            return _Numbers(tuple(limits))
        case int() | float(), ["distance"]:
            return abs(value)
        case int() | float(), ["coverage"]:
            return rounded(2.0 * value - 1.0)
        case _, ["count", *wanted] if isinstance(value, Sequence | Mapping) and not isinstance(value, str):
            return _counted(cast("Sequence[object] | Mapping[str, object]", value), wanted)
        case _:
            return _NOWHERE


def _counted(rows: Sequence[object] | Mapping[str, object], wanted: Sequence[str]) -> object:
    kept = list(rows)
    after, most = 0, len(kept)
    for one in wanted:
        name, _, given = one.partition("=")
        asked = unquote(given)
        if name in ("after", "most") and not asked.isdigit():
            return _NOWHERE
        if name == "after":
            after = int(asked)
        elif name == "most":
            most = int(asked)
        else:
            kept = [row for row in kept if str(_under(row, unquote(name))) == asked]
    return min(max(0, len(kept) - after), most)


def _is_shown(words: str, value: object) -> bool:  # noqa: PLR0911 - one line for each kind of value
    match value:
        case _ if not _DIGITS.search(words) and not isinstance(value, _Prose):
            return True
        case _Prose():
            return _flat(words) == _flat(_text_of(str(pages.prose(value.words))))
        case Estimate():
            bounds = (value.value, value.low, value.high)
            known = [one for one in bounds if one is not None]
            if value.method == "census":
                known = known[:1]
            return _are(words, known)
        case _Numbers():
            return _are(words, value.values)
        case bool():
            return False
        case int() | float():
            return _are(words, [value])
        case str() | date() | Enum():
            return _quotes(words, _as_text(value))
        case _:
            return isinstance(value, _Several) and _all_within(words, value)


def _is_exactly(written: str, value: object) -> bool:
    number = value.value if isinstance(value, Estimate) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    try:
        return float(written) == float(number)
    except ValueError:
        return False


def _are(words: str, values: Sequence[float]) -> bool:
    """Whether the numbers in the words are the values, in order, each rounded to the digits printed."""
    found = list(_NUMBER.finditer(words))
    if len(found) != len(values) or _DIGITS.search(_NUMBER.sub("", words)):
        return False
    scale = _scale(words)
    return all(_rounds_to(one, value * scale) for one, value in zip(found, values, strict=True))


def _scale(words: str) -> float:
    return 100.0 if "%" in words or re.search(r"\bpp\b", words) else 1.0


def _rounds_to(printed: re.Match[str], value: float) -> bool:
    sign, whole, decimals, exponent = printed.groups()
    digits = f"{whole.replace(',', '')}.{decimals or '0'}"
    shift = int(exponent or 0)
    number = float(f"{'-' if sign else ''}{digits}e{shift}")
    unit = 10.0 ** (shift - len(decimals or ""))
    return abs(number - value) <= 0.5 * unit * (1 + 1e-9) + 1e-12 * abs(value)


def _all_within(words: str, several: _Several) -> bool:
    """Whether each number in the words stands somewhere among the values."""
    scale = _scale(words)
    for found in _NUMBER.finditer(words):
        if any(_rounds_to(found, value * scale) for value in several.numbers):
            words = words.replace(found[0], "", 1)
    return several.digits.issuperset(_DIGITS.findall(words))


def _quotes(words: str, source: str) -> bool:
    """Whether the digits of the words stand in the source in the same order."""
    shown = text.visible_lines(source)
    return any(
        _in_order(_DIGITS.findall(words), iter(_DIGITS.findall(one)))
        for one in (shown, shown.replace("`", ""))
    )


def _in_order(some: Iterable[str], of: Iterator[str]) -> bool:
    return all(one in of for one in some)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[object, object]", value).items():
            yield str(key)
            yield from _leaves(one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in cast("Sequence[object]", value):
            yield from _leaves(one)
    elif is_dataclass(value):
        for one in fields(value):
            yield from _leaves(getattr(value, one.name))
    else:
        yield value


def _as_text(value: str | date | Enum) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(value.value) if isinstance(value, Enum) else value


def _text_of(html: str) -> str:
    page = _Page()
    page.feed(html)
    page.close()
    return "".join(words for passage in page.passages for words in passage.words)


def _flat(words: str) -> str:
    return " ".join(words.split())


def _described(value: object) -> str:
    match value:
        case Estimate():
            return f"{value.metric} {value.value} ({value.low} to {value.high})"
        case _Prose():
            return repr(value.words[:_QUOTED])
        case _Several():
            return value.shown
        case _:
            return repr(value)[:_QUOTED]
