"""Saving the report that was built: its title, its place, who sees it."""

from __future__ import annotations

import streamlit as st

from pages.components import frame
from pages.components.build_state import Built
from reports import saved


@st.dialog("Save report")
def save(made: Built) -> None:
    """Ask for what a saved report needs, and save it. The answers are part of the draft."""
    kept, of = made.choices["kept"], made.choices.setdefault("of", _beginning(made))
    folders = sorted({card.saved.folder for card in saved.cards(by=frame.actor()) if card.saved and card.saved.folder})
    if of["folder"] and of["folder"] not in folders:
        folders.append(of["folder"])
    kept["title"] = _text("Title", kept.get("title", ""), "title", made, max_chars=80)
    kept["purpose"] = _text("What it answers", kept.get("purpose", ""), "purpose", made, max_chars=200)
    of["folder"] = st.selectbox(
        "Folder", folders, index=folders.index(of["folder"]) if of["folder"] else None, accept_new_options=True,
        placeholder="Without a folder, or type a new one", key=made.key("save", "folder"),
    ) or ""  # fmt: skip
    of["shared"] = st.toggle(
        "Everybody who runs reports sees it", of["shared"], key=made.key("save", "shared"),
        help="Otherwise only you see it.",
    )  # fmt: skip
    if made.name:
        of["comment"] = _text("What did you change?", of["comment"], "comment", made, max_chars=200)
    made.keep()
    if st.button("Save report", type="primary", key=made.key("save", "go"), shortcut=frame.SEND, width="stretch"):
        with made.draft.saving():
            _save(made)


def _save(made: Built) -> None:
    if not made.choices["kept"]["title"]:
        st.error("Give the report a title, so that others find it.", icon=":material/error:")
        return
    of, place = made.choices["of"], f"save-report-{made.draft.place}"
    name = saved.save_report(
        made.spec(), name=made.name, folder=of["folder"], shared=of["shared"], comment=of["comment"],
        version=made.number, by=frame.actor(), key=frame.form_key(place),
    )  # fmt: skip
    frame.new_form_key(place)
    made.forget()
    st.switch_page("reporting/report.py", query_params={"name": name})


def _beginning(made: Built) -> dict[str, object]:
    stored = made.card.saved if made.card else None
    if made.card is not None and not made.name:
        made.choices["kept"]["title"] = f"{made.card.spec.title}, changed"[:80]
        made.choices["kept"]["group"] = "Clinic days"
    return {"folder": stored.folder if stored else "", "shared": stored.shared if stored else True, "comment": ""}


def _text(label: str, value: str, name: str, made: Built, **more: int) -> str:
    return str(st.text_input(label, value, key=made.key("save", name), **more)).strip()
