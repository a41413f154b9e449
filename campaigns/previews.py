"""A template as one client would get it, on the screen and in one's own mailbox."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from campaigns import merging, templates
from campaigns.braces import Problem, UnresolvedField
from campaigns.consents import may_name_phi
from campaigns.merging import Recipient
from campaigns.settings import Purpose, Template
from campaigns.templates import CannotSend, Rendered, check, kind_of
from data.errors import BadInput
from data.models import Patient, User
from data.session import ClinicSession
from data.types import new_id
from messages.outbox import queue
from records.access import client_for
from security import looks
from security.actor import Actor
from security.profile import profile
from security.rules import act, look

NOT_YET = "https://link.invalid/"
"""Stands for the way out where nothing is sent."""


class NoAddressOfYours(BadInput):
    """There is no e-mail address for you to send a test to. Enter one under My account, then send it."""


@dataclass(frozen=True)
class Preview:
    """``made`` is None where it cannot be made, and ``missing`` then says why. ``permitted``: this client permitted
    that messages by this channel name patient and service."""

    made: Rendered | None
    problems: tuple[Problem, ...]
    missing: str = ""
    permitted: bool = False


def preview(
    template: Template, client_id: str = "", *, purpose: Purpose = "marketing", permitted: bool = False, by: Actor
) -> Preview:
    """A template as a client would get it; without one, with made-up values, ``permitted`` or not. The look at a client
    is written down. Raises NotPermitted, NotFound, RestrictedRecord."""
    with look(by, "campaigns.use") as session:
        found = _previewed(session, template, client_id, purpose, permitted, by)
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
    session: ClinicSession, template: Template, client_id: str, purpose: Purpose, permitted: bool, by: Actor
) -> Preview:
    kind = kind_of(session)
    problems = tuple(check(template, kind))
    if any(one.stops for one in problems):
        first = next(one for one in problems if one.stops)
        return Preview(None, problems, f"{first.place}: {first.words}")
    compiled = templates.compile(template, kind=kind, purpose=purpose, paper=profile(session).paper)
    if client_id:
        client = client_for(session, client_id, by)
        living = select(Patient.id).where(Patient.client_id == client.id, Patient.died_on.is_(None))
        who = Recipient(client.id, tuple(session.scalars(living.order_by(Patient.id))))
        values = merging.values_of(session, [who], compiled.fields)[who]
        permitted = client.id in may_name_phi(session, [client.id], template.channel)
    else:
        who = Recipient("")
        of_clinic = merging.values_of(session, [who], compiled.fields)[who]
        examples = merging.examples()
        values = {name: of_clinic[name] or examples[name] for name in compiled.fields}
    values["unsubscribe_link"] = NOT_YET
    try:
        return Preview(compiled.render(values, names_phi=permitted), problems, permitted=permitted)
    except UnresolvedField as missing:
        return Preview(None, problems, missing.message, permitted)


def _note(client_id: str, by: Actor) -> None:
    """Write down that a client's values were looked at; again within five minutes is one look."""
    if not looks.is_new(by, "template", client_id):
        return
    with act(by, "campaigns.use") as work:
        work.session.quiet = True
        work.audit("template.previewed", "client", client_id)
