"""Campaigns and their deliveries in reports come out as on the campaign's own page, on both databases."""

from datetime import timedelta

import pytest

from campaigns import outcomes
from data.errors import NotPermitted
from data.models import Client, MailEvent, OutboxMessage
from data.session import write
from data.types import clock
from reports.run import run_spec
from reports.spec import Breakdown, By, ReportSpec
from security.actor import Actor
from tests.campaigns.launched import book, charge, launched


def ask(clinic, entity, measures, by=None, groups=()):
    """Rows of the groups and then the measures, in their order."""
    split = Breakdown(name="them", label="Them", by=[By(field=one, name=one) for one in groups])
    spec = ReportSpec(title="Asked", entity=entity, breakdowns=[split], measures=list(measures), total=False)
    result = run_spec("asked", spec, {}, by=by or Actor.operator(clinic.id), form="command")
    return [[row[result.index(name)] for name in (*groups, *measures)] for row in result.rows]


@pytest.fixture
def spring(clinic):
    began = clock.now() - timedelta(days=40)
    people = [("sent", "a", ""), ("sent", "b", ""), ("uncertain", "a", ""), ("held_out", "hold", ""),
              ("failed", "a", "550 5.1.1 <kim@example.org> unknown"), ("excluded", "", "unsubscribed"),
              ("excluded", "", "unsubscribed"), ("suppressed", "a", "the patient has died")]  # fmt: skip
    run_id, ids = launched(clinic, people, slug="spring", began=began, goal={"what": "booked", "days": 30})
    for client, days in ((0, 1), (1, 29), (2, 31), (3, 2), (5, 2)):
        book(clinic, ids[client], began + timedelta(days=days))
    line = charge(clinic, ids[0], began + timedelta(days=3), 12_000)
    charge(clinic, ids[0], began + timedelta(days=35), -2_000, reverses=line)
    charge(clinic, ids[1], began + timedelta(days=31), 7_000)
    charge(clinic, ids[3], began + timedelta(days=3), 900)
    with write(clinic.id) as session:
        row = session.query(OutboxMessage).filter_by(client_id=ids[1]).one()
        session.add(MailEvent(outbox_id=row.id, kind="hard_bounce", external_id="x1", event_at=began))
        session.add(MailEvent(outbox_id=row.id, kind="hard_bounce", external_id="x2", event_at=began))
        two = session.get_one(Client, (clinic.id, ids[2]))
        two.merged_into_id = ids[1]
    return run_id


def test_a_launch_counts_as_its_own_page_does(clinic, spring):
    told = outcomes.of_run(spring, by=Actor.operator(clinic.id))
    [row] = ask(
        clinic, "campaign",
        ["launches", "people", "sent", "left_out", "held_out", "refused", "bounced", "booked", "held_out_booked",
         "invoiced"],
    )  # fmt: skip
    assert row == [1, 8, 3, 3, 1, 1, 1, told.reached.hits, told.held.hits, told.reached.cents]
    assert (told.reached.hits, told.held.hits, told.reached.cents) == (2, 1, 10_000)


def test_deliveries_tell_the_reasons_and_nobodys_address(clinic, spring):
    rows = ask(clinic, "delivery", ["people"], groups=["outcome", "cause"])
    assert ["Left out", "unsubscribed", 2] in rows and ["Held back", "the patient has died", 1] in rows
    assert ["Refused", "refused by the mail server or the phone company", 1] in rows and "kim@" not in str(rows)
    rows = ask(clinic, "delivery", ["sent", "bookings", "came_back", "invoiced"], groups=["text"])
    assert ["B", 1, 1, 1, 0] in rows and ["A", 2, 1, 0, 10_000] in rows
    with pytest.raises(NotPermitted):
        ask(clinic, "delivery", ["people"], by=clinic.actor("clara"))
