"""``/receipts/<invoice id>``: the receipt of an invoice as a PDF, in the browser's own viewer."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from billing.receipt import receipt as print_receipt
from data.errors import NotFound
from web.answers import PRIVATE, answered


async def receipt(request: Request) -> Response:
    """Answer one receipt, or the refusal as web/answers.py words it."""
    printed = await answered(request, lambda invoice_id, by: print_receipt(_id(invoice_id), by=by))
    if isinstance(printed, PlainTextResponse):
        return printed
    way = "attachment" if "download" in request.query_params else "inline"
    named = f'{way}; filename="{printed.file_name}"'
    return Response(printed.content, media_type="application/pdf", headers={"Content-Disposition": named, **PRIVATE})


def _id(text: str) -> str:
    """An id in its one spelling; anything else is an invoice that is not here."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(what="invoice", name="with this address") from None
