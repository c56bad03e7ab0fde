"""Breast cancer: 569 fine-needle aspirates, 30 measurements of cell nuclei each, malignant or benign.

Source: Wolberg, Street and Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), as shipped with
scikit-learn. The measurements come from a pathologist's outline of the nuclei, so this can order a reading
queue in a study; it cannot diagnose anybody.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import Candidate, Study, in_halves

if TYPE_CHECKING:
    import pandas as pd

LABEL = "diagnosis"
IDENTIFIER = "sample"
FEATURES = tuple(
    f"{summary}_{measure}"
    for summary in ("mean", "error", "worst")
    for measure in (
        "radius", "texture", "perimeter", "area", "smoothness",
        "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension",
    )
)  # fmt: skip


def samples() -> "pd.DataFrame":
    """Every sample: id, 30 features as double, and the diagnosis in a word."""
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    source: Any = load_breast_cancer()
    table: Any = pd.DataFrame(source.data, columns=pd.Index(FEATURES), dtype="float64")
    table.insert(0, IDENTIFIER, range(1, len(table) + 1))
    table[LABEL] = [str(source.target_names[target]) for target in source.target]
    return table


def logistic_regression() -> Any:
    """Standardised measurements into a penalised logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1000))])


STUDY = Study(
    model="breast-cancer",
    description="Chance that a fine-needle aspirate is malignant, to order a reading queue in a study.",
    source="scikit-learn load_breast_cancer: Wolberg, Street and Mangasarian (1995), 569 samples",
    table=samples,
    features=FEATURES,
    label=LABEL,
    positive="malignant",
    divide=in_halves(LABEL),
    review_days=365,
    candidates=(
        Candidate(
            algorithm="logistic regression",
            description="Penalised logistic regression on standardised measurements.",
            estimator=logistic_regression,
            grid={"model__C": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
