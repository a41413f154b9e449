"""Where Twilio tells of replies to text messages, each call signed with the account's token."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from campaigns import text_replies
from web.gate import is_secure

LARGEST = 64_000
"""Bytes a call may have."""
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


async def replied(request: Request) -> Response:
    """A reply to a text message. What Twilio did not sign for this clinic leaves no trace, whatever exists here."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return PlainTextResponse("Too long.", 413)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        pairs = []
    form = dict(pairs)
    if not form or len(form) != len(pairs):  # what is named twice is not what was signed
        return PlainTextResponse("Not a message.", 403)
    clinic, signed = str(request.path_params["clinic"]), request.headers.get("x-twilio-signature", "")
    taken = await run_in_threadpool(text_replies.receive, clinic, _addresses(request), form, signed)
    if taken is None:
        return PlainTextResponse("Not a message.", 403)
    return Response(NOTHING_TO_SAY, media_type="text/xml")


def _addresses(request: Request) -> list[str]:
    """This call's address as the caller may have written it: with the port of its scheme or without."""
    scheme, host = ("https" if is_secure(request.scope) else "http"), request.headers.get("host", "")
    tail = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    port = ":443" if scheme == "https" else ":80"
    bare = host.removesuffix(port)
    return [f"{scheme}://{one}{tail}" for one in dict.fromkeys((host, bare, bare if ":" in bare else bare + port))]
