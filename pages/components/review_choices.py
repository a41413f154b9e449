"""What can be said of a page that waits: the choices for each reason, the likeliest first, under Enter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Literal

import streamlit as st

from outage import sheets
from outage.page_answers import (
    ASIDE,
    KINDS,
    Answer,
    AttachAs,
    BindTo,
    Destroy,
    KeepFirst,
    NoCard,
    PutAside,
    PutToSheet,
    TakeThis,
)
from outage.review import ReviewRow
from outage.sheets import SheetPages, VisitChoice
from pages.components import frame, show
from records import search

OURS, OTHER, ASIDE_ = "A form of ours", "Other paper", "Put aside"
UNREAD = ("code_unreadable", "codes_differ", "unknown", "refused", "reopened", "no_code", "blank")
Say = Callable[[Answer], None]


def draw(row: ReviewRow, say: Say, day: date) -> None:
    """The choices for one page; ``say`` carries an answer out. ``day`` is the day whose visits are offered first."""
    if row.closed:
        st.info(
            "The client's record is restricted. Somebody who may open it settles this page.", icon=":material/lock:"
        )
        return
    if row.reason == "unbound":
        _whose(row, say, day)
    elif row.reason == "maybe_card":
        _card_number(row, say)
        _also("No card number is on it: keep the page", row, lambda: say(NoCard()))
    elif row.reason == "duplicate":
        _main("Keep the first scan", row, lambda: say(KeepFirst()))
        _also("Replace the first scan by this one", row, lambda: say(TakeThis()))
    elif row.reason == "spoiled":
        _main("Count the sheet after all", row, lambda: say(TakeThis()))
    elif row.reason == "not_placed":
        st.caption("Its boxes cannot be read; whoever enters the sheet reads them from the picture.")
        _main("Attach it as it is", row, lambda: say(TakeThis()))
    if not row.has_picture:
        _main("Put it aside: the paper is scanned again", row, lambda: say(PutAside("scan_again")))
    elif row.reason in UNREAD:
        _what_it_is(row, say, day)
    else:
        with st.expander("It is something else", key=f"else_{row.id}"):
            _what_it_is(row, say, day, enter=False)
    if row.has_picture and row.reason != "maybe_card":
        _card_number(row, say)


def _what_it_is(row: ReviewRow, say: Say, day: date, *, enter: bool = True) -> None:
    first = {"blank": ASIDE_, "no_code": OTHER}.get(row.reason, OURS)
    chosen = st.segmented_control(
        "What this page is", [OURS, OTHER, ASIDE_], default=first, key=f"is_{row.id}", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    if chosen == OURS:
        _sheet(row, say, day, enter)
    elif chosen == OTHER:
        _other(row, say, day, enter)
    else:
        _aside(row, say, enter)


def _sheet(row: ReviewRow, say: Say, day: date, enter: bool) -> None:
    """By the code under the square, or from the list."""
    code = st.text_input(
        "Code under the square", key=f"code_{row.id}", placeholder="25 letters and digits", autocomplete="off",
        max_chars=40,
    )  # fmt: skip
    day = _day(row, day, "sheet")
    offered = {sheet.id: sheet for sheet in sheets.sheets_of_day(day, by=frame.actor())}
    labels = {sheet.id: _sheet_label(sheet) for sheet in offered.values()}
    chosen = st.selectbox(
        "Or choose the sheet", list(offered), index=None, key=f"sheet_{row.id}", disabled=bool(code),
        format_func=labels.__getitem__, placeholder="Type a name or the number of the sheet",
    )  # fmt: skip
    number, taken = 1, False
    if chosen and not code:
        sheet = offered[chosen]
        if sheet.of > 1:
            number = st.segmented_control(
                "Page", list(range(1, sheet.of + 1)), default=(sheet.missing or [1])[0], required=True,
                key=f"number_{row.id}_{chosen}",
                format_func=lambda one: f"{one}" + ("" if one in sheet.missing else " (scanned)"),
            )  # fmt: skip
        taken = number not in sheet.missing
    replace = st.checkbox("Replace the earlier scan", key=f"replace_{row.id}") if taken or code else False
    if code or chosen:
        answer = PutToSheet(code=code, replace=replace)
        if not code:
            answer = PutToSheet(sheet_id=str(chosen), page=int(number or 1), replace=replace)
        _main("Attach to this sheet", row, lambda: say(answer), enter=enter)


def _sheet_label(sheet: SheetPages) -> str:
    left = f"page {', '.join(map(str, sheet.missing))} missing" if sheet.missing else "all pages scanned"
    return " · ".join(part for part in (sheet.who, sheet.title, f"sheet {sheet.serial}", left) if part)


def _whose(row: ReviewRow, say: Say, day: date) -> None:
    """Blank stock: whose it is."""
    visit = _visit(row, day, "whose")
    if visit:
        _main("Attach to this visit", row, lambda: say(BindTo(visit)))
    st.caption("A walk-in who is in no list yet: leave this page, and enter the registration sheet first.")


def _other(row: ReviewRow, say: Say, day: date, enter: bool) -> None:
    kind = st.selectbox("What it is", list(KINDS), index=None, key=f"kind_{row.id}", format_func=KINDS.__getitem__,
                        placeholder="Choose")  # fmt: skip
    to = st.segmented_control("Whose it is", ["Visit", "Client"], default="Visit", key=f"to_{row.id}", required=True)
    visit = client = ""
    if to == "Visit":
        visit = _visit(row, day, "other")
    else:
        client = _client(row)
    if kind and (visit or client):
        answer = AttachAs(str(kind), appointment_id=visit, client_id=client)
        _main("Attach it", row, lambda: say(answer), enter=enter)


def _aside(row: ReviewRow, say: Say, enter: bool) -> None:
    st.caption("It stays in the scan and belongs to nobody.")
    main = "blank" if row.reason == "blank" else ""
    if main:
        _main(ASIDE["blank"], row, lambda: say(PutAside("blank")), enter=enter)
    for why, label in ASIDE.items():
        if why != main:
            _also(label, row, lambda why=why: say(PutAside(why)))  # type: ignore[misc]


def _day(row: ReviewRow, day: date, what: str) -> date:
    return st.date_input("Day", day, key=f"day_{what}_{row.id}", format=show.date_format(), width=160)  # type: ignore[arg-type]


def _visit(row: ReviewRow, day: date, what: str) -> str:
    day = _day(row, day, what)
    visits = {visit.id: _visit_label(visit) for visit in sheets.visits_of_day(day, by=frame.actor())}
    chosen = st.selectbox(
        "Visit", list(visits), index=None, key=f"visit_{what}_{row.id}", placeholder="Type a patient or client",
        format_func=visits.__getitem__,
    )  # fmt: skip
    return str(chosen or "")


def _visit_label(visit: VisitChoice) -> str:
    return f"{show.clock_time(visit.starts_at)} · {visit.who} · {visit.number}"


def _client(row: ReviewRow) -> str:
    words = st.text_input("Find the client", key=f"find_{row.id}", live=True, autocomplete="off", max_chars=80,
                          placeholder="Name, phone or number")  # fmt: skip
    found = {one.id: one for one in search.find(words or "", by=frame.actor(), limit=12) if not one.restricted}
    if words and not found:
        st.caption("No client fits that.")
    if not found:
        return ""
    chosen = st.radio("Client", list(found), key=f"client_{row.id}", format_func=lambda id: frame.plain(found[id].name))
    return str(chosen or "")


def _card_number(row: ReviewRow, say: Say) -> None:
    """Destroying a page, never one key away; where one may be there, keeping it is not under Enter either."""
    asked = row.reason == "maybe_card"
    with st.popover(
        "A card number is on it", icon=":material/credit_card_off:", key=f"card_{row.id}",
        type="secondary" if asked else "tertiary", width="stretch" if asked else "content",
    ):  # fmt: skip
        st.markdown(
            "The page is cut out of what is kept and its pictures are destroyed. This cannot be taken back. "
            "Shred the paper."
        )
        if st.button("Destroy this page", key=f"destroy_{row.id}", icon=":material/delete_forever:"):
            say(Destroy())


def _main(label: str, row: ReviewRow, press: Callable[[], None], *, enter: bool = True) -> None:
    _button(label, row, press, "primary" if enter else "secondary", "Enter" if enter else None)


def _also(label: str, row: ReviewRow, press: Callable[[], None]) -> None:
    _button(label, row, press, "secondary", None)


def _button(
    label: str, row: ReviewRow, press: Callable[[], None], kind: Literal["primary", "secondary"], shortcut: str | None
) -> None:
    if st.button(label, key=f"{label}_{row.id}", type=kind, shortcut=shortcut, width="stretch"):
        press()
