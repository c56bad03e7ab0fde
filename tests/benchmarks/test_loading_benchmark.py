"""Loading the code location against `import dagster` alone, each in processes of its own, in turn.

Run with `pytest tests/benchmarks/test_loading_benchmark.py -m benchmark -n 0 -s`.
"""

import statistics
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.benchmark
PAIRS = 7


def seconds(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True)
    return time.perf_counter() - began


def test_loading_the_code_location_against_importing_dagster():
    statements = ("import pipelines.definitions", "import dagster")
    for statement in statements:
        seconds(statement)  # compiled files and disk caches are there for both
    pairs = [tuple(seconds(statement) for statement in statements) for _ in range(PAIRS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"\ncode location {ours:.2f} s, dagster {theirs:.2f} s, ratio {ratio:.2f}")
    assert len(pairs) == PAIRS
