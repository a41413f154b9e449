"""The common editor of settings: ``?kind=location&entry=main``."""

from __future__ import annotations

from typing import Any

import streamlit as st

from data.definitions import KINDS, BadDefinition
from pages.components import custom_field_use, definition_form, definition_history, editing, frame, portal_state
from pages.components.draft_form import Draft
from pages.components.tax_example import EXAMPLES
from pages.settings.editor_choices import choices, in_words
from pages.settings.kinds import BY_KIND, Setting
from security import drafts, settings
from security.settings import Entry

NEW = "new"
WHY = "_why"


def main() -> None:
    """One kind, one entry of it."""
    setting = BY_KIND.get(st.query_params.get("kind", "clinic-profile"), BY_KIND["clinic-profile"])
    found = settings.entries(setting.kind, by=frame.actor())
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head(setting.title, setting.about)
    if setting.only:
        one = next((entry for entry in found if entry.slug == setting.only), None)
        edit(setting, one or Entry(setting.only, 0, {}))
        return
    if action.button(f"Add {setting.one}", icon=":material/add:", key="add",
                     type="secondary" if found else "primary"):  # fmt: skip
        st.query_params["entry"] = NEW
        editing.release()
        st.session_state.pop("chosen", None)
    slug = choose(setting, found)
    if slug == NEW:
        edit(setting, Entry(NEW, 0, {}))
    elif slug is None:
        st.info(f"There is nothing here yet. Choose “Add {setting.one}” to begin.", icon=":material/info:")
    else:
        edit(setting, next(entry for entry in found if entry.slug == slug))


def choose(setting: Setting, found: list[Entry]) -> str | None:
    """Which entry: chips for a few, a list for many."""
    names = {entry.slug: setting.name_of(entry.body, entry.slug) for entry in found}
    wanted = st.query_params.get("entry", "")
    if wanted == NEW:
        return NEW
    if not names:
        return None
    start = wanted if wanted in names else next(iter(names))
    if len(names) <= 16:
        chosen = st.pills(
            setting.title, list(names), default=start, format_func=names.__getitem__, key=f"pick-{setting.kind}",
            label_visibility="collapsed",
        )  # fmt: skip
    else:
        chosen = st.selectbox(
            setting.title, list(names), index=list(names).index(start), format_func=names.__getitem__,
            key=f"pick-{setting.kind}", label_visibility="collapsed",
        )  # fmt: skip
    return chosen or start


def edit(setting: Setting, current: Entry) -> None:
    """The form of one entry with its history and file."""
    place = f"{setting.kind}-{current.slug}"
    entry = editing.held(place, current)
    fill_in(setting, entry, place)
    if entry.number == 0:
        if not setting.only and st.button("Leave without saving", key="leave", type="tertiary"):
            drafts.discard(f"setting:{place}", by=frame.actor())
            leave()
        return
    by = frame.actor()
    if setting.kind == "custom-field":
        custom_field_use.draw(entry.slug, entry.body)
    if setting.kind == "client-billing":
        portal_state.draw()
    history, file = st.tabs(["History", "File"])
    with history:
        definition_history.draw(
            settings.setting_history(setting.kind, entry.slug, by=by),
            key=place,
            roll_back=lambda number, key: (
                settings.roll_back_definition(
                    setting.kind, entry.slug, number, expected=current.number, by=by, key=key
                ),
                editing.release(),
            ),
        )
    with file:
        definition_history.draw_file(
            settings.export_setting(setting.kind, entry.slug, by=by),
            f"{setting.kind}-{entry.slug}.toml",
            key=place,
            current=entry.body,
            read=lambda text, key: (
                settings.import_setting(text, by=by, key=key, kind=setting.kind),
                editing.release(),
            ),
        )


@st.fragment
def fill_in(setting: Setting, entry: Entry, place: str) -> None:
    """The form itself, run alone while somebody types; what differs from what is stored is kept as a draft."""
    kind = KINDS[setting.kind]
    empty = {name: info.get_default(call_default_factory=True) for name, info in kind.document.model_fields.items()
             if not info.is_required()}  # fmt: skip
    draft = Draft(f"setting:{place}", version=entry.number)
    with st.container(border=True):
        draft.line()
        begin = draft.over({**empty, **entry.body, WHY: ""})
        key = draft.key(f"{place}-{entry.number}")
        entered = definition_form.draw(kind.document, begin, setting.fields, key=key, choices=choices)
        comment = st.text_input(
            "Why (kept in the history)", begin[WHY], key=f"{key}-why", max_chars=300, live=draft.live
        )
        draft.keep(entered | {WHY: comment})
        if setting.kind in EXAMPLES:
            EXAMPLES[setting.kind](entered)
        if st.button(f"Save {setting.one}", type="primary", key=f"save-{place}"):
            save(setting, entry, entered, comment, draft)


def save(setting: Setting, entry: Entry, entered: dict[str, Any], comment: str, draft: Draft) -> None:
    """Save what the form holds; a new entry gets its short name from its label."""
    with frame.refusals():
        slug = entry.slug
        if slug == NEW:
            taken = {found.slug for found in settings.entries(setting.kind, by=frame.actor())}
            slug = settings.slug_for(setting.short_of(entered, ""), taken)
        key = frame.form_key(draft.place)
        try:
            settings.save_definition(
                setting.kind, slug, entered, expected=entry.number, by=frame.actor(), key=key, comment=comment
            )
        except BadDefinition as failure:
            raise in_words(failure, setting) from failure
        frame.new_form_key(draft.place)
        draft.forget()
        editing.release()
        st.toast("Saved.", icon=":material/check:")
        if entry.slug == NEW:
            st.query_params["entry"] = slug
            st.session_state.pop(f"pick-{setting.kind}", None)
        st.rerun()


def leave() -> None:
    """Back to the first entry."""
    st.query_params.pop("entry", None)
    editing.release()
    st.rerun()


main()
