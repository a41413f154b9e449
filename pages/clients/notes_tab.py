"""Tab Notes: permanent notes, each with who may read it."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.draft_text import draft_text, forget
from records import notes
from records.access import LEVELS
from records.clients import OpenedClient
from records.notes import NoteLine

ICONS = {"everyone": "group", "clinicians": "stethoscope", "administrators": "shield_person", "author": "lock"}
WHO = {
    "everyone": "Everyone who may see this client",
    "clinicians": "Clinicians and administrators",
    "administrators": "Administrators only",
    "author": "Only you; nobody else, whatever their role",
}
ADD = "_adding_note"


def draw(opened: OpenedClient, may: frozenset[str]) -> None:
    """The tab."""
    client_id = opened.client.id
    lines = notes.of_client(client_id, by=frame.actor())
    head = DraftForm(f"note:{client_id}:head", {"access": None, "about": "", "corrects": ""})
    adding = st.session_state.get(ADD) == client_id or head.begun
    if "notes.write" in may:
        if adding:
            add(opened, lines, head)
        elif st.button("Add note", icon=":material/add:", key="add_note"):
            st.session_state[ADD] = client_id
            st.rerun()
    if not lines:
        st.info("No notes yet. A note stays for good, so write what the next person needs to know.")
    for line in lines:
        read(line, lines, head, "notes.write" in may and not adding)


def add(opened: OpenedClient, lines: list[NoteLine], head: DraftForm) -> None:
    """The type first, then the warning and the text, then save."""
    client_id, place = opened.client.id, f"note:{opened.client.id}"
    corrected = next((line for line in lines if line.id == head["corrects"]), None)
    with st.container(border=True, key="new_note"):
        st.subheader("Correct a note" if corrected else "Add a note", anchor=False)
        if corrected:
            st.caption(f"The note of {frame.plain(corrected.author)}, {show.moment(corrected.at)}, stays as it is.")
        access = st.segmented_control(
            "Who may read it", list(LEVELS), key=head.key("access"), format_func=LEVELS.__getitem__
        )  # fmt: skip
        drop = False
        if access is None:
            st.caption("Choose who may read it; then you can write.")
            drop = st.button("Discard", type="tertiary", key="discard_note")
        else:
            st.caption(f":material/{ICONS[access]}: {WHO[access]}")
            st.warning("A note cannot be changed or deleted once it is saved.", icon=":material/lock_clock:")
            about = None
            if opened.patients:
                names = {"": "The client"} | {patient.id: patient.name for patient in opened.patients}
                about = st.selectbox("About", list(names), key=head.key("about"), format_func=names.__getitem__)
            text = draft_text("Note", place, placeholder="What the next person needs to know")
            with st.container(horizontal=True):
                save = st.button("Save note", type="primary", key="save_note")
                drop = st.button("Discard", type="tertiary", key="discard_note")
            if save:
                with frame.refusals():
                    notes.write(
                        client_id, text, access=access, patient_id=about or None,
                        corrects_id=corrected.id if corrected else None, by=frame.actor(), key=frame.form_key(place),
                    )  # fmt: skip
                    st.toast("The note is saved.", icon=":material/check:")
                    drop = True
    head.keep()
    if drop:
        forget(place)
        head.forget()
        frame.new_form_key(place)
        st.session_state.pop(ADD, None)
        st.rerun()


def read(line: NoteLine, lines: list[NoteLine], head: DraftForm, may_write: bool) -> None:
    """One note."""
    with st.container(border=True, key=f"note_{line.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            about = f" · about {line.patient}" if line.patient else ""
            st.caption(f"**{frame.plain(line.author)}** · {show.moment(line.at)}{frame.plain(about)}")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                if may_write and not line.corrected_by:
                    correct(line, head)
                st.badge(LEVELS[line.access], icon=f":material/{ICONS[line.access]}:", color="gray")
        st.html(f'<div class="note">{escape(line.body)}</div>')
        other = next((each for each in lines if each.id == line.corrects), None)
        if other:
            st.caption(f"Corrects the note of {frame.plain(other.author)}, {show.moment(other.at)}.")
        if line.corrected_by:
            st.caption(":material/history_edu: Corrected by a later note.")


def correct(line: NoteLine, head: DraftForm) -> None:
    """The button that starts a correction of this note."""
    if st.button("Correct", type="tertiary", key=f"correct_{line.id}", icon=":material/edit_note:"):
        st.session_state[ADD] = head.place.split(":")[1]
        st.session_state[head.key("corrects")] = line.id
        st.session_state[head.key("access")] = line.access
        head.keep()
        st.rerun()
