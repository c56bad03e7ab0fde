"""The five champion cases, in the order they are asked."""

from modelrisk.champions import Standing, champion_of
from modelrisk.identity import ModelVersion

V1, V2, V3 = (ModelVersion("loan", number) for number in "123")


def test_the_ledgers_champion_is_not_compared_with_itself_wherever_the_alias_points():
    for aliased in (None, V1, V2):
        case = champion_of(V2, recorded=V2, aliased=aliased, alias="champion")
        assert (case.standing, case.version) == (Standing.IS_CHAMPION, None)


def test_a_champion_that_ledger_and_registry_agree_on_is_compared_with():
    case = champion_of(V2, recorded=V1, aliased=V1, alias="champion")
    assert (case.standing, case.version) == (Standing.AGREED, V1)


def test_a_missing_or_moved_alias_stops_the_comparison_and_says_how_to_mend_it():
    for aliased in (None, V2, V3):
        case = champion_of(V2, recorded=V1, aliased=aliased, alias="champion")
        assert (case.standing, case.version) == (Standing.DISAGREED, None)
        assert case.remedy is not None
        assert "model-risk release loan@1" in case.remedy


def test_on_the_first_day_the_aliased_version_is_adopted_as_unreviewed():
    case = champion_of(V2, recorded=None, aliased=V1, alias="champion")
    assert (case.standing, case.version) == (Standing.ADOPTED, V1)
    assert "adopted, unreviewed" in case.statement


def test_without_any_champion_there_is_nothing_to_compare_with():
    for aliased in (None, V2):
        case = champion_of(V2, recorded=None, aliased=aliased, alias="champion")
        assert (case.standing, case.version) == (Standing.NONE, None)
