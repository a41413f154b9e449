"""What the demo clinic has written to its clients: a campaign that is over, with what it brought against those held out,
and one that stands half sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from campaigns.launch import message_id
from campaigns.links import address_hash
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data import definitions
from data.engine import database
from data.models import Appointment, CampaignRun, Client, OutboxMessage
from data.sealed import seal
from data.session import ClinicSession, write
from data.types import clock, new_id
from opening.demo_history import Draws
from security import audit
from security.actor import Actor
from security.clinic_secrets import links_key
from security.profile import profile

PEOPLE = 1_400
HALF = 260
RECALL, HOURS = "spring-recall", "winter-hours"


def keep(clinic_id: str, by: Actor, zone: str, seed: int) -> None:
    """Write both with their logs."""
    rng, now = Draws(seed), clock.now()
    with write(clinic_id) as session:
        _documents(session)
        began = now - timedelta(days=41)
        recall = _run(session, RECALL, began, "finished", zone)
        recall.ended_at = began + timedelta(minutes=19)
        hours = _run(session, HOURS, now - timedelta(hours=3), "paused", zone)
        hours.reason = "The new hours are not final yet"
        session.flush()
        people = session.execute(
            select(Client.id, Client.email, Client.first_name).where(
                Client.email != "", Client.merged_into_id.is_(None), Client.restricted.is_(False),
                Client.entered_at < began,
            ).order_by(Client.number.desc()).limit(PEOPLE)
        ).all()  # fmt: skip
        booked = set(session.scalars(select(Appointment.client_id).where(
            Appointment.entered_at >= began, Appointment.entered_at < began + timedelta(days=30)
        )))  # fmt: skip
        key = links_key(session)
        rows = [_recalled(recall, one, one.id in booked, key, rng) for one in people]
        rows += [_told(hours, one, place, key, zone) for place, one in enumerate(people[:HALF])]
        recall.audience, hours.audience = len(people), min(HALF, len(people))
        session.bulk(OutboxMessage, rows)
        audit.append(session, by, "demo.loaded", "campaign_run", "", {"rows": len(rows)})


def _documents(session: ClinicSession) -> None:
    everybody = Segment(label="Everybody with an e-mail address", description="All clients we can write to")
    definitions.save(session, SEGMENT, "everybody", everybody, by_user_id=None)
    end = "\n\nWarm wishes,\n{{ clinic_name }}"
    texts = {
        "recall-warm": Template(label="Recall, warm", subject="We have not seen you for a while",
                                body="# Hello {{ client_first_name }}\n\nCome and see us this spring." + end),
        "recall-short": Template(label="Recall, short", subject="Time for a visit",
                                 body="Hello {{ client_first_name }}, it is time for a visit." + end),
        "winter-hours": Template(label="Winter hours", subject="A change of our hours",
                                 body="# Hello {{ client_first_name }}\n\nWe open at eight from December on." + end),
    }  # fmt: skip
    for slug, one in texts.items():
        definitions.save(session, TEMPLATE, slug, one, by_user_id=None)
    recall = Campaign(label="Recall of the autumn", segment="everybody", templates={"email": "recall-warm"},
                      b_templates={"email": "recall-short"}, hold_out_percent=30)  # fmt: skip
    hours = Campaign(label="Winter hours", purpose="notice", segment="everybody", templates={"email": "winter-hours"})
    for slug, campaign in ((RECALL, recall), (HOURS, hours)):
        definitions.save(session, CAMPAIGN, slug, campaign, by_user_id=None)


def _run(session: ClinicSession, slug: str, began: datetime, state: str, zone: str) -> CampaignRun:
    campaign = definitions.load(session, CAMPAIGN, slug)
    templates = {one: definitions.load(session, TEMPLATE, one).model_dump(mode="json")
                 for one in {*campaign.templates.values(), *campaign.b_templates.values()}}  # fmt: skip
    own = profile(session)
    run = CampaignRun(
        campaign=slug, key=f"demo:{slug}", name=campaign.label, day=began.date(), state=state, begins_at=began,
        began_at=began, entered_at=began, frozen={
            "slug": slug, "campaign": campaign.model_dump(mode="json"), "templates": templates, "zone": zone,
            "segment": definitions.load(session, SEGMENT, "everybody").model_dump(mode="json"), "site": "",
            "sender": own.legal_name, "postal": own.address, "zones": [zone], "about": [],
        },
    )  # fmt: skip
    session.add(run)
    return run


def _row(run: CampaignRun, one: Any, key: bytes, **values: Any) -> dict[str, Any]:
    hashed = address_hash(key, "email", one.email)
    row = {
        "id": new_id(), "channel": "email", "purpose": "marketing", "dedupe_key": f"run:{run.id}:{one.id}",
        "recipient": "", "body": b"", "message_id": "", "run_id": run.id, "client_id": one.id, "reply": "",
        "address_hash": hashed, "variant": "", "due_at": run.begins_at, "sent_at": None, "attempts": 0,
    }  # fmt: skip
    return row | values


def _recalled(run: CampaignRun, one: Any, came: bool, key: bytes, rng: Random) -> dict[str, Any]:
    """Those who booked were more often among those written to: so much the message brought."""
    dice = rng.random()
    if dice < 0.09:
        return _row(run, one, key, state="excluded", reply="unsubscribed", address_hash=None)
    if dice < 0.15:
        return _row(run, one, key, state="excluded", reply="no consent to marketing by e-mail", address_hash=None)
    if rng.random() < (0.19 if came else 0.33):
        return _row(run, one, key, state="held_out", variant="hold")
    at, variant = run.begins_at + timedelta(seconds=rng.randrange(1_100)), rng.choice("ab")
    if rng.random() < 0.012:
        return _row(run, one, key, state="failed", reply="550 5.1.1 no such mailbox", variant=variant, due_at=at,
                    attempts=1)  # fmt: skip
    return _row(run, one, key, state="sent", variant=variant, sent_at=at, due_at=at, attempts=1)


def _told(run: CampaignRun, one: Any, place: int, key: bytes, zone: str) -> dict[str, Any]:
    if place % 2 == 0:
        return _row(run, one, key, purpose="notice", state="sent", variant="a", attempts=1,
                    sent_at=run.begins_at + timedelta(seconds=place))  # fmt: skip
    told = {
        "values": {"client_first_name": one.first_name or "there", "clinic_name": run.frozen["sender"],
                   "clinic_address": " ".join(str(run.frozen["postal"]).split())},
        "patients": [], "zone": zone,
    }  # fmt: skip
    hashed = address_hash(key, "email", one.email)
    return _row(
        run, one, key, purpose="notice", state="pending", variant="a", recipient=one.email,
        body=seal(json.dumps(told).encode(), database().home.key("token")),
        message_id=message_id(run.id, "email", hashed),
    )  # fmt: skip
