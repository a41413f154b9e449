"""A form as it will lie on the desk: one page as a picture, with a sample patient, and where each field stands."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from forms.definition import FACTS, Form
from forms.editing import fresh_field
from forms.field_setting import Order
from forms.layout import lay_out, lay_out_slip
from forms.placed import Layout, Place, Zone
from forms.press import Plate, Press, Sheet
from forms.print import DRAWING, PAPERS, within
from forms.token import PageCode, slip_token, token

DPI = 130
DEADLINE_SECONDS = 15
_KEY = b"shown" * 8

FACT_WORDS = {
    "clinic.name": ("Clinic: name", "Harbor Spay & Neuter"), "clinic.phone": ("Clinic: phone", "(212) 555-0100"),
    "clinic.address": ("Clinic: address", "12 Pier Street, Brooklyn, NY 11231"),
    "client.name": ("Client: name", "Maria Gonzalez-Whitfield"), "client.first_name": ("Client: first name", "Maria"),
    "client.last_name": ("Client: last name", "Gonzalez-Whitfield"),
    "client.phone": ("Client: phone", "(212) 555-0142"),
    "client.other_phone": ("Client: second phone", "(212) 555-0188"),
    "client.email": ("Client: e-mail", "maria.gonzalez@example.org"),
    "client.address": ("Client: address", "1420 Harbor View Road, Apt 3, Brooklyn, NY 11201"),
    "client.number": ("Client: number", "2071"), "client.caution": ("Client: caution", "Call before noon"),
    "patient.name": ("Patient: name", "Biscuit"), "patient.species": ("Patient: species", "Dog"),
    "patient.breed": ("Patient: breed", "Labrador Retriever"), "patient.colour": ("Patient: color", "Yellow"),
    "patient.sex": ("Patient: sex", "Female"), "patient.altered": ("Patient: spayed or neutered", "no"),
    "patient.born": ("Patient: date of birth", "Aug 14, 2024"),
    "patient.age": ("Patient: age", "2 years, 3 months"), "patient.weight": ("Patient: last weight", "48.2 lb"),
    "patient.microchip": ("Patient: microchip", "985112004412345"),
    "patient.caution": ("Patient: caution", "Bites when cornered"),
    "appointment.number": ("Visit: number", "1042"), "appointment.day": ("Visit: day", "Nov 23, 2026"),
    "appointment.time": ("Visit: time", "7:30 AM"), "appointment.type": ("Visit: type", "Surgery"),
    "appointment.services": ("Visit: services booked", "Spay, Rabies vaccine, Microchip"),
    "appointment.funding": ("Visit: grant or voucher", "City low-income grant"),
    "appointment.deposit": ("Visit: deposit", "$25.00"), "appointment.owed": ("Visit: owed", "$85.00"),
    "appointment.caution": ("Visit: caution", "Bites when cornered"),
    "appointment.notes": ("Visit: notes", "Owner works until 5"),
    "appointment.location": ("Visit: location", "Main clinic"),
    "drug.name": ("Drug: name", "Ketamine"), "drug.strength": ("Drug: strength", "100 mg/mL"),
    "drug.unit": ("Drug: unit", "mL"), "drug.schedule": ("Drug: schedule", "III"),
    "bottle.number": ("Bottle: number", "K-17"), "bottle.lot": ("Bottle: lot", "88213"),
    "bottle.expires": ("Bottle: expires", "Mar 31, 2027"), "bottle.opened": ("Bottle: opened", "Nov 20, 2026, 7:41 AM"),
    "bottle.balance": ("Bottle: balance when printed", "8.45 mL"), "bottle.size": ("Bottle: size", "10 mL"),
    "roster.day": ("Roster: day", "Monday, November 23, 2026"), "roster.count": ("Roster: appointments", "32"),
    "roster.location": ("Roster: location", "Main clinic"),
}  # fmt: skip
"""Every fact in words, with what a sample says of it."""
LINE_WORDS = {
    "time": ("Time", "7:30 AM"), "number": ("Visit number", "1042"), "owner": ("Owner", "Maria Gonzalez-Whitfield"),
    "phone": ("Phone", "(212) 555-0142"), "animal": ("Animal", "Biscuit"),
    "details": ("Species, sex, age, weight", "Dog · female · 2 years, 3 months · 48.2 lb"),
    "services": ("Services", "Spay, Rabies vaccine, Microchip"), "caution": ("Caution and notes", "Bites"),
    "owed": ("Owed", "$85.00"), "deposit": ("Deposit", "$25.00"), "funding": ("Grant or voucher", "City grant"),
}  # fmt: skip
"""What can be printed into the lines of a day's form."""
_HEADINGS = {
    "appointment": "Biscuit · dog · Maria Gonzalez-Whitfield · visit 1042 · Mon, Nov 23", "bottle": "Ketamine · K-17",
    "day": "Monday, November 23, 2026", "nothing": "",
}  # fmt: skip
assert FACT_WORDS.keys() == {f"{record}.{name}" for record, names in FACTS.items() for name in names}


_LABELS = {
    "check": "Aftercare explained", "single": "Eating as usual?", "multi": "Noticed lately", "bubble_digits": "Weight",
    "digits": "Pulse", "text": "Findings", "date": "Signed on", "time": "Start", "initials": "Examined by",
    "signature": "Veterinarian", "fact": "Owner", "prose": "Please read.",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One page as a picture (PNG), of how many, its size in points, where each field stands and its zones."""

    picture: bytes
    page: int
    pages: int
    size: tuple[float, float]
    places: tuple[Place, ...]
    zones: tuple[Zone, ...]
    fields: dict[str, int]
    """The page of each field, counted from 1."""


@lru_cache(maxsize=48)
def show_page(body: str, page: int, paper: str, order: Order, clinic: str, *, sample: bool) -> Shown:
    """Draw a page of a form, given as JSON and counted from 1; the last one where there are fewer. ``sample`` prints
    a made-up patient into it. Raises DoesNotFit, TooManyPages, PrintTookTooLong; a wrong form raises ValueError."""
    form = Form.model_validate_json(body)
    return within(DEADLINE_SECONDS, _shown, form, page, paper, order, clinic, sample)


def _shown(form: Form, page: int, paper: str, order: Order, clinic: str, sample: bool) -> Shown:
    layout = lay_out_slip(form, paper, order) if form.slip else lay_out(form, paper, order)
    page = max(1, min(page, len(layout.pages)))
    picture = _picture(form, layout, page, clinic, sample)
    size = PAPERS[paper] if form.slip else layout.pages[page - 1].size
    fields = {place.key: place.page + 1 for place in reversed(layout.places)}
    places = tuple(place for place in layout.places if place.page == page - 1)
    return Shown(picture, page, len(layout.pages), size, places, tuple(layout.pages[page - 1].zones), fields)


def _picture(form: Form, layout: Layout, page: int, clinic: str, sample: bool) -> bytes:
    import pypdfium2

    def code(number: int, of: int, serial: int) -> str:
        return slip_token(serial, number, _KEY) if form.slip else token(PageCode(1, number, of, serial), _KEY)

    facts = {name: said for name, (_, said) in FACT_WORDS.items()} | {"clinic.name": clinic} if sample else {}
    custom = {name: "Sample" for name in form.facts_used() if ".custom." in name} if sample else {}
    line = {name: said for name, (_, said) in LINE_WORDS.items()}
    lines = [line] * min(layout.lines, 8) if sample else []
    press = Press(clinic, "Sample" if sample else "Blank")
    heading = _HEADINGS[form.subject] if sample else ""
    plate = Plate("preview", 0, form.title, layout, code, form.slip)
    press.add(plate, Sheet(1, facts | custom, heading, lines), only=page)
    with DRAWING:
        document = pypdfium2.PdfDocument(press.pdf())
        bitmap = document[0].render(scale=DPI / 72, grayscale=True)
        drawn: Any = bitmap.to_pil()
        document.close()
    out = io.BytesIO()
    drawn.save(out, "PNG", compress_level=1)
    return out.getvalue()


@lru_cache(maxsize=32)
def show_kind(kind: str) -> bytes:
    """What one field of a kind prints, as a picture (PNG)."""
    from PIL import Image

    body: dict[str, Any] = {"title": "One", "subject": "appointment", "sections": []}
    field = fresh_field(body, kind) | {"width": 8, "label": _LABELS.get(kind, "Label")}
    if kind == "grid":
        field |= {"width": 12, "label": "", "lines": 2}
    form = Form.model_validate(body | {"sections": [{"fields": [field]}]})
    shown = show_page(form.model_dump_json(), 1, "letter", "mdy", "", sample=True)
    (place,) = shown.places
    scale = DPI / 72
    box = [place.x - 6, place.y - 2, place.x + place.w * (1 if kind == "grid" else 0.86), place.y + place.h + 2]
    cut = Image.open(io.BytesIO(shown.picture)).crop(tuple(round(value * scale) for value in box))  # type: ignore[arg-type]
    out = io.BytesIO()
    cut.save(out, "PNG")
    return out.getvalue()
