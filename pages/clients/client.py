"""Everything kept on one client, in five tabs."""

import streamlit as st

from pages.appointments import dialogs, told
from pages.appointments.book_dialog import open_booking
from pages.clients import appointments_tab, billing_tab, documents_tab, info_tab, notes_tab
from pages.components import frame, show
from records import clients
from records.clients import OWNER_TYPES, OpenedClient

TABS = {
    "Info": (info_tab.draw, None),
    "Appointments": (appointments_tab.draw, "appointments.view"),
    "Notes": (notes_tab.draw, None),
    "Documents": (documents_tab.draw, None),
    "Billing": (billing_tab.draw, "billing.view"),
}


def draw(client_id: str) -> None:
    """The page of one client."""
    may = frame.may()
    opened = clients.open_client(client_id, by=frame.actor())
    if "book_for_client" not in st.session_state:  # one has just come here; what was open elsewhere is not open here
        dialogs.close()
    with frame.head(opened.name, facts(opened)):
        if "clients.merge" in may and st.button("Merge", icon=":material/merge:", key="merge_client", type="tertiary"):
            st.switch_page("clients/merge.py", query_params={"stays": opened.client.id})
        if "appointments.book" in may and st.button(
            "Book appointment",
            icon=":material/calendar_add_on:",
            key="book_for_client",
            type="secondary" if st.session_state.get(f"edit_client:{opened.client.id}") else "primary",
        ):
            open_booking(client_id=opened.client.id)
    told.say()
    if opened.client.caution:
        st.warning(frame.plain(opened.client.caution), icon=":material/warning:")
    shown = {name: tab for name, (tab, permission) in TABS.items() if permission is None or permission in may}
    for (name, tab), place in zip(shown.items(), st.tabs(list(shown), key="tab", bind="query-params"), strict=True):
        if place.open:
            with place, st.container(key=f"tab_{name.lower()}"), frame.refusals():
                tab(opened, may)
    dialogs.draw()


def facts(opened: OpenedClient) -> str:
    """Number, phone and what else tells one client from another."""
    client = opened.client
    merged = f"also {', '.join(str(number) for number in opened.merged)}" if opened.merged else ""
    kind = OWNER_TYPES.get(client.owner_type, client.owner_type) if client.owner_type != "public" else ""
    parts = (f"Client {client.number}", merged, show.phone(client.phone), kind)
    return " · ".join(part for part in parts if part)


if st.query_params.get("id"):
    draw(st.query_params["id"])
else:
    frame.head("Client", "Find the client first.")
    st.page_link("clients/clients.py", label="Find a client", icon=":material/search:")
