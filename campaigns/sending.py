"""What of a running campaign may go out now, how each message is judged and written when it does, and how a run ends.

The outbox of ``messages`` carries it all; this says what only campaigns know.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from campaigns import trouble
from campaigns.audience import Compiled, compile_texts, recently_reached
from campaigns.consents import known_links_key, may_name_phi, may_send
from campaigns.launch import documents_of, prepare
from campaigns.links import Out, address_hash, list_unsubscribe_headers, way_out
from campaigns.merging import Recipient
from campaigns.settings import Campaign
from campaigns.templates import Rendered
from campaigns.texts import values_for
from data import jobs
from data.engine import database
from data.errors import Refusal
from data.models import CampaignRun, Client, OutboxMessage, Patient
from data.sealed import unseal
from data.session import ClinicSession, read, write
from data.types import clock
from messages import delivery
from messages.delivery import Held
from messages.outbox import Content, one_line
from messages.pace import quiet_until
from records.consents import chunks
from records.reach import address_of
from security.actor import Actor
from security.rules import act

_ON_THE_WAY = ("claimed", "sending", "sent", "uncertain", "failed")
_LEFT = ("pending", "claimed", "sending", "deferred")
STALE = timedelta(minutes=2)
"""After so long a preparation is believed to have broken off."""


@dataclass(frozen=True)
class Running:
    """A run as it was frozen, compiled once."""

    run_id: str
    campaign: Campaign
    compiled: Compiled
    frozen: dict[str, Any]
    key: bytes
    zones: tuple[str, ...]


_known: OrderedDict[tuple[str, str, str], Running] = OrderedDict()
_told: OrderedDict[str, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def running(session: ClinicSession, run_id: str) -> Running:
    """A run ready to be sent: its texts compiled, kept for as long as this process lives."""
    key = (str(database().engine.url), session.clinic_id, run_id)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    frozen: dict[str, Any] = dict(session.scalars(select(CampaignRun.frozen).where(CampaignRun.id == run_id)).one())
    campaign, _, templates = documents_of(frozen)
    compiled = compile_texts(session, campaign, templates)
    zones = tuple(frozen.get("zones", [])) or (frozen["zone"],)
    found = Running(run_id, campaign, compiled, frozen, known_links_key(session), zones)
    with _lock:
        _known[key] = found
        while len(_known) > 32:
            _known.popitem(last=False)
    return found


def allowed(session: ClinicSession, channel: str) -> dict[str, int]:
    """How many messages of each running run may go out by a channel at this moment: its throttle, its window and its
    quiet hours, reckoned from what went out."""
    if channel == "letter":
        return {}
    ids = session.scalars(
        select(CampaignRun.id).where(CampaignRun.state == "running").order_by(CampaignRun.began_at, CampaignRun.id)
    ).all()
    found = {}
    for run_id in ids:
        run = running(session, run_id)
        if channel in run.campaign.channels and not _all_quiet(run):
            found[run_id] = _free(session, run)
    return {run_id: count for run_id, count in found.items() if count > 0}


def _all_quiet(run: Running) -> bool:
    hours, now = run.campaign.quiet_hours, clock.now()
    return hours is not None and all(quiet_until(hours.begin, hours.end, zone, now) for zone in run.zones)


def _free(session: ClinicSession, run: Running) -> int:
    most = delivery.BATCH
    if run.campaign.throttle_per_minute:
        most = min(most, run.campaign.throttle_per_minute - went_out(session, run.run_id, timedelta(minutes=1)))
    window = run.campaign.window
    if window.messages and most > 0:
        most = min(most, window.messages - went_out(session, run.run_id, timedelta(minutes=window.minutes)))
    return most


def went_out(session: ClinicSession, run_id: str, within: timedelta) -> int:
    """How many of a run went on their way in the time just past, those that are about to included; what a clock that
    ran ahead has dated into the time to come is not of it."""
    now = clock.now()
    rows = select(func.count()).where(
        OutboxMessage.run_id == run_id, OutboxMessage.state.in_(_ON_THE_WAY[1:]), OutboxMessage.due_at > now - within,
        OutboxMessage.due_at <= now, OutboxMessage.attempts > 0,
    )  # fmt: skip
    claimed = select(func.count()).where(OutboxMessage.run_id == run_id, OutboxMessage.state == "claimed")
    return int(session.scalar(rows) or 0) + int(session.scalar(claimed) or 0)


def judge(session: ClinicSession, rows: Sequence[Any]) -> dict[str, Held]:
    """Why messages of campaigns must not go out now, though they were to when the audience was frozen."""
    held: dict[str, Held] = {}
    by_run: dict[str, list[Any]] = {}
    for row in rows:
        by_run.setdefault(row.run_id, []).append(row)
    states = {
        run_id: state
        for run_id, state in session.execute(
            select(CampaignRun.id, CampaignRun.state).where(CampaignRun.id.in_(by_run))
        ).tuples()
    }
    for run_id, own in by_run.items():
        state = states.get(run_id, "stopped")
        if state != "running":
            until = None if state in ("stopped", "failed") else clock.now()
            held |= {row.id: Held("the campaign was stopped", until) for row in own}
        else:
            held |= _judged(session, running(session, run_id), own)
    return held


def _judged(session: ClinicSession, run: Running, rows: Sequence[Any]) -> dict[str, Held]:
    told = {row.id: told_of(row) for row in rows}
    held: dict[str, Held] = {}

    def hold(reasons: Iterable[tuple[Any, str]]) -> None:
        for row, why in reasons:
            if why and row.id not in held:
                held[row.id] = Held(why)

    for channel in {row.channel for row in rows}:
        own = [row for row in rows if row.channel == channel]
        hashes = {row.client_id: row.address_hash for row in own}
        why = may_send(session, hashes, channel, run.campaign.purpose, hashes)
        hold((row, why[row.client_id]) for row in own)
        moved = _moved(session, run, channel, own)
        hold((row, "another address was entered meanwhile") for row in own if row.client_id in moved)
    patients = _patients_of(session, {one for about in told.values() for one in about["patients"]})
    hold((row, _about_patients(row, told[row.id]["patients"], patients)) for row in rows)
    for row_id, why in _reached(session, run, [row for row in rows if row.id not in held]).items():
        held.setdefault(row_id, why)
    for row in _less_permitted(session, run, rows, told):
        held.setdefault(row.id, Held("may no longer name the patient", clock.now()))
    hold(_changed(session, run, [row for row in rows if row.id not in held], told))
    hours = run.campaign.quiet_hours
    if hours and len(run.zones) > 1:
        for row in rows:
            until = quiet_until(hours.begin, hours.end, told[row.id]["zone"] or run.frozen["zone"], clock.now())
            if until and row.id not in held:
                held[row.id] = Held("quiet hours", until)
    return held


def judge_again(session: ClinicSession, rows: Sequence[Any]) -> dict[str, Held]:
    """Who got a message of another campaign since ``judge`` was asked: marks of workers are no change of the clinic."""
    held: dict[str, Held] = {}
    for run_id in {row.run_id for row in rows}:
        held |= _reached(session, running(session, run_id), [row for row in rows if row.run_id == run_id])
    return held


def _reached(session: ClinicSession, run: Running, rows: Sequence[Any]) -> dict[str, Held]:
    if run.campaign.purpose != "marketing":
        return {}
    clients = [row.client_id for row in rows]
    reached = recently_reached(session, clients, run.campaign.frequency_cap_days, run.run_id, sent_only=True)
    return {row.id: Held("got another message meanwhile") for row in rows if row.client_id in reached}


def _less_permitted(
    session: ClinicSession, run: Running, rows: Sequence[Any], told: dict[str, dict[str, Any]]
) -> list[Any]:
    """Note of each whether it may name the patient; those that were written when it still might are written anew."""
    found = []
    for channel in {row.channel for row in rows}:
        if any(text.names_phi for text in run.compiled.by(channel)):
            own = [row for row in rows if row.channel == channel]
            allowed = may_name_phi(session, {row.client_id for row in own}, channel)
            for row in own:
                before, now = told[row.id].get("names_phi"), row.client_id in allowed
                told[row.id]["names_phi"] = now
                if before and not now:
                    found.append(row)
    return found


def told_of(row: Any) -> dict[str, Any]:
    """What was frozen for one recipient: ``values``, ``patients``, ``zone``."""
    with _lock:
        told = _told.get(row.id)
    if told is None:
        told = dict(json.loads(unseal(row.body, database().home.key("token"), row.id)))
        with _lock:
            _told[row.id] = told
            while len(_told) > 2 * delivery.BATCH:
                _told.popitem(last=False)
    return told


def _moved(session: ClinicSession, run: Running, channel: str, rows: Sequence[Any]) -> set[str]:
    """The clients of whom another address is on record than the one that was frozen."""
    before = {row.client_id: row for row in rows}
    columns = (
        Client.id, Client.email, Client.phone, Client.address, Client.city, Client.region, Client.postal_code
    )  # fmt: skip
    found = set()
    for some in chunks(before):
        for client in session.execute(select(*columns).where(Client.id.in_(some))):
            address, row = address_of(channel, client), before[client.id]
            if address and address != row.recipient and address_hash(run.key, channel, address) != row.address_hash:
                found.add(client.id)
    return found


def _patients_of(session: ClinicSession, ids: Collection[str]) -> dict[str, tuple[str, bool]]:
    found = {}
    for some in chunks(ids):
        rows = session.execute(select(Patient.id, Patient.client_id, Patient.died_on).where(Patient.id.in_(some)))
        found |= {patient: (client, died is not None) for patient, client, died in rows}
    return found


def _about_patients(row: Any, about: Sequence[str], patients: dict[str, tuple[str, bool]]) -> str:
    for patient in about:
        client, died = patients.get(patient, ("", False))
        if died:
            return "a patient it is about has died"
        if client != row.client_id:
            return "a patient it is about belongs to somebody else by now"
    return ""


def _changed(
    session: ClinicSession, run: Running, rows: Sequence[Any], told: dict[str, dict[str, Any]]
) -> list[tuple[Any, str]]:
    """Those whose text tells of a visit, or of something due, that is otherwise by now."""
    volatile = {
        row.id: run.compiled.of(row.variant, row.channel).volatile for row in rows
    }  # fmt: skip
    fields = frozenset().union(*volatile.values()) if volatile else frozenset()
    if not fields:
        return []
    about = [Recipient(row.client_id, tuple(told[row.id]["patients"])) for row in rows]
    now = values_for(session, about, fields)
    found = []
    for row in rows:
        before, after = told[row.id]["values"], now.get(row.client_id, {})
        if any(_plain(before.get(name)) != _plain(after.get(name)) for name in volatile[row.id]):
            found.append((row, "what it says of a visit or of what is due changed meanwhile"))
    return found


def _plain(value: Any) -> Any:
    """A value as it comes back from where it was frozen."""
    return json.loads(json.dumps(value, default=str))


def compose(clinic_id: str, row: Any) -> Content:
    """The text of one recipient, of the frozen template and the frozen values."""
    run = _of_process(clinic_id, row.run_id)
    headers: tuple[tuple[str, str], ...] = ()
    leave = ""
    if run.frozen.get("site"):
        leave = way_out(run.frozen["site"], run.key, Out(clinic_id, row.channel, row.address_hash), row.run_id)
    made = written(run, row, leave)
    if row.channel != "email":
        return Content(made.text)
    if run.campaign.purpose == "marketing" and leave:
        headers = list_unsubscribe_headers(leave)
    return Content(
        made.text, made.html, subject=one_line(made.subject)[:300],
        sender_name=run.frozen["sender"], headers=headers, reply_to=run.frozen.get("reply_to", ""),
    )  # fmt: skip


def written(run: Running, row: Any, leave: str = "", *, names_phi: bool | None = None) -> Rendered:
    """The text of one recipient; what is protected only where the last judgement found that it may be named."""
    told = told_of(row)
    may = bool(told.get("names_phi")) if names_phi is None else names_phi
    return run.compiled.of(row.variant, row.channel).write(told["values"], names_phi=may, way_out=leave)


def _of_process(clinic_id: str, run_id: str) -> Running:
    key = (str(database().engine.url), clinic_id, run_id)
    with _lock:
        found = _known.get(key)
    if found is not None:
        return found
    with read(clinic_id) as session:
        return running(session, run_id)


def broken(clinic_id: str, run_ids: Collection[str], reason: str) -> None:
    """Pause runs that the mail server takes nothing of, until it does again (``trouble.go_on``)."""
    by = Actor.worker(clinic_id)
    with act(by, "campaigns.use") as work:
        for run_id in run_ids:
            run = work.session.get_one(CampaignRun, (clinic_id, run_id))
            if run.state == "running":
                run.state = "paused"
                run.reason = trouble.reason_of(reason)
                work.audit("campaign.paused", "campaign_run", run_id, why="mail server")


def tend(clinic_id: str) -> bool:
    """Start runs whose hour has come, go on with preparations that broke off, end what is all out; returns whether
    something was done."""
    with read(clinic_id) as session:
        runs = session.execute(
            select(
                CampaignRun.id, CampaignRun.state, CampaignRun.begins_at, CampaignRun.entered_at, CampaignRun.version
            ).where(CampaignRun.state.in_(("preparing", "waiting", "running")))
        ).all()
        over = [run.id for run in runs if run.state == "running" and not _is_left(session, run.id)]
        letters = [run for run in runs if run.state == "running" and _is_left(session, run.id, "letter")]
    now = clock.now()
    due = [run.id for run in runs if run.state == "waiting" and run.begins_at <= now]
    stale = [run.id for run in runs if run.state == "preparing" and run.entered_at + STALE < now]
    by = Actor.worker(clinic_id)
    for run_id in stale:
        _go_on(run_id, by)
    if due or over:
        _turn(clinic_id, due, over, by)
    if letters:
        with write(clinic_id) as session:
            for run in letters:  # anew after each that was made, and each time it was resumed
                jobs.enqueue(session, "letters", f"letters:{run.id}:{run.version}", {"run": run.id})
    return bool(due or over or stale)


def _is_left(session: ClinicSession, run_id: str, channel: str = "") -> bool:
    """Whether something of a run is still to go out."""
    left = select(OutboxMessage.id).where(OutboxMessage.run_id == run_id)
    if channel:
        left = left.where(OutboxMessage.channel == channel)
    return any(session.scalar(left.where(OutboxMessage.state == state).limit(1)) for state in _LEFT)


def _go_on(run_id: str, by: Actor) -> None:
    with contextlib.suppress(Refusal):  # it is written at the run
        prepare(run_id, by=by)


def _turn(clinic_id: str, due: Sequence[str], over: Sequence[str], by: Actor) -> None:
    with act(by, "campaigns.use") as work:
        for run_id in due:
            run = work.session.get_one(CampaignRun, (clinic_id, run_id))
            if run.state == "waiting":
                run.state, run.began_at = "running", clock.now()
                work.audit("campaign.began", "campaign_run", run_id)
        for run_id in over:
            run = work.session.get_one(CampaignRun, (clinic_id, run_id))
            if run.state == "running" and not _is_left(work.session, run_id):
                run.state, run.ended_at = "finished", clock.now()
                work.audit("campaign.finished", "campaign_run", run_id)


delivery.COMPOSERS[delivery.CAMPAIGN] = compose
delivery.GROUP_JUDGES[delivery.CAMPAIGN] = judge
delivery.GROUP_JUDGES_AGAIN[delivery.CAMPAIGN] = judge_again
delivery.ALLOWED.append(allowed)
delivery.BROKEN.append(broken)
