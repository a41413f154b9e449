"""One staff profile: ``?person=ID``, one's own without. Each changes their own contact; ``staff.edit`` the rest."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import avatar, frame, show, states
from pages.components.definition_form import DAYS
from pages.components.draft_form import DraftForm
from security import staff
from security.staff import Profile, StaffRow

PROFILE = ("name", "initials", "email", "phone", "licence", "dea_number", "working_days", "colour")


def main() -> None:
    """The head, then what this person may change."""
    by = frame.actor()
    st.page_link("staff/people.py", label="Staff", icon=":material/arrow_back:")
    row = staff.staff_profile(st.query_params.get("person") or str(by.user_id), by=by)
    action = frame.head(row.name, f"{row.role_label} · {row.username}")
    with action:
        states.badge(row.status)
        avatar.draw(row.initials, row.colour)
    editor = "staff.edit" in frame.may()
    if editor:
        edit_all(row)
    else:
        read(row)
        if row.id == by.user_id:
            edit_own(row)
    if editor or row.id == by.user_id:
        sign(row)


def read(row: StaffRow) -> None:
    """The profile as colleagues see it."""
    days = ", ".join(DAYS[day] for day in row.working_days)
    facts = (("Phone", show.phone(row.phone)), ("E-mail", row.email), ("License", row.licence),
             ("DEA number", row.dea_number), ("Working days", days))  # fmt: skip
    with st.container(border=True):
        for label, value in facts:
            with st.container(horizontal=True, key=f"fact-{label}"):
                st.caption(label, width=120)
                st.text(value or "–")


@st.fragment
def edit_own(row: StaffRow) -> None:
    """One's own contact."""
    form = DraftForm(f"contact:{row.id}", {"email": row.email, "phone": row.phone}, version=row.version)
    with st.container(border=True):
        st.markdown("### Your contact details")
        form.line()
        left, right = st.columns(2)
        text(form, "email", "E-mail", 254, left)
        text(form, "phone", "Phone", 40, right)
        form.keep()
        if st.button("Save your contact details", type="primary", key="save-contact") and not form.newer:
            with form.saving():
                key = frame.form_key("contact")
                staff.edit_contact(form["email"], form["phone"], expected=row.version, by=frame.actor(), key=key)
                form.forget()
                saved("contact")


def text(form: DraftForm, name: str, label: str, longest: int, place: Any = st, **more: Any) -> None:
    """One line of text that is kept while it is typed."""
    place.text_input(label, key=form.key(name), max_chars=longest, live=form.live, autocomplete="off", **more)


@st.fragment
def edit_all(row: StaffRow) -> None:
    """The whole profile."""
    start = {name: getattr(row, name) for name in PROFILE}
    start |= {"colour": row.colour or "#5b6675", "working_days": list(row.working_days)}
    form = DraftForm(f"profile:{row.id}", start, version=row.version)
    with st.container(border=True):
        form.line()
        left, right = st.columns(2)
        with left:
            text(form, "name", "Name", 120)
            text(form, "email", "E-mail", 254)
            text(form, "licence", "License number", 60)
        with right:
            with st.container(horizontal=True):
                text(form, "initials", "Initials", 6, width=140)
                st.color_picker("Color", key=form.key("colour"))
            text(form, "phone", "Phone", 40)
            text(form, "dea_number", "DEA number", 20, help="Two letters and seven digits; the last one is checked.")
        st.pills(
            "Working days", range(7), selection_mode="multi", format_func=lambda day: DAYS[day],
            key=form.key("working_days"),
        )  # fmt: skip
        form.keep()
        if st.button("Save the profile", type="primary", key="save-profile") and not form.newer:
            with form.saving():
                profile = Profile(*(form[name] for name in PROFILE))
                key = frame.form_key("profile")
                staff.edit_profile(row.id, profile, expected=row.version, by=frame.actor(), key=key)
                form.forget()
                saved("profile")


def sign(row: StaffRow) -> None:
    """The signature's image."""
    by = frame.actor()
    with st.container(border=True):
        st.markdown("### Signature")
        st.caption("Printed on prescriptions and certificates. Kept encrypted.")
        image = staff.signature(row.id, by=by)
        if image is not None:
            st.image(image, width=260, caption=f"Signature of {show.plain(row.name)}")
            if st.button("Remove the signature", key="unsign", type="tertiary"):
                with frame.refusals():
                    staff.set_signature(row.id, None, by=by, key=frame.form_key(f"unsign:{row.id}:{row.version}"))
                    st.rerun()
        upload = st.file_uploader(
            "PNG or JPEG, at most 1 MB", type=["png", "jpg", "jpeg"], key="sign", max_upload_size=1
        )
        if upload is not None and st.button("Keep this signature", key="keep", type="primary"):
            with frame.refusals():
                staff.set_signature(row.id, upload.getvalue(), by=by, key=frame.form_key("signature"))
                saved("signature")


def saved(name: str) -> None:
    """Say so and draw the page anew."""
    frame.new_form_key(name)
    st.toast("Saved.", icon=":material/check:")
    st.rerun()


main()
