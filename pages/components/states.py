"""The state of a person's access as a coloured badge."""

import streamlit as st

STATES = {
    "active": ("Active", "grey", ":material/check:"),
    "invited": ("Invited", "blue", ":material/mail:"),
    "locked": ("Locked out", "red", ":material/lock:"),
    "disabled": ("Disabled", "grey", ":material/block:"),
}


def badge(status: str) -> None:
    """Draw it; an active person needs none."""
    if status != "active":
        word, colour, icon = STATES[status]
        st.badge(word, color=colour, icon=icon)  # type: ignore[arg-type]
