"""Clearance and promotion: whether a decision still holds, and the steps that make a version champion.

Clearance reads everything again: the ledger's chain and its signed checkpoints (also the copy kept in the
registry), the newest decision and its signature, the evidence behind it, and the bytes now in the
registry. Promotion clears by itself before it moves anything, so that no way into it leads around the gate.

A promotion is started → alias → tags → read back → finished. The champion is the last *finished* one; one
that was interrupted is completed by the next promotion of the same version.

What does not belong here: deciding (`modelrisk.decisions`), and who may ask for a release.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from modelrisk.cases import Case
from modelrisk.champions import Standing
from modelrisk.decisions import Clearance, clear
from modelrisk.errors import IntegrityError, Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import (
    Event,
    EventKind,
    LedgerReader,
    LedgerStore,
    champion,
    unfinished_release,
    utc_text,
)
from modelrisk.signatures import TrustedKeys
from resources.case_files import CaseFiles
from resources.checkpoints import Checkpoints
from resources.decision_register import DecisionRegister, Registered
from resources.evidence_store import EvidenceStore
from resources.failpoints import reach
from resources.governance import Governance
from resources.model_registry import Registry


@dataclass(frozen=True)
class Refused:
    """A release that did not happen, and why."""

    clearance: Clearance


@dataclass(frozen=True)
class Promoted:
    """A finished release.

    Attributes:
        model: the new champion, `name@version`.
        alias: the registry alias that points at it.
        record: digest of the decision it rests on.
        by: who asked for it.
        reason: why.
        at: when it was finished, UTC, ISO 8601.
        previous: the champion before, None when there was none.
        resumed: whether it completed a release that had been interrupted.
        moved: whether anything had to be done; False when it was released already and all is in place.
    """

    model: str
    alias: str
    record: str
    by: str
    reason: str
    at: str
    previous: str | None
    resumed: bool
    moved: bool


class Releases:
    """Clears and promotes model versions.

    Args:
        registry: the model registry.
        ledger: the recorded events.
        register: the signed decisions.
        evidence: the evidence behind them.
        case_files: reads the present state of a case.
        governance: what policy asks now.
        checkpoints: copies of the ledger's checkpoint in the registry.
        trusted: tells the keys whose checkpoints are believed.
        now: tells the present instant in UTC; recorded only.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        ledger: LedgerStore,
        register: DecisionRegister,
        evidence: EvidenceStore,
        case_files: CaseFiles,
        governance: Governance,
        checkpoints: Checkpoints,
        trusted: Callable[[], TrustedKeys],
        now: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._register = register
        self._evidence = evidence
        self._case_files = case_files
        self._governance = governance
        self._checkpoints = checkpoints
        self._trusted = trusted
        self._now = now

    def clearance(self, version: ModelVersion) -> Clearance:
        """Whether the newest decision on `version` still holds for what is there now.

        Raises:
            Unavailable: registry or ledger cannot be reached.
        """
        return self._cleared(version)[0]

    def promote(self, version: ModelVersion, *, by: str, reason: str) -> Promoted | Refused:
        """Make `version` champion if it is cleared; safe to repeat after an interruption at any point.

        Args:
            version: the version to promote.
            by: who asks for it.
            reason: why.

        Raises:
            Unavailable: registry or ledger cannot be reached, or did not keep what was written.
        """
        before = champion(self._ledger, version.name)  # read first: what follows is judged against it
        clearance, decision, case = self._cleared(version)
        if not clearance.cleared or decision is None:
            return Refused(clearance)
        alias = "champion" if case.intake is None else case.intake.champion
        unfinished = unfinished_release(self._ledger, version.name)
        in_place = self._registry.alias(version.name, alias) == version
        if unfinished is None and before is not None and before.subject == version.key and in_place:
            self._checkpoints.publish(version.name)
            return _promoted(before, resumed=False, moved=False)
        started = self._started(version, decision, alias=alias, by=by, reason=reason, before=before)
        if started.kind is EventKind.RELEASE_FINISHED:
            return _promoted(started, resumed=False, moved=False)
        reach("release.after_started")
        self._registry.set_alias(version, alias)
        reach("release.after_alias")
        tags = {
            "model_risk.verdict": decision.record.verdict.value,
            "model_risk.tier": str(decision.record.tier),
            "model_risk.decision": decision.digest,
        }
        self._registry.tag_version(version, tags)
        reach("release.after_tags")
        self._require_kept(version, alias, tags)
        finished = self._ledger.append(
            EventKind.RELEASE_FINISHED,
            subject=version.key,
            body=dict(started.body),
            at=utc_text(self._now()),
            unless=lambda ledger: _finished_since(before, ledger, version),
        )
        reach("release.after_finished")
        self._checkpoints.publish(version.name)
        resumed = unfinished is not None and unfinished.seq == started.seq
        return _promoted(finished, resumed=resumed, moved=True)

    def _started(
        self,
        version: ModelVersion,
        decision: Registered,
        *,
        alias: str,
        by: str,
        reason: str,
        before: Event | None,
    ) -> Event:
        """The start of this release: the interrupted one of the same decision, or a new one.

        If another process released the version in the meantime, the end of that release.
        """

        def interrupted(ledger: LedgerReader) -> Event | None:
            finished = _finished_since(before, ledger, version)
            if finished is not None:
                return finished
            event = unfinished_release(ledger, version.name)
            if event is None or event.subject != version.key:
                return None
            return event if event.body.get("decision") == decision.digest else None

        return self._ledger.append(
            EventKind.RELEASE_STARTED,
            subject=version.key,
            body={
                "record": decision.envelope,
                "decision": decision.digest,
                "model": decision.record.bound.model,
                "alias": alias,
                "by": by,
                "reason": reason,
                "previous": None if before is None else before.subject,
            },
            at=utc_text(self._now()),
            unless=interrupted,
        )

    def _cleared(self, version: ModelVersion) -> tuple[Clearance, Registered | None, Case]:
        case = self._case_files.open(version)
        try:
            self._require_whole_ledger(version.name)
            decision = self._register.newest(version)
            if decision is None:
                reason = f"No decision is recorded. Run `model-risk review {version}` first"
                return Clearance(version.key, None, (reason,)), None, case
            self._require_whole_evidence(decision)
        except IntegrityError as error:
            return Clearance(version.key, None, (str(error),)), None, case
        tier = self._governance.policy().tier_of(case.intake)
        clearance = clear(
            decision.record,
            record_digest=decision.digest,
            version=version,
            current=case.bound,
            obligations=self._governance.obligations(version.name, tier, case.intake),
            restores_champion=case.champion.standing is Standing.IS_CHAMPION or self._is_resumed(decision),
        )
        return clearance, decision, case

    def _is_resumed(self, decision: Registered) -> bool:
        """Whether a release of this very decision was interrupted, and nothing was released since."""
        name = decision.record.version.name
        started = unfinished_release(self._ledger, name)
        newest = champion(self._ledger, name)
        return (
            started is not None
            and started.body.get("decision") == decision.digest
            and (newest is None or newest.seq < started.seq)
        )

    def _require_whole_ledger(self, name: str) -> None:
        self._checkpoints.require_up_to_date(name)
        report = self._ledger.verify(self._trusted())
        if report.broken is not None or (report.entries and report.covered is None):
            broken = report.broken
            raise IntegrityError(
                found="a ledger without its signed checkpoint"
                if broken is None
                else f"a ledger broken at entry {broken.seq}: {broken.reason}",
                expected="an unbroken chain up to every signed checkpoint",
                remedy="Run `model-risk ledger verify`, and restore ledger and checkpoint from a backup",
            )

    def _require_whole_evidence(self, decision: Registered) -> None:
        record = decision.record
        digests = [*record.evidence.values(), *([] if record.predictions is None else [record.predictions])]
        for digest in digests:
            try:
                self._evidence.path(digest)
            except Unavailable as error:
                raise IntegrityError(
                    found=error.found, expected=error.expected, remedy=error.remedy
                ) from error

    def _require_kept(self, version: ModelVersion, alias: str, tags: dict[str, str]) -> None:
        found = self._registry.tags(version)
        if self._registry.alias(version.name, alias) != version or any(
            found.get(name) != value for name, value in tags.items()
        ):
            raise Unavailable(
                found=f"a registry that did not keep the alias or tags of {version}",
                expected=f"`{alias}` on {version} and the tags {', '.join(tags)}",
                remedy=f"See who else writes to the registry, then run `model-risk release {version}` again",
            )


def _finished_since(before: Event | None, ledger: LedgerReader, version: ModelVersion) -> Event | None:
    """The release of this very version that another process finished since; None when nothing was released.

    Asked inside the ledger's own transaction, so of two releases at once only one follows a champion.

    Raises:
        Unavailable: another version was released, so the clearance was about a champion of the past.
    """
    newest = champion(ledger, version.name)
    if newest is None or (before is not None and newest.seq == before.seq):
        return None
    if newest.subject != version.key:
        raise Unavailable(
            found=f"{newest.subject} released while {version} was being released",
            expected="one release of a model at a time",
            remedy=f"Run `model-risk release {newest.subject}` to make sure of the alias, then review again",
        )
    return newest


def _promoted(finished: Event, *, resumed: bool, moved: bool) -> Promoted:
    body = finished.body
    previous = body.get("previous")
    return Promoted(
        model=finished.subject,
        alias=str(body["alias"]),
        record=str(body["decision"]),
        by=str(body["by"]),
        reason=str(body["reason"]),
        at=finished.at,
        previous=None if previous is None else str(previous),
        resumed=resumed,
        moved=moved,
    )
