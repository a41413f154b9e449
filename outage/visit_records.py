"""The records of a visit as its paper tells them: stage records, moves, people, readings, services.

Each part is written by the rule a person at the screen would use, joined into the one transaction of the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from appointments import clinical, flow
from appointments.settings import APPOINTMENT_TYPE
from appointments.stages import EXITS
from billing import checkout, ledger
from data import definitions
from data.errors import NotFound
from data.models import Appointment, Client, Consent, Observation, Patient, Service
from data.session import ClinicSession
from data.types import clock
from forms.targets import YES_NO, Target, custom_targets
from outage import drug_lines
from outage.charged import codes_of, take_off
from outage.landing import STAGES, Landing
from outage.typed import NotReadable, Problem, joined_text
from records import clients, custom, patients
from records.consents import EVERY, is_strict, wordings_in
from records.reach import CHANNELS
from security.actor import Actor
from security.rules import Work

NO_PAYMENT = "Entered from paper; payment not keyed yet"


def write_visit(
    work: Work, found: Landing, appointment: Appointment, again: set[str], charged: Mapping[str, Sequence[str]]
) -> None:
    """Write everything the sheets of a visit say, inside ``together``; ``again`` are sheets that are entered anew,
    ``charged`` the services that those of this visit had marked before.

    Raises NotReadable and what the rules of the records raise.
    """
    must_fit(found)
    times = _times(found, appointment)
    _records(work, found, appointment, times, again=bool(again))
    _people(work, found, appointment)
    _moves(work, found, appointment, times, again=bool(again))
    drug_lines.write(work, found, appointment, times["exam"], again)
    _readings(work, found, appointment, times["recovery"])
    _services(work, found, appointment, times["discharge"], charged)


def must_fit(found: Landing) -> None:
    """Raise NotReadable with everything that needs another look."""
    outcome, surgery = found.got.get("flow.stage"), found.values("surgery")
    if surgery and "procedure" not in surgery and any(surgery.values()):
        sheet = next(sheet for place, sheet in found.of.items() if place.startswith("surgery."))
        if "surgery.procedure" in found.asked and outcome != "declined":
            found.problems.append(Problem(sheet, "procedure", "Procedure: say which procedure was done."))
    if found.got.get("exam.approved") is False and outcome not in (None, "declined"):
        sheet = found.of["exam.approved"]
        found.problems.append(Problem(sheet, "outcome", "Declined at the exam, and yet another outcome: check both."))
    begun, ended = found.got.get("surgery.event_at"), found.got.get("surgery.ended_at")
    if begun and ended and ended < begun:
        found.problems.append(Problem(found.of["surgery.ended_at"], "surgery_end", "Surgery ends before it begins."))
    if found.problems:
        raise NotReadable.of(found.problems)


def _times(found: Landing, appointment: Appointment) -> dict[str, datetime]:
    """When each part of the visit happened: as written, else with what came before it."""
    got = found.got
    written = {
        "check_in": got.get("check_in.event_at"), "exam": got.get("exam.event_at"),
        "surgery": got.get("surgery.event_at"),
        "recovery": got.get("recovery.event_at") or got.get("recovery.extubated_at") or got.get("surgery.ended_at"),
        "discharge": got.get("discharge.event_at"),
    }  # fmt: skip
    known = [at for at in written.values() if at is not None]
    last = min([appointment.starts_at, clock.now(), *known])
    times = {}
    for stage, at in written.items():
        if at is not None and at < last:
            sheet = next((found.of[place] for place in found.of if place.startswith(f"{stage}.")), "")
            found.odd.append(Problem(sheet, stage, f"{stage.replace('_', '-').capitalize()} is earlier than what came "
                                                   "before it on the sheet."))  # fmt: skip
        last = at or last
        times[stage] = last
    return times


def _records(
    work: Work, found: Landing, appointment: Appointment, times: Mapping[str, datetime], *, again: bool
) -> None:
    """The record of each stage the paper speaks of; what was recorded live and the paper does not say stays."""
    session_of = {stage: kind for stage, kind in STAGES.items() if found.has(stage)}
    if found.told.get("check_in.notes"):
        session_of["check_in"] = STAGES["check_in"]
    if found.vaccines:
        session_of["discharge"] = STAGES["discharge"]
    there = clinical.records_of(work.session, appointment.id)
    entries: list[tuple[clinical.Entry, datetime]] = []
    for stage in STAGES:
        kind = session_of.get(stage)
        if kind is None or (stage == "surgery" and not found.got.get("surgery.procedure")):
            continue
        row = there[kind.model]
        row = row if row is not None and row.deleted_at is None else None
        values = clinical.entry_of(row, kind) | found.values(stage)
        if again and row is not None and row.source == "paper":
            blank = clinical.entry_of(None, kind)
            values |= {name: blank[name] for name in found.emptied(stage)}
        said = found.told.get("check_in.notes", []) if stage == "check_in" else []
        said = [f"Vaccine: {line}" for line in found.vaccines] if stage == "discharge" else said
        if said:
            values["notes"] = joined_text([_without(values["notes"], said) if again else values["notes"], *said])[:4000]
        if stage == "check_in" and "check_in.consent" in found.got:
            values["identity_confirmed"] = values["identity_confirmed"] or found.got["check_in.consent"] == "signed"
        entries.append((kind(**values), times[stage]))
    if entries:
        clinical.record_paper(appointment.id, entries, there, by=work.by)


def _without(notes: str, said: Sequence[str]) -> str:
    """Notes without what a sheet that is keyed anew had said under the same names."""
    names = {text.partition(":")[0] for text in said}
    return "; ".join(piece for piece in notes.split("; ") if piece.partition(":")[0] not in names)


def _people(work: Work, found: Landing, appointment: Appointment) -> None:
    """What the paper says of the client, the patient and the clinic's own fields."""
    session, by = work.session, work.by
    client = session.get_one(Client, (session.clinic_id, appointment.client_id))
    patient = session.get_one(Patient, (session.clinic_id, appointment.patient_id))
    said = _of(found, "client", clients.ClientForm)
    if said:
        clients.change(client.id, replace(_form(client, clients.ClientForm), **said), version=client.version, by=by)
    said = _of(found, "patient", patients.PatientForm)
    if "microchip" in said:
        said["microchip"] = str(said["microchip"])
    if said:
        patients.change(
            patient.id, replace(_form(patient, patients.PatientForm), **said), version=patient.version, by=by
        )
    channels(session, found, client.id, by)
    for column in ("notes", "caution"):
        text = found.text(f"appointment.{column}")
        if text:
            setattr(
                appointment,
                column,
                joined_text([getattr(appointment, column), text])[: 300 if column == "caution" else 4000],
            )
    own_fields(session, found, {"client": client.id, "patient": patient.id, "appointment": appointment.id})


def own_fields(session: ClinicSession, found: Landing, of: Mapping[str, str]) -> None:
    """Keep the answers that land in the clinic's own fields, a choice in the words of its list, whatever the paper
    calls it. Raises BadAnswer."""
    places = custom_targets(session)
    for entity, entity_id in of.items():
        said = found.custom.get(entity, {})
        answers = {slug: _own_answer(places.get(f"custom.{entity}.{slug}"), value) for slug, value in said.items()}
        if answers:
            custom.save(session, entity, entity_id, answers)


def _own_answer(place: Target | None, value: Any) -> Any:
    if place is None or not isinstance(value, str):
        return value
    return value == "yes" if place.kinds == YES_NO else place.answers.get(value, value)


def channels(session: ClinicSession, found: Landing, client_id: str, by: Actor) -> None:
    """By which way the client may be reminded and get news, and whether messages may name the patient, as they marked
    it, within a rule. What a sheet said before is not said again when it is entered anew."""
    told = [
        (channel, purpose, True, f"{place}.{channel}")
        for place, purpose in (("consent.channels", "reminders"), ("consent.marketing", "marketing"))
        for channel in found.got.get(place, ())
    ]
    if "consent.phi" in found.got:
        given = found.got["consent.phi"]
        told += [(channel, "phi", given, f"consent.phi.{'yes' if given else 'no'}") for channel in _named_by(session)]
    at, words = found.got.get("check_in.event_at"), wordings_in(session)
    same = select(Consent.channel, Consent.purpose, Consent.given).where(
        Consent.client_id == client_id, Consent.source == "paper", Consent.event_at == at
    )
    known = {tuple(row) for row in session.execute(same)} if at else set()
    for channel, purpose, given, asked in told:
        if (channel, purpose, given) not in known:
            session.add(
                Consent(client_id=client_id, channel=channel, purpose=purpose, given=given, origin="form",
                        wording=found.wording.get(asked) or words[channel, purpose], event_at=at or clock.now(),
                        source="paper", by_user_id=by.user_id)
            )  # fmt: skip


def _named_by(session: ClinicSession) -> tuple[str, ...]:
    """A clinic for people needs each channel by itself; a mark on its paper is for all of them."""
    return tuple(CHANNELS) if is_strict(session) else (EVERY,)


def _of(found: Landing, entity: str, kind: type[Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {place.split(".", 1)[1]: value for place, value in found.got.items()
            if place.startswith(f"{entity}.") and place.split(".", 1)[1] in names}  # fmt: skip


def _form(row: Any, kind: type[Any]) -> Any:
    return kind(**{one.name: getattr(row, one.name) for one in fields(kind)})


def _stages(found: Landing, times: Mapping[str, datetime], outcome: str | None) -> list[tuple[str, datetime]]:
    """The stages the paper speaks of, each with when it was entered."""
    wanted: list[tuple[str, datetime]] = [("checked_in", times["check_in"])]
    if found.has("exam"):
        wanted.append(("examined", times["exam"]))
    if outcome != "declined":
        for stage in ("premedicated", "induced"):
            given = sorted(line.at for line in found.drugs if line.stage == stage and line.at)
            if given:
                wanted.append((stage, given[0]))
        if found.got.get("surgery.procedure"):
            wanted.append(("in_surgery", times["surgery"]))
        if found.has("recovery") or "surgery.ended_at" in found.got:
            wanted.append(("recovering", times["recovery"]))
    if outcome:
        wanted.append((outcome, times["discharge"]))
    return wanted


def _moves(work: Work, found: Landing, appointment: Appointment, times: Mapping[str, datetime], *, again: bool) -> None:
    """Every stage the paper speaks of, at its time, as far as the visit has not gone there already."""
    by = work.by
    outcome = found.got.get("flow.stage") or ("declined" if found.got.get("exam.approved") is False else None)
    had_died = appointment.stage == "died"
    if again and outcome and appointment.stage != outcome and appointment.stage in (*EXITS, "checked_out"):
        flow.take_back(appointment.id, appointment.stage, by=by, reason="Corrected from paper")
    reason = found.text("flow.reason") or found.text("exam.notes") or "As written on the sheet"
    sheet = found.of.get("flow.stage") or next(iter(found.of.values()), None)
    steps = [
        flow.Step(stage, at, reason[:200] if stage in flow.WITH_REASON else "")
        for stage, at in _stages(found, times, outcome)
    ]
    flow.follow_paper(appointment.id, steps, by=by, form_sheet_id=sheet)
    if outcome and appointment.stage != outcome:
        label = outcome.replace("_", " ")
        found.odd.append(
            Problem(
                sheet or "", "outcome", f"The sheet says {label}, the board says {appointment.stage.replace('_', ' ')}."
            )
        )
    patient = work.session.get_one(Patient, (work.session.clinic_id, appointment.patient_id))
    if had_died and appointment.stage != "died" and patient.died_on == appointment.day:
        patients.record_death(patient.id, None, version=patient.version, by=by)
    if outcome == "died" and patient.died_on is None:
        patients.record_death(patient.id, appointment.day, version=patient.version, by=by)


def _readings(work: Work, found: Landing, appointment: Appointment, at: datetime) -> None:
    there = {
        (one.event_at, one.temperature_hundredths, one.heart_rate, one.respiration, one.pain, one.text)
        for one in work.session.scalars(select(Observation).where(Observation.appointment_id == appointment.id))
    }
    for _, _, line in found.observations:
        at = line.pop("event_at", at)
        reading = clinical.Reading(stage="recovering", **line)
        same = (at, reading.temperature_hundredths, reading.heart_rate, reading.respiration, reading.pain, reading.text)
        if same not in there and line:
            clinical.observe(appointment.id, reading, by=work.by, event_at=at, source="paper")


def _services(
    work: Work, found: Landing, appointment: Appointment, at: datetime, charged: Mapping[str, Sequence[str]]
) -> None:
    """What was done is charged at the prices of that day; a patient who went home has an invoice. ``charged`` is what
    sheets that are entered anew had marked before: what they do not mark any more is taken off."""
    if "checkout.services" not in found.asked:
        return
    session, by = work.session, work.by
    marked = list(found.got.get("checkout.services", ()))
    sheet = found.of.get("checkout.services") or next(iter(found.of.values()), "")
    outcome = appointment.stage
    if not marked and outcome == "checked_out" and found.got.get("surgery.procedure"):
        marked = ["as_booked"]
        found.odd.append(Problem(sheet, "services_done", "No service was marked; charged as booked."))
    codes, unknown = codes_of(session, appointment, marked)
    for one in unknown:
        found.odd.append(Problem(sheet, "services_done", f"'{one}' is not on the price list and was not charged."))
    for one, before in charged.items():
        found.odd += [
            Problem(one, "services_done", words) for words in take_off(work, appointment, before, one, keep=codes)
        ]
    invoice = checkout.invoice_of(session, appointment.id)
    if not codes and invoice is None:
        return
    invoice_id = (
        checkout.charge_visit(appointment.id, codes, by=by, event_at=at, source="paper")
        if codes
        else (invoice.id if invoice else "")
    )
    left = outcome == "checked_out" or (outcome in flow.WITH_REASON and outcome != "held_overnight")
    if left and ledger.standing_of(session, invoice_id).document == "draft":
        checkout.complete_checkout([invoice_id], open_because=NO_PAYMENT, by=by, event_at=at, source="paper")


def type_for(session: ClinicSession, codes: Sequence[str]) -> str:
    """The kind of visit that such services make: with surgery or without."""
    kinds = {slug: kind for slug, kind in definitions.load_all(session, APPOINTMENT_TYPE).items() if kind.active}
    procedures = set(session.scalars(select(Service.code).where(Service.procedure != "")))
    surgical = bool(procedures & set(codes))
    fitting = [slug for slug, kind in kinds.items() if kind.surgical == surgical]
    if not kinds:
        raise NotFound(what="appointment type", name="in use")
    return (sorted(fitting, key=lambda slug: (slug not in codes, slug not in ("surgery", "visit"))) or list(kinds))[0]
