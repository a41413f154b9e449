"""The worker as a child of the app: started with it, started again when it dies, ended with it.

``BALLAST_NO_WORKER`` says that it runs elsewhere. It is started by ``subprocess``, never by multiprocessing, whose
children would run the page script again.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from web.faults import LOG

ROOT = Path(__file__).parent.parent
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STOOD = 60.0
"""Seconds a child must have lived for the next pause to be short again."""


def has_worker() -> bool:
    """Whether this installation has a worker to start."""
    return "__main__" in (ROOT / "worker.py").read_text()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: not left behind when the app is killed


class Child:
    """One supervised child process."""

    def __init__(self, command: list[str], home: Path, *, first_pause: float = FIRST_PAUSE) -> None:
        self.command = command
        self.home = home
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._first_pause = first_pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def start(self) -> None:
        """Start it and keep it running."""
        self._thread.start()

    def stop(self, patience: float = 8.0) -> None:
        """End it: politely first."""
        self._ending.set()
        process = self.process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(patience)

    def _watch(self) -> None:
        while not (self.home / "home.json").is_file():  # a first run has yet to make it
            if self._ending.wait(2):
                return
        pause = self._first_pause
        while not self._ending.is_set():
            began = time.monotonic()
            self.starts += 1
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent
            )
            code = self.process.wait()
            if self._ending.is_set():
                return
            pause = self._first_pause if time.monotonic() - began > STOOD else min(pause * 2, LONGEST_PAUSE)
            LOG.warning("the worker ended with code %s; it starts again in %.0f s", code, pause)
            self._ending.wait(pause)


def start_worker(home: Path) -> Child | None:
    """Start the worker of a home as soon as there is one, unless it runs elsewhere."""
    if os.environ.get("BALLAST_NO_WORKER") or not has_worker():
        return None
    child = Child([sys.executable, "-m", "worker", "--home", str(home)], home)
    child.start()
    return child
