"""The first part of a booking: who comes. A client found as one types, or a new one; then the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import streamlit as st

from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.frame import plain
from pages.components.record_fields import custom_answers, custom_fields
from records import clients, patients, search
from records.clients import OWNER_TYPES, ClientForm
from records.patients import SEXES, PatientForm
from records.settings import CustomField

NEW = "new"


@dataclass(frozen=True)
class Who:
    """The choice so far. Ids are empty where somebody new is entered."""

    client_id: str = ""
    patient_id: str = ""
    new_client: ClientForm | None = None
    new_patient: PatientForm | None = None
    answers: dict[str, dict[str, object]] = field(default_factory=dict)
    """To the clinic's own fields, where somebody new is entered: of the client, and of the patient."""

    @property
    def is_chosen(self) -> bool:
        """Whether client and patient are both known or entered."""
        return bool(self.client_id or self.new_client) and bool(self.patient_id or self.new_patient)


def choose(form: DraftForm, own: Mapping[str, Mapping[str, CustomField]]) -> Who:
    """Draw it; returns the choice so far. The form's ``client`` is the client's id or ``new``; ``own`` are the clinic's
    own fields of a new client and patient."""
    client = form["client"]
    if not client:
        _find()
        return Who()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        name = "New client" if client == NEW else _name(client)
        st.markdown(f"**{plain(name)}**")
        st.button("Choose another client", key="book_other", type="tertiary", on_click=_set, args=("",))
    if client == NEW:
        new = _new_client(form)
        human = frame.clinic().kind == "human"
        custom_fields(form, own["client"])
        patient = _new_patient(form, named=not human)
        custom_fields(form, own["patient"])
        answers = {entity: custom_answers(form, own[entity]) for entity in ("client", "patient")}
        return Who(new_client=new, new_patient=patient, answers=answers)
    opened = clients.open_client(client, by=frame.actor())
    living = [patient for patient in opened.patients if not patient.died_on]
    names = {
        patient.id: f"{patient.name}, {patient.species}" if patient.species else patient.name for patient in living
    }
    form.follow("patient", living[0].id if living else NEW)
    form.among("patient", [*names, NEW])
    chosen = st.radio(
        "Patient", [*names, NEW], format_func=lambda id: names.get(id, "New patient"), key=form.key("patient"),
        horizontal=True,
    )  # fmt: skip
    if chosen == NEW:
        patient = _new_patient(form, named=True)
        custom_fields(form, own["patient"])
        answers = {"patient": custom_answers(form, own["patient"])}
        return Who(client_id=client, new_patient=patient, answers=answers)
    return Who(client_id=client, patient_id=str(chosen))


def _find() -> None:
    query = st.text_input(
        "Client or patient", key="book_find", live="250ms", placeholder="Name, phone, number, patient or microchip",
        autocomplete="off",
    )  # fmt: skip
    found = search.find(query, by=frame.actor(), limit=6) if query else []
    _buttons(found, "book_pick")
    if query and not found and len(query.strip()) > 1:
        st.caption("Nobody found. Check the spelling, or add a new client.")
    st.button("New client", icon=":material/person_add:", key="book_new", on_click=_set, args=(NEW,))


def _buttons(found: list[search.Found], key: str) -> None:
    """One line for each client found; a click chooses."""
    with st.container(key=f"{key}s", gap="xsmall"):
        for one in found:
            more = (", ".join(one.patients[:4]), show.phone(one.phone), f"No. {one.number}")
            label = f"**{plain(one.name)}** · " + " · ".join(plain(part) for part in more if part)
            st.button(label, key=f"{key}_{one.id}", width="stretch", on_click=_set, args=(one.id,))


def _set(client: str) -> None:
    st.session_state["book_client"] = client
    st.session_state["book_patient"] = ""


def _name(client_id: str) -> str:
    opened = clients.open_client(client_id, by=frame.actor())
    return " · ".join(
        part for part in (opened.name, show.phone(opened.client.phone), f"No. {opened.client.number}") if part
    )


def _new_client(form: DraftForm) -> ClientForm:
    left, right = st.columns(2)
    first = left.text_input("First name", key=form.key("first"), live=form.live, autocomplete="off")
    last = right.text_input("Last name", key=form.key("last"), live=form.live, autocomplete="off")
    left, right = st.columns(2)
    phone = left.text_input("Phone", key=form.key("phone"), live=form.live, autocomplete="off")
    email = right.text_input("E-mail", key=form.key("email"), live=form.live, autocomplete="off")
    alike = search.alike(first_name=first, last_name=last, phone=phone, email=email, by=frame.actor(), limit=3)
    if alike:
        st.warning("Is it one of these? Choose it instead of adding the same person twice.", icon=":material/group:")
        _buttons(alike, "book_alike")
    kind = "public"
    if frame.clinic().kind != "human":
        kind = st.selectbox(
            "Kind of client", list(OWNER_TYPES), format_func=OWNER_TYPES.__getitem__, key=form.key("kind")
        )
    return ClientForm(first_name=first, last_name=last, phone=phone, email=email, owner_type=kind)


def _new_patient(form: DraftForm, *, named: bool) -> PatientForm:
    human = frame.clinic().kind == "human"
    name = species = ""
    if named:
        left, right = st.columns(2)
        name = left.text_input("Patient's name", key=form.key("animal"), live=form.live, autocomplete="off")
        if not human:
            known = patients.species(by=frame.actor())
            form.follow("species", next(iter(known), None))
            form.among("species", known)
            species = right.selectbox(
                "Species", list(known), format_func=lambda slug: known[slug].label, key=form.key("species")
            )
    left, right = st.columns(2)
    sex = left.selectbox("Sex", list(SEXES), format_func=SEXES.__getitem__, key=form.key("sex"))
    today = show.today()
    born = right.date_input(
        "Born on", max_value=today, min_value=today - timedelta(days=365 * 120), key=form.key("born"),
        format=show.date_pattern(),
    )  # fmt: skip
    return PatientForm(name=name, species=species or "", sex=sex, born_on=born)
