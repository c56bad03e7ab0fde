import math

import numpy as np
import pytest

from modelrisk.metrics import discrimination, intervals


def delong(y, score):
    """The definition, pair by pair."""
    positives, negatives = score[y == 1], score[y == 0]
    kernel = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return kernel.mean(), kernel.mean(1), kernel.mean(0)


def areas(engine, columns):
    found = discrimination.estimates(engine.table(columns), run=engine.run, positive="1", confidence=0.95)
    return {tuple(estimate.cohort.items()): estimate for estimate in found}


@pytest.mark.parametrize("decimals", [None, 2, 1, 0])
def test_auc_and_its_variance_agree_with_scikit_learn_and_the_definition(engine, sample, decimals):
    from sklearn.metrics import roc_auc_score

    data = sample(1_500, decimals=decimals)
    found = areas(engine, data.columns())
    assert len(found) == 1 + 3 + 3
    cohorts = [((), np.ones(1_500, dtype=bool))]
    cohorts += [((("sex", group),), data.sex == group) for group in ("F", "M", None)]
    cohorts += [((("age", group),), data.age == group) for group in ("young", "middle", "old")]
    for cohort, here in cohorts:
        auc, of_positives, of_negatives = delong(data.y[here], data.score[here])
        mine = found[cohort]
        assert mine.value == pytest.approx(roc_auc_score(data.y[here], data.score[here]), rel=1e-9)
        assert mine.value == pytest.approx(auc, rel=1e-9)
        assert mine.inputs["positive_variance"] == pytest.approx(np.var(of_positives, ddof=1), rel=1e-9)
        assert mine.inputs["negative_variance"] == pytest.approx(np.var(of_negatives, ddof=1), rel=1e-9)
        assert mine.n == here.sum()


def test_a_hand_computed_auc():
    auc, of_positives, of_negatives = delong(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1]))
    assert (auc, list(of_positives), list(of_negatives)) == (0.875, [1.0, 0.75], [0.75, 1.0])


def simple(labels, scores, groups=None):
    columns = {"row": range(len(labels)), "label": labels, "prediction": labels, "score": scores}
    return columns if groups is None else columns | {"cohort:sex": groups}


def test_perfect_separation_has_an_interval_of_width(engine):
    auc = areas(engine, simple(["0"] * 40 + ["1"] * 20, [0.1] * 40 + [0.9] * 20))[()]
    assert auc.value == 1.0
    assert 0.8 < auc.low < 0.95
    assert auc.high == 1.0


def test_perfectly_wrong_ranking_is_zero(engine):
    auc = areas(engine, simple(["1"] * 40 + ["0"] * 20, [0.1] * 40 + [0.9] * 20))[()]
    assert (auc.value, auc.low) == (0.0, 0.0)
    assert auc.high > 0.05


def test_a_constant_score_ranks_like_a_coin_with_an_interval_of_width(engine):
    auc = areas(engine, simple(["0", "1"] * 30, [0.3] * 60))[()]
    assert auc.value == 0.5
    assert auc.inputs["positive_variance"] == 0.0
    assert auc.low < 0.45


def test_negative_zero_ties_with_zero(engine):
    auc = areas(engine, simple(["1", "0", "1", "0"], [-0.0, 0.0, 0.0, -0.0]))[()]
    assert auc.value == 0.5


def test_a_one_class_cohort_is_not_evaluable_and_the_others_are(engine):
    found = areas(
        engine,
        simple(
            ["1", "0", "1", "0", "1", "1"], [0.9, 0.1, 0.8, 0.3, 0.2, 0.4], ["F", "F", "F", "F", "M", None]
        ),
    )
    assert found[("sex", "F"),].value == 1.0
    assert "one class" in found[("sex", "M"),].problem
    assert "one class" in found[("sex", None),].problem


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None])
def test_one_unfit_score_makes_every_auc_not_evaluable(engine, sample, bad):
    columns = sample(300).columns()
    columns["score"][0] = bad
    (only,) = areas(engine, columns).values()
    assert only.value is None
    assert only.cohort == {}


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_not_evaluable(engine, rows):
    (only,) = areas(engine, simple(["1"] * rows, [0.5] * rows)).values()
    assert only.value is None
    assert only.problem


def test_two_hundred_cohorts_agree_with_the_definition(engine, sample):
    data = sample(6_000)
    columns = data.columns() | {"cohort:branch": [f"b{i % 200}" for i in range(6_000)]}
    found = areas(engine, columns)
    for branch in range(200):
        here = np.arange(6_000) % 200 == branch
        auc, _, _ = delong(data.y[here], data.score[here])
        assert found[("branch", f"b{branch}"),].value == pytest.approx(auc, rel=1e-9)


def test_every_estimate_follows_from_its_inputs(engine, sample):
    for estimate in areas(engine, sample().columns()).values():
        assert intervals.follows_from_inputs(estimate)


def paired(engine, y, score, reference):
    import pyarrow as pa

    table = engine.register(
        pa.table({"positive": y.astype(float), "score": score, "reference_score": reference})
    )
    positives = int(y.sum())
    return discrimination.difference(
        table, run=engine.run, positives=positives, negatives=len(y) - positives, confidence=0.95
    )


@pytest.mark.parametrize("decimals", [None, 1])
def test_the_paired_difference_agrees_with_the_definition(engine, sample, decimals):
    data = sample(1_200, decimals=decimals)
    rng = np.random.default_rng(3)
    other = np.round(np.clip(data.score + rng.normal(0, 0.15, 1_200), 0, 1), 2)
    (auc, of_positives, of_negatives), (auc2, of_positives2, of_negatives2) = (
        delong(data.y, data.score),
        delong(data.y, other),
    )
    found = paired(engine, data.y, data.score, other)
    assert found.value == pytest.approx(auc - auc2, rel=1e-9)
    inputs = found.inputs
    assert inputs["positive_variance"] == pytest.approx(
        np.var(of_positives - of_positives2, ddof=1), rel=1e-9
    )
    assert inputs["negative_variance"] == pytest.approx(
        np.var(of_negatives - of_negatives2, ddof=1), rel=1e-9
    )
    covariance = np.cov(of_positives, of_positives2), np.cov(of_negatives, of_negatives2)
    contrast = np.array([1, -1])
    by_delong = sum(
        contrast @ s @ contrast / k
        for s, k in zip(covariance, (data.y.sum(), (1 - data.y).sum()), strict=True)
    )
    mine = (
        inputs["positive_variance"] / inputs["positives"] + inputs["negative_variance"] / inputs["negatives"]
    )
    assert mine == pytest.approx(by_delong, rel=1e-9)


def test_identical_scores_have_no_difference_but_an_interval_of_width(engine, sample):
    data = sample(400)
    found = paired(engine, data.y, data.score, data.score)
    assert found.value == 0.0
    assert found.inputs["positive_variance"] == 0.0
    assert -0.1 < found.low < 0 < found.high < 0.1


def test_one_class_cannot_be_compared(engine):
    found = paired(engine, np.ones(5), np.linspace(0, 1, 5), np.linspace(0, 1, 5))
    assert "one class" in found.problem
