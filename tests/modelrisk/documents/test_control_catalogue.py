"""The catalogue for people says of each control what the catalogue and the policy say, and no more."""

import re

from modelrisk.catalogue import shipped_catalogue
from modelrisk.documents.control_catalogue import as_markdown, by_stage
from modelrisk.policy_documents import policy_from, shipped_policy

CATALOGUE = shipped_catalogue()
SHIPPED = as_markdown(CATALOGUE, shipped_policy())


def under(policy: str) -> str:
    document = f"schema: model-risk/policy@1\n{policy}"
    return as_markdown(CATALOGUE, policy_from(document, name="policy.yaml", catalogue=CATALOGUE))


def said(page: str, control: str) -> dict[str, str]:
    """What the page says of a control, by row."""
    found = re.search(rf"^### {control}\n\n(?P<table>(?:\|.*\n?)+)", page, re.MULTILINE)
    assert found, f"{control} is not on the page"
    return dict(re.findall(r"^\| \*\*(.+?)\*\* \| (.*) \|$", found["table"], re.MULTILINE))


def overview(page: str, control: str) -> list[str]:
    (line,) = re.findall(rf"^\| \[`{control}`\].*$", page, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_control_stands_in_the_overview_and_in_a_section_of_its_own():
    for control in CATALOGUE.controls.values():
        assert overview(SHIPPED, control.id)
        rows = said(SHIPPED, control.id)
        assert list(rows) == [
            *("purpose", "mechanism", "asks", "tasks", "does not show", "remedy", "evidence for")
        ]
        assert rows["purpose"] == control.risk
        assert rows["does not show"].startswith(control.limitations[:30])
        assert f"`{control.metric}`" in rows["mechanism"]
        for clause in control.mappings:
            assert clause.clause in rows["evidence for"]


def test_a_limit_is_said_with_its_tiers_its_confidence_its_minimum_and_what_inconclusive_does():
    assert overview(SHIPPED, "calibration_slope_near_one")[1:] == [
        *("binary, multiclass", "0.67 to 1.5", "0.67 to 1.5", "own")
    ]
    assert said(SHIPPED, "calibration_slope_near_one")["asks"] == (
        "0.67 to 1.5, in tiers 1 and 2. In tier 3 where an intake sets a limit of its own (`thresholds:"
        " {calibration_slope: …}`). Confidence 95 % for each bound. Below 100 rows or 20 expected events in"
        " its smallest cell it is inconclusive. Inconclusive refuses in tiers 1 and 2."
    )


def test_a_rule_that_waits_for_a_threshold_says_what_the_threshold_sets():
    asks = said(SHIPPED, "equal_opportunity_within_limit")["asks"]
    assert asks.startswith("Nothing until an intake sets a largest distance from no difference")
    assert "Of every group but the reference." in asks
    assert "Inconclusive refuses in tiers 1 and 2. Inconclusive is a finding in tier 3." in asks


def test_a_count_of_all_there_is_has_neither_confidence_nor_minimum():
    for stage, controls in CATALOGUE.stages.items():
        for control in controls:
            asks = said(SHIPPED, control.id)["asks"]
            assert ("Confidence" in asks) == stage.startswith("evaluation/"), control.id


def test_another_policy_makes_another_page():
    page = under(
        "tiers: {3: {on_inconclusive: refuse}}\n"
        "rules:\n"
        "  auc_above_floor: {floor: 0.7, confidence: 0.99, tiers: [1, 2, 3]}\n"
        "  accuracy_above_floor: {floor: 0.9, on_inconclusive: {3: finding}}\n"
        "  ranks_no_worse_than_champion: null\n"
    )
    assert said(page, "auc_above_floor")["asks"] == (
        "At least 0.7, in tiers 1, 2 and 3. Confidence 99 % for each bound. Below 10 expected events in its"
        " smallest cell it is inconclusive. Inconclusive refuses in tiers 1, 2 and 3."
    )
    assert "Inconclusive is a finding in tier 3." in said(page, "accuracy_above_floor")["asks"]
    assert said(page, "ranks_no_worse_than_champion")["asks"] == "Nothing: this policy has no rule for it."
    assert overview(page, "ranks_no_worse_than_champion")[2:] == ["–", "–", "–"]
    assert "`policy.yaml`" in page
    assert "`policy.yaml`" not in SHIPPED


def test_a_framework_that_was_replaced_says_by_what_and_a_date_not_read_at_its_source_says_so():
    (old,) = re.findall(r"^\| `sr-11-7@2011` .*$", SHIPPED, re.MULTILINE)
    assert "from 2011-04-04 until 2026-04-17" in old
    assert "Superseded by `sr-26-2@2026`. Date from a secondary source." in old
    (new,) = re.findall(r"^\| `sr-26-2@2026` .*$", SHIPPED, re.MULTILINE)
    assert "secondary" not in new


def test_the_short_table_links_every_gate_to_the_page():
    short = by_stage(CATALOGUE, page="docs/controls.md")
    for name in CATALOGUE.controls:
        assert f"[`{name}`](docs/controls.md#{name})" in short
