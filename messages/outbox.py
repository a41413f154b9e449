"""Putting a mail on its way, in the transaction of what it tells about.

A message exists once by its dedupe key. Its text is encrypted: it may hold a link that signs somebody in. So are the
files it carries, which are kept once for all who get them, and emptied after a while.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from data.engine import database
from data.errors import BadInput, EnvironmentFailure
from data.models import OutboxFile, OutboxMessage
from data.sealed import seal, unseal
from data.session import ClinicSession
from data.types import clock, new_id

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of a file that goes by mail: many servers take no more than 15 MB, in a coding that adds a third."""
CAME_BACK = "came back"
"""How the reply of a message begins that a mail server took and another one returned."""
KEPT_FOR = timedelta(days=14)
"""How long the file of a mail is kept, so that it can be sent again."""


CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
"""What would end the line of a header, or is nothing that a person reads."""


class TooLargeToMail(BadInput):
    """{name} has {size} MB, and mail takes {largest}. Choose fewer rows or a shorter period, or download it from its
    page."""


class FileLetGo(EnvironmentFailure):
    """The file {name} of this mail is no longer kept. Have it made and sent anew."""


@dataclass(frozen=True)
class File:
    """A file that a mail carries."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """What a mail says; ``files`` are the ids of those it carries. Where it has a ``subject`` that counts, not the
    row's; ``headers`` are of the machine's own making, such as the way out of a list. ``reply_to`` is where answers go:
    what mails come from is often a mailbox for bounces, which nobody reads."""

    text: str
    html: str = ""
    files: tuple[str, ...] = ()
    subject: str = ""
    sender_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    reply_to: str = ""


def one_line(text: str) -> str:
    """A text as a header can say it: whoever typed a bell into the clinic's name still gets mails."""
    return " ".join(CONTROL.sub(" ", text).split())


def queue(
    session: ClinicSession,
    *,
    purpose: str,
    dedupe_key: str,
    recipient: str,
    subject: str,
    text: str,
    html: str = "",
    files: Sequence[str] = (),
    due_at: datetime | None = None,
    reply_to: str = "",
) -> str:
    """Add a mail to the outbox; returns its id. The same dedupe key again changes nothing and returns the first id.

    ``purpose`` is what consent is judged by: invitation, alert, receipt, vault, campaign … Subjects never hold
    anything protected. ``files`` are ids from ``attach``; ``reply_to`` is who answers.
    """
    known = session.scalars(select(OutboxMessage.id).where(OutboxMessage.dedupe_key == dedupe_key)).one_or_none()
    if known:
        return known
    row = OutboxMessage(
        id=new_id(),
        channel="email",
        purpose=purpose,
        dedupe_key=dedupe_key,
        recipient=recipient,
        subject=one_line(subject),
        body=seal(
            json.dumps({"text": text, "html": html, "files": list(files), "reply_to": reply_to}).encode(),
            database().home.key("token"),
        ),
        due_at=due_at or clock.now(),
    )
    row.message_id = f"<{row.id}@ballast.invalid>"
    session.add(row)
    return row.id


def came_back(row: Any) -> bool:
    """Whether a message went out and was returned, as far as is known by now."""
    return bool(row.state == "sent" and row.reply.startswith(CAME_BACK))


def check_size(file: File) -> None:
    """Raise TooLargeToMail."""
    if len(file.content) > LARGEST_FILE:
        size = f"{len(file.content) / 1024 / 1024:.1f}"
        raise TooLargeToMail(name=file.name, size=size, largest=LARGEST_FILE // 1024 // 1024)


def attach(session: ClinicSession, file: File) -> str:
    """Keep a file for the mails that will carry it; returns its id. Raises TooLargeToMail."""
    check_size(file)
    body = seal(file.content, database().home.key("token"))
    row = OutboxFile(id=new_id(), name=file.name, mime=file.mime, size=len(file.content), body=body)
    session.add(row)
    return row.id


def reword(row: OutboxMessage, subject: str, text: str) -> None:
    """Say something else in a mail that has not gone out; its files stay."""
    content = content_of(row)
    told = {"text": text, "html": content.html, "files": list(content.files)}
    row.subject, row.body = one_line(subject), seal(json.dumps(told).encode(), database().home.key("token"))


def content_of(row: Any) -> Content:
    """The decrypted text of a message: a row of the outbox, or its columns."""
    told = json.loads(unseal(row.body, database().home.key("token"), row.id))
    return Content(told["text"], told["html"], tuple(told.get("files", ())), reply_to=told.get("reply_to", ""))


def file_of(session: ClinicSession, file_id: str) -> File:
    """A decrypted file of a message; raises FileLetGo."""
    row = session.get_one(OutboxFile, (session.clinic_id, file_id))
    if not row.body:
        raise FileLetGo(name=row.name)
    return File(row.name, row.mime, unseal(row.body, database().home.key("token"), row.name))


def let_go_of_files(session: ClinicSession) -> int:
    """Empty the files that have been kept long enough; returns how many."""
    old = select(OutboxFile).where(OutboxFile.entered_at < clock.now() - KEPT_FOR, OutboxFile.body != b"")
    rows = session.scalars(old).all()
    for row in rows:
        row.body = b""
    return len(rows)
