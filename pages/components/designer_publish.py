"""Publishing a form: what was checked, in words, then the version that never changes again."""

from __future__ import annotations

import streamlit as st

from forms import editing
from forms.editions import Published, check, publish
from pages.components import frame
from pages.components.designer_preview import PAPERS
from pages.components.designer_state import Work


@st.dialog("Publish this form", width="medium")
def ask(work: Work) -> None:
    """Read the blank print back, say what was found, and publish when the person says so."""
    wrong = work.problems()
    if wrong:
        st.error(f"{len(wrong)} things are to be mended before it can be published:" if len(wrong) > 1
                 else "One thing is to be mended before it can be published:", icon=":material/error:")  # fmt: skip
        for problem in wrong[:8]:
            st.markdown(f"- {frame.plain(problem.sentence)}")
        return
    by, body = frame.actor(), editing.named(work.body)
    if body == work.design.body and work.design.number:
        st.info("This is what is published already. Nothing changed.", icon=":material/info:")
        return
    with frame.refusals():
        with st.spinner("Printing a blank sheet and reading it back"):
            found = check(work.slug, body, by=by)
        for sentence in told(found):
            st.markdown(f":material/check: {sentence}")
        st.caption(
            f"Version {work.design.number + 1} is printed from now on. Paper of earlier versions that lies in a drawer "
            "is still read, each with its own version."
        )
        why = st.text_input("What changed (kept in the history)", key=f"why-{work.slug}", max_chars=300)
        if st.button("Publish the form", type="primary", key="publish_now", icon=":material/publish:"):
            place = f"publish:{work.slug}"
            done = publish(
                work.slug, body, expected=work.design.number, by=by, comment=why, key=frame.form_key(place)
            )  # fmt: skip
            frame.new_form_key(place)
            work.forget()
            st.session_state["_published"] = done
            st.rerun()


def told(found: Published) -> list[str]:
    """What the gate looked at, in sentences."""
    pages = "1 page" if found.pages == 1 else f"{found.pages} pages"
    places = "1 answer has its place in the records." if found.answers == 1 else (
        f"{found.answers} answers have their place in the records." if found.answers else
        "No answer goes to the records: all of them stay on the scanned paper."
    )  # fmt: skip
    if not found.boxes and not found.furthest:
        return [f"{pages} on {PAPERS[found.paper]} paper, nothing on it is read by the scan.",
                places]  # fmt: skip
    return [
        f"{pages} on {PAPERS[found.paper]} paper, printed blank and read back as a scanner sees it.",
        "Both codes and all four corner markers are found on every page.",
        f"{found.boxes} boxes read as empty, the furthest {_millimetres(found.furthest)} from its place (0.30 mm is "
        "allowed).",
        places,
    ]


def _millimetres(far: float) -> str:
    return f"{far:.2f} mm" if far >= 0.01 else "less than 0.01 mm"
