import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrisk.metrics import calibration, comparison, intervals, multiclass
from modelrisk.metrics.predictions import RIGHT, answer_columns, of_top_label
from modelrisk.outputs.multiclass import MulticlassReading

CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox")


@dataclass(frozen=True)
class Case:
    """Seeded predictions of an imperfect model of several classes; `y` and `predicted` are positions."""

    y: np.ndarray
    p: np.ndarray
    sex: np.ndarray
    classes: tuple[str, ...] = CLASSES

    @property
    def predicted(self):
        return self.p.argmax(axis=1)

    def reordered(self, order):
        return Case(self.y[order], self.p[order], self.sex[order], self.classes)


def case(n=1_200, k=6, seed=4, sharpness=2.0):
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    logits = rng.normal(size=(n, k)) + sharpness * np.eye(k)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sex = rng.choice(np.array(["F", "M", None], dtype=object), n, p=[0.45, 0.5, 0.05])
    classes = CLASSES if k == len(CLASSES) else tuple(f"c{position:03}" for position in range(k))
    return Case(y, p, sex, classes)


def predictions(engine, data, *, scored=True, predicted=None):
    names = np.array(data.classes, dtype=object)
    frame = {
        "row": pa.array(range(len(data.y)), pa.int64()),
        "y": pa.array(names[data.y]),
        "prediction": pa.array(names[data.predicted if predicted is None else predicted]),
        "probabilities": pa.array([list(map(float, row)) if scored else None for row in data.p]),
        "cohort:sex": pa.array(list(data.sex), pa.string()),
    }
    frame["probabilities"] = frame["probabilities"].cast(pa.list_(pa.float64()))
    table = engine.register(pa.table(frame))
    answers = answer_columns(table, MulticlassReading(data.classes), label="y")
    return table.select("row", "cohort:sex", **answers)


def counted(engine, data, *, scored=True, predicted=None, **options):
    table = predictions(engine, data, scored=scored, predicted=predicted)
    return multiclass.counted(table, run=engine.run, classes=data.classes, **options)


def found(marginals, confidence=0.95):
    made = multiclass.estimates(marginals, confidence=confidence)
    indexed = {(e.metric, e.cohort.get("sex", "all"), e.outcome): e for e in made}
    assert len(indexed) == len(made)
    return indexed


def test_every_number_agrees_with_scikit_learn(engine):
    from sklearn import metrics

    data = case()
    shares = dict(zip(CLASSES, np.arange(1, 7) / 21, strict=True))
    made = found(counted(engine, data, favourable="cat", training_shares=shares))
    onehot = np.eye(6)[data.y]
    naive = np.array(list(shares.values()))
    for group in ("all", "F", "M", None):
        here = np.full(len(data.y), fill_value=True) if group == "all" else data.sex == group
        y, p, predicted = data.y[here], data.p[here], data.predicted[here]
        labels = np.arange(6)
        brier = ((p - onehot[here]) ** 2).sum(axis=1)
        expected = {
            "accuracy": metrics.accuracy_score(y, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
            "top_k_accuracy": metrics.top_k_accuracy_score(y, p, k=3, labels=labels),
            "log_loss": metrics.log_loss(y, p, labels=labels),
            "brier": metrics.brier_score_loss(y, p, labels=labels, scale_by_half=False),
            "brier_gain": (((naive - onehot[here]) ** 2).sum(axis=1) - brier).mean(),
            "selection_rate": (predicted == 2).mean(),
        }
        for metric, value in expected.items():
            assert made[metric, group, None].value == pytest.approx(value, rel=1e-9), (metric, group)
        losses = -np.log(p[np.arange(len(y)), y])
        assert made["log_loss", group, None].inputs["variance"] == pytest.approx(losses.var(ddof=1), rel=1e-9)
        assert made["brier", group, None].inputs["variance"] == pytest.approx(brier.var(ddof=1), rel=1e-9)
    precision, recall, _, _ = metrics.precision_recall_fscore_support(data.y, data.predicted, labels=range(6))
    assert made["macro_precision", "all", None].value == pytest.approx(precision.mean(), rel=1e-9)
    for position, name in enumerate(CLASSES):
        assert made["precision", "all", name].value == pytest.approx(precision[position], rel=1e-9)
        assert made["true_positive_rate", "all", name].value == pytest.approx(recall[position], rel=1e-9)
        assert made["base_rate", "all", name].value == pytest.approx((data.y == position).mean(), rel=1e-9)
        others = data.y != position
        assert made["false_positive_rate", "all", name].value == pytest.approx(
            (data.predicted[others] == position).mean(), rel=1e-9
        )
    assert all(intervals.follows_from_inputs(each) for each in made.values())


def test_the_confusion_matrix_agrees_with_scikit_learn(engine):
    from sklearn.metrics import confusion_matrix

    data = case(300)
    table = multiclass.confusion(counted(engine, data))
    mine = np.array([row["rows"] for row in table]).reshape(6, 6)
    assert (mine == confusion_matrix(data.y, data.predicted)).all()
    assert [row["label"] for row in table][::6] == list(CLASSES)


def by_hand(y, p, classes=("a", "b", "c")):
    return Case(np.array(y), np.array(p, dtype=float), np.array([None] * len(y), dtype=object), classes)


HAND = by_hand([0, 0, 1, 2], [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.4, 0.3], [0.5, 0.25, 0.25]])


def test_four_rows_by_hand(engine):
    made = found(counted(engine, HAND, training_shares={"a": 0.5, "b": 0.25, "c": 0.25}))
    one = {metric: made[metric, "all", None] for metric, cohort, name in made if cohort == "all" and not name}
    assert one["accuracy"].value == pytest.approx(2 / 4)
    assert one["balanced_accuracy"].value == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert one["balanced_accuracy"].n == 4
    assert one["log_loss"].value == pytest.approx(-math.log(0.6 * 0.2 * 0.4 * 0.25) / 4)
    brier = (0.16 + 0.09 + 0.01, 0.64 + 0.25 + 0.09, 0.09 + 0.36 + 0.09, 0.25 + 0.0625 + 0.5625)
    assert one["brier"].value == pytest.approx(sum(brier) / 4)
    naive = (0.375, 0.375, 0.875, 0.875)
    assert one["brier_gain"].value == pytest.approx((sum(naive) - sum(brier)) / 4)
    assert (one["brier_gain"].inputs["lowest"], one["brier_gain"].inputs["highest"]) == (0.375 - 2, 0.875)
    # Of k = 2: row 2 has its class third, and row 4 shares the second place, which counts against it.
    assert one["top_k_accuracy"].value == pytest.approx(2 / 4)


def test_the_variance_of_a_macro_rate_is_that_within_its_classes_by_hand(engine):
    """Classes of 4, 2 and 1 rows with 3, 1 and 1 right; the single row is taken about the mean."""
    y, predicted = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 0, 2])
    data = by_hand(y, np.eye(3)[predicted])
    made = found(counted(engine, data))["balanced_accuracy", "all", None]
    mean = (3 / 4 + 1 / 2 + 1) / 3
    of_mean = (3 / 4 * 1 / 4 / 3 + 1 / 2 * 1 / 2 / 1 + (1 - mean) ** 2 / 1) / 9
    assert made.value == pytest.approx(mean)
    assert made.inputs["variance"] / 7 == pytest.approx(of_mean, rel=1e-9)
    assert (made.inputs["weight"], made.inputs["smallest"]) == (pytest.approx(7 / 3), 1)


def test_a_perfect_model_keeps_the_width_of_its_smallest_class_by_hand(engine):
    """90 rows, 9 of one of three classes: not 3/90 but about 3/9 of a third may be wrong at 95 %."""
    y = np.repeat([0, 1, 2], [41, 40, 9])
    data = by_hand(y, np.eye(3)[y])
    made = found(counted(engine, data))
    assert made["balanced_accuracy", "all", None].low == pytest.approx(1 - 90 / 27 * (1 - 0.05 ** (1 / 90)))
    assert made["balanced_accuracy", "all", None].high == 1.0
    assert made["macro_precision", "all", None].low == made["balanced_accuracy", "all", None].low


def test_a_class_without_rows_makes_its_rates_and_the_macro_rate_not_evaluable(engine):
    data = case()
    present = data.reordered(np.flatnonzero(data.y != 3))
    made = found(counted(engine, present))
    assert "'dog'" in made["balanced_accuracy", "all", None].problem
    assert "'dog'" in made["true_positive_rate", "all", "dog"].problem
    assert made["base_rate", "all", "dog"].value == 0.0
    assert made["false_positive_rate", "all", "dog"].value > 0
    assert made["true_positive_rate", "all", "cat"].value > 0
    assert made["accuracy", "all", None].value > 0
    # It is predicted, always wrongly, so this average is known.
    assert made["macro_precision", "all", None].value > 0


def test_a_class_without_rows_in_one_group_is_said_of_that_group(engine):
    data = case()
    sex = np.where(data.y == 0, "M", data.sex)
    made = found(counted(engine, Case(data.y, data.p, sex)))
    assert "in this group has the label 'ant'" in made["balanced_accuracy", "F", None].problem
    assert made["balanced_accuracy", "M", None].value > 0
    assert made["balanced_accuracy", "all", None].value > 0


def test_a_class_that_is_never_predicted_has_no_precision(engine):
    data = case()
    p = data.p * (np.arange(6) != 0)
    made = found(counted(engine, Case(data.y, p / p.sum(axis=1, keepdims=True), data.sex)))
    assert "never predicts 'ant'" in made["precision", "all", "ant"].problem
    assert "never predicts 'ant'" in made["macro_precision", "all", None].problem
    assert made["true_positive_rate", "all", "ant"].value == 0.0
    # P(true class) is 0 on every row of the class: the loss stops at -ln 1e-15.
    assert made["log_loss", "all", None].value == pytest.approx(
        np.mean(-np.log(np.maximum(p / p.sum(axis=1, keepdims=True), 1e-15))[range(1_200), data.y]), rel=1e-9
    )


def test_a_model_that_gives_labels_only_is_judged_by_its_labels(engine):
    made = found(counted(engine, case(), scored=False, favourable="cat", training_shares={"ant": 1.0}))
    evaluable = {metric for (metric, _, _), each in made.items() if each.is_evaluable}
    assert evaluable == {
        *("accuracy", "balanced_accuracy", "macro_precision", "selection_rate"),
        *("true_positive_rate", "false_positive_rate", "precision", "base_rate"),
    }
    for metric in ("log_loss", "brier", "brier_gain", "top_k_accuracy"):
        assert "predict_proba" in made[metric, "all", None].problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.filter(t.row < 0), "empty"),
        (lambda t: t.mutate(label=t.label.nullif("ant")), "no label"),
        (lambda t: t.mutate(prediction=t.prediction.nullif("ant")), "no prediction"),
        (lambda t: t.mutate(label=t.label.replace("ant", "gnu")), "none of the classes"),
    ],
    ids=["no rows", "no label", "no prediction", "a class nobody named"],
)
def test_what_cannot_be_counted_is_not_evaluable_and_says_why(engine, change, words):
    table = change(predictions(engine, case(100)))
    made = found(multiclass.counted(table, run=engine.run, classes=CLASSES, training_shares={"ant": 1.0}))
    assert made
    for each in made.values():
        assert each.value is None
        assert words in each.problem


def test_without_the_training_shares_there_is_no_gain(engine):
    gain = found(counted(engine, case(50)))["brier_gain", "all", None]
    assert "data.training" in gain.problem


def test_a_class_training_never_had_is_worst_for_the_naive_model(engine):
    shares = {"ant": 0.5, "bee": 0.5}
    gain = found(counted(engine, case(), training_shares=shares))["brier_gain", "all", None]
    assert gain.inputs["highest"] == 1.5
    assert gain.inputs["lowest"] == 0.5 - 2.0


def test_five_hundred_classes_are_counted_and_their_matrix_is_short(engine):
    data = case(n=2_000, k=500, sharpness=3.0)
    missing = 500 - len(set(data.y))
    assert missing > 0
    marginals = counted(engine, data)
    made = found(marginals)
    assert f"and {missing - 3} more classes" in made["balanced_accuracy", "all", None].problem
    assert sum(metric == "precision" for metric, _, _ in made) == 500
    table = multiclass.confusion(marginals)
    assert len(table) == multiclass.CONFUSIONS_LISTED
    sizes = [row["rows"] for row in table]
    assert sizes == sorted(sizes, reverse=True)
    assert all(row["label"] != row["prediction"] for row in table)


def test_an_attribute_with_a_value_on_every_row_is_no_cohort(engine):
    data = case(7_000, seed=8)
    marginals = counted(engine, Case(data.y, data.p, np.arange(7_000).astype(str).astype(object)))
    assert marginals.unbounded == ("sex",)
    assert {cohort for _, cohort, _ in found(marginals)} == {"all"}


def test_counting_takes_three_scans_and_one_for_each_attribute(engine):
    counted(engine, case(100))
    assert engine.queries == 4


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_neither_the_order_of_rows_nor_the_names_of_classes_matter(engine, seed, renamed):
    data = case(120, seed=seed)
    order = np.random.default_rng(seed).permutation(120)
    plain = found(counted(engine, data))
    assert found(counted(engine, data.reordered(order))) == plain
    classes = tuple(CLASSES[position] for position in renamed)
    other = found(counted(engine, Case(data.y, data.p, data.sex, classes)))
    for (metric, cohort, name), each in plain.items():
        mine = other[metric, cohort, None if name is None else classes[CLASSES.index(name)]]
        assert mine.value == each.value or mine.value == pytest.approx(each.value, rel=1e-11)
        assert (mine.low, mine.high) == (
            (None, None) if each.low is None else pytest.approx((each.low, each.high), rel=1e-9)
        )


def test_batches_counted_apart_and_merged_are_the_whole(engine):
    data = case(500)
    halves = [counted(engine, data.reordered(np.arange(500)[part::2])) for part in (0, 1)]
    whole = counted(engine, data)
    for name, tally in whole.everyone.items():
        merged = halves[0].everyone[name].merged(halves[1].everyone[name])
        assert (merged.rows, merged.right, merged.near) == (tally.rows, tally.right, tally.near)
        for mine, theirs in ((merged.log_loss, tally.log_loss), (merged.squared_error, tally.squared_error)):
            assert (mine.mean, mine.variance) == pytest.approx((theirs.mean, theirs.variance), rel=1e-11)


def test_the_top_label_is_calibrated_like_a_score_of_being_right(engine):
    import statsmodels.api as sm

    data = case()
    top = of_top_label(predictions(engine, data))
    slope, intercept = calibration.estimates(top, run=engine.run, positive=RIGHT, confidence=0.95)
    confidence = data.p.max(axis=1)
    logit = np.log(confidence / (1 - confidence))
    right = (data.predicted == data.y).astype(int)
    fit = sm.Logit(right, sm.add_constant(logit)).fit(disp=0)
    assert slope.value == pytest.approx(fit.params[1], rel=1e-7)
    at_one = sm.GLM(right, np.ones((len(right), 1)), family=sm.families.Binomial(), offset=logit).fit()
    assert intercept.value == pytest.approx(at_one.params[0], rel=1e-7)
    curve = calibration.reliability_curve(top, run=engine.run, positive=RIGHT, confidence=0.95)
    assert sum(row["n"] for row in curve) == len(right)


# --- against the champion --------------------------------------------------------------------------------


def compared(engine, candidate, champion):
    return comparison.compared_multiclass(candidate, champion, run=engine.run, confidence=0.95)


def test_a_comparison_with_the_champion_agrees_with_scikit_learn(engine):
    from sklearn.metrics import accuracy_score, brier_score_loss

    mine, theirs = case(), case(sharpness=1.5)
    theirs = Case(mine.y, theirs.p, mine.sex)
    champion = predictions(engine, theirs).order_by("prediction")  # rows pair by number, not by place
    accuracy, brier = compared(engine, predictions(engine, mine), champion).estimates
    assert accuracy.value == pytest.approx(
        accuracy_score(mine.y, mine.predicted) - accuracy_score(mine.y, theirs.predicted), rel=1e-9
    )
    expected = brier_score_loss(mine.y, mine.p, scale_by_half=False)
    expected -= brier_score_loss(mine.y, theirs.p, scale_by_half=False)
    assert brier.value == pytest.approx(expected, rel=1e-9)
    assert (brier.inputs["lowest"], brier.inputs["highest"]) == (-2, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.filter(t.row != 3), "by the candidate only"),
        (lambda t: t.union(t.filter(t.row == 3)), "row numbers repeat"),
        (lambda t: t.mutate(label=t.label.replace("ant", "bee")), "another label"),
    ],
    ids=["a row less", "a row twice", "other labels"],
)
def test_other_rows_are_no_comparison(engine, change, words):
    table = predictions(engine, case(60))
    for each in compared(engine, table, change(table)).estimates:
        assert each.value is None
        assert words in each.problem


def test_without_probabilities_only_accuracy_is_compared(engine):
    table = predictions(engine, case(60))
    accuracy, brier = compared(engine, table, predictions(engine, case(60), scored=False)).estimates
    assert accuracy.value == 0.0
    assert "predict_proba" in brier.problem
