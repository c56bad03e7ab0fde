import numpy as np
import pytest

from modelrisk.metrics import classification, intervals


def by_metric(estimates, cohort):
    return {estimate.metric: estimate for estimate in estimates if estimate.cohort == cohort}


def review(engine, columns, **options):
    options = {"positive": "1", "training_base_rate": 0.25, **options}
    marginals = classification.counted(engine.table(columns), run=engine.run, **options)
    return classification.estimates(marginals, confidence=0.95)


def test_rates_and_brier_agree_with_scikit_learn_in_every_cohort(engine, sample):
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, precision_score, recall_score

    data = sample()
    found = review(engine, data.columns())
    everyone = np.ones(len(data.y), dtype=bool)
    cohorts = [({}, everyone)]
    cohorts += [({"sex": group}, data.sex == group) for group in ("F", "M", None)]
    cohorts += [({"age": group}, data.age == group) for group in ("young", "middle", "old")]
    for cohort, here in cohorts:
        y, predicted, score = data.y[here], data.predicted[here], data.score[here]
        mine = {name: estimate.value for name, estimate in by_metric(found, cohort).items()}
        assert mine == pytest.approx(
            {
                "accuracy": accuracy_score(y, predicted),
                "precision": precision_score(y, predicted),
                "true_positive_rate": recall_score(y, predicted),
                "false_negative_rate": 1 - recall_score(y, predicted),
                "true_negative_rate": recall_score(y, predicted, pos_label=0),
                "false_positive_rate": 1 - recall_score(y, predicted, pos_label=0),
                "selection_rate": predicted.mean(),
                "base_rate": y.mean(),
                "brier": brier_score_loss(y, score),
                "log_loss": log_loss(y, score, labels=[0, 1]),
                "brier_gain": np.mean((0.25 - y) ** 2 - (score - y) ** 2),
            },
            rel=1e-9,
        )
        assert by_metric(found, cohort)["brier"].n == here.sum()


def test_the_spread_of_brier_errors_is_the_sample_variance(engine, sample):
    data = sample()
    brier = by_metric(review(engine, data.columns()), {})["brier"]
    assert brier.inputs["variance"] == pytest.approx(np.var((data.score - data.y) ** 2, ddof=1), rel=1e-9)


def test_all_rates_of_all_cohorts_come_from_one_scan_after_the_survey(engine, sample):
    review(engine, sample().columns())
    assert engine.queries == 2


def test_too_many_joint_cells_are_counted_attribute_by_attribute_with_the_same_result(
    engine, sample, monkeypatch
):
    together = review(engine, sample().columns())
    monkeypatch.setattr(classification, "LARGEST_JOINT_CELLS", 1)
    engine.queries = 0
    apart = review(engine, sample().columns())
    assert engine.queries == 2 + 3
    assert [(e.metric, e.cohort, e.n) for e in apart] == [(e.metric, e.cohort, e.n) for e in together]
    assert [e.value for e in apart] == pytest.approx([e.value for e in together], rel=1e-11)


def test_the_favourable_outcome_may_be_the_negative_class(engine, sample):
    data = sample()
    found = by_metric(review(engine, data.columns(), favourable="0"), {})
    assert found["selection_rate"].value == pytest.approx(1 - data.predicted.mean())
    assert found["base_rate"].value == pytest.approx(data.y.mean())


def test_an_unknown_favourable_outcome_leaves_selection_rates_without_a_value(engine, sample):
    found = by_metric(review(engine, sample().columns(), favourable="approved"), {})
    assert "data.favourable" in found["selection_rate"].problem
    assert found["accuracy"].is_evaluable


def test_without_a_training_base_rate_the_gain_names_the_remedy(engine, sample):
    found = by_metric(review(engine, sample().columns(), training_base_rate=None), {})
    assert "data.training" in found["brier_gain"].problem
    assert found["brier"].is_evaluable


def test_a_constant_naive_predictor_never_clears_a_gain_of_zero(engine):
    for rate in (0.25, 0.25 + 1e-9, 0.25 - 1e-9):
        for positives in (0, 1, 250, 500, 1000):
            n = 1000
            columns = {
                "row": range(n),
                "label": ["1"] * positives + ["0"] * (n - positives),
                "prediction": ["0"] * n,
                "score": [rate] * n,
            }
            gain = by_metric(review(engine, columns), {})["brier_gain"]
            assert gain.low < 0 < gain.high


def test_labels_only_say_how_to_get_scores(engine, sample):
    columns = sample(200).columns()
    columns["score"] = [None] * 200
    found = by_metric(review(engine, columns), {})
    assert found["accuracy"].is_evaluable
    for metric in ("brier", "brier_gain"):
        assert 'pyfunc_predict_fn="predict_proba"' in found[metric].problem


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 1.8e308, -0.5, 1.5, None])
def test_one_unfit_score_makes_score_metrics_of_the_whole_table_not_evaluable(engine, sample, bad):
    columns = sample(200).columns()
    columns["score"][17] = bad
    found = review(engine, columns)
    for estimate in found:
        assert estimate.is_evaluable is (not estimate.metric.startswith(("brier", "log_loss")))


def test_an_empty_table_is_not_evaluable_and_says_so(engine):
    empty = {"row": [], "label": [], "prediction": [], "score": [], "cohort:sex": []}
    found = review(engine, empty)
    assert len(found) == 11
    assert all("empty" in estimate.problem for estimate in found)


def test_one_row_has_rates_but_no_mean(engine):
    found = by_metric(review(engine, {"row": [0], "label": ["1"], "prediction": ["1"], "score": [0.9]}), {})
    assert found["accuracy"].value == 1.0
    assert found["accuracy"].low < 0.06
    assert "single row" in found["brier"].problem
    assert (
        "negative" in found["false_positive_rate"].problem
        or "positive label" in found["false_positive_rate"].problem
    )


def test_a_one_class_cohort_is_not_evaluable_where_the_other_class_is_needed(engine):
    columns = {
        "row": range(6),
        "label": ["1", "1", "1", "0", "0", "1"],
        "prediction": ["1", "0", "1", "0", "1", "1"],
        "score": [0.9, 0.2, 0.8, 0.1, 0.6, 0.7],
        "cohort:sex": ["F", "F", "F", "M", "M", "M"],
    }
    women = by_metric(review(engine, columns), {"sex": "F"})
    assert women["true_positive_rate"].value == pytest.approx(2 / 3)
    assert women["false_positive_rate"].value is None
    assert "both classes" in women["false_positive_rate"].problem


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("label", None, "have no label"),
        ("prediction", None, "have no prediction"),
        ("label", "2", "not two classes"),
        ("prediction", "maybe", "not two classes"),
    ],
)
def test_a_missing_or_third_class_leaves_nothing_evaluable(engine, sample, column, value, words):
    columns = sample(200).columns()
    columns[column][3] = value
    found = review(engine, columns)
    assert found
    assert all(words in estimate.problem for estimate in found)


def test_predictions_encoded_differently_from_labels_are_refused(engine, sample):
    columns = sample(200).columns()
    columns["prediction"] = ["1" if v == "1" else "False" for v in columns["prediction"]]
    assert all("prediction.classes" in estimate.problem for estimate in review(engine, columns))


HOSTILE = [
    "a\"b'c",
    "<script>alert(1)</script>",
    "two\nlines",
    "🦊",
    "",
    " ",
    "null",
    "None",
    "; DROP TABLE x",
]


def test_hostile_group_names_stay_what_they_are(engine, sample):
    data = sample(900)
    columns = data.columns()
    columns["cohort:na\"me; <b>'"] = [HOSTILE[i % len(HOSTILE)] for i in range(900)]
    found = review(engine, columns)
    groups = {e.cohort["na\"me; <b>'"] for e in found if "na\"me; <b>'" in e.cohort}
    assert groups == set(HOSTILE)


def test_two_hundred_cohorts_are_all_there(engine, sample):
    columns = sample(4_000).columns()
    columns["cohort:branch"] = [f"b{i % 200}" for i in range(4_000)]
    found = review(engine, columns)
    assert sum("branch" in e.cohort and e.metric == "accuracy" for e in found) == 200


def test_an_identifier_is_not_a_cohort(engine, sample):
    columns = sample(2_000).columns()
    columns["cohort:id"] = [f"id{i}" for i in range(2_000)]
    found = review(engine, columns)
    assert not any("id" in e.cohort for e in found)
    assert any("sex" in e.cohort for e in found)


def test_every_estimate_follows_from_its_inputs(engine, sample):
    for estimate in review(engine, sample().columns()):
        assert intervals.follows_from_inputs(estimate)
