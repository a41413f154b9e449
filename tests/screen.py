"""A page as AppTest sees it, opened by a signed-in person."""

from __future__ import annotations

import functools
import sys
from typing import Any

import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner

from pages.components import frame
from tests.conftest import ROOT, TestClinic

APP = ROOT / "pages" / "navigation.py"
if str(APP.parent) not in sys.path:
    sys.path.append(str(APP.parent))  # last, as streamlit_app.py does: else pages/appointments hides appointments

# A server looks once for installed components and compiles a page once; AppTest would for every test and every run.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
_compiled = ScriptCache()
local_script_runner.ScriptCache = app_test.ScriptCache = lambda: _compiled
_addresses: dict[str, Any] = {}
"""The pages that were offered to anybody so far, as AppTest keeps them."""


def _app(token: str) -> AppTest:
    st.cache_data.clear()  # the clinic of another test has the same id
    frame._clinics.clear()
    at = AppTest.from_file(APP, default_timeout=60)
    if token:
        at.user = {"session": token}
    return at


def start(token: str = "", **query: str) -> AppTest:
    """The app, opened with the token of a sign-in or by a stranger."""
    at = _app(token)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def opened(clinic: TestClinic, username: str, script: str, **query: str) -> AppTest:
    """The page with this script (below pages/), by its own address, as this person sees it; it must open."""
    token = clinic.token(username)
    if any(str(page.get("script_path")).endswith(f"/pages/{script}") for page in _addresses.values()):
        at = _app(token)
        at._registered_pages = _addresses
    else:
        at = start(token)
        _addresses.update({key: page for key, page in at._registered_pages.items() if page.get("script_path")})
    at.switch_page(script)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception, at.exception
    return at


def told(at: AppTest) -> str:
    """All words a page shows, those inside components and plain HTML too."""
    parts: list[Any] = [*at.title, *at.header, *at.subheader, *at.markdown, *at.caption, *at.info, *at.warning,
                        *at.error, *at.success]  # fmt: skip
    words = [str(part.value) for part in parts] + [button.label for button in at.button]
    words += [block.proto.body for block in at.get("html")]
    words += [block.proto.json + block.proto.mixed.json for block in at.get("bidi_component")]
    return " ".join(words)
