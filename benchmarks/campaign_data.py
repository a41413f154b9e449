"""A campaign to many made-up people, with templates of the plainest kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import SandboxedEnvironment
from sqlalchemy import select

from campaigns import launch, texts
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data import definitions
from data.models import Appointment, Client, Clinic, Consent, Patient
from data.session import write
from data.types import clock, new_id
from security import audit
from security.actor import Actor
from security.profile import PROFILE, ClinicProfile

SOURCE = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
PAGE = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)


@dataclass
class Member:
    client_id: str
    patient_id: str | None = None


class Plain:
    """A template without a layout; a value that is empty is unresolved."""

    def __init__(self, template):
        self.subject, self.text = SOURCE.from_string(template.subject), SOURCE.from_string(template.body)
        self.html = PAGE.from_string(f"<html><body><p>{template.body}</p></body></html>")
        both = template.subject + template.body
        self.fields = frozenset(name for name in ("first_name", "patient_name", "next_visit") if name in both)
        self.names_phi = "patient_name" in self.fields
        self.volatile = self.fields & {"next_visit"}

    def write(self, values):
        for name in self.fields:
            if values.get(name) in (None, ""):
                raise texts.UnresolvedValue(field=name)
        try:
            return texts.Written(self.subject.render(values), self.text.render(values), self.html.render(values))
        except UndefinedError:
            raise texts.UnresolvedValue(field="?") from None


class PlainTexts:
    """Templates as ``campaigns.texts`` wants them."""

    def compile(self, session, template, purpose):
        return Plain(template)

    def problems(self, session, template):
        return []

    def values(self, session, recipients, fields):
        names = dict(session.execute(select(Client.id, Client.first_name)).tuples().all())
        patients = dict(session.execute(select(Patient.id, Patient.name)).tuples().all())
        visits = {}
        for client, at in session.execute(
            select(Appointment.client_id, Appointment.starts_at).where(Appointment.stage == "booked")
        ):
            visits[client] = at.isoformat()
        found = {}
        for one in recipients:
            own = {
                "first_name": names.get(one.client_id, ""), "next_visit": visits.get(one.client_id, ""),
                "patient_name": ", ".join(patients.get(patient, "") for patient in one.patient_ids),
            }  # fmt: skip
            found[one.client_id] = {name: own[name] for name in fields}
        return found


def furnish(clinic_id, people, *, body="Dear {{ first_name }}, come and see us.", subject="News", **campaign):
    """The rows: consenting clients, the campaign ``news`` with its segment and template."""
    by = Actor.operator(clinic_id)
    with write(clinic_id) as session:
        ids = [new_id() for _ in people]
        start = 90_000
        clients = [
            {
                "id": one, "number": start + index, "first_name": name, "last_name": "Vane", "email": address,
                "phone": "555-010-" + f"{index:04d}", "address": f"{index} Elm St", "city": "Troy", "region": "NY",
                "postal_code": "12180", "search": "",
            }
            for index, (one, (name, address)) in enumerate(zip(ids, people, strict=True))
        ]  # fmt: skip
        session.bulk(Client, clients)
        consents = [
            {"id": new_id(), "client_id": one, "channel": "any", "purpose": purpose, "given": True,
             "event_at": clock.now(), "origin": "writing"}
            for one in ids for purpose in ("marketing", "phi")
        ] + [
            {"id": new_id(), "client_id": one, "channel": channel, "purpose": "marketing", "given": True,
             "event_at": clock.now(), "origin": "writing"}
            for one in ids for channel in ("email", "sms", "letter")
        ]  # fmt: skip
        session.bulk(Consent, consents)
        clinic = session.get_one(Clinic, clinic_id)
        definitions.save(
            session, PROFILE, "clinic", ClinicProfile(legal_name=clinic.name, address="1 Main St, Troy"),
            by_user_id=None,
        )  # fmt: skip
        definitions.save(session, SEGMENT, "all", Segment(label="All"), by_user_id=None)
        for slug, text in (("hello", body), ("other", "B: " + body)):
            template = Template(label=slug, subject=subject, body=text)
            definitions.save(session, TEMPLATE, slug, template, by_user_id=None)
        for channel in ("sms", "letter"):
            template = Template(label=channel, channel=channel, body=body)
            definitions.save(session, TEMPLATE, f"hello-{channel}", template, by_user_id=None)
        whole = {
            "label": "News", "segment": "all", "templates": {"email": "hello"}, "quiet_hours": None,
            "frequency_cap_days": 0,
        } | campaign  # fmt: skip
        definitions.save(session, CAMPAIGN, "news", Campaign(**whole), by_user_id=None)
        audit.append(session, by, "sample.made", "clinic", "", {})
    return ids


def use_plain(ids: Sequence[str]) -> None:
    """Let the templates be the plain ones, and every segment find these clients."""
    texts.use_texts(PlainTexts())
    launch.members = lambda *_, **__: [Member(one) for one in ids]  # type: ignore[assignment]
