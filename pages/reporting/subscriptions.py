"""All subscriptions: what goes out by mail, when next, and how it went last."""

from __future__ import annotations

from html import escape

import streamlit as st

from messages.delivery import mail_server
from pages.components import frame, shelf, show, subscription_log
from reports import deliveries, schedules
from reports.deliveries import Standing
from reports.schedules import FORMATS, Subscription
from reports.when import told


def main() -> None:
    """The page."""
    by = frame.actor()
    found, standings = schedules.subscriptions(by=by), deliveries.standings(by=by)
    going = sum(not one.schedule.paused for one in found)
    action = frame.head("Subscriptions", _facts(len(found), going))
    if found and action.button("New subscription", type="primary", icon=":material/add:", key="new_subscription"):
        st.switch_page("reporting/subscribe.py")
    if not mail_server():
        st.warning(
            "No mail server is set, so nothing leaves. Whoever runs this installation sets BALLAST_SMTP_URL.",
            icon=":material/unsubscribe:",
        )  # fmt: skip
    if not found:
        _first_step()
    with st.container(key="subscriptions", gap="small"):
        for one in sorted(found, key=lambda one: one.schedule.paused):
            _line(one, standings[one.name])
    shelf.taken_out(
        "subscriptions", schedules.removed_schedules(by=by),
        lambda name, key: schedules.restore_schedule(name, by=by, key=key), key="restore_subscription",
    )  # fmt: skip


def _facts(count: int, going: int) -> str:
    if not count:
        return "Reports and dashboards that go out by mail by themselves"
    rest = f", {count - going} of them paused" if count > going else ""
    return f"{count} {'report goes' if count == 1 else 'reports and dashboards go'} out by mail by themselves{rest}"


def _line(one: Subscription, standing: Standing) -> None:
    schedule = one.schedule
    with st.container(border=True, gap="xxsmall", key=f"subscription-{one.name}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.page_link(
                "reporting/subscription.py", label=f"**{frame.plain(schedule.title)}**", width="content",
                query_params={"name": one.name},
            )  # fmt: skip
            if standing.last:
                last = standing.last
                st.html(f"{subscription_log.badge(last)} · {escape(show.moment(last.due_at))}", width="content")
        rhythm = told(schedule.when, show.wording())
        st.caption(frame.plain(f"{rhythm} · {FORMATS[schedule.format]} · {_readers(one)}"))
        if not one.about:
            st.caption(":orange[:material/block:] Its report or dashboard was removed, so nothing can go out.")
        elif schedule.stopped:
            st.caption(f":orange[:material/block:] {frame.plain(schedule.stopped)}")
        elif schedule.paused:
            st.caption(":material/pause: Paused")
        elif standing.next_at:
            st.caption(f"Next: {frame.plain(show.day(standing.next_at, style='weekday'))}, "
                       f"{show.clock_time(standing.next_at)}")  # fmt: skip


def _readers(one: Subscription) -> str:
    names = one.readers
    if len(names) <= 2:
        return f"to {' and '.join(names)}"
    return f"to {names[0]} and {len(names) - 1} others"


def _first_step() -> None:
    with st.container(key="report_empty", horizontal_alignment="center"):
        st.markdown(":material/schedule_send: Nothing goes out by itself yet.")
        st.caption("Have last week's numbers in your mailbox each Monday, or only when something is out of line.")
        if st.button("Set up a subscription", type="primary", key="first_subscription"):
            st.switch_page("reporting/subscribe.py")


main()
