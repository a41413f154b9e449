"""The plain routes: the sign-in ticket, the way out, health, manifest and icons."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from data.engine import database, is_open
from data.errors import SessionEnded
from data.home import Home
from security import devices, sessions
from web import faults
from web.bounces import came_back
from web.children import Child, start_worker
from web.documents import document, scanned_page
from web.gate import Gate, browser_cookie, client_address, is_secure, read_cookies, session_cookie, station_cookie
from web.health import detail, health
from web.portal.app import app as portal
from web.receipts import receipt, statement
from web.report_files import report_file
from web.snapshot.app import app as snapshot
from web.snapshot.app import inside as into_snapshot
from web.texts import replied
from web.warm import warm
from web.ways_out import choices, way_out
from web.webhooks import pay, told

ASSETS = Path(__file__).parent / "assets"


async def finish(request: Request) -> Response:
    """Turn a sign-in ticket into the session cookie."""
    secure = is_secure(request.scope)
    browser = read_cookies(request.scope).get(browser_cookie(secure), "")
    token = None
    if browser:  # a ticket that no browser earned would sign anybody in as somebody else who sent them the link
        token = await run_in_threadpool(
            sessions.redeem_ticket,
            request.query_params.get("t", ""),
            browser=browser,
            device=request.headers.get("user-agent", ""),
            address=client_address(request.scope),
        )
    if token is None:
        return RedirectResponse("/?again=1", 303)
    response = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
    response.set_cookie(session_cookie(secure), token, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def local_path(target: str) -> str:
    """A path of this site with its query; anything that would lead elsewhere becomes ``/``."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")


async def out(request: Request) -> Response:
    """Forget the cookie. A session that is still live is ended only for a request from our own pages, by a click and
    not by a picture drawn in one."""
    secure = is_secure(request.scope)
    token = request.scope.get("ballast_token", "")
    ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    clicked = request.headers.get("sec-fetch-dest", "document") in ("document", "empty")
    if token and not clicked:
        return PlainTextResponse("Signing out takes a click.", 403)
    if token and ours:
        await run_in_threadpool(sessions.sign_out, token)
    target = local_path(request.query_params.get("next", "/"))
    why = "&over=1" if request.query_params.get("over") else ""
    response = RedirectResponse(f"/?next={quote(target)}{why}" if target != "/" or why else "/", 303)
    response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def device(request: Request) -> Response:
    """Make this browser a wall board or a shared station, by a one-time code."""
    secure = is_secure(request.scope)
    enrolled = None
    if request.headers.get("sec-fetch-site", "same-origin") == "same-origin":
        enrolled = await run_in_threadpool(
            devices.enrol,
            request.query_params.get("code", ""),
            address=client_address(request.scope),
            agent=request.headers.get("user-agent", ""),
        )
    if enrolled is None:
        return RedirectResponse("/?device=unknown", 303)
    kind, token = enrolled
    name = session_cookie(secure) if kind == "display" else station_cookie(secure)
    response = RedirectResponse("/", 303)
    life = int(devices.DEVICE_LIFE.total_seconds())
    response.set_cookie(name, token, max_age=life, httponly=True, samesite="lax", secure=secure, path="/")
    return response


async def left(request: Request) -> Response:
    """How long this browser's sign-in still lasts. GET only tells; POST says that the person typed or clicked.

    A stranger gets ``{"left": null}``: the watch in the browser asks, and an error would tell nobody anything.
    """
    touched = request.method == "POST"
    if (
        touched
        and urlsplit(request.headers.get("origin", "")).netloc.lower() != request.headers.get("host", "").lower()
    ):
        return PlainTextResponse("A request from another site was refused.", 403)
    token = request.scope.get("ballast_token", "")
    try:
        who = await run_in_threadpool(sessions.resume, token, touch=touched)
    except SessionEnded:
        return JSONResponse({"left": None})
    forever = who.kind == "display"
    return JSONResponse({"left": None if forever else who.seconds_left, "end": who.end_left, "kind": who.kind})


async def watch(_request: Request) -> Response:
    """The script that counts down in the browser."""
    return FileResponse(ASSETS / "watch.js", media_type="text/javascript")


async def manifest(_request: Request) -> Response:
    """The web manifest, the same for every clinic: nothing about it may be learnt here."""
    return FileResponse(ASSETS / "manifest.webmanifest", media_type="application/manifest+json")


async def icon(_request: Request) -> Response:
    """Browsers ask for this whatever the page says."""
    return FileResponse(ASSETS / "icons" / "icon-192.png", media_type="image/png")


async def home(_request: Request) -> Response:
    """The home page has no path of its own."""
    return RedirectResponse("/", 303)


routes: list[BaseRoute] = [
    Route("/auth/finish", finish),
    Route("/auth/out", out),
    Route("/auth/device", device),
    Route("/auth/left", left, methods=["GET", "POST"]),
    Route("/watch.js", watch),
    Route("/healthz", health),
    Route("/health/detail", detail),
    Route("/documents/{id}", document),
    Route("/scanned/{id}", scanned_page),
    Route("/receipts/{id}", receipt),
    Route("/statements/{id}", statement),
    Route("/report-files/{id}", report_file),
    Route("/hooks/{clinic}/{processor}", told, methods=["POST"]),
    Route("/bounces/{clinic}/{token}", came_back, methods=["POST"]),
    Route("/texts/{clinic}", replied, methods=["POST"]),
    Route("/pay/{id}", pay, methods=["GET"]),
    Route("/u/{token}/choices", choices, methods=["GET", "POST"]),
    Route("/u/{token:path}", way_out, methods=["GET", "POST"]),
    Route("/manifest.webmanifest", manifest),
    Route("/favicon.ico", icon),
    Route("/favicon.png", icon),
    Route("/home", home),
    Mount("/portal", app=portal),
    Route("/snapshot", into_snapshot),
    Mount("/snapshot", app=snapshot),
    Mount("/icons", StaticFiles(directory=ASSETS / "icons", check_dir=False)),
]

middleware = [Middleware(Gate)]


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, object]]:
    """Open the home, start the worker, warm the slow imports beside the first request; at the end stop the worker."""
    faults.set_up()
    child = await run_in_threadpool(_begin)
    threading.Thread(target=warm, name="warm", daemon=True).start()
    try:
        yield {}
    finally:
        if child is not None:
            await run_in_threadpool(child.stop)


def _begin() -> Child | None:
    home = Home.locate()
    if home.exists and not is_open():  # ``ballast serve`` has brought it up to date already
        from data.schema import upgrade

        upgrade(database())
    return start_worker(home.path)
