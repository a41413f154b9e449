"""What stands before every page of the portal: headers, cookies, forms that only our own pages can send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from data.engine import database
from data.errors import EnvironmentFailure
from data.sealed import seal, unseal
from web.gate import is_secure, place_of

LARGEST_FORM = 4_096
FORM_SECONDS = 1_800
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'{pay}"
)
HEADERS = {
    "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()", "X-Robots-Tag": "noindex",
}  # fmt: skip
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def cookie_name(request: Request, part: str) -> str:
    """The name of a cookie of the portal; the ``__Host-`` prefix binds it to this host and to TLS."""
    return ("__Host-" if is_secure(request.scope) else "") + f"ballast_portal{part}"


def set_cookie(request: Request, response: Response, part: str, value: str, seconds: int | None = None) -> None:
    """Give the browser a cookie that scripts cannot read."""
    response.set_cookie(
        cookie_name(request, part), value, max_age=seconds, httponly=True, samesite="lax",
        secure=is_secure(request.scope), path="/",
    )  # fmt: skip


def drop_cookie(request: Request, response: Response, part: str) -> None:
    """Take a cookie back."""
    secure = is_secure(request.scope)
    response.delete_cookie(cookie_name(request, part), path="/", secure=secure, httponly=True, samesite="lax")


def cookie(request: Request, part: str) -> str:
    """What the browser sent under this name."""
    return request.cookies.get(cookie_name(request, part), "")


def form_secret(request: Request) -> str:
    """What the forms of this browser are tied to: its session, before that a cookie of its own."""
    return cookie(request, "") or cookie(request, "_form") or str(getattr(request.state, "form", ""))


def new_form_secret(request: Request) -> str:
    """A fresh secret where the browser has none, to be set as a cookie with the answer."""
    request.state.form = secrets.token_urlsafe(24)
    return str(request.state.form)


def token_of(secret: str) -> str:
    """The hidden field of a form that only a page made for the holder of ``secret`` can carry."""
    return hmac.new(database().home.key("token"), f"portal-form:{secret}".encode(), hashlib.sha256).hexdigest()


async def sent_form(request: Request) -> dict[str, str] | None:
    """The fields of a form that one of our own pages sent; None for any other request."""
    origin = request.headers.get("origin", "")
    if origin and place_of(origin) != request.headers.get("host", "").lower():
        return None
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return None
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            return None
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError):
        return None
    secret = form_secret(request)
    if not secret or not hmac.compare_digest(token_of(secret).encode(), fields.get("form", "").encode()):
        return None
    return fields


def sealed_address(slug: str, address: str) -> str:
    """The typed address as the browser keeps it between the two steps of signing in."""
    return base64.urlsafe_b64encode(seal(f"{slug}\n{address}".encode(), database().home.key("token"))).decode()


def opened_address(slug: str, text: str) -> str:
    """What ``sealed_address`` was given for this clinic; nothing for anything else."""
    try:
        found = unseal(base64.urlsafe_b64decode(text.encode()), database().home.key("token")).decode()
    except (EnvironmentFailure, ValueError):
        return ""
    known, _, address = found.partition("\n")
    return address if known == slug else ""


def policy(request: Request, *, pays: bool) -> str:
    """The content security policy. A page with a Pay button may lead to a processor's page: over TLS, and on this very
    machine also without."""
    here = " http://localhost:* http://127.0.0.1:*" if request.url.hostname in LOOPBACK else ""
    return POLICY.format(pay=f" https:{here}" if pays else "")
