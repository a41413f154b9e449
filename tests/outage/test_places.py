"""What the designer offers as a place for an answer, back entry fills: the table of places and the rule agree."""

from sqlalchemy import select

from data import definitions
from data.models import (
    Appointment,
    CheckIn,
    Client,
    Consent,
    CustomValue,
    Discharge,
    Exam,
    FormSheet,
    Patient,
    Recovery,
    Surgery,
)
from data.session import read, write
from forms.definition import Form
from forms.editions import publish
from forms.targets import TARGETS, check_targets, custom_targets
from outage import entry
from outage.printing import print_blank
from records.settings import CUSTOM_FIELD, CustomField
from tests.outage.test_entry import Paper, evening  # noqa: F401

STAGES = {"check_in": CheckIn, "exam": Exam, "surgery": Surgery, "recovery": Recovery, "discharge": Discharge}
TIMES = {"check_in.event_at": "7:30", "exam.event_at": "9:00", "surgery.event_at": "10:00", "surgery.ended_at": "10:20",
         "recovery.event_at": "10:30", "recovery.extubated_at": "10:30", "discharge.event_at": "14:00"}  # fmt: skip
NUMBERS = {"exam.weight_grams": "3.4", "exam.temperature_hundredths": "38.1", "exam.pulse": "180",
           "exam.respiration": "30", "recovery.temperature_hundredths": "37.2", "recovery.pain": "2"}  # fmt: skip


def a_field(number, target):
    """A field that fills a place, and what is written there."""
    one = {"key": f"f{number}", "label": target.words, "target": target.name, "type": "text", "width": 6}
    kinds = target.kinds
    if target.name in TIMES:
        return one | {"type": "time"}, TIMES[target.name]
    if target.name in NUMBERS:
        unit = target.units[0] if target.units else ""
        return one | {"type": "digits", "digits": 4, "decimals": 1, "unit": unit}, NUMBERS[target.name]
    if "check" in kinds and "single" not in kinds:
        return one | {"type": "check"}, True
    if target.answers:
        options = [{"value": code, "label": f"L{code}"} for code in target.answers]
        code = options[0]["value"]
        several = "multi" in kinds
        return one | {"type": "multi" if several else "single", "options": options}, [code] if several else code
    if target.name == "surgery.surgeon_id":
        return one, "Chen"
    return one, f"Said of {target.words}"


def test_every_place_of_a_stage_and_of_the_clinics_own_fields_is_written(evening):  # noqa: F811
    adam = evening.actor("adam")
    own = {
        "housing": CustomField(entity="patient", label="Housing", kind="choice", choices=["Indoor only", "Outdoor"]),
        "insured": CustomField(entity="client", label="Insured", kind="check"),
        "collar": CustomField(entity="appointment", label="Collar number", kind="number"),
        "asked": CustomField(entity="patient", label="Asked for", kind="choice", choices=["Yes", "No"]),
    }
    with write(evening.id) as session:
        for slug, field in own.items():
            definitions.save(session, CUSTOM_FIELD, slug, field, by_user_id=None)
    with read(evening.id) as session:
        custom = custom_targets(session)
    stages = [target for name, target in TARGETS.items() if name.partition(".")[0] in STAGES]
    assert len(stages) > 30
    fields, values = [], {}
    for number, target in enumerate([*stages, *custom.values()]):
        field, value = a_field(number, target)
        if target.name == "custom.appointment.collar":
            field, value = field | {"type": "digits", "digits": 4}, "1207"
        if target.name == "custom.client.insured":
            field = field | {"type": "single", "options": [{"value": v, "label": v.upper()} for v in ("yes", "no")]}
            value = "no"
        fields.append(field)
        values[field["key"]] = value
    form = Form.model_validate({"title": "Every place", "sections": [{"fields": fields[at : at + 20]}
                                for at in range(0, len(fields), 20)]})  # fmt: skip
    assert check_targets(form, custom) == len(fields)
    publish("every-place", form, expected=0, by=adam)
    paper = Paper(evening)
    sheet = paper.print("every-place")
    entry.enter(paper.visit, {sheet: values}, by=paper.sam)
    empty = []
    for target in stages:
        stage, _, column = target.name.partition(".")
        row = paper.one(STAGES[stage])
        kept = row.tattoo if column == "marks" else getattr(row, column)
        if kept in (None, "", [], False) or (target.kinds == {"text"} and "Said of" not in kept):
            empty.append(target.name)
    assert empty == []
    exam = paper.one(Exam)
    assert (exam.weight_grams, exam.temperature_hundredths, exam.body_condition) == (3400, 3810, 1)
    with read(evening.id) as session:
        kept = {row.field: row.value for row in session.scalars(select(CustomValue))}
    assert kept == {"housing": "Indoor only", "insured": False, "collar": 1207, "asked": "Yes"}


PEOPLE = {
    "client.first_name": "Ada", "client.last_name": "Marsh", "client.phone": "(212) 555-0142",
    "client.other_phone": "(212) 555-0143", "client.email": "ada@example.org", "client.address": "3 Pier Street",
    "client.city": "Brooklyn", "client.region": "NY", "client.postal_code": "01231", "client.owner_type": "rescue",
    "client.caution": "Call first", "consent.channels": ["email"], "consent.marketing": ["letter"],
    "consent.phi": "yes", "patient.name": "Moon", "patient.species": "Cat",
    "patient.breed": "Siamese", "patient.colour": "Seal point", "patient.sex": "female", "patient.altered": "no",
    "patient.born_on": "2024-05-06", "patient.microchip": "985112001234567", "patient.caution": "Bites",
    "appointment.notes": "Came early", "appointment.caution": "Fearful", "check_in.event_at": "7:45",
}  # fmt: skip
WALK_IN = {"patient.age_years": "2", "patient.age_months": "3", "appointment.services": ["rabies"]}


def a_form(clinic, slug, subject, said):
    """A published form with a field for each place, and what is written there by key."""
    fields, values = [], {}
    for number, name in enumerate(said):
        field, _ = a_field(number, TARGETS[name])
        if "date" in TARGETS[name].kinds:
            field |= {"type": "date"}
        if "digits" in TARGETS[name].kinds and "text" not in TARGETS[name].kinds:
            field |= {"type": "digits"}
        if name in ("appointment.services", "check_in.event_at"):
            options = [{"value": code, "label": code.upper()} for code in ("rabies", "microchip")]
            field |= {"type": "time"} if "time" in TARGETS[name].kinds else {"type": "multi", "options": options}
        fields.append(field)
        values[field["key"]] = said[name]
    form = Form.model_validate({"title": slug, "subject": subject, "sections": [{"fields": fields}]})
    publish(slug, form, expected=0, by=clinic.actor("adam"))
    return values


def kept(clinic, client, patient, visit):
    """What the records hold of the places that ``PEOPLE`` names."""
    with read(clinic.id) as session:
        rows = {"client": session.get_one(Client, (clinic.id, client)),
                "patient": session.get_one(Patient, (clinic.id, patient)),
                "appointment": session.get_one(Appointment, (clinic.id, visit))}  # fmt: skip
        found = {name: getattr(rows[name.split(".")[0]], name.split(".")[1])
                 for name in PEOPLE if name.split(".")[0] in rows}  # fmt: skip
        said = session.scalars(select(Consent).where(Consent.client_id == client, Consent.source == "paper")).all()
        assert all(one.wording and one.origin == "form" for one in said)
        allowed = {(one.channel, one.purpose) for one in said if one.given}
    return found, allowed


RECORDS = ("client", "patient", "appointment")
EXPECTED = {name: said for name, said in PEOPLE.items() if name.split(".")[0] in RECORDS}
EXPECTED |= {"patient.altered": False, "patient.species": "cat"}


def test_what_a_visits_form_says_of_client_and_patient_reaches_their_records(evening):  # noqa: F811
    values = a_form(evening, "people", "appointment", PEOPLE | {"patient.species": "cat"})
    paper = Paper(evening)
    entry.enter(paper.visit, {paper.print("people"): values}, by=paper.sam)
    with read(evening.id) as session:
        row = session.get_one(Appointment, (evening.id, paper.visit))
        client, patient = row.client_id, row.patient_id
    found, allowed = kept(evening, client, patient, paper.visit)
    found["patient.born_on"] = str(found["patient.born_on"])
    assert {name: found[name] for name in EXPECTED if found[name] != EXPECTED[name]} == {}
    assert allowed == {("email", "reminders"), ("letter", "marketing"), ("any", "phi")}


def test_what_a_walk_in_form_says_makes_client_patient_and_visit(evening):  # noqa: F811
    said = {name: value for name, value in PEOPLE.items() if name != "patient.born_on"} | WALK_IN
    values = a_form(evening, "come-in", "nothing", said)
    paper = Paper(evening)
    (serial,) = print_blank("come-in", 1, by=paper.sam).serials
    with read(evening.id) as session:
        sheet = session.scalars(select(FormSheet.id).where(FormSheet.serial == serial)).one()
    visit = entry.enter_walk_in(sheet, values, by=paper.sam)
    with read(evening.id) as session:
        row = session.get_one(Appointment, (evening.id, visit))
        client, patient, services = row.client_id, row.patient_id, row.services
    found, allowed = kept(evening, client, patient, visit)
    assert found.pop("patient.born_on") is not None and services == ["rabies"]
    assert {name: found[name] for name in found if found[name] != EXPECTED[name]} == {}
    assert allowed == {("email", "reminders"), ("letter", "marketing"), ("any", "phi")}
