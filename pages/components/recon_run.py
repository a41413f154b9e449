"""Matching payments with settlements and batches with deposits, and what a run of it is told as."""

from __future__ import annotations

from datetime import date

import streamlit as st

from billing import deposits, matching
from pages.components import show
from security.actor import Actor


def match(first: date | None = None, last: date | None = None, *, by: Actor) -> str:
    """Match these days, or all of them; returns what came of it. Raises NotPermitted."""
    with st.spinner("Matching payments with settlements"):
        ran = matching.reconcile_days(first, last, by=by)
        found = deposits.find_deposits(by=by)
    told = [show.count(ran.made, "new match", "new matches")] if ran.made else []
    told += [f"{show.count(found, 'change')} in deposits and fees"] if found else []
    told += [show.count(ran.opened, "new case")] if ran.opened else []
    told += [f"{show.number(ran.explained)} explained"] if ran.explained else []
    if not told and ran.changed:
        told = ["matches were put right"]
    return ", ".join(told) or "nothing has changed"
