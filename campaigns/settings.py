"""What an administrator writes to reach people: segments, templates and campaigns, each a definition with versions."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from data import definitions
from reports.model import Filter

Channel = Literal["email", "sms", "letter"]
CHANNELS: dict[Channel, str] = {"email": "E-mail", "sms": "Text message", "letter": "Letter"}
Purpose = Literal["marketing", "reminder", "notice"]
PURPOSES: dict[Purpose, str] = {
    "marketing": "Marketing",
    "reminder": "Reminder",
    "notice": "Notice",
}
PURPOSE_HELP: dict[Purpose, str] = {
    "marketing": "News and offers. Only to those who agreed, and every message has a way out.",
    "reminder": "Care that is due. To everybody who has not refused reminders.",
    "notice": "What clients must know, such as changed hours. To everybody who has not refused reminders.",
}
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,78}$")]
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class Segment(definitions.Document):
    """Whom to write to: tests of the same kind as a report's, over clients or patients.

    ``entity`` is what the tests are asked of: ``client``, ``patient``, ``service_had`` (a patient and the last time of
    a service) or ``due`` (a patient due for a service). Whoever the tests find is written to as a client, about the
    patients that were found.
    """

    label: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=300)
    entity: Literal["client", "patient", "service_had", "due"] = "client"
    filters: list[Filter] = Field(default_factory=list, max_length=40)


class Template(definitions.Document):
    """What is written. ``body`` is Markdown with merge fields such as ``{{ patient_name }}``; the buttons, pictures and
    colours around it come from the layout. A letter has no subject; a text message has no layout."""

    label: str = Field(min_length=1, max_length=80)
    channel: Channel = "email"
    subject: str = Field(default="", max_length=150)
    preheader: str = Field(default="", max_length=150)
    """The first words that a mailbox shows beside the subject."""
    body: str = Field(min_length=1, max_length=20_000)
    button: str = Field(default="", max_length=60)
    button_link: str = Field(default="", max_length=300)
    colour: str = Field(default="#0f766e", pattern=r"^#[0-9a-fA-F]{6}$")

    @model_validator(mode="after")
    def _whole(self) -> Template:
        if self.channel == "email" and not self.subject:
            raise ValueError("an e-mail needs a subject")
        if bool(self.button) != bool(self.button_link):
            raise ValueError("a button needs both its words and its link")
        return self


class Window(definitions.Document):
    """At most so many messages in so many minutes."""

    messages: int = Field(default=0, ge=0, le=1_000_000)
    minutes: int = Field(default=60, ge=1, le=1440)


class QuietHours(definitions.Document):
    """Nothing goes out from one time of the day to another, in the zone of whoever would get it."""

    begin: str = Field(default="20:00", pattern=CLOCK)
    end: str = Field(default="08:00", pattern=CLOCK)


class Goal(definitions.Document):
    """What counts as success: an appointment booked, or one kept, within so many days of the message."""

    what: Literal["booked", "kept"] = "booked"
    days: int = Field(default=30, ge=1, le=365)


class When(definitions.Document):
    """When it goes out: ``once``, when somebody launches it; ``recurring``, by a local rule; ``stage``, so many days
    after a visit reached a stage of the patient flow."""

    kind: Literal["once", "recurring", "stage"] = "once"
    every: Literal["day", "week", "month"] = "day"
    weekday: int = Field(default=0, ge=0, le=6)
    """0 Monday; for ``every`` week."""
    day: int = Field(default=1, ge=1, le=31)
    """For ``every`` month; the last one where a month is shorter."""
    at: str = Field(default="09:00", pattern=CLOCK)
    stage: str = Field(default="", max_length=20)
    after_days: int = Field(default=1, ge=0, le=90)
    active: bool = False
    """Whether a recurring or triggered campaign goes on by itself."""

    @model_validator(mode="after")
    def _whole(self) -> When:
        if self.kind == "stage" and not self.stage:
            raise ValueError("choose the stage that sets it off")
        return self


class Campaign(definitions.Document):
    """A message to a segment. ``channels`` in order of preference: each client gets one, the first that reaches them.
    ``b_templates`` are tried on ``b_share`` percent; ``hold_out_percent`` get nothing, to compare with."""

    label: str = Field(min_length=1, max_length=80)
    purpose: Purpose = "marketing"
    segment: Slug
    channels: list[Channel] = Field(default=["email"], min_length=1, max_length=3)
    templates: dict[Channel, Slug]
    b_templates: dict[Channel, Slug] = Field(default_factory=dict)
    b_share: int = Field(default=50, ge=1, le=99)
    hold_out_percent: int = Field(default=0, ge=0, le=50)
    when: When = Field(default_factory=When)
    one_per: Literal["client", "patient"] = "client"
    throttle_per_minute: int = Field(default=0, ge=0, le=100_000)
    """0 = as fast as the mail server takes it."""
    window: Window = Field(default_factory=Window)
    quiet_hours: QuietHours | None = Field(default_factory=QuietHours)
    frequency_cap_days: int = Field(default=7, ge=0, le=365)
    """Nobody who got another marketing message in so many days; 0 = no matter."""
    goal: Goal = Field(default_factory=Goal)

    @model_validator(mode="after")
    def _whole(self) -> Campaign:
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("name each channel once")
        for channel in self.channels:
            if channel not in self.templates:
                raise ValueError(f"choose the template for {CHANNELS[channel].lower()}")
        return self


class Mailbox(definitions.Document):
    """Where bounces and complaints come to: a mailbox that the worker reads by IMAP over TLS. Its password is kept
    apart, as a secret of the clinic."""

    active: bool = False
    host: str = Field(default="", max_length=253, pattern=r"^[A-Za-z0-9.:-]*$")
    port: int = Field(default=993, ge=1, le=65_535)
    user: str = Field(default="", max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$")
    folder: str = Field(default="INBOX", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    soft_bounces: int = Field(default=4, ge=2, le=20)
    """So many passing bounces in a row, and the address counts as gone."""

    @model_validator(mode="after")
    def _whole(self) -> Mailbox:
        if self.active and not (self.host and self.user):
            raise ValueError("the mailbox needs a server and a user")
        return self


MAILBOX = definitions.register("mailbox", "Mailbox for bounces", Mailbox)
ONLY_MAILBOX = "bounces"


SEGMENT = definitions.register("segment", "Segment", Segment, has_own_rules=True)
TEMPLATE = definitions.register("template", "Template", Template, has_own_rules=True)
CAMPAIGN = definitions.register("campaign", "Campaign", Campaign, has_own_rules=True)


def slug_for(label: str) -> str:
    """A short name made of a label."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:60] or "campaign"
