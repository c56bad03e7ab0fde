import datetime

import pytest

from modelrisk.catalogue import catalogue_from, clause_from, shipped_catalogue
from modelrisk.errors import Fault, InvalidDocument
from modelrisk.policy_documents import shipped_policy
from modelrisk.yaml_documents import parsed

CONTROLS = """\
schema: model-risk/controls@1
metrics:
  auc: {title: AUC, meaning: ranks, lowest: 0, highest: 1}
controls:
  ranks_well:
    title: t
    risk: r
    asset: evaluation/quality
    metric: auc
    evidence: e
    limitations: l
    how_to_pass: h
    mappings: [frame:A-1.2@1.0]
"""
FRAMEWORKS = """\
schema: model-risk/frameworks@1
frameworks:
  frame:
    title: Frame
    nature: supervisory
    versions:
      "0.9": {effective_from: 2011-04-04, effective_to: 2026-04-17, superseded_by: frame@1.0, source: primary}
      "1.0": {effective_from: 2026-04-17, source: primary}
"""


def faults_of(controls: str = CONTROLS, frameworks: str = FRAMEWORKS) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDocument) as caught:
        catalogue_from(
            controls=parsed(controls, name="controls.yaml"),
            frameworks=parsed(frameworks, name="frameworks.yaml"),
        )
    return caught.value.faults


def test_a_small_catalogue_is_read():
    catalogue = catalogue_from(
        controls=parsed(CONTROLS, name="controls.yaml"), frameworks=parsed(FRAMEWORKS, name="frameworks.yaml")
    )
    control = catalogue.controls["ranks_well"]
    (clause,) = control.mappings
    assert str(clause) == "frame:A-1.2@1.0"
    assert catalogue.framework_of(clause).title == "Frame"
    assert catalogue.stages == {"evaluation/quality": (control,)}


def test_a_framework_version_is_effective_until_the_day_it_is_replaced():
    catalogue = catalogue_from(controls=parsed(CONTROLS, name="c"), frameworks=parsed(FRAMEWORKS, name="f"))
    old, new = catalogue.frameworks["frame@0.9"], catalogue.frameworks["frame@1.0"]
    day = datetime.date(2026, 4, 17)
    assert not old.is_effective_on(day)
    assert new.is_effective_on(day)
    assert old.is_effective_on(day - datetime.timedelta(days=1))
    assert not new.is_effective_on(day - datetime.timedelta(days=1))
    assert old.superseded_by == new.key


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("nist-ai-rmf:MEASURE-2.11@1.0", True),
        ("eu-ai-act:Art-10.2.f@2024-1689", True),
        ("nist-ai-rmf:MEASURE-2.11", False),
        ("NIST:MEASURE@1.0", False),
        ("a:b c@1", False),
        ("a:b@1@2", False),
        ("a:@1", False),
        ("a:b@1\n", False),
    ],
)
def test_a_mapping_is_written_framework_clause_version(text: str, readable: bool):
    clause = clause_from(text)
    assert (clause is not None) is readable
    assert clause is None or str(clause) == text


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "found"),
    [
        ("frame:A-1.2@1.0", "frame:A-1.2", "controls.ranks_well.mappings[0]", 13, "'frame:A-1.2'"),
        ("frame:A-1.2@1.0", "frame:A-1.2@2.0", "controls.ranks_well.mappings[0]", 13, "undeclared framework"),
        ("metric: auc", "metric: acu", "controls.ranks_well.metric", 9, "the unknown metric 'acu'"),
        ("evaluation/quality", "quality", "controls.ranks_well.asset", 8, "'quality'"),
        ("ranks_well:", "Ranks well:", "controls.Ranks well", 5, "the name 'Ranks well'"),
        ("    risk: r\n", "", "controls.ranks_well.risk", 5, "no `risk`"),
        ("controls@1", "controls@2", "schema", 1, "controls@2"),
    ],
)
def test_a_faulty_control_is_named_by_line(old: str, new: str, key: str, line: int, found: str):
    (fault,) = faults_of(controls=CONTROLS.replace(old, new))
    assert (fault.key, fault.line) == (key, line)
    assert found in fault.found


def test_faults_of_both_documents_come_at_once():
    faults = faults_of(
        CONTROLS.replace("metric: auc", "metric: x"),
        FRAMEWORKS.replace("superseded_by: frame@1.0", "superseded_by: frame@1.1").replace(
            "2026-04-17, superseded", "2010-01-01, superseded"
        ),
    )
    assert [(fault.file, fault.key.split(".")[-1]) for fault in faults] == [
        ("controls.yaml", "metric"),
        ("frameworks.yaml", "effective_to"),
        ("frameworks.yaml", "superseded_by"),
    ]


# --- what ships --------------------------------------------------------------------------------------------


def test_every_shipped_control_has_a_rule_and_every_metric_a_control():
    catalogue, policy = shipped_catalogue(), shipped_policy()
    assert set(catalogue.controls) == set(policy.rules)
    assert set(catalogue.metrics) == {control.metric for control in catalogue.controls.values()}


def test_the_shipped_controls_stand_where_the_lifecycle_carries_them():
    assert {stage: len(controls) for stage, controls in shipped_catalogue().stages.items()} == {
        "inventory/intake": 3,
        "inventory/lineage": 1,
        "validation/evaluation_data": 4,
        "evaluation/quality": 18,
        "evaluation/fairness": 5,
        "evaluation/champion_comparison": 3,
    }


def test_every_shipped_control_maps_to_a_framework_in_force_or_announced():
    catalogue = shipped_catalogue()
    for control in catalogue.controls.values():
        assert control.mappings, control.id
        for clause in control.mappings:
            assert catalogue.framework_of(clause).superseded_by is None, str(clause)


def test_a_superseded_framework_still_resolves():
    clause = clause_from("sr-11-7:overview@2011")
    assert clause is not None
    assert shipped_catalogue().framework_of(clause).superseded_by == "sr-26-2@2026"


def test_every_shipped_text_reads_as_sentences():
    for control in shipped_catalogue().controls.values():
        for text in (control.risk, control.evidence, control.limitations, control.how_to_pass):
            assert text.endswith("."), f"{control.id}: {text}"
        assert not control.title.endswith(".")


def test_the_catalogue_is_stamped_with_a_digest_that_follows_its_content():
    def digest(controls: str) -> str:
        return catalogue_from(
            controls=parsed(controls, name="c"), frameworks=parsed(FRAMEWORKS, name="f")
        ).digest

    assert digest(CONTROLS) == digest("# note\n" + CONTROLS)
    assert digest(CONTROLS) != digest(CONTROLS.replace("how_to_pass: h", "how_to_pass: i"))
