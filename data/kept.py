"""Answers kept until the clinic changes.

A page is run again with every click, though most clicks change nothing. Every change of a clinic draws a change
number from its chain head; an answer computed at one number is the answer as long as the number stands. What no
number covers (the time of day, a lease of the worker) is covered by the short life of an answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from data.engine import database
from data.types import clock

T = TypeVar("T")
LASTS = timedelta(seconds=15)
MOST = 4096
"""Answers held; the ones not asked for longest go first."""

PATIENCE = 2.0
"""Seconds to wait for another thread that works out the same answer, before working it out oneself."""
Answers = OrderedDict[tuple[Hashable, ...], tuple[int, datetime, Any]]

_lock = threading.Lock()
_computing: dict[tuple[tuple[Hashable, ...], int], threading.Event] = {}


def kept(
    clinic_id: str,
    change: int | None,
    what: tuple[Hashable, ...],
    compute: Callable[[], T],
    lasts: timedelta = LASTS,
    keep: Callable[[T], bool] = lambda _: True,
) -> T:
    """The answer to ``what``: the one kept at this change number of the clinic, or computed now.

    It is shared: treat it as unchangeable. Whoever asks puts into ``what`` everything the answer depends on. Without
    a change number (``ClinicSession.seen_change``) it is always computed; with always the same one it is computed
    anew when it is ``lasts`` old. ``keep`` is asked with the answer: one that was read in another snapshot than the
    number, or is too large, belongs to nobody but who asked.
    """
    if change is None:
        return compute()
    answers = database().answers
    key = (clinic_id, *what)
    with _lock:
        found = _fresh(answers, key, change, lasts)
        if found is not None:
            return found[2]  # type: ignore[no-any-return]
        others = _computing.get((key, change))
        if others is None:
            _computing[key, change] = threading.Event()
    if others is not None and others.wait(PATIENCE):
        with _lock:
            found = _fresh(answers, key, change, lasts)
        if found is not None:
            return found[2]  # type: ignore[no-any-return]
    try:
        answer = compute()
        if keep(answer):
            with _lock:
                answers[key] = (change, clock.now(), answer)
                answers.move_to_end(key)
                while len(answers) > MOST:
                    answers.popitem(last=False)
    finally:
        if others is None:
            with _lock:
                _computing.pop((key, change)).set()
    return answer


def _fresh(
    answers: Answers, key: tuple[Hashable, ...], change: int, lasts: timedelta
) -> tuple[int, datetime, Any] | None:
    found = answers.get(key)
    if found is None or found[0] != change or not timedelta(0) <= clock.now() - found[1] < lasts:
        return None
    answers.move_to_end(key)
    return found


def carried(
    clinic_id: str,
    change: int | None,
    what: tuple[Hashable, ...],
    compute: Callable[[], T],
    follow: Callable[[T, int], T],
) -> T:
    """The answer to ``what`` at this change number, brought up to date from the one at an earlier number.

    ``follow`` gets that answer and its number and returns a new one; every row that changed since bears a higher
    number. For answers that depend on rows alone, and are dear to compute.
    """
    if change is None:
        return compute()
    answers, key = database().answers, (clinic_id, "carried", *what)
    with _lock:
        found = answers.get(key)
        if found is not None:
            answers.move_to_end(key)
    if found is not None and found[0] == change:
        return found[2]  # type: ignore[no-any-return]
    answer = compute() if found is None or found[0] > change else follow(found[2], found[0])
    with _lock:
        stands = answers.get(key)
        if stands is None or stands[0] < change:
            answers[key] = (change, clock.now(), answer)
    return answer
