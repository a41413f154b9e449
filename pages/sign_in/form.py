"""streamlit-authenticator as the sign-in form and nothing more.

Its cookie would be set by script, last for days and outlive a revocation, so it gets none: a stand-in takes the place
of the component that writes it, its check of names and passwords is replaced by ours, and its session state is
cleared after each attempt.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from types import ModuleType

import streamlit as st

Check = Callable[[str, str], bool]
# These words are a contract with whoever drives the sign-in page from outside.
LABELS = {"Form name": "Sign in", "Username": "Username", "Password": "Password", "Login": "Login"}
_LEFT_BEHIND = ("authentication_status", "name", "username", "email", "roles", "logout")


class NoCookies:
    """Keeps nothing and draws nothing."""

    def set(self, *_: object, **__: object) -> None:
        """Set no cookie."""

    def delete(self, *_: object, **__: object) -> None:
        """Delete no cookie."""


def _without_cookie_component() -> None:
    if "streamlit_authenticator" not in sys.modules:
        stand_in = ModuleType("extra_streamlit_components")
        stand_in.CookieManager = NoCookies  # type: ignore[attr-defined]
        sys.modules["extra_streamlit_components"] = stand_in


_without_cookie_component()
import streamlit_authenticator as authenticator  # noqa: E402 - after its cookie component was replaced


def ask(check: Check) -> bool | None:
    """Draw name, password and Login; True or False as ``check`` answered this submit, None when nothing was sent."""
    for name in _LEFT_BEHIND:
        st.session_state.pop(name, None)
    form = authenticator.Authenticate(
        {"usernames": {}},
        "unused",
        secrets.token_hex(32),
        cookie_expiry_days=0,
        auto_hash=False,
        login_sleep_time=0,
    )
    model = form.authentication_controller.authentication_model

    def checked(username: str, password: str, *_: object, **__: object) -> bool:
        if not check(username, password):
            return False
        model.credentials["usernames"][username] = {
            "email": "", "first_name": "", "last_name": "", "name": username, "roles": [], "password": "",
            "logged_in": False,
        }  # fmt: skip
        return True

    model.check_credentials = checked
    form.login(fields=LABELS)
    answer = st.session_state.get("authentication_status")
    for name in _LEFT_BEHIND:
        st.session_state.pop(name, None)
    return answer
