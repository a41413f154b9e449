"""Sending what is due, one state at a time so that a crash loses nothing and doubles nothing silently.

pending or deferred -> claimed (with a lease) -> sending (committed before the first byte goes out) -> sent, deferred
(a passing refusal, tried again later) or failed (a final one). A message found ``sending`` after its lease ended may
have gone out: the relay's log says which of them did, where it can be read (``messages.relay_log``). Else it becomes
``uncertain`` for a person to judge, except reminders and alerts, which go again under the same Message-ID.

Mails of a campaign are marked by ten, so that what reaches the disk before and after them is shared: no more than
ten are in doubt after a crash. All others are marked one by one.
"""

from __future__ import annotations

import os
import re
import smtplib
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import Header
from email.utils import formataddr
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Row, bindparam, select, update

from data.engine import database
from data.errors import Refusal
from data.models import Clinic, OutboxMessage
from data.session import ClinicSession, read, write
from data.types import clock
from messages import relay_log, wire
from messages.mime import answers_to, check_address, mail
from messages.outbox import Content, content_of, file_of, one_line
from messages.wire import Mail, Told, smtp_connection

LEASE = timedelta(minutes=5)
GRACE = timedelta(seconds=30)
"""How long after a broken connection its mail is asked for in the relay's log."""
RETRY = (1, 5, 15, 60, 240, 720)
"""Minutes until the next try after a passing failure."""
GROUP = 10
"""Mails of a campaign that are marked together."""
BATCH = 200
"""Mails of a campaign that are claimed together."""
RESEND = {"alert", "invitation", "reset", "vault", "reminder", "notice", "portal-code"}
"""Purposes for which a duplicate is better than a miss."""
CAMPAIGN = "campaign"
"""Under this name stands what is said of all messages that belong to a run, whatever their purpose."""

OutboxRow = Row[Any]
"""A row of the outbox as the columns of ``OutboxMessage``."""


@dataclass(frozen=True)
class Held:
    """Why a message does not go out now. Without ``until`` it never does; with it, not before then."""

    why: str
    until: datetime | None = None


Judge = Callable[[ClinicSession, Any], str]
JUDGES: dict[str, Judge] = {}
"""By purpose what says, just before a message goes out, why it must not go any more; an empty text lets it pass."""
GROUP_JUDGES: dict[str, Callable[[ClinicSession, Sequence[OutboxRow]], dict[str, Held]]] = {}
"""The same for many at once: by id those that are held. What it says counts until something of the clinic changes."""
GROUP_JUDGES_AGAIN: dict[str, Callable[[ClinicSession, Sequence[OutboxRow]], dict[str, Held]]] = {}
"""What of it is asked once more for each group that is about to go: what other workers have sent meanwhile."""
COMPOSERS: dict[str, Callable[[str, OutboxRow], Content]] = {}
"""By purpose what makes the text of a message when it goes out; raises Unsendable. Without one it is in the row."""
ALLOWED: list[Callable[[ClinicSession, str], dict[str, int]]] = []
"""How many messages of which runs may go out now, over one channel."""
BROKEN: list[Callable[[str, Collection[str], str], None]] = []
"""Told of the runs that the mail server let no message of through, and why."""

_QUOTED = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+")
_NUMBER = re.compile(r"\+\d[\d -]{6,18}\d|(?<![\w.-])\d{10,15}(?![\w.-])")
_ROW = OutboxMessage.__table__
_OWN = _ROW.c.clinic_id == bindparam("clinic")
_THESE = _ROW.c.id.in_(bindparam("ids", expanding=True))
_DUE = (
    select(*_ROW.c)
    .where(
        _OWN, _ROW.c.state == bindparam("in_state"), _ROW.c.due_at <= bindparam("now"), _ROW.c.deleted_at.is_(None),
        _ROW.c.channel == bindparam("by_channel"),
    )
    .order_by(_ROW.c.due_at)
    .limit(bindparam("most"))
)  # fmt: skip
_DUE_OF_NO_RUN = _DUE.where(_ROW.c.run_id.is_(None))
_DUE_OF_RUN = _DUE.where(_ROW.c.run_id == bindparam("run"))
_LOCKED = {one: one.with_for_update(skip_locked=True) for one in (_DUE_OF_NO_RUN, _DUE_OF_RUN)}
_MARK: dict[Any, Any] = {"change": bindparam("new_change"), "version": _ROW.c.version + 1}
_FREE: dict[Any, Any] = {"lease_owner": "", "lease_until": None}
_CLAIM = (
    update(OutboxMessage.__table__)  # type: ignore[arg-type]
    .where(_OWN, _THESE)
    .values(state="claimed", lease_owner=bindparam("owner"), lease_until=bindparam("until"), **_MARK)
)
_BEGIN = (
    update(OutboxMessage.__table__)  # type: ignore[arg-type]
    .where(_OWN, _THESE, _ROW.c.state == "claimed", _ROW.c.lease_owner == bindparam("owner"))
    .values(
        state="sending", attempts=_ROW.c.attempts + 1, lease_until=bindparam("until"), due_at=bindparam("now"), **_MARK
    )
    .returning(_ROW.c.id)
)
_SENT = (
    update(OutboxMessage.__table__)  # type: ignore[arg-type]
    .where(_OWN, _THESE, _ROW.c.state.in_(("sending", "uncertain")))
    .values(state="sent", sent_at=bindparam("now"), reply="", **_FREE, **_MARK)
)
_ELSE = (
    update(OutboxMessage.__table__)  # type: ignore[arg-type]
    .where(_OWN, _ROW.c.id == bindparam("one"), _ROW.c.lease_owner == bindparam("owner"))
    .values(
        state=bindparam("to_state"), reply=bindparam("words"), attempts=_ROW.c.attempts + bindparam("more"),
        due_at=bindparam("when"), lease_owner=bindparam("kept_by"), lease_until=bindparam("until"), **_MARK,
    )
)  # fmt: skip


@dataclass(frozen=True)
class _End:
    """What became of a message. ``tried`` 0: the try that was counted at its beginning was none."""

    row: OutboxRow
    state: str
    reply: str = ""
    due_at: datetime | None = None
    tried: int = 0


def mail_server() -> str:
    """The mail server's URL, or an empty text where none is set."""
    return os.environ.get("BALLAST_SMTP_URL", "")


def is_paused() -> bool:
    """Whether nothing may leave this installation: a restored backup must not send again what was sent before."""
    return (database().home.path / "sending-paused").exists()


def sender() -> str:
    """The address mails come from: ``BALLAST_MAIL_FROM``, else the user of the mail server's URL."""
    set_by_hand = os.environ.get("BALLAST_MAIL_FROM", "")
    user = unquote(urlsplit(mail_server()).username or "")
    return set_by_hand or (user if "@" in user else "ballast@localhost.localdomain")


def deliver(clinic_id: str, owner: str, *, limit: int = 50, seconds: float = 5.0) -> dict[str, int]:
    """Send the mails that are due for one clinic over one connection, for about so many seconds; returns how many
    ended in which state. ``limit`` are the mails of no campaign that are claimed together."""
    if not mail_server() or is_paused():
        return {}
    return MailRound(clinic_id, owner, limit).run(seconds)


class Round(ABC):
    """One worker's turn with one clinic and channel: claims, judges, composes, marks. How a message travels is its
    subclass's."""

    channel = ""
    group = GROUP

    def __init__(self, clinic_id: str, owner: str, limit: int = 50) -> None:
        self.clinic_id, self.owner, self.limit = clinic_id, owner, limit
        self.ended: Counter[str] = Counter()
        self._judged_at: int | None = None
        self._marked_at, self._alone = -1, True
        self._ends: list[_End] = []
        self._broken = ""
        self._unsendable: list[_End] = []
        self._beside = ThreadPoolExecutor(1, "compose")

    def run(self, seconds: float) -> dict[str, int]:
        """Send until nothing is due or the time is over."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until and not is_paused():
                rows = self.claim()
                if not rows or not self._send_claimed(rows):
                    break
        finally:
            self._beside.shutdown()
            self.close()
        return dict(self.ended)

    def close(self) -> None:  # noqa: B027 - text messages hold none
        """Leave whatever connection there is."""

    @abstractmethod
    def send(self, parcels: Sequence[tuple[OutboxRow, Any]]) -> list[tuple[OutboxRow, Told]]:
        """Let a group go out; says of each what became of it."""

    @abstractmethod
    def compose(self, row: OutboxRow) -> Any:
        """A message ready to go out; raises Unsendable."""

    def claim(self) -> list[OutboxRow]:
        """Take what is due: first what belongs to no campaign, then as much of the runs as may go out now."""
        now = clock.now()
        with read(self.clinic_id) as session:
            rows = self._due(session, now)
        if not rows:
            return []
        quiet = all(row.run_id for row in rows)
        with write(self.clinic_id, quiet=quiet) as session:
            self._marked_at, self._alone = session.head().change, True
            rows = self._due(session, now)
            mark = {"owner": self.owner, "until": now + LEASE}
            if rows:
                session.connection().execute(_CLAIM, self._about(session) | mark | {"ids": [row.id for row in rows]})
        return rows

    def _due(self, session: ClinicSession, now: datetime) -> list[OutboxRow]:
        rows = self._first(session, now, _DUE_OF_NO_RUN, self.limit, {})
        if rows:
            return rows
        for runs in ALLOWED:
            for run_id, allowed in runs(session, self.channel).items():
                rows = self._first(session, now, _DUE_OF_RUN, min(allowed, BATCH), {"run": run_id})
                if rows:
                    return rows
        return []

    def _first(
        self, session: ClinicSession, now: datetime, statement: Any, most: int, which: dict[str, Any]
    ) -> list[OutboxRow]:
        rows: list[OutboxRow] = []
        for state in ("pending", "deferred"):
            if len(rows) < most:
                about = {"clinic": self.clinic_id, "in_state": state, "now": now, "by_channel": self.channel} | which
                if session.reads_only:  # only whether there is any
                    rows += session.connection().execute(statement, about | {"most": 1}).all()
                else:
                    rows += session.connection().execute(_LOCKED[statement], about | {"most": most - len(rows)}).all()
        return rows

    def _send_claimed(self, rows: list[OutboxRow]) -> bool:
        """Judge, compose and send what was claimed, group by group; whether the connection still holds. The next group
        is composed beside, while the disk and the mail server are waited for."""
        rows = self._judged(rows)
        size = self.group if rows and rows[0].run_id else 1
        groups = [rows[at : at + size] for at in range(0, len(rows), size)]
        goes_on, following = True, self._beside.submit(self._composed, groups[0]) if groups else None
        for number, _ in enumerate(groups):
            assert following is not None
            group = following.result()
            following = self._beside.submit(self._composed, groups[number + 1]) if number + 1 < len(groups) else None
            going = self._begin([row for row, _ in group])
            group = [parcel for parcel in group if parcel[0].id in going]
            told = self.send(group) if group else []
            goes_on = self._take_in(told)
            if not goes_on:
                self._give_back(following.result() if following else [], groups[number + 2 :])
                break
        self._finish()
        return goes_on

    def _give_back(self, composed: Sequence[tuple[OutboxRow, Any]], groups: Sequence[Sequence[OutboxRow]]) -> None:
        """Nothing of these goes out now: the connection is broken."""
        for row in [*(row for row, _ in composed), *(row for group in groups for row in group)]:
            back = _End(row, "pending") if row.run_id else _End(row, "deferred", self._broken, tried=1)
            self._ends.append(back)

    def _judged(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        with read(self.clinic_id) as session:
            self._judged_at = session.seen_change()
            held = _held_together(session, rows, GROUP_JUDGES)
        return self._keep_held(rows, held)

    def _keep_held(self, rows: list[OutboxRow], held: dict[str, Held]) -> list[OutboxRow]:
        for row in rows:
            if row.id in held:
                until = held[row.id].until
                state = "suppressed" if until is None else "pending"
                self._ends.append(_End(row, state, held[row.id].why if until is None else "", until))
        return [row for row in rows if row.id not in held]

    def _composed(self, rows: list[OutboxRow]) -> list[tuple[OutboxRow, Any]]:
        parcels = []
        for row in rows:
            try:
                parcels.append((row, self.compose(row)))
            except (ValueError, UnicodeError, Refusal) as unsendable:
                self._unsendable.append(_End(row, "failed", str(unsendable), tried=1))  # this one alone
            except Exception as failure:
                self._unsendable.append(_End(row, "failed", f"its text could not be made: {type(failure).__name__}"))
        return parcels

    def _begin(self, rows: list[OutboxRow]) -> set[str]:
        """Write down how the group before ended and that this one is on its way; returns those that are still ours and
        may go."""
        quiet = all(row.run_id for row in rows) and all(end.row.run_id for end in self._ends)
        with write(self.clinic_id, quiet=quiet) as session:
            head = session.head()
            self._alone &= head.change == self._marked_at + 1  # nobody else has written anything since these were taken
            self._marked_at = head.change
            if any(row.run_id for row in rows) and not self._alone:
                judges = GROUP_JUDGES_AGAIN if head.content_change == self._judged_at else GROUP_JUDGES
                rows = self._keep_held(rows, _held_together(session, rows, judges))
            for row in list(rows):
                judge = JUDGES.get(row.purpose)
                why_not = judge(session, row) if judge else ""
                if why_not:
                    self._ends.append(_End(row, "suppressed", why_not))
                    rows = [other for other in rows if other is not row]
            self._write_ends(session)
            if not rows:
                return set()
            now = clock.now()
            mark = {"owner": self.owner, "until": now + LEASE, "now": now, "ids": [row.id for row in rows]}
            return set(session.connection().execute(_BEGIN, self._about(session) | mark).scalars())

    def _finish(self) -> None:
        ends = [*self._ends, *self._unsendable]
        if ends:
            with write(self.clinic_id, quiet=all(end.row.run_id for end in ends)) as session:
                session.head()
                self._write_ends(session)

    def _write_ends(self, session: ClinicSession) -> None:
        about, now = self._about(session), clock.now()
        while self._unsendable:  # filled beside
            self._ends.append(self._unsendable.pop())
        sent = [end.row.id for end in self._ends if end.state == "sent"]
        if sent:
            session.connection().execute(_SENT, about | {"ids": sent, "now": now})
        for end in self._ends:
            if end.state != "sent":
                self._write_end(session, end, now)
        self.ended.update(end.state for end in self._ends)
        self._ends = []

    def _write_end(self, session: ClinicSession, end: _End, now: datetime) -> None:
        state, due, owner, until = end.state, end.due_at or end.row.due_at, "", None
        if state == "deferred":
            state, due = _later(end.row.attempts + 1, now)
        if state == "sending":  # may have arrived: the relay's log is asked soon
            owner, until = self.owner, now + GRACE
        values = {
            "one": end.row.id, "owner": self.owner, "to_state": state, "words": _naming_nobody(end.reply)[:500],
            "more": end.tried, "when": due, "kept_by": owner, "until": until,
        }  # fmt: skip
        session.connection().execute(_ELSE, self._about(session) | values)

    def _about(self, session: ClinicSession) -> dict[str, Any]:
        return {"clinic": self.clinic_id, "new_change": session.change}

    def _take_in(self, told: Sequence[tuple[OutboxRow, Told]]) -> bool:
        """Note how a group ended; whether the next one may be sent."""
        broken = ""
        for row, said in told:
            self._ends.append(_end_of(row, said))
            if said.is_broken or _is_about_sender(row, said):
                broken = broken or _naming_nobody(said.text) or "the connection broke off"
        self._broken = broken
        if broken and not any(said.is_sent for _, said in told):
            self._break_off({row.run_id for row, _ in told if row.run_id}, broken)
            return False
        return True

    def _break_off(self, run_ids: Collection[str], reason: str) -> None:
        self._finish()
        for report in BROKEN:
            if run_ids:
                report(self.clinic_id, run_ids, reason)


AUTOMATIC = ("Auto-Submitted", "auto-generated")
"""Nobody's absence note answers to a machine."""


class MailRound(Round):
    """Mail, over one SMTP connection that is opened anew when it breaks after it has worked."""

    channel = "email"

    def __init__(self, clinic_id: str, owner: str, limit: int = 50) -> None:
        super().__init__(clinic_id, owner, limit)
        self._stack = ExitStack()
        self._server: smtplib.SMTP | None = None
        self._from = sender()
        with read(clinic_id) as session:
            self._name = session.get_one(Clinic, clinic_id).name

    def close(self) -> None:
        self._stack.close()
        self._server = None

    def compose(self, row: OutboxRow) -> Mail:
        recipient = check_address(row.recipient)
        content = content_for(self.clinic_id, row)
        files = []
        if content.files:
            with read(self.clinic_id) as session:
                files = [file_of(session, file_id) for file_id in content.files]
        whole = mail(
            sender=_named(content.sender_name or self._name, self._from), recipient=recipient,
            subject=content.subject or row.subject, message_id=row.message_id, own_id=row.id, at=clock.now(),
            text=content.text, html=content.html, headers=_headers(content), files=files,
        )  # fmt: skip
        return Mail(self._from, recipient, whole)

    def send(self, parcels: Sequence[tuple[OutboxRow, Any]]) -> list[tuple[OutboxRow, Told]]:
        rows = [row for row, _ in parcels]
        try:
            server = self._connection()
        except (OSError, smtplib.SMTPException) as failure:
            self.close()
            return [(row, Told(0, str(failure), "connection")) for row in rows]
        told = wire.send_all(server, [parcel for _, parcel in parcels])
        if server.sock is None:
            self.close()
        return list(zip(rows, told, strict=True))

    def _connection(self) -> smtplib.SMTP:
        if self._server is None or self._server.sock is None:
            self._stack.close()
            self._server = self._stack.enter_context(smtp_connection(mail_server()))
        return self._server


def _named(name: str, address: str) -> str:
    name = one_line(name)[:120]
    if not name:
        return address
    if "=?" in name:  # as it is, a mailbox would read another name in it
        return f"{Header(name, 'utf-8').encode()} <{address}>"
    return formataddr((name, address))


def _headers(content: Content) -> list[tuple[str, str]]:
    answers = answers_to(content.reply_to)
    return [AUTOMATIC, *([("Reply-To", answers)] if answers else []), *content.headers]


def content_for(clinic_id: str, row: OutboxRow) -> Content:
    """The text of a message: made now by what is registered for its purpose, or as it was put on its way."""
    composer = COMPOSERS.get(CAMPAIGN if row.run_id else row.purpose)
    return composer(clinic_id, row) if composer else content_of(row)


def _held_together(
    session: ClinicSession, rows: Iterable[OutboxRow],
    judges: dict[str, Callable[[ClinicSession, Sequence[OutboxRow]], dict[str, Held]]],
) -> dict[str, Held]:  # fmt: skip
    by_kind: dict[str, list[OutboxRow]] = {}
    for row in rows:
        by_kind.setdefault(CAMPAIGN if row.run_id else row.purpose, []).append(row)
    held: dict[str, Held] = {}
    for kind, same in by_kind.items():
        if kind in judges:
            held |= judges[kind](session, same)
    return held


def _is_about_sender(row: OutboxRow, said: Told) -> bool:
    """Whether the server will take no mail of this sender: then nobody of a campaign is marked as failed for it."""
    return bool(row.run_id) and said.about == "sender" and said.code >= 500


def _end_of(row: OutboxRow, said: Told) -> _End:
    words = f"{said.code} {said.text}".strip() if said.code else said.text
    if said.is_sent:
        return _End(row, "sent")
    if said.may_have_arrived:
        return _End(row, "sending", words)
    if _is_about_sender(row, said) or (row.run_id and said.code == 0):
        return _End(row, "pending", tried=-1)  # it was not tried at all
    if said.code >= 500:
        return _End(row, "failed", words)
    return _End(row, "deferred", words)


def _naming_nobody(reply: str) -> str:
    """What a server said, without the addresses and numbers it quotes: it stands in logs and reports for people who may
    not see clients, and has to be the same for all whom it concerns."""
    return _NUMBER.sub("\u2026", _QUOTED.sub("\u2026", reply))


def _later(attempts: int, now: datetime) -> tuple[str, datetime]:
    """What becomes of a message after so many tries that failed in passing, and when it is tried again."""
    if attempts > len(RETRY):
        return "failed", now
    return "deferred", now + timedelta(minutes=RETRY[max(0, attempts - 1)])


def settle_expired(clinic_id: str) -> None:
    """Give back claims whose worker died. What was being sent is asked for in the relay's log; where that cannot say,
    it is sent again or held, by its purpose."""
    expired = select(OutboxMessage).where(
        OutboxMessage.state.in_(("claimed", "sending")), OutboxMessage.lease_until < clock.now()
    )
    with read(clinic_id) as session:
        found = session.scalars(expired).all()
    if not found:
        return
    sending = [row for row in found if row.state == "sending"]
    taken: set[str] | None = None
    if sending:
        since = min(row.lease_until for row in sending if row.lease_until) - LEASE
        taken = relay_log.accepted({row.message_id for row in sending if row.channel == "email"}, since)
    asked = {row.id for row in sending}
    with write(clinic_id) as session:
        for row in session.scalars(expired.with_for_update(skip_locked=True)):
            if row.state == "claimed":
                row.state, row.lease_owner, row.lease_until = "pending", "", None
            elif row.channel == "email" and taken is not None and row.id in asked:
                _settle_by_log(row, row.message_id in taken)
            elif row.purpose in RESEND:
                _settle(row, "deferred", row.reply or "the connection broke off while it was being sent")
            else:
                row.state, row.lease_owner, row.lease_until = "uncertain", "", None


def _settle_by_log(row: OutboxMessage, taken: bool) -> None:
    if taken:
        _settle(row, "sent", "the mail server's log names it")
    else:
        _settle(row, "deferred", "the connection broke off before the mail server took it")


def _settle(row: OutboxMessage, state: str, reply: str) -> None:
    row.reply, row.lease_owner, row.lease_until = reply[:500], "", None
    if state == "sent":
        row.sent_at = clock.now()
    if state == "deferred":
        state, row.due_at = _later(row.attempts, clock.now())
    row.state = state


def send_again(session: ClinicSession, message_id: str) -> None:
    """Put a message that may not have arrived, or failed, on its way once more, under the same Message-ID."""
    row = session.get_one(OutboxMessage, (session.clinic_id, message_id))
    if row.state in ("uncertain", "failed"):
        row.state, row.attempts, row.due_at, row.reply = "pending", 0, clock.now(), ""


def take_as_sent(session: ClinicSession, message_id: str) -> None:
    """Somebody found out that a message in doubt did arrive."""
    row = session.get_one(OutboxMessage, (session.clinic_id, message_id))
    if row.state == "uncertain":
        row.state, row.sent_at, row.reply = "sent", row.sent_at or clock.now(), "found to have arrived"
