"""Where answers land: every place of the records that a form can fill, in the words an administrator reads.

``outage/entry.py`` writes exactly these. A form that names any other place, or one that its kind of field cannot fill,
is refused before it is published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from data.errors import BadInput
from data.models import Definition
from data.session import ClinicSession
from forms.definition import Cell, Form, FormField

WRITTEN = frozenset({"text"})
NUMBER = frozenset({"digits", "bubble_digits"})
CODE = frozenset({"text", "digits"})
CHOICE = frozenset({"single"})
SEVERAL = frozenset({"multi"})
YES_NO = frozenset({"check", "single"})
LINES = frozenset({"grid"})
VISIT, WALK_IN = frozenset({"appointment"}), frozenset({"nothing"})
"""A form for one visit, and a blank one that becomes client, patient and visit when it is entered."""
EITHER = VISIT | WALK_IN
MOST_DIGITS = {"digits": 15, "bubble_digits": 8}
"""A microchip has 15 digits; 16 would ask for a card number, in bubbles for the machine to read it."""
BOTTLE, SLIP = frozenset({"bottle"}), frozenset({"nothing"})


@dataclass(frozen=True)
class Target:
    """One place an answer can land.

    ``kinds`` are the kinds of field (inside ``lines``: of cell) that can fill it. ``units`` are the units the paper may
    ask for; the record keeps its own (grams, hundredths of a degree Celsius, thousandths of a quantity, cents).
    ``answers`` are the answers of a choice it takes, each with what is kept for it; empty where any are. ``joins``:
    several fields may fill it, their answers are put together. ``inside`` names the repeating lines a cell must stand
    in; ``subjects`` the forms it makes sense on.
    """

    name: str
    words: str
    kinds: frozenset[str]
    units: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    joins: bool = False
    inside: str = ""
    subjects: frozenset[str] = VISIT
    range: tuple[float, float] | None = None
    """The least and most that the record takes, in the first of ``units``."""


class BadTarget(BadInput):
    """{label}: {problem}"""


@dataclass(frozen=True)
class Misplaced:
    """A field, or a column of repeating lines, whose answer cannot land where it says."""

    field: str
    cell: str
    label: str
    problem: str


def same(*words: str) -> dict[str, str]:
    """Answers as forms code them, each with the words that are kept: ``umbilical_hernia`` for umbilical hernia."""
    return {code_of(word): word for word in words}


def code_of(words: str) -> str:
    """How an answer is coded on a form: small letters, figures and _, beginning with a letter."""
    code = re.sub(r"[^a-z0-9]+", "_", words.casefold()).strip("_")[:40].strip("_") or "answer"
    return code if code[0].isalpha() else f"b{code}"[:40]


_YES_NO = {"yes": "yes", "no": "no"}
_KNOWN = {"yes": "yes", "no": "no", "unknown": "unknown"}
_FINDINGS = same(
    "cryptorchid", "umbilical hernia", "inguinal hernia", "heart murmur", "flea burden", "ear mites", "dental disease",
    "upper respiratory signs", "dehydrated", "skin disease",
)  # fmt: skip
_COMPLICATIONS = same(
    "bleeding", "apnea", "bradycardia", "hypothermia", "regurgitation", "slow to wake", "dehiscence", "arrest"
)
_WARMTH = ("°C", "°F")
_WEIGHT = ("kg", "lb", "g")

_FIELDS = (
    Target("client.first_name", "Client: first name", WRITTEN, subjects=EITHER),
    Target("client.last_name", "Client: last name", WRITTEN, subjects=EITHER),
    Target("client.phone", "Client: phone", WRITTEN, subjects=EITHER),
    Target("client.other_phone", "Client: second phone or emergency contact", WRITTEN, subjects=EITHER),
    Target("client.email", "Client: e-mail", WRITTEN, subjects=EITHER),
    Target("client.address", "Client: street and number", WRITTEN, subjects=EITHER),
    Target("client.city", "Client: city", WRITTEN, subjects=EITHER),
    Target("client.region", "Client: state or region", WRITTEN, subjects=EITHER),
    Target("client.postal_code", "Client: postal code", WRITTEN, subjects=EITHER),
    Target("client.owner_type", "Client: kind of owner", CHOICE,
           answers={"public": "public", "rescue": "rescue", "feral_caretaker": "caretaker",
                    "shelter": "shelter"}, subjects=EITHER),
    Target("client.caution", "Client: caution", WRITTEN | SEVERAL, joins=True, subjects=EITHER),
    Target("consent.channels", "Client: may be reminded by", SEVERAL, answers=same("email", "sms", "letter"),
           subjects=EITHER),
    Target("consent.marketing", "Client: may get news and offers by", SEVERAL,
           answers=same("email", "sms", "letter"), subjects=EITHER),
    Target("consent.phi", "Client: messages may name the patient", YES_NO, answers=_YES_NO, subjects=EITHER),
    Target("patient.name", "Patient: name", WRITTEN, subjects=EITHER),
    Target("patient.species", "Patient: species", WRITTEN | CHOICE, subjects=EITHER),
    Target("patient.breed", "Patient: breed", WRITTEN, subjects=EITHER),
    Target("patient.colour", "Patient: color and markings", WRITTEN, subjects=EITHER),
    Target("patient.sex", "Patient: sex", CHOICE, answers=same("female", "male", "unknown"), subjects=EITHER),
    Target("patient.altered", "Patient: spayed or neutered already", YES_NO, answers=_KNOWN, subjects=EITHER),
    Target("patient.born_on", "Patient: date of birth", frozenset({"date"}), subjects=EITHER),
    Target("patient.age_years", "Patient: age, years", NUMBER, range=(0, 120), subjects=WALK_IN),
    Target("patient.age_months", "Patient: age, months on top of the years", NUMBER, range=(0, 99), subjects=WALK_IN),
    Target("patient.microchip", "Patient: microchip", CODE, subjects=EITHER),
    Target("patient.caution", "Patient: caution", WRITTEN | SEVERAL, joins=True, subjects=EITHER),
    Target("appointment.services", "Visit: services asked for", SEVERAL, subjects=WALK_IN),
    Target("appointment.funding", "Visit: grant or voucher", WRITTEN | CHOICE, subjects=WALK_IN),
    Target("appointment.notes", "Visit: notes", WRITTEN | SEVERAL, joins=True, subjects=EITHER),
    Target("appointment.caution", "Visit: caution", WRITTEN | SEVERAL, joins=True, subjects=EITHER),
    Target("check_in.event_at", "Check-in: time", frozenset({"time"}), subjects=EITHER),
    Target("check_in.consent", "Check-in: consent is signed", frozenset({"check"})),
    Target("check_in.identity_confirmed", "Check-in: identity confirmed", frozenset({"check"})),
    Target("check_in.services_confirmed", "Check-in: services confirmed", frozenset({"check"})),
    Target("check_in.fasted", "Check-in: fasted", YES_NO, answers=_YES_NO),
    Target("check_in.dropped_off_by", "Check-in: brought by", WRITTEN),
    Target("check_in.notes", "Check-in: notes", WRITTEN | SEVERAL, joins=True),
    Target("exam.event_at", "Exam: time", frozenset({"time"})),
    Target("exam.weight_grams", "Exam: weight", NUMBER, _WEIGHT, range=(0.02, 400)),
    Target("exam.weight_estimated", "Exam: weight is estimated", frozenset({"check"})),
    Target("exam.temperature_hundredths", "Exam: temperature", NUMBER, _WARMTH, range=(20, 45)),
    Target("exam.pulse", "Exam: pulse", NUMBER, ("/min",), range=(10, 400)),
    Target("exam.respiration", "Exam: respiration", NUMBER, ("/min",), range=(1, 250)),
    Target("exam.sex_found", "Exam: sex found", CHOICE, answers=same("female", "male")),
    Target("exam.already_altered", "Exam: altered already", frozenset({"check"})),
    Target("exam.reproductive", "Exam: reproductive state", CHOICE,
           answers=same("normal", "in heat", "pregnant", "lactating", "pyometra", "unknown")),
    Target("exam.body_condition", "Exam: body condition, 1 to 9", CHOICE | NUMBER,
           answers={f"b{number}": str(number) for number in range(1, 10)}, range=(1, 9)),
    Target("exam.health", "Exam: health", CHOICE, answers=same("normal", "see findings", "high risk")),
    Target("exam.abnormalities", "Exam: findings", SEVERAL, answers=_FINDINGS, joins=True),
    Target("exam.approved", "Exam: approved for surgery", YES_NO, answers=_YES_NO),
    Target("exam.notes", "Exam: notes", WRITTEN | SEVERAL, joins=True),
    Target("surgery.event_at", "Surgery: start", frozenset({"time"})),
    Target("surgery.ended_at", "Surgery: end", frozenset({"time"})),
    Target("surgery.procedure", "Surgery: procedure", CHOICE,
           answers=same("spay", "neuter", "cryptorchid neuter", "hernia repair", "dental", "wound repair", "other")),
    Target("surgery.surgeon_id", "Surgery: surgeon", WRITTEN | frozenset({"initials"})),
    Target("surgery.suture", "Surgery: suture", WRITTEN | CHOICE),
    Target("surgery.marks", "Surgery: marks", SEVERAL, answers={"tattoo": "tattoo", "ear_tip": "ear tip"}),
    Target("surgery.complications", "Surgery: complications", SEVERAL, answers=_COMPLICATIONS, joins=True),
    Target("surgery.findings", "Surgery: findings", WRITTEN | SEVERAL, joins=True),
    Target("surgery.notes", "Surgery: notes", WRITTEN | SEVERAL, joins=True),
    Target("recovery.event_at", "Recovery: time", frozenset({"time"})),
    Target("recovery.extubated_at", "Recovery: extubated", frozenset({"time"})),
    Target("recovery.temperature_hundredths", "Recovery: first temperature", NUMBER, _WARMTH, range=(20, 45)),
    Target("recovery.pain", "Recovery: pain, 0 to 10", NUMBER, range=(0, 10)),
    Target("recovery.complications", "Recovery: complications", SEVERAL, answers=_COMPLICATIONS, joins=True),
    Target("recovery.take_home", "Recovery: medicine to take home", WRITTEN | SEVERAL, joins=True),
    Target("recovery.notes", "Recovery: notes", WRITTEN | SEVERAL, joins=True),
    Target("checkout.services", "Checkout: services done", SEVERAL, joins=True),
    Target("flow.stage", "Visit: how it ended", CHOICE,
           answers={"checked_out": "checked_out", "held_overnight": "held_overnight", "declined": "declined",
                    "died": "died", "died_in_surgery": "died_in_surgery"}),
    Target("flow.reason", "Visit: why declined, kept or died", WRITTEN | SEVERAL, joins=True),
    Target("discharge.event_at", "Discharge: time", frozenset({"time"})),
    Target("discharge.released_to", "Discharge: released to", WRITTEN),
    Target("discharge.aftercare_given", "Discharge: aftercare explained", frozenset({"check"})),
    Target("discharge.notes", "Discharge: notes", WRITTEN | SEVERAL, joins=True),
    Target("drug_count.am", "Drug log: count at opening", NUMBER, subjects=BOTTLE),
    Target("drug_count.pm", "Drug log: count at close", NUMBER, subjects=BOTTLE),
    Target("payment.appointment", "Card slip: visit or sheet", CODE, subjects=SLIP),
    Target("payment.amount", "Card slip: total", NUMBER, subjects=SLIP),
    Target("payment.last4", "Card slip: last four digits", NUMBER, subjects=SLIP),
    Target("payment.brand", "Card slip: card brand", WRITTEN | CHOICE, subjects=SLIP),
    Target("payment.authorization", "Card slip: authorization code", CODE, subjects=SLIP),
    Target("payment.taken_at", "Card slip: time", frozenset({"time"}), subjects=SLIP),
)  # fmt: skip
_TABLES = (
    Target("drug_log", "Drug log: one line for each use", LINES, subjects=VISIT | BOTTLE, joins=True),
    Target("observation", "Monitoring: one line for each reading", LINES, joins=True),
    Target("vaccine", "Vaccines: one line for each", LINES, joins=True),
)
_DOSES = VISIT | BOTTLE
_CELLS = (
    Target("drug_log.drug", "Drug", WRITTEN, inside="drug_log", subjects=_DOSES),
    Target("drug_log.bottle", "Bottle", CODE, inside="drug_log", subjects=_DOSES),
    Target("drug_log.drawn", "Drawn", frozenset({"digits"}), inside="drug_log", subjects=_DOSES),
    Target("drug_log.given", "Given", frozenset({"digits"}), inside="drug_log", subjects=_DOSES),
    Target("drug_log.wasted", "Wasted", frozenset({"digits"}), inside="drug_log", subjects=_DOSES),
    Target("drug_log.route", "Route", WRITTEN | CHOICE, inside="drug_log", subjects=_DOSES),
    Target("drug_log.event_at", "Time", frozenset({"time"}), inside="drug_log", subjects=_DOSES),
    Target("drug_log.appointment", "Visit number", CODE, inside="drug_log", subjects=BOTTLE),
    Target("drug_log.by", "Given by", frozenset({"initials", "text"}), inside="drug_log", subjects=_DOSES),
    Target("drug_log.witness", "Witness", frozenset({"initials", "text"}), inside="drug_log", subjects=_DOSES),
    Target("observation.event_at", "Time", frozenset({"time"}), inside="observation"),
    Target("observation.temperature_hundredths", "Temperature", frozenset({"digits"}), _WARMTH, inside="observation"),
    Target("observation.heart_rate", "Heart rate", frozenset({"digits"}), ("/min",), inside="observation"),
    Target("observation.respiration", "Respiration", frozenset({"digits"}), ("/min",), inside="observation"),
    Target("observation.mucous_membranes", "Gums", WRITTEN | CHOICE, inside="observation"),
    Target("observation.pain", "Pain, 0 to 10", frozenset({"digits"}), inside="observation"),
    Target("observation.text", "Note", WRITTEN, inside="observation"),
    Target("vaccine.product", "Vaccine", WRITTEN, inside="vaccine"),
    Target("vaccine.lot", "Lot", WRITTEN, inside="vaccine"),
    Target("vaccine.expires", "Expires", WRITTEN, inside="vaccine"),
    Target("vaccine.site", "Site", WRITTEN | CHOICE, inside="vaccine"),
    Target("vaccine.by", "Given by", frozenset({"initials", "text"}), inside="vaccine"),
)  # fmt: skip
TARGETS: dict[str, Target] = {target.name: target for target in (*_FIELDS, *_TABLES, *_CELLS)}

_CUSTOM_KINDS = {
    "text": WRITTEN | SEVERAL, "number": NUMBER, "date": frozenset({"date"}),
    "choice": CHOICE, "check": YES_NO,
}  # fmt: skip


def custom_targets(session: ClinicSession) -> dict[str, Target]:
    """The clinic's own fields as places answers can land: ``custom.patient.housing``."""
    rows = session.execute(select(Definition.slug, Definition.body).where(Definition.kind == "custom-field"))
    found = {}
    for slug, body in rows:
        choices: Any = body.get("choices") or ()
        kind = str(body.get("kind", "text"))
        if body.get("entity") not in ("client", "patient", "appointment") or kind not in _CUSTOM_KINDS:
            continue
        if body.get("active", True) is False or body.get("archived"):
            continue
        answers = same(*choices) if kind == "choice" else _YES_NO if kind == "check" else {}
        words = f"Custom: {body.get('label') or slug}"
        name = f"custom.{body['entity']}.{slug}"
        found[name] = Target(name, words, _CUSTOM_KINDS[kind], answers=answers, subjects=EITHER)
    return found


def fitting(kind: str, subject: str, places: Mapping[str, Target], inside: str | None = None) -> list[Target]:
    """The places that a kind of field can fill on a form for ``subject``, in the order of the table; ``inside`` the
    repeating lines with this target for one of their columns."""
    return [
        target
        for target in places.values()
        if kind in target.kinds and subject in target.subjects and target.inside == (inside or "")
        and (inside is None or bool(target.inside))
    ]  # fmt: skip


def misplaced(form: Form, custom: Mapping[str, Target]) -> list[Misplaced]:
    """Every answer of a form that cannot land where it says, and numbers too long for it, in the order of the paper."""
    places = {**TARGETS, **custom}
    found: list[Misplaced] = []
    taken: dict[str, str] = {}
    for one in form.fields():
        label = one.label or places[one.target].words if one.target in places else one.label or one.key
        if one.target:
            problem = _problem(one, one.target, places, form.subject, "")
            if not problem and one.target in taken and not places[one.target].joins:
                problem = f"“{places[one.target].words}” is filled by “{taken[one.target]}” already."
            if problem:
                found.append(Misplaced(one.key, "", label, problem))
            taken.setdefault(one.target, label)
        for cell in one.cells if one.type == "grid" else ():
            problem = _problem(cell, cell.target, places, form.subject, one.target) if cell.target else ""
            if problem:
                found.append(Misplaced(one.key, cell.key, cell.label, problem))
        most = MOST_DIGITS.get(one.type)
        if most is not None and one.digits > most:
            found.append(Misplaced(one.key, "", label, f"{KIND_WORDS[one.type]} has at most {most} digits here."))
    return found


def check_targets(form: Form, custom: Mapping[str, Target]) -> int:
    """Raise BadTarget for the first answer that cannot land where it says; returns how many answers land somewhere."""
    wrong = misplaced(form, custom)
    if wrong:
        raise BadTarget(label=wrong[0].label, problem=wrong[0].problem, field=wrong[0].field, cell=wrong[0].cell)
    return sum(1 for _ in _named(form))


def _named(form: Form) -> Iterator[str]:
    for one in form.fields():
        cells = [cell.target for cell in one.cells if cell.target] if one.type == "grid" else []
        yield from cells or ([one.target] if one.target else [])


def _problem(one: FormField | Cell, name: str, places: Mapping[str, Target], subject: str, lines: str) -> str:
    target = places.get(name)
    if target is None:
        return f"the answer is to land in “{name}”, which is not a place of the records. Choose another."
    words = target.words
    if target.inside != (lines if isinstance(one, Cell) else ""):
        return f"“{words}” belongs into other lines." if target.inside else f"“{words}” cannot be filled line by line."
    if subject not in target.subjects:
        return f"“{words}” does not belong on a form for {SUBJECT_WORDS[subject]}."
    if one.type not in target.kinds:
        fit = " or ".join(sorted(KIND_WORDS[kind] for kind in target.kinds))
        return f"“{words}” cannot be filled by {KIND_WORDS[one.type]}. It takes {fit}."
    unknown = [option.label for option in one.options if target.answers and option.value not in target.answers]
    if one.type in ("single", "multi") and unknown:
        takes = ", ".join(sorted(target.answers))
        return f"the answer “{unknown[0]}” is not one that “{words}” takes. Its answers are coded {takes}."
    if len(target.units) > 1 and one.unit not in target.units:
        return f"“{words}” needs one of these units: {', '.join(target.units)}."
    return ""


SUBJECT_WORDS = {
    "appointment": "one visit", "bottle": "one bottle", "day": "a whole day", "nothing": "nobody yet",
}  # fmt: skip
KIND_WORDS = {
    "fact": "a printed fact", "check": "a check box", "single": "a single choice", "multi": "a multiple choice",
    "digits": "a number in cells", "bubble_digits": "a number in bubbles", "text": "writing", "date": "a date",
    "time": "a time", "initials": "initials", "signature": "a signature", "grid": "repeating lines",
    "prose": "text to read",
}  # fmt: skip
