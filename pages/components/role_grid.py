"""The role x permission matrix as one grid, with a look at what changed before it is saved."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components import frame, show
from pages.components.draft_form import Draft
from security import role_matrix
from security.permissions import AREAS, PERMISSIONS
from security.role_matrix import RoleRow
from security.roles import Role

SECOND_FACTOR = "_second_factor"
HELD = "_roles_held"


def draw(roles: list[RoleRow]) -> None:
    """The grid; the owner's column is whole and stays so."""
    held: list[RoleRow] = st.session_state.setdefault(HELD, roles)
    if [(row.slug, row.number) for row in held] != [(row.slug, row.number) for row in roles]:
        if not st.session_state.get("_roles_dirty"):
            st.session_state[HELD] = held = roles
        else:
            st.warning("Somebody changed a role while you had this open.", icon=":material/sync_problem:")
            if st.button("Show the roles as they are now", key="newer"):
                start_over()
    draft = Draft("roles")
    draft.line()
    names = [SECOND_FACTOR, *PERMISSIONS]
    begin = draft.over({f"{row.slug}/{name}": has(row, name) for row in held for name in names})
    table = pd.DataFrame(
        {
            "name": names,
            "may": [sentence(name) for name in names],
            "area": [area(name) for name in names],
            **{row.slug: [begin[f"{row.slug}/{name}"] for name in names] for row in held},
        }
    )
    column = st.column_config
    with st.container(key="matrix_narrow"):
        st.info("All roles side by side need a wider screen. Choose one role above to read and change it here.",
                icon=":material/width:")  # fmt: skip
    signature = "-".join(f"{row.slug}{row.number}" for row in held)
    edited = st.container(key="matrix_wide").data_editor(
        table, key=draft.key(f"matrix-{signature}"),
        hide_index=True, disabled=["name", "may", "area", "owner"], height=620, num_rows="fixed",
        column_config={
            "name": None,
            "may": column.TextColumn("A person may", pinned=True, width=315),
            "area": column.TextColumn("Area", width=140),
            **{row.slug: column.CheckboxColumn(row.label, width=104) for row in held},
        },
    )  # fmt: skip
    ticks = {row.slug: dict(zip(edited["name"], edited[row.slug].map(bool), strict=True)) for row in held}
    draft.keep({f"{slug}/{name}": on for slug, column in ticks.items() for name, on in column.items()})
    changes = changed(held, ticks)
    st.session_state["_roles_dirty"] = bool(changes)
    if changes:
        confirm(held, changes, draft)


def area(name: str) -> str:
    """The group a row belongs to."""
    return "Signing in" if name == SECOND_FACTOR else AREAS[PERMISSIONS[name].area]


def sentence(name: str) -> str:
    """What a row says."""
    if name == SECOND_FACTOR:
        return "Enters a code from a phone to sign in"
    action = PERMISSIONS[name].action
    return action[0].upper() + action[1:]


def has(row: RoleRow, name: str) -> bool:
    """Whether a role holds a row."""
    return row.second_factor if name == SECOND_FACTOR else name in row.permissions


def as_role(row: RoleRow, ticks: dict[str, bool]) -> Role:
    """The role as it is ticked on screen."""
    may = sorted(name for name, on in ticks.items() if on and name != SECOND_FACTOR)
    return Role(label=row.label, second_factor=ticks[SECOND_FACTOR], permissions=may)


def changed(held: list[RoleRow], ticks: dict[str, dict[str, bool]]) -> dict[str, tuple[Role, int]]:
    """The roles that differ from what was opened."""
    changes = {}
    for row in held:
        role = as_role(row, ticks[row.slug])
        if differences(row.permissions, row.second_factor, role):
            changes[row.slug] = (role, row.number)
    return changes


def told(row: RoleRow, lines: list[str]) -> None:
    """What would change for a role and how many people feel it."""
    if not lines:
        st.caption("Nothing is changed yet.")
        return
    st.markdown(f"**{show.plain(row.label)}** ({row.people} {'person' if row.people == 1 else 'people'})")
    st.markdown("\n".join(f"- {show.plain(line)}" for line in lines))


def confirm(held: list[RoleRow], changes: dict[str, tuple[Role, int]], draft: Draft) -> None:
    """What would change, in sentences, then the button."""
    before = {row.slug: row for row in held}
    with st.container(border=True, key="role-changes"):
        st.markdown("### Save these changes?")
        for slug, (role, _) in changes.items():
            told(before[slug], differences(before[slug].permissions, before[slug].second_factor, role))
        with st.container(horizontal=True):
            if st.button("Save the roles", type="primary", key="save-roles"):
                with frame.refusals():
                    role_matrix.save_roles(changes, by=frame.actor(), key=frame.form_key("roles"))
                    frame.new_form_key("roles")
                    draft.forget()
                    st.toast("The roles were saved.", icon=":material/check:")
                    start_over()
            if st.button("Put everything back", type="tertiary", key="put-back"):
                draft.forget()
                start_over()


def differences(before: frozenset[str], second_factor: bool, after: Role) -> list[str]:
    """What changes for a role, one sentence each."""
    now = set(after.permissions)
    lines = [f"may now {PERMISSIONS[name].action}" for name in PERMISSIONS if name in now - before]
    lines += [f"may no longer {PERMISSIONS[name].action}" for name in PERMISSIONS if name in before - now]
    if after.second_factor != second_factor:
        lines.append("signs in with a code from a phone" if after.second_factor else "signs in with the password alone")
    return lines


def start_over() -> None:
    """Open the roles as they are stored."""
    st.session_state.pop(HELD, None)
    st.session_state["_roles_dirty"] = False
    st.rerun()
