"""A batch charged off the agreed rate stands beside the other cases, once, and goes when it is put right."""

from datetime import timedelta

from sqlalchemy import select

from billing.deposits import find_deposits
from billing.fee_check import find_fees
from billing.processors.settings import PROCESSOR, Processor
from data import definitions
from data.models import BankLine, SettledTransaction, SettlementBatch, Variance
from data.session import read, write
from data.types import clock
from tests import everything
from tests.settlement.test_matching import change


def settled(session, reference, batch, cents, fee, day):
    row = SettledTransaction(
        processor="terminal", reference=reference, batch_id=batch.id, kind="sale", status="settled", amount_cents=cents,
        fee_cents=fee, currency="USD", day=day, settled_on=day, counts_on=day, row_hash=reference,
        event_at=clock.now() - timedelta(days=1),
    )  # fmt: skip
    session.add(row)


def rated(clinic, rate):
    with write(clinic.id) as session:
        document = Processor(label="Terminal", type="terminal", rate_millionths=rate, per_item_cents=10)
        definitions.save(session, PROCESSOR, "terminal", document, by_user_id=None)
        everything.seal(session, clinic)


def cases(clinic):
    with read(clinic.id) as session:
        return [(row.state, row.amount_cents, row.detail["count"]) for row in session.scalars(select(Variance))]


def test_fees_off_the_rate_are_a_case_of_their_batch_once_and_go_when_the_rate_is_put_right(clinic):
    mona, today = clinic.actor("mona"), clock.today("America/New_York")
    rated(clinic, 26_000)
    with write(clinic.id) as session:
        for number, fee in (("1", 270), ("2", 360)):
            batch = SettlementBatch(processor="terminal", external_id=number, settled_on=today, currency="USD")
            session.add(batch)
            session.flush()
            settled(session, f"A{number}", batch, 10_000, fee, today)
            settled(session, f"B{number}", batch, 5_000, 140, today)
        everything.seal(session, clinic)
    assert find_fees(by=mona) == 1 and find_fees(by=mona) == 0
    assert cases(clinic) == [("open", -90, 1)]
    before = change(clinic)
    assert find_deposits(by=mona) == 0 and change(clinic) == before
    rated(clinic, 35_000)
    assert find_fees(by=mona) == 3  # the right one is wrong now, and the wrong one right but for its other row
    assert sorted(state for state, _, _ in cases(clinic)) == ["explained", "open", "open"]
    rated(clinic, 26_000)
    find_fees(by=mona)
    assert ("open", -90, 1) in cases(clinic) and [one[0] for one in cases(clinic)].count("open") == 1


def test_a_months_fee_at_the_bank_is_held_to_the_months_sales(clinic):
    """The debit is the fee of the month, never an unknown line; what it is off the rate is one case."""
    mona, month = clinic.actor("mona"), clock.today("America/New_York").replace(day=1) - timedelta(days=40)
    month = month.replace(day=1)
    after = (month + timedelta(days=31)).replace(day=1)
    with write(clinic.id) as session:
        document = Processor(label="Terminal", type="terminal", rate_millionths=26_000, per_item_cents=10,
                             fees="monthly", bank_text="BANKCARD 8076")  # fmt: skip
        definitions.save(session, PROCESSOR, "terminal", document, by_user_id=None)
        for number in range(3):
            day = month + timedelta(days=3 + number)
            batch = SettlementBatch(processor="terminal", external_id=str(number), settled_on=day, currency="USD")
            session.add(batch)
            session.flush()
            settled(session, f"A{number}", batch, 10_000, None, day)
        for place, (cents, text) in enumerate(((-913, "BANKCARD 8076 FEES"), (-60_000, "BANKCARD 8076 ADJ"))):
            on = after + timedelta(days=3)
            session.add(BankLine(account="Checking", external_id=str(place), posted_on=on, amount_cents=cents,
                                 currency="USD", description=text, row_hash=str(place), counts_on=on,
                                 event_at=clock.now()))  # fmt: skip
        everything.seal(session, clinic)
    find_deposits(by=mona)
    with read(clinic.id) as session:
        found = {(row.kind, row.state): row for row in session.scalars(select(Variance)) if row.bank_line_ids}
        told = [row for row in found.values() if row.batch_ids]
    assert set(found) == {("fee_off_rate", "open"), ("monthly_fees", "explained"), ("deposit_unknown", "open")}
    off = found["fee_off_rate", "open"]
    assert (off.amount_cents, off.detail["agreed_cents"], off.detail["month"]) == (-103, 810, month.isoformat())
    assert len({*map(tuple, (row.batch_ids for row in told))}) == 1, "case and fee stand with the month's last batch"
    assert found["deposit_unknown", "open"].amount_cents == -60_000, "far too much for a fee"
    before = change(clinic)
    assert find_deposits(by=mona) == 0 and change(clinic) == before
