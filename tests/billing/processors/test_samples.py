"""Answers that processors' own libraries keep as examples: read without floats, in our words."""

from __future__ import annotations

import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from billing.processors import authorize_net, converge, mx
from billing.processors.settings import Processor
from billing.processors.wire import PlaceRefused, cents_of, major, parsed, stand_in
from tests.conftest import ROOT

SAMPLES = ROOT / "tests" / "samples" / "processors"


def test_authorize_net_a_transaction_in_full():
    text = (SAMPLES / "authorizenet_api" / "getTransactionDetailsResponse.json").read_bytes()
    sale = authorize_net._paid(parsed(b"\xef\xbb\xbf" + text, "x")["transaction"], "USD")
    assert (sale.transaction, sale.amount_cents, sale.currency) == ("2162566217", 101_888, "USD")
    assert (sale.last4, sale.brand, sale.authorization, sale.is_settled) == ("4444", "Mastercard", "JPG9DJ", True)
    assert sale.at is not None and sale.at.isoformat().startswith("2011-09-01T16:30:49")


def test_converge_a_return():
    rows = converge._rows(etree.parse(SAMPLES / "elavon_converge_api" / "successful_refund_response.xml").getroot())
    adapter = converge.Converge(
        "x", {"merchant_id": "1", "user_id": "2", "pin": "3"}, "", "t", ZoneInfo("America/New_York"), is_test=True
    )
    sale = adapter._paid(rows[0], "USD")
    assert (sale.amount_cents, sale.last4, sale.brand, sale.authorization) == (10_000, "9990", "Visa", "094012")
    assert converge._action(rows[0]) == "RETURN" and converge._is_approved(rows[0])


@pytest.mark.parametrize(
    ("name", "cents", "state", "last4"),
    [
        ("successful_purchase_response", 987, "approved", "1111"),
        ("successful_purchase_response_with_settled_transaction", 2, "settled", "0008"),
        ("successful_refund_response", -321, "approved", "1111"),
    ],
)
def test_mx_payments(name, cents, state, last4):
    row = parsed((SAMPLES / "mx_merchant_api" / f"{name}.json").read_bytes(), "x")
    sale = mx._paid(row)
    assert (sale.amount_cents, mx._status(row), sale.last4) == (cents, state, last4)


def test_amounts_never_pass_through_floats():
    assert parsed(b'{"a": 1018.88}', "x")["a"] == Decimal("1018.88")
    for cents in range(0, 100_000, 7):
        assert cents_of(major(cents)) == cents
        assert cents_of(json.loads(major(cents), parse_float=Decimal)) == cents
    for bad in (1.1, True, None, "1.234", "NaN", "x"):
        with pytest.raises(ValueError, match="not an amount"):
            cents_of(bad)


def test_a_stand_in_is_on_this_machine_and_for_test_accounts_only(monkeypatch):
    monkeypatch.setenv("BALLAST_PROCESSORS_AT", "http://127.0.0.1:4242")
    assert stand_in("mx", is_test=True) == "http://127.0.0.1:4242/mx"
    assert stand_in("mx", is_test=False) == ""
    for place in ("http://169.254.169.254", "https://example.org", "http://127.0.0.1.example.org", "file:///etc"):
        monkeypatch.setenv("BALLAST_PROCESSORS_AT", place)
        with pytest.raises(PlaceRefused):
            stand_in("mx", is_test=True)
    for address in ("http://terminal.example", "javascript:alert(1)", "https://"):
        with pytest.raises(ValueError, match="https"):
            Processor(label="x", type="terminal", virtual_terminal_url=address)
