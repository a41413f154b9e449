"""What an administrator changes is data: validated documents with versions, diff, rollback and a file form.

A kind pairs a name with a pydantic document class and, where queries need columns, a ``project`` function that
carries the current body into a table of its own. Kinds register themselves where their rules live.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select

from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, EditedMeanwhile, NotFound
from data.kept import kept
from data.models import Definition, DefinitionVersion
from data.session import ClinicSession
from data.types import clock

LARGEST = 400_000
"""Characters a definition may hold: each of its versions is kept for good."""


class Document(BaseModel):
    """Base of every definition: unknown keys are refused, so that a typing error never passes silently."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class BadDefinition(BadInput):
    """{what}: {problem}"""


D = TypeVar("D", bound=Document)
Project = Callable[[ClinicSession, str, Any], None]


@dataclass(frozen=True)
class Kind(Generic[D]):
    """One kind of definition, such as ``role``: its document class and how it reaches a table, if it does.

    ``has_own_rules``: who may see and change it is decided elsewhere, so the rules for plain settings leave it alone.
    """

    name: str
    label: str
    document: type[D]
    project: Project | None = None
    has_own_rules: bool = False

    def parse(self, body: object, what: str = "") -> D:
        """A checked document; raises BadDefinition naming the first wrong place."""
        try:
            return self.document.model_validate(body)
        except ValidationError as failure:
            first = failure.errors()[0]
            place = " > ".join(str(part) for part in first["loc"])
            problem = f"{place}: {said(first)}" if place else said(first)
            raise BadDefinition(
                what=what or self.label, problem=problem, place=first["loc"], said=said(first)
            ) from None


def said(error: Any) -> str:
    """What pydantic finds wrong with a value, as people say it."""
    about, kind = error.get("ctx", {}), error["type"]
    if kind == "string_too_short" and about["min_length"] == 1:
        return "must not be empty"
    words = {
        "missing": "must not be missing",
        "string_too_short": "needs at least {min_length} characters",
        "string_too_long": "may have at most {max_length} characters",
        "too_short": "needs at least {min_length} entries",
        "too_long": "may have at most {max_length} entries",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "may be at most {le}",
        "string_pattern_mismatch": "is not written the way it has to be",
        "literal_error": "must be {expected}",
        "extra_forbidden": "is not known here",
        "int_parsing": "must be a whole number", "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_parsing": "must be a number", "float_type": "must be a number",
        "bool_parsing": "must be yes or no", "bool_type": "must be yes or no",
        "string_type": "must be a text", "list_type": "must be a list",
    }  # fmt: skip
    if kind in words:
        return words[kind].format(**about)
    return str(error["msg"]).removeprefix("Value error, ")


KINDS: dict[str, Kind[Any]] = {}


def register(
    name: str, label: str, document: type[D], project: Project | None = None, *, has_own_rules: bool = False
) -> Kind[D]:
    """Make a kind known; returns it."""
    kind = Kind(name, label, document, project, has_own_rules)
    KINDS[name] = kind
    return kind


def save(
    session: ClinicSession,
    kind: Kind[D],
    slug: str,
    document: D,
    *,
    by_user_id: str | None,
    comment: str = "",
    expected: int | None = None,
) -> int:
    """Keep a new version and project it; returns its number. An unchanged body makes no version.

    ``expected`` is the version number the person was looking at: raises EditedMeanwhile when it moved on.
    """
    body = document.model_dump(mode="json")
    _check_size(kind, slug, body)
    for place, text in texts_of(body):
        refuse_card_numbers({f"{kind.label}, {place}": text})
    row = _row(session, kind, slug)
    if row is not None and expected is not None and row.number != expected:
        raise EditedMeanwhile(who="Somebody else", what=kind.label.lower())
    if row is None:
        row = Definition(kind=kind.name, slug=slug, number=1, body=body)
        session.add(row)
        session.flush()
    elif row.body == body and row.deleted_at is None:
        return row.number
    else:
        row.number, row.body, row.deleted_at = row.number + 1, body, None
    session.add(
        DefinitionVersion(definition_id=row.id, number=row.number, body=body, comment=comment, by_user_id=by_user_id)
    )
    if kind.project:
        kind.project(session, slug, document)
    return row.number


def _check_size(kind: Kind[Any], slug: str, body: object) -> None:
    size = len(json.dumps(body))
    if size > LARGEST:
        raise BadDefinition(
            what=slug or kind.label, problem=f"holds {size:,} characters, at most {LARGEST:,} fit. Leave out some."
        )


def texts_of(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a body, with the name of the field it stands in."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_of(name, place)
            yield from texts_of(item, name.replace("_", " "))
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item, place)


def load(session: ClinicSession, kind: Kind[D], slug: str) -> D:
    """The current document; raises NotFound."""
    row = _row(session, kind, slug)
    if row is None or row.deleted_at is not None:
        raise NotFound(what=kind.label.lower(), name=slug)
    return kind.parse(row.body, slug)


def load_all(session: ClinicSession, kind: Kind[D]) -> dict[str, D]:
    """Every current document of a kind by slug, in slug order. They are shared: read them, never change them."""
    return dict(
        kept(session.clinic_id, session.standing_change(), ("definitions", kind.name), lambda: _read_all(session, kind))
    )


def _read_all(session: ClinicSession, kind: Kind[D]) -> dict[str, D]:
    rows = session.execute(
        select(Definition.slug, Definition.body).where(Definition.kind == kind.name).order_by(Definition.slug)
    )
    return {slug: kind.parse(body, slug) for slug, body in rows}


def all_slugs(session: ClinicSession, kind: Kind[Any]) -> list[str]:
    """The names ever used, those of removed definitions too."""
    statement = select(Definition.slug).where(Definition.kind == kind.name)
    return list(session.scalars(statement, execution_options={"include_deleted": True}))


def number_of(session: ClinicSession, kind: Kind[Any], slug: str) -> int:
    """The current version's number, 0 when there is none."""
    row = _row(session, kind, slug)
    return row.number if row else 0


def numbers(session: ClinicSession, kind: Kind[Any]) -> dict[str, int]:
    """The current version's number of every document of a kind, by slug."""
    statement = select(Definition.slug, Definition.number).where(Definition.kind == kind.name)
    return dict(session.execute(statement).tuples().all())


@dataclass(frozen=True)
class VersionRow:
    """One line of a definition's history."""

    number: int
    at: Any
    by_user_id: str | None
    comment: str
    body: dict[str, object]


def history(session: ClinicSession, kind: Kind[Any], slug: str) -> list[VersionRow]:
    """Every version, newest first; raises NotFound."""
    row = _row(session, kind, slug)
    if row is None:
        raise NotFound(what=kind.label.lower(), name=slug)
    versions = session.scalars(
        select(DefinitionVersion)
        .where(DefinitionVersion.definition_id == row.id)
        .order_by(DefinitionVersion.number.desc())
    )
    return [VersionRow(v.number, v.at, v.by_user_id, v.comment, v.body) for v in versions]


def histories(session: ClinicSession, kind: Kind[Any], slugs: Collection[str]) -> dict[str, list[VersionRow]]:
    """The same of several at once, by slug; those that never were are left out."""
    statement = (
        select(Definition.slug, DefinitionVersion)
        .join(
            DefinitionVersion,
            (DefinitionVersion.clinic_id == Definition.clinic_id) & (DefinitionVersion.definition_id == Definition.id),
        )
        .where(Definition.kind == kind.name, Definition.slug.in_(slugs))
        .order_by(DefinitionVersion.number.desc())
    )
    found: dict[str, list[VersionRow]] = {}
    for slug, v in session.execute(statement, execution_options={"include_deleted": True}):
        found.setdefault(slug, []).append(VersionRow(v.number, v.at, v.by_user_id, v.comment, v.body))
    return found


def roll_back(session: ClinicSession, kind: Kind[D], slug: str, number: int, *, by_user_id: str | None) -> int:
    """Save an old version again as the newest; returns the new number. Raises NotFound."""
    for version in history(session, kind, slug):
        if version.number == number:
            document = kind.parse(version.body, slug)
            comment = f"back to version {number}"
            return save(session, kind, slug, document, by_user_id=by_user_id, comment=comment)
    raise NotFound(what=f"version {number} of", name=slug)


def remove(session: ClinicSession, kind: Kind[Any], slug: str) -> None:
    """Hide a definition; its history stays. Raises NotFound."""
    row = _row(session, kind, slug)
    if row is None or row.deleted_at is not None:
        raise NotFound(what=kind.label.lower(), name=slug)
    row.deleted_at = clock.now()


def diff(old: dict[str, object], new: dict[str, object]) -> str:
    """What changed between two bodies, as a unified diff of their file form."""
    before, after = to_file(old).splitlines(), to_file(new).splitlines()
    return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=2))[2:])


def to_file(body: dict[str, object]) -> str:
    """A body as one readable TOML file. Empty values are left out, as TOML has no null."""
    return tomli_w.dumps(_without_none(body), multiline_strings=True)


def from_file(text: str, what: str = "file") -> dict[str, object]:
    """Read the file form; raises BadDefinition with the line."""
    if len(text) > 2 * LARGEST:
        raise BadDefinition(what=what, problem=f"is too long: at most {2 * LARGEST:,} characters are read.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise BadDefinition(what=what, problem=str(failure)) from None
    except RecursionError:
        raise BadDefinition(what=what, problem="its lists lie too deep in each other.") from None


def _row(session: ClinicSession, kind: Kind[Any], slug: str) -> Definition | None:
    statement = select(Definition).where(Definition.kind == kind.name, Definition.slug == slug)
    return session.scalars(statement, execution_options={"include_deleted": True}).one_or_none()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
