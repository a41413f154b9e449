"""What reports and dashboards are offered alike: the lines of their menus, and what was taken out of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components import frame, show
from reports.shelf import Removed

Act = Callable[[str], None]
"""Carries out a change under the key of its form."""


def item(label: str, icon: str, key: str) -> bool:
    """A line of a menu; whether it was clicked."""
    return st.button(label, icon=f":material/{icon}:", key=key, type="tertiary", width="stretch")


def ask_removal(
    what: str, words: str, form: str, remove: Act, *, key: str, leads_to: str = "reporting/library.py"
) -> None:  # fmt: skip
    """The inside of a dialog that asks once more before ``what`` leaves its list; then that list is shown."""
    st.markdown(words)
    with frame.refusals(), st.container(horizontal=True):
        if st.button(f"Remove the {what}", type="primary", key=f"{key}_yes"):
            remove(frame.form_key(form))
            frame.new_form_key(form)
            st.switch_page(leads_to)
        if st.button("Keep it", key=f"{key}_no"):
            st.rerun()


def taken_out(what: str, found: Sequence[Removed], restore: Callable[[str, str], None], *, key: str) -> None:
    """At the end of the library: what was removed, and the way back. ``restore`` gets name and form key."""
    if not found:
        return
    with st.expander(f"Removed {what} ({len(found)})", key=f"removed_{what}"):
        for one in found:
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f"{frame.plain(one.title)}  \n:small[Removed on {show.moment(one.at)}]")
                form = f"{key}_{one.name}"
                if st.button("Put back", key=form, icon=":material/undo:"):
                    with frame.refusals():
                        restore(one.name, frame.form_key(form))
                        frame.new_form_key(form)
                        st.rerun()
