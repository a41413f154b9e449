"""Export: everything the clinic owns as one ZIP file, as often as one likes, behind the password."""

import streamlit as st

from pages.components import frame, show
from records.clinic_export import export_zip

by = frame.actor()
clinic = frame.clinic()
st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
frame.head("Export the clinic", "Everything the clinic owns, as one ZIP file. As often as you like.")
st.markdown(
    "The file holds one table for each kind of record (CSV, money in cents, times in UTC), every stored document, the "
    "audit log, and a manifest with counts and hashes. Another Ballast makes the same clinic of it: "
    "`ballast import clinic FILE`."
)
st.warning(
    "Whoever has this file can read every record in it. Keep it where you keep the keys of the clinic.",
    icon=":material/lock_open:",
)
ready = st.session_state.get("_export")
if ready is None:
    with st.form("export", border=False):
        password = st.text_input("Your password, once more", type="password", key="password", width=320)
        asked = st.form_submit_button("Prepare the export", type="primary", icon=":material/archive:")
    if asked:
        with frame.refusals():
            bar = st.progress(0.0, "Writing the tables…")
            content = export_zip(
                password=password, by=by, progress=lambda share: bar.progress(share, f"Writing, {share:.0%}")
            )
            st.session_state["_export"] = (content, f"{clinic.slug}-{show.today().isoformat()}.zip")
            st.rerun()
else:
    content, name = ready
    st.success(f"The export is ready: {len(content) / 1e6:,.1f} MB.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        if st.download_button(
            "Save the file", content, name, "application/zip", type="primary", icon=":material/download:", key="save"
        ):
            st.session_state.pop("_export", None)
            st.toast("Saved. It is no longer kept here.")
        if st.button("Throw it away", key="discard"):
            st.session_state.pop("_export", None)
            st.rerun()
st.caption("Every export stands in the audit log.")
