"""The plain routes: the sign-in ticket, the way out, health, manifest and icons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from security import sessions
from web.documents import document
from web.gate import Gate, browser_cookie, client_address, is_secure, read_cookies, session_cookie

ASSETS = Path(__file__).parent / "assets"


async def finish(request: Request) -> Response:
    """Turn a sign-in ticket into the session cookie."""
    secure = is_secure(request.scope)
    cookies = read_cookies(request.scope)
    token = await run_in_threadpool(
        sessions.redeem_ticket,
        request.query_params.get("t", ""),
        browser=cookies.get(browser_cookie(secure), ""),
        device=request.headers.get("user-agent", ""),
        address=client_address(request.scope),
    )
    if token is None:
        return RedirectResponse("/?again=1", 303)
    response = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
    response.set_cookie(session_cookie(secure), token, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def local_path(target: str) -> str:
    """A path of this site; anything that would lead elsewhere becomes ``/``."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    return parts.path


async def out(request: Request) -> Response:
    """Forget the cookie. The session itself was ended by the page; one that is still live is ended here."""
    secure = is_secure(request.scope)
    response = RedirectResponse("/", 303)
    response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def health(_request: Request) -> Response:
    """Whether the app and its database answer; no detail for strangers."""
    from data.engine import database

    def probe() -> bool:
        try:
            with database().reader.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
            return True
        except Exception:
            return False

    good = await run_in_threadpool(probe)
    return JSONResponse({"app": "ok", "database": "ok" if good else "down"}, 200 if good else 503)


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
    Route("/healthz", health),
    Route("/documents/{id}", document),
    Route("/manifest.webmanifest", manifest),
    Route("/favicon.ico", icon),
    Route("/favicon.png", icon),
    Route("/home", home),
    Mount("/icons", StaticFiles(directory=ASSETS / "icons", check_dir=False)),
]

middleware = [Middleware(Gate)]


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, object]]:
    """Warm the slow imports beside the first request, then take the survivors out of the collector's sight."""
    import threading

    from web.warm import warm

    threading.Thread(target=warm, name="warm", daemon=True).start()
    yield {}
