"""Backups: how they stand, one now, and the check that a kept one can be brought back."""

from datetime import time

import streamlit as st

from pages.components import frame, show
from security import backups

NIGHTLY = time(1, 30)

by = frame.actor()
st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
stands = backups.state(by=by)
last = show.moment(stands.last_good, missing="never")
action = frame.head("Backups", f"Last good backup: {last} · the next is made tonight at {show.clock_time(NIGHTLY)}")
if action.button("Make a backup now", type="primary", icon=":material/backup:", key="make"):
    with frame.refusals(), st.spinner("Copying everything; you can go on working."):
        made = backups.make_backup(by=by)
        st.toast(f"Backup made, {made.size / 1e6:,.1f} MB.")
        st.rerun()
for problem in stands.problems:
    st.error(show.plain(problem), icon=":material/warning:")
if stands.problems and "settings.edit" in frame.may():
    st.page_link("settings/editor.py", label="Open the clinic profile", icon=":material/storefront:",
                 query_params={"kind": "clinic-profile"})  # fmt: skip
if stands.off_site:
    st.caption(f"Off-site copies go to {show.plain(stands.off_site)}")

kept = backups.kept_files(by=by)
st.markdown("## Kept on this computer")
if not kept:
    st.info("No backup lies here yet. Make the first one now; after that one is made every night.")
for file in kept:
    with st.container(border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap=None, width="content"):
            st.markdown(f"**{show.moment(file.made_at)}**")
            st.caption(f"{file.path.name} · {file.size / 1e6:,.1f} MB")
        if st.button("Check this backup", key=f"check-{file.path.name}", help="Opens it and checks every byte"):
            with frame.refusals(), st.spinner("Opening the backup and checking every byte of it."):
                counts = backups.check_backup(file.path, by=by)
                st.toast(f"Good: {len(counts)} tables with {sum(counts.values()):,} rows.")

with st.expander("What has been done"):
    runs = backups.list_backups(by=by)
    words = {"full": "Backup", "off-site": "Off-site copy", "drill": "Check", "restore": "Restore"}
    st.dataframe(
        [
            {"When": show.moment(run.began_at), "What": words.get(run.kind, run.kind), "How it went": run.state,
             "Size (MB)": round(run.size / 1e6, 1), "Detail": run.detail or run.file_name}
            for run in runs
        ],
        hide_index=True, width="stretch",
    )  # fmt: skip
st.caption(
    "To bring a backup back on another machine: ballast --home DIR backup restore FILE, with the key in place. "
    "The recovery sheet, to print it again: ballast keys sheet"
)
