"""Processors' files as their documentation describes them: kinds, states, signs, days, and what is refused."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from billing.settlement import sources
from billing.settlement.content import NotReadable, parse_json, parse_xml
from billing.settlement.rows import Setting, Unreadable, amount, day, last4, moment
from billing.settlement.sources import OtherMake, SourceUnclear
from billing.settlement.sources.mx import PaymentsList

HERE = Setting(ZoneInfo("America/Chicago"))


def read(text, make="", name="file"):
    content = text if isinstance(text, bytes) else text.encode()
    make = sources.recognise(content, name, make)
    found = sources.SOURCES[make].read(content, name, HERE)
    return make, found


ITEMIZED = (
    "automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,available_on_utc,currency,"
    "gross,fee,net,reporting_category,source_id,description,charge_id,card_brand,payment_metadata[invoice]\n"
    "po_1,2026-03-04 00:00:00,txn_1,2026-03-02 16:00:05,2026-03-04 00:00:00,usd,45.99,1.63,44.36,charge,ch_1,x,ch_1,"
    "Visa,1017\n"
    "po_1,2026-03-04 00:00:00,txn_2,2026-03-03 16:00:05,2026-03-04 00:00:00,usd,-10.00,0.00,-10.00,refund,re_1,x,ch_1,"
    "Visa,1017\n"
    "po_1,2026-03-04 00:00:00,txn_3,2026-03-03 17:00:00,2026-03-04 00:00:00,usd,-45.99,15.00,-60.99,dispute,dp_1,x,"
    "ch_1,Visa,\n"
    "po_1,2026-03-04 00:00:00,txn_4,2026-03-03 17:00:00,2026-03-04 00:00:00,usd,45.99,0.00,45.99,dispute_reversal,dp_1,"
    "x,ch_1,Visa,\n"
    "po_1,2026-03-04 00:00:00,txn_5,2026-03-03 17:00:00,2026-03-04 00:00:00,usd,-2.00,0.00,-2.00,fee,,x,,,\n"
)


def test_stripe_itemized_payout_report():
    make, found = read(ITEMIZED)
    assert (make, found.problems, found.remarks) == ("stripe", [], [])
    assert [(row.reference, row.kind, row.amount_cents, row.fee_cents, row.related) for row in found.rows] == [
        ("ch_1", "sale", 4_599, 163, ""), ("re_1", "refund", -1_000, 0, "ch_1"),
        ("txn_3", "chargeback", -4_599, 1_500, "ch_1"), ("txn_4", "adjustment", 4_599, 0, ""),
        ("txn_5", "fee", -200, 0, ""),
    ]  # fmt: skip
    sale = found.rows[0]
    assert (sale.batch, sale.settled_on, sale.invoice, sale.brand, sale.status) == (
        "po_1", date(2026, 3, 4), "1017", "Visa", "settled",
    )  # fmt: skip
    assert sale.processed_at.isoformat() == "2026-03-02T16:00:05+00:00"


DOWNLOAD = (
    "Response Code\tAuthorization Code\tTransaction ID\tSubmit Date/Time\tCard Number\tInvoice Number\tTotal Amount\t"
    "Method\tAction Code\tTransaction Status\tSettlement Amount\tSettlement Date/Time\n"
    "1\tQ78U78\t301244354\t21-Aug-2026 03:26:23 PM MDT\tXXXX9876\t1202\t50.00\tV\tAUTH_CAPTURE\tSettled Successfully\t"
    "50.00\t22-Aug-2026 01:00:00 AM MDT\n"
    "1\tQ78U79\t301244355\t21-Aug-2026 03:27:23 PM MDT\tXXXX0002\t1203\t20.00\tM\tCREDIT\tRefund/Settled Successfully\t"
    "20.00\t22-Aug-2026 01:00:00 AM MDT\n"
    "2\t000000\t301244356\t21-Aug-2026 03:28:23 PM MDT\tXXXX0002\t\t20.00\tM\tAUTH_CAPTURE\tDeclined\t0.00\t\n"
    "1\tQ78U80\t301244357\t21-Aug-2026 03:29:23 PM MDT\tXXXX0003\t1204\t30.00\tA\tAUTH_ONLY\tAuthorized/Pending Capture"
    "\t0.00\t\n"
    "1\tQ78U81\t301244358\t21-Aug-2026 03:30:23 PM MDT\tXXXX0004\t1205\t33.00\tV\tAUTH_CAPTURE\tChargeback\t33.00\t"
    "23-Aug-2026 01:00:00 AM MDT\n"
)


def test_authorize_net_download():
    make, found = read(DOWNLOAD)
    assert (make, found.problems) == ("authorize_net", [])
    assert [(row.reference, row.kind, row.status, row.amount_cents, row.last4, row.brand) for row in found.rows] == [
        ("301244354", "sale", "settled", 5_000, "9876", "Visa"),
        ("301244355", "refund", "settled", -2_000, "0002", "Mastercard"),
        ("301244356", "sale", "declined", 2_000, "0002", "Mastercard"),
        ("301244357", "sale", "authorized", 3_000, "0003", "Amex"),
        ("301244358-chargeback", "chargeback", "settled", -3_300, "0004", "Visa"),
    ]  # fmt: skip
    assert found.rows[0].processed_at.isoformat() == "2026-08-21T21:26:23+00:00"
    assert (found.rows[0].settled_on, found.rows[-1].related) == (date(2026, 8, 22), "301244358")


CONVERGE = (
    '<?xml version="1.0" encoding="UTF-8"?><txnlist><ssl_txn_count>3</ssl_txn_count>'
    "<txn><ssl_txn_id>AA1</ssl_txn_id><ssl_txn_time>03/02/2026 10:00:00 AM</ssl_txn_time><ssl_amount>12.50</ssl_amount>"
    "<ssl_transaction_type>CCSALE</ssl_transaction_type><ssl_trans_status>STL</ssl_trans_status>"
    "<ssl_card_number>41**********9990</ssl_card_number><ssl_card_short_description>VISA</ssl_card_short_description>"
    "<ssl_approval_code>093840</ssl_approval_code>"
    "<ssl_settlement_batch_response>GBOK 117</ssl_settlement_batch_response>"
    "<ssl_settle_time>03/02/2026 08:05:00 PM</ssl_settle_time></txn>"
    "<txn><ssl_txn_id>AA2</ssl_txn_id><ssl_txn_time>03/02/2026 11:00:00 AM</ssl_txn_time><ssl_amount>2.50</ssl_amount>"
    "<ssl_transaction_type>CCRETURN</ssl_transaction_type><ssl_trans_status>PEN</ssl_trans_status></txn>"
    "<txn><ssl_txn_id>AA3</ssl_txn_id><ssl_txn_time>03/02/2026 12:00:00 PM</ssl_txn_time><ssl_amount>9.00</ssl_amount>"
    "<ssl_transaction_type>SALE</ssl_transaction_type><ssl_result>1</ssl_result></txn></txnlist>"
)


def test_converge_query():
    make, found = read(CONVERGE)
    assert (make, found.problems) == ("elavon", [])
    assert [(row.reference, row.kind, row.status, row.amount_cents, row.batch) for row in found.rows] == [
        ("AA1", "sale", "settled", 1_250, "GBOK 117"), ("AA2", "refund", "pending", -250, ""),
        ("AA3", "sale", "declined", 900, ""),
    ]  # fmt: skip
    assert (found.rows[0].settled_on, found.rows[0].last4) == (date(2026, 3, 2), "9990")


def test_mx_settlement_report_and_its_chargeback():
    text = (
        "Batch #,Tender,Transaction ID,Date/Time,Settled Date,Type,Amount,Card Number,Auth Code,Invoice,Reference,"
        "Status,Device\n"
        '0022,Visa,8001,03/02/2026 10:00 AM,03/02/2026,Sale,"$1,234.50",************4242,PPS1,1017,210217004823,'
        "Settled,T1\n"
        "0022,Visa,8002,03/02/2026 11:00 AM,03/02/2026,Sale,80.00,************1881,PPS2,17004824,210217004824,"
        "Chargedback,T1\n"
        "0022,Cash,8003,03/02/2026 11:10 AM,03/02/2026,Sale,10.00,,,,210217004825,Settled,\n"
        "0023,MasterCard,8004,03/03/2026 11:10 AM,,Return,-5.00,************1881,,,210217004826,Approved,T1\n"
    )
    make, found = read(text)
    assert (make, found.problems) == ("mx", [])
    assert [(row.reference, row.kind, row.status, row.amount_cents, row.batch) for row in found.rows] == [
        ("8001", "sale", "settled", 123_450, "0022 2026-03-02"), ("8002", "sale", "settled", 8_000, "0022 2026-03-02"),
        ("8002-chargeback", "chargeback", "settled", -8_000, ""),
        ("8004", "refund", "pending", -500, "0023 2026-03-03"),
    ]  # fmt: skip
    assert [row.invoice for row in found.rows[:2]] == ["1017", ""], "MX fills in its own reference"
    assert found.rows[2].related == "8002" and "1 paid in cash" in found.remarks[0]


def test_the_payments_list_of_mx_is_sent_back_with_the_way_to_the_settlement_report():
    text = (
        "Reference,Transaction Type,Tender,Amount,Tax,Tip,Status,Authorization Code,Invoice,Customer,Source,Date/Time\n"
        "1,Sale,Visa 4242,12.00,0,0,Approved,A1,,Ann,Quick Pay,03/02/2026 10:00 AM\n"
    )
    with pytest.raises(PaymentsList, match="Reports > Settlement"):
        read(text)


def test_a_file_of_another_make_says_whose_it_looks_like():
    with pytest.raises(OtherMake, match="It looks like one of Stripe"):
        read(ITEMIZED, "mx")
    with pytest.raises(SourceUnclear):
        read("a,b\n1,2\n")


BOMB = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><txn><x>&b;</x></txn>'


def test_xml_with_entities_is_not_even_parsed():
    for content in (BOMB, BOMB.decode().encode("utf-16")):
        with pytest.raises(NotReadable, match="declares entities"):
            parse_xml(content, "bomb.xml")
    with pytest.raises(NotReadable, match="line 1"):
        parse_xml(b"<txn><a></txn>", "broken.xml")


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1', "[" * 5_000, '{"a": 1e' + "9" * 80 + "}", '{"a":' + "1" * 90 + "}"]
)
def test_json_that_is_none_is_refused(text):
    with pytest.raises(NotReadable):
        parse_json(text.encode(), "x.json")


def test_amounts_never_pass_through_floats():
    assert amount("0.29", 2) == 29 and amount(parse_json(b"[1018.88]", "x")[0], 2) == 101_888
    for value in (0.29, True, None):
        with pytest.raises(Unreadable):
            amount(value, 2)
    for text, mark in (
        ("12,34", "."),
        ("4O.00", "."),
        ("1.23", ","),
        ("9" * 20, "."),
        ("9" * 1_000_000, "."),
        ("0.005", "."),
    ):
        with pytest.raises(Unreadable):
            amount(text, 2, mark=mark)


def test_days_times_and_cards():
    assert day("03/02/26", "mdy") == date(2026, 3, 2) and day("260302") == date(2026, 3, 2)
    assert moment("2026-11-01 01:30:00", HERE.zone).isoformat() == "2026-11-01T06:30:00+00:00"
    assert last4("41**********9990") == "9990" and last4("7") == "0007"
    for text in ("4111111111111111", "12345", "abcd"):
        with pytest.raises(Unreadable):
            last4(text)


@pytest.mark.parametrize(
    "text",
    [
        "reference,amount,status,settled_on,invoice\nT1,1.00,settled,2026-03-02,4111 1111 1111 1111\n",
        "reference,amount,status,settled_on,last4\nT1,1.00,settled,2026-03-02,4111111111111111\n",
        "reference,amount,status,settled_on\n4111111111111111,1.00,settled,2026-03-02\n",
        "reference,amount,status,settled_on,batch\nT1,1.00,settled,2026-03-02,5500000000000004\n",
        "reference,amount,status,settled_on,brand\nT1,1.00,settled,2026-03-02,4111-1111-1111-1111\n",
    ],
)
def test_a_card_number_in_any_column_stops_the_file(text):
    _, found = read(text)
    assert len(found.problems) == 1 and "row 2" in found.problems[0] and "payment card number" in found.problems[0]
    assert "4111" not in found.problems[0] and "5500" not in found.problems[0]


def test_long_ids_that_pass_for_card_numbers_by_chance_are_taken():
    ids = [f"54{number:014d}" for number in range(1_000, 1_200)]
    text = "reference,amount,status,settled_on\n" + "".join(f"{one},1.00,settled,2026-03-02\n" for one in ids)
    assert not read(text)[1].problems
