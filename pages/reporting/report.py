"""One report: its choices, its chart, its table, and what each number means."""

import streamlit as st

from pages.components import frame, preparing, report_address, report_choices, report_shelf, report_view
from pages.components.build_state import change
from pages.components.report_files import downloads
from reports import offers, saved
from reports.run import run_spec

with st.container(key="report_back"):
    st.page_link("reporting/library.py", label="All reports", icon=":material/arrow_back:")
name = st.query_params.get("name", "")
with frame.refusals():
    card = saved.card(name, by=frame.actor())
    spec = card.spec
    actions = frame.head(spec.title, spec.purpose)
    files = actions.container(width="content")
    with actions:
        change(card)
    more = actions.container(width="content")
    model = offers.model_for(frame.actor()) if spec.asks or report_address.ONLY in st.query_params else None
    params = report_choices.choose(spec, model)
    if model is not None:
        spec = report_address.narrowed(spec, model)
    with more:
        report_shelf.menu(card, params)
    preparing.wait()
    with st.spinner("Adding up …", show_time=True):
        result = run_spec(name, spec, params, by=frame.actor())
    with files:
        downloads(name, params, spec, result)
    if result.rows:
        report_view.draw(spec, result)
    else:
        report_choices.nothing(spec)
