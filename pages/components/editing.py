"""What a person opened to edit: the version they looked at is kept until they save, so that nothing is overwritten."""

from __future__ import annotations

import streamlit as st

from security.settings import Entry


def held(place: str, current: Entry) -> Entry:
    """The entry as it was when this person opened it here; told when somebody has saved a newer one meanwhile."""
    slot = st.session_state.get("_editing")
    if slot is None or slot[0] != place:
        st.session_state["_editing"] = slot = (place, current)
    entry: Entry = slot[1]
    if entry.number != current.number:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning("Somebody saved a newer version while you had this open.", icon=":material/sync_problem:")
            if st.button("Show the newer version", key=f"newer-{place}"):
                release()
                st.rerun()
    return entry


def release() -> None:
    """After a save or a look at the newer version: start from what is stored."""
    st.session_state.pop("_editing", None)
