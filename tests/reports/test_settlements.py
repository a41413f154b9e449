"""Batches, deposits, differences and matches in reports, added up by hand on both databases."""

from datetime import date, timedelta

import pytest

from billing.processors.settings import PROCESSOR, Processor
from data import definitions
from data.models import BooksPeriod, DepositLink, PaymentMatch, PaymentMatchPart, Variance
from data.session import write
from data.types import clock
from data.wording import Wording
from reports.run import run, run_spec
from reports.spec import ReportSpec
from reports.values import words
from tests.settlement.books import DAY, Books

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def books(clinic):
    made = Books(clinic)
    with write(clinic.id) as session:
        mx = Processor(label="MX at the desk", type="mx", rate_millionths=26_000, per_item_cents=10)
        definitions.save(session, PROCESSOR, "mx", mx, by_user_id=None)
        term = Processor(label="Old terminal", type="terminal", fees="monthly")
        definitions.save(session, PROCESSOR, "term", term, by_user_id=None)
    return made


def add(clinic, model, **values):
    with write(clinic.id) as session:
        row = model(**values)
        session.add(row)
        session.flush()
        return row.id


def match(clinic, payment, settled, state="accepted", cents=0):
    match_id = add(
        clinic, PaymentMatch, kind="exact", state=state, is_auto=state == "accepted", score=9_000, day=DAY, evidence=[],
        difference_cents=cents,
    )  # fmt: skip
    add(clinic, PaymentMatchPart, match_id=match_id, payment_id=payment)
    add(clinic, PaymentMatchPart, match_id=match_id, settled_id=settled)


def link(clinic, line, batch, cents, fees=0):
    add(
        clinic, DepositLink, bank_line_id=line, batch_id=batch, amount_cents=cents, fee_cents=fees, event_at=clock.now()
    )


def case(clinic, kind, cents, day=DAY, state="open", **rows):
    rows = {name: rows.get(name, []) for name in ("payment_ids", "settled_ids", "bank_line_ids", "batch_ids")}
    add(clinic, Variance, kind=kind, signature=f"{kind}{cents}", amount_cents=cents, day=day, state=state, **rows)


def told(result, *names):
    return [tuple(row[result.index(name)] for name in names) for row in result.rows]


def total(result, *names):
    return tuple(result.total[result.index(name)] for name in names)


def ask(clinic, name, **params):
    return run(name, params, by=clinic.operator, form="command")


@pytest.fixture
def week(clinic, books):
    """Three batches: one in the bank, one with a difference, one that deposits whole and has not arrived."""
    first = books.batch(settled_on=DAY, number="101", gross_cents=15_000, fee_cents=380, net_cents=14_620)
    second = books.batch(settled_on=NEXT, number="102")
    whole = books.batch(settled_on=NEXT, processor="term", number="7")
    sale, small = books.pay(12_500), books.pay(5_000)
    match(clinic, sale, books.settle(sale, batch_id=first))  # 325 + 10 agreed
    match(clinic, small, books.settle(small, batch_id=first), state="proposed")  # 130 + 10
    books.settle(cents=-2_500, kind="refund", batch_id=first)
    books.settle(cents=9_900, status="declined", batch_id=first)
    typo = books.pay(10_900, day=NEXT)
    bad = books.settle(typo, cents=19_000, batch_id=second, fee_cents=504)  # 494 + 10
    match(clinic, typo, bad, cents=8_100)
    case(clinic, "amount_typo", 8_100, day=NEXT, settled_ids=[bad])
    books.settle(cents=-100, kind="fee", batch_id=second)
    books.settle(cents=4_000, day=NEXT, batch_id=whole, processor="term", fee_cents=90)
    link(clinic, books.line(14_620, NEXT), first, 14_620, 380)
    line = books.line(18_300, DAY + timedelta(days=4))  # 96 less than the batch comes to
    link(clinic, line, second, 18_396, 604)
    books.line(50_000, NEXT, "CASH PAID IN")
    return first, second, whole


def test_batch_reconciliation_follows_each_batch_from_the_terminal_to_the_bank(clinic, week):
    found = ask(clinic, "batch-reconciliation")
    names = (
        "day",
        "processor",
        "batch",
        "state",
        "sales",
        "refunds",
        "other",
        "fees",
        "net",
        "deposited",
        "difference",
    )
    assert told(found, *names) == [
        (NEXT, "MX at the desk", "102", "differs", 19_000, 0, 0, 604, 18_396, 18_300, -96),
        (NEXT, "Old terminal", "7", "waits", 4_000, 0, 0, 90, 4_000, 0, 0),
        (DAY, "MX at the desk", "101", "waits", 17_500, 2_500, 0, 380, 14_620, 14_620, 0),
    ]
    assert told(found, "matched_share", "cases") == [(1.0, 1), (0.0, 0), (1 / 3, 0)]
    assert total(found, "sales", "fees", "net", "deposited", "difference") == (40_500, 1_074, 37_016, 32_920, -96)
    assert total(found, "matched_share", "cases") == (2 / 5, 1)
    day = ask(clinic, "batch-reconciliation", by="day", **{"from": NEXT.isoformat(), "to": NEXT.isoformat()})
    assert told(day, "day", "sales", "net") == [(NEXT, 23_000, 22_396)]
    add(clinic, BooksPeriod, first=DAY, last=NEXT, closed_by_id=clinic.actor("mona").user_id, closed_at=clock.now())
    assert told(ask(clinic, "batch-reconciliation"), "state") == [("differs",), ("closed",), ("closed",)]


def test_fees_stand_beside_what_the_contract_says(clinic, week):
    found = ask(clinic, "processor-fees")
    names = ("processor", "batches", "transactions", "sales", "fees", "agreed", "off_agreed")
    assert told(found, *names) == [
        ("MX at the desk", 2, 4, 36_500, 984, 335 + 140 + 504, 5),
        ("Old terminal", 1, 1, 4_000, 90, 90, 0),
    ]
    assert told(found, "effective_rate") == [(984 / 36_500,), (90 / 4_000,)]


def test_the_fee_of_a_chargeback_is_no_fee_off_the_contract(clinic, week, books):
    books.settle(cents=-12_500, kind="chargeback", day=NEXT, batch_id=week[1], fee_cents=1_500)
    found = ask(clinic, "processor-fees")
    names = ("processor", "fees", "chargeback_fees", "agreed", "off_agreed")
    assert told(found, *names) == [
        ("MX at the desk", 984 + 1_500, 1_500, 335 + 140 + 504, 5), ("Old terminal", 90, 0, 90, 0),
    ]  # fmt: skip


def test_a_fee_that_is_billed_monthly_stands_beside_the_months_sales(clinic, week, books):
    with write(clinic.id) as session:
        document = Processor(label="Old terminal", type="terminal", fees="monthly", rate_millionths=20_000)
        definitions.save(session, PROCESSOR, "term", document, by_user_id=None)
    names = ("processor", "fees", "agreed", "off_agreed")
    assert told(ask(clinic, "processor-fees"), *names)[1] == ("Old terminal", 90, 80, 10)
    books.settle(cents=-25, kind="fee", processor="term", day=NEXT + timedelta(days=31), batch_id=None,
                 settled_on=NEXT.replace(day=1) + timedelta(days=35))  # fmt: skip
    assert told(ask(clinic, "processor-fees"), *names)[1] == ("Old terminal", 115, 80, 35)
    line = books.line(-95, NEXT + timedelta(days=32), "FEES")
    case(clinic, "monthly_fees", 0, state="explained", bank_line_ids=[line], batch_ids=[week[2]])
    assert told(ask(clinic, "processor-fees"), *names)[1] == ("Old terminal", 95 + 25, 80, 40), "for the row's 90"


def test_lines_of_the_bank_that_are_no_batches_stand_apart(clinic, week):
    found = ask(clinic, "bank-deposits")
    days = found.columns[found.index("days_to_deposit")]
    assert words(days, 10 / 7, Wording("en_US", "USD", "UTC")) == "1.4", "an average of days"
    names = ("processor", "deposits", "deposited", "fees", "difference", "days_to_deposit", "other")
    assert told(found, *names) == [
        ("MX at the desk", 2, 32_920, 984, -96, 2.0, 0),
        ("No card processor", 0, 0, 0, 0, None, 50_000),
    ]


def test_open_differences_are_as_old_as_today_says_and_explained_ones_are_left_out(clinic, books):
    today = clock.today("America/New_York")
    case(clinic, "missing_in_ledger", 4_000, day=today - timedelta(days=7))
    case(clinic, "missing_in_ledger", -1_000, day=today - timedelta(days=8), state="carried")
    case(clinic, "missing_in_ledger", 900, day=today, state="written_off")
    case(clinic, "deposit_missing", -700, day=today - timedelta(days=61), batch_ids=[books.batch()])
    found = ask(clinic, "unexplained")
    names = ("kind", "open_cases", "week", "month", "two_months", "older", "amount", "size")
    assert told(found, *names) == [
        ("missing_in_ledger", 2, 1, 1, 0, 0, 3_000, 5_000), ("deposit_missing", 1, 0, 0, 0, 1, -700, 700),
    ]  # fmt: skip
    assert told(ask(clinic, "unexplained", by="processor"), "processor") == [("None",), ("MX at the desk",)]


def spec(entity, measures, by, **more):
    way = [{"name": "one", "label": "One", "by": [{"field": field} for field in by]}]
    return ReportSpec.model_validate(
        {"title": entity, "entity": entity, "measures": measures, "breakdowns": way, "sort": by} | more
    )


def test_matches_and_settled_transactions_can_be_asked_about(clinic, week):
    matches = spec("payment_match", ["matches", "waiting", "paid", "settled", "difference"], ["processor", "way_in"])
    found = run_spec("m", matches, {}, by=clinic.operator, form="command")
    assert found.rows == [("MX at the desk", "terminal", 3, 1, 28_400, 36_500, 8_100)]
    rows = spec("settled_transaction", ["transactions", "gross", "refunds", "fees", "net", "unmatched"], ["processor"])
    found = run_spec("s", rows, {}, by=clinic.operator, form="command")
    assert found.rows == [
        ("MX at the desk", 4, 36_500, 2_500, 604, 33_396, 2), ("Old terminal", 1, 4_000, 0, 90, 3_910, 1),
    ]  # fmt: skip


def test_a_batch_of_several_lines_shares_its_deposit_to_the_cent(clinic, books):
    days = [DAY + timedelta(days=away) for away in range(3)]
    batches = [books.batch(settled_on=day, gross_cents=1_000, fee_cents=0) for day in days]
    line = books.line(2_995, date(2026, 3, 6))
    for batch in batches:
        link(clinic, line, batch, 1_000)
    found = ask(clinic, "batch-reconciliation")
    assert total(found, "net", "deposited", "difference") == (3_000, 2_995, -5)
    assert sorted(told(found, "difference")) == [(-5,), (0,), (0,)]


def test_nobody_without_money_in_reports_asks_about_settlements(clinic, week):
    from data.errors import NotPermitted

    for name in ("batch-reconciliation", "processor-fees", "bank-deposits", "unexplained"):
        with pytest.raises(NotPermitted):
            run(name, {}, by=clinic.actor("sam"))
