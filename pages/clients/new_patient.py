"""Adding a patient to a client."""

import streamlit as st

from pages.components import frame
from pages.components.draft_form import DraftForm
from pages.components.record_fields import (
    asked_when_new,
    custom_answers,
    custom_fields,
    custom_start,
    patient_fields,
    patient_of,
    patient_start,
)  # fmt: skip
from records import clients, patients

client_id = st.query_params.get("client", "")
place = f"patient:new:{client_id}"


@st.fragment
def enter() -> None:
    """The form, run alone while somebody types."""
    by = frame.actor()
    own = asked_when_new("patient")
    form = DraftForm(place, patient_start() | custom_start(own, {}))
    with st.container(border=True):
        form.line(discard=False)
        patient_fields(form)
        custom_fields(form, own)
        form.keep()
    problem = st.container()
    with st.container(horizontal=True):
        save = st.button("Save patient", type="primary", key="save_patient", shortcut=frame.SEND)
        save_and = st.button("Save and add another", key="save_patient_and")
        drop = st.button("Discard", type="tertiary", key="discard_patient")
    with problem, frame.refusals():
        if save or save_and:
            answers = custom_answers(form, own)
            patients.add(client_id, patient_of(form), answers=answers, by=by, key=frame.form_key(place))
            st.toast("The patient is saved.", icon=":material/check:")
        if save or save_and or drop:
            form.forget()
            frame.new_form_key(place)
            if save_and:
                st.rerun()
            st.switch_page("clients/client.py", query_params={"id": client_id})


if not client_id:
    frame.head("Add patient", "A patient belongs to a client. Find or add the client first.")
    st.page_link("clients/clients.py", label="Find a client", icon=":material/search:")
else:
    opened = clients.open_client(client_id, by=frame.actor())
    frame.head("Add patient", f"For {opened.name}, client {opened.client.number}")
    enter()
