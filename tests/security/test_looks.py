"""The same look again within five minutes is one look, and of another clinic it is another."""

from __future__ import annotations

from data.types import new_id
from security import looks
from security.actor import Actor


def test_a_look_counts_once_for_each_person_thing_and_clinic():
    here, there = Actor.worker(new_id()), Actor.worker(new_id())
    assert looks.is_new(here, "segment", "all") and not looks.is_new(here, "segment", "all")
    assert looks.is_new(there, "segment", "all") and looks.is_new(here, "run", "all")
