import pytest
from sqlalchemy import select

from billing import checkout, invoices, ledger, lines, payments, tickets
from billing.payments import Tender, take_payment
from billing.settings import TAX, TAX_RULES, Tax, TaxRules
from data import definitions
from data.card_numbers import CardNumberTyped
from data.errors import BadInput, NotFound, NotPermitted
from data.models import Appointment, FlowEvent, FundEntry, InvoiceLine, Payment, Reminder
from data.session import read, write
from tests.billing.visits import pot, today, visit

CASH = Tender("cash")
CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")


def open_(clinic, **facts):
    appointment_id, client_id = visit(clinic, **facts)
    return checkout.open_ticket(appointment_id, by=clinic.actor("sam")), appointment_id, client_id


def seen(clinic, invoice_id):
    return tickets.ticket(invoice_id, by=clinic.actor("sam"))


def fund_sums(clinic):
    with read(clinic.id) as session:
        sums = {}
        for entry in session.scalars(select(FundEntry)):
            sums[entry.kind] = sums.get(entry.kind, 0) + entry.amount_cents
        return sums


def test_from_ready_to_checked_out(clinic):
    sam = clinic.actor("sam")
    invoice_id, appointment_id, _ = open_(clinic)
    ticket = seen(clinic, invoice_id)
    assert [(line.description, line.net_cents) for line in ticket.lines] == [
        ("Dog spay", 14_500), ("Rabies vaccine", 1_800),
    ]  # fmt: skip
    assert (ticket.standing.document, ticket.standing.balance) == ("draft", 16_300)
    checkout.add_line(invoice_id, "e-collar", by=sam)
    assert seen(clinic, invoice_id).standing.total == 16_300 + 1_200 + 84
    taken = take_payment([invoice_id], 17_584, CASH, tendered_cents=18_000, by=sam)
    assert taken.change_cents == 416
    checkout.complete_checkout([invoice_id], by=sam)
    stands = seen(clinic, invoice_id).standing
    assert (stands.document, stands.payment, stands.balance) == ("open", "paid", 0)
    with read(clinic.id) as session:
        assert session.scalar(select(Appointment.stage).where(Appointment.id == appointment_id)) == "checked_out"
        last = session.scalars(select(FlowEvent).order_by(FlowEvent.entered_at.desc())).first()
        assert (last.from_stage, last.to_stage) == ("ready", "checked_out")
        assert session.scalars(select(Reminder.service_code)).all() == ["rabies"]


def test_the_weight_of_the_exam_sets_the_price(clinic):
    invoice_id, _, _ = open_(clinic, weight=9_000, exam={"weight_grams": 15_000})
    assert seen(clinic, invoice_id).lines[0].unit_price_cents == 17_500


def test_findings_of_the_exam_are_suggested_until_charged(clinic):
    exam = {"abnormalities": ["cryptorchid", "flea burden"], "reproductive": "pregnant"}
    invoice_id, _, _ = open_(clinic, exam=exam)
    assert {offer.code for offer in seen(clinic, invoice_id).suggestions} == {"cryptorchid", "pregnant"}
    checkout.add_line(invoice_id, "pregnant", by=clinic.actor("sam"))
    assert {offer.code for offer in seen(clinic, invoice_id).suggestions} == {"cryptorchid"}


def test_a_ticket_is_opened_once_however_often_it_is_asked_for(clinic):
    invoice_id, appointment_id, _ = open_(clinic)
    assert checkout.open_ticket(appointment_id, by=clinic.actor("mona")) == invoice_id


def test_a_removed_line_stays_on_record_and_costs_nothing(clinic):
    invoice_id, _, _ = open_(clinic)
    line = seen(clinic, invoice_id).lines[1]
    checkout.remove_line(line.id, by=clinic.actor("sam"))
    ticket = seen(clinic, invoice_id)
    assert (len(ticket.lines), len(ticket.all_lines), ticket.standing.total) == (1, 3, 14_500)
    with pytest.raises(lines.LineChanged):
        checkout.remove_line(line.id, by=clinic.actor("sam"))


def test_staff_change_quantities_and_only_others_give_discounts(clinic):
    invoice_id, _, _ = open_(clinic)
    order = [line.description for line in seen(clinic, invoice_id).lines]
    spay = seen(clinic, invoice_id).lines[0]
    checkout.change_line(spay.id, discount_cents=100, discount_reason="Rescue", by=clinic.actor("mona"))
    assert [line.description for line in seen(clinic, invoice_id).lines] == order, "a changed line stays where it was"
    spay = seen(clinic, invoice_id).lines[0]
    checkout.change_line(spay.id, discount_cents=0, by=clinic.actor("mona"))
    line = seen(clinic, invoice_id).lines[1]
    line_id = checkout.change_line(line.id, quantity=2_000, by=clinic.actor("sam"))
    assert seen(clinic, invoice_id).standing.total == 14_500 + 3_600
    with pytest.raises(NotPermitted, match="discounts"):
        checkout.change_line(line_id, discount_cents=500, by=clinic.actor("sam"))
    checkout.change_line(line_id, discount_cents=500, discount_reason="Rescue", by=clinic.actor("mona"))
    assert seen(clinic, invoice_id).standing.total == 14_500 + 3_100
    with pytest.raises(checkout.BadDiscount):
        last = seen(clinic, invoice_id).lines[-1]
        checkout.change_line(last.id, discount_cents=3_601, by=clinic.actor("mona"))


def test_a_booked_grant_is_promised_then_used_with_its_own_number(clinic):
    pot(clinic)
    invoice_id, _, _ = open_(clinic, funding="grant")
    ticket = seen(clinic, invoice_id)
    assert (ticket.subsidies_cents, ticket.standing.total) == (5_000, 11_300)
    assert fund_sums(clinic) == {"received": 100_000, "pending": 6_500}
    take_payment([invoice_id], 11_300, CARD, by=clinic.actor("sam"))
    assert fund_sums(clinic) == {"received": 100_000, "pending": 6_500, "released": 6_500, "used": 6_500}
    line = next(line for line in seen(clinic, invoice_id).lines if line.fund)
    checkout.apply_fund(line.id, None, by=clinic.actor("sam"))
    assert fund_sums(clinic)["used"] == 0
    assert seen(clinic, invoice_id).standing.balance == 5_000


def test_a_grant_taken_off_a_draft_is_released(clinic):
    pot(clinic)
    invoice_id, _, _ = open_(clinic, funding="grant")
    line = next(line for line in seen(clinic, invoice_id).lines if line.fund)
    checkout.remove_line(line.id, by=clinic.actor("sam"))
    assert fund_sums(clinic) == {"received": 100_000, "pending": 6_500, "released": 6_500}


def test_an_empty_pot_pays_nothing(clinic):
    pot(clinic, filled=6_000)
    invoice_id, _, _ = open_(clinic, funding="grant")
    ticket = seen(clinic, invoice_id)
    assert ticket.subsidies_cents == 0
    with pytest.raises(checkout.FundEmpty):
        checkout.apply_fund(ticket.lines[0].id, "grant", by=clinic.actor("sam"))
    assert seen(clinic, invoice_id).standing.total == 16_300


def test_several_patients_of_one_client_pay_at_once_and_parts_are_kept_apart(clinic):
    first, _, client_id = open_(clinic)
    second, _, _ = open_(clinic, client_id=client_id, name="Muffin", services=("rabies",))
    assert [sibling.invoice_id for sibling in seen(clinic, first).siblings] == [second]
    take_payment([first, second], 17_000, CARD, by=clinic.actor("sam"))
    assert [seen(clinic, one).standing.balance for one in (first, second)] == [0, 1_100]
    other, _, _ = open_(clinic)
    with pytest.raises(BadInput, match="one client"):
        take_payment([second, other], 100, CASH, by=clinic.actor("sam"))


def test_going_home_with_an_open_balance_needs_a_reason(clinic):
    invoice_id, _, _ = open_(clinic)
    with pytest.raises(checkout.StillOpen):
        checkout.complete_checkout([invoice_id], by=clinic.actor("sam"))
    checkout.complete_checkout([invoice_id], open_because="Pays on Friday", by=clinic.actor("sam"))
    ticket = seen(clinic, invoice_id)
    assert (ticket.standing.document, ticket.standing.payment) == ("open", "unpaid")
    assert ticket.events[-1].reason == "Pays on Friday"


def test_a_payment_needs_what_its_tender_needs(clinic):
    invoice_id, _, _ = open_(clinic)
    sam = clinic.actor("sam")
    for tender in (Tender("card", last4="42", authorization="1"), Tender("card", last4="4242"), Tender("check")):
        with pytest.raises(payments.DetailMissing):
            take_payment([invoice_id], 100, tender, by=sam)
    with pytest.raises(CardNumberTyped):
        take_payment([invoice_id], 100, Tender("check", check_number="4242424242424242"), by=sam)
    with pytest.raises(payments.TooMuch):
        take_payment([invoice_id], 16_301, CARD, by=sam)
    with pytest.raises(payments.TooLittleCash):
        take_payment([invoice_id], 16_300, CASH, tendered_cents=100, by=sam)
    with read(clinic.id) as session:
        assert session.scalars(select(Payment)).all() == []


def test_a_double_click_takes_the_money_once(clinic):
    invoice_id, _, _ = open_(clinic)
    sam = clinic.actor("sam")
    once = take_payment([invoice_id], 5_000, CASH, tendered_cents=6_000, by=sam, key="pay-1")
    assert take_payment([invoice_id], 5_000, CASH, tendered_cents=6_000, by=sam, key="pay-1") == once
    assert seen(clinic, invoice_id).standing.paid == 5_000


def test_refund_void_and_forgive_are_for_those_who_may(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    invoice_id, _, _ = open_(clinic)
    taken = take_payment([invoice_id], 16_300, CARD, by=sam)
    for forbidden in (
        lambda: payments.refund(invoice_id, 100, CARD, "x", by=sam),
        lambda: payments.void_payment(taken.payment_id, "x", by=sam),
        lambda: invoices.void_invoice(invoice_id, "x", by=sam),
        lambda: invoices.forgive(invoice_id, "x", by=sam),
    ):
        with pytest.raises(NotPermitted, match="refund, void or forgive"):
            forbidden()
    with pytest.raises(payments.TooMuchBack):
        payments.refund(invoice_id, 16_301, CARD, "wrong dog", by=mona)
    payments.refund(invoice_id, 16_300, CARD, "wrong dog", by=mona)
    assert seen(clinic, invoice_id).standing.payment == "refunded"
    invoices.forgive(invoice_id, "goodwill", by=mona)
    stands = seen(clinic, invoice_id).standing
    assert (stands.document, stands.balance, stands.forgiven) == ("forgiven", 0, 16_300)
    take_payment([invoice_id], 300, CASH, by=sam)
    assert seen(clinic, invoice_id).standing.balance == 16_000


def test_an_invoice_that_was_paid_cannot_be_voided_and_a_void_one_takes_nothing(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    pot(clinic)
    invoice_id, appointment_id, _ = open_(clinic, funding="grant")
    taken = take_payment([invoice_id], 100, CASH, by=sam)
    with pytest.raises(invoices.StillPaid):
        invoices.void_invoice(invoice_id, "double", by=mona)
    payments.void_payment(taken.payment_id, "keyed twice", by=mona)
    assert [paid.reason for paid in seen(clinic, invoice_id).payments] == ["", "keyed twice"]
    with pytest.raises(payments.AlreadyVoided):
        payments.void_payment(taken.payment_id, "keyed twice", by=mona)
    invoices.void_invoice(invoice_id, "double", by=mona)
    assert seen(clinic, invoice_id).standing.balance == 0
    assert fund_sums(clinic)["used"] == 0
    with pytest.raises(ledger.InvoiceClosed):
        take_payment([invoice_id], 100, CASH, by=sam)
    with pytest.raises(ledger.InvoiceClosed):
        checkout.add_line(invoice_id, "rabies", by=sam)
    assert checkout.open_ticket(appointment_id, by=sam) != invoice_id


@pytest.mark.parametrize(("rounding", "tax"), [("line", 81), ("invoice", 82)])
def test_tax_is_rounded_as_the_clinic_says(clinic, rounding, tax):
    with write(clinic.id) as session:
        definitions.save(session, TAX, "sales", Tax(label="Sales tax", rate_millionths=82_500), by_user_id=None)
        definitions.save(session, TAX_RULES, "rules", TaxRules(rounding=rounding), by_user_id=None)
    invoice_id, _, _ = open_(clinic, services=())
    for _ in range(3):
        line_id = checkout.add_line(invoice_id, "e-collar", by=clinic.actor("sam"))
        checkout.change_line(line_id, unit_price_cents=333, by=clinic.actor("mona"))
    ticket = seen(clinic, invoice_id)
    assert (ticket.standing.net, ticket.standing.tax) == (999, tax)
    with read(clinic.id) as session:
        rows = session.scalars(select(InvoiceLine)).all()
        assert sum(row.net_cents + row.tax_cents for row in rows) == ticket.standing.total


def test_the_list_shows_ready_first_and_what_is_open(clinic):
    visit(clinic, name="Early", stage="checked_in")
    ready, _ = visit(clinic, name="Done", stage="ready")
    visit(clinic, name="Sleepy", stage="recovering")
    visit(clinic, name="Absent", stage="booked")
    checkout.open_ticket(ready, by=clinic.actor("sam"))
    rows = tickets.waiting(today(), by=clinic.actor("sam"))
    assert [(row.patient, row.balance) for row in rows] == [("Done", 16_300), ("Sleepy", None), ("Early", None)]


def test_the_invoices_of_the_clinic_are_for_those_who_may(clinic):
    invoice_id, _, client_id = open_(clinic)
    with pytest.raises(NotPermitted):
        invoices.invoices(today(), today(), by=clinic.actor("sam"))
    listing = invoices.invoices(today(), today(), status="draft", search="field", by=clinic.actor("mona"))
    assert [(row.id, row.client, row.patient, row.total) for row in listing.rows] == [
        (invoice_id, "Dana Fielding", "Biscuit", 16_300)
    ]
    assert invoices.invoices(today(), today(), search="nobody", by=clinic.actor("mona")).rows == []
    assert [row.number for row in invoices.invoices_of(client_id, by=clinic.actor("sam"))] == [listing.rows[0].number]


def test_something_is_sold_over_the_counter_without_a_visit(clinic):
    sam = clinic.actor("sam")
    _, client_id = visit(clinic, stage="booked")
    ticket = checkout.open_counter_ticket(client_id, by=sam, key="sale-1")
    assert checkout.open_counter_ticket(client_id, by=sam) == ticket  # an empty one is not left lying about
    assert tickets.counter_tickets(today(), by=sam) == []
    checkout.add_line(ticket, "e-collar", by=sam)
    second = checkout.open_counter_ticket(client_id, by=sam)
    assert second != ticket
    taken = take_payment([ticket], 1_284, CASH, tendered_cents=2_000, by=sam)
    assert (taken.change_cents, taken.deposit_cents) == (716, 0)
    shown = seen(clinic, ticket)
    assert (shown.patient, shown.standing.document, shown.standing.label) == ("", "open", "paid")
    (sold,) = tickets.counter_tickets(today(), by=sam)
    assert (sold.client, sold.total, sold.balance) == ("Dana Fielding", 1_284, 0)
    with pytest.raises(NotFound):
        checkout.open_counter_ticket(ticket, by=sam)
