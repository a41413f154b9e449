"""A clinic small enough to add up by hand. Zone America/New_York; the numbers stand beside each row."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from data.models import (
    Appointment,
    Client,
    FlowEvent,
    Fund,
    FundEntry,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    Location,
    Patient,
    Payment,
    PaymentAllocation,
    Service,
    Surgery,
    User,
)
from data.session import write


def at(text):
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Small:
    """Rows with counters for numbers; one write each, so that every row gets its own change."""

    def __init__(self, clinic):
        self.clinic, self.count = clinic, 0

    def next(self):
        self.count += 1
        return self.count

    def add(self, model, **values):
        with write(self.clinic.id) as session:
            row = model(**values)
            session.add(row)
            session.flush()
            return row.id

    @property
    def main(self):
        with write(self.clinic.id) as session:
            return session.query(Location).filter_by(name="Main").one().id

    def service(self, code):
        with write(self.clinic.id) as session:
            return session.query(Service).filter_by(code=code).one().id

    def client(self, name="Lee", **values):
        return self.add(Client, number=self.next(), last_name=name, **values)

    def patient(self, client_id=None, species="dog", sex="male", name="Rex", **values):
        return self.add(
            Patient, client_id=client_id or self.client(), name=name, species=species, sex=sex, **values
        )  # fmt: skip

    def visit(self, day, stage="booked", *, patient_id=None, client_id=None, starts="12:00", location=None, **values):
        client_id = client_id or self.client()
        instant = at(f"{day}T{starts}")
        return self.add(
            Appointment, number=self.next(), client_id=client_id, patient_id=patient_id or self.patient(client_id),
            location_id=location or self.main, type="surgery", starts_at=instant, day=date.fromisoformat(day),
            stage=stage, stage_at=instant, **values,
        )  # fmt: skip

    def surgery(self, began, minutes, surgeon=None, *, patient_id=None, client_id=None, **values):
        start = at(began)
        visit = self.visit(began[:10], "checked_out", patient_id=patient_id, client_id=client_id)
        return self.add(
            Surgery, appointment_id=visit, event_at=start, procedure="spay", surgeon_id=surgeon,
            ended_at=start + timedelta(minutes=minutes) if minutes else None, **values,
        )  # fmt: skip

    def user(self, username):
        with write(self.clinic.id) as session:
            return session.query(User).filter_by(username=username).one().id

    def invoice(self, client_id, day):
        return self.add(
            Invoice, number=self.next(), client_id=client_id, issued_on=date.fromisoformat(day), currency="USD"
        )  # fmt: skip

    def line(self, invoice_id, day, price, *, service=None, discount=0, subsidy=0, tax=0, rate=0, sign=1, **values):
        return self.add(
            InvoiceLine, invoice_id=invoice_id, event_at=at(f"{day}T15:00"), day=date.fromisoformat(day),
            description="x", service_id=self.service(service) if service else None, quantity=1000 * sign,
            unit_price_cents=price, discount_cents=discount * sign, subsidy_cents=subsidy * sign,
            net_cents=(price - discount - subsidy) * sign, tax_cents=tax * sign, tax_code="sales" if tax else "",
            tax_rate_millionths=rate, **values,
        )  # fmt: skip

    def event(self, invoice_id, kind, day, amount=0):
        return self.add(
            InvoiceEvent, invoice_id=invoice_id, kind=kind, event_at=at(f"{day}T15:00"), amount_cents=amount
        )

    def pay(self, client_id, day, cents, *, tender="cash", kind="sale", invoice=None, moment="15:00"):
        payment = self.add(
            Payment, reference=f"p{self.next()}", kind=kind, amount_cents=cents, currency="USD", tender=tender,
            client_id=client_id, day=date.fromisoformat(day), event_at=at(f"{day}T{moment}"),
        )  # fmt: skip
        if invoice:
            self.add(
                PaymentAllocation, payment_id=payment, invoice_id=invoice, amount_cents=cents,
                event_at=at(f"{day}T{moment}"),
            )  # fmt: skip
        return payment

    def moved(self, visit, moment, to, *, reverts=None):
        return self.add(
            FlowEvent, appointment_id=visit, from_stage="booked", to_stage=to, event_at=at(moment), reverts_id=reverts
        )  # fmt: skip

    def fund(self, name="Spay grant"):
        return self.add(Fund, code=name.lower().replace(" ", "-"), name=name, kind="grant")

    def fund_moves(self, fund_id, kind, day, cents):
        return self.add(FundEntry, fund_id=fund_id, kind=kind, amount_cents=cents, event_at=at(f"{day}T15:00"))
