"""Text from outside made fit for a message: one printable line, bounded, without credentials.

What does not belong here: escaping for a document format (that is the document's own affair).
"""

import re

MESSAGE_LENGTH = 300


def redacted_uri(uri: str) -> str:
    """A URI without user, password and query."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", uri.split("?", 1)[0] if "://" in uri else uri)


def one_line(text: str, *, secret: str = "", length: int = MESSAGE_LENGTH) -> str:
    """One printable line of bounded length without credentials.

    Args:
        text: anything.
        secret: a URI that may stand in it with credentials.
        length: most characters.
    """
    cleaned = text.replace(secret, redacted_uri(secret)) if secret else text
    cleaned = re.sub(r"(?<=://)[^/@\s]*@", "***@", cleaned)
    line = printable(" ".join(cleaned[: 4 * length].split()))
    return line if len(line) <= length else line[: length - 1] + "…"


def printable(text: str, *, keep: str = "") -> str:
    """The text with every character that is not printable escaped, but for those in `keep`."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """A name in quotes, bounded and escaped."""
    return repr(text if len(text) <= 100 else text[:99] + "…")
