"""Gathers what a decision is made from, has it decided, and registers it.

What does not belong here: the algebra (`modelrisk.decisions`).
"""

from collections.abc import Sequence

from modelrisk.cases import Case, IntakeRecord
from modelrisk.decisions import Kind, Submission, decide
from modelrisk.evidence import canonical_bytes, digest_of
from modelrisk.ledger import EventKind, LedgerStore, evaluation_uses, utc_text
from modelrisk.records import Predictions, StageEvidence
from resources.checkpoints import Checkpoints
from resources.decision_register import DecisionRegister, Registered
from resources.environments import Circumstances
from resources.evidence_store import EvidenceStore
from resources.governance import Governance


class Decider:
    """Turns the stages' evidence into a registered decision, or into a preview that decides nothing.

    Args:
        governance: policy and catalogue.
        evidence: where each stage's evidence is kept.
        ledger: earlier uses of the evaluation data.
        register: the decisions made so far.
        checkpoints: what the registry remembers of the ledger.
        circumstances: who asks, with what, and when.
    """

    def __init__(
        self,
        *,
        governance: Governance,
        evidence: EvidenceStore,
        ledger: LedgerStore,
        register: DecisionRegister,
        checkpoints: Checkpoints,
        circumstances: Circumstances,
    ) -> None:
        self._governance = governance
        self._evidence = evidence
        self._ledger = ledger
        self._register = register
        self._checkpoints = checkpoints
        self._circumstances = circumstances

    def decide(
        self,
        intake: IntakeRecord,
        case: Case,
        predictions: Predictions,
        stages: Sequence[StageEvidence],
        *,
        fresh: bool,
        preview: bool,
    ) -> Registered:
        """The decision on a case.

        Args:
            intake: the declaration and the tier.
            case: the case; its digests are what the evidence must be about.
            predictions: the frozen predictions.
            stages: the evidence of the other stages.
            fresh: decide anew even if the same inputs have been decided.
            preview: judge without deciding; only a tally mark for the evaluation data is kept.

        Raises:
            InvalidDocument: policy or intake break their contract.
            LedgerBehind: the registry remembers more of the ledger than there is here.
            IntegrityError: the registry remembers another ledger.
            Unavailable: evidence or ledger cannot be written, or the registry did not answer.
        """
        if not preview:
            self._checkpoints.require_up_to_date(case.version.name)
        if not fresh and not preview:
            known = self._register.same_inputs(case.version, case.bound)
            if known is not None:
                return known
        found = {stage.stage: stage for stage in (intake.evidence, case.evidence, *stages)}
        declared = intake.intake
        submission = Submission(
            version=case.version,
            title=(declared.title if declared is not None else None) or case.version.name,
            owner=declared.owner if declared is not None else "nobody: not in the inventory",
            tier=intake.tier,
            champion=case.champion.statement,
            bound=case.bound,
            obligations=self._governance.obligations(case.version.name, intake.tier, declared),
            stages=found,
            evidence={name: self._evidence.put(canonical_bytes(stage)) for name, stage in found.items()},
            predictions=predictions.candidate.digest,
            isolation=predictions.candidate.isolation,
            uses=evaluation_uses(self._ledger, case.bound.evaluation or ""),
        )
        record = decide(
            submission,
            kind=Kind.PREVIEW if preview else Kind.DECISION,
            identifier=self._circumstances.new_id(),
            decided_at=utc_text(self._circumstances.now()),
            actor=self._circumstances.actor,
            tool=self._circumstances.tool,
        )
        if not preview:
            return self._register.register(record, fresh=fresh)
        self._ledger.append(
            EventKind.PREVIEW,
            subject=record.model,
            at=record.decided_at,
            body={"evaluation": record.bound.evaluation, "verdict": record.verdict.value},
        )
        return Registered(record, digest_of(record), None, None)
