"""The forms of the clinic: what is printed, in which version, what waits as a draft; a new one, a copy, a file."""

from __future__ import annotations

import streamlit as st

from forms import designs
from forms.designs import FormCard
from forms.targets import SUBJECT_WORDS
from pages.components import designer_state, frame, show
from pages.components.designer_preview import PAPERS
from security import drafts


def main() -> None:
    """The list."""
    by = frame.actor()
    cards = designs.forms(by=by)
    waiting = {place[5:] for place in drafts.places(by=by) if place.startswith("form:")}
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    shown = [card for card in cards if not card.archived]
    facts = f"{len(shown)} forms in use. Each version that was published stays readable for ever."
    with frame.head("Forms", facts):
        if st.button("Read a file", icon=":material/upload_file:", key="read_file"):
            _read_file()
        if st.button("New form", icon=":material/add:", key="new_form", type="primary"):
            _begin(cards)
    _unpublished(sorted(waiting - {card.slug for card in cards}))
    for card in shown:
        _card(card, card.slug in waiting)
    archived = [card for card in cards if card.archived]
    if archived:
        with st.expander(f"Archived ({len(archived)})", key="archived"):
            for card in archived:
                _archived(card)


def _card(card: FormCard, draft: bool) -> None:
    with st.container(border=True, key=f"form-{card.slug}", gap="xxsmall"):
        top = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        with top.container(width="content", gap=None):
            st.page_link("settings/form_designer.py", label=f"**{frame.plain(card.title)}**",
                         query_params={"form": card.slug})  # fmt: skip
            st.caption(frame.plain(card.purpose or f"For {SUBJECT_WORDS[card.subject]}."))
            st.caption(_facts(card))
        with top.container(horizontal=True, width="content", vertical_alignment="center"):
            if draft:
                st.badge("Draft waiting", color="orange", icon=":material/edit:")
            with st.popover("More", key=f"more-{card.slug}", type="tertiary", icon=":material/more_horiz:"):
                _more(card)


def _facts(card: FormCard) -> str:
    if not card.version:
        said = ["As it comes with Ballast, never changed or printed here"]
    else:
        when = f", {show.moment(card.at)}" if card.at else ""
        said = [f"Version {card.version}{when}" + (f", {show.plain(card.who)}" if card.who != "Ballast" else "")]
    if card.papers:
        said.append(" and ".join(PAPERS.get(paper, paper) for paper in card.papers))
    if card.in_use:
        said.append(f"{card.in_use:,} printed {'sheet' if card.in_use == 1 else 'sheets'} not used yet")
    if card.slip:
        said.append("never scanned")
    return " · ".join(said)


def _more(card: FormCard) -> None:
    by = frame.actor()
    if st.button("Copy", icon=":material/content_copy:", key=f"copy-{card.slug}", type="tertiary"):
        body = designs.design(card.slug, by=by).body
        _open_new(body | {"title": f"{body['title']} (copy)"[:80]})
    st.download_button(
        "Download as a file", lambda: designs.export_form(card.slug, by=by), f"{card.slug}.toml",
        mime="application/toml", icon=":material/download:", key=f"file-{card.slug}", type="tertiary",
        on_click="ignore",
    )  # fmt: skip
    if st.button("Archive", icon=":material/archive:", key=f"archive-{card.slug}", type="tertiary"):
        with frame.refusals():
            designs.archive_form(card.slug, by=by, key=frame.form_key(f"archive-{card.slug}"))
            frame.new_form_key(f"archive-{card.slug}")
            st.toast("Archived. It is printed no more; its paper is still read.")
            st.rerun()


def _archived(card: FormCard) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute",
                       key=f"form-{card.slug}")  # fmt: skip
    row.markdown(f"{frame.plain(card.title)} · version {card.version}")
    if row.button("Use it again", key=f"back-{card.slug}", icon=":material/unarchive:"):
        with frame.refusals():
            designs.bring_back_form(card.slug, by=frame.actor(), key=frame.form_key(f"back-{card.slug}"))
            frame.new_form_key(f"back-{card.slug}")
            st.rerun()


def _unpublished(slugs: list[str]) -> None:
    """Drafts of forms that were never published."""
    by = frame.actor()
    for slug in slugs:
        kept = drafts.load(f"form:{slug}", by=by) or {}
        title = (kept.get("typed") or {}).get("title") or slug
        with st.container(border=True, key=f"draft-{slug}", horizontal=True, vertical_alignment="center"):
            st.page_link("settings/form_designer.py", label=f"**{frame.plain(str(title))}**",
                         query_params={"form": slug})  # fmt: skip
            st.badge("Draft, never published", color="orange", icon=":material/edit:")


@st.dialog("New form", width="medium")
def _begin(cards: list[FormCard]) -> None:
    title = st.text_input("Title", key="new-title", max_chars=80, placeholder="Dental consent")
    offered = {"": "An empty form: name, one question, signature"} | {
        card.slug: f"A copy of “{card.title}”" for card in cards if not card.archived
    }
    source = st.selectbox("Begin with", list(offered), format_func=offered.__getitem__, key="new-source")
    if st.button("Open it", type="primary", key="new-open", icon=":material/edit_document:"):
        if not title.strip():
            st.error("Give the form a title first.", icon=":material/error:")
            return
        body = designs.design(source, by=frame.actor()).body if source else designs.blank_form(title.strip())
        _open_new(body | {"title": title.strip()})


@st.dialog("Read a form from a file", width="medium")
def _read_file() -> None:
    st.caption("A file that was downloaded here or in another clinic. You look it over before anything is published.")
    uploaded = st.file_uploader("The file", type=["toml"], key="form-file", max_upload_size=1)
    if uploaded is None:
        return
    with frame.refusals():
        try:
            text = uploaded.getvalue().decode("utf-8")
        except UnicodeDecodeError:
            st.error("This file is not text. Choose one that was downloaded here.", icon=":material/error:")
            return
        slug, body = designs.read_form(text, by=frame.actor())
        here = designs.design(slug, by=frame.actor())
        count = sum(len(section["fields"]) for section in body["sections"])
        st.markdown(f"**{frame.plain(body['title'])}**, {len(body['sections'])} sections, {count} fields")
        if here.body:
            changes = designs.told_changes(here.body, body)
            st.caption(frame.plain("Against the form of that name here: " + ("; ".join(changes[:12]) or "no change")))
            if st.button("Open it as a change of that form", key="file-change", type="primary"):
                designer_state.begin(slug, body)
                st.switch_page("settings/form_designer.py", query_params={"form": slug})
        if st.button("Open it as a new form", key="file-new", type="secondary" if here.body else "primary"):
            _open_new(body)


def _open_new(body: designs.Body) -> None:
    with frame.refusals():
        taken = {place[5:] for place in drafts.places(by=frame.actor()) if place.startswith("form:")}
        slug = designs.new_slug(str(body["title"]), taken, by=frame.actor())
        designer_state.begin(slug, body)
        st.switch_page("settings/form_designer.py", query_params={"form": slug})


main()
