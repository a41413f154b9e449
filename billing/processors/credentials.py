"""What signs us in at a processor: encrypted, written and never shown again."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from billing.processors.base import ProcessorUnready
from billing.processors.settings import CREDENTIALS, NEEDED, PROCESSOR
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.engine import database
from data.errors import BadInput
from data.models import AuditLog, ProcessorSecret
from data.sealed import seal, unseal
from data.session import ClinicSession
from security.actor import Actor
from security.rules import act, look


class BadCredential(BadInput):
    """{name} does not look right: {problem}"""


@dataclass(frozen=True)
class CredentialsSet:
    """Which credentials a processor has, when they were last written and by whom; never what they are."""

    names: tuple[str, ...]
    missing: tuple[str, ...]
    at: datetime | None
    by: str


def set_credentials(slug: str, values: Mapping[str, str], *, by: Actor, key: str | None = None) -> list[str]:
    """Keep what signs us in at a processor; empty values leave what is there. Returns the names that are set now.

    Raises NotPermitted, NotFound, BadCredential, CardNumberTyped.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return list(work.result)
        document = definitions.load(work.session, PROCESSOR, slug)
        known = CREDENTIALS[document.type]
        new = {name: " ".join(text.split()) for name, text in values.items() if text.strip()}
        for name, text in new.items():
            if name not in known:
                raise BadCredential(name=name, problem=f"{document.label} has no such thing.")
            _check(known[name], text)
        row = _row(work.session, slug)
        kept = _opened(row) if row is not None else {}
        merged = {name: text for name, text in {**kept, **new}.items() if name in known}
        if row is None:
            row = ProcessorSecret(processor=slug, body=b"")
            work.session.add(row)
        if new or set(merged) != set(row.names or []):
            row.body = seal(json.dumps(merged).encode(), database().home.key("credential"))
            row.names = sorted(merged)
            work.audit("processor.credentials_set", "processor", slug, names=sorted(new))
        work.result = sorted(merged)
        return list(work.result)


def forget_credentials(slug: str, *, by: Actor, key: str | None = None) -> None:
    """Throw away what signs us in at a processor. Raises NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        row = _row(work.session, slug)
        if row is not None and row.names:
            row.body, row.names = seal(b"{}", database().home.key("credential")), []
            work.audit("processor.credentials_forgotten", "processor", slug)


def credentials_set(slug: str, *, by: Actor) -> CredentialsSet:
    """Which credentials are set, since when and by whom. Raises NotPermitted, NotFound."""
    with look(by, "settings.edit") as session:
        document = definitions.load(session, PROCESSOR, slug)
        row = _row(session, slug)
        names = tuple(row.names) if row is not None else ()
        written = session.execute(
            select(AuditLog.at, AuditLog.actor)
            .where(AuditLog.action == "processor.credentials_set", AuditLog.entity_id == slug)
            .order_by(AuditLog.seq.desc())
            .limit(1)
        ).one_or_none()
        missing = tuple(name for name in NEEDED[document.type] if name not in names)
        return CredentialsSet(names, missing, written.at if written else None, written.actor if written else "")


def credentials_of(session: ClinicSession, slug: str, label: str, kind: str) -> dict[str, str]:
    """For adapters only: what signs us in. Raises ProcessorUnready where something is missing."""
    row = _row(session, slug)
    found = _opened(row) if row is not None else {}
    missing = [CREDENTIALS[kind][name] for name in NEEDED[kind] if not found.get(name)]
    if missing:
        raise ProcessorUnready(label=label, problem=f"set first: {', '.join(missing)}.")
    return found


def can_be_asked(session: ClinicSession, slug: str, kind: str) -> bool:
    """Whether everything is set that a processor of this type is asked with."""
    row = _row(session, slug)
    return set(NEEDED[kind]) <= set(row.names or () if row is not None else ())


def notice_token(clinic_id: str, slug: str) -> str:
    """What the address for messages carries for processors that sign none; it opens nothing, it keeps noise out."""
    key = database().home.key("credential")
    return hmac.new(key, f"notice/{clinic_id}/{slug}".encode(), hashlib.sha256).hexdigest()[:32]


def _row(session: ClinicSession, slug: str) -> ProcessorSecret | None:
    return session.scalars(select(ProcessorSecret).where(ProcessorSecret.processor == slug)).one_or_none()


def _opened(row: ProcessorSecret) -> dict[str, str]:
    return dict(json.loads(unseal(row.body, database().home.key("credential"), "processor credentials")))


def _check(label: str, text: str) -> None:
    refuse_card_numbers({label: text})
    if len(text) < 4:
        raise BadCredential(name=label, problem="it is too short.")
    if len(text) > 400 or not text.isprintable() or not text.isascii():
        raise BadCredential(name=label, problem="copy it once more from the processor's page.")
