"""The linter of numbers: what it lets stand, and every way in which a planted number is found."""

import re
from dataclasses import replace

import pytest

from modelrisk.documents.card.page import as_html
from modelrisk.documents.references import faults, pointer, refuse_unreferenced
from modelrisk.errors import IntegrityError
from tests.modelrisk.documents.conftest import RECORD, estimated, rule
from tests.modelrisk.documents.tasks import multiclass_card, regression_card

ESTIMATE = estimated("accuracy", 0.88731, 0.8607, 0.9101, cohort={"race": "group 7"})
DOCUMENTS = {
    "record": {
        "tier": 1,
        "estimates": [ESTIMATE],
        "said": "17 of `30` cases",
        "rule": rule("auc", floor=0.7),
    },
    "stage": {"tables": {"a/b ~c": [{"outcome": "failed", "n": 4}, {"outcome": "fine", "n": 5}]}},
    "intake": {"purpose": "Ranks **10** cases.\n\n1. one", "entity": "&#49;2 cases 1*2*3"},
    "small": {"share": 0.123456, "big": 1234567.0, "loss": -0.168},
}
E = "record#/estimates/0"


def page(words: str) -> str:
    return f"<!doctype html><html><body>{words}</body></html>"


def found(words: str) -> list[str]:
    return [str(fault) for fault in faults(page(words), DOCUMENTS)]


@pytest.mark.parametrize(
    "words",
    [
        "no number at all",
        '<b data-evidence="record#/tier">1</b> of three',
        f'<data value="0.88731" data-evidence="{E}">88.7 % (86.1–91.0 %)</data>',
        f'<data value="0.88731" data-evidence="{E}" title="n = 497, {E}">0.887 (0.861 to 0.910)</data>',
        f'<p data-evidence="{E} | names">race = group 7</p>',
        f'<p data-evidence="{E}/n">497</p>',
        f'<p data-evidence="{E}/confidence | coverage">90 %</p>',
        '<p data-evidence="record#/said">30 cases</p>',
        '<p data-evidence="record#/said">17 of <code>30</code> cases</p>',
        '<p data-evidence="record#/rule | limits">at least 70.0 %</p>',
        '<tr data-evidence="stage#/tables/a~1b%20~0c/1"><td data-evidence="./n">5</td></tr>',
        f'<p data-evidence="{pointer("stage", "tables", "a/b ~c")} | count">2</p>',
        f'<p data-evidence="{pointer("stage", "tables", "a/b ~c")} | count outcome=failed">1</p>',
        f'<p data-evidence="{pointer("stage", "tables", "a/b ~c")} | count after=1 most=5">1</p>',
        (
            '<div data-evidence="intake#/purpose | prose"><p>Ranks <strong>10</strong> cases.</p>\n<ol>\n'
            "<li>one</li></ol></div>"
        ),
        '<p data-evidence="intake#/entity | prose">12 cases 1<em>2</em>3</p>',
        '<b data-evidence="small#/big">1.23e+06</b> <b data-evidence="small#/big">1,234,567</b>',
        '<b data-evidence="small#/loss">−0.17</b> <b data-evidence="small#/loss | distance">0.168 beyond</b>',
        '<svg><g class="axis"><text>0.5</text></g></svg>',
        "<style>p { margin: 3px }</style>",
    ],
)
def test_a_number_that_stands_in_the_evidence_may_be_printed(words):
    assert found(words) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("17 cases", "a number without a reference"),
        ("<p title='n = 17'>cases</p>", "a number without a reference"),
        ("<p aria-label='17 cases'>cases</p>", "a number without a reference"),
        ("<svg><text>0.5</text></svg>", "a number without a reference"),
        ("<p class='axis'>0.5</p>", "a number without a reference"),
        ("٣ cases", "a number without a reference"),
        ('<b data-evidence="record#/tier">1</b> of 3', "a number without a reference"),
        ('<b data-evidence="record#/tier">2</b>', "what stands there is 1"),
        ('<b data-evidence="record#/tears">1</b>', "leads nowhere"),
        ('<b data-evidence="report#/tier">1</b>', "leads nowhere"),
        ('<b data-evidence="record">1</b>', "leads nowhere"),
        ('<b data-evidence="record#/estimates/-1/n">497</b>', "leads nowhere"),
        ('<b data-evidence="record#/tier | squared">1</b>', "leads nowhere"),
        (f'<b data-evidence="{E}">88.7 % (86.1–91.1 %)</b>', "what stands there"),
        (f'<b data-evidence="{E}">86.1 % (88.7–91.0 %)</b>', "what stands there"),
        (f'<b data-evidence="{E}">88.7 %</b>', "what stands there"),
        (f'<b data-evidence="{E}">−88.7 % (86.1–91.0 %)</b>', "what stands there"),
        (f'<data value="0.8873" data-evidence="{E}">88.7 % (86.1–91.0 %)</data>', "what stands there"),
        (f'<b data-evidence="{E}" title="n = 498">88.7 % (86.1–91.0 %)</b>', "what stands there"),
        ('<b data-evidence="record#/said">30 of 17 cases</b>', "what stands there"),
        ('<b data-evidence="record#/said">170 cases</b>', "what stands there"),
        ('<b data-evidence="record#/rule | limits">at least 0.95</b>', "what stands there"),
        ('<b data-evidence="small#/share">0.124</b>', "what stands there"),
        ('<b data-evidence="small#/share">12</b>', "what stands there"),
        ('<b data-evidence="small#/loss">0.168</b>', "what stands there"),
        ('<p data-evidence="intake#/purpose | prose">Ranks 10 cases. two</p>', "what stands there"),
        (f'<p data-evidence="{pointer("stage", "tables", "a/b ~c")} | count">3</p>', "what stands there"),
        ('<p data-evidence="record#/tier">1 <span data-evidence="./no">7</span></p>', "leads nowhere"),
        ('<p data-evidence="record#/tier">1<b data-evidence="record#/tier">1</b>1</p>', "what stands there"),
    ],
)
def test_a_planted_number_is_found(words, why):
    assert why in " ".join(found(words)), words


CARDS = {"several classes": multiclass_card, "a regression": regression_card}


@pytest.mark.parametrize("make", CARDS.values(), ids=list(CARDS))
def test_the_card_of_every_task_shows_only_numbers_of_the_evidence(make):
    card = make()
    assert faults(as_html(card), card.documents) == ()


def test_a_card_with_a_number_from_nowhere_is_not_made(card_of):
    card = card_of(RECORD)
    html = as_html(card)
    planted = html.replace("<p>No findings.</p>", "").replace("</main>", "<p>93 % of users agree</p></main>")
    with pytest.raises(IntegrityError, match=r"93 % of users agree.*without a reference"):
        refuse_unreferenced(planted, card.documents, what="the card of credit@2")


def test_a_card_whose_evidence_says_otherwise_is_not_made(card_of):
    card = card_of(RECORD)
    first, *others = card.performance
    flattering = replace(card, performance=(replace(first, measured="0.991 (0.980–0.999)"), *others))
    with pytest.raises(IntegrityError, match=r"0\.991"):
        as_html(flattering)


def test_any_single_number_changed_on_a_card_is_found(card_of):
    """Every digit a reader sees is guarded, wherever on the page it stands."""
    card = card_of(RECORD)
    html = as_html(card)
    body = html.index("<body>")
    places = [
        match.start()
        for match in re.finditer(r"\d+(?=[^<>]*<)", html)
        if match.start() > body and not _is_free(html, match.start())
    ]
    assert len(places) > 300
    for place in places[:: len(places) // 60]:
        digit = "7" if html[place] != "7" else "4"
        assert faults(f"{html[:place]}{digit}{html[place + 1 :]}", card.documents), html[
            place - 60 : place + 20
        ]


def _is_free(html: str, place: int) -> bool:
    """Within a tag, or on a chart's scale."""
    before = html[:place]
    in_tag = before.rfind("<") > before.rfind(">")
    axis = before.rfind('class="axis"')
    return in_tag or (axis >= 0 and "</g>" not in html[axis:place])
