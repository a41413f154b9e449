"""One launch on screen: how far it is with pause, resume and stop, its log, and what it brought."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from campaigns import launch, outcomes, runs
from campaigns.outcomes import Difference, Group, Outcome
from campaigns.runs import PAGE, Delivery, Run
from campaigns.settings import CHANNELS
from data.types import clock
from pages.components import folding, frame, show
from pages.components.campaign_words import CAME_BACK, MESSAGES, STATES, TONES
from pages.components.charts import COLOURS, CONFIG, GREY

SOON = timedelta(minutes=2)


def progress(one: Run) -> None:
    """How far it is; told anew by itself while it goes."""
    if one.is_open:
        _going(one.id)
    else:
        _stands(one)


@st.fragment(run_every=4)
def _going(run_id: str) -> None:
    with frame.refusals():
        one = runs.run(run_id, by=frame.actor())
        if not one.is_open:
            st.session_state["_timed"] = True
            st.rerun()
        _stands(one)
        _hands(one)


def _stands(one: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(STATES[one.state], color=TONES[one.state])  # type: ignore[arg-type]
        since = one.began_at or one.begins_at
        st.caption(frame.plain(f"{show.moment(since)}{f' · by {one.by}' if one.by else ''}"), width="content")
    if one.reason:
        st.warning(frame.plain(one.reason), icon=":material/pause:")
    if one.state == "running" and one.next_at and one.next_at > clock.now() + SOON:
        st.info(frame.plain(f"It is quiet hours where the clients live: the next message goes out {_at(one.next_at)}."),
                icon=":material/bedtime:")  # fmt: skip
    st.progress(min(1.0, one.share_done), text=f"{one.meant - one.left:,} of {one.meant:,} dealt with")
    with st.container(horizontal=True, gap="medium"):
        told = [("Written to", one.reached), ("Still to go", one.left), ("Refused", one.counts.get("failed", 0)),
                ("Held out", one.counts.get("held_out", 0)),
                ("Left out", one.counts.get("excluded", 0) + one.counts.get("suppressed", 0))]  # fmt: skip
        for label, number in told:
            st.metric(label, show.number(number), width="content")
    back = [f"{count:,} {CAME_BACK[kind]}" for kind, count in one.came_back.items() if kind in CAME_BACK]
    if back:
        st.caption(f"Came back: {', '.join(back)}")


def _at(moment: datetime) -> str:
    """``at 8:00 AM``, with the day where it is another one."""
    today = clock.today(frame.clinic().zone)
    local = moment.astimezone(ZoneInfo(frame.clinic().zone)).date()
    return f"at {show.clock_time(moment)}" if local == today else f"on {show.moment(moment)}"


def _hands(one: Run) -> None:
    with st.container(horizontal=True, gap="small"):
        if one.state == "paused":
            _press("Resume sending", "play_arrow", "resume", one)
        elif one.state in ("running", "waiting"):
            _with_reason("Pause sending", "pause", "pause", one)
        _with_reason("Stop for good", "stop_circle", "stop", one)


def _with_reason(words: str, icon: str, what: str, one: Run) -> None:
    with st.popover(words, icon=f":material/{icon}:", key=f"{what}_ask"):
        reason = st.text_input("Why", key=f"{what}_why", max_chars=200, autocomplete="off")
        if what == "stop":
            st.caption("What has not gone out never does.")
        if st.button(words, key=f"{what}_go", type="primary"):
            _do(what, reason or "", one)


def _press(words: str, icon: str, what: str, one: Run) -> None:
    if st.button(words, icon=f":material/{icon}:", key=f"{what}_go", type="primary"):
        _do(what, "", one)


def _do(what: str, reason: str, one: Run) -> None:
    with frame.refusals():
        form = f"{what}-{one.id}"
        by, key = frame.actor(), frame.form_key(form)
        if what == "resume":
            launch.resume(one.id, by=by, key=key)
        elif what == "pause":
            launch.pause(one.id, reason, by=by, key=key)
        else:
            launch.stop(one.id, reason, by=by, key=key)
        frame.new_form_key(form)
        st.rerun()


def log(one: Run) -> None:
    """Who got it and when, and of everybody else why not."""
    states = {"": f"All ({one.audience:,})"} | {
        state: f"{words} ({one.counts[state]:,})" for state, words in MESSAGES.items() if one.counts.get(state)
    }
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        state = st.selectbox("Show", list(states), format_func=states.__getitem__, key=f"log_state_{one.id}", width=260)
        pages = max(1, -(-(one.counts.get(state, 0) if state else one.audience) // PAGE))
        page = st.number_input("Page", 1, pages, key=f"log_page_{one.id}_{state}", width=120) if pages > 1 else 1
    found = runs.deliveries(one.id, state=state or "", page=int(page) - 1, by=frame.actor())
    if not found.lines:
        st.caption("Nobody.")
        return
    folding.table(
        {
            "Client": [line.name or (f"Client {line.number}" if line.number else "") for line in found.lines],
            "Sent by": [CHANNELS.get(line.channel, line.channel) for line in found.lines],  # type: ignore[call-overload]
            "Text": [line.variant.upper() if line.variant in ("a", "b") else "" for line in found.lines],
            "What became of it": [MESSAGES.get(line.state, line.state) for line in found.lines],
            "When": [show.moment(line.at) if line.at else "" for line in found.lines],
            "Why": [_why(line) for line in found.lines],
        },
        label="Delivery log",
    )


def _why(line: Delivery) -> str:
    words = line.reason if line.state != "sent" else ""
    back = CAME_BACK.get(line.came_back, "")
    return "; ".join(filter(None, (words[:1].upper() + words[1:], back)))


def outcome(slug: str, one: Run | None) -> None:
    """What it brought, against those held out; of all launches together where none is named."""
    by = frame.actor()
    told = outcomes.of_run(one.id, by=by) if one else outcomes.of_campaign(slug, by=by)
    if not told.reached.people:
        st.info("Nobody was written to yet.", icon=":material/hourglass_empty:")
        return
    goal = "booked a visit" if told.goal.what == "booked" else "kept a visit"
    _sentence(told, goal)
    with st.container(horizontal=True, gap="medium"):
        st.metric(f"{goal.capitalize()}, written to", percent(told.reached.share), width="content")
        if told.held.people:
            st.metric(f"{goal.capitalize()}, held out", percent(told.held.share), width="content")
        st.metric("Invoiced for each, written to", show.money(round(told.reached.mean)), width="content")
        if told.held.people:
            st.metric("Invoiced for each, held out", show.money(round(told.held.mean)), width="content")
    if told.texts_booked:
        _texts(told, goal)
    _chart(told, goal)
    told_apart = [one for one in (told.booked, told.revenue, told.texts_booked) if one]
    if any(not one.tells for one in told_apart):
        st.caption(
            "Too few to tell: a difference like this comes about by chance too. More people in each group tell more: "
            "look at all launches together, or hold out more of them next time."
        )  # fmt: skip
    if not told.is_over and told.until:
        st.caption(f"Still counting until {frame.plain(show.moment(told.until))}.")
    st.caption(
        f"Counted for {show.count(told.goal.days, 'day')} from the launch. Who is held out is drawn before anybody is "
        "written to. Invoices are without tax, less what was taken back. The interval holds the true difference in 95 "
        "of 100 cases."
    )  # fmt: skip


def _sentence(told: Outcome, goal: str) -> None:
    booked, revenue = told.booked, told.revenue
    first = (
        f"{told.reached.hits:,} of {told.reached.people:,} who were written to {goal} ({percent(told.reached.share)})"
    )
    if booked is None or revenue is None:
        st.markdown(frame.plain(f"{first}. Nobody was held out, so how many would have come anyway is not known."))
        return
    st.markdown(frame.plain(
        f"{first}; of {told.held.people:,} held out, {told.held.hits:,} ({percent(told.held.share)})."
    ))  # fmt: skip
    more = round(booked.value * told.reached.people)
    words = f"about {abs(more):,} visits {'more' if more >= 0 else 'fewer'} than without it" if booked.tells else ""
    _told("Visits", booked, f"{points(booked.low)} to {points(booked.high)} percentage points", words)
    sums = f"{show.money(round(revenue.value * told.reached.people))} in all" if revenue.tells else ""
    ends = "" if revenue.few else f"{show.money(round(revenue.low))} to {show.money(round(revenue.high))} for each"
    _told("Invoices", revenue, ends, sums)


def _told(what: str, one: Difference, ends: str, words: str) -> None:
    if one.tells:
        better = one.value > 0
        icon, colour = ("trending_up", "green") if better else ("trending_down", "red")
        st.markdown(f":{colour}[:material/{icon}: **{what}: {'better' if better else 'worse'}**] "
                    + frame.plain(f"{ends}; {words}."))  # fmt: skip
    else:
        why = "the groups are too small" if one.few else f"it may be anything from {ends}"
        st.markdown(f":material/help: **{what}: too few to tell.** " + frame.plain(f"{why[:1].upper()}{why[1:]}."))


def _texts(told: Outcome, goal: str) -> None:
    one = told.texts_booked
    assert one is not None
    told_both = f"Text A: {percent(told.a.share)} {goal}; text B: {percent(told.b.share)}."
    verdict = ("Text B is better." if one.value > 0 else "Text A is better.") if one.tells else "Too few to tell."
    st.markdown(frame.plain(f"{told_both} {verdict}"))


def _chart(told: Outcome, goal: str) -> None:
    import plotly.graph_objects as go

    groups: list[tuple[str, Group, str]] = [("Written to", told.reached, COLOURS[0])]
    if told.texts_booked:
        groups = [("Text A", told.a, COLOURS[0]), ("Text B", told.b, COLOURS[2])]
    if told.held.people:
        groups.append(("Held out", told.held, GREY))
    ends = [outcomes.wilson(group.hits, group.people) for _, group, _ in groups]
    shares = [group.share * 100 for _, group, _ in groups]
    chart = go.Figure(go.Bar(
        y=[name for name, _, _ in groups], x=shares, orientation="h", marker_color=[colour for *_, colour in groups],
        error_x={"type": "data", "symmetric": False, "color": GREY, "thickness": 2, "width": 6,
                 "array": [high * 100 - share for (_, high), share in zip(ends, shares, strict=True)],
                 "arrayminus": [share - low * 100 for (low, _), share in zip(ends, shares, strict=True)]},
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    ))  # fmt: skip
    chart.update_xaxes(rangemode="tozero", ticksuffix=" %", nticks=6)
    chart.update_yaxes(autorange="reversed", automargin=True)
    chart.update_layout(height=60 + 52 * len(groups), margin={"l": 8, "r": 8, "t": 8, "b": 8}, bargap=0.4)
    st.markdown(f"**How many {goal}**")
    st.plotly_chart(chart, config=CONFIG, key="outcome_chart")


def percent(share: float) -> str:
    """12.3 %"""
    return f"{share * 100:.1f}%"


def points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{share * 100:+.1f}"
