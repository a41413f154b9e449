"""The way out of a clinic's messages: the page behind the link, and what mail programs post by themselves (RFC 8058).

GET only shows, since programs that check links for viruses open them all; POST stops marketing at once. There is no
sign-in, no cookie and no script; the link is the right to it. What is no link gets one answer, whoever asks.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from billing.portal.limits import Limit
from campaigns import leaving
from campaigns.leaving import Wishes
from web import faults
from web.gate import client_address
from web.portal import guard
from web.portal.app import templates

UNKNOWN = Limit(40, 600)
"""Links that are none, tried by one network address. What is a link is never refused by where it comes from: a large
mail service posts for all its users from a few addresses."""
ONE_LINK = Limit(60, 600)
CHANNELS = {"email": "e-mail", "sms": "text message", "letter": "letter"}
HEADERS = guard.HEADERS | {
    "Content-Security-Policy": guard.POLICY.format(pay=""), "Referrer-Policy": "no-referrer",
}  # fmt: skip


async def way_out(request: Request) -> Response:
    """GET: what can be done. POST: no more marketing."""
    return await _answered(request, _way_out)


async def choices(request: Request) -> Response:
    """What to get by this channel; the same link is the right to it."""
    return await _answered(request, _choices)


async def _answered(request: Request, handle: Any) -> Response:
    token = str(request.path_params["token"])
    try:
        body = await _fields(request)
        if body is None:
            return _page("no_link.html", 413, words="That was more than this page takes.")
        found = await run_in_threadpool(leaving.wishes, token)
        if found is None:
            many = not UNKNOWN.allows(client_address(request.scope))
            words = "This link is not complete. Open it from the message again, or copy all of it."
            return _page("no_link.html", 429 if many else 404, words=words)
        if not ONE_LINK.allows(token):
            return _page("no_link.html", 429, words="This link was used many times. Try again in ten minutes.")
        answer: Response = await handle(request, token, found, body)
        return answer
    except Exception as failure:
        number = faults.note(failure)
        words = f"Something went wrong on our side. Tell the clinic this number: {number}."
        return _page("no_link.html", 500, words=words)


async def _way_out(request: Request, token: str, found: Wishes, body: dict[str, str]) -> Response:
    if request.method == "POST":
        run = request.query_params.get("r", "")
        await run_in_threadpool(leaving.unsubscribe, token, run)
        if "leave" in body:  # a person pressed the button; a mail program takes no redirect
            return RedirectResponse(_here(request, token), 303, headers=HEADERS)
        now: Wishes | None = await run_in_threadpool(leaving.wishes, token)
        found = now or found
    return _page("way_out.html", wishes=found, by=CHANNELS[found.channel], here=_here(request, token),
                 choices=_here(request, token, "/choices"))  # fmt: skip


async def _choices(request: Request, token: str, found: Wishes, body: dict[str, str]) -> Response:
    here = _here(request, token, "/choices")
    if request.method == "POST":
        free = {"marketing", "reminders"} - found.fixed if "everything" not in found.fixed else set()
        gets = {scope: scope in body for scope in free}
        await run_in_threadpool(leaving.choose, token, gets, run=request.query_params.get("r", ""))
        return RedirectResponse(f"{here}{'&' if '?' in here else '?'}saved=1", 303, headers=HEADERS)
    return _page("choices.html", wishes=found, by=CHANNELS[found.channel], here=here,
                 saved=bool(request.query_params.get("saved")))  # fmt: skip


def _here(request: Request, token: str, more: str = "") -> str:
    """This page under the same link, with the launch it came from."""
    run = request.query_params.get("r", "")
    kept = f"?r={run}" if len(run) == 32 and run.isalnum() and run.isascii() else ""
    return f"/u/{quote(token, safe='')}{more}{kept}"


async def _fields(request: Request) -> dict[str, str] | None:
    """What a form sent, as far as it can be read; None for more than any form of ours holds."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > guard.LARGEST_FORM:
            return None
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10))
    except (UnicodeDecodeError, ValueError):
        return {}


def _page(template: str, status: int = 200, **facts: Any) -> Response:
    html = templates().get_template(template).render(clinic=None, visitor=None, refresh=0, **facts)
    return Response(html, status, HEADERS, "text/html")
