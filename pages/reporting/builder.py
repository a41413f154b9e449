"""Build a report without code: choices on one side, and beside them the result, which follows as they are made."""

import streamlit as st

from data.errors import NotPermitted, Refusal, SessionEnded
from pages.components import (
    build_groups,
    build_look,
    build_numbers,
    build_save,
    build_tests,
    frame,
    preparing,
    report_choices,
    report_view,
    show,
)
from pages.components.build_state import Built, sentence
from reports.periods import days_of
from reports.run import run_spec

query = st.query_params
with st.container(key="report_back"):
    st.page_link("reporting/library.py", label="All reports", icon=":material/arrow_back:")
made = Built(query.get("name", ""), query.get("copy", ""), query.get("by", ""))
title = made.card.spec.title if made.card else ""
actions = frame.head(
    f"Change {title}" if made.name else f"Copy of {title}" if title else "New report",
    "The result follows as you choose." if not title else "What you change here is saved only when you say so.",
)
with actions:
    pressed = st.button("Save report", type="primary", icon=":material/save:", key="save-report")
made.draft.line()
left, right = st.columns([5, 9], gap="medium")
with left, st.container(key="builder"):
    build_groups.entity(made)
    build_groups.shape(made)
    what, only, look = st.tabs(["Numbers and groups", "Only where", "Look"], key=made.key("tabs"))
    with what:
        if made.choices["shape"] == "list":
            build_groups.columns(made)
        else:
            st.markdown("**Numbers**")
            build_numbers.draw(made)
            st.markdown("**Grouped by**")
            build_groups.groups(made)
    with only:
        build_groups.period(made)
        st.markdown("**Only where**")
        build_tests.blocks(made)
    with look:
        build_look.draw(made)
with right:
    preparing.wait()
    try:
        spec = made.spec()
        params = report_choices.asks(spec, made.model)
        if spec.period:
            params["from"], params["to"] = days_of(spec.preset, show.today())
        result = run_spec("new report", spec, params, by=frame.actor())
        if result.rows:
            report_view.draw(spec, result, narrow=True)
        else:
            report_choices.nothing(spec)
    except SessionEnded:
        raise
    except Refusal as failure:
        sentence(failure)
        if isinstance(failure, NotPermitted):
            st.caption("Your role sees less than this report shows.")
made.keep()
if pressed:
    build_save.save(made)
