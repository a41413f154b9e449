"""Price lists, invoices and payments out of files. Amounts are decimal in a file and whole cents here."""

from __future__ import annotations

import functools
from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from appointments.importers import People, Places
from billing.periods import counting_day
from billing.settings import SERVICE, ServiceDocument
from data import definitions
from data.models import (
    Appointment,
    Client,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    Patient,
    Payment,
    PaymentAllocation,
    Service,
)
from data.session import ClinicSession
from data.types import new_id
from records.importers import References
from records.imports import Ground, Importer, Plan, Row, adopt, adopt_definition, register
from records.mapping import Field
from security.rules import authorize

KINDS = {
    "sale": "sale", "payment": "sale", "charge": "sale", "purchase": "sale", "capture": "sale", "refund": "refund",
    "return": "refund", "credit": "refund", "void": "void", "reversal": "void",
}  # fmt: skip
TENDERS = {
    "cash": "cash", "check": "check", "cheque": "check", "card": "card", "cc": "card", "credit card": "card",
    "credit": "card", "debit": "card", "debit card": "card", "visa": "card", "mastercard": "card", "amex": "card",
    "echeck": "echeck", "e-check": "echeck", "ach": "echeck", "copay": "copay", "co-pay": "copay", "other": "other",
    "gift card": "other", "voucher": "other", "transfer": "other",
}  # fmt: skip
CHANNELS = {
    "integrated": "integrated", "slip": "slip", "terminal": "terminal", "payment_request": "payment_request",
    "payment request": "payment_request", "online": "payment_request", "link": "payment_request", "paper": "slip",
    "other": "other",
}  # fmt: skip

PAYMENT_FIELDS = (
    Field("reference", "Reference", required=True, length=80, guarded=False,
          synonyms=("payment id", "transaction id", "id", "payment reference", "receipt")),
    Field("taken_at", "Taken at", "day_moment", required=True,
          synonyms=("date", "paid at", "payment date", "time", "timestamp", "datetime", "day")),
    Field("amount", "Amount", "money", required=True, synonyms=("total", "paid", "payment amount", "payments")),
    Field("currency", "Currency", length=3),
    Field("kind", "Kind", "choice", choices=KINDS, synonyms=("type", "transaction type")),
    Field("tender", "Tender", "choice", choices=TENDERS, synonyms=("method", "payment method", "payment type")),
    Field("channel", "Channel", "choice", choices=CHANNELS),
    Field("last4", "Last 4", length=19, synonyms=("last four", "card last 4", "card")),
    Field("brand", "Brand", length=20, synonyms=("card brand", "card type", "network")),
    Field("authorization", "Authorization", length=20, guarded=False,
          synonyms=("auth", "auth code", "authorization code", "approval")),
    Field("invoice", "Invoice", length=80, guarded=False, synonyms=("invoice number", "invoice reference", "claim")),
    Field("client", "Client", length=80, guarded=False, help="Reference or number",
          synonyms=("client id", "customer", "owner", "patient id")),
    Field("location", "Location", synonyms=("site", "branch", "store")),
    Field("zone", "Time zone", length=60, help="Of a new location"),
    Field("check_number", "Check number", length=20, synonyms=("cheque number", "check no")),
    Field("processor", "Processor", length=40),
    Field("notes", "Notes", length=2_000, synonyms=("memo", "description", "comment")),
)  # fmt: skip
SERVICE_FIELDS = (
    Field("code", "Code", length=60, guarded=False, required=True, synonyms=("sku", "item", "service code", "id")),
    Field("name", "Name", length=160, required=True, synonyms=("service", "description", "item name", "product")),
    Field("price", "Price", "money", required=True, synonyms=("unit price", "amount", "fee", "cost")),
    Field("category", "Category", length=80, synonyms=("group", "department")),
    Field("tax_code", "Tax", length=40, synonyms=("tax code",)),
    Field("procedure", "Procedure", length=80),
    Field("reminder_days", "Reminder after days", "integer", synonyms=("reminder", "reminder interval")),
)
INVOICE_FIELDS = (
    Field("invoice", "Invoice", required=True, length=80, guarded=False,
          synonyms=("invoice number", "invoice id", "invoice reference", "claim id", "claimid", "reference")),
    Field("charged_at", "Charged at", "day_moment", required=True,
          synonyms=("date", "day", "service date", "invoice date")),
    Field("client", "Client", length=80, guarded=False, synonyms=("client id", "owner id", "customer id")),
    Field("patient", "Patient", length=80, guarded=False, synonyms=("patient id", "animal id", "pet id")),
    Field("appointment", "Appointment", length=80, guarded=False, synonyms=("appointment id", "visit id", "encounter")),
    Field("description", "Description", length=300, required=True, synonyms=("item", "service", "notes", "line")),
    Field("service", "Service code", length=60, guarded=False, synonyms=("code", "procedure code", "sku")),
    Field("quantity", "Quantity", "thousandths", synonyms=("qty", "units")),
    Field("unit_price", "Unit price", "money", synonyms=("price", "unit amount", "unitamount")),
    Field("amount", "Amount", "money", synonyms=("total", "line total", "net", "charge")),
    Field("discount", "Discount", "money"),
    Field("tax", "Tax", "money", synonyms=("tax amount",)),
    Field("provider", "Provider", guarded=False, synonyms=("vet", "veterinarian", "doctor", "provider id")),
    Field("due_on", "Due on", "date", synonyms=("due date",)),
)  # fmt: skip


class Clients:
    """Clients by reference or number; a patient's reference finds the client of the patient."""

    def __init__(self, session: ClinicSession) -> None:
        self.ids: dict[str, str] = {}
        self.patients: dict[str, tuple[str, str]] = {}
        for patient_id, client_id, reference in session.execute(
            select(Patient.id, Patient.client_id, Patient.reference).where(Patient.reference != "")
        ):
            self.patients[reference] = (patient_id, client_id)
            self.ids[reference] = client_id
        columns = (Client.id, Client.number, Client.reference, Client.merged_into_id)
        for client_id, number, reference, merged in session.execute(select(*columns)):
            self.ids[str(number)] = merged or client_id
            if reference:
                self.ids[reference] = merged or client_id


PAYMENT_NAMES = ("kind", "amount_cents", "currency", "tender", "event_at", "channel", "last4", "brand",
                 "authorization", "invoice_reference")  # fmt: skip


def plan_payments(ground: Ground, rows: list[Row]) -> Plan:
    """Payments, each allocated to its invoice as far as that is still open. Unknown clients and invoices are kept as
    words, so that a statement of a terminal can be imported before the records it belongs to."""
    session, plan = ground.session, Plan()
    clients, places = Clients(session), Places(ground, plan)
    invoices = OpenInvoices(session)
    references, made_rows, allocations = References(ground, Payment), [], []
    may_give_back = "billing.refund" in authorize(session, ground.by, None)
    counts_on = functools.cache(lambda day: counting_day(session, day))
    for row in rows:
        place = places.of(row) if row.get("location") else None
        zone = place["zone"] if place else ground.clinic.zone
        taken = ground.instant(row, "taken_at", zone)
        amount = _signed(ground, row)
        currency = row.get("currency", ground.clinic.currency).upper()
        if currency != ground.clinic.currency:
            ground.problem(row, "currency", f"'{currency}' is not the clinic's currency {ground.clinic.currency}.")
        last4 = row.get("last4", "").lstrip("*xX•. ")
        if last4 and not (len(last4) == 4 and last4.isdecimal()):
            ground.problem(row, "last4", "it must be the last four digits of the card and nothing else.")
        client_id, notes = _client(ground, row, clients)
        if taken is None or amount is None or not references.first(row):
            continue
        if row.get("kind", "sale") != "sale" and not may_give_back:
            ground.problem(row, "kind", "money that went back is entered only by those who may refund.")
        if taken > ground.now:
            ground.problem(row, "taken_at", "it lies in the future, and money cannot have moved yet.")
        invoice = invoices.find(row.get("invoice", ""))
        made = {
            "id": new_id(), "reference": row.get("reference", ""), "kind": row.get("kind", "sale"),
            "amount_cents": amount, "currency": currency, "tender": row.get("tender", "other"),
            "channel": row.get("channel", "other"), "last4": last4, "brand": row.get("brand", ""),
            "authorization": row.get("authorization", ""), "check_number": row.get("check_number", ""),
            "client_id": client_id or (invoice.client_id if invoice else None),
            "location_id": place["id"] if place else None, "invoice_reference": row.get("invoice", ""),
            "processor": row.get("processor", ""), "day": counts_on(ground.day(taken, zone)), "notes": notes,
            "event_at": taken, "source": "import", "by_user_id": ground.by.user_id,
        }  # fmt: skip
        if references.known(row, made, PAYMENT_NAMES):
            plan.skipped += 1
            continue
        made_rows.append(made)
        if invoice:
            allocations += invoices.allocate(invoice.id, made)
    plan.add(Payment, made_rows)
    plan.add(PaymentAllocation, allocations)
    plan.added = len(made_rows)
    return plan


def _signed(ground: Ground, row: Row) -> int | None:
    """Cents, positive for a sale, negative for a refund or void, however the file signs it."""
    amount: int | None = row.get("amount")
    if amount is None:
        return None
    if row.get("kind", "sale") != "sale":
        return -abs(amount)
    if amount < 0:
        if "kind" in ground.mapping.fields:
            ground.problem(row, "amount", "a sale cannot be negative. Money that went back is a refund.")
        else:
            row.cells["kind"] = "refund"
    return amount


def _client(ground: Ground, row: Row, clients: Clients) -> tuple[str | None, str]:
    """The client and the notes of a payment; a client nobody knows is kept in the notes."""
    named, notes = row.get("client", ""), row.get("notes", "")
    found = clients.ids.get(named)
    if named and found is None:
        ground.notice(row, f"there is no client '{named}'; the payment is kept without one, the name in its notes")
        notes = f"{notes}\nClient: {named}".strip()
    return found, notes


class OpenInvoices:
    """Invoices by reference or number, and what is still to pay on each."""

    def __init__(self, session: ClinicSession) -> None:
        self.rows: dict[str, Any] = {}
        for row in session.execute(select(Invoice.id, Invoice.number, Invoice.reference, Invoice.client_id)):
            self.rows.setdefault(str(row.number), row)
            if row.reference:
                self.rows[row.reference] = row
        self.left: dict[str, int] = defaultdict(int)
        owed = select(InvoiceLine.invoice_id, func.sum(InvoiceLine.net_cents + InvoiceLine.tax_cents))
        for invoice_id, cents in session.execute(owed.group_by(InvoiceLine.invoice_id)):
            self.left[invoice_id] += int(cents)
        paid = select(PaymentAllocation.invoice_id, func.sum(PaymentAllocation.amount_cents))
        for invoice_id, cents in session.execute(paid.group_by(PaymentAllocation.invoice_id)):
            self.left[invoice_id] -= int(cents)
        self.paid: dict[str, int] = defaultdict(int)

    def find(self, word: str) -> Any:
        """The invoice's row, or None."""
        return self.rows.get(word) if word else None

    def allocate(self, invoice_id: str, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """The part of a payment that pays the invoice; what is over stays the client's credit."""
        cents = payment["amount_cents"]
        part = min(cents, max(self.left[invoice_id], 0)) if cents > 0 else max(cents, -self.paid[invoice_id])
        if not part:
            return []
        self.left[invoice_id] -= part
        self.paid[invoice_id] += part
        return [
            {"id": new_id(), "payment_id": payment["id"], "invoice_id": invoice_id, "amount_cents": part,
             "event_at": payment["event_at"], "source": "import", "by_user_id": payment["by_user_id"]}
        ]  # fmt: skip


def plan_services(ground: Ground, rows: list[Row]) -> Plan:
    """The price list. A code that is here already with another name or price is refused, not overwritten."""
    plan, made = Plan(), {}
    known = definitions.load_all(ground.session, SERVICE)
    seen: dict[str, int] = {}
    for row in rows:
        code = "-".join(row.get("code", "").lower().split())
        if not code or row.get("name") is None or row.get("price") is None:
            continue
        if row.cells["price"] < 0:
            ground.problem(row, "price", "a price cannot be negative.")
            continue
        if code in seen:
            ground.problem(row, "code", f"'{code}' already stands in row {seen[code]}.")
            continue
        seen[code] = row.number
        days = row.get("reminder_days") or None
        if days is not None and not 1 <= days <= 3650:
            ground.problem(row, "reminder_days", "it must lie between 1 and 3650.")
            continue
        document = ServiceDocument(
            name=row.cells["name"], price_cents=row.cells["price"], category=row.get("category", ""),
            tax_code=row.get("tax_code", ""), procedure=row.get("procedure", ""), reminder_days=days,
        )  # fmt: skip
        stored = known.get(code)
        if stored is None:
            made[code] = document
        elif (stored.name, stored.price_cents) == (document.name, document.price_cents):
            plan.skipped += 1
        else:
            different = "price" if stored.name == document.name else "name"
            ground.problem(row, "code", f"'{code}' is already here with another {different}. Change it in Settings.")
    if made:
        plan.finish.append(lambda session, run_id: _define_services(session, made, run_id, ground.by.user_id))
    plan.added = len(made)
    return plan


def _define_services(
    session: ClinicSession, made: dict[str, ServiceDocument], run_id: str, by_user_id: str | None
) -> None:
    hidden = select(Service).where(Service.code.in_(made)).execution_options(include_deleted=True)
    for row in session.scalars(hidden):
        row.deleted_at = None
    session.flush()
    for code, document in made.items():
        definitions.save(session, SERVICE, code, document, by_user_id=by_user_id, comment="import")
        adopt_definition(session, SERVICE.name, code, run_id)
    adopt(session, Service, run_id, Service.code.in_(made))


def plan_invoices(ground: Ground, rows: list[Row]) -> Plan:
    """Invoices: each row one charge, rows of the same invoice together. An invoice that is here already must hold
    the same charges."""
    session, plan = ground.session, Plan()
    clients, people = Clients(session), People(ground)
    services = {code: (service_id, name) for code, service_id, name in _services(session)}
    visits = {r: i for r, i in session.execute(select(Appointment.reference, Appointment.id)) if r}
    stored = _stored_charges(session)
    heads: dict[str, dict[str, Any]] = {}
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        reference, line = row.get("invoice", ""), _line(ground, row, services, people)
        patient = clients.patients.get(row.get("patient", ""))
        client_id = clients.ids.get(row.get("client", "")) or (patient[1] if patient else None)
        if client_id is None:
            field = "client" if row.get("client") or not row.get("patient") else "patient"
            word = row.get(field, "")
            told = f"there is no {field} '{word}'." if word else "it is empty, and an invoice needs a client."
            ground.problem(row, field, told)
        if line is None or client_id is None or not reference:
            continue
        line["patient_id"] = patient[0] if patient else None
        head = heads.get(reference)
        if head is None:
            heads[reference] = {
                "id": new_id(), "reference": reference, "client_id": client_id, "issued_on": line["day"],
                "appointment_id": visits.get(row.get("appointment", "")), "due_on": row.get("due_on"),
                "currency": ground.clinic.currency, "_row": row,
            }  # fmt: skip
        elif head["client_id"] != client_id:
            ground.problem(row, "invoice", f"'{reference}' belongs to another client in row {head['_row'].number}.")
        else:
            head["issued_on"] = min(head["issued_on"], line["day"])
        lines[reference].append(line)
    all_lines, events, made_heads = [], [], []
    for reference, head in heads.items():
        first = head.pop("_row")
        if reference in stored:
            if stored[reference] == sorted((x["day"], x["net_cents"], x["tax_cents"]) for x in lines[reference]):
                plan.skipped += len(lines[reference])
            else:
                ground.problem(first, "invoice", f"'{reference}' is already here with other charges.")
            continue
        made_heads.append(head)
        owed = 0
        for line in lines[reference]:
            line["invoice_id"] = head["id"]
            owed += line["net_cents"] + line["tax_cents"]
            all_lines.append(line)
        opened = min(line["event_at"] for line in lines[reference])
        events.append(
            {"id": new_id(), "invoice_id": head["id"], "kind": "opened", "amount_cents": owed, "event_at": opened,
             "source": "import", "by_user_id": ground.by.user_id}
        )  # fmt: skip
    plan.add(Invoice, made_heads)
    plan.add(InvoiceLine, all_lines)
    plan.add(InvoiceEvent, events)
    plan.added = len(all_lines)
    return plan


def _services(session: ClinicSession) -> Any:
    return session.execute(select(Service.code, Service.id, Service.name))


def _stored_charges(session: ClinicSession) -> dict[str, list[tuple[Any, int, int]]]:
    statement = (
        select(Invoice.reference, InvoiceLine.day, InvoiceLine.net_cents, InvoiceLine.tax_cents)
        .join(InvoiceLine, (InvoiceLine.clinic_id == Invoice.clinic_id) & (InvoiceLine.invoice_id == Invoice.id))
        .where(Invoice.reference != "")
    )
    found: dict[str, list[tuple[Any, int, int]]] = defaultdict(list)
    for reference, day, net, tax in session.execute(statement):
        found[reference].append((day, net, tax))
    return {reference: sorted(charges) for reference, charges in found.items()}


def _line(ground: Ground, row: Row, services: dict[str, tuple[str, str]], people: People) -> dict[str, Any] | None:
    """The charge of a row: net = quantity x unit price - discount, checked against the amount where both are given."""
    charged: datetime | None = ground.instant(row, "charged_at")
    quantity, unit, discount = row.get("quantity", 1000), row.get("unit_price"), row.get("discount", 0)
    amount = row.get("amount")
    if unit is None and amount is None:
        ground.problem(row, "amount", "it is empty; a charge needs an amount or a unit price.")
        return None
    if unit is None:
        unit, quantity = amount + discount, 1000
    net = (quantity * unit + (500 if quantity * unit >= 0 else -500)) // 1000 - discount
    if amount is not None and abs(amount - net) > 1:
        ground.problem(row, "amount", "it is not quantity x unit price - discount.")
        return None
    provider = row.get("provider")
    provider_id = people.find(provider) if provider else None
    if provider and provider_id is None:
        ground.problem(row, "provider", f"there is nobody called '{provider}' among the staff.")
    if charged is None or row.get("description") is None:
        return None
    service = services.get(row.get("service", "").lower())
    return {
        "id": new_id(), "day": ground.day(charged), "event_at": charged, "source": "import",
        "by_user_id": ground.by.user_id, "service_id": service[0] if service else None,
        "description": row.cells["description"], "quantity": quantity, "unit_price_cents": unit,
        "discount_cents": discount, "net_cents": net if amount is None else amount, "tax_cents": row.get("tax", 0),
        "provider_id": provider_id,
    }  # fmt: skip


SERVICES = register(
    Importer("services", "Services", SERVICE_FIELDS, plan_services, "The price list, one row each.", 25, "code"),
    "service", "prices", "pricelist",
)  # fmt: skip
INVOICES = register(
    Importer("invoices", "Invoices", INVOICE_FIELDS, plan_invoices, "Charges, one row each line.", 40, "invoice"),
    "invoice", "charges", "lines",
)  # fmt: skip
PAYMENTS = register(
    Importer("payments", "Payments", PAYMENT_FIELDS, plan_payments, "Money that moved, one row each payment.", 45),
    "payment",
)  # fmt: skip
