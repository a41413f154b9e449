"""A fee that is not what was agreed is found to the cent, and a cent of rounding is none."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.fees import BatchFee, Charged, MonthFee, Terms, billed_month, fee_findings, month_findings

DAY = timedelta(days=1)
AGREED = Terms(26_000, 10)
TERMS = {"terminal": AGREED}


def sale(reference, cents, fee, batch="B1", **more):
    return Charged(reference, "terminal", more.pop("kind", "sale"), cents, fee, batch, **more)


def test_a_sale_charged_off_the_rate_is_found_with_what_it_should_have_cost():
    assert AGREED.fee(10_000) == 270 and AGREED.fee(8_550) == 232  # 222.3 + 10
    rows = [sale("A", 10_000, 270), sale("B", 8_550, 231), sale("C", 10_000, 360), sale("D", 20_000, 710)]
    (found,) = fee_findings(rows, TERMS)
    assert (found.kind, found.settled, found.batch) == ("fee_off_rate", ("C", "D"), "B1")
    assert (found.charged_cents, found.agreed_cents, found.difference_cents) == (1070, 800, 270)
    assert found.detail["charged_millionths"] == 35_666


def test_a_batch_that_states_one_fee_is_held_to_the_sum_of_its_rows():
    rows = [sale("A", 10_000, None), sale("B", 5_000, None), sale("R", -1_000, None, kind="refund")]
    wanted = 270 + 140
    assert not fee_findings(rows, TERMS, [BatchFee("B1", "terminal", wanted + 2)])
    (found,) = fee_findings(rows, TERMS, [BatchFee("B1", "terminal", wanted + 50)])
    assert found.difference_cents == 50 and found.settled == ("A", "B", "R")
    assert not fee_findings(rows, TERMS) and not fee_findings(rows, TERMS, [BatchFee("B1", "terminal", None)])


def test_what_was_not_agreed_or_is_no_settled_sale_is_no_finding():
    rows = [sale("A", 10_000, 999)]
    assert not fee_findings(rows, {}) and not fee_findings(rows, {"terminal": Terms()})
    assert not fee_findings([sale("A", 10_000, 999, status="declined"), sale("B", -5, 999, kind="chargeback")], TERMS)
    monthly = {"terminal": Terms(26_000, 10, monthly=True)}
    assert not fee_findings([sale("A", 10_000, 0)], monthly)
    assert fee_findings([sale("A", 10_000, 400)], monthly)
    for fee in (0, 10, -10, -36, -26):
        assert not fee_findings([sale("R", -1_000, fee, kind="refund")], TERMS), fee
    assert fee_findings([sale("R", -1_000, 90, kind="refund")], TERMS)


def test_what_a_chargeback_costs_is_no_fee_of_its_batch_where_the_sales_state_none():
    rows = [sale("A", 10_000, None), sale("B", 5_000, None), sale("C", -9_000, 1_500, kind="chargeback")]
    wanted = 270 + 140
    assert not fee_findings(rows, TERMS, [BatchFee("B1", "terminal", wanted + 1_500)])
    assert not fee_findings(rows, TERMS, [BatchFee("B1", "terminal", wanted)]), "billed apart"
    (found,) = fee_findings(rows, TERMS, [BatchFee("B1", "terminal", wanted + 1_550)])
    assert (found.charged_cents, found.difference_cents) == (wanted + 50, 50)


def test_a_months_fee_is_held_to_the_months_sales_a_cent_for_each():
    monthly = {"terminal": Terms(26_000, 10, monthly=True)}
    month, day = date(2026, 3, 1), date(2026, 3, 17)
    rows = [sale("A", 10_000, None, day=day), sale("B", 5_000, None, day=day), sale("X", 7_000, None, day=month - DAY)]

    def off(cents, terms=monthly, rows=rows):
        return [one for _, one in month_findings(rows, terms, [MonthFee("terminal", month, cents, date(2026, 4, 2))])]

    assert not off(410) and not off(412) and not off(408)
    (found,) = off(413)
    assert (found.difference_cents, found.settled, found.detail["month"]) == (3, ("A", "B"), "2026-03-01")
    assert off(300)[0].difference_cents == -110
    assert not off(900, TERMS), "taken daily: its batches are held to the rate"
    stated = [sale("A", 10_000, 300, day=day), sale("B", 5_000, 150, day=day)]
    assert not off(450, rows=stated) and off(520, rows=stated), "what the rows state is held to the rate row by row"
    assert [billed_month(one) for one in (date(2026, 3, 30), date(2026, 4, 21), date(2026, 4, 22))] == [
        month, month, date(2026, 4, 1)
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 500_000), st.integers(-1, 1)), max_size=30), st.integers(0, 60_000),
       st.integers(0, 99))  # fmt: skip
def test_fees_at_the_rate_are_never_found_whatever_the_amounts_and_the_order_does_not_matter(sales, rate, item):
    terms = {"terminal": Terms(rate, item)}
    rows = [sale(str(n), cents, terms["terminal"].fee(cents) + off) for n, (cents, off) in enumerate(sales)]
    assert fee_findings(rows, terms) == []
    odd = [*rows, sale("odd", 10_000, terms["terminal"].fee(10_000) + 2)]
    wanted = [("odd",)] if terms["terminal"].is_known else []
    assert [one.settled for one in fee_findings(reversed(odd), terms)] == wanted
