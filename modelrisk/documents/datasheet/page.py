"""A datasheet as one HTML file: for a reader, a printer and a phone.

What does not belong here: what it says (`modelrisk.datasheets`).
"""

from modelrisk.datasheets import Datasheet
from modelrisk.documents import text
from modelrisk.documents.pages import environment
from modelrisk.documents.references import refuse_unreferenced, step


def as_html(sheet: Datasheet) -> str:
    """The datasheet as a page of its own.

    Raises:
        IntegrityError: a number on it is not the one in the datasheet that it refers to.
    """
    template = environment().get_template("datasheet.html.j2")
    html = template.render(
        sheet=sheet,
        NOT_PROVIDED=text.NOT_PROVIDED,
        NOTHING=text.NOTHING,
        step=step,
        group_words=text.group_words,
    )
    what = f"the datasheet of the {sheet.purpose.value} data of {sheet.model}"
    refuse_unreferenced(html, {"datasheet": sheet}, what=what)
    return html
