import json
from collections import Counter
from dataclasses import fields, replace
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from modelrisk.decisions import Actor, DecisionRecord, Kind, Outcome, binding_estimate
from modelrisk.documents import text
from modelrisk.documents.decision_report import as_json, as_junit, as_markdown, as_rows
from modelrisk.verdicts import Verdict

ESTIMATE_KEYS = {
    "metric",
    "cohort",
    "value",
    "low",
    "high",
    "confidence",
    "coverage",
    "n",
    "method",
    "inputs",
    "seed",
    "problem",
}


def everywhere(record: DecisionRecord, words: str) -> DecisionRecord:
    """The record with the same text in every place that holds other people's words."""
    return replace(
        record,
        title=words,
        headline=words,
        owner=words,
        champion=words,
        tier_reasons=(words,),
        actor=Actor("user", words),
        not_evaluated=(words,),
        controls=tuple(
            replace(
                control,
                title=words,
                reason=words,
                remedy=words,
                why_required=(words,),
                estimates=tuple(
                    replace(estimate, cohort={words: words}, problem=words if estimate.problem else None)
                    for estimate in control.estimates
                ),
            )
            for control in record.controls
        ),
        findings=tuple(
            replace(finding, message=words, owner=words, next_action=words) for finding in record.findings
        ),
    )


# --- JSON ------------------------------------------------------------------------------------------------


def test_json_is_the_digest_and_the_record(record):
    document = json.loads(as_json(record, "sha256:ab"))
    assert list(document) == ["digest", *(entry.name for entry in fields(DecisionRecord))]
    assert document["digest"] == "sha256:ab"
    assert document["verdict"] == "refused"
    assert document["model"] == "mortgage-approval@2"
    assert [control["id"] for control in document["controls"]] == [control.id for control in record.controls]
    assert {control["verdict"] for control in document["controls"]} == {verdict.value for verdict in Verdict}


def test_every_estimate_has_the_documented_keys(record):
    document = json.loads(as_json(record, None))
    gated = [estimate for control in document["controls"] for estimate in control["estimates"]]
    for estimate in [*document["estimates"], *gated]:
        compared = {"group", "reference"} if "reference" in estimate else set()
        assert set(estimate) == ESTIMATE_KEYS | compared
        assert isinstance(estimate["cohort"], dict)
    ratios = [estimate for estimate in document["estimates"] if estimate["metric"].endswith("_ratio")]
    assert all(estimate["reference"] for estimate in ratios)
    assert {"race": "black"} in [estimate["cohort"] for estimate in document["estimates"]]
    assert {"married": None} in [estimate["cohort"] for estimate in document["estimates"]]
    assert (
        next(estimate for estimate in document["estimates"] if estimate["metric"] == "auc")["coverage"] == 0.9
    )


def test_a_number_that_is_not_finite_is_null_and_the_json_stays_json(record):
    broken = replace(record.estimates[3], value=float("nan"), high=float("inf"))
    document = json.loads(as_json(replace(record, estimates=(broken,)), None))
    assert document["estimates"][0]["value"] is None
    assert document["estimates"][0]["high"] is None


def test_hostile_text_comes_back_from_json_unchanged(record, hostile):
    printed = as_json(everywhere(record, hostile), None)
    assert json.loads(printed)["title"] == hostile
    assert printed.isascii()
    assert "\x1b" not in printed


# --- JUnit -----------------------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_stage_and_a_case_for_each_control(record):
    root = ElementTree.fromstring(as_junit(record))
    assert [suite.get("name") for suite in root] == list(dict.fromkeys(c.asset for c in record.controls))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {control.id for control in record.controls}
    assert root.get("tests") == str(len(record.controls))
    for name, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        assert root.get(name) == str(len(list(root.iter(tag))))
        assert sum(int(suite.get(name, "")) for suite in root) == int(root.get(name, ""))


def test_junit_shows_each_verdict_as_a_build_server_expects(record):
    root = ElementTree.fromstring(as_junit(record))
    for control in record.controls:
        case = next(case for case in root.iter("testcase") if case.get("name") == control.id)
        tags = {child.tag for child in case}
        expected = {
            Verdict.PASSED: set(),
            Verdict.FAILED: {"failure"},
            Verdict.NOT_EVALUABLE: {"error"},
            Verdict.INCONCLUSIVE: {"failure"} if control.blocks else {"skipped"},
            Verdict.WAIVED: {"skipped"},
            Verdict.NOT_APPLICABLE: {"skipped"},
        }[control.verdict]
        assert tags == expected, control.id
        for child in case:
            assert control.reason in child.get("message", "")
            if child.tag == "failure":
                assert child.get("type") == control.verdict.value
                assert control.remedy in (child.text or "")


def test_a_refusal_always_has_something_red_in_junit(record):
    silent = replace(record, controls=())
    root = ElementTree.fromstring(as_junit(silent))
    assert root.get("failures") == "1"
    unread = ElementTree.fromstring(as_junit(replace(silent, not_evaluated=("the registry is down",))))
    assert (unread.get("errors"), unread.get("failures")) == ("1", "0")


def test_a_releasable_decision_has_nothing_red_in_junit(releasable):
    root = ElementTree.fromstring(as_junit(releasable))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_hostile_text_keeps_junit_well_formed(record, hostile):
    root = ElementTree.fromstring(as_junit(everywhere(record, hostile)))
    assert len(list(root.iter("testcase"))) == len(record.controls)
    assert Counter(element.tag for element in root.iter()).keys() <= {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "error",
        "skipped",
    }


# --- Markdown --------------------------------------------------------------------------------------------


def test_the_comment_names_every_gate_with_its_verdict_and_what_to_do(record):
    comment = as_markdown(record)
    assert comment.startswith("### ✗ Refused: Mortgage approval (`mortgage-approval@2`)")
    assert record.headline.removeprefix("Refused: ") in comment
    assert comment.count("Refused") == 1
    (others,) = (line for line in comment.splitlines() if line.startswith("Not applicable: "))
    for control in record.controls:
        if control.verdict is Verdict.NOT_APPLICABLE:
            assert f"`{control.id}`" in others
            continue
        row = next(line for line in comment.splitlines() if line.startswith(f"| `{control.id}` |"))
        assert text.VERDICT_WORDS[control.verdict] in row
        if control.verdict is not Verdict.PASSED:
            assert text.for_markdown(control.remedy) in row
    for finding in record.findings:
        assert finding.owner in comment
        assert text.for_markdown(finding.next_action) in comment


def test_a_preview_says_that_it_is_not_a_decision(record):
    assert "**not a decision**" in as_markdown(replace(record, kind=Kind.PREVIEW))
    assert "not a decision" not in as_markdown(record)


def test_the_comment_leads_with_what_blocks(record):
    rows = as_rows(record)
    assert [row.blocks for row in rows] == sorted((row.blocks for row in rows), reverse=True)
    assert {row.control for row in rows} == {control.id for control in record.controls}


def test_hostile_text_is_only_text_in_the_comment(record, hostile):
    comment = as_markdown(everywhere(record, hostile))
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(comment)
    applied = [control for control in record.controls if control.verdict is not Verdict.NOT_APPLICABLE]
    assert html.count("<tr>") == len(applied) + 1
    assert html.count("<td>") == 6 * len(applied)
    assert html.count("<li>") == 2 * len(record.findings) + 1
    for tag in ("<a ", "<img", "<h1", "<h2", "<pre", "<s>"):
        assert tag not in html
    assert "<" not in comment
    assert "\u202e" not in comment
    assert "@everyone" not in comment


def test_a_record_without_any_estimate_prints_in_every_format(unknown):
    assert json.loads(as_json(unknown, None))["estimates"] == []
    assert ElementTree.fromstring(as_junit(unknown)).get("failures") == "1"
    assert as_markdown(unknown).startswith("### ✗ Refused: mortgage-approval (`mortgage-approval@2`)")
    assert "Not in the inventory" in as_markdown(unknown)
    assert as_rows(unknown)[0].measured == text.NOTHING


def test_the_row_shows_the_group_that_decided(record):
    control = next(one for one in record.controls if one.id == "favourable_outcomes_within_four_fifths")
    chosen = binding_estimate(control)
    assert chosen is not None
    assert chosen.group == "black"
    row = next(row for row in as_rows(record) if row.control == control.id)
    assert row.measured == "0.771 (0.632–0.899), race = black against white (worst of 2)"
    assert (row.limit, row.margin) == ("0.8 to 1.25", "0.17 beyond")


def test_the_row_of_a_broken_family_shows_what_broke_it(record):
    control = next(one for one in record.controls if one.verdict is Verdict.NOT_EVALUABLE)
    chosen = binding_estimate(control)
    assert chosen is not None
    assert not chosen.is_evaluable


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_format_says_the_same_outcome(record, releasable, outcome):
    decided = record if outcome is Outcome.REFUSED else releasable
    red = int(ElementTree.fromstring(as_junit(decided)).get("failures", ""))
    assert json.loads(as_json(decided, None))["verdict"] == outcome.value
    assert (red > 0) == (outcome is Outcome.REFUSED) == (int(decided.exit_code) != 0)
    assert ("✗ Refused" in as_markdown(decided)) == (outcome is Outcome.REFUSED)
