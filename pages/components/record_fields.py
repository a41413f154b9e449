"""The fields of client and patient forms, with the clinic's own fields beneath."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from pages.components import frame, show
from pages.components.draft_form import DraftForm
from records import custom, patients
from records.clients import OWNER_TYPES, ClientForm
from records.patients import SEXES, PatientForm
from records.settings import CustomField

POUND_GRAMS = 453.59237
ALTERED = {"": "Not known", "yes": "Yes", "no": "No"}


def is_human() -> bool:
    """Whether the patients of this clinic are people."""
    return frame.clinic().kind == "human"


def client_start(client: Any = None) -> dict[str, Any]:
    """What a client form begins with."""
    blank = ClientForm("")
    return {name: getattr(client or blank, name) for name in vars(blank)}


def client_fields(form: DraftForm) -> None:
    """Draw the fields of a client."""
    _pair(form, ("first_name", "First name", "off"), ("last_name", "Last name", "off"))
    _pair(form, ("phone", "Phone", "off"), ("other_phone", "Other phone", "off"))
    _pair(form, ("email", "E-mail", "off"), ("address", "Street address", "off"))
    left, right = st.columns(2)
    with left:
        st.text_input("City", key=form.key("city"), live=form.live, autocomplete="off")
    with right, st.container(horizontal=True):
        st.text_input("State or region", key=form.key("region"), live=form.live, autocomplete="off")
        st.text_input("Postal code", key=form.key("postal_code"), live=form.live, autocomplete="off")
    left, right = st.columns(2)
    caution = right
    if is_human():
        caution = left
    else:
        kinds = list(OWNER_TYPES)
        if form["owner_type"] not in kinds:
            kinds.append(form["owner_type"])
        left.selectbox(
            "Kind of client", kinds, key=form.key("owner_type"), format_func=lambda kind: OWNER_TYPES.get(kind, kind)
        )
    caution.text_input(
        "Caution", key=form.key("caution"), live=form.live, placeholder="Shown in yellow wherever this client appears"
    )


def client_of(form: DraftForm) -> ClientForm:
    """What was entered, for the rule."""
    return ClientForm(**{name: form[name] or "" for name in vars(ClientForm(""))})


def patient_start(patient: Any = None) -> dict[str, Any]:
    """What a patient form begins with. Weight in the unit people use here."""
    blank = PatientForm("")
    start = {name: getattr(patient or blank, name) for name in vars(blank)}
    grams = start.pop("weight_grams")
    unit = "lb" if frame.clinic().locale.endswith("US") else "kg"
    start |= {"weight_unit": unit, "weight": None if grams is None else round(grams / _grams(unit), 2)}
    start["altered"] = {None: "", True: "yes", False: "no"}[start["altered"]]
    return start


def patient_fields(form: DraftForm, *, named: bool = True) -> None:
    """Draw the fields of a patient; ``named`` False where the name is the client's."""
    if is_human():
        if named:
            st.text_input("Full name", key=form.key("name"), live=form.live, autocomplete="off")
        left, right = st.columns(2)
        _birth(form, left)
        right.selectbox("Sex", list(SEXES), key=form.key("sex"), format_func=SEXES.__getitem__)
        st.text_input("Medical caution", key=form.key("caution"), live=form.live, placeholder="Allergies, risks, falls")
        return
    known = patients.species(by=frame.actor())
    left, right = st.columns(2)
    left.text_input("Name", key=form.key("name"), live=form.live, autocomplete="off")
    slugs = ["", *known]
    if form["species"] not in slugs:
        slugs.append(form["species"])
    with right:
        st.selectbox("Species", slugs, key=form.key("species"),
                     format_func=lambda slug: known[slug].label if slug in known else slug or "Choose")  # fmt: skip
    left, right = st.columns(2)
    breeds = list(known[form["species"]].breeds) if form["species"] in known else []
    if form["breed"] and form["breed"] not in breeds:
        breeds.append(form["breed"])
    with left:
        st.selectbox("Breed", ["", *breeds], key=form.key("breed"), accept_new_options=True,
                     format_func=lambda breed: breed or "Not known")  # fmt: skip
    right.text_input("Color", key=form.key("colour"), live=form.live, autocomplete="off")
    left, right = st.columns(2)
    with left, st.container(horizontal=True):
        st.selectbox("Sex", list(SEXES), key=form.key("sex"), format_func=SEXES.__getitem__)
        st.selectbox("Already spayed or neutered", list(ALTERED), key=form.key("altered"),
                     format_func=ALTERED.__getitem__)  # fmt: skip
    with right, st.container(horizontal=True):
        st.number_input("Weight", key=form.key("weight"), min_value=0.0, max_value=3_000.0, step=0.1, format="%.2f")
        st.selectbox("Unit", ["kg", "lb"], key=form.key("weight_unit"), width=90)
    left, right = st.columns(2)
    with left, st.container(horizontal=True, vertical_alignment="bottom"):
        _birth(form, st)
        st.checkbox("Estimated", key=form.key("born_estimated"), help="The birth date is an estimate.")
    right.text_input("Microchip", key=form.key("microchip"), live=form.live, autocomplete="off",
                     placeholder="Scan or type the number")  # fmt: skip
    st.text_input("Caution", key=form.key("caution"), live=form.live,
                  placeholder="Bites, heart murmur, allergies")  # fmt: skip


def patient_of(form: DraftForm) -> PatientForm:
    """What was entered, for the rule."""
    grams = round(form["weight"] * _grams(form["weight_unit"])) if form["weight"] else None
    plain = ("name", "species", "breed", "colour", "sex", "microchip", "caution")
    return PatientForm(
        **{name: form[name] or "" for name in plain},
        altered={"": None, "yes": True, "no": False}[form["altered"] or ""],
        born_on=form["born_on"],
        born_estimated=bool(form["born_estimated"]),
        weight_grams=grams,
    )


def custom_start(fields: Mapping[str, CustomField], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the clinic's own fields begin with, to join to a form's start."""
    start: dict[str, Any] = {}
    for slug, field in fields.items():
        value = answers.get(slug)
        if field.kind == "date":
            value = date.fromisoformat(str(value)) if value else None
        elif field.kind == "number":
            value = None if value is None else float(value)
        elif field.kind == "check":
            value = bool(value) if not field.required else {True: "Yes", False: "No"}.get(value)  # type: ignore[arg-type]
        else:
            value = value or ""
        start[f"own_{slug}"] = value
    return start


def custom_fields(form: DraftForm, fields: Mapping[str, CustomField]) -> None:
    """Draw the clinic's own fields, two abreast."""
    narrow = list(fields.items())
    for at in range(0, len(narrow), 2):
        for column, (slug, field) in zip(st.columns(2, vertical_alignment="bottom"), narrow[at : at + 2], strict=False):
            with column:
                _own_field(form, slug, field)


def _own_field(form: DraftForm, slug: str, field: CustomField) -> None:
    common: dict[str, Any] = {"key": form.key(f"own_{slug}"), "help": field.help or None}
    label = frame.plain(field.label) + (" \\*" if field.required else "")
    if field.kind == "check" and field.required:
        st.segmented_control(label, ["Yes", "No"], **common)
    elif field.kind == "check":
        st.checkbox(label, **common)
    elif field.kind == "date":
        st.date_input(
            label, format=show.date_pattern(), min_value=date(1900, 1, 1), max_value=date(2200, 1, 1), **common
        )
    elif field.kind == "number":
        st.number_input(label, **common)
    elif field.kind == "choice":
        held = form[f"own_{slug}"] or ""
        options = list(dict.fromkeys(["", *field.choices, held]))
        st.selectbox(label, options, format_func=lambda choice: choice or "Choose", **common)
    else:
        st.text_input(label, live=form.live, autocomplete="off", **common)


def custom_answers(form: DraftForm, fields: Mapping[str, CustomField]) -> dict[str, object]:
    """What was answered, for the rule."""
    given = {slug: form[f"own_{slug}"] for slug in fields}
    return {
        slug: {"Yes": True, "No": False}.get(value, value) if fields[slug].kind == "check" else value
        for slug, value in given.items()
    }


def asked_when_new(entity: str) -> dict[str, CustomField]:
    """The clinic's own fields that are asked when a record is added."""
    return {slug: field for slug, field in custom.fields_of(entity, by=frame.actor()).items() if field.when_new}


def shown_answers(fields: Mapping[str, CustomField], answers: Mapping[str, custom.Answer]) -> list[tuple[str, str]]:
    """The clinic's own fields as labels and values."""
    shown = []
    for slug, field in fields.items():
        value = answers.get(slug)
        if value is None or (value is False and not field.required):
            continue
        text = {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)
        if field.kind == "date":
            text = show.day(date.fromisoformat(text))
        elif field.kind == "number":
            text = show.number(float(value))
        shown.append((field.label, text))
    return shown


def _birth(form: DraftForm, place: Any) -> None:
    place.date_input(
        "Birth date", key=form.key("born_on"), min_value=date(1890, 1, 1), max_value=date(2200, 1, 1),
        format=show.date_pattern(),
    )  # fmt: skip


def _pair(form: DraftForm, *fields: tuple[str, str, str]) -> None:
    for (name, label, complete), column in zip(fields, st.columns(2), strict=True):
        column.text_input(label, key=form.key(name), live=form.live, autocomplete=complete)


def _grams(unit: str) -> float:
    return POUND_GRAMS if unit == "lb" else 1000.0
