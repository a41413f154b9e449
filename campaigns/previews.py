"""A template as one client would get it, on the screen and in one's own mailbox."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from campaigns import merging, templates
from campaigns.braces import Problem, UnresolvedField
from campaigns.consents import may_name_phi
from campaigns.merging import FIELDS, Recipient
from campaigns.settings import Purpose, Template
from campaigns.templates import CannotSend, Rendered, check, kind_of
from data.errors import BadInput
from data.models import Clinic, Patient, User
from data.session import ClinicSession
from data.types import clock, new_id
from data.wording import Wording
from messages.outbox import queue
from records.access import client_for
from security import looks
from security.actor import Actor
from security.profile import profile
from security.rules import act, authorize, look

NOT_YET = "https://link.invalid/"
"""Stands for the way out where nothing is sent."""


class NoAddressOfYours(BadInput):
    """There is no e-mail address for you to send a test to. Enter one under My account, then send it."""


@dataclass(frozen=True)
class Preview:
    """``made`` is None where it cannot be made, and ``missing`` then says why. ``permitted``: this client permitted
    that messages by this channel name patient and service; ``is_protected``: the text names them where permitted."""

    made: Rendered | None
    problems: tuple[Problem, ...]
    missing: str = ""
    permitted: bool = False
    is_protected: bool = False


def preview(
    template: Template, client_id: str = "", *, purpose: Purpose = "marketing", permitted: bool = False,
    patient_ids: tuple[str, ...] | None = None, by: Actor,
) -> Preview:  # fmt: skip
    """A template as a client would get it, about these patients or all that live; without a client with made-up
    values, ``permitted`` or not. The look at a client is written down.

    Raises NotPermitted, NotFound, RestrictedRecord.
    """
    with look(by, "campaigns.use") as session:
        found = _previewed(session, template, client_id, purpose, permitted, by, patient_ids)
    if client_id:
        _note(client_id, by)
    return found


def send_test(
    template: Template, client_id: str = "", *, purpose: Purpose = "marketing", permitted: bool = False, by: Actor,
    key: str | None = None,
) -> str:  # fmt: skip
    """Mail a template to oneself as a client would get it, marked as a test; returns the address. A text message and a
    letter come as what they say. Raises NoAddressOfYours, CannotSend, NotPermitted, NotFound, RestrictedRecord."""
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        address = session.scalar(select(User.email).where(User.id == by.user_id)) if by.user_id else ""
        if not address:
            raise NoAddressOfYours()
        found = _previewed(session, template, client_id, purpose, permitted, by)
        if found.made is None:
            raise CannotSend(what=found.missing)
        subject = found.made.subject or template.label
        message = queue(
            session, purpose="test", dedupe_key=f"template-test:{key or new_id()}"[:160], recipient=address,
            subject=f"Test: {subject}", text=found.made.text, html=found.made.html,
        )  # fmt: skip
        work.audit("template.tested", "client" if client_id else "template", client_id, message=message,
                   channel=template.channel)  # fmt: skip
        work.result = address
        return str(address)


def _previewed(
    session: ClinicSession, template: Template, client_id: str, purpose: Purpose, permitted: bool, by: Actor,
    patient_ids: tuple[str, ...] | None = None,
) -> Preview:  # fmt: skip
    kind = kind_of(session)
    problems = _problems(template.model_dump_json(), kind)
    if any(one.stops for one in problems):
        first = next(one for one in problems if one.stops)
        return Preview(None, problems, f"{first.place}: {first.words}")
    compiled = _compiled(template.model_dump_json(), kind, purpose, profile(session).paper)
    if client_id:
        authorize(session, by, "clients.view")  # it shows the client's name, address, animals and visits
        client = client_for(session, client_id, by)
        if patient_ids is None:
            living = select(Patient.id).where(Patient.client_id == client.id, Patient.died_on.is_(None))
            patient_ids = tuple(session.scalars(living.order_by(Patient.id)))
        who = Recipient(client.id, patient_ids)
        values = merging.values_of(session, [who], compiled.fields)[who]
        permitted = client.id in may_name_phi(session, [client.id], template.channel)
    else:
        who = Recipient("")
        of_clinic = merging.values_of(session, [who], compiled.fields)[who]
        examples = merging.examples()
        values = {name: of_clinic[name] or examples[name] for name in compiled.fields}
    values["unsubscribe_link"] = NOT_YET
    try:
        protected = any(FIELDS[name].phi for name in compiled.fields)
        return Preview(compiled.render(values, names_phi=permitted), problems, "", permitted, protected)
    except UnresolvedField as missing:
        return Preview(None, problems, missing.message, permitted)


@lru_cache(maxsize=64)
def _problems(template: str, kind: str) -> tuple[Problem, ...]:
    return tuple(check(Template.model_validate_json(template), kind))


@lru_cache(maxsize=32)
def _compiled(template: str, kind: str, purpose: Purpose, paper: str) -> templates.Compiled:
    """A template made ready, kept while a page is drawn again and again."""
    return templates.compile(Template.model_validate_json(template), kind=kind, purpose=purpose, paper=paper)


def letter_page(made: Rendered, *, by: Actor) -> bytes:
    """The first page of a letter as it will be printed, as a picture (PNG). Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        own, clinic = profile(session), session.get_one(Clinic, session.clinic_id)
        day = Wording.of(clinic).day(clock.today(clinic.zone), style="long")
        head = own.legal_name or clinic.name, ", ".join(own.address.split("\n"))
    return _page(head, made.address, made.blocks, day, own.paper)


@lru_cache(maxsize=16)
def _page(
    head: tuple[str, str], address: tuple[str, ...], blocks: tuple[tuple[str, str], ...], day: str, paper: str
) -> bytes:
    import pypdfium2

    from campaigns.letter_press import press
    from forms.print import DRAWING

    name, place = head
    letters, _ = press(
        {"name": name, "place": place}, [{"address": list(address), "blocks": list(blocks), "day": day}], paper
    )
    with DRAWING:
        document = pypdfium2.PdfDocument(letters)
        drawn: Any = document[0].render(scale=1.6).to_pil()
        document.close()
    out = io.BytesIO()
    drawn.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _note(client_id: str, by: Actor) -> None:
    """Write down that a client's values were looked at; again within five minutes is one look."""
    if not looks.is_new(by, "template", client_id):
        return
    with act(by, "campaigns.use") as work:
        work.session.quiet = True
        work.audit("template.previewed", "client", client_id)
