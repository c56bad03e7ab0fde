"""Arrests released: 5,226 arrests in Toronto for possession of a small amount of marijuana, 1997 to 2002.

Source: the Toronto Star's investigation of police records (2002), as `Arrests` in the R package carData (Fox
and Weisberg) and as `load_arrests` in scikit-lego. Released means: let go with a summons instead of being
held.

Models are trained on the arrests of 1997 to 1999 and judged on those of 2000 to 2002, as they would be used.
A feature is only what an officer could lawfully weigh: age, whether employed, and on how many police
databases the name appeared (itself a record of earlier policing, which an honest reader keeps in mind). Skin
colour, sex and citizenship are never seen by a model; they are kept as sensitive attributes.

One thing in these data changes: 64 % of those arrested in 1997 are recorded as non-citizens, and 10 % in
every later year. Nobody knows whether that is the arrests or the recording. It is not a feature, so no model
learns it; it is why the groups by citizenship differ between the two parts.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import Candidate, Study, by_time

if TYPE_CHECKING:
    import pandas as pd

FEATURES = ("age", "employed", "checks")
SENSITIVE = ("colour", "sex", "citizen", "age_group")
LABEL = "released"
IDENTIFIER = "arrest"


def arrests() -> "pd.DataFrame":
    """Every arrest: number, year, features as double, whether released, sensitive attributes in words."""
    import pandas as pd
    from sklego.datasets import load_arrests

    raw: Any = load_arrests(as_frame=True)
    table: Any = pd.DataFrame({IDENTIFIER: range(1, len(raw) + 1), "year": raw["year"].astype("int64")})
    table["age"] = raw["age"].astype("float64")
    table["employed"] = (raw["employed"] == "Yes").astype("float64")
    table["checks"] = raw["checks"].astype("float64")
    table[LABEL] = raw["released"].str.lower()
    table["colour"] = raw["colour"].str.lower()
    table["sex"] = raw["sex"].str.lower()
    table["citizen"] = raw["citizen"].map({"Yes": "citizen", "No": "not a citizen"})
    table["age_group"] = pd.cut(raw["age"], [0, 17, 24, 120], labels=["under 18", "18 to 24", "25 or older"])
    table["age_group"] = table["age_group"].astype("object")
    return table


def logistic_regression() -> Any:
    """Standardised features into a penalised logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1000))])


STUDY = Study(
    model="arrest-release",
    description="Chance that somebody arrested for a minor possession is released with a summons.",
    source="scikit-lego load_arrests: Toronto Star (2002), 5,226 arrests in Toronto, 1997 to 2002",
    table=arrests,
    features=FEATURES,
    label=LABEL,
    positive="yes",
    divide=by_time("year", last=1999),
    review_days=90,
    candidates=(
        Candidate(
            algorithm="logistic regression",
            description="Penalised logistic regression on age, employment and earlier police checks.",
            estimator=logistic_regression,
            grid={"model__C": (0.1, 1.0, 10.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
