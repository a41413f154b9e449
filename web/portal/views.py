"""What the portal's pages show, as finished words: nothing is left to format or to decide in a template."""

from __future__ import annotations

from dataclasses import dataclass

from billing.amounts import quantity_text
from billing.history import InvoiceSummary, state_of
from billing.payments import TENDERS
from billing.portal.account import Account, Shown
from billing.tickets import Line, Paid
from data.models import Clinic
from data.types import clock
from data.wording import Wording

STATES = {
    "open": ("Open", "warm"), "part paid": ("Part paid", "warm"), "overdue": ("Overdue", "bad"),
    "paid": ("Paid", "good"), "forgiven": ("Nothing due", "quiet"), "draft": ("Payment asked for", "warm"),
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One invoice in the list."""

    id: str
    title: str
    facts: str
    amount: str
    state: str
    tone: str


@dataclass(frozen=True)
class Overview:
    """The list."""

    name: str
    due: str
    owes: bool
    open: list[Entry]
    settled: list[Entry]


@dataclass(frozen=True)
class Position:
    """One line of an invoice, or one payment of it."""

    title: str
    notes: list[str]
    amount: str


@dataclass(frozen=True)
class Button:
    """An amount that can be paid now."""

    request: str
    words: str


@dataclass(frozen=True)
class Bill:
    """One invoice."""

    id: str
    number: int
    facts: str
    state: str
    tone: str
    lines: list[Position]
    sums: list[tuple[str, str]]
    total: str
    payments: list[Position]
    due: tuple[str, str]
    buttons: list[Button]
    paper: str


@dataclass(frozen=True)
class News:
    """What is known of a payment the client comes back from."""

    words: str
    tone: str
    waits: bool = False


def account(found: Account, clinic: Clinic) -> Overview:
    """The list of invoices."""
    words = Wording.of(clinic)
    return Overview(
        found.name, words.money(found.open_cents), found.open_cents > 0,
        [_entry(one, found, words) for one in found.open], [_entry(one, found, words) for one in found.settled],
    )  # fmt: skip


def _entry(one: InvoiceSummary, found: Account, words: Wording) -> Entry:
    state, tone = STATES.get(one.state, (one.state.capitalize(), "quiet"))
    is_due = one.open_cents and one.due_on and one.state != "draft"
    day = f"due {words.day(one.due_on)}" if is_due else words.day(one.issued_on)
    facts = " · ".join(fact for fact in (found.patients.get(one.id, ""), f"Invoice {one.number}", day) if fact)
    amount = words.money(one.open_cents or one.charged_cents)
    return Entry(one.id, one.description or f"Invoice {one.number}", facts, amount, state, tone)


def invoice(shown: Shown, clinic: Clinic) -> Bill:
    """One invoice: what was charged, what was paid, what can be paid."""
    words, ticket = Wording.of(clinic), shown.ticket
    stands = ticket.standing
    state, tone = _state(shown, words)
    facts = [words.day(ticket.issued_on), ticket.patient]
    if stands.balance and stands.document == "open" and ticket.due_on:
        facts.append(f"due {words.day(ticket.due_on)}")
    sums = []
    if (
        ticket.discounts_cents
        or ticket.subsidies_cents
        or any(cents and not inside for _, cents, inside in ticket.taxes)
    ):
        sums.append(("Subtotal", words.money(ticket.gross_cents)))
    if ticket.discounts_cents:
        sums.append(("Discounts", words.money(-ticket.discounts_cents)))
    for fund in dict.fromkeys(line.fund for line in ticket.lines if line.subsidy_cents):
        cents = sum(line.subsidy_cents for line in ticket.lines if line.fund == fund)
        sums.append((f"Paid by {fund}", words.money(-cents)))
    sums += [(label, words.money(cents)) for label, cents, inside in ticket.taxes if cents and not inside]
    if stands.forgiven:
        due = ("Nothing due", "")
    elif stands.overpaid:
        due = ("In your favor", words.money(stands.overpaid))
    else:
        due = ("Due", words.money(stands.balance))
    return Bill(
        ticket.id, ticket.number, " · ".join(fact for fact in facts if fact), state, tone,
        [_line(line, words) for line in ticket.lines], sums, words.money(stands.total),
        [_paid(paid, words) for paid in ticket.payments if not paid.is_voided and paid.kind != "void"], due,
        [Button(one.request_id, f"Pay {words.money(one.amount_cents)}") for one in shown.asked],
        "Receipt" if stands.paid > 0 or not stands.balance else "Invoice",
    )  # fmt: skip


def _state(shown: Shown, words: Wording) -> tuple[str, str]:
    ticket = shown.ticket
    return STATES.get(state_of(ticket.standing, ticket.due_on, clock.today(words.zone)), ("Closed", "quiet"))


def _line(line: Line, words: Wording) -> Position:
    notes = []
    if line.quantity != 1000:
        notes.append(f"{quantity_text(line.quantity, locale=words.locale)} × {words.money(line.unit_price_cents)}")
    if line.discount_cents:
        notes.append(f"{words.money(line.discount_cents)} off")
    return Position(line.description, notes, words.money(line.gross_cents))


def _paid(paid: Paid, words: Wording) -> Position:
    kind = "Given back, " if paid.kind == "refund" else "Deposit, " if paid.deposit else ""
    how = f"{kind}{TENDERS.get(paid.tender, paid.tender.capitalize())} {paid.detail.split(',')[0]}".strip()
    return Position(how, [words.moment(paid.at)], words.money(paid.allocated_cents))


def news(state: tuple[str, int] | None, clinic: Clinic) -> News | None:
    """What to say to a client who comes back from the processor's page."""
    if state is None:
        return None
    amount = Wording.of(clinic).money(state[1])
    match state[0]:
        case "paid":
            return News(f"Thank you. Your payment of {amount} has arrived.", "good")
        case "open":
            return News("Nothing was paid. You can pay again below.", "quiet")
        case "live":
            return News(
                "Your payment is being confirmed. This page looks again by itself; if you did not pay, go on below.",
                "quiet", waits=True,
            )  # fmt: skip
        case _:
            return News("This payment was not made. If something is still due, pay it below.", "warm")
