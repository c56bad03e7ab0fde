"""The portfolio report made: ledger read, every decision's record verified as it lies, the report kept.

What does not belong here: what the report says (`modelrisk.portfolio`) and how it looks
(`modelrisk.documents.portfolio`).
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelrisk.decisions import PREDICATE_TYPE
from modelrisk.documents.portfolio.markdown import as_markdown
from modelrisk.documents.portfolio.page import as_html
from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError, Unavailable
from modelrisk.evidence import canonical_bytes, decoded, viewed
from modelrisk.inventory import Inventory
from modelrisk.ledger import Event, EventKind, LedgerReport, LedgerStore
from modelrisk.portfolio.books import Books
from modelrisk.portfolio.proofs import DecisionView, Proofs, refuse_foreign
from modelrisk.portfolio.quarters import Quarter
from modelrisk.portfolio.report import Report, report_of
from modelrisk.portfolio.statuses import brought_up_to_date, of_interest, overview_of
from modelrisk.signatures import TrustedKeys, verified_payload
from resources.durable_files import replace_with
from resources.evidence_store import EvidenceStore


@dataclass(frozen=True)
class Edition:
    """A report as it was made and kept.

    Attributes:
        quarter: the quarter's name.
        as_of: the last day that counts.
        entry: the newest ledger entry that counts; 0 for none.
        tool: version of model-risk that made it.
        html: digest of the page.
        markdown: digest of the Markdown.
        json: digest of the canonical JSON.
    """

    quarter: str
    as_of: datetime.date
    entry: int
    tool: str
    html: str
    markdown: str
    json: str


class Portfolios:
    """Makes reports.

    Args:
        ledger: what happened.
        evidence: where records and snapshots lie, and where reports are kept.
        trusted: tells the keys whose decisions are believed.
        pages: directory of the pages.
        tool: version of model-risk.
        now: the present instant, UTC.
    """

    def __init__(
        self,
        *,
        ledger: LedgerStore,
        evidence: EvidenceStore,
        trusted: Callable[[], TrustedKeys],
        pages: Path,
        tool: str,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._ledger = ledger
        self._evidence = evidence
        self._trusted = trusted
        self._pages = pages
        self._tool = tool
        self._now = now

    def day_of(self, quarter: Quarter) -> datetime.date:
        """The day a quarter is reported on: its last one, or today while it runs.

        Raises:
            CallerMistake: the quarter has not begun.
        """
        return self._begun(min(quarter.last_day, max(quarter.first_day, self._now().date())))

    def report(self, *, as_of: datetime.date | None = None, entry: int | None = None) -> Report:
        """The report on the quarter a day lies in, up to that day.

        Args:
            as_of: the day, UTC; today when None.
            entry: no ledger entry after this one counts; needed only to repeat a report exactly although
                entries dated in its past were added since, by a clock that was set back.

        Raises:
            CallerMistake: the day lies ahead, or the ledger has no such entry.
            Unavailable: ledger or evidence cannot be read.
            IntegrityError: the ledger has entries that cannot be read, or its tail was cut off.
        """
        day = self._begun(self._now().date() if as_of is None else as_of)
        books = Books.on(day, self._ledger.events(), entry=entry)
        snapshots = _Snapshots(self._evidence)
        trusted = self._trusted()
        faults = self._faults(books, trusted)
        inventory = brought_up_to_date(snapshots(books), books)
        known = overview_of(books, inventory, Proofs(faults))
        by_entry = {event.seq: event for event in books.decisions.values()}
        views: dict[int, DecisionView] = {}
        for sequence in of_interest(known):
            if sequence not in faults:
                try:
                    views[sequence] = self._view(by_entry[sequence], trusted)
                except ModelRiskError as error:
                    faults[sequence] = str(error)
        return report_of(
            books,
            snapshots=snapshots,
            proofs=Proofs(faults, views),
            ledger_fault=self._ledger_fault(books, trusted),
            snapshot_fault=snapshots.fault_of(books),
            tool=self._tool,
        )

    def keep(self, report: Report) -> Edition:
        """Keep a report as page, Markdown and JSON.

        Raises:
            Unavailable: the evidence store cannot be written.
        """
        return Edition(
            quarter=report.quarter,
            as_of=report.as_of,
            entry=report.source.entry,
            tool=report.source.tool,
            html=self._evidence.put(as_html(report).encode()),
            markdown=self._evidence.put(as_markdown(report).encode()),
            json=self._evidence.put(canonical_bytes(report)),
        )

    def text(self, digest: str) -> str:
        """A kept document's text."""
        return self._evidence.get(digest).decode()

    def page(self, edition: Edition) -> Path:
        """The report as a file a browser opens, beside the cards it leads to; written anew each time."""
        self._pages.mkdir(parents=True, exist_ok=True)
        path = self._pages / f"{edition.quarter}.html"
        replace_with(path, self._evidence.get(edition.html), name="portfolio")
        return path

    def differences(self, edition: Edition, again: Report) -> tuple[str, ...]:
        """In what forms a report made again differs from the one kept: in none, if all is as it was.

        Raises:
            Unavailable: a kept document cannot be read.
            IntegrityError: it was altered.
        """
        made = {
            "page": (edition.html, as_html(again).encode()),
            "Markdown": (edition.markdown, as_markdown(again).encode()),
            "JSON": (edition.json, canonical_bytes(again)),
        }
        return tuple(name for name, (kept, anew) in made.items() if self._evidence.get(kept) != anew)

    def verified_ledger(self) -> LedgerReport:
        """The whole ledger followed from its first entry and held against its signed checkpoint.

        Raises:
            IntegrityError: a checkpoint is altered or signed by nobody trusted.
            Unavailable: the ledger cannot be read.
        """
        return self._ledger.verify(self._trusted())

    def _begun(self, day: datetime.date) -> datetime.date:
        today = self._now().date()
        if day > today:
            raise CallerMistake(
                found=f"{day}, which lies ahead",
                expected=f"a day up to today, {today} (UTC)",
                remedy="Give a day that has begun, or wait for the quarter",
            )
        return day

    def _faults(self, books: Books, trusted: TrustedKeys) -> dict[int, str]:
        """Why the records of decisions cannot be believed, by ledger entry: their bytes, as they are."""
        found: dict[int, str] = {}
        for event in books.of(EventKind.DECISION):
            try:
                self._payload(event, trusted)
            except ModelRiskError as error:
                found[event.seq] = str(error)
        return found

    def _payload(self, event: Event, trusted: TrustedKeys) -> bytes:
        return verified_payload(self._evidence.get(str(event.body.get("record"))), trusted)

    def _view(self, event: Event, trusted: TrustedKeys) -> DecisionView:
        statement = viewed(_Statement, self._payload(event, trusted))
        if statement.predicateType != PREDICATE_TYPE:
            raise IntegrityError(
                found=f"a statement of type {statement.predicateType!r}",
                expected=f"a statement of type {PREDICATE_TYPE!r}",
                remedy="Restore ledger and evidence from a backup",
            )
        refuse_foreign(statement.predicate, event)
        return statement.predicate

    def _ledger_fault(self, books: Books, trusted: TrustedKeys) -> str | None:
        broken = self._ledger.verify(trusted).broken
        if broken is None or broken.seq > len(books.events):
            return None
        return f"it is broken at entry {broken.seq}: {broken.reason}"


@dataclass(frozen=True)
class _Statement:
    """The part of a signed statement that is read."""

    predicateType: str  # noqa: N815 - the key's name in the statement
    predicate: DecisionView


class _Snapshots:
    """Reads inventory snapshots, each once; one that cannot be read is a fault, not the end of the report."""

    def __init__(self, evidence: EvidenceStore) -> None:
        self._evidence = evidence
        self._read: dict[str, Inventory | str] = {}

    def __call__(self, books: Books) -> Inventory | None:
        found = self._of(books)
        return found if isinstance(found, Inventory) else None

    def fault_of(self, books: Books) -> str | None:
        """Why the newest snapshot in the books cannot be used; None when it can, or there is none."""
        found = self._of(books)
        return found if isinstance(found, str) else None

    def _of(self, books: Books) -> Inventory | str | None:
        if books.inventory is None:
            return None
        digest = str(books.inventory.body.get("snapshot"))
        if digest not in self._read:
            try:
                self._read[digest] = decoded(Inventory, self._evidence.get(digest))
            except (IntegrityError, Unavailable) as error:
                self._read[digest] = str(error)
        return self._read[digest]
