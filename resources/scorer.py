"""Predictions of a model nobody trusts yet: made in a child process, streamed, bounded and checked.

A model can hang, crash, lie, print without end or look for secrets. So it runs in its own process
with a bare environment, limits on time, memory and files, and (where the machine allows it) no
network. Nothing it hands back is parsed as code or as a rich format: rows come back as fixed-width
numbers, and the Parquet file is written here.

What does not belong here: what an answer means (`modelrisk.outputs.*`) and joining predictions with
labels and cohorts (`resources.datasets`).
"""

import array
import contextlib
import io
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from modelrisk.lineage import ColumnSpec
from modelrisk.outputs.answers import Form
from modelrisk.outputs.binary import BinaryAnswers, BinaryReading
from modelrisk.outputs.multiclass import MulticlassAnswers, MulticlassReading
from modelrisk.outputs.readings import Reading, answer_type, as_plain, believed
from modelrisk.outputs.regression import RegressionAnswers, RegressionReading
from modelrisk.records import Blame, Problem
from resources import scoring_child
from resources.redaction import one_line, printable

TIME_LIMIT_S = 1800.0
MEMORY_LIMIT_MB = 8192
BATCH_ROWS = 131_072
BATCH_CELLS = 4_000_000
START_LIMIT_S = 180.0
_GRACE_S = 10.0
_LOG_BYTES = 64 * 1024
_ANSWER_BYTES = 64 * 1024
_SHOWN = 500
_TAIL = 2000
_ALLOWED = frozenset(
    (
        *("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
        *("OPENBLAS_CORETYPE", "OMP_THREAD_LIMIT", "OMP_WAIT_POLICY", "VECLIB_MAXIMUM_THREADS"),
    )
)
_SET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Its default allocator reserves far more than it uses, which a memory limit would count.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Threads that spin while they wait cost up to 8 times the time on a busy machine.
    "OMP_WAIT_POLICY": "passive",
}


@dataclass(frozen=True)
class ScoringRequest:
    """One model to be run over one file.

    Attributes:
        model_dir: the model directory on this machine.
        data: the rows, a Parquet file.
        features: the columns the model is given, in its order; a `dtype` of `""` means as they are
            in the file (a model without a signature).
        reading: how the output is to be read.
        output: the Parquet file to write: `row` int64 from 0 and `prediction`; a class as text, with `score`
            (binary, double) or `probabilities` (several classes, a list of doubles), or a number.
        flavors: the model's flavors, which tell what to import ahead of time.
    """

    model_dir: Path
    data: Path
    features: tuple[ColumnSpec, ...]
    reading: Reading
    output: Path
    flavors: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoringResult:
    """Predictions were written.

    Attributes:
        rows: how many.
        form: whether the model gave labels, scores or both.
        seconds: wall-clock time from request to written file.
        load_seconds: of these, loading the model, as the child says.
        predict_seconds: of these, inside the model's `predict`, as the child says.
        isolation: what the model was kept from, such as `process, no network, 8192 MB`.
        log_tail: the end of what the model printed, for people; it may hold data, so it is no evidence.
        output: the file.
    """

    rows: int
    form: Form | None
    seconds: float
    load_seconds: float
    predict_seconds: float
    isolation: str
    log_tail: str
    output: Path


class Scorer:
    """Runs models in a child process.

    One request is served at a time. Inside `with scorer.warm():` the child, whose start costs
    seconds, is kept for the next request; each model still runs in a process of its own.

    Args:
        time_limit_s: wall-clock seconds for one model, loading included.
        memory_limit_mb: memory for each of the model's processes; None for no limit.
        batch_rows: rows given to the model at a time, at most; fewer when there are many columns.
    """

    def __init__(
        self,
        *,
        time_limit_s: float = TIME_LIMIT_S,
        memory_limit_mb: int | None = MEMORY_LIMIT_MB,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._time_limit_s = time_limit_s
        self._memory_limit_mb = memory_limit_mb
        self._batch_rows = batch_rows
        self._child: _Child | None = None
        self._holders = 0
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def warm(self) -> Generator["Scorer"]:
        """Keep the child between requests; it starts in the background at once. May be nested."""
        with self._lock:
            self._holders += 1
            self._started()
        try:
            yield self
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    self._stop()

    def score(self, request: ScoringRequest) -> ScoringResult | Problem:
        """Run a model over a file.

        Returns:
            The result, with `request.output` written in full, or the problem, with no file written.
            The data not fitting the model's declared inputs is `unfit`, everything else `unavailable`.
        """
        with self._lock:
            finished = False
            try:
                result = self._score(request)
                finished = True
                return result
            finally:
                # After an interruption the child may still be at work for nobody.
                if not (self._holders and finished):
                    self._stop()

    def _score(self, request: ScoringRequest) -> ScoringResult | Problem:
        import pyarrow as pa
        import pyarrow.parquet as pq

        started = time.monotonic()
        try:
            with pq.ParquetFile(request.data) as data:
                rows, schema = int(data.metadata.num_rows), data.schema_arrow
        except (OSError, pa.ArrowException) as error:
            return _unavailable(
                f"evaluation rows that cannot be read ({type(error).__name__})",
                "a Parquet file",
                "Write the evaluation data again",
            )
        unfit = _columns_problem(request.features, schema)
        if unfit is not None:
            return unfit
        request.output.parent.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=".scoring-", dir=request.output.parent)).resolve()
        try:
            answered = self._answered(request, directory, rows) if rows else _NOTHING
            if isinstance(answered, Problem):
                return answered
            problem = _written(request, directory, rows, answered)
            if problem is not None:
                return problem
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return ScoringResult(
            rows=rows,
            form=answered.form,
            seconds=time.monotonic() - started,
            load_seconds=answered.load_seconds,
            predict_seconds=answered.predict_seconds,
            isolation=answered.isolation,
            log_tail=answered.log_tail,
            output=request.output,
        )

    def _answered(self, request: ScoringRequest, directory: Path, rows: int) -> "_Answered | Problem":
        memory = None if self._memory_limit_mb is None else self._memory_limit_mb * 1024**2
        document = {
            "model": str(request.model_dir.resolve()),
            "data": str(request.data.resolve()),
            "features": [[spec.name, spec.dtype, spec.required] for spec in request.features],
            "reading": as_plain(request.reading),
            "answer_bytes": rows * _width(request.reading),
            "batch_rows": _batch_rows(request, self._batch_rows),
            "rows": rows,
            "memory_bytes": memory,
        }
        (directory / scoring_child.REQUEST_FILE).write_text(json.dumps(document), encoding="utf-8")
        child = self._started()
        problem = child.ready()
        if problem is None:
            ended = child.run(directory, request.flavors, deadline=time.monotonic() + self._time_limit_s)
        else:
            self._stop()
            return problem
        if not child.alive:
            self._stop()
        isolation = child.isolation + ("" if memory is None else f", {self._memory_limit_mb} MB")
        return self._understood(ended, request, rows, isolation)

    def _understood(
        self, ended: "_Ended", request: ScoringRequest, rows: int, isolation: str
    ) -> "_Answered | Problem":
        """What the child's end means; nothing in its answer is believed without a look at its type."""
        if ended.timed_out:
            return _unavailable(
                f"a model that had not answered {rows} rows after {self._time_limit_s:g} seconds",
                "an answer within the time limit",
                "Make the model faster, or raise the scorer's time limit",
            )
        answer = ended.answer
        refused, raised = answer.get("refused"), answer.get("raised")
        if isinstance(refused, list) and len(refused) == 3:
            found, expected, remedy = (_clean(str(text)) for text in refused)
            blame = Blame.UNFIT if answer.get("stage") == "read" else Blame.UNAVAILABLE
            return Problem(blame, found, expected, remedy)
        if isinstance(raised, str):
            return self._raised(answer, raised, request)
        seconds = answer.get("seconds")
        if ended.status == 0 and answer.get("rows") == rows and isinstance(seconds, dict):
            return _Answered(
                form=next((form for form in Form if form == answer.get("form")), None),
                load_seconds=_seconds(seconds.get("load")),
                predict_seconds=_seconds(seconds.get("predict")),
                isolation=isolation,
                log_tail=ended.log_tail,
            )
        return self._crashed(ended)

    def _raised(self, answer: Mapping[str, Any], raised: str, request: ScoringRequest) -> Problem:
        doing = {
            "load": "while it was loaded",
            "predict": "in predict",
            "output": "in its output",
            "read": "while its rows were read",
        }.get(str(answer.get("stage")), "at its start")
        known = {spec.name for spec in request.features} | set(_classes(request.reading))
        said = redacted(raised, known)
        place = _clean(str(answer.get("place") or ""))
        if answer.get("memory") is True:
            return self._out_of_memory(f"a model that ran out of memory {doing} ({said})")
        return _unavailable(
            f"a model that raised {doing}: {said}" + (f" ({place})" if place else ""),
            "an answer for every row",
            "Install what its requirements.txt names, or log it again with its code and dependencies"
            if answer.get("stage") == "load"
            else "Call the logged model's predict on a few evaluation rows in a fresh process, and mend it",
        )

    def _crashed(self, ended: "_Ended") -> Problem:
        status = ended.status
        if status is not None and status < 0:
            name = signal.Signals(-status).name if -status in list(signal.Signals) else str(-status)
            if -status in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
                return self._out_of_memory(f"a model whose process was ended by {name}")
            how = f"was ended by {name}"
        else:
            how = "ended without an answer" if status in (0, None) else f"exited with status {status}"
        return _unavailable(
            f"a model whose process {how}",
            "an answer for every row",
            "Call the logged model's predict on a few evaluation rows in a fresh process, and mend it",
        )

    def _out_of_memory(self, found: str) -> Problem:
        limit = "this machine" if self._memory_limit_mb is None else f"{self._memory_limit_mb} MB"
        return _unavailable(
            found,
            f"a model that works within {limit}",
            "Find out whether it needs more memory: make it smaller, or raise the scorer's memory limit",
        )

    def _started(self) -> "_Child":
        if self._child is None or not self._child.alive:
            self._stop()
            self._child = _Child()
        return self._child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


@dataclass(frozen=True)
class _Answered:
    form: Form | None
    load_seconds: float
    predict_seconds: float
    isolation: str
    log_tail: str


_NOTHING = _Answered(None, 0.0, 0.0, "not run: no rows", "")


@dataclass(frozen=True)
class _Ended:
    answer: Mapping[str, Any]
    status: int | None
    timed_out: bool
    log_tail: str


class _Child:
    """The warm process: started at once, ready some seconds later."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="model-risk-scorer-"))
        self._owner = os.getpid()
        self.isolation = "process"
        self._is_ready = False
        self._buffer = b""
        ours, theirs = socket.socketpair()
        self._control = ours
        self._log = (self._home / "start.log").open("w+b")
        # Inherited paths come after the interpreter's own, for installations that live on PYTHONPATH.
        paths = [path for path in sys.path if Path(path).is_absolute()]
        root = str(Path(scoring_child.__file__).parents[1])
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [
                    *(sys.executable, "-I", "-B", "-X", "utf8", scoring_child.__file__),
                    *(str(theirs.fileno()), json.dumps([*paths, root])),
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                cwd=self._home,
                env=_bare_environment(self._home),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether requests can be sent from this process."""
        return self._owner == os.getpid() and self._control.fileno() >= 0 and self._process.poll() is None

    def ready(self) -> Problem | None:
        """Wait until it is ready; a Problem when it cannot be started."""
        if self._is_ready:
            return None
        message = self._message(time.monotonic() + START_LIMIT_S)
        if message is None or message.get("ready") is not True:
            self._log.seek(0)
            last = _tail(self._log.read(_LOG_BYTES)).strip().rpartition("\n")[2]
            return _unavailable(
                f"a scoring process that did not start ({_clean(last) or 'it said nothing'})",
                "a process with mlflow, pandas and pyarrow",
                "Check the installation by `python -c 'import mlflow.pyfunc'`",
            )
        self.isolation = _clean(str(message.get("isolation")))
        self._is_ready = True
        return None

    def run(self, directory: Path, flavors: tuple[str, ...], *, deadline: float) -> _Ended:
        """Have one model scored; returns when its process and all it started have ended."""
        answer_from, answer_to = os.pipe()
        log_from, log_to = os.pipe()
        with (
            os.fdopen(answer_from, "rb", buffering=0) as answers,
            os.fdopen(log_from, "rb", buffering=0) as log,
        ):
            try:
                message = json.dumps({"directory": str(directory), "flavors": _known(flavors)}).encode()
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [answer_to, log_to]))]
                self._control.sendmsg([message], rights)
            except OSError:
                return _Ended({}, None, timed_out=False, log_tail="")
            finally:
                os.close(answer_to)
                os.close(log_to)
            return self._watched(answers, log, deadline)

    def stop(self) -> None:
        """End it and all it started."""
        if self._owner != os.getpid():
            return
        self._control.close()
        if not self._is_ready:
            self._process.kill()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            for pid in reversed(_family(self._process.pid)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _watched(self, answers: Any, log: Any, deadline: float) -> _Ended:
        answer, tail = b"", deque[bytes]()
        timed_out = False
        status: int | None = None
        worker: int | None = None
        sources: list[Any] = [answers, log, self._control]
        while True:
            left = deadline - time.monotonic()
            if left <= 0.0 and not timed_out:
                timed_out = True
                deadline = time.monotonic() + _GRACE_S
                with contextlib.suppress(OSError):
                    self._control.sendall(b"end")
                continue
            if left <= 0.0:
                self._give_up(worker)
                break
            more = b"\n" in self._buffer
            readable, _, _ = select.select(sources, [], [], 0.0 if more else left)
            if log in readable and not _drained(log, tail):
                sources.remove(log)
            if answers in readable:
                piece = answers.read(_ANSWER_BYTES)
                answer = (answer + piece)[: _ANSWER_BYTES + 1]
                if not piece:
                    sources.remove(answers)
            if more or self._control in readable:
                message = self._message(deadline) or {"lost": True}
                worker = message.get("started", worker)
                status = message.get("ended", status)
                if "lost" in message:
                    self._give_up(worker)
                if "started" not in message:
                    break
        for source in (answers, log):
            os.set_blocking(source.fileno(), False)
        if answers in sources and len(answer) <= _ANSWER_BYTES:
            answer += answers.read(_ANSWER_BYTES) or b""
        if log in sources:
            _drained(log, tail)
        return _Ended(_parsed(answer), status, timed_out, _tail(b"".join(tail)))

    def _give_up(self, worker: int | None) -> None:
        """The warm process does not answer: end it, and the model's process group with it."""
        for pid in [*reversed(_family(self._process.pid)), *([] if worker is None else [-worker])]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(-pid, signal.SIGKILL) if pid < 0 else os.kill(pid, signal.SIGKILL)
        self._control.close()

    def _message(self, deadline: float) -> dict[str, Any] | None:
        """The next control message, None when there is none until the deadline."""
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0.0 or not select.select([self._control], [], [], left)[0]:
                return None
            try:
                piece = self._control.recv(scoring_child.CONTROL_BYTES)
            except OSError:
                return None
            if not piece or len(self._buffer) > _ANSWER_BYTES:
                return None
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(_parsed(line))


def redacted(text: str, known: "set[str]") -> str:
    """One line of an error without what may be data: quoted texts that are no known name, long numbers."""

    def kept(match: "re.Match[str]") -> str:
        return match[0] if match[2] in known else f"{match[1]}…{match[1]}"

    line = next((line for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"(['\"])((?:(?!\1).)*)\1", kept, line)
    line = re.sub(r"\S+@\S+", "…", line)
    line = re.sub(r"\d{6,}", "…", line)
    return _clean(line)


def _written(request: ScoringRequest, directory: Path, rows: int, answered: _Answered) -> Problem | None:
    """Check the child's numbers and write the Parquet file; a Problem when they are not what they must be."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    reading = request.reading
    schema = pa.schema([("row", pa.int64()), *_fields(reading)])
    width, rows_at_once = _width(reading), _batch_rows(request, BATCH_ROWS)
    # A directory made only now, since the model may have put something under any name it could guess.
    partial = Path(tempfile.mkdtemp(dir=directory)) / "predictions.parquet"
    with contextlib.ExitStack() as stack:
        answers = stack.enter_context(_opened(directory / scoring_child.ANSWERS_FILE, empty=not rows))
        size = answers.seek(0, os.SEEK_END)
        answers.seek(0)
        if size != rows * width:
            return _not_believed(f"{size} bytes of answers for {rows} rows")
        writer = stack.enter_context(pq.ParquetWriter(partial, schema, compression="zstd"))
        for start in range(0, rows, rows_at_once):
            count = min(rows_at_once, rows - start)
            block = np.frombuffer(answers.read(count * width), dtype=answer_type(reading))
            columns = _columns(block, reading, answered.form)
            if columns is None or len(block) != count:
                return _not_believed("answers that are no classes, probabilities or numbers")
            numbered = [pa.array(np.arange(start, start + count)), *columns]
            writer.write_table(pa.Table.from_arrays(numbered, schema=schema))
    partial.replace(request.output)
    return None


def _fields(reading: Reading) -> list[Any]:
    """The columns of the answers beside the row number, as Arrow fields."""
    import pyarrow as pa

    if isinstance(reading, RegressionReading):
        return [pa.field("prediction", pa.float64())]
    if isinstance(reading, BinaryReading):
        return [pa.field("prediction", pa.string()), pa.field("score", pa.float64())]
    return [pa.field("prediction", pa.string()), pa.field("probabilities", pa.list_(pa.float64()))]


def _columns(block: Any, reading: Reading, form: Form | None) -> list[Any] | None:
    """The answers as Arrow arrays; None when they are not what they must be."""
    import pyarrow as pa

    answers = believed(block, reading, form)
    match answers, reading:
        case RegressionAnswers(), RegressionReading():
            return [pa.array(answers.values)]
        case BinaryAnswers(), BinaryReading():
            scores = (
                pa.nulls(len(block), pa.float64()) if answers.scores is None else pa.array(answers.scores)
            )
            return [_words(answers.decided(reading), reading.classes), scores]
        case MulticlassAnswers(), MulticlassReading():
            return [_words(answers.decided(), reading.classes), _lists(answers.probabilities, len(block))]
        case _:
            return None


def _words(positions: Any, classes: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array(classes).take(pa.array(positions, pa.uint16()))


def _lists(numbers: Any, rows: int) -> Any:
    """A list of numbers for each row; missing lists where there are no numbers."""
    import numpy as np
    import pyarrow as pa

    if numbers is None:
        return pa.nulls(rows, pa.list_(pa.float64()))
    offsets = np.arange(0, numbers.size + 1, numbers.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(numbers.reshape(-1)))


def _classes(reading: Reading) -> tuple[str, ...]:
    return () if isinstance(reading, RegressionReading) else reading.classes


def _width(reading: Reading) -> int:
    """Bytes of one row of answers."""
    import numpy as np

    return np.dtype(answer_type(reading)).itemsize


def _batch_rows(request: ScoringRequest, most: int) -> int:
    """Rows at a time, so that neither the features nor the answers of a batch grow without bound."""
    numbers = len(request.features) + len(_classes(request.reading))
    return max(1, min(most, BATCH_CELLS // numbers))


def _opened(path: Path, *, empty: bool) -> BinaryIO:
    """The file for reading, or nothing to read; never what a link at its place points to."""
    if empty:
        return io.BytesIO()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return io.BytesIO()
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return io.BytesIO()
    return os.fdopen(descriptor, "rb")


def _not_believed(found: str) -> Problem:
    return _unavailable(
        f"{found} from the model's process",
        "one checked answer for every row",
        "Find out what the model does beside predicting: its process changed our answers",
    )


def _columns_problem(features: tuple[ColumnSpec, ...], schema: Any) -> Problem | None:
    if not features:
        return _unfit(
            "no feature columns", "at least one", "Log the model with a signature, or exclude fewer columns"
        )
    missing = [spec.name for spec in features if spec.required and spec.name not in schema.names]
    if missing:
        shown = ", ".join(_clean(repr(name[:80])) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return _unfit(
            f"evaluation data without the column(s) {shown}{more}",
            "every column the model's signature requires",
            "Add the columns to the evaluation data, or name the data the model was made for",
        )
    doubled = [spec.name for spec in features if len(schema.get_all_field_indices(spec.name)) > 1]
    if doubled:
        return _unfit(
            f"evaluation data with more than one column {_clean(repr(doubled[0][:80]))}",
            "one column of each name",
            "Rename or drop the others",
        )
    return None


def _bare_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _ALLOWED or name.startswith("LC_")}
    return {**_SET, **kept, "HOME": str(home), "TMPDIR": str(home)}


def _known(flavors: tuple[str, ...]) -> list[str]:
    return [flavor for flavor in flavors if flavor in scoring_child.FLAVOR_MODULES]


def _drained(log: Any, tail: "deque[bytes]") -> bool:
    """Take what the model printed and keep its end; False at the end of it."""
    piece = log.read(_LOG_BYTES)
    if piece is None:
        return True
    tail.append(piece)
    while len(tail) > 1 and sum(map(len, tail)) - len(tail[0]) >= _TAIL * 4:
        tail.popleft()
    return bool(piece)


def _tail(data: bytes) -> str:
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return printable(text[-_TAIL:], keep="\n")


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        answer: object = json.loads(line.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in answer.items()} if isinstance(answer, dict) else {}


def _family(pid: int) -> list[int]:
    """A process and its descendants, parents first; itself only where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    family = [pid]
    for member in family:
        family.extend(parents.get(member, []))
    return family


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, float) and 0.0 <= value < 1e7 else 0.0


def _clean(text: str) -> str:
    return one_line(text, length=_SHOWN)


def _unavailable(found: str, expected: str, remedy: str) -> Problem:
    return Problem(Blame.UNAVAILABLE, found, expected, remedy)


def _unfit(found: str, expected: str, remedy: str) -> Problem:
    return Problem(Blame.UNFIT, found, expected, remedy)
