"""Every answer of a form lands where the records have a place for it, or the form is refused."""

import pytest

from appointments import clinical
from data import definitions, models
from data.session import read, write
from forms.definition import Form
from forms.editions import publish
from forms.settings import FORM, shipped
from forms.targets import TARGETS, BadTarget, check_targets, code_of, custom_targets, fitting, misplaced
from records.settings import CUSTOM_FIELD, CustomField


def form(**one):
    return Form.model_validate(
        {"title": "Any", "sections": [{"fields": [{"key": "a", "type": "text", "label": "A"} | one]}]}
    )


def test_every_answer_of_the_shipped_forms_lands():
    for slug, one in [*shipped().items(), *shipped("human").items()]:
        assert misplaced(one, {}) == [], slug
        if slug == "roster":  # who came is read from their own sheet or said in back entry
            assert check_targets(one, {}) == 0
        else:
            assert check_targets(one, {}) >= (2 if slug != "consent" else 1)


def test_every_place_is_a_column_or_one_that_back_entry_knows():
    tables = {
        "client": models.Client, "patient": models.Patient, "appointment": models.Appointment,
        "check_in": models.CheckIn, "exam": models.Exam, "surgery": models.Surgery, "recovery": models.Recovery,
        "discharge": models.Discharge, "observation": models.Observation,
    }  # fmt: skip
    made = {"surgery.marks", "patient.age_years", "patient.age_months"}
    for name in TARGETS.keys() - made:
        entity, _, column = name.partition(".")
        if entity in tables and column:
            assert hasattr(tables[entity], column), name


def test_the_answers_of_a_choice_are_the_words_of_the_clinical_record():
    known = {
        "exam.abnormalities": clinical.FINDINGS, "exam.reproductive": clinical.REPRODUCTIVE,
        "exam.health": clinical.HEALTH, "surgery.procedure": clinical.PROCEDURES,
        "surgery.complications": clinical.COMPLICATIONS, "recovery.complications": clinical.COMPLICATIONS,
    }  # fmt: skip
    for name, words in known.items():
        assert TARGETS[name].answers == {code_of(word): word for word in words}, name


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"target": "exam.nonsense"}, "not a place of the records"),
        ({"target": "exam.weight_grams"}, "“Exam: weight” cannot be filled by writing"),
        ({"type": "digits", "target": "exam.weight_grams"}, "needs one of these units: kg, lb, g"),
        ({"target": "drug_count.am", "type": "digits"}, "does not belong on a form for one visit"),
        ({"target": "drug_log.route"}, "belongs into other lines"),
        (
            {"type": "single", "target": "exam.sex_found",
             "options": [{"value": "female", "label": "Female"}, {"value": "boy", "label": "Boy"}]},
            "the answer “Boy” is not one that “Exam: sex found” takes",
        ),
        (
            {"type": "grid", "target": "observation", "cells": [{"key": "x", "label": "X", "target": "drug_log.drug"}]},
            "belongs into other lines",
        ),
        (
            {"type": "grid", "target": "observation",
             "cells": [{"key": "x", "label": "X", "type": "digits", "target": "observation.temperature_hundredths"}]},
            "needs one of these units",
        ),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_land_is_told_in_a_sentence(field, said):
    with pytest.raises(BadTarget, match=said):
        check_targets(form(**field), {})


def test_two_fields_never_fill_one_place_unless_it_joins_them():
    def both(target):
        fields = [{"key": key, "type": "text", "label": key, "target": target} for key in ("a", "b")]
        return Form.model_validate({"title": "Any", "sections": [{"fields": fields}]})

    with pytest.raises(BadTarget, match="is filled by “a” already"):
        check_targets(both("surgery.suture"), {})
    check_targets(both("exam.notes"), {})


def test_only_places_that_fit_are_offered():
    offered = {target.name for target in fitting("time", "appointment", TARGETS)}
    assert {"surgery.event_at", "surgery.ended_at"} <= offered and "payment.taken_at" not in offered
    assert [one.name for one in fitting("time", "bottle", TARGETS, "drug_log")] == ["drug_log.event_at"]
    assert "drug_log.event_at" not in offered


def test_a_form_that_names_no_place_of_the_records_is_not_published(clinic):
    adam = clinic.actor("adam")
    with write(clinic.id) as session:
        housing = CustomField(entity="patient", label="Housing", kind="choice", choices=["Indoor only", "Outdoor"])
        definitions.save(session, CUSTOM_FIELD, "housing", housing, by_user_id=None)
    with read(clinic.id) as session:
        places = custom_targets(session)
    assert places["custom.patient.housing"].answers == {"indoor_only": "Indoor only", "outdoor": "Outdoor"}
    options = [{"value": "indoor_only", "label": "Indoors"}, {"value": "outdoor", "label": "Outdoors"}]
    fits = form(type="single", target="custom.patient.housing", options=options)
    assert publish("housing", fits, expected=0, by=adam).version == 1
    gone = form(type="single", target="custom.patient.diet", options=options)
    with pytest.raises(BadTarget, match=r"custom\.patient\.diet"):
        publish("housing", gone, expected=1, by=adam)
    with read(clinic.id) as session:
        assert definitions.number_of(session, FORM, "housing") == 1
