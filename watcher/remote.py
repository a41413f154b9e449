"""Posting incidents to a watcher on another machine: its address and the shared secret are all that is needed."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from watcher.incidents import BadIncident
from watcher.settings import BadConfig
from watcher.store import new_id

TIMEOUT = 15.0
LARGEST = 400_000


class NoAnswer(OSError):
    """The watcher did not answer, in a sentence."""


def secret_of(file: str) -> str:
    """The secret out of a file, else of ``WATCHER_SECRET``. Raises BadConfig."""
    found = Path(file).read_text().strip() if file else os.environ.get("WATCHER_SECRET", "").strip()
    if len(found) < 20 or not found.isascii() or not found.isprintable():
        raise BadConfig("say the secret of Settings > Status page: --secret-file FILE, or the variable WATCHER_SECRET")
    return found


def ask(url: str, secret: str, question: dict[str, Any]) -> dict[str, Any]:
    """One question to the watcher's ``/incidents``. Raises BadConfig, BadIncident, NoAnswer."""
    parts = urlsplit(url.rstrip("/") + "/incidents")
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.username or parts.query:
        raise BadConfig("--url must be the watcher's address, such as https://status.example.org")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise BadConfig("--url must begin with https://, as the secret goes there")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
        connection.request("POST", parts.path, json.dumps(question).encode(), {
            "Authorization": f"Bearer {secret}", "Content-Type": "application/json",
        })  # fmt: skip
        answer = connection.getresponse()
        text, status = answer.read(LARGEST), answer.status
        connection.close()
        told = json.loads(text)
    except (OSError, http.client.HTTPException, ssl.SSLError, ValueError, RecursionError) as failure:
        raise NoAnswer(f"the watcher at {parts.hostname} did not answer: {type(failure).__name__}") from None
    if not isinstance(told, dict):
        raise NoAnswer(f"what answers at {parts.hostname} is no watcher")
    if status in (401, 403):
        raise BadConfig("the watcher does not know this secret: copy the one of Settings > Status page")
    if status >= 500:
        raise NoAnswer(f"the watcher at {parts.hostname} had trouble of its own; try again")
    if status >= 400:
        raise BadIncident(str(told.get("problem", f"the watcher refused: {status}"))[:300])
    return told


def listed(url: str, secret: str) -> list[dict[str, Any]]:
    """The incidents that stand. Raises what ``ask`` raises."""
    return [one for one in ask(url, secret, {"list": True}).get("incidents", []) if isinstance(one, dict)]


def open_one(url: str, secret: str, *, title: str, body: str, kind: str, until: str, key: str) -> dict[str, Any]:
    """Put an incident on the page; what the watcher tells of it."""
    about = {"title": title, "body": body, "kind": kind, "until": until}
    return ask(url, secret, about | {"from": "command", "key": key or new_id()})


def add_step(url: str, secret: str, given: str, *, body: str, state: str, key: str) -> dict[str, Any]:
    """Add a step to the incident whose id begins so; ``-`` is the only open one."""
    there = [str(one.get("id", "")) for one in listed(url, secret)]
    fitting = there if given == "-" else [one for one in there if given and one.startswith(given.lower())]
    if len(fitting) != 1:
        what = "open incident" if given == "-" else f"open incident that begins with {given}"
        raise BadIncident(f"There is {'no' if not fitting else 'more than one'} {what}.")
    about = {"id": fitting[0], "body": body, "state": state}
    return ask(url, secret, about | {"from": "command", "key": key or new_id()})


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
