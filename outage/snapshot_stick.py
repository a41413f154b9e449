"""The snapshot as a folder for a USB stick: one page that opens from the file manager with the same viewer, what it
shows encrypted under a passphrase, and beside it the rosters as encrypted PDFs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from data.errors import BadInput
from data.types import clock
from outage.snapshot import SpareForms, snapshot, spare_forms
from outage.snapshot_parts import SCRIPTS, part, policy
from outage.vault_file import roster_file
from security.actor import Actor
from security.rules import act

ROUNDS = 1_000_000
"""Of PBKDF2 with SHA-256, as in the browser (viewer/store.js)."""
SHORTEST, LONGEST = 14, 200
_COMMON = re.compile(
    "password|passphrase|123456|qwerty|letmein|welcome|iloveyou|ballast|snapshot|clinic|veterinary", re.IGNORECASE
)


class WeakPassphrase(BadInput):
    """That passphrase {problem}. Four or five words in a row are easy to keep in mind."""


@dataclass(frozen=True)
class StickFile:
    """One file of the folder."""

    name: str
    content: bytes


def check_passphrase(passphrase: str) -> None:
    """The rule of the viewer: whoever finds a stick may try as often as they like. Raises WeakPassphrase."""
    if len(passphrase) < SHORTEST:
        raise WeakPassphrase(problem=f"has fewer than {SHORTEST} characters")
    if len(passphrase) > LONGEST:
        raise WeakPassphrase(problem=f"is longer than {LONGEST} characters")
    if len(set(passphrase.lower())) < 7:
        raise WeakPassphrase(problem="repeats the same few characters")
    if _COMMON.search(passphrase) and len(re.sub(r"[\s\d-]", "", _COMMON.sub("", passphrase))) < 8:
        raise WeakPassphrase(problem="is among the first that are tried")


def stick(passphrase: str, *, by: Actor) -> list[StickFile]:
    """The files of the folder, readable with the passphrase alone. The reading is audited. Raises WeakPassphrase,
    PrintTookTooLong, NotPermitted."""
    check_passphrase(passphrase)
    made_at, taken, forms = clock.now(), snapshot(by=by), spare_forms(by=by)
    document = json.loads(taken.text)
    days = [date.fromisoformat(one["day"]) for one in document["days"]]
    rosters = [roster_file(by.clinic_id, day, passphrase).file for day in days]
    page = StickFile("index.html", _page(document, taken.text, forms, made_at, passphrase))
    with act(by, "outage.print") as work:
        work.audit("snapshot.written", "snapshot", taken.digest[:16], **taken.counts)
    return [page, *(StickFile(one.name, one.content) for one in rosters)]


def sealed(plain: bytes, passphrase: str) -> dict[str, object]:
    """What the viewer opens with the passphrase: salt, rounds, iv and the AES-256-GCM body, as it reads them."""
    salt, iv = os.urandom(16), os.urandom(12)
    typed = unicodedata.normalize("NFC", passphrase).encode()
    key = PBKDF2HMAC(SHA256(), 32, salt, ROUNDS).derive(typed)
    body = AESGCM(key).encrypt(iv, plain, b"stick")
    return {
        "rounds": ROUNDS, **{name: base64.b64encode(value).decode()
                             for name, value in (("salt", salt), ("iv", iv), ("body", body))},
    }  # fmt: skip


def _page(document: dict[str, Any], text: str, forms: SpareForms, made_at: datetime, passphrase: str) -> bytes:
    plain = json.dumps({"data": text, "forms": forms.text}, ensure_ascii=False).encode()
    facts = sealed(plain, passphrase) | {
        "clinic": document["clinic"], "zone": document["zone"], "locale": document["locale"],
        "made_at": made_at.isoformat(),
    }  # fmt: skip
    style, scripts = part("viewer.css").decode(), [part(name).decode() for name in SCRIPTS]
    allowed = policy(" ".join(_hash(one) for one in scripts), _hash(style), "'none'", inside=False)
    blocks = [
        f'<script type="application/json" id="stick">{_inert(json.dumps(facts))}</script>',
        *(f'<script type="text/plain" id="{name}">{base64.b64encode(part(f"{name}.ttf")).decode()}</script>'
          for name in ("font", "font-bold")),
        *(f"<script>{one}</script>" for one in scripts),
    ]  # fmt: skip
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(allowed)}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Ballast snapshot</title>
<style>{style}</style>
</head>
<body>
<div id="page"></div>
<noscript><p>This page needs JavaScript, which is switched off in this browser.</p></noscript>
{chr(10).join(blocks)}
</body>
</html>
""".encode()


def _hash(text: str) -> str:
    """How a policy names one script or style: no other runs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inert(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")
