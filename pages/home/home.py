"""The first screen after sign-in."""

import streamlit as st

from pages.components import frame

frame.head(f"Good day, {frame.person().name.split()[0]}", frame.clinic().name)
st.write("")
