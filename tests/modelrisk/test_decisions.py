"""The decision and its clearance fail closed: nothing taken away, aged or forged ever opens the gate."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.catalogue import shipped_catalogue
from modelrisk.decisions import (
    Actor,
    Clearance,
    DecisionRecord,
    EvaluationUses,
    ExitCode,
    Kind,
    Outcome,
    Submission,
    Tool,
    assess,
    clear,
    decide,
)
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.evidence import canonical_bytes, decoded
from modelrisk.identity import ModelVersion
from modelrisk.intake import IntakeDocument, intake_from
from modelrisk.metrics.intervals import estimate
from modelrisk.policy import Obligation, OnInconclusive, Scope, obligations
from modelrisk.policy_documents import shipped_policy
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence
from modelrisk.verdicts import Verdict

CATALOGUE, POLICY = shipped_catalogue(), shipped_policy()
VERSION = ModelVersion("loan", "3")
STATES = ("passes", "fails", "straddles", "broken")
EXPECTED = dict(
    zip(STATES, (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.NOT_EVALUABLE), strict=True)
)
NOW = BoundDigests(
    **{
        name: "sha256:" + f"{position:x}" * 64
        for position, name in enumerate(
            ("model", "environment", "evaluation", "training", "intake", "policy", "catalogue"), start=1
        )
    },
    champion="none",
)
DIGESTS = ("model", "environment", "evaluation", "training", "champion", "intake", "policy", "catalogue")
GONE = Problem(Blame.UNAVAILABLE, "no file", "the evaluation data", "Put it back")
ONE_CLASS = Problem(Blame.UNFIT, "one class", "both classes", "Evaluate on data with both outcomes")


def intake_of(tier: int) -> IntakeDocument:
    materiality, affects = {1: ("high", "individuals"), 2: ("high", "staff"), 3: ("low", "individuals")}[tier]
    document = intake_from(
        f"""\
model: loan
owner: team:lending
purpose: Ranks applications.
task: binary_classification
facts: {{materiality: {materiality}, affects: {affects}, automation: recommends, exposure: internal}}
data: {{evaluation: e.csv, label: y, positive: 1, sensitive: [sex], id: id}}
""",
        name="models/loan.yaml",
    )
    assert POLICY.tier_of(document.intake).tier == tier
    return document


def asked(tier: int) -> tuple[Obligation, ...]:
    intake = intake_of(tier).intake
    return obligations(POLICY, CATALOGUE, POLICY.tier_of(intake), intake)


ASKED = {tier: asked(tier) for tier in (1, 2, 3)}
REQUIRED = {tier: [each for each in ASKED[tier] if each.is_required] for tier in ASKED}
IDS = sorted({each.control.id for tier in REQUIRED for each in REQUIRED[tier]})
STAGES = sorted({control.asset for control in CATALOGUE.controls.values()})


def measured(obligation: Obligation, state: str) -> list[Estimate]:
    """An estimate in the wanted relation to the rule's limits; for every group but the reference if asked."""
    rule = obligation.rule
    cohorts = [{"sex": "F"}, {"sex": "X"}] if rule.scope is Scope.GROUPS else [{}]
    within = [limit for limit in (rule.floor, rule.ceiling) if limit is not None]
    beyond = rule.floor - 1 if rule.floor is not None else within[0] + 1
    value, error = {
        "passes": (sum(within) / len(within) if len(within) == 2 else 2 * within[0] - beyond, 1e-6),
        "fails": (beyond, 1e-6),
        "straddles": (within[0], 1.0),
        "broken": (0.0, 0.0),
    }[state]
    inputs = {"value": value, "standard_error": error, "n": 9000, "events": 4000}
    return [
        not_evaluable(rule.metric, "it broke; mend it", cohort=cohort)
        if state == "broken"
        else estimate(
            rule.metric,
            "wald_normal",
            inputs,
            confidence=0.95,
            cohort=cohort,
            group=cohort.get("sex"),
            reference="M" if cohort else None,
        )
        for cohort in cohorts
    ]


def submitted(states: Mapping[str, str] | None = None, *, tier: int = 1) -> Submission:
    """Everything the tier asks for; what is not named passes."""
    rates = [
        estimate(
            "selection_rate",
            "clopper_pearson",
            {"events": 50, "n": 100},
            confidence=0.95,
            cohort={"sex": group},
        )
        for group in ("F", "M", "X")
    ]
    found: dict[str, list[Estimate]] = {stage: [] for stage in STAGES}
    found["evaluation/quality"] += rates
    for each in REQUIRED[tier]:
        found[each.control.asset] += measured(each, (states or {}).get(each.control.id, "passes"))
    intake = intake_of(tier).intake
    return Submission(
        version=VERSION,
        title="Loan default",
        owner=intake.owner,
        tier=POLICY.tier_of(intake),
        champion="there is no champion yet",
        bound=NOW,
        obligations=ASKED[tier],
        stages={
            stage: StageEvidence(stage, VERSION, NOW, estimates=tuple(members))
            for stage, members in found.items()
        },
        evidence=dict.fromkeys(STAGES, "sha256:" + "e" * 64),
        predictions="sha256:" + "f" * 64,
        isolation="process, no network",
        uses=EvaluationUses(reviews=0, previews=0),
    )


def decided(submission: Submission, kind: Kind = Kind.DECISION) -> DecisionRecord:
    return decide(
        submission,
        kind=kind,
        identifier="8a1b",
        decided_at="2026-11-23T12:00:00Z",
        actor=Actor("user", "tester"),
        tool=Tool("0.1.0", "3.11.7", {}),
    )


def without(submission: Submission, stages: Collection[str]) -> Submission:
    return replace(
        submission, stages={name: kept for name, kept in submission.stages.items() if name not in stages}
    )


def changed(submission: Submission, stage: str, **changes: object) -> Submission:
    return replace(
        submission,
        stages={**submission.stages, stage: replace(submission.stages[stage], **changes)},
    )


def verdicts(record: DecisionRecord) -> dict[str, Verdict]:
    return {control.id: control.verdict for control in record.controls}


patient = settings(deadline=None, max_examples=60)  # a busy machine is not a fault
tiers = st.sampled_from(sorted(ASKED))
some_states = st.dictionaries(st.sampled_from(IDS), st.sampled_from(STATES), max_size=4)
some_stages = st.sets(st.sampled_from(STAGES), min_size=1)


# --- deciding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_a_version_that_passes_everything_its_tier_asks_is_releasable(tier):
    record = decided(submitted(tier=tier))
    assert record.verdict is Outcome.RELEASABLE, record.headline
    assert record.exit_code is ExitCode.RELEASABLE
    assert record.findings == ()
    assert record.is_reusable


@patient
@given(states=some_states, tier=tiers)
def test_a_decision_is_releasable_exactly_if_no_control_blocks(states, tier):
    record = decided(submitted(states, tier=tier))
    assert (record.verdict is Outcome.RELEASABLE) == (not any(control.blocks for control in record.controls))
    found = verdicts(record)
    for each in REQUIRED[tier]:
        assert found[each.control.id] is EXPECTED[states.get(each.control.id, "passes")]


@patient
@given(states=some_states, gone=some_stages, tier=tiers)
def test_taking_stages_away_never_opens_the_gate(states, gone, tier):
    whole = submitted(states, tier=tier)
    needed = {each.control.asset for each in REQUIRED[tier]}
    record = decided(without(whole, gone))
    if gone & needed:
        assert record.verdict is Outcome.REFUSED
    else:
        assert record.verdict is decided(whole).verdict


@patient
@given(states=some_states, tier=tiers, stage=st.sampled_from(STAGES), name=st.sampled_from(DIGESTS))
def test_a_stage_about_other_bytes_never_opens_the_gate(states, tier, stage, name):
    whole = submitted(states, tier=tier)
    old = changed(whole, stage, bound=replace(NOW, **{name: "sha256:" + "0" * 64}))
    record = decided(old)
    if decided(whole).verdict is Outcome.REFUSED:
        assert record.verdict is Outcome.REFUSED
    stale = [control for control in record.controls if control.asset == stage and control.rule]
    assert all(control.verdict is Verdict.NOT_EVALUABLE for control in stale)
    assert all(name in control.reason for control in stale)


@patient
@given(states=some_states, tier=tiers, data=st.data())
def test_taking_estimates_away_never_opens_the_gate(states, tier, data):
    """Of every metric a rule judges; the selection rates say which groups there must be."""
    whole = submitted(states, tier=tier)
    stage = data.draw(st.sampled_from(sorted({each.control.asset for each in REQUIRED[tier]})))
    members = whole.stages[stage].estimates
    kept = tuple(
        member
        for member in members
        if member.metric == "selection_rate" or not data.draw(st.booleans(), label=member.metric)
    )
    record = decided(changed(whole, stage, estimates=kept))
    if decided(whole).verdict is Outcome.REFUSED:
        assert record.verdict is Outcome.REFUSED


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("state", ["fails", "broken"])
def test_a_failed_and_a_not_evaluable_control_refuse_in_every_tier(tier, state):
    for each in REQUIRED[tier]:
        record = decided(submitted({each.control.id: state}, tier=tier))
        assert record.verdict is Outcome.REFUSED, each.control.id
        assert [control.id for control in record.binding] == [each.control.id]


@pytest.mark.parametrize(("tier", "outcome"), [(1, "refused"), (2, "refused"), (3, "releasable")])
def test_an_inconclusive_control_follows_its_tier_and_is_owed_either_way(tier, outcome):
    record = decided(submitted({"better_than_naive": "straddles"}, tier=tier))
    assert record.verdict == outcome
    (finding,) = record.findings
    assert finding.control == "better_than_naive"
    assert finding.blocks is (outcome == "refused")


def test_a_rules_own_word_on_the_inconclusive_wins_over_its_tiers():
    whole = submitted({"better_than_naive": "straddles"})
    lenient = tuple(
        replace(each, on_inconclusive=OnInconclusive.FINDING)
        if each.control.id == "better_than_naive"
        else each
        for each in whole.obligations
    )
    assert decided(replace(whole, obligations=lenient)).verdict is Outcome.RELEASABLE


def test_a_group_that_was_found_but_not_compared_is_not_evaluable():
    whole = submitted()
    ratios = whole.stages["evaluation/fairness"].estimates
    record = decided(changed(whole, "evaluation/fairness", estimates=ratios[:-1]))
    assert verdicts(record)["favourable_outcomes_within_four_fifths"] is Verdict.NOT_EVALUABLE
    assert record.verdict is Outcome.REFUSED


def test_an_estimate_of_one_group_is_no_answer_to_a_rule_on_all_rows():
    whole = submitted()
    women = tuple(
        replace(member, cohort={"sex": "F"}) if member.metric == "auc" else member
        for member in whole.stages["evaluation/quality"].estimates
    )
    record = decided(changed(whole, "evaluation/quality", estimates=women))
    assert verdicts(record)["auc_above_floor"] is Verdict.NOT_EVALUABLE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None])
def test_no_value_that_is_not_a_number_passes_any_control(value):
    for each in REQUIRED[1]:
        whole = submitted()
        members = tuple(
            replace(member, value=value) if member.metric == each.rule.metric else member
            for member in whole.stages[each.control.asset].estimates
        )
        record = decided(changed(whole, each.control.asset, estimates=members))
        assert verdicts(record)[each.control.id] is Verdict.NOT_EVALUABLE


def test_a_policy_that_asks_for_nothing_releases_nothing():
    record = decided(replace(submitted(), obligations=()))
    assert record.verdict is Outcome.REFUSED
    assert "no control was judged" in record.headline


def test_a_control_the_stage_calls_not_applicable_says_why_and_does_not_block():
    facts = dict.fromkeys(
        ("accuracy_difference", "auc_difference"), "there is no champion yet; nothing to compare"
    )
    whole = changed(submitted(), "evaluation/champion_comparison", estimates=(), not_applicable=facts)
    record = decided(whole)
    assert record.verdict is Outcome.RELEASABLE
    control = next(each for each in record.controls if each.id == "not_worse_than_champion")
    assert control.verdict is Verdict.NOT_APPLICABLE
    assert "no champion" in control.reason


# --- exit codes, findings, reuse -------------------------------------------------------------------------


@pytest.mark.parametrize(("problem", "code"), [(GONE, ExitCode.NOT_EVALUATED), (ONE_CLASS, ExitCode.REFUSED)])
@pytest.mark.parametrize("stage", ["validation/evaluation_data", "evaluation/quality"])
def test_the_exit_code_tells_an_unfit_case_from_one_that_could_not_be_evaluated(problem, code, stage):
    record = decided(changed(submitted(), stage, estimates=(), problem=problem))
    assert record.verdict is Outcome.REFUSED
    assert record.exit_code is code
    assert bool(record.not_evaluated) is (code is ExitCode.NOT_EVALUATED)
    assert problem.remedy in record.findings[0].message
    assert record.findings[0].next_action == f"{problem.remedy}."  # before what the control itself asks
    assert not record.is_reusable


def test_what_no_required_control_depends_on_may_be_out_of_reach():
    record = decided(changed(submitted(tier=3), "evaluation/fairness", estimates=(), problem=GONE))
    assert record.exit_code is ExitCode.RELEASABLE


@patient
@given(states=some_states, tier=tiers)
def test_only_a_decision_in_which_everything_was_evaluated_is_answered_again(states, tier):
    record = decided(submitted(states, tier=tier))
    assert record.is_reusable is (Verdict.NOT_EVALUABLE not in verdicts(record).values())


@patient
@given(states=some_states, tier=tiers)
def test_whatever_did_not_pass_is_owed_by_someone_with_a_next_action(states, tier):
    record = decided(submitted(states, tier=tier))
    owed = {finding.control for finding in record.findings}
    assert owed == {
        control.id
        for control in record.controls
        if control.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
    }
    for finding in record.findings:
        assert finding.owner == "team:lending"
        assert len(finding.next_action) > 20
        assert len(finding.message) > 20
    blocking = [finding.blocks for finding in record.findings]
    assert blocking == sorted(blocking, reverse=True)
    if record.findings and record.findings[0].blocks:
        assert record.headline.startswith("Refused")


@settings(patient, max_examples=15)
@given(states=some_states, tier=tiers)
def test_the_record_survives_its_canonical_form(states, tier):
    record = decided(submitted(states, tier=tier))
    assert decoded(DecisionRecord, canonical_bytes(record)) == record


def test_each_required_control_says_why_it_is_required_and_by_which_rule():
    for control in decided(submitted()).controls:
        if control.verdict is not Verdict.NOT_APPLICABLE:
            assert control.rule is not None
            assert "default.yaml" in control.rule.source
            assert any("tier" in reason.lower() for reason in control.why_required)


def test_the_check_of_a_stage_and_the_decision_agree():
    whole = submitted({"auc_above_floor": "fails", "better_than_naive": "straddles"})
    record = decided(whole)
    for each, control in zip(whole.obligations, record.controls, strict=True):
        stage = whole.stages[each.control.asset]
        assert assess(each, stage, current=NOW, cohorts=whole.cohorts) == control


# --- clearance -------------------------------------------------------------------------------------------


def cleared(
    record: DecisionRecord,
    *,
    version: ModelVersion = VERSION,
    current: BoundDigests = NOW,
    tier: int = 1,
    asks: tuple[Obligation, ...] | None = None,
    restores_champion: bool = False,
) -> Clearance:
    return clear(
        record,
        record_digest="sha256:" + "d" * 64,
        version=version,
        current=current,
        obligations=ASKED[tier] if asks is None else asks,
        restores_champion=restores_champion,
    )


@pytest.fixture(scope="module")
def releasable() -> DecisionRecord:
    return decided(submitted())


def test_a_releasable_decision_on_what_is_there_now_is_cleared(releasable):
    assert cleared(releasable).cleared


@pytest.mark.parametrize(
    ("name", "now"),
    [(name, "sha256:" + "0" * 64) for name in DIGESTS] + [(name, None) for name in DIGESTS[:6]],
)
def test_each_changed_or_unreadable_digest_is_named_and_refused(releasable, name, now):
    found = cleared(releasable, current=replace(NOW, **{name: now}))
    assert not found.cleared
    assert name in " ".join(found.reasons)
    assert f"model-risk review {VERSION}" in " ".join(found.reasons)


def test_a_waiver_that_came_or_went_is_refused(releasable):
    assert not cleared(releasable, current=replace(NOW, waivers=("sha256:" + "0" * 64,))).cleared


@pytest.mark.parametrize("name", DIGESTS)
def test_restoring_the_champion_forgives_its_own_alias_and_nothing_else(releasable, name):
    now = replace(NOW, **{name: "sha256:" + "0" * 64})
    assert cleared(releasable, current=now, restores_champion=True).cleared is (name == "champion")


def test_a_model_that_can_be_read_neither_then_nor_now_is_refused(releasable):
    unread = replace(NOW, model=None)
    record = replace(releasable, bound=unread)
    assert not cleared(record, current=unread).cleared


def test_the_record_of_another_version_and_a_preview_are_no_decision(releasable):
    assert not cleared(releasable, version=ModelVersion("loan", "4")).cleared
    preview = cleared(decided(submitted(), Kind.PREVIEW))
    assert "preview" in preview.reasons[0]


@patient
@given(states=some_states, tier=tiers)
def test_what_was_refused_is_never_cleared(states, tier):
    record = decided(submitted(states, tier=tier))
    assert cleared(record, tier=tier).cleared is (record.verdict is Outcome.RELEASABLE)


@pytest.mark.parametrize("control", [each.control.id for each in REQUIRED[1]])
def test_a_control_that_was_never_judged_is_refused(releasable, control):
    kept = tuple(each for each in releasable.controls if each.id != control)
    found = cleared(replace(releasable, controls=kept))
    assert found.reasons == (f"{control} was never judged. Run `model-risk review {VERSION}` again",)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NOT_EVALUABLE, Verdict.INCONCLUSIVE])
@pytest.mark.parametrize("blocks", [True, False])
def test_a_releasable_record_with_a_control_that_did_not_pass_contradicts_itself(releasable, verdict, blocks):
    forged = tuple(
        replace(each, verdict=verdict, blocks=blocks) if each.id == "auc_above_floor" else each
        for each in releasable.controls
    )
    found = cleared(replace(releasable, controls=forged))
    assert not found.cleared
    assert "auc_above_floor" in " ".join(found.reasons)


def test_a_finding_becomes_a_reason_once_policy_refuses_the_inconclusive():
    record = decided(submitted({"better_than_naive": "straddles"}, tier=3))
    assert cleared(record, tier=3).cleared
    stricter = tuple(replace(each, on_inconclusive=OnInconclusive.REFUSE) for each in ASKED[3])
    assert not cleared(record, asks=stricter).cleared


# --- regressions -----------------------------------------------------------------------------------------


def regression(groups: Collection[str], compared: Collection[str]) -> DecisionRecord:
    """A decision on a regression: errors of these groups, ratios to the reference M of those."""
    text = """
model: wages
owner: team:pay
purpose: Estimates wages.
task: regression
facts: {materiality: high, affects: individuals, automation: recommends, exposure: internal}
data: {evaluation: e.csv, label: y, sensitive: [sex]}
"""
    intake = intake_from(text, name="models/wages.yaml").intake
    tier = POLICY.tier_of(intake)
    mean = {"mean": 1.0, "variance": 0.01, "n": 900, "lowest": 0.0, "highest": 2.0}
    ratio = mean | {f"reference_{name}": value for name, value in mean.items()}
    submission = replace(
        submitted(),
        tier=tier,
        obligations=obligations(POLICY, CATALOGUE, tier, intake),
        stages={
            "evaluation/quality": StageEvidence(
                "evaluation/quality",
                VERSION,
                NOW,
                estimates=tuple(
                    estimate("mae", "student_mean", mean, confidence=0.95, cohort={"sex": group})
                    for group in groups
                ),
            ),
            "evaluation/fairness": StageEvidence(
                "evaluation/fairness",
                VERSION,
                NOW,
                estimates=tuple(
                    estimate(
                        "mae_ratio",
                        "mean_ratio",
                        ratio,
                        confidence=0.95,
                        cohort={"sex": group},
                        group=group,
                        reference="M",
                    )
                    for group in compared
                ),
            ),
        },
    )
    return decided(submission)


@pytest.mark.parametrize(
    ("groups", "compared", "verdict"),
    [
        ("FMX", "FX", Verdict.PASSED),
        ("FMX", "F", Verdict.NOT_EVALUABLE),
        ("FMX", "", Verdict.NOT_EVALUABLE),
        ("", "", Verdict.NOT_EVALUABLE),
    ],
)
def test_a_group_whose_errors_are_known_and_not_compared_never_helps(groups, compared, verdict):
    record = regression(groups, compared)
    found = {control.id: control for control in record.controls}
    assert found["errors_alike_between_groups"].verdict is verdict
    assert found["errors_alike_between_groups"].blocks is (verdict is not Verdict.PASSED)
