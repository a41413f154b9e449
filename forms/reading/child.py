"""The process in which a stranger's file is decoded: bounded in memory and processor time, with nothing worth stealing.

Started by forms/reading/stack.py with an open file (the content) and told which pages to read. For each page it asks,
on its output, what the codes mean, and goes on with the answer. It knows no key, no secret and no row. Messages are a
JSON line, after ``jpeg`` bytes of picture where the message says so.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

MEMORY = 1_500 << 20
PAGE_SECONDS = 20
"""Processor time that one page may take."""


def main(descriptor: int) -> None:
    """Read the pages asked for, one after the other."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    asked = json.loads(sys.stdin.readline())
    import cv2

    from forms.reading.decode import Unreadable, open_source, without
    from forms.reading.page import Target

    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    _more_time()
    size = os.fstat(descriptor).st_size
    content = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)[:] if size else b""
    try:
        source = open_source(content)
    except Unreadable as problem:
        _say({"refused": problem.why})
        return
    except MemoryError:
        _say({"refused": "memory"})
        return
    if "cut" in asked:
        kept = without(content, source.kind, {int(number) for number in asked["cut"]})
        _say({"jpeg": len(kept)}, kept)
        return
    _say({"count": source.count, "kind": source.kind})
    known: dict[str, Target] = {}

    def ask(texts: Sequence[str]) -> Target | str:
        _say({"codes": list(texts)})
        told = json.loads(sys.stdin.readline())
        if "why" in told:
            return str(told["why"])
        if "boxes" in told:
            known[told["name"]] = Target(tuple(told["size"]), [tuple(box) for box in told["boxes"]])
        return known[told["name"]]

    if "target" in asked:
        target = Target(tuple(asked["target"]["size"]), [tuple(box) for box in asked["target"]["boxes"]])
        told = asdict(_read(int(asked["page"]), source, ask, target))
        picture = told.pop("upright")
        _say({"page": told, "jpeg": len(picture)}, picture)
        return
    for number in range(int(asked["first"]), source.count, int(asked["step"])):
        _more_time()
        told = asdict(_read(number, source, ask))
        picture = told.pop("upright")
        _say({"page": told, "jpeg": len(picture)}, picture)
    _say({"end": True})


def _read(number: int, source: Any, ask: Any, known: Any = None) -> Any:
    """One page, or in a short name why not. A card number is looked for in the text that lies in a page, as under a
    scan that was made searchable, and in print in its picture, there unless a person looked at the page already."""
    import cv2

    from data.card_numbers import holds_card_number
    from forms.reading.card_print import find_card_number
    from forms.reading.decode import Unreadable
    from forms.reading.page import read_page
    from forms.reading.told import PageReading
    from forms.token import readable

    try:
        gray = source.page(number)
        reading = read_page(number, gray, ask, known)
        words = source.words(number)
        for code in reading.codes:
            words = words.replace(code, " ").replace(readable(code), " ")
        if holds_card_number(words):
            return PageReading(number, "card_number")
        if known is None and reading.trouble != "slip":
            found = find_card_number(gray, reading.angle)
            if found == "sure":
                return PageReading(number, "card_number")
            reading.maybe_card = found == "maybe"
        return reading
    except Unreadable as problem:
        return PageReading(number, problem.why)
    except (MemoryError, cv2.error):
        return PageReading(number, "memory")
    except (BrokenPipeError, json.JSONDecodeError):
        raise SystemExit(1) from None
    except Exception:
        return PageReading(number, "damaged")


def _more_time() -> None:
    """The next page gets its own processor time; what is never given back ends the process."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + PAGE_SECONDS, hard))


def _say(message: Any, picture: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n" + picture)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
