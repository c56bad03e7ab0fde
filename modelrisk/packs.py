"""The evidence pack: everything behind one decision in one file, checkable by a stranger.

The signed record names the digests of the stages' evidence and of the frozen predictions; the signed manifest
names the digest of every member. So one flipped byte is found and named, and nothing can be added. The public
key inside is a convenience: it can show that a pack holds together, never whom to trust.

What does not belong here: reading and writing the file, and counting rows again (`resources.pack_files`).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from modelrisk.decisions import PREDICATE_TYPE, DecisionRecord
from modelrisk.errors import CallerMistake, IntegrityError, ModelRiskError
from modelrisk.estimates import Estimate, described_cohort
from modelrisk.evidence import canonical_bytes, decoded, digest, parsed
from modelrisk.pack_instructions import TEXT
from modelrisk.records import StageEvidence
from modelrisk.signatures import (
    STATEMENT_PAYLOAD_TYPE,
    Signer,
    Statement,
    TrustedKeys,
    UntrustedSigner,
    is_canonical_envelope,
    statement_from,
    unverified_payload,
    verified_payload,
)

SCHEMA = "model-risk/pack@1"
MANIFEST_PAYLOAD_TYPE = "application/vnd.model-risk.pack-manifest+json"

MANIFEST = "manifest.json"
MANIFEST_ENVELOPE = "manifest.dsse.json"
DECISION = "decision.dsse.json"
CARD_HTML = "card.html"
CARD_MARKDOWN = "card.md"
PREDICTIONS = "predictions.parquet"
SIGNER_KEY = "keys/signer.pub"
INSTRUCTIONS = "VERIFY.md"

OUTCOME_TABLE = "outcome"
"""The stage table with one row: `positive` and `favourable`, the class texts the counts are about; for models
of another task than binary classification its `task` instead of `positive`."""

CLASSES_TABLE = "classes"
"""The stage table with the classes of a model of several, by `position` in its output."""

_REQUIRED = (MANIFEST, MANIFEST_ENVELOPE, DECISION, CARD_HTML, CARD_MARKDOWN, SIGNER_KEY, INSTRUCTIONS)
_DATASHEET = re.compile(r"datasheets/(?:evaluation|training)\.(?:html|md|croissant\.json)")
_STAGE = re.compile(r"stages/((?:[a-z0-9_]+/)*[a-z0-9_]+)\.json")


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNTRUSTED = "untrusted"
    SKIPPED = "skipped"


class PackVerdict(StrEnum):
    """What a pack is worth."""

    VERIFIED = "verified"
    BROKEN = "broken"
    UNTRUSTED_SIGNER = "untrusted signer"


@dataclass(frozen=True)
class PackCheck:
    """One check: its name, how it ended, and why."""

    name: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class PackReport:
    """What verifying a pack found; a pack without any check is broken."""

    checks: tuple[PackCheck, ...]

    @property
    def verdict(self) -> PackVerdict:
        """Broken if anything failed, else untrusted if nobody trusted signed it, else verified."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FAILED in outcomes or Outcome.PASSED not in outcomes:
            return PackVerdict.BROKEN
        return PackVerdict.UNTRUSTED_SIGNER if Outcome.UNTRUSTED in outcomes else PackVerdict.VERIFIED

    @property
    def failures(self) -> tuple[PackCheck, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAILED)


def passed(name: str, detail: str) -> PackCheck:
    """A check that held."""
    return PackCheck(name, Outcome.PASSED, detail)


def failed(name: str, detail: str) -> PackCheck:
    """A check that did not hold."""
    return PackCheck(name, Outcome.FAILED, detail)


def skipped(name: str, detail: str) -> PackCheck:
    """A check that could not be made here; it does not count as held."""
    return PackCheck(name, Outcome.SKIPPED, detail)


# --- making ----------------------------------------------------------------------------------------------


def stage_member(stage: str) -> str:
    """The member that holds a stage's evidence: `stages/evaluation/quality.json`.

    Raises:
        CallerMistake: the stage's name does not make a plain member name.
    """
    name = f"stages/{stage}.json"
    if not _STAGE.fullmatch(name):
        raise CallerMistake(
            found=f"a stage named {stage!r}",
            expected="lower-case words separated by slashes",
            remedy="Name the stage by its asset key",
        )
    return name


def datasheet_member(purpose: str, ending: str) -> str:
    """The member that holds a datasheet: `datasheets/evaluation.croissant.json`.

    Raises:
        CallerMistake: a pack has no such member.
    """
    name = f"datasheets/{purpose}.{ending}"
    if not _DATASHEET.fullmatch(name):
        raise CallerMistake(
            found=f"a datasheet {name!r}",
            expected="one of the evaluation or training data as html, md or croissant.json",
            remedy="Name it by what the data is used for, and by its form",
        )
    return name


def pack_members(
    *,
    decision: bytes,
    stages: Mapping[str, bytes],
    card_html: bytes,
    card_markdown: bytes,
    predictions: str | None,
    signer: Signer,
    datasheets: Mapping[str, bytes] | None = None,
) -> Mapping[str, bytes]:
    """Every member of a pack but the predictions, manifest and its signature included.

    Args:
        decision: the signed record's DSSE envelope, as stored.
        stages: stage -> its evidence's canonical bytes, as stored.
        card_html: the card for a browser.
        card_markdown: the card as Markdown.
        predictions: digest of the frozen predictions, which go into the file from disk; None without any.
        signer: signs the manifest.
        datasheets: member name (see `datasheet_member`) -> a datasheet in one of its forms.
    """
    members = {
        DECISION: decision,
        CARD_HTML: card_html,
        CARD_MARKDOWN: card_markdown,
        SIGNER_KEY: signer.public_key.pem,
        INSTRUCTIONS: TEXT.encode(),
        **dict(sorted((datasheets or {}).items())),
        **{stage_member(stage): stages[stage] for stage in sorted(stages)},
    }
    digests = {name: digest(data) for name, data in members.items()}
    if predictions is not None:
        digests[PREDICTIONS] = predictions
    manifest = canonical_bytes({"schema": SCHEMA, "files": digests})
    return {
        MANIFEST: manifest,
        MANIFEST_ENVELOPE: signer.sign(MANIFEST_PAYLOAD_TYPE, manifest),
        **members,
    }


def is_member_name(name: str) -> bool:
    """Whether a pack may have a member of this name; also keeps out `../`, absolute and odd names."""
    is_free = _STAGE.fullmatch(name) is not None or _DATASHEET.fullmatch(name) is not None
    return is_free or name in {*_REQUIRED, PREDICTIONS}


# --- verifying -------------------------------------------------------------------------------------------


def verify_pack(
    members: Mapping[str, bytes], *, trusted: TrustedKeys, digests: Mapping[str, str] | None = None
) -> PackReport:
    """Check a pack's digests and signatures, and that printed bounds follow from what they claim to.

    Args:
        members: name -> bytes of every member; the predictions may be left out if their digest is given.
        trusted: keys from outside the pack.
        digests: digests computed elsewhere, for members that are left out.
    """
    found = {**(digests or {}), **{name: digest(data) for name, data in members.items()}}
    missing = [f"{name} is missing" for name in sorted({*_REQUIRED} - {*members})]
    foreign = [f"{name!r} does not belong" for name in sorted(found) if not is_member_name(name)]
    if missing or foreign:
        return PackReport((failed("members", "; ".join((*missing, *foreign))),))
    own = _own_key(members[SIGNER_KEY])
    signed = ((MANIFEST_ENVELOPE, MANIFEST_PAYLOAD_TYPE), (DECISION, STATEMENT_PAYLOAD_TYPE))
    checks = [
        *(_signature_check(name, members[name], kind, trusted=trusted, own=own) for name, kind in signed),
        _manifest_check(members),
        *_digest_checks(members[MANIFEST], found),
        *_record_checks(members, found),
    ]
    return PackReport(tuple(checks))


def record_of(members: Mapping[str, bytes]) -> DecisionRecord:
    """The decision record of a pack; good for reading only once `verify_pack` has passed.

    Raises:
        IntegrityError: it holds no decision record.
    """
    return _statement_of(members).predicate_as(DecisionRecord)


def stages_of(members: Mapping[str, bytes]) -> Mapping[str, StageEvidence]:
    """The stages' evidence in a pack, by stage; good for reading only once `verify_pack` has passed.

    Raises:
        IntegrityError: a member is not a stage's evidence.
    """
    matches = ((_STAGE.fullmatch(name), data) for name, data in members.items())
    return {match[1]: decoded(StageEvidence, data) for match, data in matches if match}


def _statement_of(members: Mapping[str, bytes]) -> Statement:
    return statement_from(unverified_payload(members[DECISION]), predicate_type=PREDICATE_TYPE)


def _own_key(pem: bytes) -> TrustedKeys:
    try:
        return TrustedKeys.from_pems([pem])
    except CallerMistake:
        return TrustedKeys()


def _signature_check(
    member: str, envelope: bytes, payload_type: str, *, trusted: TrustedKeys, own: TrustedKeys
) -> PackCheck:
    name = f"signature of {member}"
    try:
        if not is_canonical_envelope(envelope):
            return failed(name, f"{member} is not written in its canonical form: it was altered")
        verified_payload(envelope, trusted, payload_type=payload_type)
    except UntrustedSigner as stranger:
        try:
            verified_payload(envelope, own, payload_type=payload_type)
        except ModelRiskError:
            return failed(name, f"{member} is signed neither by a trusted key nor by the key in the pack")
        return PackCheck(name, Outcome.UNTRUSTED, str(stranger))
    except IntegrityError as error:
        return failed(name, f"{member}: {error}")
    return passed(name, "a trusted key signed these bytes")


def _manifest_check(members: Mapping[str, bytes]) -> PackCheck:
    name = f"digest of {MANIFEST}"
    try:
        same = unverified_payload(members[MANIFEST_ENVELOPE]) == members[MANIFEST]
    except IntegrityError as error:
        return failed(name, str(error))
    return (
        passed(name, "it is what was signed") if same else failed(name, f"{MANIFEST} is not what was signed")
    )


def _digest_checks(manifest: bytes, found: Mapping[str, str]) -> Iterable[PackCheck]:
    try:
        match parsed(manifest):
            case {"schema": str(schema), "files": Mapping() as files} if schema == SCHEMA:
                expected = cast("Mapping[str, object]", files)
            case _:
                return [failed("manifest", f"it is not a manifest of schema {SCHEMA}")]
    except IntegrityError as error:
        return [failed("manifest", str(error))]
    listed = {name: value for name, value in found.items() if name not in {MANIFEST, MANIFEST_ENVELOPE}}
    return [
        _digest_check(name, listed.get(name), expected.get(name)) for name in sorted({*listed, *expected})
    ]


def _digest_check(name: str, found: str | None, expected: object) -> PackCheck:
    title = f"digest of {name}"
    if found is None:
        return failed(title, f"{name} is missing from the pack")
    if expected is None:
        return failed(title, f"{name} is not in the manifest: it was added")
    if found != expected:
        return failed(title, f"{name} was altered: found {found}, expected {expected}")
    return passed(title, found)


def _record_checks(members: Mapping[str, bytes], found: Mapping[str, str]) -> Iterable[PackCheck]:
    name = "record"
    try:
        record = record_of(members)
        stages = stages_of(members)
    except ModelRiskError as error:
        return [failed(name, str(error))]
    return [
        _subject_check(_statement_of(members), record),
        _binding_check(record, found),
        _source_check(record, stages),
        _bounds_check(record),
    ]


def _subject_check(statement: Statement, record: DecisionRecord) -> PackCheck:
    name = "record names its subject"
    model = record.bound.model
    about = [(subject.name, subject.digest if model else None) for subject in statement.subjects]
    if about != [(record.model, model)]:
        return failed(name, f"the statement is not about the bytes of {record.model} that were decided on")
    return passed(name, record.model)


def _binding_check(record: DecisionRecord, found: Mapping[str, str]) -> PackCheck:
    name = "record binds its evidence"
    bound = {f"stages/{stage}.json": value for stage, value in record.evidence.items()}
    if record.predictions is not None:
        bound[PREDICTIONS] = record.predictions
    present = {key: value for key, value in found.items() if key == PREDICTIONS or _STAGE.fullmatch(key)}
    wrong = sorted(key for key in {*bound, *present} if bound.get(key) != present.get(key))
    if wrong:
        return failed(name, f"not what the signed record names: {', '.join(wrong)}")
    return passed(name, f"{len(bound)} digests named by the signed record match")


def _source_check(record: DecisionRecord, stages: Mapping[str, StageEvidence]) -> PackCheck:
    name = "record quotes its stages"
    measured = {canonical_bytes(estimate) for stage in stages.values() for estimate in stage.estimates}
    for estimate in record.estimates:
        if canonical_bytes(estimate) not in measured:
            return failed(name, f"no stage measured the record's {described(estimate)}")
    return passed(name, f"{len(record.estimates)} estimates stand in the stages' evidence")


def _bounds_check(record: DecisionRecord) -> PackCheck:
    name = "bounds re-derived"
    try:
        from modelrisk.metrics.intervals import follows_from_inputs
    except ImportError as error:
        return skipped(name, f"needs the package's statistics libraries ({error.name})")
    estimates = [*record.estimates, *(each for control in record.controls for each in control.estimates)]
    for estimate in estimates:
        if not follows_from_inputs(estimate):
            return failed(name, f"the bounds of {described(estimate)} do not follow from its inputs")
    return passed(name, f"{len(estimates)} intervals recomputed from their inputs")


def close(printed: float | None, computed: float | None) -> bool:
    """Whether two numbers agree to the nine digits that different builds of a library keep."""
    if printed is None or computed is None:
        return printed is computed
    return math.isclose(printed, computed, rel_tol=1e-9, abs_tol=1e-12)


def described(estimate: Estimate) -> str:
    """An estimate's metric and cohort, for a reader."""
    return f"{estimate.metric} for {described_cohort(estimate.cohort, estimate.outcome)}"
