"""One appointment: what it is, and what can be done with it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from appointments import booking, days, flow
from appointments.booking import Details
from appointments.days import Choices
from appointments.roster import CONSENTS, HistoryLine, Opened, RosterRow, open_appointment
from appointments.stages import BEFORE_ARRIVAL
from appointments.times import local_of, read_time
from pages.appointments import dialogs, told
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.frame import plain
from pages.components.record_fields import custom_answers, custom_fields, custom_start, shown_answers
from records import custom
from records.settings import CustomField

REASONS = ("Client asked", "Client ill", "Patient ill", "Could not catch the animal", "Clinic closed", "Other")


def show_appointment(appointment_id: str) -> None:
    """Open the dialog on an appointment."""
    frame.new_form_key("appointment")
    dialogs.open_with("visit_", _dialog, place=f"visit:{appointment_id}", appointment_id=appointment_id)


@st.dialog("Appointment", width="large", on_dismiss=dialogs.close)
def _dialog(appointment_id: str) -> None:
    with frame.refusals():
        opened = open_appointment(appointment_id, by=frame.actor())
        row = opened.row
        own = custom.fields_of("appointment", by=frame.actor())
        _head(row, shown_answers(own, opened.answers))
        may = frame.may()
        if "appointments.book" in may:
            form = _typed(row, custom_start(own, opened.answers))
            try:
                _act(row, may)
                form.line()
                if row.stage in (*BEFORE_ARRIVAL, "cancelled", "no_show"):
                    _tabs(opened, form, own, may)
                elif not row.restricted:
                    with st.expander("Change details"):
                        _details(row, form, own)
            finally:
                if form.open:
                    form.keep()
        if opened.history:
            with st.expander("History"):
                for line in opened.history:
                    st.caption(_line(line))


def _typed(row: RosterRow, own: dict[str, Any]) -> DraftForm:
    """The fields of all tabs as one form: what was typed into any of them is kept."""
    start = own | {
        "place": row.location_id, "type": row.type, "day": row.day,
        "time": show.clock_time(local_of(row.starts_at, row.zone).time()), "services": list(row.service_codes),
        "funding": row.funding_code, "provider": row.provider_id or "", "caution": row.own_caution,
        "notes": row.notes, "reason": None,
    }  # fmt: skip
    return DraftForm(f"visit:{row.id}", start, prefix="visit_", version=row.version)


def _head(row: RosterRow, own: list[tuple[str, str]]) -> None:
    when = local_of(row.starts_at, row.zone)
    st.markdown(f"### {plain(row.animal)} · {plain(row.owner)}")
    what = plain(f"{row.type_label} · {row.location}")
    day = show.day(row.day, style="heading")
    st.markdown(f"{day}, {show.clock_time(when.time())} · {what} · **{plain(row.stage_label)}**")
    animal = [row.species, row.details[1], show.age(row.born_on, on=row.day, estimated=row.born_estimated, missing=""),
              show.weight(row.weight_grams, both=True, missing="")]  # fmt: skip
    facts = {
        "Number": str(row.number),
        "Patient": " · ".join(part for part in animal if part),
        "Phone": show.phone(row.phone),
        "Services": ", ".join(row.services),
        "Funding": row.funding + (f", {show.money(row.promised_cents)} promised" if row.promised_cents else ""),
        "Provider": row.provider,
        "Consent": CONSENTS[row.consent],
        "Owed": show.money(row.owed_cents) if row.owed_cents else "",
        "Deposit": show.money(row.deposit_cents) if row.deposit_cents else "",
        "Notes": row.notes,
        "Canceled because": row.cancel_reason,
    }
    facts |= {frame.plain(label): text for label, text in own}
    if row.caution:
        st.warning(plain(row.caution), icon=":material/warning:")
    known = [(label, text) for label, text in facts.items() if text]
    for at in range(0, len(known), 2):
        for place, (label, text) in zip(st.columns(2), known[at : at + 2], strict=False):
            place.markdown(f":small[{label}]  \n{plain(text)}")


def _act(row: RosterRow, may: frozenset[str]) -> None:
    """The one-click steps."""
    expected, on_site = row.stage in BEFORE_ARRIVAL, row.stage not in (*BEFORE_ARRIVAL, "cancelled", "no_show")
    undo = {"cancelled": "Undo cancellation", "no_show": "Undo no-show"}.get(row.stage, "")
    steps = (
        (expected and "flow.move" in may and row.day == show.today(), "Check in", "how_to_reg", _check_in),
        (row.stage in ("requested", "booked"), "Confirm", "check", _confirm),
        (expected and row.day <= show.today(), "Mark no-show", "person_off", _no_show),
        (bool(undo), undo, "undo", _restore),
        (expected and "billing.checkout" in may, "Take a deposit", "payments", _deposit),
        (True, "Open client", "person", _open_client),
        (on_site and "flow.view" in may, "Open clinical record", "stethoscope", _open_record),
        ("outage.print" in may and row.stage not in ("cancelled", "no_show"), "Print forms", "print", _print_forms),
    )
    with st.container(horizontal=True):
        for offered, label, icon, step in steps:
            kind = "primary" if step in (_check_in, _restore) else "secondary"
            key = f"visit{step.__name__}"
            if offered and st.button(label, icon=f":material/{icon}:", key=key, type=kind):
                step(row)


def _check_in(row: RosterRow) -> None:
    flow.advance(row.id, row.stage, "checked_in", by=frame.actor(), key=frame.form_key("appointment"))
    _done(f"{row.animal} is checked in.")


def _confirm(row: RosterRow) -> None:
    booking.confirm(row.id, version=row.version, by=frame.actor(), key=frame.form_key("appointment"))
    _done(f"The appointment of {row.animal} is confirmed.")


def _no_show(row: RosterRow) -> None:
    booking.mark_no_show(row.id, version=row.version, by=frame.actor(), key=frame.form_key("appointment"))
    _done(f"{row.animal} is marked as a no-show.")


def _restore(row: RosterRow) -> None:
    beyond = bool(st.session_state.get("visit_beyond"))
    key = frame.form_key("appointment")
    booking.restore(row.id, version=row.version, by=frame.actor(), overbook=beyond, key=key)
    _done(f"{row.animal} is booked again.")


def _deposit(row: RosterRow) -> None:
    dialogs.close()
    st.switch_page("today/ticket.py", query_params={"visit": row.id})


def _open_client(row: RosterRow) -> None:
    dialogs.close()
    st.switch_page("clients/client.py", query_params={"id": row.client_id})


def _open_record(row: RosterRow) -> None:
    dialogs.close()
    st.switch_page("today/visit.py", query_params={"id": row.id})


def _print_forms(row: RosterRow) -> None:
    dialogs.close()
    st.switch_page("paper/print.py", query_params={"appointment": row.id})


def _tabs(opened: Opened, form: DraftForm, own: dict[str, CustomField], may: frozenset[str]) -> None:
    row = opened.row
    names = ["Move"] + ["Details"] * (not row.restricted) + ["Cancel"] * (row.stage in BEFORE_ARRIVAL)
    for name, tab in zip(names, st.tabs(names), strict=True):
        with tab:
            if name == "Move":
                _move(row, form, may)
            elif name == "Details":
                _details(row, form, own)
            else:
                _cancel(opened, form)


def _move(row: RosterRow, form: DraftForm, may: frozenset[str]) -> None:
    offered = days.choices(by=frame.actor())
    places = list(offered.locations) if row.location_id in offered.locations else [row.location_id, *offered.locations]
    place = row.location_id
    if len(places) > 1:
        form.among("place", places)
        place = st.selectbox(
            "Location", places, key=form.key("place"),
            format_func=lambda id: offered.locations[id].name if id in offered.locations else row.location,
        )  # fmt: skip
    columns = st.columns([3, 2, 2])
    kinds = list(offered.types) if row.type in offered.types else [row.type, *offered.types]
    form.among("type", kinds)
    kind = columns[0].selectbox(
        "Type", kinds, key=form.key("type"),
        format_func=lambda slug: offered.types[slug].label if slug in offered.types else row.type_label,
    )  # fmt: skip
    day = columns[1].date_input("New day", key=form.key("day"), format=show.date_pattern()) or row.day
    times = _times(offered, place, kind, day)
    options = list(dict.fromkeys([*([] if form["time"] in times else [form["time"]]), *times]))
    typed = columns[2].selectbox(
        "New time", options, accept_new_options=True, key=form.key("time"),
        help="Choose a time, or type another one, such as 8:40.",
    )  # fmt: skip
    beyond = "appointments.overbook" in may and st.checkbox("Even if the day is full or closed", key="visit_beyond")
    past = day < show.today() and st.checkbox("This day is over; move it there anyway", key="visit_past")
    word = "Move" if row.stage in BEFORE_ARRIVAL else "Book again"
    if (
        st.button(f"{word} to {show.day(day, style='weekday')}, {typed}", type="primary", key="visit_move")
        and not form.newer
    ):
        booking.move(
            row.id, day=day, time=read_time(typed or ""), location_id=place, type=kind, version=row.version,
            by=frame.actor(), overbook=beyond, past=past, key=frame.form_key("appointment"),
        )  # fmt: skip
        form.forget()
        _done(f"Moved to {show.day(day, style='weekday')} at {typed}.")


def _times(offered: Choices, place: str, kind: str, day: object) -> list[str]:
    if place not in offered.locations or kind not in offered.types:
        return []
    return [show.clock_time(slot) for slot in days.slots(offered.locations[place], offered.types[kind], day)]  # type: ignore[arg-type]


def _details(row: RosterRow, form: DraftForm, own: dict[str, CustomField]) -> None:
    offered = days.choices(by=frame.actor())
    codes = list(dict.fromkeys([*offered.services, *row.service_codes]))
    old = dict(zip(row.service_codes, row.services, strict=True))
    form.among("services", codes)
    services = st.multiselect(
        "Services", codes, key=form.key("services"),
        format_func=lambda code: offered.services.get(code, old.get(code)),
    )  # fmt: skip
    left, right = st.columns(2)
    funds = list(dict.fromkeys(["", *offered.funds, row.funding_code]))
    form.among("funding", funds)
    funding = left.selectbox(
        "Funding", funds, key=form.key("funding"),
        format_func=lambda code: offered.funds.get(code, row.funding if code else "Client pays"),
    )  # fmt: skip
    people = list(dict.fromkeys(["", *offered.providers, row.provider_id or ""]))
    form.among("provider", people)
    provider = right.selectbox(
        "Provider", people, key=form.key("provider"),
        format_func=lambda id: offered.providers.get(id, row.provider if id else "Anyone"),
    )  # fmt: skip
    left, right = st.columns(2)
    caution = left.text_input("Caution for this visit", key=form.key("caution"), live=form.live, autocomplete="off")
    notes = right.text_input("Notes", key=form.key("notes"), live=form.live, autocomplete="off")
    custom_fields(form, own)
    if st.button("Save details", type="primary", key="visit_save") and not form.newer:
        details = Details(services, funding, notes, caution, provider or None, custom_answers(form, own))
        booking.change(row.id, details, version=row.version, by=frame.actor(), key=frame.form_key("appointment"))
        form.forget()
        _done("Saved.")


def _cancel(opened: Opened, form: DraftForm) -> None:
    row, paid = opened.row, show.money(opened.paid_ahead_cents)
    reasons = list(dict.fromkeys([*([form["reason"]] if form["reason"] else []), *REASONS]))
    reason = st.selectbox(
        "Reason", reasons, accept_new_options=True, key=form.key("reason"),
        placeholder="Choose a reason or type one",
    )  # fmt: skip
    keep = False
    if row.restricted or opened.paid_ahead_cents:
        what = "anything" if row.restricted else f"the {paid}"
        note = "Until it is refunded or the visit is booked again."
        keep = st.checkbox(plain(f"The ticket keeps {what} paid ahead"), key="visit_keep", help=note)
    if st.button("Cancel appointment", key="visit_cancel", icon=":material/event_busy:") and not form.newer:
        key = frame.form_key("appointment")
        booking.cancel(row.id, reason or "", version=row.version, keep_deposit=keep, by=frame.actor(), key=key)
        form.forget()
        _done(f"The appointment of {row.animal} is canceled.")


def _line(line: HistoryLine) -> str:
    what = "moved in the calendar" if line.from_stage == line.to_stage else line.label
    parts = [show.moment(line.event_at), f"back to {what.lower()}" if line.reverts else what]
    if line.who:
        parts.append(f"by {line.who}")
    if line.reason:
        parts.append(line.reason)
    if line.source == "paper":
        parts.append("from paper")
    return plain(" · ".join(parts))


def _done(sentence: str) -> None:
    frame.new_form_key("appointment")
    told.tell(sentence)
    dialogs.close()
    st.rerun()
