"""A day on paper, made through the models: visits with their sheets, scanned, keyed and paid as a test says."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from data.models import (
    Appointment,
    BackEntry,
    Bottle,
    CardSlip,
    Client,
    Document,
    DocumentPage,
    Drug,
    DrugLogEntry,
    FlowEvent,
    FormSheet,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    Location,
    Outage,
    Patient,
    Payment,
    PaymentAllocation,
    PaymentMatch,
    PaymentMatchPart,
    PrintRun,
    SettledTransaction,
)  # fmt: skip
from data.session import write
from data.types import clock
from forms.editions import plates
from security import audit

ZONE = "America/New_York"


class PaperDay:
    """Makes one outage's rows. Times are those of ``began`` and after; ``people`` are the ids of users."""

    def __init__(
        self, clinic, *, hours_ago: float = 5, lasts: float | None = 4, days_ago: int = 0, outage=None, began=None
    ) -> None:  # fmt: skip
        self.clinic = clinic
        self.editions = {
            slug: edition.number
            for slug, (_, edition) in plates(
                ["consent", "travel-sheet", "drug-log", "card-slip", "walk-in", "roster"], by=clinic.operator
            ).items()
        }
        now = clock.now() - timedelta(days=days_ago)
        self.began = now - timedelta(hours=hours_ago)
        self.runs: dict[tuple[str, str], str] = {}
        if outage is not None:
            self.id, self.began = outage, began
            return
        self.ended = None if lasts is None else self.began + timedelta(hours=lasts)
        with write(clinic.id) as session:
            outage = Outage(scope="all", began_at=self.began, ended_at=self.ended)
            session.add(outage)
            self._done(session)
            self.id = outage.id

    def _done(self, session) -> None:
        session.flush()
        audit.append(session, self.clinic.operator, "test.made", "outage", "")

    def visit(self, name="Luna", *, stage="booked", walk_in=False, starts=0.5, stage_after=None) -> str:
        """A visit that starts ``starts`` hours after the outage began."""
        with write(self.clinic.id) as session:
            number = (session.scalar(select(func.max(Client.number))) or 0) + 1
            owner = Client(number=number, first_name="Ada", last_name="Chen")
            session.add(owner)
            session.flush()
            animal = Patient(client_id=owner.id, name=name, species="cat", sex="female")
            session.add(animal)
            session.flush()
            at = self.began + timedelta(hours=starts)
            visit = Appointment(
                number=(session.scalar(select(func.max(Appointment.number))) or 0) + 1, client_id=owner.id,
                patient_id=animal.id, location_id=session.scalars(select(Location.id)).first(), type="surgery",
                starts_at=at, day=at.astimezone(__import__("zoneinfo").ZoneInfo(ZONE)).date(), stage=stage,
                stage_at=self.began + timedelta(hours=starts if stage_after is None else stage_after), walk_in=walk_in,
            )  # fmt: skip
            session.add(visit)
            self._done(session)
            return visit.id

    def sheet(
        self, form="travel-sheet", visit=None, *, pages=None, scanned=None, state=None, typed=None, entry="entered",
        review=(), bottle=None, bound=True, keyed="sam", verified=None, purpose=None,
    ) -> str:  # fmt: skip
        """A printed sheet. ``scanned`` are the numbers of its pages that came back, ``typed`` what was keyed."""
        pages = pages or {"travel-sheet": 2, "consent": 2}.get(form, 1)
        purpose = purpose or ("roster" if visit or bottle else "blank")
        with write(self.clinic.id) as session:
            run = self.runs.get((form, purpose))
            if run is None:
                made = PrintRun(form=form, form_version=1, purpose=purpose, count=1)
                session.add(made)
                session.flush()
                run = self.runs[form, purpose] = made.id
            scanned = list(scanned or ())
            come = bool(scanned or review or typed is not None)
            sheet = FormSheet(
                print_run_id=run, serial=(session.scalar(select(func.max(FormSheet.serial))) or 0) + 1, form=form,
                form_version=1, edition=self.editions[form], pages=pages, appointment_id=visit, bottle_id=bottle,
                state=state or ("entered" if typed is not None and entry != "draft" else "used" if come else "printed"),
                outage_id=self.id if bound and purpose != "blank" else None,
            )  # fmt: skip
            session.add(sheet)
            session.flush()
            if come:
                document = Document(title="stack.pdf", kind="scan", media_type="application/pdf", size=1, blob="x",
                                    sha256="0" * 64, access="everyone")  # fmt: skip
                session.add(document)
                session.flush()
                for index, page in enumerate([*scanned, *review]):
                    session.add(DocumentPage(
                        document_id=document.id, index=index, form_sheet_id=sheet.id, page=page,
                        state="review" if page in review else "attached",
                    ))  # fmt: skip
            if typed is not None:
                session.add(BackEntry(
                    form_sheet_id=sheet.id, appointment_id=visit, state="verified" if verified else entry, typed=typed,
                    keyed_by_id=self.clinic.users[keyed], keyed_at=clock.now(),
                    verified_by_id=self.clinic.users[verified] if verified else None,
                ))  # fmt: skip
            self._done(session)
            return sheet.id

    def bottle(self, number="B1", unit="mL") -> str:
        with write(self.clinic.id) as session:
            drug = session.scalars(select(Drug).where(Drug.unit == unit)).first()
            row = Bottle(drug_id=drug.id, number=number, size=10_000, received_on=self.began.date(),
                         opened_at=self.began)  # fmt: skip
            session.add(row)
            self._done(session)
            return row.id

    def log(self, bottle, thousandths, visit=None, *, sheet=None, after=1.0, source="paper", reverses=None) -> str:
        with write(self.clinic.id) as session:
            line = DrugLogEntry(
                bottle_id=bottle, kind="reversal" if reverses else "use", delta=-thousandths, drawn=thousandths,
                given=thousandths, appointment_id=visit, event_at=self.began + timedelta(hours=after), source=source,
                form_sheet_id=sheet, reverses_id=reverses,
            )  # fmt: skip
            session.add(line)
            self._done(session)
            return line.id

    def stage(self, visit, stage) -> None:
        """Where a visit ends, as back entry writes it."""
        with write(self.clinic.id) as session:
            row = session.get_one(Appointment, (self.clinic.id, visit))
            at = self.began + timedelta(hours=2)
            session.add(FlowEvent(appointment_id=visit, from_stage=row.stage, to_stage=stage, event_at=at,
                                  source="paper"))  # fmt: skip
            row.stage, row.stage_at = stage, at
            self._done(session)

    def ticket(self, visit, cents, paid=0, *, opened=True) -> str:
        """A ticket of so many cents, paid by cash."""
        with write(self.clinic.id) as session:
            row = session.get_one(Appointment, (self.clinic.id, visit))
            at = self.began + timedelta(hours=3)
            invoice = Invoice(
                number=(session.scalar(select(func.max(Invoice.number))) or 0) + 1, client_id=row.client_id,
                appointment_id=visit, issued_on=row.day, currency="USD",
            )  # fmt: skip
            session.add(invoice)
            session.flush()
            session.add(InvoiceLine(invoice_id=invoice.id, day=row.day, description="Spay", unit_price_cents=cents,
                                    net_cents=cents, event_at=at))  # fmt: skip
            for kind in ("drafted", "opened")[: 1 + opened]:
                session.add(InvoiceEvent(invoice_id=invoice.id, kind=kind, event_at=at))
            session.flush()
            if paid:
                self._pay(session, invoice, paid, "cash", "other")
            self._done(session)
            return invoice.id

    def _pay(self, session, invoice, cents, tender, channel) -> Payment:
        number = (session.scalar(select(func.count()).select_from(Payment)) or 0) + 1
        payment = Payment(
            reference=f"T{number}", kind="sale", amount_cents=cents, currency="USD", tender=tender, channel=channel,
            client_id=invoice.client_id, day=invoice.issued_on, event_at=self.began + timedelta(hours=3),
            source="paper",
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(PaymentAllocation(payment_id=payment.id, invoice_id=invoice.id, amount_cents=cents,
                                      event_at=payment.event_at))  # fmt: skip
        session.flush()
        return payment

    def settle(self, *groups, later=0, cents=None, state="accepted", status="settled", kind="exact") -> list[str]:
        """Settled transactions, each matched with a group of payments (ids, or all there are), ``later`` days later."""
        with write(self.clinic.id) as session:
            sales = {one.id: one for one in session.scalars(select(Payment).where(Payment.channel == "slip"))}
            made = []
            for group in groups or [(one,) for one in sales]:
                paid = [sales[one] for one in group]
                day = paid[0].day + timedelta(days=later)
                number = (session.scalar(select(func.count()).select_from(SettledTransaction)) or 0) + 1
                total = sum(one.amount_cents for one in paid) if cents is None else cents
                row = SettledTransaction(
                    processor="terminal", reference=f"S{number}", kind="sale", status=status, amount_cents=total,
                    currency="USD", day=day, counts_on=day, settled_on=day, row_hash=f"{number}",
                    event_at=self.began + timedelta(hours=4),
                )  # fmt: skip
                match = PaymentMatch(kind=kind, state=state, day=day, difference_cents=total)
                session.add_all([row, match])
                session.flush()
                session.add(PaymentMatchPart(match_id=match.id, settled_id=row.id))
                session.add_all(PaymentMatchPart(match_id=match.id, payment_id=one.id) for one in paid)
                made.append(row.id)
            self._done(session)
            return made

    def slip(self, sheet, part, cents, invoice=None, *, destroyed=True, reason="", paid=None, code="A1234") -> str:
        """A card slip that was keyed; with an invoice it paid it."""
        with write(self.clinic.id) as session:
            payment = None
            if invoice is not None:
                found = session.get_one(Invoice, (self.clinic.id, invoice))
                payment = self._pay(session, found, cents if paid is None else paid, "card", "slip")
            row = CardSlip(
                form_sheet_id=sheet, part=part, outage_id=self.id, amount_cents=cents, reason=reason,
                authorization=code, last4="4242" if code else "", taken_at=self.began + timedelta(hours=3),
                payment_id=payment.id if payment else None,
                destroyed_at=clock.now() if destroyed else None,
            )  # fmt: skip
            session.add(row)
            self._done(session)
            return row.id

    def done(self, name="Luna", *, walk_in=False, drugs=None, cents=8500, after=0.5) -> str:
        """A visit that wants nothing any more: sheets scanned and keyed, drugs logged and verified, paid."""
        visit = self.visit(name, walk_in=walk_in, starts=after)
        typed = {}
        for line, (bottle, number, amount) in enumerate(drugs or (), 1):
            typed |= {f"drugs.{line}.bottle": number, f"drugs.{line}.drawn": str(amount / 1000),
                      f"drugs.{line}.given": str(amount / 1000)}  # fmt: skip
            self.log(bottle, amount, visit)
        self.sheet("consent", visit, scanned=[1, 2], typed={})
        self.sheet("travel-sheet", visit, scanned=[1, 2], typed=typed, verified="clara" if drugs else None)
        self.stage(visit, "checked_out")
        self.ticket(visit, cents, cents)
        return visit
