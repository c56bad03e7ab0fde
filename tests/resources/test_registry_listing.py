"""Ten thousand versions are listed by one question a page, and no more pages are asked for than are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from modelrisk.errors import Unavailable
from resources.model_registry import ModelRegistry


class Page(list[Any]):
    """A page of MLflow's: a list with the token of the next one."""

    token: str = ""


@dataclass
class RecordingStore:
    """Answers as MLflow's client does, and remembers every question.

    Attributes:
        versions: how many there are.
        questions: what was asked, with its arguments.
    """

    versions: int
    questions: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    place: str = "nowhere"

    def ask(self, what: str, ask: Callable[[Any], Any]) -> Any:
        return ask(self)

    def search_model_versions(self, filter_string: str, **asked: Any) -> Page:
        self.questions.append(("versions", asked))
        return self._page(
            asked,
            lambda number: SimpleNamespace(
                name=f"model-{number % 500}",
                version=number // 500 + 1,
                creation_timestamp=10_000_000 - number,
                status="READY",
                tags={},
            ),
        )

    def search_registered_models(self, **asked: Any) -> Page:
        self.questions.append(("models", asked))
        return self._page(
            asked, lambda number: SimpleNamespace(name=f"model-{number}", aliases={"champion": 1}, tags={})
        )

    def _page(self, asked: dict[str, Any], made: Callable[[int], Any]) -> Page:
        start = int(asked["page_token"] or 0)
        end = min(start + asked["max_results"], self.versions)
        page = Page(made(number) for number in range(start, end))
        page.token = str(end) if end < self.versions else ""
        return page

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"`{name}` was asked of a single version or model")


@pytest.fixture
def listed() -> tuple[ModelRegistry, RecordingStore]:
    registry, store = ModelRegistry("sqlite://"), RecordingStore(10_000)
    vars(registry)["_store"] = store
    return registry, store


def test_all_versions_take_one_question_a_thousand(listed):
    registry, store = listed
    assert len(list(registry.newest_first())) == 10_000
    assert [what for what, _ in store.questions] == ["versions"] * 10
    assert {tuple(asked["order_by"]) for _, asked in store.questions} == {("creation_timestamp DESC",)}


def test_whoever_stops_at_the_newest_asks_for_one_page(listed):
    registry, store = listed
    assert len(list(islice(registry.newest_first(), 7))) == 7
    assert len(store.questions) == 1


def test_aliases_come_with_the_models_by_one_question_a_thousand(listed):
    registry, store = listed
    assert all(model.aliases == {"champion": "1"} for model in registry.models())
    assert [what for what, _ in store.questions] == ["models"] * 10


def test_a_list_that_repeats_itself_ends_in_an_error(listed):
    registry, store = listed
    store.versions = 2_000
    endless = type(store)._page

    class Endless(RecordingStore):
        def _page(self, asked: dict[str, Any], made: Callable[[int], Any]) -> Page:
            page = endless(self, asked, made)
            page.token = "1000"
            return page

    vars(registry)["_store"] = Endless(2_000)
    with pytest.raises(Unavailable, match="repeats itself"):
        list(registry.newest_first())
