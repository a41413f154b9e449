"""Where a mail service tells what came back, under an address that only it was given."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from billing.portal.limits import Limit
from campaigns import returns
from campaigns.returns import NotUnderstood
from web.gate import client_address

LARGEST = 256_000
"""Bytes a message may have."""
STRANGERS = Limit(40, 600)
"""Wrong addresses tried by one network address."""


async def came_back(request: Request) -> Response:
    """Events of a mail service, each counted once. Another address than the clinic's own leaves no trace."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return PlainTextResponse("Too long.", 413)
    clinic, token = str(request.path_params["clinic"]), str(request.path_params["token"])
    try:
        taken = await run_in_threadpool(returns.receive, clinic, token, bytes(body))
    except NotUnderstood as refusal:
        return JSONResponse({"error": refusal.message}, 400)
    if taken is None:
        many = not STRANGERS.allows(client_address(request.scope))
        return PlainTextResponse("Nothing here.", 429 if many else 404)
    return JSONResponse({"new": taken.new, "known": taken.known, "unknown": taken.unknown})
