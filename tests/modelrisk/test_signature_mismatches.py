"""Which columns cannot be filled as the signature declares."""

import pytest

from modelrisk.lineage import ColumnSpec, Signature
from modelrisk.signature_mismatches import Mismatch, mismatch_table, signature_mismatches


@pytest.mark.parametrize(
    ("declared", "dtype"),
    [
        ("boolean", "boolean"),
        ("integer", "int64"),
        ("long", "int32"),
        ("long", "uint8"),
        ("double", "float32"),
        ("double", "int64"),
        ("float", "float64"),
        ("double", "decimal(10, 2)"),
        ("string", "string"),
        ("datetime", "timestamp(6)"),
        ("datetime", "date"),
        ("binary", "binary"),
        ("array(double)", "array<float64>"),
    ],
)
def test_a_type_that_holds_the_same_values_fits(declared: str, dtype: str):
    assert not signature_mismatches(Signature((ColumnSpec("x", declared),)), {"x": dtype}, label="y")


@pytest.mark.parametrize(
    ("declared", "dtype"),
    [
        ("double", "string"),
        ("long", "float64"),
        ("string", "int64"),
        ("boolean", "int64"),
        ("long", "boolean"),
        ("datetime", "string"),
        ("datetime", "timestamp('UTC', 6)"),
        ("double", "interval('s')"),
        ("double", "array<float64>"),
        ("array(double)", "float64"),
        ("never heard of", "float64"),
    ],
)
def test_a_retyped_column_is_a_mismatch(declared: str, dtype: str):
    (found,) = signature_mismatches(Signature((ColumnSpec("x", declared),)), {"x": dtype}, label="y")
    assert (found.column, found.reason, found.found, found.expected) == (
        "x",
        Mismatch.RETYPED,
        dtype,
        declared,
    )


def test_missing_misspelt_and_forbidden_inputs_are_mismatches_and_extra_columns_are_not():
    signature = Signature(
        (
            ColumnSpec("gone", "double"),
            ColumnSpec("maybe", "double", required=False),
            ColumnSpec("Income", "double"),
            ColumnSpec("y", "long"),
            ColumnSpec("secret", "double"),
            ColumnSpec("fine", "double"),
        )
    )
    types = {"income": "float64", "y": "int64", "secret": "float64", "fine": "float64", "extra": "string"}
    found = signature_mismatches(signature, types, label="y", exclude=("secret",))
    assert [(one.column, one.reason) for one in found] == [
        ("gone", Mismatch.MISSING),
        ("Income", Mismatch.MISSPELT),
        ("y", Mismatch.LABEL_AS_INPUT),
        ("secret", Mismatch.EXCLUDED_AS_INPUT),
    ]
    assert [row["reason"] for row in mismatch_table(found)] == [one.reason.value for one in found]


def test_the_order_of_columns_does_not_matter():
    signature = Signature((ColumnSpec("a", "double"), ColumnSpec("b", "string")))
    assert not signature_mismatches(signature, {"b": "string", "a": "float64"}, label="y")
