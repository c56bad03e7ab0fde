"""Charts inside Markdown: one image, sound whatever people wrote, drawn against the limits."""

import re
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from modelrisk.documents.card.model_card import ModelCard
from modelrisk.documents.pictures import confusion, intervals, pictures
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.identity import ModelVersion
from modelrisk.records import BoundDigests, StageEvidence
from tests.modelrisk.documents.tasks import multiclass_card, regression_card

BOUND = BoundDigests(None, None, None, None, None, None, "sha256:00", "sha256:00")
SHOWN_IN_PLACE = 1000
"""Longer Markdown is behind a link on an asset's page."""


def ratio(value: float, low: float | None, high: float | None, group: str = "black") -> Estimate:
    return Estimate(
        "selection_rate_ratio",
        value,
        low,
        high,
        0.95,
        300,
        "clopper_pearson",
        cohort={"race": group},
        group=group,
        reference="white",
    )


def drawn(markdown: str) -> ElementTree.Element:
    found = re.fullmatch(r"!\[[^\]\[]+\]\(data:image/svg\+xml,([^\s()\[\]]+)\)", markdown)
    assert found, markdown
    return ElementTree.fromstring(unquote(found[1]))


def words(svg: ElementTree.Element) -> str:
    return " ".join(svg.itertext())


def colours(svg: ElementTree.Element) -> set[str | None]:
    return {path.get("stroke") for path in svg.iter("{http://www.w3.org/2000/svg}path")}


def quality_of(card: ModelCard) -> StageEvidence:
    evidence = card.documents["evaluation/quality"]
    assert isinstance(evidence, StageEvidence)
    return evidence


def test_several_classes_have_a_confusion_picture_that_names_them():
    shown = pictures(quality_of(multiclass_card(10)))["chart, confusion"]
    assert len(shown) < SHOWN_IN_PLACE
    svg = drawn(shown)
    assert "true class down, answer across" in words(svg)
    assert all(str(name) in words(svg).split() for name in range(10))
    assert colours(svg) == {"dimgray", "lightgray"}


def test_too_many_classes_have_no_confusion_picture():
    assert "chart, confusion" not in pictures(quality_of(multiclass_card(40)))


def test_a_class_by_any_name_stays_within_the_picture():
    hostile = "<svg onload=alert(1)>" + "n" * 300
    card = multiclass_card(3)
    assert card.confusion is not None
    names = (hostile, "](javascript:alert(1))", "x")
    svg = drawn(confusion(replace(card.confusion, classes=names)))
    assert "<svg onloa…" in words(svg)
    assert len(list(svg.iter())) == len(list(drawn(confusion(card.confusion)).iter()))


def test_a_regression_has_a_picture_of_labels_by_prediction():
    shown = pictures(quality_of(regression_card()))["chart, label by prediction"]
    assert len(shown) < SHOWN_IN_PLACE
    assert "mean label 900 to 7.11e+03" in words(drawn(shown))


def test_one_class_against_the_rest_is_not_drawn_as_if_it_were_all_rows():
    shown = pictures(quality_of(multiclass_card(10)))["chart, all rows"]
    assert "precision" not in words(drawn(shown)).lower()


def test_a_chart_names_its_rows_its_limits_and_the_ends_of_its_intervals():
    svg = drawn(intervals([ratio(0.91, 0.72, 1.11)], floor=0.8, ceiling=1.25, at=1.0))
    for shown in ("race = black against white", "0.8", "1.25", "0.72"):
        assert shown in words(svg)


@pytest.mark.parametrize(
    ("low", "high", "is_red"),
    [
        (0.81, 1.2, False),
        (0.8, 1.25, False),
        (0.7999999, 1.2, True),
        (0.9, 1.2500001, True),
        (None, 1.2, True),
    ],
)
def test_an_interval_that_leaves_the_limits_is_red(low, high, is_red):
    svg = drawn(intervals([ratio(1.0, low, high)], floor=0.8, ceiling=1.25))
    assert ("firebrick" in colours(svg)) is is_red


def test_without_limits_nothing_is_red():
    assert "firebrick" not in colours(drawn(intervals([ratio(0.2, None, 0.3)], at=1.0)))


def test_whatever_a_group_is_called_the_image_stays_one_image(hostile):
    svg = drawn(intervals([ratio(0.9, 0.85, 1.0, hostile)], floor=0.8))
    assert {child.tag.partition("}")[2] for child in svg.iter()} == {"svg", "path", "text", "tspan"}


def test_what_has_no_value_is_not_drawn():
    assert intervals([]) == ""
    assert intervals([not_evaluable("auc", "one class only")], floor=0.5) == ""


def test_six_groups_are_short_enough_to_be_shown_in_place():
    groups = ("black", "hispanic", "female", "(missing)", "above area median", "not married")
    image = intervals([ratio(0.9, 0.85, 1.02, group) for group in groups], at=1.0)
    assert len(image) < SHOWN_IN_PLACE


def test_a_stage_s_charts_leave_out_counts_and_numbers_that_are_no_shares():
    share = replace(ratio(0.9, 0.8, 0.95), metric="accuracy", cohort={}, group=None, reference=None)
    count = replace(share, metric="failed_expectations", value=0.0, low=0.0, high=0.0, method="census")
    slope = replace(share, metric="calibration_slope", value=1.1, low=0.9, high=1.3)
    gain = replace(share, metric="brier_gain", value=0.02, low=0.01, high=0.03)
    curve = ({"mean_score": 0.4, "observed_rate": 0.5, "n": 80, "low": 0.4, "high": 0.6},)
    stage = StageEvidence(
        "evaluation/quality",
        ModelVersion("loan", "1"),
        BOUND,
        estimates=(share, count, slope, gain, ratio(0.9, 0.8, 1.0)),
        tables={"reliability curve": curve},
    )
    found = pictures(stage)
    assert list(found) == ["chart, all rows", "chart, reliability", "chart, selection_rate_ratio"]
    assert "Accuracy" in words(drawn(found["chart, all rows"]))
    assert "Brier gain" not in words(drawn(found["chart, all rows"]))
    assert "mean score" in words(drawn(found["chart, reliability"]))
