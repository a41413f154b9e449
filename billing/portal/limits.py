"""How often something may be tried: counted in the memory of this process, forgotten after a while."""

from __future__ import annotations

import threading
import time
from collections import deque

MOST_KEYS = 20_000


class Limit:
    """So many times in so many seconds, for each key (an address, a clinic, a session)."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._tries: dict[str, deque[float]] = {}
        self._guard = threading.Lock()

    def allows(self, key: str) -> bool:
        """Count one more try; whether it is still within the limit. One that is refused counts no further."""
        now = time.monotonic()
        with self._guard:
            if key not in self._tries and len(self._tries) >= MOST_KEYS:
                self._forget(now)
            tries = self._tries.setdefault(key, deque())
            while tries and now - tries[0] >= self.seconds:
                tries.popleft()
            if len(tries) >= self.most:
                return False
            tries.append(now)
            return True

    def clear(self) -> None:
        """Forget everything."""
        with self._guard:
            self._tries.clear()

    def _forget(self, now: float) -> None:
        old = [key for key, tries in self._tries.items() if not tries or now - tries[-1] >= self.seconds]
        for key in old:
            del self._tries[key]
        if len(self._tries) >= MOST_KEYS:
            self._tries.clear()
