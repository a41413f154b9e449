"""No card number anywhere: whatever rule it is typed into, it is refused and nothing of the entry is kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from appointments import booking, clinical, drug_log, flow
from appointments.clinical import CheckInEntry, DischargeEntry, ExamEntry, Reading, RecoveryEntry, SurgeryEntry
from appointments.drug_log import NewBottle, Use
from billing import checkout, payments, pots
from billing.payments import Tender
from data.card_numbers import CardNumberTyped
from data.models import AuditLog, Drug
from data.session import read
from security import invitations, staff
from tests.billing.visits import pot, today, visit

CARD = "paid 4111 1111 1111 1111 by phone"
ENTRIES = (
    CheckInEntry(notes=CARD), CheckInEntry(dropped_off_by=CARD), ExamEntry(notes=CARD),
    ExamEntry(abnormalities=["flea burden", CARD]), RecoveryEntry(complications=[CARD]), DischargeEntry(notes=CARD),
    DischargeEntry(released_to=CARD), RecoveryEntry(notes=CARD), RecoveryEntry(take_home=CARD),
    SurgeryEntry("spay", notes=CARD), SurgeryEntry("spay", findings=CARD), SurgeryEntry("spay", suture=CARD),
)  # fmt: skip


def test_a_card_number_is_refused_by_every_rule_that_takes_words(sqlite_clinic):
    clinic, by = sqlite_clinic, sqlite_clinic.operator
    fund, sam = pot(clinic), clinic.users["sam"]
    here, _ = visit(clinic)
    ticket = checkout.open_ticket(here, by=by)
    with read(clinic.id) as session:
        drug = session.scalars(select(Drug.id).where(Drug.code == "ketamine-100")).one()
    new = NewBottle(drug, "B1", 10_000, today() - timedelta(days=1))
    bottle = drug_log.receive(new, by=by)
    drug_log.open_bottle(bottle, by=by)
    line = drug_log.log_use(Use(bottle, given=100, appointment_id=here), by=by)
    attacks = [lambda entry=entry: clinical.record_stage(here, entry, version=None, by=by) for entry in ENTRIES]
    attacks += [
        lambda: clinical.observe(here, Reading("in_surgery", text=CARD), by=by),
        lambda: flow.leave(here, "ready", "held_overnight", CARD, by=by),
        lambda: flow.take_back(here, "ready", by=by, reason=CARD),
        lambda: drug_log.receive(replace(new, number="B2", supplier=CARD), by=by),
        lambda: drug_log.log_use(Use(bottle, given=100, appointment_id=here, reason=CARD), by=by),
        lambda: drug_log.adjust(bottle, -10, CARD, sam, by=by),
        lambda: drug_log.count(bottle, today(), "AM", 1, witness_id=sam, reason=CARD, by=by),
        lambda: drug_log.correct(line, CARD, by=by),
        lambda: pots.put_right(fund, 100, CARD, by=by),
        lambda: pots.receive(fund, 100, today(), CARD, by=by),
        lambda: payments.take_payment([ticket], 100, Tender("cash", notes=CARD), by=by),
        lambda: booking.cancel(here, CARD, version=1, by=by),
        lambda: staff.edit_profile(sam, staff.Profile("Sam", phone=CARD), expected=1, by=by),
        lambda: staff.edit_profile(sam, staff.Profile(CARD), expected=1, by=by),
        lambda: invitations.invite("new.one", "staff", name=CARD, by=by),
    ]
    with read(clinic.id) as session:
        before = session.scalar(select(func.count()).select_from(AuditLog))
    for number, attack in enumerate(attacks):
        with pytest.raises(CardNumberTyped):
            attack()
            pytest.fail(f"attack {number} went through")
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(AuditLog)) == before


def test_a_microchip_a_telephone_number_and_a_lot_are_no_card_numbers(sqlite_clinic):
    here, _ = visit(sqlite_clinic)
    notes = "chip 985112345678903, call +1 212 555 0101, lot 20240511-0032"
    assert clinical.record_stage(here, ExamEntry(notes=notes), version=None, by=sqlite_clinic.operator) == 1
