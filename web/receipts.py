"""``/receipts/<invoice id>``: the receipt of an invoice as a PDF, in the browser's own viewer."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from billing.receipt import Printed
from billing.receipt import receipt as print_receipt
from data.errors import EnvironmentFailure, NotFound, NotPermitted, SessionEnded
from security import sessions


async def receipt(request: Request) -> Response:
    """Answer one receipt: 401 without a session, 403 without the right, 404 for what is not there or not theirs."""
    try:
        printed = await run_in_threadpool(_print, request.scope.get("ballast_token", ""), request.path_params["id"])
    except SessionEnded:
        return PlainTextResponse("Sign in first.", 401)
    except NotPermitted as refusal:
        return PlainTextResponse(refusal.message, 403)
    except NotFound as refusal:
        return PlainTextResponse(refusal.message, 404)
    except EnvironmentFailure as failure:
        return PlainTextResponse(failure.message, 500)
    way = "attachment" if "download" in request.query_params else "inline"
    return Response(
        printed.content,
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'{way}; filename="{printed.file_name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )


def _print(token: str, invoice_id: str) -> Printed:
    who = sessions.resume(token, touch=True)
    return print_receipt(_id(invoice_id), by=who.actor)


def _id(text: str) -> str:
    """An id in its one spelling; anything else is an invoice that is not here."""
    import uuid

    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(what="invoice", name="with this address") from None
