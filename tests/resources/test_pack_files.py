"""Packs from end to end: `modelrisk.packs`, `resources.pack_files` and `resources.recount` together."""

import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from modelrisk.decisions import PREDICATE_TYPE, Actor, DecisionRecord, EvaluationUses, Kind, Outcome, Tool
from modelrisk.errors import CallerMistake
from modelrisk.estimates import Estimate
from modelrisk.evidence import canonical_bytes, digest
from modelrisk.identity import ModelVersion
from modelrisk.metrics.intervals import estimate
from modelrisk.packs import (
    MANIFEST_PAYLOAD_TYPE,
    OUTCOME_TABLE,
    PREDICTIONS,
    PackCheck,
    PackReport,
    PackVerdict,
    datasheet_member,
    pack_members,
    stage_member,
    verify_pack,
)
from modelrisk.packs import Outcome as CheckOutcome
from modelrisk.records import BoundDigests, StageEvidence
from modelrisk.signatures import STATEMENT_PAYLOAD_TYPE, Subject, TrustedKeys, statement_bytes
from resources.pack_files import _archive_check, _members_in, verify_pack_bytes, verify_pack_file, write_pack
from resources.recount import RECOUNT, recount_check
from resources.signer import KeyFile

BOUND = BoundDigests(digest(b"model"), None, digest(b"data"), None, "none", None, "p", "c")
VERSION = ModelVersion("loan-default", "3")
ROWS = 400


@dataclass(frozen=True)
class Made:
    """A pack's ingredients."""

    record: DecisionRecord
    stages: Mapping[str, bytes]
    predictions: Path
    members: Mapping[str, bytes]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "signing.pem")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("strange") / "signing.pem")


def counted(rows: list[dict[str, Any]], cohort: Mapping[str, str | None]) -> tuple[Estimate, ...]:
    """Headline estimates, counted row by row and pair by pair."""
    rows = [row for row in rows if all(row[f"cohort:{name}"] == group for name, group in cohort.items())]
    positives = [row for row in rows if row["label"] == "1"]
    negatives = [row for row in rows if row["label"] == "0"]

    def share(metric: str, of: list[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> Estimate:
        inputs = {"events": float(sum(map(holds, of))), "n": float(len(of))}
        return estimate(metric, "clopper_pearson", inputs, confidence=0.95, cohort=cohort)

    def mean(metric: str, values: list[float]) -> Estimate:
        value = sum(values) / len(values)
        inputs = {
            "value": value,
            "standard_error": 0.05,
            "n": float(len(rows)),
            "events": float(len(positives)),
        }
        return estimate(metric, "wald_normal", inputs, confidence=0.95, cohort=cohort)

    return (
        share("accuracy", rows, lambda row: row["label"] == row["prediction"]),
        share(
            "precision", [row for row in rows if row["prediction"] == "1"], lambda row: row["label"] == "1"
        ),
        share("true_positive_rate", positives, lambda row: row["prediction"] == "1"),
        share("false_negative_rate", positives, lambda row: row["prediction"] == "0"),
        share("false_positive_rate", negatives, lambda row: row["prediction"] == "1"),
        share("true_negative_rate", negatives, lambda row: row["prediction"] == "0"),
        share("selection_rate", rows, lambda row: row["prediction"] == "0"),
        share("base_rate", rows, lambda row: row["label"] == "1"),
        mean("brier", [(row["score"] - (row["label"] == "1")) ** 2 for row in rows]),
        mean("auc", [_won(one["score"], other["score"]) for one in positives for other in negatives]),
    )


def _won(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, signer: KeyFile) -> Made:
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = random.Random(20261123)
    rows: list[dict[str, Any]] = []
    for number in range(ROWS):
        label = chance.random() < 0.4
        score = round(label * 0.2 + chance.random() * 0.8, 2)  # rounded, so that scores tie
        row = {"row": number, "label": str(int(label)), "prediction": str(int(score >= 0.5)), "score": score}
        rows.append({**row, "cohort:sex": chance.choice(["F", "M", None])})
    path = tmp_path_factory.mktemp("predictions") / PREDICTIONS
    pq.write_table(pa.Table.from_pylist(rows), path)
    estimates = (*counted(rows, {}), *counted(rows, {"sex": "F"}), *counted(rows, {"sex": None}))
    quality = StageEvidence(
        "evaluation/quality",
        VERSION,
        BOUND,
        estimates,
        tables={OUTCOME_TABLE: ({"positive": "1", "favourable": "0"},)},
    )
    fairness = StageEvidence("evaluation/fairness", VERSION, BOUND)
    stages = {stage.stage: canonical_bytes(stage) for stage in (quality, fairness)}
    record = DecisionRecord(
        schema="model-risk/decision@1",
        id="01",
        kind=Kind.DECISION,
        model=VERSION.key,
        title="Loan default",
        tier=1,
        tier_reasons=("because",),
        verdict=Outcome.REFUSED,
        headline="Refused",
        not_evaluated=(),
        decided_at="2026-11-23T14:43:44Z",
        actor=Actor("user", "ada"),
        tool=Tool("0.1.0", "3.11", {}),
        owner="team:lending",
        champion="none",
        approvals=(),
        bound=BOUND,
        evidence={name: digest(data) for name, data in stages.items()},
        predictions=digest(path.read_bytes()),
        isolation="process, no network",
        uses=EvaluationUses(1, 0),
        controls=(),
        findings=(),
        estimates=estimates,
    )
    return Made(record, stages, path, members_of(record, stages, signer))


def members_of(record: DecisionRecord, stages: Mapping[str, bytes], signer: KeyFile) -> Mapping[str, bytes]:
    assert record.bound.model is not None
    payload = statement_bytes(
        subjects=[Subject(record.model, record.bound.model)], predicate_type=PREDICATE_TYPE, predicate=record
    )
    return pack_members(
        decision=signer.sign(STATEMENT_PAYLOAD_TYPE, payload),
        stages=stages,
        card_html=b"<html></html>",
        card_markdown=b"# Card",
        predictions=record.predictions,
        signer=signer,
    )


@pytest.fixture(scope="module")
def pack(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.zip"
    write_pack(path, made.members, predictions=made.predictions)
    return path


def all_members(made: Made) -> dict[str, bytes]:
    return {**made.members, PREDICTIONS: made.predictions.read_bytes()}


def rebuilt(members: Mapping[str, bytes], path: Path) -> bytes:
    write_pack(path, members)
    return path.read_bytes()


def reasons(report: PackReport) -> str:
    return "; ".join(f"{check.name}: {check.detail}" for check in report.failures)


def test_a_whole_pack_is_verified_and_nothing_is_skipped(pack: Path, signer: KeyFile) -> None:
    report = verify_pack_file(pack, trusted=signer.trusted)
    assert report.verdict is PackVerdict.VERIFIED, reasons(report)
    assert {check.outcome for check in report.checks} == {CheckOutcome.PASSED}
    names = {check.name for check in report.checks}
    assert {"archive", "signature of decision.dsse.json", "bounds re-derived", RECOUNT} <= names


def test_a_pack_with_datasheets_verifies_and_one_without_them_still_does(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    sheets = {
        datasheet_member("evaluation", "croissant.json"): b"{}",
        datasheet_member("training", "md"): b"#",
    }
    members = pack_members(
        decision=made.members["decision.dsse.json"],
        stages=made.stages,
        card_html=b"<html></html>",
        card_markdown=b"# Card",
        predictions=made.record.predictions,
        signer=signer,
        datasheets=sheets,
    )
    assert set(members) - set(made.members) == set(sheets)
    whole = {**members, PREDICTIONS: made.predictions.read_bytes()}
    report = verify_pack_bytes(rebuilt(whole, tmp_path / "with.zip"), trusted=signer.trusted)
    assert report.verdict is PackVerdict.VERIFIED, reasons(report)
    changed = {**whole, "datasheets/training.md": b"# other"}
    report = verify_pack_bytes(rebuilt(changed, tmp_path / "changed.zip"), trusted=signer.trusted)
    assert "datasheets/training.md was altered" in reasons(report)


@pytest.mark.parametrize(
    "name",
    ["datasheets/test.md", "datasheets/evaluation.exe", "datasheets/../card.html", "datasheets/training"],
)
def test_nothing_else_may_stand_among_the_datasheets(
    made: Made, signer: KeyFile, tmp_path: Path, name: str
) -> None:
    forged = rebuilt({**all_members(made), name: b""}, tmp_path / "forged.zip")
    report = verify_pack_bytes(forged, trusted=signer.trusted)
    assert report.verdict is PackVerdict.BROKEN
    assert "does not belong" in reasons(report)


def test_the_same_contents_are_the_same_bytes(made: Made, pack: Path, tmp_path: Path) -> None:
    assert rebuilt(all_members(made), tmp_path / "again.zip") == pack.read_bytes()


def test_the_members_can_be_looked_at_with_any_zip_tool(pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist())
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_one_flipped_byte_in_any_member_is_named(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    for name, data in all_members(made).items():
        for place in {0, len(data) // 2, len(data) - 1}:
            flipped = bytearray(data)
            flipped[place] ^= 1
            changed = rebuilt({**all_members(made), name: bytes(flipped)}, tmp_path / "flipped.zip")
            report = verify_pack_bytes(changed, trusted=signer.trusted)
            assert report.verdict is PackVerdict.BROKEN
            assert name in reasons(report), f"byte {place} of {name}"


def test_no_byte_of_the_archive_itself_is_free_to_change(pack: Path) -> None:
    whole = pack.read_bytes()
    with zipfile.ZipFile(pack) as archive:
        headers = [entry.header_offset for entry in archive.infolist()]
        directory = archive.start_dir
    places = {*range(directory, len(whole)), *(offset + each for offset in headers for each in range(30))}
    for place in sorted(places):
        flipped = bytearray(whole)
        flipped[place] ^= 0x01
        members = _members_in(bytes(flipped))
        if not isinstance(members, PackCheck):
            assert _archive_check(bytes(flipped), members).outcome is CheckOutcome.FAILED, f"byte {place}"


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -22])
def test_a_pack_cut_short_is_broken(pack: Path, signer: KeyFile, keep: int) -> None:
    report = verify_pack_bytes(pack.read_bytes()[:keep], trusted=signer.trusted)
    assert report.verdict is PackVerdict.BROKEN


@pytest.mark.parametrize("tail", [b"\0", b"more"])
def test_something_appended_or_put_in_front_is_broken(pack: Path, signer: KeyFile, tail: bytes) -> None:
    for changed in (pack.read_bytes() + tail, tail + pack.read_bytes()):
        assert verify_pack_bytes(changed, trusted=signer.trusted).verdict is PackVerdict.BROKEN


def test_a_missing_member_is_named(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    for name in all_members(made):
        rest = {key: data for key, data in all_members(made).items() if key != name}
        report = verify_pack_bytes(rebuilt(rest, tmp_path / "less.zip"), trusted=signer.trusted)
        assert report.verdict is PackVerdict.BROKEN
        assert name in reasons(report)


def test_an_added_stage_is_named(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    more = {**all_members(made), "stages/evaluation/extra.json": b"{}"}
    report = verify_pack_bytes(rebuilt(more, tmp_path / "more.zip"), trusted=signer.trusted)
    assert "stages/evaluation/extra.json" in reasons(report)


# --- signers ---------------------------------------------------------------------------------------------


def test_a_key_found_only_inside_the_pack_is_an_untrusted_signer(pack: Path, stranger: KeyFile) -> None:
    for trusted in (TrustedKeys(), stranger.trusted):
        report = verify_pack_file(pack, trusted=trusted)
        assert report.verdict is PackVerdict.UNTRUSTED_SIGNER
        assert report.failures == ()
        assert report.checks[-1].outcome is CheckOutcome.SKIPPED


def test_a_pack_forged_by_a_stranger_is_an_untrusted_signer(
    made: Made, signer: KeyFile, stranger: KeyFile, tmp_path: Path
) -> None:
    forged = replace(made.record, verdict=Outcome.RELEASABLE)
    members = {**members_of(forged, made.stages, stranger), PREDICTIONS: made.predictions.read_bytes()}
    report = verify_pack_bytes(rebuilt(members, tmp_path / "forged.zip"), trusted=signer.trusted)
    assert report.verdict is PackVerdict.UNTRUSTED_SIGNER


def test_a_strangers_manifest_around_a_genuine_record_is_untrusted(
    made: Made, signer: KeyFile, stranger: KeyFile, tmp_path: Path
) -> None:
    members = pack_members(
        decision=made.members["decision.dsse.json"],
        stages=made.stages,
        card_html=b"<html>another card</html>",
        card_markdown=b"",
        predictions=made.record.predictions,
        signer=stranger,
    )
    whole = rebuilt({**members, PREDICTIONS: made.predictions.read_bytes()}, tmp_path / "mixed.zip")
    assert verify_pack_bytes(whole, trusted=signer.trusted).verdict is PackVerdict.UNTRUSTED_SIGNER


def test_another_records_signature_does_not_fit(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    other = members_of(replace(made.record, verdict=Outcome.RELEASABLE), made.stages, signer)
    members = {**all_members(made), "decision.dsse.json": other["decision.dsse.json"]}
    report = verify_pack_bytes(rebuilt(members, tmp_path / "swapped.zip"), trusted=signer.trusted)
    assert "decision.dsse.json" in reasons(report)


# --- a signer who errs -----------------------------------------------------------------------------------


def signed_anew(made: Made, signer: KeyFile, path: Path, **changes: Any) -> PackReport:
    record = replace(made.record, **changes)
    members = {**members_of(record, made.stages, signer), PREDICTIONS: made.predictions.read_bytes()}
    return verify_pack_bytes(rebuilt(members, path), trusted=signer.trusted)


def test_a_printed_number_that_no_stage_measured_is_named(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    first, *rest = made.record.estimates
    better = replace(first, value=0.99)
    report = signed_anew(made, signer, tmp_path / "p.zip", estimates=(better, *rest))
    assert "no stage measured the record's accuracy for all rows" in reasons(report)
    assert "the bounds of accuracy for all rows do not follow" in reasons(report)


def test_a_number_that_the_predictions_do_not_give_is_named(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    for metric in ("accuracy", "auc", "brier", "selection_rate", "true_positive_rate"):
        quality = json.loads(made.stages["evaluation/quality"])
        wrong = next(each for each in made.record.estimates if each.metric == metric)
        moved = replace(
            wrong,
            inputs={
                name: value * (0.9 if name in ("events", "value") else 1)
                for name, value in wrong.inputs.items()
            },
        )
        moved = estimate(metric, wrong.method, moved.inputs, confidence=0.95)
        estimates = tuple(moved if each is wrong else each for each in made.record.estimates)
        quality["estimates"] = json.loads(canonical_bytes(estimates))
        stages = {**made.stages, "evaluation/quality": canonical_bytes(quality)}
        evidence = {name: digest(data) for name, data in stages.items()}
        record = replace(made.record, estimates=estimates, evidence=evidence)
        members = {**members_of(record, stages, signer), PREDICTIONS: made.predictions.read_bytes()}
        report = verify_pack_bytes(rebuilt(members, tmp_path / "p.zip"), trusted=signer.trusted)
        assert [check.name for check in report.failures] == [RECOUNT]
        assert f"{metric} for all rows is printed as" in reasons(report)


def test_a_statement_about_another_model_is_named(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    payload = statement_bytes(
        subjects=[Subject("other@1", digest(b"other"))], predicate_type=PREDICATE_TYPE, predicate=made.record
    )
    members = pack_members(
        decision=signer.sign(STATEMENT_PAYLOAD_TYPE, payload),
        stages=made.stages,
        card_html=b"",
        card_markdown=b"",
        predictions=made.record.predictions,
        signer=signer,
    )
    whole = rebuilt({**members, PREDICTIONS: made.predictions.read_bytes()}, tmp_path / "p.zip")
    assert "record names its subject" in reasons(verify_pack_bytes(whole, trusted=signer.trusted))


def test_other_predictions_than_the_record_names_are_broken(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    report = signed_anew(made, signer, tmp_path / "p.zip", predictions=digest(b"others"))
    assert report.verdict is PackVerdict.BROKEN
    assert "predictions.parquet" in reasons(report)


def test_a_record_that_names_other_evidence_than_is_there_is_broken(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    evidence = {**made.record.evidence, "evaluation/quality": digest(b"others")}
    report = signed_anew(made, signer, tmp_path / "p.zip", evidence=evidence)
    assert [check.name for check in report.failures] == ["record binds its evidence"]
    assert "stages/evaluation/quality.json" in reasons(report)


def test_an_envelope_written_another_way_is_broken(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    loose = json.dumps(json.loads(made.members["manifest.dsse.json"])).encode()
    members = {**all_members(made), "manifest.dsse.json": loose}
    report = verify_pack_bytes(rebuilt(members, tmp_path / "p.zip"), trusted=signer.trusted)
    assert [check.name for check in report.failures] == ["signature of manifest.dsse.json"]


def test_headline_numbers_without_predictions_do_not_pass(made: Made) -> None:
    check = recount_check(made.members)
    assert check.outcome is CheckOutcome.FAILED
    assert "no predictions" in check.detail


def test_predictions_that_cannot_be_read_do_not_pass(made: Made) -> None:
    check = recount_check({**made.members, PREDICTIONS: b"PAR1 not really PAR1"})
    assert check.outcome is CheckOutcome.FAILED


def test_a_record_that_was_never_scored_needs_no_predictions(
    made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    record = replace(made.record, predictions=None, estimates=(), evidence={})
    report = verify_pack_bytes(
        rebuilt(members_of(record, {}, signer), tmp_path / "p.zip"), trusted=signer.trusted
    )
    assert report.verdict is PackVerdict.VERIFIED
    assert report.checks[-1].detail == "the record prints none"


def test_a_report_without_checks_is_broken() -> None:
    assert PackReport(()).verdict is PackVerdict.BROKEN


def test_the_pure_part_takes_digests_computed_elsewhere(made: Made, signer: KeyFile) -> None:
    digests = {PREDICTIONS: str(made.record.predictions)}
    assert verify_pack(made.members, trusted=signer.trusted, digests=digests).verdict is PackVerdict.VERIFIED


# --- hostile archives ------------------------------------------------------------------------------------


def archive_with(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression=compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../escape.json",
        "/etc/passwd",
        "stages/../../escape.json",
        "stages/..json",
        "C:\\windows",
        "keys/other.pub",
        "a" * 60_000,
        "line\nbreak",
        "\u202egpj.html",
        "stages/",
    ],
)
def test_a_member_that_does_not_belong_is_refused_by_name(signer: KeyFile, name: str) -> None:
    report = verify_pack_bytes(archive_with((name, b"x")), trusted=signer.trusted)
    assert report.verdict is PackVerdict.BROKEN
    assert len(report.checks) == 1
    assert "\n" not in report.checks[0].detail


@pytest.mark.filterwarnings("ignore:Duplicate name")  # the duplicate is the subject of the test
def test_a_member_that_stands_twice_is_refused(signer: KeyFile) -> None:
    report = verify_pack_bytes(archive_with(("card.md", b"a"), ("card.md", b"b")), trusted=signer.trusted)
    assert "twice" in reasons(report)


def test_a_bomb_is_refused_before_it_expands(signer: KeyFile) -> None:
    bomb = archive_with(("card.md", b"\0" * 50_000_000), compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    assert "compressed" in reasons(verify_pack_bytes(bomb, trusted=signer.trusted))


def test_a_member_that_claims_more_than_the_file_holds_is_refused(signer: KeyFile) -> None:
    whole = bytearray(archive_with(("card.md", b"small")))
    place = whole.index(b"PK\x01\x02")
    struct.pack_into("<LL", whole, place + 20, 2**31, 2**31)
    assert "claim" in reasons(verify_pack_bytes(bytes(whole), trusted=signer.trusted))


def test_too_many_members_are_refused(signer: KeyFile) -> None:
    many = archive_with(*((f"stages/s{number}.json", b"") for number in range(1_001)))
    assert "1001 members" in reasons(verify_pack_bytes(many, trusted=signer.trusted))


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"not a zip at all", b"PK\x03\x04" * 50])
def test_what_is_no_pack_is_broken(signer: KeyFile, data: bytes) -> None:
    assert verify_pack_bytes(data, trusted=signer.trusted).verdict is PackVerdict.BROKEN


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members | {"manifest.json": b"[]"},
        lambda members: members | {"manifest.dsse.json": b"{}"},
        lambda members: members | {"decision.dsse.json": b"{}"},
        lambda members: members | {"keys/signer.pub": b""},
        lambda members: members | {"stages/evaluation/quality.json": b"[" * 5_000},
    ],
)
def test_a_hostile_member_is_broken_not_a_crash(
    made: Made, signer: KeyFile, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    whole = rebuilt(change(all_members(made)), tmp_path / "p.zip")
    assert verify_pack_bytes(whole, trusted=signer.trusted).verdict is PackVerdict.BROKEN


def test_a_manifest_of_another_schema_is_broken(made: Made, signer: KeyFile, tmp_path: Path) -> None:
    manifest = made.members["manifest.json"].replace(b"pack@1", b"pack@2")
    envelope = signer.sign(MANIFEST_PAYLOAD_TYPE, manifest)
    members = {**all_members(made), "manifest.json": manifest, "manifest.dsse.json": envelope}
    report = verify_pack_bytes(rebuilt(members, tmp_path / "p.zip"), trusted=signer.trusted)
    assert "model-risk/pack@1" in reasons(report)


def test_a_missing_pack_is_the_callers_mistake(tmp_path: Path, signer: KeyFile) -> None:
    with pytest.raises(CallerMistake, match="no pack"):
        verify_pack_file(tmp_path / "missing.zip", trusted=signer.trusted)


@pytest.mark.parametrize("stage", ["", "../escape", "Evaluation", "a//b", "a b"])
def test_a_stage_whose_name_is_no_path_is_refused(stage: str) -> None:
    with pytest.raises(CallerMistake):
        stage_member(stage)


# --- with Python and a crypto library alone --------------------------------------------------------------


ONLY = """
import sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {"cryptography", "_cffi_backend", "cffi"}:
            raise ImportError(f"{name} is not there on the verifier's machine")
sys.meta_path.insert(0, Only())
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
"""


@pytest.fixture
def script(made: Made, tmp_path: Path) -> Path:
    text = made.members["VERIFY.md"].decode()
    code = text.split("```python\n")[1].split("```")[0]
    path = tmp_path / "verify.py"
    path.write_text(code)
    return path


def ran(script: Path, pack: Path, key: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-c", ONLY, str(script), str(pack), str(key)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_packs_own_instructions_verify_it_with_cryptography_alone(
    script: Path, pack: Path, signer: KeyFile
) -> None:
    result = ran(script, pack, signer.public_path)
    assert result.returncode == 0, result.stderr
    assert "VERIFIED: loan-default@3 is refused" in result.stdout


def test_the_packs_own_instructions_refuse_a_foreign_key(script: Path, pack: Path, stranger: KeyFile) -> None:
    assert stranger.key_id
    result = ran(script, pack, stranger.public_path)
    assert result.returncode == 1
    assert "NOT VERIFIED" in result.stderr


def test_the_packs_own_instructions_name_an_altered_member(
    script: Path, made: Made, signer: KeyFile, tmp_path: Path
) -> None:
    for name in ("card.html", PREDICTIONS, "stages/evaluation/quality.json"):
        rebuilt({**all_members(made), name: b"altered"}, tmp_path / "altered.zip")
        result = ran(script, tmp_path / "altered.zip", signer.public_path)
        assert result.returncode == 1
        assert name in result.stderr
