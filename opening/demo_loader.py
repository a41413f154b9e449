"""A process beside the one that makes the demo up: it writes the history into the home while the next days are drawn.

``Loader`` is the hand that feeds it, ``main`` is the process. Converting half a million rows and inserting them takes
longer than drawing them, and threads of one process would take turns.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any

from data.engine import Database, database, use
from data.errors import EnvironmentFailure
from data.home import Home
from data.models import Base
from data.session import write

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent


class HistoryNotWritten(EnvironmentFailure):
    """The history of the sample clinic could not be written, so that the clinic is incomplete. Delete the folder {home}
    and start again; if it happens again, look for a full disk or too little memory."""


class Loader:
    """Starts the process, hands it rows, and waits at the end until all of them are written."""

    def __init__(self) -> None:
        home = database().home
        environment = os.environ | {
            "BALLAST_HOME": str(home.path), "BALLAST_KEY_FILE": str(home.key_file), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.counts: Counter[str] = Counter()
        """How many rows of each table were handed over."""
        self._home = home.path
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "opening.demo_loader"], stdin=subprocess.PIPE, env=environment, cwd="/"
        )
        self._feeder = threading.Thread(target=self._feed, daemon=True, name="history")
        self._feeder.start()

    def _feed(self) -> None:
        pipe = self._child.stdin
        assert pipe is not None
        try:
            while (message := self._waiting.get()) is not None:
                pipe.write(message)
            pipe.close()
        except OSError:  # it ended before its time: __exit__ says so
            return

    def begin(self, clinic_id: str) -> None:
        """Whose rows they are; the process waits for it before it opens the home."""
        self._waiting.put(pickle.dumps(clinic_id))

    def load(self, tables: dict[str, list[Row]]) -> None:
        """Hand rows over; they are written in the order they come, by columns of the tables named."""
        self.counts.update({name: len(rows) for name, rows in tables.items()})
        self._waiting.put(pickle.dumps(tables, protocol=pickle.HIGHEST_PROTOCOL))

    def finish(self) -> None:
        """Wait until all is written. Raises HistoryNotWritten."""
        self._waiting.put(None)
        code = self._child.wait()
        self._feeder.join()
        if code:
            raise HistoryNotWritten(home=self._home)

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is left running, whatever happened."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._waiting.put(None)


def main() -> None:
    """Read messages from standard input and write their rows: on SQLite at once, parents may follow their children."""
    gc.disable()
    clinic_id = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    opened = Database(Home.locate())
    use(opened)
    kept: dict[str, list[Row]] = defaultdict(list)
    with opened.filling_beside():
        while True:
            try:
                tables = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
            except EOFError:
                break
            for name, rows in tables.items():
                kept[name] += rows
            if opened.is_sqlite:
                _write(clinic_id, kept)
        _write(clinic_id, kept)


def _write(clinic_id: str, kept: dict[str, list[Row]]) -> None:
    models = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    for table in Base.metadata.sorted_tables:
        if rows := kept.pop(table.name, None):
            with write(clinic_id) as session:
                session.bulk(models[table.name], rows)


if __name__ == "__main__":
    main()
