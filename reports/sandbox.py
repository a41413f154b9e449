"""Running a person's own SQL where it can do no harm: in a child process that starts fresh for each question.

The child (reports/sandbox_child.py) gets no environment, no network and no file of the clinic; only copies of the
tables that the question names, through a file without a name, and the time and memory that are allowed. Whatever
becomes of it, the process that serves people goes on.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from data.errors import BadInput, EnvironmentFailure

CHILD = Path(__file__).with_name("sandbox_child.py")
SECONDS = 10.0
MEMORY = "1GB"
AT_ONCE = 2
"""So many questions run at the same time; the next waits."""
_turns = threading.BoundedSemaphore(AT_ONCE)

Pour = Callable[[str, Sequence[str], IO[bytes]], None]
"""Writes the named columns of a table into the file, as an Arrow stream."""


class NotReadable(BadInput):
    """This is not SQL that can be read. {problem}"""


class NotOneSelect(BadInput):
    """Write exactly one SELECT, without a second statement, a setting or a parameter."""


class TextTooLong(BadInput):
    """The query is too long or too deeply nested. Keep it under {longest} characters."""


class TableNotOpen(BadInput):
    """There is no table called {name} here. Choose one of the list beside the text."""


class QualifiedName(BadInput):
    """Write tables without a schema or a version before or after them, unlike {name}."""


class TableFunctionNotOpen(BadInput):
    """{name} cannot be read like a table here. Only the tables of the list can."""


class FunctionNotOpen(BadInput):
    """The function {name} is not open here. Sums, counts, days, texts and windows are."""


class FormNotOpen(BadInput):
    """This way of asking is not open here: {name}. Write it as a plain SELECT with joins, groups and windows."""


class QueryFailed(BadInput):
    """The query could not be answered. {problem}"""


class TookTooLong(BadInput):
    """The query was stopped after {seconds} seconds. Ask for fewer rows, or join on an id so that not every row meets
    every other."""


class NeedsTooMuch(BadInput):
    """The query needs more memory than one question may take. Ask for fewer rows or shorter texts."""


class OthersAreAsking(EnvironmentFailure):
    """Other queries are running. Try again in a few seconds."""


_WHY: dict[str, type[BadInput]] = {
    "unreadable": NotReadable, "not_one_select": NotOneSelect, "long": TextTooLong, "table": TableNotOpen,
    "qualified": QualifiedName, "table_function": TableFunctionNotOpen, "function": FunctionNotOpen,
    "form": FormNotOpen, "failed": QueryFailed, "memory": NeedsTooMuch,
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back: an Arrow table, the tables that were read, how long it took, and whether rows were cut off."""

    table: Any
    read: tuple[str, ...]
    seconds: float
    cut: bool


def answer(
    sql: str, relations: Mapping[str, Sequence[str]], pour: Pour, *, rows: int, seconds: float = SECONDS
) -> Answer:
    """Judge and run one SELECT over ``relations`` (table to columns), at most ``rows`` rows of it.

    ``pour`` is asked only for tables and columns of ``relations``. Raises one of the failures above.
    """
    if not _turns.acquire(timeout=seconds):
        raise OthersAreAsking()
    try:
        with _file() as data, _file() as out:
            return _ask(sql, relations, pour, rows, seconds, data, out)
    finally:
        _turns.release()


def _ask(
    sql: str, relations: Mapping[str, Sequence[str]], pour: Pour, rows: int, seconds: float, data: IO[bytes],
    out: IO[bytes],
) -> Answer:  # fmt: skip
    import pyarrow as pa

    began, until = time.perf_counter(), time.monotonic() + seconds
    with _child(data, out, seconds) as (process, late):
        try:
            asked = {
                "sql": sql, "relations": {name: list(columns) for name, columns in relations.items()},
                "rows": rows + 1, "memory": MEMORY, "seconds": max(1, round(seconds)),
            }  # fmt: skip
            tables = _said(process, until, seconds, asked)["tables"]
            sizes = _hand_over(tables, relations, pour, data)
            _said(process, until, seconds, {"sizes": sizes})
        finally:
            late.cancel()
            process.kill()
    out.seek(0)
    with pa.ipc.open_stream(io.BytesIO(out.read())) as stream:
        table = stream.read_all()
    cut = table.num_rows > rows
    return Answer(table.slice(0, rows), tuple(sorted(tables)), time.perf_counter() - began, cut)


def _hand_over(
    tables: Mapping[str, Sequence[str]], relations: Mapping[str, Sequence[str]], pour: Pour, data: IO[bytes]
) -> dict[str, int]:
    """Put the tables into the file, one behind the other; the bytes of each."""
    sizes = {}
    for name, columns in tables.items():
        wanted = [one for one in columns if one in relations[name]]
        begin = data.tell()
        pour(name, wanted, data)
        sizes[name] = data.tell() - begin
    data.flush()
    return sizes


@contextlib.contextmanager
def _child(data: IO[bytes], out: IO[bytes], seconds: float) -> Iterator[tuple[subprocess.Popen[str], threading.Timer]]:
    fds = (data.fileno(), out.fileno())
    process = subprocess.Popen(
        [sys.executable, "-I", str(CHILD), *map(str, fds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={"LANG": "C.UTF-8"}, cwd="/", pass_fds=fds, start_new_session=True, text=True,
        encoding="utf-8",
    )  # fmt: skip
    late = threading.Timer(seconds, process.kill)
    late.daemon = True
    late.start()
    try:
        yield process, late
    finally:
        late.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        process.wait()


def _said(process: subprocess.Popen[str], until: float, seconds: float, asked: Mapping[str, object]) -> dict[str, Any]:
    """Put a line to the child and read the line it answers; raises what became of it otherwise."""
    assert process.stdin is not None and process.stdout is not None
    line = ""
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    if not line.endswith("\n"):
        process.wait()
        if time.monotonic() > until - 0.1 or process.returncode == -24:  # by the clock, or by its processor time
            raise TookTooLong(seconds=round(seconds))
        raise NeedsTooMuch()
    told: dict[str, Any] = json.loads(line)
    if "refused" in told:
        raise _WHY[told["refused"]](**told["facts"])
    return told


def _file() -> IO[bytes]:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("ballast"), "w+b")
    return tempfile.TemporaryFile()
