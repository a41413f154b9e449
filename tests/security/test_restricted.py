"""A restricted record: without broken glass no rule tells more of it than time, place, stage, number and species."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from appointments import booking, clinical, flow
from appointments.booking import AlreadyBooked, Booking, Details
from appointments.roster import Filters, roster
from appointments.today import unclosed
from billing import checkout, invoices, payments, tickets
from billing.books import loose
from billing.payments import Tender
from data import definitions
from data.errors import NotPermitted, Refusal
from data.models import Appointment, Client, OutboxMessage, Patient, User
from data.models.base import Base
from data.session import read, write
from data.types import clock
from messages.outbox import content_of
from records import clients, documents, notes, patients, search
from records.access import NAME, RestrictedRecord
from records.clients import ClientForm
from records.clinic_export import export_zip
from records.patients import ChipTaken, PatientForm
from reports import model, run
from reports import spec as library
from security import break_glass
from security.roles import ROLE, Role
from tests import everything
from tests.conftest import PASSWORD
from tests.security import permission_table as table
from tests.security.test_permission_table import stand_in

CANARY = "Zephyrine"
REASON = "Seizing at the front desk, need the history"


def today() -> date:
    return clock.today("America/New_York")


def told(value: object, seen: set[int] | None = None) -> str:
    """Everything a value says, rows of the database included."""
    seen = seen if seen is not None else set()
    if id(value) in seen:
        return ""
    if isinstance(value, str | bytes | int | float | date | None):
        return value.decode("utf-8", "ignore") if isinstance(value, bytes) else str(value)
    seen.add(id(value))
    if isinstance(value, dict):
        return " ".join(told(part, seen) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(told(part, seen) for part in value)
    if isinstance(value, Base):
        return " ".join(told(getattr(value, c.key), seen) for c in value.__mapper__.column_attrs)
    if dataclasses.is_dataclass(value):
        return " ".join(told(getattr(value, one.name), seen) for one in dataclasses.fields(value))
    return repr(value)


def readers() -> list[table.Rule]:
    """Every public rule that only reads, of the packages that know clients."""
    found = []
    for rule in table.rules():
        function = getattr(importlib.import_module(rule.module), rule.name)
        takes = inspect.signature(function).parameters
        if "spec" in takes:  # any question: the test of reports asks for every field there is
            continue
        writes = "key" in takes or " act(" in inspect.getsource(function)
        if rule.module.split(".")[0] in ("records", "appointments", "billing", "reports") and not writes:
            found.append(rule)
    return found


WORDS = {"query": CANARY, "last_name": CANARY, "first_name": CANARY, "phone": "5550109977",
         "email": "canary@example.org", "search": "", "name": "roster", "status": ""}  # fmt: skip
ELSEWHERE = {
    "records.clinic_export.export_clinic": "writes files: the export has a test of its own below",
    "records.clinic_export.export_zip": "writes files: the export has a test of its own below",
    "billing.books.loose": "a payment keeps its reference, card and invoice, so that it can be matched: a test below",
    "billing.settlement.overview.guess_mapping": "reads a file that was uploaded",
    "records.imports.preview": "reads a file that was uploaded",
    "records.imports.suggest": "reads a file that was uploaded",
    "records.imports.open_table": "reads a file that was uploaded",
    "reports.readers.preview": "tells of a whole subscription who gets which columns, and no row of it",
}


def argument(name: str, hint: object, kept: everything.Record) -> object:
    """A value for a parameter: the record's own ids and words, else whatever gets past the first glance."""
    ids = dataclasses.asdict(kept) | {"stays_id": kept.client_id, "first_id": kept.client_id, "count": 61}
    if name in ids:
        return ids[name]
    if hint is date:
        return today() - timedelta(days=60) if name == "first" else today()
    return WORDS[name] if name in WORDS else stand_in(hint)


def ask(rule: table.Rule, kept: everything.Record, by: object) -> str:
    """What a rule says about the record, its refusals included."""
    function = getattr(importlib.import_module(rule.module), rule.name)
    hints = typing.get_type_hints(inspect.unwrap(function))
    plain, named = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty and name not in WORDS:
            continue
        value = by if name == "by" else argument(name, hints.get(name), kept)
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            plain.append(value)
    try:
        return told(function(*plain, **named))
    except Refusal as refusal:
        return str(refusal)


def names_it(said: str) -> bool:
    return CANARY.lower() in said.lower() or "0109977" in said or "canary@" in said


def restrict(clinic, client_id: str, *, on: bool = True) -> None:
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client_id)).restricted = on
        everything.seal(session, clinic)


@pytest.mark.slow
def test_no_rule_that_reads_tells_of_a_restricted_record(sqlite_clinic):
    kept = everything.record(sqlite_clinic, CANARY)
    olive = sqlite_clinic.actor("olive")
    asked = [rule for rule in readers() if rule.title not in ELSEWHERE]
    telling = {rule.title for rule in asked if names_it(ask(rule, kept, olive))}
    missing = EXPECTED - telling
    assert not missing, f"these were expected to tell of an open record: {sorted(missing)}"
    restrict(sqlite_clinic, kept.client_id)
    for person in ("olive", "adam", "mona", "clara", "sam"):
        by = sqlite_clinic.actor(person)
        leaks = [rule.title for rule in asked if names_it(ask(rule, kept, by))]
        assert not leaks, f"{person}: {leaks}"
    break_glass.open_record(kept.client_id, REASON, PASSWORD, by=olive)
    opened = {rule.title for rule in asked if names_it(ask(rule, kept, olive))}
    assert telling - opened <= REPORTS, "broken glass opens everything but reports"


REPORTS = {"reports.run.run", "reports.run.run_spec"}
EXPECTED = {
    "appointments.clinical.readings", "appointments.clinical.visit", "appointments.days.week",
    "appointments.drug_register.of_visit", "appointments.drug_register.register", "appointments.flow.board",
    "appointments.flow.timeline", "appointments.history.of_client", "appointments.roster.appointments_of",
    "appointments.roster.open_appointment", "appointments.roster.roster", "appointments.today.day_at_a_glance",
    "billing.invoices.invoices", "billing.invoices.invoices_of", "billing.tickets.ticket", "billing.tickets.waiting",
    "billing.today.open_tickets", "records.clients.open_client", "records.documents.of_client",
    "records.documents.open_document", "records.notes.of_client", "records.patients.open_patient",
    "records.search.alike", "records.search.find", "records.search.recent",
}  # fmt: skip


AT_ONCE = 24  # an order for three dozen joins takes the engine seconds to find


@pytest.mark.slow
def test_no_field_of_any_report_tells_of_a_restricted_record(sqlite_clinic):
    """Every field of every entity, and of what it joins two steps away."""
    kept = everything.record(sqlite_clinic, CANARY)

    def said() -> set[str]:
        telling = set()
        for name in model.built_in().entities:
            paths = _paths(name, 2)
            for start in range(0, len(paths), AT_ONCE):
                some = paths[start : start + AT_ONCE]
                spec = library.ReportSpec.model_validate(
                    {"title": name, "group": "Clinic days", "purpose": "x", "definition": "x", "entity": name,
                     "columns": [{"field": path, "name": f"c{place}"} for place, path in enumerate(some)]}
                )  # fmt: skip
                result = run.run_spec(name, spec, {}, by=sqlite_clinic.operator, form="command")
                for row in result.rows:
                    telling |= {f"{name}: {some[place]}" for place, cell in enumerate(row) if names_it(str(cell))}
        return telling

    before = said()
    assert {"client: name", "patient: name", "appointment: notes", "drug_log: patient.client.name"} <= before
    restrict(sqlite_clinic, kept.client_id)
    assert said() <= {"surgery: procedure", "payment: brand"}, "only what statistics count by, without whose it was"


def _paths(name: str, deep: int, head: str = "") -> list[str]:
    entity = model.built_in().entity(name)
    found = [head + one for one in entity.fields]
    if deep:
        for join, target in entity.joins.items():
            found += _paths(target.entity, deep - 1, f"{head}{join}.")
    return found


@pytest.fixture
def closed(clinic):
    kept = everything.record(clinic, CANARY)
    restrict(clinic, kept.client_id)
    return kept


def writes(clinic, kept, by) -> dict[str, object]:
    """Everything that changes a record or would answer with a part of it."""
    tender = Tender("cash")
    with read(clinic.id) as session:
        place = session.get_one(Appointment, (clinic.id, kept.appointment_id)).location_id
    form = PatientForm("Rex", species="cat")
    desk = Booking(client_id=kept.client_id, patient_id=kept.patient_id, type="surgery", day=today(),
                   time=clock.now().time().replace(microsecond=0), location_id=place)  # fmt: skip
    return {
        "client": lambda: clients.change(kept.client_id, ClientForm("X"), version=1, by=by),
        "patient": lambda: patients.change(kept.patient_id, form, version=1, by=by),
        "another": lambda: patients.add(kept.client_id, form, by=by),
        "death": lambda: patients.record_death(kept.patient_id, today(), version=1, by=by),
        "note": lambda: notes.write(kept.client_id, "x", access="everyone", by=by),
        "document": lambda: documents.attach(kept.client_id, "a.txt", b"words of it", by=by),
        "off": lambda: documents.remove(kept.document_id, reason="wrong one", by=by),
        "exam": lambda: clinical.record_stage(kept.appointment_id, clinical.ExamEntry(), version=1, by=by),
        "reading": lambda: clinical.observe(kept.appointment_id, clinical.Reading("in_surgery", pain=1), by=by),
        "caution": lambda: clinical.set_caution(kept.appointment_id, "x", version=1, by=by),
        "details": lambda: booking.change(kept.appointment_id, Details(), version=1, by=by),
        "booking": lambda: booking.book(desk, by=by, past=True, overbook=True),
        "ticket": lambda: checkout.open_ticket(kept.appointment_id, by=by),
        "counter": lambda: checkout.open_counter_ticket(kept.client_id, by=by),
        "line": lambda: checkout.add_line(kept.invoice_id, "rabies", by=by),
        "less": lambda: checkout.remove_line(kept.line_id, by=by),
        "fund": lambda: checkout.apply_fund(kept.line_id, None, by=by),
        "home": lambda: checkout.complete_checkout([kept.invoice_id], open_because="later", by=by),
        "pay": lambda: payments.take_payment([kept.invoice_id], 100, tender, by=by),
        "back": lambda: payments.refund(kept.invoice_id, 100, tender, "too much", by=by),
        "void": lambda: payments.void_payment(kept.payment_id, "wrong", by=by),
        "undone": lambda: invoices.void_invoice(kept.invoice_id, "wrong", by=by),
        "forgiven": lambda: invoices.forgive(kept.invoice_id, "hardship", by=by),
    }  # fmt: skip


def test_nothing_is_written_into_a_closed_record(clinic, closed):
    for what, write_it in writes(clinic, closed, clinic.actor("olive")).items():
        with pytest.raises(RestrictedRecord) as refused:
            write_it()
            pytest.fail(what)
        assert CANARY not in str(refused.value)


def test_the_days_work_goes_on_by_number_and_species(clinic, closed):
    sam = clinic.actor("sam")
    card = next(card for card in flow.board(today(), by=sam) if card.id == closed.appointment_id)
    assert (card.patient, card.client, card.species, card.stage) == (NAME, "", "cat", "ready") and card.number
    row = next(row for row in roster(today(), by=sam) if row.id == closed.appointment_id)
    assert row.restricted and row.owner == row.animal == NAME and row.number and row.starts_at
    by_kind = roster(today(), by=sam, filters=Filters(owner_type="public"))
    assert closed.appointment_id not in {row.id for row in by_kind}, "a filter tells what the row hides"
    left, _ = unclosed(today() + timedelta(days=1), by=sam)
    assert [(one.patient, one.client) for one in left if one.appointment_id == closed.appointment_id] == [(NAME, "")]
    flow.advance(closed.appointment_id, "ready", "checked_out", by=sam)
    with pytest.raises(Refusal) as refused:
        flow.take_back(closed.appointment_id, "checked_out", ("requested",), by=sam)
    assert "This patient" in str(refused.value)


def test_a_search_does_not_say_whose_record_is_restricted(clinic, closed):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    for words in (CANARY, CANARY[:5], "5550109977", "canary@example.org"):
        assert search.find(words, by=sam) == []
    like = {"first_name": CANARY, "last_name": CANARY, "phone": "5550109977", "email": "canary@example.org"}
    assert search.alike(**like, by=sam) == []
    shown = tickets.waiting(today(), by=sam)
    number = next(one for one in search.recent(by=sam) if one.id == closed.client_id).number
    assert [(one.name, one.restricted) for one in search.find(str(number), by=sam)] == [(NAME, True)]
    assert [one.name for one in search.find(CANARY, by=adam)] == [NAME], "who may break the glass has to find it"
    assert {(row.patient, row.client, row.balance) for row in shown} == {(NAME, "", None)}
    listed = invoices.invoices(today() - timedelta(days=60), today(), search=CANARY, by=clinic.actor("mona"))
    assert listed.rows == []
    with write(clinic.id) as session:
        session.get_one(Patient, (clinic.id, closed.patient_id)).microchip = "985112003456789"
        everything.seal(session, clinic)
    with pytest.raises(ChipTaken) as taken:
        other = clients.add(ClientForm("Other"), by=sam)
        patients.add(other, PatientForm("Rex", species="cat", microchip="985112003456789"), by=sam)
    assert CANARY not in str(taken.value)


def test_broken_glass_opens_it_to_that_person_alone_and_tells_the_owner(clinic, closed):
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    with pytest.raises(RestrictedRecord) as refused:
        clinical.visit(closed.appointment_id, by=adam)
    assert refused.value.client_id == closed.client_id
    break_glass.open_record(refused.value.client_id, REASON, PASSWORD, by=adam)
    assert clinical.visit(closed.appointment_id, by=adam).patient.startswith(CANARY)
    assert next(r for r in roster(today(), by=adam) if r.id == closed.appointment_id).animal.startswith(CANARY)
    for opens in (clinical.visit, documents.open_document, tickets.ticket):
        key = {clinical.visit: closed.appointment_id, tickets.ticket: closed.invoice_id}.get(opens, closed.document_id)
        with pytest.raises(RestrictedRecord):
            opens(key, by=olive)
    with pytest.raises(NotPermitted):
        break_glass.open_record(closed.client_id, REASON, PASSWORD, by=clinic.actor("clara"))


def test_a_double_booking_is_refused_without_the_name(clinic, closed):
    with write(clinic.id) as session:
        first = session.get_one(Appointment, (clinic.id, closed.appointment_id))
        first.stage = "booked"
        copy = {c.key: getattr(first, c.key) for c in first.__mapper__.column_attrs if c.key not in ("id", "change")}
        second = Appointment(**(copy | {"number": first.number + 1, "stage": "cancelled"}))
        session.add(second)
        everything.seal(session, clinic)
        again = second.id
    with pytest.raises(AlreadyBooked) as refused:
        booking.restore(again, version=1, by=clinic.actor("mona"), overbook=True)
    assert "This patient" in str(refused.value) and CANARY not in str(refused.value)


def test_an_export_of_the_whole_clinic_needs_the_right_to_break_glass_and_is_told_to_the_owners(clinic, closed):
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, clinic.users["olive"])).email = "olive@example.org"
        session.get_one(User, (clinic.id, clinic.users["mona"])).role = "archivist"
        definitions.save(
            session, ROLE, "archivist", Role(label="Archivist", permissions=["data.export"]), by_user_id=None
        )
        everything.seal(session, clinic)
    with pytest.raises(NotPermitted):
        export_zip(password=PASSWORD, by=clinic.actor("mona"))
    export_zip(password=PASSWORD, by=clinic.actor("adam"))
    with read(clinic.id) as session:
        mail = session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "alert")).one()
        assert mail.recipient == "olive@example.org" and mail.subject == "The whole clinic was exported"
        text = content_of(mail).text
    assert "Adam Abbott" in text and "1 restricted record." in text and CANARY not in text


def test_the_books_tell_a_payment_of_a_restricted_record_without_the_name(sqlite_clinic):
    kept = everything.record(sqlite_clinic, CANARY)
    olive = sqlite_clinic.actor("olive")
    (open_row,) = loose(today() - timedelta(days=60), today(), by=olive).payments
    assert CANARY in open_row.about
    restrict(sqlite_clinic, kept.client_id)
    (closed,) = loose(today() - timedelta(days=60), today(), by=olive).payments
    assert closed.about == NAME and closed.reference == open_row.reference
