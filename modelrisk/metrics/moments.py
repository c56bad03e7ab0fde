"""Count, mean and spread of per-row values: exact to merge, without cancellation.

What does not belong here: intervals for a mean (`mean_methods`, `error_methods`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelrisk.metrics.predictions import real, whole


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of a per-row value."""

    n: int = 0
    mean: float = 0.0
    deviations: float = 0.0

    @classmethod
    def counted(cls, row: Mapping[str, object], name: str, *, n: str = "total") -> "Moments":
        """From a row of the engine with `<name>_mean` and `<name>_variance` (population) over `n` rows."""
        rows = whole(row[n])
        return cls(rows, real(row[f"{name}_mean"]), real(row[f"{name}_variance"]) * rows) if rows else cls()

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both sets of rows together (Chan, Golub & LeVeque 1979)."""
        n = self.n + other.n
        if self.n == 0 or other.n == 0:
            return self if other.n == 0 else other
        shift = other.mean - self.mean
        return Moments(
            n,
            self.mean + shift * other.n / n,
            self.deviations + other.deviations + shift * shift * self.n * other.n / n,
        )

    def shifted(self, by: float) -> "Moments":
        """Moments of every value plus a constant."""
        return Moments(self.n, self.mean + by, self.deviations)

    def scaled(self, factor: float) -> "Moments":
        """Moments of every value times a constant."""
        return Moments(self.n, self.mean * factor, self.deviations * factor * factor)

    @property
    def variance(self) -> float:
        """Sample variance, divisor n - 1; 0 for a single row."""
        return self.deviations / (self.n - 1) if self.n > 1 else 0.0

    def between(self, lowest: float, highest: float) -> dict[str, float]:
        """What the interval methods take of a mean of values in a range, which rounding must not leave."""
        return {
            "mean": min(max(self.mean, lowest), highest),
            "variance": self.variance,
            "n": self.n,
            "lowest": lowest,
            "highest": highest,
        }


NO_ROWS = Moments()
"""Moments of nothing."""
