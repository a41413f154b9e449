"""The clinic's head on what a client is given: the words and the page that receipts and statements share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from billing.printed import FONTS
from data.models import Clinic
from security.profile import ClinicProfile


def letterhead(clinic: Clinic, about: ClinicProfile) -> dict[str, Any]:
    """What ``letterhead.html`` prints: who the clinic is, on which paper and in which language."""
    return {
        "language": clinic.locale.split("_")[0],
        "fonts": FONTS.as_posix(),
        "paper": "a4" if about.paper == "a4" else "letter",
        "clinic": about.legal_name or clinic.name,
        "address": [part for part in (*about.address.splitlines(), about.phone, about.email) if part.strip()],
        "tax_number": about.tax_number,
    }


@cache
def template(name: str) -> Any:
    """A page of billing/templates. What it is given is escaped; a word it lacks is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shelf = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=shelf, autoescape=True, undefined=StrictUndefined).get_template(name)
