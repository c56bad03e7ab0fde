import datetime
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelrisk.errors import Fault, InvalidDocument
from modelrisk.intake import (
    SCALES,
    Affects,
    Facts,
    Materiality,
    Task,
    intake_from,
    intake_gaps,
    rollback_gap,
    severity,
    worst,
)

CONTRACT = """\
# governance/models/loan-default.yaml
model: loan-default                  # the registered model's name
owner: team:lending                  # or an e-mail
purpose: Ranks applications for manual review.
task: binary_classification
facts: {materiality: high, affects: individuals, automation: recommends, exposure: external}
data:
  evaluation: ../data/eval.parquet   # path relative to this file, or URI; parquet or csv
  training: lineage                  # default: the dataset logged with the training run; or a path
  label: defaulted
  positive: 1
  favourable: 0                      # required when a selection-rate rule applies; default positive
  reference: {sex: M}                # optional; default the largest group
  sensitive: [sex, age_band]         # need not be model features
  id: application_id                 # optional, as are time, exclude
prediction: {classes: [0, 1], threshold: 0.5}   # optional; score: column, when the output is a table
thresholds: {auc: 0.72}              # optional; may only tighten policy
champion: champion                   # registry alias
rollback: {to: previous, tested: 2026-10-01}
# optional: title, system, business_area, next_review, developers, validator (not one of the developers)
"""
MINIMAL = """\
model: m
owner: a@example.com
purpose: p
task: binary_classification
data: {evaluation: e.csv, label: y, positive: 1}
"""
TODAY = datetime.date(2026, 11, 23)


def faults_of(text: str) -> dict[str, Fault]:
    with pytest.raises(InvalidDocument) as caught:
        intake_from(text, name="models/x.yaml")
    return {fault.key: fault for fault in caught.value.faults}


def with_rows(**rows: str) -> str:
    """The minimal intake with top-level keys replaced or added, one a line."""
    kept = {row.split(":")[0]: row for row in MINIMAL.splitlines()}
    return "\n".join({**kept, **{key: f"{key}: {value}" for key, value in rows.items()}}.values()) + "\n"


def with_data(**keys: str) -> str:
    kept = {"evaluation": "e.csv", "label": "y", "positive": "1", **keys}
    return with_rows(data="{" + ", ".join(f"{key}: {value}" for key, value in kept.items()) + "}")


def test_how_data_was_collected_and_what_to_know_about_it_is_optional_text():
    silent = intake_from(MINIMAL, name="models/m.yaml").intake.data
    assert (silent.collection, silent.caveats) == (None, ())
    told = with_data(collection='"A survey\\n\\nof 1990."', caveats="[Refused ones are missing., Old.]")
    data = intake_from(told, name="models/m.yaml").intake.data
    assert data.collection == "A survey\n\nof 1990."
    assert data.caveats == ("Refused ones are missing.", "Old.")


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"collection": "''"}, "data.collection"),
        ({"collection": '"x\\u202ey"'}, "data.collection"),
        ({"collection": "[a]"}, "data.collection"),
        ({"caveats": "[' ']"}, "data.caveats[0]"),
        ({"caveats": "none"}, "data.caveats"),
        ({"caveat": "[a]"}, "data.caveat"),
    ],
)
def test_a_collection_or_caveat_that_says_nothing_readable_is_a_fault(keys, key):
    assert key in faults_of(with_data(**keys))


def test_the_outside_contract_is_read_as_it_stands():
    read = intake_from(CONTRACT, name="models/loan-default.yaml")
    intake = read.intake
    assert intake.model == "loan-default"
    assert intake.task is Task.BINARY_CLASSIFICATION
    assert intake.facts.materiality is Materiality.HIGH
    assert intake.data.evaluation == "../data/eval.parquet"
    assert (intake.positive, intake.favourable, intake.classes) == ("1", "0", ("0", "1"))
    assert intake.data.sensitive == ("sex", "age_band")
    assert intake.reference_groups == {"sex": "M"}
    assert intake.thresholds == {"auc": 0.72}
    assert intake.rollback is not None
    assert intake.rollback.tested == datetime.date(2026, 10, 1)
    assert read.path == "models/loan-default.yaml"
    assert str(read.document.place("thresholds", "auc")) == "models/loan-default.yaml:17"


def test_a_minimal_intake_takes_every_default():
    intake = intake_from(MINIMAL, name="x").intake
    assert intake.facts == Facts()
    assert intake.data.training == "lineage"
    assert intake.favourable == "1"
    assert intake.classes is None
    assert intake.prediction.threshold == 0.5
    assert intake.champion == "champion"
    assert intake.data.sensitive is None


def test_all_optional_keys_are_read():
    text = with_rows(
        title="T",
        system="S",
        business_area="B",
        next_review="2027-01-31",
        developers="[ann@example.com]",
        validator="bob@example.com",
        limitations='["one\\ntwo"]',
        out_of_scope="[x]",
        third_parties="[y]",
        retirement="later",
    )
    intake = intake_from(text, name="x").intake
    assert intake.next_review == datetime.date(2027, 1, 31)
    assert intake.limitations == ("one\ntwo",)
    assert intake.developers == ("ann@example.com",)


def test_a_reference_group_may_be_a_number_and_is_compared_by_its_text():
    intake = intake_from(
        with_data(sensitive="[race, sex]", reference="{race: 1, sex: true}"), name="x"
    ).intake
    assert intake.reference_groups == {"race": "1", "sex": "true"}


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (with_rows(owner="bob"), "owner", "'bob'"),
        (with_rows(owner='"team:"'), "owner", "'team:'"),
        (with_rows(owner='"a@b.c\\nx@y.z"'), "owner", "U+000A"),
        (with_rows(owner='"team:a\\u202Eb"'), "owner", "U+202E"),
        (with_rows(task="regression"), "data.positive", "`positive`, which no model of regression has"),
        (
            with_rows(task="multiclass_classification"),
            "data.positive",
            "no model of multiclass",
        ),
        (with_data(positive="null"), "data.positive", "no `positive`"),
        (with_rows(task="binary"), "task", "'binary'"),
        (with_rows(model='" "'), "model", "an empty text"),
        (with_rows(model='"a\\0b"'), "model", "NUL"),
        (with_rows(model="2024"), "model", "2024"),
        (with_rows(purpose='""'), "purpose", "an empty text"),
        (with_rows(purpose='"a\\x1bb"'), "purpose", "U+001B"),
        (with_rows(title='"a\\nb"'), "title", "U+000A"),
        (with_rows(champion='""'), "champion", "an empty text"),
        (with_rows(limitations='[ok, ""]'), "limitations[1]", "an empty text"),
        (with_rows(developers='[a, "b\\nc"]'), "developers[1]", "U+000A"),
        (with_rows(developers="[Ann@x.org]", validator="ann@X.org"), "validator", "one of the developers"),
        (with_rows(next_review="tomorrow"), "next_review", "'tomorrow'"),
        (with_rows(thresholds="{auc: high}"), "thresholds.auc", "'high'"),
        (with_rows(thresholds="{auc: true}"), "thresholds.auc", "true"),
        (with_rows(thresholds="{auc: .nan}"), "thresholds.auc", ".nan"),
        (with_rows(prediction="{threshold: 1}"), "prediction.threshold", "1"),
        (with_rows(prediction="{threshold: 0}"), "prediction.threshold", "0"),
        (with_rows(prediction="{threshold: 50}"), "prediction.threshold", "50"),
        (with_rows(prediction="{classes: [0, 1, 2]}"), "prediction.classes", "3 classes"),
        (with_rows(prediction="{classes: [1]}"), "prediction.classes", "1 classes"),
        (with_rows(prediction="{classes: []}"), "prediction.classes", "0 classes"),
        (with_rows(prediction='{classes: [1, "1"]}'), "prediction.classes", "the same by their text (1, 1)"),
        (with_rows(prediction="{classes: [1, 1.0]}"), "prediction.classes", "the same by their text"),
        (with_rows(prediction='{classes: [a, ""]}'), "prediction.classes[1]", "an empty text"),
        (with_rows(prediction="{classes: [2, 3]}"), "data.positive", "the class '1'"),
        (with_rows(rollback="{tested: 2026-01-01}"), "rollback.to", "no `to`"),
        (with_data(label='""'), "data.label", "an empty text"),
        (with_data(label='"a\\0"'), "data.label", "NUL"),
        (with_data(id="y"), "data.id", "already `label`"),
        (with_data(id="k", time="k"), "data.time", "already `id`"),
        (with_data(sensitive="[sex, y]"), "data.sensitive[1]", "the label column"),
        (with_data(exclude="[y]"), "data.exclude[0]", "the label column"),
        (with_data(sensitive="[sex, sex]"), "data.sensitive[1]", "'sex' twice"),
        (with_data(reference="{sex: M}"), "data.reference.sex", "a reference group for 'sex'"),
        (with_data(reference="{sex: null}", sensitive="[sex]"), "data.reference.sex", "nothing"),
        (with_data(evaluation='"a\\nb"'), "data.evaluation", "U+000A"),
        (with_data(positive='""'), "data.positive", "an empty text"),
        (with_data(positive="[1]"), "data.positive", "a list"),
        (with_data(favorable="1"), "data.favorable", "the unknown key"),
    ],
)
def test_contradictory_or_hostile_intake_is_refused_at_its_line(text: str, key: str, found: str):
    fault = faults_of(text)[key]
    assert found in fault.found
    top = key.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
    rows = [row.split(":")[0] for row in text.splitlines()]
    assert fault.line == rows.index(top) + 1


def test_favourable_must_be_one_of_the_classes():
    text = with_data(favourable="7").replace("data:", "prediction: {classes: [0, 1]}\ndata:")
    assert faults_of(text)["data.favourable"].expected == "one of 0, 1, as `prediction.classes` has them"


def test_yes_beside_boolean_classes_is_explained():
    text = with_data(positive="yes").replace("data:", "prediction: {classes: [false, true]}\ndata:")
    assert faults_of(text)["data.positive"].remedy == "Write `true`: yes is text here, not a boolean"


def test_yes_and_no_are_classes_of_their_own():
    text = with_data(positive="yes", favourable="no") + "prediction: {classes: [no, yes]}\n"
    intake = intake_from(text, name="x").intake
    assert (intake.positive, intake.favourable, intake.classes) == ("yes", "no", ("no", "yes"))


def test_classes_agree_by_their_text_whatever_their_kind():
    text = with_data(positive='"1"') + "prediction: {classes: [0.0, 1]}\n"
    assert intake_from(text, name="x").intake.classes == ("0", "1")


@pytest.mark.parametrize("name", ["=cmd()", "../x", "<script>", "a b", "naïve-模型", "'; DROP", "x" * 300])
def test_a_model_is_named_as_the_registry_spells_it(name: str):
    escaped = name.replace("'", "''")
    assert intake_from(with_rows(model=f"'{escaped}'"), name="x").intake.model == name


def test_a_model_name_with_a_line_break_is_taken_since_the_registry_takes_it():
    assert intake_from(with_rows(model='"a\\nb"'), name="x").intake.model == "a\nb"


@pytest.mark.parametrize("column", ["sex (m/f)", "a\tb", "<b>", "a\u202eb", '"quoted"', "a;b"])
def test_a_column_is_named_as_the_data_spells_it(column: str):
    escaped = column.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    intake = intake_from(with_data(sensitive=f'["{escaped}"]'), name="x").intake
    assert intake.data.sensitive == (column,)


def test_types_and_contradictions_are_reported_together_with_their_lines():
    text = (
        CONTRACT.replace("owner: team:lending ", "owner: bob")
        .replace("purpose: Ranks applications for manual review.", "title: 1.10")
        .replace("materiality: high", "materiality: hihg")
        .replace("positive: 1", "positive: 7")
        .replace("favourable:", "favorable:")
        .replace("0.5}", "7}")
        .replace("{auc: 0.72}", '{auc: "0.72"}')
        .replace("2026-10-01", "2026-13-01")
    )
    assert {key: fault.line for key, fault in faults_of(text).items()} == {
        "purpose": None,
        "owner": 3,
        "title": 4,
        "facts.materiality": 6,
        "data.positive": 11,
        "data.favorable": 12,
        "prediction.threshold": 16,
        "thresholds.auc": 17,
        "rollback.tested": 19,
    }


def test_the_digest_follows_the_content_not_the_comments():
    commented = intake_from(CONTRACT, name="a").digest
    assert intake_from(CONTRACT.replace("# registry alias", ""), name="b").digest == commented
    assert intake_from(CONTRACT.replace("0.72", "0.73"), name="a").digest != commented


def test_scales_run_from_the_least_to_the_most_severe():
    assert [severity(level) for level in Affects] == [0, 1, 2, 3]
    assert {name: worst(name).value for name in SCALES} == {
        "materiality": "high",
        "affects": "public",
        "automation": "decides",
        "exposure": "external",
    }


def test_without_an_intake_every_fact_is_missing():
    assert [gap.key for gap in intake_gaps(None)] == [f"facts.{name}" for name in SCALES]


def test_a_complete_intake_has_no_gaps():
    assert intake_gaps(intake_from(CONTRACT, name="x").intake, compares_groups=True) == ()


def test_a_missing_fact_is_a_gap_that_says_what_it_counts_as():
    text = with_rows(facts="{materiality: low, affects: nobody, automation: informs}")
    (gap,) = intake_gaps(intake_from(text, name="x").intake)
    assert gap.key == "facts.exposure"
    assert gap.consequence == "counts as the worst, external"
    assert "internal, external" in gap.remedy


@pytest.mark.parametrize(
    ("text", "gaps"),
    [
        (with_data(), {"data.sensitive", "data.favourable"}),
        (with_data(sensitive="[sex]"), {"data.favourable"}),
        (with_data(sensitive="[]"), set()),
        (with_data(sensitive="[sex]", favourable="1"), set()),
    ],
)
def test_comparing_groups_needs_the_groups_and_the_favourable_outcome(text: str, gaps: set[str]):
    intake = intake_from(text, name="x").intake
    found = {gap.key for gap in intake_gaps(intake, compares_groups=True)}
    assert {key for key in found if key.startswith("data")} == gaps
    assert not any(gap.key.startswith("data") for gap in intake_gaps(intake))


@pytest.mark.parametrize(
    ("rollback", "key"),
    [
        ("", "rollback"),
        ("{to: previous}", "rollback.tested"),
        ("{to: previous, tested: 2026-11-24}", "rollback.tested"),
        ("{to: previous, tested: 2026-11-23}", None),
    ],
)
def test_a_way_back_counts_only_once_it_was_tested(rollback: str, key: str | None):
    gap = rollback_gap(intake_from(with_rows(rollback=rollback), name="x").intake, today=TODAY)
    assert (gap.key if gap else None) == key


def test_a_model_without_an_intake_has_no_way_back():
    assert rollback_gap(None, today=TODAY) is not None


def test_the_template_is_a_valid_intake_also_with_every_comment_taken_off():
    template = Path("modelrisk/policies/intake_template.yaml")
    text = (Path(__file__).parents[2] / template).read_text()
    intake_from(text, name="x")
    uncommented = "\n".join(
        row.replace("# ", "", 1) if row.lstrip().startswith("# ") and ": " in row and "#" in row[:4] else row
        for row in text.splitlines()[1:]
    )
    uncommented = uncommented.replace("The tier follows", "# The tier follows").replace(
        "sensitive: []", "sensitive: [sex]"
    )
    intake = intake_from(uncommented, name="x").intake
    assert intake.rollback is not None
    assert intake.data.id == "application_id"
    assert intake.retirement is not None


KEYS = st.sampled_from(
    [row.split(":")[0].strip() for row in CONTRACT.splitlines() if ":" in row] + ["str", "to"]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)  # pydantic builds its validator on the first example
@given(data=st.dictionaries(KEYS, TREES, max_size=10))
def test_whatever_stands_in_an_intake_ends_in_an_intake_or_in_faults_of_one_line(data: dict[str, object]):
    faults: tuple[Fault, ...] = ()
    try:
        intake_from(json.dumps(data), name="x")
    except InvalidDocument as error:
        faults = error.faults
    assert all(len(str(fault).splitlines()) == 1 for fault in faults)


# --- tasks -----------------------------------------------------------------------------------------------

SEVERAL = with_rows(
    task="multiclass_classification",
    data="{evaluation: e.csv, label: y, favourable: gold, sensitive: [sex]}",
    prediction="{classes: [gold, silver, bronze]}",
)
REGRESSION = with_rows(
    task="regression",
    data="{evaluation: e.csv, label: y, sensitive: [sex]}",
    prediction="{score: wage}",
)


def test_a_model_of_several_classes_names_them_in_order_and_its_favourable_one():
    intake = intake_from(SEVERAL, name="x").intake
    assert intake.task is Task.MULTICLASS_CLASSIFICATION
    assert intake.classes == ("gold", "silver", "bronze")
    assert (intake.positive, intake.favourable) == (None, "gold")
    bare = intake_from(SEVERAL.replace("favourable: gold, ", ""), name="x").intake
    assert bare.favourable is None
    (gap,) = (gap for gap in intake_gaps(bare, compares_groups=True) if gap.key == "data.favourable")
    assert gap.consequence == "no outcome counts as favourable"


def test_a_regression_has_a_label_and_no_classes():
    intake = intake_from(REGRESSION, name="x").intake
    assert intake.task is Task.REGRESSION
    assert (intake.positive, intake.favourable, intake.classes) == (None, None, None)
    assert intake.prediction.score == "wage"
    assert not any(gap.key == "data.favourable" for gap in intake_gaps(intake, compares_groups=True))


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (SEVERAL.replace("[gold, silver, bronze]", "[gold]"), "prediction.classes", "1 classes"),
        (SEVERAL.replace("[gold, silver, bronze]", "[]"), "prediction.classes", "0 classes"),
        (SEVERAL.replace("bronze]", "gold]"), "prediction.classes", "the same by their text"),
        (
            SEVERAL.replace("[gold, silver, bronze]", "[1, 2, 1.0]"),
            "prediction.classes",
            "the same by their text",
        ),
        (SEVERAL.replace("favourable: gold", "favourable: platinum"), "data.favourable", "platinum"),
        (SEVERAL.replace("label: y", "label: y, positive: gold"), "data.positive", "`positive`"),
        (SEVERAL.replace("{classes:", "{threshold: 0.5, classes:"), "prediction.threshold", "`threshold`"),
        (SEVERAL.replace("{classes:", "{score: p, classes:"), "prediction.score", "`score`"),
        (REGRESSION.replace("label: y", "label: y, positive: 1"), "data.positive", "`positive`"),
        (REGRESSION.replace("label: y", "label: y, favourable: 1"), "data.favourable", "`favourable`"),
        (REGRESSION.replace("{score:", "{classes: [0, 1], score:"), "prediction.classes", "`classes`"),
        (REGRESSION.replace("{score:", "{threshold: 0.5, score:"), "prediction.threshold", "`threshold`"),
        (with_data(positive="null"), "data.positive", "no `positive`"),
    ],
)
def test_what_a_task_does_not_have_or_cannot_do_without_is_a_fault_with_a_remedy(text, key, found):
    fault = faults_of(text)[key]
    assert found in fault.found
    assert fault.remedy


def test_five_hundred_classes_are_named_and_one_unknown_is_told_from_them_briefly():
    classes = ", ".join(str(at) for at in range(500))
    text = SEVERAL.replace("gold, silver, bronze", classes).replace("favourable: gold", "favourable: 7")
    assert len(intake_from(text, name="x").intake.classes or ()) == 500
    fault = faults_of(text.replace("favourable: 7", "favourable: 500"))["data.favourable"]
    assert len(fault.expected) < 200


@pytest.mark.parametrize("task", ["clustering", "Regression", "binary", "7", "null"])
def test_a_task_nobody_knows_is_refused_with_those_there_are(task):
    fault = faults_of(with_rows(task=task))["task"]
    assert "regression" in fault.expected
