"""Classifiers of several classes: the whole way, and what only they can have wrong with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelrisk.decisions import ExitCode, Outcome
from modelrisk.packs import PackVerdict
from pipelines import runs
from resources.pack_files import verify_pack_file
from resources.releases import Promoted
from tests.record_schema import schema_faults
from tests.workbench import (
    BLURRED_GRADING,
    GRADES,
    GRADING,
    ROWS,
    SEVERAL_CLASSES,
    SHUFFLED_GRADING,
    Bench,
    controls,
    said,
    write_grades,
    write_rows,
)


@pytest.fixture
def graded(bench: Bench) -> Bench:
    """A bench whose data has grades."""
    write_grades(bench.data / "grades-before.parquet", seed=3)
    write_grades(bench.data / "grades.parquet", seed=4)
    return bench


def declare(bench: Bench, *, classes: tuple[Any, ...] | None = GRADES, **data: Any) -> None:
    changes = {**SEVERAL_CLASSES["data"], **data}
    bench.declare(
        **{
            **SEVERAL_CLASSES,
            "data": {name: value for name, value in changes.items() if value is not None},
            "prediction": {} if classes is None else {"classes": list(classes)},
        }
    )


# --- the whole way ---------------------------------------------------------------------------------------


def test_a_good_model_is_reviewed_packed_verified_promoted_and_a_challenger_compared_with_it(graded):
    declare(graded)
    version = graded.register(GRADING)
    decision, _, pack = runs.review(graded.platform, version, instance=graded.instance)
    record = decision.record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline
    assert schema_faults(record, decision.digest) == []
    found = controls(record)
    for control in (
        "better_than_naive",
        "not_overconfident",
        "selection_rates_alike",
        "evaluation_data_valid",
    ):
        assert found.get(control, "passed") == "passed", control
    assert found["errors_below_naive"] == found["auc_above_floor"] == "not_applicable"
    metrics = {(each.metric, tuple(each.cohort.items()), each.outcome) for each in record.estimates}
    for metric in ("accuracy", "balanced_accuracy", "top_k_accuracy", "log_loss", "brier", "selection_rate"):
        for cohort in ((), (("sex", "F"),), (("sex", "M"),)):
            assert (metric, cohort, None) in metrics
    for grade in GRADES:
        assert ("true_positive_rate", (), grade) in metrics
    assert ("selection_rate_ratio", (("sex", "F"),), None) in metrics or (
        "selection_rate_ratio",
        (("sex", "M"),),
        None,
    ) in metrics

    verification = verify_pack_file(Path(pack.path), trusted=graded.platform.trusted())
    assert verification.verdict is PackVerdict.VERIFIED
    recount = next(check for check in verification.checks if "recounted" in check.name)
    assert f"from {ROWS} rows" in recount.detail

    assert isinstance(graded.release(version), Promoted)
    worse = graded.judge(graded.register(SHUFFLED_GRADING)).record
    assert controls(worse)["not_worse_than_champion"] == "failed"
    assert worse.exit_code is ExitCode.REFUSED
    challenger = graded.register(BLURRED_GRADING)
    follows = graded.review(challenger).record
    assert controls(follows)["not_worse_than_champion"] == "passed"
    assert follows.verdict is Outcome.RELEASABLE, follows.headline
    assert isinstance(graded.release(challenger), Promoted)
    assert graded.platform.registry.alias(version.name, "champion") == challenger


def test_a_limit_on_a_rate_of_one_class_holds_for_every_class(graded):
    graded.declare(**SEVERAL_CLASSES, thresholds={"true_positive_rate": 0.5})
    record = graded.judge(graded.register(GRADING)).record
    recall = next(control for control in record.controls if control.id == "true_positive_rate_above_floor")
    assert {each.outcome for each in recall.estimates} == set(GRADES)
    # Most rows are of the outer grades and found; the one in the middle is guessed too seldom.
    assert recall.verdict == "failed"
    assert "class 'fair'" in recall.reason
    table = graded.frame("grades")
    right = chances(table["x"]).argmax(axis=1) == [GRADES.index(grade) for grade in table["grade"]]
    accuracy = next(each for each in record.estimates if each.metric == "accuracy" and not each.cohort)
    assert accuracy.value == pytest.approx(right.mean(), rel=1e-9)


def chances(x: Any) -> Any:
    """What `GRADING` answers."""
    import numpy as np

    u = np.exp(np.outer(x, [-2.0, 0.0, 2.0]))
    return u / u.sum(axis=1, keepdims=True)


def test_a_model_that_gives_labels_only_is_judged_by_its_rates_and_not_by_probabilities(graded):
    declare(graded)
    record = graded.judge(
        graded.register(GRADING.replace("return p", f"return np.array({GRADES})[p.argmax(axis=1)]"))
    ).record
    found = controls(record)
    assert found["better_than_naive"] == "not_evaluable"
    assert "predict_proba" in said(record)
    assert record.exit_code is ExitCode.REFUSED


def test_without_a_favourable_class_groups_cannot_be_compared_which_refuses_a_model_that_affects_people(
    graded,
):
    declare(graded, favourable=None)
    record = graded.judge(graded.register(GRADING)).record
    assert record.exit_code is ExitCode.REFUSED
    assert "no favourable class" in said(record)
    assert "data: favourable" in said(record)


# --- what a model answers --------------------------------------------------------------------------------

BAD_ANSWERS = {
    "one column too few": ("return p[:, :2]", f"an array of shape {ROWS} x 2", "prediction: classes"),
    "a sum below 1": ("return p * 0.99", "miss a sum of 1", "normalise its probabilities"),
    "logits": ("return u", "scores from", "probabilities instead of margins"),
    "not a number": ("p[0, 0] = np.nan; return p", "NaN or infinite", "answer every row"),
    "a class nobody declared": (
        "return np.where(p[:, 0] > 0.5, 'horrible', 'fair')",
        "label(s) 'horrible'",
        "prediction: classes",
    ),
    "a missing label": (
        "return np.array([None] + ['fair'] * (len(p) - 1), dtype=object)",
        "1 missing label",
        "every row",
    ),
    "a number for each row, as a regression has": ("return p[:, 0]", "label(s) '0.", "prediction: classes"),
    "one row too few": ("return p[1:]", f"{ROWS - 1} answers for {ROWS} rows", "one answer for each row"),
    "columns of other names": (
        "return pd.DataFrame(p, columns=['a', 'b', 'c'])",
        "columns 'a', 'b', 'c'",
        "Name the output's columns by class",
    ),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_answers_that_cannot_be_read_could_not_be_evaluated_and_say_what_to_do(graded, case):
    body, found, remedy = BAD_ANSWERS[case]
    declare(graded)
    record = graded.judge(graded.register(GRADING.replace("return p", body))).record
    assert record.exit_code is ExitCode.NOT_EVALUATED, record.headline
    assert found in record.headline
    assert remedy in record.headline


def test_probabilities_named_by_class_are_read_by_name_in_whatever_order(graded):
    declare(graded)
    named = f"return pd.DataFrame(p, columns={list(GRADES)})[['good', 'poor', 'fair']]"
    array = graded.judge(graded.register(GRADING)).record
    table = graded.judge(graded.register(GRADING.replace("return p", named))).record
    assert table.exit_code is array.exit_code is ExitCode.RELEASABLE
    assert table.predictions == array.predictions


# --- what the data holds ---------------------------------------------------------------------------------


def test_a_class_that_only_the_training_data_has_is_there_once_the_intake_names_the_classes(graded):
    graded.put(graded.frame("grades")[lambda table: table["grade"] != "fair"], "grades")
    declare(graded, classes=None)
    version = graded.register(GRADING)
    undeclared = graded.judge(version).record
    assert undeclared.exit_code is ExitCode.NOT_EVALUATED
    assert "x 3" in undeclared.headline
    assert "prediction: classes" in undeclared.headline
    declare(graded)
    record = graded.judge(version).record
    assert record.exit_code is not ExitCode.NOT_EVALUATED, record.headline
    recall = {
        each.outcome: each
        for each in record.estimates
        if each.metric == "true_positive_rate" and not each.cohort
    }
    assert recall["fair"].value is None
    assert "no row has the label 'fair'" in str(recall["fair"].problem)
    assert recall["good"].value is not None


def test_a_limit_on_a_class_the_evaluation_data_has_no_row_of_is_not_evaluable_and_refuses(graded):
    graded.put(graded.frame("grades")[lambda table: table["grade"] != "fair"], "grades")
    graded.declare(**{**SEVERAL_CLASSES, "thresholds": {"balanced_accuracy": 0.1}})
    record = graded.judge(graded.register(GRADING)).record
    assert controls(record)["balanced_accuracy_above_floor"] == "not_evaluable"
    assert record.exit_code is ExitCode.REFUSED
    assert "no row has the label 'fair'" in said(record)


def test_a_class_that_only_the_evaluation_data_has_is_refused_until_it_is_declared_and_then_counts_as_missed(
    graded,
):
    table = graded.frame("grades")
    table.loc[:9, "grade"] = "superb"
    graded.put(table, "grades")
    declare(graded)
    version = graded.register(GRADING)
    record = graded.judge(version).record
    assert record.exit_code is ExitCode.REFUSED
    assert "the labels 'superb'" in said(record)
    assert "prediction: classes" in said(record)
    declare(graded, classes=(*GRADES, "superb"))
    short = graded.judge(version).record
    assert short.exit_code is ExitCode.NOT_EVALUATED
    four = graded.judge(
        graded.register(GRADING.replace("return p", "return np.column_stack([p, np.zeros(len(p))])"))
    ).record
    recall = {each.outcome: each.value for each in four.estimates if each.metric == "true_positive_rate"}
    assert recall["superb"] == 0.0
    assert four.exit_code in (ExitCode.RELEASABLE, ExitCode.REFUSED), four.headline


UNFIT_LABELS = {
    "a missing label": (
        lambda t: t.assign(grade=t["grade"].where(t.index > 0)),
        f"1 of {ROWS} rows",
        "Remove the rows",
    ),
    "one class": (lambda t: t[t["grade"] == "good"], "single class 'good'", "different outcomes"),
    "no label column": (lambda t: t.drop(columns="grade"), "no column 'grade'", ""),
    "another encoding": (
        lambda t: t.assign(grade=t["grade"].map(GRADES.index)),
        "the labels '0', '1', '2'",
        "encode",
    ),
    "no rows": (lambda t: t.head(0), "no rows", ""),
    "one row": (lambda t: t.head(1), "1 evaluation row(s) of the single class", "different outcomes"),
}


@pytest.mark.parametrize("case", UNFIT_LABELS)
def test_labels_that_nothing_can_be_judged_by_are_refused_with_what_to_do(graded, case):
    spoil, found, remedy = UNFIT_LABELS[case]
    graded.put(spoil(graded.frame("grades")), "grades")
    declare(graded)
    record = graded.judge(graded.register(GRADING)).record
    assert record.exit_code is ExitCode.REFUSED, record.headline
    assert found in said(record), said(record)
    assert remedy in said(record)
    assert controls(record)["better_than_naive"] == "not_evaluable"


def test_five_hundred_classes_go_through_to_a_pack_that_verifies(graded):
    import numpy as np

    rows = 3_000
    for name, seed in (("grades-before", 5), ("grades", 6)):
        x = np.random.default_rng(seed).uniform(0.0, 500.0, size=rows)
        # Every class occurs, and nine labels in ten are the one that x points to.
        x[:500] = np.arange(500) + 0.5
        wrong = np.random.default_rng(seed + 10).uniform(size=rows) < 0.1
        label = np.where(wrong & (np.arange(rows) >= 500), (x.astype(int) + 7) % 500, x.astype(int))
        write_rows(graded.data / f"{name}.parquet", seed=seed, rows=rows, x=x, grade=label)
    declare(graded, classes=tuple(range(500)), favourable=499)
    body = """
        p = np.full((len(rows), 500), 0.1 / 499)
        p[np.arange(len(rows)), rows['x'].to_numpy().astype(int)] = 0.9
        return p
    """
    decision, _, pack = runs.review(graded.platform, graded.register(body), instance=graded.instance)
    record = decision.record
    assert record.exit_code in (ExitCode.RELEASABLE, ExitCode.REFUSED), record.headline
    assert controls(record)["better_than_naive"] == "passed"
    outcomes = [each.outcome for each in record.estimates if each.metric == "precision"]
    assert outcomes == [str(at) for at in range(500)]
    verification = verify_pack_file(Path(pack.path), trusted=graded.platform.trusted())
    assert verification.verdict is PackVerdict.VERIFIED


# --- from the command line -------------------------------------------------------------------------------


def test_the_command_line_reviews_releases_and_verifies(terminal, graded):
    declare(graded)
    version = graded.register(GRADING)
    printed = terminal.run("review", version.key, "--format", "json")
    assert printed.code == ExitCode.RELEASABLE, printed.err
    document = json.loads(printed.out)
    recalls = [each for each in document["estimates"] if each["metric"] == "true_positive_rate"]
    assert {each["outcome"] for each in recalls} == set(GRADES)
    assert terminal.run("release", version.key).code == 0
    card = terminal.run("card", version.key)
    assert card.code == 0
    pack = terminal.run("pack", version.key)
    assert terminal.run("verify", pack.out.strip()).code == 0


def test_another_task_than_the_models_is_not_evaluated_and_says_to_check_it(terminal, graded):
    """A regression declared to be a classifier, on data that fits the declaration."""
    declare(graded)
    version = graded.register("return 3.5 + rows['x'].to_numpy()")
    printed = terminal.run("review", version.key, "--format", "json")
    assert printed.code == ExitCode.NOT_EVALUATED
    assert "label(s)" in printed.out


def test_keys_of_another_task_are_faults_of_the_intake(terminal, graded):
    graded.declare(**{**SEVERAL_CLASSES, "data": {**SEVERAL_CLASSES["data"], "positive": "good"}})
    printed = terminal.run("review", graded.register(GRADING).key)
    assert printed.code == ExitCode.NOT_ATTEMPTED
    assert "`positive`" in printed.err
    assert "declare the task" in printed.err
