"""The card of a real review, opened as a file on a desk and on a phone."""

import pytest


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
