"""What the card says in single lines: who, where, on which data, from where, and by which digests.

What does not belong here: numbers that were measured (`figures`, `groups`, `gates`).
"""

from dataclasses import dataclass

from modelrisk.decisions import DecisionRecord
from modelrisk.documents import text
from modelrisk.documents.card.figures import Placed
from modelrisk.documents.references import pointer
from modelrisk.intake import Intake, Task
from modelrisk.lineage import Lineage


@dataclass(frozen=True)
class Fact:
    """Something said about the model in one line.

    Attributes:
        name: what it is about.
        value: what was said; None was not provided.
        evidence: where it was said.
        named: where the name itself comes from; empty when it is ours.
    """

    name: str
    value: str | None
    evidence: str
    named: str = ""


@dataclass(frozen=True)
class Digest:
    """Something named by the digest of its bytes.

    Attributes:
        name: what it is.
        value: the digest; None could not be read or is not declared.
        evidence: where the digest stands.
    """

    name: str
    value: str | None
    evidence: str


def people(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    """Who answers for the model, who built and who challenged it."""
    developers = ", ".join(intake.developers) if intake else ""
    return (
        Fact("Owner", record.owner or None, pointer("record", "owner")),
        Fact("Developers", developers or None, pointer("intake", "developers")),
        Fact("Validator", intake.validator if intake else None, pointer("intake", "validator")),
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
    review = intake.next_review.isoformat() if intake and intake.next_review else None
    return (
        Fact("System", intake.system if intake else None, pointer("intake", "system")),
        Fact("Business area", intake.business_area if intake else None, pointer("intake", "business_area")),
        *(
            Fact(name, None if fact is None else fact.value, pointer("intake", "facts"))
            for name, fact in declared
        ),
        Fact(
            "Rollback",
            None if rollback is None else f"to {rollback.to}, {tested}",
            pointer("intake", "rollback"),
        ),
        Fact("Next review", review, pointer("intake", "next_review")),
    )


def evaluation_facts(
    record: DecisionRecord, intake: Intake | None, measured: tuple[Placed, ...]
) -> tuple[Fact, ...]:
    """The evaluation data: where, how many rows, which classes, how often used before.

    Args:
        record: the decision.
        intake: the declaration.
        measured: what was measured on all rows.
    """
    data = intake.data if intake else None
    largest = max(measured, key=lambda one: one.estimate.n, default=None)
    uses = record.uses
    sensitive = None if data is None or data.sensitive is None else ", ".join(data.sensitive) or "none"
    has_classes = intake is None or intake.task is not Task.REGRESSION
    classes = (
        Fact("Positive class", intake.positive if intake else None, pointer("intake", "data", "positive")),
        Fact(
            "Favourable class",
            intake.favourable if intake else None,
            pointer("intake", "data"),
        ),
    )
    return (
        Fact("Source", data.evaluation if data else None, pointer("intake", "data", "evaluation")),
        Fact(
            "Rows",
            text.count(largest.estimate.n) if largest and largest.estimate.n else None,
            f"{largest.evidence}/n" if largest else "",
        ),
        Fact("Label", data.label if data else None, pointer("intake", "data", "label")),
        *(
            one
            for one in (classes if has_classes else ())
            if intake is None or intake.task is Task.BINARY_CLASSIFICATION or one.value is not None
        ),
        Fact("Sensitive attributes", sensitive, pointer("intake", "data", "sensitive")),
        Fact(
            "Used before",
            f"{_times(uses.reviews, 'review')}, {_times(uses.previews, 'preview')}",
            pointer("record", "uses"),
        ),
        Fact("Digest", record.bound.evaluation, pointer("record", "bound", "evaluation")),
    )


def training_facts(record: DecisionRecord, intake: Intake | None) -> tuple[Fact, ...]:
    """The training data: where, and its bytes."""
    source = intake.data.training if intake else None
    return (
        Fact("Source", source, pointer("intake", "data", "training")),
        Fact("Digest", record.bound.training, pointer("record", "bound", "training")),
    )


def origin(lineage: Lineage | None) -> tuple[Fact, ...]:
    """Run, commit and environment the version came from."""
    created = lineage.created_at.isoformat() if lineage and lineage.created_at else None
    said = (
        ("Training run", lineage.run_id if lineage else None, "run_id"),
        ("Experiment", lineage.experiment or None if lineage else None, "experiment"),
        ("Source commit", lineage.source_commit if lineage else None, "source_commit"),
        ("Artifacts", lineage.source or None if lineage else None, "source"),
        ("Registered", text.instant_words(created) if created else None, "created_at"),
        ("Description", lineage.description or None if lineage else None, "description"),
        ("Python", lineage.python_version or None if lineage else None, "python_version"),
        ("Flavours", ", ".join(lineage.flavors) or None if lineage else None, "flavors"),
    )
    return tuple(Fact(name, value, pointer("lineage", field)) for name, value, field in said)


def params(lineage: Lineage | None) -> tuple[Fact, ...]:
    """The run's parameters, by name."""
    return tuple(
        Fact(name, value, pointer("lineage", "params", name), named=pointer("lineage", "params"))
        for name, value in sorted(lineage.params.items() if lineage else ())
    )


def bound_digests(record: DecisionRecord) -> tuple[Digest, ...]:
    """Everything the decision depends on."""
    bound = record.bound
    named = (
        ("Model files", "model"),
        ("Environment", "environment"),
        ("Evaluation data", "evaluation"),
        ("Training data", "training"),
        ("Champion", "champion"),
        ("Intake", "intake"),
        ("Policy", "policy"),
        ("Control catalogue", "catalogue"),
    )
    return (
        *(Digest(name, getattr(bound, field), pointer("record", "bound", field)) for name, field in named),
        *(
            Digest("Waiver", waiver, pointer("record", "bound", "waivers", position))
            for position, waiver in enumerate(bound.waivers)
        ),
        Digest("Predictions", record.predictions, pointer("record", "predictions")),
    )


def evidence_digests(record: DecisionRecord) -> tuple[Digest, ...]:
    """Each stage with the digest of its evidence."""
    return tuple(
        Digest(stage, digest, pointer("record", "evidence", stage))
        for stage, digest in sorted(record.evidence.items())
    )


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
