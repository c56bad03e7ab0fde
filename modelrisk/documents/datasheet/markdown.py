"""A datasheet as Markdown: for the asset's page and a repository.

What does not belong here: what it says (`modelrisk.datasheets`).
"""

from collections.abc import Mapping

from modelrisk.datasheets import Datasheet, Purpose
from modelrisk.documents import text
from modelrisk.records import Problem

_ABSENT = f"*{text.NOT_PROVIDED}*"


def as_markdown(sheet: Datasheet) -> str:
    """The datasheet as one Markdown document; nothing in it is HTML."""
    parts = [
        f"# {sheet.purpose.value.capitalize()} data of {text.code_for_markdown(sheet.model)}",
        _facts(sheet),
        f"## Collection\n\n{_paragraphs(sheet.collection)}",
        f"## What to know about it\n\n{_bullets(sheet)}",
        f"## Columns\n\n{_columns(sheet)}",
        *(f"## Groups by {text.code_for_markdown(one)}\n\n{_groups(sheet, one)}" for one in sheet.attributes),
    ]
    return "\n\n".join(parts) + "\n"


def summary(sheets: Mapping[Purpose, Datasheet | Problem]) -> str:
    """All data sets of a version in a few lines."""
    lines: list[str] = []
    for purpose, sheet in sheets.items():
        if isinstance(sheet, Problem):
            lines.append(f"- **{purpose.value}**: {text.for_markdown(str(sheet))}")
            continue
        missing = sum(1 for column in sheet.columns if column.missing)
        lines.append(
            f"- **{purpose.value}**: {text.count(sheet.rows)} rows, {text.count(len(sheet.columns))} columns "
            f"({text.count(missing)} with missing values), {text.code_for_markdown(sheet.digest)}"
        )
    return "\n".join(lines)


def _facts(sheet: Datasheet) -> str:
    span = sheet.span
    facts = (
        ("Digest", text.code_for_markdown(sheet.digest)),
        ("Source", text.for_markdown(sheet.source)),
        ("File", text.for_markdown(sheet.file)),
        ("Rows", text.count(sheet.rows)),
        ("Owner of the model", text.for_markdown(sheet.owner) or _ABSENT),
        ("License", text.for_markdown(sheet.license or "") or _ABSENT),
        (
            "Observed",
            _ABSENT
            if span is None
            else f"{text.for_markdown(span.oldest or text.NOTHING)} to "
            f"{text.for_markdown(span.newest or text.NOTHING)} ({text.code_for_markdown(span.column)}, "
            f"{text.count(span.unreadable)} rows unreadable)",
        ),
    )
    return "\n".join(f"- {name}: {value}" for name, value in facts)


def _columns(sheet: Datasheet) -> str:
    rows = [
        (
            text.code_for_markdown(column.name),
            text.for_markdown(column.dtype),
            column.role,
            text.count(column.missing),
        )
        for column in sheet.columns
    ]
    return text.markdown_table(("column", "type", "role", "missing"), rows)


def _groups(sheet: Datasheet, attribute: str) -> str:
    rows = [
        (text.for_markdown(text.group_words(group.group)), text.count(group.rows))
        for group in sheet.groups_of(attribute)
    ]
    if attribute in sheet.others:
        rows.append(("*all other rows*", text.count(sheet.others[attribute])))
    return text.markdown_table(("group", "rows"), rows)


def _paragraphs(words: str | None) -> str:
    if not words or not words.strip():
        return _ABSENT
    return "\n".join(text.for_markdown(line) for line in text.visible_lines(words).split("\n"))


def _bullets(sheet: Datasheet) -> str:
    return "\n".join(f"- {text.for_markdown(caveat)}" for caveat in sheet.caveats) or _ABSENT
