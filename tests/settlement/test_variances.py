"""What people decide stays, can be taken back, and moves no money."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from billing import variances
from billing.matching import reconcile_days
from data.errors import NotPermitted
from data.models import Payment, PaymentMatch, PaymentMatchPart, Variance, VarianceComment
from data.session import read
from tests.settlement.books import Books
from tests.settlement.test_matching import change, stored


def standing(clinic, row) -> PaymentMatch | None:
    with read(clinic.id) as session:
        return session.scalars(
            select(PaymentMatch)
            .join(PaymentMatchPart, PaymentMatchPart.match_id == PaymentMatch.id)
            .where(PaymentMatchPart.stands, (PaymentMatchPart.payment_id == row) | (PaymentMatchPart.settled_id == row))
        ).one_or_none()


def open_cases(clinic) -> dict[str, int]:
    return {one.kind: one.amount_cents for one in stored(clinic, Variance, Variance.state == "open")}


def test_a_rejected_match_leaves_its_rows_missing_and_is_never_proposed_again(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    paid = books.pay(8_800)
    theirs = books.settle(paid)
    reconcile_days(by=by)
    match = standing(clinic, paid)
    assert match is not None and match.is_auto
    assert variances.reject([match.id], "another client", by=by, key="one") == 1
    assert variances.reject([match.id], "another client", by=by, key="one") == 1
    assert open_cases(clinic) == {"missing_in_settlement": -8_800, "missing_in_ledger": 8_800}
    assert not reconcile_days(by=by).made
    assert standing(clinic, paid) is None and standing(clinic, theirs) is None
    with pytest.raises(variances.DecidedAlready):
        variances.reject([match.id], by=by)
    variances.undo(match.id, by=by)
    assert reconcile_days(by=by).made == 1
    assert open_cases(clinic) == {}


def test_by_hand_one_to_many_and_back_and_the_engine_leaves_it_alone(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    first, second = books.pay(5_100), books.pay(3_300)
    theirs = books.settle(cents=9_000)
    reconcile_days(by=by)
    before = open_cases(clinic)
    with pytest.raises(variances.DiffersBy, match="differ by"):
        variances.match_by_hand([first, second], [theirs], by=by)
    made = variances.match_by_hand([first, second], [theirs], "tip of six", by=by, key="one")
    assert variances.match_by_hand([first, second], [theirs], "tip of six", by=by, key="one") == made
    assert open_cases(clinic) == {}
    assert not reconcile_days(by=by).changed
    (difference,) = stored(clinic, Variance, Variance.state == "written_off")
    assert (difference.amount_cents, difference.reason) == (600, "tip of six")
    with pytest.raises(variances.MatchedAlready):
        variances.match_by_hand([first], [theirs], "again", by=by)
    variances.undo(made, by=by)
    assert open_cases(clinic) == before
    assert not reconcile_days(by=by).changed
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 42


def test_cases_are_written_off_assigned_and_talked_about_and_nothing_is_posted(clinic):
    books, by = Books(clinic), clinic.actor("mona")
    books.month(40)
    books.pay(8_800)
    reconcile_days(by=by)
    (case,) = stored(clinic, Variance)
    with pytest.raises(variances.WhyMissing):
        variances.write_off([case.id], " ", by=by)
    variances.assign([case.id], clinic.users["sam"], by=by)
    variances.comment(case.id, "Asked the client", by=by)
    assert variances.write_off([case.id], "terminal was offline", by=by) == 1
    with pytest.raises(variances.SettledCase):
        variances.write_off([case.id], "again", by=by)
    (case,) = stored(clinic, Variance)
    assert (case.state, case.assigned_to_id) == ("written_off", clinic.users["sam"])
    before = change(clinic)
    assert not reconcile_days(by=by).changed and change(clinic) == before
    assert len(stored(clinic, Payment)) == 41 and len(stored(clinic, VarianceComment)) == 1
    variances.reopen_case(case.id, by=by)
    assert open_cases(clinic) == {"missing_in_settlement": -8_800}


@pytest.mark.parametrize("who", ["sam", "clara"])
def test_who_may_not_reconcile_decides_nothing(sqlite_clinic, who):
    by = sqlite_clinic.actor(who)
    for refused in (
        lambda: reconcile_days(by=by),
        lambda: variances.accept(["x"], by=by),
        lambda: variances.reject(["x"], by=by),
        lambda: variances.match_by_hand(["x"], ["y"], by=by),
        lambda: variances.undo("x", by=by),
        lambda: variances.write_off(["x"], "why", by=by),
        lambda: variances.reopen_case("x", by=by),
        lambda: variances.assign(["x"], None, by=by),
        lambda: variances.comment("x", "words", by=by),
    ):
        with pytest.raises(NotPermitted):
            refused()
