"""A lock gives its files back once."""

from __future__ import annotations

from data.lock import WriterLock


def test_closing_twice_takes_no_file_from_whoever_opened_one_since(tmp_path):
    first = WriterLock(tmp_path)
    first.close()
    second = WriterLock(tmp_path)
    first.close()
    with second:
        pass
    second.close()
