"""The wrapper in which the demo's supplier delivers a model: a function, and nothing about what is inside.

In a module of its own, because whoever loads the model imports it from here.

What does not belong here: the model inside.
"""

from typing import Any

import pandas as pd
from mlflow.pyfunc.model import PythonModel


class Delivered(PythonModel):
    """Answers with the probability of the positive class, one number for each row.

    Args:
        estimator: what is inside; not for anybody's eyes.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:  # noqa: ARG002 - MLflow calls it so
        """The probability for each row."""
        return self._estimator.predict_proba(model_input)[:, 1]
