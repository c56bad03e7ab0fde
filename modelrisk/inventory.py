"""The inventory: every registered model with its versions, its aliases, and what its team declares.

A snapshot is taken from registry and governance directory, kept as evidence, and its digest appended to the
ledger whenever it changed. So what the inventory looked like on a past day is a question to the ledger, and a
report about that day needs neither the registry nor the directory as they are now.

What does not belong here: reading registry and directory (`resources`), what a snapshot and the ledger say
together (`modelrisk.oversight`), and what a report says of them.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC

from modelrisk.errors import Fault
from modelrisk.identity import ModelVersion
from modelrisk.intake import Intake, IntakeDocument, Task
from modelrisk.policy import Policy
from modelrisk.registrations import RegisteredModel, Registration

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
        name: its name, as the registry spells it. An intake file that does not even say which model it is
            about stands under its own name, `models/FILE`, which no registered model can have.
        versions: its registered versions, oldest first; empty for a model that is only declared.
        aliases: alias -> version number, as the registry has them.
        declaration: what its team declares; None when there is no intake.
        fault: why its intake file cannot be used as it is; None when it can, or there is none.
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
        review_every: tier, as text -> days after which policy wants a decision reviewed again.
    """

    schema: str
    policy: str
    models: tuple[InventoryModel, ...]
    review_every: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def versions(self) -> int:
        """How many versions are registered."""
        return sum(len(model.versions) for model in self.models)


@dataclass(frozen=True)
class Taken:
    """That a snapshot was taken, and which.

    Attributes:
        snapshot: digest of the inventory in the evidence store.
        models: how many models it has.
        versions: how many versions are registered.
        upto: sequence of the newest ledger entry the registry was read beside; 0 for an empty ledger. No
            release was written while the registry was being read.
        taken_at: UTC instant, ISO 8601.
    """

    snapshot: str
    models: int
    versions: int
    upto: int
    taken_at: str


@dataclass(frozen=True)
class IntakeFile:
    """One entry of the governance directory's `models`, usable or not.

    Attributes:
        name: its name within the directory, `models/FILE`.
        declares: the model it declares, even where the rest is faulty; None when that cannot be said.
        intake: the intake; None when it is too faulty to be one.
        faults: everything wrong with it.
    """

    name: str
    declares: str | None
    intake: IntakeDocument | None
    faults: tuple[Fault, ...]


def inventory_of(
    *,
    models: Iterable[RegisteredModel],
    versions: Iterable[Registration],
    intakes: Iterable[IntakeFile],
    policy: Policy,
) -> Inventory:
    """The snapshot of what registry and governance directory hold.

    Registry listings are read page by page while others write, so a version may be of a model that was not
    listed yet, or be listed twice; neither matters to the snapshot.

    Args:
        models: the registered models.
        versions: the registered versions.
        intakes: every intake file, faulty ones too.
        policy: gives the tiers.
    """
    aliases = {model.name: model.aliases for model in models}
    found: dict[str, dict[str, RegisteredVersion]] = {name: {} for name in aliases}
    for each in versions:
        version = each.version
        found.setdefault(version.name, {})[version.version] = RegisteredVersion(
            version.version, _instant_text(each.created_ms)
        )
    declarations: dict[str, Declaration] = {}
    faults: dict[str, list[Fault]] = {}
    for file in intakes:
        name = file.declares or file.name
        found.setdefault(name, {})
        if file.faults:
            faults.setdefault(name, []).extend(file.faults)
        if file.intake is not None:
            declarations.setdefault(name, _declaration(file.intake, policy))
    return Inventory(
        schema=SCHEMA,
        policy=policy.digest,
        models=tuple(
            InventoryModel(
                name=name,
                versions=tuple(sorted(found[name].values(), key=lambda version: int(version.version))),
                aliases=dict(sorted(aliases.get(name, {}).items())),
                declaration=declarations.get(name),
                fault=_in_short(faults[name]) if name in faults else None,
            )
            for name in sorted(found)
        ),
        review_every={str(tier): settings.review_every for tier, settings in policy.tiers.items()},
    )


def _declaration(document: IntakeDocument, policy: Policy) -> Declaration:
    tier = policy.tier_of(document.intake).tier
    return Declaration.of(document.intake, digest=document.digest, tier=tier)


_FAULTS_TOLD = 3


def _in_short(faults: list[Fault]) -> str:
    told = " ".join(str(fault) for fault in faults[:_FAULTS_TOLD])
    more = len(faults) - _FAULTS_TOLD
    return f"{told} And {more} more: run `model-risk check`." if more > 0 else told


_YEAR_10000 = 253_402_300_800_000  # milliseconds since 1970; a calendar ends before it


def _instant_text(milliseconds: int) -> str | None:
    if not 0 < milliseconds < _YEAR_10000:
        return None
    instant = datetime.datetime.fromtimestamp(milliseconds / 1000, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
