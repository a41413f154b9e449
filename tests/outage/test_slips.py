"""A card slip counts once, pays its visit's ticket when it fits, holds no card number, and is destroyed by name."""

import io
from datetime import timedelta

import pypdf
import pytest
from sqlalchemy import select

from billing.payments import DetailMissing
from data.card_numbers import CardNumberTyped
from data.errors import BadInput, NotFound, NotPermitted
from data.models import Appointment, AuditLog, CardSlip, Client, FormSheet, InvoiceLine, Payment
from data.session import read, write
from data.types import clock, new_id
from outage.board import board, close
from outage.identities import sides
from outage.outages import PartClosed
from outage.printing import print_blank
from outage.slip_contacts import NothingNew, keep_contact
from outage.slips import (
    AlreadyApplied,
    DoesNotFit,
    NewSlip,
    NoOutageThen,
    NoSuchSlip,
    NotASlip,
    NothingToDestroy,
    SheetSpoiled,
    SlipNumber,
    SlipTime,
    SlipUsed,
    WhoseSlip,
    apply_slip,
    destroy_slips,
    key_slip,
    slip_number,
    slips,
    spoil_slip,
    take_back,
    visits_like,
)
from records.access import NAME, RestrictedRecord
from records.checks import BadEmail, BadPhone
from security import audit
from tests.outage.paper_day import PaperDay


@pytest.fixture
def day(clinic):
    return PaperDay(clinic)


def serial_of(clinic, sheet) -> int:
    with read(clinic.id) as session:
        return session.get_one(FormSheet, (clinic.id, sheet)).serial


def slip(day, serial, part=1, cents=8500, **more) -> NewSlip:
    named = {"last4": "4242", "brand": "visa", "authorization": "A1234"} | more
    return NewSlip(serial, part, cents, day.began + timedelta(hours=1), **named)


def slip_row(day, by):
    return next(row for row in board(day.id, by=by).rows if row.entity == "card_slip")


def test_a_slip_pays_its_visit_once_and_is_destroyed_by_name(clinic, day):
    sam = clinic.actor("sam")
    visit = day.visit("Luna", stage="checked_out")
    day.ticket(visit, 8500)
    serial = serial_of(clinic, day.sheet("card-slip"))
    done = key_slip(slip(day, serial, appointment_id=visit), by=sam, key="k")
    assert done.reference and key_slip(slip(day, serial, appointment_id=visit), by=sam, key="k") == done
    with pytest.raises(SlipUsed):
        key_slip(slip(day, serial, appointment_id=visit), by=sam)
    with read(clinic.id) as session:
        (payment,) = session.scalars(select(Payment)).all()
        assert (payment.channel, payment.source, payment.brand, payment.last4, payment.amount_cents) == (
            "slip", "paper", "Visa", "4242", 8500,
        )  # fmt: skip
        assert payment.event_at == day.began + timedelta(hours=1)
    assert "destroy slip 1" in slip_row(day, sam).money.words
    (row,) = slips(day.id, by=sam)
    assert (row.name, row.whose, row.reference, row.waits) == (f"{serial}-1", "Luna · Chen, Ada", done.reference, False)
    assert destroy_slips([row.id], by=sam, key="d") == destroy_slips([row.id], by=sam, key="d") == 1
    with pytest.raises(NothingToDestroy):
        destroy_slips([row.id, new_id(), "x"], by=sam)
    (row,) = slips(day.id, by=sam)
    assert row.destroyed_by == "Sam Stone" and slip_row(day, sam).money.words == "$85.00, destroyed"
    (identity,) = [one for one in board(day.id, by=sam).identities if one.key == "slips"]
    assert sides(identity.lines[0]) == [8500, 8500, 8500] and identity.lines[0][-1].label == "not settled yet"
    with read(clinic.id) as session:
        told = session.scalars(select(AuditLog.detail).where(AuditLog.entity == "card_slip")).all()
        assert len(told) == 2 and not any("4242" in one for one in told)


def test_a_slip_that_does_not_fit_waits_until_the_services_are_there(clinic, day):
    sam = clinic.actor("sam")
    visit = day.visit("Luna", stage="checked_out")
    invoice = day.ticket(visit, 5000)
    serial = serial_of(clinic, day.sheet("card-slip"))
    done = key_slip(slip(day, serial, appointment_id=visit), by=sam)
    assert not done.reference and "asks for less" in done.why
    with pytest.raises(DoesNotFit, match=r"50\.00 is open .* 85\.00"):
        apply_slip(done.slip_id, by=sam)
    assert slip_row(day, sam).money.words == "$85.00 not on a ticket yet"
    with write(clinic.id) as session:
        session.add(InvoiceLine(invoice_id=invoice, day=clock.now().date(), description="Rabies", unit_price_cents=3500,
                                net_cents=3500, event_at=clock.now()))  # fmt: skip
        audit.append(session, clinic.operator, "test.made", "invoice", invoice)
    assert apply_slip(done.slip_id, by=sam, key="a").reference
    with pytest.raises(AlreadyApplied):
        apply_slip(done.slip_id, by=sam)
    loose = key_slip(slip(day, serial, 2, 100, payer="A tall man"), by=sam)
    with pytest.raises(WhoseSlip):
        apply_slip(loose.slip_id, by=sam)
    with pytest.raises(NotFound):
        apply_slip(loose.slip_id, new_id(), by=sam)


def test_what_cannot_be_a_slip_is_refused_with_its_sentence(clinic, day):
    sam = clinic.actor("sam")
    serial = serial_of(clinic, day.sheet("card-slip"))
    other = serial_of(clinic, day.sheet("travel-sheet"))
    spoiled = serial_of(clinic, day.sheet("card-slip", state="spoiled"))
    for wrong, refusal in (
        (slip(day, 999_999), NoSuchSlip), (slip(day, serial, 5), NoSuchSlip), (slip(day, other), NotASlip),
        (slip(day, spoiled), SheetSpoiled), (slip(day, serial, last4="42"), DetailMissing),
        (slip(day, serial, authorization="", last4="42"), DetailMissing), (slip(day, serial, cents=0), BadInput),
        (slip(day, serial, payer="4111 1111 1111 1111"), CardNumberTyped),
        (slip(day, serial, last4="4111111111111111"), CardNumberTyped),
        (NewSlip(serial, 1, 5, clock.now() + timedelta(hours=1), "4242", "Visa", "A1"), SlipTime),
        (NewSlip(serial, 1, 5, clock.now() - timedelta(days=9), "4242", "Visa", "A1"), NoOutageThen),
        (slip(day, serial, appointment_id=new_id()), NotFound),
    ):  # fmt: skip
        with pytest.raises(refusal):
            key_slip(wrong, by=sam)
    assert slips(day.id, by=sam) == []
    with read(clinic.id) as session:
        assert session.scalars(select(CardSlip)).all() == []


def test_a_slip_of_a_client_merged_into_a_closed_record_names_nobody(clinic, day):
    visit = day.visit("Luna", stage="checked_out")
    serial = serial_of(clinic, day.sheet("card-slip"))
    key_slip(slip(day, serial, appointment_id=visit, payer="Ada Chen"), by=clinic.actor("sam"))
    other = day.visit("Rex")
    with write(clinic.id) as session:
        one, two = (session.get_one(Appointment, (clinic.id, which)) for which in (visit, other))
        stays = session.get_one(Client, (clinic.id, two.client_id))
        stays.restricted = True
        session.get_one(Client, (clinic.id, one.client_id)).merged_into_id = stays.id
        one.client_id = stays.id
        session.flush()
        audit.append(session, clinic.operator, "test.merged", "client", stays.id)
    (row,) = slips(day.id, by=clinic.actor("clara"))
    assert (row.payer, row.whose) == ("", NAME)


def test_a_spoiled_slip_is_accounted_for_and_a_wrong_one_is_taken_back_and_keyed_again(clinic, day):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    visit = day.visit("Luna", stage="checked_out")
    day.ticket(visit, 8500)
    sheet = day.sheet("card-slip")
    serial = serial_of(clinic, sheet)
    spoil_slip(serial, 1, "Coffee", by=sam, key="s")
    with pytest.raises(SlipUsed, match="spoiled"):
        key_slip(slip(day, serial), by=sam)
    done = key_slip(slip(day, serial, 2, 800, appointment_id=visit), by=sam)
    with pytest.raises(NotPermitted):
        take_back(done.slip_id, "Typed 8 for 80", by=sam)
    assert slips(day.id, by=sam)[1].reference
    take_back(done.slip_id, "Typed 8 for 80", by=mona)
    again = key_slip(slip(day, serial, 2, 8000, appointment_id=visit), by=sam)
    assert again.reference and [row.amount_cents for row in slips(day.id, by=sam)] == [0, 8000]
    for part in (3, 4):
        spoil_slip(serial, part, "Not used, torn off", by=sam)
    with read(clinic.id) as session:
        assert session.get_one(FormSheet, (clinic.id, sheet)).state == "entered"
    destroy_slips([row.id for row in slips(day.id, by=sam)], by=sam)
    (identity,) = [one for one in board(day.id, by=sam).identities if one.key == "slips"]
    assert identity.is_equal and sides(identity.lines[0]) == [8000, 8000, 8000]


def test_after_the_money_part_is_closed_no_slip_changes(clinic, day):
    serial = serial_of(clinic, day.sheet("card-slip"))
    spoil_slip(serial, 1, "Coffee", by=clinic.operator)
    (row,) = slips(day.id, by=clinic.operator)
    destroy_slips([row.id], by=clinic.operator)
    close(day.id, "money", by=clinic.operator)
    with pytest.raises(PartClosed):
        take_back(row.id, "Wrong", by=clinic.operator)
    with pytest.raises(PartClosed):
        key_slip(slip(day, serial, 2), by=clinic.operator)


def test_a_slip_is_named_by_the_number_printed_on_it_or_by_its_code(sqlite_clinic):
    printed = print_blank("card-slip", 1, by=sqlite_clinic.actor("sam"))
    text = pypdf.PdfReader(io.BytesIO(printed.pdf)).pages[0].extract_text()
    serial = printed.serials[0]
    codes = [line.strip() for line in text.splitlines() if line.startswith("NOSCAN")]
    assert [slip_number(code) for code in codes] == [(serial, part) for part in (1, 2, 3, 4)]
    assert all(f"{serial}-{part}" in text for part in (1, 2, 3, 4))
    assert slip_number(" #118 - 2 ") == slip_number("118/2") == (118, 2)
    for wrong in ("", "118", "118-22", "NOSCAN", "x"):
        with pytest.raises(SlipNumber):
            slip_number(wrong)


def test_a_number_on_a_slip_names_a_visit_or_one_of_its_sheets(clinic, day):
    sam = clinic.actor("sam")
    day.sheet("walk-in", scanned=[1])
    day.sheet("walk-in", scanned=[1])
    visit = day.visit("Luna")
    serial = serial_of(clinic, day.sheet("travel-sheet", visit))
    assert serial != 1
    assert [one.appointment_id for one in visits_like(f"#{serial}", by=sam)] == [visit]
    assert [one.whose for one in visits_like(" 1 ", by=sam)] == ["Luna · Chen, Ada"]
    assert visits_like("Luna", by=sam) == [] == visits_like("999", by=sam)


def test_what_a_slip_says_of_a_client_fills_only_what_the_record_lacks(clinic, day):
    sam = clinic.actor("sam")
    visit = day.visit("Luna", stage="checked_out")
    serial = serial_of(clinic, day.sheet("card-slip"))
    contact = {"phone": " (212) 555-0101", "email": "ada@example.org "}
    for wrong, refusal in (("phone", BadPhone), ("email", BadEmail)):
        with pytest.raises(refusal):
            key_slip(slip(day, serial, **{wrong: "no"}), by=sam)
    with pytest.raises(CardNumberTyped):
        key_slip(slip(day, serial, phone="4111 1111 1111 1111"), by=sam)
    one = key_slip(slip(day, serial, appointment_id=visit, **contact), by=sam).slip_id
    two = key_slip(slip(day, serial, 2, appointment_id=visit, email="else@example.org"), by=sam).slip_id
    loose = key_slip(slip(day, serial, 3, **contact), by=sam).slip_id
    told = {row.id: (row.phone, row.email, row.new_phone, row.new_email) for row in slips(day.id, by=sam)}
    assert told[one] == ("(212) 555-0101", "ada@example.org") * 2
    assert told[loose] == ("(212) 555-0101", "ada@example.org", "", "")
    with write(clinic.id) as session:
        client = session.get_one(Client, (clinic.id, session.get_one(Appointment, (clinic.id, visit)).client_id))
        client.phone = "212 555 0199"
        audit.append(session, clinic.operator, "test.made", "client", client.id)
    assert keep_contact(one, by=sam, key="k") == keep_contact(one, by=sam, key="k") == ["email"]
    for slip_id in (one, two, loose):
        with pytest.raises(NothingNew):
            keep_contact(slip_id, by=sam)
    with read(clinic.id) as session:
        kept = session.get_one(Client, (clinic.id, client.id))
        assert (kept.phone, kept.email) == ("212 555 0199", "ada@example.org") and "2125550199" in kept.search
        assert kept.phone_digits == "2125550199"
        assert "ada" not in "".join(session.scalars(select(AuditLog.detail)))
    assert not any(row.new_phone or row.new_email for row in slips(day.id, by=sam))
    with write(clinic.id) as session:
        hidden = session.get_one(Client, (clinic.id, client.id))
        hidden.restricted, hidden.email = True, ""
        audit.append(session, clinic.operator, "test.made", "client", client.id)
    rows = {row.id: row for row in slips(day.id, by=sam)}
    assert (rows[one].phone, rows[one].email, rows[one].new_email) == ("", "", "")
    with pytest.raises(RestrictedRecord):
        keep_contact(one, by=sam)
    spoilt = key_slip(slip(day, serial, 4, **contact), by=sam).slip_id
    take_back(spoilt, "keyed wrongly", by=sam)
    spoil_slip(serial, 4, "torn", by=sam)
    with read(clinic.id) as session:
        row = session.get_one(CardSlip, (clinic.id, spoilt))
        assert (row.phone, row.email) == ("", "")
