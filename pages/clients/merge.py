"""Two records of one person, side by side; choosing what stays."""

from itertools import cycle

import streamlit as st

from pages.clients.lines import line
from pages.components import frame
from pages.components.rows import rows
from records import merging, search
from records.clients import OWNER_TYPES
from records.merging import FIELDS, Side

COUNTS = {
    "patients": "patient", "appointments": "appointment", "documents": "document", "invoices": "invoice",
    "notes": "note", "payments": "payment", "consents": "consent",
}  # fmt: skip


def choose(name: str, label: str, other: str) -> None:
    """Find one of the two."""
    query = st.text_input(label, key=f"merge_{name}", type="search", live="200ms", placeholder="Name, phone or number")
    found = [line(one) for one in search.find(query, by=frame.actor(), limit=8) if one.id != other]
    if found:
        chosen = rows(found, path="/client", label=label, key=f"merge_rows_{name}")
        if chosen:
            st.query_params[name] = chosen
            st.rerun()


def draw(stays_id: str, goes_id: str) -> None:
    """The comparison and the merge."""
    stays, goes = merging.compare(stays_id, goes_id, by=frame.actor())
    if st.button("Swap the two", icon=":material/swap_horiz:", key="swap", type="tertiary"):
        st.query_params.from_dict({"stays": goes_id, "goes": stays_id})
        st.rerun()
    left, right = st.columns(2, gap="medium")
    for column, side, words in ((left, stays, "stays"), (right, goes, "is merged into it")):
        with column, st.container(border=True):
            st.markdown(f"**Client {side.client.number}** {words}")
            st.caption(hanging(side))
    take = differences(stays, goes)
    st.warning("Merging cannot be undone. Both numbers will find the client that stays.", icon=":material/merge:")
    sure = st.checkbox("These are the same person", key="merge_sure")
    label = f"Merge client {goes.client.number} into {stays.client.number}"
    if st.button(label, type="primary", key="merge", disabled=not sure):
        place = f"merge:{stays_id}:{goes_id}"
        merging.merge(
            stays_id, goes_id, versions=(stays.client.version, goes.client.version), take=frozenset(take),
            by=frame.actor(), key=frame.form_key(place),
        )  # fmt: skip
        frame.new_form_key(place)
        st.switch_page("clients/client.py", query_params={"id": stays_id})


def differences(stays: Side, goes: Side) -> set[str]:
    """Where the two differ, which value to keep; returns the fields taken from the one that goes."""
    missing = {field for field in FIELDS if not stays.value(field) and goes.value(field)}
    take = set(missing)
    filled = [field for field in FIELDS if stays.value(field) and goes.value(field)]
    different = [field for field in filled if stays.value(field) != goes.value(field)]
    both = {"stays": stays, "goes": goes}
    if different:
        st.subheader("Which details to keep", anchor=False)
    for field, column in zip(different, cycle(st.columns(2)), strict=False):
        sides = {name: OWNER_TYPES.get(side.value(field), side.value(field)) for name, side in both.items()}
        kept = column.radio(
            FIELDS[field], list(sides), horizontal=True, key=f"keep_{field}_{stays.client.id}",
            format_func=lambda side, sides=sides: unlinked(sides[side]),
        )  # fmt: skip
        if kept == "goes":
            take.add(field)
    if missing:
        names = ", ".join(FIELDS[field].lower() for field in FIELDS if field in missing)
        st.caption(f"Taken from client {goes.client.number}, as the other has none: {names}.")
    return take


def unlinked(text: str) -> str:
    """A value as it stands; an e-mail address does not become a link."""
    return frame.plain(text).replace("@", "@\u2060")


def hanging(side: Side) -> str:
    """What hangs on a client, in words."""
    parts = [f"{count} {COUNTS[name]}{'' if count == 1 else 's'}" for name, count in side.counts.items() if count]
    return f"{frame.plain(side.client.first_name)} {frame.plain(side.client.last_name)} · {', '.join(parts) or 'empty'}"


stays, goes = st.query_params.get("stays", ""), st.query_params.get("goes", "")
frame.head("Merge two clients", "Everything of one moves to the other.")
if stays and goes:
    draw(stays, goes)
elif stays:
    choose("goes", "Find the client to merge into this one", stays)
else:
    choose("stays", "Find the client that stays", goes)
