"""The report model of one clinic: what the product ships with, and the clinic's own fields beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from data.kept import kept
from data.models import Definition
from data.session import ClinicSession
from reports import model
from reports.model import Column, FieldType, Model

OWN = "own_"
"""What the names of the clinic's own fields begin with, so that they never hide a field of the product."""
_RESTRICTED = {"client": "@.restricted", "patient": "@client.restricted", "appointment": "@client.restricted"}
_KINDS: dict[str, tuple[FieldType, str]] = {
    "text": ("text", "{v}"), "choice": ("text", "{v}"), "number": ("number", "TRY_CAST({v} AS DOUBLE)"),
    "date": ("day", "TRY_CAST({v} AS DATE)"), "check": ("yes_no", "({v} = 'true')"),
}  # fmt: skip


def model_of(session: ClinicSession) -> Model:
    """The model of this session's clinic, kept until something in the clinic changes."""
    return kept(session.clinic_id, session.seen_change(), ("report model",), lambda: _read(session))


def _read(session: ClinicSession) -> Model:
    extra: dict[str, dict[str, Column]] = {}
    rows = session.execute(select(Definition.slug, Definition.body).where(Definition.kind == "custom-field"))
    for slug, body in rows:
        if body["entity"] in _RESTRICTED:
            extra.setdefault(body["entity"], {})[OWN + slug.replace("-", "_")] = _column(slug, body)
    return model.built_in().with_fields(extra) if extra else model.built_in()


def _column(slug: str, body: Mapping[str, Any]) -> Column:
    """A field of the clinic's own: text may name somebody, so it counts as protected."""
    type_, cast = _KINDS.get(body["kind"], _KINDS["text"])
    name = slug.replace("'", "''")
    value = (
        "(SELECT json_extract_string(v.value, '$') FROM custom_value v "  # noqa: S608 - a name of the clinic's, escaped
        f"WHERE v.entity = '{body['entity']}' AND v.entity_id = @.id AND v.field = '{name}')"
    )
    sql = f"CASE WHEN {_RESTRICTED[body['entity']]} THEN NULL ELSE {cast.format(v=value)} END"
    phi = body["kind"] == "text" or bool(body.get("reveals_health"))
    return Column(label=body["label"], type=type_, sql=sql, phi=phi)
