"""The Vault: at midnight the roster of the day that begins goes to every confirmed address, encrypted.

It goes exactly once for each clinic, day and address, also when nobody is booked: so that silence means that something
is wrong. What was missed is made up for on that day, and says that it is late; a day that is over is never made up for.
The worker plans: for each day there is one job, due at the day's first instant in the clinic's zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from data.errors import BadInput
from data.models import Clinic, Job, OutboxMessage, VaultAddress
from data.session import ClinicSession, read, write
from data.types import clock
from data.wording import Wording
from messages import delivery
from messages.outbox import attach, came_back, content_of, queue, reword
from outage.vault_addresses import confirmed, password, since
from outage.vault_file import RosterFile, roster_file
from security import audit
from security.actor import Actor
from security.alerts import Alert
from security.owner_mail import alert_owners
from security.profile import wording
from security.rules import act, look

KIND = PURPOSE = "vault"
LATEST = timedelta(minutes=15)
"""After the day began: by then it has gone, or is late and somebody is told."""
AGAIN = timedelta(minutes=15)
"""Between two times that a day's job is taken up anew."""
STEP = timedelta(hours=1)
"""A clock that went back by no more than this sends nothing twice."""
LATE = " (late)"


class NoVaultPassword(BadInput):
    """The Vault has no password yet, so nothing is sent. Set one under Settings > The Vault."""


class NobodyToSendTo(BadInput):
    """No address of the Vault is confirmed, so nothing is sent. Add one under Settings > The Vault and enter the code
    that is mailed to it."""


class DayOver(BadInput):
    """{day} is over. The Vault sends the roster of today or of a day to come."""


class NotYet(BadInput):
    """{day} has not begun."""


@dataclass(frozen=True)
class Mail:
    """One mail of the Vault. ``state`` is sent, returned, waiting, failed, uncertain, withdrawn or missed (never
    written);
    ``asked``: somebody pressed the button; ``reason`` says why it did not go."""

    day: date
    email: str
    state: str
    at: datetime | None
    late: bool = False
    asked: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Sent:
    """What was put on its way: to how many addresses, and how many had it before."""

    day: date
    mails: int
    before: int
    visits: int


def begins(day: date, zone: str) -> datetime:
    """The first instant of a day in a zone, in UTC; where midnight is skipped, the hour after it."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def plan(clinic_id: str, zone: str) -> int:
    """For the worker: write down the jobs of today and tomorrow, take up again what is missing, say that it is late and
    tell somebody; returns how many things were done."""
    with read(clinic_id) as session:
        if not _todo(session, zone):
            return 0
    with write(clinic_id) as session:
        session.head()  # one worker at a time: what is to be done is looked up again behind the lock
        todo = _todo(session, zone)
        for one in todo:
            one(session)
        session.flush()
        return len(todo)


def carry_out(clinic: Clinic, job: Job) -> dict[str, object]:
    """For the worker: the job of a day. Raises NotYet, PrintTookTooLong."""
    day = date.fromisoformat(str(job.payload["day"]))
    today = clock.today(clinic.zone)
    if day < today:
        return {"day": day.isoformat(), "over": True}
    if day > today:
        raise NotYet(day=day.isoformat())
    sent = _queue_night(clinic.id, clinic.zone, day, Actor.worker(clinic.id, job.id))
    return {"day": day.isoformat(), "mails": sent.mails, "visits": sent.visits}


def send_night(day: date | None = None, *, by: Actor) -> Sent:
    """Put a day's roster on its way to every confirmed address that did not get it yet, as the worker does at midnight;
    today's without a day. One sent ahead of its day does not stand for that of its midnight.

    Raises NoVaultPassword, NobodyToSendTo, DayOver, PrintTookTooLong, NotPermitted.
    """
    zone, day = _ready(day, by)
    if day == clock.today(zone):
        return _queue_night(by.clinic_id, zone, day, by)
    return _queue_copies(day, by, "")


def send_now(day: date | None = None, *, by: Actor, key: str) -> Sent:
    """Send a copy of a day's roster to every confirmed address at once, whatever went before: to see that it arrives
    and opens. The same ``key`` sends it once.

    Raises NoVaultPassword, NobodyToSendTo, DayOver, PrintTookTooLong, NotPermitted.
    """
    _, day = _ready(day, by)
    return _queue_copies(day, by, key)


def _ready(day: date | None, by: Actor) -> tuple[str, date]:
    with look(by, "settings.edit") as session:
        zone = session.get_one(Clinic, session.clinic_id).zone
        day = day or clock.today(zone)
        if day < clock.today(zone):
            raise DayOver(day=day.isoformat())
        if not password(session):
            raise NoVaultPassword()
        if not confirmed(session):
            raise NobodyToSendTo()
    return zone, day


def _queue_night(clinic_id: str, zone: str, day: date, by: Actor) -> Sent:
    with read(clinic_id) as session:
        secret = password(session)
        if not secret or not _missing(session, day):
            return Sent(day, 0, len(confirmed(session)), 0)
    made = roster_file(clinic_id, day, secret)
    with act(by, "settings.edit") as work:
        session = work.session
        left = _missing(session, day)
        before = len(confirmed(session)) - len(left)
        words = Wording.of(session.get_one(Clinic, clinic_id))
        began, file = begins(day, zone), ""
        for row in left:
            assert row.confirmed_at is not None
            late = clock.now() > began + LATEST
            why = "" if not late else "new" if row.confirmed_at > began else "late"
            file = file or attach(session, made.file)
            _queue(session, row, f"vault:{day}:{row.id}", day, made, file, words, why)
        if left:
            work.audit("vault.queued", "vault", day.isoformat(), mails=len(left), visits=made.visits)
    return Sent(day, len(left), before, made.visits)


def _queue_copies(day: date, by: Actor, key: str) -> Sent:
    with look(by, "settings.edit") as session:
        secret = password(session)
    made = roster_file(by.clinic_id, day, secret)
    with act(by, "settings.edit") as work:
        session = work.session
        rows = confirmed(session)
        names = {row.id: f"vault-now:{day}:{row.id}" + (f":{key}" if key else "") for row in rows}
        known = set(
            session.scalars(select(OutboxMessage.dedupe_key).where(OutboxMessage.dedupe_key.in_(names.values())))
        )
        left = [row for row in rows if names[row.id] not in known]
        words = Wording.of(session.get_one(Clinic, session.clinic_id))
        file = attach(session, made.file) if left else ""
        for row in left:
            _queue(session, row, names[row.id], day, made, file, words, "asked")
        if left:
            work.audit("vault.sent_now", "vault", day.isoformat(), mails=len(left), visits=made.visits)
    return Sent(day, len(left), len(rows) - len(left), made.visits)


def _queue(
    session: ClinicSession, row: VaultAddress, key: str, day: date, made: RosterFile, file: str, words: Wording,
    why: str,
) -> None:  # fmt: skip
    clinic = session.get_one(Clinic, session.clinic_id).name
    heading = words.day(day, style="heading")
    queue(
        session, purpose=PURPOSE, dedupe_key=key, recipient=row.email,
        subject=_subject(clinic, heading, late=why == "late"),
        text=_text(clinic, heading, made.visits, words.moment(clock.now()), why), files=[file],
    )  # fmt: skip


def _subject(clinic: str, heading: str, *, late: bool) -> str:
    return f"Roster for {heading}{LATE if late else ''}: {clinic}"


WHY = {
    "": "",
    "late": "It is late: at midnight it could not be sent. ",
    "new": "This address was added today, so that it comes now; from tonight on it comes at midnight. ",
    "asked": "Somebody at the clinic asked for it just now; what comes every night at midnight comes all the same. ",
}


def _text(clinic: str, heading: str, visits: int, moment: str, why: str) -> str:
    booked = f"{visits} {'visit is' if visits == 1 else 'visits are'} booked" if visits else "Nobody is booked"
    return (
        f"The roster of {clinic} for {heading} is attached, as it stood on {moment}. {booked}.\n\n{WHY[why]}"
        "The file opens with the password of the Vault, which stands on the clinic's outage card. It needs neither "
        "Ballast nor a network.\n\nThis mail comes every night, also when nobody is booked. When it does not come, "
        "something is wrong: tell your administrator.\n"
    )


def _missing(session: ClinicSession, day: date) -> list[VaultAddress]:
    """The confirmed addresses to which nothing was written for a day, be it under an address added anew."""
    rows = confirmed(session)
    mails = _of_night(session, day)
    known = {mail.recipient.lower() for mail in mails if mail.state != "suppressed"}
    known |= {row.email.lower() for row in rows if f"vault:{day}:{row.id}" in {mail.dedupe_key for mail in mails}}
    return [row for row in rows if row.email.lower() not in known]


def _of_night(session: ClinicSession, day: date) -> Sequence[OutboxMessage]:
    wanted = OutboxMessage.dedupe_key.startswith(f"vault:{day}:", autoescape=True)
    return session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == PURPOSE, wanted)).all()


def _returned(session: ClinicSession, day: date) -> set[str]:
    """Addresses that sent back the last they got of a day's roster, be it the night's or a copy asked for."""
    begin = (OutboxMessage.dedupe_key.startswith(f"{kind}:{day}:", autoescape=True) for kind in ("vault", "vault-now"))
    sent = select(OutboxMessage).where(OutboxMessage.purpose == PURPOSE, OutboxMessage.state == "sent", or_(*begin))
    last = {mail.recipient.lower(): mail for mail in session.scalars(sent.order_by(OutboxMessage.sent_at))}
    return {address for address, mail in last.items() if came_back(mail)}


def _add_job(session: ClinicSession, *, day: date, due: datetime) -> None:
    session.add(Job(kind=KIND, dedupe_key=f"vault:{day}", payload={"day": day.isoformat()}, due_at=due))


def _await(_: ClinicSession, *, job: Job, due: datetime) -> None:
    job.state, job.attempts, job.due_at, job.lease_owner, job.lease_until = "waiting", 0, due, "", None


def _close(_: ClinicSession, *, job: Job) -> None:
    job.state, job.finished_at = "done", clock.now()


def _free(_: ClinicSession, *, mail: OutboxMessage) -> None:
    mail.dedupe_key = f"vault-ahead:{mail.id}"


def _say_late(session: ClinicSession, *, mail: OutboxMessage, day: date) -> None:
    clinic = session.get_one(Clinic, session.clinic_id)
    heading = Wording.of(clinic).day(day, style="heading")
    text = f"{WHY['late'].strip()}\n\n{content_of(mail).text}"
    reword(mail, _subject(clinic.name, heading, late=True), text)


def _try_soon(_: ClinicSession, *, mail: OutboxMessage, now: datetime) -> None:
    """It is of use today alone: tried every quarter of an hour, as long as the refusal is a passing one."""
    mail.due_at, mail.attempts = now + AGAIN, min(mail.attempts, 3)


def _tell_owners(session: ClinicSession, *, day: date, count: int) -> None:
    alert_owners(
        session,
        f"vault-alarm:{day}",
        "The Vault did not go out",
        f"The roster of {wording(session).day(day, style='long')} has not reached {count} "
        f"{'address' if count == 1 else 'addresses'} of the Vault. What did not go out goes as soon as it can today; "
        "an address that sent it back has to be replaced. Settings > The Vault says why; print the pack while you "
        "can.\n",
    )
    audit.append(session, Actor.worker(session.clinic_id), "vault.late", "vault", str(day), {"mails": count})
    session.add(Job(kind=KIND, dedupe_key=f"vault-alarm:{day}", state="done", due_at=clock.now()))


def _todo(session: ClinicSession, zone: str) -> Sequence[Callable[[ClinicSession], None]]:
    """What the planning has to do now, each to be done within its transaction."""
    now, today = clock.now(), clock.today(zone)
    known = {
        job.dedupe_key: job for job in session.scalars(
            select(Job).where(Job.kind == KIND, Job.due_at > now - timedelta(days=40))
        )
    }  # fmt: skip
    todo = [
        partial(_close, job=job) for job in known.values()
        if job.state in ("failed", "waiting") and job.payload and str(job.payload["day"]) < today.isoformat()
    ]  # fmt: skip
    ahead = begins(today + timedelta(days=1), zone) if now + STEP < begins(today + timedelta(days=1), zone) else None
    if ahead is not None:
        early = select(OutboxMessage).where(OutboxMessage.purpose == PURPOSE, OutboxMessage.entered_at > now + STEP)
        todo += [
            partial(_free, mail=mail)
            for mail in session.scalars(early)
            if mail.dedupe_key.startswith("vault:") and mail.dedupe_key[6:16] > today.isoformat()
        ]
    if not password(session) or not confirmed(session):
        return todo
    for day in (today, today + timedelta(days=1)):
        job, due = known.get(f"vault:{day}"), begins(day, zone)
        if job is None:
            todo.append(partial(_add_job, day=day, due=due))
        elif day > today and (job.state == "waiting" or ahead) and (job.state != "waiting" or job.due_at != due):
            todo.append(partial(_await, job=job, due=due))
        elif day == today and _take_up(session, job, day, now):
            todo.append(partial(_await, job=job, due=now))
    todo += [
        partial(_say_late, mail=mail, day=today) for mail in _of_night(session, today)
        if mail.state in ("pending", "deferred") and now > begins(today, zone) + LATEST and _is_due(mail, today, zone)
    ]  # fmt: skip
    todo += [
        partial(_try_soon, mail=mail, now=now)
        for mail in _of_night(session, today)
        if mail.state == "deferred" and mail.due_at > now + AGAIN
    ]
    without = overdue(session, today, zone)
    if without and f"vault-alarm:{today}" not in known:
        todo.append(partial(_tell_owners, day=today, count=len(without)))
    return todo


def _take_up(session: ClinicSession, job: Job, day: date, now: datetime) -> bool:
    """Whether the job of today is to be done again: somebody has nothing, and it is over or waits for long."""
    if job.state not in ("done", "failed") or not _missing(session, day):
        return False
    recent = job.finished_at is not None and now - AGAIN < job.finished_at <= now
    return job.state == "done" or not recent


def _is_due(mail: OutboxMessage, day: date, zone: str) -> bool:
    """Whether a mail that still waits was meant for midnight, and does not say yet that it is late."""
    return LATE not in mail.subject and mail.entered_at <= begins(day, zone) + LATEST


def overdue(session: ClinicSession, day: date, zone: str) -> list[VaultAddress]:
    """Within a rule: the addresses that ought to have got a day's roster by now. One added since, or a password set
    since, has as long as midnight has."""
    set_at = since(session)
    if set_at is None:
        return []
    went = {mail.recipient.lower() for mail in _of_night(session, day) if mail.state == "sent"} - _returned(
        session, day
    )
    from_then = max(begins(day, zone), set_at)
    return [
        row for row in confirmed(session)
        if row.email.lower() not in went and clock.now() > max(from_then, row.confirmed_at or from_then) + LATEST
    ]  # fmt: skip


def alarms(*, by: Actor) -> list[Alert]:
    """For the home page of those who set the Vault up: that today's did not go out. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        zone = session.get_one(Clinic, session.clinic_id).zone
        late = len(overdue(session, clock.today(zone), zone))
    if not late:
        return []
    words = "one address" if late == 1 else f"{late} addresses"
    return [Alert("danger", f"Today's roster did not reach {words} of the Vault.", "vault")]


STATES = {"sent": "sent", "pending": "waiting", "deferred": "waiting", "claimed": "waiting", "sending": "waiting",
          "failed": "failed", "uncertain": "uncertain", "suppressed": "withdrawn"}  # fmt: skip


def nights(*, by: Actor, days: int = 14) -> list[Mail]:
    """The mails of the last nights, the newest first, those that were never written among them. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        zone = session.get_one(Clinic, session.clinic_id).zone
        today = clock.today(zone)
        first = today - timedelta(days=days - 1)
        rows = session.scalars(
            select(OutboxMessage).where(
                OutboxMessage.purpose == PURPOSE, OutboxMessage.entered_at > begins(first, zone)
            )
        ).all()
        found = [mail for row in rows if (mail := _told(row)) is not None]
        known = {(mail.day, mail.email.lower()) for mail in found if not mail.asked}
        set_at = since(session)
        for row in confirmed(session) if set_at is not None else ():
            assert row.confirmed_at is not None and set_at is not None
            from_then = max(row.confirmed_at, set_at)
            for back in range(days):
                day = today - timedelta(days=back)
                late = clock.now() > max(begins(day, zone), from_then) + LATEST
                if begins(day + timedelta(days=1), zone) > from_then and (day, row.email.lower()) not in known and late:
                    reason = "Nothing was running to send it."
                    found.append(Mail(day, row.email, "missed", None, reason=reason))
    return sorted(found, key=lambda mail: (mail.day, mail.at or begins(mail.day, zone), mail.email), reverse=True)


def _told(row: OutboxMessage) -> Mail | None:
    kind, _, rest = row.dedupe_key.partition(":")
    if kind not in ("vault", "vault-now"):
        return None
    day, at = date.fromisoformat(rest[:10]), row.sent_at or row.entered_at
    late = kind == "vault" and row.state == "sent" and LATE in row.subject and not came_back(row)
    state = "returned" if came_back(row) else STATES.get(row.state, "waiting")
    return Mail(day, row.recipient, state, at, late, kind == "vault-now", row.reply)


def last_sent(session: ClinicSession) -> tuple[date, datetime, int] | None:
    """Within a rule: the last day whose roster went out by itself, when, and to how many addresses."""
    mails = session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.purpose == PURPOSE, OutboxMessage.state == "sent")
        .where(OutboxMessage.dedupe_key.startswith("vault:", autoescape=True))
        .order_by(OutboxMessage.dedupe_key.desc()).limit(40)
    ).all()  # fmt: skip
    if not mails:
        return None
    day = mails[0].dedupe_key[6:16]
    of_day = [mail for mail in mails if mail.dedupe_key[6:16] == day]
    got = {mail.recipient.lower() for mail in of_day} - _returned(session, date.fromisoformat(day))
    return (
        date.fromisoformat(day),
        max(mail.sent_at or mail.entered_at for mail in of_day),
        len(got),
    )


def _still_wanted(session: ClinicSession, row: OutboxMessage) -> str:
    """Why a mail of the Vault must not go any more: its address was removed, or its day is over."""
    kind, _, rest = row.dedupe_key.partition(":")
    day, address_id = rest[:10], rest[11:47]
    if kind == "vault-ahead":
        return "the clock of this machine was ahead of the time"
    address = session.get(VaultAddress, (session.clinic_id, address_id))
    if address is None or address.deleted_at is not None or address.email != row.recipient:
        return "the address was removed before it went out"
    if day < clock.today(session.get_one(Clinic, session.clinic_id).zone).isoformat():
        return "the day was over before it could be sent"
    return ""


delivery.JUDGES[PURPOSE] = _still_wanted
