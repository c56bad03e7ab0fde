"""Fitting a candidate on its training half: hyper-parameters by cross-validated log loss, refit on all of it.

Log loss, because a release is judged by calibrated probabilities. No class weights (they would spoil the
probabilities), no threshold tuning, and the evaluation half is never opened here.

What does not belong here: which data and algorithms (`studies`), and logging the result (`registration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.demo.studies import SEED, Candidate, Study

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
_LOSSES = frozenset({"log_loss", "brier"})


@dataclass(frozen=True)
class Fitted:
    """A model trained on the training half, and what was learned about it there.

    Attributes:
        estimator: the fitted scikit-learn estimator.
        parameters: what is worth logging, chosen hyper-parameters included.
        metrics: cross-validated, on the training half only; `cv_<name>` and `cv_<name>_std` over folds.
    """

    estimator: Any
    parameters: Mapping[str, str | float]
    metrics: Mapping[str, float]


def fitted(study: Study, candidate: Candidate, *, training: "pd.DataFrame") -> Fitted:
    """Choose among the candidate's grid and refit on the whole training half; seeded throughout."""
    from sklearn.metrics import brier_score_loss, make_scorer
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from threadpoolctl import threadpool_limits

    brier = make_scorer(
        brier_score_loss,
        response_method="predict_proba",
        greater_is_better=False,
        pos_label=study.positive,
    )
    scores = {"log_loss": "neg_log_loss", "brier": brier, "auc": "roc_auc", "accuracy": "accuracy"}
    search = GridSearchCV(
        candidate.estimator(),
        param_grid={name: list(values) for name, values in candidate.grid.items()},
        scoring=scores,
        refit="log_loss",  # pyright: ignore[reportArgumentType] - inferred from its default, True
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=SEED),
    )
    # A thousand rows keep one core busy: more threads wait for each other, for minutes on a busy machine.
    with threadpool_limits(limits=1):
        search.fit(training[list(study.features)], training[study.label])
    metrics: dict[str, float] = {}
    for name in scores:
        sign = -1.0 if name in _LOSSES else 1.0
        metrics[f"cv_{name}"] = sign * float(search.cv_results_[f"mean_test_{name}"][search.best_index_])
        metrics[f"cv_{name}_std"] = float(search.cv_results_[f"std_test_{name}"][search.best_index_])
    parameters: dict[str, str | float] = {
        "algorithm": candidate.algorithm,
        "training_rows": len(training),
        "features": len(study.features),
        "seed": SEED,
        "cv_folds": FOLDS,
        "cv_chosen_by": "log_loss",
        **{name.rpartition("__")[2]: value for name, value in search.best_params_.items()},
    }
    return Fitted(estimator=search.best_estimator_, parameters=parameters, metrics=metrics)
