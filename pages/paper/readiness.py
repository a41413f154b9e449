"""Outage readiness: the six actions with their state as measured, what to do next, and the card to print."""

from __future__ import annotations

import streamlit as st

from outage.readiness import Line, actions, next_step
from outage.readiness_card import readiness_card
from pages.components import frame, show
from pages.home.links import Link

LOOKS = {"ready": ("green", "check_circle", "Ready"), "weak": ("orange", "warning", "Look at it"),
         "missing": ("red", "cancel", "Missing"), "unknown": ("gray", "help", "Not known")}  # fmt: skip
DOORS = {
    "status": ("Set up the status page", Link("settings/status_page.py", "status-page"), "settings.edit"),
    "group": ("Enter the group's address",
              Link("settings/editor.py", "setting", {"kind": "clinic-profile"}), "settings.edit"),
    "vault": ("Open the Vault", Link("settings/vault.py", "vault"), "settings.edit"),
    "snapshot": ("Open snapshot computers", Link("settings/snapshots.py", "snapshots"), "settings.edit"),
    "stock": ("Print blank stock", Link("paper/print.py", "print-forms", {"tab": "Blank stock"}), "outage.print"),
    "cards": ("Choose a way", Link("settings/editor.py", "setting", {"kind": "outage-readiness"}), "settings.edit"),
    "practice": ("Practise an outage", Link("paper/practise.py", "practise"), "outage.print"),
}  # fmt: skip
STAYS = ("vault", "snapshot")
"""Whose way stays open when all is well."""
OUTSIDE = {"status": "Open the status page", "group": "Open the group"}


def main() -> None:
    """The page."""
    by = frame.actor()
    found = actions(by=by)
    ready = sum(line.state == "ready" for line in found)
    first = next_step(found)
    facts = f"{show.number(ready)} of {len(found)} are ready." + ("" if first else " Nothing is left to do.")
    place = frame.head("Outage readiness", facts)
    place.download_button(
        "Print the outage card", lambda: readiness_card(by=by), "outage-card.pdf", "application/pdf",
        key="readiness_card", icon=":material/print:", on_click="ignore",
        type="secondary" if first else "primary",
    )  # fmt: skip
    st.progress(ready / len(found))
    for number, line in enumerate(found, 1):
        draw(number, line, first=line is first)
    if "settings.edit" in frame.may():
        st.caption("The card holds the password of the Vault: hang it where colleagues find it and clients do not.")


def draw(number: int, line: Line, *, first: bool) -> None:
    """One action: its state, the fact, and where one does something about it."""
    tone, icon, word = LOOKS[line.state]
    with st.container(border=True, key=f"ready_{line.name}"):
        row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
        with row.container(gap=None, key=f"ready_text_{line.name}", width="stretch"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{number}. {frame.plain(line.title)}**", width="content")
                st.badge(word, icon=f":material/{icon}:", color=tone)  # type: ignore[arg-type]
            st.caption(frame.plain(line.fact))
            if line.names:
                rest = f" and {len(line.names) - 8} more" if len(line.names) > 8 else ""
                st.text(", ".join(line.names[:8]) + rest)
        with row.container(horizontal=True, width="content", horizontal_alignment="right"):
            if line.link:
                st.link_button(OUTSIDE[line.name], line.link, type="tertiary", icon=":material/open_in_new:")
            door(line, first=first)


def door(line: Line, *, first: bool) -> None:
    """The way to where one does something about it, for those whom it opens for."""
    label, link, needs = DOORS.get(line.name, ("", None, ""))
    if link is None or needs not in frame.may() or (line.state == "ready" and line.name not in STAYS):
        return
    if st.button(label, key=f"ready_go_{line.name}", type="primary" if first else "secondary"):
        link.follow()


main()
