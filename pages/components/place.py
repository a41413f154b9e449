"""One page of the app, as the table in navigation.py names it, and what stands in the place of a closed one."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.components import frame


@dataclass(frozen=True)
class Page:
    """One page: script below pages/, title, Material icon, the permission it needs, its one-segment path.

    Of several permissions any one opens the page. Pages that belong together stand ``beside`` the first of them, by
    its path: the menu has one entry for all, in that one's words ``menu``, and each shows the way to the others.
    """

    script: str
    title: str
    icon: str
    permission: str | tuple[str, ...] | None
    path: str
    in_menu: bool = True
    beside: str = ""
    menu: str = ""

    def opens_for(self, may: frozenset[str]) -> bool:
        """Whether somebody with these permissions may see it."""
        needed = (self.permission,) if isinstance(self.permission, str) else self.permission
        return needed is None or any(name in may for name in needed)


def not_open() -> None:
    """In the place of a page that the person's role does not open: says so, and nothing of what stands there."""
    frame.head("This page is not open to you")
    st.info("Your role does not include this page. Ask an administrator if your work needs it.", icon=":material/lock:")
    st.page_link("home/home.py", label="Go to Home", icon=":material/arrow_back:", width="content")
