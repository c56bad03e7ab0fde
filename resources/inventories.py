"""The inventory taken: registry and governance directory read, kept as evidence, and noted in the ledger.

The registry is read page by page, so a release may go on meanwhile. A reading during which the ledger gained
a release is thrown away and read again: else an alias read before and a ledger read after the release would
look like an alias that was moved by hand.

What does not belong here: what a snapshot says (`modelrisk.inventory`, `modelrisk.oversight`).
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from modelrisk.errors import Unavailable
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.inventory import SUBJECT, Inventory, Taken, inventory_of
from modelrisk.ledger import Event, EventKind, LedgerReader, LedgerStore, utc_text
from modelrisk.oversight import (
    Alert,
    Concern,
    Decided,
    Releases,
    ReviewDay,
    alerts,
    decisions_of,
    late_reviews,
    moved_aliases,
    releases_of,
    review_days,
    undeclared_models,
)
from resources.checkpoints import Checkpoints
from resources.evidence_store import EvidenceStore
from resources.governance import Governance
from resources.model_registry import Registry

_READINGS = 5


@dataclass(frozen=True)
class Overview:
    """A snapshot held against the ledger.

    Attributes:
        inventory: the snapshot.
        moved: champion aliases that do not stand where the last release put them.
        undeclared: registered models without a usable intake.
        days: when each version that matters is to be reviewed again.
        late: those of them that are late.
    """

    inventory: Inventory
    moved: tuple[Concern, ...]
    undeclared: tuple[Concern, ...]
    days: tuple[ReviewDay, ...]
    late: tuple[Concern, ...]

    def soonest(self, count: int) -> tuple[ReviewDay, ...]:
        """The reviews that are due first, those never made before all."""
        never = datetime.date.min
        return tuple(sorted(self.days, key=lambda day: (day.due or never, day.version))[:count])


class Inventories:
    """Takes snapshots and holds them against the ledger.

    Args:
        registry: which models and versions there are.
        governance: what is declared of them.
        ledger: where a changed snapshot is noted, and what was decided.
        evidence: where snapshots lie.
        checkpoints: what the registry remembers of the ledger.
        now: the present instant, UTC.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        governance: Governance,
        ledger: LedgerStore,
        evidence: EvidenceStore,
        checkpoints: Checkpoints,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._registry = registry
        self._governance = governance
        self._ledger = ledger
        self._evidence = evidence
        self._checkpoints = checkpoints
        self._now = now

    def take(self) -> Taken:
        """Read registry and directory; note the snapshot in the ledger if it differs from the newest one.

        Grave concerns that began or ended since the last time are noted as alerts, each once.

        Raises:
            InvalidDocument: the policy is faulty. A faulty intake is a fault of its model in the snapshot.
            CallerMistake: there is no governance directory.
            LedgerBehind: the registry remembers more of the ledger than there is here; nothing is noted.
            Unavailable: the registry, the ledger or the evidence store cannot be read or written.
            IntegrityError: the ledger is not whole, or the registry remembers another one.
        """
        inventory, upto = self._read()
        at = utc_text(self._now())
        snapshot = self._evidence.put(canonical_bytes(inventory))

        def unchanged(ledger: LedgerReader) -> Event | None:
            newest = ledger.newest(EventKind.INVENTORY, subject=SUBJECT)
            return newest if newest is not None and newest.key == snapshot else None

        counts = {"models": len(inventory.models), "versions": inventory.versions}
        self._ledger.append(
            EventKind.INVENTORY,
            subject=SUBJECT,
            key=snapshot,
            body={"snapshot": snapshot, "upto": upto, **counts},
            at=at,
            unless=unchanged,
        )
        taken = Taken(snapshot=snapshot, upto=upto, taken_at=at, **counts)
        self._note_alerts(taken)
        return taken

    def _note_alerts(self, taken: Taken) -> None:
        overview = self.overview(taken)
        concerns = (*overview.moved, *overview.late)
        for alert in alerts(concerns, self._ledger.events(EventKind.ALERT)):

            def noted_meanwhile(ledger: LedgerReader, alert: Alert = alert) -> Event | None:
                newest = ledger.newest(EventKind.ALERT, key=alert.key)
                is_same = newest is not None and newest.body.get("state") == alert.body["state"]
                return newest if is_same else None

            self._ledger.append(
                EventKind.ALERT,
                subject=alert.subject,
                key=alert.key,
                body=alert.body,
                at=taken.taken_at,
                unless=noted_meanwhile,
            )

    def newest(self) -> Taken | None:
        """The newest snapshot noted in the ledger, as good as taken now if nothing changed; None without one.

        Raises:
            Unavailable: the ledger cannot be read.
            IntegrityError: it is not whole.
        """
        event = self._ledger.newest(EventKind.INVENTORY, subject=SUBJECT)
        head = self._ledger.head()
        if event is None or head is None:
            return None
        models, versions = (event.body.get(name) for name in ("models", "versions"))
        return Taken(
            snapshot=str(event.body.get("snapshot")),
            models=models if isinstance(models, int) else 0,
            versions=versions if isinstance(versions, int) else 0,
            upto=head.seq,
            taken_at=event.at,
        )

    def overview(self, taken: Taken) -> Overview:
        """The snapshot held against the ledger as it stood when the registry was read.

        Raises:
            Unavailable: the ledger or the snapshot cannot be read.
            IntegrityError: one of them is not whole.
        """
        inventory = decoded(Inventory, self._evidence.get(taken.snapshot))
        releases = self._releases(taken.upto)
        days = review_days(inventory, releases, self._decisions(), today=self._now().date())
        return Overview(
            inventory=inventory,
            moved=moved_aliases(inventory, releases),
            undeclared=undeclared_models(inventory),
            days=days,
            late=late_reviews(days),
        )

    def _read(self) -> tuple[Inventory, int]:
        policy = self._governance.policy()
        for _ in range(_READINGS):
            before = self._newest_release()
            models = tuple(self._registry.models())
            self._checkpoints.require_newest({model.name: model.checkpoint for model in models})
            inventory = inventory_of(
                models=models,
                versions=self._registry.newest_first(),
                intakes=self._governance.survey(policy),
                policy=policy,
            )
            head = self._ledger.head()
            if self._newest_release() == before:
                return inventory, 0 if head is None else head.seq
        raise Unavailable(
            found=f"releases going on during each of {_READINGS} readings of the registry",
            expected="a reading without one",
            remedy="Take the inventory again when they are done; the next one is at most an hour away",
        )

    def _newest_release(self) -> int:
        kinds = (EventKind.RELEASE_STARTED, EventKind.RELEASE_FINISHED)
        newest = (self._ledger.newest(kind) for kind in kinds)
        return max((event.seq for event in newest if event is not None), default=0)

    def _releases(self, upto: int) -> Releases:
        started = self._ledger.events(EventKind.RELEASE_STARTED)
        finished = self._ledger.events(EventKind.RELEASE_FINISHED)
        return releases_of(sorted((*started, *finished), key=lambda event: event.seq), upto=upto)

    def _decisions(self) -> dict[str, Decided]:
        return dict(decisions_of(self._ledger.events(EventKind.DECISION)))
