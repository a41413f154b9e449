"""Moves in a window of the browser that several tests make."""

from __future__ import annotations

from typing import Any

TURN = """path => {
    const app = document.querySelector('[data-testid=stApp]')
    const turn = window.turn = {ran: false, at: performance.now()}
    turn.watcher = new MutationObserver(changes => {
        turn.at = performance.now()
        turn.ran ||= changes.some(one => one.attributeName === 'data-test-script-state')
    })
    turn.watcher.observe(app, {subtree: true, childList: true, attributes: true, characterData: true})
    history.pushState({}, '', path)
    dispatchEvent(new PopStateEvent('popstate'))
}"""
# A run so short that the page never said it was running is told by a long silence.
DRAWN = """() => {
    const {ran, at} = window.turn, quiet = performance.now() - at
    const idle = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    const stale = document.querySelector('[data-stale=true]')
    return idle && !stale && quiet > (ran ? 100 : 2000)
}"""
QUIET = """quiet => {
    const idle = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    if (!idle) window.busyAt = performance.now()
    return performance.now() - window.busyAt > quiet
}"""


def turn_to(page: Any, path: str) -> None:
    """Open another page of the app as the browser's Back does, without loading all of Streamlit's scripts again."""
    page.evaluate(TURN, path)
    page.wait_for_function(DRAWN, timeout=30_000)
    page.evaluate("window.turn.watcher.disconnect()")


def settled(page: Any, quiet: int = 300) -> None:
    """Wait until no script of the page has run for some milliseconds."""
    page.evaluate("window.busyAt = performance.now()")
    page.wait_for_function(QUIET, arg=quiet)
