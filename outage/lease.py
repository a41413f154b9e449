"""Who reads a scan now: one reader at a time, told apart by machine, process and start.

So a reader that was killed on this machine is known to be gone at once.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from data.types import clock, new_id

LASTS = timedelta(minutes=3)
"""Longer than the longest time between two notes of a reader that lives: one page."""


@lru_cache(maxsize=1)
def _machine() -> str:
    return socket.gethostname().split(".")[0][:20].replace(":", "-")


def mark() -> str:
    """A new reader of this process."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_started(pid)}:{new_id()[-8:]}"


def is_held(reader: str, until: datetime | None) -> bool:
    """Whether a reader still reads, as far as can be known here."""
    if not reader or until is None or until <= clock.now():
        return False
    machine, _, rest = reader.partition(":")
    pid, _, rest = rest.partition(":")
    started = rest.partition(":")[0]
    return machine != _machine() or not pid.isdigit() or _started(int(pid)) == started


def _started(pid: int) -> str:
    """When a process of this machine began, as the system counts; nothing for one that is gone."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "alive" if _lives(pid) else ""
    fields = told.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _lives(pid: int) -> bool:
    """For systems without /proc."""
    if Path("/proc/self").is_dir():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
