"""The card of a large decision: made, rendered and every number followed, beside reading its own record.

Run with `pytest tests/benchmarks/test_card_benchmark.py -m benchmark -n 0 -s`. The peer is what any reader of
the decision has to do first: decoding the canonical bytes of record and stages.
"""

import time
from collections.abc import Callable

import pytest

from modelrisk.decisions import DecisionRecord
from modelrisk.documents.card.markdown import as_markdown
from modelrisk.documents.card.page import as_html
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.records import StageEvidence
from tests.modelrisk.documents.tasks import multiclass_card

pytestmark = pytest.mark.benchmark

CLASSES = 100
MOST = 8.0


def seconds(call: Callable[[], object]) -> float:
    """The best of five, so that a busy machine tells less."""
    taken: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def test_a_card_costs_a_few_times_what_reading_its_evidence_costs():
    card = multiclass_card(CLASSES)
    record = canonical_bytes(card.record)
    stage = canonical_bytes(card.documents["evaluation/quality"])

    def read() -> None:
        decoded(DecisionRecord, record)
        decoded(StageEvidence, stage)

    reading = seconds(read)
    making = seconds(lambda: (as_html(multiclass_card(CLASSES)), as_markdown(card)))
    size = len(as_html(card).encode())
    print(
        f"\n{len(card.record.estimates)} estimates, page {size / 1000:,.0f} kB: card {making * 1000:.0f} ms, "
        f"reading {reading * 1000:.0f} ms, ratio {making / reading:.1f}"
    )
    assert making / reading < MOST
