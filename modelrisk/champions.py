"""Who the champion is: what the ledger says, what the registry's alias says, and what follows.

The registry keeps no history of which version was champion; the ledger does. Where the two disagree,
nothing is compared until someone restores the alias, because a comparison with the wrong champion is worse
than none.

What does not belong here: reading the ledger or the registry, and moving an alias.
"""

from dataclasses import dataclass
from enum import StrEnum

from modelrisk.identity import ModelVersion


class Standing(StrEnum):
    """The five cases, in the order they are asked."""

    IS_CHAMPION = "is_champion"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    ADOPTED = "adopted"
    NONE = "none"


@dataclass(frozen=True)
class Champion:
    """The champion a version is judged against.

    Attributes:
        standing: which of the five cases holds.
        version: the champion to compare with; None when there is none or the sources disagree.
        statement: the case in one sentence, for the record.
        remedy: what to do when the sources disagree, as an imperative sentence without its full stop.
    """

    standing: Standing
    version: ModelVersion | None
    statement: str
    remedy: str | None = None


def champion_of(
    version: ModelVersion, *, recorded: ModelVersion | None, aliased: ModelVersion | None, alias: str
) -> Champion:
    """Which champion `version` is judged against.

    Args:
        version: the version under review.
        recorded: the ledger's champion, the last *finished* release of this model; None when none was.
        aliased: the version the registry's alias points at; None when the alias is not set.
        alias: the alias's name.
    """
    if recorded == version:
        return Champion(Standing.IS_CHAMPION, None, "this version is the champion")
    if recorded is not None and recorded == aliased:
        return Champion(Standing.AGREED, recorded, f"the champion is {recorded}, by ledger and registry")
    if recorded is not None:
        place = "is not set" if aliased is None else f"points at {aliased}"
        return Champion(
            Standing.DISAGREED,
            None,
            f"the ledger's champion is {recorded}, but the registry's alias `{alias}` {place}",
            remedy=f"Run `model-risk release {recorded}` to restore the alias, then review again",
        )
    if aliased is not None and aliased != version:
        return Champion(
            Standing.ADOPTED,
            aliased,
            f"adopted, unreviewed: {aliased} held the alias `{alias}` before the first recorded release",
        )
    return Champion(
        Standing.NONE, None, "there is no champion yet; the gain over the naive model is required instead"
    )
