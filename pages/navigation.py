"""Sign-in, then one table of pages: the map of the app.

This is the script ``st.App`` runs. It lies inside pages/ so that Streamlit globs nothing beside it; every page is in
a folder below and is reached only through the table, which shows people what their role opens. The rules check
permissions again, whatever the table says.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from data.home import NoHome
from pages.components import frame, sidebar, style
from security.access import allowed_now


@dataclass(frozen=True)
class Page:
    """One page: script below pages/, title, Material icon, the permission it needs, its one-segment path."""

    script: str
    title: str
    icon: str
    permission: str | None
    path: str
    in_menu: bool = True


HOME = Page("home/home.py", "Home", "home", None, "home")

SECTIONS: dict[str, tuple[Page, ...]] = {
    "Today": (
        HOME,
        Page("today/flow.py", "Patient flow", "view_kanban", "flow.view", "flow"),
        Page("today/visit.py", "Clinical record", "stethoscope", "flow.view", "visit", in_menu=False),
    ),
    "Clients & patients": (),
    "Money": (),
    "Reports": (),
    "Settings": (),
}


def main() -> None:
    """One run of the app."""
    st.set_page_config(page_title="Ballast", layout="wide")
    style.apply()
    try:
        who = frame.sign_in_state(touch=not st.session_state.pop("_timed", False))
    except NoHome:
        _only("sign_in/first_run.py", "Welcome", "welcome")
        return
    if who is None:
        _only("sign_in/sign_in.py", "Sign in", "sign-in")
        return
    may = allowed_now(who.actor)
    menu, hidden = {}, []
    for section, pages in SECTIONS.items():
        shown = []
        for page in pages:
            if page.permission is not None and page.permission not in may:
                continue
            built = st.Page(
                page.script,
                title=page.title,
                icon=f":material/{page.icon}:",
                url_path=page.path,
                default=page is HOME,
                visibility="visible" if page.in_menu else "hidden",
            )
            (shown if page.in_menu else hidden).append(built)
        if shown:
            menu[section] = shown
    if hidden:
        menu.setdefault("", []).extend(hidden)
    current = st.navigation(menu, expanded=True)
    sidebar.draw(who, may)
    with frame.refusals():
        current.run()


def _only(script: str, title: str, path: str) -> None:
    st.navigation([st.Page(script, title=title, url_path=path)], position="hidden").run()


main()
