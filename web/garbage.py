"""Full garbage collections that stay short.

Streamlit collects all generations after every script. What outlives a full collection (modules, SQLAlchemy's compiled
statements, the caches) is looked at again each time, which made up half of a page's CPU. So the survivors of a
collection that took long are frozen: the next one passes them by. Every ten minutes they are let back, so that what
has died among them is freed after all.
"""

from __future__ import annotations

import gc
import time

LONG = 0.004
"""Seconds; a collection with nothing but young objects takes about one millisecond."""
THAW_EVERY = 600.0


class ShortCollections:
    """A ``gc`` callback. Before a full collection it may thaw, after a long one it freezes."""

    def __init__(self) -> None:
        self.began = 0.0
        self.thawed = time.monotonic()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Told by the interpreter of each collection."""
        if info["generation"] < 2:
            return
        now = time.monotonic()
        if phase == "start":
            if now - self.thawed > THAW_EVERY:
                self.thawed = now
                gc.unfreeze()
            self.began = now
        elif now - self.began > LONG:
            gc.freeze()


def keep_collections_short() -> None:
    """Install the callback, once a process."""
    if not any(isinstance(callback, ShortCollections) for callback in gc.callbacks):
        gc.callbacks.append(ShortCollections())
