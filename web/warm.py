"""Imports that would make the first visitor wait, done in the background at start.

Streamlit runs a full garbage collection after each script; freezing what is already there takes a page rerun from
about 110 ms to 7 ms of CPU.
"""

from __future__ import annotations

import gc
import importlib

HEAVY = (
    "pandas",
    "plotly.graph_objects",
    "duckdb",
    "pages.sign_in.form",
    "babel.dates",
    "xhtml2pdf.pisa",
)


def warm() -> None:
    """Import the heavy modules, then freeze."""
    for name in HEAVY:
        importlib.import_module(name)
    from forms.print import register_fonts

    register_fonts()
    gc.collect()
    gc.freeze()
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
