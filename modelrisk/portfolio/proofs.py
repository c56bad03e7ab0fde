"""What stands behind a decision's ledger entry: the signed record, or why there is none to believe.

The signed bytes are verified as they are stored. Of the record a report needs a part, so a part is read: to
write a thousand records anew, only to see that nothing was left out, would cost more than all the rest.

What does not belong here: reading and verifying bytes (`resources.portfolios`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrisk.decisions import ControlResult, Outcome
from modelrisk.errors import IntegrityError
from modelrisk.evidence import digest_of
from modelrisk.ledger import Event
from modelrisk.records import BoundDigests


@dataclass(frozen=True)
class DecisionView:
    """The part of a `modelrisk.decisions.DecisionRecord` that a report reads, under the record's names."""

    model: str
    title: str
    tier: int
    verdict: Outcome
    headline: str
    not_evaluated: tuple[str, ...]
    owner: str
    bound: BoundDigests
    controls: tuple[ControlResult, ...]

    @property
    def blocking(self) -> tuple[ControlResult, ...]:
        """The controls that refuse the release."""
        return tuple(control for control in self.controls if control.blocks)


@dataclass(frozen=True)
class Proofs:
    """What is known of the decisions' records.

    Attributes:
        faults: ledger entry -> why its record cannot be believed; of every decision in the books.
        views: ledger entry -> what its record says; of those a report looks into.
    """

    faults: Mapping[int, str] = field(default_factory=dict[int, str])
    views: Mapping[int, DecisionView] = field(default_factory=dict[int, DecisionView])

    def of(self, event: Event | None) -> DecisionView | None:
        """What the record of a decision says; None when nothing is known or believed of it."""
        return None if event is None or event.seq in self.faults else self.views.get(event.seq)


def refuse_foreign(view: DecisionView, event: Event) -> None:
    """Refuse a record that is not the one its ledger entry is about.

    Raises:
        IntegrityError: model, inputs or verdict differ.
    """
    differing = [
        name
        for name, found, expected in (
            ("model", view.model, event.subject),
            ("inputs", digest_of(view.bound), event.key),
            ("verdict", view.verdict.value, event.body.get("verdict")),
        )
        if found != expected
    ]
    if differing:
        raise IntegrityError(
            found=f"a record about {view.model} whose {', '.join(differing)} differ from the ledger's",
            expected="the record of that very decision",
            remedy="Run `model-risk ledger verify`, and restore ledger and evidence from a backup",
        )
