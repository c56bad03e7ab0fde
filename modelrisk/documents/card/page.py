"""The model card as one HTML file: for a reader, a printer and a phone.

What does not belong here: what the card says (`modelrisk.documents.card.model_card`), and the environment of
its template (`modelrisk.documents.pages`).
"""

from modelrisk.documents import text
from modelrisk.documents.card.model_card import ModelCard
from modelrisk.documents.pages import environment


def as_html(card: ModelCard) -> str:
    """The card as a page of its own."""
    template = environment().get_template("card.html.j2")
    return template.render(card=card, NOT_PROVIDED=text.NOT_PROVIDED, NOTHING=text.NOTHING)
