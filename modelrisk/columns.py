"""Columns by their types, and as expressions: the class text of a column, computed where the data is.

What does not belong here: the same for a Python value (`modelrisk.outputs.classes`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from modelrisk.signature_mismatches import INTEGERS

if TYPE_CHECKING:
    import ibis.expr.types as ir

Run = Callable[["ir.Table"], list[dict[str, Any]]]
"""Executes an Ibis expression and returns its rows."""

ROW = "__row__"
"""The column every table carries: the row's 0-based position in its file."""


def is_numeric(dtype: str) -> bool:
    """Whether a type, as Ibis writes it, has a range of numbers."""
    return dtype.startswith(("float", "decimal", *INTEGERS))


def class_text(column: "ir.Column") -> "ir.StringColumn":
    """A class or cohort as text, the same whether it was stored as boolean, integer, float or text.

    Booleans are `true`/`false`, integers and integral floats `1`, other floats their shortest form,
    dates ISO, text as it is; missing stays missing.
    """
    import ibis

    dtype = column.type()
    text: Any = column.cast("string")
    if dtype.is_floating() or dtype.is_decimal():
        number: Any = column.cast("float64")
        whole: Any = number.try_cast("int64")
        text = ibis.cases(
            (whole.cast("float64") == number, whole.cast("string")), else_=number.cast("string")
        )
    elif dtype.is_timestamp():
        text = text.replace(" ", "T")
    return cast("ir.StringColumn", text)
