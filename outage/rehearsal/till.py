"""The money part of a practice: card slips over what is open of the day's tickets, and the batch of the terminal that
took them.

A slip is dealt for every ticket with something open, onto the blank slips of the printed pack. They are keyed like any
other; the terminal's batch is a plain settlement file (docs/settlements.md), so that it is matched like a real one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from sqlalchemy import select

from billing import checkout, ledger
from billing.fees import Terms
from billing.payments import BRANDS
from billing.processors.settings import Processor
from data.models import Appointment, CardSlip, Client, Clinic, FormSheet, Outage, PaymentMatch, PaymentMatchPart
from data.session import ClinicSession
from outage.account import SLIPS_A_SHEET
from outage.slips import NewSlip, destroy_slips, key_slip
from security.actor import Actor
from security.rules import look

TERMINAL = "practice-terminal"
RATE = Terms(26_000, 10)
"""What the practised terminal takes."""
COLUMNS = ("reference", "batch", "settled_on", "processed_at", "amount", "fee", "currency", "kind", "status", "last4",
           "brand", "authorization")  # fmt: skip


@dataclass(frozen=True)
class Dealt:
    """One slip as it was written: whose it is, and what the terminal answered. ``taken_at`` is an ISO instant."""

    serial: int
    part: int
    amount_cents: int
    taken_at: str
    last4: str
    brand: str
    authorization: str
    payer: str
    appointment_id: str
    visit: int

    @property
    def name(self) -> str:
        """``118-2``."""
        return f"{self.serial}-{self.part}"

    @property
    def at(self) -> datetime:
        """When the card was taken."""
        return datetime.fromisoformat(self.taken_at)


def terminal() -> Processor:
    """The terminal of a practice."""
    return Processor(label="Practice terminal", type="terminal", rate_millionths=RATE.rate_millionths,
                     per_item_cents=RATE.per_item_cents)  # fmt: skip


def deal_over(outage_id: str, day: date, serials: Collection[int], *, by: Actor, seed: int = 1) -> list[Dealt]:
    """A slip for each ticket of a day with something open, on the blank slips among ``serials``, as far as these go.
    Raises NotPermitted."""
    rng = Random(seed)  # noqa: S311 - made-up data
    with look(by, "outage.enter") as session:
        outage = session.get_one(Outage, (session.clinic_id, outage_id))
        places = _blank(session, serials)
        owed = [(visit, cents) for visit, cents in _tickets(session, day) if cents > 0][: len(places)]
        minutes = ((outage.ended_at or outage.began_at) - outage.began_at).total_seconds() / 60
        dealt = []
        for number, ((visit, cents), (serial, part)) in enumerate(zip(owed, places, strict=False)):
            at = outage.began_at + timedelta(minutes=round(minutes * (0.4 + 0.58 * number / len(owed))))
            client = session.get_one(Client, (session.clinic_id, visit.client_id))
            dealt.append(
                Dealt(
                    serial, part, cents, at.isoformat(), f"{rng.randrange(10_000):04d}", rng.choice(BRANDS[:2]),
                    f"{rng.randrange(100_000, 1_000_000)}", f"{client.first_name} {client.last_name}".strip(),
                    visit.id, visit.number,
                )
            )  # fmt: skip
        return dealt


def unkeyed(slips: Sequence[Dealt], *, by: Actor) -> list[Dealt]:
    """Those of the dealt slips that nobody keyed yet. Raises NotPermitted."""
    with look(by, "outage.enter") as session:
        return left_of(session, slips)


def key_rest(slips: Sequence[Dealt], day: date, *, by: Actor) -> int:
    """Key what is left of the slips, complete the tickets that ask for nothing more, and write down that the paper is
    destroyed. Returns how many slips were keyed. Raises what ``key_slip`` and ``complete_checkout`` raise."""
    left = unkeyed(slips, by=by)
    for one in left:
        key_slip(
            NewSlip(one.serial, one.part, one.amount_cents, one.at, one.last4, one.brand, one.authorization, one.payer,
                    one.appointment_id),
            by=by,
        )  # fmt: skip
    at = {one.appointment_id: one.at for one in slips}
    with look(by, "outage.enter") as session:
        done = [
            (found.id, at.get(visit.id))
            for visit, cents in _tickets(session, day)
            if not cents and (found := checkout.invoice_of(session, visit.id)) is not None
            and ledger.standing_of(session, found.id).document == "draft"
        ]  # fmt: skip
        serials = {one.serial for one in slips}
        rows = select(CardSlip.id).join(
            FormSheet, (FormSheet.clinic_id == CardSlip.clinic_id) & (FormSheet.id == CardSlip.form_sheet_id)
        )
        paper = list(
            session.scalars(
                rows.where(FormSheet.serial.in_(serials), CardSlip.destroyed_at.is_(None),
                           CardSlip.payment_id.is_not(None))
            )
        )  # fmt: skip
    for invoice_id, when in done:
        checkout.complete_checkout([invoice_id], by=by, event_at=when, source="paper")
    if paper:
        destroy_slips(paper, by=by)
    return len(left)


def batch_of(slips: Sequence[Dealt], settled_on: date, clinic: Clinic) -> bytes:
    """What the terminal sent in at night, as a plain settlement file."""
    places = get_currency_precision(clinic.currency)
    zone = ZoneInfo(clinic.zone)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for number, one in enumerate(slips, 1):
        amount, fee = (_plain(cents, places) for cents in (one.amount_cents, RATE.fee(one.amount_cents)))
        table.writerow([
            f"PT-{settled_on:%Y%m%d}-{number:03d}", f"PB-{settled_on:%Y%m%d}", settled_on.isoformat(),
            one.at.astimezone(zone).isoformat(), amount, fee, clinic.currency, "sale", "settled", one.last4, one.brand,
            one.authorization,
        ])  # fmt: skip
    return out.getvalue().encode()


def left_of(session: ClinicSession, slips: Sequence[Dealt]) -> list[Dealt]:
    """Those of the dealt slips that nobody keyed yet, within a rule."""
    known = _rows(session, slips)
    return [one for one in slips if (one.serial, one.part) not in known]


def met(session: ClinicSession, slips: Sequence[Dealt]) -> int:
    """How many of the dealt slips were keyed and met the settlement."""
    paid = [row.payment_id for row in _rows(session, slips).values() if row.payment_id]
    matched = (
        select(PaymentMatchPart.payment_id)
        .join(PaymentMatch, (PaymentMatch.clinic_id == PaymentMatchPart.clinic_id)
              & (PaymentMatch.id == PaymentMatchPart.match_id))
        .where(PaymentMatchPart.payment_id.in_(paid), PaymentMatchPart.stands, PaymentMatch.state == "accepted")
    )  # fmt: skip
    return len(set(session.scalars(matched))) if paid else 0


def kept(slips: Sequence[Dealt]) -> list[dict[str, Any]]:
    """As they are kept beside the practice."""
    return [asdict(one) for one in slips]


def again(told: Sequence[Mapping[str, Any]]) -> list[Dealt]:
    """The slips that ``kept`` wrote down."""
    return [Dealt(**one) for one in told]


def _tickets(session: ClinicSession, day: date) -> list[tuple[Appointment, int]]:
    """The visits of a day that have a living ticket, by number, with what is open of it."""
    found = []
    for visit in session.scalars(select(Appointment).where(Appointment.day == day).order_by(Appointment.number)):
        invoice = checkout.invoice_of(session, visit.id)
        stands = ledger.standing_of(session, invoice.id) if invoice else None
        if stands is not None and stands.is_live:
            found.append((visit, stands.balance))
    return found


def _blank(session: ClinicSession, serials: Collection[int]) -> list[tuple[int, int]]:
    """The slips that nobody used, by sheet and part."""
    sheets = select(FormSheet.serial).where(
        FormSheet.serial.in_(serials), FormSheet.form == "card-slip", FormSheet.state == "printed"
    )
    return [
        (serial, part)
        for serial in session.scalars(sheets.order_by(FormSheet.serial))
        for part in range(1, SLIPS_A_SHEET + 1)
    ]


def _rows(session: ClinicSession, slips: Sequence[Dealt]) -> dict[tuple[int, int], CardSlip]:
    rows = session.execute(
        select(CardSlip, FormSheet.serial)
        .join(FormSheet, (FormSheet.clinic_id == CardSlip.clinic_id) & (FormSheet.id == CardSlip.form_sheet_id))
        .where(FormSheet.serial.in_({one.serial for one in slips}))
    )
    return {(serial, row.part): row for row, serial in rows}


def _plain(cents: int, places: int) -> str:
    return f"{cents // 10**places}.{cents % 10**places:0{places}d}" if places else str(cents)
