"""Cards, datasheets and packs of decisions, as files that can be handed to someone.

What does not belong here: what a card says (`modelrisk.documents.card`) and what a pack holds
(`modelrisk.packs`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelrisk.cases import Case
from modelrisk.documents.card.markdown import as_markdown
from modelrisk.documents.card.model_card import model_card
from modelrisk.documents.card.page import as_html
from modelrisk.documents.datasheet.croissant import as_json as croissant_json
from modelrisk.documents.datasheet.markdown import as_markdown as sheet_markdown
from modelrisk.documents.datasheet.markdown import summary as sheet_summary
from modelrisk.documents.datasheet.page import as_html as sheet_page
from modelrisk.errors import CallerMistake
from modelrisk.evidence import decoded
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake
from modelrisk.packs import PackReport, datasheet_member, pack_members
from modelrisk.records import Problem, StageEvidence
from modelrisk.signatures import Signer, TrustedKeys
from resources.datasheets import DatasheetReader
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
class SheetFiles:
    """A datasheet, kept as evidence.

    Attributes:
        html: digest of the self-contained page.
        markdown: digest of the Markdown.
        croissant: digest of the machine form.
    """

    html: str
    markdown: str
    croissant: str


@dataclass(frozen=True)
class Datasheets:
    """What describes the data sets of a version.

    Attributes:
        files: what a data set is used for -> its datasheet; only of those that could be read.
        summary: all of them, and why one is missing, as Markdown.
    """

    files: Mapping[str, SheetFiles]
    summary: str


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
        sheets: describes data sets.
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
        sheets: DatasheetReader,
        governance: Governance,
        signer: Signer,
        trusted: Callable[[], TrustedKeys],
        packs: Path,
        cards: Path,
    ) -> None:
        self._evidence = evidence
        self._register = register
        self._sheets = sheets
        self._governance = governance
        self._signer = signer
        self._trusted = trusted
        self._packs = packs
        self._cards = cards

    def datasheets(self, case: Case) -> Datasheets:
        """The datasheets of a version's data sets; one that cannot be read is told of, not made."""
        sheets = self._sheets.sheets(case)
        files = {
            purpose.value: SheetFiles(
                html=self._evidence.put(sheet_page(sheet).encode()),
                markdown=self._evidence.put(sheet_markdown(sheet).encode()),
                croissant=self._evidence.put(croissant_json(sheet).encode()),
            )
            for purpose, sheet in sheets.items()
            if not isinstance(sheet, Problem)
        }
        return Datasheets(files, sheet_summary(sheets))

    def card(
        self, registered: Registered, *, intake: Intake | None, case: Case, datasheets: Datasheets
    ) -> Card:
        """The card of a decision, rendered from the record and the evidence it names.

        Raises:
            IntegrityError: a number on it is not the one in the evidence that it refers to.
        """
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
            datasheets={purpose: files.croissant for purpose, files in datasheets.files.items()},
        )
        return Card(
            html=self._evidence.put(as_html(card).encode()),
            markdown=self._evidence.put(as_markdown(card).encode()),
        )

    def pack(self, registered: Registered, card: Card, datasheets: Datasheets) -> Pack:
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
            datasheets={
                datasheet_member(purpose, ending): self._evidence.get(digest)
                for purpose, files in datasheets.files.items()
                for ending, digest in (
                    ("html", files.html),
                    ("md", files.markdown),
                    ("croissant.json", files.croissant),
                )
            },
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
        return self._page(card.html, f"{version.file_stem}.html")

    def sheet_pages(self, datasheets: Datasheets, version: ModelVersion) -> Mapping[str, Path]:
        """The datasheets as such files, by what the data is used for."""
        return {
            purpose: self._page(files.html, f"{version.file_stem}.{purpose}-data.html")
            for purpose, files in datasheets.files.items()
        }

    def _page(self, digest: str, name: str) -> Path:
        self._cards.mkdir(parents=True, exist_ok=True)
        page = self._cards / name
        replace_with(page, self._evidence.get(digest), name="card")
        return page
