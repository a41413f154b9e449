"""One segment: its tests on one side, and beside them how many they find and some of the people."""

from __future__ import annotations

import streamlit as st

from campaigns import segments, shelf, starting
from campaigns.settings import SEGMENT, Segment
from data.errors import Refusal, SessionEnded
from pages.components import build_tests, campaign_shelf, frame, preparing, report_view, show
from pages.components.build_state import pick, sentence, typed
from pages.components.segment_state import Picked


def main() -> None:
    """The page, of ``?name=`` a saved one or ``?like=`` one to begin with."""
    with st.container(key="report_back"):
        st.page_link("campaigns/segments.py", label="All segments", icon=":material/arrow_back:")
    made = Picked(st.query_params.get("name", ""), _beginning(st.query_params.get("like", "")))
    with frame.head(made.stored.label if made.name else "New segment", "The number follows as you choose."):
        if made.name:
            campaign_shelf.menu(SEGMENT, made.name, made.stored.label)
            campaign_shelf.lead_on(SEGMENT, made.name)
        pressed = st.button("Save segment", type="primary", icon=":material/save:", key="save_segment")
    made.draft.line()
    left, right = st.columns([5, 9], gap="medium")
    with left, st.container(key="builder"):
        _tests(made)
    with right:
        preparing.wait()
        try:
            _people(made)
        except SessionEnded:
            raise
        except Refusal as failure:
            sentence(failure)
    made.keep()
    if pressed:
        with made.draft.saving():
            _save(made)


def _beginning(like: str) -> Segment:
    offered = starting.segments(frame.clinic().kind)
    if like.isdecimal() and int(like) < len(offered):
        return offered[int(like)]
    return Segment(label="New segment", entity="client")


def _tests(made: Picked) -> None:
    choices = made.choices
    choices["label"] = typed(st.text_input, "Name", choices["label"], made.key("label"), max_chars=80)
    choices["description"] = typed(
        st.text_input, "What it is for", choices["description"], made.key("description"), max_chars=300
    )
    chosen = pick("About", segments.ENTITIES, choices["entity"], made.key("entity"))
    if chosen != choices["entity"]:
        choices["entity"], choices["filters"] = chosen, []
        st.rerun()
    st.caption(f"Each is {made.model.entity(chosen).row}. Restricted records and patients that died are never found.")
    st.markdown("**Only where**")
    build_tests.blocks(made, ask=False)


def _people(made: Picked) -> None:
    segment, by = made.segment(), frame.actor()
    count = segments.count(segment, by=by)
    told = [(show.number(count.clients), "client" if count.clients == 1 else "clients")]
    if segment.entity != "client":
        told.append((show.number(count.patients), "patient" if count.patients == 1 else "patients"))
    told += [
        (show.number(count.email), "have an e-mail address"), (show.number(count.phone), "have a phone number"),
        (show.number(count.address), "have a postal address"),
    ]  # fmt: skip
    with st.container(key="segment_count", horizontal=True, gap="medium"):
        for number, words in told:
            st.metric(words.capitalize(), number, width="content")
    if not count.clients:
        st.info("Nobody fits all of these tests at present. Take one out to see which is too narrow.")
        return
    result = segments.sample(segment, by=by, name=made.name or "")
    few = len(result.rows) < max(count.clients, count.patients)
    st.markdown("**Some of them**" if few else "**All of them**")
    report_view.table(result)
    if result.left_out:
        st.caption(f"Your role does not show: {', '.join(result.left_out)}.")


def _save(made: Picked) -> None:
    form = f"save-{made.draft.place}"
    segment = made.segment()
    slug = shelf.keep(
        SEGMENT, segment, slug=made.name, expected=made.number, by=frame.actor(), key=frame.form_key(form)
    )
    frame.new_form_key(form)
    made.forget()
    st.toast("Saved.", icon=":material/check:")
    st.switch_page("campaigns/segment.py", query_params={"name": slug})


main()
