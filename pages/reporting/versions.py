"""The versions of a report, dashboard or subscription: who saved what when, what it changed, and the way back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import frame, show
from reports import dashboards, saved, schedules
from reports.shelf import K, Version


def main() -> None:
    """The page, of ``?name=`` a report, ``?board=`` a dashboard or ``?subscription=``."""
    if not {"name", "board", "subscription"} & set(st.query_params):
        frame.head("Versions of a report", "Choose a report that was built here, then its versions.")
        st.page_link("reporting/library.py", label="Open the reports", icon=":material/bar_chart:")
        return
    with frame.refusals():
        if "board" in st.query_params:
            _of_dashboard(st.query_params["board"])
        elif "subscription" in st.query_params:
            _of_subscription(st.query_params["subscription"])
        else:
            _of_report(st.query_params.get("name", ""))


def _of_report(name: str) -> None:
    by = frame.actor()
    card = saved.card(name, by=by)
    _back("reporting/report.py", card.spec.title, name)
    if card.saved is None:
        frame.head(f"Versions of {card.spec.title}")
        st.info("This report comes with Ballast and never changes here. Copy it to make it yours.")
        return
    changes = saved.CHANGES["report-query" if card.in_sql else "report"] in frame.may()
    _draw(
        card.spec.title, saved.versions(name, by=by), saved.version_words(name, by=by), changes,
        lambda number, key: saved.roll_back(name, number, version=card.number, by=by, key=key),
    )  # fmt: skip


def _of_dashboard(name: str) -> None:
    by = frame.actor()
    board = dashboards.board(name, by=by)
    _back("reporting/dashboard.py", board.dashboard.title, name)
    found = dashboards.dashboard_versions(name, by=by)
    _draw(
        board.dashboard.title, found, _words(found, dashboards.told_changes), "reports.build" in frame.may(),
        lambda number, key: dashboards.roll_back_dashboard(name, number, version=board.number, by=by, key=key),
    )  # fmt: skip


def _of_subscription(name: str) -> None:
    by = frame.actor()
    card = schedules.subscription(name, by=by)
    _back("reporting/subscription.py", card.schedule.title, name)
    found = schedules.schedule_versions(name, by=by)
    _draw(
        card.schedule.title, found, _words(found, schedules.told_changes), True,
        lambda number, key: schedules.roll_back_schedule(name, number, version=card.number, by=by, key=key),
    )  # fmt: skip


def _words(found: list[Version[K]], told: Callable[[K, K], list[str]]) -> dict[int, list[str]]:
    """What each version changed against the one before it, by number."""
    kept = {one.number: one.saved for one in found}
    return {number: told(kept[number - 1], one) if number - 1 in kept else [] for number, one in kept.items()}


def _back(script: str, title: str, name: str) -> None:
    with st.container(key="report_back"):
        st.page_link(script, label=frame.plain(title), icon=":material/arrow_back:", query_params={"name": name})


def _draw(
    title: str, found: list[Version[K]], words: dict[int, list[str]], changes: bool,
    roll_back: Callable[[int, str], None],
) -> None:  # fmt: skip
    count = f"{len(found)} versions" if len(found) > 1 else "1 version, later changes will be listed here"
    frame.head(f"Versions of {title}", f"{count}. Bringing one back makes a new version; nothing is lost.")
    for version in found:
        _version(version, words[version.number], found[0], roll_back if changes else None)


def _version(
    version: Version[K], words: list[str], newest: Version[K], roll_back: Callable[[int, str], None] | None
) -> None:
    in_use = version is newest
    with st.container(border=True, gap="xxsmall", key=f"version-{version.number}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**Version {version.number}**{' · in use' if in_use else ''}", width="content")
            key = f"back-{version.number}-{newest.number}"
            if not in_use and roll_back is not None and st.button("Bring back", key=key, icon=":material/history:"):
                with frame.refusals():
                    roll_back(version.number, frame.form_key(key))
                    frame.new_form_key(key)
                    st.toast(f"Version {version.number} is in use again.", icon=":material/check:")
                    st.rerun()
        st.caption(f"{frame.plain(version.who or 'Ballast')} · {show.moment(version.at)}")
        if version.comment:
            st.markdown(f"“{frame.plain(version.comment)}”")
        for sentence in words or (["The first version"] if version.number == 1 else []):
            st.markdown(f"- {frame.plain(sentence)}")
        if version.changes:
            with st.expander("Line by line", key=f"lines-{version.number}"):
                st.code(version.changes, language="diff", wrap_lines=True)


main()
