"""The form designer, ``?form=consent``: the pieces of a form, the properties of one, and the page as it will print."""

from __future__ import annotations

import streamlit as st

from forms import designs, editing
from forms.editing import At
from forms.preview import show_kind
from pages.components import (
    definition_history,
    designer_outline,
    designer_panel,
    designer_preview,
    designer_publish,
    frame,
)
from pages.components.designer_state import Work


def main() -> None:
    """One form."""
    slug = st.query_params.get("form", "")
    st.page_link("settings/forms.py", label="Forms", icon=":material/arrow_back:")
    if "_published" in st.session_state:
        done = st.session_state.pop("_published")
        st.toast(f"Version {done.version} is published.", icon=":material/check:")
    design = designs.design(slug, by=frame.actor())
    desk = designs.desk(by=frame.actor())
    work = Work(design, desk)
    if not work.body.get("sections"):
        frame.head("Form designer", "Choose a form in the list first, or begin a new one there.")
        return
    draw(work)
    if design.number:
        _versions(work)


@st.fragment
def draw(work: Work) -> None:
    """The desk: it runs alone while somebody works on it."""
    work = Work(work.design, work.desk)
    wrong = work.problems()
    with frame.head(str(work.body["title"]) or "Untitled", _facts(work, len(wrong))):
        if st.button("Add a field", icon=":material/add:", key="add_field", help="Behind the chosen one"):
            _add(work)
        if st.button("Publish", type="primary", icon=":material/publish:", key="publish"):
            designer_publish.ask(work)
    work.draft.line()
    if work.draft.open is False:
        st.rerun()
    pieces, panel, page = st.columns([0.27, 0.3, 0.43], gap="medium")
    with pieces, st.container(key="designer_pieces"):
        designer_outline.draw(work)
        if st.button("Add a section", icon=":material/playlist_add:", key="add_section", type="tertiary"):
            at = work.at(work.chosen) or At(len(work.body["sections"]) - 1)
            work.step(*editing.added_section(work.body, at))
            st.rerun(scope="fragment")
    with panel, st.container(key="designer_panel", gap="small"):
        designer_panel.draw(work)
    with page, st.container(key="designer_page"):
        designer_preview.draw(work)
    work.keep()


def _facts(work: Work, wrong: int) -> str:
    said = [f"Version {work.design.number} is in use" if work.design.number else
            "As it comes with Ballast" if work.design.shipped else "Never published"]  # fmt: skip
    if work.draft.begun:
        said.append("your changes are kept as a draft")
    if wrong:
        said.append("1 thing to mend" if wrong == 1 else f"{wrong} things to mend")
    return " · ".join(said)


@st.dialog("What is asked for?", width="large")
def _add(work: Work) -> None:
    """The kinds of field, each with a picture of what it prints."""
    kinds = list(editing.KINDS)
    for start in range(0, len(kinds), 3):
        for column, kind in zip(st.columns(3), kinds[start : start + 3], strict=False):
            words, about = editing.KINDS[kind]
            with column.container(border=True, height="stretch", key=f"kind-{kind}", gap="xsmall"):
                st.image(designer_preview.inline(show_kind(kind)))
                if st.button(words, key=f"add-{kind}", width="stretch"):
                    at = work.at(work.chosen) or At(len(work.body["sections"]) - 1)
                    work.step(*editing.added_field(work.body, kind, at))
                    work.keep()
                    st.rerun()
                st.caption(about)


def _versions(work: Work) -> None:
    by, slug = frame.actor(), work.slug
    versions, file = st.tabs(["Versions", "File"])
    with versions:
        definition_history.draw(
            designs.form_history(slug, by=by), key=f"form-{slug}", words=designs.told_changes,
            roll_back=lambda number, key: designs.roll_back_form(
                slug, number, expected=work.design.number, by=by, key=key),
        )  # fmt: skip
    with file:
        st.caption("One readable file: keep it with your papers, or hand it to another clinic that works with Ballast.")
        st.download_button("Download the published form", lambda: designs.export_form(slug, by=by), f"{slug}.toml",
                           mime="application/toml", icon=":material/download:", key="form-download",
                           on_click="ignore")  # fmt: skip
        st.caption("To read a file in, go to the list of forms.")


main()
