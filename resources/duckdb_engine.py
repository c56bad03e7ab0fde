"""The embedded DuckDB as every user of it needs it: settings, quoting, scans, and its errors in our terms.

What does not belong here: what is asked of the rows (`resources.datasets`, `resources.validation`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelrisk.errors import Unavailable

if TYPE_CHECKING:
    import duckdb

STATEMENTS = ("SET TimeZone = 'UTC'", "SET enable_geoparquet_conversion = false")
"""What `settings` cannot hold: to be run once on every connection."""

PROBABILITIES = "probabilities"
LIST_OF_NUMBERS = "array<float64>"
"""The one list that is read as it is: a classifier's probabilities. Those of other names are text."""

_TEXT_ONLY = ("unknown", "geospatial", "interval", "array", "struct", "map")


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        name: exactly as the file spells it.
        dtype: engine-independent type, as Ibis writes it: `int64`, `float64`, `string`, `boolean`,
            `decimal(10, 2)`, `timestamp(6)`, `date`, ...
    """

    name: str
    dtype: str

    @property
    def read_as(self) -> str:
        """The type in tables handed out: `dtype`, or `string` where no expression could work with it."""
        if self.dtype == LIST_OF_NUMBERS and self.name == PROBABILITIES:
            return self.dtype
        unworkable = self.dtype in {"null", "json"} or self.dtype.startswith(_TEXT_ONLY)
        return "string" if unworkable else self.dtype

    @property
    def selection(self) -> str:
        """SQL that selects it under its own name, with NaN as null."""
        name = identifier(self.name)
        if self.dtype.startswith("float"):
            # Not isnan(x) or x = 'nan': Parquet statistics leave NaN out, so DuckDB's optimizer takes
            # both for false and NaN would come through. It draws no conclusion from isfinite.
            return f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END AS {name}"
        return name if self.read_as == self.dtype else f"CAST({name} AS VARCHAR) AS {name}"


def settings(
    memory_limit: str, threads: int | None, spill: Path
) -> dict[str, str | bool | int | float | list[str]]:
    """DuckDB's configuration: bounded memory, spill in its own place, no extension ever downloaded."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    return config if threads is None else config | {"threads": threads}


def literal(text: object) -> str:
    """Text as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def file_name(path: Path) -> str:
    """The path as an SQL string that means this one file, whatever wildcards stand in its name."""
    return literal("".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path)))


def scan(parquet: Path, *, row_numbers: bool = False) -> str:
    """SQL for reading a Parquet file, optionally with the column `file_row_number`."""
    # DuckDB would otherwise invent columns from folders such as `year=2026/`.
    numbers = ", file_row_number = true" if row_numbers else ""
    return f"read_parquet({file_name(parquet)}, hive_partitioning = false{numbers})"


def unavailable(error: "duckdb.Error") -> Unavailable:
    """DuckDB's error in our terms; its text is quoted only where it cannot carry a value of the data."""
    import duckdb

    name = type(error).__name__
    if isinstance(error, duckdb.OutOfMemoryException):
        return Unavailable(
            found=f"{name}: the work did not fit into DuckDB's memory limit and spill space",
            expected="enough memory or disk",
            remedy="Raise the memory limit or free disk space under the home directory, then run it again",
        )
    if isinstance(error, duckdb.IOException):
        return Unavailable(
            found=f"{name}: {str(error).splitlines()[0][:300]!r}",
            expected="a readable file and free disk space",
            remedy="Check that the file is complete and the disk has space, then run it again",
        )
    return Unavailable(
        found=f"{name} while reading the data",
        expected="rows that DuckDB can read",
        remedy="Check that the file is not damaged, for instance by reading it with pyarrow",
    )
