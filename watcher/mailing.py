"""Mails on their way: a row each, sent in turn over one connection, tried again for a day.

A mail that was being sent when this process died is sent again under the same Message-ID: about an outage, twice is
better than never.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import smtplib
import sqlite3
import ssl
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape

from watcher import incidents, subscribers
from watcher.clock import Clock
from watcher.settings import Config, Smtp, smtp_of
from watcher.store import Store

log = logging.getLogger("watcher.mail")
PAUSES = (30, 60, 120, 300, 900, 1800, 3600)
"""Seconds until the next try."""
GIVE_UP = 86_400.0
KEEP = 30 * 86_400.0
IN_ONE_GO = 100
ONE_LINE = SMTP.clone(max_line_length=900)
"""Headers are not folded: a long unsubscribe link would be, into words that mail programs do not put together."""


class Mailer:
    """Sends what is due, whenever it is asked to."""

    def __init__(self, config: Config, store: Store, clock: Clock) -> None:
        self.config, self.store, self.clock = config, store, clock
        self.wake = threading.Event()
        with store.write() as db:
            db.execute("UPDATE mail SET state = 'waiting' WHERE state = 'sending'")

    def run(self, stopping: threading.Event) -> None:
        """Send until it is time to end."""
        while not stopping.is_set():
            self.wake.clear()
            try:
                more = self.send_due(stopping) == IN_ONE_GO
            except Exception:  # a locked store, a full disk, whatever: this thread must not end, or nobody is told
                log.exception("mails could not be sent")
                more = False
            if not more:
                self.wake.wait(2)

    def send_due(self, stopping: threading.Event | None = None) -> int:
        """Send what is due, at most a hundred; returns how many were tried."""
        if not self.config.mail.url:
            return 0
        now = self.clock.now()
        with self.store.write() as db:
            db.execute(
                "UPDATE mail SET state = 'failed', reply = reply || ' (given up after a day)' "
                "WHERE state = 'waiting' AND made_at < ? AND attempts > 0", (now - GIVE_UP,),
            )  # fmt: skip
            db.execute("DELETE FROM mail WHERE state IN ('sent', 'failed') AND made_at < ?", (now - KEEP,))
            rows = db.execute(  # a due time beyond every pause comes from a clock that ran ahead
                "SELECT * FROM mail WHERE state = 'waiting' AND (due_at <= ? OR due_at > ?) "
                "ORDER BY made_at, id LIMIT ?",
                (now, now + 2 * PAUSES[-1], IN_ONE_GO),
            ).fetchall()
        if not rows:
            return 0
        try:
            connection = connect(smtp_of(self.config.mail.url), self.config.mail.plain)
        except (OSError, smtplib.SMTPException) as failure:
            for row in rows:
                self._put_off(row, f"{type(failure).__name__}: {failure}")
            return len(rows)
        try:
            for tried, row in enumerate(rows):
                if (stopping is not None and stopping.is_set()) or not self._send(connection, row):
                    return tried + 1
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()
        return len(rows)

    def _send(self, connection: smtplib.SMTP, row: sqlite3.Row) -> bool:
        """Send one; false when the connection is of no more use."""
        with self.store.write() as db:
            try:
                mail = self._made(db, row)
            except Exception as failure:  # this one alone: those behind it still go out
                log.exception("a mail could not be made")
                _fail(db, row, f"it could not be made: {type(failure).__name__}")
                return True
            if mail is None:
                db.execute("DELETE FROM mail WHERE id = ?", (row["id"],))
                return True
            db.execute("UPDATE mail SET state = 'sending' WHERE id = ?", (row["id"],))
        try:
            mail.policy = ONE_LINE
            connection.send_message(mail, self.config.mail.sender, [row["recipient"]])
        except smtplib.SMTPRecipientsRefused as failure:
            code, said = next(iter(failure.recipients.values()), (450, b""))
            self._refused(row, code, said)
            return _alive(connection)
        except smtplib.SMTPResponseException as failure:
            self._refused(row, failure.smtp_code, failure.smtp_error)
            return _alive(connection)
        except (OSError, smtplib.SMTPException, ValueError) as failure:
            self._put_off(row, f"{type(failure).__name__}: {failure}")
            return False
        with self.store.write() as db:
            db.execute(
                "UPDATE mail SET state = 'sent', sent_at = ?, attempts = attempts + 1, reply = '' WHERE id = ?",
                (self.clock.now(), row["id"]),
            )
        return True

    def _refused(self, row: sqlite3.Row, code: int, said: bytes | str) -> None:
        words = f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
        if not 500 <= code < 600:
            self._put_off(row, words)
            return
        with self.store.write() as db:
            _fail(db, row, words)

    def _put_off(self, row: sqlite3.Row, why: str) -> None:
        pause = PAUSES[min(row["attempts"], len(PAUSES) - 1)]
        with self.store.write() as db:
            db.execute(
                "UPDATE mail SET state = 'waiting', attempts = attempts + 1, due_at = ?, reply = ? WHERE id = ?",
                (self.clock.now() + pause, why[:300], row["id"]),
            )

    def _made(self, db: sqlite3.Connection, row: sqlite3.Row) -> EmailMessage | None:
        """The mail of a row; None where it is not wanted any more."""
        if row["subscriber"]:
            who = db.execute("SELECT * FROM subscriber WHERE id = ?", (row["subscriber"],)).fetchone()
            wanted = "pending" if row["purpose"] == "confirm" else "confirmed"
            if who is None or who["state"] != wanted:
                return None
        if row["purpose"] == "confirm":
            return self._confirmation(db, row)
        step = db.execute("SELECT * FROM incident_update WHERE id = ?", (row["incident_update"],)).fetchone()
        incident = incidents.found(db, step["incident"]) if step else None
        return self._about(db, row, step, incident) if incident else None

    def _confirmation(self, db: sqlite3.Connection, row: sqlite3.Row) -> EmailMessage:
        token = subscribers.confirm_token(db, row["subscriber"], row["made_at"])
        link = f"{self.config.service()}/confirm?t={token}"
        words = (
            f"Somebody asked that this address gets mails about the status of {self.config.title}.",
            "If that was you, confirm it within 24 hours. If not, do nothing: you will get no more mail.",
        )
        mail = self._head(row, f"Confirm: status mails of {self.config.title}")
        self._fill(mail, "Do you want these mails?", words, "Yes, send me these mails", link, "")
        return mail

    def _about(
        self, db: sqlite3.Connection, row: sqlite3.Row, step: sqlite3.Row, incident: incidents.Incident
    ) -> EmailMessage:
        state = incidents.STATES[step["state"]]
        mail = self._head(row, f"{self.config.title}: {incident.title} ({state.lower()})")
        mail["References"] = f"<incident-{incident.id}@{self._domain()}>"
        leave = ""
        if row["subscriber"]:
            leave = f"{self.config.service()}/unsubscribe?t={subscribers.leave_token(db, row['subscriber'])}"
            mail["List-Unsubscribe"] = f"<{leave}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        words = (f"{state}, {incidents.when(step['at'], self.config)}", *str(step["body"]).split("\n"))
        self._fill(mail, incident.title, words, "Open the status page", self.config.url, leave)
        return mail

    def _domain(self) -> str:
        return self.config.mail.sender.rpartition("@")[2]

    def _head(self, row: sqlite3.Row, subject: str) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = formataddr((self.config.title, self.config.mail.sender))
        mail["To"] = row["recipient"]
        mail["Subject"] = " ".join(subject.split())
        mail["Date"] = format_datetime(datetime.fromtimestamp(row["made_at"], UTC))
        mail["Message-ID"] = f"<{hashlib.sha256(row['key'].encode()).hexdigest()[:32]}@{self._domain()}>"
        mail["Auto-Submitted"] = "auto-generated"
        return mail

    def _fill(
        self, mail: EmailMessage, title: str, words: tuple[str, ...], button: str, link: str, leave: str
    ) -> None:  # fmt: skip
        foot = [f"You get this because you subscribed to the status of {self.config.title}."] if leave else []
        foot += [self.config.imprint] if self.config.imprint else []
        plain = [title, "", *words, "", f"{button}: {link}", "", *foot]
        plain += [f"No more of these mails: {leave}"] if leave else []
        mail.set_content("\n".join(plain) + "\n", cte="quoted-printable")
        body = "".join(f'<p style="margin:0 0 12px">{escape(one)}</p>' for one in words if one)
        end = "<br>".join(escape(one) for one in foot)
        end += (
            f'<br><a class="soft" href="{escape(leave)}" style="color:#5b6675">No more of these mails</a>'
            if leave
            else ""
        )
        mail.add_alternative(
            '<!doctype html><html lang="en"><head><meta name="color-scheme" content="light dark"><style>'
            "@media (prefers-color-scheme: dark) { .soft { color: #b6bfcb !important; } }</style></head>"
            '<body style="margin:0;padding:24px 16px;font:16px/1.5 -apple-system,Segoe UI,Roboto,Arial,sans-serif">'
            '<div style="max-width:560px;margin:0 auto">'
            f'<p class="soft" style="margin:0 0 4px;color:#5b6675;font-size:14px">{escape(self.config.title)}</p>'
            f'<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">{escape(title)}</h1>{body}'
            f'<p style="margin:20px 0"><a href="{escape(link)}" style="display:inline-block;padding:12px 20px;'
            f'background:#0f766e;color:#ffffff;text-decoration:none;border-radius:8px">{escape(button)}</a></p>'
            '<p class="soft" style="margin:24px 0 0;padding-top:12px;border-top:1px solid #c9d0d9;color:#5b6675;'
            'font-size:13px">'
            f"{end}</p></div></body></html>\n",
            subtype="html", cte="quoted-printable",
        )  # fmt: skip


def connect(server: Smtp, plain: bool = False) -> smtplib.SMTP:
    """A connection that is signed in. Raises OSError, SMTPException."""
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=20, context=context)
        if server.tls
        else smtplib.SMTP(server.host, server.port, timeout=20)
    )
    try:
        connection.ehlo_or_helo_if_needed()
        if server.starttls and (connection.has_extn("starttls") or not plain):
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _fail(db: sqlite3.Connection, row: sqlite3.Row, why: str) -> None:
    db.execute("UPDATE mail SET state = 'failed', attempts = attempts + 1, reply = ? WHERE id = ?",
               (why[:300], row["id"]))  # fmt: skip


def _alive(connection: smtplib.SMTP) -> bool:
    try:
        return connection.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False
