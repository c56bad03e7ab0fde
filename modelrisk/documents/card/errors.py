"""Errors of a regression: how they are spread, and how they go with the size of what is predicted.

What does not belong here: their averages (`figures`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelrisk.documents import charts
from modelrisk.documents.card.stage_tables import DECILES_TABLE, QUANTILES_TABLE, Kept
from modelrisk.documents.references import pointer
from modelrisk.records import Scalar


@dataclass(frozen=True)
class Quantile:
    """A quantile of prediction minus label, and where it stands."""

    share: float
    error: float
    evidence: str


@dataclass(frozen=True)
class Spread:
    """Quantiles of the errors, from the lowest to the highest, and the box that draws them."""

    quantiles: tuple[Quantile, ...]
    box: charts.Box | None


@dataclass(frozen=True)
class Tenths:
    """Predictions in tenths, from the lowest to the highest, as points and as a table.

    Attributes:
        points: mean prediction and mean label of each tenth, and its error.
        evidence: where the table stands.
        low: the lower end of both axes.
        high: the upper end of both axes.
    """

    points: tuple[charts.TenthPoint, ...]
    evidence: str
    low: float
    high: float


def spread_of(kept: Kept) -> Spread | None:
    """The error quantiles a stage kept; None when none did."""
    found = kept.get(QUANTILES_TABLE)
    if found is None:
        return None
    stage, table = found
    at = pointer(stage, "tables", QUANTILES_TABLE)
    quantiles = tuple(
        Quantile(share, error, f"{at}/{position}")
        for position, row in enumerate(table)
        if (share := charts.number_in(row, "quantile")) is not None
        and (error := charts.number_in(row, "error")) is not None
    )
    return Spread(quantiles, charts.box({one.share: one.error for one in quantiles})) if quantiles else None


def tenths_of(kept: Kept) -> Tenths | None:
    """The errors by tenth of the predictions that a stage kept; None when none did."""
    found = kept.get(DECILES_TABLE)
    if found is None:
        return None
    stage, table = found
    points = charts.tenths(table)
    ends = [end for row in table for end in _ends(row)]
    if not points or not ends:
        return None
    return Tenths(points, pointer(stage, "tables", DECILES_TABLE), min(ends), max(ends))


def _ends(row: Mapping[str, Scalar]) -> tuple[float, ...]:
    values = (charts.number_in(row, "mean_prediction"), charts.number_in(row, "mean_label"))
    return tuple(value for value in values if value is not None)
