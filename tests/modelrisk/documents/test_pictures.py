"""Charts inside Markdown: one image, sound whatever people wrote, drawn against the limits."""

import re
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from modelrisk.documents.pictures import intervals, pictures
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.identity import ModelVersion
from modelrisk.records import BoundDigests, StageEvidence

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
