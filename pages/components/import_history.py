"""The imports of the clinic, newest first, each with a way back that asks before it goes."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from records import imports
from security.actor import Actor


def draw(by: Actor) -> None:
    """Draw the list."""
    runs = imports.list_imports(by=by)
    st.markdown("## What was imported")
    if not runs:
        st.caption("Nothing yet. The first import appears here, with a button to take it back.")
    for run in runs[:30]:
        _line(run, by)


def _line(run: imports.RunRow, by: Actor) -> None:
    undone = run.undone_at is not None
    with st.container(border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap=None, width="content"):
            st.markdown(f"**{frame.plain(run.file)}** · {imports.importer_of(run.kind).label.lower()}")
            facts = f"{show.moment(run.at)} · {run.by} · {show.number(run.added)} added"
            facts += f", {show.number(run.skipped)} were already here" if run.skipped else ""
            st.caption(frame.plain(facts + (f" · taken back {show.moment(run.undone_at)}" if undone else "")))
        if not undone and st.button("Take back", icon=":material/undo:", key=f"undo-{run.id}"):
            _confirm(run, by)


@st.dialog("Take back this import")
def _confirm(run: imports.RunRow, by: Actor) -> None:
    st.markdown(
        f"Every record that **{frame.plain(run.file)}** brought disappears from lists and reports: "
        f"{show.number(run.added)} rows. The file can be imported again later."
    )
    with st.container(horizontal=True):
        if st.button("Take it back", type="primary", key="undo-yes"):
            with frame.refusals():
                hidden = imports.undo_import(run.id, by=by, key=frame.form_key(f"undo:{run.id}"))
                st.session_state["_imported"] = f"{run.file} was taken back: {hidden:,} records are hidden."
                st.rerun()
        if st.button("Keep it", key="undo-no"):
            st.rerun()
