"""Initials on the person's colour."""

from __future__ import annotations

import re
from html import escape

import streamlit as st


def draw(initials: str, colour: str) -> None:
    """Draw the disc; its letters are dark or light, whichever reads better on the colour."""
    ground = colour if re.fullmatch(r"#[0-9a-f]{6}", colour or "") else "#5b6675"
    red, green, blue = (int(ground[at : at + 2], 16) for at in (1, 3, 5))
    ink = "#12161c" if (red * 299 + green * 587 + blue * 114) / 1000 > 140 else "#ffffff"
    st.html(
        f'<div aria-hidden="true" style="width:40px;height:40px;border-radius:50%;display:flex;align-items:center;'
        f'justify-content:center;font-weight:600;font-size:.9rem;background:{ground};color:{ink}">'
        f"{escape(initials[:3])}</div>",
        width=44,
    )
