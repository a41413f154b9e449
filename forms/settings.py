"""Forms as definitions, and the six that a clinic starts with: for animals or for people, in its money and degrees."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from babel.numbers import get_currency_symbol

from data import definitions
from data.models import Clinic
from data.session import ClinicSession
from forms.definition import Form

SHIPPED = Path(__file__).with_name("definitions")
FORM = definitions.register("form", "Form", Form, has_own_rules=True)


@lru_cache(maxsize=2)
def shipped(kind: str = "veterinary") -> dict[str, Form]:
    """The forms that come with Ballast for a kind of clinic, by slug: a clinic for people has its own words and
    questions where those for animals would not do."""
    paths = {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}
    if kind != "veterinary":
        paths |= {path.stem: path for path in sorted((SHIPPED / kind).glob("*.toml"))}
    return {slug: FORM.parse(definitions.from_file(path.read_text(), path.name), slug) for slug, path in paths.items()}


def shipped_to(session: ClinicSession) -> dict[str, Form]:
    """The forms that come with Ballast as this clinic gets them."""
    clinic = session.get_one(Clinic, session.clinic_id)
    return _suited(clinic.kind, clinic.currency, clinic.locale)


@lru_cache(maxsize=8)
def _suited(kind: str, currency: str, locale: str) -> dict[str, Form]:
    symbol = get_currency_symbol(currency, locale)
    celsius = not locale.endswith("_US")
    return {slug: _in_units(one, symbol, celsius=celsius) for slug, one in shipped(kind).items()}


def _in_units(form: Form, symbol: str, *, celsius: bool) -> Form:
    """The form asking for money in the clinic's currency, and for degrees as people there read them."""
    body = form.model_dump(mode="json")
    for section in body["sections"]:
        for field in section["fields"]:
            for one in (field, *field["cells"]):
                if one["unit"] == "$":
                    one["unit"] = symbol
                if one["unit"] == "°F" and celsius:
                    one |= {"unit": "°C", "digits": one["digits"] - 1, "label": one["label"].replace("°F", "°C")}
                    one |= {
                        side: round((one[side] - 32) / 1.8) for side in ("least", "most") if one.get(side) is not None
                    }
    return FORM.parse(body, form.title)


def form(session: ClinicSession, slug: str) -> tuple[Form, int]:
    """The clinic's current form and the number of its version; the shipped one with number 0 where none was saved.

    Raises NotFound.
    """
    number = definitions.number_of(session, FORM, slug)
    if not number and slug in shipped():
        return shipped_to(session)[slug], 0
    return definitions.load(session, FORM, slug), number


def all_forms(session: ClinicSession) -> dict[str, Form]:
    """Every form of the clinic by slug: its own, and the shipped ones it has not changed or removed."""
    used = set(definitions.all_slugs(session, FORM))
    mine = definitions.load_all(session, FORM)
    return dict(
        sorted({**{slug: one for slug, one in shipped_to(session).items() if slug not in used}, **mine}.items())
    )
