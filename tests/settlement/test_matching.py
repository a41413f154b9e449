"""What a run of the engine leaves in the books: once, and nothing a person decided is touched."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import event, func, select

from billing.matching import reconcile_days
from data.models import AuditLog, ChainHead, Payment, PaymentMatch, PaymentMatchPart, SettledTransaction, Variance
from data.session import read, write
from data.types import clock, new_id
from tests.settlement.books import DAY, Books


def stored(clinic, model, *which):
    with read(clinic.id) as session:
        return session.scalars(select(model).where(*which)).all()


def change(clinic) -> int:
    with read(clinic.id) as session:
        return session.scalars(select(ChainHead.change).where(ChainHead.clinic_id == clinic.id)).one()


def test_a_run_matches_what_agrees_names_what_does_not_and_a_second_one_writes_nothing(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    pairs = books.month(60)
    lost, unknown = books.pay(8_800), books.settle(cents=4_300)
    typo = books.pay(10_900)
    books.settle(typo, cents=19_000)
    ran = reconcile_days(by=by)
    assert ran.made == 61 and ran.opened == 3 and ran.changed
    matches = stored(clinic, PaymentMatch)
    assert {one.state for one in matches} <= {"accepted", "proposed"} and len(matches) == 61
    parts = stored(clinic, PaymentMatchPart)
    by_match = {}
    for part in parts:
        by_match.setdefault(part.match_id, set()).add(part.payment_id or part.settled_id)
    assert {frozenset(pair) for pair in pairs} <= {frozenset(one) for one in by_match.values()}
    variances = {one.kind: one for one in stored(clinic, Variance)}
    assert variances["missing_in_settlement"].payment_ids == [lost]
    assert variances["missing_in_settlement"].amount_cents == -8_800
    assert variances["missing_in_ledger"].settled_ids == [unknown]
    assert variances["missing_in_ledger"].amount_cents == 4_300
    (other,) = set(variances) - {"missing_in_settlement", "missing_in_ledger"}
    assert (other, variances[other].amount_cents) == ("amount_diff", 8_100) or other == "amount_typo"
    before = change(clinic)
    again = reconcile_days(by=by)
    assert not again.changed and change(clinic) == before
    assert again.summary == ran.summary
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).where(AuditLog.action.like("reconciliation.%"))) == 2


def test_what_comes_later_explains_what_was_missing(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    lost = books.pay(8_800)
    reconcile_days(by=by)
    (variance,) = stored(clinic, Variance)
    books.settle(lost)
    ran = reconcile_days(DAY, DAY + timedelta(days=20), by=by)
    assert (ran.made, ran.explained) == (1, 1)
    assert stored(clinic, Variance)[0].state == "explained"
    with write(clinic.id) as session:  # the settlement is taken back
        row = session.scalars(select(SettledTransaction).where(SettledTransaction.amount_cents == 8_800)).one()
        row.deleted_at = clock.now()
    ran = reconcile_days(by=by)
    assert ran.gone == 1
    (again,) = stored(clinic, Variance)
    assert (again.id, again.state) == (variance.id, "open")


def test_payments_whose_settlement_is_still_to_come_are_no_trouble(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    books.pay(8_800, day=DAY + timedelta(days=12))
    books.pay(7_700, day=DAY - timedelta(days=30))
    ran = reconcile_days(by=by)
    assert len(ran.waiting) == 2 and not stored(clinic, Variance)


def test_a_file_of_one_processor_says_nothing_of_what_another_settles(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    for day in (2, 5):
        asked = books.pay(6_600, day=DAY + timedelta(days=day), channel="payment_request", processor="stripe")
        books.settle(asked, processor="stripe")
    today = DAY + timedelta(days=12)
    desk, online = (
        books.pay(8_800, day=today),
        books.pay(7_700, day=today, channel="payment_request", processor="stripe"),
    )
    fetched = books.pay(5_500, day=today, channel="payment_request", processor="stripe")
    books.settle(fetched, processor="stripe")
    ran = reconcile_days(by=by)
    assert ran.waiting == [one.reference for one in stored(clinic, Payment, Payment.id == desk)]
    (lost,) = stored(clinic, Variance)
    assert (lost.kind, lost.payment_ids) == ("missing_in_settlement", [online])
    assert not reconcile_days(by=by).changed
    books.settle(cents=9_100, day=today)
    reconcile_days(by=by)
    kinds = {(one.kind, *one.payment_ids) for one in stored(clinic, Variance)}
    assert ("missing_in_settlement", desk) in kinds, "now that the desk's own file reaches that day"


def test_which_rows_are_matched_is_read_by_its_index(sqlite_clinic):
    for column in (PaymentMatchPart.payment_id, PaymentMatchPart.settled_id):
        asked = select(column).where(PaymentMatchPart.stands, column.in_([new_id()]))
        with read(sqlite_clinic.id) as session:
            told = []
            keep = lambda _c, _cursor, sql, values, _x, _m, told=told: told.append((sql, values))  # noqa: E731
            event.listen(session.connection().engine, "before_cursor_execute", keep, once=True)
            session.scalars(asked).all()
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {told[0][0]}", told[0][1]).all()
        assert f"ix_payment_match_part_{column.key.removesuffix('_id')}" in plan[0][3], plan
