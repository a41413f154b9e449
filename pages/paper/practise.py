"""Practise an outage: begun in the real clinic, gone through step by step in a practice clinic of its own."""

from __future__ import annotations

import json

import streamlit as st

from outage.rehearsal import rehearse
from pages.components import frame, practice_steps, show

WHAT = (
    ("Print", "The pack of a day: roster, sheets, drug logs, blank stock, slips."),
    ("The outage", "The paper is filled in as if by hand. One sheet gets lost, one is torn, one is scanned twice."),
    ("Scan", "One shuffled stack comes back, a card slip in it that has no business there."),
    ("Review", "What the machine could not settle is shown page by page."),
    ("Back entry", "Visits are keyed from their pages: as many as you like, the rest is typed for you."),
    ("Recovery board", "Everything is accounted for, and the clinical part is closed."),
    ("Card slips", "Cards were taken on paper: each slip is keyed once and shredded."),
    ("The terminal's batch", "The terminal sends in what it took. It is imported and matched with the slips."),
    ("The money part", "On slips, in payments, settled: three equal sums, and the money part is closed."),
)


def main() -> None:
    """The page."""
    now = rehearse.progress(by=frame.actor())
    if now is None:
        _begin()
    else:
        practice_steps.draw(now)


def _begin() -> None:
    """In the real clinic: what it is, and the way in."""
    by = frame.actor()
    last = rehearse.last(by=by)
    going_on = rehearse.open_practice(by=by)
    frame.head("Practise an outage", show.practised(last.finished_at if last else None))
    st.markdown(
        "Go through a whole outage before one comes: about an hour, alone or with the team. It happens in a practice "
        "clinic with your forms, prices and staff and with made-up people. Nothing of it touches a real record."
    )
    with st.container(key="practise_what"):
        for number, (title, text) in enumerate(WHAT, 1):
            with st.container(border=True):
                st.markdown(f"**{number} · {title}**")
                st.caption(text)
    with st.container(horizontal=True, key="practise_ways"):
        if going_on is not None and not going_on.is_through:
            _way_in()
            label, kind = "Begin a new practice", "secondary"
        else:
            label, kind = "Begin a practice", "primary"
        with frame.refusals():
            if st.button(label, type=kind, icon=":material/school:", key="practise_begin"):  # type: ignore[arg-type]
                with st.spinner("Making the practice clinic …", show_time=False):
                    rehearse.begin(by=by, key=frame.form_key("practise"))
                frame.new_form_key("practise")
                st.rerun()
    st.caption(
        "You step over as yourself, with the role you have here. To come back, sign out there and sign in again."
    )


def _way_in() -> None:
    with frame.refusals():
        if st.button("Go to the practice clinic", type="primary", icon=":material/login:", key="practise_enter"):
            _step_over()


def _step_over() -> None:
    cookies = st.context.cookies
    browser = cookies.get("__Host-ballast_browser") or cookies.get("ballast_browser") or ""
    ticket = rehearse.step_over(browser, by=frame.actor())
    target = json.dumps(f"/auth/finish?t={ticket}&next=/practise").replace("<", "\\u003c")
    st.html(f"<script>location.replace({target})</script>", unsafe_allow_javascript=True)
    st.stop()


main()
