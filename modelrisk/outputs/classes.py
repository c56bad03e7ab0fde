"""Classes by their text: one form for a class, wherever it comes from.

What does not belong here: the same for a column in the data engine (`modelrisk.columns`).
"""

import math
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal


def class_text(value: object) -> str | None:  # noqa: PLR0911 - one line a type is the clearest table
    """The text by which a class is compared, wherever it comes from.

    Booleans become `true` and `false`, integers and integral floats their digits, other floats their
    shortest exact form, texts stay as they are, missing values (None, NaN, NaT, NA) become None.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float_text(float(value))
    if isinstance(value, Decimal):
        if value.is_nan():
            return None
        if value.is_finite() and value == value.to_integral_value():
            return str(int(value))
        return _float_text(float(value))
    if isinstance(value, (datetime, date)):
        # NaT is a datetime that differs from itself.
        return None if value != value else value.isoformat()  # noqa: PLR0124
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return class_text(item())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


def default_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes in the order a classifier sorts them: by value when all are numbers, else by text."""
    distinct = sorted(set(labels))
    numbers = [_number(text) for text in distinct]
    if all(number is not None for number in numbers):
        return tuple(text for _, text in sorted(zip(numbers, distinct, strict=True)))  # pyright: ignore[reportArgumentType]
    return tuple(distinct)


def _float_text(number: float) -> str | None:
    if math.isnan(number):
        return None
    if math.isfinite(number) and number.is_integer() and abs(number) < 2**63:
        return str(int(number))
    return repr(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
