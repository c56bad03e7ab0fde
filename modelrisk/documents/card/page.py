"""The model card as one HTML file: for a reader, a printer and a phone.

What does not belong here: what the card says (`modelrisk.documents.card.model_card`), and the environment of
its template (`modelrisk.documents.pages`).
"""

from modelrisk.documents import text
from modelrisk.documents.card.history import blocked_words
from modelrisk.documents.card.model_card import ModelCard
from modelrisk.documents.pages import environment
from modelrisk.documents.references import refuse_unreferenced, step


def as_html(card: ModelCard) -> str:
    """The card as a page of its own.

    Raises:
        IntegrityError: a number on it is not the one in the evidence that it refers to.
    """
    html = (
        environment()
        .get_template("card.html.j2")
        .render(
            card=card,
            NOT_PROVIDED=text.NOT_PROVIDED,
            NOTHING=text.NOTHING,
            step=step,
            blocked_words=blocked_words,
        )
    )
    refuse_unreferenced(html, card.documents, what=f"the card of {card.record.model}")
    return html
