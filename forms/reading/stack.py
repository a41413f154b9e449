"""Reading a stack of pages in child processes, so that no file can harm or stop the process that serves people.

Each child takes every n-th page of the file. A page on which a child dies, by its limits or by the clock, is reported
as such, and a new child goes on with the next: every page is reported exactly once.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from data.errors import BadInput
from forms.reading.told import Mark, PageReading

ROOT = Path(__file__).resolve().parents[2]
PAGE_WAIT = 45.0
"""Seconds by the clock that one page, or opening the file, may take."""


class FileNotRead(BadInput):
    """{sentence}"""

    @property
    def why(self) -> str:
        """The short name of the reason."""
        return str(self.facts["why"])


SENTENCES = {
    "heic": "This is a HEIC photo. Set the phone's camera to 'most compatible' (JPEG), or share the photo as JPEG.",
    "kind": "This is none of PDF, TIFF, JPEG or PNG. Scan the page again in one of these.",
    "bytes": "This file has more than 100 MB. Scan at 200 to 300 dpi in gray, or split it.",
    "password": "This PDF has a password. Save it without one and add it again.",
    "damaged": "This page or file is damaged and cannot be read. Scan the paper again.",
    "pages": "This file has more than 300 pages. Split it.",
    "lost": "What was kept of this file is gone or damaged. Scan the paper again.",
    "empty": "This file has no page.",
    "pixels": "This picture has more than 40 million pixels. Scan at 200 to 300 dpi.",
    "paper": "The paper of this page is larger than any that is read here, or has no size at all.",
    "small": "This picture is too small to be a page.",
    "memory": "This page needs more memory than one page may take. Scan it again at 200 to 300 dpi.",
    "time": "This page took too long and was given up. Scan it again at 200 to 300 dpi.",
    "blank": "This page is blank.",
    "no_code": "No code of a form was found on this page: it is another document, or the code is hidden.",
    "code_unreadable": "This is a page of a form, but neither of its codes can be read. Choose the sheet by hand.",
    "codes_differ": "Two codes of different sheets lie on this page. Scan each sheet by itself.",
    "refused": "The code on this page was not printed by this clinic, or it was altered or misread.",
    "unknown": "The code on this page is in order, but no such sheet was ever printed here.",
    "not_placed": "The page is known, but too little of its corners is seen. Scan it again with all corners.",
    "card_number": "A card number stands on this page. The page was destroyed here: shred the paper.",
    "maybe_card": "This may hold a card number: look, and destroy it or keep it.",
    "slip": "This is a card slip, which is never kept. It was destroyed here: shred the paper once it is keyed.",
}  # fmt: skip
"""What each trouble of a page or file means, as a person reads it."""


@dataclass
class PageRead(PageReading):
    """One page as read, for whoever asked: ``trouble`` is empty or a key of SENTENCES, ``upright`` a JPEG for people,
    ``known`` what the caller's ``identify`` made of its codes."""

    known: Any = None

    @property
    def sentence(self) -> str:
        """What is wrong with it, in words; empty where nothing is."""
        return SENTENCES.get(self.trouble, "")


@dataclass(frozen=True)
class Known:
    """A page that was recognised: ``name`` is the same for pages with the same boxes; ``what`` is the caller's."""

    name: str
    size: tuple[float, float]
    boxes: Sequence[tuple[float, float]]
    what: Any = None


Identify = Callable[[Sequence[str]], Known | str]
"""Told the texts of the codes on a page, answers what page it is, or a key of SENTENCES why it is not to be read."""


def read_stack(
    content: bytes, identify: Identify, *, processes: int = 1, counted: Callable[[int], None] | None = None
) -> Iterator[PageRead]:
    """Read every page of a file (PDF, TIFF, JPEG, PNG), as they come, each exactly once.

    ``identify`` and ``counted``, which is told how many pages there are, are called in threads of this process. Raises
    FileNotRead when there is no page to be read at all.
    """
    with _file(content) as file:
        done: queue.Queue[PageRead | BaseException | None] = queue.Queue(maxsize=64)
        stop = threading.Event()
        readers = [_Reader(file.fileno(), number, processes, identify, done, stop) for number in range(processes)]
        for reader in readers:
            reader.counted = counted if reader is readers[0] else None
            reader.start()
        left = len(readers)
        try:
            while left:
                told = done.get()
                if told is None:
                    left -= 1
                elif isinstance(told, BaseException):
                    raise told
                else:
                    yield told
        finally:
            stop.set()
            for reader in readers:
                reader.end()
            while any(reader.is_alive() for reader in readers):
                with contextlib.suppress(queue.Empty):
                    done.get(timeout=0.05)


def without_pages(content: bytes, pages: Sequence[int]) -> bytes:
    """The file without some pages, cut in a child process; empty where none is left. Raises FileNotRead."""
    with _file(content) as file:
        reader = _Reader(file.fileno(), 0, 1, lambda _: "refused", queue.Queue(), threading.Event())
        return reader.cut(sorted(pages))


def read_known(content: bytes, page: int, known: Known) -> PageRead:
    """One page of a file, of which a person said what it is; ``page`` counts from 0. Raises FileNotRead."""
    with _file(content) as file:
        reader = _Reader(file.fileno(), 0, 1, lambda _: "refused", queue.Queue(), threading.Event())
        return reader.one(page, known)


class _Died(Exception):
    """The child is gone."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Reader(threading.Thread):
    """One child after another, for every ``step``-th page from ``first``."""

    def __init__(
        self, descriptor: int, first: int, step: int, identify: Identify, done: queue.Queue[Any], stop: threading.Event
    ) -> None:
        super().__init__(daemon=True, name="reading")
        self.descriptor, self.first, self.step = descriptor, first, step
        self.identify, self.done, self.stop = identify, done, stop
        self.count: int | None = None
        self.next = first
        self.child: subprocess.Popen[bytes] | None = None
        self.counted: Callable[[int], None] | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set() and (self.count is None or self.next < self.count):
                try:
                    self._session()
                    break
                except _Died as death:
                    if self.count is None:
                        raise FileNotRead(sentence=SENTENCES[death.why], why=death.why) from None
                    self.done.put(PageRead(self.next, death.why))
                    self.next += self.step
        except BaseException as problem:
            if not self.stop.is_set():
                self.done.put(problem)
        finally:
            self.done.put(None)

    def cut(self, pages: Sequence[int]) -> bytes:
        """What the child leaves of the file without some pages."""
        return bytes(self._asked({"cut": list(pages)}, 1).get("picture", b""))

    def one(self, number: int, known: Known) -> PageRead:
        """One page whose place on paper is known."""
        target = {"size": known.size, "boxes": list(known.boxes)}
        return _page(self._asked({"page": number, "target": target}, 2), known.what)

    def _asked(self, what: dict[str, Any], answers: int) -> dict[str, Any]:
        """The last of the answers of a child that does one thing."""
        self.child = _start(self.descriptor)
        try:
            self._tell(what)
            for _ in range(answers):
                told = self._hear()
                if "refused" in told:
                    raise FileNotRead(sentence=SENTENCES[told["refused"]], why=told["refused"])
            return told
        except _Died as death:
            raise FileNotRead(sentence=SENTENCES[death.why], why=death.why) from None
        finally:
            self._leave(self.child)

    def end(self) -> None:
        """Stop the child."""
        if self.child is not None:
            self.child.kill()

    def _session(self) -> None:
        """One child, until it has read all its pages or dies."""
        self.child = child = _start(self.descriptor)
        assert child.stdin is not None and child.stdout is not None
        try:
            self._tell({"first": self.next, "step": self.step})
            sent: set[str] = set()
            known: Any = None
            while True:
                told = self._hear()
                if "refused" in told:
                    why = told["refused"]
                    raise FileNotRead(sentence=SENTENCES[why], why=why)
                if "end" in told:
                    return
                if "count" in told:
                    if self.counted is not None and self.count is None:
                        self.counted(int(told["count"]))
                    self.count = int(told["count"])
                elif "codes" in told:
                    known = self._answer(told["codes"], sent)
                else:
                    self.done.put(_page(told, known))
                    known, self.next = None, self.next + self.step
        finally:
            self._leave(child)

    @staticmethod
    def _leave(child: subprocess.Popen[bytes]) -> None:
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        child.wait()

    def _answer(self, codes: list[str], sent: set[str]) -> Any:
        known = self.identify(codes)
        if isinstance(known, str):
            self._tell({"why": known})
            return None
        message: dict[str, Any] = {"name": known.name}
        if known.name not in sent:
            message |= {"size": known.size, "boxes": list(known.boxes)}
            sent.add(known.name)
        self._tell(message)
        return known.what

    def _tell(self, message: object) -> None:
        assert self.child is not None and self.child.stdin is not None
        with contextlib.suppress(OSError):
            self.child.stdin.write(json.dumps(message).encode() + b"\n")
            self.child.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        """The child's next message; raises _Died."""
        child = self.child
        assert child is not None and child.stdout is not None
        late = threading.Event()

        def too_late() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(PAGE_WAIT, too_late)
        timer.daemon = True
        timer.start()
        try:
            line = child.stdout.readline()
            told: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            if told.get("jpeg"):
                told["picture"] = child.stdout.read(told["jpeg"])
                if len(told["picture"]) != told["jpeg"]:
                    told = {}
        finally:
            timer.cancel()
        if not told:
            code = child.wait()
            raise _Died("time" if late.is_set() or (code in (-24, -9) and not self.stop.is_set()) else "memory")
        return told


def _page(told: dict[str, Any], known: Any) -> PageRead:
    page = told["page"]
    marks = [Mark(**mark) for mark in page.pop("marks")]
    return PageRead(**page, marks=marks, upright=told.get("picture", b""), known=known)


def _start(descriptor: int) -> subprocess.Popen[bytes]:
    """A child that shares nothing but the open file. It is found in the installed code, never in a folder of others."""
    environment = {
        "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "forms.reading.child", str(descriptor)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/", pass_fds=(descriptor,),
        start_new_session=True,
    )  # fmt: skip


def _file(content: bytes) -> IO[bytes]:
    """The content in a file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("ballast"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(content)
    file.flush()
    return file
