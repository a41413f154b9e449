"""``ballast outage``: declare an outage, see what is open, close it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from commands.context import chosen_clinic, common, operator, tell
from data.errors import NotFound
from data.models import Clinic
from data.types import clock
from data.wording import Wording
from outage import outages
from outage.outages import OutageRow
from security.actor import Actor


class _Instant(click.ParamType[datetime]):
    """An ISO time; without an offset it is the clinic's."""

    name = "ISO"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a time. Write it like 2026-11-22T09:40.", param, ctx)


INSTANT = _Instant()


@click.group()
def outage() -> None:
    """Outages: declare one, see what is open, close it."""


@outage.command("open")
@click.option("--from", "began", type=INSTANT, required=True, help="When it began.")
@click.option("--to", "ended", type=INSTANT, help="When it ended; left out while it lasts.")
@click.option("--scope", type=click.Choice(["all", "cards"]), required=True, help="The whole clinic, or cards only.")
@click.option("--reason", default="", help="What failed, in a few words.")
@common
def open_outage(began: datetime, ended: datetime | None, scope: str, reason: str) -> None:
    """Declare an outage, live or dated afterwards."""
    clinic = chosen_clinic()
    by = operator()
    zone = ZoneInfo(clinic.zone)
    outage_id = outages.declare(scope, _aware(began, zone), ended and _aware(ended, zone), reason, by=by)
    row = outages.outage(outage_id, by=by)
    tell(_told(row), f"Outage {row.title(_words(clinic))}, {outages.SCOPES[row.scope].lower()}: declared.")


@outage.command("end")
@click.option("--at", "ended", type=INSTANT, help="When it ended; now where left out.")
@common
def end_outage(ended: datetime | None) -> None:
    """Say that the outage is over."""
    clinic = chosen_clinic()
    by = operator()
    row = _open(by)
    _end(row, ended and _aware(ended, ZoneInfo(clinic.zone)), by)
    row = outages.outage(row.id, by=by)
    tell(_told(row), f"Outage {row.title(_words(clinic))}: over. Its paper has to come back now.")


def _end(row: OutageRow, ended: datetime | None, by: Actor) -> None:
    outages.over(row.id, ended or clock.now(), version=row.version, by=by)


def _open(by: Actor) -> OutageRow:
    row = outages.current(by=by)
    if row is None:
        raise NotFound(what="outage", name="that is open")
    return row


def _aware(instant: datetime, zone: ZoneInfo) -> datetime:
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)


def _words(clinic: Clinic) -> Wording:
    return Wording(clinic.locale, clinic.currency, clinic.zone)


def _told(row: OutageRow) -> dict[str, object]:
    return {
        "outage": row.id, "scope": row.scope, "from": row.began_at.isoformat(),
        "to": row.ended_at.isoformat() if row.ended_at else None, "lasts": row.lasts, "reason": row.reason,
        "closed": {part: bool(row.closed_at(part)) for part in row.parts},
    }  # fmt: skip
