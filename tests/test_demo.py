"""The demo clinic is alive, adds up, and is the same for the same seed."""

import pytest
from sqlalchemy import func, select

from data.engine import Database, use
from data.home import Home
from data.models import Appointment, Bottle, DrugLogEntry, FlowEvent, InvoiceLine, Payment, PaymentAllocation
from data.schema import upgrade
from data.session import read
from opening.demo import find_demo, make_demo, sign_ins
from security import audit, sign_in


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    root = tmp_path_factory.mktemp("demo")
    patch.setenv("BALLAST_KEY_FILE", str(root / "key"))
    patch.delenv("BALLAST_DATABASE_URL", raising=False)
    home = Home(root / "home")
    home.create()
    database = Database(home)
    use(database)
    upgrade(database)
    made = make_demo(years=1, seed=7)
    yield made
    use(None)
    database.close()
    patch.undo()


def test_a_day_is_in_progress(demo):
    with read(demo.id) as session:
        stages = set(session.scalars(select(Appointment.stage)))
        assert {"checked_in", "in_surgery", "recovering", "ready", "booked", "checked_out", "no_show"} <= stages


def test_nothing_happened_in_the_future(demo):
    with read(demo.id) as session:
        from data.types import clock

        for model in (FlowEvent, Payment, DrugLogEntry):
            assert session.scalar(select(func.max(model.event_at))) <= clock.now(), model


def test_each_appointment_stands_where_its_last_flow_event_says(demo):
    with read(demo.id) as session:
        last = {}
        for appointment_id, at, stage in session.execute(
            select(FlowEvent.appointment_id, FlowEvent.event_at, FlowEvent.to_stage).order_by(FlowEvent.id)
        ):
            if appointment_id not in last or at >= last[appointment_id][0]:
                last[appointment_id] = (at, stage)
        for appointment in session.scalars(select(Appointment)):
            assert last[appointment.id][1] == appointment.stage


def test_drawn_is_given_plus_wasted_and_every_closed_bottle_is_empty(demo):
    with read(demo.id) as session:
        wrong = session.scalar(
            select(func.count()).where(
                DrugLogEntry.kind == "use", DrugLogEntry.drawn != DrugLogEntry.given + DrugLogEntry.wasted
            )
        )
        assert wrong == 0
        balances = session.execute(
            select(Bottle.id, func.sum(DrugLogEntry.delta))
            .join(DrugLogEntry, DrugLogEntry.bottle_id == Bottle.id)
            .where(Bottle.closed_at.is_not(None))
            .group_by(Bottle.id)
        ).all()
        assert balances
        assert all(balance <= 0 for _, balance in balances)


def test_every_payment_is_allocated_in_full(demo):
    with read(demo.id) as session:
        assert session.scalar(select(func.sum(Payment.amount_cents))) == session.scalar(
            select(func.sum(PaymentAllocation.amount_cents))
        )
        assert session.scalar(select(func.sum(InvoiceLine.net_cents))) > 0


def test_each_role_signs_in_with_what_is_printed(demo):
    assert find_demo().id == demo.id
    for person in sign_ins():
        assert sign_in.check_password(person["username"], person["password"]).role == person["role"]


def test_the_audit_chain_stands_from_the_first_row(demo):
    with read(demo.id) as session:
        assert audit.verify(session).bad_seq is None
