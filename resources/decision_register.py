"""The register of decisions: signed records in the evidence store, their order in the ledger.

A decision exists once its event is in the ledger. A crash before that leaves only an unreferenced file, a
crash after it leaves a decision that the next run finds and returns.

What does not belong here: deciding (`modelrisk.decisions`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from modelrisk.decisions import PREDICATE_TYPE, DecisionRecord
from modelrisk.documents.card.history import EarlierDecision, EarlierRelease, History
from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.evidence import digest_of
from modelrisk.identity import ModelVersion
from modelrisk.ledger import Event, EventKind, LedgerReader, LedgerStore, newest_decision
from modelrisk.records import BoundDigests
from modelrisk.signatures import (
    Signer,
    Subject,
    TrustedKeys,
    statement_bytes,
    verified_statement,
)
from resources.evidence_store import EvidenceStore
from resources.failpoints import reach

_REMEMBERED = 20


@dataclass(frozen=True)
class Registered:
    """A decision as it stands in the register.

    Attributes:
        record: the decision.
        digest: digest of the signed statement, which names the decision everywhere.
        envelope: digest of the signed envelope in the evidence store.
        sequence: its place in the ledger; None for a preview, which has none.
    """

    record: DecisionRecord
    digest: str
    envelope: str | None
    sequence: int | None


class DecisionRegister:
    """Signs, stores and finds decisions.

    Args:
        evidence: where the signed records lie.
        ledger: where their order is.
        signer: signs new ones.
        trusted: tells the keys whose decisions are believed.
    """

    def __init__(
        self,
        *,
        evidence: EvidenceStore,
        ledger: LedgerStore,
        signer: Signer,
        trusted: Callable[[], TrustedKeys],
    ) -> None:
        self._evidence = evidence
        self._ledger = ledger
        self._signer = signer
        self._trusted = trusted

    def same_inputs(self, version: ModelVersion, bound: BoundDigests) -> Registered | None:
        """The newest decision on exactly these inputs that may be answered again; None when there is none."""
        event = _answer(self._ledger, version, digest_of(bound))
        return None if event is None else self.read(event)

    def newest(self, version: ModelVersion) -> Registered | None:
        """The decision that counts for a version: the newest by ledger sequence; None when there is none.

        Raises:
            IntegrityError: its record is missing, altered, or signed by nobody trusted.
        """
        event = newest_decision(self._ledger, version)
        return None if event is None else self.read(event)

    def history(self, registered: Registered) -> History:
        """What the ledger tells of the model before a decision, newest first.

        A record that is missing, altered or signed by nobody trusted does not stand in the way: of such a
        decision it is unknown what blocked it.
        """
        before = registered.sequence
        if before is None:
            return History()
        name = registered.record.version.name
        decisions = self._earlier(EventKind.DECISION, name, before)
        releases = self._earlier(EventKind.RELEASE_FINISHED, name, before)
        return History(
            tuple(self._told(event) for event in decisions),
            tuple(
                EarlierRelease(event.seq, event.subject, event.at, str(event.body.get("by") or ""))
                for event in releases
            ),
        )

    def _earlier(self, kind: EventKind, name: str, before: int) -> tuple[Event, ...]:
        found = [
            event
            for event in self._ledger.events(kind)
            if event.seq < before and ModelVersion.from_key(event.subject).name == name
        ]
        return tuple(reversed(found[-_REMEMBERED:]))

    def _told(self, event: Event) -> EarlierDecision:
        tier = event.body.get("tier")
        blocked_by = None
        with suppress(IntegrityError, Unavailable):
            record = self.read(event).record
            blocked_by = tuple(control.title for control in record.controls if control.blocks)
        return EarlierDecision(
            sequence=event.seq,
            model=event.subject,
            decided_at=event.at,
            verdict=str(event.body.get("verdict")),
            tier=tier if isinstance(tier, int) else None,
            blocked_by=blocked_by,
            record=str(event.body.get("record")),
        )

    def register(self, record: DecisionRecord, *, fresh: bool) -> Registered:
        """Sign a decision, store it and append it to the ledger.

        Args:
            record: the decision.
            fresh: append even if a reusable decision on the same inputs is the newest one.

        Returns:
            The decision as registered; the earlier one when another review of the same inputs came first.
        """
        payload = statement_bytes(
            subjects=[Subject(record.model, record.bound.model or "sha256:" + "0" * 64)],
            predicate_type=PREDICATE_TYPE,
            predicate=record,
        )
        envelope = self._evidence.put(self._signer.sign("application/vnd.in-toto+json", payload))
        reach("decision.after_evidence")
        key = digest_of(record.bound)
        event = self._ledger.append(
            EventKind.DECISION,
            subject=record.model,
            at=record.decided_at,
            key=key,
            body={
                "record": envelope,
                "verdict": record.verdict.value,
                "tier": record.tier,
                "evaluation": record.bound.evaluation,
                "reusable": record.is_reusable,
            },
            unless=None if fresh else lambda ledger: _answer(ledger, record.version, key),
        )
        reach("decision.after_ledger")
        self._ledger.checkpoint(self._signer, trusted=self._trusted())
        return self.read(event)

    def read(self, event: Event) -> Registered:
        """The decision that a ledger entry is about.

        Raises:
            IntegrityError: its record is missing, altered, or signed by nobody trusted.
        """
        envelope = str(event.body.get("record"))
        statement = verified_statement(
            self._evidence.get(envelope), self._trusted(), predicate_type=PREDICATE_TYPE
        )
        record = statement.predicate_as(DecisionRecord)
        if record.model != event.subject or digest_of(record.bound) != event.key:
            raise IntegrityError(
                found=f"ledger entry {event.seq} about {event.subject} with a record about {record.model}",
                expected="the record of that very decision",
                remedy="Run `model-risk ledger verify`, and restore ledger and evidence from a backup",
            )
        return Registered(record, statement.digest, envelope, event.seq)


def _answer(ledger: LedgerReader, version: ModelVersion, key: str) -> Event | None:
    """The newest decision on a version, if it is on these very inputs and may be answered again.

    An older one does not count: a release takes the newest, so inputs that changed back are decided anew.
    """
    event = newest_decision(ledger, version)
    return event if event is not None and event.key == key and event.is_reusable else None
