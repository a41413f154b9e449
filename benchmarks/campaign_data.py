"""A campaign to many made-up people, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns import launch
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data import definitions
from data.models import Client, Clinic, Consent
from data.session import write
from data.types import clock, new_id
from security import audit
from security.actor import Actor
from security.profile import PROFILE, ClinicProfile


@dataclass
class Member:
    client_id: str
    patient_id: str | None = None


def furnish(clinic_id, people, *, body="Dear {{ client_first_name }}, come and see us.", subject="News", **campaign):
    """The rows: consenting clients, the campaign ``news`` with its segment and template."""
    by = Actor.operator(clinic_id)
    with write(clinic_id) as session:
        ids = [new_id() for _ in people]
        start = 90_000
        clients = [
            {
                "id": one, "number": start + index, "first_name": name, "email": address,
                "last_name": "Vane" if name else "",
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
            session, PROFILE, "clinic",
            ClinicProfile(legal_name=clinic.name, address="1 Main St\nTroy", email="desk@clinic.example.org"),
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


def find_only(ids: Sequence[str]) -> None:
    """Let every segment find these clients."""
    launch.members = lambda *_, **__: [Member(one) for one in ids]  # type: ignore[assignment]
