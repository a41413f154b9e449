"""The watcher's own HTTP server: the page, subscribing and leaving, questions of the app, the form for incidents.

Every path is one of a short table, nothing asked for reaches the disk by its name. A connection has fifteen seconds
for all of it, one place of the network sixteen connections, the server sixty-four.
"""

from __future__ import annotations

import collections
import contextlib
import hmac
import io
import json
import logging
import socket
import socketserver
import sqlite3
import ssl
import threading
import time
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from watcher import desk, incidents, page, subscribers
from watcher.clock import Clock, iso, read_iso
from watcher.settings import Config, is_local
from watcher.store import Store, allowed, fact

log = logging.getLogger("watcher.server")
PATIENCE = 15.0
CONNECTIONS, FROM_ONE_PLACE = 64, 16
LARGEST_FORM, LARGEST_QUESTION = 20_000, 400_000
MOST_HASHES = 5_000
WRONG_SECRETS = 20
"""Wrong secrets or tokens from one place in an hour."""
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/index.html": ("index.html", "text/html; charset=utf-8"),
    "/status.json": ("status.json", "application/json"),
    "/feed.atom": ("feed.atom", "application/atom+xml; charset=utf-8"),
}
ASKED = (
    "Look into your mailbox",
    "If this address does not get the mails yet, a message with a link is on its way. The link works for 24 hours.",
)


class Refused(Exception):
    """A request that is answered by a status and a sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class _Patient(io.RawIOBase):
    """Reads from a connection until a moment, however slowly it drips."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection, self._until = connection, until

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(into)


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """A thread for each connection, and no more of them than there are places."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, config: Config, store: Store, clock: Clock, wake: threading.Event) -> None:
        self.config, self.store, self.clock, self.wake = config, store, clock, wake
        self.sign_ins = desk.SignIns(clock)
        self._here: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        if config.server.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(config.server.certificate, config.server.key)
        if ":" in config.server.host:
            self.address_family = socket.AF_INET6
        super().__init__((config.server.host, config.server.port), Handler)

    def server_bind(self) -> None:
        """Bind, without asking the network for our own name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.config.server.host, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection in, if there is a place for it."""
        place = str(client_address[0])
        with self._lock:
            most = CONNECTIONS if place == self.config.server.trusted_proxy else FROM_ONE_PLACE
            full = self._here.total() >= CONNECTIONS or self._here[place] >= most
            if not full:
                self._here[place] += 1
        if full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._here[str(client_address[0])] -= 1
                self._here += collections.Counter()  # forgets places without a connection

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS first, where we do."""
        if self._context is not None:
            request.settimeout(PATIENCE)
            try:
                request = self._context.wrap_socket(request, server_side=True)
            except (OSError, ValueError):
                return
        super().finish_request(request, client_address)
        if self._context is not None:
            with contextlib.suppress(OSError):
                request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A connection that breaks is everyday; anything else is told."""
        log.debug("a request failed", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    server_version = "watcher"
    sys_version = ""

    def setup(self) -> None:
        """A deadline for the whole of it."""
        super().setup()
        self.connection.settimeout(PATIENCE)
        self.rfile = io.BufferedReader(_Patient(self.connection, time.monotonic() + PATIENCE))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses of the network and tokens would end up in the log."""

    def version_string(self) -> str:
        """What we are, without a version."""
        return "watcher"

    def do_GET(self) -> None:
        """A page or a file."""
        self._serve(self._get)

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self._serve(self._get)

    def do_POST(self) -> None:
        """Something changes, or the app asks."""
        self._serve(self._post)

    # what is asked for

    def _get(self, path: str, query: dict[str, str]) -> None:
        config, store = self.server.config, self.server.store
        if path in FILES:
            name, kind = FILES[path]
            try:
                body = (Path(config.page) / name).read_bytes()
            except OSError:
                raise Refused(503, "Nothing was measured yet. Come back in a minute.") from None
            self._send(200, body, kind, cors=path != "/")
        elif path == "/healthz":
            with store.read() as db:
                checked = float(fact(db, "checked_at", "0"))
            fresh = 0 <= self.server.clock.now() - checked < config.limits.old_minutes * 60
            self._json(200 if fresh else 503, {"watcher": "ok" if fresh else "old", "checked_at": iso(checked)})
        elif path == "/confirm":
            with store.read() as db:
                there = subscribers.waiting_for(db, query.get("t", ""), self.server.clock.now())
            if there is None:
                raise Refused(400, "This link does not work any more. Subscribe again to get another.")
            if there.state == "confirmed":
                self._tell(200, "You get the mails", "This address was confirmed already.")
                return
            self._ask("Get these mails?", f"Mails about {config.title} go to {there.email}.", "Send me these mails",
                      "/confirm", {"t": query["t"]})  # fmt: skip
        elif path == "/unsubscribe":
            with store.read() as db:
                known = subscribers.leaver(db, query.get("t", ""))
            if known is None:
                raise Refused(400, "This link is not whole. Open it once more from the mail.")
            self._ask("No more of these mails?", f"You will get no more mails about {config.title}.", "Unsubscribe",
                      f"/unsubscribe?t={query['t']}", {})  # fmt: skip
        elif path == "/post" and config.server.token:
            self._page(200, desk.page_of(self.server, self._cookie(), query.get("said", "")))
        else:
            raise Refused(404, "There is no such page here.")

    def _post(self, path: str, query: dict[str, str]) -> None:
        if path == "/subscribe":
            self._subscribe(self._form())
        elif path == "/confirm":
            with self.server.store.write() as db:
                there = subscribers.confirm(db, self._form().get("t", ""), self.server.clock.now())
            if there is None:
                raise Refused(400, "This link does not work any more. Subscribe again to get another.")
            self._tell(200, "You get the mails", "Each mail holds a link that ends them with one click.")
        elif path == "/unsubscribe":
            self._form()  # one click sends List-Unsubscribe=One-Click; what it says does not matter
            with self.server.store.write() as db:
                left = subscribers.leave(db, query.get("t", ""))
            if not left:
                raise Refused(400, "This link is not whole. Open it once more from the mail.")
            self._tell(200, "You get no more of these mails", "Your address was removed here.")
        elif path == "/check":
            self._check(self._question())
        elif path == "/incidents":
            self._incident(self._question())
        elif path.startswith("/post/") and self.server.config.server.token:
            self._desk(path.removeprefix("/post/"))
        else:
            raise Refused(404, "There is no such page here.")

    def _subscribe(self, form: dict[str, str]) -> None:
        if not self.server.config.mail.url:
            raise Refused(404, "This page sends no mails.")
        try:
            with self.server.store.write() as db:
                subscribers.ask(db, form.get("email", ""), self._place(), self.server.clock.now())
        except subscribers.BadAddress:
            raise Refused(400, "This is not an e-mail address. Write it like name@example.org.") from None
        except subscribers.TooOften:
            raise Refused(429, "That was asked too often from here. Try again in an hour.") from None
        self.server.wake.set()
        self._tell(200, *ASKED)

    def _check(self, question: dict[str, Any]) -> None:
        hashes = question.get("hashes")
        if not isinstance(hashes, list) or len(hashes) > MOST_HASHES or not all(type(one) is str for one in hashes):
            raise Refused(400, f"hashes must be a list of at most {MOST_HASHES} SHA-256 hashes.")
        with self.server.store.read() as db:
            confirmed = subscribers.which_are_confirmed(db, hashes)
            self._json(200, {"confirmed": confirmed, "subscribers": subscribers.count(db)})

    def _incident(self, question: dict[str, Any]) -> None:
        told = {name: value for name, value in question.items() if isinstance(value, str)}
        now = self.server.clock.now()
        if question.get("list") is True:
            with self.server.store.read() as db:
                there = [incidents.shown(one) for one in incidents.listed(db, since=now) if one.is_open]
            self._json(200, {"incidents": there})
            return
        if not told.get("key"):
            raise Refused(400, "key must make this message stand here once.")
        try:
            with self.server.store.write() as db:
                number = self._step(db, told, now)
                one = incidents.found(db, number) if number else None
                mails = db.execute("SELECT count(*) FROM mail WHERE state = 'waiting'").fetchone()[0]
        except incidents.BadIncident as failure:
            raise Refused(400, str(failure)) from None
        self._written()
        self._json(200, {"id": number, "incident": incidents.shown(one) if one else None, "mails_waiting": mails})

    def _step(self, db: sqlite3.Connection, told: dict[str, str], now: float) -> str:
        """Open an incident, or add a step to the one named by its id or, ``of``, by the key it was opened under; its
        id. Of one that is over or never stood nothing changes. Raises BadIncident."""
        config = self.server.config
        by, whose = ("the command line", "command") if told.get("from") == "command" else ("the app", "app")
        try:
            until = read_iso(told["until"]) if told.get("until") else None
        except (ValueError, OverflowError):
            raise Refused(400, "until must be an instant such as 2026-11-30T17:00:00Z.") from None
        number, key = told.get("id", ""), f"{whose}:{told['key']}"
        if told.get("of"):
            there = incidents.by_key(db, f"{whose}:{told['of']}")
            if there is None or not there.is_open:
                return there.id if there else ""
            number = there.id
        if not number:
            return incidents.open_incident(
                db, config, now, told.get("title", ""), told.get("body", ""), by=by,
                kind=told.get("kind", "notice"), key=key, until=until,
            )  # fmt: skip
        incidents.update_incident(
            db, config, now, number, told.get("body", ""), by=by, state=told.get("state", ""), key=key
        )
        return number

    def _desk(self, what: str) -> None:
        form = self._form()
        origin = self.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc.lower() not in {
            self.headers.get("Host", "").lower(), urlsplit(self.server.config.service()).netloc.lower()
        }:  # fmt: skip
            raise Refused(403, "A request from another site was refused.")
        if what == "enter":
            self._guess(form.get("token", ""), self.server.config.server.token)
            self._redirect("/post", cookie=self.server.sign_ins.begin())
            return
        if not self.server.sign_ins.fits(self._cookie(), form.get("form", "")):
            raise Refused(403, "You are not signed in any more. Go back and sign in again.")
        if what == "leave":
            self.server.sign_ins.end(self._cookie())
            self._redirect("/post", cookie="")
            return
        try:
            said = desk.carry_out(self.server, what, form)
        except incidents.BadIncident as failure:
            raise Refused(400, f"{failure} Go back: what you typed is still there.") from None
        self._written()
        self._redirect(f"/post?said={said}")

    def _written(self) -> None:
        from watcher.watch import checked_at, write_page

        self.server.wake.set()
        with contextlib.suppress(OSError):  # the next round writes it
            write_page(
                self.server.config, self.server.store, max(checked_at(self.server.store), self.server.clock.now())
            )

    # how it came

    def _serve(self, answer: Any) -> None:
        try:
            try:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=10).items()}
            except ValueError:
                raise Refused(400, "This address cannot be read.") from None
            answer(parts.path, query)
        except Refused as refused:
            self._refuse(refused)
        except (TimeoutError, ConnectionError):
            self.close_connection = True
        except (sqlite3.Error, OSError):
            log.exception("the store or the disk failed")
            self._refuse(Refused(503, "This cannot be done right now. Try again in a minute."))

    def _refuse(self, refused: Refused) -> None:
        with contextlib.suppress(OSError):
            if self.path.startswith(("/check", "/incidents")):
                self._json(refused.status, {"problem": refused.words})
            else:
                self._tell(refused.status, "That did not work", refused.words)

    def _place(self) -> str:
        """Where the person is, through the reverse proxy where there is one."""
        place = str(self.client_address[0])
        if place == self.server.config.server.trusted_proxy:
            return self.headers.get("X-Forwarded-For", "").split(",")[-1].strip()[:64] or place
        return place

    def _body(self, largest: int) -> bytes:
        if self.headers.get("Transfer-Encoding"):
            raise Refused(411, "Say how long the request is.")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or len(length) > 9:
            raise Refused(400, "The length of the request cannot be read.")
        if int(length) > largest:
            raise Refused(413, "That is too long.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        return body

    def _form(self) -> dict[str, str]:
        try:
            fields = parse_qs(self._body(LARGEST_FORM).decode(), max_num_fields=20, keep_blank_values=True)
        except ValueError:
            raise Refused(400, "The form cannot be read.") from None
        return {name: values[0] for name, values in fields.items()}

    def _question(self) -> dict[str, Any]:
        """What the app asks; only with the secret."""
        secret = self.server.config.app.secret
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if not secret:
            raise Refused(403, "The watcher was told no secret.")
        self._guess(given if kind.lower() == "bearer" else "", secret)
        try:
            question = json.loads(self._body(LARGEST_QUESTION))
        except (ValueError, RecursionError):
            raise Refused(400, "This is not JSON.") from None
        if not isinstance(question, dict):
            raise Refused(400, "This is not a JSON object.")
        return question

    def _guess(self, given: str, right: str) -> None:
        """Compare a secret in constant time; whoever guesses gets few tries."""
        if hmac.compare_digest(given.encode(), right.encode()):
            with self.server.store.read() as db:
                if self._wrong(db) < WRONG_SECRETS:
                    return
            raise Refused(429, "Too many wrong tries from here. Try again in an hour.")
        with self.server.store.write() as db:
            few = allowed(db, "secret", self._place(), self.server.clock.now(), WRONG_SECRETS, 3600)
        if not few:
            raise Refused(429, "Too many wrong tries from here. Try again in an hour.")
        raise Refused(401, "That is not it. Copy it once more.")

    def _wrong(self, db: sqlite3.Connection) -> int:
        row = db.execute(
            "SELECT count(*) FROM attempt WHERE what = 'secret' AND who = ? AND at > ?",
            (self._place(), self.server.clock.now() - 3600),
        ).fetchone()
        return int(row[0])

    def _cookie(self) -> str:
        for part in self.headers.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie_name():
                return value
        return ""

    def _cookie_name(self) -> str:
        return "__Host-watcher" if self._is_secure() else "watcher"

    def _is_secure(self) -> bool:
        parts = urlsplit(self.server.config.service())
        return parts.scheme == "https" or not is_local(parts.hostname or "")

    # what is answered

    def _tell(self, status: int, title: str, words: str) -> None:
        config = self.server.config
        body = (
            page.head(config, self._home()) + f'<main><section class="card narrow"><h1>{escape(title)}</h1>'
            f"<p>{escape(words)}</p></section></main>" + page.foot(config)
        )  # fmt: skip
        self._page(status, page.document(config, f"{title} · {config.title}", body))

    def _ask(self, title: str, words: str, button: str, action: str, hidden: dict[str, str]) -> None:
        config = self.server.config
        fields = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items()
        )
        body = (
            page.head(config, self._home()) + f'<main><section class="card narrow"><h1>{escape(title)}</h1>'
            f'<p>{escape(words)}</p><form method="post" action="{escape(config.service() + action)}">'
            f"{fields}<button>{escape(button)}</button></form></section></main>" + page.foot(config)
        )  # fmt: skip
        self._page(200, page.document(config, f"{title} · {config.title}", body))

    def _home(self) -> str:
        return f'<a href="{escape(self.server.config.url.rstrip("/"))}/">Status page</a>'

    def _page(self, status: int, body: bytes) -> None:
        self._send(status, body, "text/html; charset=utf-8")

    def _json(self, status: int, document: dict[str, Any]) -> None:
        self._send(status, (json.dumps(document) + "\n").encode(), "application/json")

    def _redirect(self, path: str, cookie: str | None = None) -> None:
        self.send_response(303)
        self.send_header("Location", self.server.config.service() + path)
        if cookie is not None:
            flags = "; HttpOnly; SameSite=Strict; Path=/" + ("; Secure" if self._is_secure() else "")
            self.send_header("Set-Cookie", f"{self._cookie_name()}={cookie}{flags}" + ("" if cookie else "; Max-Age=0"))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, body: bytes, kind: str, *, cors: bool = False) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
            ("Content-Security-Policy", page.policy(self.server.config) + "; frame-ancestors 'none'"),
            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
        ):  # fmt: skip
            self.send_header(name, value)
        if cors:  # status.json and the feed may be read by other pages: they hold nothing but what everybody may read
            self.send_header("Access-Control-Allow-Origin", "*")
        if self._is_secure():
            self.send_header("Strict-Transport-Security", "max-age=31536000")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
