"""Forms as definitions, and the six that a clinic starts with."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from data import definitions
from data.session import ClinicSession
from forms.definition import Form

SHIPPED = Path(__file__).with_name("definitions")
FORM = definitions.register("form", "Form", Form, has_own_rules=True)


@lru_cache(maxsize=1)
def shipped() -> dict[str, Form]:
    """The forms that come with Ballast, by slug."""
    return {
        path.stem: FORM.parse(definitions.from_file(path.read_text(), path.name), path.stem)
        for path in sorted(SHIPPED.glob("*.toml"))
    }


def form(session: ClinicSession, slug: str) -> tuple[Form, int]:
    """The clinic's current form and the number of its version; the shipped one with number 0 where none was saved.

    Raises NotFound.
    """
    number = definitions.number_of(session, FORM, slug)
    if not number and slug in shipped():
        return shipped()[slug], 0
    return definitions.load(session, FORM, slug), number


def all_forms(session: ClinicSession) -> dict[str, Form]:
    """Every form of the clinic by slug: its own, and the shipped ones it has not changed or removed."""
    used = set(definitions.all_slugs(session, FORM))
    mine = definitions.load_all(session, FORM)
    return dict(sorted({**{slug: one for slug, one in shipped().items() if slug not in used}, **mine}.items()))
