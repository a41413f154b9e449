"""A browser's websocket to Streamlit without the browser: what would be drawn, as text."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect


class Stream:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.session_id = ""
        self.page_hashes: dict[str, str] = {}
        self.media: list[str] = []
        self.widgets: dict[str, str] = {}
        self.fragments: set[str] = set()
        self.timed: set[str] = set()
        """Those that rerun by a clock."""

    def run(self, *, query: str = "", page: str = "", click: str = "", fragment: str = "") -> str:
        """Ask for a run, optionally of a page, after a click on a button, or of one fragment; returns what it drew."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        if fragment:
            message.rerun_script.fragment_id = fragment
        if click:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = self.widgets[click], True
        self.socket.send(message.SerializeToString())
        return self._drawn()

    def _drawn(self, patience: float = 40.0) -> str:
        drawn, until = [], time.monotonic() + patience
        while time.monotonic() < until:
            forward = ForwardMsg()
            try:
                forward.ParseFromString(self.socket.recv(timeout=max(0.1, until - time.monotonic())))
            except TimeoutError:
                break
            kind = forward.WhichOneof("type")
            if kind == "new_session":
                self.session_id = forward.new_session.initialize.session_id
                drawn.clear()
            elif kind == "navigation":
                self.page_hashes = {page.url_pathname: page.page_script_hash for page in forward.navigation.app_pages}
            elif kind == "delta":
                self._remember(forward)
                drawn.append(str(forward.delta))
            elif kind == "auto_rerun":
                self.timed.add(forward.auto_rerun.fragment_id)
            elif kind == "script_finished":
                break
        return "\n".join(drawn)

    def _remember(self, forward: ForwardMsg) -> None:
        element = forward.delta.new_element
        name = element.WhichOneof("type")
        if name == "button":
            self.widgets[element.button.label] = element.button.id
        if name == "download_button":
            self.media.append(element.download_button.url)
        if forward.delta.fragment_id:
            self.fragments.add(forward.delta.fragment_id)


@contextlib.contextmanager
def stream(
    url: str,
    *,
    cookies: dict[str, str] | None = None,
    session_id: str = "",
    headers: dict[str, str] | None = None,
    origin: str | None = "",
    host: str = "",
) -> Iterator[Stream]:
    """Open a connection; ``origin`` None leaves the header out. Raises websockets' InvalidStatus when refused."""
    place = urlsplit(url)
    more = dict(headers or {})
    if cookies:
        more["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    if host:
        more["Host"] = host
    protocols = ["streamlit", "unused", session_id] if session_id else ["streamlit"]
    with connect(
        f"ws://{place.netloc}/_stcore/stream",
        subprotocols=protocols,
        additional_headers=more,
        origin=url if origin == "" else origin,
        open_timeout=10,
        max_size=None,
    ) as socket:
        yield Stream(socket)
