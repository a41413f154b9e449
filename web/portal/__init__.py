"""The client's own pages: plain HTML, no script, no Streamlit. ``app`` is mounted at ``/portal``."""
