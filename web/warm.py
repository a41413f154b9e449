"""Imports that would make the first visitor wait, done in the background at start."""

from __future__ import annotations

import importlib
import time

from web.garbage import keep_collections_short

FIRST = ("pages.sign_in.form", "babel.dates")
"""What the sign-in page itself needs."""
HEAVY = ("pandas", "plotly.graph_objects", "duckdb", "xhtml2pdf.pisa")
PAUSE = 3.0
"""Seconds in which the first page has the processor for itself."""


def warm() -> None:
    """Import what the first page needs; after a pause the heavy modules; then load the report data."""
    keep_collections_short()
    for name in FIRST:
        importlib.import_module(name)
    time.sleep(PAUSE)
    for name in HEAVY:
        importlib.import_module(name)
    from forms.print import register_fonts

    register_fonts()
    _fill_mart()


def _fill_mart() -> None:
    """Load the report data of every clinic, so that nobody's first report waits for it."""
    from sqlalchemy import select

    from data import mart
    from data.errors import Refusal
    from data.models import Clinic
    from data.session import everywhere

    try:
        with everywhere() as session:
            clinics = session.scalars(select(Clinic.id).where(Clinic.closed_at.is_(None))).all()
        for clinic_id in clinics:
            mart.mart().refresh(clinic_id)
    except Refusal:
        return  # no clinic here yet: the first report will load it
