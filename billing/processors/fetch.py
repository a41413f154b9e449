"""Settlements and charges by a processor's API, for some days. They come in by the one landing rule, as files do."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing.processors.known import adapter_for, settings_of
from billing.settlement.files import setting_of
from billing.settlement.land import Landed, land_settlement
from billing.settlement.rows import Reading
from billing.settlement.sources import authorize_net, elavon, mx, stripe
from data.errors import BadInput
from data.models import Clinic, SettledTransaction
from security.actor import Actor
from security.rules import look

MOST_DAYS = 100


class TooManyDays(BadInput):
    """Fetch at most {most} days at a time."""


def fetch_settlements(slug: str, first: date, last: date, *, by: Actor, key: str | None = None) -> Landed:
    """Fetch what a processor settled on some days, both included, and bring it in. What is here already stays.

    Raises TooManyDays, ProcessorUnready, ProcessorSilent, ProcessorRefused, ImportRefused, NotFound, NotPermitted.
    """
    if not timedelta() <= last - first <= timedelta(days=MOST_DAYS):
        raise TooManyDays(most=MOST_DAYS)
    with look(by, "reconciliation.use") as session:
        document = settings_of(session, slug)
        adapter = adapter_for(session, slug)
        clinic = session.get_one(Clinic, session.clinic_id)
        setting = setting_of(clinic, ZoneInfo(document.zone or clinic.zone))
        known = frozenset(
            session.scalars(
                select(SettledTransaction.reference).where(
                    SettledTransaction.processor == slug, SettledTransaction.status == "settled",
                    SettledTransaction.batch_id.is_not(None),
                )
            )
        )  # fmt: skip
    name = f"{document.label} {first.isoformat()} to {last.isoformat()}"
    reading = Reading(name, document.type, document.type)
    digest = hashlib.sha256(f"{slug} {first} {last} {datetime.now(ZoneInfo('UTC')).isoformat()}".encode())
    for _, answer in adapter.settlements(first, last, known):
        if document.type == "stripe":
            part = stripe.read_document(answer, name)
        elif document.type == "authorize_net":
            part = authorize_net.read_document(answer, name, setting)
        elif document.type == "elavon":
            part = elavon.read_document(answer, name, setting)
        else:
            part = mx.read_document(answer, name, setting)
        reading.rows += part.rows
        reading.batches += part.batches
        reading.problems += part.problems
        reading.remarks += part.remarks
        digest.update(json.dumps(len(part.rows)).encode())
    reading.sha256 = digest.hexdigest()
    return land_settlement(reading, by=by, processor=slug, key=key)
