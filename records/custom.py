"""The clinic's own fields on clients, patients and appointments: which there are, and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import cast

from sqlalchemy import func, select

from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput
from data.kept import kept
from data.models import Appointment, CustomValue, Patient
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from records.checks import check_texts, clean, clinic_in
from records.folding import fold
from records.settings import CUSTOM_FIELD, CustomField
from security.actor import Actor
from security.rules import look

Answer = str | int | float | bool | None


class BadAnswer(BadInput):
    """{label}: '{value}' does not fit. {hint}"""


class AnswerNeeded(BadInput):
    """{label} is needed. Answer it, or ask an administrator to make it optional under Settings, Custom fields."""


class FieldInUse(BadInput):
    """{label} was answered on {count} records, and these answers would not fit any more. Switch this field off and add
    another one."""


class LabelTaken(BadInput):
    """There is a field called {label} here already. Choose other words, or change that field."""


def fields(session: ClinicSession, entity: str, *, every: bool = False) -> dict[str, CustomField]:
    """The custom fields of ``client``, ``patient`` or ``appointment`` that are in use, or ``every`` one, by slug, in
    the order in which they are asked."""
    mine = [
        (slug, field)
        for slug, field in definitions.load_all(session, CUSTOM_FIELD).items()
        if field.entity == entity and (every or field.active)
    ]
    return dict(sorted(mine, key=lambda one: (one[1].order, one[1].label.casefold(), one[0])))


def fields_of(entity: str, *, by: Actor) -> dict[str, CustomField]:
    """The same for a form. Raises NotPermitted."""
    with look(by, "appointments.view" if entity == "appointment" else "clients.view") as session:
        return fields(session, entity)


def answered(slug: str, *, by: Actor) -> int:
    """How many records have an answer to a field. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return _count(session, slug)


def check_field(session: ClinicSession, slug: str, field: CustomField) -> None:
    """Whether a field may be saved as it is now: its list has answers, its words are its own, and what was answered
    still fits. Raises BadInput, LabelTaken, FieldInUse."""
    if field.kind == "choice" and len({choice.strip() for choice in field.choices} - {""}) < 2:
        raise BadInput(problem="An answer from a list needs at least two entries in the list.")
    if field.kind == "choice" and len(set(field.choices)) != len(field.choices):
        raise BadInput(problem="Two entries of the list are the same.")
    for other, one in fields(session, field.entity).items():
        if other != slug and field.active and one.label.casefold() == field.label.casefold():
            raise LabelTaken(label=field.label)
    rows = select(CustomValue.entity, CustomValue.value).where(CustomValue.field == slug)
    unfit = sum(entity != field.entity or not _fits(field, value) for entity, value in session.execute(rows))
    if unfit:
        raise FieldInUse(label=field.label, count=unfit)


def _fits(field: CustomField, value: object) -> bool:
    """Whether a kept answer can be read as this kind; what was taken off a list stays as it is."""
    if field.kind == "choice":
        return isinstance(value, str)
    try:
        return checked(field, value) == value and isinstance(value, bool) == (field.kind == "check")
    except BadInput:
        return False


def _count(session: ClinicSession, slug: str) -> int:
    return session.scalar(select(func.count(CustomValue.id)).where(CustomValue.field == slug)) or 0


def values(session: ClinicSession, entity: str, entity_id: str) -> dict[str, Answer]:
    """The answers of one record by slug; an answer is text, number, yes or no, or an ISO day."""
    statement = select(CustomValue.field, CustomValue.value).where(
        CustomValue.entity == entity, CustomValue.entity_id == entity_id
    )
    return {slug: cast(Answer, value) for slug, value in session.execute(statement)}


def save_form(
    session: ClinicSession, entity: str, entity_id: str, answers: Mapping[str, object] | None, *, new: bool = False
) -> list[str]:
    """Keep the answers of a form that asked for them, as ``save`` does; ``new`` where the record was just added. None
    where nothing was asked. Raises AnswerNeeded and what ``save`` raises."""
    if answers is None:
        return []
    changed = save(session, entity, entity_id, answers)
    needed = {slug: field for slug, field in fields(session, entity).items() if field.required}
    if needed:
        session.flush()
        stands = values(session, entity, entity_id)
        for slug, field in needed.items():
            if stands.get(slug) is None and (field.when_new or not new):
                raise AnswerNeeded(label=field.label)
    return changed


def save(session: ClinicSession, entity: str, entity_id: str, answers: Mapping[str, object]) -> list[str]:
    """Keep answers inside the transaction of a rule; returns the slugs that changed. Unknown slugs are left out.

    Raises BadAnswer, TooLong, CardNumberTyped.
    """
    known = fields(session, entity)
    statement = select(CustomValue).where(CustomValue.entity == entity, CustomValue.entity_id == entity_id)
    rows = {row.field: row for row in session.scalars(statement, execution_options={"include_deleted": True})}
    changed = []
    for slug in sorted(answers.keys() & known.keys()):
        row = rows.get(slug)
        if row is not None and row.deleted_at is None and row.value == answers[slug]:
            continue  # also where a list no longer offers it
        value = checked(known[slug], answers[slug])
        if row is None and value is not None:
            session.add(CustomValue(entity=entity, entity_id=entity_id, field=slug, value=value))
        elif row is not None and (row.value != value or (row.deleted_at is not None) != (value is None)):
            row.value = value if value is not None else row.value
            row.deleted_at = None if value is not None else clock.now()
        else:
            continue
        changed.append(slug)
    return changed


def checked(field: CustomField, value: object) -> Answer:
    """The answer as it is kept; None where there is none. Raises BadAnswer, TooLong, CardNumberTyped."""
    if value is None or value == "":
        return None
    if field.kind == "check":
        return bool(value)
    if field.kind == "number":
        try:
            number = float(str(value).replace(",", "."))
        except ValueError:
            raise BadAnswer(label=field.label, value=value, hint="Write a number.") from None
        refuse_card_numbers({field.label: f"{number:.0f}" if abs(number) < 1e20 else ""})
        if number != number or number in (float("inf"), float("-inf")):
            raise BadAnswer(label=field.label, value=value, hint="Write a number.")
        return int(number) if number.is_integer() else number
    if field.kind == "date":
        try:
            return (value if isinstance(value, date) else date.fromisoformat(str(value))).isoformat()
        except ValueError:
            raise BadAnswer(label=field.label, value=value, hint="Write the day like 2026-05-31.") from None
    text = clean(str(value))
    if field.kind == "choice" and text not in field.choices:
        raise BadAnswer(label=field.label, value=text, hint=f"Choose one of: {', '.join(field.choices)}.")
    check_texts({field.label: (text, 2_000)})
    return text or None


MOST_SEARCHED = 20_000
"""Answers that a search looks through, the latest ones."""


def found_by(session: ClinicSession) -> Sequence[tuple[str, str, str]]:
    """The answers clients are found by: client, patient (or nothing) and the folded words; kept until something in
    the clinic changes."""
    slugs = [slug for slug, field in definitions.load_all(session, CUSTOM_FIELD).items() if field.find_by]
    if not slugs:
        return ()
    return kept(session.clinic_id, session.seen_change(), ("found by", *slugs), lambda: _found_by(session, slugs))


def _found_by(session: ClinicSession, slugs: list[str]) -> Sequence[tuple[str, str, str]]:
    statement = (
        select(
            CustomValue.entity, CustomValue.entity_id, CustomValue.value, Patient.client_id, Appointment.client_id,
            Appointment.patient_id,
        )
        .outerjoin(Patient, (Patient.clinic_id == CustomValue.clinic_id) & (Patient.id == CustomValue.entity_id))
        .outerjoin(
            Appointment, (Appointment.clinic_id == CustomValue.clinic_id) & (Appointment.id == CustomValue.entity_id)
        )
        .where(CustomValue.field.in_(slugs))
        .order_by(CustomValue.change.desc())
        .limit(MOST_SEARCHED)
    )  # fmt: skip
    found = []
    for entity, entity_id, value, of_patient, of_visit, visited in session.execute(statement):
        if isinstance(value, bool):
            continue
        client_id = {"client": entity_id, "patient": of_patient, "appointment": of_visit}[entity]
        patient_id = {"client": "", "patient": entity_id, "appointment": visited}[entity]
        if client_id:
            found.append((client_id, patient_id or "", f" {fold(str(value))} "))
    return found


def worded(field: CustomField, value: object, words: Wording) -> str:
    """An answer as people of this clinic write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.kind == "date":
        return words.day(date.fromisoformat(str(value)))
    return words.number(value) if isinstance(value, int | float) else str(value)


def on_roster(session: ClinicSession, rows: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """The answers that stand on the roster: of each (appointment, patient, client) in words, by appointment."""
    shown: dict[str, tuple[int, str, CustomField]] = {}
    for place, entity in enumerate(("appointment", "patient", "client")):
        for number, (slug, field) in enumerate(fields(session, entity).items()):
            if field.on_roster:
                shown[slug] = (place * 1000 + number, entity, field)
    if not shown:
        return {}
    clinic = clinic_in(session)
    words = Wording.of(clinic)
    of: dict[tuple[str, str], list[str]] = {}
    for appointment, patient, client in rows:
        for entity, entity_id in (("appointment", appointment), ("patient", patient), ("client", client)):
            of.setdefault((entity, entity_id), []).append(appointment)
    statement = select(CustomValue.entity, CustomValue.entity_id, CustomValue.field, CustomValue.value).where(
        CustomValue.field.in_(shown), CustomValue.entity_id.in_({entity_id for _, entity_id in of})
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for entity, entity_id, slug, value in session.execute(statement):
        place, asked_on, field = shown[slug]
        if value is False or entity != asked_on:
            continue
        text = field.label if value is True else f"{field.label}: {worded(field, value, words)}"
        for appointment in of.get((entity, entity_id), ()):
            found.setdefault(appointment, []).append((place, text))
    return {appointment: " · ".join(text for _, text in sorted(texts)) for appointment, texts in found.items()}
