"""Data sets: the only place that reads rows.

Row work is written once as Ibis expressions; this module runs them on an embedded DuckDB over Parquet
and CSV. Only aggregates reach Python, so memory follows `memory_limit`, not the number of rows.
Another engine (Spark) would replace `Datasets.run` and `Datasets.table`; expressions stay as they are.

Three facts hold for every table handed out: NaN is null, rows carry their 0-based position in the
file as the column `ROW`, and a CSV is read once, into Parquet, so that order and types are fixed.

What does not belong here: what to compute (`modelrisk.metrics`, `modelrisk.leakage`) and whether the
data is fit for use (`resources.validation`).
"""

import csv
import hashlib
import itertools
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelrisk.columns import ROW, class_text
from modelrisk.errors import Unavailable
from modelrisk.labels import LABEL_CLASSES_KEPT, LabelCensus, TargetCensus
from modelrisk.metrics.predictions import COHORT, answer_columns
from modelrisk.outputs.readings import Reading
from modelrisk.records import Blame, Problem
from resources.csv_files import CsvHeader
from resources.data_problems import (
    ambiguous,
    bad_csv,
    empty,
    missing_columns,
    no_numbers,
    os_problem,
    unreadable,
    unwritable,
)
from resources.duckdb_engine import STATEMENTS, Column, literal, scan, settings, unavailable

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

_PARQUET_MAGIC = b"PAR1"
_CONVERSION = "v1"  # raise it when CSV is to be read differently: old conversions are then left alone


@dataclass(frozen=True)
class DatasetDescription:
    """What a file is, without a value of it.

    Attributes:
        path: where it was read.
        digest: `sha256:<hex>` of the file's bytes.
        rows: number of rows, at least 1.
        columns: in file order, `ROW` not among them.
    """

    path: Path
    digest: str
    rows: int
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in file order."""
        return tuple(column.name for column in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """Column name -> engine-independent type, in file order."""
        return {column.name: column.dtype for column in self.columns}


class Datasets:
    """Files of rows, read through one embedded DuckDB.

    Safe to use from several threads: every use has a cursor of its own. Nothing is opened before
    the first use, and nothing is ever fetched from the network.

    Args:
        work_directory: where spilled and converted data may be written; made when needed.
        memory_limit: what DuckDB may hold in memory before it spills, such as `1GB`.
        threads: DuckDB's threads; None for one per core.
    """

    def __init__(
        self, work_directory: Path, *, memory_limit: str = "1GB", threads: int | None = None
    ) -> None:
        self._work = Path(work_directory)
        self._memory_limit = memory_limit
        self._threads = threads
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._numbers = itertools.count()

    def digest(self, path: Path) -> str | Problem:
        """`sha256:<hex>` of the file's bytes, read as a stream, or why it cannot be read."""
        if problem := unreadable(path):
            return problem
        try:
            with path.open("rb") as file:
                return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        except OSError as error:
            return os_problem(path, error)

    def describe(self, path: Path) -> DatasetDescription | Problem:
        """What the file is: digest, rows, columns and their types.

        Returns:
            The description, or a problem: *unavailable* for a file that is missing, corrupt or of a kind
            that cannot be read; *unfit* for one without rows or with ambiguous column names.
        """
        digest = self.digest(path)
        parquet = digest if isinstance(digest, Problem) else self._parquet(path, digest)
        if isinstance(digest, Problem) or isinstance(parquet, Problem):
            return cast("Problem", parquet)
        try:
            columns = self._columns(parquet, source=path)
            if isinstance(columns, Problem):
                return columns
            counted = self._execute(f"SELECT count(*) AS n FROM {scan(parquet)}")  # noqa: S608 - quoted
        except Unavailable as error:
            return Problem.from_error(error)
        if counted[0]["n"] == 0:
            return empty(path, "no rows")
        return DatasetDescription(path, digest, counted[0]["n"], columns)

    @contextmanager
    def table(self, path: Path, *, columns: Collection[str] | None = None) -> Generator["ir.Table"]:
        """The file as an Ibis table, for as long as the context lasts.

        Expressions over several such tables may be mixed and are run by `run`.

        Args:
            path: the file.
            columns: the columns wanted (those the file lacks are left out); None for all. Every query
                has to plan every column, so of a wide file ask for what is needed.

        Raises:
            Unavailable: the file cannot be read as a table; `describe` says so as a value.
        """
        import ibis

        parquet = self.features_parquet(path)
        found = parquet if isinstance(parquet, Problem) else self._columns(parquet, source=path)
        if isinstance(parquet, Problem) or isinstance(found, Problem):
            problem = cast("Problem", parquet if isinstance(parquet, Problem) else found)
            raise Unavailable(found=problem.found, expected=problem.expected, remedy=problem.remedy)
        wanted = [column for column in found if columns is None or column.name in columns]
        schema = ibis.schema({column.name: column.read_as for column in wanted} | {ROW: "int64"})
        name = f"rows_{next(self._numbers)}"
        source = scan(parquet, row_numbers=True)
        selected = ", ".join([*(column.selection for column in wanted), f"file_row_number AS {ROW}"])
        self._execute(f"CREATE VIEW {name} AS SELECT {selected} FROM {source}")  # noqa: S608 - quoted
        try:
            yield ibis.table(schema, name=name)
        finally:
            self._execute(f"DROP VIEW {name}")

    def run(self, expression: "ir.Expr") -> list[dict[str, Any]]:
        """The rows of an expression as plain Python values; meant for aggregates, not for rows.

        Raises:
            Unavailable: DuckDB could not read a file, ran out of memory or disk, or met a value it
                cannot convert. The message never quotes a value; the cause behind it may.
        """
        return self._execute(_sql(expression))

    @contextmanager
    def named(self, expression: "ir.Table") -> Generator[str]:
        """An expression under a name that SQL of another library can ask for, while the context lasts."""
        name = f"named_{next(self._numbers)}"
        self._execute(f"CREATE VIEW {name} AS {_sql(expression)}")
        try:
            yield name
        finally:
            self._execute(f"DROP VIEW {name}")

    def features_parquet(self, path: Path) -> Path | Problem:
        """A Parquet file with the rows of `path`, in order: `path` itself, or its conversion."""
        if _is_parquet(path):
            return unreadable(path) or self._parquet(path, "")
        digest = self.digest(path)
        return digest if isinstance(digest, Problem) else self._parquet(path, digest)

    def predictions(
        self,
        scored: Path,
        data: Path,
        *,
        reading: Reading,
        label: str,
        sensitive: Sequence[str],
        to: Path,
    ) -> Path | Problem:
        """Writes the canonical predictions table: the scorer's output with label and cohorts, by row number.

        Columns: `row`, `label`, `prediction`, what the task has beside them (`score`; or `probabilities` with
        the few numbers per row that metrics need of them), and `cohort:<attribute>` for each sensitive
        attribute; ordered by row, written all or not at all, the same bytes for the same inputs.

        Args:
            scored: Parquet with `row` (0-based row number in `data`) and the scorer's answers.
            data: the evaluation file.
            reading: how the outputs were read.
            label: name of its label column.
            sensitive: names of its sensitive columns.
            to: the Parquet file to write.

        Returns:
            `to`, or a problem: *unfit* when `data` lacks a column, *unavailable* when the scorer's rows
            are not exactly the rows of `data` or a file cannot be read.
        """
        attributes = tuple(dict.fromkeys(sensitive))
        try:
            with self.table(data) as rows, self.table(scored) as outputs:
                if problem := missing_columns(data, _names(rows), (label, *attributes)):
                    return problem
                if problem := self._unmatched(rows, outputs):
                    return problem
                joined = rows.join(outputs, [(ROW, "row")])
                columns = {"row": joined[ROW], **answer_columns(joined, reading, label=label)}
                columns |= {COHORT + name: class_text(joined[name]) for name in attributes}
                self._copy(_sql(joined.select(**columns).order_by("row")), to)
        except Unavailable as error:
            return Problem.from_error(error)
        return to

    def target_census(self, path: Path, *, label: str) -> TargetCensus | Problem:
        """What the numbers of `label` are like.

        Returns:
            The census, or a problem: *unfit* when the column is missing or holds no numbers.
        """
        try:
            with self.table(path) as rows:
                if problem := missing_columns(path, _names(rows), (label,)):
                    return problem
                if not rows[label].type().is_numeric():
                    return no_numbers(path, label, str(rows[label].type()))
                target: Any = rows[label].cast("float64")
                finite = ~target.isinf()
                found = self.run(
                    rows.aggregate(
                        rows=rows.count(),
                        given=target.count(),
                        finite=target.count(where=finite),
                        low=target.min(where=finite),
                        high=target.max(where=finite),
                        median=target.median(where=finite),
                        sd=target.std(where=finite, how="sample"),
                    )
                )[0]
        except Unavailable as error:
            return Problem.from_error(error)
        return TargetCensus(
            rows=found["rows"],
            missing=found["rows"] - found["given"],
            not_finite=found["given"] - found["finite"],
            low=found["low"],
            high=found["high"],
            median=found["median"],
            sd=found["sd"],
        )

    def label_census(self, path: Path, *, label: str) -> LabelCensus | Problem:
        """How often each label (as class text) occurs, and how often it is missing."""
        import ibis

        try:
            with self.table(path) as rows:
                if problem := missing_columns(path, _names(rows), (label,)):
                    return problem
                labels = rows.select(text=class_text(rows[label]))
                total = self.run(
                    labels.aggregate(
                        rows=labels.count(), given=labels.text.count(), distinct=labels.text.nunique()
                    )
                )[0]
                grouped = labels.filter(labels.text.notnull()).group_by("text").aggregate(n=ibis._.count())
                kept = self.run(grouped.order_by(ibis.desc("n"), "text").limit(LABEL_CLASSES_KEPT))
        except Unavailable as error:
            return Problem.from_error(error)
        return LabelCensus(
            counts={row["text"]: row["n"] for row in kept},
            missing=total["rows"] - total["given"],
            distinct=total["distinct"],
            rows=total["rows"],
        )

    def close(self) -> None:
        """Closes DuckDB and removes what it spilled; a later use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """A DB-API connection to the engine, for a library that brings its own SQL; the caller closes it."""
        import duckdb

        with self._lock:
            connection = self._connection
            if connection is None:
                # A directory for each connection: two DuckDB processes would overwrite each other's spill.
                spill = self._spill()
                config = settings(self._memory_limit, self._threads, spill)
                connection = self._connection = duckdb.connect(":memory:", config=config)
                connection.execute(";".join(STATEMENTS))
                weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
            return connection.cursor()

    def _spill(self) -> Path:
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="spill-", dir=self._work))
        except OSError as error:
            raise unwritable(self._work, error) from error

    def _execute(self, sql: str) -> list[dict[str, Any]]:
        import duckdb

        cursor = self.cursor()
        try:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            raise  # a bug of ours, not the data's
        except duckdb.Error as error:
            raise unavailable(error) from error
        finally:
            cursor.close()

    def _copy(self, sql: str, to: Path) -> None:
        partial = to.with_name(f".{uuid.uuid4().hex}.partial")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            self._execute(f"COPY ({sql}) TO {literal(partial)} (FORMAT parquet, COMPRESSION zstd)")
            os.replace(partial, to)  # noqa: PTH105 - named beside its reason: the one atomic step
        except OSError as error:
            raise unwritable(to, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def _columns(self, parquet: Path, *, source: Path) -> tuple[Column, ...] | Problem:
        from ibis.backends.sql.datatypes import DuckDBType

        described = self._execute(f"DESCRIBE SELECT * FROM {scan(parquet)}")  # noqa: S608 - quoted
        names = _parquet_names(parquet)
        if problem := ambiguous(source, names):
            return problem
        types = [row["column_type"].strip('"') for row in described]
        # Parsing a type costs as much as reading some hundred rows; a wide file has few different ones.
        parsed = {dtype: str(DuckDBType.from_string(dtype)) for dtype in dict.fromkeys(types)}
        return tuple(Column(name, parsed[dtype]) for name, dtype in zip(names, types, strict=True))

    def _parquet(self, path: Path, digest: str) -> Path | Problem:
        if path.stat().st_size == 0:
            return empty(path, "an empty file")
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if _is_parquet(path):
            return path
        if suffixes[-1:] == [".csv"] or suffixes[-2:] == [".csv", ".gz"]:
            return self._csv_as_parquet(path, digest)
        return Problem(
            Blame.UNAVAILABLE,
            found=f"the data file {str(path)!r}",
            expected="a file ending in .parquet, .csv or .csv.gz",
            remedy="Convert the data to Parquet and name that file in the intake",
        )

    def _csv_as_parquet(self, path: Path, digest: str) -> Path | Problem:
        converted = self._work / "converted" / f"{digest.removeprefix('sha256:')}-{_CONVERSION}.parquet"
        if converted.exists():
            return converted
        try:
            header = CsvHeader.read(path)
        except (UnicodeDecodeError, csv.Error):
            return bad_csv(path, "a header that is not CSV in UTF-8")
        except (OSError, EOFError) as error:
            return os_problem(path, error)
        return ambiguous(path, header.names) or self._converted(header, converted)

    def _converted(self, header: CsvHeader, to: Path) -> Path | Problem:
        import duckdb

        texts = to.with_name(f".{uuid.uuid4().hex}.texts.parquet")
        try:
            self._copy(header.texts, texts)
            kinds = self._execute(header.kinds(scan(texts)))[0]
            self._copy(header.typed(scan(texts), kinds), to)
        except Unavailable as error:
            if isinstance(error.__cause__, duckdb.OutOfMemoryException | duckdb.IOException):
                return Problem.from_error(error)
            return bad_csv(header.path, "rows that do not read as CSV in UTF-8")
        finally:
            texts.unlink(missing_ok=True)
        return to

    def _unmatched(self, rows: "ir.Table", outputs: "ir.Table") -> Problem | None:
        expected = self.run(rows.aggregate(n=rows.count()))[0]["n"]
        row: Any = outputs["row"]
        found = self.run(outputs.aggregate(n=outputs.count(), ordered=row.count(where=row == outputs[ROW])))[
            0
        ]
        if found == {"n": expected, "ordered": expected}:
            return None
        # Only for an unusual order: a distinct count remembers every row number.
        known = row.nunique(where=row.between(0, expected - 1))
        found = self.run(outputs.aggregate(n=outputs.count(), distinct=known))[0]
        if found == {"n": expected, "distinct": expected}:
            return None
        return Problem(
            Blame.UNAVAILABLE,
            found=f"{found['n']} predictions for {found['distinct']} of the rows",
            expected=f"one prediction for each of the {expected} rows",
            remedy="Make the model return one output for each input row, in order",
        )


def _sql(expression: "ir.Expr") -> str:
    import ibis

    return str(ibis.to_sql(expression.as_table(), dialect="duckdb", pretty=False))


def _parquet_names(parquet: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(parquet).names)
    except (pa.ArrowException, OSError) as error:
        raise Unavailable(
            found=f"the damaged Parquet file {str(parquet)!r}",
            expected="a readable Parquet footer",
            remedy="Write the file again",
        ) from error


def _is_parquet(path: Path) -> bool:
    """By its ending; a file without one, as evidence is kept, by its first bytes."""
    if path.suffix:
        return path.suffix.lower() == ".parquet"
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False


def _names(rows: "ir.Table") -> list[str]:
    return [name for name in rows.columns if name != ROW]
