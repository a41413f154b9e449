"""What a route answers for a signed-in person: a file, or the refusal as a sentence with its status."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from data.errors import BadInput, EnvironmentFailure, NotFound, NotPermitted, SessionEnded
from security import sessions
from security.actor import Actor

T = TypeVar("T")

PRIVATE = {
    "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip
"""Headers of every file made for one person."""


async def answered(request: Request, make: Callable[[str, Actor], T]) -> T | PlainTextResponse:
    """What ``make`` makes of the id in the address, outside the event loop.

    401 without a session, 403 without the right, 404 for what is not there or not theirs, 400 for other refusals, 500
    where the machine failed.
    """

    def work() -> T:
        who = sessions.resume(request.scope.get("ballast_token", ""), touch=True)
        return make(str(request.path_params["id"]), who.actor)

    try:
        return await run_in_threadpool(work)
    except SessionEnded:
        return PlainTextResponse("Sign in first.", 401)
    except NotPermitted as refusal:
        return PlainTextResponse(refusal.message, 403)
    except NotFound as refusal:
        return PlainTextResponse(refusal.message, 404)
    except EnvironmentFailure as failure:
        return PlainTextResponse(failure.message, 500)
    except BadInput as refusal:
        return PlainTextResponse(refusal.message, 400)
