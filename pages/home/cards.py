"""Short lists side by side, each in a frame under its heading, every line a link: the body of the home page.

One component for all of them, because the home is the page opened most and each piece of Streamlit's costs its share.
Text reaches the browser as text and never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.home.links import Link

CSS = """
:host { display: block; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem;
  font: 400 .95rem/1.35 var(--st-font); font-variant-numeric: tabular-nums; color: var(--st-text-color); }
article { min-width: 0; padding: .9rem 1rem .7rem; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
@media (min-width: 800px) {
  section:has(.tall) { grid-template-rows: auto 1fr; }
  .tall { grid-row: span 2; } .tall ~ article { align-self: start; }
  section:has(.tall ~ article:nth-child(4)) { grid-template-rows: auto auto 1fr; }
  .tall:has(~ article:nth-child(4)) { grid-row: span 3; }
  section:has(.tall ~ article:nth-child(5)) { grid-template-rows: auto auto auto 1fr; }
  .tall:has(~ article:nth-child(5)) { grid-row: span 4; }
}
h3 { margin: 0 0 .35rem; font: 600 1.05rem/1.35 var(--st-heading-font); }
p { margin: 0 0 .35rem; font-size: .88rem; color: color-mix(in srgb, var(--st-text-color) 75%, transparent); }
ul { list-style: none; margin: 0 -.35rem; padding: 0; }
li + li { border-top: 1px solid var(--st-border-color); }
a { display: grid; grid-template-columns: var(--shape, minmax(6rem, 1fr) minmax(0, 1.5fr) auto); gap: 0 1rem;
  align-items: center; min-height: 2.6rem; padding: .25rem .35rem; color: var(--st-text-color); text-decoration: none; }
a:hover, summary:hover { background: var(--st-secondary-background-color); }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
b { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
span { min-width: 0; color: color-mix(in srgb, var(--st-text-color) 75%, transparent); }
span:last-child { text-align: right; white-space: nowrap; }
a.more, summary { display: inline-block; min-height: 0; padding: .4rem .35rem; margin: 0 -.35rem; cursor: pointer;
  font-weight: 500; color: var(--st-link-color); border-radius: 6px; }
@media (max-width: 640px) {
  a { grid-template-columns: 1fr auto; min-height: 3.2rem; padding-block: .4rem; }
  a > span:nth-child(2) { grid-row: 2; grid-column: 1; }
  a.more, summary { padding-block: .7rem; }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const made = (kind, text, name) => {
    const one = document.createElement(kind);
    if (text) one.textContent = text;
    if (name) one.className = name;
    return one;
  };
  const link = (to, place, ...parts) => {
    const one = made("a");
    one.href = to;
    one.append(...parts);
    one.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("open", place);
    };
    return one;
  };
  const list = (card, number, first, last) => {
    const all = made("ul");
    all.setAttribute("aria-label", card.title);
    card.lines.slice(first, last).forEach((line, place) => {
      const item = made("li");
      item.append(link(line.href, number + ":" + (first + place),
        made("b", line.title), made("span", line.about), made("span", line.right)));
      all.append(item);
    });
    return all;
  };
  const root = parentElement.querySelector("section");
  const unfolded = new Set([...root.querySelectorAll("details[open]")].map((one) => one.dataset.card));
  root.replaceChildren(...data.cards.map((card, number) => {
    const box = made("article", "", card.tall ? "tall" : "");
    if (card.shape) box.style.setProperty("--shape", card.shape);
    box.append(made("h3", card.title));
    if (card.note) box.append(made("p", card.note));
    if (!card.lines.length) box.append(made("p", card.empty));
    else box.append(list(card, number, 0, card.first));
    if (card.lines.length > card.first) {
      const rest = made("details");
      rest.dataset.card = card.title;
      rest.open = unfolded.has(card.title);
      rest.append(made("summary", data.words.replace("#", card.lines.length - card.first)),
        list(card, number, card.first));
      box.append(rest);
    }
    if (card.more) {
      const more = link(card.more, number + ":more", card.more_words);
      more.className = "more";
      box.append(more);
    }
    return box;
  }));
}
"""

_cards = st.components.v2.component("ballast_cards", html="<section></section>", css=CSS, js=JS)


@dataclass(frozen=True)
class Wait:
    """A line of a short list: who, what about it, a time or amount on the right, and where one acts on it."""

    title: str
    about: str
    right: str
    to: Link


@dataclass(frozen=True)
class Card:
    """A short list under a heading. ``first`` lines stand open, the others behind a click; ``left_out`` counts those
    that are not in ``lines`` but at ``rest``. ``empty`` says that nothing waits; ``shape`` is the columns' widths in
    CSS; a ``tall`` card stands beside two others."""

    title: str
    lines: Sequence[Wait]
    empty: str
    note: str = ""
    first: int = 60
    left_out: int = 0
    rest: Link | None = None
    shape: str = ""
    tall: bool = False


def cards(items: Sequence[Card], *, key: str) -> None:
    """Two abreast on a desk, one below the other on a phone."""
    links: dict[str, Link] = {}
    shown = []
    for number, card in enumerate(items):
        links |= {f"{number}:{place}": line.to for place, line in enumerate(card.lines)}
        one = {
            "title": card.title, "note": card.note, "empty": card.empty, "first": card.first, "shape": card.shape,
            "tall": card.tall,
            "lines": [
                {"title": line.title, "about": line.about, "right": line.right, "href": line.to.href}
                for line in card.lines
            ],
        }  # fmt: skip
        if card.rest and card.left_out > 0:
            links[f"{number}:more"] = card.rest
            one |= {"more": card.rest.href, "more_words": f"See {card.left_out} more"}
        shown.append(one)
    picked = _cards(key=key, data={"cards": shown, "words": "# more"}, on_open_change=_nothing).open
    if isinstance(picked, str) and picked in links:
        links[picked].follow()


def _nothing() -> None:
    """The caller reads the result."""
