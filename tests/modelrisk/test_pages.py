"""Addresses of pages: they lead somewhere, whatever the names."""

import pytest

from modelrisk import pages
from modelrisk.identity import ModelVersion

VERSION = ModelVersion("credit risk/eu?", "3")


def test_a_page_of_the_ui_is_an_address_without_host_in_which_names_are_quoted():
    assert (
        pages.of_asset("release/decision", "a&b#c@1")
        == "/assets/release/decision?view=partitions&partition=a%26b%23c%401"
    )
    assert pages.of_check("evaluation/quality", "auc_above_floor") == (
        "/assets/evaluation/quality?view=checks&checkDetail=auc_above_floor"
    )


def test_a_served_registry_has_a_page_for_version_and_run():
    served = "https://mlflow.example/base/"
    assert pages.of_version(served, VERSION) == (
        "https://mlflow.example/base/#/models/credit%20risk%2Feu%3F/versions/3"
    )
    assert pages.of_run(served, "f" * 32) == f"https://mlflow.example/base/#/runs/{'f' * 32}"


@pytest.mark.parametrize("registry", ["sqlite:////data/my models/mlflow.db", "file:///mlruns", "databricks"])
def test_a_registry_that_no_server_shows_has_no_link_but_a_command(registry):
    assert pages.of_version(registry, VERSION) is None
    assert pages.of_run(registry, "f" * 32) is None
    assert pages.how_to_see(registry).startswith("mlflow ui --backend-store-uri ")


def test_the_command_survives_a_space():
    assert pages.how_to_see("sqlite:////a b.db") == "mlflow ui --backend-store-uri 'sqlite:////a b.db'"


def test_a_logged_model_that_is_not_registered_has_no_page_of_a_version():
    assert pages.of_version("https://mlflow.example", ModelVersion("loan", f"runs:/{'f' * 32}/model")) is None
