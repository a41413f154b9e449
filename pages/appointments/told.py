"""What was just done, said once after the page has been drawn anew."""

import streamlit as st

_SLOT = "_told"


def tell(sentence: str) -> None:
    """Say this after the rerun that closes the dialog."""
    st.session_state[_SLOT] = sentence


def say() -> None:
    """Say what is waiting to be said."""
    sentence = st.session_state.pop(_SLOT, None)
    if sentence:
        st.toast(sentence, icon=":material/check_circle:")
