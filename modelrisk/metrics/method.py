"""The contract of an interval method, and the two small values it returns.

A method is a set of pure functions of its sufficient statistics. That is what lets a reader recompute a
bound at another confidence, check that printed bounds are the ones the method gives, and ask what the
same rates would say on more rows.

What does not belong here: the methods themselves (`proportion_methods`, `rank_methods`, `mean_methods`)
and their registry (`intervals`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Inputs = Mapping[str, float]
"""Sufficient statistics by name."""


@dataclass(frozen=True)
class Bounds:
    """One-sided confidence bounds; None is unbounded, which clears no limit."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Size:
    """How much evidence the smallest cell behind an estimate holds.

    Attributes:
        rows: rows of the smallest cell.
        events: expected events of the rarer outcome in the smallest cell.
    """

    rows: int
    events: float


@dataclass(frozen=True)
class Method:
    """One interval method.

    Attributes:
        name: its key in `intervals.METHODS`.
        names: names of the inputs it takes, all required.
        fault: what is impossible about the inputs and what to do about it, None when nothing is.
        value: the point estimate.
        bounds: the bounds at a confidence *per bound* (one-sided).
        scaled: the inputs as if `factor` times the rows had been seen, at the same rates.
        size: the smallest cell.
        rows: all rows behind the estimate.
    """

    name: str
    names: tuple[str, ...]
    fault: Callable[[Inputs], str | None]
    value: Callable[[Inputs], float]
    bounds: Callable[[Inputs, float], Bounds]
    scaled: Callable[[Inputs, float], Inputs]
    size: Callable[[Inputs], Size]
    rows: Callable[[Inputs], int]


def multiplied(*names: str) -> Callable[[Inputs, float], Inputs]:
    """A `scaled` function that multiplies the named counts and keeps everything else."""

    def scaled(inputs: Inputs, factor: float) -> Inputs:
        return {name: value * factor if name in names else value for name, value in inputs.items()}

    return scaled


def summed(*names: str) -> Callable[[Inputs], int]:
    """A `rows` function that adds up the named counts."""

    def rows(inputs: Inputs) -> int:
        return round(sum(inputs[name] for name in names))

    return rows
