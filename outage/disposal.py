"""Which paper of an outage may be destroyed when. Nothing here destroys anything, or says so too early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from data.models import BackupRun, CardSlip, DocumentPage, Outage
from data.session import ClinicSession
from data.types import clock
from outage.account import Account, SheetFacts
from outage.outages import days_of, outage_for
from outage.settings import paper_rules


@dataclass(frozen=True)
class Paper:
    """One kind of paper: whether it may be destroyed now, and the sentence about it."""

    what: str
    may_go: bool
    words: str


def disposal(session: ClinicSession, account: Account, *, closing: str = "") -> list[Paper]:
    """What may be destroyed of an outage's paper as things stand; ``closing`` is the part that is just being closed."""
    stored = outage_for(session, account.outage.id)
    sheets = [one for one in account.sheets.values() if one.has_come or not one.is_gap]
    found = []
    visit = [one for one in sheets if not one.about.slip and one.about.subject != "bottle"]
    if visit:
        found.append(_visit_sheets(session, account, stored, visit, closing))
    bottle = [one for one in sheets if one.about.subject == "bottle"]
    if bottle:
        found.append(_drug_logs(session, account, stored, bottle))
    slips = [one for one in sheets if one.about.slip and one.parts]
    if slips:
        found.append(_slips(session, stored))
    lost = sorted(
        one.serial for one in visit + bottle if one.missing and one.state != "spoiled" and one.about.subject != "day"
    )
    if lost:
        numbers = ", ".join(map(str, lost[:30])) + (" …" if len(lost) > 30 else "")
        found.append(Paper("Sheets that were not scanned", False,
                           f"Should one of them turn up, scan it; do not destroy it: {numbers}."))  # fmt: skip
    return found


def checked_backup(session: ClinicSession, since: datetime) -> BackupRun | None:
    """A good backup made after an instant that was opened and checked since."""
    good = select(BackupRun).where(BackupRun.state == "good")
    checked = set(
        session.scalars(select(BackupRun.file_name).where(BackupRun.kind == "drill", BackupRun.state == "good"))
    )
    backups = session.scalars(
        good.where(BackupRun.kind == "full", BackupRun.began_at > since).order_by(BackupRun.began_at)
    )
    return next((one for one in backups if one.file_name in checked), None)


def last_scan(session: ClinicSession, sheets: list[SheetFacts]) -> datetime | None:
    """When the last page of these sheets was scanned."""
    ids = [sheet.id for sheet in sheets]
    statement = select(func.max(DocumentPage.entered_at)).where(DocumentPage.form_sheet_id.in_(ids))
    found: datetime | None = session.scalar(statement)
    return found


def _held(session: ClinicSession, account: Account, sheets: list[SheetFacts]) -> tuple[bool, str]:
    """Whether a checked backup holds the scans of these sheets, and the sentence that says so."""
    since = last_scan(session, sheets)
    if since is None:
        return False, "Nothing of it was scanned, so the paper is all there is: keep it."
    backup = checked_backup(session, since)
    if backup is None:
        return False, (
            f"Keep it until a backup made after {account.words.moment(since)}, when the last page was scanned, has "
            "been checked (Settings > Backups)."
        )
    return True, f"The backup of {account.words.moment(backup.began_at)} holds the scans and was checked."


def _visit_sheets(
    session: ClinicSession, account: Account, stored: Outage, sheets: list[SheetFacts], closing: str
) -> Paper:
    what = "Consents, travel sheets, registrations and rosters"
    if stored.clinical_closed_at is None and closing != "clinical":
        return Paper(what, False, "Keep all of it until the clinical part is closed.")
    held, words = _held(session, account, sheets)
    if held:
        words += " It may be destroyed, unless your state wants the signed original."
    return Paper(what, held, words)


def _drug_logs(session: ClinicSession, account: Account, stored: Outage, sheets: list[SheetFacts]) -> Paper:
    last = days_of(stored.began_at, stored.ended_at, account.words.zone)[1]
    until = years_after(last, paper_rules(session).drug_log_years)
    today = clock.now().astimezone(ZoneInfo(account.words.zone)).date()
    if today < until:
        return Paper("Drug log sheets", False, f"Keep the paper until {account.words.day(until)}, scanned or not.")
    held, words = _held(session, account, sheets)
    return Paper("Drug log sheets", held, f"The retention period ended on {account.words.day(until)}. {words}")


def _slips(session: ClinicSession, stored: Outage) -> Paper:
    slips = session.scalars(select(CardSlip).where(CardSlip.outage_id == stored.id)).all()
    left = sum(slip.destroyed_at is None for slip in slips)
    open_slips = sum(not (slip.reason or slip.authorization or slip.payment_id) for slip in slips)
    if open_slips:
        are = "One is" if open_slips == 1 else f"{open_slips} are"
        return Paper("Card slips", False, f"{are} not charged yet: keep those locked away. Destroy the others now.")
    if left:
        return Paper(
            "Card slips", True, f"Destroy them now that they are keyed, and say so: {left} of {len(slips)} left."
        )
    return Paper("Card slips", True, f"All {len(slips)} were destroyed after they were keyed.")


def years_after(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
