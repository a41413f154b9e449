"""The parts of the snapshot's viewer: the same files make the page at ``/snapshot/`` and the one on a stick."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from security.words import WORDS

ASSETS = Path(__file__).parent / "viewer"
_FONTS = Path(__file__).parent.parent / "forms" / "fonts"
_ICONS = Path(__file__).parent.parent / "web" / "assets" / "icons"
SCRIPTS = ("words.js", "store.js", "pdf.js", "viewer.js")
"""In the order in which they are loaded."""
KINDS = {
    "index.html": "text/html", "viewer.css": "text/css", "words.js": "text/javascript", "store.js": "text/javascript",
    "pdf.js": "text/javascript", "viewer.js": "text/javascript", "worker.js": "text/javascript",
    "manifest.webmanifest": "application/manifest+json", "font.ttf": "font/ttf", "font-bold.ttf": "font/ttf",
    "mark.svg": "image/svg+xml", "icon-192.png": "image/png", "icon-512.png": "image/png",
}  # fmt: skip
_ELSEWHERE = {
    "font.ttf": _FONTS / "DejaVuSansCondensed.ttf", "font-bold.ttf": _FONTS / "DejaVuSansCondensed-Bold.ttf",
    "mark.svg": _ICONS / "mark.svg", "icon-192.png": _ICONS / "icon-192.png", "icon-512.png": _ICONS / "icon-512.png",
}  # fmt: skip


def policy(script: str = "'self'", style: str = "'self'", image: str = "'self'", *, inside: bool = True) -> str:
    """What the page may load and where it may send: itself, and from a stick nowhere. No text can become a script in
    it."""
    here = "'self'" if inside else "'none'"
    ancestors = ("frame-ancestors 'none'",) if inside else ()  # counts in a header alone
    return "; ".join(
        (
            "default-src 'none'", f"script-src {script}", f"style-src {style}", f"img-src {image}",
            f"connect-src {here}", f"worker-src {here}", f"manifest-src {here}", "base-uri 'none'",
            "form-action 'none'", *ancestors, "require-trusted-types-for 'script'", "trusted-types ballast-worker",
        )
    )  # fmt: skip


@functools.cache
def part(name: str) -> bytes:
    """One part by its name in ``KINDS``."""
    if name == "words.js":
        return f'"use strict";\nconst WORDS = {json.dumps(WORDS)};\n'.encode()
    return _ELSEWHERE.get(name, ASSETS / name).read_bytes()
