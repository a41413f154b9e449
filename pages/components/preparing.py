"""While report data is on its way after a start: a note and how far it is, instead of a page that hangs."""

from __future__ import annotations

import streamlit as st

from data import mart
from pages.components import frame

LOOK_EVERY = 0.2
QUIET = 1.0
"""Seconds in which nothing is said: most loads are over by then."""


def wait() -> None:
    """Return once the clinic's report data is there. Draw the rest of the page before: this may take a while."""
    clinic_id = frame.actor().clinic_id
    load = mart.mart().prepare(clinic_id)
    if load is None:
        return
    place = st.empty()
    load.join(QUIET)
    while load.is_alive():
        share = mart.mart().progress(clinic_id)
        place.progress(share, text="Report data is being prepared. This happens once after a start …")
        load.join(LOOK_EVERY)
    place.empty()
