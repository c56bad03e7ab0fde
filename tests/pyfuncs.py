"""Model directories as MLflow writes them, made by hand: quick, and one line of code is their behaviour."""

import json
import textwrap
from pathlib import Path

from modelrisk.lineage import ColumnSpec

X = (ColumnSpec("x", "double"),)


def write_model(
    directory: Path, body: str, *, features: tuple[ColumnSpec, ...] = X, signed: bool = True
) -> Path:
    """A pyfunc model directory whose `predict(self, rows)` has this body."""
    code = directory / "code"
    code.mkdir(parents=True)
    (code / "the_model.py").write_text(
        "import os, sys, time\nimport numpy as np, pandas as pd\n"
        "class Model:\n    def predict(self, rows, params=None):\n"
        + textwrap.indent(textwrap.dedent(body), " " * 8)
        + "\n\ndef _load_pyfunc(path):\n    return Model()\n"
    )
    (directory / "data").mkdir()
    (directory / "requirements.txt").write_text("mlflow\nnumpy\npandas\n")
    mlmodel: dict[str, object] = {
        "flavors": {
            "python_function": {
                "loader_module": "the_model",
                "code": "code",
                "data": "data",
                "python_version": "3.11.7",
            }
        },
        "mlflow_version": "3.17.2",
    }
    if signed:
        inputs = [{"type": spec.dtype, "name": spec.name, "required": spec.required} for spec in features]
        outputs = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]
        mlmodel["signature"] = {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}
    (directory / "MLmodel").write_text(json.dumps(mlmodel))
    return directory
