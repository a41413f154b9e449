"""The red lines above every page, for those whom they concern."""

from __future__ import annotations

import streamlit as st

from pages.components import emergency, frame
from security import backups


@frame.kept_for(60)
def _problems() -> list[str]:
    return backups.state(by=frame.actor()).problems


def draw(may: frozenset[str], *, at: str) -> None:
    """Say which restricted records are open to this person, and what is wrong with the backups to those who may
    make them; not where the page at path ``at`` (the backups, the home with its alerts) says it in full, nor in a
    sample clinic, which has nothing to lose."""
    if "security.break_glass" in may:
        emergency.draw()
    said = at == "backups" or (at == "" and "security.users" in may) or frame.clinic().is_demo
    if said or "data.backup" not in may:
        return
    problems = _problems()
    if problems:
        with st.container(key="banner", horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/warning: {frame.plain(problems[0])}", width="content")
            st.page_link("settings/backups.py", label="See backups", width="content")
