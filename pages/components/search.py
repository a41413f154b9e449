"""One search box for clients, patients and pages, above the menu; ``/`` puts the cursor into it.

A combobox after the WAI-ARIA pattern: arrows choose, Enter opens, Escape closes. Only the box itself reruns while
somebody types. Text reaches the browser as text and never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components import frame, show
from records import search
from records.folding import fold, phone_digits

HTML = """
<div class="box">
  <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="9" cy="9" r="5.5"/><path d="M13.2 13.2 17 17"/></svg>
  <input type="text" role="combobox" aria-expanded="false" aria-controls="hits" aria-autocomplete="list"
    aria-label="Search clients, patients and pages" autocomplete="off" spellcheck="false" maxlength="80">
  <kbd aria-hidden="true">/</kbd>
</div>
<div id="hits" role="listbox" aria-label="Search results" popover="manual"></div>
"""

CSS = """
:host { display: block; }
.box { position: relative; display: flex; align-items: center; }
svg { position: absolute; left: .6rem; width: 1rem; height: 1rem; fill: none; stroke: currentColor; stroke-width: 1.7;
  stroke-linecap: round; color: color-mix(in srgb, var(--st-text-color) 65%, transparent); pointer-events: none; }
kbd { position: absolute; right: .55rem; padding: 0 .35rem; font: 500 .75rem var(--st-font); border-radius: 4px;
  border: 1px solid var(--st-border-color); color: color-mix(in srgb, var(--st-text-color) 65%, transparent); }
input { box-sizing: border-box; width: 100%; height: 2.25rem; padding: 0 1.9rem 0 2rem;
  font: 400 .93rem var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
input::placeholder { color: color-mix(in srgb, var(--st-text-color) 65%, transparent); }
input:focus { outline: none; border-color: var(--st-primary-color); box-shadow: 0 0 0 1px var(--st-primary-color); }
input:focus ~ kbd { display: none; }
#hits { position: fixed; margin: 0; padding: .3rem; border: 1px solid var(--st-border-color); border-radius: 10px;
  background: var(--st-background-color); color: var(--st-text-color); font: 400 .93rem/1.35 var(--st-font);
  box-shadow: 0 12px 32px -8px rgb(0 0 0 / .28); max-height: 70vh; overflow-y: auto; }
.hit { display: grid; grid-template-columns: 1fr auto; gap: 0 .8rem; padding: .45rem .65rem; border-radius: 7px;
  cursor: pointer; }
.hit[aria-selected="true"] { background: var(--st-secondary-background-color); }
.hit > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.title { font-weight: 600; }
.sub, .side { font-size: .86rem; color: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.sub { grid-column: 1 / -1; }
.none { padding: .5rem .65rem; color: color-mix(in srgb, var(--st-text-color) 75%, transparent); }
@media (max-width: 640px) {
  input { height: 44px; font-size: 16px; } kbd { display: none; } .hit { padding: .6rem .65rem; }
}
"""

JS = """
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const input = parentElement.querySelector("input");
  const hits = parentElement.querySelector("#hits");
  input.placeholder = data.placeholder;
  const close = () => {
    if (hits.matches(":popover-open")) hits.hidePopover();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (number) => {
    const all = [...hits.querySelectorAll(".hit")];
    if (!all.length) return;
    input.chosen = (number + all.length) % all.length;
    all.forEach((hit, place) => hit.setAttribute("aria-selected", place === input.chosen));
    all[input.chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", all[input.chosen].id);
  };
  const open = (hit) => {
    close();
    input.value = "";
    input.blur();
    clearTimeout(input.pause);
    setStateValue("query", "");
    setTriggerValue("pick", hit.target);
  };
  const part = (kind, text) => {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  };
  const draw = () => {
    const asked = input.value.trim();
    if (!asked || data.query !== asked || parentElement.activeElement !== input) return;
    const rows = data.hits.map((hit, number) => {
      const row = document.createElement("div");
      row.className = "hit";
      row.id = "hit" + number;
      row.setAttribute("role", "option");
      row.append(part("title", hit.title), part("side", hit.side));
      if (hit.sub) row.append(part("sub", hit.sub));
      row.onmousedown = (event) => { event.preventDefault(); open(hit); };
      row.onmousemove = () => { if (input.chosen !== number) choose(number); };
      return row;
    });
    hits.replaceChildren(...(rows.length ? rows : [part("none", data.none)]));
    const place = input.getBoundingClientRect();
    const width = Math.min(440, window.innerWidth - 24);
    hits.style.left = Math.min(place.left, window.innerWidth - width - 12) + "px";
    hits.style.top = place.bottom + 6 + "px";
    hits.style.width = Math.max(place.width, width) + "px";
    if (!hits.matches(":popover-open")) hits.showPopover();
    input.setAttribute("aria-expanded", "true");
    choose(0);
    if (input.eager) { input.eager = false; if (data.hits.length) open(data.hits[0]); }
  };
  const ask = () => {
    clearTimeout(input.pause);
    const asked = input.value.trim();
    if (asked !== data.query) setStateValue("query", asked);
  };
  input.oninput = () => {
    clearTimeout(input.pause);
    input.eager = false;
    if (!input.value.trim()) close();
    input.pause = setTimeout(ask, 180);
  };
  input.onkeydown = (event) => {
    if (event.key === "ArrowDown") { choose((input.chosen ?? -1) + 1); event.preventDefault(); }
    else if (event.key === "ArrowUp") { choose((input.chosen ?? 0) - 1); event.preventDefault(); }
    else if (event.key === "Escape") { if (input.value) { input.value = ""; close(); } else input.blur(); }
    else if (event.key === "Enter" && input.value.trim()) {
      event.preventDefault();
      if (data.query === input.value.trim()) { const hit = data.hits[input.chosen ?? 0]; if (hit) open(hit); }
      else { input.eager = true; ask(); }
    }
  };
  input.onfocus = draw;
  input.onblur = close;
  const slash = (event) => {
    const at = event.composedPath()[0];
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) return;
    event.preventDefault();
    input.focus();
  };
  document.addEventListener("keydown", slash);
  draw();
  return () => { document.removeEventListener("keydown", slash); clearTimeout(input.pause); };
}
"""

_box = st.components.v2.component("ballast_search", html=HTML, css=CSS, js=JS)
MOST = 6
OF_A_RECORD = {
    "client",
    "patient",
    "new-patient",
    "visit",
    "setting",
    "staff-profile",
    "report",
    "report-versions",
    "subscription",
    "dashboard",
}
"""Pages that show one record and are of no use by themselves."""


@dataclass(frozen=True)
class Place:
    """A page that can be found: its title, the section it stands in, its script."""

    title: str
    section: str
    script: str


def draw(may: frozenset[str], places: Sequence[Place]) -> None:
    """Draw the box into the sidebar; ``places`` are the pages this person's role opens."""
    with st.sidebar, st.container(key="find"):
        _search(may, tuple(places))


@st.fragment
def _search(may: frozenset[str], places: tuple[Place, ...]) -> None:
    held = st.session_state.get("search_box", {})
    query = str(held.get("query") or "")[:80].strip()
    words = "Find client, patient, page" if "clients.view" in may else "Find a page"
    hits: list[dict[str, str]] = []
    if query:
        with frame.refusals():
            hits = hits_for(query, may, places)
    data = {"query": query, "hits": hits, "placeholder": words, "none": "Nothing found. Try fewer letters."}
    picked = _box(key="search_box", data=data, on_query_change=_nothing, on_pick_change=_nothing).pick
    if isinstance(picked, str):
        kind, _, rest = picked.partition(":")
        if kind in ("client", "patient"):
            st.switch_page(f"clients/{kind}.py", query_params={"id": rest})
        elif rest in {place.script for place in places}:
            st.switch_page(rest)


def hits_for(query: str, may: frozenset[str], places: Sequence[Place]) -> list[dict[str, str]]:
    """What a query finds: pages whose title has a word that begins so, clients and patients, the likelier first."""
    wanted = fold(query)
    pages = [place for place in places if wanted and f" {wanted}" in f" {fold(place.title)}"]
    hits = [
        {"target": f"page:{place.script}", "title": place.title, "sub": "", "side": place.section} for place in pages
    ]
    if "clients.view" in may:
        clients, patients = search.find_with_patients(query, by=frame.actor(), clients=MOST, patients=MOST)
        people = [_client(one) for one in clients]
        animals = [_patient(one) for one in patients]
        named = clients and _is_named(clients[0], wanted)
        hits += [*people, *animals] if named else [*animals, *people]
    return hits


def _is_named(client: search.Found, wanted: str) -> bool:
    """Whether the words are the client's own, rather than a patient's."""
    own = f" {fold(client.name)} {client.number} {phone_digits(client.phone)}"
    return any(f" {word}" in own for word in (wanted.split()[:1] or [""]) + [phone_digits(wanted)] if word)


def _client(one: search.Found) -> dict[str, str]:
    return {
        "target": f"client:{one.id}", "title": one.name, "side": f"Client {one.number}",
        "sub": " · ".join(part for part in (", ".join(one.patients[:3]), show.phone(one.phone)) if part),
    }  # fmt: skip


def _patient(one: search.FoundPatient) -> dict[str, str]:
    about = (one.client, f"chip {one.microchip}" if one.microchip else "", "died" if one.died else "")
    return {
        "target": f"patient:{one.id}", "title": one.name, "side": one.species.capitalize() or "Patient",
        "sub": " · ".join(part for part in about if part),
    }  # fmt: skip


def _nothing() -> None:
    """The fragment reads the value when it runs."""
