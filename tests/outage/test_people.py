"""A clinic for people on paper: its own forms in its own money, and somebody who walks in for themselves."""

import io

from pypdf import PdfReader
from sqlalchemy import select

from appointments.roster_print import print_roster
from data.models import Appointment, Client, Exam, FormSheet, InvoiceLine, Patient
from data.session import read, write
from data.wording import Wording
from forms.settings import all_forms
from opening.start import furnish
from outage import entry
from outage.kit import electronic_kit
from outage.printing import print_blank
from outage.sheets import bind
from security.actor import Actor
from security.clinics import NewClinic, create_clinic, find_clinic

WALK_IN = {"first_name": "Ada", "last_name": "Lovelace", "phone": "2125550144", "sex": "female", "services": ["visit"],
           "born_on": "10/12/1985", "allergies": "Penicillin", "arrived_at": "00:00"}  # fmt: skip
VISIT = {"weight": "61.5", "temperature": "38.2", "exam_at": "00:00", "pressure": "120/80", "services_done":
         ["follow-up"], "outcome": "checked_out", "released_at": "00:00", "clinician_signature": True}  # fmt: skip


def blank(form, by):
    (serial,) = print_blank(form, 1, by=by).serials
    with write(by.clinic_id) as session:
        sheet = session.scalars(select(FormSheet).where(FormSheet.serial == serial)).one()
        sheet.state = "used"
        return sheet.id


def test_somebody_walks_in_for_themselves_and_goes_home_from_paper_alone(clinic):
    new = NewClinic("people", "People", zone="America/New_York", currency="EUR", kind="human", locale="en_IE")
    furnish(create_clinic(new), new)
    by = Actor.operator(find_clinic("people").id)
    with read(by.clinic_id) as session:
        fields = [one for form in all_forms(session).values() for one in form.fields()]
    words = " ".join(
        f"{one.label} {getattr(one, 'text', '')} {one.unit}" for field in fields for one in (field, *field.cells)
    )
    for foreign in ("Animal", "animal", "pay", "°F", "$", "eterinar"):
        assert foreign not in words.replace("Paid", "").replace("pay for", ""), foreign
    assert "°C" in words and "€" in words

    registration, travel = blank("walk-in", by), blank("travel-sheet", by)
    visit = entry.enter_walk_in(registration, WALK_IN, by=by)
    bind(travel, visit, by=by)
    assert entry.enter(visit, {travel: VISIT}, by=by).stage == "checked_out"
    with read(by.clinic_id) as session:
        (seen,), (ada,), (client,) = (session.scalars(select(kind)).all() for kind in (Appointment, Patient, Client))
        (exam,) = session.scalars(select(Exam)).all()
        (line,) = session.scalars(select(InvoiceLine)).all()
    assert (ada.name, ada.is_client, ada.client_id, ada.caution) == ("Ada Lovelace", True, client.id, "Penicillin")
    assert (seen.type, ada.born_on.isoformat(), ada.species) == ("visit", "1985-12-10", "")
    assert (exam.weight_grams, exam.temperature_hundredths) == (61_500, 3_820) and "120/80" in exam.notes
    assert line.description == "Follow-up visit"
    (heading,) = [one for one in entry.to_enter(by=by) if one.id == visit]
    assert heading.title == "Ada Lovelace" and "Lovelace, Ada" not in heading.detail

    assert (Wording.of(find_clinic("people")).owner, Wording().owner) == ("Client", "Owner")
    roster, _, page = electronic_kit(seen.day, by=by)
    printed = "".join(one.extract_text() for one in PdfReader(io.BytesIO(print_roster(seen.day, by=by))).pages)
    for text in (roster.content.decode(), page.content.decode(), printed):
        assert "Lovelace, Ada" in text and "Client" in text and "Owner" not in text
