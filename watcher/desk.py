"""The form for incidents on the watcher itself: signed in by a token, working with the app dead."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from html import escape
from typing import TYPE_CHECKING

from watcher import incidents, page
from watcher.clock import Clock
from watcher.store import new_id

if TYPE_CHECKING:
    from watcher.server import Server

LASTS = 8 * 3600.0
MOST = 50
SAID = {"opened": "The incident stands on the page, and the mails are on their way.",
        "added": "The step stands on the page, and the mails are on their way."}  # fmt: skip


class SignIns:
    """Who is signed in to the form: kept in memory, gone with the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._until: dict[str, float] = {}

    def begin(self) -> str:
        """A cookie for somebody who knew the token."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._until) >= MOST:
                self._until.pop(next(iter(self._until)))
            self._until[_digest(cookie)] = self._clock.steady() + LASTS
        return cookie

    def holds(self, cookie: str) -> bool:
        """Whether this cookie is signed in."""
        with self._lock:
            return bool(cookie) and self._until.get(_digest(cookie), float("-inf")) > self._clock.steady()

    def fits(self, cookie: str, form: str) -> bool:
        """Whether a form was drawn for this signed-in cookie."""
        return self.holds(cookie) and hmac.compare_digest(form_of(cookie).encode(), form.encode())

    def end(self, cookie: str) -> None:
        """Sign out."""
        with self._lock:
            self._until.pop(_digest(cookie), None)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def form_of(cookie: str) -> str:
    """What each form of a signed-in cookie carries, so that another site cannot send one."""
    return hashlib.sha256(f"form|{cookie}".encode()).hexdigest()


def page_of(server: Server, cookie: str, said: str) -> bytes:
    """The sign-in, or the forms."""
    config = server.config
    action, home = escape(config.service()), f'<a href="{escape(config.url.rstrip("/"))}/">Status page</a>'
    if not server.sign_ins.holds(cookie):
        body = (
            f'<main><form class="card narrow" method="post" action="{action}/post/enter">'
            "<h1>Post to the status page</h1>"
            '<label for="token">Token</label><input id="token" name="token" type="password" required maxlength="200" '
            'autocomplete="current-password"><button>Sign in</button></form></main>'
        )
        return page.document(config, f"Sign in · {config.title}", page.head(config, home) + body + page.foot(config))
    hidden = f'<input type="hidden" name="form" value="{form_of(cookie)}">'
    with server.store.read() as db:
        now = server.clock.now()
        there = [one for one in incidents.listed(db, since=now) if one.is_open]
    note = f'<p class="note good" role="status">{SAID[said]}</p>' if said in SAID else ""
    cards = "".join(page.incident_card(one, config, _step_form(one, action, hidden)) for one in there)
    kinds = "".join(f'<option value="{name}">{words}</option>' for name, words in incidents.KINDS.items())
    body = (
        f"<main>{note}<h2>What stands on the page</h2>"
        f"{cards or '<p class=soft>Nothing. What the watcher finds by itself appears here too.</p>'}"
        f'<h2>Post something</h2><form class="card box" method="post" action="{action}/post/open">{hidden}'
        f'<input type="hidden" name="key" value="{new_id()}"><label for="title">Title</label>'
        f'<input id="title" name="title" required maxlength="{incidents.LONGEST_TITLE}">'
        f'<label for="kind">Kind</label><select id="kind" name="kind">{kinds}</select>'
        f'<label for="body">What people should know</label>'
        f'<textarea id="body" name="body" required maxlength="{incidents.LONGEST_BODY}"></textarea>'
        '<div class="after"><button>Post and mail it</button></div></form>'
        f'<form method="post" action="{action}/post/leave" class="after">{hidden}'
        '<button class="quiet">Sign out</button></form></main>'
    )
    return page.document(config, f"Post · {config.title}", page.head(config, home) + body + page.foot(config))


def _step_form(one: incidents.Incident, action: str, hidden: str) -> str:
    states = "".join(
        f'<option value="{name}"{" selected" if name == one.state else ""}>{words}</option>'
        for name, words in incidents.STATES.items()
    )
    return (
        f'<details id="next-{one.id}"><summary>Add a step</summary>'
        f'<form method="post" action="{action}/post/step">{hidden}<input type="hidden" name="id" value="{one.id}">'
        f'<input type="hidden" name="key" value="{new_id()}">'
        f'<label for="body-{one.id}">Next step</label><textarea id="body-{one.id}" name="body" required '
        f'maxlength="{incidents.LONGEST_BODY}"></textarea><label for="state-{one.id}">How it stands</label>'
        f'<select id="state-{one.id}" name="state">{states}</select>'
        '<div class="after"><button>Add and mail it</button></div></form></details>'
    )


def carry_out(server: Server, what: str, form: dict[str, str]) -> str:
    """Do what a form says; returns what to say. Raises BadIncident."""
    now, key = server.clock.now(), form.get("key", "")
    with server.store.write() as db:
        if what == "open":
            incidents.open_incident(
                db, server.config, now, form.get("title", ""), form.get("body", ""), by="the form", key=f"form:{key}",
                kind=form.get("kind", ""),
            )  # fmt: skip
            return "opened"
        if what == "step":
            incidents.update_incident(
                db, server.config, now, form.get("id", ""), form.get("body", ""), by="the form", key=f"form:{key}",
                state=form.get("state", ""),
            )  # fmt: skip
            return "added"
    raise incidents.BadIncident("There is no such form here.")
