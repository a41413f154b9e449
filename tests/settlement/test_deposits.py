"""Batches and the bank: just to the cent, or by a person with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.books import cases
from billing.deposits import ArrivedAlready, DoesNotAddUp, deposits, find_deposits, put_together, take_apart
from data.errors import NotPermitted
from data.models import DepositLink, Variance
from tests.settlement.books import DAY, Books
from tests.settlement.test_matching import change, stored

WEEK = (DAY - timedelta(days=7), DAY + timedelta(days=30))


def batch_of(books, *cents, day=DAY, fee=30):
    batch = books.batch(day)
    for one in cents:
        books.settle(cents=one, day=day, batch_id=batch, fee_cents=fee, settled_on=day + timedelta(days=1))
    return batch


def test_deposits_are_found_to_the_cent_once_and_late_ones_are_named(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    one = batch_of(books, 10_000, 2_500)
    fri, sat = batch_of(books, 4_000, day=DAY + timedelta(days=4)), batch_of(books, 6_100, day=DAY + timedelta(days=5))
    lost = batch_of(books, 7_777, day=DAY + timedelta(days=6))
    books.line(12_440, DAY + timedelta(days=3))
    books.line(10_040, DAY + timedelta(days=8))
    books.line(99, DAY + timedelta(days=20), "INTEREST")
    assert find_deposits(by=by) == 3
    found = deposits(*WEEK, by=by)
    assert [{batch.id for batch in row.batches} for row in found.arrived] == [{one}, {fri, sat}]
    assert [(row.gross, row.fees, row.net, row.difference) for row in found.arrived] == [
        (12_500, 60, 12_440, 0), (10_100, 60, 10_040, 0),
    ]  # fmt: skip
    assert [row.id for row in found.missing] == [lost]
    (variance,) = stored(clinic, Variance)
    assert (variance.kind, variance.amount_cents, variance.state) == ("deposit_missing", -7_747, "open")
    named = f"MX Merchant batch {found.missing[0].number}"
    assert [one.text for one in cases(*WEEK, "deposit_missing", by=by)] == [named], "no page says 'mx'"
    assert found.missing[0].name == named.replace("batch ", "")
    before = change(clinic)
    assert find_deposits(by=by) == 0 and change(clinic) == before


def test_by_hand_a_difference_needs_its_reason_and_what_was_taken_apart_stays_apart(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    lost = batch_of(books, 7_777)
    line = books.line(7_000, DAY + timedelta(days=20))
    find_deposits(by=by)
    with pytest.raises(DoesNotAddUp, match=r"come to \$77"):
        put_together(line, [lost], by=by)
    put_together(line, [lost], "the bank kept a fee", by=by, key="once")
    put_together(line, [lost], "the bank kept a fee", by=by, key="once")
    with pytest.raises(ArrivedAlready):
        put_together(line, [lost], "again", by=by)
    (row,) = deposits(*WEEK, by=by).arrived
    assert (row.difference, row.is_auto) == (-747, False)
    assert [one.state for one in stored(clinic, Variance)] == ["explained"]
    other = batch_of(books, 5_030)
    exact = books.line(5_000, DAY + timedelta(days=3))
    find_deposits(by=by)
    take_apart(exact, "of the other account", by=by)
    find_deposits(by=by)
    assert {one.batch_id for one in stored(clinic, DepositLink)} == {lost}
    assert {one.batch_ids[0]: one.state for one in stored(clinic, Variance)} == {lost: "explained", other: "open"}
    with pytest.raises(NotPermitted):
        put_together(exact, [other], by=clinic.actor("sam"))
