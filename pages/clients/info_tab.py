"""Tab Info: how to reach the client, and the patients."""

from __future__ import annotations

import streamlit as st

from pages.clients import consent_part
from pages.clients.changes import changes
from pages.clients.lines import patient_lines
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.facts import facts
from pages.components.record_fields import (
    client_fields,
    client_of,
    client_start,
    custom_answers,
    custom_fields,
    custom_start,
    is_human,
    shown_answers,
)
from pages.components.rows import rows
from records import clients, custom, patients
from records.clients import OWNER_TYPES, OpenedClient

SHAPE = "1.4fr 3fr 8.5rem 3.6rem"


def switch(slot: str) -> None:
    """The button that opens a form where the text stands."""
    if not st.session_state.get(slot) and st.button("Edit", icon=":material/edit:", key=f"to_{slot}", type="tertiary"):
        st.session_state[slot] = True
        st.rerun()


def draw(opened: OpenedClient, may: frozenset[str]) -> None:
    """The tab."""
    place = f"client:{opened.client.id}"
    own = custom.fields_of("client", by=frame.actor())
    left, right = st.columns([4, 7], gap="large")
    with left:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader("Contact", anchor=False)
            if "clients.edit" in may:
                switch(f"edit_{place}")
        if st.session_state.get(f"edit_{place}"):
            edit(opened, place)
        else:
            show_contact(opened, own)
            consent_part.draw(opened, may)
            if "security.break_glass" in may:
                restriction(opened)
    with right:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader("Patients", anchor=False)
            if "clients.edit" in may and st.button(
                "Add patient", icon=":material/add:", key="add_patient", type="tertiary"
            ):
                st.switch_page("clients/new_patient.py", query_params={"client": opened.client.id})
        if not opened.patients:
            st.info("No patients yet. Add the first one, then book the appointment.")
        known = patients.species(by=frame.actor())
        shown = patient_lines(opened.patients, known)
        chosen = rows(shown, path="/patient", label="Patients", key="patient_rows", shape=SHAPE) if shown else None
        if chosen:
            st.switch_page("clients/patient.py", query_params={"id": chosen})


def show_contact(opened: OpenedClient, own: dict[str, custom.CustomField]) -> None:
    """The contact details as text."""
    c = opened.client
    town = " ".join(part for part in (f"{c.city}," if c.city and c.region else c.city, c.region, c.postal_code) if part)
    kind = "" if is_human() else OWNER_TYPES.get(c.owner_type, c.owner_type)
    facts(
        [
            ("Name", opened.name), ("Phone", show.phone(c.phone)), ("Other phone", show.phone(c.other_phone)),
            ("E-mail", c.email),
            ("Address", "\n".join(part for part in (c.address, town) if part)), ("Kind of client", kind),
            *shown_answers(own, opened.answers),
        ]
    )  # fmt: skip


@st.fragment
def edit(opened: OpenedClient, place: str) -> None:
    """The contact details as a form, run alone while somebody types."""
    own = custom.fields_of("client", by=frame.actor())
    start = client_start(opened.client) | custom_start(own, opened.answers)
    form = DraftForm(place, start, version=opened.client.version)

    def draw_fields() -> None:
        client_fields(form)
        custom_fields(form, own)

    def save(key: str) -> None:
        clients.change(
            opened.client.id, client_of(form), version=opened.client.version, answers=custom_answers(form, own),
            by=frame.actor(), key=key,
        )  # fmt: skip

    changes(form, place, draw_fields, save)


@st.fragment
def restriction(opened: OpenedClient) -> None:
    """Closing the record to everybody, or opening it again."""
    closed = opened.client.restricted
    with st.popover("Lift the restriction" if closed else "Restrict this record", icon=":material/lock:"):
        st.caption("A restricted record opens only in an emergency, with a reason the owner is told about.")
        form = DraftForm(f"restrict:{opened.client.id}", {"reason": ""})
        form.line()
        st.text_input("Reason", key=form.key("reason"), live=form.live, max_chars=300, autocomplete="off")
        form.keep()
        if st.button("Lift the restriction" if closed else "Restrict the record", key="restrict"):
            with frame.refusals():
                key = frame.form_key(f"restrict:{opened.client.id}:{opened.client.version}")
                clients.restrict(opened.client.id, not closed, reason=form["reason"] or "", by=frame.actor(), key=key)
                form.forget()
                st.rerun()
