"""Settlements come in once: all or nothing, known again, replaced where they moved on, and taken back as a whole."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from billing.periods import PeriodClosed
from billing.processors.settings import PROCESSOR, Processor
from billing.settlement import land, overview, runs
from billing.settlement.files import import_bank, import_settlement
from billing.settlement.land import take_back_unfinished
from billing.settlement.terms import ProcessorUnclear
from data import definitions
from data.errors import NotFound, NotPermitted
from data.models import BankLine, BooksPeriod, ImportRun, Job, Location, SettledTransaction, SettlementBatch
from data.session import read, write
from data.types import clock, new_id
from records.imports import AlreadyUndone, ColumnMissing, ImportCollided, ImportRefused

HEAD = (
    "reference,batch,settled_on,processed_at,amount,currency,kind,status,last4,brand,authorization,invoice,location,fee"
)
SALE = "T1,B1,2026-03-03,2026-03-02T10:00:00-05:00,125.00,USD,sale,settled,4242,Visa,A1,17,Annex,3.65"
BACK = "T2,B1,2026-03-03,2026-03-02T11:00:00-05:00,25.00,USD,refund,settled,4242,Visa,A2,17,Annex,0"
OPEN = "T3,,,2026-03-03T11:00:00-05:00,40.00,USD,sale,authorized,0007,Mastercard,A3,18,,"


def plain(*rows, head=HEAD):
    return ("\n".join([head, *rows]) + "\n").encode()


def bring(clinic, *rows, head=HEAD, **more):
    return import_settlement(plain(*rows, head=head), by=clinic.operator, name="day.csv", **more)


def stored(clinic, model=SettledTransaction, order="reference"):
    with read(clinic.id) as session:
        return session.scalars(select(model).order_by(getattr(model, order))).all()


def test_a_plain_file_comes_in_with_batch_location_and_signs(clinic):
    done = bring(clinic, SALE, BACK, OPEN)
    assert (done.added, done.skipped, done.batches, done.target, done.source) == (3, 0, 1, "plain", "plain")
    sale, back, waiting = stored(clinic)
    assert (sale.amount_cents, back.amount_cents, sale.fee_cents, back.fee_cents, waiting.fee_cents) == (
        12_500, -2_500, 365, 0, None,
    )  # fmt: skip
    assert (sale.day, sale.settled_on, sale.counts_on) == (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 2))
    (batch,) = stored(clinic, SettlementBatch, "external_id")
    assert (batch.external_id, batch.settled_on, sale.batch_id, waiting.batch_id) == (
        "B1", date(2026, 3, 3), batch.id, None,
    )  # fmt: skip
    with read(clinic.id) as session:
        assert sale.location_id == session.scalars(select(Location.id).where(Location.name == "Annex")).one()


def test_what_came_in_is_matched_by_itself_within_a_minute_and_after_it_is_taken_back(clinic):
    done = bring(clinic, SALE)
    bring(clinic, SALE)
    runs.undo_landing(done.run_id, by=clinic.operator)
    waits = stored(clinic, Job, "due_at")
    assert [one.kind for one in waits] == ["reconcile", "reconcile"], "a file that brings nothing new asks for nothing"
    assert all(one.due_at <= clock.now() + timedelta(minutes=1) for one in waits)


def test_the_same_file_and_an_overlapping_one_change_nothing(clinic):
    bring(clinic, SALE, BACK)
    before = [(row.id, row.change) for row in stored(clinic)]
    assert (again := bring(clinic, SALE, BACK)).added == 0 and again.skipped == 2 and again.run_id is None
    assert again.sentence() == "day.csv: 0 of 2 transactions came in, 2 were already here"
    overlapping = bring(clinic, BACK, OPEN)
    assert (overlapping.added, overlapping.skipped) == (1, 1)
    assert [(row.id, row.change) for row in stored(clinic)][:2] == before
    assert len(stored(clinic, SettlementBatch, "external_id")) == 1
    assert len(runs.list_runs(by=clinic.operator)) == 2, "an import that brings nothing is none"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (SALE.replace("125.00", "125.01"), "amount"),
        (SALE.replace("sale", "chargeback"), "kind"),
        (SALE.replace(",settled,", ",voided,"), "status"),
        (SALE.replace("4242", "4243"), "last4"),
        (SALE.replace("10:00:00", "10:01:01"), "time"),
        (SALE.replace("3.65", "3.66"), "fee"),
    ],
)
def test_a_row_that_says_something_else_is_refused_with_row_and_column(sqlite_clinic, row, column):
    bring(sqlite_clinic, SALE)
    with pytest.raises(ImportRefused) as refused:
        bring(sqlite_clinic, BACK, row)
    assert refused.value.lines == [
        f"day.csv, row 3: {column}: 'T1' is here already with another {column}. Take the row out of the file, or take "
        "back the import that brought the other."
    ]
    assert len(stored(sqlite_clinic)) == 1


def test_a_status_that_moved_on_takes_the_place_of_the_earlier_one_and_undo_brings_that_back(clinic):
    bring(clinic, OPEN)
    moved = OPEN.replace("T3,,,", "T3,B2,2026-03-04,").replace("authorized", "settled").replace("40.00", "46.00")
    done = bring(clinic, moved)
    assert (done.added, done.replaced, done.skipped) == (0, 1, 0)
    (row,) = stored(clinic)
    assert (row.status, row.amount_cents, row.settled_on) == ("settled", 4_600, date(2026, 3, 4))
    assert bring(clinic, OPEN).skipped == 1, "an older file changes nothing"
    assert stored(clinic)[0].status == "settled"
    assert runs.undo_landing(done.run_id, by=clinic.operator) == 2
    assert [(row.status, row.amount_cents) for row in stored(clinic)] == [("authorized", 4_000)]
    assert not stored(clinic, SettlementBatch, "external_id")
    with pytest.raises(AlreadyUndone):
        runs.undo_landing(done.run_id, by=clinic.operator)
    assert bring(clinic, moved).replaced == 1


def test_a_row_that_says_more_completes_the_one_that_is_here(sqlite_clinic):
    bring(sqlite_clinic, "T1,2026-03-02,10.00,settled", head="reference,settled_on,amount,status")
    done = bring(
        sqlite_clinic, "T1,2026-03-02,10.00,settled,4242,.30", head="reference,settled_on,amount,status,last4,fee"
    )
    assert (done.replaced, done.added) == (1, 0)
    (row,) = stored(sqlite_clinic)
    assert (row.last4, row.fee_cents) == ("4242", 30)
    assert bring(sqlite_clinic, "T1,2026-03-02,10.00,settled", head="reference,settled_on,amount,status").skipped == 1


def test_nothing_comes_in_where_one_row_is_wrong(clinic):
    rows = [SALE, OPEN.replace("T3", "T4").replace("40.00", "4O.00"), "T5,,2026-13-45,,1.00,EUR,sale,odd,12345,,,,,"]
    with pytest.raises(ImportRefused) as refused:
        bring(clinic, *rows)
    said = "\n".join(refused.value.lines)
    assert "row 3: column amount: '4O.00' is not an amount of money" in said
    assert "row 4: column settled_on: '2026-13-45' is not a day of the calendar" in said
    with read(clinic.id, include_deleted=True) as session:
        assert not session.scalar(select(func.count()).select_from(SettledTransaction))
        assert not session.scalar(select(func.count()).select_from(ImportRun))


def test_a_foreign_currency_a_repeated_reference_and_the_future_are_refused(sqlite_clinic):
    rows = [
        SALE,
        SALE.replace("125.00", "12.00"),
        OPEN.replace("USD", "CAD"),
        BACK.replace("2026-03-02T", "2199-03-02T"),
    ]
    with pytest.raises(ImportRefused) as refused:
        bring(sqlite_clinic, *rows)
    assert [line.split(": ", 1)[1].split(":")[0] for line in refused.value.lines] == [
        "reference", "currency", "processed at",
    ]  # fmt: skip


def test_a_file_without_the_needed_columns_says_which(sqlite_clinic):
    with pytest.raises(ColumnMissing, match="Transaction id"):
        bring(sqlite_clinic, "1.00", head="amount", make="mapping:plain")


def test_a_dry_run_says_the_same_and_writes_nothing(sqlite_clinic):
    assert (told := bring(sqlite_clinic, SALE, BACK, dry_run=True)).added == 2 and told.run_id is None
    assert not stored(sqlite_clinic)


def test_the_same_form_sent_twice_imports_once(clinic):
    first = bring(clinic, SALE, key="k1")
    assert bring(clinic, SALE, key="k1").run_id == first.run_id
    line = import_bank(STATEMENT, by=clinic.operator, key="k2")
    assert import_bank(STATEMENT, by=clinic.operator, key="k2").run_id == line.run_id
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(ImportRun)) == 2


def test_what_lies_in_a_closed_period_counts_on_the_first_open_day_and_is_not_taken_back(clinic):
    with write(clinic.id) as session:
        session.add(
            BooksPeriod(first=date(2026, 3, 1), last=date(2026, 3, 31), closed_by_id=new_id(), closed_at=clock.now())
        )
    done = bring(clinic, SALE)
    assert done.remarks[-1] == "1 of them lie in a closed period and count on 2026-04-01"
    assert stored(clinic)[0].counts_on == date(2026, 4, 1)
    with write(clinic.id) as session:
        session.add(
            BooksPeriod(first=date(2026, 4, 1), last=date(2026, 4, 30), closed_by_id=new_id(), closed_at=clock.now())
        )
    with pytest.raises(PeriodClosed):
        runs.undo_landing(done.run_id, by=clinic.operator)


def test_only_who_reconciles_may_import_and_take_back(sqlite_clinic):
    done = bring(sqlite_clinic, SALE)
    sam = sqlite_clinic.actor("sam")
    for attack in (
        lambda: import_settlement(plain(BACK), by=sam), lambda: import_bank(b"Date,Amount\n2026-01-01,1\n", by=sam),
        lambda: runs.undo_landing(done.run_id, by=sam), lambda: runs.list_runs(by=sam),
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            attack()
    assert import_settlement(plain(BACK), by=sqlite_clinic.actor("mona")).added == 1


STATEMENT = (
    b"Date,Description,Amount\n2026-03-04,MTOT DEP 8076 260303,96.35\n2026-03-04,Rent,-900.00\n"
    b"2026-03-04,Rent,-900.00\n"
)


def test_equal_lines_of_a_statement_are_told_apart_and_known_again(clinic):
    first = import_bank(STATEMENT, by=clinic.operator, account="Operating")
    assert (first.added, first.target) == (3, "Operating")
    again = import_bank(STATEMENT + b"2026-03-05,Fee,-1.00\n", by=clinic.operator, account="Operating")
    assert (again.added, again.skipped) == (1, 3)
    assert sorted(line.amount_cents for line in stored(clinic, BankLine, "external_id")) == [
        -90_000, -90_000, -100, 9_635,
    ]  # fmt: skip
    assert runs.undo_landing(again.run_id, by=clinic.operator) == 1
    assert len(stored(clinic, BankLine, "external_id")) == 3
    assert [run.kind for run in runs.list_runs(by=clinic.operator)] == ["bank", "bank"]


def account(clinic, slug, **more):
    with write(clinic.id) as session:
        definitions.save(session, PROCESSOR, slug, Processor(label=slug.upper(), **more), by_user_id=None)


def test_a_processors_zone_and_cut_off_decide_the_business_day_and_two_of_a_kind_need_a_name(sqlite_clinic):
    account(sqlite_clinic, "front", type="terminal", zone="America/Denver", cut_off="20:00")
    late = "T1,2026-03-02 19:59,1.00,settled", "T2,2026-03-02 20:00,1.00,settled"
    done = bring(sqlite_clinic, *late, head="reference,processed_at,amount,status", processor="front")
    assert done.target == "front"
    rows = stored(sqlite_clinic)
    assert [(row.day, row.event_at.hour) for row in rows] == [(date(2026, 3, 2), 2), (date(2026, 3, 3), 3)]
    with pytest.raises(NotFound):
        bring(sqlite_clinic, SALE, processor="elsewhere")
    answer = (
        b'{"messages": {"resultCode": "Ok"}, "batchList": [{"batchId": "7", "settlementState": "settledSuccessfully", '
        b'"settlementTimeLocal": "2026-03-03T01:00:00", "statistics": [{"chargeAmount": 1.10, "refundAmount": 0.10}]}]}'
    )
    account(sqlite_clinic, "one", type="authorize_net")
    assert import_settlement(answer, by=sqlite_clinic.operator).target == "one"
    account(sqlite_clinic, "two", type="authorize_net")
    with pytest.raises(ProcessorUnclear, match="one, two"):
        import_settlement(answer, by=sqlite_clinic.operator)
    assert import_settlement(answer, by=sqlite_clinic.operator, processor="two").batches == 1
    assert [batch.gross_cents for batch in stored(sqlite_clinic, SettlementBatch, "processor")] == [100, 100]


def test_a_stated_batch_meets_the_one_its_rows_made_and_may_not_contradict(sqlite_clinic):
    account(sqlite_clinic, "stripe", type="stripe")
    rows = (
        "id,amount,available_on,created,currency,description,fee,net,source,status,type,payout_id\n"
        "txn_1,1000,2026-03-04 00:00:00,2026-03-02 10:00:00,usd,x,59,941,ch_1,available,charge,po_1\n"
    )
    payouts = "id,amount,arrival_date,automatic,currency,status\npo_1,941,2026-03-05 00:00:00,TRUE,usd,paid\n"
    by = sqlite_clinic.operator
    assert import_settlement(rows.encode(), by=by, name="rows.csv").added == 1
    import_settlement(payouts.encode(), by=by, name="payouts.csv")
    (batch,) = stored(sqlite_clinic, SettlementBatch, "external_id")
    assert (batch.net_cents, batch.settled_on) == (941, date(2026, 3, 5))
    with pytest.raises(ImportRefused) as refused:
        import_settlement(payouts.replace("941", "942").encode(), by=by, name="payouts.csv")
    assert refused.value.lines == ["payouts.csv, row 2: batch po_1 is here already with another net."]


def test_what_came_in_is_told_by_processor_and_day(clinic):
    bring(clinic, SALE, BACK, OPEN, "T9,,,2026-03-03T12:00:00-05:00,7.00,USD,sale,declined,0007,Visa,,,,")
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    later, earlier = overview.settled_days(first, last, by=clinic.operator)
    assert (earlier.day, earlier.count, earlier.charged, earlier.given_back, earlier.fees, earlier.left) == (
        date(2026, 3, 2), 2, 12_500, -2_500, 365, 9_635,
    )  # fmt: skip
    assert (later.day, later.count, later.charged, later.fees, later.waiting, later.failed) == (
        date(2026, 3, 3), 2, 0, None, 1, 1,
    )  # fmt: skip
    total = overview.together([later, earlier])
    assert (total.count, total.left, total.fees) == (4, 9_635, 365)
    import_bank(STATEMENT, by=clinic.operator, account="Operating")
    (account,) = overview.bank_accounts(first, last, by=clinic.operator)
    assert (account.name, account.lines, account.paid_in, account.paid_out) == ("Operating", 3, 9_635, -180_000)


def test_nothing_of_an_import_counts_before_all_of_it_is_here(clinic, monkeypatch):
    monkeypatch.setattr(land, "CHUNK", 2)
    bring(clinic, OPEN)
    seen = []

    def look(_share):
        seen.append((len(stored(clinic)), len(stored(clinic, SettlementBatch, "external_id")),
                     len(runs.list_runs(by=clinic.operator))))  # fmt: skip

    moved = "T3,B1,2026-03-04,2026-03-03T11:00:00-05:00,40.00,USD,sale,settled,0007,Mastercard,A3,18,,1.00"
    others = [SALE.replace("T1,", f"X{number},") for number in range(5)]
    done = bring(clinic, moved, *others, progress=look)
    assert len(seen) >= 4 and set(seen) == {(1, 0, 1)}
    assert (done.added, done.replaced) == (5, 1) and len(stored(clinic)) == 6
    assert stored(clinic)[0].status == "settled" and len(runs.list_runs(by=clinic.operator)) == 2
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).where(ImportRun.arriving_until.is_not(None))) == 0


def test_an_import_that_was_cut_off_is_taken_back_and_comes_in_again(clinic, monkeypatch):
    monkeypatch.setattr(land, "CHUNK", 2)
    rows = [SALE.replace("T1,", f"X{number},") for number in range(5)]

    class PowerFailed(BaseException):
        pass

    def fail(share):
        if share > 0.5:
            raise PowerFailed

    with monkeypatch.context() as cut:
        cut.setattr(land, "_take_back", lambda *_: None)
        with pytest.raises(PowerFailed):
            bring(clinic, *rows, progress=fail)
    assert stored(clinic) == [] and runs.list_runs(by=clinic.operator) == []
    with pytest.raises(ImportCollided):
        bring(clinic, *rows)
    assert take_back_unfinished(clinic.id) == 0, "it may still be at it"
    with write(clinic.id) as session:
        run = session.scalars(select(ImportRun).where(ImportRun.arriving_until.is_not(None))).one()
        run.arriving_until = clock.now() - timedelta(seconds=1)
        cut_off = run.id
    assert bring(clinic, *rows).added == 5 and len(stored(clinic)) == 5
    with pytest.raises(NotFound):
        runs.undo_landing(cut_off, by=clinic.operator)
    with pytest.raises(PowerFailed):
        bring(clinic, *(row.replace("X", "Y") for row in rows), progress=fail)
    assert len(stored(clinic)) == 5 and bring(clinic, *(row.replace("X", "Y") for row in rows)).added == 5
