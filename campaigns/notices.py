"""What came back, read from the mail itself: delivery reports (RFC 3464), complaints (RFC 5965), and bounces of mail
servers that keep to neither.

The mail comes from anybody, so everything is bounded and nothing is believed but that a report names a message of ours
by an id nobody can guess. What cannot be read is no report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

LARGEST = 512 * 1024
"""Bytes of a mail that are looked at."""
PARTS = 60
BOUNDARIES = 40
"""Times the word may stand in a report; with hundreds of parts in each other a mail takes seconds to be taken apart."""
TEXT = 64 * 1024
_ID = r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_OURS = re.compile(rf"(?:X-Ballast-Message:[ \t]*|<){_ID}(?=[@\s>]|$)", re.IGNORECASE)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"(?:^|[\s:(>#])([45]\d\d)(?=[\s-])")
_GONE = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|address|mailbox|person)|does(?: not|n't) exist|"
    r"unknown (?:recipient|address|mailbox)|(?:recipient|address|mailbox|user|account)[^.\n]{0,40}not (?:found|exist)|"
    r"invalid (?:recipient|mailbox|address)|no mailbox here|(?:account|mailbox)[^.\n]{0,30}(?:disabled|deactivated)|"
    r"not a valid (?:mailbox|recipient|user)|host (?:or domain name )?(?:unknown|not found)|"
    r"domain[^.\n]{0,30}not exist",
    re.IGNORECASE,
)
_FULL = re.compile(r"quota|mailbox (?:is )?full|over ?quota|insufficient (?:system )?storage|try again|temporar",
                   re.IGNORECASE)  # fmt: skip
_BOUNDARY = re.compile(rb"boundary", re.IGNORECASE)
_DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery (?:system|subsystem)|<>", re.IGNORECASE)
_BOUNCED = re.compile(
    r"undeliver|deliver[a-z]* (?:status|fail|problem|has failed)|fail(?:ure|ed)|returned (?:mail|to sender)|"
    r"not delivered|could not be delivered|non.?remis|unzustellbar|no se (?:ha )?(?:pudo|podido) entregar",
    re.IGNORECASE,
)
_GONE_CODES = {"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"}


@dataclass(frozen=True)
class Notice:
    """One thing that is told about one message: hard_bounce, soft_bounce, complaint or delivered."""

    kind: str
    message: str
    """The id of the outbox row."""
    detail: str = ""


def read_notices(raw: bytes) -> list[Notice]:
    """Everything a mail reports about messages of ours; nothing for any other mail."""
    raw = raw[:LARGEST]
    if len(_BOUNDARY.findall(raw)) > BOUNDARIES:
        return []
    try:
        mail = message_from_bytes(raw)
        found = _read(mail)
    except Exception:  # the parser of the standard library trips over many things strangers can write
        return []
    return list(dict.fromkeys(found))[:20]


def _read(mail: Message) -> list[Notice]:
    parts = _parts(mail)
    ours = _ids(mail, parts)
    if not ours:
        return []
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return _complaint(part, ours)
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return _delivery(part, ours, _words(parts))
    return _bounce(mail, parts, ours)


def _parts(mail: Message) -> list[Message]:
    found: list[Message] = []
    waiting = [mail]
    while waiting and len(found) < PARTS:
        part = waiting.pop(0)
        found.append(part)
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting += [one for one in payload if isinstance(one, Message)][:PARTS]
    return found


def _ids(mail: Message, parts: list[Message]) -> list[str]:
    """The messages of ours that a mail brings back: in the headers of what it carries, or in its text; never in its own
    headers, where an answer names what it answers to."""
    found: list[str] = []
    for part in parts:
        if part is mail and part.is_multipart():
            continue
        if part is not mail:
            for name in ("X-Ballast-Message", "Message-ID", "Original-Message-ID"):
                for value in part.get_all(name, [])[:5]:
                    found += re.findall(_ID, str(value)[:300], re.IGNORECASE)
        if not part.is_multipart():
            found += [one[-36:] for one in _OURS.findall(_text(part))]
    return list(dict.fromkeys(one.lower() for one in found))[:20]


def _text(part: Message) -> str:
    if part.get_content_maintype() not in ("text", "message"):
        return ""
    body = part.get_payload(decode=True)
    if isinstance(body, bytes):
        return body[:TEXT].decode("utf-8", "replace")
    return str(body or "")[:TEXT] if isinstance(body, str) else ""


def _words(parts: list[Message]) -> str:
    return "\n".join(_text(part) for part in parts if not part.is_multipart())[:TEXT]


def _complaint(part: Message, ours: list[str]) -> list[Notice]:
    fields = _fields(part)
    kind = fields.get("feedback-type", "abuse").lower()
    return [] if kind == "not-spam" else [Notice("complaint", one, kind[:40]) for one in ours]


def _delivery(part: Message, ours: list[str], words: str) -> list[Notice]:
    """A delivery report tells about each recipient; ours have one."""
    blocks = part.get_payload()
    told = [_fields(block) for block in blocks if isinstance(block, Message)] if isinstance(blocks, list) else []
    found = []
    for fields in told[:PARTS]:
        action = fields.get("action", "").lower().split(" ")[0]
        said = f"{fields.get('status', '')} {fields.get('diagnostic-code', '')}".strip()
        if action == "failed":
            found += [Notice(_kind(said, words if len(said) < 8 else ""), one, _short(said)) for one in ours]
        elif action in ("delivered", "relayed", "expanded"):
            found += [Notice("delivered", one) for one in ours]
    return found


def _bounce(mail: Message, parts: list[Message], ours: list[str]) -> list[Notice]:
    """A bounce without a form of its own, told by its sender and its subject, or by a header of the server."""
    automatic = str(mail.get("Auto-Submitted", "")).lower().startswith("auto-replied")
    from_daemon = bool(_DAEMON.search(f"{mail.get('From', '')} {mail.get('Return-Path', '')}"[:500]))
    failed = mail.get("X-Failed-Recipients") is not None
    words = _words(parts)
    says_so = bool(_BOUNCED.search(str(mail.get("Subject", ""))[:300]) or _BOUNCED.search(words[:2_000]))
    if automatic and not failed and not from_daemon:
        return []
    if not (failed or (from_daemon and says_so)):
        return []
    return [Notice(_kind("", words), one, _short(words)) for one in ours]


def _kind(said: str, words: str) -> str:
    """Whether an address is gone, or did not take this one."""
    text = f"{said}\n{words}"
    status = _STATUS.search(said) or _STATUS.search(words)
    code = ".".join(status.groups()) if status else ""
    reply = _REPLY.search(text)
    passing = code.startswith("4") or (not code and reply is not None and reply[1].startswith("4"))
    if passing:
        return "soft_bounce"
    if code in _GONE_CODES and not (code == "5.2.1" and _FULL.search(text)):
        return "hard_bounce"
    return "hard_bounce" if _GONE.search(text) and not _FULL.search(said) else "soft_bounce"


def _short(text: str) -> str:
    """The codes of a report, without what it quotes: addresses and names stay where they are."""
    status, reply = _STATUS.search(text), _REPLY.search(text)
    return " ".join(part for part in (reply[1] if reply else "", ".".join(status.groups()) if status else "") if part)


def _fields(part: Message) -> dict[str, str]:
    """The fields of a report, however the parser has taken it."""
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        part = inner[0]
    return dict(_pairs(part))


def _pairs(part: Message) -> Iterator[tuple[str, str]]:
    for name, value in part.items()[:60]:
        yield name.lower(), " ".join(str(value)[:1_000].split())
    if not part.items() and isinstance(part.get_payload(), str):
        for line in str(part.get_payload())[:TEXT].splitlines()[:60]:
            name, colon, value = line.partition(":")
            if colon:
                yield name.strip().lower(), value.strip()[:1_000]
