"""How a CSV is read: strictly, and by rules that do not depend on a sample.

A header is required; fields may be quoted; delimiter is whichever of `, ; tab |` splits the header
most. A row with another number of fields, or bytes that are not UTF-8, stop the reading: no row is
ever skipped to make a file fit. Each column gets the narrowest type that *every* value fits:

* integer, when written plainly;
* number (but leading zeros, as in `007`, or more than 18 digits make text: they are codes);
* `true`/`false`; ISO date; ISO timestamp without offset; else text. An empty field is missing.

What does not belong here: running the SQL (`resources.datasets`).
"""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from resources.duckdb_engine import file_name, identifier, literal

_DELIMITERS = ",;\t|"
_INTEGER, _NUMBER, _BOOLEAN, _DATE, _TIMESTAMP, _TEXT = 1, 2, 4, 8, 16, 32
_TYPES = {
    _INTEGER: "BIGINT",
    _NUMBER: "DOUBLE",
    _INTEGER | _NUMBER: "DOUBLE",
    _BOOLEAN: "BOOLEAN",
    _DATE: "DATE",
    _TIMESTAMP: "TIMESTAMP",
    _DATE | _TIMESTAMP: "TIMESTAMP",
}


@dataclass(frozen=True)
class CsvHeader:
    """The first line of a CSV.

    Attributes:
        path: the file.
        names: the columns' names, as written.
        delimiter: what separates fields.
    """

    path: Path
    names: tuple[str, ...]
    delimiter: str

    @classmethod
    def read(cls, path: Path) -> "CsvHeader":
        """Reads the header.

        Raises:
            UnicodeDecodeError: not UTF-8.
            csv.Error: not CSV.
            OSError, EOFError: not readable, or not gzip.
        """
        with _opened(path) as file:
            undivided = "".join(next(csv.reader(file, delimiter="\x1f"), []))
        delimiter = max(_DELIMITERS, key=undivided.count)
        with _opened(path) as file:
            return cls(path, tuple(next(csv.reader(file, delimiter=delimiter), [])), delimiter)

    @property
    def texts(self) -> str:
        """SQL for the rows with every field as text."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.names)
        options = (
            f"columns = {{{columns}}}, delim = {literal(self.delimiter)}, quote = '\"', escape = '\"'",
            "auto_detect = false, header = true, skip = 0, comment = '', nullstr = '', strict_mode = true",
            "null_padding = false, ignore_errors = false, hive_partitioning = false, filename = false",
        )
        return f"SELECT * FROM read_csv({file_name(self.path)}, {', '.join(options)})"  # noqa: S608 - quoted

    def kinds(self, source: str) -> str:
        """SQL for one row: under each column's position, which kinds of value it holds (a bit set)."""
        kinds = ", ".join(
            f'coalesce(bit_or({_kind(identifier(name))}), 0) AS "{n}"' for n, name in enumerate(self.names)
        )
        return f"SELECT {kinds} FROM {source}"  # noqa: S608 - quoted

    def typed(self, source: str, kinds: Mapping[str, int]) -> str:
        """SQL for the rows with every field in its column's type."""
        fields = ", ".join(
            f"CAST({identifier(name)} AS {_TYPES.get(kinds[str(n)], 'VARCHAR')}) AS {identifier(name)}"
            for n, name in enumerate(self.names)
        )
        return f"SELECT {fields} FROM {source}"  # noqa: S608 - quoted


def _kind(name: str) -> str:
    return (
        f"CASE WHEN {name} IS NULL THEN 0 "
        f"WHEN CAST(try_cast({name} AS BIGINT) AS VARCHAR) = {name} THEN "
        f"CASE WHEN length({name}) <= 18 THEN {_INTEGER} ELSE {_TEXT} END "
        f"WHEN try_cast({name} AS DOUBLE) IS NOT NULL THEN "
        f"CASE WHEN regexp_matches({name}, '^[+-]?(0[0-9]|[0-9]{{19}})|[\\s_]') "
        f"THEN {_TEXT} ELSE {_NUMBER} END "
        f"WHEN lower({name}) IN ('true', 'false') THEN {_BOOLEAN} "
        f"WHEN try_cast({name} AS TIMESTAMP) IS NULL THEN {_TEXT} "
        f"WHEN regexp_full_match({name}, '\\d{{4}}-\\d\\d-\\d\\d') THEN {_DATE} "
        f"WHEN regexp_full_match({name}, '\\d{{4}}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?') "
        f"THEN {_TIMESTAMP} ELSE {_TEXT} END"
    )


def _opened(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")
