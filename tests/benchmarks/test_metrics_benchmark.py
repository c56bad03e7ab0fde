"""A million rows, 18 cohorts: our metrics with intervals beside the points of their peers, in one run.

Run with `pytest tests/benchmarks/test_metrics_benchmark.py -m benchmark -n 0 -s`. Ratios are printed, not
asserted: the machine decides how long anything takes.
"""

import time

import pytest

pytestmark = pytest.mark.benchmark

ROWS = 1_000_000


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    import duckdb
    import ibis
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(20)
    y = rng.random(ROWS) < 0.2
    score = 1 / (1 + np.exp(-(rng.normal(0, 1, ROWS) + 1.5 * y - 1.5)))
    table = pa.table(
        {
            "row": np.arange(ROWS),
            "label": np.where(y, "1", "0"),
            "prediction": np.where(score >= 0.5, "1", "0"),
            "score": score,
            "cohort:sex": rng.choice(["F", "M"], ROWS),
            "cohort:age": rng.choice([f"a{index:02}" for index in range(15)], ROWS),
        }
    )
    path = tmp_path_factory.mktemp("million") / "predictions.parquet"
    pq.write_table(table, path)
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW predictions AS SELECT * FROM '{path}'")

    def run(expression):
        answer = connection.execute(str(ibis.to_sql(expression, dialect="duckdb")))
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    yield ibis.table(ibis.Schema.from_pyarrow(table.schema), name="predictions"), run, table
    connection.close()


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
