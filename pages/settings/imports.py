"""Import: upload a file, match its columns, look at the first rows, check all of them, import; and the way back."""

import hashlib
from typing import Any

import streamlit as st

import opening.importing  # noqa: F401 - makes every kind of record known
from pages.components import frame, import_history, import_mapping, show
from pages.components.draft_form import Draft
from records import imports
from records.reading import WrongEncoding
from security import drafts

ENCODINGS = {"": "Found by itself", "windows-1252": "Western (windows-1252)", "utf-8": "UTF-8", "utf-16": "UTF-16",
             "windows-1250": "Central European (windows-1250)", "mac_roman": "Old Macintosh"}  # fmt: skip


@st.cache_data(max_entries=4, ttl=1800, show_spinner="Reading the file…")
def read(_content: bytes, file_id: str, name: str, encoding: str, person: str, _by: object) -> tuple:  # noqa: ARG001
    """The table of an uploaded file, kept while this person works on it."""
    return imports.open_table(_content, name, by=_by, encoding=encoding)  # type: ignore[arg-type]


by = frame.actor()
st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
frame.head("Import files", "CSV files of clients, patients, visits, prices, invoices and payments. All or nothing.")
if told := st.session_state.pop("_imported", None):
    st.success(frame.plain(told), icon=":material/check_circle:")
    for remark in st.session_state.pop("_remarks", []):
        st.caption(frame.plain(remark))


def draft_of(content: bytes, file_id: str) -> Draft:
    """What was chosen for this very file, known by its content: there again when the file is chosen again."""
    held = st.session_state.setdefault("_digests", {})
    if file_id not in held:
        held[file_id] = hashlib.sha256(content).hexdigest()[:24]
        for name in ("kind", "encoding"):  # of the file before
            st.session_state.pop(name, None)
    return Draft(f"import:{held[file_id]}")


def work_on(content: bytes, file_id: str, name: str) -> None:
    """The steps from an uploaded file to an import. What is chosen is kept until the import is done."""
    draft = draft_of(content, file_id)
    draft.line()
    begin = draft.over({"kind": "", "encoding": "", "start": "", "mapping": None})
    kinds = {"": "Guess from the columns"} | {i.kind: f"{i.label}: {i.about}" for i in imports.in_order()}
    with st.container(horizontal=True):
        wanted = _choose("What the file holds", kinds, begin["kind"], draft.key("kind"))
        encoding = _choose("Text encoding", ENCODINGS, begin["encoding"], draft.key("encoding"), width=240)
    chosen = {"kind": wanted, "encoding": encoding, "start": "", "mapping": None}
    try:
        table, guessed = read(content, file_id, name, encoding, f"{by.clinic_id}/{by.user_id}", by)
    except WrongEncoding:
        draft.keep(chosen, file=name, **chosen)
        raise
    kind = wanted or guessed
    if not kind:
        draft.keep(chosen, file=name, **chosen)
        st.warning("The column names do not tell what this file holds. Choose it above.", icon=":material/help:")
        return
    label = imports.importer_of(kind).label
    mark = imports.reading_words(table)
    st.caption(frame.plain(f"{name}: {label.lower()}, {mark}"))
    suggestions = imports.suggest(table, kind, by=by)
    st.markdown("## Match the columns")
    offered = {title: title for title in suggestions}
    mark = f"{table.sha256[:8]}-{kind}"
    start = next(iter(offered))
    if len(offered) > 1:
        start = _choose("Begin with", offered, begin["start"], draft.key(f"start-{mark}"), width=420)
    first, place = suggestions[start], f"{mark}-{list(suggestions).index(start)}"
    if begin["mapping"] and (start, kind) == (begin["start"], begin["mapping"]["kind"]):
        earlier = imports.ImportMapping.model_validate(begin["mapping"])
        if earlier.used_columns <= set(table.columns):
            first, place = earlier, f"{place}-again"
    place = draft.key(place)
    mapping = import_mapping.choose(table, first, place)
    chosen |= {"start": start, "mapping": mapping.model_dump(mode="json")}
    draft.keep(chosen, file=name, **chosen)
    with st.popover("Keep this matching", icon=":material/bookmark:"):
        slug = st.text_input("Name", key=f"title-{place}", placeholder="Export of our old program")
        if st.button("Keep it for the next file", key="keep"):
            with frame.refusals():
                imports.save_mapping(slug, mapping.model_copy(update={"label": slug}), by=by)
                st.toast("Kept. It is offered for files with the same columns.")
    st.markdown("## Look at the first rows")
    first = imports.preview(table, mapping, by=by)
    shown = [{label: show.field_value(first.kinds.get(label, ""), value) for label, value in row.items()}
             for row in first.rows]  # fmt: skip
    st.dataframe(shown, hide_index=True, width="stretch")
    if first.problems:
        st.warning("\n\n".join(frame.plain(line) for line in first.problems[:5]), icon=":material/warning:")
    with st.container(horizontal=True):
        check = st.button("Check every row", icon=":material/fact_check:", key="check")
        bring = st.button(
            f"Import {show.number(len(table.rows))} rows", type="primary", icon=":material/upload:", key="import"
        )
    if check or bring:
        _run(content, name, mapping, encoding, draft, dry_run=not bring)


def _choose(label: str, options: dict[str, str], begin: str, key: str, **more: Any) -> str:
    index = list(options).index(begin) if begin in options else 0
    return st.selectbox(label, list(options), index=index, format_func=options.__getitem__, key=key, **more)


def _waiting() -> None:
    """The files whose columns were being matched when this person left."""
    for place in drafts.places(by=by):
        if not place.startswith("import:"):
            continue
        draft = Draft(place)
        name = draft.over({"file": ""})["file"] or "a file"
        st.info(frame.plain(f"You were matching the columns of {name}. Choose the file again to go on."),
                icon=":material/history:")  # fmt: skip
        draft.line()


def _run(
    content: bytes, name: str, mapping: imports.ImportMapping, encoding: str, draft: Draft, *, dry_run: bool
) -> None:
    bar = st.progress(0.0, "Checking every row…")
    try:
        report = imports.import_file(
            content, mapping.kind, by=by, name=name, mapping=mapping, encoding=encoding, dry_run=dry_run,
            key=None if dry_run else frame.form_key("import"),
            progress=lambda share: bar.progress(share, f"Writing, {share:.0%}"),
        )  # fmt: skip
    except imports.ImportRefused as refusal:
        st.error(f"{frame.said(refusal.message)} Correct the file, or match its words above, then try again.")
        st.code("\n".join(refusal.lines), language=None, wrap_lines=True)
        return
    finally:
        bar.empty()
    if dry_run:
        st.success(f"Every row is in order: {frame.plain(report.sentence())}.", icon=":material/check_circle:")
        for remark in report.notices[:10]:
            st.caption(frame.plain(remark))
        return
    draft.forget()
    frame.new_form_key("import")
    st.session_state["_imported"], st.session_state["_remarks"] = f"{report.sentence()}.", report.notices[:10]
    st.session_state["_upload"] = st.session_state.get("_upload", 0) + 1
    st.rerun()


upload = st.file_uploader("CSV file, at most 100 MB", type=["csv", "txt", "tsv"],
                          key=f"upload-{st.session_state.get('_upload', 0)}")  # fmt: skip
with frame.refusals():
    if upload is None:
        st.caption(
            "Save a spreadsheet as 'CSV UTF-8' first. Clients come before their animals, animals before visits. "
            "A file of more than 100 MB turns red and is not read: split it and import the parts."
        )
        _waiting()
    else:
        try:
            work_on(upload.getvalue(), upload.file_id, upload.name)
        except WrongEncoding as refusal:
            st.error(frame.said(refusal.message), icon=":material/error:")
import_history.draw(by)
