"""The demo's governance directory: one intake file a model, written once and never overwritten.

No policy is written: the shipped one judges the demo as it is.

What does not belong here: what an intake means (`modelrisk.intake`).
"""

import json
import os
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from string import Template

from pipelines.demo.studies import Study
from resources.durable_files import create_with

_REVIEW_AFTER = {"mortgage-approval": timedelta(days=90), "breast-cancer": timedelta(days=365)}
# As often as the shipped policy asks for in the tier each model's facts lead to.


def intake_file(study: Study, *, governance: Path) -> Path:
    """Where a study's intake stands."""
    return governance / "models" / f"{study.model}.yaml"


def write_intake(study: Study, *, governance: Path, evaluation: Path, today: date) -> bool:
    """Write a study's intake unless there is one; whether it was written.

    Args:
        study: which study.
        governance: the governance directory.
        evaluation: the evaluation half; named relative to the file, as the contract has it.
        today: the day on which the demo rehearsed the rollback, where the intake names one.
    """
    path = intake_file(study, governance=governance)
    if path.exists():
        return False
    template = resources.files("pipelines.demo").joinpath("governance", f"{study.model}.yaml")
    relative = Path(os.path.relpath(evaluation.absolute(), path.parent.absolute())).as_posix()
    text = Template(template.read_text(encoding="utf-8")).substitute(
        # A JSON string is a YAML string, whatever characters a directory's name has.
        evaluation=json.dumps(relative, ensure_ascii=False),
        tested=today.isoformat(),
        next_review=(today + _REVIEW_AFTER[study.model]).isoformat(),
    )
    create_with(path, text.encode(), name="demo_intake")
    return True
