"""A memo's copy on the status page stands once, and ends with the memo."""

from datetime import timedelta

import pytest

from data.errors import NotFound
from data.types import clock
from outage import memo_notice
from outage.status_page import NoStatusPage
from security import memos


def test_a_memo_is_copied_once_and_not_marked_when_the_page_was_not_reached(clinic, monkeypatch):
    by, today = clinic.operator, clock.today("America/New_York")
    memo = memos.post("Closed on Friday", "The power is cut.", expires_on=today, by=by)
    with pytest.raises(NoStatusPage):
        memo_notice.copy_to_status_page(memo, by=by)
    assert memos.posted(by=by)[0].on_status_page_at is None
    told = []
    monkeypatch.setattr(memo_notice, "post_incident", lambda title, body, **more: told.append((title, body, more)))
    memo_notice.copy_to_status_page(memo, by=by)
    memo_notice.copy_to_status_page(memo, by=by)
    [(title, body, more)] = told
    assert (title, body, more["key"], more["kind"]) == (
        "Closed on Friday", "The power is cut.", f"memo:{memo}", "notice"
    )  # fmt: skip
    assert more["until"].date() == today + timedelta(days=1) and more["until"].hour == 0
    assert memos.posted(by=by)[0].on_status_page_at is not None
    memos.withdraw(memo, by=by)
    with pytest.raises(NotFound):
        memo_notice.copy_to_status_page(memo, by=by)
