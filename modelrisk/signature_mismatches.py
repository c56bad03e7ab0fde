"""The evaluation data's columns against the model's signature: what cannot be filled as declared.

Judged from names and types alone, before any row is read.

What does not belong here: reading the types (`resources.datasets`) and the values (`modelrisk.expectations`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelrisk.lineage import ColumnSpec, Signature
from modelrisk.records import Table


class Mismatch(StrEnum):
    """How a column breaks the model's signature."""

    MISSING = "missing"
    """The model needs a column the data does not have."""
    RETYPED = "retyped"
    """The data holds another type than the model was trained on."""
    MISSPELT = "misspelt"
    """The data has the name in another upper or lower case."""
    LABEL_AS_INPUT = "label_as_input"
    """The model takes the label itself as an input."""
    EXCLUDED_AS_INPUT = "excluded_as_input"
    """The model takes a column that the intake says no model may see."""


@dataclass(frozen=True)
class SignatureMismatch:
    """One column that breaks the model's signature.

    Attributes:
        column: its name in the signature.
        reason: how.
        found: what the data has.
        expected: what the signature says.
    """

    column: str
    reason: Mismatch
    found: str
    expected: str


# Widths are not told apart: the signature's type is what the model is given, and a CSV has no widths.
INTEGERS = ("int8", "int16", "int32", "int64", "uint")
_FITS: Mapping[str, tuple[str, ...]] = {
    "boolean": ("boolean",),
    "integer": INTEGERS,
    "long": INTEGERS,
    "float": ("float", "decimal", *INTEGERS),
    "double": ("float", "decimal", *INTEGERS),
    "string": ("string", "uuid"),
    "binary": ("binary",),
    "datetime": ("timestamp(", "date"),
}
_COMPOSITES: Mapping[str, tuple[str, ...]] = {"array": ("array",), "map": ("map",), "object": ("struct",)}


def signature_mismatches(
    signature: Signature, types: Mapping[str, str], *, label: str, exclude: Sequence[str] = ()
) -> tuple[SignatureMismatch, ...]:
    """Every column of the signature that the data cannot fill as declared.

    Columns the signature does not name are not mismatches: the model never sees them. A column may be
    of another width (a CSV has none), and integers may stand where floats are declared.

    Args:
        signature: the model's inputs; meaningful only when it names columns.
        types: column -> engine-independent type of the evaluation data.
        label: the label column.
        exclude: columns no model may see.
    """
    folded = {name.lower(): name for name in types}
    found = [_mismatch(spec, types, folded, label=label, exclude=exclude) for spec in signature.inputs]
    return tuple(mismatch for mismatch in found if mismatch is not None)


def _mismatch(
    spec: ColumnSpec,
    types: Mapping[str, str],
    folded: Mapping[str, str],
    *,
    label: str,
    exclude: Sequence[str],
) -> SignatureMismatch | None:
    if spec.name == label:
        return SignatureMismatch(
            spec.name, Mismatch.LABEL_AS_INPUT, "the label among the inputs", "features only"
        )
    if spec.name in exclude:
        return SignatureMismatch(
            spec.name, Mismatch.EXCLUDED_AS_INPUT, "an excluded column", "other features"
        )
    dtype = types.get(spec.name)
    if dtype is None:
        similar = folded.get(spec.name.lower())
        if similar is not None:
            return SignatureMismatch(spec.name, Mismatch.MISSPELT, repr(similar), repr(spec.name))
        return (
            SignatureMismatch(spec.name, Mismatch.MISSING, "no such column", spec.dtype)
            if spec.required
            else None
        )
    return (
        None
        if _fits(dtype, spec.dtype)
        else SignatureMismatch(spec.name, Mismatch.RETYPED, dtype, spec.dtype)
    )


def _fits(dtype: str, declared: str) -> bool:
    head = declared.lower().partition("(")[0]
    known = _FITS.get(head) or _COMPOSITES.get(head)
    return known is not None and dtype.startswith(known) and not dtype.startswith("timestamp('")


def mismatch_table(mismatches: Iterable[SignatureMismatch]) -> Table:
    """The mismatches for people."""
    return tuple(
        {"column": one.column, "reason": one.reason.value, "found": one.found, "expected": one.expected}
        for one in mismatches
    )
