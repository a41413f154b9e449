"""How the parts of this installation are, for the watcher of the status page: ages, days and states, no person."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from data.models import BackupRun, Clinic, ClinicSecret, Heartbeat, OutboxMessage, VaultAddress
from data.session import ClinicSession, everywhere, read
from data.types import clock
from messages.outbox import came_back
from outage.status_secret import NAME, opened

WENT = "sent"


def detail(secret: str) -> dict[str, Any] | None:
    """What the watcher that holds this secret may know; None for a secret that is no clinic's.

    ``worker.age`` and ``backup.age`` are seconds, None where there was none yet. ``clinics`` are those with this
    secret, each under a name that says nothing: its calendar day with the instant it began, and how its Vault went.
    """
    with everywhere() as session:
        clinics = [
            clinic
            for clinic, row in session.execute(
                select(Clinic, ClinicSecret)
                .join(ClinicSecret, ClinicSecret.clinic_id == Clinic.id)
                .where(ClinicSecret.name == NAME, ClinicSecret.deleted_at.is_(None), Clinic.closed_at.is_(None))
            )
            if hmac.compare_digest(opened(row.body).encode(), secret.encode())
        ]
        if not clinics:
            return None
        ids = [clinic.id for clinic in clinics]
        beat = session.scalars(
            select(Heartbeat.seen_at).where(Heartbeat.part == "worker", Heartbeat.clinic_id.in_(ids))
        ).all()
        backup = session.scalars(
            select(BackupRun.began_at)
            .where(BackupRun.kind == "full", BackupRun.state == "good")
            .order_by(BackupRun.began_at.desc())
            .limit(1)
        ).one_or_none()
    return {
        "at": clock.now().isoformat(),
        "worker": {"age": _age(min(beat, default=None))},
        "backup": {"age": _age(backup)},
        "clinics": [_clinic(clinic, secret) for clinic in clinics],
    }


def _age(instant: datetime | None) -> int | None:
    return None if instant is None else max(0, round((clock.now() - instant).total_seconds()))


def _clinic(clinic: Clinic, secret: str) -> dict[str, Any]:
    zone = ZoneInfo(clinic.zone)
    today = clock.today(clinic.zone)
    with read(clinic.id) as session:
        vault = vault_state(session, today)
    return {
        "name": hmac.new(secret.encode(), clinic.id.encode(), hashlib.sha256).hexdigest()[:8],
        "today": today.isoformat(),
        "began": datetime.combine(today, time(), zone).astimezone(UTC).isoformat(),
        "vault": vault,
    }


def vault_state(session: ClinicSession, today: date) -> dict[str, Any]:
    """``state`` of today's Vault: off (nobody is to get it), missing, waiting, failed, sent; ``day`` of the last that
    went out to everybody."""
    mails = session.execute(
        select(OutboxMessage.dedupe_key, OutboxMessage.state, OutboxMessage.reply).where(
            OutboxMessage.purpose == "vault", OutboxMessage.entered_at > clock.now() - timedelta(days=40),
            OutboxMessage.dedupe_key.startswith("vault:", autoescape=True), OutboxMessage.state != "suppressed",
        )
    ).all()  # fmt: skip
    days: dict[str, set[str]] = {}
    for mail in mails:
        day = mail.dedupe_key.removeprefix("vault:").partition(":")[0]
        days.setdefault(day, set()).add("failed" if came_back(mail) else mail.state)
    went = [day for day, states in days.items() if states == {WENT}]
    expected = session.scalars(select(VaultAddress.id).where(VaultAddress.confirmed_at.is_not(None)).limit(1)).first()
    states = days.get(today.isoformat(), set())
    if expected is None:
        state = "off"
    elif not states:
        state = "missing"
    elif states == {WENT}:
        state = "sent"
    else:
        state = "failed" if states & {"failed", "uncertain"} else "waiting"
    return {"state": state, "day": max(went, default=None)}
