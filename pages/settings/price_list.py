"""The price list as one grid; prices by species and weight, history and file for each service below."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from data.amounts import from_cents, to_cents
from pages.components import frame, show
from pages.components.draft_form import Draft
from security import settings
from security.settings import Entry

KIND = "service"
EMPTY: dict[str, Any] = {"prices": [], "tax_code": "", "procedure": "", "category": "", "reminder_days": None}
WORDS = {
    "name": "name", "category": "category", "active": "in use or not", "tax_code": "tax", "procedure": "procedure",
    "reminder_days": "reminder",
}  # fmt: skip


def main() -> None:
    """The grid, then a way into one service."""
    by = frame.actor()
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    current = {entry.slug: entry for entry in settings.entries(KIND, by=by)}
    held: dict[str, Entry] = st.session_state.setdefault("_price_list", current)
    in_use = sum(1 for entry in current.values() if entry.body["active"])
    action = frame.head("Price list", f"{in_use} services in use, prices in {frame.clinic().currency}")
    if {slug: entry.number for slug, entry in held.items()} != {slug: entry.number for slug, entry in current.items()}:
        st.warning("Somebody changed the price list while you had it open.", icon=":material/sync_problem:")
        if st.button("Show the new price list", key="newer"):
            start_over()
    draft = Draft("setting:price-list")
    draft.line()
    above = st.empty()
    edited = grid(held, draft)
    changes = changed(held, edited)
    draft.keep(typed(held, changes))
    if action.button(
        f"Save {len(changes)} changes" if len(changes) > 1 else "Save 1 change" if changes else "Save changes",
        type="primary", key="save", disabled=not changes,
    ):  # fmt: skip
        save(changes, draft)
    told = "; ".join(told_of(body, held.get(slug)) for slug, (body, _) in changes.items())
    above.caption(
        f"Not saved yet: {show.plain(told)}" if told else
        "Click a cell to change it. The empty row at the end adds a service."
    )  # fmt: skip
    below(current)


def told_of(body: dict[str, Any], entry: Entry | None) -> str:
    """What changes about a service, with both prices where the price does: a slip of the finger shows before it is
    saved."""
    if entry is None:
        return f"{body['name']}, new, {show.money(body['price_cents'])}"
    parts = [str(entry.body["name"])]
    if body["price_cents"] != entry.body["price_cents"]:
        parts.append(f"{show.money(entry.body['price_cents'])} becomes {show.money(body['price_cents'])}")
    for name, word in WORDS.items():
        if body[name] != entry.body[name]:
            parts.append(word)
    return ", ".join(parts)


def typed(held: dict[str, Entry], changes: dict[str, tuple[dict[str, Any], int]]) -> dict[str, Any]:
    """The changed fields of each service, and every field of a new one, as the draft keeps them."""
    return {
        slug: {name: value for name, value in body.items() if slug not in held or held[slug].body.get(name) != value}
        for slug, (body, _) in changes.items()
    }


def on_top(held: dict[str, Entry], draft: Draft) -> list[Entry]:
    """The services with what was typed earlier on top; a new one has no short name yet."""
    earlier = draft.over({})
    rows = [Entry(slug, entry.number, entry.body | earlier.get(slug, {})) for slug, entry in held.items()]
    return rows + [
        Entry("", 0, {**EMPTY, "active": True, **body}) for slug, body in earlier.items() if slug not in held
    ]


def grid(held: dict[str, Entry], draft: Draft) -> pd.DataFrame:
    """One row for each service; the last one adds."""
    taxes = {"": "None"} | {entry.slug: entry.body["label"] for entry in settings.entries("tax", by=frame.actor())}
    rows = sorted(on_top(held, draft), key=lambda entry: (entry.body["category"], entry.body["name"]))
    frame_ = pd.DataFrame(
        {
            "slug": [entry.slug for entry in rows],
            "active": [entry.body["active"] for entry in rows],
            "name": [entry.body["name"] for entry in rows],
            "category": [entry.body["category"] for entry in rows],
            "price": [from_cents(entry.body["price_cents"]) for entry in rows],
            "bands": [bands(entry.body["prices"]) for entry in rows],
            "tax": [entry.body["tax_code"] for entry in rows],
            "procedure": [entry.body["procedure"] for entry in rows],
            "days": pd.array([entry.body["reminder_days"] for entry in rows], dtype="Int64"),
        }
    )
    column = st.column_config
    signature = "-".join(str(entry.number) for entry in held.values())
    return st.data_editor(
        frame_,
        key=draft.key(f"grid-{len(held)}-{signature}"),
        num_rows="add",
        hide_index=True,
        disabled=["bands"],
        placeholder="–",
        height=min(38 + 35 * (len(rows) + 1), 900),
        column_config={
            "slug": None,
            "active": column.CheckboxColumn("In use", default=True, width="small"),
            "name": column.TextColumn("Service", required=True, max_chars=160, pinned=True),
            "category": column.TextColumn("Category", max_chars=80, default=""),
            "price": column.NumberColumn("Price", min_value=0.0, step=0.01, required=True, default=0.0,
                                         format=f"{show.currency_symbol()}%.2f"),
            "bands": column.TextColumn("By weight", width="small", help="Prices by species and weight"),
            "tax": column.SelectboxColumn("Tax", options=list(taxes), default="", width="small",
                                          format_func=lambda code: taxes.get(code, code)),
            "procedure": column.TextColumn("Procedure", max_chars=80, default="", width="small"),
            "days": column.NumberColumn("Remind after", min_value=1, max_value=3650, step=1, format="%d days"),
        },
    )  # fmt: skip


def bands(prices: list[dict[str, Any]]) -> str:
    """How many prices apply by species and weight, and their range."""
    if not prices:
        return "–"
    cents = [int(band["price_cents"]) for band in prices]
    return f"{show.money(min(cents))} – {show.money(max(cents))}"


def changed(held: dict[str, Entry], edited: pd.DataFrame) -> dict[str, tuple[dict[str, Any], int]]:
    """The rows that differ from what was opened, as bodies with the version they were opened at."""
    changes: dict[str, tuple[dict[str, Any], int]] = {}
    taken = set(held)
    for row in edited.astype(object).where(edited.notna(), None).to_dict("records"):
        if not str(row["name"] or "").strip():
            continue
        entry = held.get(row["slug"]) if row["slug"] else None
        body = {**EMPTY, **(entry.body if entry else {})} | {
            "name": str(row["name"]).strip(), "category": row["category"] or "", "active": bool(row["active"]),
            "price_cents": to_cents(row["price"] or 0), "tax_code": row["tax"] or "",
            "procedure": row["procedure"] or "", "reminder_days": int(row["days"]) if row["days"] else None,
        }  # fmt: skip
        if entry is None:
            slug = settings.slug_for(body["name"], taken)
            taken.add(slug)
            changes[slug] = (body, 0)
        elif body != entry.body:
            changes[entry.slug] = (body, entry.number)
    return changes


def save(changes: dict[str, tuple[dict[str, Any], int]], draft: Draft) -> None:
    """Save every change or none."""
    with frame.refusals():
        settings.save_all(KIND, changes, by=frame.actor(), key=frame.form_key("price-list"))
        frame.new_form_key("price-list")
        draft.forget()
        st.toast("The price list was saved.", icon=":material/check:")
        start_over()


def start_over() -> None:
    """Open the price list as it is stored."""
    st.session_state.pop("_price_list", None)
    st.rerun()


def below(current: dict[str, Entry]) -> None:
    """One service with its prices by weight, its history and its file; and what belongs beside prices."""
    st.markdown("## One service in detail")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {slug: entry.body["name"] for slug, entry in current.items()}
        slug = st.selectbox("Service", list(names), format_func=names.__getitem__, key="service", width=320)
        if st.button("Open prices by weight and history", key="open", icon=":material/tune:"):
            st.session_state.pop("_price_list", None)
            st.switch_page("settings/editor.py", query_params={"kind": KIND, "entry": slug})
    with st.container(horizontal=True):
        for kind, label, icon in (
            ("package", "Packages", "inventory"), ("discount", "Discounts", "local_offer"),
            ("tax", "Taxes", "percent"), ("tax-rules", "Tax rounding", "decimal_increase"),
            ("fund", "Grants and vouchers", "volunteer_activism"),
        ):  # fmt: skip
            st.page_link("settings/editor.py", label=label, icon=f":material/{icon}:", query_params={"kind": kind})


main()
