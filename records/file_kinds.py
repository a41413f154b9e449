"""What an uploaded file really is: told from its first bytes, never from its name, and measured before anything
decodes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from data.card_numbers import CardNumberTyped, holds_card_number
from data.errors import BadInput
from data.pictures import jpeg_size, png_size

LARGEST, LARGEST_TEXT = 25 << 20, 4 << 20
MOST_PIXELS = 80_000_000
MOST_TIFF_PAGES = 500
MOST_TIFF_TAGS = 300
"""Of one page: scanners write about 20. Pages may share their bytes, so a small file can claim millions."""


class FileTooLarge(BadInput):
    """{name} has {size} MB; at most {most} MB of this kind can be attached. Split it or save it at a lower
    resolution."""


class FileEmpty(BadInput):
    """{name} is empty. Choose another file."""


class FileNotAccepted(BadInput):
    """{name} is not a PDF, PNG, JPEG, TIFF or plain text file, whatever its name says. Save it as a PDF, then attach
    that."""


class ImageTooLarge(BadInput):
    """{name} is a picture of {width} x {height} points, more than can be shown. Save it at a lower resolution."""


@dataclass(frozen=True)
class Kind:
    """A kind of file that can be kept. ``inline``: browsers show it without running anything in it."""

    media_type: str
    ending: str
    label: str
    inline: bool


PDF = Kind("application/pdf", ".pdf", "PDF", True)
PNG = Kind("image/png", ".png", "Picture", True)
JPEG = Kind("image/jpeg", ".jpg", "Picture", True)
TIFF = Kind("image/tiff", ".tif", "Picture", False)
TEXT = Kind("text/plain", ".txt", "Text", True)
KINDS = {kind.media_type: kind for kind in (PDF, PNG, JPEG, TIFF, TEXT)}


def examine(name: str, content: bytes) -> Kind:
    """The kind of a file. Raises FileEmpty, FileTooLarge, FileNotAccepted, ImageTooLarge, CardNumberTyped."""
    if not content:
        raise FileEmpty(name=name)
    if len(content) > LARGEST:
        raise _too_large(name, content, LARGEST)
    try:
        if content.startswith(b"%PDF-"):
            return PDF
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return _measured(PNG, name, [png_size(content)])
        if content.startswith(b"\xff\xd8\xff"):
            return _measured(JPEG, name, [jpeg_size(content)])
        if content.startswith((b"II*\0", b"MM\0*")):
            return _measured(TIFF, name, _tiff_sizes(content))
    except (struct.error, IndexError, ValueError):
        raise FileNotAccepted(name=name) from None
    return _text(name, content)


def _text(name: str, content: bytes) -> Kind:
    if not _is_text(content):
        raise FileNotAccepted(name=name)
    if len(content) > LARGEST_TEXT:  # every line of it is looked through
        raise _too_large(name, content, LARGEST_TEXT)
    if holds_card_number(content.decode()):
        raise CardNumberTyped(field=name)
    return TEXT


def _too_large(name: str, content: bytes, most: int) -> FileTooLarge:
    return FileTooLarge(name=name, size=round(len(content) / (1 << 20)), most=most >> 20)


def _measured(kind: Kind, name: str, sizes: list[tuple[int, int]]) -> Kind:
    for width, height in sizes:
        if width < 1 or height < 1:
            raise ValueError
        if width * height > MOST_PIXELS:
            raise ImageTooLarge(name=name, width=width, height=height)
    if not sizes:
        raise ValueError
    return kind


def _tiff_sizes(content: bytes) -> list[tuple[int, int]]:
    """The size of every page; a loop of pages or too many of them is no file we keep."""
    order = "<" if content[:2] == b"II" else ">"
    (place,) = struct.unpack(order + "I", content[4:8])
    sizes: list[tuple[int, int]] = []
    visited: set[int] = set()
    while place:
        if place in visited or len(sizes) >= MOST_TIFF_PAGES:
            raise ValueError
        visited.add(place)
        (count,) = struct.unpack(order + "H", content[place : place + 2])
        if count > MOST_TIFF_TAGS:
            raise ValueError
        found = {}
        for number in range(count):
            entry = content[place + 2 + number * 12 : place + 14 + number * 12]
            tag, kind = struct.unpack(order + "HH", entry[:4])
            if tag in (256, 257):
                (found[tag],) = (
                    struct.unpack(order + "H", entry[8:10]) if kind == 3 else struct.unpack(order + "I", entry[8:12])
                )
        sizes.append((found.get(256, 0), found.get(257, 0)))
        end = place + 2 + count * 12
        (place,) = struct.unpack(order + "I", content[end : end + 4])
    return sizes


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return all(char in "\t\n\r\f" or ord(char) >= 32 for char in text)
