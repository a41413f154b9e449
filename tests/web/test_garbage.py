"""A full collection stays short however much the process holds, and nothing dead is kept for ever."""

import gc
import weakref

import pytest

from web import garbage


class Node:
    """Something that can lie in a cycle."""


@pytest.fixture
def collections(monkeypatch):
    monkeypatch.setattr(garbage, "LONG", -1.0)  # every collection counts as long
    callback = garbage.ShortCollections()
    gc.callbacks.append(callback)
    yield callback
    gc.callbacks.remove(callback)
    gc.unfreeze()


@pytest.mark.slow
def test_what_survived_a_long_collection_is_passed_by_in_the_next(collections):
    gc.collect()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000


@pytest.mark.slow
def test_a_cycle_that_died_while_frozen_is_freed_after_the_thaw(collections):
    node = Node()
    node.itself = node
    gc.collect()
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is not None, "frozen: the collection does not look at it"
    collections.thawed -= garbage.THAW_EVERY + 1
    gc.collect()
    assert gone() is None


def test_the_callback_is_installed_once():
    before = list(gc.callbacks)
    try:
        garbage.keep_collections_short()
        garbage.keep_collections_short()
        assert sum(isinstance(callback, garbage.ShortCollections) for callback in gc.callbacks) == 1
    finally:
        gc.callbacks[:] = before
