"""How large a picture is, told from its head before anything decodes it.

Broken content raises ValueError, IndexError or struct.error.
"""

from __future__ import annotations

import struct

MOST_JPEG_SEGMENTS = 20_000


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height in the head of a PNG."""
    if content[12:16] != b"IHDR":
        raise ValueError
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def jpeg_size(content: bytes) -> tuple[int, int]:
    """The size in the first start-of-frame segment."""
    place = 2
    for _ in range(MOST_JPEG_SEGMENTS):
        if content[place] != 0xFF:
            raise ValueError
        while content[place] == 0xFF:
            place += 1
        marker = content[place]
        place += 1
        if marker in (0x01, *range(0xD0, 0xD8)):
            continue
        (length,) = struct.unpack(">H", content[place : place + 2])
        if marker in (0xD9, 0xDA) or length < 2:
            raise ValueError
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[place + 3 : place + 7])
            return width, height
        place += length
    raise ValueError
