"""The app's side of the status page: what the watcher says about us, who gets its mails, and notices for it.

The watcher is another process on another machine; it may be slow or away, so each question has a short time-out and
nothing here holds a transaction while it waits. Addresses leave as hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import select

from data.errors import BadInput, EnvironmentFailure
from data.kept import kept
from data.models import Clinic
from data.session import everywhere, read
from data.tls import trusted
from data.types import clock
from outage.settings import StatusPage, is_safe_address, status_page
from outage.status_secret import secret_of
from security.actor import Actor
from security.rules import act, look

PATIENCE = httpx.Timeout(4.0, connect=2.0)
LARGEST = 400_000
"""Bytes an answer may have."""
MOST_ADDRESSES = 2_000
OLD = timedelta(minutes=5)
STATES = {"up": "Everything works", "trouble": "Something is not as it should be", "down": "The app is down",
          "unknown": "Nothing was measured yet"}  # fmt: skip


class NoStatusPage(BadInput):
    """No status page is set up yet. Enter its address and draw the shared secret under Settings > Status page."""


class WatcherSilent(EnvironmentFailure):
    """The watcher of the status page did not answer. Look whether it runs on its machine, then try again."""


class WatcherRefused(EnvironmentFailure):
    """The watcher of the status page refused: {answer}"""


@dataclass(frozen=True)
class Incident:
    """An incident that stands on the page."""

    title: str
    kind: str
    state: str
    opened_at: datetime


@dataclass(frozen=True)
class Summary:
    """What the page says. ``is_old``: the watcher itself has not looked for more than five minutes."""

    state: str
    words: str
    checked_at: datetime
    is_old: bool
    parts: dict[str, str]
    """Name to state: up, down, unknown."""
    open: tuple[Incident, ...]


def settings_of(*, by: Actor) -> StatusPage:
    """Where the clinic's status page stands. Raises NotPermitted."""
    with look(by, None) as session:
        return status_page(session)


def link(*, by: Actor) -> str:
    """Where people read the status page; empty where there is none."""
    return settings_of(by=by).url


def link_for_anybody() -> str:
    """Where people read it who are not signed in: told only where the whole installation has one page."""
    with everywhere() as session:
        ids = session.scalars(select(Clinic.id).where(Clinic.closed_at.is_(None))).all()
    found = {_page_of(clinic_id).url for clinic_id in ids[:20]}
    return found.pop() if len(found) == 1 else ""


def _page_of(clinic_id: str) -> StatusPage:
    def ask() -> StatusPage:
        with read(clinic_id) as session:
            return status_page(session)

    return kept(clinic_id, 0, ("status page",), ask, timedelta(seconds=60))


def summary(*, by: Actor) -> Summary | None:
    """What the status page says now; None where there is none or it does not answer. Asked at most once a minute."""
    page = settings_of(by=by)
    if not page.url:
        return None
    return kept(by.clinic_id, 0, ("status summary", page.url), lambda: _summary(page), timedelta(seconds=60))


def _summary(page: StatusPage) -> Summary | None:
    try:
        told = _asked("GET", page.url.rstrip("/") + "/status.json")
        checked = datetime.fromisoformat(told["checked_at"])
        return Summary(
            str(told["state"]),
            STATES.get(str(told["state"]), STATES["unknown"]),
            checked,
            clock.now() - checked > OLD,
            {str(part["name"]): str(part["state"]) for part in told["parts"]},
            tuple(
                Incident(
                    str(one["title"]), str(one["kind"]), str(one["state"]), datetime.fromisoformat(one["opened_at"])
                )
                for one in told["open"]
            ),
        )
    except (WatcherSilent, WatcherRefused, KeyError, TypeError, ValueError):
        return None


def subscribed(emails: Collection[str], *, by: Actor) -> dict[str, bool] | None:
    """For each address whether its owner gets the mails of the status page; None where that cannot be known: no page,
    no secret, switched off, or no answer. The watcher learns hashes only. Raises NotPermitted."""
    with look(by, None) as session:
        page, secret = status_page(session), secret_of(session)
    if not (page.asked_at() and secret and page.checks_subscribers):
        return None
    by_hash = {address_hash(email): email for email in emails if email}
    hashes = sorted(by_hash)[:MOST_ADDRESSES]
    try:
        told = _asked("POST", page.asked_at() + "/check", secret, {"hashes": hashes})
        confirmed = set(told["confirmed"])
    except (WatcherSilent, WatcherRefused, KeyError, TypeError):
        return None
    return {by_hash[one]: one in confirmed for one in hashes}


def address_hash(email: str) -> str:
    """What the watcher is told of an address: SHA-256 of it, trimmed and in lower case."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def post_incident(
    title: str, body: str, *, by: Actor, key: str, kind: str = "notice", until: datetime | None = None
) -> str:
    """Put a notice, outage or maintenance on the status page and mail it to its subscribers; returns its id there.

    ``key`` makes it stand there once, however often this is asked. A notice with ``until`` ends by itself.
    Raises NotPermitted, NoStatusPage, WatcherSilent, WatcherRefused.
    """
    with look(by, "settings.edit") as session:
        page, secret = status_page(session), secret_of(session)
    if not (page.asked_at() and secret):
        raise NoStatusPage()
    sent = {"title": title, "body": body, "kind": kind, "key": key, "until": until.isoformat() if until else None}
    told = _asked("POST", page.asked_at() + "/incidents", secret, sent)
    number = str(told["id"])
    with act(by, "settings.edit", key=f"status-page:{key}") as work:
        if not work.repeated:
            work.audit("status_page.posted", "incident", number, kind=kind)
            work.result = number
    return number


def end_incident(posted_as: str, body: str, *, by: Actor) -> None:
    """End what was posted under a key, with a last word; nothing where it is over or never stood there.

    Raises NotPermitted, NoStatusPage, WatcherSilent, WatcherRefused.
    """
    with look(by, "settings.edit") as session:
        page, secret = status_page(session), secret_of(session)
    if not (page.asked_at() and secret):
        raise NoStatusPage()
    sent = {"of": posted_as, "key": f"{posted_as}:end", "state": "resolved", "body": body}
    number = str(_asked("POST", page.asked_at() + "/incidents", secret, sent)["id"])
    with act(by, "settings.edit") as work:
        work.audit("status_page.ended", "incident", number)


def try_connection(*, by: Actor) -> str:
    """Ask the watcher a question that needs the secret; what it answered, in words.

    Raises NotPermitted, NoStatusPage, WatcherSilent, WatcherRefused.
    """
    with look(by, "settings.edit") as session:
        page, secret = status_page(session), secret_of(session)
    if not (page.asked_at() and secret):
        raise NoStatusPage()
    told = _asked("POST", page.asked_at() + "/check", secret, {"hashes": []})
    number = int(told.get("subscribers", 0))
    return f"The watcher knows the secret. {number} {'address gets' if number == 1 else 'addresses get'} its mails."


def _asked(method: str, url: str, secret: str = "", body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One question to the watcher. Raises WatcherSilent, WatcherRefused."""
    if not is_safe_address(url):
        raise WatcherRefused(answer="its address is not https.")
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    try:
        with (
            httpx.Client(timeout=PATIENCE, follow_redirects=False, verify=trusted()) as client,
            client.stream(method, url, headers=headers, json=body) as answer,
        ):
            text = bytearray()
            for piece in answer.iter_bytes():
                text += piece
                if len(text) > LARGEST:
                    raise WatcherRefused(answer="its answer was far too long.")
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise WatcherSilent() from failure
    if status in (401, 403):
        raise WatcherRefused(answer="it does not know our secret. Copy the one drawn last into its configuration.")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise WatcherSilent() from failure
    if status >= 500 or not isinstance(told, dict):
        raise WatcherSilent()
    if status >= 400:
        raise WatcherRefused(answer=str(told.get("problem", f"status {status}."))[:200])
    return told
