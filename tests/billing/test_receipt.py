"""The receipt: what it says, that it is a PDF, and who gets it."""

import io

import pytest
from pypdf import PdfReader

from billing import checkout, receipt
from billing.payments import Tender, take_payment
from data.errors import NotFound, NotPermitted
from data.types import new_id
from tests.billing.visits import pot, visit


def text_of(printed):
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages)


def test_a_receipt_says_what_was_charged_paid_and_given_back_as_change(sqlite_clinic):
    by = sqlite_clinic.actor("sam")
    pot(sqlite_clinic)
    invoice_id = checkout.open_ticket(visit(sqlite_clinic, name="Zoë <b>", funding="grant")[0], by=by)
    take_payment([invoice_id], 11_300, Tender("cash"), tendered_cents=12_000, by=by)
    printed = receipt.receipt(invoice_id, by=by)
    words = text_of(printed)
    for expected in ("Receipt", "Dog spay", "Grant pays $50.00", "$113.00", "change $7.00", "Zoë <b>", "Page 1 of 1"):
        assert expected in words, expected
    assert printed.file_name.startswith("receipt-")


def test_what_is_not_paid_is_an_invoice_and_a_void_one_says_so(sqlite_clinic):
    by = sqlite_clinic.operator
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=by)
    assert "Invoice" in text_of(receipt.receipt(invoice_id, by=by))


def test_a_stranger_gets_none(sqlite_clinic):
    with pytest.raises(NotFound):
        receipt.receipt(new_id(), by=sqlite_clinic.operator)
    from security import role_matrix  # noqa: F401

    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    from sqlalchemy import update

    from data.models import User

    with sqlite_clinic.database.engine.begin() as connection:
        connection.execute(update(User).where(User.username == "sam").values(role="nobody"))
    with pytest.raises(NotPermitted):
        receipt.receipt(invoice_id, by=sqlite_clinic.actor("sam"))


def test_a_page_that_cannot_be_printed_is_given_up_on(monkeypatch):
    monkeypatch.setattr(receipt, "SECONDS", -4.9)
    with pytest.raises(receipt.NotPrinted, match="payment is safe"):
        receipt.pdf_of("<p>late</p>")
