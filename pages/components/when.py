"""Asking when something happened: the time on the wall, apart from the time it is entered."""

from __future__ import annotations

from datetime import datetime, time

import streamlit as st

from appointments.times import instant_of, local_of
from pages.components import frame, show


def start(value: datetime | None) -> time | None:
    """What the time input of a form begins with: the clinic's clock at a moment, to the minute."""
    return local_of(value, frame.clinic().zone).time().replace(second=0, microsecond=0) if value else None


def time_of_day(
    label: str, key: str, *, value: datetime | None = None, help: str = "Leave empty for now."
) -> datetime | None:
    """A time input of a form whose field ``key`` began with ``start(value)``; a moment on the clinic's day of
    ``value`` (today where there is none), or None when left empty."""
    zone = frame.clinic().zone
    local = local_of(value, zone) if value else None
    typed = st.time_input(label, value=None, key=key, step=60, help=help, width=120, format=show.time_format())
    if typed is None:
        return None
    if local and typed == local.time().replace(second=0, microsecond=0):
        return value
    return instant_of(local.date() if local else show.today(), typed, zone)
