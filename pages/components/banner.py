"""The lines above every page: an outage, for everybody, and what is wrong, in red, for those whom it concerns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import streamlit as st

from outage import outages
from pages.components import emergency, frame, show
from security import backups
from security.clinics import practice_clinics


@frame.kept_for(60)
def _problems() -> list[str]:
    return backups.state(by=frame.actor()).problems


@frame.kept_for(60)
def _practises() -> bool:
    return frame.actor().clinic_id in practice_clinics()


def draw(may: frozenset[str], *, at: str) -> None:
    """Say which restricted records are open to this person, and what is wrong with the backups to those who may
    make them; not where the page at path ``at`` (the backups, the home with its alerts) says it in full, nor in a
    sample clinic, which has nothing to lose."""
    if "security.break_glass" in may:
        emergency.draw()
    practises = _practises()
    if practises and at != "practise":
        _practice(may)
    elif at != "recovery" and not practises:
        _outage(may)
    said = at == "backups" or (at == "" and "security.users" in may) or frame.clinic().is_demo
    if said or "data.backup" not in may:
        return
    problems = _problems()
    if problems:
        with st.container(key="banner", horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/warning: {frame.plain(problems[0])}", width="content")
            st.page_link("settings/backups.py", label="See backups", width="content")


def _practice(may: frozenset[str]) -> None:
    """In a practice clinic: that nothing is real, and the way back to the steps."""
    with st.container(key="practice_banner", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            ":material/school: This is the practice clinic: its people are made up, and nothing here is real.",
            width="content",
        )
        if "outage.print" in may:
            st.page_link("paper/practise.py", label="Steps of the practice", width="content")


def _outage(may: frozenset[str]) -> None:
    """An outage that lasts, or whose paper is not all back."""
    row = outages.current(by=frame.actor())
    if row is None:
        return
    began = show.clock_time(row.began_at)
    if row.began_at.astimezone(ZoneInfo(frame.clinic().zone)).date() != show.today():
        began = show.moment(row.began_at)
    if row.lasts and row.scope == "all":
        words = f"Outage since {began}. On paper until it is over."
    elif row.lasts:
        words = f"Cards are out since {began}. Use card slips until it is over."
    else:
        words = f"The outage of {show.day(row.began_at)} is over. Not all of its paper is accounted for yet."
    with st.container(key="outage_banner", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/power_off: {frame.plain(words)}", width="content")
        if "outage.enter" in may:
            st.page_link("paper/recovery.py", label="Recovery board", width="content")
