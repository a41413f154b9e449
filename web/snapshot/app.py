"""``/snapshot/``: the page with its worker, and what an enrolled computer asks for.

The page and its parts are the same for everybody and hold nothing about a clinic. The snapshot goes only to the holder
of a device's cookie, which scripts cannot read and which is sent to these addresses alone. Nothing here is kept by an
HTTP cache; the copy is encrypted by the browser before it is stored, under a key that is never sent.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from billing.portal.limits import Limit
from data.errors import EnvironmentFailure
from data.types import clock
from outage import snapshot_devices
from outage.snapshot import snapshot, spare_forms
from outage.snapshot_devices import Holder
from outage.snapshot_parts import KINDS, part, policy
from web import faults
from web.gate import client_address, is_secure, place_of

HEADERS = {
    "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()", "X-Robots-Tag": "noindex",
    "Content-Security-Policy": policy(),
}  # fmt: skip
MARK = "x-ballast-snapshot"
"""A header that only our own page and its worker send."""
LARGEST = 2_000
COOKIE_DAYS = 400
CODES = Limit(20, 900)
"""Codes tried by one network address."""
READS = Limit(120, 600)
"""Requests of one computer."""
Handle = Callable[[Request], Awaitable[Response]]


def cookie_name(request: Request) -> str:
    """The cookie of an enrolled computer; under TLS it cannot be set without."""
    return ("__Secure-" if is_secure(request.scope) else "") + "ballast_snapshot"


def _keep(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(request), token, max_age=COOKIE_DAYS * 86_400, path="/snapshot", httponly=True, samesite="strict",
        secure=is_secure(request.scope),
    )  # fmt: skip


def _told(status: int, **facts: object) -> JSONResponse:
    return JSONResponse(facts, status, HEADERS)


def ours(handle: Handle) -> Handle:
    """Only for our own page: no other site can send this header, nor these origins."""

    @functools.wraps(handle)
    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        foreign = origin and place_of(origin) != request.headers.get("host", "").lower()
        if foreign or MARK not in request.headers:
            return _told(403, problem="Open the snapshot page itself.")
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _told(403, problem="Open the snapshot page itself.")
        try:
            return await handle(request)
        except EnvironmentFailure as failure:
            return _told(503, problem=failure.message)
        except Exception as failure:
            return _told(500, problem=f"Something went wrong. Tell the clinic this number: {faults.note(failure)}.")

    return answer


def enrolled(handle: Callable[[Request, Holder], Awaitable[Response]]) -> Handle:
    """Only for a computer on the list: 401 for a stranger, 410 for one that was taken off."""

    @functools.wraps(handle)
    async def answer(request: Request) -> Response:
        token = request.cookies.get(cookie_name(request), "")
        one = await run_in_threadpool(snapshot_devices.holder, token)
        if one is None:
            return _told(401, problem="This computer is not on the list.")
        if one.revoked:
            response = _told(410, problem="This computer was taken off the list.")
            response.delete_cookie(cookie_name(request), path="/snapshot", secure=is_secure(request.scope))
            return response
        if not READS.allows(one.id):
            return _told(429, problem="This computer asks too often.")
        return await handle(request, one)

    return ours(answer)


async def enrol(request: Request) -> Response:
    """Turn a one-time code into the cookie of this browser."""
    if not CODES.allows(client_address(request.scope)):
        return _told(429, problem="Too many codes were tried. Try again in a quarter of an hour.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return _told(413, problem="Too long.")
    try:
        code = str(json.loads(bytes(body))["code"])[:40]
    except (ValueError, KeyError, TypeError):
        return _told(400, problem="Type the code.")
    found = await run_in_threadpool(snapshot_devices.enrol, code, address=client_address(request.scope))
    if found is None:
        return _told(400, problem="This code is wrong, used or too old. Make another one under Settings, "
                     "Snapshot computers.")  # fmt: skip
    token, name, clinic = found
    response = _told(200, name=name, clinic=clinic)
    _keep(request, response, token)
    return response


async def data(request: Request, one: Holder) -> Response:
    """The snapshot; where the computer has this very one, only when that was found."""
    known = request.query_params.get("known", "")

    def read() -> dict[str, object]:
        made_at = clock.now().isoformat()
        found = snapshot(by=one.actor)
        if found.digest == known:
            return {"made_at": made_at, "digest": found.digest}
        snapshot_devices.note_reading(one, "read", **found.counts)
        return {"made_at": made_at, "digest": found.digest, "text": found.text}

    response = _told(200, **await run_in_threadpool(read))
    _keep(request, response, request.cookies[cookie_name(request)])
    return response


async def forms(_request: Request, one: Holder) -> Response:
    """The blank forms."""
    made = await run_in_threadpool(lambda: spare_forms(by=one.actor))
    return Response(made.text, 200, HEADERS, "application/json")


async def stored(_request: Request, one: Holder) -> Response:
    """The computer has stored what it got."""
    await run_in_threadpool(snapshot_devices.note_stored, one)
    return _told(200)


async def leave(request: Request, one: Holder) -> Response:
    """The computer starts over."""
    await run_in_threadpool(snapshot_devices.leave, one)
    response = _told(200)
    response.delete_cookie(cookie_name(request), path="/snapshot", secure=is_secure(request.scope))
    return response


async def asset(request: Request) -> Response:
    """A part of the page."""
    name = str(request.path_params.get("name", "")) or "index.html"
    if name not in KINDS:
        return _told(404, problem="There is no such page.")
    content = _worker() if name == "worker.js" else part(name)
    return Response(content, 200, HEADERS, KINDS[name])


@functools.cache
def _worker() -> bytes:
    """The worker behind the store it uses, with the version of all parts in it, so that browsers fetch them anew when
    one changes."""
    version = hashlib.sha256(b"".join(part(name) for name in sorted(KINDS))).hexdigest()[:16]
    numbered = part("worker.js").replace(b'VERSION = ""', f'VERSION = "{version}"'.encode(), 1)
    return part("store.js") + b"\n" + numbered


async def inside(_request: Request) -> Response:
    """The page lies inside the folder its worker looks after."""
    return RedirectResponse("/snapshot/", 303)


app = Starlette(
    routes=[
        Route("/enrol", ours(enrol), methods=["POST"]),
        Route("/data", enrolled(data), methods=["GET"]),
        Route("/forms", enrolled(forms), methods=["GET"]),
        Route("/stored", enrolled(stored), methods=["POST"]),
        Route("/leave", enrolled(leave), methods=["POST"]),
        Route("/", asset, methods=["GET"]),
        Route("/{name}", asset, methods=["GET"]),
    ],
)
