"""How ready a clinic is for an outage: the next day's pack, the blank stock, the last practice; and the six actions
that every clinic is asked to put in play, each with its state as measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from data.errors import NotPermitted
from data.kept import kept
from data.models import Appointment, Clinic, Rehearsal, SnapshotDevice, User
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from outage import status_page, vault, vault_addresses
from outage.pack import VISIT
from outage.print_runs import blank_stock, forms_to_print, sheets_of_day
from outage.printing import STAYS_AWAY
from outage.settings import outage_plan
from outage.settings import status_page as status_settings
from security.actor import Actor
from security.profile import profile
from security.rules import authorize, look

FRESH = timedelta(hours=24)
"""How old the snapshot of a key computer may be."""
PRACTISED = timedelta(days=180)
"""How long a practice counts."""
MOST_NAMES = 6


@dataclass(frozen=True)
class Readiness:
    """``day`` is the next one with visits; ``printed`` of its ``visits`` have their sheets; ``low`` forms run out."""

    day: date | None
    visits: int
    printed: int
    low: tuple[str, ...]
    practised: datetime | None


def readiness(today: date, *, by: Actor) -> Readiness:
    """How ready the clinic is, seen from a day. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        coming = Appointment.day > today, Appointment.stage.not_in(STAYS_AWAY)
        day = session.scalar(select(func.min(Appointment.day)).where(*coming))
        practised = session.scalar(select(func.max(Rehearsal.finished_at)))
    forms = [form for form in VISIT if form in forms_to_print(by=by)]
    sheets = sheets_of_day(day, forms, by=by) if day else None
    low = tuple(one.title for one in blank_stock(by=by) if one.low and one.subject != "day")
    if sheets is None:
        return Readiness(None, 0, 0, low, practised)
    printed = min((sheets.have.get(form, 0) for form in forms), default=0)
    return Readiness(day, sheets.booked, printed, low, practised)


@dataclass(frozen=True)
class Line:
    """One action. ``name`` is status, group, vault, snapshot, stock, cards or practice; ``state`` ready, weak, missing
    or unknown; ``names`` are people, computers or forms it is about; ``link`` is an address outside."""

    name: str
    title: str
    state: str
    fact: str
    names: tuple[str, ...] = ()
    link: str = ""


def actions(*, by: Actor) -> list[Line]:
    """The six actions and the practice, in the order in which they are told. Raises NotPermitted."""
    with look(by, None) as session:
        may = authorize(session, by, None)
        if not may & {"settings.edit", "outage.declare"}:
            raise NotPermitted(action="see how ready the clinic is for an outage")
        clinic = session.get_one(Clinic, session.clinic_id)
        words = Wording.of(clinic)
        people = session.execute(
            select(User.name, User.email).where(User.status == "active").order_by(User.name)
        ).all()  # fmt: skip
        page, link = status_settings(session), profile(session).community_link
        night, snapshot = _vault(session, clinic.zone, words), _snapshot(session, words)
        plan, practice = outage_plan(session), _practice(session, words)
    stock = [one for one in blank_stock(by=by) if one.subject != "day"] if "outage.print" in may else None
    slips = next((one.left for one in stock or () if one.form == "card-slip"), None)
    emails = tuple(sorted({email.strip().lower() for _, email in people if email.strip()}))

    def ask() -> dict[str, bool] | None:
        return status_page.subscribed(emails, by=by)

    told = kept(by.clinic_id, 0, ("subscribed", page.asked_at(), emails), ask, timedelta(seconds=60))
    group = "Somebody often writes there first." if link else (
        "Nobody has written down where the group is in which clinics talk to each other."
    )  # fmt: skip
    return [
        _status(page.url, told, [(name, email.strip().lower()) for name, email in people]),
        Line("group", "The community group", "ready" if link else "missing", group, link=link),
        night,
        snapshot,
        _stock([(one.title, one.left, one.low) for one in stock] if stock is not None else None),
        _cards(plan.ways, plan.where, plan.slips, slips),
        practice,
    ]


def next_step(lines: list[Line]) -> Line | None:
    """What to do first: what is missing before what is weak; None where nothing is left."""
    for state in ("missing", "weak"):
        for line in lines:
            if line.state == state:
                return line
    return None


def _status(url: str, told: dict[str, bool] | None, people: list[tuple[str, str]]) -> Line:
    title = "Everybody gets the mails of the status page"
    if not url:
        return Line("status", title, "missing", "There is no status page yet: when Ballast is down, nobody is told.")
    if told is None:
        fact = "Who gets its mails is not known: its watcher did not answer, or does not know the secret."
        return Line("status", title, "unknown", fact, link=url)
    out = tuple(name for name, email in people if not told.get(email))
    if out:
        verb = "does not" if len(out) == 1 else "do not"
        return Line("status", title, "weak", f"{len(out)} of {len(people)} {verb} get its mails.", out, link=url)
    return Line("status", title, "ready", f"All {len(people)} get its mails.", link=url)


def _vault(session: ClinicSession, zone: str, words: Wording) -> Line:
    title = "The Vault mails the day's roster at midnight"
    confirmed = vault_addresses.confirmed(session)
    if not confirmed:
        return Line(
            "vault", title, "missing", "No address is confirmed, so nobody has the roster when Ballast is down."
        )
    if not vault_addresses.password(session):
        return Line("vault", title, "missing", "The file has no password yet, so nothing is sent.")
    count = f"{len(confirmed)} {'address' if len(confirmed) == 1 else 'addresses'}"
    last = vault.last_sent(session)
    went = f"Last sent {words.moment(last[1])}, to {last[2]} of {count}." if last else "Nothing has gone out so far."
    if vault.overdue(session, clock.today(zone), zone):
        return Line("vault", title, "missing", f"Today's roster did not reach everybody. {went}")
    if last is None:
        return Line("vault", title, "weak", f"Set up for {count}; the first one has not gone out yet.")
    names = [row.email for row in confirmed]
    names += [f"{one} (waits for its code)" for one in vault_addresses.unconfirmed(session)]
    return Line("vault", title, "ready", went, tuple(names))


def _snapshot(session: ClinicSession, words: Wording) -> Line:
    title = "Key computers keep today's roster and drug log"
    enrolled = SnapshotDevice.enrolled_at.is_not(None), SnapshotDevice.revoked_at.is_(None)
    rows = session.scalars(select(SnapshotDevice).where(*enrolled).order_by(SnapshotDevice.name)).all()
    if not rows:
        return Line("snapshot", title, "missing", "No computer keeps a snapshot that opens without a network.")
    old = [row for row in rows if row.refreshed_at is None or clock.now() - row.refreshed_at > FRESH]
    if old:
        names = tuple(
            f"{row.name} ({words.moment(row.refreshed_at) if row.refreshed_at else 'never'})" for row in old
        )  # fmt: skip
        state = "missing" if len(old) == len(rows) else "weak"
        verb = "has none" if len(old) == 1 else "have none"
        return Line("snapshot", title, state, f"{len(old)} of {len(rows)} {verb} of the last 24 hours.", names)
    kept_by = "One computer has" if len(rows) == 1 else f"All {len(rows)} computers have"
    return Line("snapshot", title, "ready", f"{kept_by} one of the last 24 hours.")


def _stock(stock: list[tuple[str, int, bool]] | None) -> Line:
    title = "Blank forms lie ready"
    if stock is None:
        return Line("stock", title, "unknown", "Whoever prints forms sees how much is left.")
    left = sum(count for _, count, _ in stock)
    if not left:
        return Line("stock", title, "missing", "No blank form is printed.")
    low = tuple(f"{name} ({count})" for name, count, is_low in stock if is_low)
    if low:
        return Line("stock", title, "weak", f"{left} sheets are left; these run out:", low)
    return Line("stock", title, "ready", f"{left} sheets of {len(stock)} forms are left.")


def _cards(ways: list[str], where: str, slips: bool, left: int | None) -> Line:
    title = "A way to take cards"
    if not ways:
        return Line("cards", title, "missing", "Nobody has chosen how cards are taken when the processor is down.")
    fact = f"{', '.join([ways[0], *(way[0].lower() + way[1:] for way in ways[1:])])}." + (f" {where}" if where else "")
    if slips and left == 0:
        return Line("cards", title, "weak", f"{fact} No blank card slip is printed.")
    return Line("cards", title, "ready", fact)


def _practice(session: ClinicSession, words: Wording) -> Line:
    title = "An outage was practised"
    last = session.scalar(select(func.max(Rehearsal.finished_at)))
    if last is None:
        return Line("practice", title, "missing", "Nobody has practised one yet. It takes twenty minutes.")
    fact = f"Last on {words.day(last, style='long')}."
    if clock.now() - last > PRACTISED:
        return Line("practice", title, "weak", f"{fact} That is more than half a year ago.")
    return Line("practice", title, "ready", fact)
