"""A million rows, 18 cohorts: our metrics with intervals beside the points of their peers, in one run.

Two classes, ten classes and a regression.

Run with `pytest tests/benchmarks/test_metrics_benchmark.py -m benchmark -n 0 -s`. Ratios are printed, not
asserted: the machine decides how long anything takes.
"""

import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.benchmark

ROWS = 1_000_000


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(20)
    y = rng.random(ROWS) < 0.2
    score = 1 / (1 + np.exp(-(rng.normal(0, 1, ROWS) + 1.5 * y - 1.5)))
    table = pa.table(
        {
            "row": np.arange(ROWS),
            "label": np.where(y, "1", "0"),
            "prediction": np.where(score >= 0.5, "1", "0"),
            "score": score,
            **cohort_arrays(rng),
        }
    )
    with frozen(table, tmp_path_factory.mktemp("million") / "predictions.parquet") as (predictions, run):
        yield predictions, run, table


def seconds(function, repeats=3):
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def reported(what, ours, theirs, peer):
    print(f"\n{what}: {ours:.2f} s, {peer} {theirs:.2f} s, ratio {theirs / ours:.1f}")


def test_all_rates_with_intervals_against_fairlearn_points(million):
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    from modelrisk.metrics import classification, fairness

    predictions, run, table = million

    def ours():
        marginals = classification.counted(predictions, run=run, positive="1", training_base_rate=0.2)
        classification.estimates(marginals, confidence=0.95)
        fairness.estimates(marginals, confidence=0.95)

    y = table["label"].to_numpy().astype(int)
    predicted = table["prediction"].to_numpy().astype(int)

    def theirs():
        for attribute in ("cohort:sex", "cohort:age"):
            frame = MetricFrame(
                metrics={"sel": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate},
                y_true=y,
                y_pred=predicted,
                sensitive_features=table[attribute].to_numpy(),
            )
            frame.difference()
            frame.ratio()

    reported(
        "rates, 18 cohorts, with intervals", seconds(ours), seconds(theirs, 1), "fairlearn without intervals"
    )


def test_auc_with_delong_against_scikit_learn_points(million):
    from sklearn.metrics import roc_auc_score

    from modelrisk.metrics import discrimination

    predictions, run, table = million
    y, score = table["label"].to_numpy().astype(int), table["score"].to_numpy()

    def theirs():
        roc_auc_score(y, score)
        for attribute in ("cohort:sex", "cohort:age"):
            groups = table[attribute].to_numpy()
            for group in sorted(set(groups)):
                here = groups == group
                roc_auc_score(y[here], score[here])

    ours = seconds(lambda: discrimination.estimates(predictions, run=run, positive="1", confidence=0.95))
    reported(
        "AUC with DeLong variance, 18 cohorts", ours, seconds(theirs, 1), "scikit-learn without variance"
    )


def test_calibration_against_statsmodels(million):
    import numpy as np
    import statsmodels.api as sm

    from modelrisk.metrics import calibration

    predictions, run, table = million
    y, score = table["label"].to_numpy().astype(int), table["score"].to_numpy()

    def theirs():
        logit = np.log(score / (1 - score))
        sm.Logit(y, sm.add_constant(logit)).fit(disp=0)
        sm.GLM(y, np.ones((ROWS, 1)), family=sm.families.Binomial(), offset=logit).fit()

    ours = seconds(lambda: calibration.estimates(predictions, run=run, positive="1", confidence=0.95))
    reported("calibration slope and intercept", ours, seconds(theirs, 1), "statsmodels")


def test_paired_comparison_alone(million):
    from modelrisk.metrics import comparison

    predictions, run, _ = million
    champion = predictions.mutate(score=(predictions.score * 50).round() / 50)
    ours = seconds(
        lambda: comparison.compared(predictions, champion, run=run, positive="1", confidence=0.95), 1
    )
    print(f"\npaired comparison with DeLong covariance: {ours:.2f} s")


def cohort_arrays(rng):
    return {
        "cohort:sex": rng.choice(["F", "M"], ROWS),
        "cohort:age": rng.choice([f"a{index:02}" for index in range(15)], ROWS),
    }


@contextmanager
def frozen(table, path):
    """The canonical table as it lies in the evidence: a Parquet file that DuckDB reads."""
    import duckdb
    import ibis
    import pyarrow.parquet as pq

    pq.write_table(table, path)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW predictions AS SELECT * FROM '{path}'")

        def run(expression):
            answer = connection.execute(str(ibis.to_sql(expression, dialect="duckdb")))
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

        yield ibis.table(ibis.Schema.from_pyarrow(table.schema), name="predictions"), run


def each_cohort(table):
    import numpy as np

    yield np.full(ROWS, fill_value=True)
    for attribute in ("cohort:sex", "cohort:age"):
        groups = table[attribute].to_numpy(zero_copy_only=False)
        for group in sorted(set(groups)):
            yield groups == group


def test_ten_classes_with_intervals_against_scikit_learn_points(tmp_path):
    import numpy as np
    import pyarrow as pa
    from sklearn import metrics

    from modelrisk.metrics import multiclass

    rng = np.random.default_rng(21)
    y = rng.integers(10, size=ROWS)
    logits = rng.normal(size=(ROWS, 10)) + 2.0 * np.eye(10)[y]
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    own = p[np.arange(ROWS), y]
    classes = [f"c{position}" for position in range(10)]
    names = np.array(classes)
    table = pa.table(
        {
            "row": np.arange(ROWS),
            "label": names[y],
            "prediction": names[p.argmax(axis=1)],
            "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(p.ravel()), 10).cast(
                pa.list_(pa.float64())
            ),
            "label_probability": own,
            "label_rank": (p >= own[:, None]).sum(axis=1),
            "confidence": p.max(axis=1),
            "squared_error": (p * p).sum(axis=1) - 2 * own + 1,
            **cohort_arrays(rng),
        }
    )
    shares = dict.fromkeys(classes, 0.1)

    def theirs():
        predicted = p.argmax(axis=1)
        metrics.confusion_matrix(y, predicted)
        metrics.precision_score(y, predicted, average="macro")
        for here in each_cohort(table):
            metrics.accuracy_score(y[here], predicted[here])
            metrics.balanced_accuracy_score(y[here], predicted[here])
            metrics.top_k_accuracy_score(y[here], p[here], k=3)
            metrics.log_loss(y[here], p[here])
            metrics.brier_score_loss(y[here], p[here])

    with frozen(table, tmp_path / "predictions.parquet") as (predictions, run):

        def ours():
            marginals = multiclass.counted(predictions, run=run, classes=classes, training_shares=shares)
            multiclass.estimates(marginals, confidence=0.95)
            multiclass.confusion(marginals)

        reported(
            "ten classes, 18 cohorts, with intervals",
            seconds(ours),
            seconds(theirs, 1),
            "scikit-learn points",
        )


def test_a_regression_with_intervals_against_scikit_learn_points(tmp_path):
    import numpy as np
    import pyarrow as pa
    from sklearn import metrics

    from modelrisk.metrics import fairness, regression

    rng = np.random.default_rng(22)
    signal = 100 + 25 * rng.normal(size=ROWS)
    y = signal + 12 * rng.standard_t(4, ROWS)
    table = pa.table({"row": np.arange(ROWS), "label": y, "prediction": signal, **cohort_arrays(rng)})

    def theirs():
        for here in each_cohort(table):
            metrics.mean_absolute_error(y[here], signal[here])
            metrics.root_mean_squared_error(y[here], signal[here])
            metrics.r2_score(y[here], signal[here])
            np.mean(signal[here] - y[here])
            np.mean(np.abs(y[here] - 100) - np.abs(y[here] - signal[here]))

    training = regression.TrainingTarget(median=100.0, sd=28.0)
    with frozen(table, tmp_path / "predictions.parquet") as (predictions, run):

        def ours():
            measured = regression.measured(predictions, run=run, training=training)
            regression.estimates(measured, confidence=0.95)
            fairness.regression_estimates(measured, confidence=0.95)

        reported(
            "a regression, 18 cohorts, with intervals and comparisons",
            seconds(ours),
            seconds(theirs, 1),
            "scikit-learn points",
        )
