"""Roles: the matrix of all of them, or one role with its help texts, copies, history and file."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, role_grid, role_one
from security import role_matrix

ALL = "all"


def main() -> None:
    """All roles side by side, or one."""
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    roles = role_matrix.list_roles(by=frame.actor())
    action = frame.head("Roles", "What each role may see and do. Changes hold with the next click of everybody.")
    names = {ALL: "All roles", **{role.slug: frame.plain(role.label) for role in roles}}
    chosen = st.pills("Role", list(names), default=ALL, format_func=names.__getitem__, key="role",
                      label_visibility="collapsed")  # fmt: skip
    with action.popover("Add a role", icon=":material/add:"):
        role_one.add(roles)
    one = next((role for role in roles if role.slug == chosen), None)
    if one is None:
        role_grid.draw(roles)
    else:
        role_one.draw(one)


main()
