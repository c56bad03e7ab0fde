"""Digits: 1,797 handwritten digits as pictures of 8 × 8 pixels.

Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository, as shipped
with scikit-learn (its test part). Who wrote which digit is not in the data, so both halves may hold digits
of one hand.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from modelrisk.intake import Task
from pipelines.demo.studies import Candidate, Study, in_halves

if TYPE_CHECKING:
    import pandas as pd

FEATURES = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
LABEL = "digit"
IDENTIFIER = "picture"


def pictures() -> "pd.DataFrame":
    """Every picture: number, 64 grey values from 0 to 16 as double, and the digit."""
    import pandas as pd
    from sklearn.datasets import load_digits

    source: Any = load_digits()
    table: Any = pd.DataFrame(source.data, columns=pd.Index(FEATURES), dtype="float64")
    table.insert(0, IDENTIFIER, range(1, len(table) + 1))
    table[LABEL] = source.target.astype("int64")
    return table


def logistic_regression() -> Any:
    """Grey values from 0 to 1 into a penalised logistic regression over ten classes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MaxAbsScaler

    return Pipeline([("scale", MaxAbsScaler()), ("model", LogisticRegression(max_iter=2000))])


STUDY = Study(
    model="form-digits",
    description="Which digit somebody wrote into a box of a paper form.",
    source="scikit-learn load_digits: Alpaydin and Kaynak (1998), 1,797 pictures",
    table=pictures,
    features=FEATURES,
    label=LABEL,
    task=Task.MULTICLASS_CLASSIFICATION,
    divide=in_halves(LABEL),
    review_days=365,
    candidates=(
        Candidate(
            algorithm="logistic regression",
            description="Penalised logistic regression on grey values.",
            estimator=logistic_regression,
            grid={"model__C": (0.3, 3.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
