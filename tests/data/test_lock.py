"""Whoever asked first writes first, and no process keeps another from writing."""

import threading
import time

from data.lock import TURNS, WriterLock


def line_up(lock, names, order):
    """Start one writer after the other, each once the one before is in the queue."""
    threads = []
    for name in names:

        def write(name=name):
            with lock:
                order.append(name)

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        time.sleep(0.02)
    return threads


def test_people_write_in_the_order_they_came(tmp_path):
    lock, order = WriterLock(tmp_path), []
    with lock:
        threads = line_up(lock, range(20), order)
    for thread in threads:
        thread.join(10)
    assert order == list(range(20))
    lock.close()


def test_another_process_is_let_in_after_a_few_turns_and_not_after_each(tmp_path):
    app, worker, order = WriterLock(tmp_path), WriterLock(tmp_path), []
    with app:
        threads = line_up(app, range(3 * TURNS), order) + line_up(worker, ["worker"], order)
    for thread in threads:
        thread.join(10)
    assert [name for name in order if name != "worker"] == list(range(3 * TURNS))
    assert order.index("worker") == TURNS - 1, "the transaction that held the lock first was one of the turns"
    app.close()
    worker.close()


def test_a_transaction_that_fails_gives_the_turn_on(tmp_path):
    app, worker = WriterLock(tmp_path), WriterLock(tmp_path)
    try:
        with app:
            raise ValueError
    except ValueError:
        pass
    order = []
    for thread in line_up(worker, ["worker"], order):
        thread.join(10)
    assert order == ["worker"]
    app.close()
    worker.close()
