"""What an outage took: drugs out of bottles, and payments by card slip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy import select

from data.models import (
    Bottle,
    CardSlip,
    Drug,
    DrugLogEntry,
    Outage,
    Payment,
    PaymentRequest,
)
from data.session import ClinicSession
from data.types import clock
from outage.account import Account, BottleFacts, Line, PaymentFacts, SlipFacts
from outage.account_settled import read_settled
from outage.outages import days_of


def read_drugs(session: ClinicSession, account: Account, stored: Outage) -> None:
    """The drug lines that count, and the bottles that lines or paper name."""
    ended = stored.ended_at or clock.now()
    sheets = account.sheets.values()
    keyed = DrugLogEntry.form_sheet_id.in_(list(account.sheets))
    visits = set(account.visits) | {sheet.appointment_id for sheet in sheets if sheet.appointment_id}
    bottles = {sheet.bottle_id for sheet in sheets if sheet.bottle_id}
    columns = (DrugLogEntry.id, DrugLogEntry.bottle_id, DrugLogEntry.appointment_id, DrugLogEntry.delta)
    reads = (  # each by an index; joined by "or" they would read the whole log
        DrugLogEntry.bottle_id.in_(select(Bottle.id)) & DrugLogEntry.event_at.between(stored.began_at, ended),
        (DrugLogEntry.source == "paper") & DrugLogEntry.appointment_id.in_(list(account.visits)),
        DrugLogEntry.appointment_id.in_(visits) & keyed,
        DrugLogEntry.bottle_id.in_(bottles) & keyed,
    )
    lines = {
        row.id: row
        for mine in reads
        for row in session.execute(select(*columns).where(DrugLogEntry.kind == "use", mine))
    }
    found = [lines[one] for one in sorted(lines)]
    undone = select(DrugLogEntry.reverses_id).where(DrugLogEntry.reverses_id.in_([row.id for row in found]))
    reversed_ids = set(session.scalars(undone)) if found else set()
    account.lines = [Line(row[0], row[1], row[2], -row[3]) for row in found if row[0] not in reversed_ids]
    entries = [sheet.entry for sheet in account.sheets.values() if sheet.entry]
    written = {line.bottle.casefold() for entry in entries for line in entry.drugs if line.bottle}
    ids = {line.bottle_id for line in account.lines} | bottles
    statement = select(Bottle.id, Bottle.number, Drug.name, Drug.strength, Drug.unit).join(
        Drug, (Drug.clinic_id == Bottle.clinic_id) & (Drug.id == Bottle.drug_id)
    )
    stock = list(session.execute(statement))
    account.named = meant(written, {row[1]: row[0] for row in stock})
    ids |= set(account.named.values())
    for bottle_id, number, name, strength, unit in stock:
        if bottle_id in ids:
            account.bottles[bottle_id] = BottleFacts(bottle_id, number, f"{name} {strength}".strip(), unit)


def meant(written: Iterable[str], stock: Mapping[str, str]) -> dict[str, str]:
    """Which bottle each number on paper means: the one that has it, else the only one that differs by a leading B, #,
    dash or zeros."""
    known = {number.casefold(): bottle for number, bottle in stock.items()}
    alike: dict[str, list[str]] = defaultdict(list)
    for number, bottle in known.items():
        alike[number.lstrip("b0-#")].append(bottle)
    found = {}
    for number in written:
        near = alike.get(number.lstrip("b0-#")) or []
        if number in known:
            found[number] = known[number]
        elif len(near) == 1 and number.lstrip("b0-#"):
            found[number] = near[0]
    return found


ASKED = ("open", "live")
"""States of a payment request that may still be paid."""


def read_slips(session: ClinicSession, account: Account, stored: Outage) -> None:
    """The slips that were keyed, and the payments by slip of its time, those without a slip too."""
    paid: set[str] = set()
    standing = (PaymentRequest.card_slip_id.is_not(None), PaymentRequest.state.in_(ASKED))
    asked = set(session.scalars(select(PaymentRequest.card_slip_id).where(*standing)))
    for slip in session.scalars(select(CardSlip).where(CardSlip.outage_id == stored.id).order_by(CardSlip.part)):
        sheet = account.sheets.get(slip.form_sheet_id)
        if sheet is not None:
            sheet.parts[slip.part] = SlipFacts(
                slip.id, slip.part, slip.amount_cents, slip.payment_id, slip.reason, slip.destroyed_at is not None,
                slip.appointment_id, bool(slip.authorization or slip.payment_id), slip.id in asked,
            )  # fmt: skip
        if slip.payment_id:
            paid.add(slip.payment_id)
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    in_time = (
        Payment.day.between(first - timedelta(days=1), last + timedelta(days=1))  # days of places in other zones
        & (Payment.channel == "slip")
        & Payment.event_at.between(stored.began_at, stored.ended_at or clock.now())
        & (Payment.source == "paper")
    )
    elsewhere = select(CardSlip.payment_id).where(CardSlip.payment_id.is_not(None), CardSlip.outage_id != stored.id)
    columns = (Payment.id, Payment.reference, Payment.amount_cents, Payment.day)
    taken = {
        row.id: row
        for mine in (Payment.id.in_(paid), in_time & Payment.id.not_in(elsewhere))
        for row in session.execute(select(*columns).where(Payment.kind == "sale", mine))
    }
    found = [taken[one] for one in sorted(taken)]
    voids = select(Payment.reverses_id).where(
        Payment.kind == "void", Payment.reverses_id.in_([row.id for row in found])
    )  # fmt: skip
    voided = set(session.scalars(voids)) if found else set()
    for payment_id, reference, cents, day in found:
        is_void = payment_id in voided
        account.payments[payment_id] = PaymentFacts(
            payment_id, reference, 0 if is_void else cents, cents, is_void, day
        )  # fmt: skip
    read_settled(session, account, first)
