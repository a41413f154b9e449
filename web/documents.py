"""``/documents/<id>``: a stored document, and ``/scanned/<id>``: the upright picture of a scanned page, decrypted for a
signed-in person who may read it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from outage.page_pictures import page_picture
from records.documents import open_document
from web.answers import PRIVATE, answered

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox"
"""Whatever a document holds, nothing in it runs and nothing in it is fetched."""


async def document(request: Request) -> Response:
    """Answer one document, or the refusal as web/answers.py words it."""
    opened = await answered(request, lambda document_id, by: open_document(document_id, by=by))
    if isinstance(opened, PlainTextResponse):
        return opened
    way = "inline" if opened.kind.inline and "download" not in request.query_params else "attachment"
    named = f"{way}; filename*=UTF-8''{quote(opened.file_name, safe='')}"
    return Response(
        opened.content,
        media_type=opened.kind.media_type,
        headers={"Content-Disposition": named, "Content-Security-Policy": POLICY, **PRIVATE},
    )


async def scanned_page(request: Request) -> Response:
    """Answer the picture of one scanned page, or the refusal as web/answers.py words it."""
    picture = await answered(request, lambda page_id, by: page_picture(page_id, by=by))
    if isinstance(picture, PlainTextResponse):
        return picture
    return Response(picture, media_type="image/jpeg", headers={"Content-Security-Policy": POLICY, **PRIVATE})
