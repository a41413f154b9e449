"""Runs that a mail server or the text message service took nothing of: they pause by themselves, are tried again after
longer and longer breaks, and go on once it works. What a person paused stays paused.

Also what the administrators' home says of it, and of a mailbox or replies that cannot be read.
"""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select

from campaigns.returns import mailbox_in
from campaigns.text_account import account_in
from data.errors import Refusal
from data.models import CampaignRun, Job
from data.session import ClinicSession, read
from data.types import clock
from messages import delivery, sms, wire
from security.actor import Actor
from security.alerts import Alert
from security.rules import act, look

REASONS = {"email": "The mail server takes nothing: ", "sms": "The text message service takes nothing: "}
"""How the reason begins of a run that paused itself, by channel."""
BREAKS = (1, 2, 5, 10, 20, 30)
"""Minutes between two looks whether it works again; the last one is kept."""
MOST = 300
"""Looks until a run waits for a person: about six days."""


@dataclass
class _Tries:
    count: int
    next_at: datetime


_tries: dict[tuple[str, str, str], _Tries] = {}


def reason_of(words: str) -> str:
    """Why a run pauses itself, as it is kept with the run."""
    plain = re.sub(r"\[Errno -?\d+\] ", "", " ".join(words.split()))
    own = plain.removeprefix("the text message service ")
    return (REASONS["sms" if own != plain else "email"] + plain)[:300]


def is_trouble(state: str, reason: str) -> bool:
    """Whether a run paused itself and goes on by itself."""
    return state == "paused" and reason.startswith(tuple(REASONS.values()))


def go_on(clinic_id: str, channel: str) -> int:
    """Let runs go on whose mail server or service works again, where their break is over; returns how many.

    It is asked once for all of them. A run that pauses again soon waits longer the next time.
    """
    with read(clinic_id) as session:
        ids = session.scalars(select(CampaignRun.id).where(_paused(channel))).all()
    now = clock.now()
    for key, tries in list(_tries.items()):  # what went on for long enough begins anew with the shortest break
        if (
            key[:2] == (clinic_id, channel)
            and key[2] not in ids
            and tries.next_at + timedelta(minutes=BREAKS[-1]) < now
        ):
            _tries.pop(key, None)
    for run_id in ids:
        _tries.setdefault((clinic_id, channel, run_id), _Tries(0, now + timedelta(minutes=BREAKS[0])))
    due = [one for one in ids if (tries := _tries[clinic_id, channel, one]).next_at <= now and tries.count < MOST]
    if not due or delivery.is_paused():
        return 0
    for run_id in due:
        tries = _tries[clinic_id, channel, run_id]
        tries.count += 1
        tries.next_at = now + timedelta(minutes=BREAKS[min(tries.count, len(BREAKS) - 1)])
    if not works(clinic_id, channel):
        return 0
    gone_on = 0
    with act(Actor.worker(clinic_id), "campaigns.use") as work:
        for run in work.session.scalars(select(CampaignRun).where(_paused(channel), CampaignRun.id.in_(due))):
            run.state, run.reason = "running", ""
            work.audit("campaign.resumed", "campaign_run", run.id, why="it works again")
            gone_on += 1
    return gone_on


def works(clinic_id: str, channel: str) -> bool:
    """Whether the mail server would take a mail of ours, or the text message service knows the account. No message goes
    out for it."""
    if channel == "sms":
        account = account_in(clinic_id)
        return account is not None and sms.knows(account)
    try:
        with wire.smtp_connection(delivery.mail_server()) as server:
            code, _ = server.mail(delivery.sender())
            server.rset()
            return code == 250
    except (OSError, smtplib.SMTPException, Refusal):
        return False


def alarms(*, by: Actor) -> list[Alert]:
    """What of reaching people does not work at present. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        found = []
        for run in session.scalars(select(CampaignRun).where(CampaignRun.state == "paused").order_by(CampaignRun.id)):
            if is_trouble(run.state, run.reason):
                words = f"{run.name} waits. {run.reason.rstrip('.')}. It goes on by itself once that works again."
                found.append(Alert("warning", words, "text-messages" if _is_text(run.reason) else "mail"))
        if mailbox_in(session).active and (why := _failing(session, "mailbox")):
            found.append(Alert("warning", f"Bounces are not read. {why}", "do-not-contact"))
        if sms.is_set_up(session) and (why := _failing(session, "replies")):
            found.append(Alert("warning", f"STOP in reply to text messages is not read. {why}", "text-messages"))
    return found


def _is_text(reason: str) -> bool:
    return reason.startswith(REASONS["sms"])


def _paused(channel: str) -> ColumnElement[bool]:
    return (CampaignRun.state == "paused") & CampaignRun.reason.startswith(REASONS[channel], autoescape=True)


def _failing(session: ClinicSession, kind: str) -> str:
    """Why the last try of a recurring job went wrong; empty where it went well."""
    job = session.scalars(select(Job).where(Job.dedupe_key == f"recurring:{kind}")).one_or_none()
    if job is None or not job.error:
        return ""
    waits_again = job.attempts > 1 or (job.attempts == 1 and job.state == "waiting")
    if not waits_again and (job.result or {}).get("failed") is not True:
        return ""
    return job.error if " " in job.error else "It could not be asked; the log of the worker says more."
