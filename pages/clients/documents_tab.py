"""Tab Documents: what is attached, and attaching more."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from records import documents
from records.access import LEVELS
from records.clients import OpenedClient
from records.documents import DocumentLine

TYPES = ["pdf", "png", "jpg", "jpeg", "tif", "tiff", "txt"]


def draw(opened: OpenedClient, may: frozenset[str]) -> None:
    """The tab."""
    lines = documents.of_client(opened.client.id, by=frame.actor())
    if "clients.documents" in may:
        attach(opened)
    if not lines:
        st.info("Nothing is attached yet. Attach consent forms, referral letters or pictures above.")
        return
    for line in lines:
        read(line, may)


def attach(opened: OpenedClient) -> None:
    """Choose files, say who may open them, attach."""
    place = f"attach:{opened.client.id}"
    turn = st.session_state.setdefault(f"_turn_{place}", 0)
    with st.expander("Attach documents", icon=":material/attach_file:", key=f"open_{place}_{turn}"):
        files = st.file_uploader(
            "PDF, PNG, JPEG, TIFF or text, 25 MB each", type=TYPES, accept_multiple_files=True,
            key=f"files_{place}_{turn}", max_upload_size=25,
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom"):
            access = st.selectbox(
                "Who may open them", list(LEVELS), key=f"access_{place}", format_func=LEVELS.__getitem__, width=220
            )
            count = len(files)
            label = "Attach documents" if count != 1 else "Attach document"
            if st.button(label, type="primary", key="attach", disabled=not files):
                kept = 0
                for number, file in enumerate(files):
                    with frame.refusals():
                        documents.attach(
                            opened.client.id, file.name, file.getvalue(), access=access, by=frame.actor(),
                            key=f"{frame.form_key(place)}-{number}",
                        )  # fmt: skip
                        kept += 1
                frame.new_form_key(place)
                if kept == count:
                    st.session_state[f"_turn_{place}"] = turn + 1
                    st.toast("Attached." if kept == 1 else f"Attached {kept} documents.", icon=":material/check:")
                    st.rerun()


def read(line: DocumentLine, may: frozenset[str]) -> None:
    """One document."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"document_{line.id}"):
        with st.container(gap=None):
            st.text(line.title)
            size = f"{show.number(max(1, round(line.size / 1024)))} kB"
            about = f" · about {line.patient}" if line.patient else ""
            who = "" if line.access == "everyone" else f" · {LEVELS[line.access]}"
            st.caption(frame.plain(f"{line.kind.label}, {size} · {line.author} · {show.moment(line.at)}{about}{who}"))
        verb = "Open" if line.kind.inline else "Download"
        st.link_button(verb, f"/documents/{line.id}", icon=":material/open_in_new:")
        if "clients.documents" in may:
            with st.popover("", icon=":material/delete:", help="Take this document off the record"):
                reason = st.text_input("Why it is taken off", key=f"why_{line.id}", max_chars=200, autocomplete="off")
                if st.button("Take off the record", key=f"remove_{line.id}"):
                    with frame.refusals():
                        key = frame.form_key(f"remove_{line.id}")
                        documents.remove(line.id, reason=reason, by=frame.actor(), key=key)
                        st.rerun()
