"""Moves in a window of the browser that several tests make."""

from __future__ import annotations

from typing import Any

QUIET = """quiet => {
    const idle = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    if (!idle) window.busyAt = performance.now()
    return performance.now() - window.busyAt > quiet
}"""


def settled(page: Any, quiet: int = 300) -> None:
    """Wait until no script of the page has run for some milliseconds."""
    page.evaluate("window.busyAt = performance.now()")
    page.wait_for_function(QUIET, arg=quiet)
