"""A memo as it is read: its title, its text as it was typed, who posted it and when."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from security.memos import Notice


def body(notice: Notice) -> None:
    """Draw it. Paragraphs stay; nothing of it is markup."""
    st.markdown(f"**{frame.plain(notice.title)}**")
    paragraphs = notice.body.split("\n\n")
    text = "\n\n".join("  \n".join(frame.plain(line) for line in one.split("\n")) for one in paragraphs)
    st.markdown(text)
    until = f" · until {show.day(notice.expires_on)}" if notice.expires_on else ""
    st.caption(frame.plain(f"{notice.who} · {show.moment(notice.posted_at)}{until}"))
