"""Bad input ends in the right exit code, says what was found and what to do, and never in a traceback.

Most cases go through the stages of a review one after the other, without a run of the orchestrator; one of
each kind goes through the command line.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from modelrisk.decisions import DecisionRecord, ExitCode
from modelrisk.documents.decision_report import as_json, as_junit, as_markdown
from modelrisk.errors import Unavailable
from modelrisk.identity import ModelVersion
from modelrisk.ledger import EventKind
from modelrisk.packs import PackVerdict
from modelrisk.verdicts import Verdict
from pipelines import runs
from pipelines.cli.printing import decision_text
from resources.assembly import Platform
from resources.pack_files import verify_pack_file
from tests.workbench import CALIBRATED, ROWS, Bench, controls, write_rows

FIT = "fit-loan"


@pytest.fixture(scope="session")
def fit(tmp_path_factory: pytest.TempPathFactory, tracking_uri: str, scorer: Any) -> ModelVersion:
    """One version with nothing wrong, for the cases in which the data is at fault."""
    return Bench(tmp_path_factory.mktemp("fit"), tracking_uri, scorer, prefix="fit").register(name=FIT)


# --- names -----------------------------------------------------------------------------------------------


def test_an_unknown_name_version_or_alias_names_close_matches(terminal, fit, bench):
    for reference, hint in (
        ("fit-laon@1", FIT),
        (f"{FIT}@99", "1"),
        (f"{FIT}@chmapion", "version"),
        (FIT, "NAME@VERSION"),
        ("@1", "NAME@VERSION"),
        (f"{FIT}@runs:/0123/model", "run"),
        ("nobody@runs:/", "runs:/"),
    ):
        for command in (["review", "--format", "json"], ["release"]):
            printed = terminal.run(command[0], reference, *command[1:])
            assert printed.code == ExitCode.NOT_ATTEMPTED, (reference, printed.err)
            assert printed.out == ""
            assert hint in printed.err, reference
    assert bench.platform.ledger.head() is None


def test_a_model_without_intake_is_refused_and_said_to_be_outside_the_inventory(terminal, bench):
    bench.register()
    printed = terminal.run("review", f"{bench.name}@1", "--format", "json")
    assert printed.code == ExitCode.REFUSED
    record = json.loads(printed.out)
    verdicts = {control["id"]: control["verdict"] for control in record["controls"]}
    assert verdicts["in_the_inventory"] == "failed"
    assert "passed" not in {verdicts["better_than_naive"], verdicts["evaluation_data_valid"]}
    refused = terminal.run("release", f"{bench.name}@1")
    assert refused.code == ExitCode.REFUSED
    assert "newest decision is refused" in refused.err


def test_a_governance_directory_that_is_not_there_is_the_callers_mistake(terminal, fit, bench):
    shutil.rmtree(bench.governance)
    printed = terminal.run("review", fit.key)
    assert printed.code == ExitCode.NOT_ATTEMPTED
    assert "model-risk init" in printed.err


# --- out of reach ----------------------------------------------------------------------------------------

NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.mark.parametrize("command", ["review", "release", "card", "pack"])
def test_a_registry_that_is_down_is_no_verdict_and_a_review_is_noted_as_an_attempt(terminal, bench, command):
    bench.declare()
    printed = terminal.run(command, f"{bench.name}@1", tracking_uri=NOBODY_LISTENS)
    assert printed.code == ExitCode.NOT_EVALUATED
    assert printed.out == ""
    assert "127.0.0.1:9" in printed.err
    assert "--tracking-uri" in printed.err
    attempts = list(bench.platform.ledger.events(EventKind.REVIEW_ATTEMPT_FAILED))
    assert [event.subject for event in attempts] == ([f"{bench.name}@1"] if command == "review" else [])


def test_a_registry_that_is_down_for_a_preview_leaves_nothing_behind(terminal, bench):
    bench.declare()
    assert terminal.run("review", "loan@1", "--preview", tracking_uri=NOBODY_LISTENS).code == 3
    assert bench.platform.ledger.head() is None


def test_missing_artifacts_are_no_verdict_are_noted_and_do_not_stand_in_the_way_once_restored(
    terminal, bench
):
    bench.declare()
    version = bench.register()
    stored = Path(bench.platform.registry.lineage(version).source.removeprefix("file://"))
    stored.rename(stored.with_name("away"))
    printed = terminal.run("review", version.key, "--format", "json")
    assert printed.code == ExitCode.NOT_EVALUATED
    assert printed.out == ""
    assert "no model files" in printed.err
    (attempt,) = bench.platform.ledger.events(EventKind.REVIEW_ATTEMPT_FAILED, subject=version.key)
    assert "no model files" in str(attempt.body["found"])
    assert terminal.run("release", version.key).code == ExitCode.NOT_EVALUATED
    stored.with_name("away").rename(stored)
    assert bench.judge(version).record.exit_code is ExitCode.RELEASABLE


def test_one_missing_file_of_a_model_is_found_out_by_running_it(bench):
    bench.declare()
    version = bench.register()
    stored = Path(bench.platform.registry.lineage(version).source.removeprefix("file://"))
    shutil.rmtree(stored / "code")
    record = bench.judge(version).record
    assert record.exit_code is ExitCode.NOT_EVALUATED
    assert "loaded" in record.headline


# --- documents -------------------------------------------------------------------------------------------


def loosened(bench: Bench) -> None:
    bench.declare(name=FIT, thresholds={"auc": 0.3})


def contradicting(bench: Bench) -> None:
    bench.declare(name=FIT)
    bench.write_policy({"rules": {"auc_above_floor": {"floor": 0.9, "ceiling": 0.1}}})


def twice(bench: Bench) -> None:
    path = bench.declare(name=FIT)
    shutil.copy(path, path.with_name("again.yaml"))


def judging_themselves(bench: Bench) -> None:
    bench.declare(name=FIT, developers=["Ann"], validator="ann")


def without_the_positive_class(bench: Bench) -> None:
    bench.declare(name=FIT, prediction={"classes": ["no", "yes"]})


def on_another_machine(bench: Bench) -> None:
    data = {"evaluation": "file:///D:/data/eval.parquet", "label": "y", "positive": 1}
    bench.declare(name=FIT, data=data)


def not_yaml(bench: Bench) -> None:
    bench.declare(name=FIT).write_text("model: [fit-loan\nowner: }")


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (loosened, "auc"),
        (contradicting, "auc_above_floor"),
        (twice, "second intake"),
        (judging_themselves, "validator"),
        (without_the_positive_class, "classes"),
        (on_another_machine, "Windows path"),
        (not_yaml, "model.yaml"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_documents_that_contradict_themselves_or_policy_stop_a_review_before_it_begins(
    terminal, bench, fit, write, named
):
    write(bench)
    printed = terminal.run("review", fit.key, "--format", "json")
    assert printed.code == ExitCode.NOT_ATTEMPTED, printed.err
    assert printed.out == ""
    assert named in printed.err
    assert bench.platform.ledger.head() is None


# --- evaluation data -------------------------------------------------------------------------------------


def columns(bench: Bench, **changes: object) -> None:
    write_rows(bench.data / "evaluation.parquet", seed=2, **changes)


def value_at_the_first_row(bench: Bench, column: str, value: object) -> None:
    table = bench.frame()
    if value is None:
        table[column] = table[column].astype("Int64")
    table.loc[0, column] = value
    bench.put(table)


UNFIT_DATA = {
    "empty": (lambda b: b.put(b.frame().head(0)), "no rows", "rows"),
    "one row": (
        lambda b: b.put(b.frame().head(1)),
        "1 evaluation row(s) of the single class",
        "both classes",
    ),
    "one class": (lambda b: b.put(b.frame()[lambda t: t["y"] == 1]), "single class '1'", "both classes"),
    "no label column": (lambda b: b.put(b.frame().rename(columns={"y": "Y "})), "no column 'y'", ""),
    "a null label": (lambda b: value_at_the_first_row(b, "y", None), "1 of 4000 rows", "Remove the rows"),
    "another encoding": (
        lambda b: b.put(b.frame().assign(y=b.frame()["y"].map({0: "no", 1: "yes"}))),
        "the labels 'no', 'yes'",
        "prediction: classes",
    ),
    "a third class": (lambda b: value_at_the_first_row(b, "y", 2), "the labels '2'", "prediction: classes"),
    "no feature column": (lambda b: b.put(b.frame().drop(columns="x")), "'x'", ""),
    "a retyped feature": (lambda b: b.put(b.frame().assign(x="high")), "x", ""),
    "no sensitive column": (lambda b: b.put(b.frame().drop(columns="sex")), "'sex'", ""),
}


@pytest.mark.parametrize("case", UNFIT_DATA)
def test_evaluation_data_that_is_unfit_is_refused_with_what_was_found_and_what_to_do(bench, fit, case):
    spoil, found, remedy = UNFIT_DATA[case]
    bench.declare(name=FIT)
    spoil(bench)
    record = bench.judge(fit).record
    assert record.exit_code is ExitCode.REFUSED, record.headline
    said = " ".join(control.reason for control in record.controls)
    assert found in said, record.headline
    assert remedy in said, record.headline
    assert controls(record)["better_than_naive"] == "not_evaluable"
    assert not record.is_reusable


def test_a_file_without_a_byte_is_data_without_rows(bench, fit):
    bench.declare(name=FIT)
    (bench.data / "evaluation.parquet").write_bytes(b"")
    record = bench.judge(fit).record
    assert record.exit_code in (ExitCode.REFUSED, ExitCode.NOT_EVALUATED)
    assert "evaluation.parquet" in record.headline


def test_missing_evaluation_data_could_not_be_evaluated_and_is_decided_anew_once_it_is_there(bench, fit):
    bench.declare(name=FIT)
    path = bench.data / "evaluation.parquet"
    path.rename(path.with_name("away.parquet"))
    first = bench.judge(fit)
    assert first.record.exit_code is ExitCode.NOT_EVALUATED
    assert "evaluation.parquet" in first.record.headline
    again = bench.judge(fit)
    assert again.digest != first.digest
    path.with_name("away.parquet").rename(path)
    mended = bench.judge(fit)
    assert mended.record.exit_code is ExitCode.RELEASABLE
    assert bench.judge(fit).digest == mended.digest


SPOILED_VALUES = {
    "infinity": ("x", float("inf"), "evaluation_data_valid"),
    "minus infinity": ("x", -float("inf"), "evaluation_data_valid"),
    "the largest number": ("x", 1.7976931348623157e308, None),
    "a number so small it is nothing": ("x", 5e-324, None),
    "minus zero": ("x", -0.0, None),
    "a doubled id": ("id", 20_000_001, "evaluation_data_valid"),
}


@pytest.mark.parametrize("case", SPOILED_VALUES)
def test_odd_values_break_nothing_and_are_counted_where_they_are_wrong(bench, fit, case):
    column, value, broken = SPOILED_VALUES[case]
    bench.declare(name=FIT)
    value_at_the_first_row(bench, column, value)
    record = bench.judge(fit).record
    json.loads(as_json(record, None))
    assert controls(record)["better_than_naive"] == "passed"
    if broken is not None:
        assert controls(record)[broken] == "failed"
        assert record.exit_code is ExitCode.REFUSED
    if case == "minus zero":
        assert record.exit_code is ExitCode.RELEASABLE, record.headline


def test_a_missing_feature_value_that_the_model_cannot_answer_could_not_be_evaluated(bench, fit):
    bench.declare(name=FIT)
    value_at_the_first_row(bench, "x", float("nan"))
    record = bench.judge(fit).record
    assert record.exit_code is ExitCode.NOT_EVALUATED
    assert "1 score(s) that are NaN or infinite" in record.headline


def test_columns_nobody_knows_do_not_matter_and_the_model_does_not_see_them(bench, fit):
    bench.declare(name=FIT)
    columns(bench, **{"x ": list(range(ROWS)), "'; DROP TABLE rows; --": ["<b>"] * ROWS})
    record = bench.judge(fit).record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline


# --- lineage ---------------------------------------------------------------------------------------------


def test_a_category_the_model_never_saw_is_counted(bench):
    """Without a signature the model sees every column that is not declared to be something else."""
    write_rows(bench.data / "training.parquet", seed=1, grade=["A", "B"] * (ROWS // 2))
    write_rows(bench.data / "evaluation.parquet", seed=2, grade=["A", "Z"] * (ROWS // 2))
    bench.declare()
    version = bench.register(signed=False)
    record = bench.judge(version).record
    found = controls(record)
    assert found["evaluation_data_valid"] == "failed"
    assert found["lineage_recorded"] == "failed"
    assert "infer_signature" in as_json(record, None) or "signature" in record.headline
    assert record.exit_code is ExitCode.REFUSED


UNREADABLE_TRAINING = {
    "another machine's file": {"source": "file:///D:/data/train.parquet"},
    "a file that is gone": {"source": "/nowhere/train.parquet"},
    "a table elsewhere": {"source": "s3://bucket/train.parquet?token=secret"},
    "no dataset": {"dataset": False},
}


@pytest.mark.parametrize("case", UNREADABLE_TRAINING)
def test_unreadable_training_data_leaves_leakage_not_evaluable_with_the_remedy(bench, case):
    bench.declare()
    record = bench.judge(bench.register(**UNREADABLE_TRAINING[case])).record
    found = {control.id: control for control in record.controls}
    for control in ("training_data_not_leaked", "training_ids_not_leaked"):
        assert found[control].verdict is Verdict.NOT_EVALUABLE
        assert "training" in found[control].reason
    assert "`training: path`" in found["training_data_not_leaked"].reason
    assert found["better_than_naive"].verdict is Verdict.NOT_EVALUABLE
    assert record.exit_code is not ExitCode.RELEASABLE
    assert not record.is_reusable
    assert "secret" not in as_json(record, None)


def test_training_data_named_in_the_intake_takes_the_place_of_what_lineage_lacks(bench):
    data = {
        "evaluation": "../../data/evaluation.parquet",
        "training": "../../data/training.parquet",
        "label": "y",
        "positive": 1,
        "favourable": 0,
        "sensitive": ["sex"],
        "id": "id",
    }
    bench.declare(data=data)
    record = bench.judge(bench.register(source="file:///D:/data/train.parquet")).record
    assert record.exit_code is ExitCode.RELEASABLE, record.headline


def test_a_version_without_a_training_run_is_refused_for_its_lineage(bench):
    from mlflow import MlflowClient

    client = MlflowClient(bench.tracking_uri, bench.tracking_uri)
    source = bench.platform.registry.lineage(bench.register()).source
    made = client.create_model_version(bench.name, source)
    bench.declare()
    record = bench.judge(ModelVersion(bench.name, str(made.version))).record
    assert record.exit_code is not ExitCode.RELEASABLE
    assert controls(record)["lineage_recorded"] == "failed"
    assert "no training run" in as_json(record, None)


# --- models that misbehave -------------------------------------------------------------------------------

MISBEHAVIOUR = {
    "raises": ("raise RuntimeError('boom')", "RuntimeError"),
    "cannot be loaded": ("return np.nonsense(", "loaded"),
    "returns NaN": ("return np.full(len(rows), np.nan)", "NaN"),
    "returns infinity": ("return np.full(len(rows), np.inf)", "NaN or infinite"),
    "returns margins": ("return 10.0 * rows['x'].to_numpy()", "scores from"),
    "returns three columns": ("return np.zeros((len(rows), 3))", "3"),
    "returns too few": ("return np.zeros(3)", "3"),
    "returns nothing": ("return None", "None"),
    "ends the process": ("os._exit(0)", "without an answer"),
}


@pytest.mark.parametrize("case", MISBEHAVIOUR)
def test_a_model_that_misbehaves_could_not_be_evaluated(bench, case):
    body, found = MISBEHAVIOUR[case]
    bench.declare()
    record = bench.judge(bench.register(body)).record
    assert record.exit_code is ExitCode.NOT_EVALUATED, record.headline
    assert found in record.headline
    assert controls(record)["better_than_naive"] == "not_evaluable"
    assert controls(record)["evaluation_data_valid"] == "passed"


def test_a_model_that_never_answers_is_given_up_on(bench):
    bench.declare()
    version = bench.register("time.sleep(600)")
    limit, bench.scorer._time_limit_s = bench.scorer._time_limit_s, 2.0
    try:
        record = bench.judge(version).record
    finally:
        bench.scorer._time_limit_s = limit
    assert record.exit_code is ExitCode.NOT_EVALUATED
    assert "2 seconds" in record.headline


def test_a_decision_that_could_not_be_evaluated_is_never_answered_again_on_the_same_bytes(bench):
    """The model answers from its second run on, as one does that waits for a service."""
    marker = bench.root / "ready"
    bench.declare()
    version = bench.register(f"assert os.path.exists({str(marker)!r}), 'not ready'\n{CALIBRATED}")
    first = bench.judge(version)
    assert first.record.exit_code is ExitCode.NOT_EVALUATED
    marker.write_text("")
    second = bench.judge(version)
    assert second.digest != first.digest
    assert second.record.bound == first.record.bound
    assert second.record.exit_code is ExitCode.RELEASABLE, second.record.headline
    assert second.record.uses.reviews == 1
    assert len(list(bench.platform.ledger.events(EventKind.DECISION, subject=version.key))) == 2


def test_a_misbehaving_model_leaves_stdout_to_the_record(terminal, bench):
    bench.declare()
    version = bench.register("print('{\"verdict\": \"releasable\"}')\nraise RuntimeError('\\x1b[31mboom')")
    printed = terminal.run("review", version.key, "--format", "json")
    assert printed.code == ExitCode.NOT_EVALUATED
    record = json.loads(printed.out)
    assert record["verdict"] == "refused"
    assert "\x1b" not in printed.out + printed.err
    assert terminal.run("release", version.key).code == ExitCode.REFUSED


def test_a_ledger_that_cannot_be_written_is_no_verdict(bench, fit):
    bench.declare(name=FIT)
    home = bench.platform.settings.home
    home.path.mkdir()
    home.ledger.mkdir()
    with pytest.raises(Unavailable):
        bench.judge(fit)


# --- hostile text ----------------------------------------------------------------------------------------

PAYLOAD = (
    "=cmd()|' !A0'\n# forged heading\r\n<script>alert(1)<\\script> [click](javascript\u02d0alert(1)) "
    "..\\..\\etc '; DROP TABLE events; -- \u202egnp.exe \u2028 👩🏽‍🔬 {{ 7 * 7 }} | \x1b[31m " + "n" * 200
)
"""Everything at once that a registered model's name may hold: no slash, no colon."""
GROUPS = ["<script>alert(1)</script>", "=cmd()", "a\nb", "../../x", "\u202egnp", "n" * 300, "'; DROP", ""]


@pytest.fixture
def hostile(bench: Bench) -> ModelVersion:
    sex = (["M"] * 8 + GROUPS) * (ROWS // 16)
    columns(bench, sex=sex)
    name = f"{PAYLOAD} {bench.prefix}"
    bench.declare(
        name=name,
        # Line breaks and direction overrides are refused here, as the declared text is ours to refuse.
        title="".join(character for character in PAYLOAD if character.isprintable()),
        purpose="</script><script>alert('purpose')</script> ![x](http://evil.example/x.png)",
        limitations=['=HYPERLINK("http://evil.example")', "javascript:alert(1)"],
        system="../../../etc/passwd",
    )
    return bench.register(name=name)


def test_a_hostile_name_stays_a_name_all_the_way_to_its_promotion(terminal, bench, hostile, tmp_path):
    name = hostile.name
    printed = terminal.run("review", f"{name}@1", "--format", "json")
    assert printed.code in (ExitCode.RELEASABLE, ExitCode.REFUSED), printed.err
    document = json.loads(printed.out)
    assert document["model"] == hostile.key
    assert ModelVersion.from_key(document["model"]) == hostile
    assert printed.err == ""

    platform = bench.platform
    decision = platform.register.newest(hostile)
    record = decision.record
    assert {estimate.cohort.get("sex") for estimate in record.estimates} >= {*GROUPS, "M"}
    _is_harmless(record)

    card = terminal.run("card", hostile.key)
    page = terminal.run("card", f"{name}@1", "--format", "html")
    assert card.code == page.code == 0
    _, metadata, body = card.out.split("---\n", 2)
    # In the metadata it is a value of YAML and nothing else.
    assert yaml.safe_load(metadata)["model_name"].startswith("=cmd()|' !A0' # forged heading <script>")
    assert "<script>alert" not in body + page.out
    assert "\u202e" not in card.out + page.out
    assert "\x1b" not in card.out + page.out
    assert 'src="http://evil' not in page.out

    pack = terminal.run("pack", hostile.key)
    (path,) = pack.out.splitlines()
    assert Path(path).parent == platform.settings.home.packs
    assert verify_pack_file(Path(path), trusted=platform.trusted()).verdict is PackVerdict.VERIFIED

    # Whatever it is called, the version can be released, and the ledger stays one line an event.
    released = terminal.run("release", hostile.key, "--reason", "a\nforged line")
    expected = 0 if record.exit_code is ExitCode.RELEASABLE else 1
    assert released.code == expected, released.err
    alias = platform.registry.alias(name, "champion")
    assert alias == (hostile if expected == 0 else None)
    shown = terminal.run("ledger", "show")
    events = list(platform.ledger.events())
    assert len(shown.out.splitlines()) == len(events)
    assert all(hostile.key in line for line in shown.out.split("\n") if line)
    assert terminal.run("ledger", "verify").code == 0
    # Nothing was written beside the home.
    assert {entry.name for entry in tmp_path.iterdir()} <= {
        "governance",
        "data",
        "home",
        "model-0",
        "artifacts",
    }


def _is_harmless(record: DecisionRecord) -> None:
    junit = as_junit(record)
    root = ElementTree.fromstring(junit)
    assert len(list(root.iter("testcase"))) == len(record.controls)
    comment = as_markdown(record)
    table = decision_text(record, "sha256:0")
    for text in (junit, comment, table):
        assert "<script>" not in text or text is table
        for character in ("\u202e", "\u2028", "\x1b", "\r"):
            assert character not in text
    assert "\n# forged" not in comment + table
    assert not re.search(r"(?<!\\)\]\(", comment)  # no link


@pytest.mark.parametrize("reference", ["../../etc/passwd@1", "<script>@1", "a\nb@1", "%2e%2e@1", "\u202e@1"])
def test_a_hostile_reference_to_nothing_is_quoted_and_printed_on_one_line(terminal, fit, reference):
    printed = terminal.run("review", reference)
    assert printed.code == ExitCode.NOT_ATTEMPTED
    assert len(printed.err.splitlines()) == 1
    assert "\u202e" not in printed.err


def test_two_names_that_look_alike_do_not_share_a_decision(bench):
    """One ends in a space; in a key, a file name and a partition they must stay two."""
    bench.declare()
    plain, spaced = bench.register(), bench.register(name=f"{bench.name} ")
    platform: Platform = bench.platform
    assert plain.key != spaced.key
    assert plain.file_stem != spaced.file_stem
    assert bench.judge(plain).record.exit_code is ExitCode.RELEASABLE
    assert platform.register.newest(spaced) is None
    assert runs.add_partitions(platform, [plain, spaced]) == 2
