"""The page as programs read it: status.json and an Atom feed."""

from __future__ import annotations

import json
import sqlite3
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from watcher import incidents, uptime
from watcher.clock import iso
from watcher.probes import PARTS, parts_of
from watcher.settings import Config
from watcher.store import fact

MOST_ENTRIES = 50


def overall(db: sqlite3.Connection) -> str:
    """How it all stands: up, trouble, down, or unknown."""
    states = {row["name"]: row["state"] for row in db.execute("SELECT name, state FROM part")}
    kinds = {row["kind"] for row in db.execute("SELECT kind FROM incident WHERE resolved_at IS NULL")}
    if states.get("app") == "down" or states.get("database") == "down":
        return "down"
    if "outage" in kinds or "trouble" in kinds or "down" in states.values():
        return "trouble"
    return "up" if states.get("app") == "up" else "unknown"


def status(db: sqlite3.Connection, config: Config, now: float) -> dict[str, Any]:
    """What status.json says."""
    zone = config.tz()
    rows = {row["name"]: row for row in db.execute("SELECT * FROM part")}
    return {
        "title": config.title,
        "url": config.url,
        "state": overall(db),
        "checked_at": iso(float(fact(db, "checked_at", "0"))),
        "every_seconds": config.limits.interval,
        "old_after_seconds": config.limits.old_minutes * 60,
        "goal_percent": config.limits.goal,
        "parts": [
            {
                "key": part, "name": PARTS[part], "state": rows[part]["state"] if part in rows else "unknown",
                "words": rows[part]["words"] if part in rows else "", "months": [
                    {"month": f"{first:%Y-%m}"} | _numbers(found, config)
                    for first, found in uptime.months(db, part, now, zone)
                ],
            }
            for part in parts_of(config)
        ],
        "open": [_incident(one) for one in incidents.listed(db, since=now) if one.is_open],
        "past": [_incident(one) for one in incidents.listed(db, since=now - 90 * 86_400) if not one.is_open],
    }  # fmt: skip


def _numbers(found: uptime.Uptime, config: Config) -> dict[str, Any]:
    return {
        "seconds_up": round(found.up), "seconds_down": round(found.down), "seconds_not_measured": round(found.unknown),
        "seconds_allowed": round(found.allowed(config.limits.goal)), "percent_of_measured": found.share,
    }  # fmt: skip


def _incident(one: incidents.Incident) -> dict[str, Any]:
    return {
        "id": one.id, "kind": one.kind, "title": one.title, "state": one.state, "part": one.part,
        "opened_at": iso(one.opened_at), "resolved_at": None if one.resolved_at is None else iso(one.resolved_at),
        "updates": [{"at": iso(step.at), "state": step.state, "body": step.body} for step in one.updates],
    }  # fmt: skip


def as_json(document: dict[str, Any]) -> bytes:
    """The file's bytes."""
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()


def atom(db: sqlite3.Connection, config: Config) -> bytes:
    """The Atom feed: one entry for each step of each incident, the latest first."""
    rows = db.execute(
        "SELECT u.*, i.title, i.kind FROM incident_update u JOIN incident i ON i.id = u.incident "
        "ORDER BY u.at DESC, u.rowid DESC LIMIT ?", (MOST_ENTRIES,),
    ).fetchall()  # fmt: skip
    base = config.url.rstrip("/")
    latest = iso(rows[0]["at"]) if rows else iso(float(fact(db, "first", "0")))
    entries = "".join(
        f"<entry><id>urn:uuid:{_uuid(row['id'])}</id>"
        f"<title>{escape(row['title'])} ({escape(incidents.STATES[row['state']].lower())})</title>"
        f"<updated>{iso(row['at'])}</updated><published>{iso(row['at'])}</published>"
        f'<link rel="alternate" type="text/html" href={quoteattr(f"{base}/#i-" + row["incident"])}/>'
        f"<category term={quoteattr(row['kind'])}/>"
        f'<content type="text">{escape(row["body"])}</content></entry>\n'
        for row in rows
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f"<id>{fact(db, 'feed')}</id><title>{escape(config.title)}: status</title><updated>{latest}</updated>"
        f"<author><name>{escape(config.title)}</name></author>"
        f'<link rel="self" type="application/atom+xml" href={quoteattr(base + "/feed.atom")}/>'
        f'<link rel="alternate" type="text/html" href={quoteattr(base + "/")}/>\n{entries}</feed>\n'
    ).encode()


def _uuid(number: str) -> str:
    return f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"
