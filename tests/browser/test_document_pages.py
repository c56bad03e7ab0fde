"""Cards, datasheets and the quarterly report, opened as files on a desk, on a phone and on paper."""

import pytest

from modelrisk.documents.card.page import as_html
from tests.chronicle import Chronicle, model, stray
from tests.modelrisk.documents.tasks import multiclass_card, regression_card


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("outcome", ["releasable", "refused"])
def test_the_card_fits_its_window_and_asks_nobody_for_anything(
    request, watched_page, card_page, outcome, width
):
    decision = request.getfixturevalue(outcome)
    address = card_page(decision).as_uri()
    asked: list[str] = []
    with watched_page(width=width) as page:
        page.on("request", lambda asking: asked.append(asking.url))
        page.goto(address)
        page.get_by_role("heading", name="Loans seen in a browser").wait_for()
        page.get_by_text(outcome.capitalize()).first.wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        cut = page.evaluate(
            """[...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
            .filter(one => !one.closest('.plain'))  // wide tables scroll by themselves
            .map(one => one.outerHTML.slice(0, 100))"""
        )
    assert wide <= shown
    assert cut == []
    assert asked == [address]


def test_every_anchor_of_the_card_leads_somewhere(watched_page, card_page, refused):
    with watched_page() as page:
        page.goto(card_page(refused).as_uri())
        dangling = page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
            ".filter(id => !document.getElementById(id))"
        )
        links = page.locator('a[href^="#"]').count()
    assert links > 5
    assert dangling == []


_CUT = """[...document.querySelectorAll('body *')]
.filter(one => one.getBoundingClientRect().right > innerWidth + 1)
.filter(one => !one.closest('.plain')).map(one => one.outerHTML.slice(0, 100))"""
PAGES = {
    "several classes": lambda: multiclass_card(10),
    "many classes": lambda: multiclass_card(40),
    "a regression": regression_card,
}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("make", PAGES.values(), ids=list(PAGES))
def test_the_card_of_every_task_fits_its_window(watched_page, tmp_path, make, width):
    page_file = tmp_path / "card.html"
    page_file.write_text(as_html(make()))
    with watched_page(width=width) as page:
        page.goto(page_file.as_uri())
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        cut = page.evaluate(_CUT)
    assert wide <= shown
    assert cut == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("data", ["evaluation", "training"])
def test_a_datasheet_fits_its_window(watched_page, card_page, releasable, data, width):
    card = card_page(releasable)
    with watched_page(width=width) as page:
        page.goto(card.with_name(f"{card.stem}.{data}-data.html").as_uri())
        page.get_by_role("heading", name=f"{data.capitalize()} data").wait_for()
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        cut = page.evaluate(_CUT)
    assert wide <= shown
    assert cut == []


def test_on_paper_nothing_is_wider_than_the_page(watched_page, tmp_path):
    page_file = tmp_path / "card.html"
    page_file.write_text(as_html(multiclass_card(10)))
    with watched_page(width=680) as page:  # A4 within its margins, at 96 dots an inch
        page.emulate_media(media="print")
        page.goto(page_file.as_uri())
        beyond = page.evaluate(_CUT.replace(".filter(one => !one.closest('.plain'))", ""))
        printed = page.pdf(prefer_css_page_size=True)
    assert beyond == []
    assert printed.startswith(b"%PDF")


@pytest.mark.parametrize(("width", "media"), [(1280, "screen"), (390, "screen"), (680, "print")])
def test_the_quarterly_report_fits_its_window_and_its_paper(watched_page, tmp_path, width, media):
    past = Chronicle(tmp_path)
    for number, quarter in enumerate(("2026-02-01", "2026-05-01", "2026-08-01", "2026-11-01"), start=1):
        past.decide(f"loan@{number}", on=quarter, refused=number % 2 == 0)
        past.release(f"loan@{number}", on=quarter)
    past.inventory([model("loan", versions=4, champion=4), stray("a-model-nobody-declared")], on="2026-11-02")
    address = past.portfolios.page(past.portfolios.keep(past.portfolios.report())).as_uri()
    asked: list[str] = []
    with watched_page(width=width) as page:
        page.emulate_media(media=media)
        page.on("request", lambda asking: asked.append(asking.url))
        page.goto(address)
        page.get_by_text("Are we all right?").wait_for()
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        cut = page.evaluate(_CUT)
    assert wide <= shown
    assert cut == []
    assert asked == [address]


def test_the_first_screen_of_the_report_answers_a_board_and_its_rows_open_cards(watched_page, bench, refused):
    portfolios = bench.platform.portfolios
    address = portfolios.page(portfolios.keep(portfolios.report())).as_uri()
    with watched_page(width=1280, height=800) as page:
        page.goto(address)
        for words in ("Are we all right?", "What changed", "What we need from you"):
            box = page.get_by_text(words, exact=True).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 800
        page.locator("#models").get_by_role("link", name=refused.record.model).click()
        page.get_by_role("heading", name="Loans seen in a browser").wait_for()
        page.get_by_text("✗ Refused").first.wait_for()
