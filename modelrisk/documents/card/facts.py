"""What the card says in single lines: who, where, on which data, from where, and by which digests.

What does not belong here: numbers that were measured (`figures`, `groups`, `gates`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelrisk.decisions import DecisionRecord
from modelrisk.documents import text
from modelrisk.estimates import Estimate
from modelrisk.intake import Intake
from modelrisk.lineage import Lineage


@dataclass(frozen=True)
class Fact:
    """Something said about the model in one line; None was not provided."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Digest:
    """Something named by the digest of its bytes; None could not be read or is not declared."""

    name: str
    value: str | None


def people(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    """Who answers for the model, who built and who challenged it."""
    developers = ", ".join(intake.developers) if intake else ""
    return (
        Fact("Owner", record.owner or None),
        Fact("Developers", developers or None),
        Fact("Validator", intake.validator if intake else None),
    )


def setting(intake: Intake | None) -> tuple[Fact, ...]:
    """Where it is used, under which facts, and how to go back."""
    facts = intake.facts if intake else None
    declared = (
        ("Materiality", facts.materiality if facts else None),
        ("Affects", facts.affects if facts else None),
        ("Automation", facts.automation if facts else None),
        ("Exposure", facts.exposure if facts else None),
    )
    rollback = intake.rollback if intake else None
    tested = "never tested" if rollback is None or rollback.tested is None else f"tested {rollback.tested}"
    return (
        Fact("System", intake.system if intake else None),
        Fact("Business area", intake.business_area if intake else None),
        *(Fact(name, None if fact is None else fact.value) for name, fact in declared),
        Fact("Rollback", None if rollback is None else f"to {rollback.to}, {tested}"),
        Fact("Next review", intake.next_review.isoformat() if intake and intake.next_review else None),
    )


def evaluation_facts(
    record: DecisionRecord, intake: Intake | None, all_rows: Mapping[str, Estimate]
) -> tuple[Fact, ...]:
    """The evaluation data: where, how many rows, which classes, how often used before."""
    data = intake.data if intake else None
    rows = max((estimate.n for estimate in all_rows.values()), default=0)
    uses = record.uses
    sensitive = None if data is None or data.sensitive is None else ", ".join(data.sensitive) or "none"
    return (
        Fact("Source", data.evaluation if data else None),
        Fact("Rows", text.count(rows) if rows else None),
        Fact("Label", data.label if data else None),
        Fact("Positive class", intake.positive if intake else None),
        Fact("Favourable class", intake.favourable if intake else None),
        Fact("Sensitive attributes", sensitive),
        Fact("Used before", f"{_times(uses.reviews, 'review')}, {_times(uses.previews, 'preview')}"),
        Fact("Digest", record.bound.evaluation),
    )


def training_facts(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    """The training data: where, and its bytes."""
    return (
        Fact("Source", intake.data.training if intake else None),
        Fact("Digest", record.bound.training),
    )


def origin(lineage: Lineage | None) -> tuple[Fact, ...]:
    """Run, commit and environment the version came from."""
    created = lineage.created_at.isoformat() if lineage and lineage.created_at else None
    return (
        Fact("Training run", lineage.run_id if lineage else None),
        Fact("Experiment", lineage.experiment or None if lineage else None),
        Fact("Source commit", lineage.source_commit if lineage else None),
        Fact("Artifacts", lineage.source or None if lineage else None),
        Fact("Registered", text.instant_words(created) if created else None),
        Fact("Description", lineage.description or None if lineage else None),
        Fact("Python", lineage.python_version or None if lineage else None),
        Fact("Flavours", ", ".join(lineage.flavors) or None if lineage else None),
    )


def bound_digests(record: DecisionRecord) -> tuple[Digest, ...]:
    """Everything the decision depends on."""
    bound = record.bound
    waivers = tuple(Digest("Waiver", waiver) for waiver in bound.waivers)
    return (
        Digest("Model files", bound.model),
        Digest("Environment", bound.environment),
        Digest("Evaluation data", bound.evaluation),
        Digest("Training data", bound.training),
        Digest("Champion", bound.champion),
        Digest("Intake", bound.intake),
        Digest("Policy", bound.policy),
        Digest("Control catalogue", bound.catalogue),
        *waivers,
        Digest("Predictions", record.predictions),
    )


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
