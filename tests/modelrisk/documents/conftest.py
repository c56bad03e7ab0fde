"""One realistic decision for every document: mortgage approval, refused, with every kind of verdict in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from modelrisk.decisions import (
    SCHEMA,
    Actor,
    ControlResult,
    DecisionRecord,
    EvaluationUses,
    Finding,
    Kind,
    Outcome,
    RuleView,
    Tool,
)
from modelrisk.documents.card.model_card import ModelCard, model_card
from modelrisk.documents.card.stage_tables import RELIABILITY_TABLE
from modelrisk.estimates import Estimate, not_evaluable
from modelrisk.identity import ModelVersion
from modelrisk.intake import (
    Affects,
    Automation,
    DataSources,
    Exposure,
    Facts,
    Intake,
    Materiality,
    Rollback,
    Task,
)
from modelrisk.lineage import ColumnSpec, DatasetInput, Lineage, Signature
from modelrisk.policy import OnInconclusive
from modelrisk.records import BoundDigests, StageEvidence
from modelrisk.verdicts import Verdict

HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "formula": "=cmd|' /C calc'!A0",
    "right to left": "safe\u202egnp.exe",
    "newline": "one\ntwo\r\n# three\n| four |",
    "long": "n" * 300,
    "emoji": "👩🏽‍🔬 model 🏦",
    "sql": "'; DROP TABLE models; --",
    "link": "[click](javascript:alert(1)) ![x](http://evil.example/x.png) <http://evil.example>",
    "control": "nul\x00 bell\x07 escape\x1b[31m separator\u2028 tag\U000e0067 bom\ufeff",
    "fence": "``` ` ``",
    "template": "{{ 7 * 7 }}{% raw %}",
    "quotes": "\"'`</title></style><svg onload=alert(1)>",
    "mention": "@everyone $x^2$ ~~gone~~ &amp; ]]>",
}

MODEL = ModelVersion("mortgage-approval", "2")
BOUND = BoundDigests(
    model="sha256:" + "1a" * 32,
    environment="sha256:" + "2b" * 32,
    evaluation="sha256:" + "3c" * 32,
    training=None,
    champion="mortgage-approval@1 sha256:" + "5e" * 32,
    intake="sha256:" + "6f" * 32,
    policy="sha256:" + "70" * 32,
    catalogue="sha256:" + "81" * 32,
)
DIGEST = "sha256:" + "9d" * 32
SIGNER = "ed25519:4be1c7"


def estimated(
    metric: str,
    value: float,
    low: float | None,
    high: float | None,
    *,
    n: int = 497,
    cohort: dict[str, str | None] | None = None,
    group: str | None = None,
    reference: str | None = None,
    method: str = "clopper_pearson",
) -> Estimate:
    inputs = {"successes": round(value * n) * 1.0, "trials": float(n)}
    return Estimate(metric, value, low, high, 0.95, n, method, inputs, cohort or {}, group, reference)


def counted(metric: str, value: float, *, n: int = 497) -> Estimate:
    return Estimate(metric, value, value, value, 1.0, n, "census")


_RACE = {"white": 415, "black": 51, "hispan": 31}
_MARRIED: dict[str | None, int] = {"yes": 326, "no": 168, None: 3}
_BY_GROUP = {
    "auc": (0.791, 0.045, "delong_newcombe"),
    "accuracy": (0.887, 0.028, "clopper_pearson"),
    "precision": (0.921, 0.024, "clopper_pearson"),
    "true_positive_rate": (0.951, 0.019, "clopper_pearson"),
    "false_positive_rate": (0.614, 0.111, "clopper_pearson"),
    "true_negative_rate": (0.386, 0.111, "clopper_pearson"),
    "false_negative_rate": (0.049, 0.019, "clopper_pearson"),
    "selection_rate": (0.909, 0.026, "clopper_pearson"),
    "base_rate": (0.882, 0.028, "clopper_pearson"),
    "brier": (0.0913, 0.0104, "student_mean"),
}


def _cohorts(attribute: str, groups: dict[str | None, int]) -> list[Estimate]:
    found: list[Estimate] = []
    for metric, (value, width, method) in _BY_GROUP.items():
        for position, (group, rows) in enumerate(groups.items()):
            cohort = {attribute: group}
            if rows < 10:
                problem = "3 rows are too few to say anything; merge the group or collect more"
                found.append(not_evaluable(metric, problem, cohort=cohort, n=rows))
                continue
            middle = round(value * (1 - 0.07 * position), 6)
            wide = width * (497 / rows) ** 0.5
            bounds = max(0.0, round(middle - wide, 6)), min(1.0, round(middle + wide, 6))
            found.append(estimated(metric, middle, *bounds, n=rows, cohort=cohort, method=method))
    return found


RATIOS = (
    estimated(
        "selection_rate_ratio",
        0.7712,
        0.6318,
        0.8991,
        n=51,
        cohort={"race": "black"},
        group="black",
        reference="white",
        method="melded_ratio",
    ),
    estimated(
        "selection_rate_ratio",
        0.8841,
        0.7203,
        0.9912,
        n=31,
        cohort={"race": "hispan"},
        group="hispan",
        reference="white",
        method="melded_ratio",
    ),
)
DIFFERENCES = (
    estimated(
        "true_positive_rate_difference",
        -0.0874,
        -0.2011,
        -0.0092,
        n=51,
        cohort={"race": "black"},
        group="black",
        reference="white",
        method="melded_difference",
    ),
    estimated(
        "true_positive_rate_difference",
        -0.0213,
        -0.1498,
        0.0402,
        n=31,
        cohort={"race": "hispan"},
        group="hispan",
        reference="white",
        method="melded_difference",
    ),
)
MARRIED_RATIO = not_evaluable(
    "selection_rate_ratio",
    "the group has no favourable outcome to compare",
    cohort={"married": None},
    n=3,
    method="melded_ratio",
    group="(missing)",
    reference="yes",
)
OVERALL = (
    estimated("auc", 0.7908, 0.7297, 0.8429, method="delong_newcombe"),
    estimated("accuracy", 0.8873, 0.8607, 0.9101),
    estimated("precision", 0.9207, 0.8951, 0.9412),
    estimated("true_positive_rate", 0.9512, 0.9304, 0.9668),
    estimated("false_positive_rate", 0.6138, 0.4977, 0.7214),
    estimated("true_negative_rate", 0.3862, 0.2786, 0.5023),
    estimated("false_negative_rate", 0.0488, 0.0332, 0.0696),
    estimated("selection_rate", 0.9094, 0.8852, 0.9297),
    estimated("base_rate", 0.8823, 0.8559, 0.9051),
    estimated("brier", 0.0913, 0.0798, 0.1031, method="student_mean"),
    estimated("brier_gain", 0.0124, 0.0041, 0.0207, method="student_mean"),
)
CALIBRATION = (
    estimated("calibration_slope", 0.871, 0.612, 1.131, method="wald_normal"),
    estimated("calibration_intercept", -0.142, -0.381, 0.096, method="wald_normal"),
)
COMPARISON = (
    estimated("accuracy_difference", -0.006, -0.0191, 0.0068, method="newcombe_paired"),
    estimated("auc_difference", -0.0121, -0.0398, 0.0149, method="delong_newcombe"),
)
CENSUS = (
    counted("intake_missing", 0.0),
    counted("failed_expectations", 1.0),
    counted("rows_seen_in_training", 0.0),
)


def rule(
    metric: str,
    *,
    floor: float | None = None,
    ceiling: float | None = None,
    on_inconclusive: OnInconclusive = OnInconclusive.REFUSE,
) -> RuleView:
    return RuleView(metric, floor, ceiling, 0.95, 30, 5.0, on_inconclusive, "policies/default.yaml:41")


CONTROLS = (
    ControlResult(
        "in_the_inventory",
        "The model is in the inventory",
        "inventory/intake",
        Verdict.PASSED,
        blocks=False,
        rule=rule("intake_missing", ceiling=0.0),
        reason="intake_missing, all rows: 0; limit at most 0",
        why_required=("every model (policies/default.yaml:30)",),
        remedy="",
        margin=0.0,
        estimates=(CENSUS[0],),
    ),
    ControlResult(
        "rollback_plan_tested",
        "The way back was tried",
        "inventory/intake",
        Verdict.WAIVED,
        blocks=False,
        rule=rule("rollback_untested", ceiling=0.0),
        reason="waived until 2027-01-31T00:00:00+00:00 by head-of-risk (first release); without it failed",
        why_required=("tier 1 because materiality is high (policies/default.yaml:33)",),
        remedy="Try the rollback and write the day into the intake",
    ),
    ControlResult(
        "evaluation_data_valid",
        "The evaluation data is as expected",
        "validation/evaluation_data",
        Verdict.FAILED,
        blocks=True,
        rule=rule("failed_expectations", ceiling=0.0),
        reason="failed_expectations, all rows: 1; limit at most 0",
        why_required=("every model (policies/default.yaml:44)",),
        remedy="Repair the 12 rows in which `loanamt` is missing, or extend the expectation",
        margin=-1.0,
        estimates=(CENSUS[1],),
    ),
    ControlResult(
        "training_ids_not_leaked",
        "No entity is in both data sets",
        "validation/evaluation_data",
        Verdict.NOT_APPLICABLE,
        blocks=False,
        rule=None,
        reason="the intake declares no `data.id`",
        why_required=(),
        remedy="",
    ),
    ControlResult(
        "auc_above_floor",
        "It ranks better than chance",
        "evaluation/quality",
        Verdict.PASSED,
        blocks=False,
        rule=rule("auc", floor=0.7),
        reason="auc, all rows: 0.791 (0.73 to 0.843, 95 % confidence per bound); limit at least 0.7",
        why_required=("thresholds.auc in the intake (mortgage-approval.yaml:21)",),
        remedy="",
        margin=0.0297,
        estimates=(OVERALL[0],),
    ),
    ControlResult(
        "better_than_naive",
        "It beats the base rate",
        "evaluation/quality",
        Verdict.PASSED,
        blocks=False,
        rule=rule("brier_gain", floor=0.0),
        reason="brier_gain, all rows: 0.0124 (0.0041 to 0.0207); limit at least 0",
        why_required=("every model (policies/default.yaml:52)",),
        remedy="",
        margin=0.0041,
        estimates=(OVERALL[10],),
    ),
    ControlResult(
        "calibration_slope_near_one",
        "Scores are neither too bold nor too timid",
        "evaluation/quality",
        Verdict.INCONCLUSIVE,
        blocks=False,
        rule=rule("calibration_slope", floor=0.7, ceiling=1.3, on_inconclusive=OnInconclusive.FINDING),
        reason="calibration_slope, all rows: 0.871 (0.612 to 1.13); about 1,040 rows would settle it",
        why_required=("tiers 1 and 2 (policies/default.yaml:60)",),
        remedy="Evaluate on about 1,040 rows, or recalibrate on held-out data",
        margin=-0.088,
        rows_needed=1040,
        estimates=(CALIBRATION[0],),
    ),
    ControlResult(
        "favourable_outcomes_within_four_fifths",
        "Favourable outcomes are within four fifths",
        "evaluation/fairness",
        Verdict.INCONCLUSIVE,
        blocks=True,
        rule=rule("selection_rate_ratio", floor=0.8, ceiling=1.25),
        reason="selection_rate_ratio, race = black: 0.771 (0.632 to 0.899); limit 0.8 to 1.25; "
        "about 1,870 rows in its smallest cell would settle it (51 now)",
        why_required=("tier 1 because affects is individuals (policies/default.yaml:71)",),
        remedy="Collect about 1,870 applications of race = black, or move the threshold and review again",
        margin=-0.1682,
        rows_needed=1870,
        estimates=RATIOS,
    ),
    ControlResult(
        "equal_opportunity_within_limit",
        "Good applicants are approved alike",
        "evaluation/fairness",
        Verdict.NOT_EVALUABLE,
        blocks=True,
        rule=rule("true_positive_rate_difference", floor=-0.1, ceiling=0.1),
        reason="true_positive_rate_difference, married = (missing): the group has no positive rows",
        why_required=("tier 1 because affects is individuals (policies/default.yaml:75)",),
        remedy="Complete `married` for the 3 rows in which it is missing",
        estimates=(
            *DIFFERENCES,
            replace(MARRIED_RATIO, metric="true_positive_rate_difference"),
        ),
    ),
    ControlResult(
        "not_worse_than_champion",
        "Not worse than the champion",
        "evaluation/champion_comparison",
        Verdict.PASSED,
        blocks=False,
        rule=rule("accuracy_difference", floor=-0.02),
        reason="accuracy_difference, all rows: -0.006 (-0.0191 to 0.0068); limit at least -0.02",
        why_required=("every model with a champion (policies/default.yaml:80)",),
        remedy="",
        margin=0.0009,
        estimates=(COMPARISON[0],),
    ),
    ControlResult(
        "ranks_no_worse_than_champion",
        "Ranks no worse than the champion",
        "evaluation/champion_comparison",
        Verdict.INCONCLUSIVE,
        blocks=True,
        rule=rule("auc_difference", floor=-0.02),
        reason="auc_difference, all rows: -0.0121 (-0.0398 to 0.0149); about 5,900 rows would settle it",
        why_required=("every model with a champion (policies/default.yaml:84)",),
        remedy="Evaluate on about 5,900 rows",
        margin=-0.0198,
        rows_needed=5900,
        estimates=(COMPARISON[1],),
    ),
)

RECORD = DecisionRecord(
    schema=SCHEMA,
    id="0192f3a4-5b6c-7d8e-9f00-112233445566",
    kind=Kind.DECISION,
    model=MODEL.key,
    title="Mortgage approval",
    tier=1,
    tier_reasons=(
        "materiality is high (at least high): a wrong answer costs a household its home (policy.yaml:8)",
        "affects is individuals (at least individuals): it decides about people (policy.yaml:8)",
    ),
    verdict=Outcome.REFUSED,
    headline="Refused: 1 control failed, 1 could not be evaluated and 2 are inconclusive; first repair the "
    "evaluation data.",
    not_evaluated=(),
    decided_at="2026-11-02T09:15:42.120001+00:00",
    actor=Actor("ci", "build-812"),
    tool=Tool("0.1.0", "3.11.7", {"numpy": "2.4.6"}),
    owner="team:lending",
    champion="the champion is mortgage-approval@1, by ledger and registry",
    approvals=(),
    bound=BOUND,
    evidence={"evaluation/quality": "sha256:" + "a1" * 32, "evaluation/fairness": "sha256:" + "a2" * 32},
    predictions="sha256:" + "b3" * 32,
    isolation="process, no network",
    uses=EvaluationUses(reviews=3, previews=1),
    controls=CONTROLS,
    findings=(
        Finding(
            "evaluation_data_valid",
            Verdict.FAILED,
            blocks=True,
            message="1 of 24 expectations is not met: `loanamt` is missing in 12 rows",
            owner="team:lending",
            next_action="Repair the 12 rows in which `loanamt` is missing, or extend the expectation",
        ),
        Finding(
            "favourable_outcomes_within_four_fifths",
            Verdict.INCONCLUSIVE,
            blocks=True,
            message="The ratio for race = black may be anywhere from 0.632 to 0.899; the limit is 0.8",
            owner="team:lending",
            next_action="Collect about 1,870 applications of race = black, or move the threshold",
        ),
        Finding(
            "calibration_slope_near_one",
            Verdict.INCONCLUSIVE,
            blocks=False,
            message="The slope may be below 0.7",
            owner="team:lending",
            next_action="Recalibrate on held-out data",
        ),
    ),
    estimates=(
        *CENSUS,
        *OVERALL,
        *CALIBRATION,
        *_cohorts("race", dict(_RACE)),
        *_cohorts("married", _MARRIED),
        *RATIOS,
        MARRIED_RATIO,
        *DIFFERENCES,
        *COMPARISON,
    ),
)

INTAKE = Intake(
    model=MODEL.name,
    owner="team:lending",
    purpose="Ranks mortgage applications for **manual review**; a loan officer decides on every one.",
    task=Task.BINARY_CLASSIFICATION,
    facts=Facts(
        materiality=Materiality.HIGH,
        affects=Affects.INDIVIDUALS,
        automation=Automation.RECOMMENDS,
        exposure=Exposure.EXTERNAL,
    ),
    data=DataSources(
        evaluation="../data/loanapp-evaluation.parquet",
        label="approve",
        positive=1,
        favourable=1,
        reference={"race": "white"},
        sensitive=("race", "married"),
    ),
    thresholds={"auc": 0.7},
    rollback=Rollback(to="previous", tested=None),
    title="Mortgage approval",
    system="Loan origination",
    business_area="Retail lending",
    next_review=date(2027, 2, 1),
    developers=("Ada Byron", "Grace Murray"),
    validator="Karl Ducky",
    limitations=("Trained on Boston applications of one year.", "Applicants without credit history are few."),
    out_of_scope=("Rejecting an application without a person.", "Business loans."),
)

LINEAGE = Lineage(
    MODEL,
    run_id="8f2b1c0d9e7a4f6b",
    experiment="mortgage-approval",
    source="models:/m-8f2b1c0d9e7a4f6b",
    status="READY",
    aliases=("challenger",),
    created_at=datetime(2026, 11, 1, 16, 20, tzinfo=UTC),
    description="Gradient boosting on the application form.",
    params={"learning_rate": "0.06", "max_iter": "300", "min_samples_leaf": "20"},
    flavors=("python_function", "sklearn"),
    signature=Signature(
        (
            ColumnSpec("loanamt", "double"),
            ColumnSpec("appinc", "double"),
            ColumnSpec("unem", "double", False),
        ),
        "probability: array(double)",
    ),
    datasets=(DatasetInput("loanapp", "c0ffee12", "local", "/data/loanapp-training.parquet", "training"),),
    requirements=("scikit-learn==1.9.1", "numpy==2.4.6", "pandas==2.3.3", "cloudpickle==3.1.1"),
    python_version="3.11.7",
    source_commit="4f1c9b7e2a",
)

STAGES = (
    StageEvidence(
        "evaluation/quality",
        MODEL,
        BOUND,
        tables={
            RELIABILITY_TABLE: tuple(
                {"bin": 1, "n": rows, "mean_score": score, "observed_rate": share, "low": low, "high": high}
                for score, share, low, high, rows in (
                    (0.183, 0.25, 0.05, 0.57, 12),
                    (0.412, 0.458, 0.28, 0.65, 24),
                    (0.603, 0.55, 0.39, 0.7, 40),
                    (0.751, 0.714, 0.6, 0.81, 77),
                    (0.874, 0.899, 0.84, 0.94, 148),
                    (0.951, 0.98, 0.95, 0.99, 196),
                )
            )
        },
    ),
    StageEvidence(
        "validation/evaluation_data",
        MODEL,
        BOUND,
        tables={
            "expectations": (
                {
                    "allowed": 4,
                    "column": "loanamt",
                    "expected": "at most 1 % missing",
                    "outcome": "failed",
                    "problem": None,
                    "rows": 497,
                    "unexpected": 12,
                },
                {
                    "allowed": 0,
                    "column": "race",
                    "expected": "a value seen in training",
                    "outcome": "as expected",
                    "problem": None,
                    "rows": 497,
                    "unexpected": 0,
                },
            )
        },
    ),
)
CONTROL_LIMITATIONS = {
    "auc_above_floor": "A model that ranks well can still be badly calibrated or unfair.",
    "favourable_outcomes_within_four_fifths": "Equal shares do not show that equals fare alike.",
}


@pytest.fixture
def record() -> DecisionRecord:
    """Refused, with a control of every verdict."""
    assert {control.verdict for control in RECORD.controls} == set(Verdict)
    return RECORD


@pytest.fixture
def releasable() -> DecisionRecord:
    """Only what passed or does not apply."""
    settled = tuple(
        control for control in CONTROLS if control.verdict in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
    )
    return replace(
        RECORD,
        verdict=Outcome.RELEASABLE,
        headline="Releasable: all required controls passed.",
        controls=settled,
        findings=(),
    )


@pytest.fixture
def unknown() -> DecisionRecord:
    """A registered model without an intake: nothing could be measured."""
    missing = replace(
        CONTROLS[0],
        verdict=Verdict.FAILED,
        blocks=True,
        reason="the model is not in the inventory",
        remedy="Write governance/models/mortgage-approval.yaml",
        margin=None,
        estimates=(),
    )
    return replace(
        RECORD,
        title="",
        owner="",
        headline="Refused: not in the inventory.",
        tier_reasons=(),
        champion="",
        bound=BoundDigests(None, None, None, None, None, None, BOUND.policy, BOUND.catalogue),
        evidence={},
        predictions=None,
        isolation="process, no network",
        uses=EvaluationUses(0, 0),
        controls=(missing,),
        findings=(),
        estimates=(),
    )


@pytest.fixture
def card_of() -> Callable[[DecisionRecord], ModelCard]:
    """Builds the card of a record with the sample's intake, lineage and stages."""

    def build(record: DecisionRecord) -> ModelCard:
        return model_card(
            record,
            record_digest=DIGEST,
            intake=INTAKE,
            lineage=LINEAGE,
            stages=STAGES,
            control_limitations=CONTROL_LIMITATIONS,
            signer=SIGNER,
        )

    return build


@pytest.fixture
def bare_card(unknown: DecisionRecord) -> ModelCard:
    """The card of a model that nobody told anything about."""
    return model_card(unknown, record_digest=DIGEST, intake=None, lineage=None, stages=())


@pytest.fixture
def hostile_everywhere() -> Callable[[str], ModelCard]:
    """Builds a card with the same text in every place that holds other people's words."""

    def build(words: str) -> ModelCard:
        controls = tuple(
            replace(control, title=words, reason=words, remedy=words, why_required=(words,))
            for control in CONTROLS
        )
        finding = Finding("auc_above_floor", Verdict.FAILED, True, words, words, words)
        estimates = tuple(
            replace(one, cohort={words: words} if one.cohort else {}, group=one.group and words)
            for one in RECORD.estimates
        )
        record = replace(
            RECORD,
            model=ModelVersion(words, "2").key,
            title=words,
            headline=words,
            owner=words,
            champion=words,
            tier_reasons=(words,),
            not_evaluated=(words,),
            actor=Actor("user", words),
            controls=controls,
            findings=(finding,),
            estimates=estimates,
        )
        intake = replace(
            INTAKE,
            purpose=words,
            limitations=(words,),
            out_of_scope=(words,),
            developers=(words,),
            validator=words,
            system=words,
            third_parties=(words,),
            retirement=words,
            data=replace(INTAKE.data, evaluation=words, label=words, sensitive=(words,)),
        )
        lineage = replace(
            LINEAGE,
            params={words: words},
            tags={"license": words},
            requirements=(words,),
            description=words,
            experiment=words,
            source=words,
            datasets=(DatasetInput(words, words, words, words, words),),
            signature=Signature((ColumnSpec(words, "double"),), words),
        )
        stage = StageEvidence("validation/data", MODEL, BOUND, tables={words: ({words: words},)})
        return model_card(
            record,
            record_digest=DIGEST,
            intake=intake,
            lineage=lineage,
            stages=(stage,),
            control_limitations={"auc_above_floor": words},
            signer=words,
        )

    return build


@pytest.fixture(params=sorted(HOSTILE))
def hostile(request: pytest.FixtureRequest) -> str:
    """One text that tries to be more than text."""
    return HOSTILE[request.param]
