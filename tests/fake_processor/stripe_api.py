"""Stripe as far as we ask it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fake_processor.world import Charge, PayPage, Refund, World, fee


def charge_object(charge: Charge) -> dict[str, Any]:
    return {
        "id": charge.id, "object": "charge", "amount": charge.amount, "currency": charge.currency.lower(),
        "created": int(charge.at), "status": "failed" if charge.state == "declined" else "succeeded",
        "metadata": {"order": charge.key},
        "payment_method_details": {
            "type": "card",
            "card": {"brand": charge.brand.lower(), "last4": charge.last4, "authorization_code": charge.auth},
        },
    }  # fmt: skip


def refund_object(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id, "object": "refund", "amount": refund.amount, "charge": refund.charge,
        "created": int(refund.at), "status": "failed" if refund.state == "failed" else "succeeded",
        "failure_reason": "lost_or_stolen_card" if refund.state == "failed" else None,
        "metadata": {"order": refund.key},
    }  # fmt: skip


def session_object(world: World, page: PayPage, *, expand: bool = False) -> dict[str, Any]:
    if page.state == "open" and page.expires < time.time():
        page.state = "expired"
    charge = world.charges.get(page.charge)
    intent: Any = f"pi_{page.id}" if charge else None
    if expand and charge:
        intent = {"id": f"pi_{page.id}", "object": "payment_intent", "latest_charge": charge_object(charge)}
    return {
        "id": page.id, "object": "checkout.session", "amount_total": page.amount, "currency": page.currency.lower(),
        "client_reference_id": page.reference, "created": int(page.created), "expires_at": int(page.expires),
        "metadata": {"order": page.key}, "payment_intent": intent,
        "payment_status": "paid" if page.state == "paid" else "unpaid",
        "status": {"paid": "complete"}.get(page.state, page.state),
        "url": page.extra["url"] if page.state == "open" else None,
    }  # fmt: skip


def event_for(world: World, kind: str, item: dict[str, Any], event_id: str = "") -> tuple[dict[str, str], bytes]:
    """A signed event."""
    body = json.dumps(
        {"id": event_id or world.number("evt_"), "object": "event", "type": kind, "created": int(time.time()),
         "data": {"object": item}}
    ).encode()  # fmt: skip
    return {"stripe-signature": signature(world, body)}, body


def signature(world: World, body: bytes, at: float | None = None) -> str:
    stamp = str(int(at or time.time()))
    mac = hmac.new(world.secrets["stripe"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={mac}"


def routes(world: World, base: str) -> list[Route]:  # noqa: C901 - one function for each route
    def bad(text: str, status: int = 400) -> JSONResponse:
        return JSONResponse({"error": {"type": "invalid_request_error", "message": text}}, status)

    async def form(request: Request) -> dict[str, str]:
        return dict(parse_qsl((await request.body()).decode()))

    def once(request: Request, made: Any) -> Any:
        key = request.headers.get("idempotency-key", "")
        if key:
            world.answers[key] = made
        return made

    async def sessions(request: Request) -> Response:
        if request.method == "GET":
            pages = [page for page in world.pages.values() if page.kind == "stripe"]
            return listed([session_object(world, page) for page in pages], request)
        known = world.answers.get(request.headers.get("idempotency-key", ""))
        if known is not None:
            return JSONResponse(known)
        said = await form(request)
        expires = int(said["expires_at"])
        if expires < time.time() + 29 * 60:
            return bad("expires_at must be at least 30 minutes away")
        page = world.page(
            "stripe", said["metadata[order]"], said["client_reference_id"],
            int(said["line_items[0][price_data][unit_amount]"]),
            said["line_items[0][price_data][currency]"].upper(), said["success_url"], said["cancel_url"],
            expires - time.time(),
        )  # fmt: skip
        page.expires = expires
        page.extra["url"] = f"{base}/page/{page.id}"
        return JSONResponse(once(request, session_object(world, page)))

    async def session(request: Request) -> Response:
        page = world.pages.get(request.path_params["id"])
        if page is None:
            return bad("No such session", 404)
        return JSONResponse(session_object(world, page, expand=True))

    async def expire(request: Request) -> Response:
        page = world.pages[request.path_params["id"]]
        if page.state != "open":
            return bad(f"This session is {page.state}, it cannot be expired")
        page.state = "expired"
        return JSONResponse(session_object(world, page))

    async def refunds(request: Request) -> Response:
        if request.method == "GET":
            mine = [one for one in world.refunds.values() if one.charge == request.query_params["charge"]]
            return listed([refund_object(one) for one in mine], request)
        known = world.answers.get(request.headers.get("idempotency-key", ""))
        if known is not None:
            return JSONResponse(known)
        said = await form(request)
        charge = world.charges.get(said["charge"])
        refund = world.give_back(charge, int(said["amount"]), said.get("metadata[order]", "")) if charge else None
        if refund is None:
            return bad("Refund amount is greater than the unrefunded amount on the charge")
        return JSONResponse(once(request, refund_object(refund)))

    def listed(items: list[dict[str, Any]], request: Request) -> JSONResponse:
        after = request.query_params.get("starting_after")
        start = next((i + 1 for i, one in enumerate(items) if one["id"] == after), 0) if after else 0
        limit = int(request.query_params.get("limit", "10"))
        part = items[start : start + limit]
        return JSONResponse({"object": "list", "data": part, "has_more": start + limit < len(items), "url": "/"})

    async def charges(request: Request) -> Response:
        return listed([charge_object(one) for one in world.charges.values() if one.kind == "stripe"], request)

    async def payouts(request: Request) -> Response:
        return listed(
            [
                {"id": batch, "object": "payout", "amount": one["gross"] - one["fee"], "currency": "usd",
                 "arrival_date": int(one["at"]), "created": int(one["at"]), "automatic": True, "status": "paid"}
                for batch, one in world.batches.items() if one["kind"] == "stripe"
            ],
            request,
        )  # fmt: skip

    async def transactions(request: Request) -> Response:
        batch = request.query_params.get("payout")
        rows = []
        for charge in world.charges.values():
            if charge.kind != "stripe" or charge.state not in ("pending", "settled"):
                continue
            cost = fee(charge.amount)
            rows.append((charge.batch, charge.at, f"txn_{charge.id}", charge.amount, cost, "charge",
                         charge_object(charge)))  # fmt: skip
            if charge.disputed:
                source = {"id": f"dp_{charge.id}", "object": "dispute", "charge": charge_object(charge)}
                rows.append(("", time.time(), f"txn_dp_{charge.id}", -charge.amount, 1500, "dispute", source))
        for refund in world.refunds.values():
            charge = world.charges[refund.charge]
            if charge.kind == "stripe" and refund.state != "failed":
                rows.append((refund.batch, refund.at, f"txn_{refund.id}", -refund.amount, 0, "refund",
                             refund_object(refund) | {"charge": charge_object(charge)}))  # fmt: skip
        return listed(
            [
                {"id": name, "object": "balance_transaction", "amount": amount, "fee": cost, "net": amount - cost,
                 "currency": "usd", "created": int(at), "available_on": int(at), "type": kind,
                 "reporting_category": kind, "source": source, "status": "available" if of else "pending"}
                for of, at, name, amount, cost, kind, source in rows if batch is None or of == batch
            ],
            request,
        )  # fmt: skip

    async def balance(_request: Request) -> Response:
        return JSONResponse({"object": "balance", "livemode": False, "available": [], "pending": []})

    return [
        Route("/v1/checkout/sessions", sessions, methods=["GET", "POST"]),
        Route("/v1/checkout/sessions/{id}", session),
        Route("/v1/checkout/sessions/{id}/expire", expire, methods=["POST"]),
        Route("/v1/refunds", refunds, methods=["GET", "POST"]),
        Route("/v1/charges", charges),
        Route("/v1/payouts", payouts),
        Route("/v1/balance_transactions", transactions),
        Route("/v1/balance", balance),
    ]
