"""``/documents/<id>``: a stored document, decrypted for a signed-in person who may read it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from data.errors import EnvironmentFailure, NotFound, NotPermitted, SessionEnded
from records.documents import OpenedDocument, open_document
from security import sessions

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox"
"""Whatever a document holds, nothing in it runs and nothing in it is fetched."""


async def document(request: Request) -> Response:
    """Answer one document: 401 without a session, 403 without the right, 404 for what is not there or not theirs."""
    token = request.scope.get("ballast_token", "")
    try:
        opened = await run_in_threadpool(_open, token, request.path_params["id"])
    except SessionEnded:
        return PlainTextResponse("Sign in first.", 401)
    except NotPermitted as refusal:
        return PlainTextResponse(refusal.message, 403)
    except NotFound as refusal:
        return PlainTextResponse(refusal.message, 404)
    except EnvironmentFailure as failure:
        return PlainTextResponse(failure.message, 500)
    way = "inline" if opened.kind.inline and "download" not in request.query_params else "attachment"
    return Response(
        opened.content,
        media_type=opened.kind.media_type,
        headers={
            "Content-Disposition": f"{way}; filename*=UTF-8''{quote(opened.file_name, safe='')}",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )


def _open(token: str, document_id: str) -> OpenedDocument:
    who = sessions.resume(token, touch=True)
    return open_document(document_id, by=who.actor)
