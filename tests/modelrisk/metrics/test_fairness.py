import numpy as np
import pytest

from modelrisk.metrics import classification, fairness, intervals


def compared(engine, columns, reference=None, **options):
    marginals = classification.counted(engine.table(columns), run=engine.run, positive="1", **options)
    return fairness.estimates(marginals, confidence=0.95, reference=reference)


def indexed(estimates):
    return {(e.metric, *e.cohort.items()): e for e in estimates}


@pytest.mark.parametrize("favourable", ["1", "0"])
def test_ratios_and_differences_agree_with_fairlearn(engine, sample, favourable):
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    data = sample()
    found = indexed(compared(engine, data.columns(), {"sex": "M"}, favourable=favourable))
    for attribute, reference in (("sex", "M"), ("age", "middle")):
        values = [v or "(missing)" for v in getattr(data, attribute)]
        frame = MetricFrame(
            metrics={
                "selection": lambda y, p: selection_rate(y, p, pos_label=int(favourable)),
                "tpr": true_positive_rate,
                "fpr": false_positive_rate,
            },
            y_true=data.y,
            y_pred=data.predicted,
            sensitive_features=values,
        ).by_group
        groups = [group for group in frame.index if group != reference]
        for group in groups:
            key = (attribute, None if group == "(missing)" else group)
            for metric, name in (
                ("selection_rate_difference", "selection"),
                ("true_positive_rate_difference", "tpr"),
                ("false_positive_rate_difference", "fpr"),
            ):
                estimate = found[metric, key]
                assert estimate.value == pytest.approx(
                    frame[name][group] - frame[name][reference], rel=1e-9, abs=1e-12
                )
                assert (estimate.group, estimate.reference) == (group, reference)
            ratio = found["selection_rate_ratio", key].value
            assert ratio == pytest.approx(frame["selection"][group] / frame["selection"][reference], rel=1e-9)
    assert len(found) == 4 * (2 + 2)
    assert all(intervals.follows_from_inputs(estimate) for estimate in found.values())


def test_the_reference_is_the_largest_group_unless_declared(engine, sample):
    data = sample()
    found = compared(engine, data.columns(), {"age": "old"})
    references = {(next(iter(e.cohort)), e.reference) for e in found}
    assert references == {("sex", "M"), ("age", "old")}


def test_a_declared_reference_absent_from_the_data_is_not_evaluable(engine, sample):
    found = [e for e in compared(engine, sample().columns(), {"sex": "X"}) if "sex" in e.cohort]
    assert len(found) == 4 * 3
    assert all("data.reference" in e.problem for e in found)


def test_an_attribute_with_a_single_group_is_not_evaluable(engine, sample):
    columns = sample(100).columns()
    columns["cohort:sex"] = ["F"] * 100
    found = [e for e in compared(engine, columns) if "sex" in e.cohort]
    assert len(found) == 4
    assert all("single group" in e.problem for e in found)


def test_an_attribute_with_too_many_groups_is_not_evaluable(engine, sample):
    columns = sample(2_000).columns()
    columns["cohort:id"] = [str(i) for i in range(2_000)]
    found = [e for e in compared(engine, columns) if "id" in e.cohort]
    assert found
    assert all("identifier" in e.problem for e in found)


def test_without_sensitive_attributes_there_is_nothing_to_compare(engine, sample):
    columns = {k: v for k, v in sample(100).columns().items() if not k.startswith("cohort:")}
    assert compared(engine, columns) == ()


def test_a_reference_group_that_is_never_selected_has_no_ratio_but_a_difference(engine):
    columns = {
        "row": range(8),
        "label": ["1", "0"] * 4,
        "prediction": ["1", "0", "1", "0", "0", "0", "0", "0"],
        "score": [0.5] * 8,
        "cohort:sex": ["F"] * 4 + ["M"] * 4,
    }
    found = indexed(compared(engine, columns, {"sex": "M"}))
    assert "undefined" in found["selection_rate_ratio", ("sex", "F")].problem
    assert found["selection_rate_difference", ("sex", "F")].value == 0.5


def test_a_group_without_positives_has_no_true_positive_rate_to_compare(engine):
    columns = {
        "row": range(8),
        "label": ["0"] * 4 + ["1", "0"] * 2,
        "prediction": ["1", "0"] * 4,
        "score": [0.5] * 8,
        "cohort:sex": ["F"] * 4 + ["M"] * 4,
    }
    found = indexed(compared(engine, columns, {"sex": "M"}))
    assert "sex = F" in found["true_positive_rate_difference", ("sex", "F")].problem
    assert found["false_positive_rate_difference", ("sex", "F")].is_evaluable


def test_a_table_without_labels_says_so_for_every_comparison(engine, sample):
    columns = sample(100).columns()
    columns["label"][0] = None
    found = compared(engine, columns)
    assert len(found) == 4
    assert all("no label" in e.problem for e in found)


def test_group_sizes_are_kept(engine, sample):
    data = sample()
    found = indexed(compared(engine, data.columns()))
    estimate = found["selection_rate_ratio", ("sex", "F")]
    assert estimate.inputs["n"] == np.sum(data.sex == "F")
    assert estimate.inputs["reference_n"] == np.sum(data.sex == "M")
