"""Long lists on their way to a browser: a page offers one under an address, the browser fetches it there, and the rows
go out as the engine writes them. Nothing of it lies in memory or on a disk as a whole.

An address holds for the session that was offered it, in the process that offered it, until many newer ones came.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import NotFound
from reports.spec import ReportSpec
from reports.streamed import write_csv
from security.actor import Actor
from security.rules import look

MOST = 2_000
PIECE = 1 << 20
"""Bytes that are handed on at a time."""
AHEAD = 4
"""Pieces that wait for a slow reader; then the engine waits."""
_lock = threading.Lock()
_waiting: OrderedDict[str, _List] = OrderedDict()
_known: dict[tuple[str, str], str] = {}


@dataclass(frozen=True)
class _List:
    name: str
    spec: ReportSpec
    params: Mapping[str, Any]
    file_name: str
    session: str
    key: tuple[str, str]


@dataclass(frozen=True)
class Sent:
    """A file on its way: its name and its bytes as they come."""

    file_name: str
    pieces: Iterator[bytes]


def offer(name: str, spec: ReportSpec, params: Mapping[str, Any], file_name: str, *, by: Actor) -> str:
    """The id under which this person's browser may fetch the list; the same for the same question.

    Raises NotPermitted.
    """
    with look(by, "reports.export"):
        pass
    key = by.session_id or "", repr((name, spec.model_dump_json(), sorted(params.items(), key=str), file_name))
    with _lock:
        found = _known.get(key)
        if found is None:
            found = _known[key] = uuid.uuid4().hex
            _waiting[found] = _List(name, spec, dict(params), file_name, by.session_id or "", key)
        _waiting.move_to_end(found)
        while len(_waiting) > MOST:
            _, old = _waiting.popitem(last=False)
            _known.pop(old.key, None)
    return found


def fetch(id: str, *, by: Actor) -> Sent:
    """Start the list that waits under this id. Returns once its first bytes are there; raises NotFound for what was not
    offered to this session, NotPermitted, and what reports.run.run_spec raises."""
    with look(by, "reports.export"):
        pass
    with _lock:
        found = _waiting.get(id)
    if found is None or not by.session_id or found.session != by.session_id:
        raise NotFound(what="file", name="waiting at this address")
    pipe = _Pipe()
    threading.Thread(target=_fill, args=(found, pipe, by), name="report file", daemon=True).start()
    pieces = pipe.pieces()
    first = next(pieces)
    return Sent(found.file_name, _then(first, pieces))


def _fill(one: _List, pipe: _Pipe, by: Actor) -> None:
    try:
        write_csv(one.name, one.spec, one.params, pipe, by=by)  # type: ignore[arg-type]
        pipe.flush()
        pipe.end()
    except _LeftAlone:
        return
    except BaseException as failure:
        pipe.end(failure)


class _LeftAlone(Exception):
    """Nobody takes the rows any more."""


class _Pipe:
    """Bytes from the thread that writes to the one that sends; whoever is faster waits."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
        self._held = bytearray()
        self._over = threading.Event()

    def write(self, data: Any) -> int:
        size = len(data)
        for start in range(0, size, PIECE):
            self._held += data[start : start + PIECE]
            if len(self._held) >= PIECE:
                self.flush()
        return size

    def flush(self) -> None:
        if self._held:
            self._put(bytes(self._held))
            self._held.clear()

    def end(self, failure: BaseException | None = None) -> None:
        with contextlib.suppress(_LeftAlone):
            self._put(failure)

    def _put(self, piece: bytes | BaseException | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(piece, timeout=1)
                return
        raise _LeftAlone

    def pieces(self) -> Iterator[bytes]:
        try:
            while (piece := self._queue.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            self._over.set()


def _then(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
