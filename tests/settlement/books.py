"""Payments, settled transactions, batches and bank lines to reconcile in tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from data.models import BankLine, Payment, SettledTransaction, SettlementBatch
from data.session import write
from data.types import new_id

DAY = date(2026, 3, 2)


def at(day: date, minute: int = 0) -> datetime:
    """A moment of the clinic's day, ten in the morning in New York and some minutes."""
    return datetime.combine(day, time(15), UTC) + timedelta(minutes=minute)


class Books:
    """Rows of one clinic; every method returns the id of what it wrote."""

    def __init__(self, clinic) -> None:
        self.clinic = clinic
        self.count = 0

    def _number(self) -> int:
        self.count += 1
        return self.count

    def pay(self, cents=12_500, day=DAY, **more) -> str:
        """A card payment of ours."""
        number = self._number()
        known = {
            "id": new_id(), "reference": f"P-{number:06d}", "kind": "sale" if cents > 0 else "refund",
            "amount_cents": cents, "currency": "USD", "tender": "card", "channel": "terminal",
            "last4": f"{4000 + number}", "brand": "Visa", "authorization": f"A{number:05d}",
            "invoice_reference": str(1000 + number), "day": day, "event_at": at(day, number), "source": "live",
        } | more  # fmt: skip
        with write(self.clinic.id) as session:
            session.bulk(Payment, [known])
        return known["id"]

    def batch(self, day=DAY, **more) -> str:
        """A closed batch."""
        number = self._number()
        known = {
            "id": new_id(), "processor": "mx", "external_id": f"B{number}", "number": str(number),
            "settled_on": day + timedelta(days=1), "currency": "USD",
        } | more  # fmt: skip
        with write(self.clinic.id) as session:
            session.bulk(SettlementBatch, [known])
        return known["id"]

    def settle(self, payment_id=None, cents=None, day=None, **more) -> str:
        """A settled transaction, as the payment says where one is named."""
        number = self._number()
        with write(self.clinic.id) as session:
            paid = session.get(Payment, (self.clinic.id, payment_id)) if payment_id else None
            on = day or (paid.day if paid else DAY)
            known = {
                "id": new_id(), "processor": "mx", "reference": f"T{number:06d}", "kind": "sale", "status": "settled",
                "amount_cents": cents or (paid.amount_cents if paid else 9_900), "currency": "USD", "day": on,
                "settled_on": on + timedelta(days=1), "counts_on": on, "row_hash": "x", "source": "import",
                "last4": paid.last4 if paid else f"{7000 + number}", "brand": paid.brand if paid else "Visa",
                "authorization": paid.authorization if paid else f"Z{number}",
                "invoice_reference": paid.invoice_reference if paid else "",
                "event_at": paid.event_at + timedelta(seconds=40) if paid else at(on, number),
            } | more  # fmt: skip
            session.bulk(SettledTransaction, [known])
        return known["id"]

    def line(self, cents, day=DAY, description="BANKCARD 8076 MTOT DEP", **more) -> str:
        """A line of the bank statement."""
        number = self._number()
        known = {
            "id": new_id(), "account": "Main", "external_id": f"L{number}", "posted_on": day, "amount_cents": cents,
            "currency": "USD", "description": description, "row_hash": "x", "counts_on": day, "event_at": at(day),
            "source": "import",
        } | more  # fmt: skip
        with write(self.clinic.id) as session:
            session.bulk(BankLine, [known])
        return known["id"]

    def month(self, count=120) -> list[tuple[str, str]]:
        """An ordinary stretch of payments, each settled; what the engine learns from."""
        pairs = []
        for place in range(count):
            paid = self.pay(6_500 + 500 * (place * 7 % 29), day=DAY + timedelta(days=place % 10))
            pairs.append((paid, self.settle(paid)))
        return pairs
