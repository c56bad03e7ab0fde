"""From intake facts to a tier, by a decision table that can be explained row by row.

A row applies when every fact it names is at least as severe as the row asks; the tier is the most severe
row that applies, and the last row asks for nothing. So raising a fact can never lower the tier: monotone by
construction, whatever table policy writes. A missing fact counts as the worst.

What does not belong here: what a tier requires (`modelrisk.policy`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrisk.intake import Fact, Facts, severity, worst
from modelrisk.yaml_documents import Place


@dataclass(frozen=True)
class TierRow:
    """One row of the table.

    Attributes:
        tier: the tier it yields; 1 is the highest inherent risk.
        at_least: fact -> the least severe value for which the row applies; empty applies to every model.
        because: the reason, in a sentence for people.
        place: where the row stands.
    """

    tier: int
    at_least: Mapping[str, Fact]
    because: str
    place: Place

    def applies_to(self, facts: Facts) -> bool:
        """Whether every named fact is at least as severe; a missing one is."""
        return not self.spared_by(facts)

    def spared_by(self, facts: Facts) -> tuple[str, ...]:
        """Names of the facts that are less severe than the row asks."""
        return tuple(
            name for name, level in self.at_least.items() if severity(counted(facts, name)) < severity(level)
        )


@dataclass(frozen=True)
class TierReason:
    """One fact's part in the tier.

    Attributes:
        fact: the fact's name; empty for a row that applies to every model.
        value: its value as it counted; empty as above.
        is_missing: whether it was not declared and so counted as the worst.
        at_least: the level the row asks for; empty as above.
        place: the policy line.
        because: the row's reason.
    """

    fact: str
    value: str
    is_missing: bool
    at_least: str
    place: Place
    because: str

    def __str__(self) -> str:
        if not self.fact:
            return f"No stricter row applies: {self.because} ({self.place})"
        return f"{self.words}; this tier begins at {self.at_least}: {self.because} ({self.place})"

    @property
    def words(self) -> str:
        """The fact as it counted."""
        if self.is_missing:
            return f"{self.fact} is not declared and counts as the worst, {self.value}"
        return f"{self.fact} is {self.value}"


@dataclass(frozen=True)
class TierDecision:
    """The tier with its reasons.

    Attributes:
        tier: 1 is the highest inherent risk.
        row: the row that decided.
        reasons: one for each fact that the deciding row names (or one that says none does).
        spared: for each row that would have given a more severe tier, why it does not apply.
    """

    tier: int
    row: TierRow
    reasons: tuple[TierReason, ...]
    spared: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The tier with its reason: `Tier 2: it steers ...; materiality is medium (policy.yaml:12)`."""
        named = [reason.words for reason in self.reasons if reason.fact]
        facts = f"; {', '.join(named)}" if named else ""
        return f"Tier {self.tier}: {self.row.because}{facts} ({self.row.place})"

    @property
    def missing(self) -> tuple[str, ...]:
        """Facts that counted as the worst in the deciding row because nobody declared them."""
        return tuple(reason.fact for reason in self.reasons if reason.is_missing)


def counted(facts: Facts, name: str) -> Fact:
    """The fact as it counts: the worst when it is missing."""
    declared = facts[name]
    return worst(name) if declared is None else declared


def tier_of(table: Sequence[TierRow], facts: Facts | None) -> TierDecision:
    """The tier of a model.

    Args:
        table: rows of a validated policy: the most severe first, the last one unconditional.
        facts: what the intake declares; None (no intake) counts as the worst throughout.
    """
    facts = Facts() if facts is None else facts
    row = min((row for row in table if row.applies_to(facts)), key=lambda row: row.tier)
    return TierDecision(
        tier=row.tier,
        row=row,
        reasons=_reasons(row, facts),
        spared=tuple(_spared(each, facts) for each in table if each.tier < row.tier),
    )


def _reasons(row: TierRow, facts: Facts) -> tuple[TierReason, ...]:
    named = tuple(
        TierReason(name, counted(facts, name).value, facts[name] is None, level.value, row.place, row.because)
        for name, level in row.at_least.items()
    )
    return named or (TierReason("", "", is_missing=False, at_least="", place=row.place, because=row.because),)


def _spared(row: TierRow, facts: Facts) -> str:
    kept = " and ".join(
        f"{name} is {counted(facts, name).value}, below {row.at_least[name].value}"
        for name in row.spared_by(facts)
    )
    return f"Not tier {row.tier}: {kept} ({row.place})"
