"""The page on which a manager reconciles: what it shows, and that its buttons do what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from billing import books, closing, deposits, variances
from billing.matching import reconcile_days
from data.models import Document, FormSheet, Payment, PaymentMatch, SettledTransaction, Variance, VarianceComment
from data.session import read, write
from outage.slips import NewSlip, key_slip
from pages.components import recon_period
from tests import screen
from tests.billing.visits import today
from tests.outage.paper_day import PaperDay
from tests.settlement import books as rows_of
from tests.settlement.books import Books
from tests.settlement.test_matching import stored


@pytest.fixture
def week(sqlite_clinic, monkeypatch):
    monkeypatch.setattr(rows_of, "DAY", today() - timedelta(days=9))
    rows, first = Books(sqlite_clinic), today() - timedelta(days=5)
    for place in range(30):
        paid = rows.pay(6_500 + 500 * (place * 7 % 29), day=first + timedelta(days=place % 4))
        rows.settle(paid)
    rows.pay(8_800, day=first)
    rows.settle(cents=4_300, day=first)
    tip = rows.pay(10_000, day=first)
    rows.settle(tip, cents=12_000)
    batch = rows.batch(first, gross_cents=20_000, fee_cents=500)
    rows.line(19_500, first + timedelta(days=2))
    reconcile_days(by=sqlite_clinic.operator)
    deposits.find_deposits(by=sqlite_clinic.operator)
    return sqlite_clinic, batch


def opened(clinic, who="mona") -> AppTest:
    return screen.opened(clinic, who, "money/reconciliation.py")


def said(at: AppTest) -> str:
    return " ".join(
        str(one.value) for kind in ("caption", "markdown", "success", "error", "info") for one in at.get(kind)
    )


def test_cases_are_decided_one_after_the_other(week):
    clinic, _ = week
    at = opened(clinic)
    assert "3 cases to decide" in said(at)
    at.session_state["recon_queue"] = "missing_there"
    at.run()
    assert not at.exception
    (reason,) = [one for one in at.text_input if one.label == "Reason"]
    at.button(key="recon_write_off").click().run()
    assert "Say why in a few words" in said(at)
    reason = next(one for one in at.text_input if one.label == "Reason")
    reason.set_value("The terminal was offline")
    at.button(key="recon_write_off").click().run()
    assert not at.exception and "Written off" in said(at)
    assert sum(one.state == "written_off" for one in stored(clinic, Variance)) == 1
    comment = next(one for one in at.text_input if one.label == "Comment")
    comment.set_value("Asked the processor")
    next(one for one in at.button if one.label == "Add the comment").click().run()
    assert not at.exception and len(stored(clinic, VarianceComment)) == 1


@pytest.mark.parametrize("view", ["hand", "deposits", "matched", "age"])
def test_every_view_draws(week, view):
    clinic, _ = week
    at = opened(clinic)
    at.session_state["recon_view"] = view
    at.run()
    assert not at.exception, at.exception


def test_a_proposed_match_shows_its_evidence_and_is_accepted_or_rejected(week):
    clinic, _ = week
    with write(clinic.id) as session:
        for row in session.scalars(select(PaymentMatch).order_by(PaymentMatch.id).limit(2)):
            row.state, row.is_auto, row.score, row.kind = "proposed", False, 3_000, "exact"
    at = opened(clinic)
    at.session_state["recon_queue"] = "unsure"
    at.run()
    tables = " ".join(str(one.value) for one in at.get("html"))
    assert not at.exception and "Last four digits" in tables and "Authorization" in tables
    at.button(key="recon_accept").click().run()
    assert "Accepted" in said(at)
    at.button(key="recon_reject").click().run()
    assert "not proposed again" in said(at) and not at.exception
    assert {one.state for one in stored(clinic, PaymentMatch, PaymentMatch.decided_at.is_not(None))} == {
        "accepted", "rejected",
    }  # fmt: skip


def test_a_closed_period_says_so_and_its_buttons_are_gone(week):
    clinic, _ = week
    by, first = clinic.actor("mona"), today() - timedelta(days=6)
    at = opened(clinic)
    at.button(key="recon_close").click().run()
    assert not at.exception and at.text_input(key="close_name").label == "Sign with your name"
    assert "is not over yet" in " ".join(one.value for one in at.warning) and at.button(key="close_save").disabled
    proposed = [one.id for one in stored(clinic, PaymentMatch, PaymentMatch.state == "proposed")]
    variances.accept(proposed, by=by)
    closing.close_period(first, today(), "Mona Marsh", "The processor looks into it", by=by)
    at = opened(clinic)
    assert "closed and locked, signed by Mona Marsh" in said(at)
    assert "carried on" in said(at) and "to decide" not in said(at)
    assert not [one for one in at.button if one.key in ("recon_run", "recon_close")]
    at.button(key="recon_check").click().run()
    assert not at.exception and "This report is as Mona Marsh signed it" in said(at)
    with write(clinic.id) as session:
        session.scalars(select(Document).where(Document.kind == closing.KIND)).one().blob = "gone"
    at.button(key="recon_check").click().run()
    assert "it is not as signed" in said(at) and "This report is as" not in said(at)


def test_what_was_just_closed_stays_on_screen_and_the_next_visit_begins_after_it(week):
    clinic, _ = week
    by, day = clinic.actor("mona"), today() - timedelta(days=1)
    variances.accept([one.id for one in stored(clinic, PaymentMatch, PaymentMatch.state == "proposed")], by=by)
    at = opened(clinic)
    assert at.selectbox(key="recon_period").value == "open" and "3 cases to decide" in said(at)
    closing.close_period(day - timedelta(days=7), day, "Mona Marsh", "The processor looks into it", by=by)
    at.session_state[recon_period.KEEP] = day - timedelta(days=7), day
    at.run()
    assert not at.exception and "closed and locked, signed by Mona Marsh" in said(at)
    assert books.not_closed(today(), by=by) == (today(), today())
    assert "closed and locked" not in said(opened(clinic))


def test_closing_says_whether_every_total_is_the_sum_of_its_rows(week):
    clinic, _ = week
    at = opened(clinic)
    at.button(key="recon_close").click().run()
    assert "every total is the sum of its rows" in said(at)
    with write(clinic.id) as session:
        sale = session.scalars(select(Payment)).first()
        session.add(Payment(
            reference="P-9", kind="refund", reverses_id=sale.id, amount_cents=-2 * sale.amount_cents, currency="USD",
            tender="card", channel="terminal", day=sale.day, event_at=sale.event_at,
        ))  # fmt: skip
    at = opened(clinic)
    at.button(key="recon_close").click().run()
    assert not at.exception and "one total is not the sum of its rows. Do not close yet" in said(at)


def test_slips_that_are_still_open_are_told_where_nothing_else_waits(sqlite_clinic):
    at = opened(sqlite_clinic)
    assert "nothing to decide" in said(at)
    day = PaperDay(sqlite_clinic)
    with read(sqlite_clinic.id) as session:
        serial = session.get_one(FormSheet, (sqlite_clinic.id, day.sheet("card-slip"))).serial
    new = NewSlip(serial, 1, 8_500, taken_at=day.began, last4="4242", brand="Visa", payer="A tall man")
    key_slip(new, by=sqlite_clinic.actor("sam"))
    at = opened(sqlite_clinic)
    assert "1 card slip open" in said(at) and "nothing to decide" not in said(at)
    assert "One card slip of these days is still open" in " ".join(one.value for one in at.warning)


def test_the_file_of_cases_is_offered_for_the_period_it_was_made_for(week):
    clinic, _ = week
    at = opened(clinic)
    at.button(key="recon_file").click().run()
    assert not at.exception and "recon_csv" in str(at.get("download_button"))
    at.selectbox(key="recon_period").set_value("last-month").run()
    assert not at.exception and not at.get("download_button"), "never under the name of other days"


def test_staff_do_not_see_it(week):
    clinic, _ = week
    at = opened(clinic, "sam")
    assert not [one for one in at.button if one.key == "recon_run"]


def test_a_period_without_cases_says_where_others_wait_and_shows_them(week):
    clinic, _ = week
    at = opened(clinic)
    day = (today() - timedelta(days=4)).isoformat()
    at.query_params["from"], at.query_params["to"] = day, day
    at.run()
    assert "Nothing waits for you in this period" in said(at) and "3 cases wait in other days" in said(at)
    at.button(key="recon_show_days").click().run()
    assert not at.exception and "3 cases to decide" in said(at)


def test_a_second_charge_shows_the_first_and_a_missing_deposit_the_line_that_is_nearly_its_sum(week):
    clinic, batch = week
    with write(clinic.id) as session:
        found = {one.kind: one for one in session.scalars(select(Variance))}
        first = session.scalars(select(SettledTransaction).order_by(SettledTransaction.id).limit(1)).one()
        found["missing_in_ledger"].kind, found["missing_in_ledger"].detail = "duplicate_charge", {"of": first.reference}
        for kind, cents, place in (("deposit_missing", -9_700, "b"), ("deposit_unknown", 9_200, "l")):
            session.add(
                Variance(kind=kind, signature=place, payment_ids=[], settled_ids=[], bank_line_ids=[],
                         batch_ids=[batch], amount_cents=cents, detail={}, day=first.counts_on)
            )  # fmt: skip
        reference = first.reference
    at = opened(clinic)
    at.session_state["recon_queue"] = "twice"
    at.run()
    assert not at.exception and "The first of the two" in said(at)
    assert sum(reference in str(one.value) for one in at.get("html")) == 1
    at.session_state["recon_queue"] = "deposit_missing"
    at.run()
    assert any("$92.00 · $5.00 apart" in one.value for one in at.text), [one.value for one in at.text]
    at.button(key="recon_to_deposits").click().run()
    assert not at.exception and at.session_state["recon_view"] == "deposits"
