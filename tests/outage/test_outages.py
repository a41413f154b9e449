"""Outages are declared live or dated afterwards, never two at once, and take the paper of their days."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from data.card_numbers import CardNumberTyped
from data.errors import BadInput, EditedMeanwhile, NotFound, NotPermitted
from data.models import AuditLog, FormSheet, Outage
from data.session import read, write
from data.types import clock, new_id
from data.wording import Wording
from outage.outages import OutageTimes, Overlaps, PartClosed, change_times, current, declare, outage, outages, over
from outage.printing import print_blank, print_for_roster
from security import audit


def test_an_outage_is_declared_live_ends_and_stands_until_both_parts_are_closed(clinic):
    mona, sam = clinic.actor("mona"), clinic.actor("sam")
    assert current(by=sam) is None
    began = clock.now() - timedelta(hours=3)
    one = declare("all", began, reason="The network is down", by=mona, key="twice")
    assert declare("all", began, reason="The network is down", by=mona, key="twice") == one
    row = current(by=sam)
    assert (row.id, row.lasts, row.declared_by, row.is_closed) == (one, True, "Mona Marsh", False)
    over(one, clock.now() - timedelta(hours=1), version=row.version, by=mona)
    row = current(by=sam)
    assert row.id == one and not row.lasts
    with pytest.raises(EditedMeanwhile):
        over(one, clock.now(), version=row.version - 1, by=mona)
    with write(clinic.id) as session:
        stored = session.get_one(Outage, (clinic.id, one))
        stored.clinical_closed_at = clock.now()
        audit.append(session, clinic.operator, "outage.closed", "outage", one)
    row = outage(one, by=sam)
    with pytest.raises(PartClosed):
        change_times(one, began, clock.now(), version=row.version, by=mona)
    assert current(by=sam).id == one
    with write(clinic.id) as session:
        session.get_one(Outage, (clinic.id, one)).money_closed_at = clock.now()
        audit.append(session, clinic.operator, "outage.closed", "outage", one)
    assert current(by=sam) is None and [row.id for row in outages(by=sam)] == [one]
    with read(clinic.id) as session:
        done = session.scalars(select(AuditLog.action).where(AuditLog.entity_id == one).order_by(AuditLog.seq)).all()
        assert done[:2] == ["outage.declared", "outage.timed"]


def test_cards_alone_leave_only_money_to_close(clinic):
    mona = clinic.actor("mona")
    one = declare("cards", clock.now() - timedelta(hours=2), clock.now(), by=mona)
    with write(clinic.id) as session:
        session.get_one(Outage, (clinic.id, one)).money_closed_at = clock.now()
        audit.append(session, clinic.operator, "outage.closed", "outage", one)
    assert current(by=mona) is None and outage(one, by=mona).parts == ("money",)


def test_times_that_cannot_be_and_overlaps_are_refused_with_a_sentence(clinic):
    mona = clinic.actor("mona")
    now = clock.now()
    hour = timedelta(hours=1)
    for began, ended in ((now + hour, None), (now - hour, now + hour), (now, now - hour), (now - 100 * 24 * hour, now)):
        with pytest.raises(OutageTimes):
            declare("all", began, ended, by=mona)
    with pytest.raises(BadInput):
        declare("some", now - hour, by=mona)
    with pytest.raises(CardNumberTyped):
        declare("all", now - hour, reason="4111 1111 1111 1111", by=mona)
    with pytest.raises(NotPermitted):
        declare("all", now - hour, by=clinic.actor("sam"))
    with pytest.raises(NotFound):
        over(new_id(), now, version=1, by=mona)
    declare("all", now - 5 * hour, now - 3 * hour, by=mona)
    for began, ended in ((now - 4 * hour, now), (now - 6 * hour, now - 4 * hour), (now - 4 * hour, None)):
        with pytest.raises(Overlaps, match="to"):
            declare("cards", began, ended, by=mona)
    lasting = declare("cards", now - hour, by=mona)
    with pytest.raises(Overlaps, match="since"):
        declare("all", now - hour / 2, by=mona)
    row = outage(lasting, by=mona)
    with pytest.raises(Overlaps):
        change_times(lasting, now - 4 * hour, now, version=row.version, by=mona)
    declare("all", now - 3 * hour, now - hour, by=mona)


def test_an_outage_takes_the_sheets_printed_for_its_days_and_lets_go_what_is_not_its_own(clinic, visits):
    day, _ = visits
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    mine = print_for_roster(["consent", "travel-sheet"], day, by=sam).serials
    blank = print_blank("walk-in", 2, by=sam).serials
    one = declare("all", clock.now() - timedelta(minutes=5), by=mona)
    with read(clinic.id) as session:
        bound = session.scalars(select(FormSheet.serial).where(FormSheet.outage_id == one)).all()
    assert sorted(bound) == sorted(mine) and not set(blank) & set(bound)
    before = clock.now() - timedelta(days=5)
    row = outage(one, by=mona)
    change_times(one, before, before + timedelta(hours=2), version=row.version, by=mona)
    with read(clinic.id) as session:
        assert session.scalars(select(FormSheet.serial).where(FormSheet.outage_id == one)).all() == []


def test_its_times_are_told_as_the_clinic_writes_them(clinic):
    words = Wording("en_US", "USD", "America/New_York")
    clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))
    mona = clinic.actor("mona")
    began = datetime(2026, 11, 22, 14, 40, tzinfo=UTC)
    one = declare("all", began, datetime(2026, 11, 22, 20, 10, tzinfo=UTC), by=mona)
    assert outage(one, by=mona).title(words) == "Nov 22, 2026, 9:40\u00a0AM to 3:10\u00a0PM"
