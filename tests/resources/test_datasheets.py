"""Data sets read for their datasheets, on tiny files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelrisk.cases import Case, CasePaths
from modelrisk.champions import champion_of
from modelrisk.datasheets import Datasheet, Purpose, SheetColumn, SheetGroup, Span
from modelrisk.identity import ModelVersion
from modelrisk.intake import DataSources, Intake, Task
from modelrisk.lineage import Lineage
from modelrisk.records import BoundDigests, Problem, StageEvidence
from resources.datasets import Datasets
from resources.datasheets import DatasheetReader

VERSION = ModelVersion("credit", "1")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    made = Datasets(tmp_path_factory.mktemp("work"), memory_limit="512MB", threads=1)
    yield made
    made.close()


def written(path: Path, columns: Mapping[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path)
    return path


def case_of(
    datasets: Datasets, evaluation: Path | None, training: Path | None = None, **changes: Any
) -> Case:
    keys = {"evaluation": "e.parquet", "label": "y", "positive": 1, "sensitive": ("sex",), "id": "key"}
    data = DataSources(**(keys | changes))
    task = Task.BINARY_CLASSIFICATION if data.positive is not None else Task.REGRESSION
    intake = Intake(model="credit", owner="team:x", purpose="p", task=task, data=data)
    digests = {
        name: None if path is None else str(datasets.digest(path))
        for name, path in (("evaluation", evaluation), ("training", training))
    }
    bound = BoundDigests("m", None, digests["evaluation"], digests["training"], "none", "i", "p", "c")
    return Case(
        StageEvidence("inventory/lineage", VERSION, bound),
        VERSION,
        intake,
        Lineage(VERSION, "run", "credit", "models:/m-1", "READY", tags={"license": "CC0"}),
        champion_of(VERSION, recorded=None, aliased=None, alias="champion"),
        None,
        bound,
        CasePaths(
            evaluation=None if evaluation is None else str(evaluation),
            training=None if training is None else str(training),
        ),
    )


def sheet_of(datasets: Datasets, case: Case, purpose: Purpose = Purpose.EVALUATION) -> Datasheet:
    sheet = DatasheetReader(datasets).sheets(case)[purpose]
    assert isinstance(sheet, Datasheet), sheet
    return sheet


COLUMNS = {
    "y": [1, 0, 1, 1],
    "income": [1.0, float("nan"), None, 4.0],
    "sex": ["F", "M", None, "F"],
    "key": ["a", "b", "c", "d"],
    "at": ["2026-01-02", "2026-03-04", "soon", None],
}


def test_columns_have_type_role_and_gaps(datasets, tmp_path):
    path = written(tmp_path / "e.parquet", COLUMNS)
    sheet = sheet_of(datasets, case_of(datasets, path, time="at", exclude=("income",)))
    assert (sheet.rows, sheet.file, sheet.license) == (4, "e.parquet", "CC0")
    assert sheet.digest == datasets.digest(path)
    assert sheet.columns == (
        SheetColumn("y", "int64", "label", 0),
        SheetColumn("income", "float64", "excluded", 2),
        SheetColumn("sex", "string", "sensitive", 1),
        SheetColumn("key", "string", "identifier", 0),
        SheetColumn("at", "string", "time", 1),
    )
    assert sheet.groups == (
        SheetGroup("y", "1", 3),
        SheetGroup("y", "0", 1),
        SheetGroup("sex", "F", 2),
        SheetGroup("sex", "M", 1),
        SheetGroup("sex", None, 1),
    )
    assert sheet.span == Span("at", "2026-01-02", "2026-03-04", 1)


def test_the_numbers_of_a_regression_are_no_groups(datasets, tmp_path):
    path = written(tmp_path / "e.parquet", {**COLUMNS, "y": [1.5, 2.5, 1e12, -3.0]})
    sheet = sheet_of(datasets, case_of(datasets, path, positive=None))
    assert sheet.attributes == ("sex",)


def test_of_many_groups_the_largest_are_kept_and_the_rest_counted(datasets, tmp_path):
    groups = [f"g{position}" for position in range(250)] + ["g7"]
    rows = {"y": [0, 1] * 125 + [1], "sex": groups, "key": groups}
    sheet = sheet_of(datasets, case_of(datasets, written(tmp_path / "e.parquet", rows)))
    assert sheet.groups_of("sex")[0] == SheetGroup("sex", "g7", 2)
    assert len(sheet.groups_of("sex")) == 100
    assert sheet.others == {"sex": 150}


@pytest.mark.parametrize(("role", "distinct"), [("label", 11), ("sensitive", 1001)])
def test_the_values_of_a_column_that_is_no_group_are_shown_to_nobody(datasets, tmp_path, role, distinct):
    values = [f"secret {position}" for position in range(distinct)]
    path = written(tmp_path / "e.parquet", {"y": values, "sex": values, "key": values})
    declared = {"label": "y", "sensitive": ()} if role == "label" else {"label": "key", "sensitive": ("sex",)}
    sheet = sheet_of(datasets, case_of(datasets, path, **declared))
    assert sheet.groups == ()
    assert "secret" not in repr(sheet)
    assert sheet.others == ({"y": 11} if role == "label" else {"key": 1001, "sex": 1001})


def test_a_wide_table_is_described_whole(datasets, tmp_path):
    wide = {**COLUMNS, **{f"f {position}": [1, None, 3, 4] for position in range(600)}}
    sheet = sheet_of(datasets, case_of(datasets, written(tmp_path / "e.parquet", wide)))
    assert len(sheet.columns) == 605
    assert sum(column.missing for column in sheet.columns[5:]) == 600


def test_data_that_cannot_be_read_has_no_datasheet_and_says_why(datasets, tmp_path):
    path = written(tmp_path / "e.parquet", COLUMNS)
    sheets = DatasheetReader(datasets).sheets(case_of(datasets, path))
    assert isinstance(sheets[Purpose.EVALUATION], Datasheet)
    assert "no training data" in str(sheets[Purpose.TRAINING])


def test_data_that_changed_since_the_review_began_has_no_datasheet(datasets, tmp_path):
    path = written(tmp_path / "e.parquet", COLUMNS)
    case = case_of(datasets, path)
    written(path, {**COLUMNS, "y": [1, 1, 1, 0]})
    sheet = DatasheetReader(datasets).sheets(case)[Purpose.EVALUATION]
    assert isinstance(sheet, Problem)
    assert "changed while it was reviewed" in str(sheet)
