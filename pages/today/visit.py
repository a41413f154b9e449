"""The clinical record of one visit."""

import streamlit as st

from pages.components import frame

frame.head("Clinical record", st.query_params.get("id", ""))
