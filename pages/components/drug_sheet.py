"""A bottle's log as a table like the paper page: corrected lines struck through, flags beside the balance."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from appointments.drug_register import KINDS, BottleRow, LogLine
from appointments.quantities import words
from pages.components import show

STYLE = """<style>
.drug-sheet { overflow-x: auto; }
.drug-sheet table { width: 100%; border-collapse: collapse; font-size: .93rem; }
.drug-sheet th { text-align: left; font-weight: 600; font-size: .82rem; opacity: .8; padding: 6px 8px;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
.drug-sheet td { padding: 6px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
.drug-sheet .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.drug-sheet .t { white-space: nowrap; }
.drug-sheet small { display: block; opacity: .75; }
.drug-sheet .out td { opacity: .62; } .drug-sheet .out .x { text-decoration: line-through; }
.drug-sheet mark { background: light-dark(#fdeceb, #42201e); color: light-dark(#b3261e, #ff9a92); border-radius: 4px;
  padding: 0 5px; font-size: .82rem; white-space: nowrap; }
@media (max-width: 640px) {
  .drug-sheet { overflow: visible; }
  .drug-sheet thead { display: none; } .drug-sheet :is(table, tbody) { display: block; }
  .drug-sheet tr { display: flex; flex-wrap: wrap; gap: .1rem .8rem; padding: .6rem 0;
    border-bottom: 1px solid var(--line); }
  .drug-sheet td { order: 3; border: 0; padding: 0; font-size: .9rem; }
  .drug-sheet td:empty { display: none; }
  .drug-sheet td:nth-child(2) { order: 0; flex: 1 1 9rem; font-weight: 600; font-size: .95rem; }
  .drug-sheet td:nth-child(2) small { font-weight: 400; }
  .drug-sheet td:nth-child(7) { order: 1; font-weight: 600; font-size: .95rem; }
  .drug-sheet tr::before { content: ""; order: 2; flex: 0 0 100%; }
  .drug-sheet td:nth-child(3) { flex: 1 1 9rem; }
  .drug-sheet td:nth-child(3) small { display: inline; margin-left: .5em; }
  .drug-sheet tr::after { content: ""; order: 4; flex: 0 0 100%; }
  .drug-sheet :is(td.q, td:nth-child(8), td:nth-child(9)) { order: 5; text-align: left; }
  .drug-sheet :is(td.q, td:nth-child(8), td:nth-child(9))::before {
    content: attr(data-head) " "; opacity: .75; font-weight: 400; }
}
</style>"""
HEADS = ("Time", "What", "Patient", "Drawn", "Given", "Wasted", "Balance", "By", "Witness")


def draw(lines: Sequence[LogLine], unit: str) -> None:
    """Draw the lines, oldest first, as they happened."""
    rows = "".join(_row(line, unit) for line in lines if line.kind != "reversal")
    heads = "".join(f'<th class="{"n" if head in HEADS[3:7] else ""}">{head}</th>' for head in HEADS)
    st.html(f'{STYLE}<div class="drug-sheet"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>')


def _row(line: LogLine, unit: str) -> str:
    out = bool(line.reversed_by)
    what = KINDS.get(line.kind, line.kind)
    if line.kind == "use":
        what = "Given" if line.given else "Wasted"
        if line.route:
            what += f", {line.route}"
    notes = [note for note in (line.reason, line.reversed_by) if note]
    if line.source == "paper":
        notes.append(f"from paper, entered {show.moment(line.entered_at)}")
    patient = f"{line.number} {line.patient}" if line.number else ""
    cells = [
        ("t", f'<span class="x">{escape(show.moment(line.event_at))}</span>'),
        ("", f'<span class="x">{escape(what)}</span>' + "".join(f"<small>{escape(note)}</small>" for note in notes)),
        ("", f'<span class="x">{escape(patient)}</span><small>{escape(line.owner)}</small>' if patient else ""),
    ]
    for quantity in (line.drawn, line.given, line.wasted):
        cells.append(("n x q", escape(words(quantity)) if quantity else ""))
    if line.balance is None:
        held = words(line.delta, sign=True)
    else:
        held = words(line.balance, unit)
    flags = "".join(f"<br><mark>{escape(flag)}</mark>" for flag in line.flags)
    cells += [("n x", escape(held) + flags), ("", escape(line.by)), ("", escape(line.witness))]
    inner = "".join(
        f'<td class="{kind}" data-head="{head}">{content}</td>'
        for head, (kind, content) in zip(HEADS, cells, strict=True)
    )
    return f'<tr class="{"out" if out else ""}">{inner}</tr>'


def facts(bottle: BottleRow) -> str:
    """One line about a bottle."""
    parts = [
        f"balance {words(bottle.balance, bottle.unit)} of {words(bottle.size, bottle.unit)}",
        f"schedule {bottle.schedule}" if bottle.schedule else "",
        f"lot {bottle.lot}" if bottle.lot else "",
        f"expires {show.day(bottle.expires_on)}" if bottle.expires_on else "",
        f"opened {show.moment(bottle.opened_at)}" if bottle.opened_at else "not opened",
        f"closed {show.moment(bottle.closed_at)}" if bottle.closed_at else "",
    ]
    return " · ".join(part for part in parts if part)
