"""Templates: what is written to clients, by e-mail, text message and letter."""

from __future__ import annotations

import streamlit as st

from campaigns import shelf, starting
from campaigns.braces import gist
from campaigns.settings import CHANNELS, TEMPLATE, Template
from pages.components import campaign_shelf, frame, show

ICONS = {"email": "mail", "sms": "sms", "letter": "drafts"}


def main() -> None:
    """The page."""
    found = shelf.every(TEMPLATE, by=frame.actor())
    told = f"{show.count(len(found), 'template')}" if found else "What is written to clients"
    with frame.head("Templates", told):
        if st.button("New template", type="primary", icon=":material/add:", key="new_template"):
            _begin()
    if found and st.query_params.pop("new", ""):
        _begin()
    if not found:
        st.info(
            "A template is written once and greets each client by name. Begin with one of these, and change it.",
            icon=":material/draft:",
        )  # fmt: skip
        _beginnings()
    else:
        with st.container(key="report_cards_templates"):
            for one in found:
                with st.container(key=f"report_card_{one.slug}", gap=None):
                    st.page_link(
                        "campaigns/template.py", label=f"**{frame.plain(one.document.label)}**",
                        query_params={"name": one.slug},
                    )  # fmt: skip
                    _about(one.document)
    campaign_shelf.taken_out(TEMPLATE)


def _about(template: Template) -> None:
    st.caption(f":material/{ICONS[template.channel]}: {CHANNELS[template.channel]}")
    st.caption(frame.plain(template.subject or gist(template.body)))


@st.dialog("New template", width="large")
def _begin() -> None:
    st.markdown("Begin with one of these and change it, or with an empty page.")
    _beginnings()


def _beginnings() -> None:
    with st.container(key="report_cards_beginnings"):
        for number, one in enumerate(starting.templates(frame.clinic().kind)):
            with st.container(key=f"report_card_begin_{number}", gap=None):
                label = f"**{frame.plain(one.label)}**"
                st.page_link("campaigns/template.py", label=label, query_params={"like": str(number)})
                _about(one)
        with st.container(key="report_card_begin_none", gap=None):
            st.page_link("campaigns/template.py", label="**Empty page**", query_params={"like": ""})
            st.caption("Write it yourself")


main()
