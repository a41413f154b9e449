"""The versions of a report that was built here: who saved what when, what it changed, and the way back."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from reports import saved
from reports.saved import Card, Version


def main() -> None:
    """The page."""
    name, by = st.query_params.get("name", ""), frame.actor()
    with frame.refusals():
        card = saved.card(name, by=by)
        with st.container(key="report_back"):
            st.page_link(
                "reporting/report.py", label=frame.plain(card.spec.title), icon=":material/arrow_back:",
                query_params={"name": name},
            )  # fmt: skip
        if card.saved is None:
            frame.head(f"Versions of {card.spec.title}")
            st.info("This report comes with Ballast and never changes here. Copy it to make it yours.")
            return
        found, words = saved.versions(name, by=by), saved.version_words(name, by=by)
        frame.head(f"Versions of {card.spec.title}", _facts(found))
        for version in found:
            _draw(card, version, words[version.number], found[0])


def _facts(found: list[Version]) -> str:
    count = f"{len(found)} versions" if len(found) > 1 else "1 version, later changes will be listed here"
    return f"{count}. Bringing one back makes a new version; nothing is lost."


def _draw(card: Card, version: Version, words: list[str], newest: Version) -> None:
    in_use = version is newest
    with st.container(border=True, gap="xxsmall", key=f"version-{version.number}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**Version {version.number}**{' · in use' if in_use else ''}", width="content")
            if not in_use and "reports.build" in frame.may():
                _way_back(card, version)
        st.caption(f"{frame.plain(version.who or 'Ballast')} · {show.moment(version.at)}")
        if version.comment:
            st.markdown(f"“{frame.plain(version.comment)}”")
        for sentence in words or (["The first version"] if version.number == 1 else []):
            st.markdown(f"- {frame.plain(sentence)}")
        if version.changes:
            with st.expander("Line by line", key=f"lines-{version.number}"):
                st.code(version.changes, language="diff", wrap_lines=True)


def _way_back(card: Card, version: Version) -> None:
    key = f"back-{version.number}-{card.number}"
    if st.button("Bring back", key=key, icon=":material/history:"):
        with frame.refusals():
            saved.roll_back(card.name, version.number, version=card.number, by=frame.actor(), key=frame.form_key(key))
            frame.new_form_key(key)
            st.toast(f"Version {version.number} is in use again.", icon=":material/check:")
            st.rerun()


main()
