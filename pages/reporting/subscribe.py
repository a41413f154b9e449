"""Setting up a subscription, or changing one: the choices on the left, what will happen on the right."""

from __future__ import annotations

from html import escape

import streamlit as st

from data.errors import Refusal, SessionEnded
from pages.components import frame, show
from pages.components.subscription_form import PASSWORD, Form
from pages.components.subscription_gets import gets
from reports import readers, schedules
from reports.schedules import FORMATS, Schedule
from reports.when import next_runs, told

query = st.query_params


def main() -> None:
    """The page."""
    name, by = query.get("name", ""), frame.actor()
    with frame.refusals():
        card = schedules.subscription(name, by=by) if name else None
        with st.container(key="report_back"):
            if card:
                st.page_link(
                    "reporting/subscription.py", label=frame.plain(card.schedule.title), icon=":material/arrow_back:",
                    query_params={"name": name},
                )  # fmt: skip
            else:
                st.page_link("reporting/subscriptions.py", label="All subscriptions", icon=":material/arrow_back:")
        frame.head(
            f"Change {card.schedule.title}" if card else "New subscription", "A report or dashboard by mail, by itself"
        )
        form = Form(
            card, query.get("report", ""), query.get("board", ""), query.get("group", ""), query.get("days", "")
        )
        left, right = st.columns([3, 2], gap="large")
        with left:
            entered = form.draw()
        with right:
            if entered is None:
                st.caption("Choose what goes out; what will happen then stands here.")
                return
            with st.container(border=True, key="subscription_told", gap="small"):
                _told(entered)
                if st.button(
                    "Save subscription", type="primary", icon=":material/save:", key="save_subscription",
                    width="stretch", shortcut=frame.SEND,
                ):  # fmt: skip
                    _save(form, entered, name)


def _told(one: Schedule) -> None:
    st.markdown(f"**{frame.plain(told(one.when, show.wording()))}**")
    runs = next_runs(one.when, frame.clinic().zone, show.now(), 3)
    days = (f"{show.day(run, style='weekday')}, {show.clock_time(run)}" for run in runs)
    st.html(f'<ul class="coming">{"".join(f"<li>{escape(day)}</li>" for day in days)}</ul>')
    st.markdown(frame.plain(f"{one.title}, as {FORMATS[one.format]}"))
    st.markdown("**Who gets what**")
    if not one.people and not one.addresses:
        st.caption("Choose somebody to send it to.")
        return
    try:
        gets(readers.preview(one, by=frame.actor()))
    except SessionEnded:
        raise
    except Refusal as refusal:
        st.caption(frame.plain(refusal.message))


def _save(form: Form, entered: Schedule, name: str) -> None:
    if form.form["protect"] and form.form["format"] == "pdf" and form.password() == "":
        st.error("Enter the password of the PDF, or let it open without one.", icon=":material/error:")
        return
    place = f"save_subscription_{name}"
    with form.form.saving():
        made = schedules.save_schedule(
            entered, name=name or None, password=form.password(), version=form.card.number if form.card else None,
            by=frame.actor(), key=frame.form_key(place),
        )  # fmt: skip
        frame.new_form_key(place)
        form.form.forget()
        st.session_state.pop(PASSWORD, None)
        st.switch_page("reporting/subscription.py", query_params={"name": made})


main()
