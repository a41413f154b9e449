"""The same settlements by API and as the file a person downloads: whichever comes first, nothing stands there twice."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from billing.processors import orders
from billing.processors.fetch import fetch_settlements
from billing.settlement.files import import_settlement
from data.models import SettledTransaction, SettlementBatch
from data.session import read

ZONE = ZoneInfo("America/New_York")


def _table(heads: str, rows: list[list[object]]) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(heads.split(","))
    table.writerows(rows)
    return out.getvalue().encode()


def file_of(till) -> bytes:
    """What the fake has settled, as the processor's own site exports it: local times, to the second or minute."""
    world, rows = till.fake.world, []

    def here(at: float, pattern: str) -> str:
        return datetime.fromtimestamp(at, ZONE).strftime(pattern)

    def utc(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")

    every = [(one, one, 1) for one in world.charges.values()]
    every += [(one, world.charges[one.charge], -1) for one in world.refunds.values()]
    for one, charge, sign in every:
        if not one.batch:
            continue
        major, at = f"{one.amount / 100:.2f}", world.batches[one.batch]["at"]
        if till.kind == "stripe":
            cost = 0 if sign < 0 else (one.amount * 29 + 500) // 1000 + 30
            kind = "refund" if sign < 0 else "charge"
            rows.append([one.batch, utc(at), f"txn_{one.id}", utc(one.at), utc(at), "usd",
                         f"{sign * one.amount / 100:.2f}", f"{cost / 100:.2f}",
                         f"{(sign * one.amount - cost) / 100:.2f}",
                         kind, one.id, charge.id, charge.brand, charge.last4])  # fmt: skip
        elif till.kind == "authorize_net":
            said = ["CREDIT", "Refund/Settled Successfully"] if sign < 0 else ["AUTH_CAPTURE", "Settled Successfully"]
            rows.append(["1", "" if sign < 0 else charge.auth, one.id, here(one.at, "%d-%b-%Y %I:%M:%S %p"),
                         f"XXXX{charge.last4}", one.key, major, "V", *said, major,
                         here(at, "%d-%b-%Y %I:%M:%S %p")])  # fmt: skip
        elif till.kind == "elavon":
            rows.append([one.id, here(one.at, "%m/%d/%Y %I:%M:%S %p"), major, f"41**********{charge.last4}", "VISA",
                         charge.auth, one.key, "RETURN" if sign < 0 else "SALE", "STL", f"GBOK {one.batch}",
                         charge.id if sign < 0 else ""])  # fmt: skip
        else:
            rows.append([one.batch[1:6], "Visa", one.id, here(one.at, "%m/%d/%Y %I:%M %p"), here(at, "%m/%d/%Y"),
                         "Return" if sign < 0 else "Sale", f"{sign * one.amount / 100:.2f}",
                         f"************{charge.last4}", charge.auth, one.key, f"12061200{one.id[-4:]}", "Settled",
                         "Swiped"])  # fmt: skip
    return _table(HEADS[till.kind], rows)


HEADS = {
    "stripe": "automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,"
    "available_on_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,card_brand,card_last4",
    "authorize_net": "Response Code,Authorization Code,Transaction ID,Submit Date/Time,Card Number,Invoice Number,"
    "Total Amount,Method,Action Code,Transaction Status,Settlement Amount,Settlement Date/Time",
    "elavon": "Transaction ID,Transaction Date/Time,Amount,Card Number,Card Description,Approval Code,Invoice Number,"
    "Transaction Type,Transaction Status,Settlement Batch Response,Original Transaction ID",
    "mx": "Batch #,Tender,Transaction ID,Date/Time,Settled Date,Type,Amount,Card Number,Auth Code,Invoice,Reference,"
    "Status,Entry Mode",
}  # fmt: skip


@pytest.mark.parametrize("first", ["api", "file"])
def test_a_file_and_the_api_tell_of_the_same_rows_once(till, first):
    till.paid()
    sale = till.row(till.paid(5_000)).payment_id
    till.fake.world.settle(till.kind)
    orders.refund_at_processor(sale, 1_000, "Part", by=till.by)
    till.fake.world.settle(till.kind)
    day = date.today()

    def fetch(days: int = 3):
        return fetch_settlements(till.kind, day - timedelta(days=days), day, by=till.by)

    def bring():
        return import_settlement(file_of(till), name=f"{till.kind}.csv", processor=till.kind, by=till.by)

    one, other = (fetch, bring) if first == "api" else (bring, fetch)
    assert one().added == 3
    assert [other().added, one().added, fetch(9).added] == [0, 0, 0]
    till.paid(7_000)
    till.fake.world.settle(till.kind)
    assert [other().added, one().added] == [1, 0], "an overlapping one adds what is new"
    with read(till.clinic.id) as session:
        rows = session.scalars(select(SettledTransaction).order_by(SettledTransaction.amount_cents)).all()
        assert [row.amount_cents for row in rows] == [-1_000, 5_000, 7_000, 12_345]
        assert {row.status for row in rows} == {"settled"} and rows[-1].last4 == "4242"
        batches = {row.id: row for row in session.scalars(select(SettlementBatch))}
        used = {row.batch_id for row in rows if row.batch_id}
        assert used == set(batches), "no batch stands there twice"
        if till.kind != "authorize_net" or first == "api":  # its download names no batch
            assert len(batches) == 3
