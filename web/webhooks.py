"""Where processors tell us something, and the step to a pay page that must be posted to. Both are for strangers."""

from __future__ import annotations

import html
import secrets
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from billing.processors import events, handover
from billing.processors.base import Forged

LARGEST = 256_000
"""Bytes a message may have."""


async def told(request: Request) -> Response:
    """A message of a processor. What is not one is answered by 400 and leaves no trace."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return PlainTextResponse("Too long.", 413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    clinic, slug = str(request.path_params["clinic"]), str(request.path_params["processor"])
    try:
        await run_in_threadpool(events.receive, clinic, slug, bytes(body), headers, dict(request.query_params))
    except Forged:
        return PlainTextResponse("Not a message.", 400)
    return PlainTextResponse("Thank you.")


async def pay(request: Request) -> Response:
    """From our link to a pay page that takes its token by a form of its own: it sends itself, or by the button."""
    found = await run_in_threadpool(handover.page_of, str(request.path_params["id"]))
    if found is None:
        return _page('<p role="alert">This link does not work any more. Open your invoice again.</p>', status=404)
    if not found.post_to:
        return RedirectResponse(found.back or "/", 303)
    nonce = secrets.token_urlsafe(16)
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in found.fields.items()
    )
    place = urlsplit(found.post_to)
    return _page(
        f"""<h1>To the payment page</h1><p>You pay on the page of the clinic's card processor.</p>
<form method="post" action="{html.escape(found.post_to)}" id="go">{hidden}<button class="main">Continue</button></form>
<script nonce="{nonce}">document.getElementById("go").submit()</script>""",
        allowed=f"script-src 'nonce-{nonce}'; form-action {place.scheme}://{place.netloc}",
    )


def _page(body: str, *, allowed: str = "form-action 'none'", status: int = 200) -> HTMLResponse:
    """A page that looks like those of the portal, for whoever has no portal open."""
    policy = f"default-src 'none'; style-src 'self'; {allowed}; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payment</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/portal/portal.css"></head>
<body><main><section class="card narrow">{body}</section></main></body></html>""",
        status,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )
