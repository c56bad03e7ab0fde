import numpy as np
import pytest

from modelrisk.metrics import comparison, intervals


def two_models(sample, n=1_500):
    data = sample(n)
    rng = np.random.default_rng(11)
    other = np.clip(data.score + rng.normal(0, 0.2, n), 0, 1)
    candidate = data.columns()
    champion = candidate | {
        "score": [float(v) for v in other],
        "prediction": [str(int(v >= 0.5)) for v in other],
    }
    return data, other, candidate, champion


def compared(engine, candidate, champion):
    return comparison.compared(
        engine.table(candidate), engine.table(champion), run=engine.run, positive="1", confidence=0.95
    )


def test_differences_agree_with_scikit_learn_and_scipy(engine, sample):
    from scipy.stats import binomtest
    from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

    data, other, candidate, champion = two_models(sample)
    reversed_champion = {name: list(values)[::-1] for name, values in champion.items()}
    found = compared(engine, candidate, reversed_champion)
    accuracy, auc, brier = found.estimates
    mine, theirs = data.predicted == data.y, (other >= 0.5) == data.y
    assert accuracy.value == pytest.approx(
        accuracy_score(data.y, data.predicted) - accuracy_score(data.y, other >= 0.5), rel=1e-9
    )
    assert accuracy.inputs == {
        "both_right": np.sum(mine & theirs),
        "only_candidate": np.sum(mine & ~theirs),
        "only_reference": np.sum(~mine & theirs),
        "both_wrong": np.sum(~mine & ~theirs),
    }
    assert auc.value == pytest.approx(
        roc_auc_score(data.y, data.score) - roc_auc_score(data.y, other), rel=1e-9
    )
    assert brier.value == pytest.approx(
        brier_score_loss(data.y, data.score) - brier_score_loss(data.y, other), rel=1e-9
    )
    assert brier.inputs["variance"] == pytest.approx(
        np.var((data.score - data.y) ** 2 - (other - data.y) ** 2, ddof=1), rel=1e-9
    )
    wins, losses = int(np.sum(mine & ~theirs)), int(np.sum(~mine & theirs))
    assert found.disagreements[1]["mcnemar_p"] == pytest.approx(
        binomtest(wins, wins + losses).pvalue, rel=1e-9
    )
    assert all(intervals.follows_from_inputs(estimate) for estimate in found.estimates)


def test_a_model_compared_with_itself_is_not_proved_identical(engine, sample):
    _, _, candidate, _ = two_models(sample, 400)
    for estimate in compared(engine, candidate, candidate).estimates:
        assert estimate.value == 0.0
        assert estimate.low < 0.0 < estimate.high


def test_mcnemar_without_disagreement_is_one(engine, sample):
    _, _, candidate, _ = two_models(sample, 400)
    assert compared(engine, candidate, candidate).disagreements[1]["mcnemar_p"] == 1.0


def refused(found, words):
    assert found.disagreements == ()
    assert [e.metric for e in found.estimates] == [
        "accuracy_difference",
        "auc_difference",
        "brier_difference",
    ]
    return all(words in estimate.problem for estimate in found.estimates)


def test_rows_missing_on_either_side_are_refused_with_their_number(engine, sample):
    _, _, candidate, champion = two_models(sample, 300)
    shorter = {name: list(values)[:-2] for name, values in champion.items()}
    assert refused(compared(engine, candidate, shorter), "2 rows were scored by the candidate only and 0 by")
    assert refused(compared(engine, shorter, candidate), "0 rows were scored by the candidate only and 2 by")


@pytest.mark.parametrize("both", [True, False])
def test_repeated_row_numbers_are_refused(engine, sample, both):
    _, _, candidate, champion = two_models(sample, 300)
    repeated = candidate | {"row": [0, 0, *range(2, 300)]}
    other = champion | {"row": [0, 0, *range(2, 300)]} if both else champion
    assert not any(estimate.is_evaluable for estimate in compared(engine, repeated, other).estimates)


def test_labels_that_differ_are_refused(engine, sample):
    _, _, candidate, champion = two_models(sample, 300)
    relabelled = champion | {"label": ["1" if v == "0" else "0" for v in champion["label"]]}
    assert refused(compared(engine, candidate, relabelled), "another label")


def test_missing_scores_leave_accuracy_comparable(engine, sample):
    _, _, candidate, champion = two_models(sample, 300)
    champion["score"] = [None] * 300
    accuracy, auc, brier = compared(engine, candidate, champion).estimates
    assert accuracy.is_evaluable
    assert "champion" in auc.problem
    assert "predict_proba" in brier.problem


def test_nan_in_one_score_leaves_no_score_comparison(engine, sample):
    _, _, candidate, champion = two_models(sample, 300)
    candidate["score"][5] = float("nan")
    accuracy, auc, brier = compared(engine, candidate, champion).estimates
    assert accuracy.is_evaluable
    assert auc.value is None
    assert brier.value is None


def test_empty_tables_are_refused(engine):
    empty = {"row": [], "label": [], "prediction": [], "score": []}
    assert refused(compared(engine, empty, empty), "empty")


def test_a_single_row_can_be_compared_only_in_accuracy(engine):
    one = {"row": [0], "label": ["1"], "prediction": ["1"], "score": [0.7]}
    accuracy, auc, brier = compared(engine, one, one).estimates
    assert accuracy.low < -0.9
    assert auc.value is None
    assert brier.value is None
