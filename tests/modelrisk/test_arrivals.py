"""Every version that matters is asked for, once, whatever the registry's clock and order do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.arrivals import OVERLAP_MS, SWEEP_EVERY, Arrivals, Mark, arrivals
from modelrisk.identity import ModelVersion
from modelrisk.registrations import RegisteredModel, Registration

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = OVERLAP_MS
START = 1_700_000_000_000


class Registry:
    """Versions in a list, and how many of them were read."""

    def __init__(self) -> None:
        self.versions: list[Registration] = []
        self.aliases: dict[str, dict[str, str]] = {}
        self.read = 0
        self.asked: set[Registration] = set()

    def register(self, name: str, at: int, *, ready: bool = True) -> Registration:
        number = 1 + sum(each.version.name == name for each in self.versions)
        made = Registration(ModelVersion(name, str(number)), at, is_ready=ready)
        self.versions.append(made)
        return made

    def newest_first(self):
        for each in sorted(self.versions, key=lambda each: -each.created_ms):
            self.read += 1
            yield each

    def models(self):
        for name in {each.version.name for each in self.versions}:
            yield RegisteredModel(name, self.aliases.get(name, {}))

    def look(self, mark: Mark, *, now: datetime = NOW, room: int = 20) -> Arrivals:
        self.read = 0
        found = arrivals(
            self.newest_first(),
            models=self.models,
            mark=mark,
            now=now,
            room=room,
            unasked=lambda some: [each for each in some if each not in self.asked],
        )
        assert not self.asked & set(found.to_review)
        self.asked |= set(found.to_review)
        return found


def keys(found: Arrivals) -> list[str]:
    return [each.version.key for each in found.to_review]


def swept(registry: Registry) -> Mark:
    mark = Mark()
    for _ in range(1000):
        found = registry.look(mark)
        mark = found.mark
        if mark.swept_at:
            return mark
    raise AssertionError("the sweep never ended")


def test_the_first_look_asks_for_the_newest_of_each_model_and_for_what_carries_an_alias():
    registry = Registry()
    for number in range(30):
        registry.register("loan", START + number)
        registry.register("fraud", START + number)
    registry.aliases = {"loan": {"champion": "7"}}
    assert sorted(keys(registry.look(Mark()))) == ["fraud@30", "loan@30", "loan@7"]


def test_later_looks_read_down_to_the_mark_and_no_further():
    registry = Registry()
    for number in range(500):
        registry.register(f"model-{number}", START + number * HOUR)
    mark = swept(registry)
    registry.register("loan", START + 900 * HOUR)
    found = registry.look(mark)
    assert keys(found) == ["loan@1"]
    assert registry.read == 4
    assert keys(registry.look(found.mark)) == []


def test_more_arrivals_than_there_is_room_for_wait_and_none_is_lost():
    registry = Registry()
    mark = swept(registry)
    registry.register("old", START)
    for number in range(50):
        registry.register("loan", START + 2 * HOUR + number * HOUR)
    first = registry.look(mark)
    assert (len(first.to_review), first.waiting) == (20, 31)
    assert first.to_review[0].version.key == "loan@50"
    registry.register("fraud", START + 900 * HOUR)
    second = registry.look(first.mark)
    assert second.to_review[0].version.key == "fraud@1"
    third = registry.look(second.mark)
    assert third.waiting == 0
    assert registry.asked == set(registry.versions)


def test_without_room_nothing_is_asked_and_nothing_is_lost():
    registry = Registry()
    mark = swept(registry)
    registry.register("loan", START)
    none = registry.look(mark, room=0)
    assert (none.to_review, none.waiting) == ((), 1)
    assert keys(registry.look(none.mark)) == ["loan@1"]


def test_a_version_that_is_still_being_registered_is_asked_for_when_it_is_ready():
    registry = Registry()
    mark = swept(registry)
    pending = registry.register("loan", START, ready=False)
    found = registry.look(mark)
    assert keys(found) == []
    registry.versions.remove(pending)
    registry.register("loan", START)
    assert keys(registry.look(found.mark)) == ["loan@1"]


def test_a_version_registered_by_a_clock_set_back_is_found_by_the_next_sweep():
    registry = Registry()
    registry.register("loan", START + 900 * HOUR)
    mark = swept(registry)
    registry.register("loan", START)
    assert keys(registry.look(mark)) == []
    assert keys(registry.look(mark, now=NOW + SWEEP_EVERY)) == ["loan@2"]


def test_a_renamed_model_is_asked_for_under_its_new_name():
    registry = Registry()
    made = registry.register("loan", START)
    mark = swept(registry)
    registry.versions = [Registration(ModelVersion("credit", "1"), made.created_ms)]
    assert keys(registry.look(mark)) == ["credit@1"]


def test_an_alias_put_on_an_old_version_asks_for_its_review_at_the_next_sweep():
    registry = Registry()
    for number in range(3):
        registry.register("loan", START + number * 10 * HOUR)
    mark = swept(registry)
    registry.aliases = {"loan": {"champion": "1"}}
    assert keys(registry.look(mark, now=NOW + SWEEP_EVERY)) == ["loan@1"]


def test_our_own_clock_set_back_leads_to_a_sweep_and_to_nothing_twice():
    registry = Registry()
    registry.register("loan", START)
    mark = swept(registry)
    found = registry.look(mark, now=NOW - timedelta(days=400))
    assert keys(found) == []
    assert found.mark.swept_at is not None
    assert found.mark.swept_at.startswith("2025")


def test_a_mark_survives_being_written_and_anything_else_is_the_first_mark():
    mark = Mark(17, NOW.isoformat())
    assert Mark.parsed(mark.text) == mark
    for text in (None, "", "17", "{}", '{"settled_ms":"x"}', "\udc80", '{"swept_at":5}'):
        assert Mark.parsed(text) == Mark()
    assert Mark(1, "yesterday").is_sweep_due(NOW)
    assert Mark(1, "2026-11-26T12:00:00").is_sweep_due(NOW)


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=60
    ),
    st.integers(1, 5),
)
@settings(max_examples=200, deadline=None)
def test_all_that_arrives_in_order_is_asked_for_exactly_once(steps, room):
    registry = Registry()
    mark, at, known = swept(registry), START, set()
    for gap, name, looks in steps:
        at += gap * HOUR // 10
        known.add(registry.register(name, at))
        for _ in range(looks):
            mark = registry.look(mark, room=room).mark
    for _ in range(len(steps)):
        mark = registry.look(mark, room=room).mark
    assert registry.asked == known
