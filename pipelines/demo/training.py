"""Fitting a candidate on its training part: hyper-parameters by cross-validation, then refit on all of it.

Classifiers are chosen by log loss, because a release is judged by calibrated probabilities, regressions by
mean absolute error. No class weights (they would spoil the probabilities), no threshold tuning, and the
evaluation part is never opened here.

What does not belong here: which data and algorithms (`studies`), and logging the result (`registration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelrisk.intake import Task
from pipelines.demo.studies import SEED, Candidate, Study

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
_LOSSES = frozenset({"log_loss", "brier", "mae", "rmse"})


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


@dataclass(frozen=True)
class _Choice:
    """How hyper-parameters are chosen for a task.

    Attributes:
        by: the score they are chosen by.
        scores: name -> scikit-learn's name of a scorer; what is called a loss is negated there.
    """

    by: str
    scores: Mapping[str, str]


_CHOICES = {
    Task.BINARY_CLASSIFICATION: _Choice(
        "log_loss", {"log_loss": "neg_log_loss", "auc": "roc_auc", "accuracy": "accuracy"}
    ),
    Task.MULTICLASS_CLASSIFICATION: _Choice("log_loss", {"log_loss": "neg_log_loss", "accuracy": "accuracy"}),
    Task.REGRESSION: _Choice(
        "mae", {"mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error", "r_squared": "r2"}
    ),
}


def fitted(study: Study, candidate: Candidate, *, training: "pd.DataFrame") -> Fitted:
    """Choose among the candidate's grid and refit on the whole training part; seeded throughout."""
    from sklearn.metrics import brier_score_loss, make_scorer
    from sklearn.model_selection import GridSearchCV
    from threadpoolctl import threadpool_limits

    choice = _CHOICES[study.task]
    scores: dict[str, Any] = dict(choice.scores)
    if study.positive is not None:
        scores["brier"] = make_scorer(
            brier_score_loss,
            response_method="predict_proba",
            greater_is_better=False,
            pos_label=study.positive,
        )
    search = GridSearchCV(
        candidate.estimator(),
        param_grid={name: list(values) for name, values in candidate.grid.items()},
        scoring=scores,
        refit=choice.by,  # pyright: ignore[reportArgumentType] - inferred from its default, True
        cv=_folds(study),
    )
    people = None if study.person is None else training[study.person]
    # A thousand rows keep one core busy: more threads wait for each other, for minutes on a busy machine.
    with threadpool_limits(limits=1):
        search.fit(training[list(study.features)], training[study.label], groups=people)
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
        "cv_chosen_by": choice.by,
        **{name.rpartition("__")[2]: value for name, value in search.best_params_.items()},
    }
    return Fitted(estimator=search.best_estimator_, parameters=parameters, metrics=metrics)


def _folds(study: Study) -> Any:
    """Folds that keep classes in equal shares, or a person's rows together."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    if study.person is not None:
        return GroupKFold(FOLDS)
    kind = KFold if study.task is Task.REGRESSION else StratifiedKFold
    return kind(FOLDS, shuffle=True, random_state=SEED)
