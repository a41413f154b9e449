"""A closed period is locked, its report signed, and what comes later counts afterwards."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from billing import closing, deposits, exceptions_file, variances
from billing.books import MOST, statement
from billing.matching import reconcile_days
from billing.period_report import NoPeriodReport, verify_period
from billing.periods import PeriodClosed
from data.blobs import BlobStore
from data.engine import database
from data.errors import NotPermitted
from data.models import AuditLog, BooksPeriod, Document, PaymentMatch, SettledTransaction, Variance
from data.session import write
from records.documents import open_document
from tests.conftest import ROOT
from tests.settlement.books import DAY, Books
from tests.settlement.test_matching import change, stored

LAST = DAY + timedelta(days=9)


@pytest.fixture
def month(clinic):
    rows = Books(clinic)
    rows.month(40)
    rows.pay(8_800, day=DAY + timedelta(days=1))
    reconcile_days(by=clinic.actor("mona"))
    return rows


def test_the_report_says_what_was_written_off_by_whom_and_why_and_every_other_case_is_carried(sqlite_clinic):
    rows, by = Books(sqlite_clinic), sqlite_clinic.actor("mona")
    rows.month(40)
    lost = rows.pay(8_800, day=DAY + timedelta(days=1))
    reconcile_days(by=by)
    (case,) = [one.id for one in stored(sqlite_clinic, Variance) if one.payment_ids == [lost]]
    variances.write_off([case], "The card was never charged", by=by)
    many = MOST + 1  # more than a page lists
    made = [dict(kind="missing_in_settlement", signature=f"s{place}", payment_ids=[], settled_ids=[], bank_line_ids=[],
                 batch_ids=[], amount_cents=-100, detail={}, day=DAY) for place in range(many)]  # fmt: skip
    with write(sqlite_clinic.id) as session:
        session.add_all(Variance(**one) for one in made)
    document = closing.close_period(DAY, LAST, "Mona Marsh", "The processor looks into them", by=by)
    states = [one.state for one in stored(sqlite_clinic, Variance)]
    assert (states.count("carried"), states.count("open")) == (many, 0)
    pdf = open_document(document, by=by).content
    words = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "Written off" in words and "The card was never charged" in words and "-$88.00" in words
    assert verify_period(pdf, by=by).is_genuine


def test_closing_signs_carries_and_locks_and_late_rows_count_afterwards(clinic, month):
    by = clinic.actor("mona")
    before = statement(DAY, LAST, by=by)
    with pytest.raises(closing.NotSigned):
        closing.close_period(DAY, LAST, "Somebody", "the processor looks into it", by=by)
    with pytest.raises(closing.WhyCarried, match=r"still open: 1, -\$88"):
        closing.close_period(DAY, LAST, "Mona Marsh", by=by)
    with pytest.raises(NotPermitted):
        closing.close_period(DAY, LAST, "Sam Stone", by=clinic.actor("sam"))
    document = closing.close_period(DAY, LAST, "mona  marsh", "the processor looks into it", by=by, key="one")
    assert closing.close_period(DAY, LAST, "mona  marsh", "the processor looks into it", by=by, key="one") == document
    with pytest.raises(closing.Overlaps):
        closing.close_period(LAST, LAST, "Mona Marsh", by=by)
    (period,) = stored(clinic, BooksPeriod)
    assert period.totals["unexplained"] == before.unexplained == -8_800
    assert statement(DAY, LAST, by=by).closed.id == period.id
    pdf = open_document(document, by=by).content
    assert pdf.startswith(b"%PDF") and verify_period(pdf, by=by).is_genuine
    assert not verify_period(pdf + b"\n% later", by=by).is_genuine
    with pytest.raises(NoPeriodReport):
        verify_period(b"%PDF-1.4 none", by=by)
    (case,) = stored(clinic, Variance)
    assert (case.state, case.reason) == ("carried", "the processor looks into it")
    match = stored(clinic, PaymentMatch)[0]
    with pytest.raises(PeriodClosed):
        variances.reject([match.id], by=by)
    now = change(clinic)
    assert not reconcile_days(by=by).changed and change(clinic) == now
    lost = case.payment_ids[0]
    month.settle(lost, day=LAST + timedelta(days=1))
    assert reconcile_days(by=by).made == 1
    (case,) = stored(clinic, Variance)
    assert case.state == "explained"
    assert max(one.day for one in stored(clinic, PaymentMatch)) == LAST + timedelta(days=1)
    after = statement(DAY, LAST, by=by)
    assert after.difference == after.timing + after.waiting + after.written_off + after.unexplained


def test_what_is_decided_of_carried_cases_counts_afterwards_and_leaves_the_signed_figures(clinic, month):
    by, after = clinic.actor("mona"), LAST + timedelta(days=1)
    lost = month.pay(4_400, day=DAY + timedelta(days=2))
    reconcile_days(by=by)
    closing.close_period(DAY, LAST, "Mona Marsh", "the processor looks into it", by=by)

    def shown():
        return {name: value for name, value in vars(statement(DAY, LAST, by=by)).items() if name != "closed"}

    signed = shown()
    assert signed["unexplained"] == -13_200
    one, other = sorted(stored(clinic, Variance), key=lambda row: row.amount_cents)
    assert (one.state, other.payment_ids) == ("carried", [lost])
    variances.write_off([one.id], "Never arrives", by=by)
    variances.match_by_hand([lost], [month.settle(cents=4_400, day=after)], by=by)
    assert shown() == signed, "what stands on screen is what was signed"
    assert closing.told_again(by=by).faults == ()
    rows = {row.id: row for row in stored(clinic, Variance)}
    assert (rows[one.id].state, rows[one.id].day) == ("written_off", after)
    assert [row.day for row in stored(clinic, PaymentMatch) if row.kind == variances.BY_HAND] == [after]
    variances.reopen_case(one.id, by=by)
    assert shown() == signed
    variances.write_off([one.id], "Never arrives", by=by)
    (period,) = stored(clinic, BooksPeriod)
    closing.reopen_period(period.id, "A refund was overlooked", by=by)
    again = statement(DAY, LAST, by=by)
    assert again.closed is None and (again.written_off, again.unexplained) == (-8_800, 0)
    assert again.difference == again.timing + again.waiting + again.written_off + again.unexplained


def test_the_report_kept_with_a_period_says_whether_it_is_the_one_that_was_signed(clinic, month):
    by = clinic.actor("mona")
    closing.close_period(DAY, LAST - timedelta(days=1), "Mona Marsh", "later", by=by)
    closing.close_period(LAST, LAST, "Mona Marsh", "later", by=by)
    last, first = closing.periods(by=by)
    found = closing.check_report(first.id, by=by)
    assert found.is_genuine and found.words == "This report is as Mona Marsh signed it."
    with write(clinic.id) as session:
        rows = {row.id: row for row in session.scalars(select(Document).where(Document.kind == closing.KIND))}
        one, other = rows[first.document_id], rows[last.document_id]
        one.blob, other.blob = other.blob, BlobStore(database().home).put(b"%PDF-1.4 something else")
    swapped, replaced = (closing.check_report(row.id, by=by) for row in (first, last))
    assert not swapped.is_genuine and "another period" in swapped.words
    assert not replaced.is_genuine and "missing or damaged" in replaced.words
    BlobStore(database().home).path(rows[last.document_id].blob).unlink()
    assert not closing.check_report(last.id, by=by).is_genuine
    with pytest.raises(NotPermitted):
        closing.check_report(last.id, by=clinic.actor("sam"))


def test_sums_of_a_closed_period_that_moved_are_a_fault_of_the_books(clinic, month):
    by = clinic.actor("mona")
    closing.close_period(DAY, LAST, "Mona Marsh", "later", by=by)
    assert closing.told_again(by=by).faults == ()
    with write(clinic.id) as session:
        row = session.scalars(select(BooksPeriod)).one()
        row.totals = row.totals | {"settled": row.totals["settled"] + 5}
    (fault,) = closing.told_again(by=by).faults
    assert fault.what == "a closed period is not what was signed" and fault.detail.startswith("settled")
    with pytest.raises(NotPermitted):
        closing.told_again(by=clinic.actor("sam"))


def test_opening_again_takes_the_right_and_a_reason(clinic, month):
    by = clinic.actor("mona")
    closing.close_period(DAY, LAST, "Mona Marsh", "later", by=by)
    (row,) = closing.periods(by=by)
    with pytest.raises(closing.WhyReopened):
        closing.reopen_period(row.id, " ", by=by)
    with pytest.raises(NotPermitted):
        closing.reopen_period(row.id, "a mistake", by=clinic.actor("clara"))
    closing.reopen_period(row.id, "a mistake", by=by)
    assert [one.state for one in stored(clinic, Variance)] == ["open"]
    with pytest.raises(closing.NotClosed):
        closing.reopen_period(row.id, "again", by=by)
    closing.close_period(DAY, LAST, "Mona Marsh", "later", by=by)
    assert [one.state for one in closing.periods(by=by)].count("closed") == 1


def test_a_late_chargeback_counts_in_the_open_period(clinic, month):
    by = clinic.actor("mona")
    closing.close_period(DAY, LAST, "Mona Marsh", "later", by=by)
    sale = stored(clinic, SettledTransaction)[0]
    month.settle(cents=-sale.amount_cents, kind="chargeback", day=DAY + timedelta(days=2),
                 counts_on=LAST + timedelta(days=1), related_reference=sale.reference)  # fmt: skip
    reconcile_days(by=by)
    (case,) = [one for one in stored(clinic, Variance) if one.kind == "chargeback"]
    assert (case.day, case.amount_cents) == (LAST + timedelta(days=1), -sale.amount_cents)


def test_the_file_of_cases_holds_no_formula(clinic, month):
    by = clinic.actor("mona")
    month.line(1_234, DAY, "=HYPERLINK(1)")
    deposits.find_deposits(by=by)
    made = exceptions_file.exceptions(DAY, LAST, by=by)
    rows = list(csv.reader(io.StringIO(made.csv.decode("utf-8-sig"))))
    assert len(rows) == 2 and rows[1][0] == "Missing at the processor" and rows[1][8] == "-88.00"
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert made.xlsx[:2] == b"PK"
    with pytest.raises(NotPermitted):
        exceptions_file.exceptions(DAY, LAST, by=clinic.actor("sam"))


KILLED = """
import os, signal, sys
from datetime import date
from data.engine import Database, use
from data.home import Home
from security.actor import Actor
from billing import closing
from data.session import ClinicSession
use(Database(Home.locate()))
step, clinic, user, first, last = sys.argv[1:]
def die(*_args, **_more):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "blob":
    put = closing.BlobStore.put
    closing.BlobStore.put = lambda self, content: (put(self, content), die())
elif step == "carried":
    closing._carry = die
elif step == "commit":
    ClinicSession.keep_head = die
closing.close_period(date.fromisoformat(first), date.fromisoformat(last), "Mona Marsh", "later",
                     by=Actor.job_of(clinic, user), key="killed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["blob", "carried", "commit"])
def test_killed_while_closing_nothing_is_closed_and_closing_again_works(sqlite_clinic, step):
    clinic = sqlite_clinic
    rows = Books(clinic)
    rows.month(12)
    rows.pay(8_800, day=DAY + timedelta(days=1))
    reconcile_days(by=clinic.operator)
    user = clinic.users["mona"]
    call = [sys.executable, "-c", KILLED, step, clinic.id, user, DAY.isoformat(), LAST.isoformat()]
    done = subprocess.run(call, cwd=ROOT, env=os.environ | {"BALLAST_HOME": str(clinic.home.path)}, timeout=120,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-800:]
    assert not stored(clinic, BooksPeriod) and not stored(clinic, Document)
    before = {one.state for one in stored(clinic, Variance)}
    assert before <= {"open"}
    closing.close_period(DAY, LAST, "Mona Marsh", "later", by=clinic.actor("mona"), key="killed")
    assert len(stored(clinic, BooksPeriod)) == 1
    assert len(stored(clinic, AuditLog, AuditLog.action == "period.closed")) == 1
