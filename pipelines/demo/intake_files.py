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


def intake_file(study: Study, *, governance: Path) -> Path:
    """Where a study's intake stands."""
    return governance / "models" / f"{study.model}.yaml"


def write_intake(study: Study, *, governance: Path, evaluation: Path, today: date) -> bool:
    """Write a study's intake unless there is one, or nobody is meant to have declared it.

    Args:
        study: which study.
        governance: the governance directory.
        evaluation: the evaluation half; named relative to the file, as the contract has it.
        today: the day on which the demo rehearsed the rollback, where the intake names one.

    Returns:
        Whether it was written.
    """
    path = intake_file(study, governance=governance)
    if path.exists() or study.review_days is None:
        return False
    template = resources.files("pipelines.demo").joinpath("governance", f"{study.model}.yaml")
    relative = Path(os.path.relpath(evaluation.absolute(), path.parent.absolute())).as_posix()
    text = Template(template.read_text(encoding="utf-8")).substitute(
        # A JSON string is a YAML string, whatever characters a directory's name has.
        evaluation=json.dumps(relative, ensure_ascii=False),
        tested=today.isoformat(),
        next_review=(today + timedelta(days=study.review_days)).isoformat(),
    )
    create_with(path, text.encode(), name="demo_intake")
    return True
