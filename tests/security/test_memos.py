"""Memos stand until acknowledged, for those they are for, and who has read them is known."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from data.errors import NotFound, NotPermitted
from data.models import MemoReading
from data.session import read
from data.types import clock
from security import memos

TEXT = "Two people count every open bottle.\n\nBoth sign."


def titles(by, **how):
    return [one.title for one in memos.for_me(by=by, **how)]


def test_a_memo_stands_until_acknowledged_and_its_readers_are_listed(clinic):
    adam, sam, clara = clinic.actor("adam"), clinic.actor("sam"), clinic.actor("clara")
    memo = memos.post("Count twice", TEXT, by=adam)
    assert titles(sam) == titles(clara) == ["Count twice"] and titles(adam) == []
    assert memos.for_me(by=sam)[0].body == TEXT
    memos.acknowledge(memo, by=sam)
    memos.acknowledge(memo, by=sam)
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(MemoReading)) == 1
    assert titles(sam) == [] and titles(sam, unread_only=False) == ["Count twice"]
    [seen] = memos.posted(by=adam)
    assert [name for name, _ in seen.read] == ["Sam Stone"]
    assert seen.unread == ("Clara Chen", "Mona Marsh", "Olive Owens")
    memos.withdraw(memo, by=adam)
    assert titles(clara) == [] and memos.posted(by=adam)[0].state == "withdrawn"


def test_a_memo_for_roles_reaches_nobody_else_and_one_with_an_end_ends(clinic):
    adam, sam, clara = clinic.actor("adam"), clinic.actor("sam"), clinic.actor("clara")
    today = clock.today("America/New_York")
    memo = memos.post("For the desk", TEXT, roles=["staff"], expires_on=today, by=adam)
    assert titles(sam) == ["For the desk"] and titles(clara) == []
    assert memos.posted(by=adam)[0].unread == ("Sam Stone",)
    with pytest.raises(NotFound):
        memos.acknowledge(memo, by=clara)
    clock.set(clock.now() + timedelta(days=1))
    assert titles(clinic.actor("sam")) == []
    assert memos.posted(by=clinic.actor("adam"))[0].state == "over"


def test_an_edit_is_a_new_memo_that_everybody_reads_again(clinic):
    adam, sam = clinic.actor("adam"), clinic.actor("sam")
    first = memos.post("Count twice", TEXT, by=adam)
    memos.acknowledge(first, by=sam)
    second = memos.post("Count three times", TEXT, instead_of=first, by=adam, key="k")
    assert memos.post("Count three times", TEXT, instead_of=first, by=adam, key="k") == second
    assert titles(sam) == ["Count three times"]
    assert [one.state for one in memos.posted(by=adam)] == ["standing", "withdrawn"]


def test_what_cannot_be_posted(sqlite_clinic):
    adam, sam = sqlite_clinic.actor("adam"), sqlite_clinic.actor("sam")
    with pytest.raises(NotPermitted):
        memos.post("Hello", TEXT, by=sam)
    with pytest.raises(NotPermitted):
        memos.posted(by=sam)
    with pytest.raises(memos.EmptyMemo):
        memos.post("  \n", TEXT, by=adam)
    with pytest.raises(memos.MemoTooLong):
        memos.post("Hello", "x" * 4_001, by=adam)
    with pytest.raises(memos.NoSuchRole):
        memos.post("Hello", TEXT, roles=["king"], by=adam)
    with pytest.raises(memos.MemoRunsOutBefore):
        memos.post("Hello", TEXT, expires_on=clock.today("America/New_York") - timedelta(days=1), by=adam)
    with pytest.raises(NotFound):
        memos.acknowledge("nothing", by=sam)
    posted = memos.post("Ring\x00 the\nbell\x1b", "a\r\nb\x07", by=adam)
    [one] = memos.for_me(by=sam)
    assert (one.id, one.title, one.body) == (posted, "Ring the bell", "a\nb")
