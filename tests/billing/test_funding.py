"""Grants from booking to checkout, and deposits: what is promised, used and taken ahead, to the cent."""

from datetime import timedelta

import pytest
from sqlalchemy import select

import opening.importing  # noqa: F401 - makes the kinds known
from appointments import booking, flow, roster
from appointments.booking import Details
from appointments.funding import FundEmpty
from billing import checkout, invoices, payments, tickets, today
from billing.payments import Tender, take_payment
from billing.receipt import facts_of
from data.models import Appointment, AuditLog, FundEntry, Invoice, InvoiceLine, Payment
from data.session import read
from records.imports import import_file, undo_import
from reports.run import run
from security.clinics import clinic_of
from security.profile import ClinicProfile
from tests.appointments.conftest import Desk, next_monday
from tests.billing.visits import pot, visit
from tests.billing.visits import today as clinic_day

CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")
DEDUCTION = 6_500


@pytest.fixture
def desk(clinic):
    return Desk(clinic)


def sums(clinic, fund="grant"):
    """Received, promised now and used, in cents, from the rows."""
    found = {"received": 0, "pending": 0, "released": 0, "used": 0}
    with read(clinic.id) as session:
        for entry in session.scalars(select(FundEntry)):
            found[entry.kind] += entry.amount_cents
    return found["pending"] - found["released"], found["used"]


def reported(clinic):
    result = run("grants", {}, by=clinic.operator, form="command")
    names = ("received", "pending", "used", "balance", "available")
    return dict(zip(names, (result.rows[0][result.index(name)] for name in names), strict=True))


def version(desk, appointment_id):
    return desk.row(appointment_id).version


def test_a_grant_chosen_at_booking_is_promised_until_checkout_uses_it(clinic, desk):
    pot(clinic)
    visit = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), day=clinic_day(),
                      overbook=True, by=clinic.actor("mona"))  # fmt: skip
    assert sums(clinic) == (DEDUCTION, 0)
    assert reported(clinic) == {"received": 100_000, "pending": 6_500, "used": 0, "balance": 100_000,
                                "available": 93_500}  # fmt: skip
    assert roster.open_appointment(visit, by=clinic.actor("sam")).row.promised_cents == DEDUCTION
    flow.advance(visit, "booked", "checked_in", by=clinic.actor("sam"))
    flow.advance(visit, "checked_in", "ready", by=clinic.actor("sam"))
    assert sums(clinic) == (DEDUCTION, 0)
    ticket = checkout.open_ticket(visit, by=clinic.actor("sam"))
    assert sums(clinic) == (DEDUCTION, 0)
    take_payment([ticket], 9_500, CARD, by=clinic.actor("sam"))
    checkout.complete_checkout([ticket], by=clinic.actor("sam"))
    assert sums(clinic) == (0, DEDUCTION)
    assert reported(clinic) == {"received": 100_000, "pending": 0, "used": 6_500, "balance": 93_500,
                                "available": 93_500}  # fmt: skip
    line = next(line for line in tickets.ticket(ticket, by=clinic.operator).lines if line.fund)
    checkout.apply_fund(line.id, None, by=clinic.actor("sam"))
    assert reported(clinic) == {"received": 100_000, "pending": 0, "used": 0, "balance": 100_000,
                                "available": 100_000}  # fmt: skip


def test_cancelling_missing_and_choosing_another_funding_let_the_money_go(clinic, desk):
    pot(clinic)
    pot(clinic, code="voucher", deduction=2_000)
    mona = clinic.actor("mona")
    visit = desk.book(funding="grant", day=clinic_day(), overbook=True, by=mona)
    booking.cancel(visit, "Client asked", version=version(desk, visit), by=mona)
    assert sums(clinic) == (0, 0)
    booking.restore(visit, version=version(desk, visit), overbook=True, by=mona)
    assert sums(clinic) == (DEDUCTION, 0)
    booking.change(visit, Details(funding="voucher"), version=version(desk, visit), by=mona)
    assert sums(clinic) == (2_000, 0)
    booking.mark_no_show(visit, version=version(desk, visit), by=mona)
    assert sums(clinic) == (0, 0)
    booking.move(visit, day=next_monday(), time=desk.booking().time, version=version(desk, visit), overbook=True,
                 by=mona)  # fmt: skip
    assert sums(clinic) == (2_000, 0)
    booking.change(visit, Details(), version=version(desk, visit), by=mona)
    assert sums(clinic) == (0, 0)


def test_a_pot_is_never_promised_twice_and_an_empty_one_stops_no_patient(clinic, desk):
    pot(clinic, filled=10_000)
    mona = clinic.actor("mona")
    first = desk.book(funding="grant", day=clinic_day(), overbook=True, by=mona)
    with pytest.raises(FundEmpty, match="too little left"):
        desk.book(desk.patient("Second"), funding="grant", day=clinic_day(), overbook=True, by=mona)
    booking.cancel(first, "Ill", version=version(desk, first), by=mona)
    second = desk.book(desk.patient("Third"), funding="grant", day=clinic_day(), overbook=True, by=mona)
    with pytest.raises(FundEmpty):
        booking.restore(first, version=version(desk, first), overbook=True, by=mona)
    assert sums(clinic) == (DEDUCTION, 0)
    flow.advance(first, "cancelled", "checked_in", by=mona)  # came after all: the flow goes on without the grant
    flow.advance(second, "booked", "checked_in", by=mona)
    assert sums(clinic) == (DEDUCTION, 0)


def test_a_voided_ticket_gives_its_promise_back_to_the_visit(clinic, desk):
    pot(clinic)
    mona = clinic.actor("mona")
    visit = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), by=mona)
    ticket = checkout.open_ticket(visit, by=mona)
    invoices.void_invoice(ticket, "opened by mistake", by=mona)
    assert sums(clinic) == (DEDUCTION, 0)
    again = checkout.open_ticket(visit, by=mona)
    assert again != ticket and sums(clinic) == (DEDUCTION, 0)
    booking.cancel(visit, "Ill", version=version(desk, visit), by=mona)
    assert sums(clinic) == (0, 0)
    booking.restore(visit, version=version(desk, visit), by=mona)
    assert sums(clinic) == (DEDUCTION, 0)


def test_money_taken_before_the_service_is_a_deposit_everywhere(clinic, desk):
    pot(clinic)
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    visit = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), by=mona)
    ticket = checkout.open_ticket(visit, by=sam)
    taken = take_payment([ticket], 2_500, CARD, by=sam)
    assert taken.deposit_cents == 2_500
    shown = tickets.ticket(ticket, by=sam)
    assert (shown.standing.document, shown.standing.balance, shown.deposit_cents) == ("draft", 7_000, 2_500)
    assert sums(clinic) == (DEDUCTION, 0)
    assert roster.open_appointment(visit, by=sam).row.deposit_cents == 2_500
    printed = facts_of(shown, clinic_of(clinic.id), ClinicProfile())
    assert [row["how"] for row in printed["payments"]] == ["Deposit, Card Visa 4242, code A1B2C3"]
    found = today.money_today(clinic_day(), by=mona)
    assert (found.received_today, found.outstanding, found.today.now) == (2_500, 0, 0)
    # it counts as credit until the service, then pays for it
    ageing = run("ar-ageing", {}, by=clinic.operator, form="command")
    assert [ageing.rows[0][ageing.index(name)] for name in ("total", "credit")] == [0, 2_500]
    booking.move(visit, day=next_monday(1), time=desk.booking().time, version=version(desk, visit), by=mona)
    for here, there in (("booked", "checked_in"), ("checked_in", "ready")):
        flow.advance(visit, here, there, by=sam)
    rest = take_payment([ticket], 7_000, Tender("cash"), by=sam)
    assert not rest.deposit_cents
    checkout.complete_checkout([ticket], by=sam)
    with read(clinic.id) as session:
        days = {line.day for line in session.scalars(select(InvoiceLine)) if line.reverses_id is None}
        standing = {line.day for line in checkout.standing_lines(session, ticket)}
        assert days == {next_monday(), next_monday(1)} and standing == {next_monday(1)}
        assert session.scalar(select(Invoice.issued_on)) == next_monday(1)
        net = sum(line.net_cents for line in session.scalars(select(InvoiceLine)) if line.day == next_monday())
        assert net == 0
    cash = run("cash-received", {}, by=clinic.operator, form="command")
    by_tender = {row[0]: dict(zip([c.name for c in cash.columns], row, strict=True)) for row in cash.rows}
    assert {tender: (row["net"], row["deposits"] or 0) for tender, row in by_tender.items()} == {
        "card": (2_500, 2_500), "cash": (7_000, 0),
    }  # fmt: skip
    assert [cash.total[cash.index(name)] for name in ("net", "deposits")] == [9_500, 2_500]


def test_a_deposit_given_back_or_voided_leaves_no_deposit_behind(clinic, desk):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    visit = desk.book(desk.patient(species="dog"), services=("dog-spay",), by=mona)
    ticket = checkout.open_ticket(visit, by=sam)
    first = take_payment([ticket], 2_500, CARD, by=sam)
    take_payment([ticket], 1_000, CARD, by=sam)
    payments.void_payment(first.payment_id, "keyed twice", by=mona)
    with pytest.raises(booking.DepositTaken, match=r"^\$10\.00 was paid ahead"):
        booking.cancel(visit, "Ill", version=version(desk, visit), by=mona)
    assert roster.open_appointment(visit, by=sam).paid_ahead_cents == 1_000
    booking.cancel(visit, "Ill", version=version(desk, visit), keep_deposit=True, by=mona)
    assert tickets.ticket(ticket, by=sam).standing.document == "draft"
    payments.refund(ticket, 1_000, CARD, "cancelled", by=mona)
    with read(clinic.id) as session:
        rows = session.scalars(select(Payment)).all()
        assert len(rows) == 4 and all(row.deposit_cents == row.amount_cents for row in rows)
        assert sum(row.amount_cents for row in rows) == 0
    shown = tickets.ticket(ticket, by=sam)
    assert (shown.standing.document, shown.deposit_cents, shown.standing.paid) == ("void", 1_000, 0)
    assert roster.open_appointment(visit, by=sam).row.deposit_cents == 0


def test_a_payment_once_the_patient_wakes_is_no_deposit(clinic, desk):
    sam = clinic.actor("sam")
    visit = desk.book(desk.patient(species="dog"), services=("dog-spay",), day=clinic_day() + timedelta(0),
                      overbook=True, by=clinic.actor("mona"))  # fmt: skip
    flow.advance(visit, "booked", "checked_in", by=sam)
    ticket = checkout.open_ticket(visit, by=sam)
    assert take_payment([ticket], 500, CARD, by=sam).deposit_cents == 500
    flow.advance(visit, "checked_in", "recovering", by=sam)
    assert not take_payment([ticket], 500, CARD, by=sam).deposit_cents


def test_one_payment_over_an_early_and_a_finished_ticket_is_a_deposit_in_its_early_part(clinic, desk):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    done, client = visit(clinic, services=("rabies",))
    early, _ = visit(clinic, client_id=client, name="Pebble", stage="in_surgery", services=("rabies",))
    finished, ahead = (checkout.open_ticket(one, by=sam) for one in (done, early))
    first, second = (tickets.ticket(one, by=sam).standing.total for one in (finished, ahead))
    taken = take_payment([finished, ahead], first + second, CARD, by=sam)
    assert taken.deposit_cents == second
    assert [tickets.ticket(one, by=sam).deposit_cents for one in (finished, ahead)] == [0, second]
    assert [tickets.ticket(one, by=sam).standing.document for one in (finished, ahead)] == ["open", "draft"]
    assert roster.open_appointment(early, by=sam).row.deposit_cents == second
    cash = run("cash-received", {}, by=clinic.operator, form="command")
    assert [cash.total[cash.index(name)] for name in ("net", "deposits")] == [first + second, second]
    payments.void_payment(taken.payment_id, "keyed twice", by=mona)
    cash = run("cash-received", {}, by=clinic.operator, form="command")
    assert [cash.total[cash.index(name)] or 0 for name in ("net", "deposits")] == [0, 0]


@pytest.mark.parametrize("end", ["cancel", "no_show"])
def test_an_unpaid_ticket_is_void_together_with_its_visit(clinic, desk, end):
    pot(clinic)
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    visit = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), day=clinic_day(),
                      overbook=True, by=mona)  # fmt: skip
    ticket = checkout.open_ticket(visit, by=sam)
    if end == "cancel":
        booking.cancel(visit, "Ill", version=version(desk, visit), by=sam)
    else:
        booking.mark_no_show(visit, version=version(desk, visit), by=sam)
    shown = tickets.ticket(ticket, by=sam)
    assert (shown.standing.document, shown.standing.balance, sums(clinic)) == ("void", 0, (0, 0))
    with read(clinic.id) as session:
        written = session.scalars(select(AuditLog).where(AuditLog.action == "invoice.voided")).all()
        assert [row.entity_id for row in written] == [ticket]
    booking.restore(visit, version=version(desk, visit), overbook=True, by=mona)
    assert sums(clinic) == (DEDUCTION, 0)
    again = checkout.open_ticket(visit, by=sam)
    assert again != ticket and sums(clinic) == (DEDUCTION, 0)
    assert tickets.ticket(again, by=sam).subsidies_cents == 5_000


def test_a_paid_ticket_outlives_its_cancelled_visit_and_serves_the_next_booking(clinic, desk):
    pot(clinic)
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    visit = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), by=mona)
    ticket = checkout.open_ticket(visit, by=sam)
    first = take_payment([ticket], 2_500, CARD, by=sam)
    booking.cancel(visit, "Ill", version=version(desk, visit), keep_deposit=True, by=mona)
    assert sums(clinic) == (0, 0)
    booking.restore(visit, version=version(desk, visit), by=mona)
    assert (checkout.open_ticket(visit, by=sam), sums(clinic)) == (ticket, (DEDUCTION, 0))
    booking.cancel(visit, "Ill", version=version(desk, visit), keep_deposit=True, by=mona)
    payments.void_payment(first.payment_id, "declined by the bank", by=mona)
    assert tickets.ticket(ticket, by=sam).standing.document == "void"


def test_imported_bookings_hold_their_grant_like_any_other_until_the_import_is_undone(clinic, desk):
    """The earliest first; what the pot cannot hold is told, and a visit of the past holds nothing."""
    pot(clinic, filled=2 * DEDUCTION)
    mona, by = clinic.actor("mona"), clinic.operator
    import_file(b"Client ID,First name,Surname\nC1,Ana,Lopez\n", "clients", by=by, name="clients.csv")
    import_file(b"Pet ID,Owner ID,Name,Species\nP1,C1,Rex,Dog\n", "patients", by=by, name="patients.csv")
    visits = (
        b"Appointment ID,Patient ID,Start,Status,Grant or voucher\nA1,P1,2124-05-08 08:00,booked,Grant\n"
        b"A2,P1,2124-05-07 08:00,confirmed,grant\nA3,P1,2124-05-09 08:00,booked,grant\n"
        b"A4,P1,2024-05-07 08:00,no show,grant\nA5,P1,2124-05-10 08:00,booked,lottery\n"
    )
    report = import_file(visits, "appointments", by=by, name="appointments.csv")
    assert [notice for notice in report.notices if "promised" in notice] == [
        "row 4: 'grant' has too little left for this visit, so nothing is promised",
        "row 6: there is no grant or voucher 'lottery' in use, so nothing is promised",
    ]
    with read(clinic.id) as session:
        holds = select(Appointment.reference).join(FundEntry, FundEntry.appointment_id == Appointment.id)
        assert sorted(session.scalars(holds)) == ["A1", "A2"]
        first = session.scalars(select(Appointment).where(Appointment.reference == "A1")).one()
    assert sums(clinic) == (2 * DEDUCTION, 0)
    with pytest.raises(FundEmpty):
        desk.book(funding="grant", by=mona)
    undo_import(report.run_id, by=by)
    assert sums(clinic) == (0, 0)
    report = import_file(visits, "appointments", by=by, name="appointments.csv")
    with read(clinic.id) as session:
        first = session.scalars(select(Appointment).where(Appointment.reference == "A1")).one()
    booking.cancel(first.id, "Ill", version=first.version, by=mona)
    assert sums(clinic) == (DEDUCTION, 0)
