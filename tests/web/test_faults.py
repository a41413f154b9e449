"""Errors nobody foresaw: an id and the place in the log, never what the message quoted."""

import logging

from web import faults

CANARY = "Milo Canaryson"


def broken():
    raise ValueError(f"could not read {CANARY}")


def test_the_log_names_the_place_and_not_the_content(caplog):
    faults.LOG.propagate = True
    try:
        broken()
    except ValueError as failure:
        identity = faults.note(failure)
    faults.LOG.propagate = False
    assert identity in caplog.text
    assert "ValueError" in caplog.text
    assert "in broken" in caplog.text
    assert CANARY not in caplog.text


def test_other_peoples_loggers_lose_the_message_too():
    record = logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, "failed", (), None)
    try:
        broken()
    except ValueError as failure:
        record.exc_info = (type(failure), failure, failure.__traceback__)
    assert faults.WithoutContent().filter(record)
    assert CANARY not in logging.Formatter().format(record)
