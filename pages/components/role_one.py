"""One role on screen: its permissions by area with their help, copy, rename, remove, history, file."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import definition_history, frame, role_grid, show
from pages.components.draft_form import Draft
from security import role_matrix
from security.permissions import AREAS, PERMISSIONS
from security.role_matrix import RoleRow
from security.roles import Role


def add(roles: list[RoleRow]) -> None:
    """A new role as a copy of another, or from a file."""
    names = {role.slug: role.label for role in roles}
    with st.form("add-role", border=False):
        label = st.text_input("Name of the new role", max_chars=60, key="new-role")
        slug = st.selectbox(
            "Begin as a copy of", list(names), index=len(names) - 1, format_func=names.__getitem__, key="copy-of"
        )
        if st.form_submit_button("Add the role", type="primary"):
            with frame.refusals():
                role_matrix.copy_role(slug, label, by=frame.actor(), key=frame.form_key("add-role"))
                frame.new_form_key("add-role")
                st.toast(f"{show.plain(label)} was added.", icon=":material/check:")
                role_grid.start_over()


def draw(role: RoleRow) -> None:
    """Tabs: permissions, name, history, file."""
    by = frame.actor()
    permissions, name, history, file = st.tabs(["Permissions", "Name", "History", "File"])
    with permissions:
        edit(role)
    with name:
        rename(role)
    with history:
        definition_history.draw(
            role_matrix.role_history(role.slug, by=by), key=f"role-{role.slug}", words=words,
            roll_back=lambda number, key: role_matrix.roll_back_role(
                role.slug, number, expected=role.number, by=by, key=key
            ),
        )  # fmt: skip
    with file:
        definition_history.draw_file(
            role_matrix.export_role(role.slug, by=by), f"role-{role.slug}.toml", key=f"role-{role.slug}",
            current={"label": role.label, "second_factor": role.second_factor, "permissions": sorted(role.permissions)},
            read=lambda text, key: role_matrix.import_role(text, by=by, key=key),
        )  # fmt: skip


@st.fragment
def edit(role: RoleRow) -> None:
    """A tick for each permission, grouped by area; the owner's ticks stand."""
    owner = role.slug == "owner"
    if owner:
        st.caption("The owner may do everything; only the second factor can be changed.")
    draft = Draft(f"role:{role.slug}", version=role.number)
    draft.line()
    stored = {name: role_grid.has(role, name) for name in (role_grid.SECOND_FACTOR, *PERMISSIONS)}
    begin, mark = draft.over(stored), draft.key(f"{role.slug}-{role.number}")
    ticked = {role_grid.SECOND_FACTOR: st.toggle(
        role_grid.sentence(role_grid.SECOND_FACTOR), begin[role_grid.SECOND_FACTOR], key=f"2f-{mark}"
    )}  # fmt: skip
    columns = st.columns(2)
    for position, (area, title) in enumerate(AREAS.items()):
        with columns[position % 2].container(border=True, gap="xsmall"):
            st.markdown(f"### {title}")
            for name, permission in PERMISSIONS.items():
                if permission.area == area:
                    ticked[name] = st.checkbox(
                        role_grid.sentence(name), begin[name], help=permission.help or None,
                        disabled=owner or permission.owner_only, key=f"{mark}-{name}",
                    )  # fmt: skip
    draft.keep(ticked)
    wanted = role_grid.as_role(role, ticked)
    lines = role_grid.differences(role.permissions, role.second_factor, wanted)
    with st.container(border=True, key="role-changes" if lines else "role-unchanged"):
        role_grid.told(role, lines)
        if st.button("Save the role", type="primary", key="save-role", disabled=not lines):
            with draft.saving():
                key = frame.form_key(f"role-{role.slug}")
                role_matrix.save_roles({role.slug: (wanted, role.number)}, by=frame.actor(), key=key)
                frame.new_form_key(f"role-{role.slug}")
                draft.forget()
                st.toast(show.plain(f"{role.label}: {'; '.join(lines[:3])}"), icon=":material/check:")
                st.rerun()


def rename(role: RoleRow) -> None:
    """Another label; removal of a custom role that nobody has."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.text_input("Name", role.label, key=f"label-{role.slug}-{role.number}", max_chars=60, width=280)
        if st.button("Rename the role", key="rename", disabled=label.strip() == role.label):
            with frame.refusals():
                key = frame.form_key("rename")
                role_matrix.rename_role(role.slug, label, expected=role.number, by=frame.actor(), key=key)
                frame.new_form_key("rename")
                st.rerun()
    if role.is_shipped:
        st.caption("This role came with Ballast and stays.")
        return
    st.caption(f"{role.people} {'person has' if role.people == 1 else 'people have'} this role.")
    if st.button("Remove the role", key="remove", disabled=bool(role.people)):
        with frame.refusals():
            key = frame.form_key("remove")
            role_matrix.remove_role(role.slug, expected=role.number, by=frame.actor(), key=key)
            frame.new_form_key("remove")
            st.toast(f"{show.plain(role.label)} was removed.", icon=":material/check:")
            role_grid.start_over()


def words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """A change between two versions of a role in sentences."""
    old = frozenset(before.get("permissions", ()))
    wanted = Role.model_validate(after)
    lines = role_grid.differences(old, bool(before.get("second_factor")), wanted)
    if before.get("label") != wanted.label:
        lines.append(f"is called {wanted.label}")
    return lines
