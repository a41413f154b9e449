"""``/report-files/<id>``: a long list as CSV, sent while the engine writes it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from reports.waiting import fetch
from web.answers import PRIVATE, answered


async def report_file(request: Request) -> Response:
    """Send a list that a page offered, or answer the refusal as web/answers.py words it. What fails on the way breaks
    the download off, so that nobody takes a part for the whole."""
    sent = await answered(request, lambda id, by: fetch(id, by=by))
    if isinstance(sent, PlainTextResponse):
        return sent
    named = f"attachment; filename*=UTF-8''{quote(sent.file_name, safe='')}"
    return StreamingResponse(sent.pieces, media_type="text/csv", headers={"Content-Disposition": named, **PRIVATE})
