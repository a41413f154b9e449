"""Imports that would make the first visitor wait, done in the background at start."""

from __future__ import annotations

import importlib
import threading
import time

from web.garbage import keep_collections_short

FIRST = ("pages.sign_in.form", "babel.dates")
"""What the sign-in page itself needs."""
HEAVY = ("pandas", "plotly.graph_objects", "duckdb", "xhtml2pdf.pisa")
PAUSE = 3.0
"""Seconds in which the first page has the processor for itself."""


def warm() -> None:
    """Import what the first page needs; after a pause the heavy modules, and the report data beside them."""
    keep_collections_short()
    for name in FIRST:
        importlib.import_module(name)
    time.sleep(PAUSE)
    threading.Thread(target=_fill_mart, name="mart-warm", daemon=True).start()
    for name in HEAVY:
        importlib.import_module(name)
    from forms.print import register_fonts

    register_fonts()


def _fill_mart() -> None:
    """Load the report data of every clinic, so that no first report waits for it; keep what was long to load."""
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
        for clinic_id in clinics:
            mart.mart().keep(clinic_id, unless_behind=mart.KEEP_AFTER_ROWS)
    except Refusal:
        return  # no clinic here yet: the first report will load it
