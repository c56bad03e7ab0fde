"""What README and docs say is what the code does: commands, options, graph, gates, codes, keys and links."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import yaml

from modelrisk import decisions, estimates, records
from modelrisk.catalogue import shipped_catalogue
from modelrisk.decisions import ExitCode
from modelrisk.declared_expectations import DeclaredExpectation
from modelrisk.intake import SCALES, DataSources, Facts, Intake, PredictionSpec, Rollback, Task, intake_from
from modelrisk.policy_documents import policy_from, shipped_policy
from modelrisk.verdicts import Verdict

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAM = "model-risk"
_FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.name}: {self.text.strip().splitlines()[0][:40]}"


def blocks(*languages: str) -> list[Block]:
    return [
        Block(document, found["language"], found["text"])
        for document in DOCUMENTS
        for found in _FENCE.finditer(document.read_text())
        if found["language"] in languages
    ]


def prose(document: Path) -> str:
    return _FENCE.sub("", document.read_text())


def section(document: Path, heading: str) -> str:
    """The text under a heading, down to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", document.read_text(), re.MULTILINE)
    assert found, f"{document.name} has no section {heading!r}"
    rest = document.read_text()[found.end() :]
    return re.split(rf"^#{{1,{len(found[1])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> list[list[list[str]]]:
    """Tables as rows of cells, without heading and rule."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    return [
        [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in lines.strip().splitlines()[2:]
        ]
        for lines in found
    ]


def words_in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# --- commands --------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    """Every call of the program in a document: where, and the call."""
    for block in blocks("sh", "yaml"):
        for line in block.text.splitlines():
            start = re.search(rf"(?:^|&& |run: |\.venv/bin/){PROGRAM} .*", line)
            if start:
                yield block.document.name, PROGRAM + start[0].partition(PROGRAM)[2]
    for document in DOCUMENTS:
        for call in words_in_code(prose(document)):
            if call.startswith(f"{PROGRAM} "):
                yield document.name, call


def parse(call: str) -> None:
    """Parse a call as the program would, down to the last option; runs nothing."""
    import typer

    from pipelines.cli.main import app

    program, *words = shlex.split(call, comments=True)
    assert program == PROGRAM
    command = typer.main.get_command(app)
    context = command.make_context(PROGRAM, list(words), resilient_parsing=True)
    while hasattr(command, "commands"):
        while words and words[0].startswith("-"):
            flag = words.pop(0)
            option = next(each for each in command.params if flag in each.opts)
            if not option.is_flag:
                words.pop(0)
        assert words, f"{call!r} names no command"
        name = words.pop(0)
        assert name in command.commands, f"{call!r}: no command {name}"
        command = command.commands[name]
        if not hasattr(command, "commands"):
            missing = any(each.required for each in command.params) and not words
            if not missing:  # `model-risk release` in a sentence names the command, not a call
                command.make_context(name, list(words), parent=context)


@pytest.mark.parametrize(("where", "call"), sorted(set(commands())))
def test_every_command_in_the_documents_parses(where, call):
    parse(call)


@pytest.mark.parametrize(
    "wrong", ["model-risk review a@1 --frech", "model-risk reveiw a@1", "model-risk ledger vrify"]
)
def test_a_command_that_does_not_exist_is_found(wrong):
    with pytest.raises(Exception, match=r"(?i)no such|no command"):
        parse(wrong)


def leaves() -> dict[str, set[str]]:
    """Every command with its options."""
    import typer

    from pipelines.cli.main import app

    found: dict[str, set[str]] = {}

    def walk(command, path):
        if hasattr(command, "commands"):
            for name, each in command.commands.items():
                walk(each, (*path, name))
        else:
            options = {
                o for p in command.params if p.param_type_name == "option" for o in p.opts if o[:2] == "--"
            }
            found[" ".join(path)] = options - {"--help", "--home", "--governance", "--tracking-uri"}

    walk(typer.main.get_command(app), ())
    return found


def test_the_readme_lists_every_command_with_every_option_of_its_own():
    (table,) = tables(section(README, "Commands"))
    named = {}
    for first, words in table:
        (call,) = words_in_code(first)
        named[re.sub(r" (NAME@VERSION|PACK)$", "", call).removeprefix(f"{PROGRAM} ")] = words
    assert named.keys() == leaves().keys()
    for command, options in leaves().items():
        assert set(re.findall(r"--[a-z-]+", named[command])) == options, command


def test_the_two_commands_stand_on_lines_of_their_own():
    lines = README.read_text().splitlines()
    starts = [line for line in lines if line.startswith("python3 -m venv")]
    install = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e"
    assert starts == [
        f"{install} '.[demo]' && .venv/bin/model-risk demo",
        f"{install} '.[demo,dev]' && .venv/bin/pytest",
    ]


# --- graph, gates, codes, settings -----------------------------------------------------------------------


def reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges that no longer path implies."""

    def reaches(start: str, end: str, without: tuple[str, str]) -> bool:
        return any(
            edge != without and edge[0] == start and (edge[1] == end or reaches(edge[1], end, without))
            for edge in edges
        )

    return {edge for edge in edges if not reaches(*edge, edge)}


def test_the_picture_of_the_graph_has_the_edges_of_the_code():
    from pipelines.definitions import defs

    graph = defs.resolve_asset_graph()
    edges = {
        ("/".join(parent.path), "/".join(key.path))
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    (picture,) = blocks("mermaid")
    names = dict(re.findall(r'(\w+)\["([a-z_/]+)"\]', picture.text))
    drawn = re.findall(r"^ *(\w+)(?:\[.*?\])? --> (\w+)", picture.text, re.MULTILINE)
    assert Counter((names[one], names[other]) for one, other in drawn) == Counter(reduced(edges))


def test_the_gate_table_names_every_control_once_with_its_risk_and_evidence():
    table, *_ = tables(section(README, "Gates"))
    assert table == [
        [f"`{control.id}`", control.risk, control.evidence]
        for control in shipped_catalogue().controls.values()
    ]


def test_the_checks_the_readme_names_beside_the_gates_are_the_others_of_the_graph():
    from pipelines.definitions import defs

    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    others = checks - shipped_catalogue().controls.keys()
    assert others
    assert others <= set(words_in_code(section(README, "Gates")))


def test_the_exit_codes_are_those_of_the_code():
    (table,) = tables(section(README, "Exit codes"))
    assert {(int(code), name) for code, name, _ in table} == {
        (code.value, code.name.lower().replace("_", " ")) for code in ExitCode
    }


def test_the_environment_variables_are_those_that_are_read():
    from resources.environments import Settings

    asked: set[str] = set()

    class Recording(dict):
        def get(self, key, default=None):
            asked.add(key)
            return super().get(key, default)

    Settings.from_environment(Recording())
    _, settings = tables(section(README, "Where things are"))
    documented = {name for first, *_ in settings for name in words_in_code(first)}
    jobs = {"GITHUB_RUN_ID", "CI_JOB_ID", "BUILD_TAG", "CI"}
    assert documented | jobs == asked
    assert jobs <= set(words_in_code(section(README, "Where things are")))


def test_the_paths_under_the_home_are_those_of_the_code(tmp_path):
    from resources.home import Home
    from resources.ledger_store import SqliteLedger

    home = Home(tmp_path)
    places = {
        *(home.artifacts, home.governance, home.dagster, home.evidence, home.ledger, home.signing_key),
        *(home.models, home.stages, home.packs, home.cards, home.portfolio, home.work),
        SqliteLedger(home.ledger).checkpoint_path,
    }
    where, _ = tables(section(README, "Where things are"))
    documented = {tmp_path / name for first, _ in where for name in words_in_code(first)}
    assert places <= documented
    assert {each.name for each in documented - places} == {"mlflow.db", "signing.pub", "data"}
    assert home.registry_uri == f"sqlite:///{tmp_path}/mlflow.db"


# --- schemas ---------------------------------------------------------------------------------------------

RECORD = ROOT / "docs" / "decision-record.md"


@pytest.mark.parametrize(
    "cls",
    [
        decisions.DecisionRecord,
        decisions.Actor,
        decisions.Tool,
        records.BoundDigests,
        decisions.EvaluationUses,
        decisions.ControlResult,
        decisions.RuleView,
        decisions.Finding,
        estimates.Estimate,
    ],
)
def test_every_field_of_the_record_is_documented_in_its_order(cls):
    table, *_ = tables(section(RECORD, cls.__name__))
    assert [first for first, _ in table] == [f"`{each.name}`" for each in fields(cls)]


def test_schema_and_predicate_type_are_documented():
    words = words_in_code(RECORD.read_text())
    assert decisions.SCHEMA in words
    assert decisions.PREDICATE_TYPE in words


def test_every_metric_of_the_catalogue_is_documented():
    (table,) = tables(section(RECORD, "Metrics"))
    named = Counter(name for first, _ in table for name in words_in_code(first))
    assert shipped_catalogue().metrics.keys() <= named.keys()
    assert set(named.values()) == {1}


def test_every_metric_that_is_computed_is_documented():
    """On a table of four rows, which is enough for every name to come out."""
    import ibis

    from modelrisk.metrics import (
        calibration,
        classification,
        comparison,
        discrimination,
        fairness,
        multiclass,
        regression,
    )

    table = ibis.memtable(
        {
            "row": [0, 1, 2, 3],
            "label": ["1", "0", "1", "0"],
            "prediction": ["1", "0", "0", "1"],
            "score": [0.9, 0.1, 0.4, 0.6],
            "cohort:sex": ["F", "F", "M", "M"],
        }
    )
    classes = table.mutate(
        label_probability=table.score, label_rank=1, confidence=table.score, squared_error=table.score
    )
    numbers = table.mutate(label=table.label.cast("float64"), prediction=table.score)
    connection = ibis.duckdb.connect()

    def run(expression):
        return connection.to_pyarrow(expression).to_pylist()

    counted = multiclass.counted(classes, run=run, classes=["0", "1"], favourable="1")
    training = regression.TrainingTarget(median=0.5, sd=0.5)
    measured = regression.measured(numbers, run=run, training=training)
    marginals = classification.counted(table, run=run, positive="1", training_base_rate=0.5)
    made = [
        *classification.estimates(marginals, confidence=0.95),
        *fairness.estimates(marginals, confidence=0.95),
        *discrimination.estimates(table, run=run, positive="1", confidence=0.95),
        *calibration.estimates(table, run=run, positive="1", confidence=0.95),
        *comparison.compared(table, table, run=run, positive="1", confidence=0.95).estimates,
        *multiclass.estimates(counted, confidence=0.95),
        *regression.estimates(measured, confidence=0.95),
        *fairness.regression_estimates(measured, confidence=0.95),
        *comparison.compared_regression(numbers, numbers, run=run, confidence=0.95).estimates,
    ]
    (documented,) = tables(section(RECORD, "Metrics"))
    judged = {control.metric for control in shipped_catalogue().controls.values()}
    censuses = judged - {each.metric for each in made} | {"rows_seen_in_training"}
    assert {name for first, _ in documented for name in words_in_code(first)} == censuses | {
        each.metric for each in made
    }


def test_verdicts_and_interval_methods_are_documented():
    from modelrisk.metrics.intervals import METHODS

    document = ROOT / "docs" / "verdicts.md"
    verdicts, *_ = tables(section(document, "From an estimate to a verdict"))
    assert [first for first, *_ in verdicts] == [f"`{verdict.value}`" for verdict in Verdict]
    methods, *_ = tables(section(document, "Interval methods"))
    assert {first for first, *_ in methods} == {f"`{name}`" for name in METHODS}
    assert len(methods) == len(METHODS)


def test_the_tier_table_and_the_rules_are_those_of_the_shipped_policy():
    policy, document = shipped_policy(), ROOT / "docs" / "policy.md"
    _, rows = tables(section(document, "The tier table"))
    assert rows == [
        [
            str(row.tier),
            ", ".join(f"{name} {level.value}" for name, level in row.at_least.items()) or "anything else",
            row.because,
        ]
        for row in policy.tier_table
    ]
    _, limits = tables(section(document, "Rules"))
    assert limits == [
        [f"`{r.control}`", f"`{r.metric}`", _limit(r), ", ".join(map(str, r.tiers))]
        for r in policy.rules.values()
    ]


def _limit(rule) -> str:
    if rule.is_slot:
        return f"set by the model ({rule.direction.value})"
    if rule.floor is not None and rule.ceiling is not None:
        return f"{rule.floor:g} to {rule.ceiling:g}"
    return f"at least {rule.floor:g}" if rule.floor is not None else f"at most {rule.ceiling:g}"


def test_the_facts_and_their_scales_are_documented():
    facts, _ = tables(section(ROOT / "docs" / "policy.md", "The tier table"))
    assert {words_in_code(name)[0]: words_in_code(levels) for name, levels in facts} == {
        name: [level.value for level in scale] for name, scale in SCALES.items()
    }


# --- YAML ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_block_is_what_it_shows(block):
    """An intake, a policy, or a workflow: there is no fourth kind."""
    keys = yaml.safe_load(block.text)
    if "model" in keys:
        assert intake_from(block.text, name=block.document.name).intake.model == keys["model"]
    elif "jobs" in keys:
        steps = [step for job in keys["jobs"].values() for step in job["steps"]]
        assert all(("uses" in step) != ("run" in step) for step in steps)
    else:
        policy_from(block.text, name=block.document.name, catalogue=shipped_catalogue())


def test_the_intake_page_shows_every_key():
    block = next(each for each in blocks("yaml") if each.document.name == "intake.md")
    shown = yaml.safe_load(block.text)
    for cls, keys in (
        (Intake, shown),
        (Facts, shown["facts"]),
        (DataSources, shown["data"]),
        (PredictionSpec, shown["prediction"]),
        (Rollback, shown["rollback"]),
    ):
        assert keys.keys() == {each.name for each in fields(cls)}, cls.__name__


def test_the_page_on_data_validation_shows_every_demand_and_explains_each():
    (block,) = [each for each in blocks("yaml") if each.document.name == "data-validation.md"]
    items = yaml.safe_load(block.text)["data"]["expectations"]
    keys = {each.name for each in fields(DeclaredExpectation)}
    assert {key for item in items for key in item} == keys
    explained = set(re.findall(r"`(\w+)(?:: \w+)?`", prose(block.document)))
    assert keys - {"column", "columns"} <= explained


def test_the_intake_page_shows_an_intake_of_each_task():
    shown = [yaml.safe_load(each.text) for each in blocks("yaml") if each.document.name == "intake.md"]
    assert [each["task"] for each in shown] == list(Task)


def test_the_intakes_shown_fit_the_shipped_policy():
    from modelrisk.policy import threshold_faults

    for block in blocks("yaml"):
        if "model" in yaml.safe_load(block.text):
            read = intake_from(block.text, name=block.document.name)
            assert not threshold_faults(
                shipped_policy(), shipped_catalogue(), read.intake, document=read.document
            )


# --- links -----------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[tuple[Path, str]]:
    return [
        (document, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(document))
        if not target.startswith("https://")
    ]


@pytest.mark.parametrize(("document", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_every_link_into_the_repository_leads_somewhere(document, target):
    path, _, anchor = target.partition("#")
    there = (document.parent / path).resolve() if path else document
    assert there.exists()
    if anchor:
        assert anchor in anchors(there)


def test_every_file_named_in_code_exists():
    for document in DOCUMENTS:
        for word in words_in_code(prose(document)):
            if re.fullmatch(r"(modelrisk|resources|assets|checks|pipelines|tests|docs)/[\w/.-]+", word):
                assert (ROOT / word).exists(), f"{document.name}: {word}"


def test_every_page_is_linked_from_the_readme():
    linked = {target.partition("#")[0] for document, target in links() if document == README}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked
    assert {"CONTRIBUTING.md", "CHANGELOG.md"} <= linked
