"""One patient: what it is, its visits, and changing it."""

import streamlit as st

from appointments import history
from pages.clients.appointments_tab import table
from pages.clients.changes import changes
from pages.clients.info_tab import switch
from pages.clients.lines import kind, sex
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.facts import facts
from pages.components.record_fields import (
    custom_answers,
    custom_fields,
    custom_start,
    patient_fields,
    patient_of,
    patient_start,
    shown_answers,
)
from records import custom, patients, search
from records.patients import OpenedPatient


def draw(opened: OpenedPatient) -> None:
    """The page of one patient."""
    patient, may = opened.patient, frame.may()
    known = patients.species(by=frame.actor())
    own = custom.fields_of("patient", by=frame.actor())
    with frame.head(patient.name, f"{kind(patient, known)} · {opened.client_name}, client {opened.client.number}"):
        if st.button("Open the client", icon=":material/person:", key="to_client"):
            st.switch_page("clients/client.py", query_params={"id": opened.client.id})
    if patient.died_on:
        st.info(f"Died {show.day(patient.died_on)}.", icon=":material/sentiment_sad:")
    if patient.caution:
        st.warning(frame.plain(patient.caution), icon=":material/warning:")
    place = f"patient:{patient.id}"
    left, right = st.columns([5, 7], gap="large")
    with left:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader("Patient", anchor=False)
            if "clients.edit" in may:
                switch(f"edit_{place}")
        if st.session_state.get(f"edit_{place}"):
            edit(opened, place)
        else:
            born = show.day(patient.born_on, missing="")
            age = "" if patient.died_on else show.age(patient.born_on, estimated=patient.born_estimated, missing="")
            label = known[patient.species].label if patient.species in known else patient.species
            facts(
                [
                    ("Species", label), ("Breed", patient.breed), ("Color", patient.colour), ("Sex", sex(patient)),
                    ("Born", " · ".join(part for part in (born, age) if part)),
                    ("Weight", show.weight(patient.weight_grams, both=True, missing="")),
                    ("Microchip", patient.microchip), *shown_answers(own, opened.answers),
                ]
            )  # fmt: skip
            if "clients.edit" in may:
                with st.container(horizontal=True):
                    death(opened)
                    if not patient.is_client:
                        move(opened)
    with right:
        if "appointments.view" in may:
            visits = history.of_client(opened.client.id, by=frame.actor())
            table([visit for visit in visits if visit.patient_id == patient.id], patient=False)


@st.fragment
def edit(opened: OpenedPatient, place: str) -> None:
    """The patient as a form, run alone while somebody types."""
    own = custom.fields_of("patient", by=frame.actor())
    start = patient_start(opened.patient) | custom_start(own, opened.answers)
    form = DraftForm(place, start, version=opened.patient.version)

    def draw_fields() -> None:
        patient_fields(form, named=not opened.patient.is_client)
        custom_fields(form, own)

    def save(key: str) -> None:
        patients.change(
            opened.patient.id, patient_of(form), version=opened.patient.version, answers=custom_answers(form, own),
            by=frame.actor(), key=key,
        )  # fmt: skip

    changes(form, place, draw_fields, save)


def death(opened: OpenedPatient) -> None:
    """Record the day of death, or take it back."""
    patient = opened.patient
    with st.popover("Take the death back" if patient.died_on else "Record death"):
        if patient.died_on:
            st.caption("Only where it was entered by mistake.")
            done = st.button("Take it back", key="undo_death")
            day = None
        else:
            day = st.date_input(
                "Day of death", value=show.today(), key="died_on", min_value=patient.born_on, format=show.date_pattern()
            )
            done = st.button("Record death", key="record_death")
        if done:
            with frame.refusals():
                patients.record_death(patient.id, day, version=patient.version, by=frame.actor())
                st.rerun()


def move(opened: OpenedPatient) -> None:
    """Give the patient to another client."""
    with st.popover("Move to another client"):
        query = st.text_input("Find the new client", key="move_to", type="search", live="200ms", autocomplete="off")
        for found in search.find(query, by=frame.actor(), limit=5):
            if found.id != opened.client.id and st.button(
                f"{frame.plain(found.name)}, client {found.number}", key=f"move_to_{found.id}", width="stretch"
            ):
                with frame.refusals():
                    patients.move(opened.patient.id, found.id, version=opened.patient.version, by=frame.actor())
                    st.rerun()


if st.query_params.get("id"):
    draw(patients.open_patient(st.query_params["id"], by=frame.actor()))
else:
    frame.head("Patient", "Find the patient first.")
    st.page_link("clients/clients.py", label="Find a patient", icon=":material/search:")
