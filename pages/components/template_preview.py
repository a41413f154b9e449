"""A template as a client would see it: who, by day and by night, on a desk and on a phone."""

from __future__ import annotations

import streamlit as st

from campaigns import previews
from campaigns.settings import PURPOSES, Purpose, Template
from campaigns.sms import parts_of
from pages.components import frame, page_view, show
from records import search

NIGHT = "@media (prefers-color-scheme: dark)"
_ONLY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "img-src https:; base-uri 'none'; form-action 'none'\">"
)
"""Nothing in a preview runs, and nothing is fetched but the pictures it names."""


def draw(template: Template) -> None:
    """The choices and the message beneath them."""
    client, permitted = _recipient()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        purpose = st.selectbox("Sent as", list(PURPOSES), format_func=PURPOSES.get, key="preview_purpose", width=150)
        look, wide = _screens(template)
        _send_test(template, client, purpose, permitted)
    _message(template, client, purpose, permitted, None, look, wide)


def message(
    template: Template, client: str, *, purpose: Purpose, patient_ids: tuple[str, ...] | None = None
) -> None:  # fmt: skip
    """The message of a campaign as a client gets it, about these patients; without one with made-up values."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        look, wide = _screens(template)
        _send_test(template, client, purpose, True)
    _message(template, client, purpose, True, patient_ids, look, wide)


def _screens(template: Template) -> tuple[str, str]:
    if template.channel != "email":
        return "Light", "Desk"
    look = st.segmented_control("Screen", ["Light", "Dark"], default="Light", key="preview_look", required=True)
    wide = st.segmented_control("Width", ["Desk", "Phone"], default="Desk", key="preview_wide", required=True)
    return look or "Light", wide or "Desk"


def _message(
    template: Template, client: str, purpose: Purpose, permitted: bool, patient_ids: tuple[str, ...] | None,
    look: str, wide: str,
) -> None:  # fmt: skip
    found = previews.preview(
        template, client, purpose=purpose, permitted=permitted, patient_ids=patient_ids, by=frame.actor()
    )
    for one in found.problems:
        if one.stops:
            st.error(f"{one.place}: {frame.said(one.words)}", icon=":material/error:")
    if found.made is None:
        if not any(one.stops for one in found.problems):
            st.warning(frame.said(found.missing), icon=":material/person_off:")
        return
    if template.channel == "letter" and found.made.address:
        picture = previews.letter_page(found.made, by=frame.actor())
        with st.container(key="letter_preview", border=True):
            st.image(page_view.address(picture), width="stretch", output_format="PNG")
    elif template.channel == "sms":
        _text_message(found.made.text)
    else:
        _page(template, found.made, look == "Dark", wide == "Phone")
    if client:
        st.caption(_permission(found, patient_ids))
    for one in found.problems:
        if not one.stops:
            st.caption(f":material/info: {frame.said(one.words)}")


def _permission(found: previews.Preview, patient_ids: tuple[str, ...] | None) -> str:
    if patient_ids == () and found.is_protected:
        return (
            "The segment is about clients, so the message names no patient: neutral words stand there. A segment about "
            "patients, or about services they had or are due for, names them."
        )  # fmt: skip
    if found.permitted:
        return "This client permitted that messages name the patient and the service."
    return "This client did not permit that messages name the patient and the service: neutral words stand there."


def _recipient() -> tuple[str, bool]:
    """The client it is shown for, or none; and whether one made up permitted it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = ""
        if "clients.view" in frame.may():
            words = st.text_input(
                "As this client would get it", key="preview_find", placeholder="Name, phone or number",
                icon=":material/search:", live=True, width=260,
            )  # fmt: skip
        found = [one for one in search.find(words, by=frame.actor(), limit=8) if not one.restricted] if words else []
        if not found:
            if words:
                st.caption("No client has these words.", width="content")
            permitted = st.toggle("As one who permitted details", True, key="preview_permitted")
            return "", permitted
        names = {one.id: f"{one.name} · {', '.join(one.patients[:3]) or 'no patient'}" for one in found}
        client = st.selectbox("Client", list(names), format_func=names.get, key=f"preview_client_{words}", width=280)
        return client or "", False


def _send_test(template: Template, client: str, purpose: str, permitted: bool) -> None:
    if st.button("Send a test to me", icon=":material/outgoing_mail:", key="send_test"):
        with frame.refusals():
            address = previews.send_test(
                template, client, purpose=purpose, permitted=permitted, by=frame.actor(),
                key=frame.form_key("template-test"),
            )  # fmt: skip
            frame.new_form_key("template-test")
            st.toast(f"On its way to {frame.plain(address)}, marked as a test.", icon=":material/check:")


def _text_message(text: str) -> None:
    parts = parts_of(text)
    with st.container(key="sms_preview", border=True, width=390):
        st.text(text)
    coding = "" if parts.coding == "GSM-7" else ", because of signs that plain messages do not have"
    st.caption(f"{show.count(parts.parts, 'message')} of {parts.length} characters{coding}. {parts.left} more fit in.")


def _page(template: Template, made: previews.Rendered, dark: bool, phone: bool) -> None:
    if made.subject:
        st.markdown(f"**{frame.plain(made.subject)}**")
    html = made.html.replace(NIGHT, "@media all" if dark else "@media not all")
    html = html.replace("<head>", f"<head>{_ONLY}", 1)
    if template.channel == "letter":
        html = html.replace("<body>", '<body style="background:#fff;margin:28px 36px;max-width:600px">', 1)
    with st.container(key="mail_preview", border=True, width=390 if phone else "stretch"):
        st.iframe(html, height=640, alt="The message as it will look")
    with st.expander("As plain text", key="as_text"):
        st.code(made.text, language=None, wrap_lines=True)
