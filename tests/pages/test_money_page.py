"""The owner's page of money: one screen, each day with a sign and a word, and the way to the day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from streamlit.testing.v1 import AppTest

from data.types import clock
from tests.reports.test_settlements import case
from tests.settlement.books import Books

NAVIGATION = Path(__file__).parents[2] / "pages" / "navigation.py"


def _opened(clinic, username):
    at = AppTest.from_file(str(NAVIGATION), default_timeout=30)
    at.user = {"session": clinic.token(username)}
    at.run()
    at.switch_page("money/overview.py").run()
    assert not at.exception
    return at


def _words(at):
    return " ".join(str(one.value) for one in (*at.info, *at.caption, *at.subheader, *at.markdown)).replace("\\", "")


def test_the_owner_sees_what_differs_and_chooses_the_time(sqlite_clinic):
    books, today = Books(sqlite_clinic), clock.today("America/New_York")
    books.batch(settled_on=today - timedelta(days=1), gross_cents=10_000, fee_cents=260)
    case(sqlite_clinic, "missing_in_ledger", 4_000, day=today)
    at = _opened(sqlite_clinic, "olive")
    assert "No card batches yet" not in _words(at) and "How far is each day?" in _words(at)
    assert "1 difference not explained yet, $40.00 in all" in _words(at)
    assert at.segmented_control(key="money_period").value == "month"
    for period in ("last-month", "week", "quarter"):
        at.segmented_control(key="money_period").set_value(period).run()
        assert not at.exception
    assert at.button(key="money_reconcile").label == "Reconcile"


def test_a_new_clinic_is_told_the_first_step(sqlite_clinic):
    words = _words(_opened(sqlite_clinic, "olive"))
    assert "No card batches yet" in words and "every difference is explained" in words
