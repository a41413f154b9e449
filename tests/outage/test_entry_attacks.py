"""Keying paper does not lose, double or leak anything, whatever is typed and in whatever order."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from appointments import booking
from billing.checkout import standing_lines
from billing.payments import Tender, take_payment
from data.card_numbers import CardNumberTyped
from data.errors import Refusal
from data.models import (
    Appointment,
    AuditLog,
    BackEntry,
    CheckIn,
    Client,
    Discharge,
    DrugLogEntry,
    Exam,
    FormSheet,
    Idempotency,
    Invoice,
    InvoiceLine,
    Observation,
    Patient,
    Recovery,
    Surgery,
)
from data.session import read, write
from outage import entry
from outage.sheets import bind
from outage.typed import NotReadable
from security import audit
from tests.outage.test_entry import CONSENT, TRAVEL, Paper, blank, evening

__all__ = ["evening"]
CARD = "4242 4242 4242 4242"


@pytest.fixture
def paper(evening):
    return Paper(evening)


def change(paper, **columns):
    with write(paper.clinic.id) as session:
        row = session.get_one(Appointment, (paper.clinic.id, paper.visit))
        client = session.get_one(Client, (paper.clinic.id, row.client_id))
        for name, value in columns.items():
            setattr(client if name == "restricted" else row, name, value)
        session.flush()
        audit.append(session, paper.clinic.operator, "test.made", "appointment", "")


def test_a_card_number_typed_anywhere_is_refused_and_kept_nowhere(paper):
    spaced, plain = CARD, CARD.replace(" ", "")
    places = {"exam_notes": spaced, "weight": plain, "vet_signature": spaced, "nothing": spaced, "drugs.9.x": spaced,
              "drugs.1.drawn": plain, "observations.1.heart_rate": plain, "_exceptions": [spaced]}  # fmt: skip
    for key, typed in places.items():
        with pytest.raises(NotReadable, match="card number"):
            entry.enter(paper.visit, {paper.travel: TRAVEL | {key: typed}}, by=paper.sam, key="k")
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam, key="k")
    with pytest.raises(CardNumberTyped):
        entry.reopen(paper.travel, f"Card {CARD}", by=paper.sam)
    for model in (BackEntry, AuditLog, Idempotency, DrugLogEntry):
        for row in paper.rows(model):
            assert plain not in str(vars(row)).replace(" ", ""), model


def test_only_answers_of_the_form_are_kept_and_numbers_that_fit_nowhere_are_refused(paper):
    with pytest.raises(Refusal):
        entry.enter(paper.visit, {paper.travel: TRAVEL | {"observations.1.heart_rate": "99999999999"}}, by=paper.sam)
    with pytest.raises(Refusal):
        entry.enter(
            paper.visit, {paper.travel: TRAVEL | {"drugs.1.drawn": "999999999999", "drugs.1.given": ""}}, by=paper.sam
        )
    odd = {"_again": True, "_exceptions": [["weight", "<b>x</b>"]], "made_up": "x" * 3000}
    entry.enter(paper.visit, {paper.travel: TRAVEL | odd}, by=paper.sam)
    (row,) = paper.rows(BackEntry)
    assert "made_up" not in row.typed and "_again" not in row.typed
    assert "<b>" not in str(row.typed.get("_exceptions"))


def test_notes_are_not_doubled_when_a_sheet_is_keyed_again(paper):
    two = {"vaccines.2.product": "FVRCP", "vaccines.2.lot": "F1"}
    both = {paper.travel: TRAVEL | two, paper.consent: CONSENT}
    entry.enter(paper.visit, both, by=paper.sam)
    check_in, discharge = paper.one(CheckIn).notes, paper.one(Discharge).notes
    for _ in range(2):
        entry.reopen(paper.travel, "Again", by=paper.sam)
        entry.reopen(paper.consent, "Again", by=paper.sam)
        entry.enter(paper.visit, both, by=paper.sam)
    assert (paper.one(CheckIn).notes, paper.one(Discharge).notes) == (check_in, discharge)
    assert len(paper.rows(InvoiceLine)) == 3
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_800, 9_700, 9_900)


def test_a_sheet_keyed_to_the_wrong_visit_takes_everything_along(paper):
    other = paper.day.visit("Rex", stage="booked", species="cat", services=["cat-spay"])
    sheet = blank(paper, "travel-sheet")
    bind(sheet, paper.visit, by=paper.sam)
    entry.enter(paper.visit, {sheet: TRAVEL}, by=paper.sam)
    entry.reopen(sheet, "Wrong patient", by=paper.clara)
    with write(paper.clinic.id) as session:  # as the Review page does when its page is taken up again
        session.get_one(FormSheet, (paper.clinic.id, sheet)).appointment_id = None
        session.flush()
        audit.append(session, paper.clinic.operator, "test.made", "form_sheet", "")
    bind(sheet, other, by=paper.sam)
    done = entry.enter(other, {sheet: TRAVEL}, by=paper.clara)
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_800, 9_700, 9_900)
    told = [one.sentence for one in done.exceptions]
    assert any(one.startswith("Keyed for visit ") for one in told), told
    for model in (Exam, Surgery, Recovery, Discharge, Observation):
        assert not paper.rows(model, appointment_id=paper.visit), model
        assert paper.rows(model, appointment_id=other), model
    (was,) = paper.rows(Appointment, id=paper.visit)
    (patient,) = paper.rows(Patient, id=was.patient_id)
    assert (was.stage, patient.microchip, patient.weight_grams) == ("booked", "", None)
    (bill,) = paper.rows(Invoice, appointment_id=paper.visit)
    assert sum(line.net_cents for line in paper.rows(InvoiceLine, invoice_id=bill.id)) == 0
    entry.enter(paper.visit, {paper.travel: TRAVEL | {"chip": ""}}, by=paper.sam)
    assert paper.one(Surgery).procedure == "spay" and len(paper.rows(Observation, appointment_id=paper.visit)) == 2


def test_what_was_paid_on_a_sheet_of_the_wrong_visit_is_told_and_other_sheets_keep_their_answers(paper):
    other = paper.day.visit("Rex", stage="booked", species="cat", services=["cat-spay"])
    entry.enter(paper.visit, {paper.travel: TRAVEL, paper.consent: CONSENT}, by=paper.sam)
    (bill,) = paper.rows(Invoice, appointment_id=paper.visit)
    take_payment([bill.id], 1000, Tender("cash"), by=paper.sam)
    entry.reopen(paper.travel, "Wrong patient", by=paper.clara)
    with write(paper.clinic.id) as session:
        session.get_one(FormSheet, (paper.clinic.id, paper.travel)).appointment_id = other
        session.flush()
        audit.append(session, paper.clinic.operator, "test.made", "form_sheet", "")
    done = entry.enter(other, {paper.travel: TRAVEL}, by=paper.clara)
    assert any("but paid" in one.sentence for one in done.exceptions)
    assert paper.one(CheckIn).consent == "signed" and not paper.rows(Surgery, appointment_id=paper.visit)


def test_a_service_that_is_not_marked_any_more_comes_off_the_ticket_unless_it_was_paid(paper):
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    entry.reopen(paper.travel, "No collar", by=paper.sam)
    fewer = TRAVEL | {"services_done": ["surgery", "rabies"]}
    entry.enter(paper.visit, {paper.travel: fewer}, by=paper.sam)
    (bill,) = paper.rows(Invoice, appointment_id=paper.visit)
    with read(paper.clinic.id) as session:
        assert len(standing_lines(session, bill.id)) == 2
    take_payment([bill.id], 1000, Tender("cash"), by=paper.sam)
    entry.reopen(paper.travel, "No rabies", by=paper.sam)
    done = entry.enter(paper.visit, {paper.travel: TRAVEL | {"services_done": ["surgery"]}}, by=paper.sam)
    with read(paper.clinic.id) as session:
        assert len(standing_lines(session, bill.id)) == 2, "money was taken: a person decides"
    assert any("not marked on its paper, but paid" in one.sentence for one in done.exceptions)


def test_the_same_line_on_two_travel_sheets_of_a_visit_is_one_drawing(paper):
    clean = paper.print("travel-sheet")
    done = entry.enter(paper.visit, {paper.travel: TRAVEL, clean: TRAVEL}, by=paper.sam)
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_800, 9_700, 9_900)
    assert sum("stands on two sheets" in one.sentence for one in done.exceptions) == 3
    more = paper.print("travel-sheet")  # a second dose half an hour later is a drawing of its own
    entry.enter(paper.visit, {more: TRAVEL | {"drugs.1.time": "10:00"}}, by=paper.sam)
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_600, 9_700, 9_900)


def test_services_marked_twice_are_charged_once(paper):
    change(paper, services=["cat-spay", "rabies"])
    entry.enter(paper.visit, {paper.travel: TRAVEL | {"services_done": ["surgery", "rabies"]}}, by=paper.sam)
    assert len(paper.rows(InvoiceLine)) == 2
    clean = paper.print("travel-sheet")
    entry.enter(paper.visit, {clean: TRAVEL | {"services_done": ["rabies", "e-collar"]}}, by=paper.sam)
    assert len(paper.rows(InvoiceLine)) == 3


def test_a_death_that_was_keyed_wrongly_is_taken_back(paper):
    died = {"weight": "3.4", "approved": "yes", "procedure": "spay", "outcome": "died", "released_at": "11"}
    entry.enter(paper.visit, {paper.travel: died}, by=paper.sam)
    entry.reopen(paper.travel, "She lives", by=paper.sam)
    assert entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam).stage == "checked_out"
    (patient,) = paper.rows(Patient)
    assert patient.died_on is None


def test_a_closed_record_is_closed_to_everything_about_its_paper(paper):
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    change(paper, restricted=True)
    for attempt in (
        lambda: entry.open_entry(paper.visit, by=paper.clara),
        lambda: entry.enter(paper.visit, {paper.consent: CONSENT}, by=paper.clara),
        lambda: entry.verify(paper.travel, by=paper.clara),
        lambda: entry.reopen(paper.travel, "Why", by=paper.clara),
        lambda: entry.begin(paper.consent, by=paper.clara),
        lambda: entry.no_show(paper.visit, by=paper.clara),
    ):
        with pytest.raises(Refusal):
            attempt()
    assert [row.state for row in paper.rows(BackEntry)] == ["entered"]


@pytest.mark.parametrize("stage", ["cancelled", "no_show"])
def test_who_came_though_the_record_says_otherwise_is_entered_as_on_paper(paper, stage):
    with write(paper.clinic.id) as session:
        for sheet in session.scalars(select(FormSheet)):
            sheet.state, sheet.reason = "waived", "no-show"
        session.flush()
        audit.append(session, paper.clinic.operator, "test.made", "form_sheet", "")
    if stage == "no_show":
        entry.no_show(paper.visit, by=paper.sam)
    else:
        booking.cancel(paper.visit, "Called", by=paper.sam, version=paper.rows(Appointment, id=paper.visit)[0].version)
    done = entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    assert done.stage == "checked_out"


def test_a_visit_that_was_moved_after_its_paper_was_printed_says_so(paper):
    row = paper.rows(Appointment, id=paper.visit)[0]
    change(paper, day=row.day + timedelta(days=3), starts_at=row.starts_at + timedelta(days=3))
    with pytest.raises(entry.DayToCome, match="has not come yet"):
        entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    change(paper, day=row.day - timedelta(days=1), starts_at=row.starts_at - timedelta(days=1))
    done = entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    assert any(one.sentence.startswith("Printed for ") for one in done.exceptions)
