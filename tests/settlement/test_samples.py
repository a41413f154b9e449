"""Files other projects wrote: each is read as it is meant, or refused for a reason that was looked at."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from billing.settlement import bank, sources
from billing.settlement.content import NotReadable
from billing.settlement.rows import Setting
from billing.settlement.sources import SourceUnclear

SAMPLES = Path(__file__).parent.parent / "samples" / "processors"
HERE = Setting(ZoneInfo("America/New_York"))


def settlement(name):
    content = (SAMPLES / name).read_bytes()
    make = sources.recognise(content, name)
    return make, sources.SOURCES[make].read(content, name, HERE)


def statement(name):
    content = (SAMPLES / name).read_bytes()
    make = bank.recognise(content)
    return make, bank.FORMATS[make].read(content, name, HERE)


def only(reading):
    assert not reading.problems
    (row,) = reading.rows
    return row


def test_stripe_balance_transactions_in_whole_cents():
    make, found = settlement("stripe_dbt/balance_transaction_data.csv")
    assert (make, len(found.rows), found.problems) == ("stripe", 8, [])
    row = found.rows[0]
    assert (row.reference, row.amount_cents, row.fee_cents, row.batch, row.status) == (
        "ch_0IDYghig6peNXzgDhuOFKdTS", 2_040_000, 59_190, "po_0IFUKBig6peNXzgDZQM7WPAo", "settled",
    )  # fmt: skip
    assert (row.processed_at.isoformat(), row.settled_on) == ("2021-01-25T17:17:15+00:00", date(2021, 2, 1))
    assert [row.status for row in found.rows[-2:]] == ["pending", "pending"], "no payout yet"
    assert [(batch.external_id, batch.net_cents) for batch in found.batches] == [
        ("po_0IV4rIig6peNXzgD51VFKdaB", 18_759),
    ]  # fmt: skip


def test_stripe_payouts_and_api_objects():
    _, payouts = settlement("stripe_dbt/payout_data.csv")
    assert (len(payouts.batches), payouts.batches[5].net_cents) == (15, -833_651)
    _, objects = settlement("stripe_api/fixtures_subset.json")
    row = only(objects)
    assert (row.reference, row.amount_cents, row.status) == ("ch_1PgafuB7WZ01zgkWXYmPNZs8", 100, "settled")
    assert objects.batches[0].net_cents == 1_100


@pytest.mark.parametrize("name", ["charge_data.csv", "payout_balance_transaction_data.csv"])
def test_tables_without_settled_money_are_nobodys_settlement(name):
    """Charges are no balance transactions, and pairs of ids hold no amount."""
    with pytest.raises(SourceUnclear, match="Choose its columns"):
        settlement(f"stripe_dbt/{name}")


def test_authorize_net_answers():
    _, details = settlement("authorizenet_api/getTransactionDetailsResponse.json")
    row = only(details)
    assert (row.reference, row.amount_cents, row.authorization, row.batch, row.last4, row.brand, row.invoice) == (
        "2162566217", 101_888, "JPG9DJ", "1221577", "4444", "Mastercard", "60",
    )  # fmt: skip
    _, listed = settlement("authorizenet_api/getTransactionListResponse.json")
    assert (only(listed).amount_cents, only(listed).status, only(listed).batch) == (101_888, "settled", "")
    _, waiting = settlement("authorizenet_api/getUnsettledTransactionListResponse.json")
    assert [(row.status, row.amount_cents) for row in waiting.rows] == [("authorized", 500)] * 3
    _, batches = settlement("authorizenet_api/getSettledBatchListResponse.json")
    assert [(one.external_id, one.gross_cents) for one in batches.batches] == [("3990061", 235_350), ("3990090", 2_495)]
    _, statistics = settlement("authorizenet_api/getBatchStatisticsResponse.json")
    assert statistics.batches[0].gross_cents == 101_888


def test_converge_answers():
    _, sale = settlement("elavon_converge_api/successful_purchase_response.xml")
    row = only(sale)
    assert (row.amount_cents, row.status, row.last4, row.brand, row.authorization) == (
        10_000, "authorized", "9990", "Visa", "093840",
    )  # fmt: skip
    assert row.processed_at.isoformat() == "2020-08-18T22:31:42+00:00"
    _, back = settlement("elavon_converge_api/successful_refund_response.xml")
    assert (only(back).kind, only(back).amount_cents) == ("refund", -10_000)
    _, failed = settlement("elavon_converge_api/failed_purchase_response.xml")
    assert not failed.rows and "error 5000: Credit Card Number Invalid" in failed.problems[0]


def test_mx_answers():
    _, sale = settlement("mx_merchant_api/successful_purchase_response.json")
    assert (only(sale).amount_cents, only(sale).status, only(sale).batch) == (987, "pending", "10000000227516")
    _, settled = settlement("mx_merchant_api/successful_purchase_response_with_settled_transaction.json")
    assert (only(settled).amount_cents, only(settled).status, only(settled).settled_on) == (
        2, "settled", date(2022, 4, 12),
    )  # fmt: skip
    _, back = settlement("mx_merchant_api/successful_refund_response.json")
    assert (only(back).amount_cents, only(back).kind, only(back).related) == (-321, "refund", "10000001625073")
    _, failed = settlement("mx_merchant_api/failed_purchase_response.json")
    assert only(failed).status == "declined"


@pytest.mark.parametrize(
    ("name", "accounts"),
    [
        ("bank_ofx/checking.ofx", [("6877", "USD", 3, -5_950)]),
        ("bank_ofx/suncorp.ofx", [("6789", "AUD", 1, -1_685)]),
        ("bank_mt940/jejik__generic.sta", [("1111", "EUR", 1, -1_000)] * 2),
        ("bank_mt940/cmxl__mt940.sta", [("8810", "DEM", 11, 8_730), ("4567", "EUR", 2, 220_000),
                                        ("6101", "PLN", 3, 1_004_000)]),
        ("bank_bai2/citi_example.bai2", [("7777", "GBP", 1, 1)]),
    ],
)  # fmt: skip
def test_statements_come_to_the_cent(name, accounts):
    _, found = statement(name)
    assert not found.problems
    assert [
        (one.ending, one.currency, len(one.rows), sum(row.amount_cents for row in one.rows)) for one in found.accounts
    ] == accounts


def test_every_mt940_statement_with_balances_adds_up_but_the_one_whose_digits_were_changed():
    """jejik's ING file was made unrecognizable by hand: its balances do not follow from its lines."""
    remarks = {}
    for path in sorted((SAMPLES / "bank_mt940").iterdir()):
        make, found = statement(f"bank_mt940/{path.name}")
        assert make == "mt940" and not found.problems and sum(len(one.rows) for one in found.accounts)
        remarks[path.name] = len(found.remarks)
    assert [name for name, count in remarks.items() if count] == ["jejik__ing.sta"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bank_ofx/decimal_error.ofx", "line 34: DTPOSTED: '20112000' is not a day of the calendar."),
        ("bank_ofx/error_message.ofx", "line 26: the bank answered with error 2000 (General Server Error)"),
    ],
)
def test_broken_statements_are_refused_with_their_line(name, said):
    _, found = statement(name)
    assert said in found.problems[0]


def test_an_empty_statement_is_refused():
    with pytest.raises(NotReadable, match="no statement of an account"):
        statement("bank_ofx/bank_small.ofx")
