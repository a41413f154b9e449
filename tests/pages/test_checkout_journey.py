"""The counter in a real browser: from ready to receipt in cash and by card, then a refund by who may."""

import re

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from billing import tickets
from security import drafts
from tests.billing.visits import today, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def ticket_of(served, animal):
    with served.clinic() as clinic:
        row = next(row for row in tickets.waiting(today(), by=clinic.operator) if row.patient == animal)
        return row, tickets.ticket(row.invoice_id, by=clinic.operator)


def open_from_the_list(page, animal):
    find = page.get_by_role("textbox", name="Find a patient or client")
    find.fill(animal)
    find.press("Enter")
    page.get_by_role("link", name=re.compile(f"{animal}.*Check out", re.DOTALL)).click()
    page.get_by_role("heading", name=animal).wait_for()


def receipt_text(page, tmp_path):
    link = page.get_by_role("link", name="Receipt")
    link.wait_for()
    answer = page.request.get(page.url.split("/ticket")[0] + link.get_attribute("href"))
    assert answer.status == 200
    file = tmp_path / "receipt.pdf"
    file.write_bytes(answer.body())
    return " ".join(part.extract_text() for part in PdfReader(file).pages)


def kept_while_nobody_types(served, page, place):
    with served.clinic() as clinic:
        mona = clinic.actor("mona")
        for _ in range(100):
            if (drafts.load(place, by=mona) or {}).get("reason"):
                return
            page.wait_for_timeout(100)
    pytest.fail("the draft was never kept")


def test_from_ready_to_receipt_in_cash_and_by_card_and_a_refund(served, browser, tmp_path):
    with served.clinic() as clinic:
        visit(clinic, name="Waffle")
        visit(clinic, name="Clementine", services=("rabies",))

    page = browser("sam", "/checkout")
    open_from_the_list(page, "Waffle")
    picker = page.get_by_role("combobox", name="Add a service")
    picker.click()
    picker.type("e-col")
    picker.press("Enter")
    page.get_by_text("E-collar", exact=True).wait_for()
    page.get_by_text("Cash", exact=True).click()
    handed = page.get_by_label("Cash handed over")
    handed.fill("180")
    page.get_by_role("button", name="Take payment").click()
    page.get_by_text("Change $4.16.").wait_for()
    assert "change $4.16" in receipt_text(page, tmp_path)
    page.get_by_role("button", name="Complete checkout").click()
    page.get_by_text("Waffle went home. Nothing is due.").wait_for()
    row, told = ticket_of(served, "Waffle")
    assert (row.stage, told.standing.payment, told.standing.paid) == ("checked_out", "paid", 17_584)

    page.get_by_role("button", name="All tickets").click()
    page.get_by_role("heading", name="Checkout", exact=True).wait_for()
    open_from_the_list(page, "Clementine")
    page.get_by_label("Last four digits").fill("4242424242424242")
    page.get_by_label("Authorization code").fill("OK77")
    page.get_by_role("button", name="Take payment").click()
    page.get_by_text("looks as if it holds a card number").wait_for()
    page.get_by_label("Last four digits").fill("4242")
    page.get_by_role("button", name="Take payment").dblclick()
    page.get_by_text("$18.00 taken").wait_for()
    assert "Visa 4242, code OK77" in receipt_text(page, tmp_path)
    _, told = ticket_of(served, "Clementine")
    assert [(paid.tender, paid.amount_cents) for paid in told.payments] == [("card", 1_800)]

    boss = browser("mona", f"/invoice?id={told.id}")
    boss.get_by_role("button", name="Refund").click()
    dialog = boss.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Vaccine given elsewhere")
    kept_while_nobody_types(served, boss, f"refund:{told.id}")
    boss.reload()
    boss.get_by_role("button", name="Refund").click()
    dialog.get_by_text("Kept from").wait_for()
    expect(dialog.get_by_label("Reason")).to_have_value("Vaccine given elsewhere")
    dialog.get_by_label("To Visa 4242").fill("8")
    dialog.get_by_role("button", name="Refund").click()
    boss.get_by_text("Part paid", exact=True).wait_for()
    _, told = ticket_of(served, "Clementine")
    assert (told.standing.refunded, told.standing.balance) == (800, 800)
    assert page.problems == [] and boss.problems == []
