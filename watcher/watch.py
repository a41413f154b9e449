"""The round: look, judge, book, write the page. It survives whatever happens to the app, the disk or the clock."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from watcher import feed, files, incidents, page, probes, subscribers, uptime
from watcher.clock import Clock
from watcher.probes import Finding
from watcher.settings import Config
from watcher.store import Store, fact, remember

log = logging.getLogger("watcher")
KEEP_LOOKS = 14 * 86_400.0
JUMPED = 5.0
"""Seconds by which the two clocks may disagree about one round."""


class Watch:
    """Looks at the app again and again."""

    def __init__(
        self, config: Config, store: Store, clock: Clock,
        look: Callable[[Config], dict[str, Finding]] = probes.look, told: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.config, self.store, self.clock, self._look, self._told = config, store, clock, look, told
        self._last: tuple[float, float, dict[str, str]] | None = None
        self._tidied = float("-inf")

    def run(self, stopping: threading.Event) -> None:
        """Look until it is time to end."""
        sweep(self.config)
        while not stopping.is_set():
            began = self.clock.steady()
            try:
                self.round()
            except Exception:  # a full disk or a locked file: the next round may do better
                log.exception("a round failed")
            rest = self.config.limits.interval - (self.clock.steady() - began)
            if self.clock.wait(stopping, max(1.0, rest)):
                return

    def round(self) -> dict[str, Finding]:
        """One look and all that follows from it."""
        found = self._look(self.config)
        now, steady = self.clock.now(), self.clock.steady()
        with self.store.write() as db:
            uptime.note_first(db, now, self.config.tz())
            self._book(db, now, steady)
            for part, finding in found.items():
                judge(db, self.config, now, part, finding)
                db.execute(
                    "INSERT INTO look (at, part, state, ms, reason) VALUES (?, ?, ?, ?, ?)",
                    (now, part, finding.state, finding.ms, finding.reason),
                )
            incidents.end_expired(db, now)
            remember(db, "checked_at", now)
            if not 0 <= steady - self._tidied < 3600:
                self._tidied = steady
                db.execute("DELETE FROM look WHERE at < ? OR at > ?", (now - KEEP_LOOKS, now + 86_400))
                subscribers.forget_unconfirmed(db, now)
        self._last = now, steady, {part: finding.state for part, finding in found.items()}
        write_page(self.config, self.store, now)
        self._told()
        return found

    def _book(self, db: sqlite3.Connection, now: float, steady: float) -> None:
        if self._last is None:
            return
        last_now, last_steady, states = self._last
        seconds = steady - last_steady
        longest = self.config.limits.interval * 2 + self.config.app.timeout * 4 + 10
        if not 0 < seconds <= longest:
            return  # nobody looked for so long
        if abs((now - last_now) - seconds) > JUMPED:
            log.warning("the clock of this machine was set by %.0f seconds", (now - last_now) - seconds)
        uptime.book(db, states, now, seconds, self.config.tz())


def judge(db: sqlite3.Connection, config: Config, now: float, part: str, finding: Finding) -> None:
    """What one finding changes: a part is down after so many failures in a row, up again after so many successes."""
    row = db.execute("SELECT * FROM part WHERE name = ?", (part,)).fetchone()
    state = row["state"] if row else "unknown"
    since = row["since"] if row else now
    bad, good = (row["bad"], row["good"]) if row else (0, 0)
    bad_since, good_since = (row["bad_since"], row["good_since"]) if row else (None, None)
    words = finding.words
    if finding.state == "down":
        bad, good = bad + 1, 0
        bad_since = now if bad_since is None or bad_since > now else bad_since
        if state != "down" and bad >= config.limits.fail_after:
            state, since = "down", bad_since
            incidents.part_failed(db, config, now, part, bad_since, finding.words)
        elif state != "down":
            words = "The last check failed; looking again"
    elif finding.state == "up":
        bad, good = 0, good + 1
        good_since = now if good == 1 or good_since is None or good_since > now else good_since
        if state != "down":
            state, since, bad_since = "up", (since if state == "up" else now), None
        elif good >= incidents.looks_needed(db, part, config.limits.recover_after):
            incidents.part_recovered(db, config, now, part, good_since)
            state, since, bad_since = "up", good_since, None
        else:
            words = "Answers again; making sure"
    else:
        good = 0
        if state == "down" or (finding.words == probes.SILENT and not _is_app_down(db)):
            words = row["words"] if row else words  # one silent moment of the app says nothing about its parts
        elif state != "unknown":
            state, since = "unknown", now
    db.execute(
        "INSERT OR REPLACE INTO part (name, state, since, words, looked_at, bad, good, bad_since, good_since, "
        "reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (part, state, since, words, now, bad, good, bad_since, good_since, finding.reason),
    )


def _is_app_down(db: sqlite3.Connection) -> bool:
    row = db.execute("SELECT state FROM part WHERE name = 'app'").fetchone()
    return row is not None and row["state"] == "down"


def write_page(config: Config, store: Store, now: float) -> None:
    """Write index.html, status.json and feed.atom, each whole."""
    with store.read() as db:
        made = {
            "index.html": page.index(db, config, now),
            "status.json": feed.as_json(feed.status(db, config, now)),
            "feed.atom": feed.atom(db, config),
        }
    for name, body in made.items():
        files.put(Path(config.page) / name, body)


def sweep(config: Config) -> None:
    """Remove what a process that was killed left half written."""
    for left in Path(config.page).glob(".*.*"):
        if left.name.startswith((".index.html.", ".status.json.", ".feed.atom.")):
            left.unlink(missing_ok=True)


def checked_at(store: Store) -> float:
    """When the last round was."""
    with store.read() as db:
        return float(fact(db, "checked_at", "0"))
