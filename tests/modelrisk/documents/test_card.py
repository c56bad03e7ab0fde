import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest
import yaml
from markdown_it import MarkdownIt

from modelrisk.decisions import Kind
from modelrisk.documents import text
from modelrisk.documents.card.markdown import as_markdown, body, front_matter, without_metadata
from modelrisk.documents.card.model_card import NOT_TOLD, ModelCard, model_card
from modelrisk.documents.card.page import as_html
from modelrisk.documents.pages import prose
from modelrisk.records import StageEvidence, Table
from modelrisk.verdicts import Verdict
from tests.modelrisk.documents.tasks import multiclass_card, regression_card

VOID = {"meta", "br", "col", "wbr", "link", "img", "input", "hr"}
SECTIONS = (
    "Findings",
    "Intended use",
    "Out of scope",
    "People",
    "Data",
    "Performance",
    "Performance by cohort",
    "Fairness",
    "Calibration",
    "Comparison with the champion",
    "Gates",
    "Limitations",
    "Lineage",
    "Version history",
    "Provenance",
    "What this does not tell you",
)


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in order; collects text, figures and what points outside."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.figures: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.pieces: list[str] = []
        self._figure: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given["href"]] if "href" in given else []
        self.loads += [
            given[name] for name in ("src", "srcset", "data", "poster", "background") if name in given
        ]
        self.handlers += [name for name in given if name.startswith("on")]
        if tag == "data":
            self._figure = given["value"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"
        self._figure = None

    @property
    def text(self) -> str:
        """Everything a reader reads, in order."""
        return " ".join("".join(self.pieces).split())

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if self._figure is not None:
            self.figures.append((self._figure, data))
        elif self.open and self.open[-1] not in ("style", "title") and "svg" not in self.open:
            self.words.append(data)


@pytest.fixture
def card(record, card_of) -> ModelCard:
    return card_of(record)


def test_the_page_is_well_formed(card):
    page = Page(as_html(card))
    assert page.open == []
    assert page.tags.count("h1") == 1
    assert {link.removeprefix("#") for link in page.links} <= page.ids


PAGES = {"two classes": None, "several classes": multiclass_card, "a regression": regression_card}


@pytest.mark.parametrize("make", PAGES.values(), ids=list(PAGES))
def test_headings_are_in_order_tables_have_scopes_and_drawings_a_name_or_no_voice(card, make):
    html = as_html(card if make is None else make())
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope=" in heading for heading in re.findall(r"<th[ >][^>]*>?", html))
    assert all("aria-hidden" in one or "aria-label" in one for one in re.findall(r"<svg[^>]*>", html))


def test_every_colour_of_words_stands_out_from_its_paper():
    css = files("modelrisk.documents").joinpath("templates/page.css").read_text()
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", css))
    words = set(colours) - {"rule", "wash", "band"}
    assert len(words) > 6
    for name in words:
        for paper in ("#ffffff", colours["wash"]):
            assert _contrast(colours[name], paper) >= 4.5, (name, paper)


def _contrast(one: str, other: str) -> float:
    """Contrast ratio by WCAG 2.2."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("make", [multiclass_card, regression_card])
def test_the_card_of_another_task_tells_the_same_in_both_forms(make):
    card = make()
    html, markdown = Page(as_html(card)).text, as_markdown(card)
    for words in (
        ("Mean size of errors", "How the errors are spread")
        if card.tenths
        else (
            "Class by class",
            "Which class is taken for which",
            "expected calibration error",
        )
    ):
        assert words.lower() in html.lower()
        assert words.lower() in markdown.lower()
    assert "tabular-regression" in markdown if card.tenths else "tabular-classification" in markdown


def test_of_many_classes_the_rates_are_folded_and_the_largest_confusions_listed():
    card = multiclass_card(500)
    assert card.classes is not None
    assert card.confusion is not None
    assert (len(card.classes.rows), len(card.classes.folded)) == (30, 470)
    assert card.confusion.matrix == ()
    assert len(card.confusion.largest) == 20
    assert "Too many classes for a matrix" in as_html(card)
    assert "470 more classes are in the record" in as_markdown(card)


def test_the_page_loads_nothing_and_runs_nothing(card):
    html = as_html(card)
    page = Page(html)
    assert page.loads == []
    assert page.handlers == []
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_both_forms_have_every_section(card):
    html, markdown = as_html(card), as_markdown(card)
    for section in SECTIONS:
        assert re.search(rf"<h[23]>{section}</h[23]>", html), section
        assert re.search(rf"^##+ {section}$", markdown, re.MULTILINE), section
    for line in NOT_TOLD:
        assert line in unescape(html)
        assert line in markdown


def test_every_control_appears_with_its_verdict_and_what_to_do(card, record):
    html = unescape(as_html(card)).replace("<wbr>", "")
    html = re.sub(r"<code[^>]*>|</code>", "`", html)
    markdown = as_markdown(card)
    for control in record.controls:
        assert f"`{control.id}`" in html
        assert f"`{control.id}`" in markdown
        words = text.verdict_words(control.verdict, blocks=control.blocks)
        assert words in html
        assert words in markdown
        for reason in control.why_required:
            assert reason in html
        if control.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE):
            assert control.remedy in html
    for finding in record.findings:
        assert finding.message in html
        assert finding.next_action in html


def test_the_badge_is_the_record_s(card, releasable, card_of):
    assert 'class="decision refused"' in as_html(card)
    assert "✗ Refused" in as_markdown(card)
    assert 'class="decision releasable"' in as_html(card_of(releasable))
    assert "✓ Releasable" in as_markdown(card_of(releasable))


def test_every_figure_on_the_page_is_in_the_evidence(card, record):
    known: set[float] = {float(point.predicted) for point in card.curve}
    known |= {float(point.observed) for point in card.curve} | {float(point.rows) for point in card.curve}
    known |= {float(record.tier), *(float(len(control.estimates)) for control in record.controls)}
    known |= {float(outcome.rows) for table in card.tables for outcome in table.outcomes}
    known |= {float(len(table.folded)) for table in card.tables}
    for estimate in (*record.estimates, *(one for control in record.controls for one in control.estimates)):
        known |= {value for value in (estimate.value, estimate.low, estimate.high) if value is not None}
        known.add(float(estimate.n))
    figures = Page(as_html(card)).figures
    assert len(figures) > 100
    assert {float(value) for value, _ in figures} <= known


def test_every_number_in_words_was_said_by_someone(card, record):
    """Outside the figures a digit may only repeat the record, the intake, the lineage or a limit."""
    said = repr((record, card)) + " ".join(f"{gate.row.limit} {gate.row.margin}" for gate in card.gates)
    words = " ".join(Page(as_html(card)).words)
    numbers = set(re.findall(r"\d+(?:[.,]\d+)*", words))
    assert {number for number in numbers if number not in said} == set()


def test_every_estimate_of_the_record_is_on_the_card(card, record):
    shown = {float(value) for value, _ in Page(as_html(card)).figures}
    complements = ("true_negative_rate", "false_negative_rate")
    for estimate in record.estimates:
        if estimate.value is not None and not (estimate.metric in complements and estimate.cohort):
            assert estimate.value in shown, estimate


def test_a_fact_nobody_provided_says_so(bare_card):
    html, markdown = as_html(bare_card), as_markdown(bare_card)
    Page(html)
    assert html.count("not provided") > 20
    assert markdown.count("*not provided*") > 20
    assert "None" not in html
    assert "None" not in markdown
    assert "mortgage-approval" in html
    assert "not in the inventory" in html
    assert "model-index" not in front_matter(bare_card)


def test_a_preview_says_that_it_is_not_a_decision(record, card_of):
    preview = card_of(replace(record, kind=Kind.PREVIEW))
    for document in (as_html(preview), as_markdown(preview)):
        assert "not a decision" in document
        assert "review" in document
    assert "preview" in yaml.safe_load(front_matter(preview))["tags"]
    assert "not a decision" not in as_html(card_of(record))


def test_the_metadata_block_is_what_a_model_hub_reads(card, record):
    markdown = as_markdown(card)
    _, block, _ = markdown.split("---\n", 2)
    metadata = yaml.safe_load(block)
    assert metadata["tags"] == ["model-risk", "tier-1", "refused"]
    assert metadata["library_name"] == "sklearn"
    assert "license" not in metadata
    (model,) = metadata["model-index"]
    (result,) = model["results"]
    assert result["task"]["type"] == "tabular-classification"
    assert result["dataset"] == {
        "type": "tabular",
        "name": "loanapp-evaluation.parquet",
        "revision": record.bound.evaluation,
    }
    found = {metric["type"]: metric for metric in result["metrics"]}
    assert found["roc_auc"]["value"] == 0.7908
    assert found["roc_auc"]["args"] == {"low": 0.7297, "high": 0.8429, "confidence": 0.95, "n": 497}
    assert set(metadata["metrics"]) == set(found)


def test_without_its_metadata_a_card_is_its_body_and_nothing_in_it_is_html(card):
    assert without_metadata(as_markdown(card)) == body(card)
    assert without_metadata(body(card)) == body(card)
    assert "<" not in body(card)


def test_a_stated_license_is_in_the_metadata(card):
    assert yaml.safe_load(front_matter(replace(card, license="apache-2.0")))["license"] == "apache-2.0"


def test_people_s_markdown_is_kept_and_cleaned():
    html = str(
        prose("**bold** [ok](https://example.org) [no](javascript:alert(1)) ![x](https://e.org/x.png)\n\n- a")
    )
    assert "<strong>bold</strong>" in html
    assert "<li>" in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_the_card_of_one_record_is_the_same_twice(record, card_of):
    assert as_html(card_of(record)) == as_html(card_of(record))
    assert as_markdown(card_of(record)) == as_markdown(card_of(record))


def card_with(record, table: Table) -> ModelCard:
    stage = StageEvidence("validation/evaluation_data", record.version, record.bound, tables={"rules": table})
    return model_card(record, record_digest=None, intake=None, lineage=None, stages=(stage,))


def test_a_long_table_of_a_stage_is_folded_and_says_what_is_left_out(record):
    table = tuple({"rule": f"number {position}", "unexpected": position} for position in range(575))
    card = card_with(record, table)
    (shown,) = card.tables
    assert (len(shown.rows), len(shown.folded), shown.left_out) == (20, 500, 55)
    words = Page(as_html(card)).text
    assert "500 more rows" in words
    assert "55 more rows are in the evidence" in words
    assert "555 more rows are in the evidence" in body(card)


def test_a_table_shows_what_was_not_as_expected_and_counts_the_rest(record):
    outcomes = ("as expected", "failed", "as expected")
    card = card_with(
        record, tuple({"outcome": outcome, "column": "age", "problem": None} for outcome in outcomes)
    )
    (shown,) = card.tables
    assert shown.header == ("outcome", "column")
    assert [row.cells for row in shown.rows] == [("failed", "age")]
    assert shown.rows[0].evidence == "validation/evaluation_data#/tables/rules/1"
    assert len(shown.folded) == 2
    assert shown.summary == "2 as expected, 1 failed"
    assert shown.summary in Page(as_html(card)).text
    assert shown.summary in as_markdown(card)


def test_a_control_that_does_not_apply_has_no_limitation_on_the_card(record):
    told = {control.id: "a limitation" for control in record.controls}
    card = model_card(
        record, record_digest=None, intake=None, lineage=None, stages=(), control_limitations=told
    )
    applying = {one.id for one in record.controls if one.verdict is not Verdict.NOT_APPLICABLE}
    assert {gate.row.control for gate in card.gates if gate.limitation} == applying
    assert as_html(card).count("<b>Does not show:</b>") == len(applying)


# --- hostile text ----------------------------------------------------------------------------------------


@pytest.fixture
def hostile_card(hostile, hostile_everywhere) -> ModelCard:
    return hostile_everywhere(hostile)


@pytest.fixture
def harmless_card(hostile_everywhere) -> ModelCard:
    return hostile_everywhere("harmless")


def test_hostile_text_adds_no_element_to_the_page(hostile_card, harmless_card):
    page, harmless = Page(as_html(hostile_card)), Page(as_html(harmless_card))
    people_s = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "a", "wbr"}
    structure = [tag for tag in page.tags if tag not in people_s]
    assert structure == [tag for tag in harmless.tags if tag not in people_s]
    assert page.loads == []
    assert page.handlers == []
    assert all(link.startswith(("#", "http://", "https://", "mailto:")) for link in page.links)


def test_hostile_text_hides_nothing_on_the_card(hostile_card):
    for document in (as_html(hostile_card), as_markdown(hostile_card)):
        assert not set(document) & set("\u202e\x00\x07\x1b\u2028\ufeff\U000e0067")


def test_hostile_text_is_only_text_in_the_markdown_card(hostile_card, harmless_card):
    def tags(card: ModelCard) -> list[str]:
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(body(card))
        return re.findall(r"<(/?\w+)", html)

    assert "script" not in tags(hostile_card)
    assert tags(hostile_card) == tags(harmless_card)


def test_hostile_text_keeps_the_metadata_block_yaml(hostile_card, harmless_card):
    _, block, _ = as_markdown(hostile_card).split("---\n", 2)
    assert yaml.safe_load(block).keys() == yaml.safe_load(front_matter(harmless_card)).keys()
