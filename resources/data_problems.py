"""What can be wrong with a data file, as problems that say what to do.

What does not belong here: finding out (`resources.datasets`).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from modelrisk.columns import ROW
from modelrisk.errors import Unavailable
from modelrisk.records import Blame, Problem

RESERVED = {ROW, "file_row_number"}


def unreadable(path: Path) -> Problem | None:
    """Why there is no file to read; None when there is one."""
    if path.is_file():
        return None
    return Problem(
        Blame.UNAVAILABLE,
        found=f"{'something that is not a file' if path.exists() else 'no file'} at {str(path)!r}",
        expected="a data file",
        remedy="Mend the path in the intake's data section, or restore the file",
    )


def os_problem(path: Path, error: Exception) -> Problem:
    """The operating system would not give us the file."""
    return Problem(
        Blame.UNAVAILABLE,
        found=f"{type(error).__name__} while reading {str(path)!r}",
        expected="a readable data file",
        remedy="Check that the file is complete and may be read",
    )


def unwritable(path: Path, error: OSError) -> Unavailable:
    """There is no room, or no permission, for our own working files."""
    return Unavailable(
        found=f"{type(error).__name__} while writing {str(path)!r}",
        expected="a place that can be written to, with free space",
        remedy="Free disk space or mend the permissions under the home directory, then run it again",
    )


def bad_csv(path: Path, found: str) -> Problem:
    """The file is not the CSV it says it is."""
    return Problem(
        Blame.UNAVAILABLE,
        found=f"{found} in {str(path)!r}",
        expected="comma-separated values with a header, the same number of fields in each row, in UTF-8",
        remedy="Write the file again in UTF-8, or convert it to Parquet",
    )


def empty(path: Path, found: str) -> Problem:
    """There is nothing to conclude from."""
    return Problem(
        Blame.UNFIT,
        found=f"{found} in {str(path)!r}",
        expected="at least one row",
        remedy="Supply data with rows; nothing can be concluded from none",
    )


def ambiguous(path: Path, names: Sequence[str]) -> Problem | None:
    """Names no two engines would read alike: equal but for case, empty, or kept for ourselves."""
    folded = Counter(name.lower() for name in names)
    bad = sorted({name for name in names if folded[name.lower()] > 1 or name.lower() in RESERVED})
    empty = sum(1 for name in names if not name or "\0" in name)
    if not bad and not empty and names:
        return None
    listed = ", ".join(map(repr, bad[:10])) or f"{empty} of {len(names)} without a usable name"
    return Problem(
        Blame.UNFIT,
        found=f"the column names {listed} in {str(path)!r}",
        expected=f"names that differ by more than upper and lower case, none of them {sorted(RESERVED)}",
        remedy="Name every column, and each differently (from pandas: `to_csv(..., index=False)`)",
    )


def missing_columns(path: Path, present: Sequence[str], names: Sequence[str]) -> Problem | None:
    """Why the columns wanted are not all there, naming near misses first."""
    missing = [name for name in names if name not in present]
    if not missing:
        return None
    similar = [name for name in present if name.lower() in {wanted.lower() for wanted in missing}]
    shown = ", ".join(map(repr, similar or present[:20]))
    return Problem(
        Blame.UNFIT,
        found=f"no column {', '.join(map(repr, missing))} in {str(path)!r}",
        expected=f"one of its columns, such as {shown}" if shown else "a column of that name",
        remedy="Mend the name in the intake's data section, or add the column to the data",
    )


def no_numbers(path: Path, label: str, dtype: str) -> Problem:
    """The label of a regression is not a number."""
    return Problem(
        Blame.UNFIT,
        found=f"the label {label!r} of type {dtype} in {str(path)!r}",
        expected="numbers, as the label of a regression",
        remedy="Name the column with the numbers as `data: label`, or declare the task the model really has",
    )
