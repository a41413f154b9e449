"""MX Merchant as far as we ask it: amounts as texts, statuses in its words."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fake_processor.world import Charge, Refund, World

ZONE = ZoneInfo("America/New_York")
STATES = {"pending": "Approved", "settled": "Settled", "voided": "Voided", "declined": "Declined"}
BRANDS = {"Mastercard": "MasterCard", "Amex": "AmericanExpress"}


def payment_object(world: World, charge: Charge, refund: Refund | None = None) -> dict[str, Any]:
    one = refund or charge
    sign = "-" if refund else ""
    item: dict[str, Any] = {
        "id": int(one.id), "created": f"{charge.time.isoformat()[:23]}Z", "merchantId": 12345678,
        "batch": one.batch[1:6], "batchId": int(one.batch or 0), "tenderType": "Card", "currency": "USD",
        "amount": f"{sign}{one.amount / 100:.2f}", "paymentToken": f"tok{charge.id}",
        "cardAccount": {"cardType": BRANDS.get(charge.brand, charge.brand), "last4": charge.last4,
                        "entryMode": "Keyed"},
        "authOnly": False, "authCode": charge.auth, "status": STATES[one.state], "authMessage": STATES[one.state],
        "reference": f"12061200{one.id[-4:]}", "invoice": one.key, "clientReference": one.key,
        "type": "Return" if refund else "Sale", "settledAmount": "0",
    }  # fmt: skip
    if charge.disputed and not refund:
        item["status"] = "ChargedBack"
    if refund:
        item["originalId"] = int(charge.id)
    if one.batch:
        at = world.batches[one.batch]["at"]
        item["settledDate"] = datetime.fromtimestamp(at, ZONE).isoformat()[:19]
    return item


def routes(world: World, base: str) -> list[Route]:  # noqa: C901 - one function for each route
    def invoice_object(page_id: str) -> dict[str, Any]:
        page = world.pages[page_id]
        status = {"open": "Unpaid", "paid": "Paid", "expired": "Cancelled"}[page.state]
        return {"id": int(page_id[2:]), "invoiceNumber": page.key, "status": status,
                "payLink": f"{base}/page/{page.id}"}  # fmt: skip

    async def invoices(request: Request) -> Response:
        world.asked.append(f"mx {request.method} invoice")
        if request.method == "GET":
            wanted = request.query_params.get("filter")
            mine = [p for p in world.pages.values() if p.kind == "mx" and p.key == wanted]
            return JSONResponse({"records": [invoice_object(page.id) for page in mine]})
        said = json.loads(await request.body())
        cents = int(said["purchases"][0]["price"].replace(".", ""))
        page = world.page("mx", said["invoiceNumber"], "", cents, "USD", said["returnUrl"], said["returnUrl"], 86_400)
        return JSONResponse(invoice_object(page.id), 201)

    async def invoice(request: Request) -> Response:
        world.asked.append(f"mx {request.method} invoice/id")
        page = world.pages.get(f"pg{request.path_params['id']}")
        if page is None:
            page = next((p for p in world.pages.values() if p.kind == "mx" and p.id[2:].lstrip("0")
                         == request.path_params["id"]), None)  # fmt: skip
        if page is None:
            return JSONResponse({"message": "not found"}, 404)
        if request.method == "PUT" and page.state == "open":
            page.state = "expired"
        return JSONResponse(invoice_object(page.id))

    async def payments(request: Request) -> Response:
        world.asked.append(f"mx {request.method} payment")
        if request.method == "POST":
            said = json.loads(await request.body())
            known = world.answers.get(f"mx{said['replayId']}")
            if known:
                return JSONResponse(known)
            charge = world.charges.get(said["paymentToken"][3:])
            refund = world.give_back(charge, int(said["amount"].replace(".", "").lstrip("-")),
                                     said["clientReference"]) if charge else None  # fmt: skip
            if refund is None or charge is None:
                return JSONResponse({"message": "Refund exceeds the original amount"}, 400)
            answer = payment_object(world, charge, refund)
            world.answers[f"mx{said['replayId']}"] = answer
            return JSONResponse(answer, 201)
        rows = [payment_object(world, one) for one in world.charges.values() if one.kind == "mx"]
        rows += [payment_object(world, world.charges[one.charge], one) for one in world.refunds.values()
                 if world.charges[one.charge].kind == "mx"]  # fmt: skip
        for name in ("invoice", "clientReference", "batchId"):
            if name in request.query_params:
                rows = [row for row in rows if str(row[name]) == request.query_params[name]]
        return JSONResponse({"recordCount": len(rows), "records": rows})

    async def payment(request: Request) -> Response:
        world.asked.append(f"mx {request.method} payment/id")
        charge = world.charges.get(request.path_params["id"])
        if charge is None:
            return JSONResponse({"message": "not found"}, 404)
        if request.method == "DELETE":
            if charge.state == "pending":
                charge.state = "voided"
            else:
                world.give_back(charge, charge.amount, "")
            return Response(status_code=204)
        return JSONResponse(payment_object(world, charge))

    async def batches(_request: Request) -> Response:
        return JSONResponse(
            {"records": [
                {"id": int(batch), "batchId": int(batch), "batch": batch[1:6], "netAmount": f"{one['gross'] / 100:.2f}",
                 "closed": datetime.fromtimestamp(one["at"], ZONE).isoformat()[:19]}
                for batch, one in world.batches.items() if one["kind"] == "mx"
            ]}
        )  # fmt: skip

    return [
        Route("/invoice", invoices, methods=["GET", "POST"]),
        Route("/invoice/{id}", invoice, methods=["GET", "PUT"]),
        Route("/payment", payments, methods=["GET", "POST"]),
        Route("/payment/{id}", payment, methods=["GET", "DELETE"]),
        Route("/batch", batches),
    ]
