from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrisk.intake import SCALES, Affects, Automation, Exposure, Fact, Facts, Materiality, severity, worst
from modelrisk.policy_documents import shipped_policy
from modelrisk.tiering import TierRow, tier_of
from modelrisk.yaml_documents import Place

SOMEWHERE = Place("policy.yaml", 1)


def row(tier: int, **at_least: Fact) -> TierRow:
    return TierRow(tier, at_least, f"because of {tier}", Place("policy.yaml", 10 + tier))


def any_facts() -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts, **{name: st.none() | st.sampled_from(list(scale)) for name, scale in SCALES.items()}
    )


@st.composite
def any_table(draw: st.DrawFn) -> tuple[TierRow, ...]:
    levels = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(list(scale)) for name, scale in SCALES.items()}
    )
    rows = draw(st.lists(st.tuples(st.integers(1, 4), levels.filter(bool)), max_size=8))
    ordered = sorted(rows, key=lambda each: each[0])
    return (*(TierRow(tier, at_least, "b", SOMEWHERE) for tier, at_least in ordered), row(4))


def raised(facts: Facts, name: str) -> Facts:
    """The same facts with one of them a step more severe, or missing."""
    values: dict[str, Fact | None] = {each: facts[each] for each in SCALES}
    scale = list(SCALES[name])
    value = values[name]
    values[name] = None if value is None else scale[min(severity(value) + 1, len(scale) - 1)]
    return Facts(**values)  # type: ignore[arg-type]


@given(table=any_table(), facts=any_facts(), name=st.sampled_from(list(SCALES)))
def test_raising_a_fact_never_lowers_the_tier(table: tuple[TierRow, ...], facts: Facts, name: str):
    assert tier_of(table, raised(facts, name)).tier <= tier_of(table, facts).tier


@given(table=any_table(), facts=any_facts(), name=st.sampled_from(list(SCALES)))
def test_leaving_a_fact_out_never_lowers_the_tier(table: tuple[TierRow, ...], facts: Facts, name: str):
    values: Mapping[str, Fact | None] = {each: None if each == name else facts[each] for each in SCALES}
    assert tier_of(table, Facts(**values)).tier <= tier_of(table, facts).tier  # type: ignore[arg-type]


@given(table=any_table(), facts=any_facts())
def test_the_tier_is_that_of_the_first_row_that_applies(table: tuple[TierRow, ...], facts: Facts):
    decision = tier_of(table, facts)
    first = next(each for each in table if each.applies_to(facts))
    assert decision.row == first
    assert len(decision.spared) == sum(each.tier < decision.tier for each in table)


def test_even_a_table_out_of_order_yields_the_most_severe_row():
    table = (row(2, materiality=Materiality.LOW), row(1, materiality=Materiality.HIGH), row(3))
    assert tier_of(table, Facts(materiality=Materiality.HIGH)).tier == 1


def test_no_intake_counts_as_the_worst_of_everything():
    decision = shipped_policy().tier_of(None)
    assert decision.tier == 1
    assert set(decision.missing) == {"materiality", "affects", "automation"}
    assert "materiality is not declared and counts as the worst, high" in decision.sentence


def test_the_reasons_name_fact_value_line_and_why():
    table = (row(1, materiality=Materiality.MEDIUM, affects=Affects.STAFF), row(3))
    decision = tier_of(table, Facts(materiality=Materiality.HIGH, affects=Affects.STAFF))
    first, second = decision.reasons
    assert (first.fact, first.value, first.at_least, first.is_missing) == (
        "materiality",
        "high",
        "medium",
        False,
    )
    assert second.fact == "affects"
    assert str(first) == "materiality is high; this tier begins at medium: because of 1 (policy.yaml:11)"


def test_the_last_row_says_what_kept_the_model_from_stricter_tiers():
    table = (row(1, materiality=Materiality.HIGH, affects=Affects.STAFF), row(3))
    facts = Facts(materiality=Materiality.LOW, affects=Affects.PUBLIC)
    decision = tier_of(table, facts)
    assert decision.tier == 3
    assert str(decision.reasons[0]) == "No stricter row applies: because of 3 (policy.yaml:13)"
    assert decision.spared == ("Not tier 1: materiality is low, below high (policy.yaml:11)",)


@pytest.mark.parametrize(
    ("facts", "tier"),
    [
        (("high", "individuals", "recommends", "external"), 1),  # a mortgage approval
        (("high", "individuals", "decides", "external"), 1),
        (("high", "public", "informs", "internal"), 1),
        (("high", "nobody", "decides", "internal"), 1),  # automated trading
        (("medium", "individuals", "decides", "external"), 1),
        (("high", "individuals", "informs", "internal"), 2),
        (("high", "nobody", "informs", "internal"), 2),
        (("medium", "individuals", "recommends", "internal"), 2),
        (("medium", "nobody", "informs", "external"), 2),
        (("medium", "nobody", "decides", "internal"), 2),
        (("low", "staff", "decides", "internal"), 2),
        (("low", "individuals", "decides", "internal"), 2),
        (("medium", "individuals", "informs", "internal"), 3),  # a second opinion for a clinician
        (("low", "individuals", "informs", "internal"), 3),
        (("low", "individuals", "recommends", "external"), 3),  # which film to watch next
        (("low", "nobody", "decides", "external"), 3),
        (("low", "staff", "informs", "internal"), 3),
    ],
)
def test_the_shipped_table_is_proportionate(facts: tuple[str, str, str, str], tier: int):
    materiality, affects, automation, exposure = facts
    declared = Facts(
        materiality=Materiality(materiality),
        affects=Affects(affects),
        automation=Automation(automation),
        exposure=Exposure(exposure),
    )
    decision = tier_of(shipped_policy().tier_table, declared)
    assert decision.tier == tier, decision.sentence


def test_every_row_of_the_shipped_table_decides_for_somebody():
    table = shipped_policy().tier_table
    decided = {
        id(tier_of(table, Facts(materiality=m, affects=a, automation=o, exposure=e)).row)
        for m in Materiality
        for a in Affects
        for o in Automation
        for e in Exposure
    }
    assert decided == {id(each) for each in table}


def test_the_worst_of_each_scale_is_its_last():
    assert [worst(name) for name in SCALES] == [list(scale)[-1] for scale in SCALES.values()]
