"""What the designer offers as a place for an answer, back entry fills: the table of places and the rule agree."""

from sqlalchemy import select

from data import definitions
from data.models import CheckIn, CustomValue, Discharge, Exam, Recovery, Surgery
from data.session import read, write
from forms.definition import Form
from forms.editions import publish
from forms.targets import TARGETS, check_targets, custom_targets
from outage import entry
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
