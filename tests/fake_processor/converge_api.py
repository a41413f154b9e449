"""Converge as far as we ask it: tokens for hosted pages and one address for XML."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from lxml import etree
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.fake_processor.world import Charge, Refund, World

ZONE = ZoneInfo("America/New_York")
BRANDS = {"Visa": "VISA", "Mastercard": "MC", "Amex": "AMEX", "Discover": "DISC"}


def _cents(text: str) -> int:
    return int(text.replace(".", ""))


def routes(world: World, base: str) -> list[Route]:  # noqa: C901 - one function for each route
    def fields(charge: Charge, refund: Refund | None = None) -> dict[str, str]:
        one = refund or charge
        at = datetime.fromtimestamp(one.at, ZONE)
        state = {"settled": "STL", "voided": "VOID"}.get(one.state, "OPN")
        return {
            "ssl_txn_id": one.id, "ssl_amount": f"{one.amount / 100:.2f}",
            "ssl_transaction_type": "RETURN" if refund else "SALE",
            "ssl_card_number": f"41**********{charge.last4}", "ssl_approval_code": charge.auth,
            "ssl_card_short_description": BRANDS[charge.brand], "ssl_trans_status": state,
            "ssl_result": "1" if charge.state == "declined" else "0",
            "ssl_result_message": "DECLINED" if charge.state == "declined" else "APPROVAL",
            "ssl_txn_time": at.strftime("%m/%d/%Y %I:%M:%S %p"), "ssl_invoice_number": one.key,
            "ssl_merchant_txn_id": one.key, "ssl_original_txn_id": charge.id if refund else "",
            "ssl_settlement_batch_response": f"GBOK {one.batch}" if one.batch else "",
        }  # fmt: skip

    def xml(rows: list[dict[str, str]], *, single: bool = False) -> Response:
        root = etree.Element("txnlist")
        etree.SubElement(root, "ssl_txn_count").text = str(len(rows))
        for row in rows:
            item = etree.SubElement(root, "txn")
            for name, text in row.items():
                etree.SubElement(item, name).text = text
        if single:
            root = root[1]
        return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), media_type="text/xml")

    def error(code: str, name: str) -> Response:
        return xml([{"errorCode": code, "errorName": name, "errorMessage": name}], single=True)

    def everything() -> list[dict[str, str]]:
        rows = [fields(charge) for charge in world.charges.values() if charge.kind == "elavon"]
        backs = [one for one in world.refunds.values() if world.charges[one.charge].kind == "elavon"]
        return rows + [fields(world.charges[one.charge], one) for one in backs]

    async def token(request: Request) -> Response:
        said = dict(parse_qsl((await request.body()).decode()))
        world.asked.append("elavon token")
        if said.get("ssl_pin") != "pin-1234":
            return PlainTextResponse("<h1>Unauthorized</h1>")
        page = world.page("elavon", said["ssl_merchant_txn_id"], "", _cents(said["ssl_amount"]), "USD",
                          said.get("ssl_receipt_link_url", ""), said.get("ssl_receipt_link_url", ""), 900)  # fmt: skip
        return PlainTextResponse(page.id)

    async def hosted(request: Request) -> Response:
        return RedirectResponse(f"{base}/page/{request.query_params['ssl_txn_auth_token']}", 303)

    async def process(request: Request) -> Response:
        said = dict(parse_qsl((await request.body()).decode()))
        wish = {cell.tag: cell.text or "" for cell in etree.fromstring(said["xmldata"])}
        action = wish["ssl_transaction_type"]
        world.asked.append(f"elavon {action}")
        if wish["ssl_pin"] != "pin-1234":
            return error("4025", "Invalid Credentials")
        if action == "txnquery":
            rows = everything()
            for name in ("ssl_txn_id", "ssl_merchant_txn_id"):
                if name in wish:
                    rows = [row for row in rows if row[name] == wish[name]]
            return xml(rows)
        charge = world.charges.get(wish["ssl_txn_id"])
        if charge is None:
            return error("5040", "Invalid Transaction ID")
        if action == "ccvoid":
            if charge.state != "pending":
                return error("5042", "Transaction Already Settled")
            charge.state = "voided"
            return xml([fields(charge) | {"ssl_transaction_type": "VOID"}], single=True)
        refund = world.give_back(charge, _cents(wish["ssl_amount"]), wish.get("ssl_merchant_txn_id", ""))
        if refund is None:
            return error("5041", "The refund amount exceeds the original transaction amount")
        return xml([fields(charge, refund)], single=True)

    return [
        Route("/hosted-payments/transaction_token", token, methods=["POST"]),
        Route("/hosted-payments", hosted),
        Route("/VirtualMerchantDemo/processxml.do", process, methods=["POST"]),
    ]
