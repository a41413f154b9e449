"""Segments find whom they say, as things stand, with the rights of whoever asks, and never the dead or restricted."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from campaigns import segments, shelf
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data import definitions
from data.errors import NotPermitted
from data.models import AuditLog, Client, Consent
from data.session import read, write
from data.types import clock
from records.settings import CUSTOM_FIELD, CustomField
from reports import building, periods
from tests.reports import small_clinic

TODAY = date(2026, 3, 31)
CATS = Segment.model_validate({
    "label": "Cats due", "entity": "service_had",
    "filters": [
        {"field": "patient.species", "op": "in", "value": ["cat"]},
        {"field": "had", "op": "contains", "value": "rabies"},
        {"field": "last_day", "op": "within", "value": "11_to_13_months_ago"},
        {"field": "patient.next_booked", "op": "empty"},
        {"field": "client.agreed_email", "op": "is", "value": True},
    ],
})  # fmt: skip


@pytest.fixture
def small(clinic, monkeypatch):
    monkeypatch.setattr(clock, "today", lambda zone: TODAY)
    return small_clinic.Small(clinic)


def agrees(small, client, channel="email", given=True, purpose="marketing", day="2025-01-02"):
    small.add(Consent, client_id=client, channel=channel, purpose=purpose, given=given,
              event_at=small_clinic.at(f"{day}T10:00"))  # fmt: skip


def vaccinated(small, day, species="cat", *, agreed=True, **client):
    owner = small.client(**{"email": "lee@example.org"} | client)
    patient = small.patient(owner, species=species)
    small.line(small.invoice(owner, day), day, 2000, service="rabies", patient_id=patient)
    if agreed:
        agrees(small, owner)
    return owner, patient


def pairs(segment, by):
    return [(one.client_id, one.patient_id) for one in segments.members(segment, by=by)]


def test_cats_vaccinated_a_year_ago_not_booked_whose_owner_agreed(small):
    by = small.clinic.actor("adam")
    found = vaccinated(small, "2025-04-15")
    vaccinated(small, "2025-04-15", "dog")
    vaccinated(small, "2025-06-15")
    vaccinated(small, "2025-04-15", agreed=False)
    again = vaccinated(small, "2025-04-15")
    small.line(small.invoice(again[0], "2026-01-05"), "2026-01-05", 2000, service="rabies", patient_id=again[1])
    booked = vaccinated(small, "2025-04-15")
    visit = small.visit("2026-04-20", patient_id=booked[1], client_id=booked[0])
    withdrawn = vaccinated(small, "2025-04-15")
    agrees(small, withdrawn[0], "any", given=False, day="2025-02-02")
    vaccinated(small, "2025-04-15", restricted=True)
    dead = vaccinated(small, "2025-04-15")
    with write(small.clinic.id) as session:
        session.get_one(small_clinic.Patient, (small.clinic.id, dead[1])).died_on = date(2026, 1, 1)
    assert pairs(CATS, by) == [found]
    assert segments.count(CATS, by=by) == segments.Count(1, 1, 1, 0, 0)
    with write(small.clinic.id) as session:  # it is worked out each time: a visit that is off makes room
        session.get_one(small_clinic.Appointment, (small.clinic.id, visit)).stage = "cancelled"
        session.get_one(Client, (small.clinic.id, booked[0])).address = "1 High St"
    assert sorted(pairs(CATS, by)) == sorted([found, booked])
    assert segments.count(CATS, by=by) == segments.Count(2, 2, 2, 0, 1)


def test_clients_by_what_they_owe_and_when_they_came(small):
    by = small.clinic.actor("adam")
    owing, paid, mourning = small.client("Owing"), small.client("Paid"), small.client("Mourning")
    for client in (owing, paid):
        invoice = small.invoice(client, "2025-01-05")
        small.line(invoice, "2025-01-05", 5000)
        small.visit("2025-01-05", "checked_out", client_id=client, patient_id=small.patient(client))
        small.visit("2026-01-05", "no_show", client_id=client, patient_id=small.patient(client))
    small.pay(paid, "2025-01-05", 5000)
    small.patient(mourning, died_on=date(2026, 1, 1))
    owes = {"field": "balance", "op": "from", "value": 1}
    segment = Segment.model_validate({"label": "Owing", "filters": [owes]})
    assert pairs(segment, by) == [(owing, None)]
    away = {"field": "last_attended", "op": "within", "value": "more_than_1_years_ago"}
    assert {who for who, _ in pairs(Segment(label="Away", filters=[away]), by)} == {owing, paid}
    assert mourning not in {who for who, _ in pairs(Segment(label="All"), by)}
    assert segments.count(Segment(label="All"), by=by).clients == len(pairs(Segment(label="All"), by))


def test_a_sample_shows_people_and_is_written_down(small):
    vaccinated(small, "2025-04-15", name="Moreau")
    by = small.clinic.actor("adam")
    shown = segments.sample(CATS, by=by, name="cats")
    assert [column.label for column in shown.columns][:2] == ["Client", "Patient"]
    assert shown.rows[0][0] == "Moreau"
    segments.sample(CATS, by=by, name="cats")
    with read(small.clinic.id) as session:
        looks = session.scalars(select(AuditLog).where(AuditLog.action == "segment.looked_at")).all()
    assert len(looks) == 1 and looks[0].entity_id == "cats" and "Moreau" not in str(looks[0].detail)
    with pytest.raises(NotPermitted):
        segments.members(CATS, by=small.clinic.actor("sam"))


def test_a_segment_whose_field_is_gone_says_which(small):
    by = small.clinic.actor("adam")
    with write(small.clinic.id) as session:
        field = CustomField(entity="patient", label="Food allergy", kind="check")
        definitions.save(session, CUSTOM_FIELD, "allergy", field, by_user_id=None)
        session.info["defined"] = True
        small_clinic_audit(session)
    tests = [{"field": "own_allergy", "op": "is", "value": True}, {"field": "species", "op": "in", "value": ["cat"]}]
    segment = Segment.model_validate({"label": "Allergic", "entity": "patient", "filters": tests})
    slug = shelf.keep(SEGMENT, segment, by=by)
    assert segments.members(segment, by=by) == []
    with write(small.clinic.id) as session:
        definitions.remove(session, CUSTOM_FIELD, "allergy")
        small_clinic_audit(session)
    with pytest.raises(segments.FieldGone, match="Allergic asks about 'Food allergy'"):
        segments.members(segment, by=by)
    shelf.keep(SEGMENT, Segment(label="Everybody"), by=by)
    gone, _ = segments.lines(by=by)
    assert gone.slug == slug and "no longer there" in gone.words[0] and gone.words[1] == "Species is one of cat"
    assert building.filters_of(building.blocks_of(segment.filters)) == segment.filters, "and it can be changed"


def small_clinic_audit(session):
    from security import audit
    from security.actor import Actor

    session.flush()
    audit.append(session, Actor.operator(session.clinic_id), "test.changed", "", "", {})


def test_lists_tell_who_uses_a_segment(small):
    by = small.clinic.actor("adam")
    segment = shelf.keep(SEGMENT, CATS, by=by)
    template = shelf.keep(TEMPLATE, Template(label="Hello", subject="Hello", body="Hello"), by=by)
    shelf.keep(CAMPAIGN, Campaign(label="Spring", segment=segment, templates={"email": template}), by=by)
    [line] = segments.lines(by=by)
    assert line.campaigns == ("Spring",)
    assert "Last time is in 11 to 13 months ago" in line.words
    waiting = [{"field": "species", "op": "in", "parameter": "kind"}]
    asking = Segment.model_validate({"label": "Asking", "entity": "patient", "filters": waiting})
    with pytest.raises(segments.AsksEachTime):
        segments.members(asking, by=by)


@pytest.mark.parametrize(
    "period, first, last, label",
    [
        ("11_to_13_months_ago", date(2025, 2, 28), date(2025, 4, 30), "11 to 13 months ago"),
        ("13_to_11_months_ago", date(2025, 2, 28), date(2025, 4, 30), "11 to 13 months ago"),
        ("more_than_3_years_ago", None, date(2023, 3, 30), "More than 3 years ago"),
        ("in_2_to_6_weeks", date(2026, 4, 14), date(2026, 5, 12), "In 2 to 6 weeks"),
        ("in_1_to_1_days", date(2026, 4, 1), date(2026, 4, 1), "In 1 day"),
        ("in_more_than_1_months", date(2026, 5, 1), None, "In more than 1 month"),
        ("in_more_than_9999_years", date.max, None, "In more than 9999 years"),
        ("more_than_9999_years_ago", None, date.min, "More than 9999 years ago"),
    ],
)
def test_stretches_away_from_today(period, first, last, label):
    assert periods.days_of(period, TODAY) == (first, last) and periods.label_of(period) == label


@given(st.dates(), st.sampled_from(list(periods.WAYS)), st.integers(0, 9999), st.integers(0, 9999),
       st.sampled_from(periods.UNITS))  # fmt: skip
def test_any_stretch_is_read_back_and_has_its_ends_in_order(today, way, least, most, unit):
    least, most = sorted((least, most))
    away = periods.Away(way, least, most if way in ("ago", "ahead") else least, unit)
    assert periods.away_of(away.period) == away
    first, last = periods.days_of(away.period, today)
    assert first is None or last is None or first <= last
    if way == "ahead":
        assert first >= today
    if way == "ago":
        assert last <= today
    assert periods.label_of(away.period)
