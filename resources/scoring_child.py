"""The scoring child: a warm process that forks one worker for each model to be scored.

The warm process imports the heavy libraries once and never runs a model's code. Each request is
served by a fork of it, so a model gets a clean interpreter at no cost: it cannot see, keep or spoil
anything of the model before it, and its modules cannot be mistaken for another's. Whatever a worker
leaves running is ended when its request ends.

What does not belong here: trusting any of it. `resources.scorer` checks what comes back. This file is
run as a script; nothing imports it but its tests.
"""

import contextlib
import ctypes
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from modelrisk.outputs.readings import Reading

CONTROL_BYTES = 4096
"""Longest control message; everything of size travels in files."""

REQUEST_FILE, ANSWERS_FILE = "request.json", "answers.bin"

FLAVOR_MODULES: Mapping[str, tuple[str, ...]] = {
    "sklearn": (
        "mlflow.sklearn",
        "skops.io",
        "sklearn.compose",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "sklearn.calibration",
    ),
    "lightgbm": ("lightgbm", "mlflow.lightgbm"),
    "xgboost": ("xgboost", "mlflow.xgboost"),
    "catboost": ("catboost", "mlflow.catboost"),
    "onnx": ("onnxruntime", "mlflow.onnx"),
}
"""Installed libraries imported before the fork, by flavor: they are ours, the model is not."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
_FILE_SLACK = 256 * 1024**2
_LAST_WORDS = 4000


def main() -> None:
    """Serve requests until the parent hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for path in json.loads(sys.argv[2]):
        if path not in sys.path:
            sys.path.append(path)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    isolation = _isolated()
    import numpy  # noqa: F401 # pyright: ignore[reportUnusedImport]
    import pandas  # noqa: F401 # pyright: ignore[reportUnusedImport]
    import pyarrow.parquet  # noqa: F401 # pyright: ignore[reportUnusedImport]
    from mlflow import pyfunc  # noqa: F401 # pyright: ignore[reportUnusedImport]

    import modelrisk.outputs.readings  # noqa: F401 # pyright: ignore[reportUnusedImport]

    _send(control, {"ready": True, "isolation": isolation})
    while _served(control):
        pass


def _served(control: socket.socket) -> bool:
    """Serve one request; False when the parent has hung up."""
    message, descriptors, _, _ = socket.recv_fds(control, CONTROL_BYTES, 2)
    if len(descriptors) != 2:
        return False
    request = json.loads(message)
    for flavor in request["flavors"]:
        for name in FLAVOR_MODULES.get(flavor, ()):
            # An absent or broken library is the worker's to report, in the model's context.
            with contextlib.suppress(ImportError):
                __import__(name)
    answer, log = descriptors
    worker = os.fork()
    if worker == 0:
        control.close()
        _work(Path(request["directory"]), answer, log)
    os.close(answer)
    os.close(log)
    _send(control, {"started": worker})
    status, alive = _ended(worker, control)
    _end_descendants()
    if alive:
        _send(control, {"ended": status})
    return alive


def _ended(worker: int, control: socket.socket) -> tuple[int, bool]:
    """Wait for the worker; end it when the parent says so or hangs up."""
    watched = getattr(os, "pidfd_open", None)
    descriptor = watched(worker) if watched is not None else None
    alive = True
    listening: list[Any] = [control]
    try:
        while True:
            finished, status = os.waitpid(worker, os.WNOHANG)
            if finished:
                return os.waitstatus_to_exitcode(status), alive
            waited = listening if descriptor is None else [*listening, descriptor]
            readable, _, _ = select.select(waited, [], [], 0.02 if descriptor is None else 1.0)
            if control in readable:
                alive = bool(control.recv(CONTROL_BYTES))
                listening = [] if not alive else listening
                _killed(worker)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _end_descendants() -> None:
    """End all that a worker left behind; as their reaper, this process inherits every orphan."""
    deadline = time.monotonic() + 5.0
    while True:
        try:
            finished, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if finished:
            continue
        for child in _children():
            _killed(child)
        if time.monotonic() > deadline:
            sys.exit("descendants of the model could not be ended")
        time.sleep(0.002)


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from (int(pid) for pid in task.read_text().split())


def _killed(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _send(control: socket.socket, message: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        control.sendall(json.dumps(message).encode() + b"\n")


# Isolation ------------------------------------------------------------------------------------


def _isolated() -> str:
    """Give up what scoring needs not, as far as this machine allows; says how far that was."""
    if sys.platform != "linux":
        return "process"
    libc = ctypes.CDLL(None, use_errno=True)
    cut = _network_cut(libc)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return "process, no network" if cut else "process"


def _network_cut(libc: ctypes.CDLL) -> bool:
    """Move to a network with nothing but loopback, in a user namespace of its own."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    # Being nobody instead of oneself, or without loopback, is less convenient but no less isolated.
    with contextlib.suppress(OSError):
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        import fcntl

        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", _IFF_UP_RUNNING, b""))
    nothing = (ctypes.c_uint32 * 6)()
    libc.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), nothing)
    return True


def _limited(request: Mapping[str, Any]) -> None:
    """Bound the worker's memory and the files it writes."""
    limits = [(resource.RLIMIT_FSIZE, int(request["answer_bytes"]) + _FILE_SLACK)]
    if request["memory_bytes"] is not None:
        # Not RLIMIT_AS: thread stacks and allocators reserve address space they never use.
        limits.append((resource.RLIMIT_DATA, int(request["memory_bytes"])))
    for kind, limit in limits:
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)  # noqa: PLW2901
        resource.setrlimit(kind, (limit, limit))


# The worker -----------------------------------------------------------------------------------


def _work(directory: Path, answer: int, log: int) -> NoReturn:
    """Score one model in this forked process, which ends here whatever happens."""
    try:
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        scratch = directory / "scratch"
        scratch.mkdir()
        os.chdir(scratch)
        os.environ.update(HOME=str(scratch), TMPDIR=str(scratch))
        # Only this process may answer: what the model starts does not inherit the pipe.
        os.set_inheritable(answer, False)  # noqa: FBT003 - the standard library takes it by position
        with _Answering(answer) as answering:
            _scored(directory, answering)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


class _Answering:
    """Sends one JSON line: what was done, or what ended it. A model may raise anything at all."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.stage = "start"
        self.done: dict[str, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        answer = self.done if error is None else {"stage": self.stage, **_last_words(error, trace)}
        data = json.dumps(answer).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]
        return True


def _last_words(error: BaseException, trace: TracebackType | None) -> dict[str, object]:
    found = getattr(error, "found", None)
    ours = type(error).__module__.startswith("modelrisk.") or type(error).__module__ == "__main__"
    if ours and isinstance(found, str):
        return {"refused": [found, str(getattr(error, "expected", "")), str(getattr(error, "remedy", ""))]}
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    try:
        said = str(error)
    except BaseException:  # noqa: BLE001 - the model's own exception class may raise here as well
        said = "an error that cannot say what it is"
    name = type(error).__name__
    return {
        "raised": f"{name}: {said}"[:_LAST_WORDS] if said else name,
        "place": place[:200],
        "memory": isinstance(error, MemoryError) or name in ("ArrowMemoryError", "_ArrayMemoryError"),
    }


def _scored(directory: Path, answering: _Answering) -> None:
    import random

    import numpy as np
    from mlflow import pyfunc

    from modelrisk.outputs.readings import from_plain

    request = json.loads((directory / REQUEST_FILE).read_text(encoding="utf-8"))
    _limited(request)
    random.seed(0)
    np.random.seed(0)  # models draw from the global generator
    spent = {"load": 0.0, "read": 0.0, "predict": 0.0}
    answering.stage = "load"
    started = time.perf_counter()
    model = pyfunc.load_model(request["model"])
    spent["load"] = time.perf_counter() - started

    frames = _frames(request)
    with (directory / ANSWERS_FILE).open("wb") as file:
        recorder = _Recorder(from_plain(request["reading"]), file)
        while True:
            answering.stage = "read"
            started = time.perf_counter()
            frame = next(frames, None)
            spent["read"] += time.perf_counter() - started
            if frame is None:
                break
            answering.stage = "predict"
            started = time.perf_counter()
            raw = model.predict(frame)
            spent["predict"] += time.perf_counter() - started
            answering.stage = "output"
            recorder.record(raw, rows=len(frame))
    answering.done = {"rows": recorder.rows, "form": recorder.reader.form, "seconds": spent}


class _Recorder:
    """Reads each batch's output and appends it to `answers.bin`."""

    def __init__(self, reading: "Reading", file: Any) -> None:
        from modelrisk.outputs.readings import reader_of

        self.reader = reader_of(reading)
        self.rows = 0
        self._reading = reading
        self._file = file

    def record(self, raw: object, *, rows: int) -> None:
        from modelrisk.outputs.readings import as_rows

        answers = self.reader.read(raw, rows=rows)
        self._file.write(as_rows(answers, self._reading, rows=rows).tobytes())
        self.rows += rows


# Rows for the model ---------------------------------------------------------------------------


class _Unfit(Exception):
    """The data cannot be given to the model as it declares its inputs."""

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        self.found, self.expected, self.remedy = found, expected, remedy
        super().__init__(found)


def _frames(request: Mapping[str, Any]) -> "Iterator[pd.DataFrame]":
    """The feature columns in the signature's order and types, batch by batch."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(request["data"]) as data:
        known = data.schema_arrow
        features = [
            (name, dtype) for name, dtype, _ in request["features"] if known.get_all_field_indices(name)
        ]
        with_nulls = _with_nulls(data)
        names = [name for name, _ in features]
        for batch in data.iter_batches(batch_size=request["batch_rows"], columns=names, use_threads=False):
            if not batch.num_rows:
                continue
            table = pa.Table.from_batches([batch])
            columns = {
                name: _series(table.column(name), name, dtype, nullable=name in with_nulls)
                for name, dtype in features
            }
            yield pd.DataFrame(columns, index=pd.RangeIndex(batch.num_rows), copy=False)


def _with_nulls(data: Any) -> set[str]:
    """Columns with a missing value anywhere in the file (or unknown): their type must not vary by batch."""
    metadata = data.metadata
    found: set[str] = set()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for at in range(row_group.num_columns):
            column = row_group.column(at)
            statistics = column.statistics
            if statistics is None or not statistics.has_null_count or statistics.null_count:
                found.add(column.path_in_schema)
    return found


def _series(column: "pa.ChunkedArray", name: str, dtype: str, *, nullable: bool) -> Any:  # noqa: PLR0911 - a table of types
    """One column as the pandas type MLflow's schema enforcement takes for `dtype`.

    Integers widen to floats, a missing number becomes NaN, a missing text or boolean None; nothing is
    converted that could change a value, apart from rounding to a declared `float`.
    """
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    try:
        if dtype in ("double", "float") and (number or types.is_null(kind)):
            if types.is_decimal(kind) or types.is_null(kind):
                column = column.cast(pa.float64())
            return cast("Any", column.to_pandas()).astype("float64" if dtype == "double" else "float32")
        if dtype in ("integer", "long") and number:
            if column.null_count:
                raise _mismatch(name, "missing values", f"{dtype}, which has none", "double")
            return column.cast(pa.int32() if dtype == "integer" else pa.int64()).to_pandas()
        if dtype == "string" and (_is_text(kind) or types.is_null(kind)):
            return cast("Any", column.to_pandas()).astype(object)
        if dtype == "boolean" and (types.is_boolean(kind) or types.is_null(kind)):
            return cast("Any", column.to_pandas()).astype(object if column.null_count else bool)
        if dtype == "datetime" and (
            types.is_date(kind) or (types.is_timestamp(kind) and kind.tz is None) or types.is_null(kind)
        ):
            return column.cast(pa.timestamp("ns")).to_pandas()
        if dtype == "binary" and (
            types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind)
        ):
            return column.to_pandas()
    except pa.ArrowInvalid as error:
        raise _mismatch(name, f"{kind} values outside that type", dtype, str(kind)) from error
    if dtype in ("double", "float", "integer", "long", "string", "boolean", "datetime", "binary"):
        raise _mismatch(name, str(kind), dtype, str(kind))
    plain = cast("Any", column.to_pandas())
    if nullable and types.is_integer(kind):
        return plain.astype("float64")
    return plain.astype(object) if nullable and types.is_boolean(kind) else plain


def _is_text(kind: "pa.DataType") -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _mismatch(name: str, found: str, expected: str, better: str) -> _Unfit:
    shown = re.sub(r"\s+", " ", repr(name))
    return _Unfit(
        f"column {shown} with {found}",
        f"the signature's {expected}",
        f"Mend the column, or log the model with a signature that says {better}",
    )


if __name__ == "__main__":
    main()
