"""An empty installation: the first clinic is made here."""

import streamlit as st

st.markdown("# Welcome to Ballast")
st.write("No clinic has been set up on this computer yet.")
