"""Decisions on a model of several classes and on a regression, small and made by hand."""

from dataclasses import replace

from modelrisk.documents.card.model_card import ModelCard, model_card
from modelrisk.documents.card.stage_tables import (
    CALIBRATION_TABLE,
    CLASSES_TABLE,
    CONFUSION_TABLE,
    DECILES_TABLE,
    QUANTILES_TABLE,
    RELIABILITY_TABLE,
)
from modelrisk.estimates import Estimate
from modelrisk.intake import DataSources, Intake, Task
from modelrisk.records import StageEvidence
from modelrisk.verdicts import Verdict
from tests.modelrisk.documents.conftest import (
    BOUND,
    CONTROLS,
    DIGEST,
    INTAKE,
    LINEAGE,
    MODEL,
    RECORD,
    SIGNER,
    estimated,
    rule,
)

CURVE = tuple(
    {"bin": 1, "n": rows, "mean_score": score, "observed_rate": share, "low": share - 0.1, "high": share}
    for score, share, rows in ((0.41, 0.4, 12), (0.63, 0.61, 30), (0.86, 0.9, 90), (0.99, 1.0, 228))
)


def multiclass_estimates(classes: int) -> tuple[Estimate, ...]:
    whole = (
        estimated("accuracy", 0.9333, 0.9021, 0.9566, n=360),
        estimated("balanced_accuracy", 0.9312, 0.8984, 0.9571, n=360, method="student_mean"),
        estimated("top_k_accuracy", 0.9917, 0.9769, 0.9978, n=360),
        estimated("log_loss", 0.2411, 0.1804, 0.3102, n=360, method="student_mean"),
        estimated("brier", 0.1023, 0.0761, 0.1312, n=360, method="student_mean"),
        estimated("calibration_slope", 1.08, 0.83, 1.36, n=360, method="wald_normal"),
        estimated("calibration_intercept", 0.11, -0.32, 0.57, n=360, method="wald_normal"),
    )
    by_class = tuple(
        replace(estimated(metric, value, value - 0.08, min(1.0, value + 0.05), n=36), outcome=str(position))
        for position in range(classes)
        for metric, value in (
            ("true_positive_rate", 0.95 - 0.02 * (position % 7)),
            ("precision", 0.93),
            ("false_positive_rate", 0.0816),
        )
    )
    return whole + by_class


def multiclass_card(classes: int = 10) -> ModelCard:
    """Handwritten digits; with more classes, letters nobody can count."""
    estimates = multiclass_estimates(classes)
    confusion = tuple(
        {"label": str(label), "prediction": str(answer), "rows": 33 if label == answer else 1 + label % 3}
        for label in range(classes)
        for answer in {label, (label + 1) % classes, (label + 3) % classes}
    )
    quality = StageEvidence(
        "evaluation/quality",
        MODEL,
        BOUND,
        estimates=estimates,
        tables={
            CLASSES_TABLE: tuple({"position": at, "class": str(at)} for at in range(classes)),
            CONFUSION_TABLE: confusion,
            RELIABILITY_TABLE: CURVE,
            CALIBRATION_TABLE: (
                {"measure": "expected calibration error", "value": 0.0213, "bins": 4},
                {"measure": "debiased", "value": 0.0121, "bins": 4},
            ),
        },
    )
    worst = next(
        one
        for one in estimates
        if one.outcome == str(min(6, classes - 1)) and one.metric == "true_positive_rate"
    )
    control = replace(
        CONTROLS[4],
        id="true_positive_rate_above_floor",
        title="Few cases are missed",
        verdict=Verdict.INCONCLUSIVE,
        blocks=True,
        rule=rule("true_positive_rate", floor=0.8),
        reason="true_positive_rate, class '6': 0.83 (0.75 to 0.88); limit at least 0.8",
        remedy="Collect about 400 rows of class 6",
        estimates=(worst, *(one for one in estimates if one.metric == "true_positive_rate")),
        margin=-0.05,
    )
    intake = replace(
        INTAKE,
        task=Task.MULTICLASS_CLASSIFICATION,
        title="Handwritten digits",
        data=DataSources(evaluation="../data/digits.parquet", label="digit", positive=None, sensitive=()),
    )
    return _card("Handwritten digits", intake, estimates, (control,), quality)


def regression_card() -> ModelCard:
    """Wages, predicted a little too low at the top."""
    whole = (
        estimated("mae", 1834.2, 1745.9, 1928.4, n=1090, method="student_mean"),
        estimated("rmse", 2611.7, 2431.0, 2803.3, n=1090, method="root_mean"),
        estimated("r_squared", 0.3121, 0.2507, 0.3688, n=1090, method="explained_share"),
        estimated("mean_error", -214.6, -344.7, -84.5, n=1090, method="student_mean"),
        estimated("standardised_mean_error", -0.0682, -0.1096, -0.0269, n=1090, method="student_mean"),
        estimated("absolute_error_gain", 412.8, 317.2, 508.4, n=1090, method="student_mean"),
    )
    groups = tuple(
        estimated(metric, value, value - 150, value + 150, n=n, cohort={"union": group})
        for metric, value in (("mae", 1800.0), ("mean_error", -200.0))
        for group, n in (("member", 266), ("none", 824))
    )
    ratio = (
        estimated(
            "mae_ratio", 1.071, 0.942, 1.214, n=266, cohort={"union": "member"}, group="member",
            reference="none", method="ratio_of_means",
        ),
        estimated("mae_ratio_to_champion", 0.964, 0.931, 0.998, n=1090, method="ratio_of_means"),
    )  # fmt: skip
    tenths = tuple(
        {
            "bin": at + 1,
            "n": 109,
            "mean_prediction": 1000.0 + 640 * at,
            "mean_label": 900.0 + 690.5 * at,
            "mae": 900.0 + 210.25 * at,
        }
        for at in range(10)
    )
    quality = StageEvidence(
        "evaluation/quality",
        MODEL,
        BOUND,
        estimates=(*whole, *groups),
        tables={
            QUANTILES_TABLE: tuple(
                {"quantile": share, "error": error}
                for share, error in (
                    (0.05, -4211.4),
                    (0.25, -1310.0),
                    (0.5, -20.25),
                    (0.75, 1022.8),
                    (0.95, 2904.1),
                )
            ),
            DECILES_TABLE: tenths,
        },
    )
    control = replace(
        CONTROLS[5],
        id="errors_below_naive",
        title="Its errors are smaller than those of the median",
        rule=rule("absolute_error_gain", floor=0.0),
        reason="absolute_error_gain, all rows: 413 (317 to 508); limit at least 0",
        estimates=(whole[5],),
        margin=317.2,
    )
    intake = replace(
        INTAKE,
        task=Task.REGRESSION,
        title="Wages",
        data=DataSources(
            evaluation="../data/wages.parquet", label="wage", positive=None, sensitive=("union",)
        ),
    )
    return _card("Wages", intake, (*whole, *groups, *ratio), (control,), quality)


def _card(
    title: str, intake: Intake, estimates: tuple[Estimate, ...], controls: tuple, quality: StageEvidence
) -> ModelCard:
    record = replace(RECORD, title=title, controls=(*controls, CONTROLS[0]), estimates=estimates)
    return model_card(
        record, record_digest=DIGEST, intake=intake, lineage=LINEAGE, stages=(quality,), signer=SIGNER
    )
