"""A pot holds what came in, less what visits use and promise; nothing about it is ever erased."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from appointments.funding import fund_balance
from billing import checkout, pots
from data.errors import NotFound, NotPermitted
from data.models import AuditLog
from data.session import read
from tests.billing.visits import pot, today, visit
from tests.screen import opened


def only(clinic):
    (found,) = pots.pots(by=clinic.actor("mona"))
    return found


def test_money_received_is_there_for_the_next_visit(clinic):
    fund = pot(clinic, filled=0)
    pots.receive(fund, 50_000, today() - timedelta(days=3), "County letter 7", by=clinic.actor("mona"))
    with read(clinic.id) as session:
        assert fund_balance(session, fund) == (50_000, True)
        last = session.scalars(select(AuditLog).order_by(AuditLog.seq.desc())).first()
        assert (last.action, last.entity_id) == ("fund.received", "grant")
    assert (only(clinic).received, only(clinic).left) == (50_000, 50_000)
    (line,) = pots.entries(by=clinic.actor("mona"))
    assert (line.day, line.cents, line.reason, line.person) == (
        today() - timedelta(days=3), 50_000, "County letter 7", "Mona Marsh",
    )  # fmt: skip


def test_a_pot_is_put_right_in_both_directions_with_a_reason(clinic):
    fund, mona = pot(clinic, filled=10_000), clinic.actor("mona")
    pots.put_right(fund, -2_500, "Bank fee", by=mona)
    pots.put_right(fund, 500, "Counted twice", by=mona)
    assert only(clinic).left == 8_000
    assert [line.cents for line in pots.entries(by=mona)][:2] == [500, -2_500]


def test_what_a_visit_uses_leaves_the_pot(clinic):
    pot(clinic, filled=10_000, discount=5_000, deduction=6_500)
    ticket = checkout.open_ticket(visit(clinic, funding="grant")[0], by=clinic.operator)
    assert (only(clinic).promised, only(clinic).left) == (6_500, 3_500)
    checkout.complete_checkout([ticket], open_because="later", by=clinic.operator)
    assert (only(clinic).promised, only(clinic).used, only(clinic).left) == (0, 6_500, 3_500)


def test_nothing_is_written_for_a_bad_amount_day_reason_or_pot(clinic):
    fund, mona = pot(clinic, filled=0), clinic.actor("mona")
    for cents in (0, -1, 10**13):
        with pytest.raises(pots.PotAmount):
            pots.receive(fund, cents, today(), by=mona)
    with pytest.raises(pots.ReceivedLater):
        pots.receive(fund, 100, today() + timedelta(days=1), by=mona)
    with pytest.raises(pots.PotReason):
        pots.put_right(fund, 100, "  ", by=mona)
    with pytest.raises(pots.PotAmount):
        pots.put_right(fund, 0, "Because", by=mona)
    with pytest.raises(NotFound):
        pots.receive(clinic.id, 100, today(), by=mona)
    assert pots.entries(by=mona) == []


def test_a_double_click_pays_in_once(clinic):
    fund, mona = pot(clinic, filled=0), clinic.actor("mona")
    for _ in range(2):
        pots.receive(fund, 700, today(), by=mona, key="once")
    assert only(clinic).left == 700


def test_staff_neither_see_nor_fill_the_pots(clinic):
    fund, sam = pot(clinic), clinic.actor("sam")
    with pytest.raises(NotPermitted):
        pots.pots(by=sam)
    with pytest.raises(NotPermitted):
        pots.receive(fund, 100, today(), by=sam)


def test_the_page_shows_the_pots_and_teaches_the_first_step(sqlite_clinic):
    page = opened(sqlite_clinic, "mona", "money/funds.py")
    assert "no grants or vouchers yet" in page.info[0].value
    pot(sqlite_clinic, filled=12_300)
    page = opened(sqlite_clinic, "mona", "money/funds.py")
    assert 'data-head="Left">$123.00<' in page.get("html")[0].proto.body
    page.button("pot_open").click().run()
    assert not page.exception and not page.error and page.text_input
