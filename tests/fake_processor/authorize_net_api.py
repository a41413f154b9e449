"""Authorize.net as far as we ask it: one address, answers with a byte order mark, amounts as numbers."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fake_processor.world import Charge, World

OK = {"resultCode": "Ok", "message": [{"code": "I00001", "text": "Successful."}]}
ZONE = ZoneInfo("America/New_York")
BRANDS = {"Mastercard": "MasterCard", "Amex": "AmericanExpress"}


def _cents(amount: object) -> int:
    whole, _, part = str(amount).partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(at: float) -> str:
    return datetime.fromtimestamp(at, ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def _status(charge: Charge) -> str:
    if charge.disputed:
        return "chargeback"
    return {"pending": "capturedPendingSettlement", "settled": "settledSuccessfully"}.get(charge.state, charge.state)


def event_for(world: World, kind: str, charge: Charge, event_id: str = "") -> tuple[dict[str, str], bytes]:
    """A signed notification."""
    body = json.dumps(
        {
            "notificationId": event_id or world.number("note-"), "eventType": f"net.authorize.payment.{kind}",
            "eventDate": datetime.now(UTC).isoformat(), "webhookId": "hook",
            "payload": {"responseCode": 1, "authCode": charge.auth, "authAmount": charge.amount / 100,
                        "invoiceNumber": charge.key, "entityName": "transaction", "id": charge.id},
        }
    ).encode()  # fmt: skip
    mac = hmac.new(world.secrets["authorize_net"].encode(), body, hashlib.sha512).hexdigest().upper()
    return {"X-ANET-Signature": f"sha512={mac}"}, body


def routes(world: World, base: str) -> list[Route]:  # noqa: C901 - one function for each route
    def details(found: str) -> dict[str, Any]:
        refund = world.refunds.get(found)
        charge = world.charges[refund.charge if refund else found]
        status = _status(charge)
        if refund:
            status = "refundSettledSuccessfully" if refund.state == "settled" else "refundPendingSettlement"
        batch = refund.batch if refund else charge.batch
        item: dict[str, Any] = {
            "transId": found, "submitTimeUTC": _stamp(refund.at if refund else charge.at),
            "transactionType": "refundTransaction" if refund else "authCaptureTransaction",
            "transactionStatus": status, "authCode": "" if refund else charge.auth,
            "order": {"invoiceNumber": refund.key if refund else charge.key},
            "authAmount": (refund or charge).amount / 100, "settleAmount": (refund or charge).amount / 100,
            "payment": {"creditCard": {"cardNumber": f"XXXX{charge.last4}", "expirationDate": "XXXX",
                                       "cardType": BRANDS.get(charge.brand, charge.brand)}},
            "product": "Card Not Present",
        }  # fmt: skip
        if refund:
            item["refTransId"] = refund.charge
        if batch:
            item["batch"] = {"batchId": batch, "settlementTimeUTC": _stamp(world.batches[batch]["at"]),
                             "settlementTimeLocal": _local(world.batches[batch]["at"]),
                             "settlementState": "settledSuccessfully"}  # fmt: skip
        return item

    def row(found: str) -> dict[str, Any]:
        item = details(found)
        card = item["payment"]["creditCard"]
        return {
            "transId": found, "submitTimeUTC": item["submitTimeUTC"], "transactionStatus": item["transactionStatus"],
            "invoiceNumber": item["order"]["invoiceNumber"], "accountType": card["cardType"],
            "accountNumber": card["cardNumber"], "settleAmount": item["settleAmount"],
        }  # fmt: skip

    def of_batch(batch: str) -> list[str]:
        mine = [c for c in world.charges.values() if c.kind == "authorize_net" and c.batch == batch]
        back = [r for r in world.refunds.values()
                if world.charges[r.charge].kind == "authorize_net" and r.batch == batch]  # fmt: skip
        return [one.id for one in (*mine, *back)]

    def transact(request: dict[str, Any]) -> dict[str, Any]:
        charge = world.charges.get(request.get("refTransId", ""))
        done = ""
        if request["transactionType"] == "voidTransaction" and charge and charge.state == "pending":
            charge.state, done = "voided", charge.id
        if request["transactionType"] == "refundTransaction" and charge and charge.state == "settled":
            key = (request.get("order") or {}).get("invoiceNumber", "")
            refund = world.give_back(charge, _cents(request["amount"]), key)
            done = refund.id if refund else ""
        if done:
            return {"transactionResponse": {"responseCode": "1", "transId": done}, "messages": OK}
        error = {"errorCode": "54", "errorText": "The referenced transaction does not meet the criteria."}
        return {
            "transactionResponse": {"responseCode": "3", "errors": [error], "transId": "0"},
            "messages": {"resultCode": "Error", "message": [{"code": "E00027", "text": "Unsuccessful."}]},
        }

    def answer(name: str, said: dict[str, Any]) -> dict[str, Any]:
        if said["merchantAuthentication"]["transactionKey"] != "transaction-key":
            text = "User authentication failed due to invalid authentication values."
            return {"messages": {"resultCode": "Error", "message": [{"code": "E00007", "text": text}]}}
        if name == "getHostedPaymentPageRequest":
            wish = said["transactionRequest"]
            settings = {one["settingName"]: json.loads(one["settingValue"])
                        for one in said["hostedPaymentSettings"]["setting"]}  # fmt: skip
            back = settings["hostedPaymentReturnOptions"]
            page = world.page("authorize_net", wish["order"]["invoiceNumber"], "", _cents(wish["amount"]),
                              wish["currencyCode"], back["url"], back["cancelUrl"], 900)  # fmt: skip
            return {"token": page.id, "messages": OK}
        if name == "getTransactionDetailsRequest":
            return {"transaction": details(said["transId"]), "messages": OK}
        if name == "getUnsettledTransactionListRequest":
            found = [one for one in of_batch("") if world.refunds.get(one) or world.charges[one].state != "voided"]
            return {"transactions": [row(one) for one in found], "messages": OK}
        if name == "getTransactionListRequest":
            return {"transactions": [row(one) for one in of_batch(said["batchId"])], "messages": OK}
        if name == "getSettledBatchListRequest":
            first, last = said["firstSettlementDate"][:10], said["lastSettlementDate"][:10]
            if (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days > 31:
                text = "The date range must not exceed 31 days."
                return {"messages": {"resultCode": "Error", "message": [{"code": "E00003", "text": text}]}}
            found_batches = [
                {"batchId": batch, "settlementTimeUTC": _stamp(one["at"]), "settlementState": "settledSuccessfully",
                 "settlementTimeLocal": _local(one["at"]),
                 "statistics": [{"accountType": "Visa", "chargeAmount": max(one["gross"], 0) / 100,
                                 "refundAmount": max(-one["gross"], 0) / 100}]}
                for batch, one in world.batches.items()
                if one["kind"] == "authorize_net" and first <= _stamp(one["at"])[:10] <= last
            ]  # fmt: skip
            return {"batchList": found_batches, "messages": OK}
        if name == "createTransactionRequest":
            return transact(said["transactionRequest"])
        return {"messages": OK}

    async def api(request: Request) -> Response:
        (name, said), *_ = json.loads(await request.body()).items()
        world.asked.append(f"authorize_net {name}")
        body = json.dumps(answer(name, said))
        return Response(b"\xef\xbb\xbf" + body.encode(), media_type="application/json")

    return [Route("/xml/v1/request.api", api, methods=["POST"])]
