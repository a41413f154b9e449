"""Where the app begins: ``streamlit run streamlit_app.py`` and ``ballast serve`` both start this ``app``."""

from pathlib import Path

import streamlit as st

from web.routes import lifespan, middleware, routes

app = st.App(Path(__file__).parent / "pages" / "navigation.py", routes=routes, middleware=middleware, lifespan=lifespan)
