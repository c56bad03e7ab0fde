"""Datasheets in three forms, of harmless and hostile data; Croissant held against its library, offline."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from modelrisk.datasheets import SCHEMA, Datasheet, Purpose, SheetColumn, SheetGroup, Span
from modelrisk.documents.datasheet.croissant import as_croissant, as_json
from modelrisk.documents.datasheet.markdown import as_markdown, summary
from modelrisk.documents.datasheet.page import as_html
from modelrisk.documents.references import faults
from modelrisk.records import Blame, Problem
from tests.modelrisk.documents.conftest import HOSTILE
from tests.modelrisk.documents.test_card import Page

pytestmark = pytest.mark.filterwarnings(
    "ignore:ConjunctiveGraph is deprecated:DeprecationWarning"  # mlcroissant's own use of rdflib
)

ROWS = "approve,income,sex,applied\n1,10.5,F,2026-01-02\n0,11,M,2026-03-04\n1,,,2026-03-05\n"
SHEET = Datasheet(
    schema=SCHEMA,
    purpose=Purpose.EVALUATION,
    model="mortgage-approval@2",
    owner="team:lending",
    source="../data/evaluation.csv",
    file="evaluation.csv",
    digest=f"sha256:{hashlib.sha256(ROWS.encode()).hexdigest()}",
    rows=3,
    columns=(
        SheetColumn("approve", "int64", "label", 0),
        SheetColumn("income", "float64", "feature", 1),
        SheetColumn("sex", "string", "sensitive", 1),
        SheetColumn("applied", "date", "time", 0),
    ),
    groups=(
        SheetGroup("approve", "1", 2),
        SheetGroup("approve", "0", 1),
        SheetGroup("sex", "F", 1),
        SheetGroup("sex", "M", 1),
        SheetGroup("sex", None, 1),
    ),
    others={},
    span=Span("applied", "2026-01-02", "2026-03-05", 0),
    collection="Applications to **40** branches, labelled after 2 years.\n\nSee [notes](https://example.org).",
    caveats=("Applicants refused before are not in it.",),
    license="CC-BY-4.0",
)


def hostile_sheet(words: str) -> Datasheet:
    return replace(
        SHEET,
        owner=words,
        source=words,
        file=words,
        columns=(SheetColumn(words, words, "feature", 1), *SHEET.columns[1:]),
        groups=(SheetGroup(words, words, 3), *SHEET.groups),
        others={words: 2},
        span=Span(words, words, words, 1),
        collection=words,
        caveats=(words,),
        license=words,
    )


def test_every_form_says_what_the_data_is():
    page, markdown = Page(as_html(SHEET)).text, as_markdown(SHEET)
    for words in (
        "team:lending",
        "2026-01-02 to 2026-03-05",
        "income",
        "(missing)",
        "CC-BY-4.0",
        "refused before",
    ):
        assert words in page
        assert words in markdown
    assert SHEET.digest in page
    assert SHEET.digest in markdown


def test_what_nobody_said_is_not_provided():
    silent = replace(SHEET, collection=None, caveats=(), license=None, span=None, groups=())
    assert Page(as_html(silent)).text.count("not provided") == 4
    assert as_markdown(silent).count("*not provided*") == 4
    assert not {"license", "rai:dataCollection", "temporalCoverage"} & set(as_croissant(silent))


def test_groups_beyond_those_kept_are_counted():
    many = replace(SHEET, others={"sex": 417})
    assert "All other rows417" in Page(as_html(many)).text
    assert "| *all other rows* | 417 |" in as_markdown(many)


@pytest.mark.parametrize("words", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_text_stays_text_in_every_form(words):
    sheet, harmless = hostile_sheet(words), hostile_sheet("harmless")
    people_s = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "a", "wbr"}
    page, plain = Page(as_html(sheet)), Page(as_html(harmless))
    assert [tag for tag in page.tags if tag not in people_s] == [
        tag for tag in plain.tags if tag not in people_s
    ]
    assert page.loads == []
    assert page.handlers == []
    for document in (as_html(sheet), as_markdown(sheet)):
        assert not set(document) & set("\u202e\x00\x07\x1b\u2028\ufeff\U000e0067")

    def tags(of: Datasheet) -> list[str]:
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(as_markdown(of))
        return re.findall(r"<(/?\w+)", html)

    assert tags(sheet) == tags(harmless)
    written = as_json(sheet)
    assert written.isascii()
    assert json.loads(written)["recordSet"][0]["field"][0]["source"]["extract"]["column"] == words


def test_a_number_planted_in_a_datasheet_is_found():
    html = as_html(SHEET)
    assert faults(html, {"datasheet": SHEET}) == ()
    assert faults(html, {"datasheet": replace(SHEET, rows=4)})
    assert faults(html.replace("</main>", "<p>99 % complete</p></main>"), {"datasheet": SHEET})


def test_a_summary_tells_of_data_that_cannot_be_read():
    problem = Problem(Blame.UNAVAILABLE, "no file", "one that can be read", "Restore it")
    words = summary({Purpose.EVALUATION: SHEET, Purpose.TRAINING: problem})
    assert "**evaluation**: 3 rows, 4 columns (2 with missing values)" in words
    assert "**training**: Found no file" in words


def _written(sheet: Datasheet, directory: Path) -> Path:
    (directory / "evaluation.csv").write_text(ROWS)
    path = directory / "sheet.json"
    path.write_text(as_json(sheet))
    return path


@pytest.fixture
def croissant():
    return pytest.importorskip("mlcroissant")


def test_croissant_validates_and_reads_the_rows(croissant, tmp_path):
    dataset = croissant.Dataset(jsonld=_written(SHEET, tmp_path))
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.name == "mortgage-approval@2 evaluation data"
    records = list(dataset.records("rows"))
    assert len(records) == SHEET.rows
    assert [record["rows/0"] for record in records] == [1, 0, 1]


@pytest.mark.parametrize("words", HOSTILE.values(), ids=list(HOSTILE))
def test_croissant_of_hostile_data_validates(croissant, tmp_path, words):
    dataset = croissant.Dataset(jsonld=_written(hostile_sheet(words), tmp_path))
    assert not dataset.metadata.ctx.issues.errors
    assert len(dataset.metadata.record_sets[0].fields) == len(SHEET.columns)


def test_croissant_without_a_file_is_refused_by_its_library(croissant, tmp_path):
    """The validation above can fail."""
    broken = as_croissant(SHEET)
    broken["distribution"] = []
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    with pytest.raises(croissant.ValidationError):
        croissant.Dataset(jsonld=tmp_path / "broken.json")
