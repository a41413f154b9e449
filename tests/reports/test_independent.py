"""The reports against plain SQL over the system of record, after a month of a clinic told through its own rules."""

from datetime import date, timedelta

from appointments import drug_log, drug_register
from appointments.drug_log import NewBottle, Use
from billing import checkout, invoices, payments, tickets
from billing.payments import Tender, take_payment
from data.models import Appointment, Client, Surgery
from data.session import write
from data.types import clock
from security.actor import Actor
from tests.billing.visits import pot, visit
from tests.reports.independent import differences
from tests.reports.small_clinic import at

ZONE = "America/New_York"
CARD, CASH = Tender("card", last4="4242", authorization="OK1"), Tender("cash")
OWNERS = ("public", "rescue", "caretaker")


def settle(ticket, number, by):
    """Corrections and payments at the counter."""
    last = tickets.ticket(ticket, by=by).lines[-1]
    if number % 4 == 1:
        checkout.change_line(last.id, quantity=2_500, discount_cents=150, discount_reason="partner", by=by)
    due = tickets.ticket(ticket, by=by).standing.balance
    if number % 4 != 2:
        taken = take_payment([ticket], due if number % 4 else due // 3, (CARD, CASH)[number % 2], by=by)
    if number % 6 == 1:
        payments.refund(ticket, 700, CASH, "goodwill", by=by)
    if number % 8 == 3:
        payments.void_payment(taken.payment_id, "keyed twice", by=by)


def finish(ticket, number, by):
    """The checkout, and what is found wrong two days later."""
    checkout.complete_checkout([ticket], open_because="later", by=by)
    clock.set(clock.now() + timedelta(days=2))
    if number % 5 == 4:
        checkout.remove_line(tickets.ticket(ticket, by=by).lines[-1].id, by=by)
    if number % 8 == 2:
        invoices.forgive(ticket, "hardship", by=by)
    if number % 8 == 6:
        invoices.void_invoice(ticket, "wrong client", by=by)


def a_visit(clinic, number, by):
    """One visit of the month, with a bill paid, part paid, corrected, forgiven, void or given back."""
    stage = ("checked_out", "no_show", "cancelled", "ready", "declined")[number % 5 if number % 3 == 0 else 0]
    species = ("dog", "cat")[number % 2]
    visit_id, client_id = visit(
        clinic, species=species, stage="ready" if stage == "checked_out" else stage, funding="grant",
        services=(f"{species}-spay", "rabies", "e-collar"), day=clock.today(ZONE),
    )  # fmt: skip
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client_id)).owner_type = OWNERS[number % 3]
        if stage == "checked_out":
            session.add(Surgery(appointment_id=visit_id, event_at=clock.now(), procedure="spay"))
    if stage in ("no_show", "cancelled", "declined"):
        return visit_id
    ticket = checkout.open_ticket(visit_id, by=by)
    if stage == "ready":
        return visit_id  # still a draft
    settle(ticket, number, by)
    finish(ticket, number, by)
    return visit_id


def test_every_number_of_the_reports_is_what_plain_sql_says(clinic):
    by = Actor.operator(clinic.id)
    clock.set(at("2024-02-20T15:00"))
    pot(clinic, filled=80_000)
    drug = next(id for id, name in drug_register.drugs(by=by).items() if name.startswith("Ketamine"))
    bottle = drug_log.receive(NewBottle(drug, "K1", 10_000, clock.today(ZONE)), by=by)
    drug_log.open_bottle(bottle, by=by)
    for number in range(18):
        clock.set(at("2024-02-20T15:00") + timedelta(days=2 * number))
        visit_id = a_visit(clinic, number, by)
        used = drug_log.log_use(
            Use(bottle, given=250, wasted=number, witness_id=clinic.users["clara"], appointment_id=visit_id), by=by
        )
        if number % 5 == 0:
            drug_log.correct(used, "wrong bottle", by=by)
    with write(clinic.id) as session:  # a removed row counts nowhere
        session.query(Appointment).filter_by(stage="no_show").first().deleted_at = clock.now()
    for as_of in (date(2024, 3, 1), date(2024, 5, 20)):
        assert differences(clinic.database, clinic.id, ZONE, by, as_of=as_of) == {
            name: [] for name in ("revenue-by-service", "cash-received", "surgeries", "no-show-rate", "tax",
                                  "ar-ageing", "drug-usage", "grants")
        }  # fmt: skip
