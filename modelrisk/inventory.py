"""The inventory: every registered model with its versions, its aliases, and what its team declares.

A snapshot is taken from registry and governance directory, kept as evidence, and its digest appended to the
ledger whenever it changed. So what the inventory looked like on a past day is a question to the ledger, and a
report about that day needs neither the registry nor the directory as they are now.

What does not belong here: reading registry and directory (`resources`), and what a report says of them.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake, Task

SCHEMA = "model-risk/inventory@1"
SUBJECT = "inventory"
"""Subject of the ledger's inventory events."""


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry lists it.

    Attributes:
        version: its number, as text.
        created_at: when it was registered, UTC, ISO 8601; None when the registry does not say.
    """

    version: str
    created_at: str | None = None


@dataclass(frozen=True)
class Declaration:
    """What the portfolio needs of an intake; the whole of it stands in the governance directory.

    Attributes:
        digest: digest of the intake document.
        title: the model's name for people; None when not given.
        owner: who answers for it.
        purpose: what its output is used for.
        task: what it predicts.
        tier: the tier policy gives it.
        business_area: part of the organisation it serves; None when not declared.
        system: the system it runs in; None when not declared.
        champion: the registry alias of the version in use.
        next_review: day by which its owner wants it reviewed again; None when not declared.
        rollback_tested: day of the last rollback test; None when never tried.
        third_parties: suppliers of the model or of its data.
        retirement: how and when it will be taken out of use; None when not declared.
    """

    digest: str
    title: str | None
    owner: str
    purpose: str
    task: Task
    tier: int
    business_area: str | None = None
    system: str | None = None
    champion: str = "champion"
    next_review: datetime.date | None = None
    rollback_tested: datetime.date | None = None
    third_parties: tuple[str, ...] = ()
    retirement: str | None = None

    @classmethod
    def of(cls, intake: Intake, *, digest: str, tier: int) -> "Declaration":
        """The declaration of an intake."""
        return cls(
            digest=digest,
            title=intake.title,
            owner=intake.owner,
            purpose=intake.purpose,
            task=intake.task,
            tier=tier,
            business_area=intake.business_area,
            system=intake.system,
            champion=intake.champion,
            next_review=intake.next_review,
            rollback_tested=None if intake.rollback is None else intake.rollback.tested,
            third_parties=intake.third_parties,
            retirement=intake.retirement,
        )


@dataclass(frozen=True)
class InventoryModel:
    """One model of the inventory: registered, declared, or both.

    Attributes:
        name: its name, as the registry spells it.
        versions: its registered versions, oldest first; empty for a model that is only declared.
        aliases: alias -> version number, as the registry has them.
        declaration: what its team declares; None when there is no intake.
        fault: why its intake file cannot be used; None when it can, or there is none.
    """

    name: str
    versions: tuple[RegisteredVersion, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    declaration: Declaration | None = None
    fault: str | None = None

    def aliased(self, alias: str) -> ModelVersion | None:
        """The version an alias points at; None when it is not set."""
        number = self.aliases.get(alias)
        return None if number is None else ModelVersion(self.name, number)


@dataclass(frozen=True)
class Inventory:
    """Every model, sorted by name.

    Attributes:
        schema: name and version of this layout.
        policy: digest of the policy that gave the tiers.
        models: the models.
    """

    schema: str
    policy: str
    models: tuple[InventoryModel, ...]

    @property
    def versions(self) -> int:
        """How many versions are registered."""
        return sum(len(model.versions) for model in self.models)
