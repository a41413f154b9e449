"""The gate every request passes, and the plain routes beside the Streamlit app."""
