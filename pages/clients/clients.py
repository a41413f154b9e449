"""Finding a client or patient; the way to everything kept on them."""

import streamlit as st

from pages.clients.lines import line
from pages.components import frame, show
from pages.components.rows import rows
from records import search
from records.search import Found


@frame.kept_for(60)
def counted() -> tuple[int, int]:
    """How many clients and patients, as of a minute ago."""
    return search.how_many(by=frame.actor())


@st.fragment
def find() -> None:
    """The search box and what it finds, run alone while somebody types."""
    query = st.text_input(
        "Find a client or patient", key="client_query", type="search", live="200ms", icon=":material/search:",
        placeholder="Name, phone, microchip or number", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    by = frame.actor()
    with frame.refusals():
        if query.strip():
            found = search.find(query, by=by, limit=30)
            st.caption(_outcome(query, found))
        else:
            found = search.recent(by=by)
            st.caption("Added or changed last")
        if found:
            opened = rows([line(one) for one in found], path="/client", label="Clients", key="client_rows")
            if opened:
                st.switch_page("clients/client.py", query_params={"id": opened})
        elif not query.strip():
            st.info("There are no clients yet. Add the first one, or bring yours in under Settings, Import.")


def _outcome(query: str, found: list[Found]) -> str:
    if not found:
        short = len(query.strip()) < search.SHORTEST
        return "Type one more letter." if short else "Nobody found. Try fewer letters, a phone number or a pet's name."
    if len(found) == 30:
        return "The 30 likeliest. Type more to narrow them down."
    return "1 client" if len(found) == 1 else f"{len(found)} clients"


clients, living = counted()
with frame.head("Clients & patients", f"{show.number(clients)} clients · {show.number(living)} living patients"):
    if "clients.edit" in frame.may() and st.button(
        "Add client", type="primary", icon=":material/person_add:", key="add_client"
    ):
        st.switch_page("clients/new_client.py")
find()
