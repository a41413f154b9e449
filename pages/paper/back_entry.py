"""Back entry: the paper of an outage becomes records, one visit after the other."""

from __future__ import annotations

import contextlib
from typing import Any

import streamlit as st

from data.errors import NotFound, Refusal, SessionEnded
from outage import entry, outages, sheets
from outage.typed import NotReadable
from outage.walk_ins import MayBe, may_be
from pages.components import entry_form, frame, show
from pages.components.entry_form import Act, Said, Values
from security import drafts

STATE = "_back_entry"
WAITS = ("waiting", "begun", "printed")
NAMES = ("first_name", "last_name", "phone", "email")


def main() -> None:
    """The page."""
    with frame.refusals():
        outage = outages.current(by=frame.actor())
        told = f"Outage {outage.title(show.wording())}" if outage else "Scanned sheets that are not entered yet"
        action = frame.head("Back entry", told)
        with action:
            _to_look_at(outage.id if outage else None)
        with action, st.popover("Keys", icon=":material/keyboard:"):
            st.markdown(KEYS)
        state = _state(outage.id if outage else None)
        _screen(state)


def _to_look_at(outage_id: str | None) -> None:
    """What stops nobody and somebody should still look at."""
    odd = entry.exceptions(by=frame.actor(), outage_id=outage_id)
    if not odd:
        return
    with st.popover(f"{len(odd)} to look at", icon=":material/rule:"):
        rows = [{"Whose": one.title, "Sheet": f"{one.form}, sheet {one.serial}", "What": one.sentence} for one in odd]
        st.dataframe(rows, hide_index=True, width=560, key="entry_exceptions")


KEYS = """
| | |
|---|---|
| Tab | the next field, as on paper |
| Enter | the next field that needs you |
| 1 to 9, a letter | choose an answer |
| Space | take what was read |
| - | left empty on the paper |
| ? | nobody can read who signed |
| = | as on the line above |
| Enter in an empty line | leave the table |
| Ctrl Enter | save and take the next |
| Alt N | no-show |
| Alt ↑ ↓ | another visit |
"""


def _state(outage_id: str | None) -> dict[str, Any]:
    """What is on the screen: kept while somebody types, read anew when the page is opened."""
    state: dict[str, Any] | None = st.session_state.get(STATE)
    asked = st.query_params.get("id", "")
    if state is None or state["outage"] != outage_id or (asked and asked != state["asked"]):
        state = st.session_state[STATE] = {"outage": outage_id, "asked": asked, "begun": set()}
        _open(state, asked or None)
    return state


@st.fragment
def _screen(state: dict[str, Any]) -> None:
    if state.pop("entered", False):
        st.rerun()  # the head too: how many there are to look at
    entry_form.draw(state["data"], on_draft=lambda *sent: _keep(state, *sent), on_act=lambda act: _do(state, act))


def _open(state: dict[str, Any], which: str | None, said: Said | None = None) -> None:
    """Put a visit on the screen: the one named, else the first that waits."""
    by = frame.actor()
    queue = entry.to_enter(by=by, outage_id=state["outage"])
    left = [one.id for one in queue if one.state in ("begun", "waiting")]
    which = which or (left[0] if left else None)
    opened = None
    if which is not None:
        try:
            opened = entry.open_entry(which, by=by)
        except Refusal as refusal:
            said = said or Said("refused", False, refusal.message)
    draft = drafts.load(_place(opened.id), by=by) if opened is not None else None
    state["data"] = entry_form.prepared(opened, queue, draft)
    state["entry"], state["queue"] = opened, queue
    if said is not None:
        _say(state, said)


def _keep(state: dict[str, Any], stamp: str, values: Values) -> None:
    """Keep what is typed as a draft of this person; the first key says that the sheet is begun."""
    opened: entry.Entry | None = state["entry"]
    if opened is None or stamp != state["data"]["stamp"] or frame.sign_in_state(touch=True) is None:
        return
    by = frame.actor()
    with contextlib.suppress(Refusal):
        drafts.save(_place(opened.id), {"values": values}, by=by)
        for sheet in opened.sheets:
            typed = values.get(sheet.id) or {}
            fresh = sheet.entry == "" and sheet.id not in state["begun"]
            if fresh and typed != state["data"]["values"].get(sheet.id, {}):
                entry.begin(sheet.id, by=by, key=f"begin-{sheet.id}")
                state["begun"].add(sheet.id)
        if opened.kind == "walk_in":
            mine = next(iter(values.values()), {})
            told = {name: str(mine.get(name) or "") for name in NAMES}
            found = [
                {"id": one.id, "name": one.name, "detail": _known(one), "patients": list(one.patients)}
                for one in may_be(told, by=by)
            ]
            state["data"]["matches"] = found


def _known(one: MayBe) -> str:
    return " · ".join(part for part in (f"client {one.number}", show.phone(one.phone)) if part)


def _do(state: dict[str, Any], act: Act) -> None:
    """Carry out what was decided, and say what became of it."""
    if frame.sign_in_state(touch=True) is None:
        _say(state, Said(act.id, False, SessionEnded().message))
        return
    if act.typed and state["entry"] is not None:
        _keep(state, state["data"]["stamp"], act.typed)
    try:
        if act.kind in _DONE:
            _DONE[act.kind](state, act)
    except NotReadable as refusal:
        problems = [(one.sheet, one.key, one.sentence) for one in refusal.problems]
        _say(state, Said(act.id, False, refusal.message, problems))
    except Refusal as refusal:
        _say(state, Said(act.id, False, refusal.message))


def _go(state: dict[str, Any], act: Act) -> None:
    _open(state, act.entry)


def _save(state: dict[str, Any], act: Act) -> None:
    by, opened = frame.actor(), state["entry"]
    if opened is None or opened.id != act.entry:
        raise NotFound(what="visit", name="on the screen")
    if opened.kind == "visit":
        done = entry.enter(opened.id, act.values, by=by, key=act.id)
        told = f"{opened.title} is entered: {done.stage.replace('_', ' ')}."
        if done.exceptions:
            told += f" {len(done.exceptions)} to look at."
        _after(state, act, told)
    elif opened.kind == "walk_in":
        ((sheet, values),) = act.values.items()
        visit = entry.enter_walk_in(sheet, values, by=by, key=act.id)
        drafts.discard(_place(opened.id), by=by)
        _open(state, visit)
        told = "The walk-in is on the roster."
        if any(one.kind == "unbound" for one in state["queue"]):
            told += " Its other sheets stand in the list without a name: open each and choose this visit."
        _say(state, Said(act.id, True, told))
    else:
        ((sheet, values),) = act.values.items()
        logged = entry.enter_bottle(sheet, values, by=by, key=act.id)
        _after(state, act, f"{opened.title}: {logged.written} lines written, {logged.there} already logged.")


def _no_show(state: dict[str, Any], act: Act) -> None:
    title = state["entry"].title
    entry.no_show(act.entry, by=frame.actor(), key=act.id)
    _after(state, act, f"{title} is a no-show.")


def _verify(state: dict[str, Any], act: Act) -> None:
    entry.verify(act.sheet, by=frame.actor(), key=act.id)
    _after(state, act, "The drug lines are verified.")


def _reopen(state: dict[str, Any], act: Act) -> None:
    entry.reopen(act.sheet, act.reason, by=frame.actor(), key=act.id)
    _open(state, act.entry, Said(act.id, True, "The sheet is open again. Saving sets right what was written."))


def _bind(state: dict[str, Any], act: Act) -> None:
    visit = next((one.id for one in state["queue"] if str(one.number) == act.number), None)
    if visit is None:
        raise NotFound(what="visit", name=f"{act.number} on this list")
    sheets.bind(act.entry, visit, by=frame.actor(), key=act.id)
    _open(state, visit, Said(act.id, True, "The sheet is bound to this visit."))


_DONE = {"open": _go, "save": _save, "no_show": _no_show, "verify": _verify, "reopen": _reopen, "bind": _bind}


def _after(state: dict[str, Any], act: Act, told: str) -> None:
    """Take the next that waits, from here on down the list."""
    with contextlib.suppress(Refusal):
        drafts.discard(_place(act.entry), by=frame.actor())
    ids = [one.id for one in state["queue"]]
    at = ids.index(act.entry) if act.entry in ids else 0
    later = [*state["queue"][at + 1 :], *state["queue"][:at]]
    waits = [one for one in later if (one.to_verify if act.kind == "verify" else one.state in WAITS)]
    following = waits[0].id if waits else act.entry
    _open(state, following, Said(act.id, True, told))
    state["entered"] = True


def _say(state: dict[str, Any], said: Said) -> None:
    state["data"]["answer"] = {
        "id": said.id, "ok": said.ok, "message": said.message, "problems": [list(one) for one in said.problems]
    }  # fmt: skip


def _place(entry_id: str) -> str:
    return f"entry:{entry_id}"


main()
