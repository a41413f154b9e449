"""The counter's pages: from ready to receipt, the invoices, and a home for each role."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from billing import checkout, invoices, tickets, today
from billing.payments import Tender, take_payment
from data.models import Appointment, Invoice, Location
from data.session import read, write
from data.types import clock
from pages.components import draft_form
from security import drafts, settings
from tests.billing.visits import visit
from tests.screen import opened, told

CASH = Tender("cash")


def test_from_the_list_to_a_paid_and_completed_checkout(sqlite_clinic):
    appointment_id, _ = visit(sqlite_clinic)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", visit=appointment_id)
    assert not at.exception
    invoice_id = tickets.waiting(_day(sqlite_clinic), by=sqlite_clinic.operator)[0].invoice_id
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    at.selectbox("add_service_0").select("E-collar  ·  $12.00").run()
    assert tickets.ticket(invoice_id, by=sqlite_clinic.operator).standing.total == 17_584
    at.segmented_control(f"pay:{invoice_id}:tender").set_value("cash").run()
    assert at.text_input(f"pay:{invoice_id}:amount").value == "175.84"
    at.text_input(f"pay:{invoice_id}:handed").set_value("180")
    at.button(f"take_{invoice_id}").click().run()
    assert not at.exception and not at.error
    assert "Change" in at.success[0].value and "4.16" in at.success[0].value
    at.button("complete").click().run()
    assert not at.exception and not at.error
    with read(sqlite_clinic.id) as session:
        assert session.scalar(select(Appointment.stage).where(Appointment.id == appointment_id)) == "checked_out"


def test_a_card_number_typed_at_the_counter_is_refused_in_a_sentence(sqlite_clinic):
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    at.text_input(f"pay:{invoice_id}:last4").set_value("4242424242424242")
    at.text_input(f"pay:{invoice_id}:code").set_value("A1").run()
    at.button(f"take_{invoice_id}").click().run()
    assert "card number" in at.error[0].value and "4242424242424242" not in at.error[0].value
    assert tickets.ticket(invoice_id, by=sqlite_clinic.operator).payments == []
    kept = drafts.load(f"pay:{invoice_id}", by=sqlite_clinic.actor("sam"))
    assert kept == {"last4": "", "code": "A1"}, "not even a draft keeps a card number"


def test_the_amount_is_what_is_due_although_the_browser_still_sends_what_was_due(sqlite_clinic, monkeypatch):
    """Somebody who types fast after adding a service sends the amount of before: nobody typed that."""
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    name = f"pay:{invoice_id}:amount"
    before = at.text_input(name).value
    at.selectbox("add_service_0").select("E-collar  ·  $12.00").run()
    at.text_input(name).set_value(before)
    at.text_input(f"pay:{invoice_id}:last4").set_value("4242").run()
    assert at.text_input(name).value == "175.84" != before
    monkeypatch.setattr(draft_form, "UNDRAWN", 0.0)
    at.text_input(name).set_value(before).run()
    assert at.text_input(name).value == before, "typed later, it is meant"


def test_a_client_without_a_visit_is_sold_something_from_checkout(sqlite_clinic):
    _, client_id = visit(sqlite_clinic, stage="booked")
    at = opened(sqlite_clinic, "sam", "today/checkout.py")
    at.button("counter_sale").click().run()
    at.text_input("sale_find").set_value("fielding")
    at.button("counter_sale").click().run()  # AppTest runs the whole page, so the dialog is asked for each time
    at.button("counter_sale").click()
    at.button(f"sale_{client_id}").click().run()
    assert not at.exception and not at.error
    (ticket,) = invoices.invoices_of(client_id, by=sqlite_clinic.operator)
    checkout.add_line(ticket.id, "e-collar", by=sqlite_clinic.operator)
    assert "Sold over the counter today (1)" in told(opened(sqlite_clinic, "sam", "today/checkout.py"))


def test_a_deposit_is_called_so_at_the_counter(sqlite_clinic):
    visit_id, _ = visit(sqlite_clinic, stage="booked", services=("rabies",))
    at = opened(sqlite_clinic, "sam", "today/ticket.py", visit=visit_id)
    assert "Take deposit" in told(at) and "has not arrived yet" in told(at)
    assert not [button for button in at.button if button.key == "complete"]
    ticket_id = "".join(at.query_params["id"])
    take_payment([ticket_id], 800, CASH, by=sqlite_clinic.operator)
    text = told(opened(sqlite_clinic, "sam", "today/ticket.py", id=ticket_id))
    assert "<span>Deposit</span><b>-$8.00</b>" in text and "Deposit, Cash" in text


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


def test_a_long_list_of_invoices_says_how_many_there_are_and_gives_the_rest(sqlite_clinic):
    _, client_id = visit(sqlite_clinic)
    with write(sqlite_clinic.id) as session:
        place = session.scalars(select(Location.id)).first()
        for number in range(1, 221):
            session.add(Invoice(number=number, client_id=client_id, location_id=place, currency="USD",
                                issued_on=_day(sqlite_clinic)))  # fmt: skip
    at = opened(sqlite_clinic, "mona", "money/invoices.py")
    assert at.caption[-1].value == "The newest 100 of 220 are shown."
    at.button(key="invoice_more").click().run()
    assert at.caption[-1].value == "The newest 200 of 220 are shown."
    assert at.button(key="invoice_more").label == "Show 20 more"
    at.button(key="invoice_more").click().run()
    assert "invoice_more" not in {button.key for button in at.button}
    at.selectbox(key="invoice_status").select("draft").run()
    assert at.caption[-1].value == "The newest 100 of 220 are shown.", "another question begins at the top again"


def test_the_counter_calls_a_stage_as_the_clinic_does(sqlite_clinic):
    by = sqlite_clinic.actor("adam")
    (look,) = settings.entries("flow-stages", by=by)
    stages = [stage | {"label": "Home time"} if stage["stage"] == "ready" else stage for stage in look.body["stages"]]
    settings.save_definition("flow-stages", look.slug, {"stages": stages}, expected=look.number, by=by)
    appointment_id, _ = visit(sqlite_clinic)
    assert "Home time since" in told(opened(sqlite_clinic, "sam", "today/checkout.py"))
    assert "Home time" in opened(sqlite_clinic, "sam", "today/ticket.py", visit=appointment_id).caption[0].value


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
        (
            "mona",
            (
                "Unpaid invoices",
                "Earlier visits not closed",
                "Drug log exceptions",
                "Today in the clinic",
                "Never practised yet",
            ),
        ),
        ("sam", ("Today in the clinic", "Ready to go home", "Next to arrive", "Drug counts")),
        ("clara", ("Today in the clinic",)),
    ],
)
def test_each_role_has_a_home_with_what_it_may_see(sqlite_clinic, who, words):
    visit(sqlite_clinic)
    text = told(opened(sqlite_clinic, who, "home/home.py"))
    for word in words:
        assert word in text, (who, word)
    if who in ("sam", "clara"):
        assert "Revenue today" not in text and "Unpaid invoices" not in text


def test_every_line_and_number_of_the_home_leads_to_where_one_acts(sqlite_clinic):
    clinic, day = sqlite_clinic, _day(sqlite_clinic)
    ready, _ = visit(clinic, name="Ready")
    coming, _ = visit(clinic, name="Coming", stage="booked")
    waiting, _ = visit(clinic, name="Waiting", stage="checked_in")
    forgotten, _ = visit(clinic, name="Forgotten", stage="booked", day=day - timedelta(days=9))
    unpaid = checkout.open_ticket(visit(clinic, name="Unpaid", stage="checked_out")[0], by=clinic.operator)
    checkout.complete_checkout([unpaid], open_because="later", by=clinic.operator)
    text = told(opened(clinic, "olive", "home/home.py"))
    for address in (
        f"/ticket?visit={ready}", f"/roster?appointment={coming}", f"/visit?id={waiting}", f"/invoice?id={unpaid}",
        f"/roster?appointment={forgotten}", "/invoices?status=open&issued=all", "/flow", "/checkout",
        "/report?name=revenue-by-service", "/report?name=cash-received", "/backups",
        "/roster?stage=Expected", "/roster?stage=No-show",
    ):  # fmt: skip
        assert f'"href": "{address}' in text or f'"href":"{address}' in text, address
    for stage, count in (("Expected", 1), ("No-show", 0)):
        at = opened(clinic, "mona", "appointments/roster.py", stage=stage)
        assert at.selectbox(key="roster_stage").value == stage
        assert f"{count} booked" in at.caption[0].value or not count, at.caption[0].value
    at = opened(clinic, "mona", "money/invoices.py", status="open", issued="all")
    assert at.selectbox("invoice_status").value == "open" and "1 invoice" in at.caption[0].value
    at = opened(clinic, "sam", "today/ticket.py", visit=ready)
    assert at.title[0].value == "Ready" and tickets.ticket(at.query_params["id"], by=clinic.operator).lines


def test_the_owner_sees_two_years_of_revenue_by_month_from_the_report(sqlite_clinic):
    day = _day(sqlite_clinic)
    for on in (day, today.year_before(day)):
        ticket = checkout.open_ticket(visit(sqlite_clinic, day=on)[0], by=sqlite_clinic.operator)
        checkout.complete_checkout([ticket], open_because="later", by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "olive", "home/home.py")
    at.session_state["home_numbers"] = True
    at.run()
    (chart,) = at.get("plotly_chart")
    figure = json.loads(chart.proto.spec)
    assert [len(bars["x"]) for bars in figure["data"]] == [12, 12]
    table = at.dataframe[0].value
    assert list(table.iloc[-2])[1:] == ["$163.00", "$163.00"] and list(table.iloc[-1])[1:] == ["$163.00", "$163.00"]
    assert any("on the day of the service" in caption.value for caption in at.caption)


def _day(clinic):
    return clock.today("America/New_York")


def test_a_package_and_a_discount_are_chosen_by_name_and_taken_back(sqlite_clinic):
    ticket = checkout.open_ticket(visit(sqlite_clinic, services=("dog-spay",))[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "mona", "today/ticket.py", id=ticket)
    at.selectbox("add_service_0").select_index(0).run()
    assert not at.exception and not at.error
    assert tickets.ticket(ticket, by=sqlite_clinic.operator).standing.total == 14_500 + 5_900
    offered = at.selectbox("give_discount_0")
    assert offered.options == ["Hardship  ·  -$25.00", "Rescue partner  ·  -$14.50"]
    offered.select_index(1).run()
    assert "Rescue partner" in told(at)
    assert not {"add_service_0", "give_discount_0"} & {box.key for box in at.selectbox}, "what was picked is told once"
    assert tickets.ticket(ticket, by=sqlite_clinic.operator).discounts_cents == 1_450 + 600
    at.button("discount_off_rescue-partner").click().run()
    assert tickets.ticket(ticket, by=sqlite_clinic.operator).discounts_cents == 600
    assert any("Dog vaccines" in (button.help or "") for button in at.button)
    staff = opened(sqlite_clinic, "sam", "today/ticket.py", id=ticket)
    assert not any((box.key or "").startswith("give_discount") for box in staff.selectbox), (
        "these are for those who may"
    )


def test_who_owes_what_leads_to_the_clients_billing(sqlite_clinic):
    ticket = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "mona", "money/receivables.py")
    assert "Nobody owes" in at.info[0].value
    checkout.complete_checkout([ticket], open_because="Friday", by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "mona", "money/receivables.py")
    assert not at.exception and [metric.value for metric in at.metric] == ["$163.00", "$0.00", "$0.00", "$0.00"]
    at.segmented_control("ageing_bucket").set_value("Over 90 days").run()
    assert any("Nothing has been open" in caption.value for caption in at.caption)


def test_cash_and_card_are_taken_on_one_screen(sqlite_clinic):
    ticket = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=ticket)
    at.text_input(f"pay:{ticket}:amount").set_value("100").run()
    at.text_input(f"pay:{ticket}:last4").set_value("4242")
    at.text_input(f"pay:{ticket}:code").set_value("A1")
    at.checkbox(f"pay:{ticket}:split").check().run()
    assert at.text_input(f"pay:{ticket}:amount2").value == "63.00"
    at.text_input(f"pay:{ticket}:handed2").set_value("70")
    at.button(f"take_{ticket}").click().run()
    assert not at.exception and not at.error
    assert ["100.00" in at.success[0].value, "Change" in at.success[1].value] == [True, True]
    paid = tickets.ticket(ticket, by=sqlite_clinic.operator).payments
    assert [(one.tender, one.amount_cents) for one in paid] == [("card", 10_000), ("cash", 6_300)]


def test_credit_pays_a_ticket_by_one_click_and_stands_on_the_clients_billing(sqlite_clinic):
    visit_id, client = visit(sqlite_clinic, services=("rabies",))
    mona, first = sqlite_clinic.actor("mona"), checkout.open_ticket(visit_id, by=sqlite_clinic.operator)
    take_payment([first], 5_000, CASH, keep_rest=True, by=mona)
    ticket = checkout.open_ticket(visit(sqlite_clinic, client_id=client, services=("rabies",))[0], by=mona)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=ticket)
    at.button("use_credit").click().run()
    assert not at.exception and not at.error
    assert tickets.ticket(ticket, by=mona).standing.payment == "paid"
    at = opened(sqlite_clinic, "mona", "clients/client.py", id=client, tab="Billing")
    assert [metric.value for metric in at.metric if metric.label == "Credit"] == ["$14.00"]
    assert "credit_back" in {button.key for button in at.button}
    at = opened(sqlite_clinic, "sam", "clients/client.py", id=client, tab="Billing")
    assert "credit_back" not in {button.key for button in at.button}
