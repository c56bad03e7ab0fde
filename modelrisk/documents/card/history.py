"""What was decided about a model before, and what became of it.

What does not belong here: reading ledger and records (`resources.decision_register`).
"""

from dataclasses import dataclass

from modelrisk.documents import text


@dataclass(frozen=True)
class EarlierDecision:
    """A decision on a version of the same model, made before the card's own.

    Attributes:
        sequence: its place in the ledger.
        model: the version, written `name@version`.
        decided_at: when, UTC, ISO 8601.
        verdict: releasable or refused.
        tier: the tier it was judged in; None when the ledger does not say.
        blocked_by: titles of the controls that blocked it; None when its record could not be read.
        record: digest of its signed record.
    """

    sequence: int
    model: str
    decided_at: str
    verdict: str
    tier: int | None
    blocked_by: tuple[str, ...] | None
    record: str


@dataclass(frozen=True)
class EarlierRelease:
    """A release of a version of the same model, finished before the decision.

    Attributes:
        sequence: its place in the ledger.
        model: the version, written `name@version`.
        released_at: when, UTC, ISO 8601.
        by: who asked for it.
    """

    sequence: int
    model: str
    released_at: str
    by: str


@dataclass(frozen=True)
class History:
    """What the ledger tells of a model up to a decision, newest first.

    Attributes:
        decisions: earlier decisions, at most the newest twenty.
        releases: earlier releases, at most the newest twenty.
    """

    decisions: tuple[EarlierDecision, ...] = ()
    releases: tuple[EarlierRelease, ...] = ()


def blocked_words(decision: EarlierDecision) -> str:
    """What blocked a decision, in one line."""
    if decision.blocked_by is None:
        return "its record could not be read"
    return "; ".join(text.visible(title) for title in decision.blocked_by) or text.NOTHING
