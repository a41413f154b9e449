"""What happens to an error nobody foresaw: an id for the person, the place for whoever mends it, no content anywhere.

An exception's message may quote what a person typed or a row of the database, so the log gets the type and the lines
of code it passed through, never the message.
"""

from __future__ import annotations

import logging
import secrets
import sys
import traceback

LOG = logging.getLogger("ballast")
QUIET = ("streamlit.error_util", "streamlit.runtime.scriptrunner.script_runner", "streamlit.runtime.app_session",
         "streamlit.runtime.fragment", "streamlit.runtime.state.session_state", "uvicorn.error", "asyncio")  # fmt: skip
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def new_id() -> str:
    """A short id, easy to read out on the telephone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(7))


def place(failure: BaseException) -> str:
    """The type of an exception and the code it came through, without its message."""
    steps = traceback.extract_tb(failure.__traceback__)[-12:]
    lines = [f"  {step.filename}:{step.lineno} in {step.name}" for step in steps]
    cause = failure.__cause__ or failure.__context__
    after = [f"after {type(cause).__name__}"] if cause is not None else []
    return "\n".join([type(failure).__name__, *after, *lines])


def note(failure: BaseException, identity: str | None = None) -> str:
    """Log an unforeseen error; returns the id under which it stands in the log."""
    identity = identity or new_id()
    LOG.error("error %s: %s", identity, place(failure))
    return identity


class WithoutContent(logging.Filter):
    """Takes the message and the text of an exception out of a log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record pass, stripped."""
        if record.exc_info and record.exc_info[1] is not None:
            record.msg, record.args = f"{record.name}: {place(record.exc_info[1])}", ()
            record.exc_info, record.exc_text = None, None
        return True


class Repeated(logging.Filter):
    """Drops what ``note`` has already written in its own way."""

    def filter(self, _record: logging.LogRecord) -> bool:
        """Never lets the record pass."""
        return False


def set_up() -> None:
    """Give the product its log, and keep other people's loggers from writing content into it."""
    if not LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        LOG.propagate = False
    for name in QUIET:
        logger = logging.getLogger(name)
        if not logger.filters:
            logger.addFilter(Repeated() if name == "streamlit.error_util" else WithoutContent())
