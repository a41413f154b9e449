"""The roster shows each appointment once, in order, with what staff need to know."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import event

from appointments import booking as rules
from appointments.days import choices, slots, week
from appointments.roster import Filters, appointments_of, facts, open_appointment, roster, sex_words
from data.errors import NotFound
from data.models import AuditLog, Consent, Invoice, InvoiceEvent, InvoiceLine, Payment, PaymentAllocation
from data.session import read
from data.types import clock
from security.rules import act
from tests.appointments.conftest import next_monday


def test_sorted_by_time_then_surname(desk):
    desk.book(desk.patient("Rex", "Zimmer"), time=time(8))
    desk.book(desk.patient("Ada", "Abbott"), time=time(9))
    desk.book(desk.patient("Kit", "Abbott"), time=time(8))
    rows = roster(next_monday(), by=desk.clinic.actor("sam"))
    assert [(row.surname, row.animal) for row in rows] == [("Abbott", "Kit"), ("Zimmer", "Rex"), ("Abbott", "Ada")]


def test_filters_narrow_and_facts_count(desk):
    sam = desk.clinic.actor("sam")
    monday = next_monday()
    clock.set(datetime.combine(monday, time(15), UTC))
    walk = rules.walk_in(desk.booking(type="recheck"), by=desk.clinic.operator)
    missed, gone = (desk.book(by=desk.clinic.operator, day=monday) for _ in range(2))
    rules.mark_no_show(missed, version=desk.row(missed).version, by=desk.clinic.operator)
    rules.cancel(gone, "ill", version=desk.row(gone).version, by=desk.clinic.operator)
    clock.set(None)
    rows = roster(monday, by=sam)
    told = facts(rows)
    assert (told.count, told.arrived, told.waiting, told.no_shows, told.cancelled, told.walk_ins) == (2, 1, 1, 1, 1, 1)
    assert [row.id for row in roster(monday, by=sam, filters=Filters(type="recheck"))] == [walk]
    assert [row.id for row in roster(monday, by=sam, filters=Filters(stages=("no_show",)))] == [missed]
    assert roster(monday, by=sam, filters=Filters(owner_type="rescue")) == []
    assert [row.arrived_at is not None for row in rows] == [row.id == walk for row in rows]


def test_owed_and_deposit_are_cents_of_the_whole_client(desk):
    client_id, patient_id = desk.patient()
    one = desk.book((client_id, patient_id))
    with act(desk.clinic.operator, "billing.checkout") as work:
        day = next_monday()
        common = {"event_at": clock.now()}
        for number, end in ((1, ""), (2, "voided"), (3, "forgiven")):
            invoice = Invoice(number=number, client_id=client_id, issued_on=day, currency="USD")
            work.session.add(invoice)
            work.session.flush()
            work.session.add(
                InvoiceLine(
                    invoice_id=invoice.id, day=day, description="Spay", unit_price_cents=9_000, net_cents=9_000,
                    tax_cents=630, **common,
                )
            )  # fmt: skip
            work.session.add(InvoiceEvent(invoice_id=invoice.id, kind=end or "opened", amount_cents=9_630, **common))
            if number == 1:
                first = invoice.id
        payment = Payment(
            reference="P-1", kind="sale", amount_cents=5_000, currency="USD", tender="cash", client_id=client_id,
            day=day, **common,
        )  # fmt: skip
        work.session.add(payment)
        work.session.flush()
        work.session.add(PaymentAllocation(payment_id=payment.id, invoice_id=first, amount_cents=2_000, **common))
        work.audit("test", "invoice", first)
    row = open_appointment(one, by=desk.clinic.actor("sam")).row
    assert (row.owed_cents, row.deposit_cents) == (9_630 - 2_000, 3_000)


def test_consent_and_cautions_of_all_three_are_shown(desk):
    client_id, patient_id = desk.patient(caution="Bites")
    one = desk.book((client_id, patient_id), caution="Needs muzzle")
    sam = desk.clinic.actor("sam")
    row = open_appointment(one, by=sam).row
    assert (row.consent, row.caution) == ("missing", "Needs muzzle · Bites")
    with act(desk.clinic.operator, "clients.edit") as work:
        work.session.add(
            Consent(client_id=client_id, channel="any", purpose="treatment", given=True, event_at=clock.now())
        )
        work.audit("consent.given", "client", client_id)
    assert open_appointment(one, by=sam).row.consent == "on_file"


def test_a_long_roster_takes_as_many_queries_as_a_short_one(sqlite_desk):
    desk = sqlite_desk
    by = desk.clinic.operator
    counted = []
    event.listen(desk.clinic.database.engine, "before_cursor_execute", lambda *a: counted.append(a[2]))

    def queries():
        counted.clear()
        roster(next_monday(), by=by)
        return sum(statement.startswith("SELECT") for statement in counted)

    desk.book(by=by)
    roster(next_monday(), by=by)
    desk.book(by=by)  # a change, so that nothing kept is given again
    short = queries()
    for _ in range(12):
        desk.book(by=by)
    assert queries() == short <= 20
    assert queries() == 1, "nothing changed: only the permission is asked for"


def test_reading_a_roster_is_audited_once_in_a_while(desk):
    sam = desk.clinic.actor("sam")
    for _ in range(3):
        roster(next_monday(), by=sam)
    with read(desk.clinic.id) as session:
        seen = [row.action for row in session.query(AuditLog) if row.entity == "roster"]
    assert seen == ["roster.viewed"]


def test_history_tells_who_moved_it_when(desk):
    sam = desk.clinic.actor("sam")
    one = desk.book()
    rules.cancel(one, "ill", version=desk.row(one).version, by=sam)
    rules.restore(one, version=desk.row(one).version, by=sam)
    history = open_appointment(one, by=sam).history
    assert [(line.to_stage, line.who, line.reverts) for line in history] == [
        ("booked", "Sam Stone", False),
        ("cancelled", "Sam Stone", False),
        ("booked", "Sam Stone", True),
    ]
    with pytest.raises(NotFound):
        open_appointment("01a20000-0000-7000-8000-000000000000", by=sam)


def test_a_clients_appointments_come_newest_first(desk):
    patient = desk.patient()
    desk.book(patient)
    desk.book(patient, day=next_monday(1))
    desk.book()
    rows = appointments_of(patient[0], by=desk.clinic.actor("sam"))
    assert [row.day for row in rows] == [next_monday(1), next_monday()]


def test_the_week_counts_what_is_taken_and_knows_closed_days(desk):
    desk.book()
    gone = desk.book()
    rules.cancel(gone, "ill", version=desk.row(gone).version, by=desk.clinic.actor("sam"))
    found = week(next_monday(), 7, by=desk.clinic.actor("sam"))
    load = found.loads[next_monday(), desk.main, "surgery"]
    assert (load.taken, load.capacity, load.left, load.open) == (1, 32, 31, True)
    assert next_monday() + timedelta(days=6) not in found.open
    assert len(found.entries) == 2


def test_slots_follow_the_opening_hours(desk):
    offered = choices(by=desk.clinic.actor("sam"))
    place, kind = offered.locations[desk.main], offered.types["surgery"]
    times = slots(place, kind, next_monday())
    assert (times[0], times[-1], len(times)) == (time(7, 30), time(16, 45), 38)


def test_sex_is_said_in_words():
    assert [sex_words("female", True), sex_words("male", True), sex_words("male", False), sex_words("", None)] == [
        "female, spayed",
        "male, neutered",
        "male",
        "sex unknown",
    ]
