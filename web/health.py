"""Whether the app and its parts are well: two words for anybody, the particulars for the watcher who has the secret."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from data.engine import database
from outage import wellbeing


async def health(_request: Request) -> Response:
    """Whether the app and its database answer; no detail for strangers."""
    return _told(await run_in_threadpool(_is_up))


async def detail(request: Request) -> Response:
    """What the status page's watcher asks, with ``Authorization: Bearer`` and the secret of Settings > Status page.

    It holds ages, days and states, and nothing about a person. While the database is down nobody's secret can be
    looked up, and everybody gets what /healthz says.
    """
    if not await run_in_threadpool(_is_up):
        return _told(False)
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    found: dict[str, Any] | None = None
    if kind.lower() == "bearer" and 20 <= len(secret) <= 200:
        found = await run_in_threadpool(wellbeing.detail, secret)
    if found is None:
        return PlainTextResponse("This needs the secret of the status page.", 401, {"WWW-Authenticate": "Bearer"})
    return JSONResponse({"app": "ok", "database": "ok"} | found)


def _is_up() -> bool:
    try:
        return database().is_up()
    except Exception:
        return False


def _told(good: bool) -> Response:
    return JSONResponse({"app": "ok", "database": "ok" if good else "down"}, 200 if good else 503)
