"""What every HTML document is made with: one template environment, and other people's words made harmless.

A document is one file: no script, no font, no image and nothing outside the file is loaded. Its styles are
`templates/page.css`, its small pieces `templates/marks.html.j2`. Whatever people wrote is escaped; the few
sentences that may carry Markdown (purpose, limits of use) are cleaned to plain prose.

What does not belong here: what a document says (`card`, `decision_report`).
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from modelrisk.documents import text
from modelrisk.documents.decision_report import headline_words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markupsafe import Markup

_PROSE_TAGS = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "a"}


def prose(markdown: str) -> "Markup":
    """Markdown that people wrote as harmless HTML: no raw HTML, no images, links to web and mail only."""
    import nh3
    from markupsafe import Markup

    html = _markdown().render(text.visible_lines(markdown))
    cleaned = nh3.clean(
        html,
        tags=_PROSE_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(cleaned)  # noqa: S704 - cleaned in the line above


def told(words: str) -> "Markup":
    """One line that may name things in `backticks`, as a controls' reason does; nothing else is markup."""
    from markupsafe import Markup, escape

    pieces = text.visible(words).split("`")
    if len(pieces) % 2 == 0:
        return escape("`".join(pieces))
    marked = (
        Markup("<code>%s</code>") % piece if odd % 2 else escape(piece) for odd, piece in enumerate(pieces)
    )
    return Markup("").join(marked)


def breakable(name: str) -> "Markup":
    """A long identifier that may break after its underscores and slashes."""
    from markupsafe import Markup, escape

    pieces = (escape(piece) for piece in re.split(r"(?<=[_/])", text.visible(name)))
    return Markup("<wbr>").join(pieces)


def amount(value: float) -> str:
    """A number in its own units, with the digits people need."""
    return text.number("", value)


@lru_cache(maxsize=1)
def environment() -> "Environment":
    """Templates of every document: autoescaped, strict about what they name, with the filters below."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("modelrisk.documents"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=text.visible,
        headline=headline_words,
        prose=prose,
        told=told,
        breakable=breakable,
        instant=text.instant_words,
        rows=text.count,
        amount=amount,
        method_words=text.method_words,
    )
    return environment


@lru_cache(maxsize=1)
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).disable("image")
