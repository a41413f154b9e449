"""The clinic's own fields on clients, patients and appointments: which there are, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import cast

from sqlalchemy import select

from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput
from data.models import CustomValue
from data.session import ClinicSession
from data.types import clock
from records.checks import check_texts, clean
from records.settings import CUSTOM_FIELD, CustomField
from security.actor import Actor
from security.rules import look

Answer = str | int | float | bool | None


class BadAnswer(BadInput):
    """{label}: '{value}' does not fit. {hint}"""


def fields(session: ClinicSession, entity: str) -> dict[str, CustomField]:
    """The custom fields of ``client``, ``patient`` or ``appointment``, by slug."""
    return {
        slug: field for slug, field in definitions.load_all(session, CUSTOM_FIELD).items() if field.entity == entity
    }


def fields_of(entity: str, *, by: Actor) -> dict[str, CustomField]:
    """The same for a form. Raises NotPermitted."""
    with look(by, "clients.view") as session:
        return fields(session, entity)


def values(session: ClinicSession, entity: str, entity_id: str) -> dict[str, Answer]:
    """The answers of one record by slug; an answer is text, number, yes or no, or an ISO day."""
    statement = select(CustomValue.field, CustomValue.value).where(
        CustomValue.entity == entity, CustomValue.entity_id == entity_id
    )
    return {slug: cast(Answer, value) for slug, value in session.execute(statement)}


def save(session: ClinicSession, entity: str, entity_id: str, answers: Mapping[str, object]) -> list[str]:
    """Keep answers inside the transaction of a rule; returns the slugs that changed. Unknown slugs are left out.

    Raises BadAnswer, TooLong, CardNumberTyped.
    """
    known = fields(session, entity)
    statement = select(CustomValue).where(CustomValue.entity == entity, CustomValue.entity_id == entity_id)
    rows = {row.field: row for row in session.scalars(statement, execution_options={"include_deleted": True})}
    changed = []
    for slug in sorted(answers.keys() & known.keys()):
        value = checked(known[slug], answers[slug])
        row = rows.get(slug)
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
