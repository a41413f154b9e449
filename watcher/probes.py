"""One look at the app from outside: which of its parts are up, down, or cannot be told."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from watcher.clock import read_iso
from watcher.settings import App, Config, Limits

PARTS = {
    "app": "App",
    "database": "Records",
    "worker": "Background work",
    "backup": "Backups",
    "vault": "Nightly roster mail",
}
"""What is watched, as people call it. The last three only with the app's secret."""
LARGEST = 65_536
SILENT = "Not known while the app is silent"
NOT_SET_UP = "Not set up"


@dataclass(frozen=True)
class Finding:
    """How one part was: up, down, or unknown, with words for people and a reason for whoever mends it."""

    state: str
    words: str = ""
    reason: str = ""
    ms: int | None = None


def parts_of(config: Config) -> list[str]:
    """What this watcher can see."""
    return list(PARTS) if config.app.secret else ["app", "database"]


def look(config: Config) -> dict[str, Finding]:
    """Ask the app once. It never raises and never takes longer than about twice the time-out."""
    began = time.monotonic()
    answer: list[tuple[int, Any]] = []
    reasons: list[str] = []

    def ask() -> None:
        try:
            answer.append(_ask(config.app))
        except Exception as failure:  # whatever a broken network or app comes up with, it is down
            reasons.append(f"{type(failure).__name__}: {failure}"[:200])

    asking = threading.Thread(target=ask, name="look", daemon=True)
    asking.start()
    asking.join(config.app.timeout * 2)
    ms = round((time.monotonic() - began) * 1000)
    if not answer:
        reason = reasons[0] if reasons else f"no answer within {config.app.timeout * 2:.0f} seconds"
        if config.app.control and not any(_reaches(place) for place in config.app.control):
            return dict.fromkeys(parts_of(config), Finding("unknown", "This machine's own network is down", reason))
        return _silent(config, reason)
    status, body = answer[0]
    found = judge(status, body, config.limits)
    app = found["app"]
    found["app"] = Finding(app.state, app.words, app.reason, ms)
    return {part: found.get(part, Finding("unknown", "The app does not tell")) for part in parts_of(config)}


def _silent(config: Config, reason: str) -> dict[str, Finding]:
    found = {part: Finding("unknown", SILENT) for part in parts_of(config)}
    return found | {"app": Finding("down", "Does not answer", reason)}


def judge(status: int, body: Any, limits: Limits) -> dict[str, Finding]:
    """What an answer of /health/detail or /healthz says about each part."""
    if not isinstance(body, dict) or body.get("app") != "ok" or status not in (200, 503):
        reason = f"status {status}, and not an answer of Ballast"
        return {"app": Finding("down", "Does not answer", reason)} | {
            part: Finding("unknown", SILENT) for part in list(PARTS)[1:]
        }
    found = {"app": Finding("up", "Answers")}
    if body.get("database") == "ok":
        found["database"] = Finding("up", "Can be read and written")
    else:
        found["database"] = Finding("down", "Cannot be read", "the app says that its database is down")
    for part, judged in (("worker", _worker), ("backup", _backup), ("vault", _vault)):
        try:
            found[part] = judged(body, limits)
        except (KeyError, TypeError, ValueError, AttributeError):
            found[part] = Finding("unknown", "The app does not tell")
    return found


def _worker(body: dict[str, Any], limits: Limits) -> Finding:
    age = body["worker"]["age"]
    if age is None:
        return Finding("down", "Has not started yet", "no sign of life so far")
    if float(age) > limits.worker_seconds:
        return Finding("down", "Stands still", f"last sign of life {float(age):.0f} seconds ago")
    return Finding("up", "Runs")


def _backup(body: dict[str, Any], limits: Limits) -> Finding:
    age = body["backup"]["age"]
    if age is None:
        return Finding("down", "None was made yet", "no good backup so far")
    hours = float(age) / 3600
    words = "The last good one is under an hour old" if hours < 1 else f"The last good one is {_hours(hours)} old"
    if hours > limits.backup_hours:
        return Finding("down", words, f"older than {limits.backup_hours:g} hours")
    return Finding("up", words)


def _hours(hours: float) -> str:
    number, unit = (round(hours), "hour") if hours < 48 else (int(hours / 24), "day")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _vault(body: dict[str, Any], limits: Limits) -> Finding:
    clinics = [_vault_of(clinic, read_iso(body["at"]), limits) for clinic in body["clinics"]]
    set_up = [one for one in clinics if one.state != "off"]
    if not set_up:
        return Finding("unknown", NOT_SET_UP)
    return next((one for one in set_up if one.state == "down"), set_up[0])


def _vault_of(clinic: dict[str, Any], at: float, limits: Limits) -> Finding:
    state, last = clinic["vault"]["state"], clinic["vault"]["day"]
    today = date.fromisoformat(clinic["today"])
    if state == "off":
        return Finding("off")
    if state == "sent":
        return Finding("up", "Today's went out")
    minutes = (at - read_iso(clinic["began"])) / 60
    if minutes >= limits.vault_minutes:
        late = f"{limits.vault_minutes // 60:02}:{limits.vault_minutes % 60:02}"
        return Finding("down", f"Today's had not gone out by {late}", f"clinic {clinic['name']}: {state}")
    if last is None:
        return Finding("unknown", "The first one is due")
    if date.fromisoformat(last) < today - timedelta(days=1):
        return Finding("down", f"The last one was for {last}", f"clinic {clinic['name']}: {state}")
    return Finding("up", "Yesterday's went out")


def _ask(app: App) -> tuple[int, Any]:
    if app.secret:
        status, body = _get(app, "/health/detail", {"Authorization": f"Bearer {app.secret}"})
        if status not in (401, 403, 404):
            return status, body
    return _get(app, "/healthz", {})


def _get(app: App, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    parts = urlsplit(app.url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=app.ca_file or None)
        connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=app.timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port or 80, timeout=app.timeout)
    try:
        connection.request(
            "GET", parts.path.rstrip("/") + path,
            headers={"Accept": "application/json", "User-Agent": "ballast-watcher", "Connection": "close"} | headers,
        )  # fmt: skip
        answer = connection.getresponse()
        text = answer.read(LARGEST + 1)
        if len(text) > LARGEST:
            return answer.status, None
        try:
            return answer.status, json.loads(text)
        except (ValueError, RecursionError):
            return answer.status, None
    finally:
        connection.close()


def _reaches(place: str) -> bool:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
