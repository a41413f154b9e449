"""What the clinic may send to a client, on the tab Info: the answers that count, a new one, and all there were."""

from __future__ import annotations

import streamlit as st

from campaigns import suppressions
from campaigns.consents import SCOPES
from pages.components import consent_words, frame
from pages.components.draft_form import DraftForm
from pages.components.facts import facts
from pages.components.record_fields import is_human
from records import consents
from records.clients import OpenedClient
from records.consents import EVERY, ORIGINS, SAID_TO_STAFF, Answer
from records.reach import CHANNELS

ANSWERS = {True: "Yes", False: "No"}


def draw(opened: OpenedClient, may: frozenset[str]) -> None:
    """The part."""
    by, client_id = frame.actor(), opened.client.id
    found = consents.consents_of(client_id, by=by)
    stops = suppressions.stops_of(client_id, by=by)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("What we may send", anchor=False)
        if "clients.edit" in may:
            record(client_id)
    names = consent_words.purposes(human=is_human())
    pairs = [(label, consent_words.summary(found, purpose)) for purpose, label in names.items()]
    stopped = "\n".join(
        f"{CHANNELS[one.channel]}, {SCOPES[one.scope].lower()}: {suppressions.words_of(one)}" for one in stops
    )
    facts([*pairs, ("Stopped", stopped)])
    if found.history:
        with st.expander(f"Every answer ({len(found.history)})"):
            history(found, names)


@st.fragment
def record(client_id: str) -> None:
    """Take down what somebody said."""
    with st.popover("Record an answer", icon=":material/edit_note:", type="tertiary"):
        form = DraftForm(f"consent:{client_id}",
                         {"purpose": "marketing", "channel": "email", "given": True, "origin": "counter"})  # fmt: skip
        form.line()
        names = consent_words.purposes(human=is_human())
        strict = is_human() and form["purpose"] == "phi"
        offered = consent_words.channels(every=not strict)
        form.among("channel", offered)
        st.selectbox("About", list(names), format_func=names.get, key=form.key("purpose"))
        st.selectbox("By", list(offered), format_func=offered.get, key=form.key("channel"))
        st.segmented_control("Answer", list(ANSWERS), format_func=ANSWERS.get, key=form.key("given"), required=True)
        st.selectbox("How", SAID_TO_STAFF, format_func=lambda one: ORIGINS[one].capitalize(), key=form.key("origin"))
        form.keep()
        asked = consents.wordings(by=frame.actor())
        st.caption(frame.plain(asked[form["channel"] or EVERY, form["purpose"] or "marketing"]))
        if st.button("Save answer", key="save_consent", type="primary"):
            with form.saving():
                place = f"consent:{client_id}"
                answer = Answer(str(form["channel"]), str(form["purpose"]), bool(form["given"]))
                consents.record_consents(
                    client_id, [answer], str(form["origin"]), by=frame.actor(), key=frame.form_key(place)
                )
                frame.new_form_key(place)
                form.forget()
                st.rerun()


def history(found: consents.Consents, names: dict[str, str]) -> None:
    """All answers, the newest first."""
    channels = consent_words.channels()
    for said in found.history[:50]:
        answer = f"{names[said.purpose]}, {channels.get(said.channel, '').lower()}: {ANSWERS[said.given].lower()}"
        st.text(answer)
        st.caption(frame.plain(f"{consent_words.when(said)} · {consent_words.how(said)}"), help=asked_with(said))


def asked_with(said: consents.Said) -> str | None:
    """The question it was given to."""
    return f"Asked: {frame.plain(said.wording)}" if said.wording else None
