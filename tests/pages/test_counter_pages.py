"""The counter's pages: from ready to receipt, the invoices, and a home for each role."""

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from billing import checkout, invoices, tickets
from billing.payments import Tender, take_payment
from data.models import Appointment
from data.session import read
from tests.billing.visits import visit
from tests.conftest import ROOT

CASH = Tender("cash")


def opened(clinic, name, page, **query):
    at = AppTest.from_file(ROOT / "pages" / "navigation.py", default_timeout=60)
    at.user = {"session": clinic.token(name)}
    at.run()
    for key, value in query.items():
        at.query_params[key] = value
    at.switch_page(page)
    at.run()
    assert not at.exception, at.exception
    return at


def test_from_the_list_to_a_paid_and_completed_checkout(sqlite_clinic):
    appointment_id, _ = visit(sqlite_clinic)
    at = opened(sqlite_clinic, "sam", "today/checkout.py")
    at.button(f"open_{appointment_id}").click().run()
    assert not at.exception
    invoice_id = tickets.waiting(_day(sqlite_clinic), by=sqlite_clinic.operator)[0].invoice_id
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    at.selectbox("add_service").select("E-collar  ·  $12.00").run()
    assert tickets.ticket(invoice_id, by=sqlite_clinic.operator).standing.total == 17_584
    at.segmented_control("tender").set_value("cash").run()
    slot = f"{invoice_id}_cash_17584"
    at.text_input(f"handed_{slot}").set_value("180")
    at.button(f"take_{slot}").click().run()
    assert not at.exception and not at.error
    assert "Change" in at.success[0].value and "4.16" in at.success[0].value
    at.button("complete").click().run()
    assert not at.exception and not at.error
    with read(sqlite_clinic.id) as session:
        assert session.scalar(select(Appointment.stage).where(Appointment.id == appointment_id)) == "checked_out"


def test_a_card_number_typed_at_the_counter_is_refused_in_a_sentence(sqlite_clinic):
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    slot = f"{invoice_id}_card_16300"
    at.text_input(f"last4_{slot}").set_value("4242424242424242")
    at.text_input(f"code_{slot}").set_value("A1")
    at.button(f"take_{slot}").click().run()
    assert "card number" in at.error[0].value and "4242424242424242" not in at.error[0].value
    assert tickets.ticket(invoice_id, by=sqlite_clinic.operator).payments == []


def test_markup_in_a_name_is_shown_as_text(sqlite_clinic):
    invoice_id = checkout.open_ticket(
        visit(sqlite_clinic, name="<img src=x onerror=alert(1)>")[0], by=sqlite_clinic.operator
    )
    take_payment([invoice_id], 100, CASH, by=sqlite_clinic.operator)
    for page in ("today/checkout.py", "today/ticket.py", "money/invoice.py", "home/home.py"):
        at = opened(sqlite_clinic, "olive", page, id=invoice_id)
        bodies = " ".join(str(part.proto) for part in at.get("html"))
        assert "<img src=x" not in bodies, page


def test_staff_see_no_list_of_all_invoices_and_managers_do(sqlite_clinic):
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "mona", "money/invoices.py")
    assert "1 invoice" in at.caption[0].value
    at = opened(sqlite_clinic, "mona", "money/invoice.py", id=invoice_id)
    keys = {button.key for button in at.button}
    assert {"record", "forgive", "void"} <= keys and not {"refund", "unpay"} & keys
    at = opened(sqlite_clinic, "sam", "money/invoice.py", id=invoice_id)
    assert not {"forgive", "void", "refund", "unpay"} & {button.key for button in at.button}


def test_refund_is_offered_where_something_is_paid(sqlite_clinic):
    by = sqlite_clinic.operator
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=by)
    take_payment([invoice_id], 16_300, CASH, by=by)
    at = opened(sqlite_clinic, "mona", "money/invoice.py", id=invoice_id)
    keys = {button.key for button in at.button}
    assert {"refund", "unpay"} <= keys and not {"forgive", "void", "record"} & keys


def test_a_void_invoice_offers_nothing(sqlite_clinic):
    by = sqlite_clinic.operator
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=by)
    invoices.void_invoice(invoice_id, "twice", by=by)
    at = opened(sqlite_clinic, "mona", "money/invoice.py", id=invoice_id)
    assert not {"refund", "unpay", "forgive", "void", "record"} & {button.key for button in at.button}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("olive", ("Revenue today", "Needs a look", "Unpaid invoices", "Today in the clinic")),
        ("adam", ("Needs a look", "Revenue this month")),
        ("mona", ("Unpaid invoices", "Drug log exceptions", "Today in the clinic")),
        ("sam", ("Today in the clinic", "Ready to go home", "Next to arrive", "Drug counts")),
        ("clara", ("Today in the clinic",)),
    ],
)
def test_each_role_has_a_home_with_what_it_may_see(sqlite_clinic, who, words):
    visit(sqlite_clinic)
    at = opened(sqlite_clinic, who, "home/home.py")
    text = " ".join([*(part.value for part in at.subheader), *(str(part.proto) for part in at.get("html"))])
    for word in words:
        assert word in text, (who, word)
    if who in ("sam", "clara", "mona") and "Revenue today" not in words:
        assert "Revenue today" not in text or who == "mona"


def _day(clinic):
    from tests.billing.visits import today

    return today()
