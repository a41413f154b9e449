"""What the mail server itself has written down, where this machine may read it.

``BALLAST_RELAY_LOG`` names the log: ``postfix:/var/log/mail.log``, or ``lines:/path`` for a file that names in each
line the Message-ID of one mail that was taken over. Only a server of one's own has an authoritative log: what it names
was taken, and what it does not name was not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

_POSTFIX = re.compile(r"postfix(?:/[\w.-]+)*/(cleanup|qmgr)\[\d+\]: ([0-9A-Za-z]{6,}): (message-id=(<[^>]*>)|from=<)")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))")
_ID = re.compile(r"<[^<>\s]{3,200}>")
Reader = Callable[[Iterator[str]], set[str]]


def accepted(message_ids: Collection[str], since: datetime) -> set[str] | None:
    """Which of these mails the relay took over; None where its log cannot say, because there is none, or it cannot be
    read, or it begins only after ``since``."""
    kind, _, place = os.environ.get("BALLAST_RELAY_LOG", "").partition(":")
    reader = READERS.get(kind)
    if reader is None or not place:
        return None
    wanted = set(message_ids)
    try:
        files = [file for file in (Path(f"{place}.1"), Path(place)) if file.exists()]
        if not files or not _reaches_back(files[0], since):
            return None
        return reader(line for file in files for line in _lines(file)) & wanted
    except OSError:
        return None


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as opened:
        for line in opened:
            if line.endswith("\n"):  # a line that is being written says nothing yet
                yield line


def _reaches_back(file: Path, since: datetime) -> bool:
    """Whether the log goes back far enough for a missing line to mean something: told from its first time, if it
    writes any."""
    for line in _lines(file):
        found = _ISO.match(line)
        if found:
            began = datetime.fromisoformat(found[1])
            return began.astimezone(UTC) <= since
        break
    return True


def _postfix(lines: Iterator[str]) -> set[str]:
    """Postfix has taken a mail when its queue says so; ``cleanup`` names the Message-ID already while it comes in."""
    named: dict[str, str] = {}
    taken: set[str] = set()
    for line in lines:
        found = _POSTFIX.search(line)
        if not found:
            continue
        if found[1] == "cleanup" and found[4]:
            named[found[2]] = found[4]
        elif found[1] == "qmgr" and found[2] in named:
            taken.add(named[found[2]])
    return taken


def _plain(lines: Iterator[str]) -> set[str]:
    return {found[0] for line in lines if (found := _ID.search(line))}


READERS: dict[str, Reader] = {"postfix": _postfix, "lines": _plain}
"""By kind of log. Another server's is added here."""
