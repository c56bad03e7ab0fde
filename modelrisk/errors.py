"""The one error root, and the four ways work can end badly.

Every message answers three questions: what was found, what was expected, what to do next.
An expected bad outcome of an evaluation is *not* an error: it is a value
(`modelrisk.records.Problem`) that travels on and ends in a refusal.

What does not belong here: exit-code policy for decisions (see `modelrisk.decisions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ModelRiskError(Exception):
    """Root of every error this project raises on purpose.

    Args:
        found: what was there, in the user's terms.
        expected: what should have been there.
        remedy: the next action, as an imperative sentence without its full stop.
    """

    def __init__(self, *, found: str, expected: str, remedy: str) -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"Found {found}, expected {expected}. {remedy}.")


class CallerMistake(ModelRiskError):
    """Nothing was attempted: an unknown name, a bad option, contradictory input."""


class Unavailable(ModelRiskError):
    """Something needed could not be reached or read, so nothing can be concluded."""


class IntegrityError(ModelRiskError):
    """Evidence, ledger or signature does not match what was recorded."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a document: where it is and what to write instead.

    Attributes:
        file: the document's name as the user knows it.
        line: 1-based line, or None when the document has no such line (a missing key).
        key: dotted path of the key, `""` for the document itself.
        found: what stands there.
        expected: what may stand there.
        remedy: what to write, as an imperative sentence without its full stop.
    """

    file: str
    line: int | None
    key: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" `{self.key}`" if self.key else ""
        return f"{place}:{key} found {self.found}, expected {self.expected}. {self.remedy}."


class InvalidDocument(CallerMistake):
    """A YAML document broke its contract; carries *all* its faults, not the first one."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        files = sorted({fault.file for fault in self.faults})
        listed = "".join(f"\n  {str(fault).removesuffix('.')}" for fault in self.faults)
        super().__init__(
            found=f"{len(self.faults)} fault(s) in {', '.join(files)}",
            expected="valid documents",
            remedy=f"Mend each line below{listed}",
        )
