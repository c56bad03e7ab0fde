"""What a passed rule is worth: a quantity exactly at its limit passes at most alpha of the time.

Proportions, ratios and paired differences are enumerated exactly over all outcomes; ranks and means are
simulated with a seed.
"""

import math
from functools import partial

import numpy as np
import pytest

from modelrisk.metrics.intervals import METHODS

CONFIDENCES = (0.95, 0.975, 0.995)


def low(method, confidence, **inputs):
    return METHODS[method].bounds(inputs, confidence).low


def high(method, confidence, **inputs):
    return METHODS[method].bounds(inputs, confidence).high


def binomial(n, p):
    from scipy.stats import binom

    return binom.pmf(np.arange(n + 1), n, p)


def first(is_true, start, stop):
    """The smallest integer in [start, stop] for which a monotone condition holds; stop + 1 when none does."""
    stop += 1
    while start < stop:
        middle = (start + stop) // 2
        if is_true(middle):
            stop = middle
        else:
            start = middle + 1
    return start


@pytest.mark.parametrize("n", [30, 100, 1_000, 100_000])
@pytest.mark.parametrize("rate", [0.005, 0.01, 0.1, 0.5, 0.9, 0.995])
def test_a_proportion_at_its_limit_passes_at_most_alpha_of_the_time(n, rate):
    from scipy.stats import binom

    for confidence in CONFIDENCES:
        alpha = (1 - confidence) * (1 + 1e-9)
        passing = first(lambda x, c=confidence: low("clopper_pearson", c, events=x, n=n) >= rate, 0, n)
        assert binom.sf(passing - 1, n, rate) <= alpha
        failing = first(lambda x, c=confidence: high("clopper_pearson", c, events=x, n=n) > rate, 0, n)
        assert binom.cdf(failing - 1, n, rate) <= alpha


RATES = np.r_[0.005, 0.02, 0.05, np.arange(0.1, 1.0, 0.1), 0.97, 0.99, 0.995, 1.0]


def frontier(holds, n, references):
    """For each reference count the smallest count for which a condition holds, which only ever rises."""
    found, count = [], 0
    for reference in references:
        while count <= n and not holds(count, reference):
            count += 1
        found.append(count)
    return found


@pytest.mark.parametrize(("n", "reference_n"), [(30, 300), (300, 30)])
@pytest.mark.parametrize(
    ("method", "limits"), [("melded_ratio", (0.8, 1.25)), ("melded_difference", (-0.1, 0.1))]
)
def test_two_groups_at_a_limit_pass_at_most_alpha_of_the_time(n, reference_n, method, limits):
    """Every outcome of both groups, for every reference rate: nothing is sampled."""
    floor, ceiling = limits
    is_ratio = method == "melded_ratio"
    references = range(1 if is_ratio else 0, reference_n + 1)
    for confidence in (0.95, 0.995):

        def bounds(count, reference, confidence=confidence):
            inputs = {"events": count, "n": n, "reference_events": reference, "reference_n": reference_n}
            return METHODS[method].bounds(inputs, confidence)

        first_above = frontier(lambda k, m, at=bounds: at(k, m).low >= floor, n, references)
        last_below = frontier(lambda k, m, at=bounds: at(k, m).high > ceiling, n, references)
        for rate in RATES:
            weights = binomial(reference_n, rate)[references.start :]
            for limit, is_floor in ((floor, True), (ceiling, False)):
                own = limit * rate if is_ratio else limit + rate
                if not 0 <= own <= 1:
                    continue
                below = np.r_[0.0, np.cumsum(binomial(n, own))]
                passes = (
                    sum(w * (1 - below[k]) for w, k in zip(weights, first_above, strict=True))
                    if is_floor
                    else sum(w * below[k] for w, k in zip(weights, last_below, strict=True))
                )
                assert passes <= (1 - confidence) * (1 + 1e-6), (confidence, rate, limit)


@pytest.mark.parametrize("n", [30, 100, 300])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_a_candidate_worse_by_the_margin_passes_at_most_alpha_of_the_time(n, margin):
    """Every outcome of the discordant rows; Tango's interval and Newcombe's method 10 pass up to 6.2 %."""
    from scipy.stats import binom

    def passing(wins, losses, confidence):
        counts = {
            "both_right": n - wins - losses,
            "only_candidate": wins,
            "only_reference": losses,
            "both_wrong": 0,
        }
        return low("newcombe_paired", confidence, **counts) >= -margin

    for confidence in (0.95, 0.99):
        fewest_wins = [
            first(partial(passing, losses=losses, confidence=confidence), 0, n - losses)
            for losses in range(n + 1)
        ]
        for wins_rate in (0.0, 0.002, 0.01, 0.03, 0.1, 0.3, 0.44):
            losses_rate = wins_rate + margin
            passes = sum(
                weight * binom.sf(fewest_wins[losses] - 1, n - losses, wins_rate / (1 - losses_rate))
                for losses, weight in enumerate(binomial(n, losses_rate))
            )
            assert passes <= (1 - confidence) * (1 + 1e-6)


def placements(positives, negatives):
    kernel = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return kernel.mean(1), kernel.mean(0)


def scores(rng, kind, auc, positives, negatives):
    """Scores whose true AUC is exactly `auc`."""
    from scipy.special import ndtri

    if kind == "equal variances":
        return rng.normal(ndtri(auc) * math.sqrt(2), 1, positives), rng.normal(0, 1, negatives)
    if kind == "positives spread twice as wide":
        return rng.normal(ndtri(auc) * math.sqrt(5), 2, positives), rng.normal(0, 1, negatives)
    if kind == "some positives look like negatives":
        hidden = rng.random(positives) < 2 * (1 - auc)
        return np.where(hidden, 0, 1) + rng.random(positives), rng.random(negatives)
    below_all = rng.random(positives) < 1 - auc
    return np.where(below_all, -1, 1) + rng.random(positives), rng.random(negatives)


def at_most_alpha(passes, rounds, alpha=0.05):
    """Whether a simulated share is within three Monte Carlo standard errors of alpha or below it."""
    return passes / rounds <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / rounds)


@pytest.mark.parametrize(
    "kind",
    [
        "equal variances",
        "positives spread twice as wide",
        "some positives look like negatives",
        "some ranked last",
    ],
)
@pytest.mark.parametrize(("positives", "negatives", "auc"), [(15, 100, 0.7), (15, 400, 0.95), (50, 50, 0.97)])
def test_an_auc_at_its_floor_passes_at_most_alpha_of_the_time(kind, positives, negatives, auc):
    rng = np.random.default_rng([positives, negatives, round(100 * auc), len(kind)])
    rounds, passes, plain_passes = 300, 0, 0
    for _ in range(rounds):
        of_positives, of_negatives = placements(*scores(rng, kind, auc, positives, negatives))
        if of_positives.mean() <= auc:
            continue
        inputs = {
            "auc": of_positives.mean(),
            "positive_variance": of_positives.var(ddof=1),
            "negative_variance": of_negatives.var(ddof=1),
            "positives": positives,
            "negatives": negatives,
        }
        se = math.sqrt(inputs["positive_variance"] / positives + inputs["negative_variance"] / negatives)
        plain_passes += inputs["auc"] - 1.645 * se > auc
        passes += low("delong_newcombe", 0.95, **inputs) >= auc
    assert at_most_alpha(passes, rounds)
    if auc >= 0.95:
        assert not at_most_alpha(plain_passes, rounds)


@pytest.mark.parametrize(("positives", "negatives"), [(15, 100), (50, 400)])
@pytest.mark.parametrize("correlation", [0.0, 0.8, 0.99])
def test_a_ranking_worse_by_the_margin_passes_at_most_alpha_of_the_time(positives, negatives, correlation):
    from scipy.special import ndtri

    rng = np.random.default_rng([positives, round(100 * correlation)])
    rounds, passes = 300, 0
    apart = [math.sqrt(2) * ndtri(auc) for auc in (0.78, 0.80)]
    for _ in range(rounds):
        shared_p, shared_n = rng.normal(size=positives), rng.normal(size=negatives)
        models = []
        for shift in apart:
            own = math.sqrt(1 - correlation**2)
            p = correlation * shared_p + own * rng.normal(size=positives) + shift
            models.append(placements(p, correlation * shared_n + own * rng.normal(size=negatives)))
        (p1, n1), (p2, n2) = models
        inputs = {
            "difference": (p1 - p2).mean(),
            "positive_variance": (p1 - p2).var(ddof=1),
            "negative_variance": (n1 - n2).var(ddof=1),
            "positives": positives,
            "negatives": negatives,
        }
        if inputs["difference"] > -0.02:
            passes += low("paired_delong", 0.95, **inputs) >= -0.02
    assert at_most_alpha(passes, rounds)


@pytest.mark.parametrize("n", [30, 100, 1_000])
@pytest.mark.parametrize("rate", [0.003, 0.01, 0.05, 0.3])
def test_a_mean_with_rare_large_losses_at_its_floor_passes_at_most_alpha_of_the_time(n, rate):
    """Mostly small gains and, at `rate`, a loss near the end of the range, so that the true mean is known."""
    rng = np.random.default_rng([n, round(1_000 * rate)])
    rounds, passes, t_passes = 2_000, 0, 0
    truth = rate * -0.99 + (1 - rate) * 0.05
    for _ in range(rounds):
        lost = rng.random(n) < rate
        gains = np.where(lost, -0.98 - 0.02 * rng.random(n), 0.04 + 0.02 * rng.random(n))
        inputs = {"mean": gains.mean(), "variance": gains.var(ddof=1), "n": n, "lowest": -1.0, "highest": 1.0}
        passes += low("student_mean", 0.95, **inputs) >= truth
        t_passes += gains.mean() - 1.7 * math.sqrt(gains.var(ddof=1) / n) >= truth
    assert at_most_alpha(passes, rounds)
    if n * rate < 3:
        assert not at_most_alpha(t_passes, rounds)


@pytest.mark.parametrize("base_rate", [0.02, 0.3])
def test_a_model_no_better_than_naive_passes_at_most_alpha_of_the_time(base_rate):
    """Scores that lean twice as far from the base rate as the truth does: the true gain is exactly 0."""
    rng = np.random.default_rng(round(100 * base_rate))
    n, rounds, passes = 300, 2_000, 0
    lowest, highest = min(base_rate**2, (1 - base_rate) ** 2) - 1, max(base_rate, 1 - base_rate) ** 2
    for _ in range(rounds):
        truth = np.clip(base_rate * rng.gamma(2.0, 0.5, n), 0, 1)
        y = rng.random(n) < truth
        score = base_rate + 2.0 * (truth - base_rate)
        gains = (base_rate - y) ** 2 - (score - y) ** 2
        inputs = {
            "mean": gains.mean(),
            "variance": gains.var(ddof=1),
            "n": n,
            "lowest": min(lowest, gains.min()),
            "highest": highest,
        }
        passes += low("student_mean", 0.95, **inputs) >= 0.0
    assert at_most_alpha(passes, rounds)


def test_exact_intervals_cover_at_least_nominally_and_the_others_nearly():
    """Two-sided 95 % coverage: each bound at 97.5 %."""
    rng = np.random.default_rng(95)
    rounds, covered = 400, {"clopper_pearson": 0, "melded_ratio": 0, "delong_newcombe": 0, "student_mean": 0}
    for _ in range(rounds):
        events, reference = rng.binomial(100, 0.3), rng.binomial(150, 0.4)
        of_positives, of_negatives = placements(*scores(rng, "equal variances", 0.8, 60, 90))
        values = rng.random(80)
        cases = {
            "clopper_pearson": ({"events": events, "n": 100}, 0.3),
            "melded_ratio": (
                {"events": events, "n": 100, "reference_events": reference, "reference_n": 150},
                0.75,
            ),
            "delong_newcombe": (
                {
                    "auc": of_positives.mean(),
                    "positive_variance": of_positives.var(ddof=1),
                    "negative_variance": of_negatives.var(ddof=1),
                    "positives": 60,
                    "negatives": 90,
                },
                0.8,
            ),
            "student_mean": (
                {
                    "mean": values.mean(),
                    "variance": values.var(ddof=1),
                    "n": 80,
                    "lowest": 0.0,
                    "highest": 1.0,
                },
                0.5,
            ),
        }
        for method, (inputs, truth) in cases.items():
            bounds = METHODS[method].bounds(inputs, 0.975)
            covered[method] += bounds.low <= truth <= bounds.high
    for method, hits in covered.items():
        assert at_most_alpha(rounds - hits, rounds), method
