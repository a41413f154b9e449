"""Time: UTC seconds as people's clocks say, and seconds that never jump. Tests set their own."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since 1970, in UTC. Somebody may set this clock."""
        return time.time()

    def steady(self) -> float:
        """Seconds since some moment. Nobody can set this one."""
        return time.monotonic()

    def wait(self, stopping: threading.Event, seconds: float) -> bool:
        """Wait; true when it is time to end."""
        return stopping.wait(seconds)


def iso(at: float) -> str:
    """An instant as programs read it: 2026-11-22T21:00:00Z."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_iso(text: str) -> float:
    """An instant that a program wrote; it must name its zone. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found.timestamp()
