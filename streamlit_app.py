"""Where the app begins: ``streamlit run streamlit_app.py`` and ``ballast serve`` both start this ``app``."""

import os
import sys
from pathlib import Path

import streamlit as st

from data.errors import Refusal
from pages.components.new_session import keep_what_stands
from web import faults
from web.routes import lifespan, middleware, routes

PAGES = Path(__file__).parent / "pages"
if str(PAGES) not in sys.path:
    sys.path.append(str(PAGES))  # last; else Streamlit puts it first, and pages/appointments hides appointments

keep_what_stands()
os.environ["FORWARDED_ALLOW_IPS"] = ""  # the gate alone decides which proxy is believed


def on_script_error(failure: Exception) -> bool:
    """Show one sentence with an id; the log says where it happened."""
    if isinstance(failure, Refusal):
        st.error(failure.message, icon=":material/error:")
    else:
        st.error(
            f"This did not work, and it is not your doing. What you saved before is safe. Try again; if it stays, tell "
            f"your support contact error {faults.note(failure)}.",
            icon=":material/error:",
        )
    return True


app = st.App(
    PAGES / "navigation.py",
    routes=routes,
    middleware=middleware,
    lifespan=lifespan,
    on_script_error=on_script_error,
)
