"""Regressions: the whole way, and everything wrong that only they can have wrong with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelrisk.decisions import DecisionRecord, ExitCode, Outcome
from modelrisk.estimates import Estimate
from modelrisk.packs import PackVerdict
from pipelines import runs
from resources.pack_files import verify_pack_file
from resources.releases import Promoted
from tests.record_schema import schema_faults
from tests.workbench import (
    BLURRED_PRICING,
    NUMBERS,
    PRICING,
    ROWS,
    SHUFFLED_PRICING,
    Bench,
    controls,
    said,
    write_prices,
)


@pytest.fixture
def priced(bench: Bench) -> Bench:
    """A bench whose data has prices."""
    write_prices(bench.data / "prices-before.parquet", seed=3)
    write_prices(bench.data / "prices.parquet", seed=4)
    return bench


def declare(bench: Bench, **changes: Any) -> None:
    bench.declare(**{**NUMBERS, **changes})


def reprice(bench: Bench, formula: Any) -> None:
    """Both data sets with other prices."""
    for name in ("prices-before", "prices"):
        bench.put(bench.frame(name).assign(price=formula), name)


def estimate_of(record: DecisionRecord, metric: str) -> Estimate:
    return next(each for each in record.estimates if each.metric == metric and not each.cohort)


# --- the whole way ---------------------------------------------------------------------------------------


def test_a_good_model_is_reviewed_packed_verified_promoted_and_a_challenger_compared_with_it(priced):
    declare(priced)
    version = priced.register(PRICING)
    decision, _, pack = runs.review(priced.platform, version, instance=priced.instance)
    record = decision.record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline
    assert schema_faults(record, decision.digest) == []
    found = controls(record)
    for control in ("errors_below_naive", "right_on_average", "errors_alike_between_groups"):
        assert found[control] == "passed", control
    for control in ("better_than_naive", "auc_above_floor", "favourable_outcomes_within_four_fifths"):
        assert found[control] == "not_applicable", control
    metrics = {(each.metric, tuple(each.cohort.items())) for each in record.estimates}
    for metric in (
        "mae",
        "rmse",
        "r_squared",
        "mean_error",
        "standardised_mean_error",
        "absolute_error_gain",
    ):
        for cohort in ((), (("sex", "F"),), (("sex", "M"),)):
            assert (metric, cohort) in metrics
    assert {"mae_difference", "mean_error_difference", "mae_ratio"} <= {metric for metric, _ in metrics}

    table = priced.frame("prices")
    error = 100.0 + 30.0 * table["x"] - table["price"]
    assert estimate_of(record, "mae").value == pytest.approx(error.abs().mean(), rel=1e-9)
    assert estimate_of(record, "mean_error").value == pytest.approx(error.mean(), rel=1e-9)

    verification = verify_pack_file(Path(pack.path), trusted=priced.platform.trusted())
    assert verification.verdict is PackVerdict.VERIFIED
    recount = next(check for check in verification.checks if "recounted" in check.name)
    assert f"from {ROWS} rows" in recount.detail

    assert isinstance(priced.release(version), Promoted)
    worse = priced.judge(priced.register(SHUFFLED_PRICING)).record
    assert controls(worse)["errors_no_worse_than_champion"] == "failed"
    assert worse.exit_code is ExitCode.REFUSED
    challenger = priced.register(BLURRED_PRICING)
    follows = priced.review(challenger).record
    assert controls(follows)["errors_no_worse_than_champion"] == "passed"
    assert follows.verdict is Outcome.RELEASABLE, follows.headline
    assert isinstance(priced.release(challenger), Promoted)
    assert priced.platform.registry.alias(version.name, "champion") == challenger


def test_a_model_no_better_than_the_training_median_a_biased_one_and_one_that_misses_a_group_are_refused(
    priced,
):
    declare(priced)
    naive = priced.judge(
        priced.register("return np.full(len(rows), 100.0) + 90 * np.sin(7919 * rows['x'])")
    ).record
    assert controls(naive)["errors_below_naive"] == "failed"
    biased = priced.judge(priced.register(PRICING + " + 12.0")).record
    assert controls(biased)["right_on_average"] == "failed"
    table = priced.frame("prices")
    priced.put(table.assign(price=table["price"].where(table["sex"] == "M", 2.5 * table["price"])), "prices")
    uneven = priced.judge(priced.register(PRICING)).record
    assert controls(uneven)["errors_alike_between_groups"] == "failed"
    assert {naive.exit_code, biased.exit_code, uneven.exit_code} == {ExitCode.REFUSED}


def test_the_owners_limits_are_judged_in_the_targets_units(priced):
    declare(priced, thresholds={"mae": 17.0, "rmse": 15.0, "mean_error": 2.0, "r_squared": 0.6})
    record = priced.judge(priced.register(PRICING)).record
    found = controls(record)
    assert (
        found["mae_below_ceiling"]
        == found["mean_error_within_limit"]
        == found["r_squared_above_floor"]
        == "passed"
    )
    assert found["rmse_below_ceiling"] == "failed"


def test_leaving_an_attribute_undeclared_does_not_help_a_model_that_affects_people(priced):
    declare(priced, data={name: value for name, value in NUMBERS["data"].items() if name != "sensitive"})
    record = priced.judge(priced.register(PRICING)).record
    assert controls(record)["errors_alike_between_groups"] == "not_evaluable"
    assert record.exit_code is ExitCode.REFUSED


# --- what a model answers --------------------------------------------------------------------------------

SPOILED = "y = rows['x'].to_numpy().copy(); y[0] = {}; return y"
BAD_ANSWERS = {
    "texts": ("return rows['x'].astype(str).to_numpy()", "predictions of type", "`task`"),
    "labels, as a classifier has": (
        "return np.where(rows['x'] > 0, 'yes', 'no')",
        "predictions of type",
        "`task`",
    ),
    "booleans": ("return rows['x'].to_numpy() > 0", "predictions of type bool", "`task`"),
    "not a number": (
        SPOILED.format("np.nan"),
        "1 prediction(s) that are NaN",
        "every row",
    ),
    "infinity": (
        SPOILED.format("np.inf"),
        "1 prediction(s) that are NaN",
        "every row",
    ),
    "missing": (
        "return pd.array([None] + [1.0] * (len(rows) - 1), dtype='Float64')",
        "1 prediction(s) that are NaN",
        "every row",
    ),
    "two targets": (
        "return np.ones((len(rows), 2))",
        f"an array of shape {ROWS} x 2",
        "one number for each row",
    ),
    "a table of two": (
        "return pd.DataFrame({'a': rows['x'], 'b': rows['x']})",
        "columns 'a', 'b'",
        "prediction: score",
    ),
    "one row too few": (
        "return rows['x'].to_numpy()[1:]",
        f"{ROWS - 1} answers for {ROWS} rows",
        "one answer for each row",
    ),
    "a single number": ("return 3.0", "a float", "numpy array"),
    "nothing": ("return None", "nothing (None)", "numpy array"),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_answers_that_are_not_one_number_a_row_could_not_be_evaluated_and_say_what_to_do(priced, case):
    body, found, remedy = BAD_ANSWERS[case]
    declare(priced)
    record = priced.judge(priced.register(body)).record
    assert record.exit_code is ExitCode.NOT_EVALUATED, record.headline
    assert found in record.headline
    assert remedy in record.headline


@pytest.mark.parametrize(
    "wrapped",
    [
        "return y.reshape(-1, 1)",
        "return pd.DataFrame({'price': y})",
        "return pd.DataFrame({'low': y - 9.0, 'prediction': y})",
        "return y.tolist()",
        "import decimal; return [decimal.Decimal(float(each)) for each in y]",
    ],
)
def test_one_number_a_row_is_read_in_whatever_it_is_wrapped(priced, wrapped):
    declare(priced)
    plain = priced.judge(priced.register(PRICING)).record
    record = priced.judge(priced.register(f"{PRICING.replace('return', 'y =')}\n{wrapped}")).record
    assert record.predictions == plain.predictions, record.headline


# --- what the data holds ---------------------------------------------------------------------------------


def test_targets_with_outliers_of_a_trillion_are_measured_and_nothing_overflows(priced):
    table = priced.frame("prices")
    table.loc[:4, "price"] = [1e12, -1e12, 1e12, -1e12, 1e12]
    priced.put(table, "prices")
    declare(priced, thresholds={"mae": 100.0})
    record = priced.judge(priced.register(PRICING)).record
    assert record.exit_code is ExitCode.REFUSED
    assert controls(record)["errors_below_naive"] == "passed"
    assert controls(record)["mae_below_ceiling"] != "passed"
    mae = estimate_of(record, "mae")
    assert mae.value is not None
    assert mae.value == pytest.approx(5e12 / ROWS, rel=1e-6)
    json.dumps([each.value for each in record.estimates], allow_nan=False)


@pytest.mark.parametrize("scale", [1e-12, 1e150])
def test_verdicts_do_not_depend_on_the_targets_unit(priced, scale):
    for name in ("prices-before", "prices"):
        priced.put(priced.frame(name).assign(price=lambda t: t["price"] * scale), name)
    declare(priced)
    record = priced.judge(priced.register(f"{PRICING.replace('return', 'y =')}\nreturn y * {scale}")).record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline


def test_negative_targets_and_zeros_are_numbers_like_any_other(priced):
    reprice(priced, lambda t: (t["price"] - 200.0).where(t["x"] < 1.0, 0.0))
    declare(priced)
    record = priced.judge(
        priced.register("return np.where(rows['x'] < 1.0, 30.0 * rows['x'] - 100.0, 0.0)")
    ).record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline


def test_a_target_of_which_most_are_zero_is_no_reason_to_fail(priced):
    """The naive model answers 0 there and is hard to beat; inconclusive or failed, but measured."""
    reprice(priced, lambda t: (t["price"] - 100.0).where(t["x"] > 1.5, 0.0))
    declare(priced)
    record = priced.judge(priced.register("return np.where(rows['x'] > 1.5, 30.0 * rows['x'], 0.0)")).record
    assert record.exit_code in (ExitCode.RELEASABLE, ExitCode.REFUSED)
    assert controls(record)["errors_below_naive"] == "passed"


def test_a_constant_training_target_leaves_no_scale_and_says_so(priced):
    priced.put(priced.frame("prices-before").assign(price=100.0), "prices-before")
    declare(priced)
    record = priced.judge(priced.register(PRICING)).record
    assert controls(record)["right_on_average"] == "not_evaluable"
    assert "the training target is constant" in said(record)
    assert record.exit_code is ExitCode.REFUSED


def test_a_perfect_model_is_measured_and_asks_for_a_look_rather_than_breaking(priced):
    reprice(priced, lambda t: 100.0 + 30.0 * t["x"])
    declare(priced)
    record = priced.judge(priced.register(PRICING)).record
    assert record.exit_code in (ExitCode.RELEASABLE, ExitCode.REFUSED)
    assert controls(record)["errors_below_naive"] == "passed"
    assert estimate_of(record, "mae").value == 0.0


UNFIT_TARGETS = {
    "constant": (lambda t: t.assign(price=7.0), "the same value of 'price'", "the target varies"),
    "all zero": (lambda t: t.assign(price=0.0), "the same value of 'price'", "the target varies"),
    "one row": (lambda t: t.head(1), "the same value of 'price'", "the target varies"),
    "missing": (
        lambda t: t.assign(price=t["price"].where(t.index > 0)),
        f"1 of {ROWS} rows",
        "Remove the rows",
    ),
    "infinite": (
        lambda t: t.assign(price=t["price"].where(t.index > 0, float("inf"))),
        "infinite 'price'",
        "Mend or remove",
    ),
    "texts": (lambda t: t.assign(price="dear"), "'price'", "number"),
    "booleans": (lambda t: t.assign(price=t["x"] > 0), "'price'", "number"),
    "no label column": (lambda t: t.drop(columns="price"), "no column 'price'", ""),
    "no rows": (lambda t: t.head(0), "no rows", ""),
}


@pytest.mark.parametrize("case", UNFIT_TARGETS)
def test_targets_that_nothing_can_be_judged_by_are_refused_with_what_to_do(priced, case):
    spoil, found, remedy = UNFIT_TARGETS[case]
    priced.put(spoil(priced.frame("prices")), "prices")
    declare(priced)
    record = priced.judge(priced.register(PRICING)).record
    assert record.exit_code is ExitCode.REFUSED, record.headline
    assert found in said(record), said(record)
    assert remedy in said(record), said(record)
    assert controls(record)["errors_below_naive"] == "not_evaluable"


# --- from the command line -------------------------------------------------------------------------------


def test_the_command_line_reviews_releases_and_verifies(terminal, priced):
    declare(priced)
    version = priced.register(PRICING)
    for form in ("table", "markdown", "junit"):
        assert terminal.run("review", version.key, "--format", form).code == ExitCode.RELEASABLE
    assert terminal.run("release", version.key).code == 0
    assert terminal.run("card", version.key).code == 0
    pack = terminal.run("pack", version.key)
    assert terminal.run("verify", pack.out.strip()).code == 0


def test_a_classifier_declared_to_be_a_regression_is_not_evaluated_and_says_to_check_the_task(
    terminal, priced
):
    declare(priced)
    version = priced.register("return np.where(rows['x'] > 0, 'dear', 'cheap')")
    printed = terminal.run("review", version.key, "--format", "json")
    assert printed.code == ExitCode.NOT_EVALUATED
    assert "intake's `task`" in printed.out


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("data", "positive", 1),
        ("data", "favourable", 1),
        ("prediction", "classes", [0, 1]),
        ("prediction", "threshold", 0.5),
    ],
)
def test_keys_of_another_task_are_faults_of_the_intake(terminal, priced, where, key, value):
    declare(priced, **{where: {**NUMBERS[where], key: value}})
    version = priced.register(PRICING)
    printed = terminal.run("review", version.key)
    assert printed.code == ExitCode.NOT_ATTEMPTED
    assert f"`{key}`" in printed.err
    assert "declare the task" in printed.err
