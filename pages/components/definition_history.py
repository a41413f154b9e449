"""Versions of one definition: who saved what when, what changed, a way back, and its file form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from data import definitions
from pages.components import frame, show
from security.settings import Version, changed_fields


def draw(
    versions: list[Version], *, key: str, roll_back: Callable[[int, str], object],
    words: Callable[[dict[str, Any], dict[str, Any]], list[str]] | None = None,
) -> None:  # fmt: skip
    """The history of a definition, newest first. ``roll_back`` takes a version's number and a form key; ``words``
    says in sentences what changed between two bodies."""
    newest = versions[0]
    if len(versions) == 1:
        st.caption(
            f"Version 1, saved by {show.plain(newest.who)} on {show.moment(newest.at)}. "
            "Later changes will be listed here."
        )
        return
    by_number = {version.number: version for version in versions}
    for version in versions[:30]:
        before = by_number.get(version.number - 1)
        changes = _changes(before, version, words)
        with st.container(border=True, gap="xxsmall", key=f"{key}-version-{version.number}"):
            top = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            current = " · in use" if version is newest else ""
            top.markdown(f"**Version {version.number}**{current}")
            top.caption(f"{show.plain(version.who)} · {show.moment(version.at)}")
            st.caption(show.plain(changes + (f" ({version.comment})" if version.comment else "")))
            if before is not None or version is not newest:
                _details(version, before, newest, key, roll_back)


def _details(
    version: Version, before: Version | None, newest: Version, key: str, roll_back: Callable[[int, str], object]
) -> None:
    with st.expander("Look closer", key=f"{key}-closer-{version.number}"):
        if before is not None:
            st.caption(f"From version {before.number} to version {version.number}")
            st.code(definitions.diff(before.body, version.body) or "No difference", language="diff", wrap_lines=True)
        if version is newest:
            return
        if version.body == newest.body:
            st.caption("This version says the same as the one in use.")
            return
        st.caption(f"From version {version.number} to the one in use")
        st.code(definitions.diff(version.body, newest.body) or "No difference", language="diff", wrap_lines=True)
        name = f"{key}-back-{version.number}-{newest.number}"
        if st.button(f"Bring back version {version.number}", key=name, icon=":material/history:"):
            with frame.refusals():
                roll_back(version.number, frame.form_key(name))
                frame.new_form_key(name)
                st.toast(f"Version {version.number} is in use again.")
                st.rerun()


def _changes(
    before: Version | None, version: Version, words: Callable[[dict[str, Any], dict[str, Any]], list[str]] | None
) -> str:
    if before is None:
        return "The first version"
    if words is not None:
        return "; ".join(words(before.body, version.body)) or "No difference"
    return "Changed: " + ", ".join(changed_fields(before.body, version.body))


def draw_file(text: str, name: str, *, key: str, current: dict[str, Any], read: Callable[[str, str], object]) -> None:
    """Take the definition out as a file, or read one in after looking at what it would change.

    ``read`` takes the file's text and a form key.
    """
    st.caption("One readable file: keep it with your papers, or hand it to another clinic that works with Ballast.")
    st.download_button(
        "Download the file", text, file_name=name, mime="application/toml", icon=":material/download:",
        key=f"{key}-download", on_click="ignore",
    )  # fmt: skip
    uploaded = st.file_uploader("Read a file", type=["toml"], key=f"{key}-upload", max_upload_size=1)
    if uploaded is None:
        return
    with frame.refusals():
        try:
            incoming = uploaded.getvalue().decode("utf-8")
        except UnicodeDecodeError:
            st.error("This file is not text. Choose one that was downloaded here.", icon=":material/error:")
            return
        difference = _difference(incoming, current)
        st.code(difference or "The file holds what is in use now.", language="diff", wrap_lines=True)
        if st.button("Save what the file holds", key=f"{key}-read", type="primary"):
            read(incoming, frame.form_key(f"{key}-read"))
            frame.new_form_key(f"{key}-read")
            st.toast("The file was read and saved.")
            st.rerun()


def _difference(incoming: str, current: dict[str, Any]) -> str:
    content = definitions.from_file(incoming)
    body = content.get(str(content.get("kind")))
    return definitions.diff(current, body if isinstance(body, dict) else {})
