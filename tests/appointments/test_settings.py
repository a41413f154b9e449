"""Settings of the day: what an administrator saves reaches the tables the day runs on."""

import pytest

from appointments import flow
from appointments.settings import LocationNameTaken
from appointments.stages import LABELS, ON_SITE
from data.models import Drug, Location
from data.session import read
from opening.start import furnish
from security import settings
from security.actor import Actor
from security.clinics import NewClinic, create_clinic


def body(clinic, kind, slug):
    return next(entry for entry in settings.entries(kind, by=clinic.actor("adam")) if entry.slug == slug)


def test_a_renamed_location_stays_the_same_place_and_capacities_follow(clinic):
    adam = clinic.actor("adam")
    with read(clinic.id) as session:
        place = session.query(Location).one().id
    surgery = body(clinic, "appointment-type", "surgery")
    settings.save_definition(
        "appointment-type", "surgery", surgery.body | {"capacity_by_location": {"Main": 12}}, expected=1, by=adam
    )
    main = body(clinic, "location", "main")
    settings.save_definition("location", "main", main.body | {"name": "Harbor Street"}, expected=1, by=adam)
    with read(clinic.id) as session:
        assert [(row.id, row.name) for row in session.query(Location)] == [(place, "Harbor Street")]
    assert body(clinic, "appointment-type", "surgery").body["capacity_by_location"] == {"Harbor Street": 12}


def test_two_locations_cannot_share_a_name(clinic):
    adam = clinic.actor("adam")
    main = body(clinic, "location", "main")
    with pytest.raises(LocationNameTaken):
        settings.save_definition("location", "annex", main.body, expected=0, by=adam)
    settings.save_definition("location", "annex", main.body | {"name": "Annex"}, expected=0, by=adam)
    with read(clinic.id) as session:
        assert sorted(row.name for row in session.query(Location)) == ["Annex", "Main"]


def test_a_drug_switched_off_stays_in_the_records(clinic):
    adam = clinic.actor("adam")
    drug = body(clinic, "drug", "ketamine-100")
    settings.save_definition("drug", "ketamine-100", drug.body | {"active": False}, expected=1, by=adam)
    with read(clinic.id) as session:
        assert session.query(Drug).filter_by(code="ketamine-100").one().active is False


def test_a_clinic_for_people_begins_with_stages_for_people(clinic):
    human = create_clinic(NewClinic("people", "People Clinic", kind="human"))
    furnish(human, NewClinic("people", "People Clinic", kind="human"))
    labels = {column.stage: column.label for column in flow.columns(by=Actor.operator(human))}
    assert [labels[stage] for stage in ON_SITE if stage in labels] == [
        "Checked in", "With the clinician", "Ready to leave",
    ]  # fmt: skip
    assert {"requested", "booked", "confirmed", "checked_out", "no_show"} <= set(labels)
    animals = {column.stage: column.label for column in flow.columns(by=clinic.operator)}
    assert animals == {stage: label for stage, label in LABELS.items() if stage != "unknown"}
