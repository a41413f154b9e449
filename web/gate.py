"""The gate: what reaches the app at all, and as whom.

Outermost ASGI middleware of ``streamlit_app.app``. It refuses unknown hosts, plain HTTP beyond loopback and websockets
from another or no origin; strips any identity header a client sends and sets the one Streamlit trusts from our
HttpOnly cookie (it carries the opaque session token, never a user); answers anonymous page requests by a way to the
sign-in page; keeps ``/media``, uploads, metrics and documents for live sessions; and adds the security headers.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from http.cookies import SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from security import sessions
from web.first_page import dressed, is_first_page

IDENTITY_HEADER = b"x-ballast-session"
ANONYMOUS_EXACT = {
    "/", "/healthz", "/health/detail", "/favicon.png", "/favicon.ico", "/manifest.webmanifest", "/watch.js",
    "/auth/finish", "/auth/out", "/auth/left", "/auth/device", "/snapshot",
    "/_stcore/health", "/_stcore/host-config", "/_stcore/script-health-check", "/_stcore/stream",
}  # fmt: skip
ANONYMOUS_PREFIXES = (
    "/static/",
    "/icons/",
    "/u/",
    "/hooks/",
    "/bounces/",
    "/texts/",
    "/pay/",
    "/portal/",
    "/snapshot/",
    "/component/",
    "/_stcore/bidi-components/",
)
SAME_FOR_ALL = ("/static/", "/icons/")
"""Files that are the same for everybody: no session is looked up for them."""
SIGNED_IN_ONLY = (
    "/media/", "/documents/", "/scanned/", "/report-files/", "/_stcore/upload_file", "/_stcore/metrics", "/account/",
)  # fmt: skip

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: blob: data:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def session_cookie(secure: bool) -> str:
    """The cookie's name; the ``__Host-`` prefix binds it to this host and to TLS."""
    return "__Host-ballast_session" if secure else "ballast_session"


def browser_cookie(secure: bool) -> str:
    """The pre-login cookie that ties a sign-in ticket to the browser that earned it."""
    return "__Host-ballast_browser" if secure else "ballast_browser"


def station_cookie(secure: bool) -> str:
    """The cookie that makes a browser a shared station; it opens nothing without a PIN or a password."""
    return "__Host-ballast_station" if secure else "ballast_station"


def is_secure(scope: Scope) -> bool:
    """Whether the browser speaks TLS: directly, or to a reverse proxy named in ``BALLAST_TRUSTED_PROXY``."""
    if scope.get("scheme") in ("https", "wss"):
        return True
    proxy = os.environ.get("BALLAST_TRUSTED_PROXY", "")
    if proxy and _peer(scope) == proxy:
        return Headers(scope=scope).get("x-forwarded-proto", "") == "https"
    return False


def client_address(scope: Scope) -> str:
    """The address of the person's device, through the trusted proxy where there is one."""
    proxy = os.environ.get("BALLAST_TRUSTED_PROXY", "")
    if proxy and _peer(scope) == proxy:
        return Headers(scope=scope).get("x-forwarded-for", "").split(",")[-1].strip() or proxy
    return _peer(scope)


def read_cookies(scope: Scope) -> dict[str, str]:
    """The request's cookies; an unreadable header counts as none."""
    jar: SimpleCookie = SimpleCookie()
    for key, value in scope["headers"]:
        if key.lower() == b"cookie":
            try:
                jar.load(value.decode("latin-1"))
            except Exception:  # noqa: S112 - http.cookies raises CookieError and ValueError alike
                continue
    return {name: morsel.value for name, morsel in jar.items()}


def allowed_hosts() -> set[str]:
    """Host names this installation answers to; ``BALLAST_HOSTS`` adds to loopback, separated by commas.

    ``ballast serve`` adds the names in the certificate.
    """
    more = {host.strip().lower() for host in os.environ.get("BALLAST_HOSTS", "").split(",") if host.strip()}
    return {"localhost", "127.0.0.1", "::1"} | more


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _is_forwarded(headers: Headers) -> bool:
    return any(name in headers for name in ("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == ""


def _host_name(host: str) -> str:
    """The name in a Host header, or nothing for anything that is not plainly name and port."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", host)
    return found[1].strip("[]").lower() if found else ""


def place_of(origin: str) -> str:
    """Host and port of an Origin header, or nothing."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


class Gate:
    """See the module."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refuse(scope)
        if refusal is not None:
            await self._answer(refusal, scope, receive, send)
            return
        secure = is_secure(scope)
        token = read_cookies(scope).get(session_cookie(secure), "")
        path = scope["path"]
        asked = bool(token) and not path.startswith(SAME_FOR_ALL)
        kind = await run_in_threadpool(sessions.live_kind, token) if asked else ""
        live = bool(kind)
        headers = [(key, value) for key, value in scope["headers"] if key.lower() not in self._own_headers(path)]
        if live:
            headers.append((IDENTITY_HEADER, token.encode()))
        client = (client_address(scope), (scope.get("client") or ("", 0))[1])
        scope = dict(scope) | {"headers": headers, "client": client, "ballast_token": token if live else ""}
        if not live and not self._anonymous_may(path):
            await self._answer(self._turn_away(scope), scope, receive, send)
            return
        if kind == "display" and scope["type"] == "http" and not self._anonymous_may(path):
            await self._answer(self._to_the_board(scope), scope, receive, send)
            return
        await self.app(scope, receive, self._with_headers(send, scope, secure) if scope["type"] == "http" else send)

    @staticmethod
    def _own_headers(path: str) -> tuple[bytes, ...]:
        """Request headers that stop here. Pages must come uncompressed, so that ``_with_headers`` can dress them."""
        if path == "/" or "/" not in path[1:]:
            return (IDENTITY_HEADER, b"accept-encoding", b"if-none-match", b"if-modified-since")
        return (IDENTITY_HEADER,)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _host_name(host) not in allowed_hosts():
            return PlainTextResponse("This address does not belong to this clinic.", 421)
        if not is_secure(scope) and not _is_loopback(_peer(scope)):
            return PlainTextResponse("Ballast answers other machines only over HTTPS. See docs/security.md.", 403)
        if _is_forwarded(headers) and _peer(scope) != os.environ.get("BALLAST_TRUSTED_PROXY", ""):
            return PlainTextResponse(
                "This came through a proxy that Ballast was not told of. See docs/security.md.", 403
            )
        if scope["type"] == "websocket":
            origin = headers.get("origin", "")
            if not origin or place_of(origin) != host.lower():
                return PlainTextResponse("A connection from another site was refused.", 403)
        return None

    @staticmethod
    def _anonymous_may(path: str) -> bool:
        if path.startswith(SIGNED_IN_ONLY):
            return False
        return path in ANONYMOUS_EXACT or path.startswith(ANONYMOUS_PREFIXES)

    @staticmethod
    def _turn_away(scope: Scope) -> Response:
        path = scope["path"]
        wants_page = scope["type"] == "http" and scope["method"] == "GET" and not path.startswith("/_stcore/")
        if wants_page and not path.startswith(SIGNED_IN_ONLY):
            query = scope.get("query_string", b"").decode("latin-1")
            return RedirectResponse(f"/?next={quote(path + ('?' + query if query else ''))}", 303)
        return PlainTextResponse("Sign in first.", 401)

    @staticmethod
    def _to_the_board(scope: Scope) -> Response:
        """A wall board has one page, and no files."""
        if scope["method"] in ("GET", "HEAD") and not scope["path"].startswith((*SIGNED_IN_ONLY, "/_stcore/")):
            return RedirectResponse("/", 303)
        return PlainTextResponse("A wall board shows the board and nothing else.", 403)

    @staticmethod
    async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
            return
        for name, value in (*HEADERS.items(), ("Cache-Control", "no-store")):
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    @staticmethod
    def _with_headers(send: Send, scope: Scope, secure: bool) -> Send:
        path = scope["path"]

        held: list[Message] = []

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a document brings a stricter policy
                if not path.startswith(("/static/", "/icons/", "/component/")):
                    headers["Cache-Control"] = "no-store"
                if secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if path == "/" and browser_cookie(secure) not in read_cookies(scope):
                    flags = "HttpOnly; SameSite=Lax; Path=/" + ("; Secure" if secure else "")
                    headers.append("Set-Cookie", f"{browser_cookie(secure)}={secrets.token_urlsafe(24)}; {flags}")
                if message["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                    held.append(message)
                    return
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    await send_dressed(held, send)
                return
            await send(message)

        return with_headers


async def send_dressed(held: list[Message], send: Send) -> None:
    """Send a whole HTML response, with Streamlit's index page made ours."""
    start, *parts = held
    body = b"".join(part.get("body", b"") for part in parts)
    if is_first_page(body):
        body = dressed(body)
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(body))
        for name in ("etag", "last-modified", "accept-ranges"):
            del headers[name]
    await send(start)
    await send({"type": "http.response.body", "body": body})
