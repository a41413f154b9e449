"""The mart of one clinic as an encrypted file, so that a start need not read the whole system of record again.

A sealed stream (data/sealed.py, the key of purpose ``mart``): one line of JSON that says what it belongs to, then for
each table its rows in parts, each behind its length; a length of zero ends a table. A part is an Arrow stream (LZ4):
as small as Parquet here, and read in a fifth of its time. It holds patients'
data, so nothing of it ever lies on the disk in the clear. A snapshot is only ever a shortcut: one that is damaged, of
another clinic, of another form or of another history is passed over.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import duckdb

from data.home import Home
from data.sealed import CHUNK, BlobDamaged, SealedReader, SealedWriter

BATCH_ROWS = 122_880
"""A row group of DuckDB: several of them in one part are inserted side by side."""
PART_BATCHES = 4
FORM = "arrow-1"
"""How the rows are written; another form is another version."""
_LENGTH = 8
T = TypeVar("T")


class Unfit(Exception):
    """The snapshot does not belong to what is open: {why}."""


@dataclass(frozen=True)
class Mark:
    """Where a clinic's mart stands: the change number, the clinic's zone, and the head of its audit chain."""

    change: int
    zone: str
    audit_seq: int
    audit_hash: str


@dataclass(frozen=True)
class Label:
    """What a snapshot belongs to. ``form`` covers the tables and everything worked out while loading."""

    home: str
    clinic: str
    revision: str
    form: str


def path(home: Home, clinic_id: str) -> Path:
    """Where the snapshot of a clinic lies."""
    return home.path / "mart" / f"{clinic_id}.snapshot"


def write(
    cursor: duckdb.DuckDBPyConnection, home: Home, label: Label, mark: Mark, tables: Mapping[str, Sequence[str]]
) -> int:
    """Write the tables as ``cursor`` sees them in its transaction; returns the size in bytes.

    ``tables`` maps each table to the SQL of the sums that must be the same after reading it. The file appears under
    its name only when it is complete.
    """
    target = path(home, label.clinic)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    sums = {name: _sums(cursor, name, checks) for name, checks in tables.items()}
    head = json.dumps({"label": asdict(label), "mark": asdict(mark), "sums": sums})
    beside = target.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            sealed = SealedWriter(file, home.key("mart"))
            sealed.write(head.encode() + b"\n")
            for name in tables:
                for part in _encoded(cursor, name):
                    sealed.write(len(part).to_bytes(_LENGTH, "big"))
                    sealed.write(part)
                sealed.write(bytes(_LENGTH))
            sealed.close()
            file.flush()
            os.fsync(file.fileno())
        size = beside.stat().st_size
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return size


def _encoded(cursor: duckdb.DuckDBPyConnection, table: str) -> Iterator[bytes]:
    import pyarrow as pa

    reader = cursor.sql(f"SELECT * FROM {table}").to_arrow_reader(BATCH_ROWS)  # noqa: S608
    packed = pa.ipc.IpcWriteOptions(compression="lz4")
    while batches := [batch for batch in itertools.islice(reader, PART_BATCHES) if batch.num_rows]:
        held = io.BytesIO()
        with pa.ipc.new_stream(held, reader.schema, options=packed) as stream:
            for batch in batches:
                stream.write_batch(batch)
        yield held.getvalue()


class Snapshot:
    """An opened snapshot. Raises Unfit when there is none, or when it cannot be read."""

    def __init__(self, home: Home, clinic_id: str) -> None:
        try:
            self._file: BinaryIO = path(home, clinic_id).open("rb")
        except OSError as failure:
            raise Unfit(failure.strerror) from None
        self.size = os.fstat(self._file.fileno()).st_size
        self._plain = io.BufferedReader(SealedReader(self._file, home.key("mart"), "mart"), CHUNK)
        try:
            head = json.loads(self._plain.readline())
            self.label = Label(**head["label"])
            self.mark = Mark(**head["mark"])
            self._expected: dict[str, list[int]] = head["sums"]
        except (BlobDamaged, ValueError, KeyError, TypeError) as failure:
            self.close()
            raise Unfit(f"it cannot be read ({type(failure).__name__})") from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def pour(self, cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[str]]) -> Iterator[float]:
        """Insert every table into its empty namesake, in order, and compare the sums; yields how far it is (0 to 1).

        Raises Unfit; what was inserted by then is the caller's to take back.
        """
        try:
            for name, arrived in _ahead(self._tables(tables)):
                if arrived is not None:
                    _insert(cursor, name, arrived)
                    yield self._file.tell() / self.size
                elif _sums(cursor, name, tables[name]) != self._expected[name]:
                    raise Unfit(f"the sums of {name} differ")
            if self._plain.read(1):
                raise Unfit("it goes on behind its end")
        except (BlobDamaged, OSError, KeyError, duckdb.Error, ValueError) as failure:
            raise Unfit(f"it cannot be read ({type(failure).__name__})") from None

    def _tables(self, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Each table's parts as Arrow, then None for its end."""
        import pyarrow as pa

        pool = pa.system_memory_pool()  # Arrow's own keeps asking the kernel for pages: twice the processor time
        for name in names:
            while any(length := self._exactly(_LENGTH)):
                part = self._exactly(int.from_bytes(length, "big"))
                yield name, pa.ipc.open_stream(pa.BufferReader(part), memory_pool=pool).read_all()
            yield name, None

    def _exactly(self, count: int) -> bytes:
        found = self._plain.read(count) or b""
        if len(found) != count:
            raise Unfit("it ends too early")
        return found


def _ahead(parts: Iterator[T]) -> Iterator[T]:
    """The same, each opened by another thread while the one before it is at work."""
    with ThreadPoolExecutor(1, "mart-snapshot") as other:
        coming = other.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = other.submit(next, parts, None)
            yield part


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: Any) -> None:
    cursor.register("arrived", rows)
    try:
        cursor.execute(f"INSERT INTO {table} SELECT * FROM arrived")  # noqa: S608
    finally:
        with contextlib.suppress(duckdb.Error):  # after a failure nothing but a rollback is open
            cursor.unregister("arrived")


def _sums(cursor: duckdb.DuckDBPyConnection, table: str, checks: Sequence[str]) -> list[int]:
    (found,) = cursor.execute(f"SELECT {', '.join(checks)} FROM {table}").fetchall()  # noqa: S608
    return [int(value) for value in found]
