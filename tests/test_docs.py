"""What README and docs say is what the code does: commands, options, graph, gates, codes, keys and links."""

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import NormalDist

import pytest
import yaml

from modelrisk import decisions, estimates, records
from modelrisk.catalogue import shipped_catalogue
from modelrisk.decisions import ExitCode
from modelrisk.declared_expectations import DeclaredExpectation
from modelrisk.errors import InvalidDocument
from modelrisk.intake import SCALES, DataSources, Facts, Intake, PredictionSpec, Rollback, Task, intake_from
from modelrisk.metrics.intervals import estimate
from modelrisk.policy_documents import policy_from, shipped_policy
from modelrisk.verdicts import Limits, Verdict, rows_needed
from pipelines import generated_pages

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"
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


def test_what_runs_by_itself_is_what_the_code_starts():
    from pipelines.definitions import defs

    repository = defs.get_repository_def()
    started = {each.name for each in (*repository.sensor_defs, *repository.schedule_defs)}
    by_itself, *_ = tables(section(ROOT / "docs" / "operations.md", "What runs by itself"))
    assert {name for row in by_itself for name in words_in_code(row[0])} == started


# --- commands --------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    """Every call of the program in a document: where, and the call."""
    scripts = [(block.document.name, block.text) for block in blocks("sh", "yaml")]
    scripts += [(file.name, file.read_text()) for file in sorted((ROOT / "deploy" / "ci").iterdir())]
    for name, text in scripts:
        for line in text.splitlines():
            start = re.search(rf"(?:^|&& |until |then |run: |^ *- |^ +|\.venv/bin/){PROGRAM} .*", line)
            if start:
                call, *_ = re.split(r" [>|&]+ |;", PROGRAM + start[0].partition(PROGRAM)[2])
                yield name, call
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


def test_the_generated_pages_are_what_the_code_makes():
    for page, text in generated_pages.pages(ROOT).items():
        committed = (ROOT / page).read_text() if (ROOT / page).exists() else ""
        assert committed == text, f"{page} is not what the code makes: {generated_pages.COMMAND}"


def test_graph_and_gates_stand_where_readers_look_for_them():
    for page, names in {
        "README.md": ["asset graph", "gates"],
        "docs/architecture.md": ["asset graph"],
    }.items():
        made = re.findall(r"^<!-- ([a-z ]+), made by `(.+)` -->$", (ROOT / page).read_text(), re.MULTILINE)
        assert made == [(name, generated_pages.COMMAND) for name in names]


def test_the_picture_of_the_graph_says_of_every_asset_what_comes_before_it():
    """The drawn edges reach what the code's reach, and none of them follows from the others."""
    from pipelines.definitions import defs

    graph = defs.resolve_asset_graph()
    names = {"_".join(key.path): key for key in graph.get_all_asset_keys()}
    picture = generated_pages.graph_picture()
    assert set(re.findall(r'^ +(\w+)\["', picture, re.MULTILINE)) == names.keys()
    drawn = re.findall(r'^  (\w+) -->(?:\|"\w+"\|)? (\w+)$', picture, re.MULTILINE)
    assert len(drawn) == picture.count("-->")

    def before(key, edges):
        parents = {parent for parent, child in edges if child == key}
        return parents.union(*(before(parent, edges) for parent in parents))

    for name, key in names.items():
        assert {names[each] for each in before(name, drawn)} == graph.get_ancestor_asset_keys(key)
    for edge in drawn:
        others = [each for each in drawn if each != edge]
        assert edge[0] not in before(edge[1], others), f"{edge} follows from the other edges"


def test_the_picture_of_the_graph_shows_every_check_and_where_a_run_stops():
    from pipelines.definitions import defs

    picture = generated_pages.graph_picture()
    checks = defs.resolve_asset_graph().asset_check_keys
    assert sum(map(int, re.findall(r"<br/>(\d+) checks?\"", picture))) == len(checks)
    assert re.findall(r'(\w+) -->\|"(\w+)"\| (\w+)', picture) == [
        ("release_clearance", "cleared_for_release", "release_promotion")
    ]


def test_the_readme_names_every_gate_once_and_links_it_to_what_the_catalogue_says():
    table, *_ = tables(section(README, "Gates"))
    named = [
        gate for _, gates in table for gate in re.findall(r"\[`(\w+)`\]\(docs/controls.md#(\w+)\)", gates)
    ]
    assert [name for name, _ in named] == [name for _, name in named]
    assert Counter(name for name, _ in named) == Counter(list(shipped_catalogue().controls))


def test_the_layers_of_the_architecture_page_are_those_that_are_enforced():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = [each for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    (table,) = tables(section(ROOT / "docs" / "architecture.md", "The packages"))
    assert [words_in_code(first)[0] for first, *_ in table] == layers["layers"]


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
    _, settings = tables(section(OPERATIONS, "Where things are"))
    documented = {name for first, *_ in settings for name in words_in_code(first)}
    jobs = {"GITHUB_RUN_ID", "CI_JOB_ID", "BUILD_TAG", "CI"}
    assert documented | jobs == asked
    assert jobs <= set(words_in_code(section(OPERATIONS, "Where things are")))


def test_the_paths_under_the_home_are_those_of_the_code(tmp_path):
    from resources.home import Home
    from resources.ledger_store import SqliteLedger

    home = Home(tmp_path)
    places = {
        *(home.artifacts, home.governance, home.dagster, home.evidence, home.ledger, home.signing_key),
        *(home.models, home.stages, home.packs, home.cards, home.portfolio, home.work),
        SqliteLedger(home.ledger).checkpoint_path,
    }
    where, _ = tables(section(OPERATIONS, "Where things are"))
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


def test_the_faulty_policy_that_is_shown_gets_the_answer_that_is_shown():
    faulty, answer = [each.text for each in blocks("text") if each.document.name == "policy.md"]
    with pytest.raises(InvalidDocument) as caught:
        policy_from(faulty, name="policy.yaml", catalogue=shipped_catalogue())
    assert [str(fault) for fault in caught.value.faults] == answer.splitlines()


def test_the_facts_and_their_scales_are_documented():
    facts, _ = tables(section(ROOT / "docs" / "policy.md", "The tier table"))
    assert {words_in_code(name)[0]: words_in_code(levels) for name, levels in facts} == {
        name: [level.value for level in scale] for name, scale in SCALES.items()
    }


# --- passing the gates -----------------------------------------------------------------------------------

GATES = ROOT / "docs" / "passing-the-gates.md"


def test_every_gate_stands_once_where_it_is_said_how_to_pass_it():
    named = [
        words_in_code(first)[0] for table in tables(section(GATES, "Gate by gate")) for first, *_ in table
    ]
    assert Counter(named) == Counter(list(shipped_catalogue().controls))


def test_the_verdicts_a_reader_may_meet_are_explained():
    table, *_ = tables(section(GATES, "Read the result"))
    met = [verdict.value.replace("_", " ") for verdict in Verdict if verdict is not Verdict.WAIVED]
    assert [first for first, *_ in table] == met


def _rows(control: str, method: str, **inputs: float) -> str:
    """What the gate's own method says, at the limit that stands in the document or in policy."""
    rule = shipped_policy().rules[control]
    limits = Limits(
        floor=inputs.pop("floor", rule.floor),
        ceiling=inputs.pop("ceiling", rule.ceiling),
        confidence=rule.confidence,
        minimum_rows=rule.minimum_rows,
        minimum_events=rule.minimum_events,
    )
    needed = rows_needed(limits, estimate(rule.metric, method, inputs, confidence=rule.confidence))
    return f"{needed:,}"


def _share(cell: str) -> float:
    return float(cell.removesuffix("%")) / 100


def test_the_rows_for_planning_are_what_the_methods_of_the_gates_say():
    floors, ceilings, ratios, champions = tables(section(GATES, "How many rows"))
    for floor, measured, rows in floors:
        events = _share(measured) * 100
        assert rows == _rows(
            "accuracy_above_floor", "clopper_pearson", floor=_share(floor), events=events, n=100
        )
    for ceiling, _, rows in ceilings:
        found = _rows(
            "false_positive_rate_below_ceiling", "clopper_pearson", ceiling=_share(ceiling), events=0, n=100
        )
        assert rows == found
    for rate, ratio, rows in ratios:
        group, reference = _share(rate) * float(ratio) * 100, _share(rate) * 400
        assert rows == _rows(
            "favourable_outcomes_within_four_fifths",
            "melded_ratio",
            events=group,
            n=100,
            reference_events=reference,
            reference_n=400,
        )
    for differing, rows in champions:
        each = _share(differing) * 50
        agreed = {"both_right": 80 - each, "both_wrong": 20 - each}
        assert rows == _rows(
            "not_worse_than_champion", "newcombe_paired", only_candidate=each, only_reference=each, **agreed
        )


def test_so_many_times_the_rows_make_four_data_sets_in_five_do():
    """Of a normal estimate at the hoped-for value: the distance must be z(0.95) + z(0.8) standard errors."""
    at_95, at_80 = (NormalDist().inv_cdf(share) for share in (0.95, 0.8))
    (said,) = re.findall(r"take ([\d.]+) times as many", GATES.read_text())
    assert float(said) == round(((at_95 + at_80) / at_95) ** 2, 1)


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
