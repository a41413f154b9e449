"""The forms of a clinic as an administrator keeps them: the list, what is wrong with one, versions, archive, files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select

from data import definitions
from data.card_numbers import holds_card_number
from data.definitions import said, texts_of
from data.errors import BadInput, NotFound
from data.models import Clinic, Definition, DefinitionVersion, FormEdition, FormSheet, Service, User
from data.session import ClinicSession
from forms.definition import SUBJECTS, Form
from forms.editing import At, Body, piece, place_of, whole
from forms.editions import Published, layout_of, paper_and_order, publish
from forms.field_setting import DoesNotFit, Order
from forms.layout import TooManyPages
from forms.preview import FACT_WORDS
from forms.settings import FORM, shipped, shipped_to
from forms.targets import SUBJECT_WORDS, TARGETS, Target, custom_targets, misplaced
from security.actor import Actor
from security.rules import act, look, remembered
from security.settings import Version, file_of, read_file, slug_for, versions

PROPERTY_WORDS = {
    "label": "Label", "help": "Help", "width": "Width", "options": "Answers", "per_line": "Answers in a line",
    "fact": "Printed fact", "text": "Text", "lines": "Lines", "digits": "Digits", "decimals": "Decimals",
    "unit": "Unit", "least": "Least", "most": "Most", "cells": "Columns", "target": "Lands in", "title": "Title",
    "purpose": "Purpose", "sections": "Sections", "fields": "Fields", "type": "Kind", "key": "Short name",
    "low_stock": "Warn below", "subject": "Belongs to", "value": "Code", "required": "Needed", "critical": "Critical",
    "strong": "Bold", "new_page": "New page", "slip": "Card slip", "repeats": "Continues", "landscape": "Landscape",
}  # fmt: skip


CARD_IN_WORDS = "A card number stands in these words. Card numbers are never kept here: take it out."


@dataclass(frozen=True)
class FormCard:
    """One form in the list. ``version`` 0: as it comes with Ballast. ``in_use`` counts sheets that were printed and not
    used yet, of all versions; ``papers`` are those it was published or printed on."""

    slug: str
    title: str
    purpose: str
    subject: str
    version: int
    at: datetime | None
    who: str
    papers: tuple[str, ...]
    in_use: int
    shipped: bool
    archived: bool
    slip: bool


@dataclass(frozen=True)
class Design:
    """A form to work on: its current document, its version (0: nothing published) and whether it came with Ballast."""

    slug: str
    number: int
    body: Body
    shipped: bool


@dataclass(frozen=True)
class Desk:
    """What the designer needs of the clinic: paper, order of dates, its name, places for answers and facts in words,
    and the price list by code."""

    paper: str
    order: Order
    clinic: str
    places: Mapping[str, Target]
    facts: Mapping[str, str]
    services: Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """Something that keeps a form from being published: where (None: the form itself), which property, in words."""

    at: At | None
    name: str
    sentence: str


@remembered("settings.edit")
def forms(*, by: Actor) -> list[FormCard]:
    """Every form, archived ones last. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        rows = session.scalars(
            select(Definition).where(Definition.kind == FORM.name), execution_options={"include_deleted": True}
        ).all()
        kept = {row.slug: row for row in rows}
        latest = _latest(session)
        shipped_here = shipped_to(session)
        used: dict[str, int] = {
            slug: count
            for slug, count in session.execute(
                select(FormSheet.form, func.count()).where(FormSheet.state == "printed").group_by(FormSheet.form)
            )
        }
        papers: dict[str, set[str]] = {}
        for slug, paper in session.execute(select(FormEdition.form, FormEdition.paper).distinct()):
            papers.setdefault(slug, set()).add(paper)
    found = []
    for slug in sorted({*kept, *shipped_here}):
        row = kept.get(slug)
        body = FORM.parse(row.body, slug) if row is not None else shipped_here[slug]
        number, at, who = latest.get(slug, (0, None, ""))
        found.append(
            FormCard(slug, body.title, body.purpose, body.subject, number, at, who, tuple(sorted(papers.get(slug, ()))),
                     used.get(slug, 0), slug in shipped_here, row is not None and row.deleted_at is not None, body.slip)
        )  # fmt: skip
    return sorted(found, key=lambda card: (card.archived, card.title.casefold()))


def _latest(session: ClinicSession) -> dict[str, tuple[int, datetime, str]]:
    names = {user.id: user.name for user in session.scalars(select(User))}
    statement = (
        select(Definition.slug, DefinitionVersion.number, DefinitionVersion.at, DefinitionVersion.by_user_id)
        .join(Definition, (Definition.clinic_id == DefinitionVersion.clinic_id)
              & (Definition.id == DefinitionVersion.definition_id) & (Definition.number == DefinitionVersion.number))
        .where(Definition.kind == FORM.name)
    )  # fmt: skip
    rows = session.execute(statement, execution_options={"include_deleted": True})
    return {slug: (number, at, names.get(who or "", "Ballast")) for slug, number, at, who in rows}


@remembered("settings.edit")
def design(slug: str, *, by: Actor) -> Design:
    """The current form to work on; number 0 and an empty body where there is none yet. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        number = definitions.number_of(session, FORM, slug)
        if number:
            body = definitions.load(session, FORM, slug)
            return Design(slug, number, body.model_dump(mode="json"), slug in shipped())
        if slug in shipped():
            return Design(slug, 0, shipped_to(session)[slug].model_dump(mode="json"), True)
    return Design(slug, 0, {}, False)


@remembered("settings.edit")
def desk(*, by: Actor) -> Desk:
    """What the designer offers in this clinic. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        paper, order = paper_and_order(session)
        custom = custom_targets(session)
        name = session.get_one(Clinic, session.clinic_id).name
        rows = session.execute(select(Service.code, Service.name).where(Service.active).order_by(Service.name))
        services = {code: title for code, title in rows}
    facts = {fact: words for fact, (words, _) in FACT_WORDS.items()}
    for target in custom.values():
        _, entity, field = target.name.split(".", 2)
        facts[f"{entity}.custom.{field}"] = target.words
    return Desk(paper, order, name, {**TARGETS, **custom}, facts, services)


def problems(body: Body, desk: Desk) -> list[Problem]:
    """Everything that keeps a form from being published, in the order of the paper."""
    try:
        form = Form.model_validate(body)
    except ValidationError as failure:
        return [_problem(body, error, desk) for error in failure.errors()]
    custom = {name: place for name, place in desk.places.items() if name.startswith("custom.")}
    found = list(_with_card_numbers(body))
    for one in misplaced(form, custom):
        at = place_of(body, f"{one.field}.1.{one.cell}" if one.cell else one.field)
        found.append(Problem(at, "target", f"{one.label}: {one.problem}"))
    try:
        layout_of(form, desk.paper, desk.order)
    except (DoesNotFit, TooManyPages) as failure:
        label = failure.facts.get("label", "")
        key = next((field.key for field in form.fields() if (field.label or field.key) == label), "")
        found.append(Problem(place_of(body, key) if key else None, "", failure.message))
    return found


def _with_card_numbers(body: Body) -> Iterator[Problem]:
    """The pieces of a form in whose words a card number stands; it is not said again."""
    if holds_card_number(f"{body.get('title')}\n{body.get('purpose')}"):
        yield Problem(None, "title", CARD_IN_WORDS)
    for place, section in enumerate(body["sections"]):
        if holds_card_number(f"{section.get('title')}\n{section.get('help')}"):
            yield Problem(At(place), "title", CARD_IN_WORDS)
        for number, field in enumerate(section["fields"]):
            if holds_card_number(" | ".join(text for _, text in texts_of(field))):
                yield Problem(At(place, number), "label", CARD_IN_WORDS)


def _problem(body: Body, error: Any, desk: Desk) -> Problem:
    loc, words = list(error["loc"]), said(error)
    parts: dict[str, int] = {}
    while len(loc) >= 2 and loc[0] in ("sections", "fields", "cells") and isinstance(loc[1], int):
        parts[str(loc[0])] = int(loc[1])
        loc = loc[2:]
    name = str(loc[0]) if loc else ""
    if "sections" not in parts:
        key, _, rest = words.partition(": ")
        at = place_of(body, key)
        if at is not None:
            fact = rest.partition("{")[2].partition("}")[0]
            subject = SUBJECT_WORDS[str(body.get("subject", "appointment"))]
            shown = desk.facts.get(fact, fact)
            label = piece(body, at).get("label") or key
            return Problem(at, "fact", f"{label}: “{shown}” cannot be printed on a form for {subject}.")
        return Problem(None, name, f"{PROPERTY_WORDS.get(name, name)}: {words}." if name else f"{words}.")
    at = At(parts["sections"], parts.get("fields", -1), parts.get("cells", -1))
    one = piece(body, at)
    label = one.get("label") or one.get("title") or one.get("key") or "Section"
    what = f"{PROPERTY_WORDS.get(name, name).lower()} " if name else ""
    if len(loc) > 1 and isinstance(loc[1], int):
        what = f"{PROPERTY_WORDS.get(name, name).lower()}, line {loc[1] + 1}, "
    return Problem(at, name, f"{label}: {what}{words}.")


def new_slug(title: str, taken: Collection[str] = (), *, by: Actor) -> str:
    """A short name for a new form from its title, never used before and not ``taken`` by a draft. Raises
    NotPermitted."""
    with look(by, "settings.edit") as session:
        return slug_for(title, {*definitions.all_slugs(session, FORM), *shipped(), *taken})


def blank_form(title: str) -> Body:
    """A form to begin with: whose it is, one question and a signature."""
    fields: list[Body] = [
        {"key": "animal", "type": "fact", "label": "Patient", "fact": "patient.name", "width": 4, "strong": True},
        {"key": "owner", "type": "fact", "label": "Client", "fact": "client.name", "width": 5},
        {"key": "visit", "type": "fact", "label": "Visit no.", "fact": "appointment.number", "width": 3},
    ]
    asked: list[Body] = [
        {"key": "first_question", "type": "text", "label": "First question", "lines": 2},
        {"key": "signature", "type": "signature", "label": "Signature", "width": 7},
        {"key": "signed_on", "type": "date", "label": "Date", "width": 5},
    ]
    sections = [{"fields": fields}, {"title": "Questions", "fields": asked}]
    return whole({"title": title, "sections": sections})


@remembered("settings.edit")
def form_history(slug: str, *, by: Actor) -> list[Version]:
    """Every version of a form, the newest first; none where nothing was published. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return versions(session, FORM, slug) if definitions.number_of(session, FORM, slug) else []


def roll_back_form(slug: str, number: int, *, expected: int, by: Actor, key: str | None = None) -> Published:
    """Publish an old version again as the newest, through the same checks. Raises NotFound, EditedMeanwhile and what
    ``publish`` raises."""
    found = next((one for one in form_history(slug, by=by) if one.number == number), None)
    if found is None:
        raise NotFound(what=f"version {number} of", name=slug)
    return publish(slug, found.body, expected=expected, by=by, key=key, comment=f"back to version {number}")


def archive_form(slug: str, *, by: Actor, key: str | None = None) -> None:
    """Take a form out of use: it is printed no more; its paper is still read. Raises NotFound, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        session = work.session
        if not definitions.number_of(session, FORM, slug) and slug in shipped():
            definitions.save(session, FORM, slug, shipped_to(session)[slug], by_user_id=None, comment="as shipped")
            session.flush()
        definitions.remove(session, FORM, slug)
        work.audit("form.archived", "form", slug)


def bring_back_form(slug: str, *, by: Actor, key: str | None = None) -> None:
    """Put an archived form to use again. Raises NotFound, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        statement = select(Definition).where(Definition.kind == FORM.name, Definition.slug == slug)
        row = work.session.scalars(statement, execution_options={"include_deleted": True}).one_or_none()
        if row is None:
            raise NotFound(what="form", name=slug)
        row.deleted_at = None
        work.audit("form.brought_back", "form", slug)


def export_form(slug: str, *, by: Actor) -> str:
    """A form as one readable file. Raises NotFound, NotPermitted."""
    one = design(slug, by=by)
    if not one.body:
        raise NotFound(what="form", name=slug)
    return file_of(FORM, slug, FORM.parse(one.body, slug))


def read_form(text: str, *, by: Actor) -> tuple[str, Body]:
    """Slug and body of a form's file, checked, to be looked over before it is published; a file of fields alone (as
    forms are shipped) counts too. Raises BadDefinition and BadInput in the words of the designer, NotPermitted."""
    with look(by, "settings.edit") as session:
        clinic = session.get_one(Clinic, session.clinic_id).name
    content = definitions.from_file(text)
    if "sections" in content and "kind" not in content:
        slug, body = slug_for(str(content.get("title", "")), set()), dict(content)
    else:
        _, slug, body = read_file(text, FORM.name)
    try:
        return slug, whole(body)
    except ValidationError as failure:
        bare = Desk("letter", "mdy", clinic, TARGETS, {name: words for name, (words, _) in FACT_WORDS.items()}, {})
        wrong = [_problem(body, error, bare).sentence for error in failure.errors()]
        raise BadInput(problem="The file holds no form that can be used. " + " ".join(wrong[:5])) from None


def told_changes(before: Body, after: Body) -> list[str]:
    """What changed between two versions of a form, in sentences."""
    old, new = _by_key(before), _by_key(after)
    told = [f"added “{_name(new[key])}”" for key in new.keys() - old.keys()]
    told += [f"took out “{_name(old[key])}”" for key in old.keys() - new.keys()]
    for key in sorted(old.keys() & new.keys()):
        names = [PROPERTY_WORDS.get(name, name).lower() for name in {**old[key], **new[key]}
                 if old[key].get(name) != new[key].get(name)]  # fmt: skip
        if names:
            told.append(f"“{_name(new[key])}”: {', '.join(names)}")
    if [key for key in old if key in new] != [key for key in new if key in old]:
        told.append("another order")
    about = [name for name in after if name != "sections" and before.get(name) != after.get(name)]
    told += [f"the form's {PROPERTY_WORDS.get(name, name.replace('_', ' ')).lower()}" for name in about]
    heads = [[{**section, "fields": 0} for section in body["sections"]] for body in (before, after)]
    if heads[0] != heads[1]:
        told.append("sections")
    return told


def _by_key(body: Body) -> dict[str, Body]:
    return {field["key"]: field for section in body["sections"] for field in section["fields"]}


def _name(field: Body) -> str:
    return str(field.get("label") or field.get("text") or field["key"])[:60]


assert SUBJECT_WORDS.keys() == SUBJECTS.keys()
