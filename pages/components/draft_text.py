"""A long text that cannot be lost: what is typed goes to the server after a short pause and is kept as a draft, there
again after a refresh or a new sign-in.

Streamlit's own text area tells the server nothing before it is left. The text reaches the browser as the value of a
text area and never as markup.
"""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import frame, show
from security import drafts

HTML = """
<label for="text"><span class="label"></span></label>
<textarea id="text" spellcheck="true" aria-describedby="state"></textarea>
<div class="foot"><span id="state" role="status"></span><span class="count"></span></div>
"""

CSS = """
:host { display: block; }
label { display: block; font: 400 .875rem var(--st-font); color: var(--st-text-color); margin-bottom: .3rem; }
textarea { box-sizing: border-box; width: 100%; min-height: 7rem; padding: .6rem .75rem; resize: vertical;
  font: 400 1rem/1.5 var(--st-font); color: var(--st-text-color);
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
textarea.code { font: 400 .875rem/1.55 var(--st-code-font); min-height: 11rem; tab-size: 2; }
textarea:focus { outline: none; border-color: var(--st-primary-color);
  box-shadow: 0 0 0 1px var(--st-primary-color); }
textarea::placeholder { color: color-mix(in srgb, var(--st-text-color) 55%, transparent); }
.foot { display: flex; justify-content: space-between; gap: 1rem; min-height: 1.2rem; margin-top: .25rem;
  font: 400 .8rem var(--st-font); color: color-mix(in srgb, var(--st-text-color) 70%, transparent); }
"""

JS = """
export default function ({ data, parentElement, setStateValue }) {
  const area = parentElement.querySelector("textarea");
  const state = parentElement.querySelector("#state");
  const count = parentElement.querySelector(".count");
  const grow = () => {
    area.style.height = "auto";
    area.style.height = Math.min(area.scrollHeight + 2, 480) + "px";
  };
  const tally = () => {
    const left = data.longest - area.value.length;
    count.textContent = left < 500 ? left + " characters left" : "";
  };
  parentElement.querySelector(".label").textContent = data.label;
  area.placeholder = data.placeholder;
  area.maxLength = data.longest;
  area.classList.toggle("code", !!data.code);
  area.spellcheck = !data.code;
  if (area.dataset.born !== data.born) {
    area.dataset.born = data.born;
    area.value = data.text;
    area.sent = data.text;
    requestAnimationFrame(grow);
  }
  if (area.sent === area.value) state.textContent = data.state;
  tally();
  const send = () => {
    clearTimeout(area.pause);
    if (area.sent === area.value) return;
    area.sent = area.value;
    setStateValue("text", area.value);
  };
  area.oninput = () => {
    clearTimeout(area.pause);
    area.pause = setTimeout(send, data.pause);
    state.textContent = "";
    grow();
    tally();
  };
  area.onblur = send;
  area.onkeydown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    send();
    if (data.submit) setTimeout(() => document.querySelector(`.st-key-${data.submit} button`)?.click(), 60);
  };
  return () => { clearTimeout(area.pause); };
}
"""

_field = st.components.v2.component("ballast_draft_text", html=HTML, css=CSS, js=JS)
PAUSE_MS = 600


def draft_text(
    label: str, place: str, *, placeholder: str = "", longest: int = 20_000, start: str = "", code: bool = False,
    submit: str = "", version: int | None = None,
) -> str:  # fmt: skip
    """Draw the field and return its text. ``place`` names the draft, such as ``note:CLIENT``; after the save call
    ``forget(place)``. ``start`` is what stands in the field without a draft; ``code`` sets it in even letters;
    ``submit`` is the key of the button that Ctrl+Enter presses; ``version`` is that of the record whose text this is,
    and ``typed_at`` tells over which one somebody typed."""
    slot = _slot(place)
    held = st.session_state.get(slot)
    if held is not None and held["text"] == held["start"] != start:
        held = None  # somebody saved a newer version, and nothing was typed here
    if held is None:
        kept, at = drafts.load(place, by=frame.actor()), version
        if isinstance(kept, dict):
            kept, at = kept.get("typed"), kept.get("version")
        text = kept if isinstance(kept, str) else ""
        st.session_state[slot] = {
            "born": uuid.uuid4().hex, "text": text or start, "state": "Your draft from earlier" if text else "",
            "start": start, "version": at,
        }  # fmt: skip
    _typing(label, place, placeholder, longest, code, submit)
    return str(st.session_state[slot]["text"])


def long_text(label: str, *, key: str, text: str = "", placeholder: str = "", longest: int = 20_000) -> str:
    """A long text of a form that keeps a draft itself: the same field, sending after each pause."""
    data = {
        "label": label, "placeholder": placeholder, "longest": longest, "pause": PAUSE_MS, "born": key, "text": text,
        "state": "",
    }  # fmt: skip
    typed = _field(key=key, data=data, default={"text": text}, on_text_change=_nothing).text
    return typed[:longest] if isinstance(typed, str) else text


def typed_at(place: str) -> int | None:
    """The version that what stands in the field was typed over."""
    held = st.session_state.get(_slot(place))
    return held["version"] if held else None


def forget(place: str) -> None:
    """Discard the draft and empty the field."""
    drafts.discard(place, by=frame.actor())
    st.session_state.pop(_slot(place), None)


@st.fragment
def _typing(label: str, place: str, placeholder: str, longest: int, code: bool, submit: str) -> None:
    held = st.session_state[_slot(place)]
    data = {
        "label": label, "placeholder": placeholder, "longest": longest, "pause": PAUSE_MS,
        "born": held["born"], "text": held["text"], "state": held["state"], "code": code,
        "submit": submit,
    }  # fmt: skip
    key = f"text_{place}_{held['born']}"
    typed = st.session_state.get(key, {}).get("text")
    if isinstance(typed, str) and typed != held["text"]:
        with frame.refusals():
            held["text"] = typed[:longest]
            body = held["text"]
            if body and held["version"] is not None:
                body = {"version": held["version"], "typed": body}
            drafts.save(place, body, by=frame.actor())
            held["state"] = f"Draft kept {show.clock_time(show.clock.now())}" if held["text"] else ""
            data["state"] = held["state"]
    _field(key=key, data=data, default={"text": held["text"]}, on_text_change=_nothing)


def _nothing() -> None:
    """The fragment reads the value when it runs."""


def _slot(place: str) -> str:
    return f"_draft_{place}"
