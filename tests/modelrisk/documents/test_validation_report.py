"""The validation report: the answer first, then what is not as expected; nobody's markup gets through."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelrisk.documents.validation_report import answer, as_markdown, plotted_numbers
from modelrisk.estimates import census
from modelrisk.expectation_results import (
    ExpectationResult,
    Whereabouts,
    evaluated,
    expectation_table,
    unevaluated,
    unseen_categories,
)
from modelrisk.expectation_specs import ExpectationSpec, Kind
from modelrisk.identity import ModelVersion
from modelrisk.records import Blame, BoundDigests, Problem, StageEvidence, Table

BOUND = BoundDigests(None, None, None, None, None, None, "p", "c")


def evidence(results: Sequence[ExpectationResult], **tables: Table) -> StageEvidence:
    return StageEvidence(
        "validation/evaluation_data",
        ModelVersion("loans", "1"),
        BOUND,
        estimates=(census("rows_seen_in_training", 0.25, n=1000),),
        tables={
            "expectations": expectation_table(results),
            "unseen categories": unseen_categories(results),
            **{name.replace("_", " "): table for name, table in tables.items()},
        },
        details={"rows_seen_in_training": "rows 3, 4"},
    )


def result(
    *, passed: bool = False, gates: bool = True, column: str = "income", because: str = "it pays back"
) -> ExpectationResult:
    spec = ExpectationSpec(
        "a", Kind.IN_SET, column, gates=gates, share=0.01, allowed=("1", "2"), because=because
    )
    return replace(evaluated(spec, passed=passed, rows=1000, unexpected=12), where=Whereabouts((3, 17), 2))


def test_the_answer_comes_first():
    as_expected, noted = result(passed=True), result(gates=False)
    unknown = unevaluated(ExpectationSpec("a", Kind.GIVEN, "x"), "no such column")
    assert as_markdown(evidence([as_expected])).startswith("**Fit to judge the model by.** 1 expectation: ")
    assert as_markdown(evidence([as_expected, noted])).startswith("**Fit to judge")
    shown_only = unevaluated(ExpectationSpec("a", Kind.GIVEN, "x", gates=False), "no such column")
    assert as_markdown(evidence([as_expected, shown_only])).startswith("**Fit to judge")
    assert as_markdown(evidence([as_expected, unknown])).startswith("**Not known to be fit to judge")
    assert as_markdown(evidence([as_expected, result(), unknown])).startswith("**Not fit to judge")
    assert answer(evidence([as_expected, result()])) == (
        "Not fit to judge the model by. 2 expectations: 1 failed, 1 as expected."
    )
    mismatch = {"column": "x", "reason": "missing", "found": "no such column", "expected": "double"}
    assert as_markdown(evidence([as_expected], signature=(mismatch,))).startswith("**Not fit to judge")


def test_a_line_says_what_was_expected_how_many_are_otherwise_where_and_why():
    lines = as_markdown(evidence([result()])).splitlines()
    assert (
        "- `income`: at most 1.0% outside the 2 known values. **12 of 1,000 rows** otherwise, with 2 such "
        "values; 10 would be accepted. First rows: 3, 17 … *Why it is expected:* It pays back."
    ) in lines
    assert "- Rows seen in training: 25.0 %: rows 3, 4" in lines


def test_what_was_found_is_said_where_no_count_of_rows_says_it():
    few = replace(
        evaluated(ExpectationSpec("a", Kind.ROWS_AT_LEAST, low=500), passed=False, rows=12), found="12 rows"
    )
    assert "- The table: at least 500 rows. Found: 12 rows." in as_markdown(evidence([few]))


def test_what_could_not_be_evaluated_says_why():
    unknown = unevaluated(ExpectationSpec("a", Kind.GIVEN, "x"), "no such column")
    assert "- `x`: no missing value. No such column." in as_markdown(evidence([unknown]))


def test_many_of_a_kind_are_listed_in_part():
    text = as_markdown(evidence([result(column=f"c{n}") for n in range(25)]))
    assert text.count("would be accepted") == 10
    assert "- and 15 more, in the table" in text


HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) | `a` \n# h"


def test_names_and_reasons_stay_text():
    text = as_markdown(evidence([result(column=HOSTILE, because=HOSTILE)]))
    assert "\n# h" not in text
    outside_code = re.sub(r"``.*?``", "", text)
    assert "<script>" not in outside_code
    assert "[x](javascript:" not in outside_code


def test_data_that_could_not_be_read_is_said_to_be_so():
    problem = Problem(Blame.UNAVAILABLE, "no file at 'x'", "a data file", "Mend the path")
    unread = StageEvidence("validation/evaluation_data", ModelVersion("loans", "1"), BOUND, problem=problem)
    assert "no file at 'x'" in as_markdown(unread)
    assert plotted_numbers(unread) == {}


def test_times_are_said_with_their_age():
    span = {
        "data": "evaluation", "column": "day", "oldest": "2026-01-01", "newest": "2026-11-25",
        "days old": 1, "as of": "2026-11-26", "unreadable": 0,
    }  # fmt: skip
    found = evidence([result()], time_span=(span,))
    line = "- Evaluation data: 2026-01-01 to 2026-11-25, the newest 1 day before 2026-11-26."
    assert line in as_markdown(found)
    assert plotted_numbers(found)["newest observation, days old"] == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.ROWS_DIFFER, "rows that repeat another"),
        (Kind.LABELS_AGREE, "rows equal to one with another label"),
    ],
)
def test_numbers_that_plot_stand_under_stable_names(kind: Kind, name: str):
    noted = evaluated(
        ExpectationSpec("a", kind, "y", gates=False, columns=("x",)), passed=False, rows=9, unexpected=3
    )
    numbers = plotted_numbers(evidence([noted, result(), result(passed=True)]))
    assert numbers == {
        "expectations failed": 1,
        "expectations could not be evaluated": 0,
        "expectations noted": 1,
        "expectations as expected": 1,
        name: 3,
        "values unseen in training, rows": 24,
    }
