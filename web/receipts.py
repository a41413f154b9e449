"""``/receipts/<invoice id>`` and ``/statements/<client id>`` as PDFs, in the browser's own viewer."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from billing.receipt import Printed
from billing.receipt import receipt as print_receipt
from billing.statement import statement as print_statement
from data.errors import NotFound
from web.answers import PRIVATE, answered


async def receipt(request: Request) -> Response:
    """Answer one receipt, or the refusal as web/answers.py words it."""
    printed = await answered(request, lambda invoice_id, by: print_receipt(_id(invoice_id, "invoice"), by=by))
    return _shown(request, printed)


async def statement(request: Request) -> Response:
    """Answer a client's statement, or the refusal as web/answers.py words it."""
    printed = await answered(request, lambda client_id, by: print_statement(_id(client_id, "client"), by=by))
    return _shown(request, printed)


def _shown(request: Request, printed: Printed | PlainTextResponse) -> Response:
    if isinstance(printed, PlainTextResponse):
        return printed
    way = "attachment" if "download" in request.query_params else "inline"
    named = f'{way}; filename="{printed.file_name}"'
    return Response(printed.content, media_type="application/pdf", headers={"Content-Disposition": named, **PRIVATE})


def _id(text: str, what: str) -> str:
    """An id in its one spelling; anything else is an invoice or client that is not here."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(what=what, name="with this address") from None
