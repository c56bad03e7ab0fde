# ruff: noqa: E501 - a table of faults reads best with one row a line
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.catalogue import shipped_catalogue
from modelrisk.errors import Fault, InvalidDocument
from modelrisk.intake import IntakeDocument, intake_from
from modelrisk.policy import (
    Audience,
    Direction,
    News,
    Obligation,
    OnInconclusive,
    Policy,
    Promotion,
    Scope,
    limits,
    obligations,
    threshold_faults,
)
from modelrisk.policy_documents import policy_from, shipped_policy

CATALOGUE = shipped_catalogue()
HEAD = "schema: model-risk/policy@1\n"
INTAKE = """\
model: m
owner: a@example.com
purpose: p
task: binary_classification
facts: {materiality: MATERIALITY, affects: individuals, automation: informs, exposure: internal}
data: {evaluation: e.csv, label: y, positive: 1, sensitive: [sex]}
"""


def policy(text: str = "") -> Policy:
    return policy_from(HEAD + text, name="policy.yaml", catalogue=CATALOGUE)


def faults_of(text: str) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDocument) as caught:
        policy(text)
    return caught.value.faults


def an_intake(extra: str = "", *, materiality: str = "low", data: str | None = None) -> IntakeDocument:
    text = INTAKE.replace("MATERIALITY", materiality) + extra
    if data is not None:
        text = text.replace("sensitive: [sex]", data)
    return intake_from(text, name="models/m.yaml")


def asked_of(intake: IntakeDocument | None, *, under: Policy | None = None) -> dict[str, Obligation]:
    rules = under or shipped_policy()
    read = None if intake is None else intake.intake
    listed = obligations(
        rules, CATALOGUE, rules.tier_of(read), read, document=None if intake is None else intake.document
    )
    return {each.control.id: each for each in listed}


def required_of(intake: IntakeDocument | None) -> set[str]:
    return {name for name, each in asked_of(intake).items() if each.is_required}


# --- what ships --------------------------------------------------------------------------------------------

FEW_GATES = {
    "in_the_inventory",
    "lineage_recorded",
    "evaluation_data_matches_signature",
    "evaluation_data_valid",
    "training_data_not_leaked",
    "better_than_naive",
    "not_worse_than_champion",
}


def test_tier_3_has_few_gates():
    assert required_of(an_intake()) == FEW_GATES


def test_a_stricter_tier_asks_for_all_that_a_milder_one_does():
    rules = shipped_policy().rules.values()
    for rule in rules:
        if 3 in rule.tiers:
            assert {1, 2} <= set(rule.tiers), rule.control
        if 2 in rule.tiers:
            assert 1 in rule.tiers, rule.control


def test_tier_2_adds_fairness_calibration_and_the_way_back():
    more = required_of(an_intake(materiality="high")) - FEW_GATES
    assert more == {
        "rollback_plan_tested",
        "card_facts_complete",
        "auc_above_floor",
        "calibration_slope_near_one",
        "calibration_intercept_near_zero",
        "favourable_outcomes_within_four_fifths",
        "ranks_no_worse_than_champion",
    }


def test_the_shipped_limits_are_the_documented_ones():
    rules = shipped_policy().rules
    spans = {name: (rule.floor, rule.ceiling) for name, rule in rules.items() if not rule.is_slot}
    assert spans["better_than_naive"] == (0.0, None)
    assert spans["auc_above_floor"] == (0.5, None)
    assert spans["calibration_slope_near_one"] == (0.67, 1.5)
    assert spans["calibration_intercept_near_zero"] == (-0.405, 0.405)
    assert spans["favourable_outcomes_within_four_fifths"] == (0.8, 1.25)
    assert spans["not_worse_than_champion"] == spans["ranks_no_worse_than_champion"] == (-0.02, None)
    assert spans["training_data_not_leaked"] == (None, 0.01)
    assert all(
        spans[name] == (None, 0.0)
        for name in (
            "in_the_inventory",
            "lineage_recorded",
            "evaluation_data_valid",
            "training_ids_not_leaked",
            "evaluation_data_matches_signature",
        )
    )
    assert rules["favourable_outcomes_within_four_fifths"].scope is Scope.GROUPS
    assert {rule.confidence for rule in rules.values()} == {0.95}


def test_inconclusive_refuses_in_tiers_1_and_2_and_is_a_finding_in_tier_3():
    tiers = shipped_policy().tiers
    assert [tiers[tier].on_inconclusive.value for tier in (1, 2, 3)] == ["refuse", "refuse", "finding"]
    assert {settings.promotion for settings in tiers.values()} == {Promotion.MANUAL}
    assert [tiers[tier].review_every for tier in (1, 2, 3)] == [90, 180, 365]


def test_no_policy_file_leaves_the_default():
    assert policy_from(None, name="policy.yaml", catalogue=CATALOGUE) == shipped_policy()


# --- merging -----------------------------------------------------------------------------------------------


def test_a_policy_that_says_nothing_changes_nothing():
    assert policy().digest == shipped_policy().digest
    assert policy().rules == shipped_policy().rules


def test_an_override_changes_one_limit_and_cites_both_lines():
    changed = policy("rules:\n  auc_above_floor:\n    floor: 0.6\n")
    rule = changed.rules["auc_above_floor"]
    assert rule.floor == 0.6
    assert rule.minimum_events == 10
    assert rule.tiers == (1, 2)
    default, own = rule.sources
    assert default == shipped_policy().rules["auc_above_floor"].sources[0]
    assert str(own) == "policy.yaml:4"
    assert changed.digest != shipped_policy().digest
    assert changed.names == ("policies/default.yaml", "policy.yaml")
    assert changed.rules["better_than_naive"] == shipped_policy().rules["better_than_naive"]


def test_null_drops_a_rule():
    assert "auc_above_floor" not in policy("rules: {auc_above_floor: null}\n").rules


def test_null_drops_one_limit_of_a_rule():
    rule = policy("rules: {favourable_outcomes_within_four_fifths: {ceiling: null}}\n").rules[
        "favourable_outcomes_within_four_fifths"
    ]
    assert (rule.floor, rule.ceiling) == (0.8, None)
    assert rule.sets is Direction.FLOOR


def test_a_slot_is_filled_by_policy():
    filled = policy("rules: {accuracy_above_floor: {floor: 0.7}}\n")
    assert asked_of(an_intake(), under=filled)["accuracy_above_floor"].is_required


def test_a_list_of_tiers_is_replaced_as_a_whole():
    assert policy("rules: {better_than_naive: {tiers: [3]}}\n").rules["better_than_naive"].tiers == (3,)


def test_the_tier_table_is_replaced_as_a_whole():
    changed = policy("tier_table: [{tier: 2, at_least: {}, because: everything}]\n")
    assert changed.tier_of(None).tier == 2
    assert str(changed.tier_table[0].place) == "policy.yaml:2"


def test_a_rule_says_what_inconclusive_does_for_all_or_single_tiers():
    one = policy("rules: {better_than_naive: {on_inconclusive: refuse}}\n")
    assert asked_of(an_intake(), under=one)["better_than_naive"].on_inconclusive is OnInconclusive.REFUSE
    some = policy("rules: {better_than_naive: {on_inconclusive: {1: finding}}}\n")
    assert asked_of(an_intake(), under=some)["better_than_naive"].on_inconclusive is OnInconclusive.FINDING
    assert asked_of(None, under=some)["better_than_naive"].on_inconclusive is OnInconclusive.FINDING
    assert asked_of(None)["better_than_naive"].on_inconclusive is OnInconclusive.REFUSE


def test_the_digest_ignores_comments():
    text = "rules: {auc_above_floor: {floor: 0.6}}\n"
    assert policy(text).digest == policy("# why\n" + text).digest


# --- what is wrong with a policy -----------------------------------------------------------------------------

TABLE = "tier_table:\n"
LAST = "  - {tier: 3, at_least: {}, because: b}\n"


@pytest.mark.parametrize(
    ("text", "key", "line", "found", "remedy"),
    [
        ("rules: {auc_above_flor: {metric: auc, floor: 0.6, tiers: [1]}}\n", "rules.auc_above_flor", 2, "unknown control", "auc_above_floor"),
        ("rules: {auc_above_floor: {metric: acu}}\n", "rules.auc_above_floor.metric", 2, "'acu'", "Write `auc`"),
        ("rules: {auc_above_floor: {metric: brier}}\n", "rules.auc_above_floor.metric", 2, "the metric brier", "metric: auc"),
        ("rules: {auc_above_floor: {flor: 0.6}}\n", "rules.auc_above_floor.flor", 2, "unknown key", "Write `floor`"),
        ("rules: {auc_above_floor: {floor: 72}}\n", "rules.auc_above_floor.floor", 2, "72", "met and missed"),
        ("rules: {auc_above_floor: {floor: high}}\n", "rules.auc_above_floor.floor", 2, "'high'", "a number"),
        ("rules: {auc_above_floor: {floor: null}}\n", "rules.auc_above_floor", 2, "neither a floor nor a ceiling", "direction"),
        ("rules: {auc_above_floor: {floor: 0.9, ceiling: 0.8}}\n", "rules.auc_above_floor.floor", 2, "above the ceiling", "mend"),
        ("rules: {auc_above_floor: {confidence: 0.5}}\n", "rules.auc_above_floor.confidence", 2, "0.5", "0.95"),
        ("rules: {auc_above_floor: {confidence: 1.0}}\n", "rules.auc_above_floor.confidence", 2, "1.0", "0.95"),
        ("rules: {auc_above_floor: {minimum_rows: -1}}\n", "rules.auc_above_floor.minimum_rows", 2, "-1", "how many"),
        ("rules: {auc_above_floor: {minimum_rows: 1.5}}\n", "rules.auc_above_floor.minimum_rows", 2, "1.5", "whole number"),
        ("rules: {auc_above_floor: {tiers: []}}\n", "rules.auc_above_floor.tiers", 2, "no tiers", "auc_above_floor: null"),
        ("rules: {auc_above_floor: {tiers: [4]}}\n", "rules.auc_above_floor.tiers[0]", 2, "tier 4", "one of them"),
        ("rules: {auc_above_floor: {tiers: 1}}\n", "rules.auc_above_floor.tiers", 2, "1", "[1]"),
        ("rules: {auc_above_floor: {scope: cohorts}}\n", "rules.auc_above_floor.scope", 2, "'cohorts'", "all_rows"),
        ("rules: {auc_above_floor: {on_inconclusive: ignore}}\n", "rules.auc_above_floor.on_inconclusive", 2, "'ignore'", "refuse"),
        ("rules: {auc_above_floor: {on_inconclusive: {7: refuse}}}\n", "rules.auc_above_floor.on_inconclusive.7", 2, "tier 7", "one of them"),
        ("rules: {auc_above_floor: {direction: ceiling}}\n", "rules.auc_above_floor.direction", 2, "beside limits", "Remove"),
        ("rules: {nothing_here: null}\n", "rules.nothing_here", 2, "removes a key", "Remove the line"),
        ("rules: null\n", "rules", None, "no rules", "leave `rules` out"),
        ("rules: []\n", "rules", 2, "a list", "mapping"),
        ("tiers: {1: {promotion: auto}}\n", "tiers.1.promotion", 2, "'auto'", "Write `automatic`"),
        ("tiers: {1: {review_every: 0}}\n", "tiers.1.review_every", 2, "0 days", "how many days"),
        ("tiers: {0: {on_inconclusive: refuse, promotion: manual, review_every: 1}}\n", "tiers.0", 2, "tier 0", "from 1"),
        ("tiers: {4: {on_inconclusive: refuse, promotion: manual, review_every: 1}}\n", "tiers.4", 2, "no rule with a limit", "Add 4"),
        ("tiers: {one: {on_inconclusive: refuse, promotion: manual, review_every: 1}}\n", "tiers.one", 2, "the key 'one'", "whole number"),
        ("tier_table: []\n", "tier_table", 2, "no rows", "at_least: {}"),
        ("tier_table: null\n", "tier_table", None, "no `tier_table`", "Add"),
        (TABLE + "  - {tier: 3, at_least: {materiality: low}, because: b}\n", "tier_table[0]", 3, "a last row with conditions", "at_least: {}"),
        (TABLE + LAST + LAST, "tier_table[0]", 3, "applies to every model", "move it to the end"),
        (TABLE + "  - {tier: 2, at_least: {exposure: external}, because: b}\n  - {tier: 1, at_least: {materiality: high}, because: b}\n" + LAST, "tier_table[1].tier", 4, "tier 1 below a row of tier 2", "Move the row up"),
        (TABLE + "  - {tier: 9, at_least: {}, because: b}\n", "tier_table[0].tier", 3, "tier 9", "under `tiers`"),
        (TABLE + "  - {tier: 1, at_least: {materialty: high}, because: b}\n" + LAST, "tier_table[0].at_least.materialty", 3, "unknown key", "Write `materiality`"),
        (TABLE + "  - {tier: 1, at_least: {materiality: hi}, because: b}\n" + LAST, "tier_table[0].at_least.materiality", 3, "'hi'", "high"),
        (TABLE + "  - {tier: 1, because: b}\n" + LAST, "tier_table[0].at_least", 3, "no `at_least`", "at_least: {}"),
        ("rule: {}\n", "rule", 2, "the unknown key `rule`", "Write `rules`"),
        ("notify: {risk: {}}\n", "notify.risk.url", 2, "no `url`", "env:RISK_CHANNEL"),
        ("notify: {risk: {url: 5}}\n", "notify.risk.url", 2, "5", "in quotes"),
        ("notify: {risk: {url: 'env:'}}\n", "notify.risk.url", 2, "without the name", "environment variable"),
        ("notify: {risk: {url: 'env:A B'}}\n", "notify.risk.url", 2, "without the name", "environment variable"),
        ("notify: {risk: {url: risk@example.com}}\n", "notify.risk.url", 2, "no address", "env:NAME"),
        ("notify: {risk: {url: 'mailto://ann:secret@example.com'}}\n", "notify.risk.url", 2, "a password", "env:NAME"),
        ("notify: {risk: {url: 'env:A', about: [refusal]}}\n", "notify.risk.about[0]", 2, "'refusal'", "refused"),
        ("notify: {risk: {url: 'env:A', to: x}}\n", "notify.risk.to", 2, "unknown key", "Remove it"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_explained(text: str, key: str, line: int | None, found: str, remedy: str):
    fault = {each.key: each for each in faults_of(text)}[key]
    assert fault.line == line
    assert line is None or fault.file == "policy.yaml"
    assert found in fault.found
    assert remedy in fault.remedy


def test_a_fault_of_an_address_does_not_repeat_the_address():
    faults = faults_of("notify: {risk: {url: 'mailto://ann:s3cret@example.com'}}\n")
    assert not any("s3cret" in str(fault) for fault in faults)


def test_audiences_hear_of_everything_unless_they_say_otherwise_and_void_no_decision():
    text = "schema: model-risk/policy@1\nnotify: {risk: {url: 'env:A'}, lending: {url: 'json://h/x', about: [refused], owners: ['team:l']}}\n"
    policy = policy_from(text, name="policy.yaml", catalogue=CATALOGUE)
    assert policy.digest == shipped_policy().digest
    assert policy.audiences == (
        Audience("risk", "env:A", tuple(News)),
        Audience("lending", "json://h/x", (News.REFUSED,), ("team:l",)),
    )


def test_a_policy_of_another_version_is_refused():
    with pytest.raises(InvalidDocument) as caught:
        policy_from("schema: model-risk/policy@2\n", name="policy.yaml", catalogue=CATALOGUE)
    assert caught.value.faults[0].key == "schema"


def test_an_empty_policy_file_is_refused():
    with pytest.raises(InvalidDocument, match="an empty document"):
        policy_from("# nothing\n", name="policy.yaml", catalogue=CATALOGUE)


def test_all_faults_of_a_policy_come_at_once():
    text = (
        "rules:\n"
        "  auc_above_flor: {metric: auc, floor: 0.6, tiers: [1]}\n"
        "  auc_above_floor: {floor: 60}\n"
        "  better_than_naive: {confidence: 95, tiers: [4]}\n"
        "  gone: null\n"
        "tiers: {1: {promotion: auto}}\n"
    )
    assert [(fault.line, fault.key) for fault in faults_of(text)] == [
        (3, "rules.auc_above_flor"),
        (4, "rules.auc_above_floor.floor"),
        (5, "rules.better_than_naive.confidence"),
        (5, "rules.better_than_naive.tiers[0]"),
        (6, "rules.gone"),
        (7, "tiers.1.promotion"),
    ]


def test_dropping_every_rule_of_a_tier_is_a_fault_since_all_would_be_releasable():
    in_tier_3 = [
        name for name, rule in shipped_policy().rules.items() if not rule.is_slot and 3 in rule.tiers
    ]
    only = "".join(f"  {name}: {{tiers: [1, 2]}}\n" for name in in_tier_3)
    assert (
        "no rule with a limit"
        in {fault.key: fault for fault in faults_of("rules:\n" + only)}["tiers.3"].found
    )


# --- obligations -------------------------------------------------------------------------------------------


def test_an_unknown_model_owes_what_tier_1_owes():
    asked = asked_of(None)
    assert asked["favourable_outcomes_within_four_fifths"].is_required
    assert asked["rollback_plan_tested"].is_required


def test_every_obligation_says_why_from_fact_policy_line_and_mapping():
    for each in asked_of(an_intake(materiality="high")).values():
        if each.is_required:
            assert "Policy requires it in tier 2 (policies/default.yaml:" in each.why[0]
            assert "materiality is high" in each.why[1]
            assert "policies/default.yaml:" in each.why[1]
            assert any("It is evidence for" in sentence for sentence in each.why)


def test_a_control_that_another_tier_owes_says_so():
    each = asked_of(an_intake())["auc_above_floor"]
    assert each.not_applicable is not None
    assert "Tier 3 does not require it (policies/default.yaml:" in each.not_applicable


def test_a_slot_without_a_threshold_does_not_apply():
    each = asked_of(an_intake(materiality="high"))["accuracy_above_floor"]
    assert "No threshold for accuracy is set" in (each.not_applicable or "")
    assert each.rule.limits is None


def test_a_threshold_makes_its_control_apply_in_every_tier():
    asked = asked_of(an_intake("thresholds: {auc: 0.72, accuracy: 0.9}\n"))
    assert asked["auc_above_floor"].is_required
    assert asked["auc_above_floor"].rule.floor == 0.72
    assert asked["accuracy_above_floor"].rule.limits is not None
    assert asked["auc_above_floor"].why[0] == "The intake sets auc to 0.72 (models/m.yaml:7)"
    assert asked["auc_above_floor"].rule.source.endswith(", models/m.yaml:7")


def test_identifiers_are_compared_only_where_the_intake_names_one():
    without = asked_of(an_intake(materiality="high"))["training_ids_not_leaked"]
    assert "data.id" in (without.not_applicable or "")
    named = an_intake(materiality="high", data="sensitive: [sex], id: k")
    assert asked_of(named)["training_ids_not_leaked"].is_required


@pytest.mark.parametrize(
    ("data", "affects", "required"),
    [
        ("sensitive: [sex]", "individuals", True),
        ("sensitive: []", "individuals", True),  # nor is an empty list
        ("sensitive: []", "nobody", False),
        ("exclude: []", "individuals", True),  # not declared at all: silence is no way out
        ("exclude: []", "nobody", False),
        ("sensitive: [sex]", "nobody", True),
    ],
)
def test_leaving_the_groups_out_does_not_escape_the_rule_on_groups(data: str, affects: str, required: bool):
    text = INTAKE.replace("MATERIALITY", "high").replace("sensitive: [sex]", data)
    intake = intake_from(text.replace("affects: individuals", f"affects: {affects}"), name="m")
    assert asked_of(intake)["favourable_outcomes_within_four_fifths"].is_required is required


# --- thresholds may only tighten -----------------------------------------------------------------------------


def threshold_fault(thresholds: str, *, under: Policy | None = None) -> Fault:
    with pytest.raises(InvalidDocument) as caught:
        asked_of(an_intake(f"thresholds: {{{thresholds}}}\n"), under=under)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == ("models/m.yaml", 7)
    return fault


@pytest.mark.parametrize(
    ("threshold", "control", "span"),
    [
        ("auc: 0.72", "auc_above_floor", (0.72, None)),
        ("auc: 0.5", "auc_above_floor", (0.5, None)),
        ("accuracy: 0.1", "accuracy_above_floor", (0.1, None)),
        ("false_positive_rate: 0.2", "false_positive_rate_below_ceiling", (None, 0.2)),
        ("brier: 0.2", "brier_below_ceiling", (None, 0.2)),
        ("rows_seen_beyond_chance: 0", "training_data_not_leaked", (None, 0.0)),
        ("selection_rate_ratio: 0.9", "favourable_outcomes_within_four_fifths", (0.9, 1 / 0.9)),
        ("selection_rate_ratio: 0.8", "favourable_outcomes_within_four_fifths", (0.8, 1.25)),
        ("calibration_slope: 0.8", "calibration_slope_near_one", (0.8, 1.25)),
        ("calibration_intercept: 0.2", "calibration_intercept_near_zero", (-0.2, 0.2)),
        ("true_positive_rate_difference: 0.1", "equal_opportunity_within_limit", (-0.1, 0.1)),
        ("accuracy_difference: -0.01", "not_worse_than_champion", (-0.01, None)),
    ],
)
def test_a_threshold_tightens_in_the_direction_of_its_rule(
    threshold: str, control: str, span: tuple[float | None, float | None]
):
    rule = asked_of(an_intake(f"thresholds: {{{threshold}}}\n"))[control].rule
    assert (rule.floor, rule.ceiling) == span


@pytest.mark.parametrize(
    ("threshold", "found", "expected"),
    [
        ("auc: 0.49", "0.49", "at least 0.5, as policy has it (policies/default.yaml:"),
        ("rows_seen_beyond_chance: 0.02", "0.02", "at most 0.01"),
        ("selection_rate_ratio: 0.7", "0.7", "at least 0.8"),
        ("calibration_slope: 0.6", "0.6", "at least 0.67"),
        ("calibration_intercept: 0.5", "0.5, which allows -0.5", "at least -0.405"),
        ("accuracy_difference: -0.03", "-0.03", "at least -0.02"),
        ("calibration_slope: 1.2", "1.2", "above 0 and at most 1"),
        ("calibration_intercept: -0.2", "-0.2", "above 0"),
        ("selection_rate_ratio: 0", "0", "above 0 and at most 1"),
        ("auc: 72", "72", "a number from 0 to 1"),
        ("accuracy: -0.1", "-0.1", "a number from 0 to 1"),
    ],
)
def test_a_threshold_that_loosens_policy_is_refused_with_both_numbers(
    threshold: str, found: str, expected: str
):
    fault = threshold_fault(threshold)
    assert found in fault.found
    assert expected in fault.expected


def test_a_percentage_is_recognised():
    assert threshold_fault("auc: 72").remedy == "Write `auc: 0.72`"


def test_an_unknown_metric_is_refused_with_the_nearest():
    fault = threshold_fault("acuracy: 0.9")
    assert "which no rule judges" in fault.found
    assert fault.remedy == "Write `accuracy`"


def test_a_metric_whose_rule_was_dropped_is_refused_rather_than_ignored():
    fault = threshold_fault("auc: 0.9", under=policy("rules: {auc_above_floor: null}\n"))
    assert "no rule judges" in fault.found


def test_all_wrong_thresholds_come_at_once():
    read = an_intake("thresholds:\n  auc: 0.1\n  acuracy: 1\n  brier: 3\n")
    faults = threshold_faults(shipped_policy(), CATALOGUE, read.intake, document=read.document)
    assert [(fault.line, fault.key) for fault in faults] == [
        (8, "thresholds.auc"),
        (9, "thresholds.acuracy"),
        (10, "thresholds.brier"),
    ]


NAMES = sorted(shipped_policy().rules)


@given(
    control=st.sampled_from(NAMES),
    threshold=st.floats(-2, 2, allow_nan=False) | st.sampled_from([0.0, 0.5, 0.8, 1.0, -0.02, 0.405]),
)
def test_no_threshold_ever_admits_what_policy_does_not(control: str, threshold: float):
    rule = shipped_policy().rules[control]
    intake = an_intake(f"thresholds: {{{rule.metric}: {threshold:.17f}}}\n").intake
    try:
        tightened = limits(rule, intake, catalogue=CATALOGUE)
    except InvalidDocument:
        return
    assert rule.floor is None or (tightened.floor is not None and tightened.floor >= rule.floor)
    assert rule.ceiling is None or (tightened.ceiling is not None and tightened.ceiling <= rule.ceiling)
    assert tightened.limits is not None


def test_the_effective_rule_gives_the_limits_a_verdict_needs():
    rule = asked_of(an_intake(materiality="high"))["auc_above_floor"].rule
    assert rule.limits is not None
    assert (rule.limits.floor, rule.limits.ceiling, rule.limits.confidence) == (0.5, None, 0.95)
    assert rule.limits.minimum_events == 10


# --- tasks ---------------------------------------------------------------------------------------------------


def of_task(task: str, extra: str = "") -> IntakeDocument:
    text = INTAKE.replace("MATERIALITY", "high").replace("binary_classification", task)
    return intake_from(text.replace("positive: 1, ", "") + extra, name="models/m.yaml")


def test_a_control_of_another_task_does_not_apply_and_says_whose_it_is():
    asked = asked_of(of_task("regression"))
    assert asked["errors_below_naive"].is_required
    assert asked["errors_alike_between_groups"].is_required
    assert asked["better_than_naive"].not_applicable == (
        "It judges binary classification and multiclass classification; the task of this model is regression"
    )
    several = asked_of(of_task("multiclass_classification"))
    assert several["better_than_naive"].is_required
    assert several["favourable_outcomes_within_four_fifths"].is_required
    assert not several["auc_above_floor"].is_required
    assert not several["errors_below_naive"].is_required


def test_a_model_without_intake_has_no_task_so_the_controls_of_all_apply():
    required = required_of(None)
    assert {"better_than_naive", "errors_below_naive", "auc_above_floor"} <= required


def test_every_task_is_held_to_a_naive_model_to_the_champion_and_in_tier_2_to_its_groups():
    for task, wanted in {
        "multiclass_classification": {
            "better_than_naive",
            "not_worse_than_champion",
            "favourable_outcomes_within_four_fifths",
        },
        "regression": {"errors_below_naive", "errors_no_worse_than_champion", "errors_alike_between_groups"},
    }.items():
        assert wanted <= required_of(of_task(task))


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("regression", "auc"),
        ("regression", "accuracy"),
        ("multiclass_classification", "auc"),
        ("multiclass_classification", "mae"),
    ],
)
def test_a_limit_on_a_metric_of_another_task_is_a_fault(task: str, metric: str):
    read = of_task(task, f"thresholds: {{{metric}: 0.6}}\n")
    (fault,) = threshold_faults(shipped_policy(), CATALOGUE, read.intake, document=read.document)
    assert f"no rule judges in {task.replace('_', ' ')}" in fault.found


def test_a_limit_in_the_targets_units_may_be_any_size():
    asked = asked_of(of_task("regression", "thresholds: {mae: 250000, mean_error: 1000, r_squared: -0.5}\n"))
    assert asked["mae_below_ceiling"].rule.ceiling == 250_000
    assert (asked["mean_error_within_limit"].rule.floor, asked["mean_error_within_limit"].rule.ceiling) == (
        -1000,
        1000,
    )
    assert asked["r_squared_above_floor"].rule.floor == -0.5
