"""A platform's past, written as it would have come about: decisions, releases, snapshots and alerts by day.

Records are signed and stored, events appended, as the platform does; only the judging is left out.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelrisk.decisions import PREDICATE_TYPE, ControlResult, DecisionRecord, Outcome
from modelrisk.evidence import canonical_bytes, digest_of
from modelrisk.intake import Task
from modelrisk.inventory import SCHEMA, SUBJECT, Declaration, Inventory, InventoryModel, RegisteredVersion
from modelrisk.ledger import Event, EventKind
from modelrisk.oversight import CLEARED, RAISED
from modelrisk.signatures import STATEMENT_PAYLOAD_TYPE, Subject, statement_bytes
from modelrisk.verdicts import Verdict
from resources.evidence_store import EvidenceStore
from resources.ledger_store import SqliteLedger
from resources.portfolios import Portfolios
from resources.signer import KeyFile
from tests.modelrisk.documents.conftest import BOUND, CONTROLS, RECORD

SETTLED = tuple(
    control for control in CONTROLS if control.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
)
REVIEW_EVERY = {"1": 90, "2": 180, "3": 365}


def declared(name: str, *, tier: int = 2, **changes: object) -> Declaration:
    """What a team declares of a model, nothing left out."""
    full = Declaration(
        digest="sha256:" + "6f" * 32,
        title=f"{name} title",
        owner=f"team:{name}",
        purpose="decide",
        task=Task.BINARY_CLASSIFICATION,
        tier=tier,
        business_area="retail",
        system="origination",
        rollback_tested=datetime.date(2026, 1, 5),
        retirement="with the product",
    )
    return replace(full, **changes)


def model(
    name: str, *, versions: int = 1, champion: int | None = None, declaration: Declaration | None = None
) -> InventoryModel:
    """A model of an inventory, declared."""
    return InventoryModel(
        name=name,
        versions=tuple(RegisteredVersion(str(number)) for number in range(1, versions + 1)),
        aliases={} if champion is None else {"champion": str(champion)},
        declaration=declaration or declared(name),
    )


def stray(name: str, *, versions: int = 1, champion: int | None = None) -> InventoryModel:
    """A model nobody declared."""
    return replace(model(name, versions=versions, champion=champion), declaration=None)


@dataclass
class Chronicle:
    """Writes the past; `today` is the day on which it is looked at."""

    root: Path
    today: datetime.date = datetime.date(2026, 11, 26)
    _signer: KeyFile = field(init=False)

    def __post_init__(self) -> None:
        self._signer = KeyFile(self.root / "keys" / "signing.pem")
        self.ledger = SqliteLedger(self.root / "ledger.db")
        self.evidence = EvidenceStore(self.root / "evidence")

    @property
    def portfolios(self) -> Portfolios:
        """Made anew each time, as a new process would."""
        return Portfolios(
            ledger=SqliteLedger(self.root / "ledger.db"),
            evidence=EvidenceStore(self.root / "evidence"),
            trusted=lambda: self._signer.trusted,
            pages=self.root / "portfolio",
            tool="0.0.0",
            now=lambda: datetime.datetime.combine(self.today, datetime.time(12), datetime.UTC),
        )

    def decide(
        self,
        key: str,
        *,
        on: str,
        refused: bool = False,
        tier: int = 2,
        controls: tuple[ControlResult, ...] | None = None,
        reusable: bool = True,
        signer: KeyFile | None = None,
    ) -> Event:
        """A decision on a version, with its signed record."""
        record = replace(
            RECORD,
            id=f"{key} {on}",
            model=key,
            tier=tier,
            verdict=Outcome.REFUSED if refused else Outcome.RELEASABLE,
            headline=RECORD.headline if refused else "Releasable: all required controls passed.",
            decided_at=_at(on),
            controls=controls or (CONTROLS if refused else SETTLED),
        )
        return self.record(record, reusable=reusable, signer=signer)

    def record(
        self,
        record: DecisionRecord,
        *,
        reusable: bool = True,
        signer: KeyFile | None = None,
        subject: str | None = None,
        key: str | None = None,
        verdict: str | None = None,
    ) -> Event:
        """A record signed and noted; the last three say what the ledger says otherwise than the record."""
        payload = statement_bytes(
            subjects=[Subject(record.model, record.bound.model or "sha256:" + "0" * 64)],
            predicate_type=PREDICATE_TYPE,
            predicate=record,
        )
        envelope = self.evidence.put((signer or self._signer).sign(STATEMENT_PAYLOAD_TYPE, payload))
        said = {
            "record": envelope,
            "verdict": verdict or record.verdict.value,
            "tier": record.tier,
            "evaluation": BOUND.evaluation,
            "reusable": reusable,
        }
        return self.ledger.append(
            EventKind.DECISION,
            subject=subject or record.model,
            at=record.decided_at,
            key=key or digest_of(record.bound),
            body=said,
        )

    def release(self, key: str, *, on: str, decision: Event | None = None, by: str = "tester") -> Event:
        """A finished release of a version."""
        body = {
            "record": None if decision is None else decision.body["record"],
            "alias": "champion",
            "by": by,
        }
        self.ledger.append(EventKind.RELEASE_STARTED, subject=key, at=_at(on), body=body)
        return self.ledger.append(EventKind.RELEASE_FINISHED, subject=key, at=_at(on), body=body)

    def inventory(self, models: Iterable[InventoryModel], *, on: str) -> Event:
        """A snapshot taken and noted."""
        taken = Inventory(SCHEMA, "sha256:" + "70" * 32, tuple(models), REVIEW_EVERY)
        snapshot = self.evidence.put(canonical_bytes(taken))
        head = self.ledger.head()
        body = {
            "snapshot": snapshot,
            "upto": 0 if head is None else head.seq,
            "models": len(taken.models),
            "versions": taken.versions,
        }
        return self.ledger.append(EventKind.INVENTORY, subject=SUBJECT, key=snapshot, at=_at(on), body=body)

    def alert(self, key: str, *, on: str, cleared: bool = False) -> Event:
        """An alert that began or ended."""
        body: Mapping[str, str] = {"state": CLEARED if cleared else RAISED, "about": "alias_moved"}
        return self.ledger.append(EventKind.ALERT, subject=key, key=digest_of(key), at=_at(on), body=body)

    def checkpoint(self) -> None:
        """Sign how far the ledger has come."""
        self.ledger.checkpoint(self._signer)

    def file_of(self, event: Event) -> Path:
        """Where the signed record of a decision lies."""
        return self.evidence.path(str(event.body["record"]))


def _at(day: str) -> str:
    return day if "T" in day else f"{day}T09:00:00.000000Z"
