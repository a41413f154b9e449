"""One staff profile: ``?person=ID``, one's own without. Each changes their own contact; ``staff.edit`` the rest."""

from __future__ import annotations

import streamlit as st

from pages.components import avatar, frame, show, states
from pages.components.definition_form import DAYS
from security import staff
from security.access import allowed_now
from security.staff import Profile, StaffRow


def main() -> None:
    """The head, then what this person may change."""
    by = frame.actor()
    st.page_link("staff/people.py", label="Staff", icon=":material/arrow_back:")
    row = staff.staff_profile(st.query_params.get("person") or str(by.user_id), by=by)
    action = frame.head(row.name, f"{row.role_label} · {row.username}")
    with action:
        states.badge(row.status)
        avatar.draw(row.initials, row.colour)
    editor = "staff.edit" in allowed_now(by)
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
    facts = (("Phone", row.phone), ("E-mail", row.email), ("Licence", row.licence), ("DEA number", row.dea_number),
             ("Working days", days))  # fmt: skip
    with st.container(border=True):
        for label, value in facts:
            with st.container(horizontal=True, key=f"fact-{label}"):
                st.caption(label, width=120)
                st.text(value or "–")


def edit_own(row: StaffRow) -> None:
    """One's own contact."""
    with st.form(f"contact-{row.version}", border=True):
        st.markdown("### Your contact details")
        left, right = st.columns(2)
        email = left.text_input("E-mail", row.email, max_chars=254, key=f"email-{row.version}")
        phone = right.text_input("Phone", row.phone, max_chars=40, key=f"phone-{row.version}")
        if st.form_submit_button("Save your contact details", type="primary"):
            with frame.refusals():
                key = frame.form_key("contact")
                staff.edit_contact(email, phone, expected=row.version, by=frame.actor(), key=key)
                saved("contact")


def edit_all(row: StaffRow) -> None:
    """The whole profile."""
    held: StaffRow = st.session_state.setdefault(f"_profile_{row.id}", row)
    if held.version != row.version:
        st.warning("Somebody changed this profile while you had it open.", icon=":material/sync_problem:")
        if st.button("Show the newer version", key="newer"):
            st.session_state.pop(f"_profile_{row.id}")
            st.rerun()
    version = held.version
    with st.form(f"profile-{row.id}-{version}", border=True):
        left, right = st.columns(2)
        with left:
            name = st.text_input("Name", held.name, max_chars=120, key=f"name-{version}")
            email = st.text_input("E-mail", held.email, max_chars=254, key=f"email-{version}")
            licence = st.text_input("Licence number", held.licence, max_chars=60, key=f"licence-{version}")
        with right:
            with st.container(horizontal=True):
                initials = st.text_input("Initials", held.initials, max_chars=6, key=f"initials-{version}", width=140)
                colour = st.color_picker("Colour", held.colour or "#5b6675", key=f"colour-{version}")
            phone = st.text_input("Phone", held.phone, max_chars=40, key=f"phone-{version}")
            dea = st.text_input("DEA number", held.dea_number, max_chars=20, key=f"dea-{version}",
                                help="Two letters and seven digits; the last one is checked.")  # fmt: skip
        days = st.pills("Working days", range(7), selection_mode="multi", default=list(held.working_days),
                        format_func=lambda day: DAYS[day], key=f"days-{version}")  # fmt: skip
        if st.form_submit_button("Save the profile", type="primary"):
            with frame.refusals():
                profile = Profile(name, initials, email, phone, licence, dea, days, colour)
                key = frame.form_key("profile")
                staff.edit_profile(row.id, profile, expected=version, by=frame.actor(), key=key)
                st.session_state.pop(f"_profile_{row.id}")
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
                staff.set_signature(row.id, None, by=by)
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
