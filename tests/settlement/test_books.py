"""What a period says of itself adds up to the cent, whatever was decided in it."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import books, variances
from billing.matching import reconcile_days
from billing.reconciliation import classify, outcome
from data.errors import Refusal
from data.models import PaymentMatch, Variance
from data.session import write
from opening import demo_money
from security import audit
from tests.settlement.books import DAY, Books
from tests.settlement.test_matching import stored


def adds_up(one: books.Statement) -> bool:
    return one.difference == one.timing + one.waiting + one.written_off + one.unexplained


def test_the_three_sums_the_queues_and_the_ageing(clinic):
    rows, by = Books(clinic), clinic.actor("mona")
    rows.month(40)
    lost = rows.pay(8_800)
    rows.settle(cents=4_300)
    tip = rows.pay(10_000)
    rows.settle(tip, cents=12_000)
    late = rows.pay(5_500, day=DAY + timedelta(days=9))
    rows.settle(late, day=DAY + timedelta(days=10))
    reconcile_days(by=by)
    last = DAY + timedelta(days=9)
    one = books.statement(DAY, last, by=by)
    assert adds_up(one) and one.timing == -5_500
    assert one.unexplained == 4_300 - 8_800 + 2_000
    found = {queue.key: (queue.count, queue.cents) for queue in books.queues(DAY, last, by=by)}
    assert found["missing_there"] == (1, -8_800) and found["missing_here"] == (1, 4_300)
    assert found["amount"] == (1, 2_000)
    (case,) = books.cases(DAY, last, "missing_there", by=by)
    assert case.payments[0].id == lost
    assert books.opened(case.key, by=by).case == case
    assert sum(age.count for age in books.ageing(DAY + timedelta(days=20), by=by)) >= 2
    assert books.waiting(by=by).cases >= 2
    free = books.loose(DAY, last, by=by)
    assert [row.id for row in free.payments] == [lost] and len(free.settled) == 1


def test_a_manager_opens_on_what_nobody_closed_whatever_the_day():
    for day in range(14):
        today = date(2026, 11, 16) + timedelta(days=day)
        monday, sunday = demo_money.last_week(today)
        first, last = books.days_left(today, monday - timedelta(days=1))
        assert first <= monday <= sunday < today == last, "the demo's differences lie in the week before this one"
        assert books.days_left(today, None) == (monday, today), "nothing was ever closed"
        assert books.days_left(today, today - timedelta(days=90)) == (monday, today), "nor of late"
        assert books.days_left(today, today) == (today - timedelta(days=6), today)
        assert books.days_left(today, today - timedelta(days=1)) == (today, today)


steps = st.lists(
    st.tuples(st.sampled_from(["pay", "settle", "tip", "off", "hand", "reject", "accept", "undo", "run", "late"]),
              st.integers(1, 9_000), st.integers(0, 9)),
    min_size=4, max_size=12,
)  # fmt: skip


def do(what, rows, cents, pick, mark, by):
    """One thing that happens; what the rules refuse is refused."""
    clinic, day = rows.clinic, DAY + timedelta(days=pick)
    if what in ("pay", "tip", "late"):
        paid = rows.pay(cents, day, reference=mark)
        if what != "pay":
            on = day + timedelta(days=2 if what == "late" else 0)
            rows.settle(paid, cents=cents + (300 if what == "tip" else 0), day=on, reference=f"s{mark}")
    elif what == "settle":
        rows.settle(cents=cents, day=day, reference=f"s{mark}")
    elif what == "hand":
        free = books.loose(DAY, DAY + timedelta(days=20), by=by)
        variances.match_by_hand([row.id for row in free.payments[:2]], [row.id for row in free.settled[:1]], "same",
                                by=by)  # fmt: skip
    elif what == "run":
        reconcile_days(by=by)
    elif what == "off":
        if cases := stored(clinic, Variance):
            variances.write_off([cases[pick % len(cases)].id], "why", by=by)
    elif matches := stored(clinic, PaymentMatch):
        match = matches[pick % len(matches)].id
        {"reject": lambda: variances.reject([match], by=by), "accept": lambda: variances.accept([match], by=by),
         "undo": lambda: variances.undo(match, by=by)}[what]()  # fmt: skip


@pytest.mark.parametrize("often", [4, pytest.param(25, marks=pytest.mark.slow)])
def test_whatever_happens_the_difference_is_explained_to_the_cent(sqlite_clinic, often):
    given(steps)(settings(max_examples=often)(lambda todo: explains(sqlite_clinic, todo)))()


def explains(sqlite_clinic, todo):
    """So many things happen, and each of the sums still tells where the difference comes from."""
    rows, by, mark = Books(sqlite_clinic), sqlite_clinic.actor("mona"), uuid4().hex[:6]
    everything = (DAY - timedelta(days=20), DAY + timedelta(days=40))
    for number, (what, cents, pick) in enumerate(todo):
        with contextlib.suppress(Refusal):
            do(what, rows, cents, pick, f"{mark}{number}", by)
        for first, last in ((0, 20), (0, 4), (5, 9)):
            assert adds_up(books.statement(DAY + timedelta(days=first), DAY + timedelta(days=last), by=by))
    reconcile_days(by=by)
    assert not reconcile_days(by=by).changed
    waits = books.queues(*everything, by=by)
    assert sum(queue.cents for queue in waits) == books.statement(*everything, by=by).unexplained


def test_a_difference_stays_the_same_case_whatever_the_engine_calls_it(sqlite_clinic, monkeypatch):
    """Whether a difference is a tip or a slip of the finger is learnt from all of them, so more of them may turn it."""
    rows, by = Books(sqlite_clinic), sqlite_clinic.actor("mona")
    rows.month(40)
    rows.settle(rows.pay(10_000), cents=12_000)
    reconcile_days(by=by)

    def difference():
        (row,) = [row for row in stored(sqlite_clinic, Variance) if row.amount_cents == 2_000]
        return row

    case = difference()
    turned = {"amount_diff": "amount_typo", "amount_typo": "amount_diff"}[case.kind]
    monkeypatch.setattr(classify, "of_differences", lambda paid, *_: np.full(len(paid), turned, dtype=object))
    reconcile_days(by=by)
    assert not reconcile_days(by=by).changed
    assert (difference().id, difference().kind, difference().state) == (case.id, turned, "open")
    variances.write_off([case.id], "a tip", by=by)
    sure = outcome.Options
    monkeypatch.setattr(outcome, "Options", lambda forbidden: sure(forbidden=forbidden, auto_score=1e9))
    reconcile_days(by=by)
    one = books.statement(DAY, DAY + timedelta(days=20), by=by)
    assert adds_up(one) and (one.written_off, one.unexplained, difference().state) == (2_000, 0, "written_off")
    (match,) = [row for row in stored(sqlite_clinic, PaymentMatch) if row.difference_cents]
    assert match.state == "accepted", "whoever wrote off the difference has accepted the match"


def test_a_difference_is_written_off_for_its_own_rows_and_no_others(clinic):
    rows, by = Books(clinic), clinic.actor("mona")
    rows.month(40)
    paid = rows.pay(10_000)
    settled = rows.settle(paid, cents=12_000)
    other = rows.pay(1_500)
    reconcile_days(by=by)
    (case,) = [row for row in stored(clinic, Variance) if row.amount_cents == 2_000]
    variances.write_off([case.id], "a tip", by=by)
    (match,) = [row for row in stored(clinic, PaymentMatch) if row.difference_cents]
    variances.reject([match.id], by=by)
    variances.match_by_hand([paid, other], [settled], "two pets", by=by)
    (hand,) = [row for row in stored(clinic, Variance) if row.amount_cents == 500]
    with write(clinic.id) as session:  # the first one stays written off, as after a match that was let go
        session.get_one(Variance, (clinic.id, case.id)).state = "written_off"
        audit.append(session, by, "variance.written_off", "variance", case.id, {})
    variances.reopen_case(hand.id, by=by)
    one = books.statement(DAY, DAY + timedelta(days=20), by=by)
    assert adds_up(one) and (one.written_off, one.unexplained) == (0, 500)
    assert sum(queue.cents for queue in books.queues(DAY, DAY + timedelta(days=20), by=by)) == 500
