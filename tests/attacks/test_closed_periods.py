"""A closed period stays as it was signed: whatever runs, arrives or is tried meanwhile, and wherever it dies."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from billing import closing, matching
from billing.books import statement
from billing.matching import reconcile_days
from data import session as sessions
from data.engine import Database, database, use
from data.models import AuditLog, BooksPeriod, Document, PaymentMatch, PaymentMatchPart, Variance
from data.session import read
from tests.settlement.books import DAY, Books
from tests.settlement.test_matching import change, stored

LAST = DAY + timedelta(days=9)


def matched(clinic):
    """What stands, by references, and every case: without ids and moments."""
    with read(clinic.id) as session:
        days = {row.id: (row.kind, row.state, row.day) for row in session.scalars(select(PaymentMatch))}
        parts = sorted(
            (str(row.payment_id), str(row.settled_id), *map(str, days.get(row.match_id, ())))
            for row in session.scalars(select(PaymentMatchPart))
        )
        cases = sorted(
            (row.signature, row.kind, row.state, row.amount_cents) for row in session.scalars(select(Variance))
        )
        assert all(len(row) == 5 for row in parts), "parts of a match that is not there"
        return parts, cases


def filled(clinic, count=24):
    rows = Books(clinic)
    rows.month(count)
    rows.pay(8_800, day=DAY + timedelta(days=1))
    rows.settle(cents=9_900, day=DAY + timedelta(days=2))
    return rows


def test_a_run_that_is_under_way_while_the_period_is_closed_changes_nothing_in_it(clinic, monkeypatch):
    filled(clinic)
    mona, engine, closed = clinic.actor("mona"), matching._engine, []

    def slow(loaded):
        outcome = engine(loaded)
        if not closed:
            closed.append(closing.close_period(DAY, LAST, "Mona Marsh", "later", by=mona))
            closed.append(stored(clinic, BooksPeriod)[0].totals)
        return outcome

    monkeypatch.setattr(matching, "_engine", slow)
    ran = reconcile_days(by=clinic.operator)
    assert ran.made == 24
    assert {one.day for one in stored(clinic, PaymentMatch)} == {LAST + timedelta(days=1)}, "not into the closed days"
    assert stored(clinic, BooksPeriod)[0].totals == closed[1]
    one = statement(DAY, LAST, by=mona)
    assert one.difference == one.timing + one.waiting + one.written_off + one.unexplained


def test_two_managers_close_at_once_and_one_of_them_does(clinic):
    filled(clinic)
    reconcile_days(by=clinic.operator)
    people = [(clinic.actor("mona"), "Mona Marsh"), (clinic.actor("olive"), "Olive Owens")]

    def close(place):
        by, name = people[place % 2]
        try:
            return closing.close_period(DAY, LAST - timedelta(days=place), name, "later", by=by)
        except (closing.Overlaps, closing.ChangedWhileClosing, closing.StillProposed) as refusal:
            return type(refusal).__name__

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(close, range(3)))
    assert sum(len(one) == 36 for one in answers) == 1, answers
    assert len(stored(clinic, BooksPeriod)) == 1
    assert len(stored(clinic, Document, Document.kind == closing.KIND)) == 1
    assert len(stored(clinic, AuditLog, AuditLog.action == "period.closed")) == 1


def in_child(clinic, step, work) -> bool:
    """Do something in a child that dies before or after its nth commit; whether it came to its end."""
    home = clinic.home
    database().close()
    use(None)
    child = os.fork()
    if not child:
        try:
            use(Database(home))
            count, commit = iter(range(10_000)), sessions.ClinicSession.commit

            def here():
                if next(count) == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            def wrapped(self):
                here()
                commit(self)
                here()

            sessions.ClinicSession.commit = wrapped
            closing.within = lambda _seconds, draw, *about: draw(*about)  # the process that draws stays with the parent
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    use(Database(home))
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed otherwise"
    return not os.WIFSIGNALED(status)


@pytest.mark.slow
def test_killed_at_every_step_of_a_run_the_next_one_ends_as_if_nothing_had_been(clinic, monkeypatch):
    monkeypatch.setattr(matching, "CHUNK", 3)
    rows = filled(clinic)
    steps, by = 0, clinic.operator
    for step in range(60):
        ended = in_child(clinic, step, lambda: reconcile_days(by=by))
        matched(clinic)
        steps = step
        if ended:
            break
    assert steps >= 6
    reconcile_days(by=by)
    parts, cases = matched(clinic)
    assert len(parts) == 48 and [one[2] for one in cases] == ["open", "open"]
    taken = [name for row in parts for name in row[:2] if name != "None"]
    assert len(taken) == len(set(taken)), "a row is in two matches"
    now = change(clinic)
    assert not reconcile_days(by=by).changed and change(clinic) == now
    one = statement(DAY, LAST, by=clinic.actor("mona"))
    assert one.difference == one.timing + one.waiting + one.written_off + one.unexplained == 9_900 - 8_800
    assert rows


@pytest.mark.slow
def test_killed_at_every_step_of_closing_and_opening_a_period_is_closed_or_not(clinic):
    filled(clinic, 12)
    reconcile_days(by=clinic.operator)
    mona = clinic.actor("mona")
    before = statement(DAY, LAST, by=mona)

    def close():
        closing.close_period(DAY, LAST, "Mona Marsh", "later", by=mona, key="close")

    def whole():
        """Whether it is closed, with everything that belongs to it."""
        periods = [one for one in stored(clinic, BooksPeriod) if one.state == "closed"]
        reports = stored(clinic, Document, Document.kind == closing.KIND)
        states = {one.state for one in stored(clinic, Variance)}
        audited = stored(clinic, AuditLog, AuditLog.action == "period.closed")
        assert len(periods) <= 1 and len(reports) == len(audited) == len(stored(clinic, BooksPeriod))
        assert states == ({"carried"} if periods else {"open"})
        return bool(periods)

    died = 0
    for step in range(20):
        ended = in_child(clinic, step, close)
        closed = whole()
        if ended:
            assert closed
            break
        died += 1
        if closed:  # it died after its commit: the same click again finds it done
            close()
            break
    assert died >= 1 and whole() and len(stored(clinic, BooksPeriod)) == 1
    (row,) = closing.periods(by=mona)
    assert row.unexplained == before.unexplained
    for step in range(20):
        ended = in_child(clinic, step, lambda: closing.reopen_period(row.id, "a mistake", by=mona, key="open"))
        closed = whole()
        if ended:
            break
    assert not closed
    assert statement(DAY, LAST, by=mona).unexplained == before.unexplained
