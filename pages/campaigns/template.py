"""One template: its words on one side, and beside them the message as any client would get it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from campaigns import shelf, starting
from campaigns.merging import OFFERED
from campaigns.settings import CHANNELS, TEMPLATE, Template
from campaigns.templates import as_document
from data.errors import Refusal, SessionEnded
from pages.components import campaign_shelf, frame, template_preview
from pages.components.build_state import pick, sentence, typed
from pages.components.draft_form import Draft

EMPTY = {"label": "", "channel": "email", "subject": "", "preheader": "", "body": "", "button": "", "button_link": "",
         "colour": "#0f766e"}  # fmt: skip


def main() -> None:
    """The page, of ``?name=`` a saved one or ``?like=`` one to begin with."""
    with st.container(key="report_back"):
        st.page_link("campaigns/templates.py", label="All templates", icon=":material/arrow_back:")
    slug, like = st.query_params.get("name", ""), st.query_params.get("like", "")
    kept = shelf.one(TEMPLATE, slug, by=frame.actor()) if slug else None
    draft = Draft(f"template:{slug}" if slug else f"template-new:{like}", version=kept.number if kept else None)
    stored = kept.document.model_dump() if kept else EMPTY | _beginning(like)
    with frame.head(kept.document.label if kept else "New template", "The message follows as you write."):
        if kept:
            campaign_shelf.menu(TEMPLATE, slug, kept.document.label)
            campaign_shelf.lead_on(TEMPLATE, slug)
        pressed = st.button("Save template", type="primary", icon=":material/save:", key="save_template")
    draft.line()
    told = st.container()
    left, right = st.columns([6, 8], gap="medium")
    with left, st.container(key="builder"):
        body = _words(draft, draft.over(stored))
    with right:
        try:
            if body["body"].strip():
                template_preview.draw(as_document(body | {"label": body["label"] or "New template"}))
            else:
                _empty()
        except SessionEnded:
            raise
        except Refusal as failure:
            sentence(failure)
    draft.keep(body)
    if pressed:
        with told, draft.saving():
            _save(draft, slug, kept.number if kept else None, as_document(body))


def _empty() -> None:
    """In place of the message while there is no text."""
    with st.container(key="report_empty", horizontal_alignment="center"):
        st.markdown(
            ":material/edit_note: Write the subject and the text: the message appears here as a client sees it."
        )


def _beginning(like: str) -> dict[str, Any]:
    offered = starting.templates(frame.clinic().kind)
    return offered[int(like)].model_dump() if like.isdecimal() and int(like) < len(offered) else {}


def _words(draft: Draft, body: dict[str, Any]) -> dict[str, Any]:
    def text(label: str, name: str, most: int, **more: Any) -> str:
        return str(typed(st.text_input, label, body[name], draft.key(f"t-{name}"), max_chars=most, live=True, **more))

    made = dict(body)
    with st.container(horizontal=True, gap="small"):
        made["label"] = text("Name", "label", 80)
        made["channel"] = pick("Sent by", CHANNELS, body["channel"], draft.key("t-channel"), width=150)
    if made["channel"] == "email":
        made["subject"] = text(
            "Subject", "subject", 150, help="Never what is protected: everybody who sees the mailbox sees it."
        )
        made["preheader"] = text("First words beside the subject", "preheader", 150)
    made["body"] = str(typed(
        st.text_area, "Text", body["body"], draft.key("t-body"), height=340, max_chars=20_000,
        help="# heading, **bold**, - list, [words](https://…). An empty line begins a paragraph.",
    ))  # fmt: skip
    with st.expander("Merge fields", key="merge_fields", expanded=not body["body"]):
        _fields()
    if made["channel"] == "email":
        with st.container(horizontal=True, gap="small"):
            made["button"] = text("Words of the button", "button", 60)
            made["button_link"] = text("Link of the button", "button_link", 300)
        made["colour"] = typed(st.color_picker, "Color", body["colour"], draft.key("t-colour"))
    return made


def _fields() -> None:
    for entity in dict.fromkeys(one.entity for one in OFFERED):
        own = [one for one in OFFERED if one.entity == entity]
        lines = [f"- {one.label}{' :material/lock:' if one.phi else ''}: `{{{{ {one.name} }}}}`" for one in own]
        st.markdown(f"**{entity}**\n\n" + "\n".join(lines))
    st.caption(
        ":material/lock: stands there only for a client who permitted it on this channel; others read neutral words, "
        'or your own: `{{ patient_name or "your pet" }}`. '
        'Choose by a field with `{% if species == "cat" %} … {% else %} … {% endif %}`.'
    )


def _save(draft: Draft, slug: str, number: int | None, template: Template) -> None:
    form = f"save-{draft.place}"
    saved = shelf.keep(
        TEMPLATE, template, slug=slug or None, expected=number, by=frame.actor(), key=frame.form_key(form)
    )
    frame.new_form_key(form)
    draft.forget()
    st.toast("Saved.", icon=":material/check:")
    st.switch_page("campaigns/template.py", query_params={"name": saved})


main()
