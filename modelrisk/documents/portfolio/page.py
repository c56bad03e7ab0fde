"""The portfolio report as one HTML file: for a board, a printer and a phone.

It loads nothing and runs nothing. Its links lead to the cards, which lie beside it in the home directory.

What does not belong here: the environment of its template (`modelrisk.documents.pages`).
"""

from modelrisk.documents import text
from modelrisk.documents.pages import environment
from modelrisk.documents.portfolio import figures, words
from modelrisk.portfolio.report import Report

CARDS = "../cards/"
MOST_ROWS = 60
MOST_MODELS = 2_000
MOST_REASONS = 4
FIRST_CHANGES, FIRST_ASKS, FIRST_MODELS = 5, 5, 4


def as_html(report: Report) -> str:
    """The report as a page of its own."""
    return (
        environment()
        .get_template("portfolio.html.j2")
        .render(
            report=report,
            words=words,
            figures=figures,
            text=text,
            CARDS=CARDS,
            MOST_ROWS=MOST_ROWS,
            MOST_MODELS=MOST_MODELS,
            MOST_REASONS=MOST_REASONS,
            FIRST_CHANGES=FIRST_CHANGES,
            FIRST_ASKS=FIRST_ASKS,
            FIRST_MODELS=FIRST_MODELS,
            NOT_PROVIDED=text.NOT_PROVIDED,
            NOTHING=text.NOTHING,
        )
    )
