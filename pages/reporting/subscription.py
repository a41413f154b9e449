"""One subscription: what it does in words, its next runs, its log, and one to oneself now."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show, subscription_log, subscription_menu
from pages.components.facts import facts
from pages.components.subscription_form import limit_told
from pages.components.subscription_gets import gets
from reports import dashboards, deliveries, readers, saved, schedules
from reports.periods import label_of
from reports.schedules import FORMATS, Subscription
from reports.values import choice
from reports.when import next_runs, told


def main() -> None:
    """The page."""
    name, by = st.query_params.get("name", ""), frame.actor()
    if not name:
        st.switch_page("reporting/subscriptions.py")
    with st.container(key="report_back"):
        st.page_link("reporting/subscriptions.py", label="All subscriptions", icon=":material/arrow_back:")
    with frame.refusals():
        card = schedules.subscription(name, by=by)
        one = card.schedule
        actions = frame.head(one.title, "Paused" if one.paused else told(one.when, show.wording()))
        sent = ""
        with actions:
            if st.button("Send one to me now", type="primary", icon=":material/send:", key="send_now"):
                key = frame.form_key(f"now_{name}")
                address = deliveries.send_now(name, by=by, key=key)
                frame.new_form_key(f"now_{name}")
                sent = f"It is being made, and goes to {address}. The log says when it is out."
            if st.button("Change", icon=":material/edit:", key="change_subscription"):
                st.switch_page("reporting/subscribe.py", query_params={"name": name})
            subscription_menu.menu(card)
        if sent:
            st.success(frame.plain(sent), icon=":material/send:")
        if one.stopped:
            st.warning(frame.plain(one.stopped), icon=":material/block:")
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.markdown("### Log")
            _log(name)
        with right, st.container(border=True, key="subscription_facts"):
            _facts(card)


@st.fragment(run_every=5)
def _log(name: str) -> None:
    with frame.refusals():
        subscription_log.draw(deliveries.log(name, by=frame.actor()))


def _facts(card: Subscription) -> None:
    one = card.schedule
    zone = frame.clinic().zone
    coming = [] if one.paused else next_runs(one.when, zone, show.now(), 3)
    password = " with a password" if one.password else ""
    facts(
        [
            ("What", card.about or "A report that was removed"),
            ("Chosen", _chosen(card) if card.about else ""),
            ("Days", label_of(one.preset) if one.preset else ""),
            ("Goes out", told(one.when, show.wording())),
            ("Next", "\n".join(show.moment(run) for run in coming) or "Paused"),
            ("Condition", limit_told(card) if card.about else ""),
            ("As", f"{FORMATS[one.format]}{password}"),
            ("Rights of", card.run_as or "Somebody who is gone"),
            ("Set up by", card.owner),
            ("Subject", one.subject),
        ]
    )
    st.markdown("**Who gets what**")
    if not card.about:
        return
    with frame.refusals():
        gets(readers.preview(one, by=frame.actor()))


def _chosen(card: Subscription) -> str:
    """The answers to the report's questions and the dashboard's filters, a line each."""
    one, by = card.schedule, frame.actor()
    if one.dashboard:
        labels = {
            narrowing.field: narrowing.label for narrowing in dashboards.board(one.dashboard, by=by).dashboard.filters
        }
        groups: dict[str, str] = {}
    else:
        spec = saved.card(one.report, by=by).spec
        labels = {"by": "Broken down by"} | {ask.name: ask.label for ask in spec.asks}
        groups = {group.name: group.label for group in spec.breakdowns}
    lines = []
    for name, value in one.params.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        told_values = [groups.get(str(part)) or choice(part) for part in values]
        if told_values and name in labels:
            lines.append(f"{labels[name]}: {', '.join(told_values)}")
    return "\n".join(lines)


main()
