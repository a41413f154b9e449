"""The receipt (or, while something is open, the invoice) as a PDF that looks like every other print of the clinic."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.amounts import quantity_text
from billing.letterhead import letterhead, template
from billing.payments import TENDERS
from billing.printed import SECONDS
from billing.tickets import Line, Paid, Ticket, ticket
from data.errors import EnvironmentFailure
from data.models import Clinic
from data.wording import Wording
from security.actor import Actor
from security.clinics import clinic_of
from security.profile import ClinicProfile, profile
from security.rules import look

ROOT = Path(__file__).resolve().parent.parent
_presses = threading.BoundedSemaphore(3)
"""Printing at a time: each is a process of its own, and anybody at the counter may ask for many."""


class NotPrinted(EnvironmentFailure):
    """The receipt could not be printed just now. The payment is safe: try again, or print it from the invoice later."""


@dataclass(frozen=True)
class Printed:
    """A PDF and the name it is saved under."""

    file_name: str
    content: bytes


def receipt(invoice_id: str, *, by: Actor) -> Printed:
    """The receipt of an invoice. Raises NotPermitted, NotFound, NotPrinted."""
    shown = ticket(invoice_id, by=by)
    with look(by, "billing.view") as session:
        about = profile(session)
    html = template("receipt.html").render(facts_of(shown, clinic_of(by.clinic_id), about))
    return Printed(f"receipt-{shown.number}.pdf", pdf_of(html))


def pdf_of(html: str) -> bytes:
    """The PDF of a page of HTML, made in a child process with a deadline. Raises NotPrinted."""
    command = [sys.executable, "-m", "billing.printed"]
    if not _presses.acquire(timeout=SECONDS + 5):
        raise NotPrinted()
    try:
        done = subprocess.run(
            command, input=html.encode(), capture_output=True, timeout=SECONDS + 5, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotPrinted() from None
    finally:
        _presses.release()
    if done.returncode or not done.stdout.startswith(b"%PDF"):
        raise NotPrinted()
    return done.stdout


def facts_of(shown: Ticket, clinic: Clinic, about: ClinicProfile) -> dict[str, Any]:
    """What the template prints: finished words, no numbers left to format."""
    words = Wording.of(clinic)
    stands = shown.standing
    is_receipt = stands.paid > 0 or stands.balance == 0
    sums = []
    if shown.discounts_cents or shown.subsidies_cents or any(not included for *_, included in shown.taxes):
        sums.append(("Subtotal", words.money(shown.gross_cents)))
    sums += [(reason, words.money(-cents)) for reason, cents in shown.discounts]
    for name, cents in _by_fund(shown.lines):
        sums.append((name, words.money(-cents)))
    sums += [(label, words.money(cents)) for label, cents, included in shown.taxes if not included]
    due = (
        ("Change owed to you", words.money(stands.overpaid))
        if stands.overpaid
        else ("Due", words.money(stands.balance))
    )
    return {
        **letterhead(clinic, about),
        "heading": "Receipt" if is_receipt else "Invoice",
        "number": shown.number,
        "issued": words.day(shown.issued_on, style="long"),
        "client": shown.client,
        "patient": shown.patient,
        "stamp": {"void": "VOID", "forgiven": "FORGIVEN", "draft": "" if is_receipt else "DRAFT"}.get(
            stands.document, ""
        ),
        "lines": [_line(line, words) for line in shown.lines],
        "sums": sums,
        "total": ("Total", words.money(stands.total)),
        "included": [(f"of which {label}", words.money(cents)) for label, cents, included in shown.taxes if included],
        "payments": [_paid(paid, words) for paid in shown.payments],
        "due": due,
        "thanks": "Thank you." if not stands.balance else "Please keep this for your records.",
    }


def _line(line: Line, words: Wording) -> dict[str, Any]:
    notes = [f"Part of {line.package}"] if line.package_id else []
    if line.discount_cents and not line.package_id:
        why = f" ({line.discount_reason})" if line.discount_reason else ""
        notes.append(f"Discount {words.money(line.discount_cents)}{why}")
    if line.subsidy_cents:
        notes.append(f"{line.fund} pays {words.money(line.subsidy_cents)}")
    return {
        "description": line.description,
        "quantity": quantity_text(line.quantity, locale=words.locale),
        "price": words.money(line.unit_price_cents),
        "amount": words.money(line.gross_cents),
        "notes": notes,
    }


def _paid(paid: Paid, words: Wording) -> dict[str, Any]:
    kind = {"refund": "Refund, ", "void": "Voided, "}.get(paid.kind, "") + ("Deposit, " if paid.deposit else "")
    how = kind + TENDERS.get(paid.tender, paid.tender.capitalize())
    notes = []
    if paid.tendered_cents and paid.tendered_cents > paid.amount_cents:
        handed, change = words.money(paid.tendered_cents), words.money(paid.tendered_cents - paid.amount_cents)
        notes.append(f"Handed over {handed}, change {change}")
    if paid.allocated_cents != paid.amount_cents:
        notes.append(f"Part of a payment of {words.money(paid.amount_cents)}")
    return {
        "day": words.moment(paid.at),
        "how": f"{how} {paid.detail}".strip(),
        "reference": paid.reference,
        "amount": words.money(paid.allocated_cents),
        "notes": notes,
    }


def _by_fund(lines: list[Line]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for line in lines:
        if line.subsidy_cents:
            sums[line.fund] = sums.get(line.fund, 0) + line.subsidy_cents
    return list(sums.items())
