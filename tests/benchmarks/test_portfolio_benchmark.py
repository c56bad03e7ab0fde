"""The quarterly report on 1,000 models with 20 decisions each, beside verifying the decisions' signatures.

Run with `pytest tests/benchmarks/test_portfolio_benchmark.py -m benchmark -n 0 -s`. The peer is what anybody
has to do who believes the decisions: read each signed record and verify its bytes as they are.
"""

import datetime
import resource
import sqlite3
import time
from dataclasses import replace

import pytest

from modelrisk.decisions import PREDICATE_TYPE, Outcome
from modelrisk.evidence import canonical_bytes, digest, digest_of, hex_of
from modelrisk.ledger import Event, EventKind, Head
from modelrisk.signatures import STATEMENT_PAYLOAD_TYPE, Subject, statement_bytes, verified_payload
from resources.signer import KeyFile
from tests.chronicle import SETTLED, Chronicle, declared, model
from tests.modelrisk.documents.conftest import CONTROLS, RECORD

pytestmark = pytest.mark.benchmark

MODELS, DECISIONS = 1_000, 20
MOST_TIMES = 4.0
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    """The ledger of two years, written in one transaction."""
    past = Chronicle(tmp_path_factory.mktemp("years"))
    past.inventory(
        [
            model(
                _name(number),
                versions=10,
                champion=5 + number % 6,
                declaration=declared(_name(number), tier=1 + number % 3, business_area=f"area {number % 12}"),
            )
            for number in range(MODELS)
        ],
        on="2024-12-01",
    )
    head = past.ledger.head()
    rows = []
    first = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    signer = KeyFile(past.root / "keys" / "signing.pem")
    for turn in range(DECISIONS):
        for number in range(MODELS):
            head = _append(
                past,
                signer,
                rows,
                head,
                turn,
                number,
                first + datetime.timedelta(days=34 * turn, seconds=number),
            )
    with sqlite3.connect(past.root / "ledger.db") as connection:
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return past


def _name(number: int) -> str:
    return f"model-{number:04d}"


def _append(past, signer, rows, head, turn, number, at):
    key = f"{_name(number)}@{1 + turn // 2}"
    refused = (number + turn) % 7 == 0
    record = replace(
        RECORD,
        id=f"{turn}-{number}",
        model=key,
        verdict=Outcome.REFUSED if refused else Outcome.RELEASABLE,
        controls=CONTROLS if refused else SETTLED,
    )
    payload = statement_bytes(
        subjects=[Subject(key, "sha256:" + "0" * 64)], predicate_type=PREDICATE_TYPE, predicate=record
    )
    envelope = signer.sign(STATEMENT_PAYLOAD_TYPE, payload)
    name = digest(envelope)
    place = past.evidence.root / "sha256" / hex_of(name)[:2] / hex_of(name)[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(envelope)
    body = {"record": name, "verdict": record.verdict.value, "tier": 1 + number % 3, "reusable": True}
    stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    event = Event.chained(
        EventKind.DECISION, subject=key, body=body, at=stamp, key=digest_of(record.bound), after=head
    )
    text = canonical_bytes(event.body).decode()
    rows.append((event.seq, event.at, event.kind.value, key, event.key, text, event.previous, event.digest))
    return Head(event.seq, event.digest)


def test_a_report_costs_a_few_times_what_verifying_the_decisions_costs(years):
    portfolios = years.portfolios
    trusted = KeyFile(years.root / "keys" / "signing.pem").trusted
    events = list(years.ledger.events(EventKind.DECISION))

    start = time.perf_counter()
    size = 0
    for event in events:
        envelope = years.evidence.get(str(event.body["record"]))
        verified_payload(envelope, trusted)
        size += len(envelope)
    verifying = time.perf_counter() - start

    start = time.perf_counter()
    edition = portfolios.keep(portfolios.report())
    making = time.perf_counter() - start

    page = len(portfolios.text(edition.html).encode())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{len(events):,} decisions, {size / 1e6:,.0f} MB:"
        f" report {making:.1f} s, verifying {verifying:.1f} s, ratio {making / verifying:.2f};"
        f" page {page / 1e6:.2f} MB, peak {peak:,.0f} MB"
    )
    assert making / verifying < MOST_TIMES
    assert page < MOST_BYTES
