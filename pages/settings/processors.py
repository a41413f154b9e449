"""Card processors: the type first, then the fields of that type alone; credentials are written and never shown."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import streamlit as st
from pydantic import create_model

from billing.processors import overview
from billing.processors.credentials import set_credentials
from billing.processors.overview import Listed
from billing.processors.settings import CREDENTIALS, ONLINE, TYPES, Processor
from data.definitions import BadDefinition, Document
from pages.components import definition_form, definition_history, editing, frame, show
from pages.components.account_actions import site
from pages.components.definition_form import Field
from pages.components.draft_form import Draft
from pages.settings.editor_choices import choices, in_words
from pages.settings.kinds import BY_KIND
from security import settings
from security.settings import Entry

NEW, KIND = "new", "processor"
SETTING = BY_KIND[KIND]
LEFT_OUT = {"terminal": ("takes_online", "test"), "stripe": ("merchant_id",), "authorize_net": ("merchant_id",)}


def main() -> None:
    """The list, then one of them."""
    by = frame.actor()
    found = overview.processors_listed(by=by)
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head("Card processors", "Cards are charged on the processor's own page. No card number comes here.")
    if action.button("Add processor", icon=":material/add:", key="add", type="secondary" if found else "primary"):
        st.query_params["entry"] = NEW
        editing.release()
        st.session_state.pop("pick-processor", None)
    if st.query_params.get("entry") == NEW:
        add()
    elif not found:
        st.info(
            "There is no processor yet. Add the one your card terminal belongs to: its settlements and deposits are "
            "read by what you say here.", icon=":material/info:",
        )  # fmt: skip
    else:
        chosen = choose(found)
        st.caption(" · ".join((TYPES[chosen.document.type], chosen.state)))
        edit(Entry(chosen.slug, chosen.number, chosen.document.model_dump(mode="json")), chosen.document.type)
        if chosen.document.type in ONLINE:
            credentials(chosen)
        history(chosen)
        where_online()


def choose(found: list[Listed]) -> Listed:
    """Which of them."""
    names = {one.slug: one.document.label + ("" if one.document.active else " (off)") for one in found}
    wanted = st.query_params.get("entry", "")
    start = wanted if wanted in names else found[0].slug
    picked = st.pills(
        "Processor", list(names), default=start, format_func=names.__getitem__, key="pick-processor",
        label_visibility="collapsed",
    )  # fmt: skip
    return next(one for one in found if one.slug == (picked or start))


def add() -> None:
    """A new one: its type decides what is asked."""
    kind = st.segmented_control(
        "Which processor?", list(TYPES), format_func=TYPES.__getitem__, key="new-type", selection_mode="single"
    )
    if kind:
        edit(Entry(NEW, 0, {}), str(kind))
    if st.button("Leave without saving", key="leave", type="tertiary"):
        st.query_params.pop("entry", None)
        editing.release()
        st.rerun()


def part(kind: str) -> type[Document]:
    """The document with the fields of one type."""
    left_out = ("type", *LEFT_OUT.get(kind, ()))
    fields: Any = {
        name: (info.annotation, info) for name, info in Processor.model_fields.items() if name not in left_out
    }
    return create_model("Part", __base__=Document, **fields)


@st.fragment
def edit(current: Entry, kind: str) -> None:
    """The form of one processor."""
    place = f"processor-{current.slug}-{kind}"
    entry = editing.held(place, current)
    draft = Draft(f"setting:{place}", version=entry.number)
    empty = Processor(label="x", type=kind).model_dump(mode="json") | {"label": ""}  # type: ignore[arg-type]
    fields = SETTING.fields | {"zone": Field("Time zone of its day", words=ZONES)}
    with st.container(border=True):
        draft.line()
        begin = draft.over(empty | entry.body)
        key = draft.key(f"{place}-{entry.number}")
        entered = definition_form.draw(part(kind), begin, fields, key=key, choices=choices)
        draft.keep(entered)
        if st.button("Save processor", type="primary", key=f"save-{place}"):
            save(entry, empty | entry.body | entered | {"type": kind}, draft)


ZONES = {"": "As the clinic"} | {zone: zone for zone in sorted(available_timezones())}


def save(entry: Entry, body: dict[str, Any], draft: Draft) -> None:
    """Save what the form holds."""
    with frame.refusals():
        slug = entry.slug
        if slug == NEW:
            taken = {found.slug for found in settings.entries(KIND, by=frame.actor())}
            slug = settings.slug_for(str(body["label"])[:36], taken)
        key = frame.form_key(draft.place)
        try:
            settings.save_definition(KIND, slug, body, expected=entry.number, by=frame.actor(), key=key)
        except BadDefinition as failure:
            raise in_words(failure, SETTING) from failure
        frame.new_form_key(draft.place)
        draft.forget()
        editing.release()
        st.query_params["entry"] = slug
        st.session_state.pop("pick-processor", None)
        st.toast("Saved.", icon=":material/check:")
        st.rerun()


def credentials(chosen: Listed) -> None:
    """What signs us in: only written. And where the processor's messages reach us."""
    have, names = chosen.credentials, CREDENTIALS[chosen.document.type]
    st.markdown("## Credentials")
    if have.names:
        listed = ", ".join(names[name].lower() for name in have.names)
        st.caption(f"Set on {show.moment(have.at)} by {frame.plain(have.by)}: {listed}. They are not shown again.")
    turn = st.session_state.setdefault("credentials-turn", 0)
    columns = st.columns(len(names))
    typed = {
        name: column.text_input(
            label, type="password", key=f"secret-{chosen.slug}-{name}-{turn}", autocomplete="off", max_chars=400,
            live="200ms", placeholder="stays as it is" if name in have.names else "",
        )
        for column, (name, label) in zip(columns, names.items(), strict=True)
    }  # fmt: skip
    with st.container(horizontal=True):
        place = f"credentials-{chosen.slug}"
        saved = st.button("Save credentials", key=place)
        tried = st.button("Test the connection", key=f"try-{chosen.slug}", disabled=bool(have.missing))
    if saved:
        with frame.refusals():
            set_credentials(chosen.slug, typed, by=frame.actor(), key=frame.form_key(place))
            frame.new_form_key(place)
            st.session_state["credentials-turn"] = turn + 1
            st.toast("Credentials saved.", icon=":material/check:")
            st.rerun()
    if tried:
        with frame.refusals(), st.spinner("Asking the processor"):
            st.success(overview.try_connection(chosen.slug, by=frame.actor()), icon=":material/check_circle:")
    st.markdown(
        "**Address for its messages**",
        help="Enter it at the processor as the address for webhooks, callbacks or notifications. Without it payments "
        "are asked about every half a minute while a page is open.",
    )
    st.code(site() + chosen.notices, language=None, wrap_lines=True)


def history(chosen: Listed) -> None:
    """Versions, and the way back."""
    with st.expander("History"):
        definition_history.draw(
            settings.setting_history(KIND, chosen.slug, by=frame.actor()), key=f"history-{chosen.slug}",
            roll_back=lambda number, key: (
                settings.roll_back_definition(
                    KIND, chosen.slug, number, expected=chosen.number, by=frame.actor(), key=key
                ),
                editing.release(),
            ),
        )  # fmt: skip


def where_online() -> None:
    """Which one a client pays at, by location."""
    st.markdown("## Paying online")
    rows = overview.online_by_location(by=frame.actor())
    st.dataframe(
        [{"Location": place, "Clients pay at": name or "nowhere yet"} for place, name in rows.items()],
        hide_index=True, width="stretch",
    )  # fmt: skip


main()
