import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelrisk.documents import text
from modelrisk.estimates import Estimate, not_evaluable


def estimate(metric: str, value: float, low: float | None, high: float | None) -> Estimate:
    return Estimate(metric, value, low, high, 0.95, 100, "clopper_pearson")


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "words"),
    [
        ("auc", 0.81234, 0.774, 0.8432, "0.812 (0.774–0.843)"),
        ("accuracy", 0.81234, 0.774, 0.8432, "81.2 % (77.4–84.3 %)"),
        ("accuracy_difference", -0.021, -0.04, -0.002, "−2.1 pp (−4.0 to −0.2 pp)"),
        ("selection_rate_ratio", 0.72, None, 0.93, "0.720 (unbounded to 0.930)"),
        ("calibration_slope", 1.2, 0.8, None, "1.200 (0.800 to unbounded)"),
        ("brier_gain", 0.0124, 0.0041, 0.0207, "0.0124 (0.0041–0.0207)"),
        ("auc_difference", -0.00001, -0.02, 0.03, "0.0000 (−0.0200 to 0.0300)"),
    ],
)
def test_a_number_is_written_as_people_write_it(metric, value, low, high, words):
    assert text.measured(estimate(metric, value, low, high)) == words


def test_a_bound_just_short_of_its_limit_does_not_look_like_it():
    short = estimate("selection_rate_ratio", 0.9, 0.79996, 1.0)
    assert "0.800" in text.measured(short)
    assert "0.79996" in text.measured(short, limits=(0.8, 1.25))


def test_a_bound_exactly_on_its_limit_needs_no_more_digits():
    assert text.measured(estimate("auc", 0.9, 0.8, 1.0), limits=(0.8, None)) == "0.900 (0.800–1.000)"


def test_what_has_no_value_is_not_evaluable():
    assert text.measured(not_evaluable("auc", "one class")) == "not evaluable"
    assert text.measured(estimate("auc", float("nan"), 0.1, 0.2)) == "not evaluable"


def test_a_census_is_its_number():
    counted = Estimate("failed_expectations", 3.0, 3.0, 3.0, 1.0, 50, "census")
    assert text.measured(counted) == "3"


@pytest.mark.parametrize(
    ("metric", "floor", "ceiling", "words"),
    [
        ("accuracy", 0.8, None, "at least 80 %"),
        ("selection_rate_ratio", 0.8, 1.25, "0.8 to 1.25"),
        ("true_positive_rate_difference", -0.1, 0.1, "−10 to 10 pp"),
        ("failed_expectations", None, 0.0, "at most 0"),
        ("auc", None, None, "–"),
    ],
)
def test_a_limit_is_written_with_the_digits_policy_gave_it(metric, floor, ceiling, words):
    assert text.limit_words(metric, floor, ceiling) == words


@pytest.mark.parametrize(
    ("metric", "margin", "words"),
    [
        ("auc", -0.0803, "0.080 beyond"),
        ("accuracy", 0.0123, "1.2 pp inside"),
        ("intake_missing", -1.0, "1 beyond"),
        ("intake_missing", 0.0, "just met"),
        ("auc", None, "–"),
        ("auc", float("nan"), "–"),
    ],
)
def test_a_margin_says_on_which_side_of_the_limit(metric, margin, words):
    assert text.margin_words(metric, margin) == words


@given(st.text())
def test_nothing_hides_in_visible_text(value):
    shown = text.visible(value)
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.category(character) for character in shown} & hidden
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")
    shown.encode("utf-8")


def test_an_emoji_with_joiners_stays_whole():
    assert text.visible("👩🏽‍🔬") == "👩🏽‍🔬"


@given(st.text(alphabet=st.sampled_from("ab1 .)(*_`~|<>&[]!#-+=$\\:/@\n\thttps:www.x\u202e'\"")))
def test_plain_text_is_never_markup_in_markdown(value):
    rendered = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    html = rendered.render(f"start {text.for_markdown(value)}")
    assert html.startswith("<p>start")
    assert html.count("<") == 2  # the paragraph's own tags
    own_line = rendered.render(text.for_markdown(value))
    assert own_line.count("<") == (2 if text.for_markdown(value).strip() else 0)


@given(st.text(alphabet=st.sampled_from("ab `\\<>*|\n")).filter(lambda value: value.strip(" \n")))
def test_a_code_span_ends_where_it_should(value):
    html = MarkdownIt("commonmark").render(f"x {text.code_for_markdown(value)} y")
    assert html.count("<code>") == html.count("</code>") == 1
    assert html.startswith("<p>x <code>")
    assert html.rstrip().endswith("</code> y</p>")


def test_nobody_is_notified_by_a_name():
    assert "@everyone" not in text.for_markdown("@everyone")
    assert text.for_markdown("risk@example.org") == "risk@example.org"


def test_a_missing_group_is_told_from_one_called_so():
    assert text.cohort_words({"sex": None}) == "sex = (missing)"
    assert text.cohort_words({"sex": ""}) == "sex = (empty)"
    assert text.cohort_words({}) == "all rows"
