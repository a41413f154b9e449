"""A memo's copy on the status page stands once, and ends with the memo."""

from datetime import timedelta

import pytest

from data.errors import NotFound
from data.session import read
from data.types import clock
from outage import memo_notice
from outage.status_page import NoStatusPage, WatcherSilent
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


def test_a_withdrawn_memo_takes_its_copy_along_as_soon_as_the_watcher_is_reached(clinic, monkeypatch):
    by = clinic.operator
    monkeypatch.setattr(memo_notice, "post_incident", lambda *_, **__: "1")
    stays, goes = (memos.post(title, "Text", by=by) for title in ("Stays", "Goes"))
    for memo in (stays, goes):
        memo_notice.copy_to_status_page(memo, by=by)
    assert memo_notice.take_back_copies(by=by) == 0
    ended = []

    def silent(*_, **__):
        raise WatcherSilent()

    monkeypatch.setattr(memo_notice, "end_incident", silent)
    memos.withdraw(goes, by=by)
    with pytest.raises(WatcherSilent):
        memo_notice.take_back_copies(by=by)
    with read(clinic.id) as session:
        assert memo_notice.has_copies_to_take_back(session)
    monkeypatch.setattr(memo_notice, "end_incident", lambda key, _body, **__: ended.append(key))
    assert [memo_notice.take_back_copies(by=by) for _ in range(2)] == [1, 0] and ended == [f"memo:{goes}"]
    with read(clinic.id) as session:
        assert not memo_notice.has_copies_to_take_back(session)
