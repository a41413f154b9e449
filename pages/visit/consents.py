"""Asked once at check-in: whether messages may name the patient, and by which ways news may come."""

from __future__ import annotations

from typing import Any

import streamlit as st

from appointments.clinical import Visit
from pages.components import consent_words, frame
from pages.components.draft_form import DraftForm
from pages.components.record_fields import is_human
from records import consents
from records.consents import EVERY, Answer, Consents
from records.reach import CHANNELS

NONE = "none"
ASKED = ("phi", "marketing")


def draw(visit: Visit) -> None:
    """The questions that were never answered; afterwards one line that says what was."""
    found = consents.consents_of(visit.client_id, by=frame.actor())
    waiting = [purpose for purpose in ASKED if not found.asked(purpose)]
    if waiting:
        with st.container(border=True):
            ask(visit.client_id, tuple(waiting))
    else:
        st.caption(" · ".join(line(found)))


def line(found: Consents) -> list[str]:
    """What was answered, in few words."""
    names = consent_words.purposes(human=is_human())
    return [f"{names[one]}: {consent_words.summary(found, one).replace(chr(10), '; ').lower()}" for one in ASKED]


@st.fragment
def ask(client_id: str, waiting: tuple[str, ...]) -> None:
    """The questions, and one button for all."""
    st.markdown("**Ask once**")
    asked = consents.wordings(by=frame.actor())
    form = DraftForm(f"ask:{client_id}", {purpose: _empty(purpose) for purpose in waiting})
    form.line()
    for purpose in waiting:
        if once(purpose):
            st.segmented_control(
                frame.plain(asked[EVERY, purpose]), [True, False], format_func={True: "Yes", False: "No"}.get,
                key=form.key(purpose),
            )  # fmt: skip
        else:
            offered = CHANNELS | {NONE: "No"}
            st.pills(
                frame.plain(asked[EVERY, purpose]), list(offered), format_func=offered.get, selection_mode="multi",
                key=form.key(purpose),
            )  # fmt: skip
    form.keep()
    told = [answer for purpose in waiting for answer in answers(purpose, form[purpose])]
    if st.button("Save answers", key="save_consents", disabled=not told):
        with form.saving():
            place = f"ask:{client_id}"
            consents.record_consents(client_id, told, "check-in", by=frame.actor(), key=frame.form_key(place))
            frame.new_form_key(place)
            form.forget()
            st.rerun()


def once(purpose: str) -> bool:
    """Whether one answer holds for every channel."""
    return purpose == "phi" and not is_human()


def _empty(purpose: str) -> Any:
    return None if once(purpose) else []


def answers(purpose: str, value: Any) -> list[Answer]:
    """What was chosen, as answers: channels that were not chosen beside others were refused."""
    if isinstance(value, bool):
        return [Answer(EVERY, purpose, value)]
    if not value:
        return []
    return [Answer(channel, purpose, channel in value) for channel in CHANNELS]
