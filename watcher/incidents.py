"""Incidents: opened and closed by what was found, or by people, each step told to everybody who subscribed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from watcher.clock import iso
from watcher.settings import Config
from watcher.store import new_id

KINDS = {"outage": "Outage", "trouble": "Trouble", "maintenance": "Maintenance", "notice": "Notice"}
STATES = {"investigating": "Looking into it", "identified": "Cause found", "monitoring": "Watching it",
          "planned": "Planned", "open": "Stands", "resolved": "Over"}  # fmt: skip
FIRST_STATE = {"outage": "investigating", "trouble": "investigating", "maintenance": "planned", "notice": "open"}
LONGEST_TITLE, LONGEST_BODY = 120, 4000
REOPENS = 1800.0
"""Seconds within which a part that fails again reopens its incident instead of making another."""

SAID = {
    "app": ("outage", "The app does not answer",
            "It has not answered since {since}. Go on with paper: the printed roster, blank forms and card slips. "
            "This page says when it is back."),
    "database": ("outage", "Records cannot be read",
                 "The app answers, but it cannot read its records since {since}. Go on with paper until it is back."),
    "worker": ("trouble", "Background work stands still",
               "Mail, scheduled reports and backups wait since {since}. The app itself can be used."),
    "backup": ("trouble", "The last backup is too old",
               "No good backup was made in time, seen at {since}. The app itself can be used."),
    "vault": ("trouble", "The nightly roster mail did not go out",
              "The mail with today's roster had not gone out at {since}. Print the roster from the app now."),
}  # fmt: skip
"""For each part the kind of incident, its title, and the words it opens with."""


class BadIncident(ValueError):
    """What is wrong with an incident, in a sentence."""


@dataclass(frozen=True)
class Update:
    """One step of an incident."""

    id: str
    at: float
    state: str
    body: str
    by: str


@dataclass(frozen=True)
class Incident:
    """Something that stands or stood on the page, with its steps, the latest first."""

    id: str
    kind: str
    title: str
    state: str
    part: str
    opened_at: float
    resolved_at: float | None
    updates: tuple[Update, ...]

    @property
    def is_open(self) -> bool:
        """Whether it still stands."""
        return self.resolved_at is None


def open_incident(
    db: sqlite3.Connection, config: Config, now: float, title: str, body: str, *, by: str, key: str = "",
    kind: str = "outage", part: str = "", since: float | None = None, until: float | None = None,
) -> str:  # fmt: skip
    """Put an incident on the page and mail it; returns its id. With a ``key`` that was used, that one's id, and no
    second mail. Raises BadIncident."""
    title, body = one_line(title, "title"), text(body, "text")
    if kind not in KINDS:
        raise BadIncident(f"The kind must be one of {', '.join(KINDS)}.")
    if until is not None and until <= now:
        raise BadIncident("It would be over already: choose a later end.")
    key = key or new_id()
    if len(key) > 200:
        raise BadIncident("The key may have at most 200 characters.")
    there = db.execute("SELECT id FROM incident WHERE key = ?", (key,)).fetchone()
    if there:
        return str(there["id"])
    number, state = new_id(), FIRST_STATE[kind]
    db.execute(
        "INSERT INTO incident (id, key, part, kind, title, state, opened_at, until, by_hand) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, key, part, kind, title, state, now if since is None else min(since, now), until, int(not part)),
    )
    _step(db, config, now, number, state, body, by)
    return number


def update_incident(
    db: sqlite3.Connection, config: Config, now: float, number: str, body: str, *, by: str, state: str = "",
    key: str = "", by_hand: bool = True,
) -> None:  # fmt: skip
    """Add a step to an incident; the state ``resolved`` ends it. The same ``key`` again adds nothing.
    Raises BadIncident."""
    body = text(body, "text")
    row = db.execute("SELECT * FROM incident WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise BadIncident(f"There is no incident {number[:40]}.")
    state = state or str(row["state"])
    if state not in STATES:
        raise BadIncident(f"The state must be one of {', '.join(STATES)}.")
    if key and db.execute("SELECT 1 FROM incident_update WHERE key = ?", (key,)).fetchone():
        return
    if row["resolved_at"] is not None and state == "resolved":
        raise BadIncident("This incident is over already.")
    _step(db, config, now, number, state, body, by, key)
    db.execute(
        "UPDATE incident SET state = ?, resolved_at = ?, by_hand = max(by_hand, ?) WHERE id = ?",
        (state, now if state == "resolved" else None, int(by_hand), number),
    )


def _step(
    db: sqlite3.Connection, config: Config, now: float, number: str, state: str, body: str, by: str, key: str = ""
) -> None:
    step = new_id()
    last = db.execute("SELECT max(at) FROM incident_update WHERE incident = ?", (number,)).fetchone()[0]
    at = max(now, (last or 0) + 0.001) if (last or 0) - now < 60 else now  # two steps in one moment keep their order
    db.execute(
        "INSERT INTO incident_update VALUES (?, ?, ?, ?, ?, ?, ?)",
        (step, number, at, state, body, by[:80], key or None),
    )
    people = [(row["id"], row["email"]) for row in db.execute("SELECT * FROM subscriber WHERE state = 'confirmed'")]
    known = {email.lower() for _, email in people}
    people += [("", address) for address in config.mail.alarm if address.lower() not in known]
    db.executemany(
        "INSERT OR IGNORE INTO mail (id, key, subscriber, recipient, purpose, incident_update, state, due_at, made_at) "
        "VALUES (?, ?, ?, ?, 'incident', ?, 'waiting', ?, ?)",
        [(new_id(), f"{step}:{email.lower()}", who, email, step, now, now) for who, email in people],
    )


def part_failed(db: sqlite3.Connection, config: Config, now: float, part: str, since: float, words: str) -> None:
    """A part is down for sure: open its incident, or reopen the one that was closed a moment ago."""
    row = db.execute("SELECT * FROM incident WHERE part = ? ORDER BY opened_at DESC LIMIT 1", (part,)).fetchone()
    if row is not None and row["resolved_at"] is None:
        update_incident(db, config, now, row["id"], f"It fails again since {when(since, config)}. {words}.",
                        by="", state="investigating", by_hand=False)  # fmt: skip
        return
    if row is not None and 0 <= now - row["resolved_at"] < REOPENS:
        db.execute("UPDATE incident SET reopened = reopened + 1 WHERE id = ?", (row["id"],))
        update_incident(db, config, now, row["id"], f"It fails again since {when(since, config)}. {words}.",
                        by="", state="investigating", by_hand=False)  # fmt: skip
        return
    kind, title, body = SAID[part]
    open_incident(
        db, config, now, title, body.format(since=when(since, config)), by="", kind=kind, part=part, since=since
    )


def part_recovered(db: sqlite3.Connection, config: Config, now: float, part: str, since: float) -> None:
    """A part is up again for sure: close its incident; where a person has taken it over, leave the closing to them."""
    row = _open_of(db, part)
    if row is None:
        return
    lasted = duration(max(0.0, since - row["opened_at"]))
    if row["by_hand"]:
        update_incident(db, config, now, row["id"], f"Our checks pass again since {when(since, config)}.",
                        by="", state="monitoring", by_hand=False)  # fmt: skip
        return
    words = f"It works again since {when(since, config)}. From the first failure that took {lasted}."
    update_incident(db, config, now, row["id"], words, by="", state="resolved", by_hand=False)


def looks_needed(db: sqlite3.Connection, part: str, recover_after: int) -> int:
    """How many good looks in a row close a part's incident: twice as many each time it was reopened."""
    row = _open_of(db, part)
    return int(recover_after * 2 ** min(row["reopened"] if row else 0, 5))


def end_expired(db: sqlite3.Connection, now: float) -> None:
    """End notices and maintenance whose time has come."""
    for row in db.execute("SELECT id FROM incident WHERE resolved_at IS NULL AND until <= ?", (now,)).fetchall():
        db.execute("UPDATE incident SET state = 'resolved', resolved_at = ? WHERE id = ?", (now, row["id"]))


def _open_of(db: sqlite3.Connection, part: str) -> sqlite3.Row | None:
    row = db.execute(
        "SELECT * FROM incident WHERE part = ? AND resolved_at IS NULL ORDER BY opened_at DESC LIMIT 1", (part,)
    ).fetchone()
    return row if isinstance(row, sqlite3.Row) else None


def listed(db: sqlite3.Connection, *, since: float = 0.0, most: int = 50) -> list[Incident]:
    """Incidents that are open or ended after an instant: open ones first, then the latest."""
    rows = db.execute(
        "SELECT * FROM incident WHERE resolved_at IS NULL OR resolved_at > ? "
        "ORDER BY resolved_at IS NOT NULL, opened_at DESC, id LIMIT ?", (since, most),
    ).fetchall()  # fmt: skip
    return [_incident(db, row) for row in rows]


def by_key(db: sqlite3.Connection, key: str) -> Incident | None:
    """The incident that was opened under a key."""
    row = db.execute("SELECT * FROM incident WHERE key = ?", (key,)).fetchone()
    return _incident(db, row) if row else None


def shown(one: Incident) -> dict[str, object]:
    """An incident for programs."""
    return {
        "id": one.id, "kind": one.kind, "title": one.title, "state": one.state, "part": one.part,
        "opened_at": iso(one.opened_at), "resolved_at": None if one.resolved_at is None else iso(one.resolved_at),
    }  # fmt: skip


def found(db: sqlite3.Connection, number: str) -> Incident | None:
    """One incident."""
    row = db.execute("SELECT * FROM incident WHERE id = ?", (number,)).fetchone()
    return _incident(db, row) if row else None


def _incident(db: sqlite3.Connection, row: sqlite3.Row) -> Incident:
    steps = db.execute("SELECT * FROM incident_update WHERE incident = ? ORDER BY at DESC, rowid DESC", (row["id"],))
    updates = tuple(Update(one["id"], one["at"], one["state"], one["body"], one["by"]) for one in steps)
    return Incident(row["id"], row["kind"], row["title"], row["state"], row["part"], row["opened_at"],
                    row["resolved_at"], updates)  # fmt: skip


def one_line(value: str, what: str) -> str:
    """A text without line breaks or control characters. Raises BadIncident."""
    value = " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
    if not value or len(value) > LONGEST_TITLE:
        raise BadIncident(f"The {what} must have 1 to {LONGEST_TITLE} characters.")
    return value


def text(value: str, what: str) -> str:
    """A text of several lines without other control characters. Raises BadIncident."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    value = "".join(letter for letter in value if letter == "\n" or letter.isprintable()).strip()
    if not value or len(value) > LONGEST_BODY:
        raise BadIncident(f"The {what} must have 1 to {LONGEST_BODY} characters.")
    return value


def when(at: float, config: Config) -> str:
    """An instant for people, in the page's zone: 22 November, 21:04 EST."""
    return moment(at, config.tz())


def moment(at: float, zone: ZoneInfo) -> str:
    """As ``when``."""
    found = datetime.fromtimestamp(at, zone)
    return f"{found.day} {found:%B, %H:%M} {found.tzname()}"


def duration(seconds: float) -> str:
    """How long, for people: 42 s, 12 min, 3 h 5 min, 2 d 4 h."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = minutes // 60
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"
