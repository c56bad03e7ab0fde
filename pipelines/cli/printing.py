"""How outcomes look on a terminal, and where text goes.

What does not belong here: what an outcome says (`modelrisk.documents`).
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelrisk.decisions import DecisionRecord, Outcome
from modelrisk.documents.decision_report import NOT_A_DECISION, as_rows, outcome_words
from modelrisk.errors import CallerMistake, Unavailable
from modelrisk.verdicts import Verdict

_STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_EVALUABLE: "bold magenta",
    Verdict.WAIVED: "cyan",
    Verdict.NOT_APPLICABLE: "dim",
}


@dataclass(frozen=True)
class Reviewed:
    """One row of the closing table.

    Attributes:
        model: the version reviewed.
        tier: its tier.
        verdict: releasable or refused.
        binding: the gate that decided, and why.
        released: whether it is champion now.
        card: where its card lies.
    """

    model: str
    tier: int
    verdict: Outcome
    binding: str
    released: bool
    card: str


def put(text: str, *, output: Path | None) -> None:
    """Text to a file, or to standard output as it is.

    Raises:
        CallerMistake: the file cannot be written.
        Unavailable: nobody reads standard output any more.
    """
    if output is None:
        _printed(text if text.endswith("\n") else f"{text}\n")
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(output, error) from error


def _printed(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        # Python writes the rest once more while it exits, and would end with a status of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unavailable(
            found="nobody reading the output any more",
            expected="a reader, or --output",
            remedy="Read it to its end; what was recorded is recorded",
        ) from error


def unwritable(output: Path, error: OSError) -> CallerMistake:
    """The mistake of naming an output file that cannot be written."""
    return CallerMistake(
        found=f"an output file {output} that cannot be written ({error.strerror or error})",
        expected="a writable place",
        remedy="Choose another --output",
    )


def decision_text(record: DecisionRecord, digest: str | None) -> str:
    """The decision as a table for a terminal; colours only where the terminal has them."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = StringIO()
    console = Console(file=buffer, force_terminal=sys.stdout.isatty(), width=_width())
    colour = "green" if record.exit_code == 0 else "red"
    console.print(Text(f"{outcome_words(record)}: {record.model}", style=f"bold {colour}"))
    console.print(Text(f"{record.headline}\n"))
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for name in ("gate", "verdict", "measured", "limit", "margin"):
        table.add_column(name, overflow="fold", no_wrap=name in ("gate", "verdict"))
    rows = as_rows(record)
    for row in rows:
        if row.verdict is Verdict.NOT_APPLICABLE:
            continue
        style = _STYLES[row.verdict]
        cells = (row.control, Text(row.words, style=style), row.measured, row.limit, row.margin)
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    console.print(table)
    others = [row.control for row in rows if row.verdict is Verdict.NOT_APPLICABLE]
    if others:
        console.print(Text(f"\nnot applicable: {', '.join(others)}", style=_STYLES[Verdict.NOT_APPLICABLE]))
    for finding in record.findings:
        mark = "blocks" if finding.blocks else "finding"
        console.print(Text(f"\n{mark}: {finding.control} (owner {finding.owner})", style="bold"))
        console.print(Text(f"  {finding.message}"))
        console.print(Text(f"  → {finding.next_action}"))
    console.print(Text(f"\n{NOT_A_DECISION}" if digest is None else f"\nrecord {digest}", style="dim"))
    return buffer.getvalue()


def demonstration_table(rows: Sequence[Reviewed]) -> str:
    """What became of each version, and where to read on."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = StringIO()
    console = Console(file=buffer, force_terminal=sys.stdout.isatty(), width=_width())
    table = Table(show_edge=False, pad_edge=False, header_style="bold", show_lines=True)
    for name in ("version", "tier", "verdict", "binding reason", "champion"):
        table.add_column(name, overflow="fold")
    for row in rows:
        colour = "green" if row.verdict is Outcome.RELEASABLE else "red"
        champion = "yes" if row.released else "no"
        verdict = Text(row.verdict.value, style=colour)
        table.add_row(Text(row.model), str(row.tier), verdict, Text(row.binding), champion)
    console.print(table)
    console.print()
    for row in rows:
        console.print(Text(f"{row.model}: {row.card}"), soft_wrap=True)
    return buffer.getvalue()


def _width() -> int:
    import shutil

    return max(100, min(shutil.get_terminal_size((120, 40)).columns, 180))
