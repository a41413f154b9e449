"""Adding a client, with a look at who is already there."""

import streamlit as st

from pages.clients.lines import line
from pages.components import frame
from pages.components.draft_form import DraftForm
from pages.components.record_fields import (
    asked_when_new,
    client_fields,
    client_of,
    client_start,
    custom_answers,
    custom_fields,
    custom_start,
    is_human,
    patient_fields,
    patient_of,
    patient_start,
)  # fmt: skip
from pages.components.rows import rows
from records import clients, patients, search

PLACE = "client:new"


@st.fragment
def enter() -> None:
    """The form, run alone while somebody types."""
    by = frame.actor()
    own = asked_when_new("client")
    form = DraftForm(PLACE, client_start() | custom_start(own, {}) | {"is_patient": True})
    theirs = asked_when_new("patient") if is_human() else {}
    person = DraftForm(f"{PLACE}:person", patient_start() | custom_start(theirs, {})) if is_human() else None
    with st.container(border=True):
        form.line(discard=False)
        client_fields(form)
        custom_fields(form, own)
        if person is not None and st.checkbox("This person is the patient too", key=form.key("is_patient")):
            patient_fields(person, named=False)
            custom_fields(person, theirs)
            person.keep()
        form.keep()
    already(form)
    problem = st.container()
    with st.container(horizontal=True):
        save = st.button("Save client", type="primary", key="save_client", shortcut=frame.SEND)
        save_and = not is_human() and st.button("Save and add patient", key="save_client_and")
        drop = st.button("Discard", type="tertiary", key="discard_client")
    with problem, frame.refusals():
        if save or save_and:
            answers = custom_answers(form, own)
            key = frame.form_key(PLACE)
            if person is not None and form["is_patient"]:
                answers |= custom_answers(person, theirs)
                client_id, _ = patients.add_person(client_of(form), patient_of(person), answers=answers, by=by, key=key)
            else:
                client_id = clients.add(client_of(form), answers=answers, by=by, key=key)
            leave(form, person)
            if save_and:
                st.switch_page("clients/new_patient.py", query_params={"client": client_id})
            st.switch_page("clients/client.py", query_params={"id": client_id})
        if drop:
            leave(form, person)
            st.switch_page("clients/clients.py")


def leave(form: DraftForm, person: DraftForm | None) -> None:
    """Forget the draft; the next client is another write."""
    form.forget()
    if person is not None:
        person.forget()
    frame.new_form_key(PLACE)


def already(form: DraftForm) -> None:
    """Clients who may be the same person."""
    names = ("first_name", "last_name", "phone", "email")
    found = search.alike(**{name: form[name] or "" for name in names}, by=frame.actor())
    if found:
        st.warning("Is it one of these? Open it instead of adding the same person twice.", icon=":material/group:")
        opened = rows([line(one) for one in found], path="/client", label="Similar clients", key="alike_rows")
        if opened:
            st.switch_page("clients/client.py", query_params={"id": opened})


frame.head("Add client", "Only the last name is needed; the rest helps to find them again.")
enter()
