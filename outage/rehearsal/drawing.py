"""Draws a stack of filled-in paper, in a child process: it takes some seconds of the processor and knows no secret.

The job names the printed PDFs, and of every page of the stack which leaf of them it is, what is written on it and what
happens to it on the way back.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data.errors import EnvironmentFailure

ROOT = Path(__file__).parent.parent.parent
DEADLINE_SECONDS = 300
LETTER, BACK = -1, -2
"""Instead of a printed leaf: a letter that is no form of ours, the empty back of a page."""


class NotDrawn(EnvironmentFailure):
    """The practice paper could not be drawn in time. Close other programs and try again."""


@dataclass(frozen=True)
class Leaf:
    """One page of the stack: page ``leaf`` of printed PDF number ``pdf``, with its zones, what is written on it, how
    numbers are shaped there, and its mishap."""

    pdf: int
    leaf: int
    zones: Sequence[dict[str, Any]] = ()
    values: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, dict[str, int]] = field(default_factory=dict)
    canceled: Sequence[tuple[str, str]] = ()
    twice: Sequence[tuple[str, str]] = ()
    mishap: str = ""


def draw(pdfs: Sequence[bytes], leaves: Sequence[Leaf], *, seed: int, dpi: int = 150) -> bytes:
    """The stack as one PDF, as a scanner makes it. Raises NotDrawn."""
    job = {"sizes": [len(pdf) for pdf in pdfs], "leaves": [asdict(leaf) for leaf in leaves], "seed": seed, "dpi": dpi}
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "outage.rehearsal.drawing"], input=json.dumps(job).encode() + b"\n" + b"".join(pdfs),
            capture_output=True, timeout=DEADLINE_SECONDS, cwd=ROOT, env=keep, check=True,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise NotDrawn() from None
    return done.stdout


def _main() -> None:
    import cv2

    cv2.setNumThreads(1)
    job = json.loads(sys.stdin.buffer.readline())
    pdfs = [sys.stdin.buffer.read(size) for size in job["sizes"]]
    leaves = [Leaf(**leaf) for leaf in job["leaves"]]
    sys.stdout.buffer.write(drawn(pdfs, leaves, seed=job["seed"], dpi=job["dpi"]))


def drawn(pdfs: Sequence[bytes], leaves: Sequence[Leaf], *, seed: int, dpi: int) -> bytes:
    """The stack, drawn in this process."""
    import numpy as np
    import pikepdf
    import pypdfium2

    from outage.rehearsal.mishaps import spoil
    from outage.rehearsal.pens import write_page

    printed = [pypdfium2.PdfDocument(pdf) for pdf in pdfs]
    document, out = pikepdf.new(), io.BytesIO()
    for number, leaf in enumerate(leaves):
        rng = np.random.default_rng([seed, number])
        if leaf.pdf >= 0:
            bitmap = printed[leaf.pdf][leaf.leaf].render(scale=dpi / 72, grayscale=True)
            gray = np.ascontiguousarray(bitmap.to_numpy().reshape(bitmap.height, bitmap.width)).copy()
            canceled, twice = ([(key, option) for key, option in pairs] for pairs in (leaf.canceled, leaf.twice))
            write_page(
                rng, gray, dpi, leaf.zones, leaf.values, leaf.shapes, canceled=canceled, twice=twice
            )  # fmt: skip
        else:
            gray = _letter(rng, dpi) if leaf.pdf == LETTER else _back(rng, dpi)
        _add(document, spoil(leaf.mishap, rng, gray, dpi), dpi)
    document.save(out)
    return out.getvalue()


def _add(document: Any, gray: Any, dpi: int) -> None:
    """A picture as a page, as document feeders write it."""
    import cv2
    import pikepdf

    data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 70])[1].tobytes()
    picture = pikepdf.Stream(document, data)
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Height, picture.Width = gray.shape
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    picture.Filter = pikepdf.Name.DCTDecode
    width, height = (round(size * 72 / dpi, 2) for size in (gray.shape[1], gray.shape[0]))
    page = document.add_blank_page(page_size=(width, height))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = pikepdf.Stream(document, f"q {width} 0 0 {height} 0 0 cm /Im0 Do Q".encode())


WORDS = (
    "Riverside Animal Hospital",
    "To whom it may concern,",
    "the animal was seen here last month and given",
    "a rabies vaccine, lot R4471, good for three years.",
    "No reaction was seen. Please keep this letter.",
    "Kind regards, Dr. A. Weller",
)


def _letter(rng: Any, dpi: int) -> Any:
    import numpy as np

    from outage.rehearsal.pens import handwriting

    gray = np.full((11 * dpi, round(8.5 * dpi)), 255, np.uint8)
    for number, line in enumerate(WORDS):
        handwriting(rng, gray, line, 1.1 * dpi, (1.2 + 0.55 * number) * dpi, 6 * dpi, 0.42 * dpi, dpi / 70, 30)
    return gray


def _back(rng: Any, dpi: int) -> Any:
    import numpy as np

    return np.clip(rng.normal(250, 1.5, (11 * dpi, round(8.5 * dpi))), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    _main()
