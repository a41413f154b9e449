"""What may not have arrived or was refused: found, told in part, decided by a person, and gone on with."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns import undelivered
from campaigns.undelivered import Filters, NothingChosen, StoppedCampaign
from data import definitions
from data.errors import NotFound, NotPermitted
from data.models import AuditLog, CampaignRun, Client, OutboxMessage, User
from data.session import read, write
from data.types import clock, new_id
from messages.outbox import queue
from security import audit
from security.actor import Actor
from security.alerts import alerts
from security.clinics import clinic_of
from security.roles import ROLE, Role
from tests.campaigns.launched import launched
from tests.screen import opened, told


def a_mail(clinic, state="failed", reply="550 no such user <kim@example.org>", to="kim@example.org"):
    with write(clinic.id) as session:
        one = queue(session, purpose="alert", dedupe_key=new_id(), recipient=to, subject="S", text="t")
        session.flush()
        row = session.get_one(OutboxMessage, (clinic.id, one))
        row.state, row.reply = state, reply
        session.flush()
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})
    return one


def states(clinic):
    with read(clinic.id) as session:
        return dict(session.execute(select(OutboxMessage.id, OutboxMessage.state)).tuples().all())


def test_each_is_found_by_its_filters_and_told_in_part(clinic):
    by = clinic.actor("adam")
    run, ids = launched(clinic, [("uncertain", "a", "timed out"), ("sent", "a", ""), ("failed", "b", "550 no")])
    mail = a_mail(clinic)
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, ids[0])).restricted = True
        session.flush()
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})
    every = undelivered.doubts(Filters(), by=by)
    assert every.total == 3 and every.counts == {"uncertain": 1, "failed": 2}
    assert {row.client for row in every.rows} == {"Restricted record", "Kim2 Vane", ""}
    one = next(row for row in every.rows if row.id == mail)
    assert one.address == "k…@example.org" and "kim@" not in one.said and one.said.startswith("550")
    assert undelivered.doubts(Filters(run=run), by=by).total == 2
    assert [row.id for row in undelivered.doubts(Filters(kind="alert"), by=by).rows] == [mail]
    assert undelivered.doubts(Filters(state="uncertain"), by=by).total == 1
    today = clock.today(clinic_of(clinic.id).zone)
    assert [row.id for row in undelivered.doubts(Filters(day=today), by=by).rows] == [mail]
    offered = undelivered.choices(by=by)
    assert list(offered.runs) == [run] and offered.kinds == ["alert", "marketing"] and offered.days[0] == today
    with pytest.raises(NotPermitted):
        undelivered.doubts(Filters(), by=clinic.actor("sam"))
    with write(clinic.id) as session:  # who runs the mail server and may not see clients
        operating = Role(label="Operating", permissions=["settings.edit"])
        definitions.save(session, ROLE, "operating", operating, by_user_id=None)
        session.get_one(User, (clinic.id, clinic.users["sam"])).role = "operating"
        session.flush()
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})
    assert {row.client for row in undelivered.doubts(Filters(), by=clinic.actor("sam")).rows} <= {
        "Restricted record",
        "",
    }


def test_a_decision_is_made_once_says_who_and_lets_a_finished_launch_go_on(clinic):
    by = clinic.actor("adam")
    run, _ = launched(
        clinic, [("uncertain", "a", ""), ("uncertain", "a", ""), ("failed", "a", "550"), ("sent", "a", "")]
    )
    mail = a_mail(clinic)
    of_run = {row.state: row.id for row in undelivered.doubts(Filters(run=run), by=by).rows}
    doubted = [row.id for row in undelivered.doubts(Filters(run=run, state="uncertain"), by=by).rows]
    assert any("2 messages may not have arrived" in one.sentence for one in alerts(by=by))
    for _ in range(2):
        assert undelivered.take_as_sent(doubted[:1], by=by, key="k") == 1
    assert undelivered.take_as_sent([of_run["failed"]], by=by) == 0, "what was refused did not arrive"
    assert undelivered.send_again([doubted[1], of_run["failed"]], by=by) == 2
    assert undelivered.let_go([mail], by=by) == 1
    now = states(clinic)
    assert (now[doubted[0]], now[doubted[1]], now[of_run["failed"]]) == ("sent", "pending", "pending")
    assert now[mail] == "suppressed" and not undelivered.doubts(Filters(), by=by).rows
    with read(clinic.id) as session:
        assert session.get_one(CampaignRun, (clinic.id, run)).state == "running"
        said = session.scalars(select(AuditLog.action).where(AuditLog.entity == "outbox_message")).all()
    assert sorted(said) == ["message.let_go", "message.sent_again", "message.sent_again", "message.taken_as_sent"]
    with write(clinic.id) as session:  # and it comes back: what was decided before is told
        session.get_one(OutboxMessage, (clinic.id, doubted[1])).state = "uncertain"
        session.flush()
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})
    [again] = undelivered.doubts(Filters(), by=by).rows
    assert again.decided.startswith("sent again by ") and again.decided_at


def test_nothing_of_a_stopped_campaign_goes_again_and_nothing_is_guessed(sqlite_clinic):
    by = sqlite_clinic.actor("adam")
    launched(sqlite_clinic, [("uncertain", "a", "")], state="stopped", began=clock.now() - timedelta(days=1))
    [one] = undelivered.doubts(Filters(), by=by).rows
    with pytest.raises(StoppedCampaign):
        undelivered.send_again([one.id], by=by)
    for rule in (undelivered.send_again, undelivered.take_as_sent, undelivered.let_go):
        with pytest.raises(NothingChosen):
            rule([], by=by)
        with pytest.raises(NotFound):
            rule([new_id()], by=by)
        with pytest.raises(NotFound):
            rule(["'; --"], by=by)
        with pytest.raises(NotPermitted):
            rule([one.id], by=sqlite_clinic.actor("sam"))


def test_the_page_shows_them_and_home_leads_there(sqlite_clinic):
    assert "Every message arrived" in told(opened(sqlite_clinic, "adam", "settings/undelivered.py"))
    a_mail(sqlite_clinic)
    launched(sqlite_clinic, [("uncertain", "a", "")])
    page = opened(sqlite_clinic, "adam", "settings/undelivered.py")
    assert "1 may not have arrived, 1 refused" in told(page)
    assert "k…@example.org" in " ".join(page.dataframe[0].value["To"])
    home = told(opened(sqlite_clinic, "adam", "home/home.py"))
    assert "One message may not have arrived" in home and "/undelivered" in home
