"""The list of a form's pieces: sections, fields and columns, to choose, move, copy and take out, by mouse or keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from forms import editing
from forms.definition import MERGE
from forms.editing import At
from forms.preview import FACT_WORDS
from pages.components.designer_state import FORM, Work
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
_LIST = st.components.v2.component(
    "ballast_form_outline",
    html='<div class="outline"></div>\n',
    css=(ASSETS / "form_outline.css").read_text(encoding="utf-8"),
    js=script("form_outline.js"),
)


def draw(work: Work) -> None:
    """Draw the list; what is done in it is carried out before the page runs."""
    key = f"outline-{work.slug}"

    def handle() -> None:
        work.hear(key, (st.session_state.get(key) or {}).get("wishes"), lambda wish: _carry_out(work, wish))

    wishes = (st.session_state.get(key) or {}).get("wishes")
    done = work.hear(key, wishes, lambda wish: _carry_out(work, wish))
    data = {
        "rows": _rows(work), "chosen": work.chosen, "done": done, "undo": work.can_undo, "redo": work.can_redo,
    }  # fmt: skip
    _LIST(key=key, data=data, on_wishes_change=handle)


def _carry_out(work: Work, wish: dict[str, Any]) -> None:
    do, name = str(wish.get("do")), str(wish.get("id", ""))[:100]
    if do == "undo":
        work.undo()
    elif do == "redo":
        work.redo()
    elif do == "choose":
        work.choose(name)
    else:
        at = work.at(name)
        if at is None:
            return
        if do in ("up", "down"):
            work.step(*editing.stepped(work.body, at, -1 if do == "up" else 1))
        elif do == "copy":
            work.step(*editing.copied(work.body, at))
        elif do == "remove":
            work.step(*editing.removed(work.body, at))
        elif do == "drop":
            _drop(work, at, str(wish.get("before", ""))[:100])


def _drop(work: Work, at: At, before: str) -> None:
    """Move a piece before another one, or behind everything where that is nowhere."""
    sections = work.body["sections"]
    there = work.at(before)
    if at.cell >= 0:
        if there is not None and (there.section, there.field) != (at.section, at.field):
            return
        last = len(sections[at.section]["fields"][at.field]["cells"])
        place = there.cell if there is not None and there.cell >= 0 else last
        work.step(*editing.moved(work.body, at, at._replace(cell=place - (place > at.cell))))
    elif at.field >= 0:
        if there is None:
            there = At(len(sections) - 1, len(sections[-1]["fields"]))
        elif there.field < 0:  # before a heading: the end of the section above it, or the first place of the first
            above = max(there.section - 1, 0)
            there = At(above, len(sections[above]["fields"]) if there.section else 0)
        same = there.section == at.section and there.field > at.field
        work.step(*editing.moved(work.body, at, At(there.section, there.field - same)))
    else:
        place = there.section if there is not None else len(sections)
        work.step(*editing.moved(work.body, at, At(place - (place > at.section))))


def _rows(work: Work) -> list[dict[str, Any]]:
    wrong = {work.name(one.at) if one.at is not None else FORM for one in work.problems()}
    body = work.body
    rows = [_row(FORM, 0, "Form", str(body["title"]) or "Untitled", "", wrong)]
    for number, section in enumerate(body["sections"]):
        title = section.get("title") or ("Without a heading" if number else "Head, without a heading")
        note = "new page" if section.get("new_page") else ""
        rows.append(_row(f"s:{number}", 1, "Section", title, note, wrong))
        for field in section["fields"]:
            kind = editing.KINDS[field["type"]][0]
            said = _said(field)
            note = "critical" if field.get("critical") else ""
            rows.append(_row(f"f:{field['key']}", 2, kind, said, note, wrong, starred=bool(field.get("required"))))
            if field["type"] == "grid":
                for cell in field.get("cells") or []:
                    name = f"c:{field['key']}.{cell['key']}"
                    note = "critical" if cell.get("critical") else ""
                    rows.append(_row(name, 3, editing.CELLS[cell.get("type", "text")], cell["label"], note, wrong))
    return rows


def _said(field: dict[str, Any]) -> str:
    if field.get("label"):
        return str(field["label"])
    if field["type"] == "prose":
        return MERGE.sub(lambda fact: f"‹{FACT_WORDS.get(fact[1], (fact[1], ''))[0]}›", str(field.get("text", "")))[:60]
    if field["type"] == "fact":
        return FACT_WORDS.get(field.get("fact", ""), ("Printed fact", ""))[0]
    return editing.KINDS[field["type"]][0]


def _row(
    name: str, level: int, kind: str, label: str, note: str, wrong: set[str], *, starred: bool = False
) -> dict[str, Any]:
    return {
        "id": name, "level": level, "kind": kind, "label": label, "note": note, "wrong": name in wrong,
        "starred": starred,
    }  # fmt: skip
