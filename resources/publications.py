"""Cards and packs of decisions, as files that can be handed to someone.

What does not belong here: what a card says (`modelrisk.documents.card`) and what a pack holds
(`modelrisk.packs`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelrisk.cases import Case
from modelrisk.documents.card.markdown import as_markdown
from modelrisk.documents.card.model_card import model_card
from modelrisk.documents.card.page import as_html
from modelrisk.errors import CallerMistake
from modelrisk.evidence import decoded
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake
from modelrisk.packs import PackReport, pack_members
from modelrisk.records import StageEvidence
from modelrisk.signatures import Signer, TrustedKeys
from resources.decision_register import DecisionRegister, Registered
from resources.durable_files import replace_with
from resources.evidence_store import EvidenceStore, digest_of_file
from resources.governance import Governance
from resources.pack_files import verify_pack_file, write_pack


@dataclass(frozen=True)
class Card:
    """A model card, kept as evidence.

    Attributes:
        html: digest of the self-contained page.
        markdown: digest of the Markdown with its Hugging Face metadata block.
    """

    html: str
    markdown: str


@dataclass(frozen=True)
class Pack:
    """An evidence pack on this machine.

    Attributes:
        path: where it lies.
        digest: digest of its bytes.
        size: bytes.
    """

    path: str
    digest: str
    size: int


class Publications:
    """Renders cards and writes packs.

    Args:
        evidence: where records, stages, predictions and cards are kept.
        register: the decisions made before.
        governance: the catalogue, for what each control does not tell.
        signer: signs packs.
        trusted: tells the keys packs are verified against.
        packs: directory of the packs.
        cards: directory of the cards' pages.
    """

    def __init__(
        self,
        *,
        evidence: EvidenceStore,
        register: DecisionRegister,
        governance: Governance,
        signer: Signer,
        trusted: Callable[[], TrustedKeys],
        packs: Path,
        cards: Path,
    ) -> None:
        self._evidence = evidence
        self._register = register
        self._governance = governance
        self._signer = signer
        self._trusted = trusted
        self._packs = packs
        self._cards = cards

    def card(self, registered: Registered, *, intake: Intake | None, case: Case) -> Card:
        """The card of a decision, rendered from the record and the evidence it names."""
        record = registered.record
        card = model_card(
            record,
            record_digest=registered.digest,
            intake=intake,
            lineage=case.lineage,
            stages=[
                decoded(StageEvidence, self._evidence.get(digest)) for digest in record.evidence.values()
            ],
            control_limitations={
                control.id: control.limitations for control in self._governance.catalogue().controls.values()
            },
            signer=self._signer.key_id,
            history=self._register.history(registered),
        )
        return Card(
            html=self._evidence.put(as_html(card).encode()),
            markdown=self._evidence.put(as_markdown(card).encode()),
        )

    def pack(self, registered: Registered, card: Card) -> Pack:
        """The evidence pack of a decision, in one file.

        Raises:
            CallerMistake: a preview has no pack.
        """
        record = registered.record
        if registered.envelope is None:
            raise CallerMistake(
                found=f"a preview of {record.model}",
                expected="a recorded decision",
                remedy=f"Run `model-risk review {record.model}` without --preview",
            )
        members = pack_members(
            decision=self._evidence.get(registered.envelope),
            stages={stage: self._evidence.get(digest) for stage, digest in record.evidence.items()},
            card_html=self._evidence.get(card.html),
            card_markdown=self._evidence.get(card.markdown),
            predictions=record.predictions,
            signer=self._signer,
        )
        self._packs.mkdir(parents=True, exist_ok=True)
        path = (
            self._packs / f"{record.version.file_stem}-{registered.digest.removeprefix('sha256:')[:12]}.zip"
        )
        predictions = None if record.predictions is None else self._evidence.path(record.predictions)
        write_pack(path, members, predictions=predictions)
        return Pack(str(path), digest_of_file(path), path.stat().st_size)

    def verified(self, pack: Pack) -> PackReport:
        """The pack as it lies on disk, verified as a stranger would who trusts this platform's keys."""
        return verify_pack_file(Path(pack.path), trusted=self._trusted())

    def text(self, digest: str) -> str:
        """A kept document's text."""
        return self._evidence.get(digest).decode()

    def page(self, card: Card, version: ModelVersion) -> Path:
        """The card as a file a browser opens by its ending; written anew from the evidence each time."""
        self._cards.mkdir(parents=True, exist_ok=True)
        page = self._cards / f"{version.file_stem}.html"
        replace_with(page, self._evidence.get(card.html), name="card")
        return page
