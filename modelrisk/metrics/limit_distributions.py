"""Distributions whose quantiles are confidence limits, and how to add two of them.

A lower Clopper-Pearson limit at confidence c is the (1 - c) quantile of Beta(x, n - x + 1), an upper one the
c quantile of Beta(x + 1, n - x): each side of an exact interval is a distribution. Two facts make
that the common ground of most methods here:

* *Bounded means.* A mean of values in a known range gets the limit of the two-point distribution, with one
  point at the dangerous end of the range, that has the same mean and variance. For 0/1 values that is
  Clopper-Pearson itself; for n equal values it is the exact "rule of three" (a different value may still
  occur with probability 1 - alpha^(1/n)); for everything else it is the shape with the heaviest tail towards
  the dangerous end. Related: Gaffke (2005), Learned-Miller & Thomas (2020).
* *Melding* (Fay, Proschan & Brittain, Biometrics 2015). The limit of a difference, sum or ratio of two
  independent estimates is the quantile of the difference, sum or ratio of the two limit distributions.
  Square-and-add (MOVER) uses only the limits at one level and, by exact enumeration, passes up to 1.08 alpha
  at confidence 0.95 and 2.7 alpha at 0.995 (500 against 30 rows, rates near 1); melding stays below alpha
  there.

What does not belong here: what is measured, and the inputs of a method.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_NODES = 81
_REACH = 8.0
_NORMAL_BEYOND = 1e8
"""Both shapes above this, a beta is normal to 8 digits and its inverse is slow to compute."""


@dataclass(frozen=True)
class LimitDistribution:
    """offset + scale × Beta(a, b); `a == 0` is a point mass at 0 before scaling, `b == 0` one at 1.

    Attributes:
        offset: where the beta's 0 lies.
        scale: how far from it the beta's 1 lies; negative mirrors it.
        a: first shape.
        b: second shape.
    """

    offset: float
    scale: float
    a: float
    b: float

    @property
    def is_point(self) -> bool:
        """Whether it is a single point."""
        return self.a <= 0 or self.b <= 0 or self.scale == 0

    @property
    def sd(self) -> float:
        """Standard deviation."""
        if self.is_point:
            return 0.0
        total = self.a + self.b
        return abs(self.scale) * math.sqrt(self.a * self.b / (total * total * (total + 1.0)))

    @property
    def mean(self) -> float:
        """Mean."""
        return self.offset + self.scale * (self.a / (self.a + self.b) if self.b > 0 else 1.0)

    def times(self, factor: float) -> "LimitDistribution":
        """The distribution of `factor` times the variable."""
        return LimitDistribution(self.offset * factor, self.scale * factor, self.a, self.b)

    def quantile(self, probability: float) -> float:
        """The value below which `probability` lies."""
        from scipy import special

        if self.is_point:
            return self.mean
        if self.scale > 0:
            return self.offset + self.scale * float(special.betaincinv(self.a, self.b, probability))
        return self.offset + self.scale * float(special.betainccinv(self.a, self.b, probability))

    def probability_below(self, values: "Numbers") -> "Numbers":
        """P(variable ≤ value) for each value."""
        import numpy as np
        from scipy import special

        if self.is_point:
            return np.asarray(values >= self.mean, dtype=np.float64)
        standard = np.clip((values - self.offset) / self.scale, 0.0, 1.0)
        if self.scale > 0:
            return special.betainc(self.a, self.b, standard)
        return special.betaincc(self.a, self.b, standard)

    @cached_property
    def _standard_nodes(self) -> "Numbers":
        """Quantiles of the unscaled beta at equal steps of a standard normal."""
        import numpy as np
        from scipy import special

        steps = np.linspace(-_REACH, _REACH, _NODES)
        if self.is_point:
            return np.full(_NODES, 0.0 if self.a <= 0 else 1.0)
        total = self.a + self.b
        if min(self.a, self.b) > _NORMAL_BEYOND:
            sd = math.sqrt(self.a * self.b / (total * total * (total + 1.0)))
            return np.clip(self.a / total + sd * steps, 0.0, 1.0)
        below = special.betaincinv(self.a, self.b, special.ndtr(np.minimum(steps, 0.0)))
        above = special.betainccinv(self.a, self.b, special.ndtr(-np.maximum(steps, 0.0)))
        return np.where(steps < 0.0, below, above)

    @property
    def nodes(self) -> "Numbers":
        """Values to average over, weighted by `_weights`."""
        return self.offset + self.scale * self._standard_nodes


def bounded_mean(
    *, mean: float, variance: float, n: float, lowest: float, highest: float
) -> tuple[LimitDistribution, LimitDistribution]:
    """Lower and upper limit distribution of the mean of `n` values in `[lowest, highest]`.

    Args:
        mean: their sample mean.
        variance: their sample variance (divisor n - 1).
        n: how many.
        lowest: smallest possible value.
        highest: largest possible value.
    """
    spread = max(variance, 0.0) * (n - 1.0) / n
    lower = _two_point(mean - lowest, spread, n)
    upper = _two_point(highest - mean, spread, n)
    return (
        LimitDistribution(lowest, lower.scale, lower.a, lower.b),
        LimitDistribution(highest, -upper.scale, upper.a, upper.b),
    )


def proportion(events: float, n: float) -> tuple[LimitDistribution, LimitDistribution]:
    """Lower and upper limit distribution of a proportion: the two halves of Clopper-Pearson."""
    return (
        LimitDistribution(0.0, 1.0, events, n - events + 1.0),
        LimitDistribution(0.0, 1.0, events + 1.0, n - events),
    )


def quantile_of_sum(first: LimitDistribution, second: LimitDistribution, probability: float) -> float:
    """Quantile of the sum of two independent limit distributions."""
    if first.is_point and second.is_point:
        return first.mean + second.mean
    ends = [(part.offset, part.offset + part.scale) for part in (first, second)]
    lowest = sum(min(end) for end in ends)
    highest = sum(max(end) for end in ends)
    step = math.hypot(first.sd, second.sd)
    guess = first.mean + second.mean + _probit(probability) * step
    wide, narrow = (first, second) if first.sd >= second.sd else (second, first)
    nodes = narrow.nodes

    def excess(at: float) -> float:
        return _probit(_averaged(wide.probability_below(at - nodes))) - _probit(probability)

    return _root(excess, lowest, highest, guess, step=step)


def quantile_of_ratio(above: LimitDistribution, below: LimitDistribution, probability: float) -> float:
    """Quantile of the ratio of two independent limit distributions above 0; `below` has no mass at 0."""
    if above.is_point and below.is_point:
        return above.mean / below.mean
    above_is_wide = above.sd * below.mean >= below.sd * above.mean
    nodes = above.nodes if not above_is_wide else below.nodes

    def excess(at: float) -> float:
        if at <= 0.0:
            return _probit(0.0) - _probit(probability)
        if above_is_wide:
            reached = _averaged(above.probability_below(at * nodes))
        else:
            reached = 1.0 - _averaged(below.probability_below(nodes / at))
        return _probit(reached) - _probit(probability)

    # With much less than one expected event the exponential would leave the range of floats.
    spread = min(math.hypot(above.sd / above.mean, below.sd / below.mean), 10.0)
    guess = above.mean / below.mean * math.exp(_probit(probability) * spread)
    return _root(excess, 0.0, math.inf, guess, step=guess * spread)


def _two_point(mean: float, spread: float, n: float) -> LimitDistribution:
    """Limits of a mean above 0, from the distribution on {0, far} with this mean and this variance."""
    if mean <= 0.0:
        return LimitDistribution(0.0, 0.0, 0.0, 1.0)
    far = mean + spread / mean
    events = min(n * mean / far, n)
    return LimitDistribution(0.0, far, events, n - events + 1.0)


@cache
def _weights() -> "Numbers":
    import numpy as np

    steps = np.linspace(-_REACH, _REACH, _NODES)
    density = np.exp(-0.5 * steps * steps)
    return density / density.sum()


def _averaged(values: "Numbers") -> float:
    """Mean over the standard normal by the trapezoidal rule.

    Exact to rounding for smooth integrands; where one is cut off at an end of the scale, at 2 rows or 0
    events, within 0.2 % of the interval's width at confidence 0.95.
    """
    return float(_weights() @ values)


def _probit(probability: float) -> float:
    from scipy import special

    return float(special.ndtri(min(max(probability, 1e-300), 1.0 - 1e-16)))


def _root(
    function: Callable[[float], float], lowest: float, highest: float, guess: float, *, step: float
) -> float:
    """Where an increasing function crosses zero: bracketed around a guess, then Chandrupatla (1997)."""
    low = min(max(lowest, guess - 0.6 * step), highest)
    high = max(min(highest, guess + 0.6 * step), lowest)
    while low > lowest and function(low) > 0.0:
        low, high, step = max(lowest, low - step), low, 2.0 * step
    while high < highest and function(high) < 0.0:
        low, high, step = high, min(highest, high + step), 2.0 * step
    a, b = high, low
    f_a, f_b = function(a), function(b)
    if f_a <= 0.0:
        return a
    if f_b >= 0.0:
        return b
    fraction = 0.5
    for _ in range(200):
        c = a + fraction * (b - a)
        f_c = function(c)
        if (f_c > 0.0) == (f_a > 0.0):
            d, f_d, a, f_a = a, f_a, c, f_c
        else:
            d, f_d, b, f_b, a, f_a = b, f_b, a, f_a, c, f_c
        nearest = a if abs(f_a) < abs(f_b) else b
        tolerance = 1e-13 * max(abs(nearest), 1e-6) / abs(b - a) if b != a else 1.0
        if f_c == 0.0 or tolerance > 0.5:
            return nearest
        xi, phi = (a - b) / (d - b), (f_a - f_b) / (f_d - f_b)
        if phi * phi < xi and (1.0 - phi) ** 2 < 1.0 - xi:
            fraction = f_a / (f_b - f_a) * f_d / (f_b - f_d)
            fraction += (d - a) / (b - a) * f_a / (f_d - f_a) * f_b / (f_d - f_b)
        else:
            fraction = 0.5
        fraction = min(max(fraction, tolerance), 1.0 - tolerance)
    return (a + b) / 2.0
